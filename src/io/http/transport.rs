//! One exchange with a server, over a pool of connections. With its neighbours `connect`, `tunnel`
//! and `network_error`, all that knows reqwest.
//!
//! Redirects, retries, timeouts, decoding and `Referer` are ours, in the floors above, so that
//! their rules and messages are exact: reqwest's own are off.
#![expect(clippy::disallowed_types, reason = "the one place for the client")]

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use hyper::ext::ReasonPhrase;
use reqwest::{Client, Request, Response};
use tokio::time::timeout;
use url::{Host, Origin, Position, Url};

use self::connect::{Connecting, Protocols};
use crate::base::body::{Activity, Body};
use crate::base::error::{Error, Kind, Result};
use crate::base::observer::Trace;
use crate::base::options::Network;
use crate::base::proxy::{Proxy, forwards, shown};
use crate::io::http::error::{
    self, Refusal, is_closed_before_answer, is_ended_by_us, is_http1_required, is_unprocessed, no_data, refused,
    through,
};
use crate::io::http::lookups::Lookups;
use crate::io::http::outgoing::{Content, HandOver, Outgoing};
use crate::io::http::tls;
use crate::metrics::{self, Counter};
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::status_text::status_text;

pub mod connect;
mod tunnel;

/// How often one request may be sent again because the server says that it did not look at it.
const UNPROCESSED_MAX: u32 = 8;
/// More dead connections in a row than any pool should hold.
const STALE_MAX: u32 = 64;
/// A connection that has been quiet for longer is none of the pool, which keeps them for seconds,
/// unless other requests were on it meanwhile. Its port may then be that of another one.
const ANSWERED: Duration = Duration::from_secs(60);
/// More connections than are open at once. Beyond, they count as new.
const ANSWERED_MAX: usize = 4096;
/// More servers of this kind than a process should meet.
const HTTP1_ONLY_MAX: usize = 256;

/// Pools of connections of one [`Network`]. Cheap to clone; clones share the pools.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Pools>);

#[derive(Debug)]
struct Pools {
    proxy: Proxy,
    connecting: Connecting,
    /// Those that are needed, by the way that [`Route`] tells.
    clients: [OnceLock<Client>; 6],
    /// Servers that offered HTTP/2 and then asked for HTTP/1.1.
    http1_only: RwLock<HashSet<Origin>>,
    /// When the last answer came by a connection, which its port on this side tells. reqwest tells
    /// of no connection whether it is new, and a layer around its connector would be cloned six
    /// times for each request.
    answered: Mutex<BTreeMap<u16, Instant>>,
}

/// The way of a request: by which proxy, and whether only HTTP/1.1 is spoken on it.
#[derive(Clone, Copy, Debug)]
struct Route<'a> {
    proxy: Option<&'a Url>,
    is_secure: bool,
    protocols: Protocols,
}

impl Route<'_> {
    /// At most one proxy is for `http:`, and one for `https:`.
    fn index(self) -> usize {
        let by = match (self.proxy, self.is_secure) {
            (None, _) => 0,
            (Some(_), false) => 1,
            (Some(_), true) => 2,
        };
        by * 2 + usize::from(self.protocols == Protocols::Http1)
    }
}

/// The head of an answer; its body is still on the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// As sent; the standard phrase where none was, or none that is usable.
    pub status_text: String,
    pub headers: HeaderMap,
    body: Response,
    length: Option<u64>,
    received: u64,
    idle_timeout: Option<Duration>,
    /// Whether the request was HEAD, to whose answer no body belongs.
    is_head: bool,
    /// Whether the body ended with its TLS connection, unannounced by both.
    is_end_uncertain: bool,
    /// Seldom there.
    opening: Option<Box<Opening>>,
    hand_over: Arc<HandOver>,
    trace: Option<Trace>,
}

/// How a connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub dns: Option<Duration>,
    /// With the handshakes of TLS and of proxies: the client does not tell them apart.
    pub connect: Option<Duration>,
}

