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

/**
 * The calls to one API: base URL, credentials, retries and a cache, set once.
 *
 * A request is retried after transient failures. One that is not idempotent (POST, PATCH) is
 * retried only if the server cannot have processed it, if it responds with 429 or 503, or if the
 * call sets `idempotent: true` or an `Idempotency-Key`.
 *
 * The cache holds responses to GET as far as their servers allow (RFC 9111), one for each URL,
 * credential, proxy and set of trusted certificates. Concurrent identical GETs share one request,
 * even if its response is not cached.
 *
 * @example
 * ```js
 * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
 *
 * const client = new HttpClient({
 *   baseUrl: 'https://api.example.com/v0',
 *   headers: { authorization: 'Bearer token' },
 *   cache: true,
 * })
 * const quota = await client.getJson('/quota')
 * ```
 */
export declare class HttpClient {
  /** @throws `TypeError` for a wrong option. */
  constructor(options?: HttpClientOptions | null | undefined)
  /**
   * Sends a request and resolves with the response, whatever its status.
   *
   * @throws as `httpRequest`.
   * @example
   * ```js
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
   * const response = await client.request('/items/1', { method: 'DELETE' })
   * console.log(response.status)
   * ```
   */
  request(pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined): Promise<HttpResponse>
  /**
   * Fetches a path and parses the response as JSON.
   *
   * @throws as `httpGetJson`.
   * @example
   * ```js
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
   * const items = await client.getJson('/items', { cacheTtl: 60_000 })
   * ```
   */
  getJson<T = unknown>(pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined): Promise<T>
  /**
   * Fetches a path and resolves with the response as text (UTF-8).
   *
   * @throws as `httpGetText`.
   * @example
   * ```js
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
   * const text = await client.getText('/status')
   * ```
   */
  getText(pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined): Promise<string>
  /**
   * Sends a value as JSON, and parses the response as JSON. `undefined` sends no body. A
   * response without a body resolves with `undefined`.
   *
   * @throws as `httpGetJson`; any error of `JSON.stringify`.
   * @example
   * ```js
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
   * const item = await client.sendJson('POST', '/items', { name: 'left-pad' })
   * ```
   */
  sendJson<T = unknown>(method: string, pathOrUrl: string | URL, value?: unknown, options?: HttpClientRequestOptions | null | undefined): Promise<T>
  /**
   * Downloads to a file, as `httpDownload`.
   *
   * @throws as `httpDownload`.
   * @example
   * ```js
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
   * await client.download('/tool.tgz', 'tool.tgz', { digests: true })
   * ```
   */
  download(pathOrUrl: string | URL, destPath: string | URL, options?: HttpDownloadOptions | null | undefined): Promise<HttpDownloadResult>
  /**
   * Downloads to a file once, however many processes call this at the same time, as
   * `downloadWithLock`.
   *
   * @throws as `downloadWithLock`.
   * @example
   * ```js
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
   * const { path } = await client.downloadWithLock('/tool', 'bin/tool', { mode: 0o755 })
   * ```
   */
  downloadWithLock(pathOrUrl: string | URL, destPath: string | URL, options?: DownloadWithLockOptions | null | undefined): Promise<HttpDownloadResult>
  /**
   * Removes responses from the cache: all, or those whose URL begins with `prefix`, a path below
   * `baseUrl` or a URL. `*` in it matches anything, and a query in it matches all queries. The
   * cache on disk is cleared for all processes.
   *
   * @returns their number.
   * @example
   * ```js
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const client = new HttpClient({ baseUrl: 'https://api.example.com/v0', cache: 'memory' })
   * await client.getJson('/items')
   * const removed = await client.clearCache('/items')
   * ```
   */
  clearCache(prefix?: string | null | undefined): Promise<number>
  /**
   * Waits for the end of everything that this client is still writing to the cache on disk, or
   * removing from it: responses of calls that were aborted, and evictions. Afterwards the
   * directory can be removed.
   *
   * @returns a promise that does not reject: a response that cannot be written is not cached.
   * @example
   * ```js
   * import { rm } from 'node:fs/promises'
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const cacheDir = 'build/cache'
   * const client = new HttpClient({ cache: 'disk', cacheDir })
   * await client.getJson('https://api.example.com/items')
   * await client.flush()
   * await rm(cacheDir, { recursive: true })
   * ```
   */
  flush(): Promise<void>
  /**
   * Counts the calls since the client was created.
   *
   * @example
   * ```js
   * import { HttpClient } from '@socketsecurity/registry/lib/http-client'
   *
   * const client = new HttpClient({ baseUrl: 'https://api.example.com/v0' })
   * const { requests, memoryHits } = client.metrics()
   * ```
   */
  metrics(): HttpClientMetrics
}

/**
 * Creates the value of `Authorization` for a token: `Basic`, and the base64 of the token (UTF-8)
 * and a colon.
 *
 * @throws `TypeError` if `token` is not a string.
 * @example
 * ```js
 * import { httpGetJson } from '@socketsecurity/registry/lib/http-request'
 * import { basicAuthHeader } from '@socketsecurity/registry/lib/http-request/headers'
 *
 * const headers = { authorization: basicAuthHeader('token') }
 * const quota = await httpGetJson('https://api.example.com/v0/quota', { headers })
 * ```
 */
export declare function basicAuthHeader(token: string): string

/**
 * Builds a `User-Agent`: `name/1.0.0 node/v22.0.0 linux/x64`, followed by the caller's.
 * `@scope/name` becomes `scope-name`. Sanitized as by `sanitizeUserAgent`, and no product is named
 * twice.
 *
 * @param application for instance the content of a package.json.
 * @throws `TypeError` if `name` or `version` is not a string, or has no character that can be part
 * of a field.
 * @example
 * ```js
 * import { buildUserAgent } from '@socketsecurity/registry/lib/http-request/user-agent'
 *
 * const headers = { 'user-agent': buildUserAgent({ name: '@scope/tool', version: '1.0.0' }) }
 * ```
 */
export declare function buildUserAgent(application: { name: string; version: string }, caller?: string | null | undefined): string

/** Options of `clear`. */
export interface CacacheClearOptions {
  /**
   * Beginning of the keys. `*` in it matches anything.
   *
   * @default none: everything
   */
  prefix?: string | undefined
}

