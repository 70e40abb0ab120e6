//! Answers on disk, as entries of a cache in npm's format that other programs may share. Only our own are touched.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Limits, Record, is_due};
use crate::error::Kind;
use crate::io::cacache::{self, Readers, milliseconds};
use crate::io::threads::spawn_blocking;
use crate::policy::bucket::Entry;
use crate::policy::cache_key::{PREFIX, Secret};
use crate::policy::freshness::Stored;
use crate::policy::headers::text;

/// Of the keyed hashes in our keys. Readable by its owner only.
const SECRET: &str = "socket-registry-http.secret";
/// Beside it; its time is that of the last sweep by any process.
const SWEPT: &str = "socket-registry-http.swept";
/// How often the limits are enforced.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// A bucket grows by one line with each answer, and is then written anew.
const BUCKET_MAX: u64 = 32 << 10;

#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    limits: Limits,
    secret: OnceLock<Option<Secret>>,
    swept: Mutex<Option<SystemTime>>,
}

/// What stands in an entry beside its content.
#[derive(Debug, Deserialize, Serialize)]
struct Metadata {
    /// Milliseconds since 1970.
    time: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    varies: Vec<String>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    status_text: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

impl Disk {
    pub fn new(directory: PathBuf, limits: Limits) -> Self {
        Self { directory, limits, secret: OnceLock::new(), swept: Mutex::default() }
    }

    /// What the keys are made with, once the directory has been opened; `None` as well when it cannot be used.
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.get()?.as_ref()
    }

    pub async fn open(self: Arc<Self>) {
        let open = move || {
            self.secret.get_or_init(|| self.read_secret().or_else(|| self.write_secret()));
        };
        let _ = spawn_blocking(open).await;
    }

    fn read_secret(&self) -> Option<Secret> {
        fs::read(self.directory.join(SECRET)).ok()?.try_into().ok().map(Secret)
    }

    /// Whoever comes first decides.
    fn write_secret(&self) -> Option<Secret> {
        let secret = random();
        let file = cacache::temporary(&self.directory, Readers::Owner).ok()?;
        fs::write(file.path(), secret.0).ok()?;
        let path = self.directory.join(SECRET);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() != secret.0.len() as u64) {
            // Not one of ours.
            file.persist(&path).ok()?;
        } else {
            let _ = file.persist_noclobber(&path);
        }
        self.read_secret()
    }

    /// The record of a key. What is broken is removed.
    pub async fn get(self: Arc<Self>, key: String) -> Option<Record> {
        spawn_blocking(move || self.read(&key)).await.ok()?
    }

    fn read(&self, key: &str) -> Option<Record> {
        self.secret()?;
        let broken = || {
            let _ = cacache::remove(&self.directory, key);
        };
        match cacache::get(&self.directory, key) {
            Ok(Some(item)) => {
                let record = item.entry.metadata.and_then(|metadata| record(&metadata, item.content));
                if record.is_none() {
                    broken();
                }
                record
            }
            Err(error) if error.kind() == Kind::Integrity || error.details().code == "ENOENT" => {
                broken();
                None
            }
            // Nothing there, or nothing that we may read.
            _ => None,
        }
    }

    pub async fn put(self: Arc<Self>, key: String, record: Record) {
        if self.secret().is_none() {
            return;
        }
        let disk = self.clone();
        let write = move || {
            let (metadata, content) = parts(&record);
            if content.len() as u64 > disk.limits.disk {
                return;
            }
            // A full disk, or one that cannot be written to: the answer is not kept.
            if cacache::put(&disk.directory, &key, &content, metadata, Readers::Owner).is_ok() {
                let _ = cacache::compact(&disk.directory, &key, BUCKET_MAX);
            }
        };
        let _ = spawn_blocking(write).await;
        if is_due(&self.swept, SWEEP_INTERVAL, SystemTime::now()) {
            // Nobody waits for it.
            spawn_blocking(move || self.sweep(SystemTime::now()));
        }
    }

    pub async fn remove(self: Arc<Self>, key: String) {
        let _ = spawn_blocking(move || cacache::remove(&self.directory, &key)).await;
    }

    /// Removes our entries whose keys are unwanted; their keys.
    pub async fn clear(self: Arc<Self>, is_unwanted: impl Fn(&str) -> bool + Send + 'static) -> HashSet<String> {
        let clear = move || {
            let keys = Mutex::new(HashSet::new());
            let is_wanted = |entry: &Entry| {
                let is_wanted = !is_unwanted(&entry.key);
                if let (false, Ok(mut keys)) = (is_wanted, keys.lock()) {
                    keys.insert(entry.key.clone());
                }
                is_wanted
            };
            let _ = cacache::clear(&self.directory, is_wanted);
            keys.into_inner().unwrap_or_default()
        };
        spawn_blocking(clear).await.unwrap_or_default()
    }

    /// Enforces the limits, unless another process has just done so.
    fn sweep(&self, now: SystemTime) {
        let marker = self.directory.join(SWEPT);
        let last = fs::metadata(&marker).and_then(|metadata| metadata.modified()).ok();
        if last.is_some_and(|last| now.duration_since(last).is_ok_and(|since| since < SWEEP_INTERVAL)) {
            return;
        }
        let _ = fs::write(&marker, "");
        let ours = cacache::list(&self.directory).filter(|entry| entry.key.starts_with(PREFIX));
        let doomed = doomed(ours.map(|entry| (entry.key, entry.time, entry.size.unwrap_or(0))), self.limits, now);
        if !doomed.is_empty() {
            let _ = cacache::clear(&self.directory, |entry| !doomed.contains(&entry.key));
        }
        // Answers that were replaced, for instance.
        cacache::sweep(&self.directory, now);
    }
}

