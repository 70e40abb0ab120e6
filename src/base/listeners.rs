//! Listeners of callers: events while an operation runs, and what a listener decides about retries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};

use crate::base::error::{Error, Result};

/// The event of a request that is about to be sent.
#[derive(Debug)]
pub struct Sent {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    /// The limit of the attempt; `None` for no limit.
    pub timeout: Option<Duration>,
}

/// The event of a request whose response head was received, or that failed.
#[derive(Debug)]
pub struct Received {
    pub method: Method,
    pub url: String,
    /// The time since [`Sent`].
    pub duration: Duration,
    /// Status, status text and headers, or the error.
    pub outcome: Result<(StatusCode, String, HeaderMap), Error>,
}

/// A listener. Its future resolves when the listener is done; its errors are ignored.
pub type Hook<T> = Arc<dyn Fn(T) -> BoxFuture<'static, ()> + Send + Sync>;

/// Listeners of the requests of one call.
#[derive(Clone, Default)]
pub struct Hooks {
    pub on_request: Option<Hook<Sent>>,
    pub on_response: Option<Hook<Received>>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// The decision of a listener after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOverride {
    /// Follow the policy.
    Default,
    /// Do not retry.
    Stop,
    /// Retry after this time, whatever the policy says.
    Wait(Duration),
}

impl RetryOverride {
    /// Reads a number of JavaScript: a negative one means at once, NaN means the policy.
    pub fn wait(milliseconds: f64) -> Self {
        match milliseconds {
            number if number.is_nan() => Self::Default,
            number => Self::Wait(Duration::try_from_secs_f64(number.max(0.0) / 1000.0).unwrap_or(Duration::MAX)),
        }
    }
}

/// A failed attempt.
#[derive(Debug)]
pub struct FailedAttempt {
    /// Its number, from 1.
    pub number: u32,
    pub error: Error,
    /// The response whose status is the failure.
    pub response: Option<Box<RefusedResponse>>,
}

/// A response whose status is a failure. Its body is empty if it is streamed.
#[derive(Debug)]
pub struct RefusedResponse {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A listener that is called before each retry, with the failed attempt and the delay. An error of
/// the listener ends the operation.
#[derive(Clone)]
pub struct OnRetry(pub Arc<dyn Fn(FailedAttempt, Duration) -> BoxFuture<'static, Result<RetryOverride>> + Send + Sync>);

impl fmt::Debug for OnRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRetry")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_wait_unless_it_is_nan() {
        assert_eq!(RetryOverride::wait(1500.0), RetryOverride::Wait(Duration::from_millis(1500)));
        assert_eq!(RetryOverride::wait(-5.0), RetryOverride::Wait(Duration::ZERO));
        assert_eq!(RetryOverride::wait(f64::NAN), RetryOverride::Default);
        assert_eq!(RetryOverride::wait(f64::INFINITY), RetryOverride::Wait(Duration::MAX));
    }
}