impl Transport {
    /// Blocks: reads the system's certificates.
    pub fn new(network: &Network) -> Result<Self> {
        let tls = tls::client_config(&network.tls)?;
        let connecting = Connecting { tls, timeout: network.connect_timeout, lookups: Arc::new(Lookups::default()) };
        Ok(Self(Arc::new(Pools {
            proxy: network.proxy.clone(),
            connecting,
            clients: Default::default(),
            http1_only: RwLock::default(),
            answered: Mutex::default(),
        })))
    }

    /// Sends one request and waits for the head of its answer.
    ///
    /// When a kept-alive connection turns out to be closed before any answer, an idempotent request
    /// is sent again: the server closed it for being idle, not because of the request (RFC 9112,
    /// 9.3.1). The pool may hold several such connections; the first failure on a fresh one counts.
    ///
    /// A request that an HTTP/2 server refuses, or leaves when it ends a connection, is sent again,
    /// whatever its method: it was not processed (RFC 9113, 8.7). When the server wants HTTP/1.1,
    /// it is sent again in that.
    pub async fn send(&self, hop: &RequestHead, body: Option<&Body>, idle_timeout: Option<Duration>) -> Result<Answer> {
        let proxy = self.0.proxy.of(&hop.url).map_err(|variable| {
            let message = format!("{variable} is not the URL of a proxy: expected http://host:port");
            Error::new(Kind::ArgumentValue, message).with_url(&hop.url)
        })?;
        if let (Some(proxy), "https", Some(Host::Ipv6(_))) = (&proxy, hop.url.scheme(), hop.url.host()) {
            return Err(no_ipv6_behind(proxy, &hop.url));
        }
        let body = body.filter(|_| hop.with_body);
        let activity = body.and(idle_timeout).map(|_| Activity::default());
        // Pinned here: it is large, and would be copied.
        let sending = pin!(self.send_fresh(hop, body, proxy.as_ref(), activity.as_ref()));
        let sent = match (idle_timeout, &activity) {
            (Some(limit), Some(activity)) => within_idle_of(activity, limit, sending).await,
            (limit, _) => within_idle(limit, sending).await,
        };
        let mut answer = match sent {
            Ok(answer) => answer?,
            Err(limit) => return Err(through(proxy.as_ref(), no_data(limit, &hop.url))),
        };
        match proxy.as_ref().filter(|proxy| forwards(proxy, &hop.url)) {
            Some(proxy) if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(refused(proxy, answer.status, &hop.url))
            }
            _ => {
                answer.idle_timeout = idle_timeout;
                Ok(answer)
            }
        }
    }

    async fn send_fresh(
        &self,
        hop: &RequestHead,
        body: Option<&Body>,
        proxy: Option<&Url>,
        activity: Option<&Activity>,
    ) -> Result<Answer> {
        let is_whole = body.is_none_or(Body::is_whole);
        let can_repeat = is_whole && hop.method.is_idempotent();
        let mut unprocessed = 0;
        let mut stale = 0;
        let mut ended = None;
        let is_secure = hop.url.scheme() == "https";
        let protocols = if is_secure { self.protocols(hop) } else { Protocols::Any };
        let mut route = Route { proxy, is_secure, protocols };
        let credentials = proxy.filter(|proxy| forwards(proxy, &hop.url)).and_then(connect::basic);
        loop {
            let client = self.client(route)?;
            let answer = send_once(client, hop, body, activity, credentials.as_ref()).await;
            let wants_http1 = route.protocols == Protocols::Any
                && match &answer {
                    Ok(answer) => answer.is_http2() && answer.status == StatusCode::UPGRADE_REQUIRED,
                    Err(error) => is_http1_required(error),
                };
            if wants_http1 {
                self.remember_http1_only(&hop.url);
                route.protocols = Protocols::Http1;
            }
            match answer {
                _ if wants_http1 && is_whole => {}
                // Over HTTP/1.1, where each has a connection, the one that was to blame takes no
                // others along.
                Err(error) if route.protocols == Protocols::Any && can_repeat && is_ended_by_us(&error) => {
                    route.protocols = Protocols::Http1;
                    ended = Some(error::of_ended(&error, &hop.url, proxy));
                }
                Err(error)
                    if stale < STALE_MAX
                        && can_repeat
                        && is_closed_before_answer(&error)
                        && self.has_answered(&error) =>
                {
                    stale += 1;
                }
                Err(error) if is_whole && unprocessed < UNPROCESSED_MAX && is_unprocessed(&error) => unprocessed += 1,
                Err(error) => {
                    // A server that speaks HTTP/2 only has no other answer than the first.
                    return Err(match ended {
                        Some(ended) if error.is_connect() => ended,
                        _ => Box::pin(self.failed(&error, hop, proxy)).await,
                    });
                }
                Ok(mut answer) => {
                    if self.remember_answered(&answer) {
                        metrics::count(Counter::ConnectionsReused);
                    } else {
                        answer.opening = Some(Box::new(self.opened(&answer, hop, proxy)));
                    }
                    return Ok(answer);
                }
            }
        }
    }

    /// Whether the connection had brought an answer before.
    fn remember_answered(&self, answer: &Answer) -> bool {
        let Some(port) = error::port_of(&answer.body) else {
            return false;
        };
        let mut answered = self.0.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() >= ANSWERED_MAX {
            answered.clear();
        }
        answered.insert(port, Instant::now()).is_some_and(|at| at.elapsed() < ANSWERED)
    }

    /// Counts a new connection, and says how it came about.
    fn opened(&self, answer: &Answer, hop: &RequestHead, proxy: Option<&Url>) -> Opening {
        metrics::count(Counter::ConnectionsOpened);
        if hop.url.scheme() == "https" {
            metrics::count(Counter::TlsHandshakes);
        }
        if answer.is_http2() {
            metrics::count(Counter::Http2);
        }
        let name = proxy.unwrap_or(&hop.url).host_str().unwrap_or_default();
        let dns = self.0.connecting.lookups.since(name, answer.hand_over.begun());
        let connect = answer.hand_over.after().map(|after| after.saturating_sub(dns.unwrap_or_default()));
        Opening { dns, connect }
    }

    /// Whether a connection that failed had been used before, and so may have been closed for being
    /// idle.
    fn has_answered(&self, error: &reqwest::Error) -> bool {
        let Some(port) = error::port_of_failed(error) else {
            return false;
        };
        let answered = self.0.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.get(&port).is_some_and(|at| at.elapsed() < ANSWERED)
    }

    /// Over HTTP/2 a host that is not that of the URL cannot be said: the client would say both.
    fn protocols(&self, hop: &RequestHead) -> Protocols {
        let is_foreign = hop.headers.get(header::HOST).is_some_and(|host| !is_host_of(host, &hop.url));
        if is_foreign || self.is_http1_only(&hop.url) { Protocols::Http1 } else { Protocols::Any }
    }

    fn is_http1_only(&self, url: &Url) -> bool {
        let known = self.0.http1_only.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&url.origin())
    }

    fn remember_http1_only(&self, url: &Url) {
        let mut known = self.0.http1_only.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= HTTP1_ONLY_MAX {
            known.clear();
        }
        known.insert(url.origin());
    }

    /// Each client is set up when it is first needed.
    fn client(&self, route: Route<'_>) -> Result<&Client> {
        let client = &self.0.clients[route.index()];
        if let Some(client) = client.get() {
            return Ok(client);
        }
        let made = self.0.connecting.client(route.proxy, route.protocols)?;
        Ok(client.get_or_init(|| made))
    }

    async fn failed(&self, error: &reqwest::Error, hop: &RequestHead, proxy: Option<&Url>) -> Error {
        let limit = self.0.connecting.timeout;
        let failure = error::of_request(error, &hop.url, proxy, limit);
        let (Some(refusal), Some(proxy)) = (error::refusal(error), proxy) else {
            return failure;
        };
        let cause = error::chain(error);
        let status = match refusal {
            Refusal::Credentials => Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED),
            Refusal::Other => self.refused_with(proxy, &hop.url).await,
        };
        // A proxy that changed its mind has refused all the same.
        match status.filter(|status| *status != StatusCode::OK) {
            Some(status) => refused(proxy, status, &hop.url).with_cause(cause),
            None => failure,
        }
    }

    /// The status by which a proxy refuses a tunnel to a server. Takes no longer than a connection
    /// may.
    async fn refused_with(&self, proxy: &Url, server: &Url) -> Option<StatusCode> {
        let client = self.0.connecting.client(Some(proxy), Protocols::Http1).ok()?;
        let asking = tunnel::status(&client, server);
        match self.0.connecting.timeout {
            Some(limit) => timeout(limit, asking).await.ok()?.ok()?,
            None => asking.await.ok()?,
        }
    }
}

