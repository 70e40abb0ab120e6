//! Floor 3: the verbs. Each joins decisions of [`crate::policy`] with the outside world of [`crate::io`].

pub mod attempt;
pub mod cached;
pub mod download;
pub mod hooks;
pub mod locked;
pub mod metrics_file;
pub mod progress;
pub mod request;
pub mod shared_download;

use crate::base::error::Result;
use crate::io::threads::spawn_blocking;

/// Runs what may block on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await?
}

/// Drops what removes files or locks, and waits until that is done.
async fn dispose<T: Send + 'static>(value: T) {
    // Refused, the work is dropped, and the value with it. A panic in `drop` has been reported.
    let _ = spawn_blocking(move || drop(value)).await;
}
