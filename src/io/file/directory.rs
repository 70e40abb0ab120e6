//! A directory of this user in a place where others can write, such as a cache.
//!
//! Its content is accessed through the open directory, not by paths. If a directory is replaced by
//! a link between check and use, the link leads nowhere, and nothing outside can be read, written
//! or removed. Files and directories of other users, links, and special files are refused and left
//! as they are. See `docs/decisions/0018-trust-in-caches.md`.
//!
//! On Windows links are refused, owners are not checked, and names are resolved by path.

#[cfg_attr(not(unix), path = "directory/portable.rs")]
#[cfg_attr(unix, path = "directory/unix.rs")]
mod system;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{error, fmt};

pub use self::system::Directory;
use crate::io::file::trusted::Access;

/// Limit of nested directories. A cache has four levels; what a caller unpacks below `tmp` may have
/// more.
const DEPTH_MAX: usize = 64;

/// The reason why a file or directory is not used. The source of an [`io::Error`] of kind
/// `PermissionDenied`.
#[derive(Debug)]
pub struct Refusal {
    pub path: PathBuf,
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Link,
    /// A FIFO, a socket or a device.
    Special,
    Owner {
        theirs: u32,
        ours: u32,
    },
    /// Everybody can write to it.
    Writable,
    /// A file with another name elsewhere.
    HardLink,
}

impl Refusal {
    /// The refusal that caused an error.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether it is a file of this user, so that another file may take its name.
    pub fn is_replaceable(&self) -> bool {
        matches!(self.reason, Reason::Writable | Reason::HardLink)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Link => f.write_str("it is a symbolic link")?,
            Reason::Special => f.write_str("it is neither a file nor a directory")?,
            Reason::Owner { theirs, ours } => {
                write!(f, "it belongs to user {theirs}, and this process runs as user {ours}")?;
            }
            Reason::Writable => f.write_str("everybody can write to it")?,
            Reason::HardLink => f.write_str("it has a second name (hard link)")?,
        }
        f.write_str(", so it is not used; remove it, or use another directory")
    }
}

impl error::Error for Refusal {}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refusal)
    }
}

/// A file that others cannot see until it gets its name. Removed when dropped without one.
#[derive(Debug)]
pub struct Temporary<'a> {
    directory: &'a Directory,
    name: Option<OsString>,
    pub file: File,
}

impl<'a> Temporary<'a> {
    pub fn new(directory: &'a Directory) -> io::Result<Self> {
        let mut attempts = 0;
        loop {
            let name = OsString::from(format!("{:032x}", fastrand::u128(..)));
            match directory.create(&name, Access::ReadWrite) {
                Ok(file) => return Ok(Self { directory, name: Some(name), file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < 10 => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Creates a temporary file with this content.
    pub fn with(directory: &'a Directory, content: &[u8]) -> io::Result<Self> {
        let mut temporary = Self::new(directory)?;
        temporary.file.write_all(content)?;
        Ok(temporary)
    }

    /// Gives the file its name. Replaces a file of this user.
    pub fn persist(mut self, directory: &Directory, name: &OsStr) -> io::Result<()> {
        match directory.check(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let temporary = self.name.as_deref().unwrap_or_default();
        self.directory.rename(temporary, directory, name)?;
        self.name = None;
        Ok(())
    }

    /// Gives the file its name. Fails if the name is taken.
    pub fn persist_new(mut self, directory: &Directory, name: &OsStr) -> io::Result<()> {
        let temporary = self.name.as_deref().unwrap_or_default();
        self.directory.rename_new(temporary, directory, name)?;
        self.name = None;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            let _ = self.directory.remove_file(&name);
        }
    }
}

impl Directory {
    /// Opens the directory of a relative path. Returns it with the last name of the path.
    pub fn enter<'p>(&self, path: &'p Path, create: bool) -> io::Result<(Self, &'p OsStr)> {
        let mut names = path.iter();
        let name = names.next_back().unwrap_or_default();
        let mut directory = None;
        for each in names {
            let parent = directory.as_ref().unwrap_or(self);
            directory = Some(if create { parent.make(each) } else { parent.open_directory(each) }?);
        }
        Ok((directory.map_or_else(|| self.open_directory(OsStr::new(".")), Ok)?, name))
    }

    /// Opens a directory in this one, and creates it if it is missing.
    pub fn make(&self, name: &OsStr) -> io::Result<Self> {
        match self.open_directory(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match self.create_directory(name) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
                self.open_directory(name)
            }
            opened => opened,
        }
    }

    /// Visits everything but directories, here and below. Never follows a link, nor enters a
    /// directory of another user; after all others have been visited, the first of those is
    /// returned as an error.
    pub fn visit(&self, visit: &mut impl FnMut(&Self, &OsStr)) -> io::Result<()> {
        self.visit_below(DEPTH_MAX, visit)
    }

    fn visit_below(&self, depth: usize, visit: &mut impl FnMut(&Self, &OsStr)) -> io::Result<()> {
        let mut first = Ok(());
        for (name, may_be_directory) in self.entries()? {
            let below = may_be_directory.then(|| self.open_directory(&name));
            match below {
                Some(Ok(directory)) if depth > 0 => {
                    first = first.and(directory.visit_below(depth - 1, visit));
                }
                None => visit(self, &name),
                Some(Err(error)) if error.kind() == io::ErrorKind::NotADirectory => visit(self, &name),
                // Removed meanwhile.
                Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Some(Err(error)) => first = first.and(Err(error)),
                Some(Ok(_)) => {}
            }
        }
        first
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
