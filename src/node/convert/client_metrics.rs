//! The counts of an `HttpClient` as a JavaScript object.

use napi_derive::napi;

use crate::http_client::Metrics;
use crate::node::js::number::number;

/// Counts since an `HttpClient` was created. Downloads are not counted.
#[napi(object, object_from_js = false)]
pub struct HttpClientMetrics {
    /// Calls that have ended.
    pub requests: f64,
    /// Calls without a response.
    pub failures: f64,
    /// Attempts, failed ones included.
    pub attempts: f64,
    /// Calls served from memory.
    pub memory_hits: f64,
    /// Calls served from disk.
    pub disk_hits: f64,
    /// Calls served from the cache after a 304 of the server.
    pub revalidated: f64,
    /// Calls served from the cache in an outage.
    pub stale: f64,
    /// Calls served with the response to an identical call.
    pub shared: f64,
    /// Entries in memory at present.
    pub memory_entries: f64,
    /// Bytes of the entries in memory.
    pub memory_bytes: f64,
}

impl From<Metrics> for HttpClientMetrics {
    fn from(metrics: Metrics) -> Self {
        let Metrics {
            requests,
            failures,
            attempts,
            memory_hits,
            disk_hits,
            revalidated,
            stale,
            shared,
            memory_entries,
            memory_bytes,
        } = metrics;
        Self {
            requests: number(requests),
            failures: number(failures),
            attempts: number(attempts),
            memory_hits: number(memory_hits),
            disk_hits: number(disk_hits),
            revalidated: number(revalidated),
            stale: number(stale),
            shared: number(shared),
            memory_entries: number(memory_entries),
            memory_bytes: number(memory_bytes),
        }
    }
}
