//! A GET by way of a cache: use what is kept, ask whether it has changed, or fetch; equal calls at the same time share one request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use http::header::HeaderMap;
use http::{Method, StatusCode};
use url::Url;

use crate::error::Result;
use crate::io::store::{Found, Store};
use crate::io::transport::Transport;
use crate::operation::request::{Response, request};
use crate::options::RequestOptions;
use crate::policy::freshness::{Next, Stored, is_cacheable, is_outage, storable};

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
    flights: Arc<Flights>,
}

/// A request that several calls may wait for: it is given up when all of them are.
type Flight = Shared<BoxFuture<'static, Result<Arc<Fetched>>>>;

/// The requests under way, by all that makes them equal.
#[derive(Debug, Default)]
struct Flights {
    under_way: Mutex<HashMap<String, (u64, WeakShared<BoxFuture<'static, Result<Arc<Fetched>>>>)>>,
    count: AtomicU64,
}

/// An answer for all who share a request.
#[derive(Debug)]
struct Fetched {
    answer: Stored,
    url: Url,
    attempts: u32,
    source: Source,
    age: Option<Duration>,
}

impl Cache {
    pub fn new(store: Store) -> Self {
        Self { store, flights: Arc::default() }
    }

    /// Whether a call may use the cache at all.
    pub fn concerns(options: &RequestOptions) -> bool {
        options.method == Method::GET && options.body.is_none() && !options.stream && is_cacheable(&options.headers)
    }

