//! Sends one request and receives the head of its response, over pooled connections.
//!
//! Redirects, retries, timeouts, decoding and `Referer` are handled by `operation` and `policy`, so
//! that their rules and messages are under this crate's control. The features of reqwest are off.
#![expect(clippy::disallowed_types, reason = "the one place for the client")]

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode, header};
use reqwest::Client;
use tokio::time::timeout;
use url::{Host, Origin, Url};

use self::connect::{Connecting, Protocols};
use self::host::HostTransport;
use self::idle::with_idle_timeout_of_request;
use self::request::is_host_of;
pub use self::response::IncomingResponse;
use crate::base::body::{Activity, Body};
use crate::base::error::{Error, Kind, Result};
use crate::base::options::Network;
use crate::base::proxy::{Proxy, forwards, host_and_port};
use crate::base::timings::Opening;
use crate::io::http::error::{
    self, Refusal, is_closed_before_response, is_ended_by_us, is_http1_required, is_unprocessed, no_data, refused,
    through,
};
use crate::io::http::lookups::Lookups;
use crate::io::http::outgoing::HandOver;
use crate::io::http::tls;
use crate::metrics::{self, Counter};
use crate::policy::http::credentials::basic_of_url;
use crate::policy::http::redirect::RequestHead;

pub mod connect;
mod host;
mod host_wire;
mod idle;
mod request;
mod response;
mod tunnel;

/// Limit of resends of one request that the server reports as not processed.
const UNPROCESSED_MAX: u32 = 8;
/// Limit of stale connections in a row: more than any pool should hold.
const STALE_MAX: u32 = 64;
/// After this time without a response, a connection is no longer in the pool, which holds idle ones
/// for seconds. Its local port may belong to another connection by then. The exception is a
/// connection that other requests used meanwhile.
const LAST_RESPONSE_MAX_AGE: Duration = Duration::from_secs(60);
/// Limit of recorded ports, above the number of connections that are open at once. If it is
/// reached, all connections count as new.
const PORTS_MAX: usize = 4096;
/// Limit of recorded servers: more of this kind than a process should meet.
const HTTP1_ONLY_MAX: usize = 256;

/// Carries out the exchanges of one [`Network`]. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Transport(Way);

#[derive(Clone, Debug)]
enum Way {
    Native(Arc<Pools>),
    Host(HostTransport),
}

/// The connection pools of one [`Network`].
#[derive(Debug)]
struct Pools {
    proxy: Proxy,
    connecting: Connecting,
    /// Clients by [`Route::index`], each created at its first use.
    clients: [OnceLock<Client>; 6],
    /// Servers that offered HTTP/2 and then required HTTP/1.1.
    http1_only: RwLock<HashSet<Origin>>,
    /// The time of the last response on each connection, by the local port. reqwest does not report
    /// whether a connection is new, and a layer around its connector would be cloned six times for
    /// each request.
    last_responses: Mutex<BTreeMap<u16, Instant>>,
}

/// The route of a request: which proxy, and whether only HTTP/1.1 is offered.
#[derive(Clone, Copy, Debug)]
struct Route<'a> {
    proxy: Option<&'a Url>,
    is_secure: bool,
    protocols: Protocols,
}

impl Route<'_> {
    /// There is at most one proxy for `http:`, and one for `https:`.
    fn index(self) -> usize {
        let by = match (self.proxy, self.is_secure) {
            (None, _) => 0,
            (Some(_), false) => 1,
            (Some(_), true) => 2,
        };
        by * 2 + usize::from(self.protocols == Protocols::Http1)
    }
}

impl Transport {
    /// Blocks: reads the files of certificates that the options name.
    pub fn new(network: &Network) -> Result<Self> {
        Pools::new(network).map(|pools| Self(Way::Native(Arc::new(pools))))
    }

    /// The transport through the client of the host program, if the network has one. Does not
    /// block.
    pub fn of_host(network: &Network) -> Option<Self> {
        HostTransport::new(network).map(|host| Self(Way::Host(host)))
    }