/** An entry of the cache. */
export interface CacacheEntry {
  key: string
  data: Buffer
  /** Subresource Integrity of the data, verified. */
  integrity: string
  /** The file of the data. */
  path: string
  /** Size of the data in bytes. */
  size: number
  /** Time of writing, in milliseconds since 1970. */
  time: number
  metadata?: unknown
}

/** Options of `put`. */
export interface CacachePutOptions {
  /**
   * Any value that JSON can represent. Returned with the entry.
   *
   * @default none
   */
  metadata?: unknown
  /**
   * Expected Subresource Integrity of the data. Other data rejects with `ERR_INTEGRITY`.
   *
   * @default none
   */
  integrity?: string | undefined
}

/** Calls of clients with a cache: each counts once. */
export interface CacheMetrics {
  /** Calls with a response from memory. */
  memoryHits: number
  /** Calls with a response from disk. */
  diskHits: number
  /** Calls with a cached response that the server confirmed by a 304. */
  revalidated: number
  /** Calls with an expired response, because the server failed (`staleIfError`). */
  stale: number
  /**
   * Calls for which the cache had nothing to use. Those that shared the request of an equal call
   * count as that one does.
   */
  misses: number
}

/**
 * Joins several `User-Agent` values, the nearest first. Each product, with the `node/…`, platform
 * and comments behind it, is named once. `null` and `undefined` are ignored.
 *
 * @throws `TypeError` if one is not a string.
 * @example
 * ```js
 * import { chainUserAgents } from '@socketsecurity/registry/lib/http-request/user-agent'
 *
 * const agent = chainUserAgents('tool/1.0.0', process.env.SOCKET_CALLER_USER_AGENT)
 * ```
 */
export declare function chainUserAgents(...agents: (string | readonly (string | null | undefined)[] | null | undefined)[]): string

/**
 * Removes all entries, or those whose keys begin with a prefix.
 *
 * @returns their number.
 * @throws `TypeError` for a wrong argument; `Failed to clear the cache: …` with the code of the
 * system.
 * @example
 * ```js
 * import { clear } from '@socketsecurity/registry/lib/cacache'
 *
 * const removed = await clear({ prefix: 'tool:*' })
 * ```
 */
export declare function clear(options?: CacacheClearOptions | null | undefined): Promise<number>

/** Connections to servers and proxies. */
export interface ConnectionMetrics {
  /** Connections that brought a first response. */
  opened: number
  /** Responses that came by a connection which had brought one before. */
  reused: number
  /** Connections opened with TLS to their server. */
  tlsHandshakes: number
  /** Connections opened that speak HTTP/2. */
  http2: number
}

/**
 * Decodes the body of a response, on another thread.
 *
 * @param encoding the `Content-Encoding`: gzip, deflate, br, zstd, or two of them in the order in
 * which they were applied, in one string or an array. If it is unknown or missing, the bytes are
 * returned as they are.
 * @throws `TypeError` for a wrong argument; `ERR_DECODE` if the body is broken;
 * `ERR_BODY_TOO_LARGE` if it is larger than `maxResponseSize`; an `AbortError`.
 * @example
 * ```js
 * import { gzipSync } from 'node:zlib'
 * import { decodeBody } from '@socketsecurity/registry/lib/http-request/response-reader'
 *
 * const body = await decodeBody(gzipSync('text'), 'gzip')
 * console.log(body.toString())
 * ```
 */
export declare function decodeBody(buffer: Uint8Array, encoding?: string | readonly string[] | null | undefined, options?: DecodeOptions | null | undefined): Promise<Buffer>

/** Options of `decodeBody` and `readIncomingResponse`. */
export interface DecodeOptions {
  /**
   * Size limit of the decoded body, in bytes. A larger body rejects with `ERR_BODY_TOO_LARGE`.
   * `0`: no limit.
   *
   * @default 536870912 (512 MiB)
   */
  maxResponseSize?: number | undefined
  /**
   * Aborts the call, while reading and while decoding. The call rejects with an `AbortError`.
   *
   * @default none
   */
  signal?: AbortSignal | undefined
}

/** Calls for files. */
export interface DownloadMetrics {
  /** Calls for a file that have ended: downloads.published, cached, shared and failed together. */
  total: number
  /** Downloads that fetched a file and put it at its destination. */
  published: number
  /**
   * Calls for a file that was there, or that another process published while this one waited for
   * its lock.
   */
  cached: number
  /** Calls that were given the file of another call in this process. */
  shared: number
  /** Published downloads whose last attempt continued a part that was there. */
  resumed: number
  /** Calls for a file that rejected, aborted ones included. */
  failed: number
  /** Bytes of published files that were fetched for them by their last attempt. */
  bytes: number
  /**
   * Bytes that were not fetched because they were there: of cached and shared files, and of the
   * parts that were resumed.
   */
  bytesSaved: number
  /** Sources that downloads turned to: the URL, and mirrors where there are any. */
  sources: number
  /** Time from the start of a call for a file to its end. */
  duration: DurationMetrics
}

/**
 * Downloads a URL to a file once, however many processes call this at the same time: one
 * downloads, the others wait and return the same file. A destination that exists and is not empty
 * is returned at once, unless it differs from `sha256` or `integrity`, or was published a moment
 * ago and may be about to be moved (`settleDelay`).
 *
 * Callers in one process share one download. See `docs/locking.md`.
 *
 * @throws as `httpDownload`; `Lock acquisition timed out after 60000ms (held by PID 123)` with
 * `code: 'ERR_LOCK_TIMEOUT'`, `lockPath` and `holder`.
 * @example
 * ```js
 * import { downloadWithLock } from '@socketsecurity/registry/lib/download-lock'
 *
 * const { path } = await downloadWithLock('https://api.example.com/tool', 'bin/tool', {
 *   lockTimeout: 120_000,
 *   mode: 0o755,
 * })
 * ```
 */
export declare function downloadWithLock(url: string | URL, destPath: string | URL, options?: DownloadWithLockOptions | null | undefined): Promise<HttpDownloadResult>

/**
 * Options of `downloadWithLock`, in addition to those of `httpDownload`. Durations are
 * milliseconds.
 */
