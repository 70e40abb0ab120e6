//! The entry at a destination: its kind, and whether its content can be trusted.
//!
//! A destination is a regular file, or missing. A directory, a device, a FIFO or a socket is
//! refused before any request. A symbolic link is replaced by a publication, never followed.
//!
//! An existing file is trusted as far as its directory. Where everybody can write, the file of
//! another user (except root) may be changed or replaced after it was checked, so no digest can
//! vouch for it; a link of another user is not followed there. Directories of a group are the
//! group's own choice.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use url::Url;

use crate::base::error::{Error, Kind, Result};
use crate::io::file::ownership::{
    self, has_more_names, is_open, is_trusted_owner, is_writable_by_all, is_writable_by_group, owner, resolved,
};
use crate::io::file::trusted::{is_mine, open_followed};

/// A file at its destination. Compared to detect changes while the file settles.
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

/// The file at a destination; `None` if it is missing or empty.
pub fn ready(destination: &Path) -> Option<Ready> {
    let found = followed(destination, fs::symlink_metadata(destination).ok()?)?;
    (found.is_file() && found.len() > 0).then(|| Ready::of(&found))
}

/// The metadata of an entry, or of its target if it is a link. `None` for a link without a target.
/// Also `None` for a link of another user in a place where everybody can write, which is not
/// followed.
fn followed(path: &Path, entry: Metadata) -> Option<Metadata> {
    if !entry.is_symlink() {
        return Some(entry);
    }
    if !is_trusted_owner(&entry) && is_open(path) { None } else { fs::metadata(path).ok() }
}

/// The time since this was written, renamed or had its mode changed; for a directory, since an
/// entry changed. Zero if that is in the future.
pub fn age(path: &Path) -> Option<Duration> {
    Some(changed(&fs::metadata(path).ok()?)?.elapsed().unwrap_or_default())
}

/// The time when this was written, renamed or had its mode or times changed, by the system's clock.
/// Users cannot set it.
#[cfg(unix)]
pub fn changed(found: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let seconds = Duration::from_secs(u64::try_from(found.ctime()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(seconds + Duration::from_nanos(u64::try_from(found.ctime_nsec()).ok()?))
}

#[cfg(not(unix))]
pub fn changed(found: &Metadata) -> Option<SystemTime> {
    found.modified().ok()
}

/// The absolute form of a path, by its spelling alone.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Error::file("Failed to resolve the destination", "getcwd", path, &error))?;
    Ok(path_clean::clean(absolute))
}

/// The absolute form of a destination. Fails for a path that can only name a directory.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    if names_directory(path) { Err(is_directory(path)) } else { absolute(path) }
}

/// The path of a `file:` URL, as `fileURLToPath` of Node.js reads it.
pub fn of_url(href: &str) -> Result<PathBuf> {
    const NAME: &str = "destPath";
    let parsed = Url::parse(href).ok();
    let Some(url) = parsed.as_ref().filter(|url| url.scheme() == "file") else {
        let scheme = parsed.as_ref().map_or("no URL", Url::scheme);
        return Err(Error::argument(NAME, "must be a path or a file: URL", scheme));
    };
    // A separator or a null byte that is written so is not part of any name.
    let encoded = url.path().to_ascii_lowercase();
    let is_impossible =
        ["%2f", "%00"].iter().any(|part| encoded.contains(part)) || cfg!(windows) && encoded.contains("%5c");
    match url.to_file_path() {
        Ok(path) if !is_impossible => Ok(path),
        _ => Err(Error::argument(NAME, "must be a file: URL of a path on this machine", href)),
    }
}

/// Whether the spelling is that of a directory: the path ends in a separator, in `.` or in `..`.
fn names_directory(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    let is_separator = |byte: &u8| std::path::is_separator(char::from(*byte));
    let last = text.rsplit(is_separator).next().unwrap_or_default();
    !text.is_empty() && matches!(last, b"" | b"." | b"..")
}

