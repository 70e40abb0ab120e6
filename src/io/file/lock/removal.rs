//! Step 3 of the protocol: removes the lock file that was judged, and never a fresh one.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::io::file::lock::directory::open_directory;
use crate::io::file::lock::path::parent;
use crate::io::file::lock::system::{System, is_at};
use crate::policy::lock::staleness::KernelLock;

/// How long to try for the removers' lock before leaving the matter to the next look.
pub const BREAKER_TIMEOUT: Duration = Duration::from_millis(250);

/// Removes the file at `path` if it is `judged` and `condition` still holds, with all other removers kept out, so that
/// nobody unlinks the fresh lock of somebody who was faster. `false`: something changed; look again.
pub fn remove_if(system: System, path: &Path, judged: &File, condition: impl Fn() -> bool) -> io::Result<bool> {
    let _only = only_breaker(system, parent(path));
    (system.step)();
    if !is_at(judged, path) || !condition() {
        return Ok(false);
    }
    (system.step)();
    #[cfg(all(test, unix))]
    super::tests::about_to_remove(path, judged);
    (system.remove)(path, judged)
}

/// A kernel lock on the directory itself: needs no file that somebody would have to remove.
///
/// `None` where directories cannot be locked, or when its holder was stopped within those few calls: then the check
/// of identity alone must do, which leaves a window of microseconds. Windows has no such locks on directories, and no
/// need: there the file that was judged is removed by handle, whatever is at the path by then.
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
