//! Finds out what the file system of a directory can do for locks.

use std::fs;
use std::io;
use std::path::Path;

use crate::io::file::lock::system::{take_kernel_lock, try_kernel_lock, unlink};
use crate::io::file::trusted;
use crate::policy::lock::staleness::KernelLock;

/// The guarantees of a directory's file system that locks rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockSupport {
    /// Whether the system grants a lock once, and not twice.
    pub kernel_locks: bool,
    pub hard_links: bool,
}

/// Tries both with a file of its own, which is removed. Fails if no file can be created.
pub fn probe(directory: &Path) -> io::Result<LockSupport> {
    let name = format!(".socket-registry-doctor-{:032x}", fastrand::u128(..));
    let (path, link) = (directory.join(&name), directory.join(format!("{name}.link")));
    let file = trusted::create(&path)?;
    let kernel_locks = take_kernel_lock(try_kernel_lock, &file, &path) == KernelLock::Free;
    let hard_links = fs::hard_link(&path, &link).is_ok();
    if hard_links {
        let _ = unlink(&link);
    }
    drop(file);
    unlink(&path)?;
    Ok(LockSupport { kernel_locks, hard_links })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_finds_locks_and_links_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(probe(directory.path()).unwrap(), LockSupport { kernel_locks: true, hard_links: true });
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert_eq!(probe(&directory.path().join("missing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
