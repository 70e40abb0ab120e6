//! A GET by way of a cache: use what is kept, ask whether it has changed, or fetch; equal calls at the same time share one request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use url::Url;

use crate::base::error::Result;
use crate::base::options::RequestOptions;
use crate::base::status::is_outage;
use crate::base::timings::Timings;
use crate::io::cache::store::{Found, Store};
use crate::io::http::transport::Transport;
use crate::metrics::{self, Counter};
use crate::operation::request::{Response, request};
use crate::policy::cache::freshness::{CacheDecision, CachedResponse, is_cacheable, kept_fields, storable};

/// How old an answer a call accepts.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub ttl: Duration,
    pub stale_if_error: Duration,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Memory,
    Disk,
    /// Kept, and the server says that it has not changed.
    Revalidated,
    /// Kept, and the server could not be asked.
    Stale,
    Network,
    /// Of the request of another call.
    Shared,
}

/// What is kept, and what is on its way.
#[derive(Debug)]
pub struct Cache {
    pub store: Store,
    shared_downloads: Arc<SharedDownloads>,
}

type Fetching = BoxFuture<'static, Result<Arc<Fetched>>>;
/// A request that several calls may wait for: it is given up when all of them are.
type SharedDownload = Shared<Fetching>;

/// The requests under way, by all that makes them equal.
#[derive(Debug, Default)]
struct SharedDownloads {
    under_way: Mutex<HashMap<String, (u64, WeakShared<Fetching>)>>,
    count: AtomicU64,
}

/// An answer for all who share a request.
#[derive(Debug)]
struct Fetched {
    answer: CachedResponse,
    url: Url,
    attempts: u32,
    timings: Option<Timings>,
    source: Source,
    age: Option<Duration>,
}

impl Cache {
    pub fn new(store: Store) -> Self {
        Self { store, shared_downloads: Arc::default() }
    }

    /// Whether a call may use the cache at all.
    pub fn concerns(options: &RequestOptions) -> bool {
        options.method == Method::GET && options.body.is_none() && !options.stream && is_cacheable(&options.headers)
    }

    /// The answer, if it is in memory and fresh. `url` has no fragment, here and below.
    pub fn get_fresh(&self, url: &Url, options: &RequestOptions, terms: Terms) -> Option<Response> {
        let key = self.store.key(url, &options.headers, &options.network)?;
        let stored = self.store.get_fresh(&key, &options.headers).filter(|stored| fits(stored, options))?;
        match stored.look(&options.headers, terms.ttl, SystemTime::now()) {
            CacheDecision::Use { age } => {
                count_lookup(Source::Memory);
                Some(given(&stored, Some(age), url.clone()))
            }
            CacheDecision::Ask { .. } => None,
        }
    }

    pub async fn get(
        self: &Arc<Self>,
        transport: &Transport,
        url: Url,
        options: RequestOptions,
        terms: Terms,
    ) -> Result<(Response, Source)> {
        self.store.open().await;
        let Some(key) = self.store.key(&url, &options.headers, &options.network) else {
            count_lookup(Source::Network);
            return request(transport, url, options).await.map(|response| (response, Source::Network));
        };
        let kept = self.store.find(&key, &options.headers).await.filter(|(stored, _)| fits(stored, &options));
        let (kept, conditions) = match kept {
            Some((stored, found)) => match stored.look(&options.headers, terms.ttl, SystemTime::now()) {
                CacheDecision::Use { age } => {
                    let source = if found == Found::Memory { Source::Memory } else { Source::Disk };
                    count_lookup(source);
                    return Ok((given(&stored, Some(age), url), source));
                }
                CacheDecision::Ask { conditions } => (Some(stored), conditions),
            },
            None => (None, HeaderMap::new()),
        };
        let equal = equal(&key, self.store.generation(), &options, terms);
        let asked =
            Asked { cache: self.clone(), transport: transport.clone(), key, url, options, terms, kept, conditions };
        // A listener that may stop a request must not stop that of others.
        let (shared_download, is_ours) = match asked.options.on_retry {
            Some(_) => (asked.fetch().boxed().shared(), true),
            None => self.shared_downloads.join(equal, asked),
        };
        let fetched = shared_download.await.inspect_err(|_| metrics::count(Counter::CacheMisses))?;
        count_lookup(fetched.source);
        let source = if is_ours { fetched.source } else { Source::Shared };
        let response = given(&fetched.answer, fetched.age, fetched.url.clone());
        Ok((Response { attempts: fetched.attempts, timings: fetched.timings, ..response }, source))
    }

    /// A request that may have changed what a URL stands for has been answered (RFC 9111, 4.4).
    pub async fn changed(&self, url: &Url, options: &RequestOptions) {
        self.store.open().await;
        if let Some(key) = self.store.key(url, &options.headers, &options.network) {
            self.store.remove(&key).await;
        }
    }
}

/// A GET that has to be sent, and what it needs.
struct Asked {
    cache: Arc<Cache>,
    transport: Transport,
    key: String,
    url: Url,
    options: RequestOptions,
    terms: Terms,
    kept: Option<Arc<CachedResponse>>,
    conditions: HeaderMap,
}