/// The client would open the tunnel, and fail then: it takes the brackets of the address for a part
/// of the name that a certificate must have.
fn no_ipv6_behind(proxy: &Url, url: &Url) -> Error {
    let message = format!(
        "https to an IPv6 address ({}) is not possible through the proxy {}: use a name, or exclude the address by NO_PROXY",
        url.host_str().unwrap_or_default(),
        shown(proxy)
    );
    Error::new(Kind::ArgumentValue, message).with_url(url)
}

/// Whether a value of `Host` says what the client says by itself.
fn is_host_of(value: &HeaderValue, url: &Url) -> bool {
    let value = value.as_bytes();
    let host = url.host_str().unwrap_or_default();
    let is = |expected: &str| value.eq_ignore_ascii_case(expected.as_bytes());
    let port = url.port_or_known_default().unwrap_or_default();
    is(&format!("{host}:{port}")) || (url.port().is_none() && is(host))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    length.to_str().ok()?.trim().parse().ok()
}

/// The fields of a request, with those that the client would add: were it to do so, each map that
/// it makes of these would grow once more.
fn fields(hop: &RequestHead) -> HeaderMap {
    let given = hop.headers.get(header::HOST);
    let is_said_by_client = given.is_none_or(|host| is_host_of(host, &hop.url));
    let mut fields = HeaderMap::with_capacity(hop.headers.len() + 4);
    // RFC 9110, 7.2: first. Over TLS the client says it, as `:authority` in HTTP/2, beside which
    // there may be no other.
    if hop.url.scheme() == "http"
        && is_said_by_client
        && let Ok(host) = HeaderValue::from_str(&hop.url[Position::BeforeHost..Position::AfterPort])
    {
        fields.insert(header::HOST, host);
    }
    for (name, value) in &hop.headers {
        if *name != header::HOST || !is_said_by_client {
            fields.append(name.clone(), value.clone());
        }
    }
    fields.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    fields
}