export interface DownloadWithLockOptions {
  /**
   * Longest wait, in ms, while another process holds the lock, whether that process makes
   * progress or not. Rejects with `ERR_LOCK_TIMEOUT`. The time of the caller's own download does
   * not count. `0`: no wait. `Infinity`: no limit.
   *
   * @default none while the holder receives bytes, 60000 since the last
   */
  lockTimeout?: number | undefined
  /**
   * Time, in ms, after which a lock is broken whose holder has not renewed its lock file.
   *
   * @default 300000
   */
  staleTimeout?: number | undefined
  /**
   * Interval, in ms, between two looks at a lock that does not wake its waiters, as that of an
   * older JavaScript holder. 25 ms at most where the system cannot wake waiters.
   *
   * @default 1000
   */
  pollInterval?: number | undefined
  /**
   * Directory of lock files. Created if missing.
   *
   * @default `.locks` beside the destination
   */
  locksDir?: string | undefined
  /**
   * Time, in ms, for which a file that another process published must stay in place, unchanged,
   * before it is returned. `0`: returned at once.
   *
   * @default the smaller of 250 and a quarter of `pollInterval`
   */
  settleDelay?: number | undefined
  /**
   * Called once, when the wait for another process begins and its lock file can be read. If it
   * throws, the call rejects with the same error.
   *
   * @default none
   */
  onWait?: ((holder: LockHolder) => void) | undefined
}

/**
 * Durations, in milliseconds. The sum is exact; the others have an error of 3.2 % at most, and are
 * 0 where nothing was recorded.
 */
export interface DurationMetrics {
  count: number
  sum: number
  min: number
  max: number
  /** Half of them took no longer. */
  p50: number
  /** Nine of ten took no longer. */
  p90: number
  /** All but one of a hundred took no longer. */
  p99: number
}

/**
 * Describes a failed request to a person: `GET request failed: <url>`, a line that explains
 * `error.code`, or the code of its `cause`, and a line that says what helps. Passwords and tokens
 * in the URL are removed.
 *
 * @throws `TypeError` for a wrong `url` or `method`. `error` may be any value.
 * @example
 * ```js
 * import { httpGetText } from '@socketsecurity/registry/lib/http-request'
 * import { enrichErrorMessage } from '@socketsecurity/registry/lib/http-request/errors'
 *
 * const url = 'https://api.example.com/status'
 * try {
 *   console.log(await httpGetText(url))
 * } catch (error) {
 *   console.error(enrichErrorMessage(url, 'GET', error))
 * }
 * ```
 */
export declare function enrichErrorMessage(url: string | URL, method: string | undefined, error: unknown): string

/** Failed calls of one kind. See `getErrors`. */
export interface ErrorMetrics {
  /** `'request'`, `'download'` or `'lock'`; `'other'` for all kinds beyond the 199th. */
  operation: string
  /** The `code` of the error; `ERR_HTTP_STATUS` for a response with a status of 400 or above. */
  code: string
  /** The host of the first request, with its port where that is not the usual one. */
  host: string
  /** The status, where a response came. */
  status?: number
  /** The number of failed calls. */
  count: number
  /** When the first one failed, in milliseconds since 1970. */
  firstTime: number
  /** When the last one failed. */
  lastTime: number
  /** The message of the last one, without secrets. */
  message: string
}

/**
 * Fetches a checksum file and parses it: see `parseChecksumFile`. Always a GET request. Takes the
 * other options of `httpRequest`.
 *
 * @throws as `httpRequest`; `Failed to fetch checksums from <url>: 404 Not Found` with
 * `code: 'ERR_HTTP_STATUS'` and `status` for any status outside 200 to 299.
 * @example
 * ```js
 * import { httpDownload } from '@socketsecurity/registry/lib/http-request'
 * import { fetchChecksumFile } from '@socketsecurity/registry/lib/http-request/checksum-file'
 *
 * const release = 'https://api.example.com/releases/1.0.0'
 * const digests = await fetchChecksumFile(`${release}/SHA256SUMS`)
 * await httpDownload(`${release}/tool.tgz`, 'tool.tgz', { integrity: digests['tool.tgz'] })
 * ```
 */
export declare function fetchChecksumFile(url: string | URL, options?: FetchChecksumFileOptions | null | undefined): Promise<ChecksumFile>

/**
 * Reads an entry and verifies it.
 *
 * The cache is in `SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`, in the format of npm's cacache.
 *
 * @throws `TypeError` for a key with `*`; `No cache entry for …` with `code: 'ENOENT'`;
 * `ERR_INTEGRITY` if the data differs from the data written; `EACCES` if the cache, or that part
 * of it, belongs to another user.
 * @example
 * ```js
 * import { get, put } from '@socketsecurity/registry/lib/cacache'
 *
 * await put('tool:1.0.0', 'some text')
 * const { data, integrity } = await get('tool:1.0.0')
 * console.log(data.toString(), integrity)
 * ```
 */
export declare function get(key: string): Promise<CacacheEntry>

/**
 * The failed calls since this process first used the package, or since `resetMetrics()`, grouped
 * by operation, code, host and status, the most frequent first. At most 199 kinds are listed
 * separately; all others are one, `other`. Messages have no secrets.
 *
 * @example
 * ```js
 * import { getErrors } from '@socketsecurity/registry/lib/metrics'
 *
 * for (const { code, host, count, message } of getErrors()) {
 *   console.error(`${count} times ${code} from ${host}: ${message}`)
 * }
 * ```
 */
export declare function getErrors(): ErrorMetrics[]

/**
 * Returns the numbers of this process since it first used this package, or since `resetMetrics()`:
 * of all threads and Workers together. A call counts when it ends.
 *
 * @returns a plain object, fit for JSON. Durations are milliseconds, sizes bytes.
 *
 * @example
 * ```js
 * import { getMetrics } from '@socketsecurity/registry/lib/metrics'
 *
 * const { requests, downloads } = getMetrics()
 * console.log(`${requests.succeeded} of ${requests.total} requests succeeded`)
 * console.log(`${requests.retries} retries, ${downloads.bytesSaved} bytes not fetched again`)
 * ```
 */
export declare function getMetrics(): Metrics

/**
 * Returns the `User-Agent` that requests have by default: this package, Node.js and the platform,
 * followed by the program that started this one, by `SOCKET_CALLER_USER_AGENT` of `process.env` at
 * the time of the call.
 *
 * @example
 * ```js
 * import { getSocketCallerUserAgent } from '@socketsecurity/registry/lib/http-request/user-agent'
 *
 * const headers = { 'user-agent': getSocketCallerUserAgent() }
 * ```
 */
export declare function getSocketCallerUserAgent(): string

/** Calls whose first request went to one host. */
export interface HostMetrics {
  /** Calls that have ended. */
  requests: number
  /** Failed ones among them. */
  failed: number
  /** Time from the start of such a call to its end. */
  duration: DurationMetrics
}

