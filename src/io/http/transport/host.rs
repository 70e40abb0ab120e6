//! Exchanges through the HTTP client of the host program: the second kind of
//! [`Transport`](crate::io::http::transport::Transport). All that is above one exchange is the same
//! for both kinds.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, Uri, header};
use tokio::select;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::base::body::{Activity, Body};
use crate::base::error::{Error, Kind, Result};
use crate::base::host_client::{HostClient, HostFailure, HostRequest, HostResponse, Upload};
use crate::base::log::Log;
use crate::base::options::Network;
use crate::io::http::error::{HEAD_FIELDS_MAX, connect_timed_out, head_refused, invalid_host, no_data};
use crate::io::http::outgoing::{Content, Outgoing};
use crate::io::http::transport::host_body_stream::HostBodyStream;
use crate::io::http::transport::idle::with_idle_timeout_of_request;
use crate::io::http::transport::request::fields;
use crate::io::http::transport::response::IncomingResponse;
use crate::metrics::{self, Counter};
use crate::policy::http::host_failure::{of_request, without_secrets};
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::retry::STALE_MAX;
use crate::policy::http::status_text::status_text;
use crate::policy::text::debug::network as debug;

#[derive(Clone, Debug)]
pub struct HostTransport {
    client: HostClient,
    ca: Vec<String>,
    connect_timeout: Option<Duration>,
    pub log: Log,
}

impl HostTransport {
    /// `None` if the network has no client of the host program.
    pub fn new(network: &Network) -> Option<Self> {
        let client = network.host.clone()?;
        Some(Self { client, ca: network.tls.ca.clone(), connect_timeout: network.connect_timeout, log: network.log })
    }

    /// Sends one request and waits for the head of its response.
    ///
    /// As natively, an idempotent request is resent if a kept-alive connection was closed before
    /// any byte of a response.
    pub async fn send(
        &self,
        head: &RequestHead,
        body: Option<&Body>,
        idle_timeout: Option<Duration>,
    ) -> Result<Box<IncomingResponse>> {
        if Uri::try_from(head.url.as_str()).is_err() {
            return Err(invalid_host(&head.url));
        }
        let body = body.filter(|_| head.with_body);
        let activity = body.and(idle_timeout).map(|_| Activity::default());
        let can_repeat = body.is_none_or(Body::is_whole) && head.method.is_idempotent();
        let sending = pin!(async {
            let mut stale = 0;
            loop {
                match self.send_once(head, body, activity.as_ref()).await? {
                    Ok(response) => return incoming(response, head),
                    Err(failure) if can_repeat && stale < STALE_MAX && is_closed_when_idle(&failure) => stale += 1,
                    Err(failure) => return Err(of_request(&without_secrets(failure, head), &head.url)),
                }
            }
        });
        match with_idle_timeout_of_request(idle_timeout, activity.as_ref(), sending).await {
            Ok(response) => {
                let mut response = response?;
                response.set_idle_timeout(idle_timeout);
                let (status, text) = (response.status, &response.status_text);
                self.log.line(|| debug::host_response(&head.method, &head.url, status, text));
                Ok(response)
            }
            Err(limit) => Err(no_data(limit, &head.url)),
        }
    }

