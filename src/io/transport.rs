//! One exchange with a server, over a pool of connections. With its neighbours `connect`, `tunnel` and `network_error`, all that knows
//! hyper.
//!
//! Redirects, retries, timeouts, decoding and `Referer` are ours, in the floors above, so that their rules and messages
//! are exact.
#![expect(clippy::disallowed_types, reason = "the one place for the client")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Uri;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::ext::ReasonPhrase;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::{Position, Url};

use crate::error::{Error, Kind, Result};
use crate::io::connect::{self, Connector, noting};
use crate::io::network_error::{self, is_closed_before_answer, is_unprocessed, no_data, refused, through};
use crate::options::Network;
use crate::outgoing::{Body, Sending};
use crate::policy::proxy::{Proxy, forwards};
use crate::policy::redirect::Hop;
use crate::policy::status_text::status_text;

/// How long an unused connection stays open. Node servers close theirs after 5 s and say so only since version 20; a
/// pool that gives up first does not lose requests to that race.
const IDLE: Duration = Duration::from_secs(4);
/// Flow control of HTTP/2: large enough that one download is not slowed by the round trip.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// How often one request may be sent again because the server says that it did not look at it.
const UNPROCESSED_MAX: u32 = 8;
/// More dead connections in a row than any pool should hold.
const STALE_MAX: u32 = 64;

/// A pool of connections of one [`Network`]. Cheap to clone; clones share the pool.
#[derive(Clone, Debug)]
pub struct Transport {
    client: legacy::Client<Connector, Outgoing>,
    proxy: Proxy,
    connect_timeout: Option<Duration>,
}

/// The head of an answer; its body is still on the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// As sent; the standard phrase where none was, or none that is usable.
    pub status_text: String,
    pub headers: HeaderMap,
    url: Url,
    body: hyper::body::Incoming,
    received: u64,
    idle_timeout: Option<Duration>,
    /// Whether the request was HEAD, to whose answer no body belongs.
    is_head: bool,
}

impl Transport {
    /// Blocks: reads the system's certificates.
    pub fn new(network: &Network) -> Result<Self> {
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_title_case_headers(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(Duration::from_secs(15))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build(Connector::new(network)?);
        Ok(Self { client, proxy: network.proxy.clone(), connect_timeout: network.connect_timeout })
    }

    /// Sends one request and waits for the head of its answer.
    ///
    /// When a kept-alive connection turns out to be closed before any answer, an idempotent request is sent again: the
    /// server closed it for being idle, not because of the request (RFC 9112, 9.3.1). The pool may hold several such
    /// connections; the first failure on a fresh one counts.
    ///
    /// A request that an HTTP/2 server refuses, or leaves when it ends a connection, is sent again, whatever its method: it was
    /// not processed (RFC 9113, 8.7).
    pub async fn send(&self, hop: &Hop, body: Option<&Body>, idle_timeout: Option<Duration>) -> Result<Answer> {
        let proxy = self.proxy.of(&hop.url).map_err(|variable| {
            let message = format!("{variable} is not the URL of a proxy: expected http://host:port");
            Error::new(Kind::ArgumentValue, message).with_url(&hop.url)
        })?;
        let body = body.filter(|_| hop.with_body);
        // While a body is sent, silence of the server is no sign of anything.
        let limit = idle_timeout.filter(|_| body.is_none());
        let answer = within_idle(limit, self.send_fresh(hop, body, proxy.as_ref())).await;
        let answer = answer.unwrap_or_else(|limit| Err(through(proxy.as_ref(), no_data(limit, &hop.url))))?;
        match proxy.filter(|proxy| forwards(proxy, &hop.url)) {
            Some(proxy) if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(refused(&proxy, answer.status, &hop.url))
            }
            _ => Ok(Answer { idle_timeout, ..answer }),
        }
    }

    async fn send_fresh(&self, hop: &Hop, body: Option<&Body>, proxy: Option<&Url>) -> Result<Answer> {
        let is_whole = body.is_none_or(Body::is_whole);
        let can_repeat = is_whole && hop.method.is_idempotent();
        let mut unprocessed = 0;
        let uri = target(&hop.url)?;
        let credentials = proxy.filter(|proxy| forwards(proxy, &hop.url)).and_then(connect::basic);
        let send = || self.send_once(hop, &uri, body, credentials.as_ref());
        let failed = |error: &legacy::Error| network_error::of_request(error, &hop.url, proxy, self.connect_timeout);
        for _ in 0..STALE_MAX {
            let (answer, is_fresh) = noting(send()).await;
            match answer {
                Err(error) if !is_fresh && can_repeat && is_closed_before_answer(&error) => {}
                Err(error) if is_whole && unprocessed < UNPROCESSED_MAX && is_unprocessed(&error) => unprocessed += 1,
                answer => return answer.map_err(|error| failed(&error)),
            }
        }
        send().await.map_err(|error| failed(&error))
    }

    async fn send_once(
        &self,
        hop: &Hop,
        uri: &Uri,
        body: Option<&Body>,
        credentials: Option<&HeaderValue>,
    ) -> Result<Answer, legacy::Error> {
        let mut headers = hop.headers.clone();
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        if let Some(credentials) = credentials {
            headers.insert(header::PROXY_AUTHORIZATION, credentials.clone());
        }
        if let Some(Body::Whole(body)) = body {
            // Said even of an empty body, where hyper would leave it out.
            headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        let mut request = Request::new(Outgoing::new(body));
        *request.method_mut() = hop.method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        let (head, body) = self.client.request(request).await?.into_parts();
        let status_text = status_text(head.status, head.extensions.get().map(ReasonPhrase::as_bytes));
        Ok(Answer {
            status: head.status,
            status_text,
            headers: head.headers,
            url: hop.url.clone(),
            body,
            received: 0,
            idle_timeout: None,
            is_head: hop.method == Method::HEAD,
        })
    }
}

/// A URL as hyper takes it: without a fragment.
fn target(url: &Url) -> Result<Uri> {
    Uri::try_from(&url[..Position::AfterQuery])
        .map_err(|error| Error::new(Kind::InvalidUrl, format!("Invalid URL: {error}")).with_url(url))
}

/// The body of a request on its way.
enum Outgoing {
    Whole(Bytes),
    Stream(Sending),
}

impl Outgoing {
    fn new(body: Option<&Body>) -> Self {
        match body {
            Some(Body::Whole(bytes)) => Self::Whole(bytes.clone()),
            Some(Body::Stream(stream)) => Self::Stream(stream.take()),
            None => Self::Whole(Bytes::new()),
        }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(stream) => Pin::new(stream).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

impl Answer {
    /// The announced length of the body as sent, when there is one.
    pub fn content_length(&self) -> Option<u64> {
        if self.headers.contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        self.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
    }

    /// The announced length of the body that follows, which answers to HEAD and 304 have not.
    pub fn body_length(&self) -> Option<u64> {
        self.content_length().filter(|_| !self.is_head && self.status != StatusCode::NOT_MODIFIED)
    }

    /// The next piece of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            return match within_idle(self.idle_timeout, self.body.frame()).await {
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(chunk) => {
                        self.received += chunk.len() as u64;
                        Ok(Some(chunk))
                    }
                    // Fields behind the body.
                    Err(_) => continue,
                },
                Ok(Some(Err(error))) => {
                    Err(network_error::of_body(&error, self.received, self.content_length(), &self.url))
                }
                Ok(None) => Ok(None),
                Err(limit) => Err(no_data(limit, &self.url)),
            };
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
