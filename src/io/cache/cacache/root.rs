//! The directory of a cache, and the errors of its calls.

use std::io;
use std::path::Path;

use crate::base::error::{Error, Result};
use crate::io::file::directory::{Directory, Refusal};

pub const READ_INDEX: &str = "Failed to read cache index";
pub const WRITE_INDEX: &str = "Failed to write cache index";
pub const CLEAR: &str = "Failed to clear the cache";

/// Opens the directory of a cache; `None` if it does not exist.
pub fn root(cache: &Path, doing: &str) -> Result<Option<Directory>> {
    match Directory::open(cache) {
        Ok(root) => Ok(Some(root)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(failed(doing, "open", cache, &error)),
    }
}

/// An error of a file system call. Names the refused file or directory, if that is not `path`
/// itself.
pub fn failed(doing: &str, syscall: &'static str, path: &Path, error: &io::Error) -> Error {
    let path = Refusal::of(error).map_or(path, |refusal| &refusal.path);
    Error::file(doing, syscall, path, error)
}

pub fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
