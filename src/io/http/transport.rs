//! Sends one request and receives the head of its response, over pooled connections.
//!
//! Redirects, retries, timeouts, decoding and `Referer` are handled by `operation` and `policy`, so
//! that their rules and messages are under this crate's control. The features of reqwest are off.
#![expect(clippy::disallowed_types, reason = "the one place for the client")]

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode, header};
use reqwest::Client;
use rustls::ClientConfig;
use tokio::time::timeout;
use url::{Host, Url};

use self::connect::{Connecting, Protocols, Route};
use self::connections::Connections;
use self::host::HostTransport;
use self::http1_only::{Http1Only, wants_http1};
use self::idle::with_idle_timeout_of_request;
use self::request::is_host_of;
pub use self::response::IncomingResponse;
use self::sender::Sender;
use self::uploads::{UploadClient, is_large};
use crate::base::body::{Activity, Body};
use crate::base::error::{Error, Kind, Result};
use crate::base::log::Log;
use crate::base::options::Network;
use crate::base::proxy::{Proxy, forwards};
use crate::base::timings::Opening;
use crate::io::http::error::{
    self, Refusal, is_closed_before_response, is_ended_by_us, is_unprocessed, no_data, refused, through,
};
use crate::io::http::lookups::Lookups;
use crate::io::http::outgoing::HandOver;
use crate::io::http::tls::{self, Handshakes};
use crate::metrics::{self, Counter};
use crate::policy::http::credentials::basic_of_url;
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::retry::STALE_MAX;
use crate::policy::text::debug::network as debug;

mod announced_end;
pub mod connect;
mod connections;
mod host;
mod host_body_stream;
mod http1_only;
mod idle;
mod request;
mod response;
mod sender;
mod tunnel;
mod uploads;

/// Limit of resends of one request that the server reports as not processed.
const UNPROCESSED_MAX: u32 = 8;
/// Limit of such resends on the connections of the pool. The next ones have a connection of their
/// own: the server may refuse all requests on one.
const UNPROCESSED_THERE_MAX: u32 = 2;

/// Carries out the exchanges of one [`Network`]. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Transport(Backend);

#[derive(Clone, Debug)]
enum Backend {
    Native(Arc<Pools>),
    Host(HostTransport),
}

/// The connection pools of one [`Network`].
#[derive(Debug)]
struct Pools {
    proxy: Proxy,
    log: Log,
    connecting: Connecting,
    /// Clients by [`Route::index`], each created at its first use.
    clients: [OnceLock<Client>; 6],
    /// Clients of large uploads, by [`Route::through`].
    uploads: [UploadClient; 3],
    http1_only: Http1Only,
    connections: Connections,
}

impl Transport {
    /// Blocks: reads the files of certificates that the options name.
    pub fn new(network: &Network) -> Result<Self> {
        Pools::new(network).map(|pools| Self(Backend::Native(Arc::new(pools))))
    }

    /// [`Transport::new`], with a record of the TLS handshakes.
    pub fn observed(network: &Network) -> Result<(Self, Arc<Handshakes>)> {
        let (tls, handshakes) = tls::observed_config(&network.tls, network.log)?;
        Ok((Self(Backend::Native(Arc::new(Pools::with_tls(network, tls)))), handshakes))
    }

    /// The transport through the client of the host program, if the network has one. Does not
    /// block.
    pub fn of_host(network: &Network) -> Option<Self> {
        HostTransport::new(network).map(|host| Self(Backend::Host(host)))
    }

    /// Returns a transport with the same routes and connections of its own, for one request at a
    /// time. Over HTTP/2, requests of one transport share a connection. The client of the host
    /// program decides about its connections itself.
    #[must_use]
    pub fn separate(&self) -> Self {
        Self(match &self.0 {
            Backend::Native(pools) => Backend::Native(Arc::new(pools.separate())),
            Backend::Host(host) => Backend::Host(host.clone()),
        })
    }

    /// Whether requests go through the client of the host program, which has observers of its own.
    pub fn is_of_host(&self) -> bool {
        matches!(self.0, Backend::Host(_))
    }

    pub fn log(&self) -> Log {
        match &self.0 {
            Backend::Native(pools) => pools.log,
            Backend::Host(host) => host.log,
        }
    }

    /// Sends one request and waits for the head of its response.
    pub async fn send(
        &self,
        head: &RequestHead,
        body: Option<&Body>,
        idle_timeout: Option<Duration>,
    ) -> Result<Box<IncomingResponse>> {
        match &self.0 {
            Backend::Native(pools) => pools.send(head, body, idle_timeout).await,
            // Boxed, because the native transport is the usual one.
            Backend::Host(host) => Box::pin(host.send(head, body, idle_timeout)).await,
        }
    }
}

impl Pools {
    fn new(network: &Network) -> Result<Self> {
        Ok(Self::with_tls(network, tls::client_config(&network.tls, network.log)?))
    }

    fn with_tls(network: &Network, tls: ClientConfig) -> Self {
        let lookups = Arc::new(Lookups::default());
        let connecting = Connecting { tls, timeout: network.connect_timeout, is_single: false, lookups };
        Self::from_parts(network.proxy.clone(), network.log, connecting, Http1Only::default())
    }

    fn separate(&self) -> Self {
        let connecting = Connecting { is_single: true, ..self.connecting.clone() };
        Self::from_parts(self.proxy.clone(), self.log, connecting, self.http1_only.clone())
    }

