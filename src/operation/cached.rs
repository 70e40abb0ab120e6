//! A GET through a cache: use the cached response, revalidate it, or fetch. Concurrent identical
//! calls share one request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::error::Result;
use crate::base::options::{RequestOptions, TransferOptions};
use crate::base::status::is_outage;
use crate::base::timings::Timings;
use crate::io::cache::store::{Found, Store};
use crate::io::http::transport::Transport;
use crate::metrics::{self, Counter};
use crate::operation::request::{Response, request};
use crate::policy::cache::freshness::{CacheDecision, CachedResponse, is_cacheable, storable, stored_fields};
use crate::policy::text::debug::cache as debug;

/// The age of a cached response that a call accepts.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub ttl: Duration,
    pub stale_if_error: Duration,
}

/// The origin of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Memory,
    Disk,
    /// Cached, and confirmed by a 304 of the server.
    Revalidated,
    /// Cached and expired, in an outage.
    Stale,
    Network,
    /// The response to the request of an identical call.
    Shared,
}

/// Cached responses, and the requests under way.
#[derive(Debug)]
pub struct Cache {
    pub store: Store,
    under_way: Arc<SharedRequests>,
}

type Fetching = BoxFuture<'static, Result<Arc<Fetched>>>;
/// A request that several calls may wait for. Cancelled when all of them are dropped.
type SharedRequest = Shared<Fetching>;

/// The requests under way, by everything that makes them identical.
#[derive(Debug, Default)]
struct SharedRequests {
    requests: Mutex<HashMap<String, (u64, WeakShared<Fetching>)>>,
    count: AtomicU64,
}

/// A response for all calls that share a request.
#[derive(Debug)]
struct Fetched {
    response: CachedResponse,
    url: Url,
    attempts: u32,
    timings: Option<Timings>,
    source: Source,
    age: Option<Duration>,
}

impl Cache {
    pub fn new(store: Store) -> Self {
        Self { store, under_way: Arc::default() }
    }

    /// Whether a call may use the cache at all.
    pub fn concerns(options: &RequestOptions) -> bool {
        options.method == Method::GET
            && options.body.is_none()
            && !options.stream
            && is_cacheable(&options.transfer.headers)
    }

    /// The response, if it is in memory and fresh. `url` has no fragment, here and below.
    pub fn get_fresh(&self, url: &Url, options: &RequestOptions, terms: Terms) -> Option<Box<Response>> {
        let key = self.store.key(url, &options.transfer.headers, &options.transfer.network)?;
        let stored = self.store.get_fresh(&key, &options.transfer.headers).filter(|stored| fits(stored, options))?;
        match stored.decide(&options.transfer.headers, terms.ttl, SystemTime::now()) {
            CacheDecision::Use { age } => {
                note_lookup(Source::Memory, options, url, Some(age));
                Some(response_of(&stored, Some(age), url.clone()))
            }
            CacheDecision::Fetch { .. } => None,
        }
    }

    pub async fn get(
        self: &Arc<Self>,
        transport: &Transport,
        url: Url,
        options: RequestOptions,
        terms: Terms,
    ) -> Result<(Box<Response>, Source)> {
        self.store.open().await;
        if let Some((directory, why)) = self.store.unusable() {
            options.transfer.network.log.once(|| debug::unusable(directory, why));
        }
        let Some(key) = self.store.key(&url, &options.transfer.headers, &options.transfer.network) else {
            note_lookup(Source::Network, &options, &url, None);
            let never = CancellationToken::new();
            return request(transport, url, options, &never).await.map(|response| (response, Source::Network));
        };
        let cached =
            self.store.find(&key, &options.transfer.headers).await.filter(|(stored, _)| fits(stored, &options));
        let (cached, conditions) = match cached {
            Some((stored, found)) => match stored.decide(&options.transfer.headers, terms.ttl, SystemTime::now()) {
                CacheDecision::Use { age } => {
                    let source = if found == Found::Memory { Source::Memory } else { Source::Disk };
                    note_lookup(source, &options, &url, Some(age));
                    return Ok((response_of(&stored, Some(age), url), source));
                }
                CacheDecision::Fetch { conditions } => (Some(stored), conditions),
            },
            None => (None, HeaderMap::new()),
        };
        let (log, requested) = (options.transfer.network.log, url.clone());
        let identity = identity_of(&key, self.store.generation(), &options, terms);
        let fetch =
            Fetch { cache: self.clone(), transport: transport.clone(), key, url, options, terms, cached, conditions };
        // An `onRetry` may stop its request, and must not stop the request of another call.
        let (shared_request, is_ours) = match fetch.options.transfer.on_retry {
            Some(_) => (fetch.run().boxed().shared(), true),
            None => self.under_way.join(identity, fetch),
        };
        let fetched = shared_request.await.inspect_err(|_| metrics::count(Counter::CacheMisses))?;
        count_lookup(fetched.source);
        let source = if is_ours { fetched.source } else { Source::Shared };
        log.line(|| debug::lookup(&requested, described(source), fetched.age));
        let mut response = response_of(&fetched.response, fetched.age, fetched.url.clone());
        (response.attempts, response.timings) = (fetched.attempts, fetched.timings.clone());
        Ok((response, source))
    }

