//! The on-disk format of npm's cacache: content by its digest, and an index that says which key has which content. Calls block.
//!
//! Content appears whole, by rename, and is verified whenever it is read; a line of the index is appended in one call. So any number of
//! processes may read and write at the same time, npm's own among them, without locks. What is broken is as good as not there.
//! See `docs/decisions/0013-cacache-format.md`.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use sha1::{Digest as _, Sha1};
use tempfile::NamedTempFile;
use walkdir::WalkDir;

use crate::error::{Error, Kind, Result};
use crate::io::digest::of_bytes;
use crate::policy::bucket::{self, Entry};
use crate::policy::integrity::{Algorithm, parse_integrity};

/// What is older than this, and that nothing names, was left behind: younger content may be about to get its entry.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Who may read content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// As the umask says.
    All,
    Owner,
}

/// An entry with its content.
#[derive(Debug)]
pub struct Item {
    pub entry: Entry,
    /// Where the content is.
    pub path: PathBuf,
    pub content: Vec<u8>,
}

/// The entry of a key, verified. `None`: there is none. An error of kind [`Kind::Integrity`], or with code `ENOENT`: its content is broken, or gone.
pub fn get(cache: &Path, key: &str) -> Result<Option<Item>> {
    let Some(entry) = find(cache, key)? else {
        return Ok(None);
    };
    let broken = || {
        let message = format!("Integrity verification failed for the cache entry {key:?} in {}", cache.display());
        Error::new(Kind::Integrity, message)
    };
    let address = entry.integrity.as_deref().and_then(Address::parse).ok_or_else(broken)?;
    let path = address.path(cache);
    let content =
        fs::read(&path).map_err(|error| Error::file("Failed to read cache content", "open", &path, &error))?;
    let has_size = entry.size.is_none_or(|size| size == content.len() as u64);
    if !has_size || !address.is_of(&content) {
        return Err(broken().with_path(&path));
    }
    Ok(Some(Item { entry, path, content }))
}

/// The entry of a key, without looking at its content.
pub fn find(cache: &Path, key: &str) -> Result<Option<Entry>> {
    let path = bucket::path(cache, key);
    match fs::read(&path) {
        Ok(bucket) => Ok(bucket::find(&bucket, key)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(Error::file("Failed to read cache index", "open", &path, &error)),
    }
}

/// Writes content, then the entry that names it.
pub fn put(
    cache: &Path,
    key: &str,
    content: &[u8],
    metadata: Option<Box<RawValue>>,
    readers: Readers,
) -> Result<Entry> {
    let digest = of_bytes(content, Algorithm::Sha512);
    let path = Address::new(digest.algorithm.name(), digest.bytes.clone()).path(cache);
    write_content(cache, &path, content, readers)?;
    let entry = Entry {
        key: key.to_owned(),
        integrity: Some(digest.sri()),
        time: milliseconds(SystemTime::now()),
        size: Some(content.len() as u64),
        metadata,
    };
    append(cache, &entry)?;
    Ok(entry)
}

/// Removes the key. Its content stays until [`clear`]: other keys may have the same.
pub fn remove(cache: &Path, key: &str) -> Result<()> {
    if find(cache, key)?.is_none() {
        return Ok(());
    }
    let time = milliseconds(SystemTime::now());
    append(cache, &Entry { key: key.to_owned(), integrity: None, time, size: None, metadata: None })
}

/// Every entry. Files that cannot be read have none.
pub fn list(cache: &Path) -> impl Iterator<Item = Entry> {
    files(&bucket::directory(cache)).flat_map(|path| bucket::latest(&fs::read(path).unwrap_or_default()))
}

/// Removes the entries that are not `wanted`, and the content that no other entry has; how many entries.
pub fn clear(cache: &Path, is_wanted: impl Fn(&Entry) -> bool) -> Result<usize> {
    let (mut removed, mut kept, mut freed) = (0, HashSet::new(), HashSet::new());
    for path in files(&bucket::directory(cache)) {
        let Ok(bytes) = fs::read(&path) else { continue };
        let (wanted, unwanted): (Vec<_>, Vec<_>) = bucket::latest(&bytes).into_iter().partition(&is_wanted);
        kept.extend(wanted.iter().filter_map(|entry| Address::of(entry, cache)));
        freed.extend(unwanted.iter().filter_map(|entry| Address::of(entry, cache)));
        removed += unwanted.len();
        if wanted.is_empty() && !unwanted.is_empty() {
            unlink(&path)?;
        } else {
            for Entry { key, .. } in &unwanted {
                remove(cache, key)?;
            }
        }
    }
    for path in freed.difference(&kept) {
        unlink(path)?;
    }
    Ok(removed)
}

/// Removes everything that is in the format's directories; how many entries there were.
pub fn clear_all(cache: &Path) -> Result<usize> {
    let count = list(cache).count();
    // The directories stay: a writer may be about to put something there.
    for path in files(&bucket::directory(cache)).chain(files(&content_directory(cache))) {
        unlink(&path)?;
    }
    Ok(count)
}

/// Removes content that no entry has any more, and what writers that were killed left behind.
pub fn sweep(cache: &Path, now: SystemTime) {
    let mut named = HashSet::new();
    for path in files(&bucket::directory(cache)) {
        // Without knowing what it names, nothing can be called abandoned.
        let Ok(bytes) = fs::read(&path) else { return };
        named.extend(bucket::latest(&bytes).iter().filter_map(|entry| Address::of(entry, cache)));
    }
    for path in files(&cache.join("tmp")).chain(files(&content_directory(cache)).filter(|path| !named.contains(path))) {
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > ABANDONED)) {
            // The next sweep tries again.
            let _ = fs::remove_file(&path);
        }
    }
}