    fn from_parts(proxy: Proxy, log: Log, connecting: Connecting, http1_only: Http1Only) -> Self {
        let (clients, uploads) = <_>::default();
        Self { proxy, log, connecting, clients, uploads, http1_only, connections: Connections::default() }
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
    ) -> Result<Box<IncomingResponse>> {
        let choice = self.proxy.choose(&head.url).map_err(|variable| not_a_proxy(variable, &head.url))?;
        self.log.line(|| debug::proxy(&head.method, &head.url, &choice));
        let proxy = choice.proxy;
        if let (Some(proxy), "https", Some(Host::Ipv6(_))) = (&proxy, head.url.scheme(), head.url.host()) {
            return Err(tunnel::no_ipv6_behind(proxy, &head.url));
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
    ) -> Result<Box<IncomingResponse>> {
        let is_whole = body.is_none_or(Body::is_whole);
        let can_resend = is_whole && head.method.is_idempotent();
        let (mut unprocessed, mut stale, mut ended) = (0, 0, None);
        let is_secure = head.url.scheme() == "https";
        let protocols = if is_secure { self.protocols(head) } else { Protocols::Any };
        let mut route = Route { proxy, is_secure, protocols };
        let credentials = proxy.filter(|proxy| forwards(proxy, &head.url)).and_then(basic_of_url);
        loop {
            let mut sender = self.sender(route, body, unprocessed)?;
            let (started, hand_over) = (Instant::now(), Arc::default());
            let mut response = send_once(sender.client(), head, body, activity, credentials.as_ref(), &hand_over).await;
            sender.ended(response.is_ok());
            if let Ok(response) = &mut response {
                self.record_connection(response, head, proxy, started, &hand_over);
                self.log.line(|| debug::response(&head.method, &head.url, &response.described()));
            }
            let wants_http1 = route.protocols == Protocols::Any && wants_http1(&response);
            if wants_http1 {
                self.http1_only.record(&head.url);
                route.protocols = Protocols::Http1;
            }
            match response {
                _ if wants_http1 && is_whole => self.log_resend(head, "the server requires HTTP/1.1"),
                // Over HTTP/1.1 each request has a connection of its own, so the one that was to
                // blame no longer ends the others.
                Err(error) if route.protocols == Protocols::Any && can_resend && is_ended_by_us(&error) => {
                    self.log_resend(head, "over HTTP/1.1, because the HTTP/2 connection ended for a violation");
                    route.protocols = Protocols::Http1;
                    ended = Some(error::of_ended(&error, &head.url, proxy));
                }
                Err(error)
                    if stale < STALE_MAX
                        && can_resend
                        && is_closed_before_response(&error)
                        && self.connections.was_used(error::connection_of_failed(&error)) =>
                {
                    self.log_resend(head, "the server had closed the kept-alive connection");
                    stale += 1;
                }
                Err(error) if is_whole && unprocessed < UNPROCESSED_MAX && is_unprocessed(&error) => {
                    self.log_resend(head, "the server has not processed it");
                    unprocessed += 1;
                }
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

    fn log_resend(&self, head: &RequestHead, why: &str) {
        self.log.line(|| debug::resent(&head.method, &head.url, why));
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
        if self.connections.record(response.connection()) {
            metrics::count(Counter::ConnectionsReused);
            return;
        }
        connections::count_opened(head.url.scheme() == "https", response.is_http2());
        let name = proxy.unwrap_or(&head.url).host_str().unwrap_or_default();
        let dns = self.connecting.lookups.since(name, started);
        let ready = hand_over.at().map(|at| at.duration_since(started));
        let connect = ready.map(|ready| ready.saturating_sub(dns.unwrap_or_default()));
        response.set_opening(Opening { dns, connect });
    }

    /// HTTP/1.1 only, if `Host` differs from the host of the URL: over HTTP/2 the client would send
    /// both.
    fn protocols(&self, head: &RequestHead) -> Protocols {
        let is_foreign = head.headers.get(header::HOST).is_some_and(|host| !is_host_of(host, &head.url));
        if is_foreign || self.http1_only.has(&head.url) { Protocols::Http1 } else { Protocols::Any }
    }

    /// The client of one attempt to send a request that was `unprocessed` so often.
    fn sender(&self, route: Route<'_>, body: Option<&Body>, unprocessed: u32) -> Result<Sender<'_>> {
        let may_be_http2 = route.is_secure && route.protocols == Protocols::Any;
        if may_be_http2 && body.is_some_and(is_large) {
            let create = || self.connecting.upload_client(route.proxy);
            return self.uploads[route.through()].lease(create).map(Sender::Upload);
        }
        if unprocessed > UNPROCESSED_THERE_MAX {
            return self.connecting.client(route.proxy, route.protocols).map(Sender::New);
        }
        self.client(route).map(Sender::Pooled)
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

/// The error of a variable whose value is not the URL of a proxy.
pub fn not_a_proxy(variable: &str, url: &Url) -> Error {
    let message = format!("{variable} is not the URL of a proxy: expected http://host:port");
    Error::new(Kind::ArgumentValue, message).with_url(url)
}

async fn send_once(
    client: &Client,
    head: &RequestHead,
    body: Option<&Body>,
    activity: Option<&Activity>,
    credentials: Option<&HeaderValue>,
    hand_over: &Arc<HandOver>,
) -> reqwest::Result<Box<IncomingResponse>> {
    let request = request::build(head, body, activity, credentials, hand_over);
    let response = client.execute(request).await?;
    Ok(IncomingResponse::new(response, head.method == Method::HEAD))
}
