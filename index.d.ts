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
 * Appends what this process has counted since its last line to the file of `SOCKET_METRICS_FILE`: one line of JSON, shorter than
 * 4 KiB. Done by itself at exit, where the variable was set at the first call. Never throws: `NODE_DEBUG=socket-registry` says why
 * a file cannot be written.
 *
 * @returns whether a line was written: not where nothing has happened, nor without the variable.
 */
export declare function flushMetrics(): boolean

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

/** Calls of clients with a cache: each counts once. */
export interface CacheMetrics {
  /** Calls of clients with a cache, by what it was good for. Answered from memory. */
  memoryHits: number
  /** Calls that were answered from disk. */
  diskHits: number
  /** Calls that were answered from the cache after the server said that nothing had changed. */
  revalidated: number
  /** Calls that were answered with an old response because the server failed (`staleIfError`). */
  stale: number
  /**
   * Calls for which the cache had nothing to use. Those that shared the request of an equal call
   * count as that one does.
   */
  misses: number
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

/**
 * Options of `downloadWithLock`, in addition to those of `httpDownload`. Durations are
 * milliseconds.
 */
export interface DownloadWithLockOptions {
  /**
   * Longest wait, in ms, while another process holds the lock. Rejects with `ERR_LOCK_TIMEOUT`.
   * The time of the caller's own download does not count. `0`: no wait. `Infinity`: no limit.
   *
   * @default 60000
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
 * Durations, in milliseconds. The sum is exact; the others have an error of 3.2 % at most, and are 0 where nothing was
 * recorded.
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
 * What to tell a person about a request that failed: `GET request failed: <url>`, and a second line by `error.code`, or
 * by the code of its `cause`. Passwords and tokens in the URL are removed.
 *
 * @throws `TypeError` for a wrong `url` or `method`. `error` may be anything.
 */
export declare function enrichErrorMessage(url: string | URL, method: string | undefined, error: unknown): string

/** Failed calls of one kind. See `getErrors`. */
export interface ErrorMetrics {
  /** `'request'`, `'download'` or `'lock'`; `'other'` for all kinds beyond the 199th. */
  operation: string
  /** The `code` of the error; `ERR_HTTP_STATUS` for a response with a status of 400 or above. */
  code: string
  /** The host that was asked first, with its port where that is not the usual one. */
  host: string
  /** The status, where a response came. */
  status?: number
  /** How many calls failed so. */
  count: number
  /** When the first one failed, in milliseconds since 1970. */
  firstTime: number
  /** When the last one failed. */
  lastTime: number
  /** Of the last one, without secrets. */
  message: string
}

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
 * The failed calls since then, those of one operation, code, host and status together, the most frequent first. 200 kinds
 * are told apart; all others are one, `other`. Messages have no secrets.
 */
export declare function getErrors(): ErrorMetrics[]

/**
 * What this process has counted since it first used this package, or since `resetMetrics()`: of all threads and Workers
 * together. A call counts when it ends.
 *
 * @returns a plain object, fit for JSON. Durations are milliseconds, sizes bytes.
 */
export declare function getMetrics(): Metrics

/**
 * The program that started this one, as `SOCKET_CALLER_USER_AGENT` of `process.env` says now, sanitized; `undefined` when
 * it says nothing.
 */
export declare function getSocketCallerUserAgent(): string | undefined

/** Calls that asked one host first. */
export interface HostMetrics {
  /** Calls that have ended. */
  requests: number
  /** Those of them that failed. */
  failed: number
  /** Time from the start of such a call to its end. */
  duration: DurationMetrics
}

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
  headers?: Record<string, string> | undefined
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
   * Whether the server may process the request twice. If so, it is retried after every transient
   * failure, whatever its method.
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
   * Header fields. An invalid name, or a value with a control character or one outside Latin-1,
   * rejects before anything is sent. `Accept-Encoding` is always `identity`: the bytes received
   * are those of the file.
   *
   * @default {}
   */
  headers?: Record<string, string> | undefined
  /**
   * Called with the bytes received so far and the total, if the server announces the total: at
   * most once per 50 ms, never with fewer bytes than before, and with `downloaded === total`
   * before the promise resolves. If it throws, the download stops and rejects with the same
   * error.
   *
   * @default none
   */
  onProgress?: ((downloaded: number, total: number) => void) | undefined
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
   * Time limit of one attempt, in ms, redirects and body included. `0` or `Infinity`: no limit.
   *
   * @default 120000
   */
  timeout?: number | undefined
  /**
   * Longest delay between two attempts, in ms, even if `Retry-After` asks for more.
   *
   * @default 30000
   */
  retryDelayMax?: number | undefined
  /**
   * Whether redirects are followed. If not, a redirect rejects with `Download failed: HTTP 302
   * Found`.
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
   * Time limit of connecting, in ms: name lookup, proxy and TLS handshake included. Rejects with
   * `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
   *
   * @default none
   */
  connectTimeout?: number | undefined
  /**
   * Longest time without a byte from the server, in ms, once the request has been sent. Rejects
   * with `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
   *
   * @default none
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
   * Called before each retry, with the number of the attempt that failed (from 1), its error,
   * and the delay in ms. Returns `false` to give up, another delay, or nothing. If it throws,
   * the call rejects with the same error.
   *
   * @default none
   */
  onRetry?: ((attempt: number, error: Error, delay: number) => boolean | number | void | undefined) | undefined
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
   * Aborts the call: while connecting, waiting, reading, or between attempts. The call rejects
   * with an `AbortError`.
   *
   * @default none
   */
  signal?: AbortSignal | undefined
  /**
   * Not supported: files are written natively. Any value but `undefined` is a `TypeError`.
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
  /** How long the parts of the last attempt took; `undefined` for a file that was there. Not enumerable. */
  timings?: ResponseTimings | undefined
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

/**
 * Options of `httpRequest`, `httpJson`, `httpText`, `httpGetJson` and `httpGetText`. Durations are
 * milliseconds.
 */
export interface HttpRequestOptions {
  /**
   * HTTP method, in any case. `CONNECT` is refused.
   *
   * @default 'GET'
   */
  method?: string | undefined
  /**
   * Header fields. An invalid name, or a value with a control character or one outside Latin-1,
   * rejects before anything is sent.
   *
   * @default {}
   */
  headers?: Record<string, string> | undefined
  /**
   * Request body. A string is sent as UTF-8. `Content-Length` is computed; no `Content-Type` is
   * added. A `Readable` is streamed: it cannot be combined with `retries`, and redirects are not
   * followed.
   *
   * Header fields of its `getHeaders()`, as of `form-data`, are sent unless the caller sets
   * them.
   *
   * @default none
   */
  body?: string | Uint8Array | import('node:stream').Readable | null | undefined
  /**
   * Whether redirects are followed. If not, a redirect is a response like any other.
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
   * Time limit of one attempt, in ms, redirects and body included. `0` or `Infinity`: no limit.
   *
   * @default 30000
   */
  timeout?: number | undefined
  /**
   * Longest delay between two attempts, in ms, even if `Retry-After` asks for more.
   *
   * @default 30000
   */
  retryDelayMax?: number | undefined
  /**
   * Time limit of connecting, in ms: name lookup, proxy and TLS handshake included. Rejects with
   * `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
   *
   * @default none
   */
  connectTimeout?: number | undefined
  /**
   * Longest time without a byte in either direction, in ms, once the connection is open. While a
   * `body` that is a stream has nothing to send, no time counts. Rejects with `ERR_TIMEOUT`. `0` or
   * `Infinity`: no limit.
   *
   * @default none
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
   * Called before each retry, with the number of the attempt that failed (from 1), its error,
   * and the delay in ms. Returns `false` to give up, another delay, or nothing. If it throws,
   * the call rejects with the same error.
   *
   * @default none
   */
  onRetry?: ((attempt: number, error: Error, delay: number) => boolean | number | void | undefined) | undefined
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
  /**
   * Aborts the call: while connecting, waiting, reading, or between attempts. The call rejects
   * with an `AbortError`.
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
  /**
   * How long the parts of the attempt took that brought the response. `undefined` for a response from a cache, and for
   * one of Node's own client. Computed at the first look; not enumerable.
   */
  timings?: ResponseTimings | undefined
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

/** Locks of downloads. */
export interface LockMetrics {
  /** Download locks that were acquired. */
  acquired: number
  /** Times that a lock was held by another process and had to be waited for. */
  waited: number
  /** Calls that gave up waiting for a lock (ERR_LOCK_TIMEOUT). */
  timedOut: number
  /** Locks whose holder had died or hung, and that were broken or taken over. */
  takenOver: number
  /** Time that a lock was waited for, once for each time that another process held it. */
  wait: DurationMetrics
}

/** What a process has counted. See `getMetrics`. */
export interface Metrics {
  /** When counting began, in milliseconds since 1970: the first use of this package in the process, or the last reset. */
  since: number
  requests: RequestMetrics
  downloads: DownloadMetrics
  locks: LockMetrics
  cache: CacheMetrics
  connections: ConnectionMetrics
  /** By host, with its port where that is not the usual one: 100 at most, and `other` for all beyond. */
  hosts: Record<string, HostMetrics>
}

/** The same numbers in the text format of Prometheus, version 0.0.4: `Content-Type: text/plain; version=0.0.4`. */
export declare function metricsToPrometheus(): string

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

/** Calls that asked servers. */
export interface RequestMetrics {
  /**
   * Calls that asked servers and have ended: requests, and the transfers of downloads. A call
   * that the cache answered is not among them.
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
  /** Time from the start of a call that asked servers to its end, with its retries and delays. */
  duration: DurationMetrics
}

/**
 * Starts to count again, for the whole process. Nothing is lost for the file of `SOCKET_METRICS_FILE`. Calls that are under
 * way count when they end.
 */
export declare function resetMetrics(): void

/** How long the parts of an attempt took, in milliseconds, with fractions. */
export interface ResponseTimings {
  /**
   * Looking up the name of the server, or of the proxy, where a connection was opened for this attempt and a name had to be
   * looked up.
   */
  dns?: number
  /** Connecting, the handshakes of TLS and of proxies included, where a connection was opened for this attempt. */
  connect?: number
  /** The handshake of TLS, where it can be told apart from connecting. */
  tls?: number
  /** From the start of the attempt to the head of the response, redirects included. */
  firstByte: number
  /** From the start of the attempt to the end of the body; with `stream` to the head of the response. */
  total: number
}

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
