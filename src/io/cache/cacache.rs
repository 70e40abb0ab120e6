//! The on-disk format of npm's cacache: content by its digest, and an index that says which key has which content. Calls block.
//!
//! Content appears whole, by rename, and is verified whenever it is read; a line of the index is appended in one call. So any number of
//! processes may read and write at the same time, npm's own among them, without locks. What is broken is as good as not there.
//! See `docs/decisions/0013-cacache-format.md`.
//!
//! Only directories and files of this user are used, and only this user can read what is written: see
//! [`crate::io::file::directory`]. What somebody else has put there stays, and is an error that names it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use sha1::{Digest as _, Sha1};

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::{Algorithm, Expected, parse_integrity};
use crate::io::file::digest::of_bytes;
use crate::io::file::directory::{Directory, Refusal, Temporary};
use crate::io::file::trusted::Access;
use crate::policy::cache::index::{self, Entry};

/// What is older than this, and that nothing names, was left behind: younger content may be about to get its entry.
const ABANDONED: Duration = Duration::from_secs(3600);
/// Of a bucket, at most this much is read: its end, where the entries are that count. Longer entries are not written.
const BUCKET_MAX: u64 = 64 << 20;
/// The directory of all content, in that of the cache.
const CONTENT: &str = "content-v2";
const TEMPORARY: &str = "tmp";

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
    root(cache, READ_INDEX)?.map_or(Ok(None), |root| get_from(&root, key))
}

/// [`get`] from a cache that is open.
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

/// Content, unless it has another size than its entry says: then nothing of it is read.
fn read_content(root: &Directory, place: &Path, size: Option<u64>) -> io::Result<Option<Vec<u8>>> {
    let (directory, name) = root.enter(place, false)?;
    let file = directory.open_file(name, Access::Read)?;
    let length = file.metadata()?.len();
    if size.is_some_and(|size| size != length) {
        return Ok(None);
    }
    read(file, length).map(Some)
}

/// At most so many bytes. There is room for them from the start, so that the end of the file need not be looked for.
fn read(mut file: impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    content.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    file.by_ref().take(length).read_to_end(&mut content)?;
    Ok(content)
}

/// The entry of a key, without looking at its content.
fn find(root: &Directory, key: &str) -> Result<Option<Entry>> {
    let place = index::path(key);
    let read = || {
        let (directory, name) = root.enter(&place, false)?;
        read_bucket(&directory, name)
    };
    match read() {
        Ok(bucket) => Ok(index::find(&bucket, key)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(failed(READ_INDEX, "open", &root.path().join(place), &error)),
    }
}

fn read_bucket(directory: &Directory, name: &OsStr) -> io::Result<Vec<u8>> {
    let mut file = directory.open_file(name, Access::Read)?;
    // A line that is cut does not match its digest.
    let length = file.metadata()?.len();
    if length > BUCKET_MAX {
        file.seek(SeekFrom::Start(length - BUCKET_MAX))?;
    }
    read(file, length.min(BUCKET_MAX))
}

/// Writes content, then the entry that names it.
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
    // Replaces content that is broken, and content that is the same: others can read neither.
    if let Err(error) = file.persist(&directory, name) {
        // Somebody reads what is there, which on Windows keeps it from being replaced.
        let there = read_content(&root, &place, entry.size).ok().flatten();
        if there.is_none_or(|there| there != content) {
            return Err(failed("rename", error));
        }
    }
    append(&root, &entry)?;
    Ok(entry)
}

/// [`put`] of content that must have the digests that are expected of it.
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

/// Removes the key. Its content stays until [`clear`]: other keys may have the same.
pub fn remove(cache: &Path, key: &str) -> Result<()> {
    root(cache, READ_INDEX)?.map_or(Ok(()), |root| remove_from(&root, key))
}

fn remove_from(root: &Directory, key: &str) -> Result<()> {
    if find(root, key)?.is_none() {
        return Ok(());
    }
    let time = milliseconds(SystemTime::now());
    append(root, &Entry { key: key.to_owned(), integrity: None, time, size: None, metadata: None })
}

/// Every entry. Files that cannot be read have none.
pub fn each(cache: &Path, mut visit: impl FnMut(Entry)) -> Result<()> {
    let Some(root) = root(cache, READ_INDEX)? else { return Ok(()) };
    visit_below(&root, index::DIRECTORY, READ_INDEX, |directory, name| {
        index::latest(&read_bucket(directory, name).unwrap_or_default()).into_iter().for_each(&mut visit);
    })
}

