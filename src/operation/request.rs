//! A request: attempts until a response, with its whole body or with its body as a stream.

use std::future::ready;
use std::mem;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::select;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::body::Body;
use crate::base::error::{Error, Kind, Result};
use crate::base::listeners::RefusedResponse;
use crate::base::options::{RequestOptions, TransferOptions};
use crate::base::timings::Timings;
use crate::io::http::transport::{IncomingResponse, Transport};
use crate::io::http::{decode, tls};
use crate::metrics::tally::RequestTally;
use crate::operation::attempt::{
    Attempts, Exchange, Outcome, failure_of, first_head, follow_noting_redirects, retry_after, timed_out, timings_of,
    with_timeout,
};
use crate::operation::hooks::HookDispatcher;
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::retry::AttemptFailure;

/// The lowest status that counts as a failure.
const FAILED: u16 = 400;

/// A response, complete or with its body as a stream. Boxed from the start: a response is some
/// hundred bytes, and is moved through many futures.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    /// The decoded body. Empty if it is streamed.
    pub body: Bytes,
    /// The body, if it was left on the wire. Boxed: large and rare.
    pub stream: Option<Box<Incoming>>,
    /// The URL of the response, after redirects.
    pub url: Url,
    /// Whether redirects were followed.
    pub redirected: bool,
    /// Whether the body ended without a length and without an announcement of its end.
    pub may_be_truncated: bool,
    pub attempts: u32,
    /// Of the attempt that received the response. `None` for a response from a cache.
    pub timings: Option<Timings>,
}

impl Response {
    /// The protocol of a response whose body is streamed.
    pub fn protocol(&self) -> Option<&'static str> {
        self.stream.as_ref().map(|stream| stream.response.protocol())
    }
}

/// A body on the wire, as it was sent. Closes its connection if dropped before its end.
#[derive(Debug)]
pub struct Incoming {
    response: Box<IncomingResponse>,
    url: Url,
    /// The end of the attempt, and its time limit.
    deadline: Option<(Instant, Duration)>,
}

impl Incoming {
    /// The next chunk; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let read = self.response.chunk();
        let chunk = match self.deadline {
            Some((until, limit)) => {
                timeout_at(until, read).await.unwrap_or_else(|_| Err(timed_out("Request", limit, &self.url)))
            }
            None => read.await,
        };
        chunk.map_err(failed)
    }
}

/// Sends a request until a response is received, no attempt is left, or `cancel` is cancelled.
/// Resolves with any status that is not retried.
pub async fn request(
    transport: &Transport,
    url: Url,
    options: RequestOptions,
    cancel: &CancellationToken,
) -> Result<Box<Response>> {
    let RequestOptions { transfer, method, body, hooks, max_size, stream } = options;
    let TransferOptions { headers, mut redirects, retry, on_retry, observer, timeout, idle_timeout, network: _ } =
        transfer;
    let is_replayable = body.as_ref().is_none_or(Body::is_whole);
    // Such a body cannot be sent again: a redirect is returned as the response.
    redirects.follow &= is_replayable;
    let mut head = head_of(method.clone(), url, headers, body.as_ref(), stream);
    let exchange = Exchange { transport, redirects: &redirects, idle_timeout, observer: &observer };
    let mut attempts = Attempts::new(&retry, on_retry.as_ref(), &method).with_log(transport.log(), &head.url);
    let mut started = Instant::now();
    let mut tally = RequestTally::begin(&head.url, Some(&observer), started.into_std());
    loop {
        attempts.announce(&mut head.headers);
        tally.attempt();
        let hooks = HookDispatcher::new(&hooks, &observer, timeout);
        let begun = started.into_std();
        let deadline = timeout.filter(|_| stream).and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        // Pinned here: the future is large, and would be copied on its way into the timer.
        let attempt = pin!(async {
            let (mut response, url, redirected) =
                follow_noting_redirects(exchange, &head, body.as_ref(), Some(&hooks)).await?;
            let timings = timings_of(begun, &mut response);
            let mut response =
                if stream { streamed(response, url, deadline) } else { collected(response, url, max_size).await? };
            response.redirected = redirected;
            let total = if stream { timings.first_byte } else { begun.elapsed() };
            response.timings = Some(Timings { total, ..timings });
            Ok(response)
        });
        let attempt = with_timeout(timeout, "Request", &head.url, attempt);
        let mut result = unless(cancel, &head.url, attempt).await;
        if let Err(error) = &result {
            // A stream of the caller may have failed first, which ends the call.
            if !is_replayable && !hooks.has_sent() {
                hooks.sends(&head).await;
            }
            hooks.fails(error).await;
        }
        let outcome = || failure_for_listener(&result);
        let again = match attempts.count(outcome_of(&result), outcome) {
            Some(delay) => unless(cancel, &head.url, attempts.wait(delay, outcome)).await,
            // An aborted call must not end otherwise, and the hooks took time.
            None if result.is_err() => unless(cancel, &head.url, ready(Ok(false))).await,
            None => Ok(false),
        };
        if !again.inspect_err(|error| tally.end(Some(error)))? {
            if let Ok(response) = &mut result {
                response.attempts = attempts.made;
            }
            count(&mut tally, &result, begun);
            return result.map_err(|error| failed(error).with_attempts(attempts.made));
        }
        started = Instant::now();
    }
}

