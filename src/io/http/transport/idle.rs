//! The idle timeout: how long the connection may be silent.

use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::base::body::Activity;

/// `Err` is the limit that was reached.
pub async fn within_idle<T>(limit: Option<Duration>, waiting: impl Future<Output = T>) -> Result<T, Duration> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, waiting).await.map_err(|_| limit),
        None => Ok(waiting.await),
    }
}

/// The same for a request: as [`within_idle_of`] where the body is watched.
pub async fn within_idle_while_sending<T>(
    limit: Option<Duration>,
    activity: Option<&Activity>,
    sending: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Duration> {
    match (limit, activity) {
        (Some(limit), Some(activity)) => within_idle_of(activity, limit, sending).await,
        (limit, _) => within_idle(limit, sending).await,
    }
}

/// The same while a body is sent: as long as the connection takes more of it, or its source has nothing to send, nobody is
/// silent.
async fn within_idle_of<T>(
    activity: &Activity,
    limit: Duration,
    mut waiting: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Duration> {
    loop {
        let until = activity.since().map_or_else(|| Instant::now() + limit, |since| since + limit);
        match tokio::time::timeout_at(until.into(), waiting.as_mut()).await {
            Ok(done) => return Ok(done),
            Err(_) if activity.since().is_some_and(|since| since + limit <= Instant::now()) => return Err(limit),
            Err(_) => {}
        }
    }
}
