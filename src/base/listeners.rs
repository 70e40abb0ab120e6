//! What callers may hear of while an operation is under way, and what they may say to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};

use crate::base::error::{Error, Result};

/// A request that is about to be sent.
#[derive(Debug)]
pub struct Sent {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub timeout: Option<Duration>,
}

/// What came of it.
#[derive(Debug)]
pub struct Received {
    pub method: Method,
    pub url: String,
    pub duration: Duration,
    pub outcome: Result<(StatusCode, String, HeaderMap), Error>,
}

/// Resolves when the listener is done; whatever goes wrong in it is ignored.
pub type Hook<T> = Arc<dyn Fn(T) -> BoxFuture<'static, ()> + Send + Sync>;

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

/// What a listener wants to be done about a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// Whatever the policy says.
    Default,
    Stop,
    /// The next attempt after this time, whatever the policy says.
    Wait(Duration),
}

impl RetryAdvice {
    /// As JavaScript says it: negative is at once, NaN says nothing.
    pub fn wait(milliseconds: f64) -> Self {
        match milliseconds {
            number if number.is_nan() => Self::Default,
            number => Self::Wait(Duration::try_from_secs_f64(number.max(0.0) / 1000.0).unwrap_or(Duration::MAX)),
        }
    }
}

/// Told of each failed attempt that is to be repeated: its number from 1, its error, and the delay. An error of its own
/// ends the operation.
#[derive(Clone)]
pub struct OnRetry(pub Arc<dyn Fn(u32, Error, Duration) -> BoxFuture<'static, Result<RetryAdvice>> + Send + Sync>);

impl fmt::Debug for OnRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRetry")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_wait_unless_it_is_none() {
        assert_eq!(RetryAdvice::wait(1500.0), RetryAdvice::Wait(Duration::from_millis(1500)));
        assert_eq!(RetryAdvice::wait(-5.0), RetryAdvice::Wait(Duration::ZERO));
        assert_eq!(RetryAdvice::wait(f64::NAN), RetryAdvice::Default);
        assert_eq!(RetryAdvice::wait(f64::INFINITY), RetryAdvice::Wait(Duration::MAX));
    }
}