/** Counts since an `HttpClient` was created. Downloads are not counted. */
export interface HttpClientMetrics {
  /** Calls that have ended. */
  requests: number
  /** Calls without a response. */
  failures: number
  /** Attempts, failed ones included. */
  attempts: number
  /** Calls served from memory. */
  memoryHits: number
  /** Calls served from disk. */
  diskHits: number
  /** Calls served from the cache after a 304 of the server. */
  revalidated: number
  /** Calls served from the cache in an outage. */
  stale: number
  /** Calls served with the response to an identical call. */
  shared: number
  /** Entries in memory at present. */
  memoryEntries: number
  /** Bytes of the entries in memory. */
  memoryBytes: number
}

/** Options of `HttpClient`. Durations are milliseconds, sizes bytes. */
export interface HttpClientOptions {
  /**
   * URL to which paths are appended, without a query. With `https://api.example.com/v0`,
   * `/items` is `https://api.example.com/v0/items`.
   *
   * @default none: calls name whole URLs
   */
  baseUrl?: string | URL | undefined
  /**
   * Header fields of every call. Credentials among them are sent to the origin of `baseUrl`
   * only.
   *
   * @default {}
   */
  headers?: HttpRequestHeaders | undefined
  /**
   * Time limit of one attempt, in ms, redirects and body included. `0` or `Infinity`: no limit.
   *
   * @default 30000; 120000 for downloads
   */
  timeout?: number | undefined
  /**
   * Attempts after the first. Only transient failures are retried.
   *
   * @default 3
   */
  retries?: number | undefined
  /**
   * Delay before the first retry, in ms. Doubles with each retry, and up to 10 % is added at
   * random.
   *
   * @default 1000
   */
  retryDelay?: number | undefined
  /**
   * Longest delay between two attempts, in ms, even if `Retry-After` asks for more.
   *
   * @default 30000
   */
  retryDelayMax?: number | undefined
  /**
   * Where responses to GET are cached: in memory, on disk for all processes, or (`true`) in
   * both.
   *
   * @default false
   */
  cache?: boolean | 'memory' | 'disk' | undefined
  /**
   * Time, in ms, for which a response is used without revalidation, as far as the server allows.
   * An object names it by path prefix: the longest prefix of the path counts, and `default` is
   * for all others. `0`: always revalidated.
   *
   * @default 300000
   */
  cacheTtl?: number | { default?: number | undefined; [pathPrefix: string]: number | undefined } | undefined
  /**
   * Directory of the cache on disk, in the format of npm's cacache.
   *
   * @default `SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`
   */
  cacheDir?: string | undefined
  /**
   * Size limit of the responses in memory, in bytes. The least recently used are evicted. `0`:
   * no limit.
   *
   * @default 67108864 (64 MiB)
   */
  cacheMemoryMax?: number | undefined
  /**
   * Size limit of the responses on disk, in bytes. The oldest are evicted. Other entries of the
   * directory do not count. `0`: no limit.
   *
   * @default 536870912 (512 MiB)
   */
  cacheDiskMax?: number | undefined
  /**
   * Time, in ms, for which a response stays on disk without being fetched again or revalidated.
   *
   * @default 2592000000 (30 days)
   */
  cacheAgeMax?: number | undefined
  /**
   * Time, in ms, for which an expired response is still used if the server cannot be reached, or
   * responds with 500, 502, 503 or 504.
   *
   * @default 0
   */
  staleIfError?: number | undefined
  /**
   * Size limit of the decoded body, in bytes. A larger body rejects with `ERR_BODY_TOO_LARGE`,
   * and its connection is closed at once. `0`: no limit. Without effect on `stream` and on
   * downloads.
   *
   * @default none; 536870912 (512 MiB) for text and JSON
   */
  maxResponseSize?: number | undefined
  /**
   * Certificates in PEM. They are trusted in addition to the bundled roots, those of the system,
   * and those of `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE` and `SSL_CERT_DIR`.
   *
   * @default none
   */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /**
   * URL of a proxy (`http`, `https`, `socks4`, `socks4a`, `socks5`, `socks5h`), with user and
   * password if it asks for them. `false`: no proxy.
   *
   * @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper
   * case
   */
  proxy?: string | URL | false | undefined
  /**
   * The transport of the requests. `'native'`: the connection pool of this package. `'node'`:
   * `node:http` and `node:https` of this process, so that nock, MSW, agents and instrumentation
   * of `http` see the requests. It speaks HTTP/1.1 only, and cannot be combined with `proxy`.
   *
   * @default `SOCKET_HTTP_TRANSPORT`, or `'node'` while nock or MSW intercepts `node:http`, or
   * `'native'`
   */
  transport?: 'native' | 'node' | undefined
  /**
   * Functions that are notified of each attempt and each redirect. Errors that they throw are
   * ignored. Not for downloads.
   *
   * @default none
   */
  hooks?: HttpHooks | undefined
}

/**
 * Options of one call of an `HttpClient`, in addition to those of `httpRequest`. They override
 * those of the client. Durations are milliseconds.
 */
export interface HttpClientRequestOptions {
  /**
   * Whether the server may process the request twice. `true`: it is retried after every
   * transient failure, whatever its method. `false`: it is retried only if the server cannot
   * have processed it.
   *
   * @default `true` for GET, HEAD, OPTIONS, PUT, DELETE, TRACE, and with an `Idempotency-Key`
   */
  idempotent?: boolean | undefined
  /**
   * `false`: the cache is neither read nor written.
   *
   * @default that of the client
   */
  cache?: boolean | undefined
  /**
   * Time, in ms, for which a cached response is used without revalidation.
   *
   * @default that of the client
   */
  cacheTtl?: number | undefined
  /**
   * Time, in ms, for which an expired response is still used in an outage.
   *
   * @default that of the client
   */
  staleIfError?: number | undefined
}

/**
 * Downloads a URL to a file, which appears only complete: it is written beside the destination and
 * renamed. The directory is created.
 *
 * @throws `Download failed: HTTP 404 Not Found`, `Download timed out after 120000ms`, `Failed to
 * write file: …`, or `HTTP download failed: …` with the `code` of the failure; with `mirrors`,
 * `All 2 sources failed: …` with their `errors`. The destination is then unchanged.
 * @example
 * ```js
 * import { httpDownload } from '@socketsecurity/registry/lib/http-request'
 *
 * const { path, size } = await httpDownload('https://api.example.com/tool.tgz', 'tool.tgz', {
 *   onProgress: (downloaded, total) => console.log(`${Math.floor((100 * downloaded) / total)} %`),
 *   retries: 3,
 * })
 * ```
 */
