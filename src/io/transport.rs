//! One exchange with a server, over a pool of connections. Only this file and `connect` know hyper-util.
//!
//! Redirects, retries, timeouts, decoding and `Referer` are ours, in the floors above, so that their rules and messages
//! are exact.
#![expect(clippy::disallowed_types, reason = "the one place for the client")]

use std::error::Error as StdError;
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

use crate::error::{Error, Kind, Result, io_code};
use crate::io::connect::{self, Connector, TimedOut, noting};
use crate::io::resolve::LookupError;
use crate::io::tls::Distrust;
use crate::options::Network;
use crate::outgoing::{Body, Sending};
use crate::policy::proxy::{Proxy, shown};
use crate::policy::redirect::Hop;

/// How long an unused connection stays open. Node servers close theirs after 5 s and say so only since version 20; a
/// pool that gives up first does not lose requests to that race.
const IDLE: Duration = Duration::from_secs(4);
/// Flow control of HTTP/2: large enough that one download is not slowed by the round trip.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// hyper-util's word for a 407 to `CONNECT`: its type is not public.
const PROXY_AUTHENTICATION: &str = "proxy authorization required";
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
    /// As sent; the standard phrase where the protocol has none.
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
        let answer = answer.unwrap_or_else(|limit| Err(no_data(limit, &hop.url)));
        let proxied = |error: Error| match &proxy {
            Some(proxy) => through(proxy, error),
            None => error,
        };
        let answer = answer.map_err(proxied)?;
        match &proxy {
            Some(proxy) if answer.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(proxy_asks_for_credentials(proxy).with_url(&hop.url))
            }
            _ => Ok(Answer { idle_timeout, ..answer }),
        }
    }

    async fn send_fresh(&self, hop: &Hop, body: Option<&Body>, proxy: Option<&Url>) -> Result<Answer> {
        let is_whole = body.is_none_or(Body::is_whole);
        let can_repeat = is_whole && hop.method.is_idempotent();
        let mut unprocessed = 0;
        let uri = target(&hop.url)?;
        let credentials = proxy.filter(|_| hop.url.scheme() == "http").and_then(connect::basic);
        let send = || self.send_once(hop, &uri, body, credentials.as_ref());
        let failed = |error: &legacy::Error| network_error(error, hop, self.connect_timeout);
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
        let status_text = match head.extensions.get::<ReasonPhrase>() {
            Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
            None => head.status.canonical_reason().unwrap_or_default().to_owned(),
        };
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
                Ok(Some(Err(error))) => Err(self.body_error(&error)),
                Ok(None) => Ok(None),
                Err(limit) => Err(no_data(limit, &self.url)),
            };
        }
    }

    fn body_error(&self, error: &hyper::Error) -> Error {
        let ended_early = find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message)
            || find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
        let failure = if let Some(length) = self.content_length().filter(|_| ended_early) {
            Error::new(Kind::BodyLength, format!("the body ended after {} of {length} bytes", self.received))
        } else {
            let code = code_of(error);
            Error::new(Kind::Network, format!("the connection failed within the body: {}", describe(error, code)))
                .with_code(code)
        };
        failure.with_syscall("read").with_cause(chain(error)).with_url(&self.url)
    }
}

/// `Err` is the limit that was reached.
async fn within_idle<T>(limit: Option<Duration>, waiting: impl Future<Output = T>) -> Result<T, Duration> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, waiting).await.map_err(|_| limit),
        None => Ok(waiting.await),
    }
}

fn no_data(limit: Duration, url: &url::Url) -> Error {
    Error::new(Kind::Timeout, format!("No data received for {}ms", limit.as_millis())).with_url(url)
}

/// Says that a failure happened on the way through a proxy.
fn through(proxy: &url::Url, error: Error) -> Error {
    let message = format!("{error} (through the proxy {})", shown(proxy));
    if error.details().status == Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16()) {
        let url = error.details().url.clone();
        return Error::new(Kind::Status, proxy_asks_for_credentials(proxy).to_string())
            .with_status(StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16(), None)
            .with_redacted_url(url);
    }
    error.with_message(message)
}

fn proxy_asks_for_credentials(proxy: &url::Url) -> Error {
    let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16();
    let what = match proxy.username().is_empty() {
        true => "asks for a user and a password: set them as in http://user:password@host:port",
        false => "refuses the user and password that are set for it",
    };
    Error::new(Kind::Status, format!("HTTP {status}: the proxy {} {what}", shown(proxy))).with_status(status, None)
}

