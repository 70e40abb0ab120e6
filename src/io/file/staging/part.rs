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

/// Looks at a part file that others come and go with, before leaving it to them.
const ROUNDS: u32 = 16;

/// What was found under the name of the part file.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The number of contiguous bytes from the first one on. More may be there, if the record says so.
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

/// A part file that was opened.
pub struct Part {
    pub path: PathBuf,
    pub file: File,
    pub infix: Option<String>,
    /// A record that lies beside it, and is this user's.
    pub record_file: Option<File>,
    /// What a dead process left in it; `None`: it was created now.
    pub found: Option<Found>,
}

/// Opens the part file of a destination.
pub fn open_part(destination: &Path) -> Result<Part> {
    let path = part_path(destination, "", "part");
    // A record of somebody else stays, and would say something false of our part file.
    let rounds = if is_own_or_absent(&record_path(&path)) { ROUNDS } else { 0 };
    for _ in 0..rounds {
        if let Ok(file) = create_locked(&path) {
            // Left by who was killed right after publishing, or before writing anything.
            let record_file = open_record(&path, Access::ReadWrite);
            return Ok(Part { path, file, infix: None, record_file, found: None });
        }
        // What cannot be opened, or is or may be somebody else's, is left alone.
        let Ok(file) = trusted::open(&path, Access::ReadWrite) else {
            break;
        };
        match try_kernel_lock(&file) {
            KernelLock::Free if is_at(&file, &path) => {
                let length = file.metadata().map_or(0, |found| found.len());
                let record_file = open_record(&path, Access::ReadWrite);
                let record = record_file.as_ref().and_then(read_record);
                // A file with content and without a record is not one that we left.
                if length > 0 && record.is_none() {
                    break;
                }
                // It may be of a version that left part files readable.
                #[cfg(unix)]
                let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
                return Ok(Part { path, file, infix: None, record_file, found: Some(Found::new(length, record)) });
            }
            // Its holder published or removed it between our open and our lock: it is no part file any more.
            KernelLock::Free => {}
            // No kernel locks that would tell, or busy: only a name of our own is safe.
            KernelLock::Busy | KernelLock::Unsupported => break,
        }
    }
    create_unique(destination)
}

/// Creates a part file under a name that nobody else has.
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
        // Tells sweepers that we live; one that came in between has the lock, and is about to remove it, or has done so.
        match try_kernel_lock(&file) {
            KernelLock::Free if is_at(&file, &path) => {}
            KernelLock::Unsupported => {}
            KernelLock::Free | KernelLock::Busy => continue,
        }
        return Ok(Part { path, file, infix: Some(infix), record_file: None, found: None });
    }
}

/// Creates a file and takes its lock. Fails where there is a file, where somebody was faster, and where locks do not tell.
pub fn create_locked(path: &Path) -> io::Result<File> {
    let file = trusted::create(path)?;
    match take_kernel_lock(try_kernel_lock, &file, path) {
        KernelLock::Free if is_at(&file, path) => Ok(file),
        KernelLock::Unsupported => {
            let _ = remove_same(Some(&file), path);
            Err(io::ErrorKind::Unsupported.into())
        }
        // Whoever looked at it in between has it now.
        _ => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn is_own_or_absent(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(found) => trusted::is_own(&found),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Removes the name of a file, if it still is that file's. Only what is left although it should go is an error.
pub fn remove_same(file: Option<&File>, path: &Path) -> io::Result<()> {
    if !file.is_some_and(|file| is_at(file, path)) {
        return Ok(());
    }
    match windows_retry::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