/// Removes the entries that are not `wanted`, and the content that no other entry has; how many entries.
pub fn clear(cache: &Path, is_wanted: impl Fn(&Entry) -> bool) -> Result<usize> {
    let Some(root) = root(cache, CLEAR)? else { return Ok(0) };
    let (mut removed, mut kept, mut freed) = (0, HashSet::new(), HashSet::new());
    let mut done = Ok(());
    let visited = visit_below(&root, index::DIRECTORY, CLEAR, |directory, name| {
        let Ok(bytes) = read_bucket(directory, name) else { return };
        let (wanted, unwanted): (Vec<_>, Vec<_>) = index::latest(&bytes).into_iter().partition(&is_wanted);
        kept.extend(wanted.iter().filter_map(Address::of));
        freed.extend(unwanted.iter().filter_map(Address::of));
        removed += unwanted.len();
        if wanted.is_empty() && !unwanted.is_empty() {
            first(&mut done, unlink(directory, name));
        } else {
            for Entry { key, .. } in &unwanted {
                first(&mut done, remove_from(&root, key));
            }
        }
    });
    done?;
    for place in freed.difference(&kept) {
        match root.enter(place, false) {
            Ok((directory, name)) => unlink(&directory, name)?,
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(failed(CLEAR, "open", &cache.join(place), &error)),
        }
    }
    visited.map(|()| removed)
}

/// Removes everything of this user that is in the format's directories; how many entries there were.
pub fn clear_all(cache: &Path) -> Result<usize> {
    let Some(root) = root(cache, CLEAR)? else { return Ok(0) };
    let (mut count, mut done) = (0, Ok(()));
    // The directories stay: a writer may be about to put something there.
    for name in [index::DIRECTORY, CONTENT] {
        let visited = visit_below(&root, name, CLEAR, |directory, file| {
            if name == index::DIRECTORY {
                count += index::latest(&read_bucket(directory, file).unwrap_or_default()).len();
            }
            // A name of somebody else is none of ours to remove.
            if directory.check(file).is_ok() {
                first(&mut done, unlink(directory, file));
            }
        });
        first(&mut done, visited);
    }
    done.map(|()| count)
}

/// Removes content that no entry has any more, and what writers that were killed left behind.
pub fn sweep(cache: &Path, now: SystemTime) {
    let Ok(Some(root)) = root(cache, CLEAR) else { return };
    let (mut named, mut is_complete) = (HashSet::new(), true);
    // What a bucket of somebody else names does not count.
    let _ = visit_below(&root, index::DIRECTORY, CLEAR, |directory, name| match read_bucket(directory, name) {
        Ok(bytes) => named.extend(index::latest(&bytes).iter().filter_map(Address::of)),
        Err(error) => is_complete &= Refusal::of(&error).is_some() || is_absence(&error),
    });
    // Without knowing what it names, nothing can be called abandoned.
    if !is_complete {
        return;
    }
    for below in [TEMPORARY, CONTENT] {
        let _ = visit_below(&root, below, CLEAR, |directory, name| {
            let place = directory.path().join(name);
            if place.strip_prefix(cache).is_ok_and(|place| named.contains(place)) {
                return;
            }
            let modified = directory.open_file(name, Access::Read).and_then(|file| file.metadata()?.modified());
            if modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > ABANDONED)) {
                // The next sweep tries again.
                let _ = directory.remove_file(name);
            }
        });
    }
}

/// Writes the bucket of a key anew, with what still counts, when it has grown beyond `limit` bytes. An entry that somebody else appends meanwhile
/// may be lost: for entries that can be fetched again.
pub fn compact(cache: &Path, key: &str, limit: u64) -> Result<()> {
    let place = index::path(key);
    let compact = || {
        let root = Directory::open(cache)?;
        let (directory, name) = root.enter(&place, false)?;
        if directory.open_file(name, Access::Read)?.metadata()?.len() <= limit {
            return Ok(());
        }
        let lines: String = index::latest(&read_bucket(&directory, name)?).iter().map(index::line).collect();
        Temporary::with(&temporaries(&root)?, lines.as_bytes())?.persist(&directory, name)
    };
    compact().map_err(|error| failed(WRITE_INDEX, "rename", &cache.join(&place), &error))
}

/// The directory for files that are not seen by others before they are whole.
pub fn temporaries(root: &Directory) -> io::Result<Directory> {
    root.make(OsStr::new(TEMPORARY))
}

/// Creates a directory for a caller's own files, below that of temporary ones.
pub fn create_temporary_directory(cache: &Path) -> Result<PathBuf> {
    let create = || {
        let root = Directory::create_all(cache)?;
        let temporaries = temporaries(&root)?;
        // The caller has only a path.
        root.check_paths().and_then(|()| temporaries.check_paths())?;
        let name = format!("tmp-{:032x}", fastrand::u128(..));
        temporaries.create_directory(OsStr::new(&name))?;
        Ok(cache.join(TEMPORARY).join(name))
    };
    create().map_err(|error| failed("Failed to create a temporary directory", "mkdir", cache, &error))
}

