//! The idle timeout: the longest time without any byte on the connection.

use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::base::body::Activity;

/// Awaits a future for at most `limit`. `Err` is the limit that was reached.
pub async fn with_idle_timeout<T>(limit: Option<Duration>, waiting: impl Future<Output = T>) -> Result<T, Duration> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, waiting).await.map_err(|_| limit),
        None => Ok(waiting.await),
    }
}

/// Awaits the response to a request, which sends a body if there is an `activity`.
pub async fn with_idle_timeout_of_request<T>(
    limit: Option<Duration>,
    activity: Option<&Activity>,
    sending: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Duration> {
    match (limit, activity) {
        (Some(limit), Some(activity)) => with_idle_timeout_of_upload(activity, limit, sending).await,
        (limit, _) => with_idle_timeout(limit, sending).await,
    }
}

/// Awaits the response while a body is sent. The time counts from the last byte of the body that
/// the connection took. It does not count while the source of the body has nothing to send.
async fn with_idle_timeout_of_upload<T>(
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