    /// Invalidates a URL after the response to a request that may have changed its resource
    /// (RFC 9111, 4.4).
    pub async fn invalidate(&self, url: &Url, options: &RequestOptions) {
        self.store.open().await;
        if let Some(key) = self.store.key(url, &options.transfer.headers, &options.transfer.network) {
            self.store.remove(&key).await;
        }
    }
}

/// A GET that has to be sent.
struct Fetch {
    cache: Arc<Cache>,
    transport: Transport,
    key: String,
    url: Url,
    options: RequestOptions,
    terms: Terms,
    /// The cached response to revalidate.
    cached: Option<Arc<CachedResponse>>,
    conditions: HeaderMap,
}

impl Fetch {
    async fn run(self) -> Result<Arc<Fetched>> {
        let generation = self.cache.store.generation();
        let mut result = self.send(&self.conditions).await;
        if let Ok(response) = result.as_ref()
            && response.status == StatusCode::NOT_MODIFIED
            && !self.conditions.is_empty()
        {
            if !response.redirected
                && let Some(fetched) = self.revalidated(response, generation).await
            {
                return Ok(Arc::new(fetched));
            }
            // The 304 is about another response than the cached one.
            result = self.send(&HeaderMap::new()).await;
        }
        if let Some(fetched) = self.stale_if_error_response(&result) {
            return Ok(Arc::new(fetched));
        }
        let time = SystemTime::now();
        let Response {
            status, status_text, headers, body, url, redirected, may_be_truncated, attempts, timings, ..
        } = *result?;
        let varies = storable(&self.options.transfer.headers, status, &headers, time);
        let response = CachedResponse::new(status, status_text, headers, body, time);
        // The target of a redirect is not the resource of the URL. On the way to another origin and
        // back, credentials that are in the key are dropped.
        if let Some(varies) = varies.filter(|_| !redirected && !may_be_truncated) {
            self.store(generation, varies, response.clone()).await;
        }
        Ok(Arc::new(Fetched { response, url, attempts, timings, source: Source::Network, age: None }))
    }

    async fn send(&self, conditions: &HeaderMap) -> Result<Box<Response>> {
        let mut options = self.options.clone();
        options.transfer.headers.extend(conditions.clone());
        // Dropped when the last call that waits for it is cancelled.
        request(&self.transport, self.url.clone(), options, &CancellationToken::new()).await
    }

    /// The cached response after a 304 of the server.
    async fn revalidated(&self, not_modified: &Response, generation: u64) -> Option<Fetched> {
        let time = SystemTime::now();
        let sent = &self.options.transfer.headers;
        let response = self.cached.as_ref()?.validated(sent, &not_modified.headers, time)?;
        if let Some(varies) = storable(sent, response.status, &response.headers, time) {
            self.store(generation, varies, response.clone()).await;
        }
        let (url, attempts, timings) = (self.url.clone(), not_modified.attempts, not_modified.timings.clone());
        let age = Some(Duration::ZERO);
        Some(Fetched { response, url, attempts, timings, source: Source::Revalidated, age })
    }

