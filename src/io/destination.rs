//! What is at a destination before anything is written to it, and how far that can be trusted.
//!
//! A destination names a regular file or nothing. A directory, a device, a FIFO or a socket is refused before any
//! request; a symbolic link is replaced by a publication, never followed by one.
//!
//! A file that is there is trusted as far as its directory is. Where everybody can write, the file of another user
//! (root's apart) may be changed or swapped after a look at it, so no digest can vouch for it; nor is a link that another
//! user made followed there. Directories of a group are the group's own choice.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Kind, Result};
use crate::io::trusted::{is_mine, open_followed};

/// A file at its destination, and what must stay the same while it settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    pub size: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
}

impl Ready {
    fn of(found: &Metadata) -> Self {
        Self {
            size: found.len(),
            modified: found.modified().ok(),
            #[cfg(unix)]
            inode: {
                use std::os::unix::fs::MetadataExt;
                (found.dev(), found.ino())
            },
        }
    }
}

/// The file that is ready; `None` for none, or an empty one.
pub fn ready(destination: &Path) -> Option<Ready> {
    let found = fs::metadata(destination).ok().filter(|found| found.is_file() && found.len() > 0)?;
    Some(Ready::of(&found))
}

/// How long ago this was written, renamed or had its mode changed; for a directory, an entry. Zero for the future.
pub fn age(path: &Path) -> Option<Duration> {
    let found = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        let seconds = Duration::from_secs(u64::try_from(found.ctime()).ok()?);
        SystemTime::UNIX_EPOCH + seconds + Duration::from_nanos(u64::try_from(found.ctime_nsec()).ok()?)
    };
    #[cfg(not(unix))]
    let changed = found.modified().ok()?;
    Some(changed.elapsed().unwrap_or_default())
}

/// The absolute form of a path, by its spelling alone.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Error::file("Failed to resolve the destination", "getcwd", path, &error))?;
    Ok(path_clean::clean(absolute))
}

/// The absolute form of a destination. A path that can only name a directory is refused.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    if names_directory(path) { Err(is_directory(path)) } else { absolute(path) }
}

/// Whether the spelling says so: it ends in a separator, in `.` or in `..`.
fn names_directory(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    let is_separator = |byte: &u8| std::path::is_separator(char::from(*byte));
    let last = text.rsplit(is_separator).next().unwrap_or_default();
    !text.is_empty() && matches!(last, b"" | b"." | b"..")
}

/// Refuses what is there and must not be replaced by a file.
pub fn check(destination: &Path) -> Result<()> {
    let found = match fs::symlink_metadata(destination) {
        // What a link leads to counts here: `/dev/stdout` is a link, and nobody wants it to become a file.
        Ok(link) if link.is_symlink() => fs::metadata(destination).ok(),
        Ok(found) => Some(found),
        // Said now rather than when everything has been fetched.
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
            return Err(Error::file("Failed to write file", "open", destination, &error));
        }
        Err(_) => None,
    };
    match found {
        Some(found) if found.is_dir() => Err(is_directory(destination)),
        Some(found) if !found.is_file() => {
            let message = format!(
                "Failed to write file: '{}' is {}, which a download does not replace: name a regular file, or nothing",
                destination.display(),
                kind_of(&found)
            );
            Err(Error::new(Kind::File, message).with_code("EEXIST").with_syscall("open").with_path(destination))
        }
        _ => Ok(()),
    }
}

fn is_directory(path: &Path) -> Error {
    Error::file("Failed to write file", "open", path, &io::ErrorKind::IsADirectory.into())
}

fn kind_of(found: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = found.file_type();
        if kind.is_fifo() {
            return "a FIFO";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    let _ = found;
    "no regular file"
}

/// A file that was there.
#[derive(Debug)]
pub struct Existing {
    /// Open for reading; `None` where this user may not.
    pub file: Option<File>,
    pub ready: Ready,
    /// Whether its bytes stay what they are, as far as other users are concerned.
    pub is_vouched: bool,
    /// Whether it is a file of its own, and not one elsewhere that somebody else made its path lead to.
    pub is_plain: bool,
}

/// The regular file that is there and not empty; `None` if there is none. Never waits for anybody.
pub fn existing(destination: &Path) -> io::Result<Option<Existing>> {
    match look(destination) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        found => found,
    }
}