/// Writes the bucket of a key anew, with what still counts, when it has grown beyond `limit` bytes. An entry that somebody else appends meanwhile
/// may be lost: for entries that can be fetched again.
pub fn compact(cache: &Path, key: &str, limit: u64) -> Result<()> {
    let path = bucket::path(cache, key);
    if fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= limit) {
        return Ok(());
    }
    let failed = |error: io::Error| Error::file("Failed to write cache index", "rename", &path, &error);
    let entries = bucket::latest(&fs::read(&path).map_err(failed)?);
    let mut file = temporary(cache, Readers::All).map_err(failed)?;
    let lines: String = entries.iter().map(bucket::line).collect();
    file.write_all(lines.as_bytes()).map_err(failed)?;
    file.persist(&path).map(drop).map_err(|error| failed(error.error))
}

/// A file that is not seen by others before it is whole.
pub fn temporary(cache: &Path, readers: Readers) -> io::Result<NamedTempFile> {
    let directory = cache.join("tmp");
    fs::create_dir_all(&directory)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if readers == Readers::All { 0o666 } else { 0o600 };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = readers;
    builder.tempfile_in(directory)
}

fn write_content(cache: &Path, path: &Path, content: &[u8], readers: Readers) -> Result<()> {
    let failed = |syscall, error: io::Error| Error::file("Failed to write cache content", syscall, path, &error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| failed("mkdir", error))?;
    }
    let mut file = temporary(cache, readers).map_err(|error| failed("open", error))?;
    file.write_all(content).map_err(|error| failed("write", error))?;
    // Replaces content that is broken, and content that is the same.
    match file.persist(path) {
        // Somebody reads what is there, which on Windows keeps it from being replaced.
        Err(_) if fs::read(path).is_ok_and(|there| there == content) => Ok(()),
        Err(error) => Err(failed("rename", error.error)),
        Ok(_) => Ok(()),
    }
}

fn append(cache: &Path, entry: &Entry) -> Result<()> {
    let path = bucket::path(cache, &entry.key);
    let failed = |syscall, error: io::Error| Error::file("Failed to write cache index", syscall, &path, &error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| failed("mkdir", error))?;
    }
    let mut file: File =
        OpenOptions::new().create(true).append(true).open(&path).map_err(|error| failed("open", error))?;
    file.write_all(bucket::line(entry).as_bytes()).map_err(|error| failed("write", error))
}

/// The digest of some content, which is its address.
struct Address {
    algorithm: &'static str,
    digest: Vec<u8>,
}

impl Address {
    fn new(algorithm: &'static str, digest: Vec<u8>) -> Self {
        Self { algorithm, digest }
    }

    /// The strongest of an entry's digests; SHA-1, which old versions of npm wrote, if there is no other.
    fn parse(integrity: &str) -> Option<Self> {
        if let Some(digest) = parse_integrity(integrity).and_then(|digests| digests.into_iter().next()) {
            return Some(Self::new(digest.algorithm.name(), digest.bytes));
        }
        let digest = integrity.split_ascii_whitespace().find_map(|each| each.strip_prefix("sha1-"))?;
        let digest = STANDARD.decode(digest.split('?').next()?).ok().filter(|digest| digest.len() == 20)?;
        Some(Self::new("sha1", digest))
    }

    /// The path of an entry's content.
    fn of(entry: &Entry, cache: &Path) -> Option<PathBuf> {
        Some(Self::parse(entry.integrity.as_deref()?)?.path(cache))
    }

    fn path(&self, cache: &Path) -> PathBuf {
        let name = hex::encode(&self.digest);
        content_directory(cache).join(self.algorithm).join(&name[..2]).join(&name[2..4]).join(&name[4..])
    }

    fn is_of(&self, content: &[u8]) -> bool {
        let computed = match self.algorithm {
            "sha256" => of_bytes(content, Algorithm::Sha256).bytes,
            "sha384" => of_bytes(content, Algorithm::Sha384).bytes,
            "sha512" => of_bytes(content, Algorithm::Sha512).bytes,
            _ => Sha1::digest(content).to_vec(),
        };
        computed == self.digest
    }
}

