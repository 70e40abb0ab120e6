//! Cached responses on disk, as entries of a cache in npm's format that other programs may share.
//! Entries of other programs are neither read nor removed.

mod entry;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use crate::base::error::Kind;
use crate::base::options::CacheLimits;
use crate::io::cache::cacache::{self, milliseconds};
use crate::io::cache::store::pending::Pending;
use crate::io::cache::store::record::{Record, is_due};
use crate::io::file::directory::{Directory, Temporary};
use crate::io::file::trusted::Access;
use crate::io::threads::{Task, spawn_blocking};
use crate::policy::cache::index::Entry;
use crate::policy::cache::key::{OUTDATED, PREFIX, Secret};

use self::entry::{decode, encode};

/// The file of the secret that keys are hashed with. Readable by its owner only.
const SECRET: &str = "socket-registry-http.secret";
/// A marker file. Its modification time is that of the last sweep by any process.
const SWEPT: &str = "socket-registry-http.swept";
/// How often the limits are enforced.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// The size from which a bucket is compacted. It grows by a line with each response.
const BUCKET_MAX: u64 = 32 << 10;

#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    limits: CacheLimits,
    /// The secret, or the reason why the directory cannot be used.
    secret: OnceLock<Result<Secret, String>>,
    /// Opened once for many responses: opening takes a system call for each name and each link of
    /// the path.
    root: Mutex<Option<Arc<Directory>>>,
    swept: Mutex<Option<SystemTime>>,
    pending: Pending,
}

impl Disk {
    pub fn new(directory: PathBuf, limits: CacheLimits) -> Self {
        Self {
            directory,
            limits,
            secret: OnceLock::new(),
            root: Mutex::default(),
            swept: Mutex::default(),
            pending: Pending::default(),
        }
    }

    /// Waits for the end of all work in the directory, also of work that no call waits for.
    pub async fn flush(&self) {
        self.pending.ended().await;
    }

    /// Runs work on a thread that may block. It is pending until it ends, even if the task is
    /// dropped.
    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let running = self.pending.begin();
        spawn_blocking(move || {
            let _running = running;
            work()
        })
    }

    /// The secret that keys are made with. `None` before [`Disk::open`], and if the directory
    /// cannot be used.
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.get()?.as_ref().ok()
    }

    /// The directory, and the reason why it cannot be used.
    pub fn unusable(&self) -> Option<(&Path, &str)> {
        Some((&self.directory, self.secret.get()?.as_ref().err()?))
    }

    pub async fn open(self: Arc<Self>) {
        let disk = self.clone();
        let open = move || {
            disk.secret.get_or_init(|| disk.read_or_write_secret().map_err(|error| error.to_string()));
        };
        let _ = self.run(open).await;
    }

    fn read_or_write_secret(&self) -> io::Result<Secret> {
        self.read_secret().or_else(|_| self.write_secret())
    }

    /// Reads the secret from a file that nobody else can read, in a directory of this user.
    fn read_secret(&self) -> io::Result<Secret> {
        let file = Directory::open(&self.directory)?.open_file(OsStr::new(SECRET), Access::Read)?;
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::mode(&file.metadata()?) & 0o077 != 0 {
            return Err(unusable_secret("others can read it"));
        }
        let mut secret = Vec::new();
        file.take(64).read_to_end(&mut secret)?;
        secret.try_into().map(Secret).map_err(|_| unusable_secret("it has the wrong length"))
    }

    /// Writes a secret, and returns the one that is in the file afterwards: the first process
    /// decides. A file of this user without a secret is replaced; a file of another user stays, and
    /// there is no secret.
    fn write_secret(&self) -> io::Result<Secret> {
        let directory = Directory::create_all(&self.directory)?;
        let temporaries = cacache::temporaries(&directory)?;
        let temporary = Temporary::with(&temporaries, &random().0)?;
        let name = OsStr::new(SECRET);
        match directory.check(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _ = temporary.persist_new(&directory, name);
            }
            // Another process may have written it meanwhile.
            Ok(()) if self.read_secret().is_err() => temporary.persist(&directory, name)?,
            _ => {}
        }
        self.read_secret()
    }

    /// Returns the record of a key. A broken entry is removed.
    pub async fn get(self: Arc<Self>, key: String) -> Option<Record> {
        let disk = self.clone();
        self.run(move || disk.read(&key)).await.ok()?
    }

    fn root(&self) -> Option<Arc<Directory>> {
        let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        if !root.as_ref().is_some_and(|root| root.is_current()) {
            *root = Directory::open(&self.directory).ok().map(Arc::new);
        }
        root.clone()
    }

    fn read(&self, key: &str) -> Option<Record> {
        let secret = self.secret()?;
        let broken = || {
            let _ = cacache::remove(&self.directory, key);
        };
        match cacache::get_from(&*self.root()?, key) {
            Ok(Some(item)) => {
                let record = item.entry.metadata.and_then(|metadata| decode(secret, key, &metadata, item.content));
                if record.is_none() {
                    broken();
                }
                record
            }
            Err(error) if error.kind() == Kind::Integrity || error.details().code == "ENOENT" => {
                broken();
                None
            }
            // There is no entry, or this user may not read it.
            _ => None,
        }
    }

    pub async fn put(self: Arc<Self>, key: String, record: Record) {
        let disk = self.clone();
        let write = move || {
            let Some(secret) = disk.secret() else { return false };
            let (metadata, content) = encode(secret, &key, &random_bytes(), &record);
            if content.len() as u64 > disk.limits.disk {
                return false;
            }
            // If the disk is full or read-only, the response is not cached.
            if metadata.is_some() && cacache::put(&disk.directory, &key, &content, metadata).is_ok() {
                let _ = cacache::compact(&disk.directory, &key, BUCKET_MAX);
            }
            // The marker appears within `takes_turn`. If that fails, the marker belongs to another
            // user, and its time means nothing.
            let now = SystemTime::now();
            is_due(&disk.swept, SWEEP_INTERVAL, now) && disk.takes_turn(now).unwrap_or(true)
        };
        if self.run(write).await.is_ok_and(|takes_turn| takes_turn) {
            // Not awaited, because it only removes.
            let disk = self.clone();
            self.run(move || disk.sweep(SystemTime::now()));
        }
    }

    pub async fn remove(self: Arc<Self>, key: String) {
        let disk = self.clone();
        let _ = self.run(move || cacache::remove(&disk.directory, &key)).await;
    }

    /// Removes this package's entries whose keys are unwanted, and returns their keys.
    pub async fn clear(self: Arc<Self>, is_unwanted: impl Fn(&str) -> bool + Send + 'static) -> HashSet<String> {
        let disk = self.clone();
        let clear = move || {
            let keys = Mutex::new(HashSet::new());
            let is_wanted = |entry: &Entry| {
                let is_wanted = !is_unwanted(&entry.key);
                if let (false, Ok(mut keys)) = (is_wanted, keys.lock()) {
                    keys.insert(entry.key.clone());
                }
                is_wanted
            };
            let _ = cacache::clear(&disk.directory, is_wanted);
            keys.into_inner().unwrap_or_default()
        };
        self.run(clear).await.unwrap_or_default()
    }

    /// Enforces the limits.
    fn sweep(&self, now: SystemTime) {
        let (mut ours, mut evicted) = (Vec::new(), HashSet::new());
        let listed = cacache::each(&self.directory, |Entry { key, time, size, .. }| {
            if key.starts_with(PREFIX) {
                ours.push((key, time, size.unwrap_or(0)));
            } else if key.starts_with(OUTDATED) {
                evicted.insert(key);
            }
        });
        evicted.extend(self::evicted(ours.into_iter(), self.limits, now));
        // An error here comes from parts of the cache that are not this user's. They are left
        // alone.
        drop(listed);
        if !evicted.is_empty() {
            let _ = cacache::clear(&self.directory, |entry| !evicted.contains(&entry.key));
        }
        // Removes the content of replaced responses, for instance.
        cacache::sweep(&self.directory, now);
    }

    /// Whether no process has swept for [`SWEEP_INTERVAL`]. Sets the time of the marker to `now` if
    /// so.
    fn takes_turn(&self, now: SystemTime) -> io::Result<bool> {
        let directory = Directory::open(&self.directory)?;
        let name = OsStr::new(SWEPT);
        let marker = match directory.open_file(name, Access::ReadWrite) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => directory.create(name, Access::ReadWrite)?,
            Err(error) => return Err(error),
            Ok(marker) => {
                let last = marker.metadata()?.modified()?;
                if now.duration_since(last).is_ok_and(|since| since < SWEEP_INTERVAL) {
                    return Ok(false);
                }
                marker
            }
        };
        marker.set_modified(now).map(|()| true)
    }
}

