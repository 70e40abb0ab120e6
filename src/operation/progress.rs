//! Progress for callers: reported only if the total is known, never decreasing, at most once per
//! 50 ms, and once more with the total before the operation succeeds.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::select;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::base::error::Result;
use crate::io::file::staging::Progress;

/// Notifies one listener. Resolves when the listener has returned.
pub type Report = Box<dyn FnMut(Progress) -> BoxFuture<'static, Result<()>> + Send>;

const PAUSE: Duration = Duration::from_millis(50);

/// Runs an operation and reports the values that it sends to `progress`. An error of the listener
/// cancels the operation through `stop`, and is returned when the operation has ended.
///
/// Reports are awaited one after the other: a slow listener does not delay the operation, and gets
/// the latest state next.
pub async fn reported<T>(
    mut progress: watch::Receiver<Option<Progress>>,
    mut report: Report,
    operation: impl Future<Output = Result<T>>,
    stop: &CancellationToken,
) -> Result<T> {
    let mut operation = pin!(operation);
    let mut last = None;
    let result = loop {
        // A closed channel is ignored: the operation itself decides when it ends.
        select! {
            result = &mut operation => break result,
            Ok(()) = progress.changed() => {}
        }
        // Copied out first: the channel is locked for its sender as long as the borrow lives.
        let state = *progress.borrow_and_update();
        if let Some(next) = newer(last, state) {
            let mut reporting = report(next);
            let mut result = None;
            let notified = loop {
                select! {
                    notified = &mut reporting => break notified,
                    // A slow listener does not delay the operation.
                    ended = &mut operation, if result.is_none() => result = Some(ended),
                }
            };
            if let Err(error) = notified {
                stop.cancel();
                if result.is_none() {
                    // Awaited, so that nothing of it continues. Its outcome does not matter.
                    let _ = operation.await;
                }
                return Err(error);
            }
            last = Some(next);
            if let Some(result) = result {
                break result;
            }
            select! {
                result = &mut operation => break result,
                () = sleep(PAUSE) => {}
            }
        }
    };
    let value = result?;
    let state = *progress.borrow_and_update();
    if let Some(next) = newer(last, state) {
        report(next).await?;
    }
    Ok(value)
}

/// The state to report, if it is news. A retry may start from zero, but reports never decrease.
fn newer(last: Option<Progress>, next: Option<Progress>) -> Option<Progress> {
    next.filter(|next| last.is_none_or(|last| next.downloaded > last.downloaded || next.total != last.total)).map(
        |next| {
            let reported = last.map_or(0, |last| last.downloaded);
            Progress { downloaded: next.downloaded.max(reported).min(next.total), ..next }
        },
    )
}

/// The line to log, if another `interval` per cent is complete.
pub fn progress_line(Progress { downloaded, total }: Progress, interval: u32, last: &mut u64) -> Option<String> {
    let percent = downloaded.saturating_mul(100).checked_div(total)?;
    let full = if percent >= 100 { 100 } else { percent - percent % u64::from(interval) };
    if full <= *last {
        return None;
    }
    *last = full;
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Some(format!("  Progress: {full}% ({:.1} MB / {:.1} MB)", megabytes(downloaded), megabytes(total)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::base::error::{Error, Kind};

    fn at(downloaded: u64) -> Progress {
        Progress { downloaded, total: 100 }
    }

    #[tokio::test]
    async fn reports_are_rare_never_go_back_and_end_with_the_last() {
        let started = tokio::time::Instant::now();
        let (sender, receiver) = watch::channel(None);
        let operation = async {
            for downloaded in (0..=20).chain(0..=30).chain([100]) {
                sender.send_replace(Some(at(downloaded)));
                sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        };
        let reports = Arc::new(Mutex::new(Vec::new()));
        let heard = reports.clone();
        let report: Report = Box::new(move |progress| {
            heard.lock().unwrap().push(progress.downloaded);
            Box::pin(async { Ok(()) })
        });
        reported(receiver, report, operation, &CancellationToken::new()).await.unwrap();
        let reports = reports.lock().unwrap();
        assert!(reports.is_sorted() && reports.last() == Some(&100), "{reports:?}");
        assert!(reports.len() as u128 <= started.elapsed().as_millis() / 50 + 2, "{reports:?}");
    }

    #[tokio::test]
    async fn a_failing_listener_ends_the_operation() {
        let (sender, receiver) = watch::channel(None);
        sender.send_replace(Some(at(1)));
        let stop: Report = Box::new(|_| Box::pin(async { Err(Error::new(Kind::Aborted, "enough")) }));
        let token = CancellationToken::new();
        let operation = async {
            token.cancelled().await;
            Ok(())
        };
        let error = reported(receiver, stop, operation, &token).await.unwrap_err();
        assert_eq!(error.to_string(), "enough");
    }

    #[tokio::test]
    async fn an_unknown_total_is_not_reported() {
        let (_sender, receiver) = watch::channel(None);
        reported(receiver, Box::new(|_| panic!("reported")), async { Ok(()) }, &CancellationToken::new())
            .await
            .unwrap();
    }

    #[test]
    fn a_line_comes_with_each_full_interval() {
        const MB: u64 = 1 << 20;
        let mut last = 0;
        let mut line = |downloaded: u64| progress_line(Progress { downloaded, total: 5 * MB }, 10, &mut last);
        assert_eq!(line(0), None);
        assert_eq!(line(MB / 4), None);
        assert_eq!(line(2 * MB).unwrap(), "  Progress: 40% (2.0 MB / 5.0 MB)");
        assert_eq!(line(2 * MB + 1), None);
        assert_eq!(line(5 * MB).unwrap(), "  Progress: 100% (5.0 MB / 5.0 MB)");
        assert_eq!(line(5 * MB), None);
    }
}
