//! Owners and permissions: who can change a file, or put others beside it.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use crate::io::file::trusted::is_mine;

pub fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether other users can put files beside this one: everybody can write to its directory, or the
/// directory was made by another user where everybody can write. A directory of one of this user's
/// groups is the group's choice, wherever it is.
pub fn is_open(path: &Path) -> bool {
    let directory = directory_of(path);
    let Ok(found) = fs::metadata(directory) else {
        return false;
    };
    if is_writable_by_all(&found) || is_trusted_owner(&found) || is_of_own_group(&found) {
        return is_writable_by_all(&found);
    }
    for above in resolved(directory).ancestors().skip(1) {
        match fs::metadata(above) {
            Ok(found) if is_writable_by_all(&found) => return true,
            // Only its owner decides what is below.
            Ok(found) if is_trusted_owner(&found) => return false,
            _ => {}
        }
    }
    false
}

/// Whether one of this user's groups can write to it.
#[cfg(unix)]
fn is_of_own_group(found: &Metadata) -> bool {
    let group = std::os::unix::fs::MetadataExt::gid(found);
    let is_in = || {
        rustix::process::getegid().as_raw() == group
            || rustix::process::getgroups().is_ok_and(|groups| groups.iter().any(|each| each.as_raw() == group))
    };
    is_writable_by_group(found) && is_in()
}

#[cfg(not(unix))]
fn is_of_own_group(_: &Metadata) -> bool {
    false
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
pub fn is_writable_by_group(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(found) & 0o020 != 0
}

#[cfg(not(unix))]
pub fn is_writable_by_group(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
pub fn is_writable_by_all(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(found) & 0o002 != 0
}

#[cfg(unix)]
pub fn has_more_names(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(found) > 1
}

/// Whether this user owns it, or root, who can do everything anyway.
#[cfg(unix)]
pub fn is_trusted_owner(found: &Metadata) -> bool {
    is_mine(found) || std::os::unix::fs::MetadataExt::uid(found) == 0
}

#[cfg(not(unix))]
pub fn is_writable_by_all(_: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
pub fn has_more_names(_: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
pub fn is_trusted_owner(_: &Metadata) -> bool {
    true
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