/// The keys that exceed the limits: first those that are too old, then the oldest.
fn evicted(entries: impl Iterator<Item = (String, u64, u64)>, limits: CacheLimits, now: SystemTime) -> HashSet<String> {
    let oldest = milliseconds(now.checked_sub(limits.age).unwrap_or(SystemTime::UNIX_EPOCH));
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by_key(|(_, time, _)| std::cmp::Reverse(*time));
    let mut bytes: u64 = 0;
    let is_kept = |(_, time, size): &(String, u64, u64)| {
        bytes = bytes.saturating_add(*size);
        *time >= oldest && bytes <= limits.disk
    };
    let (_, evicted): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_kept);
    evicted.into_iter().map(|(key, ..)| key).collect()
}

fn unusable_secret(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{SECRET}: {why}"))
}

pub fn random() -> Secret {
    Secret(random_bytes())
}

fn random_bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    if getrandom::fill(&mut bytes).is_err() {
        // Without a source of randomness, the bytes at least differ between processes.
        bytes.fill_with(|| fastrand::u8(..));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_previous_format_are_swept() {
        let directory = tempfile::tempdir().unwrap();
        let keys = ["socket-registry:http:1:GET:https://a.test/?q=1#0", "of others"];
        for key in keys {
            cacache::put(directory.path(), key, b"x", None).unwrap();
        }
        Disk::new(directory.path().to_owned(), CacheLimits::default()).sweep(SystemTime::now());
        let found = keys.map(|key| cacache::get(directory.path(), key).unwrap().is_some());
        assert_eq!(found, [false, true]);
    }

    #[test]
    fn old_entries_are_evicted_and_then_the_oldest() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let limits = CacheLimits { disk: 10, age: Duration::from_secs(900), memory: 0 };
        let entry = |key: &str, seconds: u64, size| (key.to_owned(), seconds * 1000, size);
        let entries = [entry("old", 99, 1), entry("c", 500, 4), entry("b", 600, 4), entry("a", 700, 4)];
        let evicted = evicted(entries.into_iter(), limits, now);
        assert_eq!(evicted, HashSet::from(["old".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn all_processes_share_the_secret_of_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let disk = Disk::new(directory.path().to_owned(), CacheLimits::default());
            disk.read_or_write_secret().ok().map(|secret| secret.0)
        };
        let secrets: Vec<_> = std::thread::scope(|scope| {
            #[allow(clippy::needless_collect, reason = "all start before one is waited for")]
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets[0].is_some() && secrets.iter().all(|secret| *secret == secrets[0]));
        std::fs::write(directory.path().join(SECRET), "short").unwrap();
        assert!(open().is_some());
    }
}
