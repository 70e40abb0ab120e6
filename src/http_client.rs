//! The calls to one API: the base of its paths, the origin that gets its credentials, and the cache
//! of its responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use tokio::select;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::error::{Error, Result};
use crate::base::options::{Caching, RequestOptions};
use crate::client::Client;
use crate::io::cache::store::Store;
use crate::operation::cached::{Cache, Source, Terms};
use crate::operation::request::Response;
use crate::policy::cache::key::readable_prefix;
use crate::policy::cache::prefix::Prefix;
use crate::policy::http::address::{Base, is_absolute, parse_url};
use crate::policy::http::credentials::remove_credentials;

#[derive(Debug)]
pub struct HttpClient {
    base: Option<Base>,
    caching: Caching,
    cache: Option<Arc<Cache>>,
    counts: Counts,
}

/// The caching of one call, where it differs from the caching of its client.
#[derive(Clone, Copy, Debug)]
pub struct CallCaching {
    pub is_on: bool,
    pub ttl: Option<Duration>,
    pub stale_if_error: Option<Duration>,
}

impl Default for CallCaching {
    fn default() -> Self {
        Self { is_on: true, ttl: None, stale_if_error: None }
    }
}

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    failures: AtomicU64,
    attempts: AtomicU64,
    memory: AtomicU64,
    disk: AtomicU64,
    revalidated: AtomicU64,
    stale: AtomicU64,
    shared: AtomicU64,
}

/// Counts since the client was created. Downloads are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Calls that have ended.
    pub requests: u64,
    /// Calls without a response.
    pub failures: u64,
    /// Attempts, failed ones included. Those of a shared request count once.
    pub attempts: u64,
    pub memory_hits: u64,
    pub disk_hits: u64,
    pub revalidated: u64,
    pub stale: u64,
    pub shared: u64,
    pub memory_entries: u64,
    pub memory_bytes: u64,
}

impl HttpClient {
    pub fn new(base: Option<Base>, caching: Caching, store: Option<Store>) -> Self {
        let cache = store.map(|store| Arc::new(Cache::new(store)));
        Self { base, caching, cache, counts: Counts::default() }
    }

    /// The URL of a path or URL of a caller.
    pub fn resolve(&self, target: &str) -> Result<Url> {
        match &self.base {
            Some(base) => base.resolve(target),
            None if is_absolute(target) => parse_url(target),
            None => Err(Error::argument("url", "must be a URL with its scheme: the client has no baseUrl", "a path")),
        }
    }

    /// The client's own fields for this URL. Credentials are sent to the origin of the base only.
    pub fn fields_for(&self, url: &Url, fields: &HeaderMap) -> HeaderMap {
        let mut fields = fields.clone();
        if self.base.as_ref().is_some_and(|base| !base.is_same_origin(url)) {
            remove_credentials(&mut fields);
        }
        fields
    }

    /// The response, if it is in memory and fresh.
    pub fn get_fresh(&self, url: &Url, options: &RequestOptions, call: CallCaching) -> Option<Box<Response>> {
        let cache = self.cache.as_ref().filter(|_| call.is_on && Cache::concerns(options))?;
        let response = cache.get_fresh(&without_fragment(url), options, self.terms(url, call))?;
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        self.counts.memory.fetch_add(1, Ordering::Relaxed);
        Some(response)
    }

    pub async fn request(
        &self,
        url: Url,
        options: RequestOptions,
        call: CallCaching,
        cancel: &CancellationToken,
    ) -> Result<Box<Response>> {
        let result = self.send(url, options, call, cancel).await;
        self.count(&result);
        result.map(|(response, _)| response)
    }

    async fn send(
        &self,
        url: Url,
        options: RequestOptions,
        call: CallCaching,
        cancel: &CancellationToken,
    ) -> Result<(Box<Response>, Source)> {
        let client = Client::shared();
        if let Some(cache) = self.cache.as_ref().filter(|_| call.is_on && Cache::concerns(&options)) {
            let cached = async {
                let transport = client.transport(&options.transfer.network).await?;
                cache.get(&transport, without_fragment(&url), options, self.terms(&url, call)).await
            };
            return select! {
                biased;
                () = cancel.cancelled() => Err(Error::aborted().with_url(&url)),
                result = cached => result,
            };
        }
        let invalidated = self.cache.as_ref().filter(|_| !options.method.is_safe());
        let key = invalidated.map(|_| RequestOptions { body: None, ..options.clone() });
        let response = client.request(url.clone(), options, cancel).await?;
        let is_error = response.status.is_client_error() || response.status.is_server_error();
        if let (Some(cache), Some(key), false) = (invalidated, key, is_error) {
            cache.invalidate(&without_fragment(&url), &key).await;
        }
        Ok((response, Source::Network))
    }

