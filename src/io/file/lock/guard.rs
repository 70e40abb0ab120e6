//! A lock that is held.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::io::file::lock::directory::Place;
use crate::io::file::lock::removal::remove_if;
use crate::io::file::lock::system::{System, is_at, unlock};

/// A lock that is held. Released when dropped.
#[derive(Debug)]
pub struct Guard {
    /// The directory that `path` goes through.
    pub(super) _place: Place,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) every: Duration,
    pub(super) system: System,
    pub(super) ownership: Ownership,
}

/// The owner of the locked file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    Own,
    /// A dead one of another user, in a directory that does not let this user remove it. It is
    /// neither written nor removed.
    Borrowed,
}

impl Guard {
    /// Whether the lock was not broken meanwhile. That happens to a process that was stopped for
    /// too long.
    pub fn is_current(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    /// Whether the lock file of another process is at the path.
    pub fn is_replaced(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok() && !self.is_current()
    }

    /// Renews the sign of life. To be called every [`Guard::every`]. Uses the open file, never the
    /// path.
    pub fn renew(&self) {
        if self.ownership == Ownership::Own {
            let _ = self.file.set_modified(SystemTime::now());
        }
    }

    pub fn every(&self) -> Duration {
        self.every
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A failure leaves a file without a kernel lock, which the next acquirer takes over.
        match self.ownership {
            Ownership::Own => drop(remove_if(self.system, &self.path, &self.file, || true)),
            Ownership::Borrowed => unlock(&self.file),
        }
    }
}