    /// The expired response, in an outage, if the caller accepts it.
    fn stale_if_error_response(&self, result: &Result<Box<Response>>) -> Option<Fetched> {
        let cached = self.cached.as_ref()?;
        let (is_missing, attempts) = match result {
            Ok(response) => (is_outage(response.status.as_u16()), response.attempts),
            Err(error) => (error.is_retryable(), error.details().attempts.unwrap_or(0)),
        };
        let Terms { ttl, stale_if_error } = self.terms;
        let now = SystemTime::now();
        let is_usable = is_missing && cached.is_usable_if_error(ttl, stale_if_error, now);
        let (response, age) = (CachedResponse::clone(cached), now.duration_since(cached.time).ok());
        let url = self.url.clone();
        is_usable.then_some(Fetched { response, url, attempts, timings: None, source: Source::Stale, age })
    }

    async fn store(&self, generation: u64, varies: Vec<HeaderName>, mut response: CachedResponse) {
        response.headers = stored_fields(&response.headers);
        let sent = &self.options.transfer.headers;
        self.cache.store.put(generation, &self.key, varies, sent, Arc::new(response)).await;
    }
}

impl SharedRequests {
    /// Joins an identical request under way, or starts this one. `true` if it was started.
    fn join(self: &Arc<Self>, identity: String, fetch: Fetch) -> (SharedRequest, bool) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(request) = requests.get(&identity).and_then(|(_, request)| request.upgrade()) {
            return (request, false);
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let registration = Registration { under_way: self.clone(), identity: identity.clone(), number };
        let request = async move {
            // Dropped with the request, however it ends.
            let _registration = registration;
            fetch.run().await
        };
        let request = request.boxed().shared();
        requests.extend(request.downgrade().map(|weak| (identity, (number, weak))));
        (request, true)
    }
}

/// Removes a request from those under way when it is dropped.
struct Registration {
    under_way: Arc<SharedRequests>,
    identity: String,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut requests = self.under_way.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.get(&self.identity).is_some_and(|(number, _)| *number == self.number) {
            requests.remove(&self.identity);
        }
    }
}

/// Everything that makes two calls identical: the same resource, in the same way, since the store
/// was last cleared.
fn identity_of(key: &str, generation: u64, options: &RequestOptions, terms: Terms) -> String {
    let RequestOptions {
        transfer:
            TransferOptions {
                // Secret ones are in the key.
                headers,
                redirects,
                retry,
                on_retry: _,
                observer: _,
                timeout,
                idle_timeout,
                network,
            },
        method: _,
        body: _,
        // Those of the call that sends the request are notified.
        hooks: _,
        max_size,
        stream: _,
    } = options;
    format!(
        "{key} {generation} {headers:?} {redirects:?} {retry:?} {timeout:?} {idle_timeout:?} {max_size:?} {network:?} {terms:?}"
    )
}

fn fits(stored: &CachedResponse, options: &RequestOptions) -> bool {
    options.max_size.is_none_or(|limit| stored.body.len() as u64 <= limit)
}

/// The response for a caller. `age` is its age in the cache; `None` for a response from the server.
fn response_of(stored: &CachedResponse, age: Option<Duration>, url: Url) -> Box<Response> {
    Box::new(Response {
        status: stored.status,
        status_text: stored.status_text.clone(),
        headers: age.map_or_else(|| stored.headers.clone(), |age| stored.headers_with_age(age)),
        body: stored.body.clone(),
        stream: None,
        url,
        redirected: false,
        may_be_truncated: false,
        attempts: 0,
        timings: None,
    })
}

/// Counts the use of a cache, and writes its line.
fn note_lookup(source: Source, options: &RequestOptions, url: &Url, age: Option<Duration>) {
    count_lookup(source);
    options.transfer.network.log.line(|| debug::lookup(url, described(source), age));
}

fn described(source: Source) -> &'static str {
    match source {
        Source::Memory => "hit in memory",
        Source::Disk => "hit on disk",
        Source::Revalidated => "revalidated, not modified",
        Source::Stale => "stale response, because the server failed",
        Source::Network => "miss",
        Source::Shared => "miss, shares the request of another call",
    }
}

/// Counts the use of a cache.
fn count_lookup(source: Source) {
    metrics::count(match source {
        Source::Memory => Counter::CacheMemoryHits,
        Source::Disk => Counter::CacheDiskHits,
        Source::Revalidated => Counter::CacheRevalidated,
        Source::Stale => Counter::CacheStale,
        Source::Network | Source::Shared => Counter::CacheMisses,
    });
}
