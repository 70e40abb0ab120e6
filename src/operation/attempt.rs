//! Attempts of requests and downloads: one attempt follows redirects within its time limit, and
//! failed attempts are retried as [`retry`] decides.

use std::borrow::Cow;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, Method, header};
use tokio::time::{sleep, timeout};
use url::Url;

use crate::base::body::Body;
use crate::base::error::{Error, Kind, Result};
use crate::base::listeners::{FailedAttempt, Hooks, OnRetry, RefusedResponse, RetryOverride};
use crate::base::log::Log;
use crate::base::observer::Observer;
use crate::base::options::{Redirects, Retry};
use crate::base::redact::remove_user;
use crate::base::timings::Timings;
use crate::io::http::tls;
use crate::io::http::transport::{IncomingResponse, Transport};
use crate::metrics::{self, Counter, tally};
use crate::operation::hooks::HookDispatcher;
use crate::policy::http::credentials::basic_of_url;
use crate::policy::http::headers::text;
use crate::policy::http::redirect::{self, RedirectDecision, RequestHead};
use crate::policy::http::retry::{self, AttemptFailure};
use crate::policy::text::debug::network as debug;

/// Size of a redirect's body up to which reading it is cheaper than a new connection.
const DRAIN_MAX: u64 = 16 << 10;

/// The head of the first request. Credentials of the URL become an `Authorization` field, unless
/// the caller has set one.
pub fn first_head(method: Method, mut url: Url, mut headers: HeaderMap, with_body: bool) -> RequestHead {
    take_credentials(&mut url, &mut headers);
    // The length is computed: a wrong one from the caller would corrupt the connection.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    RequestHead { method, url, headers, with_body }
}

fn take_credentials(url: &mut Url, headers: &mut HeaderMap) {
    if let Some(credentials) = basic_of_url(url) {
        headers.entry(header::AUTHORIZATION).or_insert(credentials);
    }
    remove_user(url);
}

/// The means of sending a request.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub transport: &'a Transport,
    pub redirects: &'a Redirects,
    pub idle_timeout: Option<Duration>,
    pub observer: &'a Observer,
}

/// The hooks of a call without any.
static NO_HOOKS: Hooks = Hooks { on_request: None, on_response: None };

/// Sends a request and follows its redirects. Returns the response and its URL.
pub async fn follow(
    exchange: Exchange<'_>,
    first: &RequestHead,
    body: Option<&Body>,
    hooks: Option<&HookDispatcher<'_>>,
) -> Result<(Box<IncomingResponse>, Url)> {
    let (response, head, _) = follow_redirects(exchange, first, body, hooks).await?;
    Ok((response, url_of(first, head)))
}

/// [`follow`], but with the request to which redirects led.
pub async fn follow_to(exchange: Exchange<'_>, first: &RequestHead) -> Result<(Box<IncomingResponse>, RequestHead)> {
    let (response, head, _) = follow_redirects(exchange, first, None, None).await?;
    Ok((response, head.map_or_else(|| first.clone(), |head| *head)))
}

/// [`follow`], and whether redirects were followed. The URL alone does not show that: redirects may
/// lead back to it.
pub async fn follow_noting_redirects(
    exchange: Exchange<'_>,
    first: &RequestHead,
    body: Option<&Body>,
    hooks: Option<&HookDispatcher<'_>>,
) -> Result<(Box<IncomingResponse>, Url, bool)> {
    let (response, head, followed) = follow_redirects(exchange, first, body, hooks).await?;
    Ok((response, url_of(first, head), followed > 0))
}

fn url_of(first: &RequestHead, last: Option<Box<RequestHead>>) -> Url {
    last.map_or_else(|| first.url.clone(), |last| last.url)
}

/// Returns the response, the head of its request if that is not the first one, and the number of
/// redirects. The head is boxed because results are copied several times.
async fn follow_redirects(
    exchange: Exchange<'_>,
    first: &RequestHead,
    body: Option<&Body>,
    hooks: Option<&HookDispatcher<'_>>,
) -> Result<(Box<IncomingResponse>, Option<Box<RequestHead>>, u32)> {
    let Exchange { transport, redirects, idle_timeout, observer } = exchange;
    let own = HookDispatcher::new(&NO_HOOKS, observer, None);
    let hooks = hooks.unwrap_or(&own);
    let mut head = Cow::Borrowed(first);
    let mut followed = 0;
    loop {
        tls::check_host(&head.url)?;
        if !transport.is_of_host() {
            hooks.begins(&mut head).await;
        }
        hooks.sends(&head).await;
        let mut response = match transport.send(&head, body, idle_timeout).await {
            Ok(response) => response,
            Err(error) => {
                own.fails(&error).await;
                return Err(error);
            }
        };
        tally::responded(response.status.as_u16());
        hooks.receives(&mut response).await;
        match redirect::decide(redirects, followed, &head, response.status, &response.headers) {
            RedirectDecision::Respond => {
                let last = match head {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(last) => Some(Box::new(last)),
                };
                return Ok((response, last, followed));
            }
            RedirectDecision::Refuse(error) => return Err(error.with_status(response.status.as_u16(), None)),
            RedirectDecision::Follow(next) => {
                metrics::count(Counter::RequestsRedirects);
                let line = || debug::redirect(&head.method, &head.url, response.status, &next.method, &next.url);
                transport.log().line(line);
                if response.content_length().is_some_and(|length| length <= DRAIN_MAX) {
                    // Keeps the connection for the next request. A truncated body does not matter.
                    while let Ok(Some(_)) = response.chunk().await {}
                }
                let mut next = *next;
                take_credentials(&mut next.url, &mut next.headers);
                head = Cow::Owned(next);
                followed += 1;
            }
        }
    }
}

