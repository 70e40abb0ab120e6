//! Directories by descriptor: `openat` and its relatives.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fchmod, fstat, mkdirat, openat, readlinkat, renameat, statat,
    unlinkat,
};
use rustix::io::Errno;

use super::{Reason, Refusal};
use crate::io::file::trusted::Access;

/// Parent directories of a cache need not be readable, if the system supports that.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const ON_THE_WAY: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const ON_THE_WAY: OFlags = OFlags::RDONLY;

/// The limit of Linux.
const LINKS_MAX: usize = 40;

/// See the [module](super).
#[derive(Debug)]
pub struct Directory {
    descriptor: OwnedFd,
    /// For messages.
    path: PathBuf,
}

impl Directory {
    /// Opens a directory by its path. Links within the path are followed if this user or root made
    /// them: they are the user's own choice, as the path is.
    pub fn open(path: &Path) -> io::Result<Self> {
        walk(path, false)
    }

    /// Like [`open`](Self::open). Missing directories are created, for this user alone.
    pub fn create_all(path: &Path) -> io::Result<Self> {
        walk(path, true)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn open_directory(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.descriptor, name, flags, Mode::empty());
        let path = self.path.join(name);
        let descriptor = match opened {
            // The system reports these errors for links, too, and does not say whose directory it
            // is.
            Err(error @ (Errno::NOTDIR | Errno::LOOP | Errno::ACCESS)) => {
                let found = self.stat(name)?;
                if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile {
                    return Err(error.into());
                }
                return Err(kind_or_owner(&path, &found).err().unwrap_or(error.into()));
            }
            opened => opened?,
        };
        own(Self { descriptor, path })
    }

    /// Whether the path still leads to this directory, and it still belongs to this user.
    pub fn is_current(&self) -> bool {
        let (Ok(here), Ok(there)) = (fstat(&self.descriptor), statat(CWD, &self.path, AtFlags::empty())) else {
            return false;
        };
        (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino) && owner(&self.path, &here).is_ok()
    }

    /// Fails if everybody can rename this user's entries in the directory: paths below it are then
    /// unreliable.
    pub fn check_paths(&self) -> io::Result<()> {
        let mode = Mode::from_raw_mode(fstat(&self.descriptor)?.st_mode);
        if mode.contains(Mode::WOTH) && !mode.contains(Mode::SVTX) {
            return Err(Refusal { path: self.path.clone(), reason: Reason::Writable }.into());
        }
        Ok(())
    }

    pub fn create_directory(&self, name: &OsStr) -> io::Result<()> {
        Ok(mkdirat(&self.descriptor, name, Mode::RWXU)?)
    }

    /// Opens a file that nobody else can have written. This user's group is an exception, because
    /// npm writes such files under umask 002.
    pub fn open_file(&self, name: &OsStr, access: Access) -> io::Result<File> {
        let path = || self.path.join(name);
        // Anything but a regular file is not even opened: opening alone has effects on some
        // devices.
        kind(&path(), &self.stat(name)?)?;
        let flags = flags(access) | OFlags::NONBLOCK | OFlags::NOCTTY;
        let descriptor = openat(&self.descriptor, name, flags, Mode::empty()).map_err(|error| match error {
            Errno::LOOP => Refusal { path: path(), reason: Reason::Link }.into(),
            Errno::ACCESS => match self.check(name) {
                Err(refusal) => refusal,
                Ok(()) => error.into(),
            },
            _ => io::Error::from(error),
        })?;
        let found = fstat(&descriptor)?;
        kind_or_owner(&path(), &found)?;
        let refused = |reason| Err(Refusal { path: path(), reason }.into());
        if is_writable_by_all(&found) {
            return refused(Reason::Writable);
        }
        // No name is left if another process has replaced the file meanwhile.
        if found.st_nlink > 1 {
            return refused(Reason::HardLink);
        }
        Ok(File::from(descriptor))
    }

    /// Creates a file for this user alone, whatever the umask.
    pub fn create(&self, name: &OsStr, access: Access) -> io::Result<File> {
        let mode = Mode::RUSR | Mode::WUSR;
        let descriptor = openat(&self.descriptor, name, flags(access) | OFlags::CREATE | OFlags::EXCL, mode)?;
        // Fails harmlessly on file systems without modes.
        let _ = fchmod(&descriptor, mode);
        Ok(File::from(descriptor))
    }

    /// Checks that the name is that of a regular file of this user.
    pub fn check(&self, name: &OsStr) -> io::Result<()> {
        kind_or_owner(&self.path.join(name), &self.stat(name)?)
    }

    /// Renames between directories of this user. Replaces a file that has the new name.
    pub fn rename(&self, name: &OsStr, directory: &Self, new: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.descriptor, name, &directory.descriptor, new)?)
    }

    /// Renames, unless the new name is taken.
    pub fn rename_new(&self, name: &OsStr, directory: &Self, new: &OsStr) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        {
            use rustix::fs::{RenameFlags, renameat_with};
            match renameat_with(&self.descriptor, name, &directory.descriptor, new, RenameFlags::NOREPLACE) {
                Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => {}
                renamed => return Ok(renamed?),
            }
        }
        // In two steps, if the file system supports no other way.
        match directory.stat(new) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.rename(name, directory, new),
            Err(error) => Err(error),
        }
    }

    /// Removes a name from this directory, whatever it names, unless it is a directory.
    pub fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.descriptor, name, AtFlags::empty())?)
    }

    /// Removes a directory with its content. Links are removed, not followed.
    pub fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        remove_all(&self.descriptor, name)
    }

    /// The names in this directory, and whether each may be a directory.
    pub fn entries(&self) -> io::Result<Vec<(OsString, bool)>> {
        entries(&self.descriptor)
    }

    fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

