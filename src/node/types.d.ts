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
