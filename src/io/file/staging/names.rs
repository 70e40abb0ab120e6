//! Names of part files, of their records, and of files about to be published.

use std::path::{Path, PathBuf};

use crate::io::file::file_name::shortened;

/// `.<process>-<random>`: an infix for a unique name.
pub fn unique_infix() -> String {
    format!(".{}-{:08x}", std::process::id(), fastrand::u32(..))
}

pub fn part_path(destination: &Path, infix: &str, suffix: &str) -> PathBuf {
    // Room for the longest suffix, so that all names of one destination are shortened alike.
    const ROOM: usize = 48;
    let name = destination.file_name().unwrap_or_default().to_string_lossy();
    destination.with_file_name(format!("{}{infix}.{suffix}", shortened(&name, ROOM)))
}

pub fn record_path(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Whether this is an infix of [`unique_infix`], and not a user's own name.
pub fn is_unique_infix(infix: &str) -> bool {
    infix.split_once('-').is_some_and(|(process, random)| {
        process.bytes().all(|byte| byte.is_ascii_digit())
            && random.len() == 8
            && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}
