//! One exchange with a server, over a pool of connections. With its neighbours `connect`, `tunnel`
//! and `network_error`, all that knows reqwest.
//!
//! Redirects, retries, timeouts, decoding and `Referer` are ours, in the floors above, so that
//! their rules and messages are exact: reqwest's own are off.
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
use self::idle::within_idle_while_sending;
use self::request::is_host_of;
pub use self::response::Answer;
use crate::base::body::{Activity, Body};
use crate::base::error::{Error, Kind, Result};
use crate::base::options::Network;
use crate::base::proxy::{Proxy, forwards, shown};
use crate::io::http::error::{
    self, Refusal, is_closed_before_answer, is_ended_by_us, is_http1_required, is_unprocessed, no_data, refused,
    through,
};
use crate::io::http::tls;
use crate::policy::http::redirect::RequestHead;

pub mod connect;
mod host;
mod idle;
mod request;
mod response;
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

/// The way of exchanges for one [`Network`]. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Transport(Way);

#[derive(Clone, Debug)]
enum Way {
    Native(Arc<Pools>),
    Host(HostTransport),
}

/// Pools of connections.

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

impl Transport {
    /// Blocks: reads the system's certificates.
    pub fn new(network: &Network) -> Result<Self> {
        Pools::new(network).map(|pools| Self(Way::Native(Arc::new(pools))))
    }

    /// The way through the client of the host program, if this network has one. Does not block.
    pub fn of_host(network: &Network) -> Option<Self> {
        HostTransport::new(network).map(|host| Self(Way::Host(host)))
    }

    /// Sends one request and waits for the head of its answer.
    pub async fn send(&self, hop: &RequestHead, body: Option<&Body>, idle_timeout: Option<Duration>) -> Result<Answer> {
        match &self.0 {
            Way::Native(pools) => pools.send(hop, body, idle_timeout).await,
            // On the heap: the other way is the usual one.
            Way::Host(host) => Box::pin(host.send(hop, body, idle_timeout)).await,
        }
    }
}

impl Pools {
    fn new(network: &Network) -> Result<Self> {
        let connecting = Connecting { tls: tls::client_config(&network.tls)?, timeout: network.connect_timeout };
        Ok(Self {
            proxy: network.proxy.clone(),
            connecting,
            clients: Default::default(),
            http1_only: RwLock::default(),
            answered: Mutex::default(),
        })
    }

    /// When a kept-alive connection turns out to be closed before any answer, an idempotent request
    /// is sent again: the server closed it for being idle, not because of the request (RFC 9112,
    /// 9.3.1). The pool may hold several such connections; the first failure on a fresh one counts.
    ///
    /// A request that an HTTP/2 server refuses, or leaves when it ends a connection, is sent again,
    /// whatever its method: it was not processed (RFC 9113, 8.7). When the server wants HTTP/1.1,
    /// it is sent again in that.
    async fn send(&self, hop: &RequestHead, body: Option<&Body>, idle_timeout: Option<Duration>) -> Result<Answer> {
        let proxy = self.proxy.of(&hop.url).map_err(|variable| {
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
        let mut answer = match within_idle_while_sending(idle_timeout, activity.as_ref(), sending).await {
            Ok(answer) => answer?,
            Err(limit) => return Err(through(proxy.as_ref(), no_data(limit, &hop.url))),
        };
        match proxy.as_ref().filter(|proxy| forwards(proxy, &hop.url)) {
            Some(proxy) if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(refused(proxy, answer.status, &hop.url))
            }
            _ => {
                answer.set_idle_timeout(idle_timeout);
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
                Ok(answer) => {
                    self.remember_answered(&answer);
                    return Ok(answer);
                }
            }
        }
    }

    fn remember_answered(&self, answer: &Answer) {
        if let Some(port) = answer.port() {
            let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
            if answered.len() >= ANSWERED_MAX {
                answered.clear();
            }
            answered.insert(port, Instant::now());
        }
    }

    /// Whether a connection that failed had been used before, and so may have been closed for being
    /// idle.
    fn has_answered(&self, error: &reqwest::Error) -> bool {
        let Some(port) = error::port_of_failed(error) else {
            return false;
        };
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.get(&port).is_some_and(|at| at.elapsed() < ANSWERED)
    }

    /// Over HTTP/2 a host that is not that of the URL cannot be said: the client would say both.
    fn protocols(&self, hop: &RequestHead) -> Protocols {
        let is_foreign = hop.headers.get(header::HOST).is_some_and(|host| !is_host_of(host, &hop.url));
        if is_foreign || self.is_http1_only(&hop.url) { Protocols::Http1 } else { Protocols::Any }
    }

    fn is_http1_only(&self, url: &Url) -> bool {
        let known = self.http1_only.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&url.origin())
    }

    fn remember_http1_only(&self, url: &Url) {
        let mut known = self.http1_only.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= HTTP1_ONLY_MAX {
            known.clear();
        }
        known.insert(url.origin());
    }

    /// Each client is set up when it is first needed.
    fn client(&self, route: Route<'_>) -> Result<&Client> {
        let client = &self.clients[route.index()];
        if let Some(client) = client.get() {
            return Ok(client);
        }
        let made = self.connecting.client(route.proxy, route.protocols)?;
        Ok(client.get_or_init(|| made))
    }

    async fn failed(&self, error: &reqwest::Error, hop: &RequestHead, proxy: Option<&Url>) -> Error {
        let limit = self.connecting.timeout;
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
        let client = self.connecting.client(Some(proxy), Protocols::Http1).ok()?;
        let asking = tunnel::status(&client, server);
        match self.connecting.timeout {
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

async fn send_once(
    client: &Client,
    hop: &RequestHead,
    body: Option<&Body>,
    activity: Option<&Activity>,
    credentials: Option<&HeaderValue>,
) -> reqwest::Result<Answer> {
    let request = request::build(hop, body, activity, credentials);
    let response = client.execute(request).await?;
    Ok(Answer::new(response, hop.method == Method::HEAD))
}