    /// The answer, if it is in memory and fresh. `url` has no fragment, here and below.
    pub fn recall(&self, url: &Url, options: &RequestOptions, terms: Terms) -> Option<Response> {
        let key = self.store.key(url, &options.headers, &options.network.tls)?;
        let stored = self.store.recall(&key, &options.headers).filter(|stored| fits(stored, options))?;
        match stored.look(&options.headers, terms.ttl, SystemTime::now()) {
            Next::Use { age } => Some(given(&stored, Some(age), url.clone())),
            Next::Ask { .. } => None,
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
        let Some(key) = self.store.key(&url, &options.headers, &options.network.tls) else {
            return request(transport, url, options).await.map(|response| (response, Source::Network));
        };
        let kept = self.store.find(&key, &options.headers).await.filter(|(stored, _)| fits(stored, &options));
        let (kept, conditions) = match kept {
            Some((stored, found)) => match stored.look(&options.headers, terms.ttl, SystemTime::now()) {
                Next::Use { age } => {
                    let source = if found == Found::Memory { Source::Memory } else { Source::Disk };
                    return Ok((given(&stored, Some(age), url), source));
                }
                Next::Ask { conditions } => (Some(stored), conditions),
            },
            None => (None, HeaderMap::new()),
        };
        let equal = equal(&key, self.store.era(), &options, terms);
        let asked = Asked { cache: self.clone(), transport: transport.clone(), key, url, options, terms, kept, conditions };
        // A listener that may stop a request must not stop that of others.
        let (flight, is_ours) = match asked.options.on_retry {
            Some(_) => (asked.fetch().boxed().shared(), true),
            None => self.flights.join(equal, asked),
        };
        let fetched = flight.await?;
        let source = if is_ours { fetched.source } else { Source::Shared };
        let response = given(&fetched.answer, fetched.age, fetched.url.clone());
        Ok((Response { attempts: fetched.attempts, ..response }, source))
    }

    /// A request that may have changed what a URL stands for has been answered (RFC 9111, 4.4).
    pub async fn changed(&self, url: &Url, options: &RequestOptions) {
        self.store.open().await;
        if let Some(key) = self.store.key(url, &options.headers, &options.network.tls) {
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
    kept: Option<Arc<Stored>>,
    conditions: HeaderMap,
}

impl Asked {
    async fn fetch(self) -> Result<Arc<Fetched>> {
        let Self { cache, transport, key, url, options, terms, kept, conditions } = self;
        let era = cache.store.era();
        let sent = options.headers.clone();
        let mut asking = options.clone();
        let is_conditional = kept.is_some() && !conditions.is_empty();
        asking.headers.extend(conditions);
        let mut answered = request(&transport, url.clone(), asking).await;
        let mut time = SystemTime::now();
        if let (Ok(answer), Some(kept), true) = (&answered, &kept, is_conditional) {
            if answer.status == StatusCode::NOT_MODIFIED {
                if let Some(stored) = kept.validated(&sent, &answer.headers, time) {
                    let attempts = answer.attempts;
                    let varies = storable(&sent, stored.status, &stored.headers, time);
                    let stored = Arc::new(stored);
                    if let Some(varies) = varies {
                        cache.store.put(era, &key, varies, &sent, stored.clone()).await;
                    }
                    let answer = Stored::clone(&stored);
                    let age = Some(Duration::ZERO);
                    return Ok(Arc::new(Fetched { answer, url, attempts, source: Source::Revalidated, age }));
                }
                // It speaks of another answer than ours.
                answered = request(&transport, url.clone(), options.clone()).await;
                time = SystemTime::now();
            }
        }
        if let Some(kept) = kept {
            let is_missing = match &answered {
                Ok(answer) => is_outage(answer.status),
                Err(error) => error.is_retryable(),
            };
            if is_missing && kept.is_usable_in_need(terms.ttl, terms.stale_if_error, time) {
                let age = time.duration_since(kept.time).ok();
                let answer = Stored::clone(&kept);
                return Ok(Arc::new(Fetched { answer, url, attempts: 0, source: Source::Stale, age }));
            }
        }
        let Response { status, status_text, headers, body, url: from, attempts, .. } = answered?;
        // What a redirect led to is not what the URL stands for.
        let is_own = without_credentials(&url) == from;
        let varies = storable(&sent, status, &headers, time).filter(|_| is_own);
        let answer = Stored::new(status, status_text, headers, body, time);
        if let Some(varies) = varies {
            cache.store.put(era, &key, varies, &sent, Arc::new(answer.clone())).await;
        }
        Ok(Arc::new(Fetched { answer, url: from, attempts, source: Source::Network, age: None }))
    }
}

impl Flights {
    /// The request of another call, if an equal one is under way; whether it is ours.
    fn join(self: &Arc<Self>, equal: String, asked: Asked) -> (Flight, bool) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = under_way.get(&equal).and_then(|(_, flight)| flight.upgrade()) {
            return (flight, false);
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let landing = Landing { flights: self.clone(), equal: equal.clone(), number };
        let fetch = async move {
            // Dropped with the request, however it ends.
            let _landing = landing;
            asked.fetch().await
        };
        let flight = fetch.boxed().shared();
        under_way.extend(flight.downgrade().map(|weak| (equal, (number, weak))));
        (flight, true)
    }
}

struct Landing {
    flights: Arc<Flights>,
    equal: String,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut under_way = self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.get(&self.equal).is_some_and(|(number, _)| *number == self.number) {
            under_way.remove(&self.equal);
        }
    }
}

/// All that makes two calls equal: they ask for the same, in the same way, since the store was last cleared.
fn equal(key: &str, era: u64, options: &RequestOptions, terms: Terms) -> String {
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
        timeout,
        idle_timeout,
        network,
        max_size,
        stream: _,
    } = options;
    format!("{key} {era} {headers:?} {redirects:?} {retry:?} {timeout:?} {idle_timeout:?} {max_size:?} {network:p} {terms:?}")
}

fn fits(stored: &Stored, options: &RequestOptions) -> bool {
    options.max_size.is_none_or(|limit| stored.body.len() as u64 <= limit)
}

/// `age` is that in the cache; `None`: it comes from the server.
fn given(stored: &Stored, age: Option<Duration>, url: Url) -> Response {
    Response {
        status: stored.status,
        status_text: stored.status_text.clone(),
        headers: age.map_or_else(|| stored.headers.clone(), |age| stored.aged(age)),
        body: stored.body.clone(),
        stream: None,
        url,
        attempts: 0,
    }
}

fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Neither fails for http and https.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}