async fn send_once(
    client: &Client,
    hop: &RequestHead,
    body: Option<&Body>,
    activity: Option<&Activity>,
    credentials: Option<&HeaderValue>,
) -> reqwest::Result<Answer> {
    let mut request = Request::new(hop.method.clone(), hop.url.clone());
    let headers = request.headers_mut();
    *headers = fields(hop);
    if let Some(credentials) = credentials {
        headers.insert(header::PROXY_AUTHORIZATION, credentials.clone());
    }
    match body {
        // Said even of an empty body, where hyper would leave it out.
        Some(Body::Whole(body)) => drop(headers.insert(header::CONTENT_LENGTH, body.len().into())),
        // RFC 9110, 8.6: where the method expects a body, that there is none has to be said.
        None if matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) => {
            headers.insert(header::CONTENT_LENGTH, 0.into());
        }
        _ => {}
    }
    let content = match body {
        Some(body) if let Some(activity) = activity => Content::Watched(body.watched(activity)),
        Some(Body::Whole(bytes)) => Content::Whole(bytes.clone()),
        Some(Body::Stream(stream)) => Content::Stream(stream.take()),
        // Without a length, which hyper would say over HTTP/2 for methods that expect no body.
        None => Content::Nothing,
    };
    let hand_over = HandOver::begin();
    *request.body_mut() = Some(reqwest::Body::wrap(Outgoing::new(content, hand_over.clone())));
    let mut response = client.execute(request).await?;
    let status = response.status();
    let status_text = status_text(status, response.extensions().get().map(ReasonPhrase::as_bytes));
    let headers = std::mem::take(response.headers_mut());
    let is_head = hop.method == Method::HEAD;
    let length = content_length(&headers);
    Ok(Answer {
        status,
        status_text,
        headers,
        body: response,
        length,
        received: 0,
        idle_timeout: None,
        is_head,
        is_end_uncertain: false,
        opening: None,
        hand_over,
        trace: None,
    })
}