/// The timings of an attempt whose response has just begun.
pub fn timings_of(started: Instant, response: &mut IncomingResponse) -> Timings {
    let first_byte = started.elapsed();
    Timings { opening: response.take_opening(), first_byte, total: first_byte }
}

/// The delay that a response asks for.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    retry::retry_after(&text(headers.get(header::RETRY_AFTER)?), SystemTime::now())
}

/// Bounds one attempt. The message begins with `what`: `Request timed out after 30000ms`.
pub async fn with_timeout<T>(
    limit: Option<Duration>,
    what: &str,
    url: &Url,
    attempt: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(limit) = limit else {
        return attempt.await;
    };
    timeout(limit, attempt).await.unwrap_or_else(|_| Err(timed_out(what, limit, url)))
}

pub fn timed_out(what: &str, limit: Duration, url: &Url) -> Error {
    Error::new(Kind::Timeout, format!("{what} timed out after {}ms", limit.as_millis())).with_url(url)
}

/// The error of an attempt, and the response that is the failure.
pub type Outcome = (Error, Option<Box<RefusedResponse>>);

/// The attempts of one operation, counted.
#[derive(Debug)]
pub struct Attempts<'a> {
    policy: &'a Retry,
    on_retry: Option<&'a OnRetry>,
    method: &'a Method,
    pub made: u32,
    waited: Duration,
    log: Log,
    /// The call in debug lines. Empty if there are none.
    call: String,
}

impl<'a> Attempts<'a> {
    pub fn new(policy: &'a Retry, on_retry: Option<&'a OnRetry>, method: &'a Method) -> Self {
        Self { policy, on_retry, method, made: 0, waited: Duration::ZERO, log: Log::default(), call: String::new() }
    }

    /// Sets the log of the attempts.
    #[must_use]
    pub fn with_log(mut self, log: Log, url: &Url) -> Self {
        self.log = log;
        if log.is_on() {
            self.call = debug::call(self.method, url);
        }
        self
    }

    /// Counts an attempt. Returns the delay before the next one, or `None` if it was the last.
    /// `outcome` creates the error of the attempt, with the response that is the failure.
    pub fn count(&mut self, failure: AttemptFailure, outcome: impl Fn() -> Outcome) -> Option<Duration> {
        let next = retry::decide(self.policy, self.method, self.made, failure, fastrand::f64());
        self.made = self.made.saturating_add(1);
        if let retry::RetryDecision::Wait(delay) = next {
            return Some(delay);
        }
        if failure.is_failure() {
            self.log.line(|| debug::gives_up(&self.call, self.made, &outcome().0.with_attempts(self.made)));
        }
        None
    }

    /// Waits before the next attempt, unless the listener of the caller decides otherwise. `false`
    /// if there is no next one.
    pub async fn wait(&mut self, mut delay: Duration, outcome: impl Fn() -> Outcome) -> Result<bool> {
        if let Some(OnRetry(listener)) = self.on_retry {
            let (error, response) = outcome();
            let failed = FailedAttempt { number: self.made, error: error.with_attempts(self.made), response };
            match listener(failed, delay).await? {
                RetryOverride::Default => {}
                RetryOverride::Stop => return Ok(false),
                RetryOverride::Wait(instead) => delay = instead,
            }
        }
        self.log.line(|| {
            debug::retry(&self.call, self.made, self.policy.retries, &outcome().0.with_attempts(self.made), delay)
        });
        sleep(delay).await;
        self.waited = delay;
        Ok(true)
    }

    /// Adds header fields to a retry: the number of the attempt, the maximum, and the delay before
    /// it in seconds.
    pub fn announce(&self, headers: &mut HeaderMap) {
        if self.made > 0 {
            let seconds = self.waited.as_secs() + u64::from(self.waited.subsec_nanos() > 0);
            headers.insert(HeaderName::from_static("retry-attempt"), self.made.into());
            headers.insert(HeaderName::from_static("retry-max"), self.policy.retries.into());
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
}

/// The kind of a failure, for the retry policy.
pub fn failure_of(error: &Error) -> AttemptFailure {
    match error.details().status.filter(|_| error.kind() == Kind::Status) {
        Some(status) => AttemptFailure::Status { status, retry_after: error.details().retry_after },
        None if !error.is_retryable() => AttemptFailure::Permanent,
        None if matches!(error.details().syscall, Some("getaddrinfo" | "connect")) => AttemptFailure::NotSent,
        None => AttemptFailure::Transient,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn credentials_of_a_url_become_a_header_unless_the_caller_has_one() {
        let url = Url::parse("http://us%40er:p%C3%A4ss@host/").unwrap();
        let head = first_head(Method::GET, url.clone(), HeaderMap::new(), false);
        assert_eq!(head.url.as_str(), "http://host/");
        assert_eq!(head.headers[header::AUTHORIZATION], "Basic dXNAZXI6cMOkc3M=");
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert_eq!(first_head(Method::GET, url, headers, false).headers[header::AUTHORIZATION], "Bearer x");
    }
}
