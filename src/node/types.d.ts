/* Generated from src/node: change it there. */

export interface HttpRequestOptions extends HttpTransferOptions {}

export interface HttpDownloadOptions extends HttpTransferOptions {}

export interface DownloadWithLockOptions extends HttpDownloadOptions {}

export interface HttpClientRequestOptions extends HttpRequestOptions {}

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
