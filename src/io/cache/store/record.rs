//! Records, which the memory and the disk of a store have in common.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderName;

use crate::policy::cache::freshness::CachedResponse;

/// What a key leads to.
#[derive(Clone, Debug)]
pub enum Record {
    Answer(Arc<CachedResponse>),
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
