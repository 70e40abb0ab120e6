//! Whether and when a failed attempt is retried.
//!
//! - Network failures and timeouts are retried, whatever the method: a caller who sets `retries`
//!   wants that. With [`Retry::retry_idempotent_only`], a request that is not idempotent is retried
//!   only if it never reached the server.
//! - 429 and 503 mean "not now", and are retried for every method. 408, 425, 500, 502 and 504 do
//!   not say whether the request was processed, and are retried for idempotent methods only (RFC
//!   9110, 9.2.2).
//! - The delay after attempt *k* (from 0) is `delay * 2^k` plus up to 10 % jitter, so that many
//!   clients that failed together do not return together. It is never shorter, and never longer
//!   than `delay_max`.
//! - `Retry-After` replaces that delay, within `delay_max`.

use std::time::{Duration, SystemTime};

use http::Method;

use crate::base::options::Retry;
use crate::base::status::is_transient;

/// Limit of stale connections in a row on which one request is sent: more than any pool should
/// hold.
pub const STALE_MAX: u32 = 64;

/// The next step after an attempt that did not succeed.
#[derive(Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Give up: no retries are left, or another attempt would be pointless or harmful.
    Stop,
    /// Retry after this time.
    Wait(Duration),
}

/// The failure of an attempt, as far as retries depend on it.
#[derive(Clone, Copy, Debug)]
pub enum AttemptFailure {
    /// A response with this status, and the wait of its `Retry-After`.
    Status { status: u16, retry_after: Option<Duration> },
    /// The server was not reached, for a transient reason.
    NotSent,
    /// No complete response was received, for a transient reason.
    Transient,
    /// No complete response was received, for a permanent reason.
    Permanent,
}

impl AttemptFailure {
    /// Whether it is one: an attempt that succeeded has a status, too.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Status { status, .. } if status < 400)
    }
}

/// Decides after a failed attempt. `attempt` counts from 0; `jitter` is a random number in
/// `0.0..1.0`.
pub fn decide(policy: &Retry, method: &Method, attempt: u32, failure: AttemptFailure, jitter: f64) -> RetryDecision {
    if attempt >= policy.retries {
        return RetryDecision::Stop;
    }
    let is_idempotent = policy.idempotent.unwrap_or_else(|| method.is_idempotent());
    let server_delay = match failure {
        AttemptFailure::Permanent => return RetryDecision::Stop,
        AttemptFailure::Transient if policy.retry_idempotent_only && !is_idempotent => return RetryDecision::Stop,
        AttemptFailure::Transient | AttemptFailure::NotSent => None,
        AttemptFailure::Status { status, retry_after } => {
            let safe = matches!(status, 429 | 503) || is_idempotent;
            if !safe || !is_transient(status) {
                return RetryDecision::Stop;
            }
            retry_after
        }
    };
    RetryDecision::Wait(server_delay.unwrap_or_else(|| backoff(policy.delay, attempt, jitter)).min(policy.delay_max))
}

fn backoff(delay: Duration, attempt: u32, jitter: f64) -> Duration {
    let base = delay.saturating_mul(2_u32.saturating_pow(attempt));
    base.saturating_add(base.checked_div(10).unwrap_or_default().mul_f64(jitter.clamp(0.0, 1.0)))
}

