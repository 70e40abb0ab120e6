//! Cached responses: in memory, and on disk for all processes. Nothing here fails: an entry that
//! cannot be read counts as missing, and a response that cannot be written is not cached.

mod disk;
mod memory;
mod pending;
mod record;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::{HeaderMap, HeaderName};
use url::Url;

use self::disk::Disk;
use self::memory::Memory;
use self::record::Record;
use crate::base::options::{CacheLimits, Network};
use crate::policy::cache::freshness::CachedResponse;
use crate::policy::cache::key::{self, Secret};

/// The place where responses are cached.
#[derive(Clone, Debug)]
pub enum Place {
    Memory,
    Disk(PathBuf),
    Both(PathBuf),
}

/// The place where a cached response was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Memory,
    Disk,
}

#[derive(Debug)]
pub struct Store {
    memory: Option<Mutex<Memory>>,
    disk: Option<Arc<Disk>>,
    /// The secret of keys in memory. Set if there is no disk, or once it is known that the disk
    /// cannot be used.
    own_secret: OnceLock<Secret>,
    /// Incremented by each removal, so that a response that was requested before it is not stored
    /// after it.
    generation: AtomicU64,
}

impl Store {
    pub fn new(place: Place, limits: CacheLimits) -> Self {
        let (memory, directory) = match place {
            Place::Memory => (true, None),
            Place::Disk(directory) => (false, Some(directory)),
            Place::Both(directory) => (true, Some(directory)),
        };
        Self {
            memory: memory.then(|| Mutex::new(Memory::new(limits.memory))),
            disk: directory.map(|directory| Arc::new(Disk::new(directory, limits))),
            own_secret: OnceLock::new(),
            generation: AtomicU64::new(0),
        }
    }

    /// The key of a GET. `None` until [`Store::open`] has run.
    pub fn key(&self, url: &Url, headers: &HeaderMap, network: &Network) -> Option<String> {
        let secret = self.secret()?;
        Some(key::key(secret, url, headers, network))
    }

    /// Reads the secret that keys are made with. Afterwards [`Store::key`] returns a key.
    pub async fn open(&self) {
        if self.secret().is_some() {
            return;
        }
        if let Some(disk) = &self.disk {
            disk.clone().open().await;
        }
        if self.secret().is_none() {
            // Either nothing is cached on disk, or the disk cannot be used.
            let _ = self.own_secret.set(disk::random());
        }
    }

    /// The directory that cannot be used, and the reason. `None` before [`Store::open`].
    pub fn unusable(&self) -> Option<(&Path, &str)> {
        self.disk.as_ref()?.unusable()
    }

    fn secret(&self) -> Option<&Secret> {
        self.disk.as_ref().and_then(|disk| disk.secret()).or_else(|| self.own_secret.get())
    }

    /// Returns the cached response to a request from memory.
    pub fn get_fresh(&self, key: &str, headers: &HeaderMap) -> Option<Arc<CachedResponse>> {
        let mut memory = self.memory()?;
        match memory.get(key)? {
            Record::Response(stored) => Some(stored),
            Record::Varies(names) => match memory.get(&self.variant(key, &names, headers)?)? {
                Record::Response(stored) => Some(stored),
                Record::Varies(_) => None,
            },
        }
    }

    /// Returns the cached response to a request from memory or disk.
    pub async fn find(&self, key: &str, headers: &HeaderMap) -> Option<(Arc<CachedResponse>, Found)> {
        if let Some(stored) = self.get_fresh(key, headers) {
            return Some((stored, Found::Memory));
        }
        let stored = match self.fetch(key.to_owned()).await? {
            Record::Response(stored) => stored,
            Record::Varies(names) => match self.fetch(self.variant(key, &names, headers)?).await? {
                Record::Response(stored) => stored,
                Record::Varies(_) => return None,
            },
        };
        Some((stored, Found::Disk))
    }

    async fn fetch(&self, key: String) -> Option<Record> {
        let generation = self.generation();
        let record = self.disk.as_ref()?.clone().get(key.clone()).await?;
        if let Some(mut memory) = self.memory().filter(|_| self.generation() == generation) {
            memory.put(key, record.clone());
        }
        Some(record)
    }

    /// Stores a response that varies by these request fields, unless something was removed since
    /// `generation`.
    pub async fn put(
        &self,
        generation: u64,
        key: &str,
        varies: Vec<HeaderName>,
        headers: &HeaderMap,
        stored: Arc<CachedResponse>,
    ) {
        let mut records = vec![(key.to_owned(), Record::Response(stored.clone()))];
        if !varies.is_empty() {
            let Some(variant) = self.variant(key, &varies, headers) else { return };
            records = vec![(variant, Record::Response(stored)), (key.to_owned(), Record::Varies(varies.into()))];
        }
        for (key, record) in records {
            if let Some(mut memory) = self.memory().filter(|_| self.generation() == generation) {
                memory.put(key.clone(), record.clone());
            }
            if let Some(disk) = self.disk.as_ref().filter(|_| self.generation() == generation) {
                disk.clone().put(key.clone(), record).await;
                if self.generation() != generation {
                    // The store was cleared while the response was written.
                    disk.clone().remove(key).await;
                }
            }
        }
    }

    /// Removes the cached responses of a key.
    pub async fn remove(&self, key: &str) {
        self.generation.fetch_add(1, Ordering::Relaxed);
        if let Some(mut memory) = self.memory() {
            memory.remove(key);
        }
        if let Some(disk) = &self.disk {
            disk.clone().remove(key.to_owned()).await;
        }
    }

    /// Removes the responses whose URL, as far as keys contain it, is `wanted`. Returns their
    /// number.
    pub async fn clear(&self, is_wanted: impl Fn(&str) -> bool + Clone + Send + 'static) -> usize {
        self.generation.fetch_add(1, Ordering::Relaxed);
        let is_unwanted = move |key: &str| key::url_of(key).is_some_and(&is_wanted);
        let mut keys = self.memory().map(|mut memory| memory.clear(&is_unwanted)).unwrap_or_default();
        if let Some(disk) = &self.disk {
            keys.extend(disk.clone().clear(is_unwanted).await);
        }
        keys.len()
    }

    /// Waits for the end of everything that is still being written to the disk or removed from it.
    pub async fn flush(&self) {
        if let Some(disk) = &self.disk {
            disk.flush().await;
        }
    }

    /// The current generation. A response of an older one must not be stored.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The number of responses in memory, and their size in bytes.
    pub fn in_memory(&self) -> (usize, u64) {
        self.memory().map(|memory| memory.size()).unwrap_or_default()
    }

    fn variant(&self, key: &str, names: &[HeaderName], headers: &HeaderMap) -> Option<String> {
        Some(key::variant(self.secret()?, key, names, headers))
    }

    fn memory(&self) -> Option<MutexGuard<'_, Memory>> {
        Some(self.memory.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