    /// The outer error is the connect timeout.
    async fn send_once(
        &self,
        head: &RequestHead,
        body: Option<&Body>,
        activity: Option<&Activity>,
    ) -> Result<Result<HostResponse, HostFailure>> {
        let mut headers = fields(head, body, true);
        if matches!(body, Some(Body::Stream(_))) && !headers.contains_key(header::CONTENT_LENGTH) {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let body = match body {
            Some(body) if let Some(activity) = activity => counted(Content::Watched(body.watched(activity))),
            Some(Body::Whole(bytes)) => {
                metrics::add(Counter::BytesSent, bytes.len() as u64);
                Upload::Whole(bytes.clone())
            }
            Some(Body::Stream(stream)) => counted(Content::Stream(stream.take())),
            None => Upload::None,
        };
        let (connected, connecting) = oneshot::channel();
        let (method, url, ca) = (head.method.clone(), head.url.clone(), self.ca.clone());
        let exchange = self.client.0.send(HostRequest { method, url, headers, body, ca, connected });
        let Some(limit) = self.connect_timeout else {
            return Ok(exchange.await);
        };
        let too_late = async {
            if timeout(limit, connecting).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        select! {
            biased;
            sent = exchange => Ok(sent),
            () = too_late => Err(connect_timed_out(limit).with_url(&head.url)),
        }
    }
}

/// Whether a server closed a connection on which it had responded before: for being idle, not
/// because of the request.
fn is_closed_when_idle(failure: &HostFailure) -> bool {
    failure.is_reused && matches!(failure.code.as_deref(), Some("ECONNRESET" | "EPIPE"))
}

fn incoming(response: HostResponse, head: &RequestHead) -> Result<Box<IncomingResponse>> {
    let HostResponse { status, reason, headers, body } = response;
    let status = StatusCode::from_u16(status).map_err(|_| {
        let message = format!("the response has an invalid status: {status}");
        Error::new(Kind::Network, message).with_code("EPROTO").with_url(&head.url)
    })?;
    if headers.len() > HEAD_FIELDS_MAX {
        return Err(head_refused("too large").with_url(&head.url));
    }
    let source = HostBodyStream::new(body, status, head.url.clone());
    let is_head = head.method == Method::HEAD;
    Ok(IncomingResponse::of_host(status, status_text(status, Some(&reason)), headers, source, is_head))
}

/// A body whose bytes are counted as they are read.
fn counted(content: Content) -> Upload {
    Upload::Source(Box::pin(Outgoing::new(content, Arc::default())))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use http::HeaderMap;
    use url::Url;

    use super::*;
    use crate::base::host_client::{Exchange, HostBody};

    type Sent = Result<HostResponse, HostFailure>;
    type Script = Box<dyn Fn(usize, HostRequest) -> BoxFuture<'static, Sent> + Send + Sync>;

    /// A client that does what it is told for each request.
    struct Scripted(Script, Mutex<usize>);

    impl Exchange for Scripted {
        fn id(&self) -> u64 {
            1
        }

        fn send(&self, request: HostRequest) -> BoxFuture<'static, Sent> {
            let mut count = self.1.lock().unwrap();
            *count += 1;
            (self.0)(*count, request)
        }
    }

    struct Pieces(Vec<&'static str>);

    impl HostBody for Pieces {
        fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, HostFailure>> {
            let next = if self.0.is_empty() { None } else { Some(self.0.remove(0).into()) };
            std::future::ready(Ok(next)).boxed()
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what a client resolves with")]
    fn response(length: Option<&'static str>, pieces: &[&'static str]) -> Sent {
        let mut headers = HeaderMap::new();
        headers.extend(length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from_static(length))));
        Ok(HostResponse { status: 200, reason: Vec::new(), headers, body: Box::new(Pieces(pieces.to_vec())) })
    }

    fn closed(is_reused: bool) -> Sent {
        let code = Some("ECONNRESET".to_owned());
        Err(HostFailure { message: "socket hang up".to_owned(), code, is_reused, ..HostFailure::default() })
    }

    fn host(
        connect_timeout: Option<Duration>,
        script: impl Fn(usize, HostRequest) -> BoxFuture<'static, Sent> + Send + Sync + 'static,
    ) -> HostTransport {
        let client = HostClient(Arc::new(Scripted(Box::new(script), Mutex::new(0))));
        HostTransport { client, ca: Vec::new(), connect_timeout, log: Log::default() }
    }

    fn head(method: Method) -> RequestHead {
        let url = Url::parse("https://host.test:8443/path").unwrap();
        RequestHead { method, url, headers: HeaderMap::new(), with_body: true }
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_for_being_idle_is_replaced_once_for_each() {
        for (method, failures, is_reused, expected) in [
            (Method::GET, 2, true, true),
            (Method::POST, 1, true, false),
            (Method::GET, 1, false, false),
            (Method::GET, usize::MAX, true, false),
        ] {
            let host = host(None, move |count, _| {
                std::future::ready(if count <= failures { closed(is_reused) } else { response(None, &[]) }).boxed()
            });
            let sent = host.send(&head(method.clone()), None, None).await;
            assert_eq!(sent.is_ok(), expected, "{method} {failures}");
        }
    }

    #[tokio::test]
    async fn connecting_has_its_own_limit_which_ends_with_the_connection() {
        let limit = Some(Duration::from_millis(20));
        let silent = host(limit, |_, request| {
            async {
                let _request = request;
                std::future::pending().await
            }
            .boxed()
        });
        let error = silent.send(&head(Method::GET), None, None).await.unwrap_err();
        assert_eq!(error.to_string(), "Connecting timed out after 20ms");
        let slow = host(limit, |_, request| {
            request.connected.send(()).unwrap();
            tokio::time::sleep(Duration::from_millis(100)).map(|()| response(None, &[])).boxed()
        });
        assert!(slow.send(&head(Method::GET), None, None).await.is_ok());
    }

    #[tokio::test]
    async fn the_host_is_named_first_and_a_stream_is_sent_in_chunks() {
        let host = host(None, |_, request| {
            let names: Vec<_> = request.headers.keys().map(ToString::to_string).collect();
            assert_eq!(names, ["host", "accept", "transfer-encoding"]);
            assert_eq!(request.headers[header::HOST], "host.test:8443");
            std::future::ready(response(None, &[])).boxed()
        });
        let (body, _sender) = Body::stream();
        host.send(&head(Method::POST), Some(&body), None).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_of_another_length_than_was_announced_fails() {
        for (length, pieces, expected) in [
            (Some("4"), ["ab", "cd"].as_slice(), Ok("abcd")),
            (None, &["ab"], Ok("ab")),
            (Some("4"), &["ab"], Err("the body ended after 2 of 4 bytes")),
            (Some("1"), &["ab"], Err("the body ended after 2 of 1 bytes")),
        ] {
            let host = host(None, move |_, _| std::future::ready(response(length, pieces)).boxed());
            let mut received = host.send(&head(Method::GET), None, None).await.unwrap();
            let mut body = Vec::new();
            let outcome = loop {
                match received.chunk().await {
                    Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                    Ok(None) => break Ok(String::from_utf8(body).unwrap()),
                    Err(error) => break Err(error.to_string()),
                }
            };
            assert_eq!(outcome, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }
}
