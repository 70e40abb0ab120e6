//! What requests and downloads have in common: one attempt follows redirects within its time, and attempts are
//! repeated as [`retry`] says.

use std::borrow::Cow;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::time::{sleep, timeout};
use url::Url;

use crate::base::body::Body;
use crate::base::error::{Error, Kind, Result};
use crate::base::listeners::{OnRetry, RetryAdvice};
use crate::base::options::{Redirects, Retry};
use crate::base::timings::Timings;
use crate::io::http::tls;
use crate::io::http::transport::{Answer, Transport};
use crate::metrics::{self, Counter, tally};
use crate::operation::hooks::HookDispatcher;
use crate::policy::http::headers::text;
use crate::policy::http::redirect::{self, RedirectDecision, RequestHead};
use crate::policy::http::retry::{self, Failure};

/// The size of a redirect's body up to which reading it is cheaper than a new connection.
const DRAIN_MAX: u64 = 16 << 10;

/// The first hop: credentials of the URL become an `Authorization` field, unless the caller gave one.
pub fn first_hop(method: Method, mut url: Url, mut headers: HeaderMap, with_body: bool) -> RequestHead {
    take_credentials(&mut url, &mut headers);
    // The length is known better here than by the caller, and a wrong one corrupts the connection.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    RequestHead { method, url, headers, with_body }
}

fn take_credentials(url: &mut Url, headers: &mut HeaderMap) {
    if url.username().is_empty() && url.password().is_none() {
        return;
    }
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).collect::<Vec<u8>>();
    let pair = [&decoded(url.username())[..], b":", &decoded(url.password().unwrap_or_default())].concat();
    let basic = format!("Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair));
    if let (false, Ok(mut value)) = (headers.contains_key(header::AUTHORIZATION), HeaderValue::from_str(&basic)) {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    // Neither fails for http and https.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

/// How requests are sent, whichever they are.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub transport: &'a Transport,
    pub redirects: &'a Redirects,
    pub idle_timeout: Option<Duration>,
}

/// Sends a request and follows its redirects. The answer comes with the URL that gave it, and with whether redirects led
/// there: the URL alone does not tell, as they may lead back.
pub async fn follow(
    exchange: Exchange<'_>,
    first: &RequestHead,
    body: Option<&Body>,
    hooks_of_call: &HookDispatcher<'_>,
) -> Result<(Answer, Url, bool)> {
    let Exchange { transport, redirects, idle_timeout } = exchange;
    let mut hop = Cow::Borrowed(first);
    let mut followed = 0;
    loop {
        tls::check_host(&hop.url)?;
        hooks_of_call.begins(&mut hop).await;
        hooks_of_call.sends(&hop).await;
        let mut answer = transport.send(&hop, body, idle_timeout).await?;
        tally::responded(answer.status.as_u16());
        hooks_of_call.receives(&mut answer).await;
        match redirect::decide(redirects, followed, &hop, answer.status, &answer.headers) {
            RedirectDecision::Answer => {
                let url = match hop {
                    Cow::Borrowed(hop) => hop.url.clone(),
                    Cow::Owned(hop) => hop.url,
                };
                return Ok((answer, url, followed > 0));
            }
            RedirectDecision::Refuse(error) => return Err(error.with_status(answer.status.as_u16(), None)),
            RedirectDecision::Follow(next) => {
                metrics::count(Counter::RequestsRedirects);
                if answer.content_length().is_some_and(|length| length <= DRAIN_MAX) {
                    // Keeps the connection for the next hop; a body that breaks off says nothing about that hop.
                    while let Ok(Some(_)) = answer.chunk().await {}
                }
                let mut next = *next;
                take_credentials(&mut next.url, &mut next.headers);
                hop = Cow::Owned(next);
                followed += 1;
            }
        }
    }
}

/// The timings of an attempt whose answer has just begun.
pub fn begun(started: Instant, answer: &Answer) -> Timings {
    let (dns, connect) = answer.opening().map_or((None, None), |opening| (opening.dns, opening.connect));
    let first_byte = started.elapsed();
    Timings { dns, connect, first_byte, total: first_byte }
}

/// The wait that an answer asks for.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    retry::retry_after(&text(headers.get(header::RETRY_AFTER)?), SystemTime::now())
}

/// Bounds one attempt. `what` opens the message: `Request timed out after 30000ms`.
pub async fn within<T>(
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

/// The attempts of one operation, counted.
#[derive(Debug)]
pub struct Attempts<'a> {
    policy: &'a Retry,
    on_retry: Option<&'a OnRetry>,
    method: &'a Method,
    pub made: u32,
    waited: Duration,
}

impl<'a> Attempts<'a> {
    pub fn new(policy: &'a Retry, on_retry: Option<&'a OnRetry>, method: &'a Method) -> Self {
        Self { policy, on_retry, method, made: 0, waited: Duration::ZERO }
    }

    /// Counts an attempt that did not succeed, and waits before the next one. `false`: it was the last. `error` makes the
    /// error of the attempt, for who listens.
    pub async fn again(&mut self, failure: Failure, error: impl FnOnce() -> Error) -> Result<bool> {
        let next = retry::decide(self.policy, self.method, self.made, failure, fastrand::f64());
        self.made = self.made.saturating_add(1);
        let retry::RetryDecision::Wait(mut delay) = next else {
            return Ok(false);
        };
        if let Some(OnRetry(listener)) = self.on_retry {
            match listener(self.made, error().with_attempts(self.made), delay).await? {
                RetryAdvice::Default => {}
                RetryAdvice::Stop => return Ok(false),
                RetryAdvice::Wait(instead) => delay = instead,
            }
        }
        sleep(delay).await;
        self.waited = delay;
        Ok(true)
    }

    /// Tells the server that this is not the first attempt, of how many, and how long it waited, in seconds.
    pub fn announce(&self, headers: &mut HeaderMap) {
        if self.made > 0 {
            let seconds = self.waited.as_secs() + u64::from(self.waited.subsec_nanos() > 0);
            headers.insert(HeaderName::from_static("retry-attempt"), self.made.into());
            headers.insert(HeaderName::from_static("retry-max"), self.policy.retries.into());
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
}

/// What an error means to the retry policy.
pub fn failure_of(error: &Error) -> Failure {
    match error.details().status.filter(|_| error.kind() == Kind::Status) {
        Some(status) => Failure::Status { status, retry_after: error.details().retry_after },
        None if !error.is_retryable() => Failure::Permanent,
        None if matches!(error.details().syscall, Some("getaddrinfo" | "connect")) => Failure::NotSent,
        None => Failure::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_url_become_a_header_unless_the_caller_has_one() {
        let url = Url::parse("http://us%40er:p%C3%A4ss@host/").unwrap();
        let hop = first_hop(Method::GET, url.clone(), HeaderMap::new(), false);
        assert_eq!(hop.url.as_str(), "http://host/");
        assert_eq!(hop.headers[header::AUTHORIZATION], "Basic dXNAZXI6cMOkc3M=");
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert_eq!(first_hop(Method::GET, url, headers, false).headers[header::AUTHORIZATION], "Bearer x");
    }
}
