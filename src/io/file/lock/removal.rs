//! Step 3 of the protocol: removes the evaluated lock file, and never a new one.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::io::file::lock::directory::open_directory;
use crate::io::file::lock::path::parent;
use crate::io::file::lock::system::{System, is_at};
use crate::policy::lock::staleness::KernelLock;

/// Limit of the wait for another breaker, before the next attempt.
pub const BREAKER_TIMEOUT: Duration = Duration::from_millis(250);

/// Removes the file at `path` if it is `evaluated` and `condition` still holds. Other breakers are
/// excluded meanwhile, so that none removes the new lock of a faster process. Returns `false` if
/// something changed.
pub fn remove_if(system: System, path: &Path, evaluated: &File, condition: impl Fn() -> bool) -> io::Result<bool> {
    let _only = only_breaker(system, parent(path));
    (system.step)();
    if !is_at(evaluated, path) || !condition() {
        return Ok(false);
    }
    (system.step)();
    #[cfg(all(test, unix))]
    super::tests::about_to_remove(path, evaluated);
    (system.remove)(path, evaluated)
}

/// Takes a kernel lock on the directory itself, which needs no file that would have to be removed.
///
/// `None` if directories cannot be locked, or if the breaker that has the lock was stopped within
/// those few calls. Then only the check of identity is left, with a window of microseconds. Windows
/// has no locks on directories and needs none: there the evaluated file is removed by handle,
/// whatever is at the path by then.
fn only_breaker(system: System, directory: &Path) -> Option<File> {
    if cfg!(windows) {
        return None;
    }
    let file = open_directory(directory).ok()?;
    let started = Instant::now();
    loop {
        (system.step)();
        match (system.try_lock)(&file) {
            KernelLock::Free => return Some(file),
            KernelLock::Busy if started.elapsed() < BREAKER_TIMEOUT => std::thread::sleep(Duration::from_micros(200)),
            _ => return None,
        }
    }
}
