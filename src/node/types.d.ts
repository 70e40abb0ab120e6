/* Generated from src/node: change it there. */

export interface HttpRequestOptions extends HttpTransferOptions {}

/** One value of a header field. `undefined` is not sent. */
export type HttpHeaderValue = string | number | boolean | undefined

/** Header fields of a request. A `Headers` is an iterable of names and values. */
export type HttpRequestHeaders =
  | Record<string, HttpHeaderValue | readonly HttpHeaderValue[]>
  | Iterable<readonly [string, HttpHeaderValue | readonly HttpHeaderValue[]]>

/**
 * A request body. All but the last three are whole: they can be sent again by `retries`, and their
 * `Content-Length` is known. The last three are streams.
 */
export type HttpRequestBody =
  | string
  | ArrayBufferView
  | ArrayBufferLike
  | URLSearchParams
  | Blob
  | FormData
  | import('node:stream').Readable
  | import('node:stream/web').ReadableStream
  | AsyncIterable<string | ArrayBufferView | ArrayBufferLike>

export interface HttpDownloadOptions extends HttpTransferOptions {}

export interface DownloadWithLockOptions extends HttpDownloadOptions {}

export interface HttpClientRequestOptions extends HttpRequestOptions {}

/**
 * An entry of `warmCache`: a download, and options of its own, which come before those of the call.
 */
export interface WarmCacheEntry extends DownloadWithLockOptions {
  url: string | URL
  destPath: string
}

/**
 * Options of `warmCache`, in addition to those of `downloadWithLock`, which apply to each entry.
 */
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
   * Called with the bytes of all entries together, as far as their totals are known: the total
   * grows while entries start. At most one call in about 50 ms, and a last one with `downloaded ===
   * total`. If it throws, everything ends and the call rejects with the same error.
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

/** A request that is about to be sent. `url` has no password; `headers` may hold credentials. */
export interface HttpHookRequestInfo {
  method: string
  url: string
  headers: import('node:http').IncomingHttpHeaders
  /** The time limit of the attempt, in ms; 0 is none. */
  timeout: number
}

/** A request whose response head has been received, or that has failed before. */
export interface HttpHookResponseInfo {
  method: string
  url: string
  /** The time since `onRequest`, in ms. */
  duration: number
  status?: number
  statusText?: string
  headers?: import('node:http').IncomingHttpHeaders
  /** The error of a request without a response, that of its body's stream and an abort included. */
  error?: Error
}

/**
 * Listeners of `httpRequest`, called once for each attempt and each redirect, and never after the
 * promise has settled. Errors that they throw are ignored.
 */
export interface HttpHooks {
  /** Called before a request is sent. */
  onRequest?: ((request: HttpHookRequestInfo) => unknown) | undefined
  /** Called when the head of a response has been received, or the attempt has failed before. */
  onResponse?: ((response: HttpHookResponseInfo) => unknown) | undefined
}

/** A request that a server of `node:http` receives. */
export type IncomingRequest = import('node:http').IncomingMessage

/** A response that a client of `node:http` receives: see `readIncomingResponse`. */
export type IncomingResponse = import('node:http').IncomingMessage

/** The digests of a checksum file: file names, and `sha256-<base64>`. */
export type ChecksumFile = Record<string, string>

/** Options of `fetchChecksumFile`. */
export type FetchChecksumFileOptions = Omit<
  HttpRequestOptions,
  'body' | 'method' | 'stream' | 'throwOnError'
>

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

/** Options of `doctor`. */
export interface DoctorOptions {
  /**
   * Time limit of each part in ms. A request to the URL has it twice: for its addresses, and for
   * the request.
   *
   * @default 10000
   */
  timeout?: number | undefined
  /**
   * The directory of the cache.
   *
   * @default `SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`
   */
  cacheDir?: string | undefined
  /**
   * The directory of lock files.
   *
   * @default that of the cache
   */
  locksDir?: string | undefined
}