    /// Removes the responses whose URL begins with `prefix`: a path below the base, or a URL, in
    /// which `*` matches anything. Returns their number. Queries are not compared, because keys do
    /// not show them: a query in the prefix matches all queries.
    pub async fn clear(&self, prefix: Option<&str>) -> usize {
        let Some(cache) = &self.cache else { return 0 };
        let Some(prefix) = prefix else {
            return cache.store.clear(|_| true).await;
        };
        let prefix = match &self.base {
            Some(base) if !is_absolute(prefix) => base.url_of(prefix),
            _ => prefix.to_owned(),
        };
        let prefix = Prefix::new(readable_prefix(&prefix));
        cache.store.clear(move |url| prefix.is_prefix_of(url)).await
    }

    /// Waits for the end of everything that is still being written to the cache.
    pub async fn flush(&self) {
        if let Some(cache) = &self.cache {
            cache.store.flush().await;
        }
    }

    pub fn metrics(&self) -> Metrics {
        let Counts { requests, failures, attempts, memory, disk, revalidated, stale, shared } = &self.counts;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (entries, bytes) = self.cache.as_ref().map(|cache| cache.store.in_memory()).unwrap_or_default();
        Metrics {
            requests: of(requests),
            failures: of(failures),
            attempts: of(attempts),
            memory_hits: of(memory),
            disk_hits: of(disk),
            revalidated: of(revalidated),
            stale: of(stale),
            shared: of(shared),
            memory_entries: entries as u64,
            memory_bytes: bytes,
        }
    }

    fn terms(&self, url: &Url, call: CallCaching) -> Terms {
        let path = self.base.as_ref().map_or_else(|| url.path(), |base| base.path_of(url));
        Terms {
            ttl: call.ttl.unwrap_or_else(|| self.caching.ttl.of(path)),
            stale_if_error: call.stale_if_error.unwrap_or(self.caching.stale_if_error),
        }
    }

    fn count(&self, result: &Result<(Box<Response>, Source)>) {
        let Counts { requests, failures, attempts, memory, disk, revalidated, stale, shared } = &self.counts;
        requests.fetch_add(1, Ordering::Relaxed);
        match result {
            Ok((response, source)) => {
                let count = match source {
                    Source::Memory => Some(memory),
                    Source::Disk => Some(disk),
                    Source::Revalidated => Some(revalidated),
                    Source::Stale => Some(stale),
                    Source::Shared => Some(shared),
                    Source::Network => None,
                };
                if let Some(count) = count {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                if *source != Source::Shared {
                    attempts.fetch_add(u64::from(response.attempts), Ordering::Relaxed);
                }
            }
            Err(error) => {
                failures.fetch_add(1, Ordering::Relaxed);
                attempts.fetch_add(u64::from(error.details().attempts.unwrap_or(0)), Ordering::Relaxed);
            }
        }
    }
}

fn without_fragment(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    #[test]
    fn credentials_are_for_the_origin_of_the_base() {
        let client =
            |base: Option<&str>| HttpClient::new(base.map(|base| Base::parse(base).unwrap()), Caching::default(), None);
        let mut fields = HeaderMap::new();
        for name in ["authorization", "x-api-key", "accept"] {
            fields.insert(name, HeaderValue::from_static("x"));
        }
        let sent = |base, url: &str| client(base).fields_for(&Url::parse(url).unwrap(), &fields).len();
        assert_eq!(sent(Some("https://a.test/v0"), "https://a.test/v1"), 3);
        assert_eq!(sent(None, "https://a.test/v1"), 3);
        for url in ["https://b.test/v0", "http://a.test/v0", "https://a.test:444/v0"] {
            let left = client(Some("https://a.test/v0")).fields_for(&Url::parse(url).unwrap(), &fields);
            assert_eq!(left.keys().collect::<Vec<_>>(), [header::ACCEPT], "{url}");
        }
    }

    #[test]
    fn without_a_base_only_urls_are_taken() {
        let client = HttpClient::new(None, Caching::default(), None);
        assert!(client.resolve("https://a.test/x").is_ok());
        assert!(client.resolve("/x").is_err() && client.resolve("").is_err());
    }
}
