//! The directory of lock files. If other users can write to the directory above, they can lock
//! here, too.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Kind, Result};
#[cfg(target_os = "linux")]
use crate::io::file::lock::system::is_at;
use crate::io::file::ownership::owner;
use crate::io::file::trusted;
#[cfg(unix)]
use crate::io::file::windows_retry::rename_new;

/// The permission bits of users who must be able to read lock files, whatever the umask: nobody can
/// wait for a lock without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readers(u32);

/// An open directory of lock files. Stays the same directory, even if another user redirects its
/// path later.
#[derive(Debug)]
pub struct Place {
    /// The descriptor that `base` goes through.
    _opened: File,
    base: PathBuf,
    pub readers: Readers,
}

impl Place {
    /// Opens the directory, or creates it. Links of other users are not followed.
    pub fn open(directory: &Path) -> Result<Self> {
        let failed = |error: io::Error| Error::file("Failed to use the lock directory", "open", directory, &error);
        let opened = match open_itself(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(directory)
                    .map_err(|error| Error::file("Failed to create the lock directory", "mkdir", directory, &error))?;
                open_itself(directory)
            }
            opened => opened,
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => match fs::symlink_metadata(directory) {
                Ok(link) if link.is_symlink() && is_own_link(&link) => open_directory(directory).map_err(failed)?,
                Ok(link) if link.is_symlink() => return Err(foreign_link(directory, &link)),
                _ => return Err(failed(error)),
            },
        };
        let readers = readers(&opened.metadata().map_err(failed)?);
        Ok(Self { base: base(&opened, directory), _opened: opened, readers })
    }

    /// The path of a file in the directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.base.join(name)
    }

    pub fn directory(&self) -> &Path {
        &self.base
    }
}

/// A path through the descriptor where there is one, and the directory's own path elsewhere.
fn base(opened: &File, directory: &Path) -> PathBuf {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let through = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        // False in another PID namespace, and without `/proc`.
        if is_at(opened, &through.join(".")) {
            return through;
        }
    }
    let _ = opened;
    directory.to_owned()
}

fn foreign_link(directory: &Path, link: &Metadata) -> Error {
    let message = format!(
        "Failed to use the lock directory: '{}' is a link that belongs to {}, and is not followed: remove it, or set \
         locksDir",
        directory.display(),
        owner(link)
    );
    Error::new(Kind::File, message).with_code("ELOOP").with_syscall("open").with_path(directory)
}

/// The error of a directory in which this user cannot create a lock. Names its owner.
pub fn unusable(directory: &Path, error: &io::Error) -> Error {
    let failed = Error::file("Failed to create a lock", "open", directory, error);
    match fs::metadata(directory).ok().filter(|found| !trusted::is_mine(found)) {
        Some(found) if error.kind() == io::ErrorKind::PermissionDenied => {
            let message = format!("{failed}: the directory belongs to {}: set locksDir", owner(&found));
            failed.with_message(message)
        }
        _ => failed,
    }
}

/// Lets other users read a lock file or a claim, which holds no secret.
#[cfg(unix)]
pub fn share(file: &File, Readers(readers): Readers) -> io::Result<()> {
    use crate::io::file::umask;
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o600 | (0o044 & !umask::current()) | readers);
    ignoring_refusal(file.set_permissions(mode))
}

/// Ignores the refusal of a mount that gives all files one owner and one mode.
#[cfg(unix)]
fn ignoring_refusal(changed: io::Result<()>) -> io::Result<()> {
    match changed {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        changed => changed,
    }
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "as elsewhere")]
pub fn share(_: &File, _: Readers) -> io::Result<()> {
    Ok(())
}

/// Opens the directory at the end of a path, following links.
pub fn open_directory(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    return opened(path, rustix::fs::OFlags::empty());
    #[cfg(not(unix))]
    opened(path)
}

/// Opens a directory, without following a link. On Linux the descriptor serves for traversal only,
/// so no permission to list it is needed.
fn open_itself(path: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    return opened(path, rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::PATH);
    #[cfg(all(unix, not(target_os = "linux")))]
    return opened(path, rustix::fs::OFlags::NOFOLLOW);
    #[cfg(not(unix))]
    opened(path)
}

#[cfg(unix)]
fn opened(path: &Path, more: rustix::fs::OFlags) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | more, Mode::empty())?.into())
}

