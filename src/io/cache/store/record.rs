//! What the memory and the disk of a store have in common: records, and how much is kept of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderName;

use crate::policy::cache::freshness::CachedResponse;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes on disk, of answers; other entries of the same directory are not counted.
    pub disk: u64,
    /// Time that an answer stays on disk without being fetched again.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20, disk: 512 << 20, age: Duration::from_secs(30 * 24 * 3600) }
    }
}

/// What a key leads to.
#[derive(Clone, Debug)]
pub enum Record {
    Response(Arc<CachedResponse>),
    /// There is an answer for each combination of these fields of requests.
    Varies(Arc<[HeaderName]>),
}

/// Whether something that is done every `interval` is due.
pub fn is_due(last: &Mutex<Option<SystemTime>>, interval: Duration, now: SystemTime) -> bool {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let is_due = last.is_none_or(|last| now.duration_since(last).is_ok_and(|since| since >= interval));
    if is_due {
        *last = Some(now);
    }
    is_due
}
