//! A directory of this user in a place where others can write, too, such as a cache.
//!
//! What is in it is reached from the open directory, not by a path: a directory that somebody swaps for a link between
//! check and use leads nowhere, and nothing outside can be read, written or removed. A directory or file of somebody
//! else, a link, and whatever is neither directory nor regular file is refused, and stays as it is. See
//! `docs/decisions/0018-trust-in-caches.md`.
//!
//! Windows: links are refused, owners are not asked, and names are resolved by path.

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

/// Directories of a cache are four deep; what a caller unpacks below `tmp` may be deeper.
const DEPTH_MAX: usize = 64;

/// Why something is not used. The source of an [`io::Error`] of kind `PermissionDenied`.
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
    /// A file that has another name elsewhere.
    HardLink,
}

impl Refusal {
    /// The refusal behind an error.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether it is a file of this user after all, so that another file may take its name.
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

/// A file that nobody else sees before it has its name. Removed when dropped without one.
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

    /// A temporary file with this content.
    pub fn with(directory: &'a Directory, content: &[u8]) -> io::Result<Self> {
        let mut temporary = Self::new(directory)?;
        temporary.file.write_all(content)?;
        Ok(temporary)
    }

    /// Gives the file its name, also in the place of a file of this user.
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

    /// Gives the file its name, unless somebody has it.
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
    /// The directory at the end of a relative path, and the name there.
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

    /// A directory in this one, which is created if it is not there.
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

    /// Visits what is no directory, here and below. Never goes through a link, nor into a directory of somebody else:
    /// the first one of those is the error, once all others have been visited.
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
