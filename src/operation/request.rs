//! A request: attempts until an answer, and its whole body, or its body as a stream.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::base::body::Body;
use crate::base::error::{Error, Kind, Result};
use crate::base::options::RequestOptions;
use crate::base::timings::Timings;
use crate::io::http::decode;
use crate::io::http::transport::{Answer, Transport};
use crate::metrics::tally::RequestTally;
use crate::operation::attempt::{
    Attempts, Exchange, begun, failure_of, first_hop, follow, retry_after, timed_out, within,
};
use crate::operation::hooks::HookDispatcher;
use crate::policy::http::retry::Failure;

/// The lowest status that counts as a failure.
const FAILED: u16 = 400;

/// A complete answer.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    /// Decoded; empty when it is streamed.
    pub body: Bytes,
    /// The body, if it was left on the wire. On the heap: it is large, and seldom there.
    pub stream: Option<Box<Incoming>>,
    /// Where the answer came from, after redirects.
    pub url: Url,
    /// Whether redirects led there.
    pub redirected: bool,
    pub attempts: u32,
    /// Of the attempt that it came by; `None` where it came by none, but from a cache.
    pub timings: Option<Timings>,
}

/// A body on the wire, as it was sent. Dropped, it closes its connection, unless it was read to its end.
#[derive(Debug)]
pub struct Incoming {
    answer: Answer,
    url: Url,
    /// The end of the attempt, and how long that was allowed to take.
    deadline: Option<(Instant, Duration)>,
}

impl Incoming {
    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let read = self.answer.chunk();
        let chunk = match self.deadline {
            Some((until, limit)) => {
                timeout_at(until, read).await.unwrap_or_else(|_| Err(timed_out("Request", limit, &self.url)))
            }
            None => read.await,
        };
        chunk.map_err(|error| named("HTTP request failed", error))
    }
}

/// Any status is an answer, as long as attempts are left for none that may pass.
pub async fn request(transport: &Transport, url: Url, options: RequestOptions) -> Result<Response> {
    let RequestOptions {
        method,
        mut headers,
        body,
        mut redirects,
        retry,
        on_retry,
        hooks,
        observer,
        timeout,
        idle_timeout,
        network: _,
        max_size,
        stream,
    } = options;
    if !stream {
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static(decode::ACCEPTED));
    }
    let is_replayable = body.as_ref().is_none_or(Body::is_whole);
    let length = headers.get(header::CONTENT_LENGTH).filter(|_| !is_replayable).cloned();
    let mut hop = first_hop(method.clone(), url, headers, body.is_some());
    if !is_replayable {
        // It cannot be sent again: the redirect is the answer. Nobody but its owner knows its length.
        redirects.follow = false;
        hop.headers.extend(length.map(|length| (header::CONTENT_LENGTH, length)));
    }
    let exchange = Exchange { transport, redirects: &redirects, idle_timeout };
    let mut attempts = Attempts::new(&retry, on_retry.as_ref(), &method);
    let mut begins = Instant::now();
    let mut tally = RequestTally::begin(&hop.url, Some(&observer), begins.into_std());
    loop {
        attempts.announce(&mut hop.headers);
        tally.attempt();
        let hooks_of_call = HookDispatcher::new(&hooks, &observer, timeout);
        let started = begins;
        let until = timeout.filter(|_| stream).and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        // Pinned here: it is large, and would be copied on its way into the timer.
        let answering = pin!(async {
            let (answer, url, redirected) = follow(exchange, &hop, body.as_ref(), &hooks_of_call).await?;
            let timings = begun(started.into_std(), &answer);
            let response = if stream { streamed(answer, url, until) } else { collected(answer, url, max_size).await? };
            let total = if stream { timings.first_byte } else { started.elapsed() };
            Ok(Response { redirected, timings: Some(Timings { total, ..timings }), ..response })
        });
        let result = within(timeout, "Request", &hop.url, answering).await;
        if let Err(error) = &result {
            hooks_of_call.fails(error).await;
        }
        let failure = match &result {
            Ok(answer) => Failure::Status { status: answer.status.as_u16(), retry_after: retry_after(&answer.headers) },
            Err(error) => failure_of(error),
        };
        let error = || match &result {
            Ok(answer) => status_error(answer),
            Err(error) => named("HTTP request failed", error.clone()),
        };
        if !attempts.again(failure, error).await.inspect_err(|error| tally.end(Some(error)))? {
            let result = match result {
                Ok(response) => Ok(Response { attempts: attempts.made, ..response }),
                Err(error) => Err(named("HTTP request failed", error).with_attempts(attempts.made)),
            };
            match &result {
                Ok(response) if response.status.as_u16() < FAILED => tally.end(None),
                Ok(response) => tally.end(Some(&status_error(response))),
                Err(error) => tally.end(Some(error)),
            }
            return result;
        }
        begins = Instant::now();
    }
}

/// A status that the caller takes for a failure.
pub fn status_error(answer: &Response) -> Error {
    let message = format!("HTTP {}: {}", answer.status.as_u16(), answer.status_text);
    Error::new(Kind::Status, message)
        .with_status(answer.status.as_u16(), retry_after(&answer.headers))
        .with_attempts(answer.attempts)
        .with_url(&answer.url)
}

async fn collected(mut answer: Answer, url: Url, max_size: Option<u64>) -> Result<Response> {
    let body = decode::collect(&mut answer, max_size)
        .await
        .map_err(|error| error.with_status(answer.status.as_u16(), None).with_url(&url))?;
    let Answer { status, status_text, headers, .. } = answer;
    Ok(Response {
        status,
        status_text,
        headers,
        body,
        stream: None,
        url,
        redirected: false,
        attempts: 0,
        timings: None,
    })
}

fn streamed(answer: Answer, url: Url, deadline: Option<(Instant, Duration)>) -> Response {
    Response {
        status: answer.status,
        status_text: answer.status_text.clone(),
        headers: answer.headers.clone(),
        body: Bytes::new(),
        stream: Some(Box::new(Incoming { answer, url: url.clone(), deadline })),
        url,
        redirected: false,
        attempts: 0,
        timings: None,
    }
}

/// Gives failures below the level of HTTP the prefix that tells what failed; the others have messages of their own.
pub(super) fn named(operation: &str, error: Error) -> Error {
    match error.kind() {
        Kind::Network | Kind::Head | Kind::Certificate | Kind::BodyLength | Kind::Decode => {
            let message = format!("{operation}: {error}");
            error.with_message(message)
        }
        _ => error,
    }
}
