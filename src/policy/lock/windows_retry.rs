//! Which failures of file system calls pass by themselves, and how long to wait for that.
//!
//! Only on Windows: there a virus scanner, an indexer or a reader that looks at a file for a moment keeps others from
//! renaming or removing it, and a removed file may keep its name until the last of them has closed it. Codes are numbers
//! here, so that the rules are tested everywhere.

use std::time::Duration;

const ACCESS_DENIED: i32 = 5;
const SHARING_VIOLATION: i32 = 32;
const LOCK_VIOLATION: i32 = 33;
const DELETE_PENDING: i32 = 303;
const IO_PENDING: i32 = 997;

/// How long to wait in all before the failure counts.
pub const LIMIT: Duration = Duration::from_secs(2);
/// The first wait; each following one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(100);

/// What to do about a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Try again after this time.
    Wait(Duration),
    /// It is permanent, or has lasted too long.
    GiveUp,
}

/// `failures`: how many there were before this one; `waited`: for how long, in all.
pub fn decide(code: Option<i32>, failures: u32, waited: Duration) -> RetryDecision {
    let wait = FIRST.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST).min(LIMIT.saturating_sub(waited));
    if code.is_some_and(is_transient_os_code) && !wait.is_zero() {
        RetryDecision::Wait(wait)
    } else {
        RetryDecision::GiveUp
    }
}

/// Whether this Windows error may be gone in a moment. "Access denied" is also what a name that is about to vanish
/// gives, and a missing permission: nothing tells them apart but time.
pub fn is_transient_os_code(code: i32) -> bool {
    matches!(code, ACCESS_DENIED | SHARING_VIOLATION | LOCK_VIOLATION | DELETE_PENDING)
}

/// Whether this Windows error of a lock that was tried means that somebody else has it.
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
    fn only_what_may_pass_is_waited_for() {
        for code in [5, 32, 33, 303] {
            assert_ne!(decide(Some(code), 0, Duration::ZERO), RetryDecision::GiveUp, "{code}");
        }
        // Not found, path not found, disk full, exists; an error that is not the system's.
        for code in [Some(2), Some(3), Some(112), Some(183), None] {
            assert_eq!(decide(code, 0, Duration::ZERO), RetryDecision::GiveUp, "{code:?}");
        }
    }

    #[test]
    fn contention_is_told_from_a_file_system_without_locks() {
        assert!([32, 33, 997].into_iter().all(is_held));
        // Invalid function, access denied, not supported, invalid parameter.
        assert!(![1, 5, 50, 87].into_iter().any(is_held));
    }
}
