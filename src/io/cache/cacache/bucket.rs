//! Buckets, the files of the index. Each change appends a line; the last line of a key counts.

use std::ffi::OsStr;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

use crate::base::error::Result;
use crate::io::cache::cacache::content::read;
use crate::io::cache::cacache::root::{READ_INDEX, WRITE_INDEX, failed, is_absence};
use crate::io::cache::cacache::temporary::temporaries;
use crate::io::file::directory::{Directory, Refusal, Temporary};
use crate::io::file::trusted::Access;
use crate::policy::cache::index::{self, Entry};

/// At most this much of a bucket is read: its end, which holds the current entries. Longer entries
/// are not written.
const BUCKET_MAX: u64 = 64 << 20;

/// The entry of a key. Does not read its content.
pub fn find(root: &Directory, key: &str) -> Result<Option<Entry>> {
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

pub fn read_bucket(directory: &Directory, name: &OsStr) -> io::Result<Vec<u8>> {
    let mut file = directory.open_file(name, Access::Read)?;
    // A line whose start is cut off does not match its digest, and is ignored.
    let length = file.metadata()?.len();
    if length > BUCKET_MAX {
        file.seek(SeekFrom::Start(length - BUCKET_MAX))?;
    }
    read(file, length.min(BUCKET_MAX))
}

pub fn append(root: &Directory, entry: &Entry) -> Result<()> {
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
            // Another process created the file first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < 10 => attempts += 1,
            // The bucket may contain lines of other users, or be readable by them under its other
            // name.
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

/// Rewrites the bucket of a key with its current entries, if it is larger than `limit` bytes. An
/// entry that another process appends meanwhile may be lost, so this is for entries that can be
/// fetched again.
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

/// Appends a line that removes the entry of a key, if there is one.
pub fn remove_from(root: &Directory, key: &str) -> Result<()> {
    if find(root, key)?.is_none() {
        return Ok(());
    }
    let time = milliseconds(SystemTime::now());
    append(root, &Entry { key: key.to_owned(), integrity: None, time, size: None, metadata: None })
}

pub fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
