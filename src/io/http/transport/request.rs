//! Creates reqwest requests: header fields and body.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::Request;
use url::{Position, Url};

use crate::base::body::{Activity, Body};
use crate::io::http::outgoing::{Content, HandOver, Outgoing};
use crate::policy::http::redirect::RequestHead;

/// Creates the request that the client sends for this head and body.
pub fn build(
    head: &RequestHead,
    body: Option<&Body>,
    activity: Option<&Activity>,
    credentials: Option<&HeaderValue>,
    hand_over: &Arc<HandOver>,
) -> Request {
    let mut request = Request::new(head.method.clone(), head.url.clone());
    let headers = request.headers_mut();
    // Over TLS the client sets the host: as `:authority` in HTTP/2, where a second one is not
    // allowed.
    *headers = fields(head, body, head.url.scheme() == "http");
    if let Some(credentials) = credentials {
        headers.insert(header::PROXY_AUTHORIZATION, credentials.clone());
    }
    let content = match body {
        Some(body) if let Some(activity) = activity => Content::Watched(body.watched(activity)),
        Some(Body::Whole(bytes)) => Content::Whole(bytes.clone()),
        Some(Body::Stream(stream)) => Content::Stream(stream.take()),
        // Without a length, which hyper would announce over HTTP/2 for methods that expect no body.
        None => Content::Nothing,
    };
    *request.body_mut() = Some(reqwest::Body::wrap(Outgoing::new(content, hand_over.clone())));
    request
}

/// The header fields of a request, including those that the client would add. If the client added
/// them, each map that it makes of these fields would grow once more. `with_host`: whether `Host`
/// is included, unless the caller has set another one.
pub fn fields(head: &RequestHead, body: Option<&Body>, with_host: bool) -> HeaderMap {
    let host = head.headers.get(header::HOST);
    let is_set_by_client = host.is_none_or(|host| is_host_of(host, &head.url));
    let mut fields = HeaderMap::with_capacity(head.headers.len() + 4);
    // First, as RFC 9110, 7.2 recommends.
    if with_host
        && is_set_by_client
        && let Ok(host) = HeaderValue::from_str(&head.url[Position::BeforeHost..Position::AfterPort])
    {
        fields.insert(header::HOST, host);
    }
    for (name, value) in &head.headers {
        if *name != header::HOST || !is_set_by_client {
            fields.append(name.clone(), value.clone());
        }
    }
    fields.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    match body {
        // Set even for an empty body, where hyper would omit it.
        Some(Body::Whole(body)) => drop(fields.insert(header::CONTENT_LENGTH, body.len().into())),
        // RFC 9110, 8.6: methods that expect a body must announce that there is none.
        None if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) => {
            fields.insert(header::CONTENT_LENGTH, 0.into());
        }
        _ => {}
    }
    fields
}

/// Whether a value of `Host` equals the value that the client would send.
pub fn is_host_of(value: &HeaderValue, url: &Url) -> bool {
    let value = value.as_bytes();
    let host = url.host_str().unwrap_or_default();
    let is = |expected: &str| value.eq_ignore_ascii_case(expected.as_bytes());
    let port = url.port_or_known_default().unwrap_or_default();
    is(&format!("{host}:{port}")) || (url.port().is_none() && is(host))
}
