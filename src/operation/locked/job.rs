//! The subject of a locked download.

use std::path::{Path, PathBuf};

use url::Url;

use crate::base::log::Log;
use crate::base::options::{DownloadOptions, LockOptions};
use crate::io::file::lock;

/// A download, its destination, and the options of both steps.
#[derive(Clone, Debug)]
pub struct Job {
    pub url: Url,
    /// Absolute, without `.` and `..`: the key by which callers of one process share a download.
    pub destination: PathBuf,
    pub download: DownloadOptions,
    pub lock: LockOptions,
}

impl Job {
    pub fn log(&self) -> Log {
        self.download.transfer.network.log
    }

    /// The lock file, in `.locks` beside the destination unless the caller names a directory.
    pub fn lock_path(&self) -> PathBuf {
        let beside = || self.destination.parent().unwrap_or(Path::new("/")).join(".locks");
        lock::lock_path(&self.lock.directory.clone().unwrap_or_else(beside), &self.destination)
    }
}