/// The keys that the limits leave no room for: what is too old, then what is oldest.
fn doomed(entries: impl Iterator<Item = (String, u64, u64)>, limits: Limits, now: SystemTime) -> HashSet<String> {
    let oldest = milliseconds(now.checked_sub(limits.age).unwrap_or(SystemTime::UNIX_EPOCH));
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by_key(|(_, time, _)| std::cmp::Reverse(*time));
    let mut bytes: u64 = 0;
    let is_kept = |(_, time, size): &(String, u64, u64)| {
        bytes = bytes.saturating_add(*size);
        *time >= oldest && bytes <= limits.disk
    };
    let (_, doomed): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_kept);
    doomed.into_iter().map(|(key, ..)| key).collect()
}

pub fn random() -> Secret {
    let mut bytes = [0; 32];
    if getrandom::fill(&mut bytes).is_err() {
        // A system without randomness: at least not the same for every process.
        bytes.fill_with(|| fastrand::u8(..));
    }
    Secret(bytes)
}

fn parts(record: &Record) -> (Option<Box<RawValue>>, Bytes) {
    let (metadata, content) = match record {
        Record::Answer(stored) => {
            let headers = stored.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            let metadata = Metadata {
                time: milliseconds(stored.time),
                varies: Vec::new(),
                status: stored.status.as_u16(),
                status_text: stored.status_text.clone(),
                headers,
            };
            (metadata, stored.body.clone())
        }
        Record::Varies(names) => {
            let varies = names.iter().map(ToString::to_string).collect();
            let time = milliseconds(SystemTime::now());
            (Metadata { time, varies, status: 0, status_text: String::new(), headers: Vec::new() }, Bytes::new())
        }
    };
    (serde_json::value::to_raw_value(&metadata).ok(), content)
}

fn record(metadata: &RawValue, content: Vec<u8>) -> Option<Record> {
    let metadata: Metadata = serde_json::from_str(metadata.get()).ok()?;
    if !metadata.varies.is_empty() {
        let names: Option<Vec<_>> =
            metadata.varies.iter().map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect();
        return Some(Record::Varies(names?.into()));
    }
    let status = StatusCode::from_u16(metadata.status).ok().filter(StatusCode::is_success)?;
    let mut headers = HeaderMap::new();
    for (name, value) in metadata.headers {
        let bytes: Option<Vec<u8>> = value.chars().map(|each| u8::try_from(u32::from(each)).ok()).collect();
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&bytes?).ok()?);
    }
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(metadata.time))?;
    Some(Record::Answer(Arc::new(Stored::new(status, metadata.status_text, headers, content.into(), time))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(body: &str) -> Record {
        let mut headers = HeaderMap::new();
        headers.append("x", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        headers.append("link", HeaderValue::from_static("a"));
        headers.append("link", HeaderValue::from_static("b"));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let body = Bytes::from(body.to_owned());
        Record::Answer(Arc::new(Stored::new(StatusCode::OK, "Fine".to_owned(), headers, body, time)))
    }

    #[test]
    fn an_answer_comes_back_as_it_was() {
        let (metadata, content) = parts(&stored("body"));
        let (Some(Record::Answer(back)), Record::Answer(before)) =
            (record(&metadata.unwrap(), content.into()), stored("body"))
        else {
            panic!("not an answer")
        };
        assert_eq!((&back.headers, back.time, &back.body), (&before.headers, before.time, &before.body));
        assert_eq!((back.status, &back.status_text), (before.status, &before.status_text));
    }

    #[test]
    fn metadata_of_others_is_no_answer() {
        for text in [
            "{}",
            "[]",
            "null",
            "{\"time\":1,\"status\":404}",
            "{\"time\":1,\"status\":200,\"headers\":[[\"a b\",\"c\"]]}",
        ] {
            let metadata = RawValue::from_string(text.to_owned()).unwrap();
            assert!(record(&metadata, Vec::new()).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_too_old_goes_and_then_what_is_oldest() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let limits = Limits { disk: 10, age: Duration::from_secs(900), memory: 0 };
        let entry = |key: &str, seconds: u64, size| (key.to_owned(), seconds * 1000, size);
        let entries = [entry("old", 99, 1), entry("c", 500, 4), entry("b", 600, 4), entry("a", 700, 4)];
        let doomed = doomed(entries.into_iter(), limits, now);
        assert_eq!(doomed, HashSet::from(["old".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn one_secret_for_all_who_open_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let disk = Disk::new(directory.path().to_owned(), Limits::default());
            disk.read_secret().or_else(|| disk.write_secret()).map(|secret| secret.0)
        };
        let secrets: Vec<_> = std::thread::scope(|scope| {
            #[allow(clippy::needless_collect, reason = "all start before one is waited for")]
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets[0].is_some() && secrets.iter().all(|secret| *secret == secrets[0]));
        fs::write(directory.path().join(SECRET), "short").unwrap();
        assert!(open().is_some());
    }
}