    /// Returns a transport with the same routes and connections of its own, for one request at a
    /// time. Over HTTP/2, requests of one transport share a connection. The client of the host
    /// program decides about its connections itself.
    #[must_use]
    pub fn separate(&self) -> Self {
        Self(match &self.0 {
            Way::Native(pools) => Way::Native(Arc::new(pools.separate())),
            Way::Host(host) => Way::Host(host.clone()),
        })
    }

    /// Whether requests go through the client of the host program, which has observers of its own.
    pub fn is_of_host(&self) -> bool {
        matches!(self.0, Way::Host(_))
    }

    /// Sends one request and waits for the head of its response.
    pub async fn send(
        &self,
        head: &RequestHead,
        body: Option<&Body>,
        idle_timeout: Option<Duration>,
    ) -> Result<IncomingResponse> {
        match &self.0 {
            Way::Native(pools) => pools.send(head, body, idle_timeout).await,
            // Boxed, because the native transport is the usual one.
            Way::Host(host) => Box::pin(host.send(head, body, idle_timeout)).await,
        }
    }
}

impl Pools {
    fn new(network: &Network) -> Result<Self> {
        let tls = tls::client_config(&network.tls)?;
        let lookups = Arc::new(Lookups::default());
        let connecting = Connecting { tls, timeout: network.connect_timeout, is_single: false, lookups };
        Ok(Self::from_parts(network.proxy.clone(), connecting, HashSet::new()))
    }

    fn separate(&self) -> Self {
        let connecting = Connecting { is_single: true, ..self.connecting.clone() };
        let http1_only = self.http1_only.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self::from_parts(self.proxy.clone(), connecting, http1_only)
    }

    fn from_parts(proxy: Proxy, connecting: Connecting, http1_only: HashSet<Origin>) -> Self {
        Self {
            proxy,
            connecting,
            clients: Default::default(),
            http1_only: RwLock::new(http1_only),
            last_responses: Mutex::default(),
        }
    }