/// Makes URL and header fields those of the first request of a call, for its observer. Returns
/// whether it will be sent.
pub fn make_first(url: &mut Url, options: &mut RequestOptions) -> bool {
    if tls::check_host(url).is_err() {
        return false;
    }
    let RequestOptions { transfer, method, body, stream, .. } = options;
    let headers = mem::take(&mut transfer.headers);
    let head = head_of(method.clone(), url.clone(), headers, body.as_ref(), *stream);
    (*url, transfer.headers) = (head.url, head.headers);
    true
}

/// The first request of a call; the same once more for what it returned. Only the caller knows the
/// length of a stream, and decodes the body of a response that is streamed.
fn head_of(method: Method, url: Url, mut headers: HeaderMap, body: Option<&Body>, stream: bool) -> RequestHead {
    if !stream {
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static(decode::ACCEPTED));
    }
    let is_stream = body.is_some_and(|body| !body.is_whole());
    let length = headers.get(header::CONTENT_LENGTH).filter(|_| is_stream).cloned();
    let mut head = first_head(method, url, headers, body.is_some());
    head.headers.extend(length.map(|length| (header::CONTENT_LENGTH, length)));
    head
}

/// Counts a call that has ended.
fn count(tally: &mut RequestTally<'_>, result: &Result<Box<Response>>, started: std::time::Instant) {
    // The clock was read when the body ended.
    let ended = |response: &Response| started + response.timings.as_ref().map_or(Duration::ZERO, |times| times.total);
    match result {
        Ok(response) if response.status.as_u16() < FAILED => tally.end_at(ended(response), None),
        Ok(response) => tally.end_at(ended(response), Some(&status_error(response))),
        Err(error) => tally.end(Some(&failed(error.clone()))),
    }
}

/// Ends a wait when the call is cancelled.
async fn unless<T>(cancel: &CancellationToken, url: &Url, wait: impl Future<Output = Result<T>>) -> Result<T> {
    // In order: a random choice costs time, and an aborted call must not resolve.
    select! {
        biased;
        () = cancel.cancelled() => Err(Error::aborted().with_url(url)),
        ended = wait => ended,
    }
}

/// The outcome of an attempt, for the retry policy.
fn outcome_of(result: &Result<Box<Response>>) -> AttemptFailure {
    match result {
        Ok(response) => {
            AttemptFailure::Status { status: response.status.as_u16(), retry_after: retry_after(&response.headers) }
        }
        Err(error) => failure_of(error),
    }
}

