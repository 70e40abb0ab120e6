//! The system calls of the protocol.

use std::fs::{self, File};
use std::io;
use std::path::Path;

#[cfg(unix)]
use fs4::{FileExt, TryLockError};

#[cfg(windows)]
use super::windows::{self, is_alive, remove};
#[cfg(windows)]
pub use super::windows::{is_at, unlink};
use crate::io::file::trusted::{self, Access};
use crate::io::file::windows_retry::is_transient_os_error;
use crate::policy::lock::staleness::KernelLock;

/// The calls that differ between file systems. Tests replace them.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// Opens an existing lock file.
    pub open: fn(&Path) -> io::Result<File>,
    /// Whether a failure to open may be transient.
    pub is_transient_os_error: fn(&io::Error) -> bool,
    pub try_lock: fn(&File) -> KernelLock,
    pub hard_link: fn(&Path, &Path) -> io::Result<()>,
    /// Removes the path, which was this file a moment ago. Returns `false` if it no longer is.
    pub remove: fn(&Path, &File) -> io::Result<bool>,
    pub is_alive: fn(u32) -> bool,
    /// Called before each call that another process may precede.
    pub step: fn(),
}

impl System {
    pub const REAL: Self = Self {
        open: open_existing,
        is_transient_os_error,
        try_lock: try_kernel_lock,
        hard_link: |from, to| fs::hard_link(from, to),
        remove,
        is_alive,
        step: || {},
    };
}

/// Opens a lock file for reading and writing, because NFS emulates exclusive locks only on files
/// opened for writing. If that is not permitted, or the file is another user's, it is opened for
/// reading. Never follows a link, never blocks.
fn open_existing(path: &Path) -> io::Result<File> {
    if !fs::symlink_metadata(path).is_ok_and(|found| trusted::is_mine(&found)) {
        return trusted::open_regular(path, Access::Read);
    }
    match trusted::open_regular(path, Access::ReadWrite) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => trusted::open_regular(path, Access::Read),
        opened => opened,
    }
}

/// Tries the kernel lock without waiting.
///
/// Any failure but "busy" means that this file system has no such locks (`ENOTSUP`, `ENOLCK`,
/// `EBADF` of NFS, …).
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn try_kernel_lock(file: &File) -> KernelLock {
    match FileExt::try_lock(file) {
        Ok(()) => KernelLock::Free,
        Err(TryLockError::WouldBlock) => KernelLock::Busy,
        Err(TryLockError::Error(_)) => KernelLock::Unsupported,
    }
}

/// Tries the kernel lock without waiting. fs4 would lock the content, which nobody else could then
/// read.
#[cfg(windows)]
pub fn try_kernel_lock(file: &File) -> KernelLock {
    use crate::policy::lock::windows_retry::is_held;
    match windows::try_lock(file) {
        Ok(()) => KernelLock::Free,
        Err(error) if error.raw_os_error().is_some_and(is_held) => KernelLock::Busy,
        Err(_) => KernelLock::Unsupported,
    }
}

/// Takes the kernel lock of a file that no other process knows yet. Reports `Unsupported` on file
/// systems that grant one lock twice (docker/for-mac#7004).
pub fn take_kernel_lock(try_lock: fn(&File) -> KernelLock, file: &File, path: &Path) -> KernelLock {
    let taken = try_lock(file);
    let again = || trusted::open_regular(path, Access::ReadWrite).ok().filter(|_| is_at(file, path));
    match taken {
        KernelLock::Free if again().is_some_and(|again| try_lock(&again) == KernelLock::Free) => {
            KernelLock::Unsupported
        }
        taken => taken,
    }
}

/// Releases the kernel lock without closing the file.
#[cfg_attr(unix, expect(clippy::disallowed_methods, reason = "the one place"))]
pub fn unlock(file: &File) {
    // A failure is harmless: the lock ends when the file is closed.
    #[cfg(unix)]
    let _ = FileExt::unlock(file);
    #[cfg(windows)]
    let _ = windows::unlock(file);
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

/// Removes a name that only this process uses. Takes effect at once, although the file is open.
#[cfg(unix)]
pub fn unlink(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// By path: the caller excludes other breakers.
#[cfg(unix)]
fn remove(path: &Path, _: &File) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}

#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // `EPERM`: the process lives and belongs to another user.
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}
