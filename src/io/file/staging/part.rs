//! Opens the part file of a destination: creates it, or takes over one that a dead process left.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::io::file::lock::{is_at, take_kernel_lock, try_kernel_lock};
use crate::io::file::staging::names::{part_path, record_path, unique_infix};
use crate::io::file::staging::record::{open_record, read_record};
use crate::io::file::trusted::{self, Access};
use crate::io::file::windows_retry;
use crate::policy::http::ranges::Ranges;
use crate::policy::http::resume::Record;
use crate::policy::lock::staleness::KernelLock;

/// Attempts at a part file that other downloads create and remove meanwhile, before a unique name
/// is used.
const ROUNDS: u32 = 16;

/// The state of a part file that was taken over.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The number of contiguous bytes from the first one on. More may be there, if the record says
    /// so.
    pub length: u64,
    pub record: Option<Record>,
}

impl Found {
    fn new(length: u64, mut record: Option<Record>) -> Self {
        let mut contiguous = length;
        if let Some(record) = record.as_mut().filter(|record| record.ranges.is_some()) {
            let present = record.present(length);
            contiguous = present.frontier();
            record.ranges = Some(present);
        }
        Self { length: contiguous, record }
    }

    /// The bytes that are there.
    pub fn present(&self) -> Ranges {
        self.ranges().cloned().unwrap_or_else(|| Ranges::up_to(self.length))
    }

    /// The number of bytes that are there.
    pub fn downloaded(&self) -> u64 {
        self.ranges().map_or(self.length, Ranges::sum)
    }

    /// Whether nothing is there beyond `total`, which is not 0.
    pub fn fits(&self, total: u64) -> bool {
        let end = self.present().iter().last().map_or(0, |range| range.end);
        total > 0 && end <= total
    }

    fn ranges(&self) -> Option<&Ranges> {
        self.record.as_ref()?.ranges.as_ref()
    }
}

/// An open part file.
pub struct Part {
    pub path: PathBuf,
    pub file: File,
    pub infix: Option<String>,
    /// The record beside it, if it is this user's.
    pub record_file: Option<File>,
    /// The content that a dead process left. `None` if the file is new.
    pub found: Option<Found>,
}

/// Opens the part file of a destination.
pub fn open_part(destination: &Path) -> Result<Part> {
    let path = part_path(destination, "", "part");
    // A record of another user cannot be removed, and would misdescribe this part file.
    let rounds = if is_own_or_absent(&record_path(&path)) { ROUNDS } else { 0 };
    for _ in 0..rounds {
        if let Ok(file) = create_locked(&path) {
            // Left by a process that was killed right after publishing, or before writing anything.
            let record_file = open_record(&path, Access::ReadWrite);
            return Ok(Part { path, file, infix: None, record_file, found: None });
        }
        // A file that cannot be opened, or that may be another user's, is left alone.
        let Ok(file) = trusted::open(&path, Access::ReadWrite) else {
            break;
        };
        match try_kernel_lock(&file) {
            KernelLock::Free if is_at(&file, &path) => {
                let length = file.metadata().map_or(0, |found| found.len());
                let record_file = open_record(&path, Access::ReadWrite);
                let record = record_file.as_ref().and_then(read_record);
                // This package leaves no file with content and without a record.
                if length > 0 && record.is_none() {
                    break;
                }
                // Older versions left part files readable.
                #[cfg(unix)]
                let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
                return Ok(Part { path, file, infix: None, record_file, found: Some(Found::new(length, record)) });
            }
            // Its holder published or removed the file between open and lock.
            KernelLock::Free => {}
            // Without conclusive kernel locks, or with a busy one, only a unique name is safe.
            KernelLock::Busy | KernelLock::Unsupported => break,
        }
    }
    create_unique(destination)
}

/// Creates a part file under a unique name.
pub fn create_unique(destination: &Path) -> Result<Part> {
    let mut taken = 0;
    loop {
        let infix = unique_infix();
        let path = part_path(destination, &infix, "part");
        let file = match trusted::create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && taken < ROUNDS => {
                taken += 1;
                continue;
            }
            created => created.map_err(|error| Error::file("Failed to write file", "open", &path, &error))?,
        };
        // Shows sweepers that this process lives. A sweeper that came first has the lock, and
        // removes the file.
        match try_kernel_lock(&file) {
            KernelLock::Free if is_at(&file, &path) => {}
            KernelLock::Unsupported => {}
            KernelLock::Free | KernelLock::Busy => continue,
        }
        return Ok(Part { path, file, infix: Some(infix), record_file: None, found: None });
    }
}

/// Creates a file and takes its lock. Fails if there is a file, if another process was faster, and
/// if kernel locks are not conclusive.
pub fn create_locked(path: &Path) -> io::Result<File> {
    let file = trusted::create(path)?;
    match take_kernel_lock(try_kernel_lock, &file, path) {
        KernelLock::Free if is_at(&file, path) => Ok(file),
        KernelLock::Unsupported => {
            let _ = remove_same(Some(&file), path);
            Err(io::ErrorKind::Unsupported.into())
        }
        // A process that looked at the file in between has the lock.
        _ => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn is_own_or_absent(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(found) => trusted::is_own(&found),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Removes the name of a file, unless the name has been taken by another file. Fails if the file
/// should be removed and cannot be.
pub fn remove_same(file: Option<&File>, path: &Path) -> io::Result<()> {
    if !file.is_some_and(|file| is_at(file, path)) {
        return Ok(());
    }
    match windows_retry::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
