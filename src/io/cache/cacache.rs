//! The on-disk format of npm's cacache: content by its digest, and an index from keys to digests.
//! Calls block.
//!
//! Content appears whole, by rename, and is verified whenever it is read. A line of the index is
//! appended in one call. So any number of processes, including npm, may read and write at the same
//! time without locks. Broken content is never returned, and can be written again. See
//! `docs/decisions/0013-cacache-format.md`.
//!
//! Only directories and files of this user are used, and only this user can read what is written:
//! see [`crate::io::file::directory`]. Files of other users stay, and cause an error that names
//! them.

mod bucket;
mod clear;
mod content;
mod root;
mod temporary;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::value::RawValue;

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::{Algorithm, Expected};
use crate::io::file::digest::of_bytes;
use crate::io::file::directory::{Directory, Temporary};
use crate::policy::cache::index::{self, Entry};

use self::bucket::{append, find, remove_from};
pub use self::bucket::{compact, milliseconds};
pub use self::clear::{clear, clear_all, each, sweep};
use self::content::{Address, read_content};
use self::root::{READ_INDEX, failed, root};
pub use self::temporary::{create_temporary_directory, remove_temporary_directory, temporaries};

/// The directories of a cache, below its root.
pub const PARTS: [&str; 3] = [index::DIRECTORY, content::CONTENT, temporary::TEMPORARY];

/// An entry with its content.
#[derive(Debug)]
pub struct Item {
    pub entry: Entry,
    /// The path of the content.
    pub path: PathBuf,
    pub content: Vec<u8>,
}

/// Returns the entry of a key, verified; `None` if there is none.
///
/// # Errors
///
/// An error of kind [`Kind::Integrity`] if the content is broken, or with code `ENOENT` if it is
/// missing.
pub fn get(cache: &Path, key: &str) -> Result<Option<Item>> {
    root(cache, READ_INDEX)?.map_or(Ok(None), |root| get_from(&root, key))
}

/// [`get`] from an open cache.
pub fn get_from(root: &Directory, key: &str) -> Result<Option<Item>> {
    let Some(entry) = find(root, key)? else { return Ok(None) };
    let cache = root.path();
    let broken = || {
        let message = format!("Integrity verification failed for the cache entry {key:?} in {}", cache.display());
        Error::new(Kind::Integrity, message)
    };
    let address = entry.integrity.as_deref().and_then(Address::parse).ok_or_else(broken)?;
    let place = address.path();
    let path = cache.join(&place);
    let content = read_content(root, &place, entry.size)
        .map_err(|error| failed("Failed to read cache content", "open", &path, &error))?;
    match content.filter(|content| address.is_of(content)) {
        Some(content) => Ok(Some(Item { entry, path, content })),
        None => Err(broken().with_path(&path)),
    }
}

/// Writes content, and then the entry that refers to it.
pub fn put(cache: &Path, key: &str, content: &[u8], metadata: Option<Box<RawValue>>) -> Result<Entry> {
    let digest = of_bytes(content, Algorithm::Sha512);
    let place = Address::new(digest.algorithm.name(), digest.bytes.clone()).path();
    let entry = Entry {
        key: key.to_owned(),
        integrity: Some(digest.sri()),
        time: milliseconds(SystemTime::now()),
        size: Some(content.len() as u64),
        metadata,
    };
    let path = cache.join(&place);
    let failed = |syscall, error: io::Error| failed("Failed to write cache content", syscall, &path, &error);
    let root = Directory::create_all(cache).map_err(|error| failed("mkdir", error))?;
    let (directory, name) = root.enter(&place, true).map_err(|error| failed("mkdir", error))?;
    let temporaries = temporaries(&root).map_err(|error| failed("mkdir", error))?;
    let mut file = Temporary::new(&temporaries).map_err(|error| failed("open", error))?;
    file.file.write_all(content).map_err(|error| failed("write", error))?;
    // Replaces broken content. Replaces identical content, too, because other users cannot read
    // either.
    if let Err(error) = file.persist(&directory, name) {
        // On Windows, a file that another process reads cannot be replaced.
        let there = read_content(&root, &place, entry.size).ok().flatten();
        if there.is_none_or(|there| there != content) {
            return Err(failed("rename", error));
        }
    }
    append(&root, &entry)?;
    Ok(entry)
}

/// [`put`] of content that must have the expected digests.
pub fn put_expected(
    cache: &Path,
    key: &str,
    content: &[u8],
    metadata: Option<Box<RawValue>>,
    expected: &Expected,
) -> Result<Entry> {
    let computed: Vec<_> = expected.algorithms().map(|algorithm| of_bytes(content, algorithm)).collect();
    expected.verify(&computed).map_err(|mismatch| {
        let message = format!(
            "Integrity verification failed for the cache entry {key:?}: expected {}, computed {}",
            mismatch.expected, mismatch.computed
        );
        Error::new(Kind::Integrity, message)
    })?;
    put(cache, key, content, metadata)
}

/// Removes a key. Its content stays until [`clear()`], because other keys may have the same.
pub fn remove(cache: &Path, key: &str) -> Result<()> {
    root(cache, READ_INDEX)?.map_or(Ok(()), |root| remove_from(&root, key))
}
