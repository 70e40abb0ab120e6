//! The verbs: request, download, download under a lock, request through a cache. Each joins
//! decisions of [`crate::policy`] with the outside world of [`crate::io`].

pub mod attempt;
pub mod cached;
pub mod checksum_file;
pub mod diagnose;
pub mod download;
pub mod hooks;
pub mod locked;
pub mod metrics_file;
pub mod progress;
pub mod request;
pub mod segments;
pub mod shared_download;
pub mod sources;
pub mod throttle;
pub mod transfer;

use crate::base::error::Result;
use crate::io::threads::spawn_blocking;

/// Runs blocking work on a thread for such work.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await?
}

/// Drops a value that removes files or locks, and waits until that is done.
async fn dispose<T: Send + 'static>(value: T) {
    // If no thread can be had, the closure is dropped here, and the value with it. A panic in
    // `drop` has been reported.
    let _ = spawn_blocking(move || drop(value)).await;
}
