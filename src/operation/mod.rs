//! Floor 3: the verbs. Each joins decisions of [`crate::policy`] with the outside world of [`crate::io`].

pub mod attempt;
pub mod cached;
pub mod download;
pub mod flight;
pub mod hooks;
pub mod locked;
pub mod progress;
pub mod request;

use crate::error::{Error, Kind, Result};

/// Runs what may block on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let lost = |error| Err(Error::new(Kind::Internal, format!("a background task failed: {error}")));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(lost)
}

/// Drops what removes files or locks, and waits until that is done.
async fn dispose<T: Send + 'static>(value: T) {
    // It cannot fail: a panic in `drop` has been reported, and leaves nothing to do.
    let _ = tokio::task::spawn_blocking(move || drop(value)).await;
}
