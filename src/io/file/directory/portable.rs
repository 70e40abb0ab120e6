//! Directories by path, for systems on which operations cannot go through an open directory. Links
//! are refused; owners are not checked.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Reason, Refusal};
use crate::io::file::trusted::{self, Access};

/// See the [module](super).
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    pub fn open(path: &Path) -> io::Result<Self> {
        // The path is the user's own choice, even if it ends in a link.
        match fs::metadata(path)?.is_dir() {
            true => Ok(Self { path: path.to_owned() }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub fn create_all(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Self::open(path)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn open_directory(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.path.join(name);
        let found = fs::symlink_metadata(&path)?;
        if found.file_type().is_symlink() {
            return Err(Refusal { path, reason: Reason::Link }.into());
        }
        if found.is_dir() { Ok(Self { path }) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// Always true: there is only the path.
    #[allow(clippy::unused_self, reason = "nothing is open")]
    pub fn is_current(&self) -> bool {
        true
    }

    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no modes to look at")]
    pub fn check_paths(&self) -> io::Result<()> {
        Ok(())
    }

    pub fn create_directory(&self, name: &OsStr) -> io::Result<()> {
        fs::create_dir(self.path.join(name))
    }

    pub fn open_file(&self, name: &OsStr, access: Access) -> io::Result<File> {
        self.check(name)?;
        trusted::open_regular(&self.path.join(name), access)
    }

    pub fn create(&self, name: &OsStr, access: Access) -> io::Result<File> {
        let path = self.path.join(name);
        let file = trusted::create(&path)?;
        if access == Access::Append { trusted::open_regular(&path, access) } else { Ok(file) }
    }

    /// Checks that the name is that of a regular file.
    pub fn check(&self, name: &OsStr) -> io::Result<()> {
        let path = self.path.join(name);
        let found = fs::symlink_metadata(&path)?.file_type();
        let reason = match (found.is_file(), found.is_dir()) {
            (true, _) => return Ok(()),
            (_, true) => return Err(io::ErrorKind::IsADirectory.into()),
            _ if found.is_symlink() => Reason::Link,
            _ => Reason::Special,
        };
        Err(Refusal { path, reason }.into())
    }

    pub fn rename(&self, name: &OsStr, directory: &Self, new: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(name), directory.path.join(new))
    }

    /// Renames, unless the new name is taken.
    pub fn rename_new(&self, name: &OsStr, directory: &Self, new: &OsStr) -> io::Result<()> {
        match fs::symlink_metadata(directory.path.join(new)) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.rename(name, directory, new),
            Err(error) => Err(error),
        }
    }

    pub fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    /// Removes a directory with its content. Links are removed, not followed.
    pub fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir_all(self.path.join(name))
    }

    /// The names in this directory, and whether each may be a directory.
    pub fn entries(&self) -> io::Result<Vec<(OsString, bool)>> {
        fs::read_dir(&self.path)?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name(), entry.file_type()?.is_dir()))
            })
            .collect()
    }
}
