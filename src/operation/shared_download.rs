//! One download for all callers of a process that want the same destination.
//!
//! Each caller has its own progress, lock timeout and cancellation. The download is cancelled when
//! the last caller leaves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::Expected;
use crate::base::lock_holder::Holder;
use crate::io::file::staging::Progress;
use crate::operation::download::Downloaded;
use crate::operation::progress::{Report, reported};

/// Called once, when a caller begins to wait for another process.
pub type OnWait = Box<dyn FnOnce(Holder) -> BoxFuture<'static, Result<()>> + Send>;

/// The listeners of one caller.
#[derive(Default)]
pub struct Listeners {
    pub report: Option<Report>,
    pub on_wait: Option<OnWait>,
}

/// The downloads under way in this process, by destination.
#[derive(Debug, Default)]
pub struct SharedDownloads(Mutex<HashMap<PathBuf, Weak<SharedDownload>>>);

/// One download for all callers of this process. Cancelled when the last caller leaves.
#[derive(Debug)]
pub struct SharedDownload {
    stage: watch::Receiver<Stage>,
    progress: Arc<watch::Sender<Option<Progress>>>,
    outcome: watch::Receiver<Option<Result<Downloaded>>>,
    cancel: CancellationToken,
    reason: Arc<Mutex<Option<Error>>>,
    /// The digests that the download verifies.
    expected: Expected,
}

/// The end of a shared download that the downloading task holds.
#[derive(Debug)]
pub struct Controls {
    pub stage: watch::Sender<Stage>,
    pub progress: Arc<watch::Sender<Option<Progress>>>,
    /// Cancelled when the last caller has left.
    pub cancel: CancellationToken,
    /// The error with which that caller left.
    reason: Arc<Mutex<Option<Error>>>,
}

impl Controls {
    /// The error with which the last caller has left.
    pub fn reason(&self) -> Option<Error> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One caller that waits for a shared download.
pub struct Waiter<'a> {
    pub started: Instant,
    /// The longest wait while another process holds the lock.
    pub limit: Option<Duration>,
    pub lock_path: &'a Path,
    pub listeners: Listeners,
    pub cancel: &'a CancellationToken,
    pub expected: &'a Expected,
}

/// The outcome of a shared download for one caller.
pub struct SharedOutcome {
    pub result: Result<Downloaded>,
    /// Whether the shared download verified what this caller expects.
    pub is_verified: bool,
    /// Whether another caller had started it.
    pub is_shared: bool,
    /// Whether a callback of another caller, who started the download, has ended it.
    is_ended_by_another: bool,
}

impl SharedOutcome {
    /// The result for this caller. `None` if it has to join or start another download.
    pub fn own_result(self) -> Option<Result<Downloaded>> {
        (!self.is_ended_by_another).then_some(self.result)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Another process holds the lock, or keeps changing the file. The lock timeout of callers
    /// runs.
    Waiting(Option<Holder>),
    /// The task looks at the file, lets it settle for the first time, or downloads.
    Working,
}

impl SharedDownloads {
    /// Joins the shared download to this destination or starts one, and waits for its outcome.
    pub async fn run<F>(
        &self,
        destination: &Path,
        waiter: Waiter<'_>,
        download: impl FnOnce(Controls) -> F,
    ) -> SharedOutcome
    where
        F: Future<Output = Result<Downloaded>> + Send + 'static,
    {
        let Waiter { started, limit, lock_path, listeners, cancel, expected } = waiter;
        let Listeners { report, mut on_wait } = listeners;
        let (shared_download, is_starter) = self.join(destination, expected, download);
        let is_verified = shared_download.expected == *expected;
        let stop = cancel.child_token();
        let outcome = async {
            select! {
                outcome = shared_download.outcome(started, limit, lock_path, &mut on_wait) => outcome,
                () = stop.cancelled() => Err(Error::aborted()),
            }
        };
        let result = match report {
            Some(report) => reported(shared_download.progress.subscribe(), report, outcome, &stop).await,
            None => outcome.await,
        };
        // Only a callback of the starter can abort a shared download that has callers.
        let is_aborted =
            matches!(&*shared_download.outcome.borrow(), Some(Err(error)) if error.kind() == Kind::Aborted);
        let is_ended_by_another = is_aborted && !is_starter && !cancel.is_cancelled();
        if let Err(error) = &result {
            self.leave(shared_download, error).await;
        }
        SharedOutcome { result, is_verified, is_shared: !is_starter, is_ended_by_another }
    }