fn network_error(error: &legacy::Error, hop: &Hop, connect_timeout: Option<Duration>) -> Error {
    if let (Some(TimedOut), Some(limit)) = (find(error), connect_timeout) {
        let message = format!("Connecting timed out after {}ms", limit.as_millis());
        return Error::new(Kind::Timeout, message).with_syscall("connect").with_cause(chain(error)).with_url(&hop.url);
    }
    let said = chain(error);
    if error.is_connect() && said.contains(PROXY_AUTHENTICATION) {
        let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16();
        return Error::new(Kind::Status, said).with_status(status, None).with_url(&hop.url);
    }
    if let Some(failure) = find::<LookupError>(error) {
        return Error::new(Kind::Network, failure.to_string())
            .with_code(failure.code)
            .with_syscall("getaddrinfo")
            .with_cause(chain(error))
            .with_url(&hop.url);
    }
    let (kind, code, why) = if let Some(failure) = find::<rustls::Error>(error) {
        tls_failure(failure)
    } else {
        let code = code_of(error);
        (Kind::Network, code, describe(error, code))
    };
    let host = hop.url.host_str().unwrap_or_default();
    let port = hop.url.port_or_known_default().unwrap_or_default();
    let (syscall, message) = if error.is_connect() {
        ("connect", format!("connect {code} {host}:{port}: {why}"))
    } else {
        ("read", format!("{code}: {why}"))
    };
    Error::new(kind, message).with_code(code).with_syscall(syscall).with_cause(chain(error)).with_url(&hop.url)
}

/// Node's code for a failed handshake, and the reason in words.
fn tls_failure(error: &rustls::Error) -> (Kind, &'static str, String) {
    use rustls::CertificateError as C;
    let rustls::Error::InvalidCertificate(reason) = error else {
        return (Kind::Network, "EPROTO", error.to_string());
    };
    let (code, why) = match reason {
        C::Expired | C::ExpiredContext { .. } => ("CERT_HAS_EXPIRED", "the certificate has expired"),
        C::NotValidYet | C::NotValidYetContext { .. } => ("CERT_NOT_YET_VALID", "the certificate is not valid yet"),
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            ("ERR_TLS_CERT_ALTNAME_INVALID", "the certificate is for another host")
        }
        C::Revoked => ("CERT_REVOKED", "the certificate has been revoked"),
        C::Other(rustls::OtherError(other)) => match other.downcast_ref() {
            Some(Distrust::SelfSignedLeaf) => ("DEPTH_ZERO_SELF_SIGNED_CERT", "the certificate is self-signed"),
            Some(Distrust::SelfSignedInChain) => (
                "SELF_SIGNED_CERT_IN_CHAIN",
                "the chain of certificates ends in one that is self-signed and not trusted",
            ),
            _ => ("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "the issuer of the certificate is not trusted"),
        },
        _ => ("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "the certificate cannot be verified"),
    };
    let is_distrusted = code.contains("SELF_SIGNED") || code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
    let advice = "; to trust it, pass its CA as `ca`, or name a PEM file in NODE_EXTRA_CA_CERTS";
    (Kind::Certificate, code, format!("{why}{}", if is_distrusted { advice } else { "" }))
}

/// Node's code for a failed exchange: the operating system's where there is one.
fn code_of(error: &(dyn StdError + 'static)) -> &'static str {
    if let Some(code) = find::<io::Error>(error).and_then(io_code) {
        return code;
    }
    match find::<hyper::Error>(error) {
        Some(error) if error.is_parse() => "EPROTO",
        _ => "ECONNRESET",
    }
}

/// The innermost reason in words.
fn describe(error: &(dyn StdError + 'static), code: &str) -> String {
    if find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message) {
        return "the server closed the connection without an answer".to_owned();
    }
    let mut innermost: &dyn StdError = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    if text.is_empty() { code.to_owned() } else { text.to_owned() }
}

fn is_closed_before_answer(error: &legacy::Error) -> bool {
    let closed = |error: &hyper::Error| error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    find::<hyper::Error>(error).is_some_and(closed)
        || find::<io::Error>(error)
            .is_some_and(|error| matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
}

/// Whether the server said that it has not looked at the request: `REFUSED_STREAM`, or `GOAWAY` without an error, which only
/// ends requests behind the last one that was processed.
fn is_unprocessed(error: &legacy::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        let reason = error.reason();
        error.is_remote()
            && ((error.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
                || (error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM)))
    })
}

/// The first error of this type among the causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // io::Error hides what it wraps from `source` but not from `get_ref`; rustls errors travel that way.
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = find::<T>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The error and all its causes in one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.dedup();
    causes.join(": ")
}