export declare function httpDownload(url: string | URL, destPath: string | URL, options?: HttpDownloadOptions | null | undefined): Promise<HttpDownloadResult>

/** Options of `httpDownload`, in addition to those of every transfer. */
export interface HttpDownloadOptions {
  /**
   * Called with the bytes received so far and the total, if the server announces the total: at
   * most once per 50 ms, never with fewer bytes than before, and with `downloaded === total`
   * before the promise resolves. If it throws, or returns a promise that rejects during the
   * download, the download stops and rejects with the same error.
   *
   * @default none
   */
  onProgress?: ((downloaded: number, total: number) => unknown) | undefined
  /**
   * Expected SHA-256: 64 hexadecimal digits, in any case. A file that differs rejects with
   * `ERR_INTEGRITY` and is not published.
   *
   * @default none
   */
  sha256?: string | undefined
  /**
   * Expected Subresource Integrity: `sha256-…`, `sha384-…` or `sha512-…`, or several separated
   * by spaces. A file that differs rejects with `ERR_INTEGRITY` and is not published.
   *
   * @default none
   */
  integrity?: string | undefined
  /**
   * Whether `sha256` and `integrity` of the result are computed during the download, even if
   * neither is expected.
   *
   * @default false
   */
  digests?: boolean | undefined
  /**
   * Permission bits, `0o7777` at most, for instance `0o755`. Set before the file appears,
   * regardless of the umask. Without effect on Windows.
   *
   * @default `0o666` less the umask; writable by the owner only if a digest is computed
   */
  mode?: number | undefined
  /**
   * Other URLs of the same bytes. They are tried in order after the URL itself: the next one
   * when the retries of one are used up, or at once after a permanent failure, such as a 404, an
   * untrusted certificate, or a digest that differs. With `sha256` or `integrity`, a transfer
   * that one source interrupted is resumed from the next. Credentials in `headers` are sent to
   * the origin of the URL only. If all sources fail, rejects with `ERR_ALL_SOURCES_FAILED`.
   *
   * @default none
   */
  mirrors?: readonly (string | URL)[] | undefined
  /**
   * Whether an interrupted transfer resumes where it stopped, in this call or a later one, if
   * the server proves that the file has not changed.
   *
   * @default true
   */
  resume?: boolean | undefined
  /**
   * Whether the file is flushed to disk before it is renamed, and its directory afterwards,
   * where the system can.
   *
   * @default false
   */
  fsync?: boolean | undefined
  /**
   * Connections at once, from 1 to 16, each of which fetches ranges of the file. Used if the
   * server sends ranges under a strong validator, and the file has at least 1 MiB for each; else
   * there are fewer, or one. A server that refuses further connections with 429 or 503 gets
   * fewer. With several, `status` and `headers` of the result are those of the first range.
   *
   * @default 1
   */
  connections?: number | undefined
  /**
   * Limit of the bytes received per second, averaged over one second, for all connections of the
   * call together. The server is slowed down by backpressure. `0` or `Infinity`: no limit. The
   * limit of the process, `SOCKET_DOWNLOAD_RATE`, applies as well.
   *
   * @default none
   */
  maxBytesPerSecond?: number | undefined
  /**
   * Receives a line such as `Progress: 40% (2.0 MB / 5.0 MB)` every `progressInterval` per cent.
   * Unused if `onProgress` is set.
   *
   * @default none
   */
  logger?: { log(message: string): unknown } | undefined
  /**
   * Per cent between two lines of `logger`, from 1 to 100.
   *
   * @default 10
   */
  progressInterval?: number | undefined
  /**
   * Not supported: files are written natively. Any value but `undefined` is a `TypeError`.
   *
   * @default none
   */
  createWriteStream?: undefined
}

/**
 * A downloaded file, or one that was already there. A plain object: it can be spread, logged and
 * compared.
 */
export interface HttpDownloadResult {
  /** The destination, as given. */
  path: string
  /** Size in bytes. */
  size: number
  /** Always `true`: a failure rejects. */
  ok: boolean
  /** The status of the response; 200 for a file that was already there. */
  status: number
  /** The reason phrase as sent. */
  statusText: string
  /** The header fields of the response; none for a file that was already there. */
  headers: import('node:http').IncomingHttpHeaders
  /** Attempts made; 0 for a file that was already there. */
  attempts: number
  /** Bytes that were there when the last attempt resumed; 0 if it fetched everything. */
  resumedFrom: number
  /**
   * The URL whose bytes the file has, without credentials: that of the call, or of one of its
   * mirrors. `undefined` for a file that was already there.
   */
  source?: string | undefined
  /**
   * Times of the last attempt, computed at the first access. `undefined` for a file that was
   * already there. Not enumerable.
   */
  timings?: ResponseTimings | undefined
  /**
   * SHA-256 of the file, in hexadecimal. Computed at the first access, unless it was computed
   * during the download: see `digests`.
   */
  sha256: string
  /**
   * SHA-512 of the file, as Subresource Integrity. Computed at the first access, unless it was
   * computed during the download: see `digests`.
   */
  integrity: string
}

/**
 * Fetches a URL and parses the response as JSON.
 *
 * @throws as `httpRequest`; `HTTP 404: Not Found` with `code: 'ERR_HTTP_STATUS'`, `status` and
 * `response` for any status outside 200 to 299; `Failed to parse JSON response`, with the
 * `SyntaxError` as `cause`.
 * @example
 * ```js
 * import { httpGetJson } from '@socketsecurity/registry/lib/http-request'
 *
 * const items = await httpGetJson('https://api.example.com/items')
 * ```
 */