fn look(destination: &Path) -> io::Result<Option<Existing>> {
    let entry = fs::symlink_metadata(destination)?;
    if entry.is_symlink() && fs::metadata(destination).is_err() {
        // It leads to nowhere, in a circle, or where this user may not go.
        return Ok(None);
    }
    let (file, found) = match open_followed(destination) {
        Ok(Some(file)) => {
            let found = file.metadata()?;
            (Some(file), found)
        }
        Ok(None) => return Ok(None),
        // "Would block" is a lease on the file.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::WouldBlock) => {
            (None, fs::metadata(destination)?)
        }
        Err(error) => return Err(error),
    };
    if found.len() == 0 {
        return Ok(None);
    }
    let is_open = is_open(destination);
    let has_safe_place = || is_trusted_owner(&found) || !self::is_open(&resolved(destination));
    let is_vouched = (!is_open || is_trusted_owner(&entry)) && !is_writable_by_all(&found) && has_safe_place();
    let is_plain = !is_open || if entry.is_symlink() { is_trusted_owner(&entry) } else { !has_more_names(&entry) };
    Ok(Some(Existing { file, ready: Ready::of(&found), is_vouched, is_plain }))
}

fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether everybody can put files beside this one.
pub fn is_open(path: &Path) -> bool {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::metadata(directory).is_ok_and(|found| is_writable_by_all(&found))
}

#[cfg(unix)]
fn is_writable_by_all(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(found) & 0o002 != 0
}

#[cfg(unix)]
fn has_more_names(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(found) > 1
}

/// This user's, or root's, who can do everything anyway.
#[cfg(unix)]
fn is_trusted_owner(found: &Metadata) -> bool {
    is_mine(found) || std::os::unix::fs::MetadataExt::uid(found) == 0
}

#[cfg(not(unix))]
fn is_writable_by_all(_: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn has_more_names(_: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_trusted_owner(_: &Metadata) -> bool {
    true
}

/// An error of the rename onto a destination, which says whose the file is that stays there.
pub fn not_replaced(destination: &Path, error: &io::Error) -> Error {
    let failed = Error::file("Failed to write file", "rename", destination, error);
    match fs::symlink_metadata(destination).ok().filter(|found| !is_mine(found)) {
        Some(found) if error.kind() == io::ErrorKind::PermissionDenied => {
            let message = format!("{failed}: the file there belongs to {}, and may not be replaced", owner(&found));
            failed.with_message(message)
        }
        _ => failed,
    }
}

/// The owner of a file, for messages.
pub fn owner(found: &Metadata) -> String {
    #[cfg(unix)]
    return format!("user ID {}", std::os::unix::fs::MetadataExt::uid(found));
    #[cfg(not(unix))]
    {
        let _ = found;
        "another user".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_can_only_be_directories_are_refused() {
        for path in ["new/", "w/.", "w/..", ".", "..", "/", "a//"] {
            assert_eq!(resolve(Path::new(path)).unwrap_err().details().code, "EISDIR", "{path}");
        }
        for path in ["a", "./a", "../a", "a/./b", "...", "a.", ".a", "/a/..b"] {
            assert!(resolve(Path::new(path)).is_ok(), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn devices_and_directories_are_never_replaced_not_even_behind_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), &link] {
            let error = check(path).unwrap_err();
            assert!(error.to_string().contains("is a device"), "{error}");
            assert!(existing(path).unwrap().is_none());
        }
        assert_eq!(check(directory.path()).unwrap_err().details().code, "EISDIR");
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(check(&link).is_ok() && check(&directory.path().join("none")).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_of_this_user_is_followed_and_a_second_name_is_plain_where_nobody_else_can_write() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "whole").unwrap();
        fs::hard_link(at("file"), at("second")).unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        let plain = |name: &str| existing(&at(name)).unwrap().map(|it| (it.is_vouched, it.is_plain));
        for name in ["file", "second", "link"] {
            assert_eq!(plain(name), Some((true, true)), "{name}");
        }
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!((plain("second"), plain("link")), (Some((true, false)), Some((true, true))));
        assert!(existing(&at("none")).unwrap().is_none());
        fs::write(at("file"), "").unwrap();
        assert!(existing(&at("file")).unwrap().is_none(), "an empty file is none");
    }
}
