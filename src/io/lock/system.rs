//! The calls that the protocol is made of.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use fs4::{FileExt, TryLockError};

use crate::policy::holder::KernelLock;

/// What differs between file systems, as a table: tests put others in its place.
#[derive(Clone, Copy, Debug)]
pub struct System {
    pub try_lock: fn(&File) -> KernelLock,
    pub hard_link: fn(&Path, &Path) -> io::Result<()>,
    pub is_alive: fn(u32) -> bool,
    /// Called before each call that another process may come in front of.
    pub step: fn(),
}

impl System {
    pub const REAL: Self =
        Self { try_lock: try_kernel_lock, hard_link: |from, to| fs::hard_link(from, to), is_alive, step: || {} };
}

/// Tries the kernel lock without waiting.
///
/// Any failure but "busy" means that this file system has no such locks (`ENOTSUP`, `ENOLCK`, `EBADF` of NFS, …).
/// Windows reports contention in several codes; fs4 maps them.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn try_kernel_lock(file: &File) -> KernelLock {
    match FileExt::try_lock(file) {
        Ok(()) => KernelLock::Free,
        Err(TryLockError::WouldBlock) => KernelLock::Busy,
        Err(TryLockError::Error(_)) => KernelLock::Unsupported,
    }
}

/// Lets go without closing.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn unlock(file: &File) {
    // Nothing to do about a failure: the lock ends with the file at the latest.
    let _ = FileExt::unlock(file);
}

/// Whether the path names this open file.
#[cfg(unix)]
pub fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(path)) => identity(file) == identity(path),
        _ => false,
    }
}

/// Whether the path names this open file.
#[cfg(not(unix))]
pub fn is_at(file: &File, path: &Path) -> bool {
    let open = file.try_clone().and_then(same_file::Handle::from_file);
    matches!((open, same_file::Handle::from_path(path)), (Ok(file), Ok(path)) if file == path)
}

#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // EPERM: it lives and belongs to somebody else.
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// Unknown here; the age of the file decides.
#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    true
}
