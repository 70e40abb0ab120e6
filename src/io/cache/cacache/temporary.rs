//! The directory of temporary files.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::error::Result;
use crate::io::cache::cacache::root::{failed, is_absence};
use crate::io::file::directory::Directory;

pub const TEMPORARY: &str = "tmp";

/// The directory of files that others cannot see until they are complete.
pub fn temporaries(root: &Directory) -> io::Result<Directory> {
    root.make(OsStr::new(TEMPORARY))
}

/// Creates a directory for a caller's own files, below the directory of temporary files.
pub fn create_temporary_directory(cache: &Path) -> Result<PathBuf> {
    let create = || {
        let root = Directory::create_all(cache)?;
        let temporaries = temporaries(&root)?;
        // The caller gets a path, not a descriptor.
        root.check_paths().and_then(|()| temporaries.check_paths())?;
        let name = format!("tmp-{:032x}", fastrand::u128(..));
        temporaries.create_directory(OsStr::new(&name))?;
        Ok(cache.join(TEMPORARY).join(name))
    };
    create().map_err(|error| failed("Failed to create a temporary directory", "mkdir", cache, &error))
}

/// Removes a directory of [`create_temporary_directory`] with its content. A missing one is no
/// error.
pub fn remove_temporary_directory(path: &Path) -> Result<()> {
    let remove = || {
        let (Some(name), Some(cache)) = (path.file_name(), path.parent().and_then(Path::parent)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Directory::open(cache)?.open_directory(OsStr::new(TEMPORARY))?.remove_all(name)
    };
    match remove() {
        Err(error) if !is_absence(&error) => {
            Err(failed("Failed to remove a temporary directory", "rmdir", path, &error))
        }
        _ => Ok(()),
    }
}
