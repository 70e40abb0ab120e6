//! Records of the cache, and its limits. Shared by memory and disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderName;

use crate::policy::cache::freshness::CachedResponse;

/// The limits of a cache.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes of responses on disk. Other entries of the same directory do not count.
    pub disk: u64,
    /// The age from which a response on disk is removed.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20, disk: 512 << 20, age: Duration::from_secs(30 * 24 * 3600) }
    }
}

/// The value of a key.
#[derive(Clone, Debug)]
pub enum Record {
    Response(Arc<CachedResponse>),
    /// There is a response for each combination of these request fields.
    Varies(Arc<[HeaderName]>),
}

/// Whether something that is done every `interval` is due. Counts as done if so.
pub fn is_due(last: &Mutex<Option<SystemTime>>, interval: Duration, now: SystemTime) -> bool {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let is_due = last.is_none_or(|last| now.duration_since(last).is_ok_and(|since| since >= interval));
    if is_due {
        *last = Some(now);
    }
    is_due
}
