//! One hop as a request of the client: its header fields and its body.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body::Frame;
use reqwest::Request;
use url::{Position, Url};

use crate::base::body::{Activity, Body};
use crate::policy::http::redirect::RequestHead;

/// Makes one hop a request of the client.
pub fn build(
    hop: &RequestHead,
    body: Option<&Body>,
    activity: Option<&Activity>,
    credentials: Option<&HeaderValue>,
) -> Request {
    let mut request = Request::new(hop.method.clone(), hop.url.clone());
    let headers = request.headers_mut();
    // RFC 9110, 7.2: first. Over TLS the client says it, as `:authority` in HTTP/2, beside which
    // there may be no other.
    *headers = fields(hop, body, hop.url.scheme() == "http");
    if let Some(credentials) = credentials {
        headers.insert(header::PROXY_AUTHORIZATION, credentials.clone());
    }
    *request.body_mut() = match body {
        Some(body) if let Some(activity) = activity => Some(reqwest::Body::wrap(body.watched(activity))),
        Some(Body::Whole(bytes)) => Some(bytes.clone().into()),
        Some(Body::Stream(stream)) => Some(reqwest::Body::wrap(stream.take())),
        None if is_length_added(&hop.method) => Some(reqwest::Body::wrap(Nothing)),
        None => None,
    };
    request
}

/// The fields of a request, with those that the client would add: were it to do so, each map that
/// it makes of these would grow once more. `names_host`: whether `Host` is among them.
pub fn fields(hop: &RequestHead, body: Option<&Body>, names_host: bool) -> HeaderMap {
    let given = hop.headers.get(header::HOST);
    let is_said_by_client = given.is_none_or(|host| is_host_of(host, &hop.url));
    let mut fields = HeaderMap::with_capacity(hop.headers.len() + 4);
    if names_host
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
    match body {
        // Said even of an empty body, where hyper would leave it out.
        Some(Body::Whole(body)) => drop(fields.insert(header::CONTENT_LENGTH, body.len().into())),
        // RFC 9110, 8.6: where the method expects a body, that there is none has to be said.
        None if matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) => {
            fields.insert(header::CONTENT_LENGTH, 0.into());
        }
        _ => {}
    }
    fields
}

/// Whether a value of `Host` says what the client says by itself.
pub fn is_host_of(value: &HeaderValue, url: &Url) -> bool {
    let value = value.as_bytes();
    let host = url.host_str().unwrap_or_default();
    let is = |expected: &str| value.eq_ignore_ascii_case(expected.as_bytes());
    let port = url.port_or_known_default().unwrap_or_default();
    is(&format!("{host}:{port}")) || (url.port().is_none() && is(host))
}

/// Whether hyper says the length 0 of no body over HTTP/2, where the method expects none.
fn is_length_added(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::POST | Method::PUT | Method::PATCH)
}

/// A body that is not there, and has no length.
struct Nothing;

impl http_body::Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}
