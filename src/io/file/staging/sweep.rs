//! Removes part files that dead processes left under unique names.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::io::file::destination::age;
use crate::io::file::lock::{is_at, try_kernel_lock};
use crate::io::file::staging::names::{is_unique_infix, record_path};
use crate::io::file::sweeps::Sweeps;
use crate::io::file::trusted::{self, Access};
use crate::io::file::windows_retry;
use crate::policy::lock::staleness::KernelLock;

/// A younger sealed file is about to be published.
const ORPHAN_MIN_AGE: Duration = Duration::from_secs(60);
/// The directories that this process has swept.
pub static SWEPT: Sweeps = Sweeps::new();

/// Removes part files of this user with unique names that no living process holds, for all
/// destinations in this directory. Reads the whole directory, so it does not run at every
/// publication.
pub fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((stem, suffix)) = name.to_str().and_then(|name| name.rsplit_once('.')) else {
            continue;
        };
        let is_abandoned = match suffix {
            _ if !stem.rsplit_once('.').is_some_and(|(_, infix)| is_unique_infix(infix)) => false,
            "part" => true,
            // It is unlocked for a moment between close and rename.
            "sealed" => age(&entry.path()).is_some_and(|age| age >= ORPHAN_MIN_AGE),
            _ => false,
        };
        if !is_abandoned {
            continue;
        }
        let Ok(file) = trusted::open(&entry.path(), Access::ReadWrite) else {
            continue;
        };
        if try_kernel_lock(&file) == KernelLock::Free && is_at(&file, &entry.path()) {
            let _ = remove_own(&record_path(&entry.path().with_extension("part")));
            let _ = remove_own(&entry.path());
        }
    }
}

/// Removes a file if it is this user's alone. Fails if the file should be removed and cannot be.
fn remove_own(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if trusted::is_own(&found) => match windows_retry::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