impl Answer {
    pub fn is_http2(&self) -> bool {
        self.body.version() == Version::HTTP_2
    }

    /// The announced length of the body as sent, when there is one.
    pub fn content_length(&self) -> Option<u64> {
        self.length
    }

    /// The announced length of the body that follows, which answers to HEAD and 304 have not.
    pub fn body_length(&self) -> Option<u64> {
        self.content_length().filter(|_| !self.is_head && self.status != StatusCode::NOT_MODIFIED)
    }

    /// Whether nobody can tell that the body is whole: neither had it a length, nor did TLS say
    /// that it ends (`close_notify`). Old servers end theirs so, and so does whoever cuts a
    /// connection.
    pub fn is_end_uncertain(&self) -> bool {
        self.is_end_uncertain
    }

    /// How its connection came about, if that was opened for it.
    pub fn opening(&self) -> Option<Opening> {
        self.opening.as_deref().copied()
    }

    /// The other end of the connection: the server's, or the proxy's.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.body.remote_addr()
    }

    /// Ends `trace` with the body.
    pub fn traced(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    /// Whether the body lasts until the connection ends (RFC 9112, 6.3).
    fn is_until_close(&self) -> bool {
        let is_announced = |name| self.headers.contains_key(name);
        !self.is_http2() && !is_announced(header::TRANSFER_ENCODING) && !is_announced(header::CONTENT_LENGTH)
    }

    /// The next piece of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let chunk = self.next().await;
        match (&chunk, &self.trace) {
            (Ok(Some(bytes)), _) => metrics::add(Counter::BytesReceived, bytes.len() as u64),
            (Ok(None), Some(trace)) => trace.end(),
            (Err(error), Some(trace)) => trace.fail(error),
            (_, None) => {}
        }
        chunk
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        // Over HTTP/2 the end has to be awaited: a stream that is dropped before it is reset.
        if self.is_end_uncertain || (self.body_length() == Some(self.received) && !self.is_http2()) {
            return Ok(None);
        }
        match within_idle(self.idle_timeout, self.body.chunk()).await {
            Ok(Ok(chunk)) => {
                self.received += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
                Ok(chunk)
            }
            Ok(Err(error)) if self.is_until_close() && error::is_unannounced_end(&error) => {
                self.is_end_uncertain = true;
                Ok(None)
            }
            Ok(Err(error)) => Err(error::of_body(&error, self.received, self.content_length(), self.body.url())),
            Err(limit) => Err(no_data(limit, self.body.url())),
        }
    }
}

/// `Err` is the limit that was reached.
async fn within_idle<T>(limit: Option<Duration>, waiting: impl Future<Output = T>) -> Result<T, Duration> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, waiting).await.map_err(|_| limit),
        None => Ok(waiting.await),
    }
}

/// The same while a body is sent: as long as the connection takes more of it, or its source has nothing to send, nobody is
/// silent.
async fn within_idle_of<T>(
    activity: &Activity,
    limit: Duration,
    mut waiting: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Duration> {
    loop {
        let until = activity.since().map_or_else(|| Instant::now() + limit, |since| since + limit);
        match tokio::time::timeout_at(until.into(), waiting.as_mut()).await {
            Ok(done) => return Ok(done),
            Err(_) if activity.since().is_some_and(|since| since + limit <= Instant::now()) => return Err(limit),
            Err(_) => {}
        }
    }
}
