//! Records of the cache, in memory and on disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderName;

use crate::policy::cache::freshness::CachedResponse;

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