/// Fails if something is at the destination that must not be replaced by a file.
pub fn check(destination: &Path) -> Result<()> {
    let found = match fs::symlink_metadata(destination) {
        // The target of a link counts here: `/dev/stdout` is a link, and must not become a file.
        Ok(entry) => followed(destination, entry),
        // Reported now rather than after the whole download.
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
    "not a regular file"
}

/// An existing file.
#[derive(Debug)]
pub struct Existing {
    pub ready: Ready,
    /// Whether the file is not also a file elsewhere that another user linked to this path.
    pub is_plain: bool,
}

/// The regular file at a destination, unless it is empty. Its content is not read.
pub fn existing(destination: &Path) -> io::Result<Option<Existing>> {
    let entry = match fs::symlink_metadata(destination) {
        Err(error) if is_absence(&error) => return Ok(None),
        entry => entry?,
    };
    let is_plain = entry.is_symlink() || !has_more_names(&entry) || !is_open(destination);
    let found = followed(destination, entry).filter(|found| found.is_file() && found.len() > 0);
    Ok(found.map(|found| Existing { ready: Ready::of(&found), is_plain }))
}

/// An existing file, opened to check its content.
#[derive(Debug)]
pub struct Opened {
    pub ready: Ready,
    /// `None` if this user may not read the file, or if other users can change its bytes after the
    /// check.
    pub vouched: Option<File>,
}

/// Opens the regular file at a destination; `None` if it is missing or empty. Never blocks on
/// another process.
pub fn open_existing(destination: &Path) -> io::Result<Option<Opened>> {
    let entry = match fs::symlink_metadata(destination) {
        Err(error) if is_absence(&error) => return Ok(None),
        entry => entry?,
    };
    let is_link = entry.is_symlink();
    let is_open = is_open(destination);
    let Some(found) = followed(destination, entry.clone()).filter(|found| found.is_file() && found.len() > 0) else {
        return Ok(None);
    };
    let is_safe = |found: &Metadata| {
        let is_place_open = || if is_link { ownership::is_open(&resolved(destination)) } else { is_open };
        let is_entry_safe = !is_open || is_trusted_owner(&entry);
        let is_owner_safe = is_trusted_owner(found) || !is_place_open();
        let can_others_write = is_writable_by_all(found) || is_open && is_writable_by_group(found);
        is_entry_safe && is_owner_safe && !can_others_write && !(is_open && has_more_names(found))
    };
    if !is_safe(&found) {
        return Ok(Some(Opened { ready: Ready::of(&found), vouched: None }));
    }
    let file = match open_followed(destination) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(error) if is_absence(&error) => return Ok(None),
        // `EWOULDBLOCK`: there is a lease on the file.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::WouldBlock) => {
            return Ok(Some(Opened { ready: Ready::of(&found), vouched: None }));
        }
        Err(error) => return Err(error),
    };
    // Of the descriptor, because the path may lead elsewhere by now.
    let found = file.metadata()?;
    Ok(Some(Opened { ready: Ready::of(&found), vouched: is_safe(&found).then_some(file) }))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The error of the rename to a destination. Names the owner of the file that could not be
/// replaced.
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
    fn file_urls_are_paths() {
        for (url, path) in [
            ("file:///files/a%20b", "/files/a b"),
            ("file://localhost/files/%C3%BC", "/files/\u{fc}"),
            ("file:///files/x?query#hash", "/files/x"),
            ("file:///files/new/", "/files/new/"),
        ] {
            assert_eq!(of_url(url).unwrap(), Path::new(path), "{url}");
        }
        for url in ["https://a.test/x", "file://server/x", "file:///a%2Fb", "file:///a%00b", "no url"] {
            assert_eq!(of_url(url).unwrap_err().kind(), Kind::ArgumentValue, "{url}");
        }
        assert_eq!(resolve(&of_url("file:///files/new/").unwrap()).unwrap_err().details().code, "EISDIR");
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
            assert!(existing(path).unwrap().is_none() && open_existing(path).unwrap().is_none());
        }
        assert_eq!(check(directory.path()).unwrap_err().details().code, "EISDIR");
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(check(&link).is_ok() && check(&directory.path().join("none")).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_of_this_user_is_followed_and_a_second_name_counts_where_nobody_else_can_write() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "whole").unwrap();
        fs::set_permissions(at("file"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::hard_link(at("file"), at("second")).unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        let plain = |name: &str| existing(&at(name)).unwrap().map(|found| found.is_plain);
        let vouched = |name: &str| open_existing(&at(name)).unwrap().map(|found| found.vouched.is_some());
        for name in ["file", "second", "link"] {
            assert_eq!((plain(name), vouched(name)), (Some(true), Some(true)), "{name}");
        }
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!((plain("second"), vouched("second")), (Some(false), Some(false)));
        fs::remove_file(at("second")).unwrap();
        assert_eq!((plain("link"), vouched("link")), (Some(true), Some(true)));
        fs::set_permissions(at("file"), fs::Permissions::from_mode(0o664)).unwrap();
        assert_eq!((plain("file"), vouched("file")), (Some(true), Some(false)), "a group can write");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(vouched("file"), Some(true), "it is a directory of the group's own choice");
        fs::set_permissions(at("file"), fs::Permissions::from_mode(0o646)).unwrap();
        assert_eq!(vouched("file"), Some(false), "all can write");
        assert!(existing(&at("none")).unwrap().is_none() && open_existing(&at("none")).unwrap().is_none());
        fs::write(at("file"), "").unwrap();
        assert!(existing(&at("file")).unwrap().is_none(), "an empty file is none");
    }
}