/** A part of a report. */
export interface DoctorPart {
  /** Whether nothing is wrong with it. */
  ok: boolean
  /** The code of what is wrong. */
  code?: string
  /** What is wrong, or could not be found out. */
  message?: string
}

/** The proxy of a URL. */
export interface DoctorProxy extends DoctorPart {
  /** The proxy, without user and password. `null`: none. */
  proxy: string | null
  /** The setting that decides, in words. */
  reason: string
  /** The environment variable that decides. */
  variable?: string
  /** The entry of `NO_PROXY` that decides. */
  entry?: string
}

/**
 * The report of `doctor`: plain data, fit for JSON. `String(report)` is a text for people. Parts
 * that could not be found out have `ok: false`, a `message`, and nothing else.
 */
export interface DoctorReport {
  platform: DoctorPart & {
    platform?: string
    arch?: string
    release?: string
    libc?: 'glibc' | 'musl'
    libcVersion?: string
  }
  addon: DoctorPart & {
    /** The file that was loaded. */
    path?: string
    /** The version of the addon. */
    version?: string
    /** The version of this package. */
    packageVersion?: string
    /** Files and packages that were tried before, and why they were not loaded. */
    tried?: string[]
  }
  node: DoctorPart & { version?: string; runtime?: string; napi?: string; path?: string }
  proxy: DoctorPart & {
    /** The proxy of URLs of each scheme, unless `NO_PROXY` has their host. */
    http?: DoctorProxy
    https?: DoctorProxy
    /** The proxy of the requested URL. */
    url?: DoctorProxy
    /** The variables that are set, without passwords. */
    variables?: Record<string, string>
  }
  trust: DoctorPart & {
    /** Whether certificates of servers are verified. */
    verify?: boolean
    /** The number of trusted certificates. One in several sources counts several times. */
    certificates?: number
    sources?: {
      source: 'bundled' | 'system' | 'file'
      /** The variable that names the file. */
      variable?: string
      path?: string
      certificates: number
    }[]
    /** What cannot be read or used, and why. */
    unreadable?: string[]
  }
  lock: DoctorPart & {
    directory?: string
    /** The directory that was tried: the nearest one that exists. */
    probed?: string
    fileSystem?: string
    /** Whether the file system has file locks that can be relied on. */
    kernelLocks?: boolean
    hardLinks?: boolean
  }
  cache: DoctorPart & {
    directory?: string
    exists?: boolean
    writable?: boolean
    fileSystem?: string
  }
  /** Only with a URL. */
  url?: DoctorPart & {
    /** The URL, without secrets. */
    url?: string
    proxy?: DoctorProxy
    /** The name that was looked up: that of the server or of its proxy. */
    host?: string
    /** Each address of that name, and whether it accepts a connection; `connect` is in ms. */
    addresses?: { ok: boolean; address: string; connect?: number; code?: string }[]
    tls?: {
      version?: string
      trusted: boolean
      subject: string
      issuer: string
      /** ISO 8601. */
      validFrom?: string
      validUntil?: string
    }
    protocol?: string
    status?: number
    statusText?: string
    /** The target of a redirect. It is not followed. */
    location?: string
    /** In ms. */
    timings?: { dns?: number; connect?: number; firstByte: number; total: number }
    /** `skew`: seconds that the clock of this machine is behind that of the server. */
    clock?: { ok: boolean; skew: number }
  }
}

/**
 * Reports the addon, proxies, certificates, locks and cache that requests use on this machine, and
 * what is wrong with them. With a URL, sends one GET to it, and reports names, addresses, TLS,
 * status, timings and clocks. The body is not read, redirects are not followed.
 *
 * Also works where the addon cannot be loaded, and says why. Never rejects. No password, token or
 * key is in the report.
 *
 * @example
 * ```js
 * import { doctor } from '@socketsecurity/registry/lib/doctor'
 *
 * const report = await doctor('https://api.example.com/items')
 * if (!report.url?.ok) console.error(String(report))
 * ```
 */
export declare function doctor(
  url?: string | URL | undefined,
  options?: DoctorOptions | null | undefined,
): Promise<DoctorReport>