impl Asked {
    async fn fetch(self) -> Result<Arc<Fetched>> {
        let generation = self.cache.store.generation();
        let mut answered = self.send(&self.conditions).await;
        if let Ok(answer) = answered.as_ref()
            && answer.status == StatusCode::NOT_MODIFIED
            && !self.conditions.is_empty()
        {
            if !answer.redirected
                && let Some(fetched) = self.revalidated(answer, generation).await
            {
                return Ok(Arc::new(fetched));
            }
            // It speaks of another answer than ours.
            answered = self.send(&HeaderMap::new()).await;
        }
        if let Some(fetched) = self.stale_if_error_response(&answered) {
            return Ok(Arc::new(fetched));
        }
        let time = SystemTime::now();
        let Response { status, status_text, headers, body, url, redirected, attempts, timings, .. } = answered?;
        let varies = storable(&self.options.headers, status, &headers, time);
        let answer = CachedResponse::new(status, status_text, headers, body, time);
        // A redirect's target is not what the URL stands for. On the way to another origin and back, credentials are dropped that
        // are in the key.
        if let Some(varies) = varies.filter(|_| !redirected) {
            self.keep(generation, varies, answer.clone()).await;
        }
        Ok(Arc::new(Fetched { answer, url, attempts, timings, source: Source::Network, age: None }))
    }

    async fn send(&self, conditions: &HeaderMap) -> Result<Response> {
        let mut options = self.options.clone();
        options.headers.extend(conditions.clone());
        request(&self.transport, self.url.clone(), options).await
    }

    /// What is kept, if the server says that it has not changed.
    async fn revalidated(&self, answer: &Response, generation: u64) -> Option<Fetched> {
        let time = SystemTime::now();
        let sent = &self.options.headers;
        let kept = self.kept.as_ref()?.validated(sent, &answer.headers, time)?;
        if let Some(varies) = storable(sent, kept.status, &kept.headers, time) {
            self.keep(generation, varies, kept.clone()).await;
        }
        let (url, attempts, timings) = (self.url.clone(), answer.attempts, answer.timings);
        let age = Some(Duration::ZERO);
        Some(Fetched { answer: kept, url, attempts, timings, source: Source::Revalidated, age })
    }

    /// What is kept, if there is no answer, and the caller would rather have an old one.
    fn stale_if_error_response(&self, answered: &Result<Response>) -> Option<Fetched> {
        let kept = self.kept.as_ref()?;
        let (is_missing, attempts) = match answered {
            Ok(answer) => (is_outage(answer.status.as_u16()), answer.attempts),
            Err(error) => (error.is_retryable(), error.details().attempts.unwrap_or(0)),
        };
        let Terms { ttl, stale_if_error } = self.terms;
        let now = SystemTime::now();
        let is_usable = is_missing && kept.is_usable_in_need(ttl, stale_if_error, now);
        let (answer, age) = (CachedResponse::clone(kept), now.duration_since(kept.time).ok());
        is_usable.then(|| Fetched {
            answer,
            url: self.url.clone(),
            attempts,
            timings: None,
            source: Source::Stale,
            age,
        })
    }

    async fn keep(&self, generation: u64, varies: Vec<HeaderName>, mut answer: CachedResponse) {
        answer.headers = kept_fields(&answer.headers);
        self.cache.store.put(generation, &self.key, varies, &self.options.headers, Arc::new(answer)).await;
    }
}

impl SharedDownloads {
    /// The request of another call, if an equal one is under way; whether it is ours.
    fn join(self: &Arc<Self>, equal: String, asked: Asked) -> (SharedDownload, bool) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared_download) = under_way.get(&equal).and_then(|(_, shared_download)| shared_download.upgrade())
        {
            return (shared_download, false);
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let landing = SharedOutcome { shared_downloads: self.clone(), equal: equal.clone(), number };
        let fetch = async move {
            // Dropped with the request, however it ends.
            let _landing = landing;
            asked.fetch().await
        };
        let shared_download = fetch.boxed().shared();
        under_way.extend(shared_download.downgrade().map(|weak| (equal, (number, weak))));
        (shared_download, true)
    }
}

struct SharedOutcome {
    shared_downloads: Arc<SharedDownloads>,
    equal: String,
    number: u64,
}

impl Drop for SharedOutcome {
    fn drop(&mut self) {
        let mut under_way = self.shared_downloads.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.get(&self.equal).is_some_and(|(number, _)| *number == self.number) {
            under_way.remove(&self.equal);
        }
    }
}

/// All that makes two calls equal: they ask for the same, in the same way, since the store was last cleared.
fn equal(key: &str, generation: u64, options: &RequestOptions, terms: Terms) -> String {
    let RequestOptions {
        method: _,
        // Those that are secret are in the key.
        headers,
        body: _,
        redirects,
        retry,
        on_retry: _,
        // Who asks first is told.
        hooks: _,
        observer: _,
        timeout,
        idle_timeout,
        network,
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

/// `age` is that in the cache; `None`: it comes from the server.
fn given(stored: &CachedResponse, age: Option<Duration>, url: Url) -> Response {
    Response {
        status: stored.status,
        status_text: stored.status_text.clone(),
        headers: age.map_or_else(|| stored.headers.clone(), |age| stored.aged(age)),
        body: stored.body.clone(),
        stream: None,
        url,
        redirected: false,
        attempts: 0,
        timings: None,
    }
}

/// Counts what a cache was good for.
fn count_lookup(source: Source) {
    metrics::count(match source {
        Source::Memory => Counter::CacheMemoryHits,
        Source::Disk => Counter::CacheDiskHits,
        Source::Revalidated => Counter::CacheRevalidated,
        Source::Stale => Counter::CacheStale,
        Source::Network | Source::Shared => Counter::CacheMisses,
    });
}