/// Reads the delay of a `Retry-After` field (RFC 9110, 10.2.3): whole seconds, or a date in the
/// future.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than u64 holds are "very long" all the same: the cap of the policy decides.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    httpdate::parse_http_date(value).ok()?.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(retries: u32) -> Retry {
        Retry { retries, ..Retry::default() }
    }

    fn wait(seconds: f64) -> RetryDecision {
        RetryDecision::Wait(Duration::from_secs_f64(seconds))
    }

    fn status(status: u16) -> AttemptFailure {
        AttemptFailure::Status { status, retry_after: None }
    }

    #[test]
    fn without_retries_nothing_is_retried() {
        assert_eq!(decide(&policy(0), &Method::GET, 0, AttemptFailure::Transient, 0.0), RetryDecision::Stop);
    }

    #[test]
    fn the_delay_doubles_and_stays_under_the_cap() {
        let delays: Vec<_> =
            (0..7).map(|attempt| decide(&policy(7), &Method::GET, attempt, AttemptFailure::Transient, 0.0)).collect();
        assert_eq!(delays, [wait(1.0), wait(2.0), wait(4.0), wait(8.0), wait(16.0), wait(30.0), wait(30.0)]);
        assert_eq!(decide(&policy(7), &Method::GET, 7, AttemptFailure::Transient, 0.0), RetryDecision::Stop);
    }

    #[test]
    fn jitter_adds_a_tenth_at_most_and_never_subtracts() {
        assert_eq!(decide(&policy(3), &Method::GET, 1, AttemptFailure::Transient, 0.0), wait(2.0));
        assert_eq!(decide(&policy(3), &Method::GET, 1, AttemptFailure::Transient, 1.0), wait(2.2));
    }

    #[test]
    fn absurd_counts_and_delays_do_not_overflow() {
        let delay_max = Duration::from_secs(5);
        let policy = Retry { retries: u32::MAX, delay: Duration::MAX, delay_max, ..Retry::default() };
        assert_eq!(decide(&policy, &Method::GET, u32::MAX - 1, AttemptFailure::Transient, 1.0), wait(5.0));
    }

    #[test]
    fn uncertain_statuses_are_retried_for_idempotent_methods_only() {
        for code in [408, 425, 500, 502, 504] {
            assert_eq!(decide(&policy(1), &Method::PUT, 0, status(code), 0.0), wait(1.0), "{code}");
            assert_eq!(decide(&policy(1), &Method::POST, 0, status(code), 0.0), RetryDecision::Stop, "{code}");
        }
        for code in [429, 503] {
            assert_eq!(decide(&policy(1), &Method::POST, 0, status(code), 0.0), wait(1.0), "{code}");
        }
    }

    #[test]
    fn idempotent_only_retries_nothing_that_may_have_been_processed() {
        let retry_idempotent_only = Retry { retry_idempotent_only: true, ..policy(1) };
        assert_eq!(
            decide(&retry_idempotent_only, &Method::POST, 0, AttemptFailure::Transient, 0.0),
            RetryDecision::Stop
        );
        assert_eq!(decide(&retry_idempotent_only, &Method::POST, 0, AttemptFailure::NotSent, 0.0), wait(1.0));
        assert_eq!(decide(&retry_idempotent_only, &Method::POST, 0, status(503), 0.0), wait(1.0));
        assert_eq!(decide(&retry_idempotent_only, &Method::DELETE, 0, AttemptFailure::Transient, 0.0), wait(1.0));
        let trusting = Retry { idempotent: Some(true), ..retry_idempotent_only };
        assert_eq!(decide(&trusting, &Method::POST, 0, AttemptFailure::Transient, 0.0), wait(1.0));
        assert_eq!(decide(&trusting, &Method::POST, 0, status(500), 0.0), wait(1.0));
        let careful = Retry { idempotent: Some(false), ..retry_idempotent_only };
        assert_eq!(decide(&careful, &Method::GET, 0, AttemptFailure::Transient, 0.0), RetryDecision::Stop);
        assert_eq!(decide(&careful, &Method::GET, 0, status(500), 0.0), RetryDecision::Stop);
        assert_eq!(decide(&careful, &Method::GET, 0, AttemptFailure::NotSent, 0.0), wait(1.0));
        assert_eq!(decide(&careful, &Method::GET, 0, status(503), 0.0), wait(1.0));
    }

    #[test]
    fn other_statuses_and_permanent_failures_stop() {
        for code in [200, 304, 400, 401, 403, 404, 409, 501, 505] {
            assert_eq!(decide(&policy(1), &Method::GET, 0, status(code), 0.0), RetryDecision::Stop, "{code}");
        }
        assert_eq!(decide(&policy(1), &Method::GET, 0, AttemptFailure::Permanent, 0.0), RetryDecision::Stop);
    }

    #[test]
    fn retry_after_replaces_the_delay_within_the_cap() {
        let asks = |seconds| AttemptFailure::Status { status: 429, retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(decide(&policy(1), &Method::GET, 0, asks(0), 0.5), wait(0.0));
        assert_eq!(decide(&policy(1), &Method::GET, 0, asks(7), 0.5), wait(7.0));
        assert_eq!(decide(&policy(1), &Method::GET, 0, asks(3600), 0.5), wait(30.0));
    }

    #[test]
    fn retry_after_is_seconds_or_a_future_date() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:30 GMT", now), Some(Duration::from_secs(30)));
        assert!(retry_after("99999999999999999999999", now) > Some(Duration::from_secs(1 << 30)));
        for nonsense in ["", "-1", "1.5", "soon", "Wed, 21 Oct 2020 07:28:00 GMT"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
    }
}
