//! Opens files in places where other users can write.
//!
//! Another user may have put anything under the name of a part file, a record, a claim or a cache
//! entry: a link to another file, a FIFO that blocks on opening, or a file that its owner changes
//! later. So everything is opened without following links and without blocking. It is used only if
//! the descriptor, not the path, shows a regular file of this user, with one name, that nobody else
//! can write to. See `docs/decisions/0014-trust-in-the-file-system.md`.
//!
//! On Windows links are not followed either. Owners are not checked, because directories there give
//! their files the rights of the directory.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// The purpose of opening a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    ReadWrite,
    /// Writes after the existing content. Files of this module can be read, too.
    Append,
}

/// Opens a file that only this user can have written: see the [module](self). Anything else is
/// `PermissionDenied`.
pub fn open(path: &Path, access: Access) -> io::Result<File> {
    let file = open_regular(path, access)?;
    if is_own(&file.metadata()?) { Ok(file) } else { Err(refused("may have been written by another user")) }
}

/// Opens a regular file of any owner, without following a link and without blocking.
pub fn open_regular(path: &Path, access: Access) -> io::Result<File> {
    // Anything else is not even opened: opening alone has effects on some devices.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(refused("is not a regular file"));
    }
    let file = unfollowed(path, options(access))?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused("is not a regular file")) }
}

/// Opens a regular file for reading, following links and without blocking; `None` for anything
/// else.
pub fn open_followed(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    // Anything else is not even opened: opening alone has effects on some devices.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let file = options.open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Creates a file that only its owner can read and write. Fails with `AlreadyExists` if anything
/// has the name, even a link without a target.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = options(Access::ReadWrite);
    options.create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    unfollowed(path, options)
}

/// Whether this is a regular file of this user, with one name, that nobody else can write to.
#[cfg(unix)]
pub fn is_own(found: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    found.is_file() && is_mine(found) && found.nlink() <= 1 && found.mode() & 0o022 == 0
}

#[cfg(not(unix))]
pub fn is_own(found: &Metadata) -> bool {
    found.is_file()
}

/// Whether this user is the owner.
#[cfg(unix)]
pub fn is_mine(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
pub fn is_mine(_: &Metadata) -> bool {
    true
}

/// The owner's user id, on systems that have such ids.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "as elsewhere")]
pub fn uid(found: &Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(found))
}

#[cfg(not(unix))]
pub fn uid(_: &Metadata) -> Option<u32> {
    None
}

/// Whether the entry at the path belongs to this user or to root, or is missing.
pub fn is_mine_or_gone(path: &Path) -> bool {
    #[cfg(unix)]
    let is_root = |found: &Metadata| std::os::unix::fs::MetadataExt::uid(found) == 0;
    #[cfg(not(unix))]
    let is_root = |_: &Metadata| true;
    fs::symlink_metadata(path).map_or(true, |found| is_mine(&found) || is_root(&found))
}

/// Opens the entry at the path itself. Does not wait for the other end of a FIFO or device.
fn unfollowed(path: &Path, mut options: OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_OPEN_REPARSE_POINT;
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    }
    options.open(path)
}

fn options(access: Access) -> OpenOptions {
    let mut options = OpenOptions::new();
    match access {
        Access::Read => options.read(true),
        Access::ReadWrite => options.read(true).write(true),
        Access::Append => options.read(true).append(true),
    };
    options
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_a_plain_file_of_this_user_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        drop(create(&at("own")).unwrap());
        assert_eq!(fs::metadata(at("own")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(open(&at("own"), Access::ReadWrite).is_ok());
        symlink(at("own"), at("link")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at("socket")).unwrap());
        for name in ["link", "directory", "fifo", "socket"] {
            for access in [Access::Read, Access::ReadWrite, Access::Append] {
                assert_eq!(open(&at(name), access).unwrap_err().kind(), io::ErrorKind::PermissionDenied, "{name}");
            }
        }
        assert_eq!(open(&at("none"), Access::Read).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(open(Path::new("/dev/zero"), Access::Read).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        fs::set_permissions(at("own"), fs::Permissions::from_mode(0o620)).unwrap();
        assert!(open(&at("own"), Access::Read).is_err(), "others can write");
        fs::set_permissions(at("own"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::hard_link(at("own"), at("second name")).unwrap();
        assert!(open(&at("own"), Access::Read).is_err(), "it has two names");
    }

    #[test]
    fn creating_never_goes_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (link, target) = (directory.path().join("link"), directory.path().join("target"));
        symlink(&target, &link).unwrap();
        assert_eq!(create(&link).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(!target.exists());
    }
}
