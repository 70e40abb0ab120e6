/* Generated from src/node: change it there. */

export interface DownloadWithLockOptions extends HttpDownloadOptions {}

export interface HttpClientRequestOptions extends HttpRequestOptions {}

/**
 * Runs a callback with a new directory inside the cache, on the same file system, which is removed afterwards.
 *
 * @returns what the callback gives.
 */
export declare function withTmp<T>(callback: (directory: string) => T | Promise<T>): Promise<T>

/** Listeners of `httpRequest`, called once for each attempt and each redirect. What they throw is ignored. */
export interface HttpHooks {
  /** Before a request is sent. `timeout` is that of the attempt, in milliseconds; 0 is none. */
  onRequest?:
    | ((request: {
        method: string
        url: string
        headers: import('node:http').IncomingHttpHeaders
        timeout: number
      }) => unknown)
    | undefined
  /** When the head of an answer has come, or none will. `duration` is in milliseconds. */
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

/** Why a call rejects whose answer has a status that is an error: see `throwOnError`, `httpJson` and `httpText`. */
export declare class HttpResponseError extends Error {
  /** @param message default: `HTTP 404: Not Found` */
  constructor(response: HttpResponse, message?: string)
  name: 'HttpResponseError'
  code: 'ERR_HTTP_STATUS'
  status: number
  response: HttpResponse
}

/** Reads an answer of Node's own client, decoded: status 0 and an empty text where they are missing. */
export declare function readIncomingResponse(
  message: import('node:http').IncomingMessage,
): Promise<HttpResponse>

/**
 * Calls to one API: base URL, credentials, retries and a cache, said once.
 *
 * A request is repeated after failures that may pass. One that is not idempotent (POST, PATCH) only when the server cannot have carried it
 * out, answers 429 or 503, or the call says `idempotent: true` or has an `Idempotency-Key`.
 *
 * The cache holds responses to GET as far as their servers allow (RFC 9111), one for each URL, credential, proxy and way of trusting. Equal GETs at the same time
 * share one request, also when nothing is kept of its answer.
 */
export declare class HttpClient {
  /** @throws `TypeError` for a wrong option. */
  constructor(options?: HttpClientOptions | null | undefined)
  /**
   * Sends a request and resolves with the answer, whatever its status.
   *
   * @throws as `httpRequest`.
   */
  request(pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined): Promise<HttpResponse>
  /**
   * Gets a path and parses the answer as JSON.
   *
   * @throws as `httpGetJson`.
   */
  getJson<T = unknown>(pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined): Promise<T>
  /**
   * Gets a path and gives the answer as text (UTF-8).
   *
   * @throws as `httpGetText`.
   */
  getText(pathOrUrl: string | URL, options?: HttpClientRequestOptions | null | undefined): Promise<string>
  /**
   * Sends a value as JSON, and parses the answer as JSON. `undefined` sends no body; an answer without one gives `undefined`.
   *
   * @throws as `httpGetJson`; what `JSON.stringify` throws.
   */
  sendJson<T = unknown>(method: string, pathOrUrl: string | URL, value?: unknown, options?: HttpClientRequestOptions | null | undefined): Promise<T>
  /**
   * Downloads to a file, as `httpDownload`.
   *
   * @throws as `httpDownload`.
   */
  download(pathOrUrl: string | URL, destPath: string, options?: HttpDownloadOptions | null | undefined): Promise<HttpDownloadResult>
  /**
   * Downloads to a file once, however many processes ask for it, as `downloadWithLock`.
   *
   * @throws as `downloadWithLock`.
   */
  downloadWithLock(pathOrUrl: string | URL, destPath: string, options?: DownloadWithLockOptions | null | undefined): Promise<HttpDownloadResult>
  /**
   * Removes answers from the cache: all, or those whose URL begins with `prefix`, a path below `baseUrl` or a URL; `*` in it is anything.
   * A query in it stands for all queries. The cache on disk is cleared for all processes.
   *
   * @returns how many.
   */
  clearCache(prefix?: string | null | undefined): Promise<number>
  /** What has happened so far. */
  metrics(): HttpClientMetrics
}

/**
 * The value of `Authorization` for a token: `Basic`, and the base64 of the token (UTF-8) and a colon.
 *
 * @throws `TypeError` when `token` is not a string.
 */
export declare function basicAuthHeader(token: string): string

/**
 * A `User-Agent`: `name/1.0.0 node/v22.0.0 linux/x64`, and the caller's behind it. `@scope/name` is written
 * `scope-name`. Sanitized as by `sanitizeUserAgent`, and no hop is named twice.
 *
 * @param application for instance the content of a package.json.
 * @throws `TypeError` when `name` or `version` are no strings, or nothing of them can be part of a field.
 */
export declare function buildUserAgent(application: { name: string; version: string }, caller?: string | null | undefined): string

/** Options of `clear`. */
export interface CacacheClearOptions {
  /**
   * What the keys of the entries begin with; `*` in it is anything.
   *
   * @default none: everything
   */
  prefix?: string | undefined
}

/** An entry of the cache. */
export interface CacacheEntry {
  key: string
  data: Buffer
  /** Subresource Integrity of the data, which has been verified. */
  integrity: string
  /** Where the data is. */
  path: string
  /** Bytes of the data. */
  size: number
  /** When it was written, in milliseconds since 1970. */
  time: number
  metadata?: unknown
}

/** Options of `put`. */
export interface CacachePutOptions {
  /**
   * Anything that JSON can say. It comes back with the entry.
   *
   * @default none
   */
  metadata?: unknown
  /**
   * Expected Subresource Integrity of the data; anything else rejects with `ERR_INTEGRITY`.
   *
   * @default none
   */
  integrity?: string | undefined
}

/**
 * One `User-Agent` of several, the nearest first. Each hop (a product with `node/…`, platform and comments behind it) is
 * named once; `null` and `undefined` are passed over.
 *
 * @throws `TypeError` when one is not a string.
 */
export declare function chainUserAgents(...agents: (string | readonly string[] | null | undefined)[]): string

/**
 * Removes all entries, or those whose keys begin with a prefix.
 *
 * @returns how many.
 * @throws `TypeError` for a wrong argument; `Failed to clear the cache: …` with the code of the system.
 */
export declare function clear(options?: CacacheClearOptions | null | undefined): Promise<number>

/**
 * Decodes the body of an answer, on another thread.
 *
 * @param encoding the `Content-Encoding`: gzip, deflate, br, zstd, or two of them in the order in which they were
 * applied, in one string or an array. With one that is unknown, or none, the bytes stay as they are.
 * @throws `TypeError` for a wrong argument; `ERR_DECODE` when the body is broken; `ERR_BODY_TOO_LARGE` when it is larger than
 * `maxResponseSize`; an `AbortError`.
 */
export declare function decodeBody(buffer: Uint8Array, encoding?: string | readonly string[] | null | undefined, options?: DecodeOptions | null | undefined): Promise<Buffer>

/** Options of `decodeBody` and `readIncomingResponse`. */
export interface DecodeOptions {
  /**
   * Limit of the decoded body, in bytes; more rejects with `ERR_BODY_TOO_LARGE`. `0`: no limit.
   *
   * @default 536870912
   */
  maxResponseSize?: number | undefined
  /**
   * Ends the call: reading and decoding. Rejects with an `AbortError`.
   *
   * @default none
   */
  signal?: AbortSignal | undefined
}

/**
 * Downloads a URL to a file once, however many processes ask for it at the same time: one downloads, the others wait
 * and return the same file. A destination that exists and is not empty is returned at once, unless it is not what
 * `sha256` or `integrity` expect, or was published a moment ago and may be about to be moved (`settleDelay`).
 *
 * Callers in one process share one download. See `docs/locking.md`.
 *
 * @throws as `httpDownload`; `Lock acquisition timed out after 60000ms (held by PID 123)` with
 * `code: 'ERR_LOCK_TIMEOUT'`, `lockPath` and `holder`.
 */
export declare function downloadWithLock(url: string | URL, destPath: string, options?: DownloadWithLockOptions | null | undefined): Promise<HttpDownloadResult>

/** Options of `downloadWithLock`, besides those of `httpDownload`. Durations are milliseconds. */
export interface DownloadWithLockOptions {
  /**
   * How long to wait for another process that has the lock; then `ERR_LOCK_TIMEOUT`.
   *
   * @default 60000
   */
  lockTimeout?: number | undefined
  /**
   * A holder that has shown no sign of life for this long is passed over.
   *
   * @default 300000
   */
  staleTimeout?: number | undefined
  /**
   * How often to look where the operating system cannot wake a waiter.
   *
   * @default 1000
   */
  pollInterval?: number | undefined
  /**
   * Directory of lock files.
   *
   * @default `.locks` beside the destination
   */
  locksDir?: string | undefined
  /**
   * How long a file that another process published must stay in place before it is returned.
   *
   * @default the smaller of 250 and a quarter of `pollInterval`
   */
  settleDelay?: number | undefined
  /**
   * Called once, when the wait for another process begins. If it throws, the call rejects with that.
   *
   * @default none
   */
  onWait?: ((holder: LockHolder) => void) | undefined
}

/**
 * What to tell a person about a request that failed: `GET request failed: <url>`, and a second line by `error.code`, or
 * by the code of its `cause`. Passwords and tokens in the URL are removed.
 *
 * @throws `TypeError` for a wrong `url` or `method`. `error` may be anything.
 */
export declare function enrichErrorMessage(url: string | URL, method: string | undefined, error: unknown): string

/**
 * Gets a checksum file and parses it: see `parseChecksumFile`. Takes the options of `httpRequest`; always a GET request.
 *
 * @throws as `httpRequest`; `Failed to fetch checksums from <url>: 404 Not Found` with `code: 'ERR_HTTP_STATUS'` and
 * `status` for any status but 200 to 299.
 */
export declare function fetchChecksumFile(url: string | URL, options?: Omit<HttpRequestOptions, 'body' | 'method' | 'stream' | 'throwOnError'> | null | undefined): Promise<Record<string, string>>

/**
 * Reads an entry and verifies it.
 *
 * The cache is in `SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`, in the format of npm's cacache.
 *
 * @throws `TypeError` for a key with `*`; `No cache entry for …` with `code: 'ENOENT'`; `ERR_INTEGRITY` when the data is not what was
 * written; `EACCES` when the cache, or that part of it, belongs to another user.
 */
export declare function get(key: string): Promise<CacacheEntry>

/**
 * The program that started this one, as `SOCKET_CALLER_USER_AGENT` of `process.env` says now, sanitized; `undefined` when
 * it says nothing.
 */
export declare function getSocketCallerUserAgent(): string | undefined

/** What an `HttpClient` has done since it was made. Downloads are not counted. */
export interface HttpClientMetrics {
  /** Calls that have ended. */
  requests: number
  /** Calls without an answer. */
  failures: number
  /** Attempts, those that failed included. */
  attempts: number
  /** Calls answered from memory. */
  memoryHits: number
  /** Calls answered from disk. */
  diskHits: number
  /** Calls answered from the cache after the server said that nothing has changed. */
  revalidated: number
  /** Calls answered from the cache because the server could not be reached. */
  stale: number
  /** Calls answered with the answer to an equal one. */
  shared: number
  /** Entries in memory now. */
  memoryEntries: number
  /** Bytes that they take. */
  memoryBytes: number
}

/** Options of `HttpClient`. Durations are milliseconds, sizes bytes. */
export interface HttpClientOptions {
  /**
   * Where paths begin, for instance `https://api.example.com/v0`. `/items` is then `https://api.example.com/v0/items`.
   *
   * @default none: calls name whole URLs
   */
  baseUrl?: string | URL | undefined
  /**
   * Header fields of every call. Credentials among them are sent to the origin of `baseUrl` only.
   *
   * @default {}
   */
  headers?: Record<string, string> | undefined
  /**
   * Total time of one attempt, redirects and body included. `0` or `Infinity`: no limit.
   *
   * @default 30000, and 120000 for downloads
   */
  timeout?: number | undefined
  /**
   * Further attempts after one that failed for a reason that may pass.
   *
   * @default 3
   */
  retries?: number | undefined
  /**
   * Delay before the first further attempt; doubles with each, with up to 10 % added at random.
   *
   * @default 1000
   */
  retryDelay?: number | undefined
  /**
   * Upper bound of one delay between attempts, a `Retry-After` of the server included.
   *
   * @default 30000
   */
  retryDelayMax?: number | undefined
  /**
   * Where answers to GET are kept: in memory, on disk for all processes, or (`true`) in both.
   *
   * @default false
   */
  cache?: boolean | 'memory' | 'disk' | undefined
  /**
   * How long an answer is used without asking the server, as far as the server allows; for all paths, or by the longest beginning of the
   * path. `0`: the server is always asked whether it has changed.
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
   * Bytes of answers in memory; those that were used longest ago give way.
   *
   * @default 67108864
   */
  cacheMemoryMax?: number | undefined
  /**
   * Bytes of answers on disk; the oldest give way. Other entries of the directory do not count.
   *
   * @default 536870912
   */
  cacheDiskMax?: number | undefined
  /**
   * How long an answer stays on disk without being fetched again or found unchanged.
   *
   * @default 2592000000, 30 days
   */
  cacheAgeMax?: number | undefined
  /**
   * How long after it has expired an answer is given when the server cannot be reached, or answers 500, 502, 503 or 504.
   *
   * @default 0
   */
  staleIfError?: number | undefined
  /**
   * Limit of the decoded body, in bytes; more rejects with `ERR_BODY_TOO_LARGE`. `0`: no limit.
   *
   * @default none, and 536870912 for text and JSON
   */
  maxResponseSize?: number | undefined
  /**
   * Certificates in PEM that are trusted besides the system's, the bundled ones, and those of `NODE_EXTRA_CA_CERTS`,
   * `SSL_CERT_FILE` and `SSL_CERT_DIR`.
   *
   * @default none
   */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /**
   * URL of a proxy, with user and password if it needs them (`http`, `https`, `socks4`, `socks5`); `false`: none.
   *
   * @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper case
   */
  proxy?: string | URL | false | undefined
  /**
   * Called for each attempt and each redirect. What they throw is ignored.
   *
   * @default none
   */
  hooks?: HttpHooks | undefined
}

/** Options of one call of an `HttpClient`, besides those of `httpRequest`, which override the client's. Durations are milliseconds. */
export interface HttpClientRequestOptions {
  /**
   * Whether the server may carry the request out twice: then it is repeated after every failure that may pass, whatever its method.
   *
   * @default true for GET, HEAD, OPTIONS, PUT, DELETE, TRACE, and with an `Idempotency-Key`
   */
  idempotent?: boolean | undefined
  /**
   * `false`: neither answered from the cache nor kept.
   *
   * @default that of the client
   */
  cache?: boolean | undefined
  /**
   * As that of the client, for this call.
   *
   * @default that of the client
   */
  cacheTtl?: number | undefined
  /**
   * As that of the client, for this call.
   *
   * @default that of the client
   */
  staleIfError?: number | undefined
}

/**
 * Downloads a URL to a file, which appears only whole: it is written beside the destination and renamed. The directory
 * is created.
 *
 * @throws `Download failed: HTTP 404 Not Found`, `Download timed out after 120000ms`, `Failed to write file: …`, or
 * `HTTP download failed: …` with the `code` of the failure. The destination is then as it was before.
 */
export declare function httpDownload(url: string | URL, destPath: string, options?: HttpDownloadOptions | null | undefined): Promise<HttpDownloadResult>

/** Options of `httpDownload`. Durations are milliseconds, sizes bytes. */
export interface HttpDownloadOptions {
  /**
   * Header fields. An invalid name or value is refused before connecting.
   *
   * @default {}
   */
  headers?: Record<string, string> | undefined
  /**
   * Called when the size of the file is known, at most once per 50 ms, never with less than before, and with
   * `downloaded === total` before the promise resolves. If it throws, the download stops and rejects with that.
   *
   * @default none
   */
  onProgress?: ((downloaded: number, total: number) => void) | undefined
  /**
   * Further attempts after one that failed for a reason that may pass.
   *
   * @default 0
   */
  retries?: number | undefined
  /**
   * Delay before the first further attempt; doubles with each, with up to 10 % added at random.
   *
   * @default 1000
   */
  retryDelay?: number | undefined
  /**
   * Total time of one attempt, redirects and body included. `0` or `Infinity`: no limit.
   *
   * @default 120000
   */
  timeout?: number | undefined
  /**
   * Upper bound of one delay between attempts, a `Retry-After` of the server included.
   *
   * @default 30000
   */
  retryDelayMax?: number | undefined
  /**
   * Whether redirects are followed. If not, a redirect is a failure.
   *
   * @default true
   */
  followRedirects?: boolean | undefined
  /**
   * Redirects to follow; one more rejects with `ERR_TOO_MANY_REDIRECTS`.
   *
   * @default 5
   */
  maxRedirects?: number | undefined
  /**
   * Expected SHA-256, in hexadecimal. Anything else rejects with `ERR_INTEGRITY` and is not published.
   *
   * @default none
   */
  sha256?: string | undefined
  /**
   * Expected Subresource Integrity: `sha512-…` and others, separated by spaces. Anything else rejects with
   * `ERR_INTEGRITY` and is not published.
   *
   * @default none
   */
  integrity?: string | undefined
  /**
   * Whether `sha256` and `integrity` of the result are computed while downloading, though nothing is expected.
   *
   * @default false
   */
  digests?: boolean | undefined
  /**
   * Permission bits, for instance `0o755`, set before the file appears. Without effect on Windows.
   *
   * @default those of a new file
   */
  mode?: number | undefined
  /**
   * Whether an interrupted transfer goes on where it stopped, in this call or a later one, if the server proves that
   * the file is the same.
   *
   * @default true
   */
  resume?: boolean | undefined
  /**
   * Whether the file is on the disk, not only in the system's cache, before it appears.
   *
   * @default false
   */
  fsync?: boolean | undefined
  /**
   * Time to connect, TLS handshake included; then `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
   *
   * @default none
   */
  connectTimeout?: number | undefined
  /**
   * Time without a byte from the server, once the request has been sent; then `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
   *
   * @default none
   */
  idleTimeout?: number | undefined
  /**
   * Certificates in PEM that are trusted besides the system's, the bundled ones, and those of `NODE_EXTRA_CA_CERTS`,
   * `SSL_CERT_FILE` and `SSL_CERT_DIR`.
   *
   * @default none
   */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /**
   * URL of a proxy, with user and password if it needs them (`http`, `https`, `socks4`, `socks5`); `false`: none.
   *
   * @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper case
   */
  proxy?: string | URL | false | undefined
  /**
   * Called before each further attempt, with the number of the one that failed (from 1), its error, and the delay. Returns
   * `false` to give up, or other milliseconds to wait. If it throws, the call rejects with that.
   *
   * @default none
   */
  onRetry?: ((attempt: number, error: Error, delay: number) => boolean | number | void | undefined) | undefined
  /**
   * Gets a line with `log` each `progressInterval` per cent, unless there is `onProgress`.
   *
   * @default none
   */
  logger?: { log(message: string): unknown } | undefined
  /**
   * Per cent between two lines of `logger`, 1 to 100.
   *
   * @default 10
   */
  progressInterval?: number | undefined
  /**
   * Ends the call: while connecting, waiting, reading and between attempts. Rejects with an `AbortError`.
   *
   * @default none
   */
  signal?: AbortSignal | undefined
  /**
   * Not supported: files are written natively. Anything but `undefined` is a `TypeError`.
   *
   * @default none
   */
  createWriteStream?: undefined
}

/** A file that has been downloaded, or was there. A plain object: it can be spread, logged and compared. */
export interface HttpDownloadResult {
  /** The destination, as given. */
  path: string
  /** Size in bytes. */
  size: number
  /** Whether the file is there: always, because a failure rejects. */
  ok: boolean
  /** The status under which the file came; 200 for a file that was there. */
  status: number
  /** The reason phrase, as sent. */
  statusText: string
  /** The header fields under which the file came; none for a file that was there. */
  headers: import('node:http').IncomingHttpHeaders
  /** Attempts made; 0 for a file that was there. */
  attempts: number
  /** The byte at which the last attempt went on; 0 when it fetched everything. */
  resumedFrom: number
  /** SHA-256 of the file, in hexadecimal. Computed at the first look, unless it was on the way: see `digests`. */
  sha256: string
  /**
   * SHA-512 of the file, as Subresource Integrity. Computed at the first look, unless it was on the way: see
   * `digests`.
   */
  integrity: string
}

/**
 * Gets a URL and parses the answer as JSON.
 *
 * @throws as `httpRequest`; `HTTP 404: Not Found` with `code: 'ERR_HTTP_STATUS'`, `status` and `response` for any
 * status but 200 to 299; `Failed to parse JSON response`, with the `SyntaxError` as `cause`.
 */
export declare function httpGetJson<T = unknown>(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<T>

/**
 * Gets a URL and gives the answer as text (UTF-8).
 *
 * @throws as `httpRequest`; `HTTP 404: Not Found` with `code: 'ERR_HTTP_STATUS'`, `status` and `response` for any
 * status but 200 to 299.
 */
export declare function httpGetText(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<string>

/**
 * Sends a request and parses the answer as JSON. `Accept` is `application/json`, and so is `Content-Type` when there is a body,
 * unless the caller says otherwise.
 *
 * @throws as `httpRequest`; `HttpResponseError` for any status but 200 to 299; `Failed to parse JSON response`, with the
 * `SyntaxError` as `cause`.
 */
export declare function httpJson<T = unknown>(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<T>

/**
 * Sends a request and resolves with the answer, whatever its status.
 *
 * With `retries`, network failures, timeouts and the statuses 408, 425, 429, 500, 502, 503 and 504 are repeated: 429 and
 * 503 for every method, other statuses for idempotent methods.
 *
 * @throws `TypeError` for a wrong argument; `Error` with a `code` such as `ECONNREFUSED`, `ENOTFOUND`, `ERR_TIMEOUT`,
 * `ERR_TOO_MANY_REDIRECTS`, `ERR_REDIRECT_REFUSED` or `ERR_DECODE` when there is no complete answer.
 */
export declare function httpRequest(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<HttpResponse>

/** Options of `httpRequest`, `httpGetJson` and `httpGetText`. Durations are milliseconds. */
export interface HttpRequestOptions {
  /**
   * Request method, in any case.
   *
   * @default 'GET'
   */
  method?: string | undefined
  /**
   * Header fields. An invalid name or value is refused before connecting.
   *
   * @default {}
   */
  headers?: Record<string, string> | undefined
  /**
   * Body, sent with `Content-Length`; a string as UTF-8. A `Readable` is streamed: without `retries`, and without following
   * redirects; fields of its `getHeaders()` are added.
   *
   * @default none
   */
  body?: string | Uint8Array | import('node:stream').Readable | null | undefined
  /**
   * Whether redirects are followed. If not, a redirect is an answer like any other.
   *
   * @default true
   */
  followRedirects?: boolean | undefined
  /**
   * Redirects to follow; one more rejects with `ERR_TOO_MANY_REDIRECTS`.
   *
   * @default 5
   */
  maxRedirects?: number | undefined
  /**
   * Further attempts after one that failed for a reason that may pass.
   *
   * @default 0
   */
  retries?: number | undefined
  /**
   * Delay before the first further attempt; doubles with each, with up to 10 % added at random.
   *
   * @default 1000
   */
  retryDelay?: number | undefined
  /**
   * Total time of one attempt, redirects and body included. `0` or `Infinity`: no limit.
   *
   * @default 30000
   */
  timeout?: number | undefined
  /**
   * Upper bound of one delay between attempts, a `Retry-After` of the server included.
   *
   * @default 30000
   */
  retryDelayMax?: number | undefined
  /**
   * Time to connect, TLS handshake included; then `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
   *
   * @default none
   */
  connectTimeout?: number | undefined
  /**
   * Time without a byte from the server, once the request has been sent; then `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
   *
   * @default none
   */
  idleTimeout?: number | undefined
  /**
   * Certificates in PEM that are trusted besides the system's, the bundled ones, and those of `NODE_EXTRA_CA_CERTS`,
   * `SSL_CERT_FILE` and `SSL_CERT_DIR`.
   *
   * @default none
   */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /**
   * URL of a proxy, with user and password if it needs them (`http`, `https`, `socks4`, `socks5`); `false`: none.
   *
   * @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper case
   */
  proxy?: string | URL | false | undefined
  /**
   * Called before each further attempt, with the number of the one that failed (from 1), its error, and the delay. Returns
   * `false` to give up, or other milliseconds to wait. If it throws, the call rejects with that.
   *
   * @default none
   */
  onRetry?: ((attempt: number, error: Error, delay: number) => boolean | number | void | undefined) | undefined
  /**
   * Limit of the decoded body, in bytes; more rejects with `ERR_BODY_TOO_LARGE`. `0`: no limit. Not for `stream`.
   *
   * @default none, and 536870912 for text and JSON
   */
  maxResponseSize?: number | undefined
  /**
   * Called for each attempt and each redirect. What they throw is ignored.
   *
   * @default none
   */
  hooks?: HttpHooks | undefined
  /**
   * Whether a status other than 200 to 299 rejects with `HttpResponseError`.
   *
   * @default false
   */
  throwOnError?: boolean | undefined
  /**
   * Whether to resolve at the headers, with the body as the stream `rawResponse`: as it was sent, not decoded.
   *
   * @default false
   */
  stream?: boolean | undefined
  /**
   * Ends the call: while connecting, waiting, reading and between attempts. Rejects with an `AbortError`.
   *
   * @default none
   */
  signal?: AbortSignal | undefined
}

/** A complete answer. A plain object: it can be spread, logged and compared. */
export interface HttpResponse {
  /** Whether the status is 200 to 299. */
  ok: boolean
  status: number
  /** The reason phrase, as sent; the standard one where none was, or one that is not ASCII. */
  statusText: string
  /** Lower-case names. Repeated fields are joined as Node joins them; `set-cookie` is an array. */
  headers: import('node:http').IncomingHttpHeaders
  /** The body, decoded from gzip, deflate, br or zstd. */
  body: Buffer
  /** The body as UTF-8, without a byte order mark at its beginning. Throws `ERR_STRING_TOO_LONG` beyond 536870888 bytes. */
  text: () => string
  /** The body parsed as JSON; throws a `SyntaxError` if it is none, and `ERR_STRING_TOO_LONG` as `text()`. */
  json: <T = unknown>() => T
  /** A copy of the body. */
  arrayBuffer: () => ArrayBuffer
  /** Attempts made. */
  attempts: number
  /** With `stream`: the body as it was sent, to be read once. Destroying it closes the connection. */
  rawResponse?: import('node:stream').Readable & { statusCode: number; statusMessage: string; headers: import('node:http').IncomingHttpHeaders }
}

/**
 * Sends a request and gives the answer as text (UTF-8). `Accept` is `text/plain`, and so is `Content-Type` when there is a body,
 * unless the caller says otherwise.
 *
 * @throws as `httpRequest`; `HttpResponseError` for any status but 200 to 299.
 */
export declare function httpText(url: string | URL, options?: HttpRequestOptions | null | undefined): Promise<string>

/**
 * Whether `sanitizeHeaders` hides the values of this field.
 *
 * @throws `TypeError` when `name` is not a string.
 */
export declare function isSensitiveHeaderName(name: string): boolean

/** The process that holds a lock, as its lock file tells. */
export interface LockHolder {
  pid: number
  /** Milliseconds since 1970. */
  startTime?: number
  /** What it downloads, without credentials. */
  url?: string
}

/**
 * The digests that a checksum file lists, by file name: `sha256-<base64>`, as `integrity` of a download takes it.
 *
 * Understands lines of `<64 hexadecimal digits>  name` and of `SHA256 (name) = <64 hexadecimal digits>`, and skips all
 * others. A `*` or `./` before a name is not part of it. Of several lines for one name the last counts.
 *
 * @returns an object without a prototype, so that no name of a file finds anything but its digest.
 * @throws `TypeError` when `text` is not a string.
 */
export declare function parseChecksumFile(text: string): Record<string, string>

/**
 * How long a `Retry-After` field asks to wait, in milliseconds: whole seconds, or a date in the future as HTTP writes it.
 * Of several values the first counts. `undefined` for anything else.
 *
 * @throws `TypeError` when `value` is neither a string, an array of strings nor `undefined`.
 */
export declare function parseRetryAfterHeader(value?: string | readonly string[] | null | undefined): number | undefined

/**
 * Writes an entry, readable by this user alone. One that is there under the same key is replaced.
 *
 * @returns the Subresource Integrity of the data.
 * @throws `TypeError` for a key with `*`; `ERR_INTEGRITY`; `Failed to write cache …` with the code of the system.
 */
export declare function put(key: string, data: string | Uint8Array, options?: CacachePutOptions | null | undefined): Promise<string>

/**
 * Reads an answer of Node's own client into a response like those of `httpRequest`, decoded from gzip, deflate, br and
 * zstd, or from two of them. Without a status it is 0, and `''`.
 *
 * @throws `TypeError` when `message` is no `IncomingMessage`, or an option is wrong; what reading it throws; `ERR_DECODE` when
 * the body is broken; `ERR_BODY_TOO_LARGE` when it is larger than `maxResponseSize`; an `AbortError`.
 */
export declare function readIncomingResponse(message: import('node:http').IncomingMessage, options?: DecodeOptions | null | undefined): Promise<HttpResponse>

/**
 * Removes an entry. One that is not there is no error.
 *
 * @throws `TypeError` for a key with `*`: see `clear`.
 */
export declare function remove(key: string): Promise<void>

/**
 * As `get`, but gives `undefined` for what is not there, or cannot be used.
 *
 * @throws `TypeError` for a key with `*`.
 */
export declare function safeGet(key: string): Promise<CacacheEntry | undefined>

/**
 * A copy of header fields that can be logged: the values of names that contain `auth`, `cookie`, `credential`, `key`,
 * `password`, `secret` or `token`, and of those that a redirect drops, are `[REDACTED]`. Arrays are joined with `, `; `null` and `undefined` are dropped;
 * other values become strings.
 *
 * @param headers an object, or what iterates over names and values, such as `Headers` and `Map`.
 * @returns an object without a prototype.
 * @throws `TypeError` when `headers` is no object, or a value is a symbol or a function.
 */
export declare function sanitizeHeaders(headers?: object | Iterable<readonly [string, unknown]> | null | undefined): Record<string, string>

/**
 * Text that can be sent as `User-Agent`: whatever is not visible ASCII becomes a space, several spaces become one, and
 * 256 characters are left at most.
 *
 * @throws `TypeError` when `text` is not a string.
 */
export declare function sanitizeUserAgent(text: string): string