/// The failure of an attempt, for the caller's `onRetry`.
fn failure_for_listener(result: &Result<Box<Response>>) -> Outcome {
    match result {
        Ok(response) => {
            let Response { status, status_text, headers, body, .. } = &**response;
            let refused = RefusedResponse {
                status: *status,
                status_text: status_text.clone(),
                headers: headers.clone(),
                body: body.clone(),
            };
            (status_error(response), Some(Box::new(refused)))
        }
        Err(error) => (failed(error.clone()), None),
    }
}

/// The error of a response whose status the caller takes for a failure.
pub fn status_error(response: &Response) -> Error {
    let message = format!("HTTP {}: {}", response.status.as_u16(), response.status_text);
    Error::new(Kind::Status, message)
        .with_status(response.status.as_u16(), retry_after(&response.headers))
        .with_attempts(response.attempts)
        .with_url(&response.url)
}

async fn collected(mut response: Box<IncomingResponse>, url: Url, max_size: Option<u64>) -> Result<Box<Response>> {
    let body = decode::collect(&mut response, max_size)
        .await
        .map_err(|error| error.with_status(response.status.as_u16(), None).with_url(&url))?;
    let may_be_truncated = response.is_end_uncertain();
    let IncomingResponse { status, status_text, headers, .. } = *response;
    Ok(Box::new(Response {
        status,
        status_text,
        headers,
        body,
        stream: None,
        url,
        redirected: false,
        may_be_truncated,
        attempts: 0,
        timings: None,
    }))
}

fn streamed(response: Box<IncomingResponse>, url: Url, deadline: Option<(Instant, Duration)>) -> Box<Response> {
    Box::new(Response {
        status: response.status,
        status_text: response.status_text.clone(),
        headers: response.headers.clone(),
        body: Bytes::new(),
        stream: Some(Box::new(Incoming { response, url: url.clone(), deadline })),
        url,
        redirected: false,
        may_be_truncated: false,
        attempts: 0,
        timings: None,
    })
}

fn failed(error: Error) -> Error {
    with_context("HTTP request failed", error)
}

/// Puts the name of the failed operation before the message of an error below the level of HTTP.
/// Other errors have complete messages.
pub(super) fn with_context(operation: &str, error: Error) -> Error {
    match error.kind() {
        Kind::Network | Kind::Unsupported | Kind::Refused | Kind::Certificate | Kind::BodyLength | Kind::Decode => {
            let message = format!("{operation}: {error}");
            error.with_message(message)
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::FutureExt;

    use super::*;
    use crate::base::listeners::Hooks;
    use crate::base::options::Network;

    /// The hooks of a request with a body, whose call was cancelled before it began.
    async fn hooks_of(body: Body) -> Vec<String> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (sent, received) = (seen.clone(), seen.clone());
        let hooks = Hooks {
            on_request: Some(Arc::new(move |_| {
                sent.lock().unwrap().push("request".to_owned());
                std::future::ready(()).boxed()
            })),
            on_response: Some(Arc::new(move |event| {
                received.lock().unwrap().push(format!("{:?}", event.outcome.unwrap_err().kind()));
                std::future::ready(()).boxed()
            })),
        };
        let options = RequestOptions { body: Some(body), hooks, ..RequestOptions::default() };
        let cancel = CancellationToken::new();
        cancel.cancel();
        let transport = Transport::new(&Network::default()).unwrap();
        let url = Url::parse("http://127.0.0.1:9/").unwrap();
        request(&transport, url, options, &cancel).await.unwrap_err();
        seen.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn a_stream_that_fails_before_its_request_begins_calls_both_hooks() {
        assert_eq!(hooks_of(Body::stream().0).await, ["request", "Aborted"]);
        assert!(hooks_of(Body::Whole(Bytes::from_static(b"whole"))).await.is_empty());
    }
}