/// Opens a path one name after the other, so that each link in it is checked.
fn walk(path: &Path, create_missing: bool) -> io::Result<Directory> {
    let flags = ON_THE_WAY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let start = |path: &Path| {
        let root = Path::new(if path.is_absolute() { "/" } else { "." });
        Ok::<_, io::Error>((openat(CWD, root, flags, Mode::empty())?, root.to_owned()))
    };
    let (mut at, mut so_far) = start(path)?;
    let mut names = names_of(path);
    let mut links = 0;
    while let Some(name) = names.pop() {
        let look = || statat(&at, &name, AtFlags::SYMLINK_NOFOLLOW);
        let create = || match mkdirat(&at, &name, Mode::RWXU) {
            Err(error) if error != Errno::EXIST => Err(error),
            _ => look(),
        };
        let found = match look() {
            Err(Errno::NOENT) if create_missing => create(),
            found => found,
        };
        let found = found.map_err(|error| denied(error, &so_far, &at))?;
        let here = so_far.join(&name);
        if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
            at = openat(&at, &name, flags, Mode::empty())?;
            so_far = here;
            continue;
        }
        // A link of root is as trusted as one of this user.
        if found.st_uid != 0 {
            owner(&here, &found)?;
        }
        let target = readlinkat(&at, &name, Vec::new())?;
        let again = look()?;
        links += 1;
        if links > LINKS_MAX || !is_same(&found, &again) {
            return Err(Errno::LOOP.into());
        }
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        if target.is_absolute() {
            (at, so_far) = start(&target)?;
        }
        names.extend(names_of(&target));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptor = openat(&at, ".", flags, Mode::empty()).map_err(|error| denied(error, path, &at))?;
    own(Directory { descriptor, path: path.to_owned() })
}

/// The error of a directory that may not be searched or read. Names its owner, if that is another
/// user.
fn denied(error: Errno, path: &Path, directory: &OwnedFd) -> io::Error {
    let refused =
        (error == Errno::ACCESS).then(|| fstat(directory).ok().and_then(|found| owner(path, &found).err())).flatten();
    refused.unwrap_or(error.into())
}

/// The names in a path, the last one first.
fn names_of(path: &Path) -> Vec<OsString> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut names: Vec<_> = names.map(|part| part.as_os_str().to_owned()).collect();
    names.reverse();
    names
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino, one.st_ctime, one.st_ctime_nsec)
        == (other.st_dev, other.st_ino, other.st_ctime, other.st_ctime_nsec)
}

/// Checks that a directory is this user's. Others may be able to write to it: each name in it is
/// checked when it is used.
fn own(directory: Directory) -> io::Result<Directory> {
    owner(&directory.path, &fstat(&directory.descriptor)?)?;
    Ok(directory)
}

fn kind(path: &Path, found: &Stat) -> io::Result<()> {
    let reason = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => return Err(Errno::ISDIR.into()),
        FileType::Symlink => Reason::Link,
        _ => Reason::Special,
    };
    // The owner is the more useful reason.
    owner(path, found)?;
    Err(Refusal { path: path.to_owned(), reason }.into())
}

fn owner(path: &Path, found: &Stat) -> io::Result<()> {
    let (theirs, ours) = (found.st_uid, rustix::process::geteuid().as_raw());
    if theirs == ours {
        return Ok(());
    }
    Err(Refusal { path: path.to_owned(), reason: Reason::Owner { theirs, ours } }.into())
}

fn kind_or_owner(path: &Path, found: &Stat) -> io::Result<()> {
    owner(path, found)?;
    kind(path, found)
}

fn is_writable_by_all(found: &Stat) -> bool {
    Mode::from_raw_mode(found.st_mode).contains(Mode::WOTH)
}

fn flags(access: Access) -> OFlags {
    let access = match access {
        Access::Read => OFlags::RDONLY,
        Access::ReadWrite => OFlags::RDWR,
        Access::Append => OFlags::WRONLY | OFlags::APPEND,
    };
    access | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn entries(descriptor: &OwnedFd) -> io::Result<Vec<(OsString, bool)>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(descriptor)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            let may_be_directory = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
            names.push((OsStr::from_bytes(name).to_owned(), may_be_directory));
        }
    }
    Ok(names)
}

fn remove_all(parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let directory = openat(parent, name, flags, Mode::empty())?;
    for (name, may_be_directory) in entries(&directory)? {
        if may_be_directory {
            match remove_all(&directory, &name) {
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
                removed => {
                    removed?;
                    continue;
                }
            }
        }
        match unlinkat(&directory, &name, AtFlags::empty()) {
            Err(error) if error != Errno::NOENT => return Err(error.into()),
            _ => {}
        }
    }
    Ok(unlinkat(parent, name, AtFlags::REMOVEDIR)?)
}
