//! A lock that is held.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::io::file::lock::directory::Place;
use crate::io::file::lock::removal::remove_if;
use crate::io::file::lock::system::{System, is_at, unlock};

/// The lock, held. Released when dropped.
#[derive(Debug)]
pub struct Guard {
    /// What `path` goes through.
    pub(super) _place: Place,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) every: Duration,
    pub(super) system: System,
    pub(super) keeping: Keeping,
}

/// Whose file a holder has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    Own,
    /// That of another user, dead, in a directory that does not let us remove it: it is neither written to nor removed.
    Borrowed,
}

impl Guard {
    /// Whether the lock was not taken away meanwhile, as happens to a process that was stopped for too long.
    pub fn is_current(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    /// Whether somebody else's lock is in its place.
    pub fn is_replaced(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok() && !self.is_current()
    }

    /// The holder's sign of life; due every [`Guard::every`]. Goes by the open file, never by the path.
    pub fn renew(&self) {
        if self.keeping == Keeping::Own {
            let _ = self.file.set_modified(SystemTime::now());
        }
    }

    pub fn every(&self) -> Duration {
        self.every
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A failure leaves a file without a kernel lock: the next contender takes it over.
        match self.keeping {
            Keeping::Own => drop(remove_if(self.system, &self.path, &self.file, || true)),
            Keeping::Borrowed => unlock(&self.file),
        }
    }
}
