//! A response whose body has not been read yet.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, header};
use hyper::ext::ReasonPhrase;
use reqwest::Response;

use crate::base::error::Result;
use crate::base::observer::Trace;
use crate::base::timings::Opening;
use crate::io::http::error::{self, Ends, no_data};
use crate::io::http::transport::announced_end::{self, Unannounced};
use crate::io::http::transport::host_body_stream::HostBodyStream;
use crate::io::http::transport::idle::with_idle_timeout;
use crate::metrics::{self, Counter};
use crate::policy::http::status_text::status_text;
use crate::policy::text::debug::network::Described;

/// The head of a response. The body is read from the connection by [`chunk`](Self::chunk). Boxed
/// from the start: a response is some hundred bytes, and is moved through many futures.
#[derive(Debug)]
pub struct IncomingResponse {
    pub status: StatusCode,
    /// The reason phrase as sent. The standard phrase if there is none, or none that is usable.
    pub status_text: String,
    pub headers: HeaderMap,
    source: BodySource,
    length: Option<u64>,
    received: u64,
    idle_timeout: Option<Duration>,
    /// Whether the method was HEAD, whose responses have no body.
    is_head: bool,
    /// Whether the body ended with its TLS connection, and neither had announced the end.
    is_end_uncertain: bool,
    /// The end of a body over HTTP/2 that has no length.
    unannounced: Option<Unannounced>,
    /// Boxed: most responses come on a connection that was open.
    opening: Option<Box<Opening>>,
    trace: Option<Trace>,
}

/// The source of the body.
#[derive(Debug)]
enum BodySource {
    Native(Response),
    /// Boxed, because the native transport is the usual one.
    Host(Box<HostBodyStream>),
}

impl IncomingResponse {
    pub fn new(mut response: Response, is_head: bool) -> Box<Self> {
        let status = response.status();
        let status_text = status_text(status, response.extensions().get().map(ReasonPhrase::as_bytes));
        let headers = std::mem::take(response.headers_mut());
        if response.version() != Version::HTTP_2 || is_head || headers.contains_key(header::CONTENT_LENGTH) {
            return Self::of(status, status_text, headers, BodySource::Native(response), is_head);
        }
        let (response, unannounced) = announced_end::watch(response);
        let mut incoming = Self::of(status, status_text, headers, BodySource::Native(response), is_head);
        incoming.unannounced = Some(unannounced);
        incoming
    }

    /// A response of the host program's client.
    pub fn of_host(
        status: StatusCode,
        status_text: String,
        headers: HeaderMap,
        source: HostBodyStream,
        is_head: bool,
    ) -> Box<Self> {
        Self::of(status, status_text, headers, BodySource::Host(Box::new(source)), is_head)
    }

    fn of(status: StatusCode, status_text: String, headers: HeaderMap, source: BodySource, is_head: bool) -> Box<Self> {
        let length = content_length(&headers);
        Box::new(Self {
            status,
            status_text,
            headers,
            source,
            length,
            received: 0,
            idle_timeout: None,
            is_head,
            is_end_uncertain: false,
            unannounced: None,
            opening: None,
            trace: None,
        })
    }

    /// The times of the connection, if it was opened for this response.
    pub fn take_opening(&mut self) -> Option<Box<Opening>> {
        self.opening.take()
    }

    pub fn set_opening(&mut self, opening: Opening) {
        self.opening = Some(Box::new(opening));
    }

    /// The response and its connection, for a debug line.
    pub fn described(&self) -> Described<'_> {
        let opening = self.opening.as_deref();
        Described {
            status: self.status,
            status_text: &self.status_text,
            protocol: self.protocol(),
            is_new: opening.is_some(),
            peer: self.peer(),
            dns: opening.and_then(|opening| opening.dns),
            connect: opening.and_then(|opening| opening.connect),
        }
    }

    /// The remote end of the connection: the server's, or the proxy's.
    pub fn peer(&self) -> Option<SocketAddr> {
        match &self.source {
            BodySource::Native(response) => response.remote_addr(),
            BodySource::Host(_) => None,
        }
    }

    /// Sets the trace that ends with the body.
    pub fn set_trace(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    /// The connection on which the response was received, if it is known.
    pub fn connection(&self) -> Option<Ends> {
        match &self.source {
            BodySource::Native(response) => error::connection_of(response),
            BodySource::Host(_) => None,
        }
    }

    pub fn set_idle_timeout(&mut self, limit: Option<Duration>) {
        self.idle_timeout = limit;
    }

    pub fn is_http2(&self) -> bool {
        matches!(&self.source, BodySource::Native(response) if response.version() == Version::HTTP_2)
    }

    pub fn protocol(&self) -> &'static str {
        if self.is_http2() { "HTTP/2" } else { "HTTP/1.1" }
    }

    /// The announced length of the encoded body.
    pub fn content_length(&self) -> Option<u64> {
        self.length
    }

    /// The announced length of the body that follows. `None` for HEAD and 304, which have no body.
    pub fn body_length(&self) -> Option<u64> {
        self.content_length().filter(|_| !self.is_head && self.status != StatusCode::NOT_MODIFIED)
    }

    /// Whether the end of the body is uncertain: it had no length, and neither TLS announced the
    /// end of the connection (`close_notify`) nor HTTP/2 that of the stream (`END_STREAM`). Old
    /// servers end bodies in this way, and so does an attacker who cuts a connection.
    pub fn is_end_uncertain(&self) -> bool {
        self.is_end_uncertain || self.unannounced.as_ref().is_some_and(Unannounced::has_ended)
    }

    /// Returns the next chunk of the body, or `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let chunk = self.next_chunk().await;
        match (&chunk, &self.trace) {
            (Ok(Some(bytes)), _) => metrics::add(Counter::BytesReceived, bytes.len() as u64),
            (Ok(None), Some(trace)) => trace.end(),
            (Err(error), Some(trace)) => trace.fail(error),
            (_, None) => {}
        }
        chunk
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        let (length, announced) = (self.body_length(), self.content_length());
        // Over HTTP/2 the end must be awaited: dropping a stream earlier resets it.
        let is_whole = length == Some(self.received) && !self.is_http2();
        let response = match &mut self.source {
            BodySource::Host(source) => return source.chunk(self.idle_timeout, length).await,
            BodySource::Native(_) if self.is_end_uncertain || is_whole => return Ok(None),
            BodySource::Native(response) => response,
        };
        match with_idle_timeout(self.idle_timeout, response.chunk()).await {
            Ok(Ok(chunk)) => {
                self.received += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
                Ok(chunk)
            }
            Ok(Err(error)) if error::is_unannounced_end(&error) && is_until_close(response, &self.headers) => {
                self.is_end_uncertain = true;
                Ok(None)
            }
            Ok(Err(error)) => Err(error::of_body(&error, self.received, announced, response.url())),
            Err(limit) => Err(no_data(limit, response.url())),
        }
    }
}

/// Whether the body lasts until the connection ends (RFC 9112, 6.3).
fn is_until_close(response: &Response, headers: &HeaderMap) -> bool {
    let is_announced = |name| headers.contains_key(name);
    response.version() != Version::HTTP_2
        && !is_announced(header::TRANSFER_ENCODING)
        && !is_announced(header::CONTENT_LENGTH)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    length.to_str().ok()?.trim().parse().ok()
}
