//! The one list of names.

/// The names of one number.
#[derive(Debug)]
pub struct Entry {
    /// In the object of `getMetrics()`: `requests.byStatus.2xx`.
    pub path: &'static str,
    /// In Prometheus.
    pub family: &'static str,
    /// The label that tells it from others of its family, as `status="2xx"`.
    pub label: &'static str,
    /// The unit in JavaScript.
    pub unit: &'static str,
    /// For people. Entries of one family share the text of the first one in Prometheus.
    pub help: &'static str,
}

macro_rules! entries {
    (
        $(#[$attribute:meta])* $kind:ident, $all:ident:
        $($name:ident: $path:literal, $family:literal, $label:literal, $unit:literal, $help:literal;)*
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind { $(#[doc = $help] $name,)* }

        /// In the order of the enum.
        pub const $all: &[Entry] = &[
            $(Entry { path: $path, family: $family, label: $label, unit: $unit, help: $help },)*
        ];
    };
}

entries! {
    /// A counter.
    Counter, COUNTERS:
    RequestsTotal: "requests.total", "socket_registry_requests_total", "", "calls",
        "Calls that sent requests and have ended: requests, and the transfers of downloads. Calls that were served from a cache are not among them.";
    RequestsSucceeded: "requests.succeeded", "socket_registry_requests_succeeded_total", "", "calls",
        "Calls that ended with a response whose status is below 400, after however many attempts.";
    RequestsFailed: "requests.failed", "socket_registry_requests_failed_total", "", "calls",
        "Calls that ended without a response (aborted ones included), or with a status of 400 or above, whether or not they reject for it.";
    RequestsAttempts: "requests.attempts", "socket_registry_request_attempts_total", "", "attempts",
        "Attempts of the calls that have ended: requests.total and requests.retries together.";
    RequestsRetries: "requests.retries", "socket_registry_request_retries_total", "", "attempts",
        "Attempts after the first of the calls that have ended.";
    RequestsRedirects: "requests.redirects", "socket_registry_redirects_total", "", "redirects",
        "Redirects that were followed.";
    Status2xx: "requests.byStatus.2xx", "socket_registry_responses_total", "status=\"2xx\"", "responses",
        "Responses of servers, by the class of their status: of each attempt and each redirect.";
    Status3xx: "requests.byStatus.3xx", "socket_registry_responses_total", "status=\"3xx\"", "responses",
        "Responses with a status of 300 to 399.";
    Status4xx: "requests.byStatus.4xx", "socket_registry_responses_total", "status=\"4xx\"", "responses",
        "Responses with a status of 400 to 499.";
    Status5xx: "requests.byStatus.5xx", "socket_registry_responses_total", "status=\"5xx\"", "responses",
        "Responses with a status of 500 or above.";
    BytesReceived: "requests.bytesReceived", "socket_registry_received_bytes_total", "", "bytes",
        "Bytes of response bodies as they came, before decoding, of failed attempts too. Header fields are not counted.";
    BytesSent: "requests.bytesSent", "socket_registry_sent_bytes_total", "", "bytes",
        "Bytes of request bodies that were handed to connections. Header fields are not counted.";
    DownloadsTotal: "downloads.total", "socket_registry_downloads_total", "", "calls",
        "Calls for a file that have ended: downloads.published, cached, shared and failed together.";
    DownloadsPublished: "downloads.published", "socket_registry_downloads_published_total", "", "calls",
        "Downloads that fetched a file and put it at its destination.";
    DownloadsCached: "downloads.cached", "socket_registry_downloads_cached_total", "", "calls",
        "Calls for a file that was there, or that another process published while this one waited for its lock.";
    DownloadsShared: "downloads.shared", "socket_registry_downloads_shared_total", "", "calls",
        "Calls that were given the file of another call in this process.";
    DownloadsResumed: "downloads.resumed", "socket_registry_downloads_resumed_total", "", "calls",
        "Published downloads whose last attempt continued a part that was there.";
    DownloadsFailed: "downloads.failed", "socket_registry_downloads_failed_total", "", "calls",
        "Calls for a file that rejected, aborted ones included.";
    DownloadsBytes: "downloads.bytes", "socket_registry_download_bytes_total", "", "bytes",
        "Bytes of published files that were fetched for them by their last attempt.";
    DownloadsBytesSaved: "downloads.bytesSaved", "socket_registry_download_saved_bytes_total", "", "bytes",
        "Bytes that were not fetched because they were there: of cached and shared files, and of the parts that were resumed.";
    DownloadsSources: "downloads.sources", "socket_registry_download_sources_total", "", "sources",
        "Sources that downloads turned to: the URL, and mirrors where there are any.";
    LocksAcquired: "locks.acquired", "socket_registry_locks_acquired_total", "", "locks",
        "Download locks that were acquired.";
    LocksWaited: "locks.waited", "socket_registry_locks_waited_total", "", "locks",
        "Times that a lock was held by another process and had to be waited for.";
    LocksTimedOut: "locks.timedOut", "socket_registry_locks_timed_out_total", "", "calls",
        "Calls that gave up waiting for a lock (`ERR_LOCK_TIMEOUT`).";
    LocksTakenOver: "locks.takenOver", "socket_registry_locks_taken_over_total", "", "locks",
        "Locks whose holder had died or hung, and that were broken or taken over.";
    CacheMemoryHits: "cache.memoryHits", "socket_registry_cache_lookups_total", "result=\"memory\"", "calls",
        "Calls of clients with a cache, by the source of the response. Here: memory.";
    CacheDiskHits: "cache.diskHits", "socket_registry_cache_lookups_total", "result=\"disk\"", "calls",
        "Calls with a response from disk.";
    CacheRevalidated: "cache.revalidated", "socket_registry_cache_lookups_total", "result=\"revalidated\"", "calls",
        "Calls with a cached response that the server confirmed by a 304.";
    CacheStale: "cache.stale", "socket_registry_cache_lookups_total", "result=\"stale\"", "calls",
        "Calls with an expired response, because the server failed (`staleIfError`).";
    CacheMisses: "cache.misses", "socket_registry_cache_lookups_total", "result=\"miss\"", "calls",
        "Calls for which the cache had nothing to use. Those that shared the request of an equal call count as that one does.";
    ConnectionsOpened: "connections.opened", "socket_registry_connections_opened_total", "", "connections",
        "Connections that brought a first response.";
    ConnectionsReused: "connections.reused", "socket_registry_connections_reused_total", "", "responses",
        "Responses that came by a connection which had brought one before.";
    TlsHandshakes: "connections.tlsHandshakes", "socket_registry_tls_handshakes_total", "", "connections",
        "Connections opened with TLS to their server.";
    Http2: "connections.http2", "socket_registry_http2_connections_total", "", "connections",
        "Connections opened that speak HTTP/2.";
}

entries! {
    /// A recorded duration.
    Timer, TIMERS:
    Requests: "requests.duration", "socket_registry_request_duration_seconds", "", "ms",
        "Time from the start of a call that sent requests to its end, with its retries and delays.";
    Downloads: "downloads.duration", "socket_registry_download_duration_seconds", "", "ms",
        "Time from the start of a call for a file to its end.";
    LockWaits: "locks.wait", "socket_registry_lock_wait_seconds", "", "ms",
        "Time that a lock was waited for, once for each time that another process held it.";
}

/// The numbers of each host.
pub const HOSTS: &[Entry] = &[
    Entry {
        path: "hosts.<host>.requests",
        family: "socket_registry_host_requests_total",
        label: "host",
        unit: "calls",
        help: "Calls whose first request went to this host, and that have ended. The name has a port where that is not the usual one.",
    },
    Entry {
        path: "hosts.<host>.failed",
        family: "socket_registry_host_requests_failed_total",
        label: "host",
        unit: "calls",
        help: "Those of them that failed.",
    },
    Entry {
        path: "hosts.<host>.duration",
        family: "socket_registry_host_request_duration_seconds",
        label: "host",
        unit: "ms",
        help: "Time from the start of such a call to its end.",
    },
];

/// The beginning of counting.
pub const SINCE: Entry = Entry {
    path: "since",
    family: "socket_registry_counting_since_timestamp_seconds",
    label: "",
    unit: "ms since 1970",
    help: "When counting began: the first use of this package in the process, or the last reset.",
};

/// The kinds of errors.
pub const ERRORS: Entry = Entry {
    path: "",
    family: "socket_registry_errors_total",
    label: "operation, code, host, status",
    unit: "calls",
    help: "Failed calls, by operation, code, host and status.",
};

/// The upper bounds of buckets in Prometheus, in seconds: those that OpenTelemetry advises for
/// `http.client.request.duration`.
pub const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The same in microseconds.
pub const BOUNDS_MICROS: [u64; 14] = [
    5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000, 2_500_000, 5_000_000,
    7_500_000, 10_000_000,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_has_a_name_of_its_own() {
        let all: Vec<_> = COUNTERS.iter().chain(TIMERS).chain(HOSTS).collect();
        let paths: HashSet<_> = all.iter().map(|entry| entry.path).collect();
        let series: HashSet<_> = all.iter().map(|entry| (entry.family, entry.label)).collect();
        assert_eq!((paths.len(), series.len()), (all.len(), all.len()));
        assert!(all.iter().all(|entry| entry.help.ends_with('.') && !entry.unit.is_empty()));
    }

    #[test]
    fn the_bounds_are_the_same_in_both_units() {
        for (seconds, micros) in BOUNDS.into_iter().zip(BOUNDS_MICROS) {
            assert_eq!(std::time::Duration::from_secs_f64(seconds).as_micros(), u128::from(micros));
        }
    }
}
