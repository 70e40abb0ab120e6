//! A directory of a cache or of locks.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::error::io_code;
use crate::io::cache::cacache::PARTS;
use crate::io::file::directory::Directory;
use crate::io::file::lock::{LockSupport, probe};

/// The report about a directory.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryReport {
    pub directory: String,
    pub exists: bool,
    /// The directory that was tried: this one, or the nearest above it that exists.
    pub probed: String,
    pub writable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_locks: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_links: Option<bool>,
    /// Why a cache here is not used, or nothing can be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Looks at a directory. Blocks. Creates and removes a file in it, or in the nearest one above.
pub fn directory(path: &Path) -> DirectoryReport {
    let probed = path.ancestors().find(|each| each.is_dir()).unwrap_or(Path::new("/")).to_owned();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let exists = probed == path;
    let mut report =
        DirectoryReport { exists, probed: text(&probed), directory: text(path), ..DirectoryReport::default() };
    match probe(&probed) {
        Ok(LockSupport { kernel_locks, hard_links }) => {
            report.writable = true;
            report.kernel_locks = Some(kernel_locks);
            report.hard_links = Some(hard_links);
        }
        Err(error) => report.refuse("it cannot be written", &probed, &error),
    }
    if exists && let Err((part, error)) = check(path) {
        report.refuse("it is not used as a cache", &part, &error);
    }
    report
}

impl DirectoryReport {
    fn refuse(&mut self, what: &str, path: &Path, error: &io::Error) {
        self.code = io_code(error);
        self.message = Some(format!("{}: {what}: {error}", path.display()));
    }
}

/// Whether a cache can be here: every part of it that exists must be a directory of this user.
fn check(path: &Path) -> Result<(), (PathBuf, io::Error)> {
    let root = Directory::open(path).map_err(|error| (path.to_owned(), error))?;
    for part in PARTS {
        match root.open_directory(OsStr::new(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((path.join(part), error)),
            _ => {}
        }
    }
    Ok(())
}