fn content_directory(cache: &Path) -> PathBuf {
    cache.join("content-v2")
}

/// The files below a directory; none when it is not there.
fn files(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    WalkDir::new(directory)
        .into_iter()
        .flatten()
        .filter(|each| each.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
}

fn unlink(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_absence(&error) => Err(Error::file("Failed to clear the cache", "unlink", path, &error)),
        _ => Ok(()),
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

pub fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(cache: &Path, key: &str, content: &str) -> Entry {
        let metadata = RawValue::from_string("{\"a\":1}".to_owned()).unwrap();
        put(cache, key, content.as_bytes(), Some(metadata), Readers::All).unwrap()
    }

    fn content(cache: &Path, key: &str) -> Option<String> {
        get(cache, key).unwrap().map(|item| String::from_utf8(item.content).unwrap())
    }

    #[test]
    fn what_was_put_is_got_until_it_is_removed() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        assert!(get(cache, "a").unwrap().is_none());
        write(cache, "a", "one");
        write(cache, "a", "two");
        write(cache, "b", "two");
        let item = get(cache, "a").unwrap().unwrap();
        assert_eq!((&item.content[..], item.entry.size), (&b"two"[..], Some(3)));
        assert_eq!(item.entry.metadata.unwrap().get(), "{\"a\":1}");
        remove(cache, "a").unwrap();
        remove(cache, "never").unwrap();
        assert_eq!((content(cache, "a"), content(cache, "b").as_deref()), (None, Some("two")));
    }

    #[test]
    fn broken_content_is_an_error_and_can_be_written_again() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        write(cache, "a", "whole");
        let path = get(cache, "a").unwrap().unwrap().path;
        for broken in ["", "who", "whale", "whole!"] {
            fs::write(&path, broken).unwrap();
            assert_eq!(get(cache, "a").unwrap_err().kind(), Kind::Integrity, "{broken:?}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(get(cache, "a").unwrap_err().details().code, "ENOENT");
        write(cache, "a", "whole");
        assert_eq!(content(cache, "a").as_deref(), Some("whole"));
    }

    #[test]
    fn a_digest_that_is_none_is_an_error_and_no_panic() {
        let cache = tempfile::tempdir().unwrap();
        for integrity in ["sha512-", "sha512-AA==", "sha1-AA==", "md5-AAAA", "sha512-%%%%", "sha1-é", "-"] {
            let integrity = Some(integrity.to_owned());
            append(cache.path(), &Entry { integrity, ..write(cache.path(), "a", "x") }).unwrap();
            assert_eq!(get(cache.path(), "a").unwrap_err().kind(), Kind::Integrity);
        }
    }

    #[test]
    fn clearing_leaves_what_is_wanted_and_its_content() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        for (key, text) in [("a1", "same"), ("a2", "own"), ("b", "same")] {
            write(cache, key, text);
        }
        let own = get(cache, "a2").unwrap().unwrap().path;
        assert_eq!(clear(cache, |entry| !entry.key.starts_with('a')).unwrap(), 2);
        assert_eq!((content(cache, "a1"), content(cache, "b").as_deref()), (None, Some("same")));
        assert!(!own.exists());
        assert_eq!((clear_all(cache).unwrap(), clear_all(cache).unwrap()), (1, 0));
        assert_eq!(files(cache).count(), 0);
        assert_eq!(clear_all(&cache.join("never")).unwrap(), 0);
    }

    #[test]
    fn content_that_nothing_names_is_swept_once_it_is_old() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        let mut paths = Vec::new();
        for (key, text) in [("a", "replaced"), ("b", "removed"), ("a", "kept")] {
            write(cache, key, text);
            paths.push(get(cache, key).unwrap().unwrap().path);
        }
        remove(cache, "b").unwrap();
        fs::write(cache.join("tmp/left"), "").unwrap();
        let there = || [&paths[0], &paths[1], &paths[2], &cache.join("tmp/left")].map(|path| path.exists());
        sweep(cache, SystemTime::now());
        assert_eq!(there(), [true; 4]);
        sweep(cache, SystemTime::now() + ABANDONED + Duration::from_secs(1));
        assert_eq!(there(), [false, false, true, false]);
        assert_eq!(content(cache, "a").as_deref(), Some("kept"));
    }

    #[test]
    fn a_bucket_that_has_grown_is_written_anew() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        for round in 0..100 {
            write(cache, "a", &round.to_string());
        }
        let size = || fs::metadata(bucket::path(cache, "a")).unwrap().len();
        let before = size();
        compact(cache, "a", before).unwrap();
        assert_eq!(size(), before);
        compact(cache, "a", before - 1).unwrap();
        assert_eq!(size(), before / 100);
        assert_eq!(content(cache, "a").as_deref(), Some("99"));
    }
}