#[cfg(windows)]
fn opened(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_BACKUP_SEMANTICS, FILE_READ_ATTRIBUTES};
    let mut options = fs::OpenOptions::new();
    options.access_mode(FILE_READ_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
}

/// Creates the directory, writable for everybody who can write to the directory above. If that is
/// everybody, it is sticky: only the owner of a file may remove it.
#[cfg(unix)]
fn create(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let writers = fs::metadata(parent)?.mode() & 0o022;
    // Nobody else needs to write there, not even under umask 0.
    let create_own = || fs::DirBuilder::new().mode(0o755).create(directory);
    let created = if writers == 0 { create_own() } else { create_shared_directory(directory, writers) };
    match created {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// Creates the directory within a private one and moves it out when its permissions are set. So
/// nobody can replace it before that.
#[cfg(unix)]
fn create_shared_directory(directory: &Path, writers: u32) -> io::Result<()> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    if fs::symlink_metadata(directory).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut name = directory.as_os_str().to_owned();
    name.push(format!(".{}-{:016x}", std::process::id(), fastrand::u64(..)));
    let own = PathBuf::from(name);
    fs::DirBuilder::new().mode(0o700).create(&own)?;
    let create = || {
        let within = open_itself(&own)?;
        let found = within.metadata()?;
        if !trusted::is_mine(&found) || found.mode() & 0o077 != 0 {
            // A mount that gives all files one owner and one mode, or another user's directory in
            // place of the private one. In neither case are permissions changed.
            return fs::create_dir(directory);
        }
        let made = base(&within, &own).join("locks");
        fs::create_dir(&made)?;
        let created = opened(&made, OFlags::NOFOLLOW)?;
        let sticky = if writers & 0o002 == 0 { 0 } else { 0o1000 };
        let bits = created.metadata()?.mode() & 0o7777 | writers | writers << 1 | writers >> 1 | sticky;
        ignoring_refusal(created.set_permissions(fs::Permissions::from_mode(bits)))?;
        let moved = rename_new(&made, directory);
        if moved.is_err() {
            let _ = fs::remove_dir(&made);
        }
        moved
    };
    let created = create();
    let _ = fs::remove_dir(&own);
    created
}

#[cfg(not(unix))]
fn create(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

/// Whether a link was made by this user or by root, whose choice it then is. A link with a second
/// name may have been moved here by another user.
#[cfg(unix)]
fn is_own_link(found: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (trusted::is_mine(found) || found.uid() == 0) && found.nlink() == 1
}

#[cfg(unix)]
fn readers(directory: &Metadata) -> Readers {
    Readers((std::os::unix::fs::MetadataExt::mode(directory) & 0o022) << 1)
}

#[cfg(not(unix))]
fn is_own_link(_: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn readers(_: &Metadata) -> Readers {
    Readers(0)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn users_who_can_write_beside_the_destination_can_lock() {
        for (above, expected, file) in [
            (0o755, None, None),
            (0o1777, Some(0o1777), Some(0o644)),
            (0o777, Some(0o1777), Some(0o644)),
            (0o775, Some(0o775), Some(0o640)),
        ] {
            let above_directory = tempfile::tempdir().unwrap();
            fs::set_permissions(above_directory.path(), fs::Permissions::from_mode(above)).unwrap();
            let directory = above_directory.path().join(".locks");
            let readers = Place::open(&directory).unwrap().readers;
            let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
            assert!(expected.is_none_or(|expected| mode(&directory) == expected), "{:o}", mode(&directory));
            let lock = trusted::create(&directory.join("lock")).unwrap();
            share(&lock, readers).unwrap();
            let bits = mode(&directory.join("lock"));
            assert!(file.is_none_or(|file| bits & file == file) && bits & 0o133 == 0, "{bits:o}");
            // Permissions of an existing directory stay.
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
            assert_eq!(Place::open(&directory).unwrap().readers, Readers(0));
        }
    }

    #[test]
    fn a_link_is_followed_if_it_is_this_users() {
        let above = tempfile::tempdir().unwrap();
        fs::create_dir(above.path().join("real")).unwrap();
        symlink("real", above.path().join("link")).unwrap();
        assert!(Place::open(&above.path().join("link")).is_ok());
        if fs::hard_link(above.path().join("link"), above.path().join("second")).is_ok() {
            assert_eq!(Place::open(&above.path().join("second")).unwrap_err().details().code, "ELOOP");
        }
    }
}
