//! The calls that the protocol is made of.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::policy::holder::KernelLock;

#[cfg(windows)]
use super::windows::is_alive;
#[cfg(windows)]
pub use super::windows::{open_removers_lock, try_kernel_lock, unlock};

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
#[cfg(not(windows))]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn try_kernel_lock(file: &File) -> KernelLock {
    use fs4::{FileExt, TryLockError};
    match FileExt::try_lock(file) {
        Ok(()) => KernelLock::Free,
        Err(TryLockError::WouldBlock) => KernelLock::Busy,
        Err(TryLockError::Error(_)) => KernelLock::Unsupported,
    }
}

/// Lets go without closing.
#[cfg(not(windows))]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn unlock(file: &File) {
    // Nothing to do about a failure: the lock ends with the file at the latest.
    let _ = fs4::FileExt::unlock(file);
}

/// The file whose lock keeps removers apart: the directory itself, which nobody would have to remove.
#[cfg(not(windows))]
pub fn open_removers_lock(directory: &Path) -> io::Result<File> {
    File::open(directory)
}

/// Takes the kernel lock of a file that only we know yet, if the file system means it: some grant one lock twice
/// (docker/for-mac#7004), which is no lock at all.
pub fn take_kernel_lock(try_lock: fn(&File) -> KernelLock, file: &File, path: &Path) -> KernelLock {
    let taken = try_lock(file);
    let again = || OpenOptions::new().read(true).write(true).open(path).ok().filter(|_| is_at(file, path));
    match taken {
        KernelLock::Free if again().is_some_and(|again| try_lock(&again) == KernelLock::Free) => {
            KernelLock::Unsupported
        }
        taken => taken,
    }
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