    /// An idempotent request is resent if a kept-alive connection was closed before any byte of a
    /// response: the server closed it for being idle, not because of the request (RFC 9112, 9.3.1).
    /// The pool may hold several such connections. The first failure on a new connection counts.
    ///
    /// A request that an HTTP/2 server refuses, or drops when it ends a connection, is resent
    /// whatever its method, because it was not processed (RFC 9113, 8.7). If the server requires
    /// HTTP/1.1, the request is resent over HTTP/1.1.
    async fn send(
        &self,
        head: &RequestHead,
        body: Option<&Body>,
        idle_timeout: Option<Duration>,
    ) -> Result<IncomingResponse> {
        let proxy = self.proxy.of(&head.url).map_err(|variable| {
            let message = format!("{variable} is not the URL of a proxy: expected http://host:port");
            Error::new(Kind::ArgumentValue, message).with_url(&head.url)
        })?;
        if let (Some(proxy), "https", Some(Host::Ipv6(_))) = (&proxy, head.url.scheme(), head.url.host()) {
            return Err(no_ipv6_behind(proxy, &head.url));
        }
        let body = body.filter(|_| head.with_body);
        let activity = body.and(idle_timeout).map(|_| Activity::default());
        // Pinned here, because the future is large and would be copied.
        let sending = pin!(self.send_and_resend(head, body, proxy.as_ref(), activity.as_ref()));
        let mut response = match with_idle_timeout_of_request(idle_timeout, activity.as_ref(), sending).await {
            Ok(response) => response?,
            Err(limit) => return Err(through(proxy.as_ref(), no_data(limit, &head.url))),
        };
        match proxy.as_ref().filter(|proxy| forwards(proxy, &head.url)) {
            Some(proxy) if response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(refused(proxy, response.status, &head.url))
            }
            _ => {
                response.set_idle_timeout(idle_timeout);
                Ok(response)
            }
        }
    }

    async fn send_and_resend(
        &self,
        head: &RequestHead,
        body: Option<&Body>,
        proxy: Option<&Url>,
        activity: Option<&Activity>,
    ) -> Result<IncomingResponse> {
        let is_whole = body.is_none_or(Body::is_whole);
        let can_resend = is_whole && head.method.is_idempotent();
        let mut unprocessed = 0;
        let mut stale = 0;
        let mut ended = None;
        let is_secure = head.url.scheme() == "https";
        let protocols = if is_secure { self.protocols(head) } else { Protocols::Any };
        let mut route = Route { proxy, is_secure, protocols };
        let credentials = proxy.filter(|proxy| forwards(proxy, &head.url)).and_then(basic_of_url);
        loop {
            let client = self.client(route)?;
            let (started, hand_over) = (Instant::now(), Arc::default());
            let mut response = send_once(client, head, body, activity, credentials.as_ref(), &hand_over).await;
            if let Ok(response) = &mut response {
                self.record_connection(response, head, proxy, started, &hand_over);
            }
            let wants_http1 = route.protocols == Protocols::Any && wants_http1(&response);
            if wants_http1 {
                self.record_http1_only(&head.url);
                route.protocols = Protocols::Http1;
            }
            match response {
                _ if wants_http1 && is_whole => {}
                // Over HTTP/1.1 each request has a connection of its own, so the one that was to
                // blame no longer ends the others.
                Err(error) if route.protocols == Protocols::Any && can_resend && is_ended_by_us(&error) => {
                    route.protocols = Protocols::Http1;
                    ended = Some(error::of_ended(&error, &head.url, proxy));
                }
                Err(error)
                    if stale < STALE_MAX
                        && can_resend
                        && is_closed_before_response(&error)
                        && self.was_used(&error) =>
                {
                    stale += 1;
                }
                Err(error) if is_whole && unprocessed < UNPROCESSED_MAX && is_unprocessed(&error) => unprocessed += 1,
                Err(error) => {
                    // If the server speaks only HTTP/2, the first error is the meaningful one.
                    return Err(match ended {
                        Some(ended) if error.is_connect() => ended,
                        _ => Box::pin(self.failed(&error, head, proxy)).await,
                    });
                }
                Ok(response) => return Ok(response),
            }
        }
    }

    /// Records a response on its connection. If the connection is new, counts it, and gives the
    /// response the times that it took to open.
    fn record_connection(
        &self,
        response: &mut IncomingResponse,
        head: &RequestHead,
        proxy: Option<&Url>,
        started: Instant,
        hand_over: &HandOver,
    ) {
        if self.was_used_before(response) {
            metrics::count(Counter::ConnectionsReused);
            return;
        }
        metrics::count(Counter::ConnectionsOpened);
        if head.url.scheme() == "https" {
            metrics::count(Counter::TlsHandshakes);
        }
        if response.is_http2() {
            metrics::count(Counter::Http2);
        }
        let name = proxy.unwrap_or(&head.url).host_str().unwrap_or_default();
        let dns = self.connecting.lookups.since(name, started);
        let ready = hand_over.at().map(|at| at.duration_since(started));
        let connect = ready.map(|ready| ready.saturating_sub(dns.unwrap_or_default()));
        response.set_opening(Opening { dns, connect });
    }

    /// Whether an earlier response came on the same connection. Records this one.
    fn was_used_before(&self, response: &IncomingResponse) -> bool {
        let Some(port) = response.port() else {
            return false;
        };
        let mut ports = self.last_responses.lock().unwrap_or_else(PoisonError::into_inner);
        if ports.len() >= PORTS_MAX {
            ports.clear();
        }
        let now = Instant::now();
        ports.insert(port, now).is_some_and(|at| now.duration_since(at) < LAST_RESPONSE_MAX_AGE)
    }

    /// Whether the failed connection had been used before, and may thus have been closed for being
    /// idle.
    fn was_used(&self, error: &reqwest::Error) -> bool {
        let Some(port) = error::port_of_failed(error) else {
            return false;
        };
        let ports = self.last_responses.lock().unwrap_or_else(PoisonError::into_inner);
        ports.get(&port).is_some_and(|at| at.elapsed() < LAST_RESPONSE_MAX_AGE)
    }

    /// HTTP/1.1 only, if `Host` differs from the host of the URL: over HTTP/2 the client would send
    /// both.
    fn protocols(&self, head: &RequestHead) -> Protocols {
        let is_foreign = head.headers.get(header::HOST).is_some_and(|host| !is_host_of(host, &head.url));
        if is_foreign || self.is_http1_only(&head.url) { Protocols::Http1 } else { Protocols::Any }
    }

    fn is_http1_only(&self, url: &Url) -> bool {
        let known = self.http1_only.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&url.origin())
    }

    fn record_http1_only(&self, url: &Url) {
        let mut known = self.http1_only.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= HTTP1_ONLY_MAX {
            known.clear();
        }
        known.insert(url.origin());
    }

    /// Returns the client of a route, created at its first use.
    fn client(&self, route: Route<'_>) -> Result<&Client> {
        let client = &self.clients[route.index()];
        if let Some(client) = client.get() {
            return Ok(client);
        }
        let made = self.connecting.client(route.proxy, route.protocols)?;
        Ok(client.get_or_init(|| made))
    }

    async fn failed(&self, error: &reqwest::Error, head: &RequestHead, proxy: Option<&Url>) -> Error {
        let limit = self.connecting.timeout;
        let failure = error::of_request(error, &head.url, proxy, limit);
        let (Some(refusal), Some(proxy)) = (error::refusal(error), proxy) else {
            return failure;
        };
        let cause = error::chain(error);
        let status = match refusal {
            Refusal::Credentials => Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED),
            Refusal::Other => self.refused_with(proxy, &head.url).await,
        };
        // The proxy refused the first time, even if it now opens the tunnel.
        match status.filter(|status| *status != StatusCode::OK) {
            Some(status) => refused(proxy, status, &head.url).with_cause(cause),
            None => failure,
        }
    }

    /// Asks a proxy for the status by which it refuses a tunnel. Bounded by the connect timeout.
    async fn refused_with(&self, proxy: &Url, server: &Url) -> Option<StatusCode> {
        let client = self.connecting.client(Some(proxy), Protocols::Http1).ok()?;
        let asking = tunnel::status(&client, server);
        match self.connecting.timeout {
            Some(limit) => timeout(limit, asking).await.ok()?.ok()?,
            None => asking.await.ok()?,
        }
    }
}