export declare function httpGetJson<T = unknown>(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<T>

/**
 * Fetches a URL and resolves with the response as text (UTF-8).
 *
 * @throws as `httpRequest`; `HTTP 404: Not Found` with `code: 'ERR_HTTP_STATUS'`, `status` and
 * `response` for any status outside 200 to 299.
 * @example
 * ```js
 * import { httpGetText } from '@socketsecurity/registry/lib/http-request'
 *
 * const page = await httpGetText('https://api.example.com/status', { timeout: 5000 })
 * ```
 */
export declare function httpGetText(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<string>

/**
 * Sends a request and parses the response as JSON. `Accept` is `application/json`, and so is
 * `Content-Type` if there is a body, unless the caller sets them.
 *
 * @throws as `httpRequest`; `HttpResponseError` for any status outside 200 to 299; `Failed to
 * parse JSON response`, with the `SyntaxError` as `cause`.
 * @example
 * ```js
 * import { httpJson } from '@socketsecurity/registry/lib/http-request'
 *
 * const body = JSON.stringify({ name: 'left-pad' })
 * const item = await httpJson('https://api.example.com/items', { method: 'POST', body })
 * ```
 */
export declare function httpJson<T = unknown>(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<T>

/**
 * Sends a request and resolves with the response, whatever its status.
 *
 * With `retries`, network failures, timeouts and the statuses 408, 425, 429, 500, 502, 503 and 504
 * are retried: 429 and 503 for every method, other statuses for idempotent methods.
 *
 * @throws `TypeError` for a wrong argument; `Error` with a `code` such as `ECONNREFUSED`,
 * `ENOTFOUND`, `ERR_TIMEOUT`, `ERR_TOO_MANY_REDIRECTS`, `ERR_REDIRECT_REFUSED` or `ERR_DECODE` if
 * no complete response is received.
 * @example
 * ```js
 * import { httpRequest } from '@socketsecurity/registry/lib/http-request'
 *
 * const response = await httpRequest('https://api.example.com/items', { retries: 3 })
 * if (response.ok) console.log(response.json())
 * ```
 */
export declare function httpRequest(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<HttpResponse>

/**
 * Options of `httpRequest`, `httpJson`, `httpText`, `httpGetJson` and `httpGetText`, in addition
 * to those of every transfer. Sizes are bytes.
 */
export interface HttpRequestOptions {
  /**
   * HTTP method, in any case. `CONNECT` is refused.
   *
   * @default 'GET'
   */
  method?: string | undefined
  /**
   * Request body. A string is sent as UTF-8, without a `Content-Type`. `URLSearchParams`, `Blob`
   * and `FormData` are sent with the `Content-Type` that `fetch` sends, unless the caller sets
   * one. `Content-Length` is computed.
   *
   * A `Readable`, a web `ReadableStream` or an async iterable is streamed: it cannot be combined
   * with `retries`, and redirects are not followed. Header fields of its `getHeaders()`, as of
   * the package `form-data`, are sent unless the caller sets them.
   *
   * @default none
   */
  body?: HttpRequestBody | null | undefined
  /**
   * Size limit of the decoded body, in bytes. A larger body rejects with `ERR_BODY_TOO_LARGE`,
   * and its connection is closed at once. `0`: no limit. Without effect on `stream`.
   *
   * @default none; 536870912 (512 MiB) for text and JSON
   */
  maxResponseSize?: number | undefined
  /**
   * Functions that are notified of each attempt and each redirect. Errors that they throw are
   * ignored.
   *
   * @default none
   */
  hooks?: HttpHooks | undefined
  /**
   * Whether a status outside 200 to 299 rejects with `HttpResponseError`.
   *
   * @default false
   */
  throwOnError?: boolean | undefined
  /**
   * Whether the promise resolves at the headers, with the body as the stream `rawResponse`. The
   * body is not decoded.
   *
   * @default false
   */
  stream?: boolean | undefined
}

/** A response. A plain object: it can be spread, logged and compared. */
export interface HttpResponse {
  /** Whether the status is 200 to 299. */
  ok: boolean
  status: number
  /** The reason phrase as sent. The standard one if none was sent, or one that is not ASCII. */
  statusText: string
  /** Lower-case names. Repeated fields are joined as Node joins them; `set-cookie` is an array. */
  headers: import('node:http').IncomingHttpHeaders
  /** The body, decoded from gzip, deflate, br or zstd. */
  body: Buffer
  /**
   * The body as UTF-8 text, without a byte order mark at its beginning. Throws
   * `ERR_STRING_TOO_LONG` beyond 536870888 bytes.
   */
  text: () => string
  /**
   * The body parsed as JSON. Throws a `SyntaxError` if it is not JSON, and `ERR_STRING_TOO_LONG`
   * as `text()` does.
   */
  json: <T = unknown>() => T
  /** A copy of the body. */
  arrayBuffer: () => ArrayBuffer
  /** Attempts made. */
  attempts: number
  /**
   * Times of the attempt that received the response, computed at the first access. `undefined`
   * for a response from a cache, and for the result of `readIncomingResponse`. Not enumerable.
   */
  timings?: ResponseTimings | undefined
  /**
   * With `stream`: the body as sent, to be read once. Destroying it closes the connection.
   * Otherwise a stream that has ended, created at the first access and not enumerable; the
   * message, by `readIncomingResponse`.
   */
  rawResponse?: import('node:stream').Readable & { statusCode: number; statusMessage: string; headers: import('node:http').IncomingHttpHeaders }
}

/**
 * Sends a request and resolves with the response as text (UTF-8). `Accept` is `text/plain`, and so
 * is `Content-Type` if there is a body, unless the caller sets them.
 *
 * @throws as `httpRequest`; `HttpResponseError` for any status outside 200 to 299.
 * @example
 * ```js
 * import { HttpResponseError, httpText } from '@socketsecurity/registry/lib/http-request'
 *
 * try {
 *   console.log(await httpText('https://api.example.com/status'))
 * } catch (error) {
 *   if (!(error instanceof HttpResponseError)) throw error
 *   console.error(error.response.status, error.response.text())
 * }
 * ```
 */
export declare function httpText(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<string>

/** Options that requests and downloads share. Durations are milliseconds. */
export interface HttpTransferOptions {
  /**
   * Header fields: a record, `Headers`, a `Map`, or any iterable of names and values. Numbers
   * and booleans are sent as text, each element of an array as a field, `undefined` not at all.
   * If a record spells a name twice, the last one counts. Anything else, an invalid name, or a
   * value with a control character or one outside Latin-1, rejects before anything is sent.
   * `Accept-Encoding` of a download is always `identity`: the bytes received are those of the
   * file.
   *
   * @default {}
   */
  headers?: HttpRequestHeaders | undefined
  /**
   * Whether redirects are followed. If not, a redirect is a response like any other, and a
   * download rejects with `Download failed: HTTP 302 Found`.
   *
   * @default true
   */
  followRedirects?: boolean | undefined
  /**
   * Redirects followed within one attempt. One more rejects with `ERR_TOO_MANY_REDIRECTS`.
   *
   * @default 5
   */
  maxRedirects?: number | undefined
  /**
   * Attempts after the first. Only transient failures are retried.
   *
   * @default 0
   */
  retries?: number | undefined
  /**
   * Delay before the first retry, in ms. Doubles with each retry, and up to 10 % is added at
   * random.
   *
   * @default 1000
   */
  retryDelay?: number | undefined
  /**
   * Longest delay between two attempts, in ms, even if `Retry-After` asks for more.
   *
   * @default 30000
   */
  retryDelayMax?: number | undefined
  /**
   * Time limit of one attempt, in ms, redirects and body included. `0` or `Infinity`: no limit.
   *
   * @default 30000; 120000 for downloads
   */
  timeout?: number | undefined
  /**
   * Time limit of connecting, in ms: name lookup, proxy and TLS handshake included. Rejects with
   * `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
   *
   * @default none
   */
  connectTimeout?: number | undefined
  /**
   * Longest time without a byte in either direction, in ms, once the connection is open. While a
   * `body` that is a stream has nothing to send, no time counts. Rejects with `ERR_TIMEOUT`. `0`
   * or `Infinity`: no limit.
   *
   * @default none; 15000 for a download with `mirrors`, while another source is left
   */
  idleTimeout?: number | undefined
  /**
   * Certificates in PEM. They are trusted in addition to the bundled roots, those of the system,
   * and those of `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE` and `SSL_CERT_DIR`.
   *
   * @default none
   */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /**
   * URL of a proxy (`http`, `https`, `socks4`, `socks4a`, `socks5`, `socks5h`), with user and
   * password if it asks for them. `false`: no proxy.
   *
   * @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper
   * case
   */
  proxy?: string | URL | false | undefined
  /**
   * The transport of the requests. `'native'`: the connection pool of this package. `'node'`:
   * `node:http` and `node:https` of this process, so that nock, MSW, agents and instrumentation
   * of `http` see the requests. It speaks HTTP/1.1 only, and cannot be combined with `proxy`.
   *
   * @default `SOCKET_HTTP_TRANSPORT`, or `'node'` while nock or MSW intercepts `node:http`, or
   * `'native'`
   */
  transport?: 'native' | 'node' | undefined
  /**
   * Called before each retry, with the number of the attempt that failed (from 1), its error,
   * and the delay in ms. Returns `false` to give up, another delay, or nothing. If it throws,
   * the call rejects with the same error. May be an async function, which is awaited. With
   * `throwOnError`, the error of a status is an `HttpResponseError`.
   *
   * @default none
   */
  onRetry?: ((attempt: number, error: Error, delay: number) => boolean | number | void | undefined | Promise<boolean | number | void | undefined>) | undefined
  /**
   * Aborts the call: while connecting, waiting, reading, or between attempts. The call rejects
   * with an `AbortError`.
   *
   * @default none
   */
  signal?: AbortSignal | undefined
}

/**
 * Whether `sanitizeHeaders` redacts the values of this field.
 *
 * @throws `TypeError` if `name` is not a string.
 * @example
 * ```js
 * import { isSensitiveHeaderName } from '@socketsecurity/registry/lib/http-request/headers'
 *
 * isSensitiveHeaderName('X-Api-Key') // true
 * ```
 */
export declare function isSensitiveHeaderName(name: string): boolean

/** The process that holds a lock, according to its lock file. */
export interface LockHolder {
  pid: number
  /** Milliseconds since 1970. */
  startTime?: number
  /** The URL of its download, without credentials. */
  url?: string
}

/** Locks of downloads. */
export interface LockMetrics {
  /** Download locks that were acquired. */
  acquired: number
  /** Times that a lock was held by another process and had to be waited for. */
  waited: number
  /** Calls that gave up waiting for a lock (`ERR_LOCK_TIMEOUT`). */
  timedOut: number
  /** Locks whose holder had died or hung, and that were broken or taken over. */
  takenOver: number
  /** Time that a lock was waited for, once for each time that another process held it. */
  wait: DurationMetrics
}

/** The numbers of a process. See `getMetrics`. */
export interface Metrics {
  /**
   * When counting began, in milliseconds since 1970: the first use of this package in the
   * process, or the last reset.
   */
  since: number
  requests: RequestMetrics
  downloads: DownloadMetrics
  locks: LockMetrics
  cache: CacheMetrics
  connections: ConnectionMetrics
  /**
   * By host, with its port where that is not the usual one: 100 at most, and `other` for all
   * beyond.
   */
  hosts: Record<string, HostMetrics>
}

/**
 * The numbers of `getMetrics()` and `getErrors()` in the text format of Prometheus, version 0.0.4:
 * `Content-Type: text/plain; version=0.0.4`.
 *
 * @example
 * ```js
 * import { createServer } from 'node:http'
 * import { metricsToPrometheus } from '@socketsecurity/registry/lib/metrics'
 *
 * const server = createServer((request, response) => {
 *   response.setHeader('content-type', 'text/plain; version=0.0.4')
 *   response.end(metricsToPrometheus())
 * })
 * server.listen(9464, '127.0.0.1').unref()
 * ```
 */
export declare function metricsToPrometheus(): string

/**
 * Parses a checksum file. Returns the digests by file name, as `sha256-<base64>`, which
 * `integrity` of a download accepts.
 *
 * Understands lines of `<64 hexadecimal digits>  name` and of `SHA256 (name) = <64 hexadecimal
 * digits>`, and ignores all others. A `*` or `./` before a name is not part of it. Of several
 * lines for one name, the last counts.
 *
 * @returns an object without a prototype, so that a file name finds nothing but its digest.
 * @throws `TypeError` if `text` is not a string.
 * @example
 * ```js
 * import { parseChecksumFile } from '@socketsecurity/registry/lib/http-request/checksum-file'
 *
 * const text = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  tool.tgz'
 * const integrity = parseChecksumFile(text)['tool.tgz']
 * ```
 */
export declare function parseChecksumFile(text: string): ChecksumFile

/**
 * Converts a `Retry-After` field to milliseconds. The field is a number of whole seconds, or a
 * date in the future as HTTP writes it. Of several values the first counts. `undefined` for
 * anything else.
 *
 * @throws `TypeError` if `value` is neither a string, an array of strings nor `undefined`.
 * @example
 * ```js
 * import { parseRetryAfterHeader } from '@socketsecurity/registry/lib/http-request/headers'
 *
 * const milliseconds = parseRetryAfterHeader('120') ?? 1000
 * ```
 */
export declare function parseRetryAfterHeader(value?: string | readonly string[] | null | undefined): number | undefined

/**
 * Writes an entry, readable by this user only. Replaces an entry with the same key.
 *
 * @returns the Subresource Integrity of the data.
 * @throws `TypeError` for a key with `*`; `ERR_INTEGRITY`; `Failed to write cache …` with the code
 * of the system.
 * @example
 * ```js
 * import { put } from '@socketsecurity/registry/lib/cacache'
 *
 * const integrity = await put('tool:1.0.0', 'some text', { metadata: { timestamp: Date.now() } })
 * ```
 */
export declare function put(key: string, data: string | Uint8Array, options?: CacachePutOptions | null | undefined): Promise<string>

/**
 * Reads a response of `node:http` into a response like those of `httpRequest`, decoded from gzip,
 * deflate, br and zstd, or from two of them. A missing status is 0, with the text `''`.
 *
 * @throws `TypeError` if `message` is not an `IncomingMessage`, or an option is wrong; any error
 * of reading it; `ERR_DECODE` if the body is broken; `ERR_BODY_TOO_LARGE` if it is larger than
 * `maxResponseSize`; an `AbortError`.
 * @example
 * ```js
 * import { once } from 'node:events'
 * import { get } from 'node:https'
 * import { readIncomingResponse } from '@socketsecurity/registry/lib/http-request/response-reader'
 *
 * const [message] = await once(get('https://api.example.com/items'), 'response')
 * const response = await readIncomingResponse(message)
 * console.log(response.status, response.json())
 * ```
 */
export declare function readIncomingResponse(message: IncomingResponse, options?: DecodeOptions | null | undefined): Promise<HttpResponse>

/**
 * Removes an entry. A missing entry is not an error.
 *
 * @throws `TypeError` for a key with `*`: see `clear`.
 * @example
 * ```js
 * import { remove } from '@socketsecurity/registry/lib/cacache'
 *
 * await remove('tool:1.0.0')
 * ```
 */
export declare function remove(key: string): Promise<void>

/** Calls that sent requests. */
export interface RequestMetrics {
  /**
   * Calls that sent requests and have ended: requests, and the transfers of downloads. Calls
   * that were served from a cache are not among them.
   */
  total: number
  /** Calls that ended with a response whose status is below 400, after however many attempts. */
  succeeded: number
  /**
   * Calls that ended without a response (aborted ones included), or with a status of 400 or
   * above, whether or not they reject for it.
   */
  failed: number
  /** Attempts of the calls that have ended: requests.total and requests.retries together. */
  attempts: number
  /** Attempts after the first of the calls that have ended. */
  retries: number
  /** Redirects that were followed. */
  redirects: number
  /** Responses of servers, by the class of their status: of each attempt and each redirect. */
  byStatus: { '2xx': number; '3xx': number; '4xx': number; '5xx': number }
  /**
   * Bytes of response bodies as they came, before decoding, of failed attempts too. Header
   * fields are not counted.
   */
  bytesReceived: number
  /** Bytes of request bodies that were handed to connections. Header fields are not counted. */
  bytesSent: number
  /** Time from the start of a call that sent requests to its end, with its retries and delays. */
  duration: DurationMetrics
}

/**
 * Starts to count again, for the whole process. Nothing is lost for the file of
 * `SOCKET_METRICS_FILE`. Calls that are under way count when they end.
 *
 * @example
 * ```js
 * import { getMetrics, resetMetrics } from '@socketsecurity/registry/lib/metrics'
 *
 * resetMetrics()
 * console.log(getMetrics().requests.total) // 0
 * ```
 */
export declare function resetMetrics(): void

/** Times of one attempt, in milliseconds with fractions. */
export interface ResponseTimings {
  /**
   * The lookup of the name of the server or the proxy. Set if a connection was opened for this
   * attempt, and a name was looked up.
   */
  dns?: number
  /**
   * Connecting, handshakes of TLS and of proxies included. Set if a connection was opened for
   * this attempt.
   */
  connect?: number
  /** The TLS handshake, where it can be told apart from connecting. */
  tls?: number
  /** From the start of the attempt to the head of the response, redirects included. */
  firstByte: number
  /**
   * From the start of the attempt to the end of the body; with `stream`, to the head of the
   * response.
   */
  total: number
}

/**
 * Reads an entry, as `get`. Resolves with `undefined` if the entry is missing or unusable.
 *
 * @throws `TypeError` for a key with `*`.
 * @example
 * ```js
 * import { safeGet } from '@socketsecurity/registry/lib/cacache'
 *
 * const entry = await safeGet('tool:1.0.0')
 * console.log(entry?.data.toString() ?? 'not cached')
 * ```
 */
export declare function safeGet(key: string): Promise<CacacheEntry | undefined>

/**
 * Copies header fields for a log. The values of names that contain `auth`, `cookie`, `credential`,
 * `key`, `password`, `secret` or `token`, and of fields that a redirect drops, become
 * `[REDACTED]`. Arrays are joined with `, `. `null` and `undefined` are dropped; other values
 * become strings.
 *
 * @param headers an object, or an iterable of names and values, such as `Headers` and `Map`.
 * @returns an object without a prototype.
 * @throws `TypeError` if `headers` is not an object, or a value is a symbol or a function.
 * @example
 * ```js
 * import { sanitizeHeaders } from '@socketsecurity/registry/lib/http-request/headers'
 *
 * console.log(sanitizeHeaders({ accept: 'application/json', authorization: 'Bearer abc' }))
 * ```
 */
export declare function sanitizeHeaders(headers?: object | Iterable<readonly [string, unknown]> | null | undefined): Record<string, string>

/**
 * Converts text to a valid `User-Agent`: characters outside visible ASCII become spaces, several
 * spaces become one, and at most 256 characters are left. `null` and `undefined` become `''`.
 *
 * @throws `TypeError` if `text` is anything else than a string.
 * @example
 * ```js
 * import { sanitizeUserAgent } from '@socketsecurity/registry/lib/http-request/user-agent'
 *
 * sanitizeUserAgent('tool/1.0.0 ✨ (beta)') // 'tool/1.0.0 (beta)'
 * ```
 */
export declare function sanitizeUserAgent(text: string | null | undefined): string