/// Removes a directory of [`create_temporary_directory`] with all that is in it. One that is gone is no error.
pub fn remove_temporary_directory(path: &Path) -> Result<()> {
    let remove = || {
        let (Some(name), Some(cache)) = (path.file_name(), path.parent().and_then(Path::parent)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Directory::open(cache)?.open_directory(OsStr::new(TEMPORARY))?.remove_all(name)
    };
    match remove() {
        Err(error) if !is_absence(&error) => {
            Err(failed("Failed to remove a temporary directory", "rmdir", path, &error))
        }
        _ => Ok(()),
    }
}

fn append(root: &Directory, entry: &Entry) -> Result<()> {
    let place = index::path(&entry.key);
    let path = root.path().join(&place);
    let failed = |syscall, error: io::Error| failed(WRITE_INDEX, syscall, &path, &error);
    let line = index::line(entry);
    if line.len() as u64 >= BUCKET_MAX {
        return Err(failed("write", io::ErrorKind::FileTooLarge.into()));
    }
    let (directory, name) = root.enter(&place, true).map_err(|error| failed("mkdir", error))?;
    let mut attempts = 0;
    let mut file = loop {
        let opened = match directory.open_file(name, Access::Append) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => directory.create(name, Access::Append),
            opened => opened,
        };
        match opened {
            Ok(file) => break file,
            // Somebody was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < 10 => attempts += 1,
            // It may hold what others have written, or be read by them under its other name.
            Err(error) if Refusal::of(&error).is_some_and(Refusal::is_replaceable) => {
                let replace = || {
                    let temporaries = temporaries(root)?;
                    Temporary::with(&temporaries, line.as_bytes())?.persist(&directory, name)
                };
                return replace().map_err(|error| failed("rename", error));
            }
            Err(error) => return Err(failed("open", error)),
        }
    };
    file.write_all(line.as_bytes()).map_err(|error| failed("write", error))
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
    fn of(entry: &Entry) -> Option<PathBuf> {
        Some(Self::parse(entry.integrity.as_deref()?)?.path())
    }

    /// In the directory of the cache.
    fn path(&self) -> PathBuf {
        let name = hex::encode(&self.digest);
        Path::new(CONTENT).join(self.algorithm).join(&name[..2]).join(&name[2..4]).join(&name[4..])
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

const READ_INDEX: &str = "Failed to read cache index";
const WRITE_INDEX: &str = "Failed to write cache index";
const CLEAR: &str = "Failed to clear the cache";

/// The directory of the cache; `None` when it is not there.
fn root(cache: &Path, doing: &str) -> Result<Option<Directory>> {
    match Directory::open(cache) {
        Ok(root) => Ok(Some(root)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(failed(doing, "open", cache, &error)),
    }
}

/// Visits the files below a directory of the cache; none when it is not there. An error when some of it is not this user's, after the rest.
fn visit_below(root: &Directory, name: &str, doing: &str, mut visit: impl FnMut(&Directory, &OsStr)) -> Result<()> {
    match root.open_directory(OsStr::new(name)).and_then(|directory| directory.visit(&mut visit)) {
        Err(error) if !is_absence(&error) => Err(failed(doing, "scandir", &root.path().join(name), &error)),
        _ => Ok(()),
    }
}

fn unlink(directory: &Directory, name: &OsStr) -> Result<()> {
    let checked = directory.check(name).and_then(|()| directory.remove_file(name));
    match checked {
        Err(error) if !is_absence(&error) => Err(failed(CLEAR, "unlink", &directory.path().join(name), &error)),
        _ => Ok(()),
    }
}

/// Keeps the first failure.
fn first(done: &mut Result<()>, next: Result<()>) {
    if done.is_ok() {
        *done = next;
    }
}

/// An error that names what is refused, where that is not the path itself.
fn failed(doing: &str, syscall: &'static str, path: &Path, error: &io::Error) -> Error {
    let path = Refusal::of(error).map_or(path, |refusal| &refusal.path);
    Error::file(doing, syscall, path, error)
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
    use std::fs;

    use super::*;

    fn write(cache: &Path, key: &str, content: &str) -> Entry {
        let metadata = RawValue::from_string("{\"a\":1}".to_owned()).unwrap();
        put(cache, key, content.as_bytes(), Some(metadata)).unwrap()
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
    fn content_that_is_not_as_expected_is_not_put() {
        let cache = tempfile::tempdir().unwrap();
        let expected =
            |content: &[u8]| Expected { integrity: vec![of_bytes(content, Algorithm::Sha512)], sha256: None };
        let put = |expected: &Expected| put_expected(cache.path(), "a", b"content", None, expected);
        assert_eq!(put(&expected(b"other")).unwrap_err().kind(), Kind::Integrity);
        assert!(get(cache.path(), "a").unwrap().is_none());
        assert!(put(&expected(b"content")).is_ok() && put(&Expected::default()).is_ok());
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
        let root = Directory::open(cache.path()).unwrap();
        for integrity in ["sha512-", "sha512-AA==", "sha1-AA==", "md5-AAAA", "sha512-%%%%", "sha1-é", "-"] {
            let integrity = Some(integrity.to_owned());
            append(&root, &Entry { integrity, ..write(cache.path(), "a", "x") }).unwrap();
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
        let mut files = 0;
        Directory::open(cache).unwrap().visit(&mut |_, _| files += 1).unwrap();
        assert_eq!(files, 0);
        assert_eq!(clear_all(&cache.join("never")).unwrap(), 0);
    }

    #[test]
    fn a_temporary_directory_goes_with_what_is_in_it() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path().join("new");
        let path = create_temporary_directory(&cache).unwrap();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("a/b/c"), "").unwrap();
        remove_temporary_directory(&path).unwrap();
        remove_temporary_directory(&path).unwrap();
        assert_eq!(fs::read_dir(cache.join(TEMPORARY)).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn an_entry_is_for_its_owner_alone_and_is_never_widened() {
        use std::os::unix::fs::PermissionsExt;
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        write(cache, "a", "text");
        let path = get(cache, "a").unwrap().unwrap().path;
        let bucket = cache.join(index::path("a"));
        for _ in 0..2 {
            assert_eq!((mode(&path), mode(&bucket)), (0o600, 0o600));
            // Everybody can change this: it is not read, and written anew.
            for path in [&path, &bucket] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
            }
            assert_eq!(get(cache, "a").unwrap_err().details().code, "EACCES");
            write(cache, "a", "text");
        }
        // As npm writes under umask 002.
        for path in [&path, &bucket] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o664)).unwrap();
        }
        assert_eq!(content(cache, "a").as_deref(), Some("text"));
    }

    #[test]
    fn content_of_another_size_than_its_entry_says_is_not_read() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        write(cache, "a", "text");
        let path = get(cache, "a").unwrap().unwrap().path;
        // Takes no room, and no memory either.
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(get(cache, "a").unwrap_err().kind(), Kind::Integrity);
    }

    #[test]
    fn of_a_bucket_without_end_the_end_is_read() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        write(cache, "a", "old");
        let bucket = cache.join(index::path("a"));
        fs::OpenOptions::new().write(true).open(bucket).unwrap().set_len(1 << 40).unwrap();
        write(cache, "a", "new");
        assert_eq!(content(cache, "a").as_deref(), Some("new"));
        compact(cache, "a", 1 << 10).unwrap();
        assert_eq!(content(cache, "a").as_deref(), Some("new"));
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
        let size = || fs::metadata(cache.join(index::path("a"))).unwrap().len();
        let before = size();
        compact(cache, "a", before).unwrap();
        assert_eq!(size(), before);
        compact(cache, "a", before - 1).unwrap();
        assert_eq!(size(), before / 100);
        assert_eq!(content(cache, "a").as_deref(), Some("99"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn directories_that_are_swapped_for_links_meanwhile_lead_nowhere() {
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let place = tempfile::tempdir().unwrap();
        let (cache, outside) = (place.path().join("cache"), place.path().join("outside"));
        // As a cache, so that every path below a link would be one of the outside.
        write(&outside, "precious", "precious");
        fs::write(outside.join("tmp/precious"), "").unwrap();
        let list = || {
            let mut files = Vec::new();
            let mut add = |directory: &Directory, name: &OsStr| {
                let path = directory.path().join(name);
                files.push((fs::read(&path).unwrap(), path));
            };
            Directory::open(&outside).unwrap().visit(&mut add).unwrap();
            files.sort();
            files
        };
        let (before, is_over) = (list(), AtomicBool::new(false));
        assert_eq!(before.len(), 3);
        std::thread::scope(|scope| {
            for name in [CONTENT, index::DIRECTORY, TEMPORARY] {
                let (real, link) = (cache.join(name), place.path().join(name));
                std::os::unix::fs::symlink(outside.join(name), &link).unwrap();
                let is_over = &is_over;
                scope.spawn(move || {
                    while !is_over.load(Relaxed) {
                        let _ = renameat_with(CWD, &real, CWD, &link, RenameFlags::EXCHANGE);
                    }
                });
            }
            let later = SystemTime::now() + ABANDONED * 2;
            for _ in 0..300 {
                let _ = put(&cache, "precious", b"other", None);
                let _ = remove(&cache, "precious");
                let _ = compact(&cache, "precious", 0);
                let _ = clear(&cache, |_| false);
                let _ = create_temporary_directory(&cache).and_then(|path| remove_temporary_directory(&path));
                sweep(&cache, later);
                let _ = clear_all(&cache);
            }
            is_over.store(true, Relaxed);
        });
        assert!(list() == before, "something outside was changed");
    }
}
