//! File system calls that are retried while another process briefly has the file open. On Unix no
//! open file can block them, so each call is made once.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::policy::lock::windows_retry::{RetryDecision, decide, is_transient_os_code};

pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    retrying(|| std::fs::rename(from, to))
}

/// Renames to a name that should be unused. If the name was taken meanwhile, that file stays, where
/// the system can ensure this.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // The kernel or the file system does not support it.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            renamed => return Ok(renamed?),
        }
    }
    rename(from, to)
}

pub fn remove_file(path: &Path) -> io::Result<()> {
    retrying(|| std::fs::remove_file(path))
}

/// Retries a call until it succeeds, fails permanently, or has failed for too long. Blocks the
/// thread.
pub fn retrying<T>(call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    repeat(call, cfg!(windows), thread::sleep)
}

/// Whether this failure is transient.
pub fn is_transient_os_error(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error().is_some_and(is_transient_os_code)
}

fn repeat<T>(
    mut call: impl FnMut() -> io::Result<T>,
    is_windows: bool,
    mut sleep: impl FnMut(Duration),
) -> io::Result<T> {
    let (mut failures, mut waited) = (0, Duration::ZERO);
    loop {
        let error = match call() {
            Err(error) if is_windows => error,
            done => return done,
        };
        let RetryDecision::Wait(time) = decide(error.raw_os_error(), failures, waited) else {
            return Err(error);
        };
        sleep(time);
        // The sum of the delays, not the clock: so the number of tries is the same on a busy
        // machine.
        waited += time;
        failures += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::policy::lock::windows_retry::LIMIT;

    /// Fails with a code for a number of times, then makes the call. Returns the result, the tries,
    /// and the time slept.
    fn obstructed<T>(
        code: i32,
        times: u32,
        is_windows: bool,
        call: impl Fn() -> io::Result<T>,
    ) -> (io::Result<T>, u32, Duration) {
        let (mut tries, mut slept) = (0, Duration::ZERO);
        let obstructed = || {
            tries += 1;
            if tries > times { call() } else { Err(io::Error::from_raw_os_error(code)) }
        };
        let result = repeat(obstructed, is_windows, |time| slept += time);
        (result, tries, slept)
    }

    #[test]
    fn a_file_that_is_in_use_for_a_moment_is_published() {
        let directory = tempfile::tempdir().unwrap();
        let (part, destination) = (directory.path().join("part"), directory.path().join("file"));
        fs::write(&part, "whole").unwrap();
        let (result, tries, slept) = obstructed(32, 5, true, || fs::rename(&part, &destination));
        result.unwrap();
        assert_eq!(fs::read(&destination).unwrap(), b"whole");
        assert_eq!((tries, slept), (6, Duration::from_millis(1 + 2 + 4 + 8 + 16)));
    }

    #[test]
    fn a_permanent_failure_is_returned_at_once() {
        let (result, tries, slept) = obstructed(112, 1, true, || Ok(()));
        assert_eq!(result.unwrap_err().raw_os_error(), Some(112));
        assert_eq!((tries, slept), (1, Duration::ZERO));
    }

    #[test]
    fn a_lasting_failure_is_returned_at_the_limit() {
        let (result, tries, slept) = obstructed(5, u32::MAX, true, || Ok(()));
        assert_eq!(result.unwrap_err().raw_os_error(), Some(5));
        assert_eq!(slept, LIMIT);
        assert!(tries < 40, "{tries}");
    }

    #[test]
    fn on_other_systems_each_call_is_made_once() {
        let (result, tries, slept) = obstructed(32, 1, false, || Ok(()));
        assert!(result.is_err());
        assert_eq!((tries, slept), (1, Duration::ZERO));
    }
}