    /// The shared download, and whether this call has started it.
    fn join<F>(
        &self,
        destination: &Path,
        expected: &Expected,
        download: impl FnOnce(Controls) -> F,
    ) -> (Arc<SharedDownload>, bool)
    where
        F: Future<Output = Result<Downloaded>> + Send + 'static,
    {
        let mut shared_downloads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = shared_downloads.get(destination).and_then(Weak::upgrade);
        if let Some(shared_download) = under_way.filter(|shared_download| shared_download.outcome.borrow().is_none()) {
            return (shared_download, false);
        }
        shared_downloads.retain(|_, shared_download| shared_download.strong_count() > 0);
        let shared_download = Arc::new(SharedDownload::start(expected.clone(), download));
        shared_downloads.insert(destination.to_owned(), Arc::downgrade(&shared_download));
        (shared_download, true)
    }

    /// Cancels the download if this was its last caller, and waits until it has ended.
    async fn leave(&self, shared_download: Arc<SharedDownload>, error: &Error) {
        let outcome = {
            // Under the lock, so that nobody joins a download that is being cancelled, and exactly
            // one of several leaving callers is the last.
            let mut shared_downloads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::strong_count(&shared_download) > 1 {
                drop(shared_download);
                return;
            }
            shared_downloads.retain(|_, other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(&shared_download)));
            *shared_download.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            shared_download.cancel.cancel();
            shared_download.outcome.clone()
        };
        // An error means that it has ended as well.
        let _ = { outcome }.wait_for(Option::is_some).await;
    }
}

impl SharedDownload {
    fn start<F>(expected: Expected, download: impl FnOnce(Controls) -> F) -> Self
    where
        F: Future<Output = Result<Downloaded>> + Send + 'static,
    {
        let (stage, watched_stage) = watch::channel(Stage::Working);
        let (ended, outcome) = watch::channel(None);
        let (progress, cancel) = (Arc::new(watch::Sender::new(None)), CancellationToken::new());
        let reason = Arc::<Mutex<_>>::default();
        let controls = Controls { stage, progress: progress.clone(), cancel: cancel.clone(), reason: reason.clone() };
        let download = download(controls);
        tokio::spawn(async move {
            let result = download.await;
            ended.send_replace(Some(result));
        });
        Self { stage: watched_stage, progress, outcome, cancel, reason, expected }
    }

    /// Waits for the end, or until `limit` has passed while another process holds the lock.
    async fn outcome(
        &self,
        started: Instant,
        limit: Option<Duration>,
        path: &Path,
        on_wait: &mut Option<OnWait>,
    ) -> Result<Downloaded> {
        let (mut stage, mut outcome) = (self.stage.clone(), self.outcome.clone());
        // A limit beyond the range of the clock is no limit.
        let deadline = limit.and_then(|limit| started.checked_add(limit));
        loop {
            let waiting = match &*stage.borrow_and_update() {
                Stage::Waiting(holder) => Some(holder.clone()),
                Stage::Working => None,
            };
            if let Some(Some(holder)) = &waiting
                && holder.is_known()
                && let Some(on_wait) = on_wait.take()
            {
                on_wait(holder.clone()).await?;
            }
            let timed_out = async {
                match deadline.filter(|_| waiting.is_some()) {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            select! {
                biased;
                ended = outcome.wait_for(Option::is_some) => {
                    let lost = || Err(Error::new(Kind::Internal, "the shared download ended without an outcome"));
                    return ended.map_or_else(|_| lost(), |ended| ended.clone().unwrap_or_else(lost));
                }
                () = timed_out => return Err(lock_timeout(limit.unwrap_or_default(), path, waiting.flatten())),
                Ok(()) = stage.changed() => {}
            }
        }
    }
}

impl Drop for SharedDownload {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn lock_timeout(limit: Duration, path: &Path, holder: Option<Holder>) -> Error {
    let by = match &holder {
        None => "an unknown process".to_owned(),
        Some(Holder { pid, owner: None, .. }) => format!("PID {pid}"),
        Some(holder @ Holder { pid, owner: Some(owner), .. }) if holder.is_known() => {
            format!("PID {pid} of user ID {owner}")
        }
        Some(Holder { owner: Some(owner), .. }) => format!("a process of user ID {owner}"),
    };
    let message = format!("Lock acquisition timed out after {}ms (held by {by})", limit.as_millis());
    Error::new(Kind::LockTimeout, message).with_lock(path, holder.filter(Holder::is_known))
}
