//! The types of what is counted, for TypeScript alone: the objects are made from the table of
//! names, and a test compares the two.
#![allow(dead_code, reason = "for TypeScript alone")]

use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

/// The numbers of a process. See `getMetrics`.
#[napi(object)]
pub struct Metrics<'env> {
    /// When counting began, in milliseconds since 1970: the first use of this package in the
    /// process, or the last reset.
    pub since: f64,
    pub requests: RequestMetrics<'env>,
    pub downloads: DownloadMetrics,
    pub locks: LockMetrics,
    pub cache: CacheMetrics,
    pub connections: ConnectionMetrics,
    /// By host, with its port where that is not the usual one: 100 at most, and `other` for all
    /// beyond.
    #[napi(ts_type = "Record<string, HostMetrics>")]
    pub hosts: Unknown<'env>,
}

/// Calls that sent requests.
#[napi(object)]
pub struct RequestMetrics<'env> {
    /// Calls that sent requests and have ended: requests, and the transfers of downloads. Calls
    /// that were served from a cache are not among them.
    pub total: f64,
    /// Calls that ended with a response whose status is below 400, after however many attempts.
    pub succeeded: f64,
    /// Calls that ended without a response (aborted ones included), or with a status of 400 or
    /// above, whether or not they reject for it.
    pub failed: f64,
    /// Attempts of the calls that have ended: requests.total and requests.retries together.
    pub attempts: f64,
    /// Attempts after the first of the calls that have ended.
    pub retries: f64,
    /// Redirects that were followed.
    pub redirects: f64,
    /// Responses of servers, by the class of their status: of each attempt and each redirect.
    #[napi(ts_type = "{ '2xx': number; '3xx': number; '4xx': number; '5xx': number }")]
    pub by_status: Unknown<'env>,
    /// Bytes of response bodies as they came, before decoding, of failed attempts too. Header
    /// fields are not counted.
    pub bytes_received: f64,
    /// Bytes of request bodies that were handed to connections. Header fields are not counted.
    pub bytes_sent: f64,
    /// Time from the start of a call that sent requests to its end, with its retries and delays.
    pub duration: DurationMetrics,
}

/// Calls for files.
#[napi(object)]
pub struct DownloadMetrics {
    /// Calls for a file that have ended: downloads.published, cached, shared and failed together.
    pub total: f64,
    /// Downloads that fetched a file and put it at its destination.
    pub published: f64,
    /// Calls for a file that was there, or that another process published while this one waited for
    /// its lock.
    pub cached: f64,
    /// Calls that were given the file of another call in this process.
    pub shared: f64,
    /// Published downloads whose last attempt continued a part that was there.
    pub resumed: f64,
    /// Calls for a file that rejected, aborted ones included.
    pub failed: f64,
    /// Bytes of published files that were fetched for them by their last attempt.
    pub bytes: f64,
    /// Bytes that were not fetched because they were there: of cached and shared files, and of the
    /// parts that were resumed.
    pub bytes_saved: f64,
    /// Sources that downloads turned to: the URL, and mirrors where there are any.
    pub sources: f64,
    /// Time from the start of a call for a file to its end.
    pub duration: DurationMetrics,
}

/// Locks of downloads.
#[napi(object)]
pub struct LockMetrics {
    /// Download locks that were acquired.
    pub acquired: f64,
    /// Times that a lock was held by another process and had to be waited for.
    pub waited: f64,
    /// Calls that gave up waiting for a lock (`ERR_LOCK_TIMEOUT`).
    pub timed_out: f64,
    /// Locks whose holder had died or hung, and that were broken or taken over.
    pub taken_over: f64,
    /// Time that a lock was waited for, once for each time that another process held it.
    pub wait: DurationMetrics,
}

/// Calls of clients with a cache: each counts once.
#[napi(object)]
pub struct CacheMetrics {
    /// Calls with a response from memory.
    pub memory_hits: f64,
    /// Calls with a response from disk.
    pub disk_hits: f64,
    /// Calls with a cached response that the server confirmed by a 304.
    pub revalidated: f64,
    /// Calls with an expired response, because the server failed (`staleIfError`).
    pub stale: f64,
    /// Calls for which the cache had nothing to use. Those that shared the request of an equal call
    /// count as that one does.
    pub misses: f64,
}

/// Connections to servers and proxies.
#[napi(object)]
pub struct ConnectionMetrics {
    /// Connections that brought a first response.
    pub opened: f64,
    /// Responses that came by a connection which had brought one before.
    pub reused: f64,
    /// Connections opened with TLS to their server.
    pub tls_handshakes: f64,
    /// Connections opened that speak HTTP/2.
    pub http2: f64,
}

/// Calls whose first request went to one host.
#[napi(object)]
pub struct HostMetrics {
    /// Calls that have ended.
    pub requests: f64,
    /// Failed ones among them.
    pub failed: f64,
    /// Time from the start of such a call to its end.
    pub duration: DurationMetrics,
}

/// Durations, in milliseconds. The sum is exact; the others have an error of 3.2 % at most, and are
/// 0 where nothing was recorded.
#[napi(object)]
pub struct DurationMetrics {
    pub count: f64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    /// Half of them took no longer.
    pub p50: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    /// All but one of a hundred took no longer.
    pub p99: f64,
}

/// Failed calls of one kind. See `getErrors`.
#[napi(object)]
pub struct ErrorMetrics {
    /// `'request'`, `'download'` or `'lock'`; `'other'` for all kinds beyond the 199th.
    pub operation: String,
    /// The `code` of the error; `ERR_HTTP_STATUS` for a response with a status of 400 or above.
    pub code: String,
    /// The host of the first request, with its port where that is not the usual one.
    pub host: String,
    /// The status, where a response came.
    pub status: Option<u16>,
    /// The number of failed calls.
    pub count: f64,
    /// When the first one failed, in milliseconds since 1970.
    pub first_time: f64,
    /// When the last one failed.
    pub last_time: f64,
    /// The message of the last one, without secrets.
    pub message: String,
}
