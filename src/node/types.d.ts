/* Generated from src/node: change it there. */

export interface HttpRequestOptions extends HttpTransferOptions {}

export interface HttpDownloadOptions extends HttpTransferOptions {}

export interface DownloadWithLockOptions extends HttpDownloadOptions {}

export interface HttpClientRequestOptions extends HttpRequestOptions {}

/** An entry of `warmCache`: a download, and options of its own, which come before those of the call. */
export interface WarmCacheEntry extends DownloadWithLockOptions {
  url: string | URL
  destPath: string
}

/** Options of `warmCache`, in addition to those of `downloadWithLock`, which apply to each entry. */
export interface WarmCacheOptions extends Omit<DownloadWithLockOptions, 'onProgress' | 'signal'> {
  /**
   * Downloads at once.
   *
   * @default 4
   */
  concurrency?: number | undefined
  /**
   * Called as each entry ends, in the order in which they end, with its result and its index. If it
   * throws, everything ends and the call rejects with the same error.
   *
   * @default none
   */
  onEntry?: ((result: WarmCacheResult, index: number) => void) | undefined
  /**
   * Called with the bytes of all entries together, as far as their totals are known: the total grows
   * while entries start. At most one call in about 50 ms, and a last one with
   * `downloaded === total`. If it throws, everything ends and the call rejects with the same error.
   *
   * @default none
   */
  onProgress?: ((downloaded: number, total: number) => void) | undefined
  /**
   * Limit of the bytes received per second, for all entries together. `0` or `Infinity`: no limit.
   *
   * @default none
   */
  maxBytesPerSecond?: number | undefined
  /**
   * Aborts what runs. The entries that have not ended get the status `'failed'` with an
   * `AbortError`, and the call resolves.
   *
   * @default none
   */
  signal?: AbortSignal | undefined
}

/** The end of an entry of `warmCache`. */
export interface WarmCacheResult {
  /** The URL as given, as text. */
  url: string
  /** The destination as given. */
  destPath: string
  /** `'cached'`: the file was there, or another process has downloaded it. */
  status: 'cached' | 'downloaded' | 'failed'
  /** Bytes of the file, unless it has failed. */
  size?: number
  /** The error of `downloadWithLock`, if it has failed. */
  error?: Error & { code?: string }
}

/**
 * Downloads many files under their locks, a few at a time: those that are there cost nothing, and
 * the failure of one does not stop the others. For images that are built and caches that are filled
 * before a job starts.
 *
 * @returns the results, in the order of the entries. Look at `status`: entries that fail do not
 * reject the call.
 * @throws `TypeError` for a wrong entry, which names its index, or a wrong option, before anything
 * starts.
 * @example
 * ```js
 * import { warmCache } from '@socketsecurity/registry/lib/download-lock'
 *
 * const entries = ['tool.tgz', 'data.tgz'].map((name) => ({
 *   url: `https://api.example.com/${name}`,
 *   destPath: `cache/${name}`,
 * }))
 * const results = await warmCache(entries, { retries: 3 })
 * const failed = results.filter(({ status }) => status === 'failed')
 * for (const { url, error } of failed) console.error(url, error?.message)
 * ```
 */
export declare function warmCache(
  entries: Iterable<WarmCacheEntry>,
  options?: WarmCacheOptions | null | undefined,
): Promise<WarmCacheResult[]>

/**
 * Runs a callback with a new directory inside the cache, on the same file system. The directory is
 * removed afterwards.
 *
 * @returns the result of the callback.
 * @example
 * ```js
 * import { writeFile } from 'node:fs/promises'
 * import { join } from 'node:path'
 * import { withTmp } from '@socketsecurity/registry/lib/cacache'
 *
 * await withTmp(async (directory) => {
 *   await writeFile(join(directory, 'file'), 'text')
 * })
 * ```
 */
export declare function withTmp<T>(callback: (directory: string) => T | Promise<T>): Promise<T>

/**
 * Listeners of `httpRequest`, called once for each attempt and each redirect. Errors that they throw
 * are ignored.
 */
export interface HttpHooks {
  /**
   * Called before a request is sent. `timeout` is the time limit of the attempt, in ms; 0 is none.
   */
  onRequest?:
    | ((request: {
        method: string
        url: string
        headers: import('node:http').IncomingHttpHeaders
        timeout: number
      }) => unknown)
    | undefined
  /**
   * Called when the head of a response has been received, or the attempt has failed before.
   * `duration` is in ms.
   */
  onResponse?:
    | ((response: {
        method: string
        url: string
        duration: number
        status?: number
        statusText?: string
        headers?: import('node:http').IncomingHttpHeaders
        error?: Error
      }) => unknown)
    | undefined
}

/**
 * The error of a response whose status is outside 200 to 299: see `throwOnError`, `httpJson` and
 * `httpText`.
 *
 * @example
 * ```js
 * import { HttpResponseError, httpRequest } from '@socketsecurity/registry/lib/http-request'
 *
 * const response = await httpRequest('https://api.example.com/items')
 * if (!response.ok) throw new HttpResponseError(response, 'The items are not available')
 * ```
 */
export declare class HttpResponseError extends Error {
  /** @param message default: `HTTP 404: Not Found` */
  constructor(response: HttpResponse, message?: string)
  name: 'HttpResponseError'
  code: 'ERR_HTTP_STATUS'
  status: number
  response: HttpResponse
}

/**
 * Appends what this process has counted since its last line to the file of `SOCKET_METRICS_FILE`:
 * one line of JSON, shorter than 4 KiB. Called at exit if the variable was set at the first call.
 * Never throws: `NODE_DEBUG=socket-registry` shows why a file cannot be written.
 *
 * @returns whether a line was written. `false` if nothing has happened, or without the variable.
 *
 * @example
 * ```js
 * import { flushMetrics } from '@socketsecurity/registry/lib/metrics'
 *
 * setInterval(flushMetrics, 60_000).unref()
 * ```
 */
export declare function flushMetrics(): boolean