/// The error of an IPv6 address behind a proxy. The client would open the tunnel and then fail,
/// because it takes the brackets of the address as a part of the name in the certificate.
fn no_ipv6_behind(proxy: &Url, url: &Url) -> Error {
    let message = format!(
        "https to an IPv6 address ({}) is not possible through the proxy {}: use a name, or exclude the address by NO_PROXY",
        url.host_str().unwrap_or_default(),
        host_and_port(proxy)
    );
    Error::new(Kind::ArgumentValue, message).with_url(url)
}

/// Whether the server requires HTTP/1.1 for a request that was sent over HTTP/2.
fn wants_http1(outcome: &reqwest::Result<IncomingResponse>) -> bool {
    match outcome {
        Ok(response) => response.is_http2() && response.status == StatusCode::UPGRADE_REQUIRED,
        Err(error) => is_http1_required(error),
    }
}

async fn send_once(
    client: &Client,
    head: &RequestHead,
    body: Option<&Body>,
    activity: Option<&Activity>,
    credentials: Option<&HeaderValue>,
    hand_over: &Arc<HandOver>,
) -> reqwest::Result<IncomingResponse> {
    let request = request::build(head, body, activity, credentials, hand_over);
    let response = client.execute(request).await?;
    Ok(IncomingResponse::new(response, head.method == Method::HEAD))
}
