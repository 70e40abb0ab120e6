//! The paths of lock files.

use std::path::{Path, PathBuf};

use crate::io::file::file_name::shortened;

/// The lock file of a destination: its absolute path with every character outside `[A-Za-z0-9_.-]`
/// replaced by `_`, and `.lock`. Older holders compute the same path: by spelling alone, and with
/// UTF-16 units as characters.
pub fn lock_path(directory: &Path, destination: &Path) -> PathBuf {
    let name: String = destination
        .to_string_lossy()
        .encode_utf16()
        .map(|unit| match u8::try_from(unit).map(char::from) {
            Ok(unit) if unit.is_ascii_alphanumeric() || "_.-".contains(unit) => unit,
            _ => '_',
        })
        .collect();
    directory.join(format!("{}.lock", shortened(&name, ".lock".len())))
}

/// The directory of a path. The current directory for a bare name.
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
