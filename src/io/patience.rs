//! Failures of the file system that pass by themselves.
//!
//! On Windows, virus scanners, indexers and backup programs open new files for a moment, and a file that was deleted
//! keeps its name until its last handle is closed. Renames and removals fail meanwhile; every tool that publishes by rename
//! tries again (npm's graceful-fs, rustup, pnpm). Elsewhere nothing is repeated.

use std::io;
use std::thread;
use std::time::Duration;

/// `ERROR_ACCESS_DENIED`, `ERROR_SHARING_VIOLATION`, `ERROR_LOCK_VIOLATION`, `ERROR_DELETE_PENDING`. The first may be
/// final as well; nothing tells.
const PASSING: [i32; 4] = [5, 32, 33, 303];
/// Pauses double up to this.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// When to give up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Does it, again if it failed for a reason that passes. Blocks for 2 s at most.
pub fn patiently<T>(operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    repeat(|error| cfg!(windows) && is_passing(error), thread::sleep, operation)
}

fn is_passing(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| PASSING.contains(&code))
}

/// The pause before try number `tries` + 1, unless that would be one too many.
fn pause(tries: u32, waited: Duration) -> Option<Duration> {
    let pause = Duration::from_millis(1 << tries.min(10)).min(PAUSE_MAX);
    (waited + pause <= PATIENCE).then_some(pause)
}

fn repeat<T>(
    is_passing: impl Fn(&io::Error) -> bool,
    mut sleep: impl FnMut(Duration),
    mut operation: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut waited = Duration::ZERO;
    for tries in 0.. {
        match operation() {
            Err(error) if is_passing(&error) => {
                let Some(pause) = pause(tries, waited) else {
                    return Err(error);
                };
                sleep(pause);
                waited += pause;
            }
            done => return done,
        }
    }
    unreachable!("patience ends before the count does")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Fails with `codes`, one after the other, then succeeds. How it went, the calls made, and the time waited.
    fn run(codes: &[i32], mut last: impl FnMut() -> io::Result<()>) -> (io::Result<()>, usize, Duration) {
        let (mut calls, mut waited) = (0, Duration::ZERO);
        let result = repeat(
            is_passing,
            |pause| waited += pause,
            || {
                calls += 1;
                codes.get(calls - 1).map_or_else(&mut last, |code| Err(io::Error::from_raw_os_error(*code)))
            },
        );
        (result, calls, waited)
    }

    #[test]
    fn a_rename_that_fails_five_times_still_happens() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("part"), directory.path().join("file"));
        fs::write(&from, "whole").unwrap();
        let (result, calls, waited) = run(&[32, 5, 33, 303, 32], || fs::rename(&from, &to));
        result.unwrap();
        assert_eq!((calls, waited), (6, Duration::from_millis(1 + 2 + 4 + 8 + 16)));
        assert_eq!(fs::read(&to).unwrap(), b"whole");
    }

    #[test]
    fn any_other_failure_is_given_at_once() {
        let (result, calls, waited) = run(&[32, 112], || Ok(()));
        assert_eq!(result.unwrap_err().raw_os_error(), Some(112));
        assert_eq!((calls, waited), (2, Duration::from_millis(1)));
    }

    #[test]
    fn patience_ends() {
        let (result, calls, waited) = run(&[32; 100], || Ok(()));
        assert_eq!(result.unwrap_err().raw_os_error(), Some(32));
        assert!(calls < 100 && waited <= PATIENCE && waited > PATIENCE / 2, "{calls} calls, {waited:?}");
    }

    #[cfg(not(windows))]
    #[test]
    fn nothing_is_repeated_where_files_are_not_shared_that_way() {
        let mut calls = 0;
        let result = patiently(|| {
            calls += 1;
            Err::<(), _>(io::Error::from_raw_os_error(5))
        });
        assert_eq!((result.is_err(), calls), (true, 1));
    }
}
