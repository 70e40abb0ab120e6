//! The path of a lock file.

use std::path::{Path, PathBuf};

use crate::io::file::file_name::shortened;

/// Where the lock of this destination lies: its absolute path with every character outside `[A-Za-z0-9_.-]` replaced
/// by `_`, and `.lock`. Lexical, because older holders compute it so; "character" is theirs too, a UTF-16 unit.
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

/// The directory of a path; of a bare name, the current one.
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
