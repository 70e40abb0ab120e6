//! Retries of file system calls that fail for a moment on Windows.
//!
//! There a virus scanner, an indexer or a reader that opens a file for a moment prevents others
//! from renaming or removing it, and a removed file may keep its name until the last of them has
//! closed it. Codes are numbers here, so that the rules are tested on every platform.

use std::time::Duration;

const ACCESS_DENIED: i32 = 5;
const SHARING_VIOLATION: i32 = 32;
const LOCK_VIOLATION: i32 = 33;
const DELETE_PENDING: i32 = 303;
const IO_PENDING: i32 = 997;

/// The total time of the retries of one call.
pub const LIMIT: Duration = Duration::from_secs(2);
/// The first wait. Each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(100);

/// The next step after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Retry after this time.
    Wait(Duration),
    /// Fail: the error is permanent, or has lasted too long.
    GiveUp,
}

/// Decides after a failed call. `failures` is the number of failures before this one, `waited` the
/// total time that was waited for them.
pub fn decide(code: Option<i32>, failures: u32, waited: Duration) -> RetryDecision {
    let wait = FIRST.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST).min(LIMIT.saturating_sub(waited));
    if code.is_some_and(is_transient_os_code) && !wait.is_zero() {
        RetryDecision::Wait(wait)
    } else {
        RetryDecision::GiveUp
    }
}

/// Whether a Windows error is transient. "Access denied" is the error of a file that is being
/// removed as well as of a missing permission: only time distinguishes them.
pub fn is_transient_os_code(code: i32) -> bool {
    matches!(code, ACCESS_DENIED | SHARING_VIOLATION | LOCK_VIOLATION | DELETE_PENDING)
}

/// Whether a Windows error of trying a lock means that another holder has it.
pub fn is_held(code: i32) -> bool {
    matches!(code, LOCK_VIOLATION | SHARING_VIOLATION | IO_PENDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end_at_the_limit() {
        let wait = |failures, waited| decide(Some(SHARING_VIOLATION), failures, Duration::from_millis(waited));
        assert_eq!(wait(0, 0), RetryDecision::Wait(Duration::from_millis(1)));
        assert_eq!(wait(6, 63), RetryDecision::Wait(Duration::from_millis(64)));
        assert_eq!(wait(7, 127), RetryDecision::Wait(Duration::from_millis(100)));
        assert_eq!(wait(u32::MAX, 1990), RetryDecision::Wait(Duration::from_millis(10)));
        assert_eq!(wait(25, 2000), RetryDecision::GiveUp);
    }

    #[test]
    fn only_transient_errors_are_retried() {
        for code in [5, 32, 33, 303] {
            assert_ne!(decide(Some(code), 0, Duration::ZERO), RetryDecision::GiveUp, "{code}");
        }
        // Not found, path not found, disk full, exists; an error without a code of the system.
        for code in [Some(2), Some(3), Some(112), Some(183), None] {
            assert_eq!(decide(code, 0, Duration::ZERO), RetryDecision::GiveUp, "{code:?}");
        }
    }

    #[test]
    fn contention_is_distinguished_from_a_file_system_without_locks() {
        assert!([32, 33, 997].into_iter().all(is_held));
        // Invalid function, access denied, not supported, invalid parameter.
        assert!(![1, 5, 50, 87].into_iter().any(is_held));
    }
}
