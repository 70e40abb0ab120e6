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
use crate::base::options::{LockWait, Mirrors};
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
    advanced: watch::Receiver<Instant>,
    progress: Arc<watch::Sender<Option<Progress>>>,
    outcome: watch::Receiver<Option<Result<Downloaded>>>,
    cancel: CancellationToken,
    reason: Arc<Mutex<Option<Error>>>,
    /// The digests that the download verifies.
    expected: Expected,
    mirrors: Mirrors,
}

/// The end of a shared download that the downloading task holds.
#[derive(Debug)]
pub struct Controls {
    pub stage: watch::Sender<Stage>,
    /// The time at which the holder in another process took the lock, or was seen to have received
    /// more bytes.
    pub advanced: watch::Sender<Instant>,
    pub progress: Arc<watch::Sender<Option<Progress>>>,
    /// Cancelled when the last caller has left.
    pub cancel: CancellationToken,
    /// The error with which that caller left.
    reason: Arc<Mutex<Option<Error>>>,
}

impl Controls {
    /// Controls of a download that nobody waits for.
    #[cfg(test)]
    pub fn detached(stage: watch::Sender<Stage>) -> Self {
        Self {
            stage,
            advanced: watch::Sender::new(Instant::now()),
            progress: Arc::default(),
            cancel: CancellationToken::new(),
            reason: Arc::default(),
        }
    }

    /// The error with which the last caller has left.
    pub fn reason(&self) -> Option<Error> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One caller that waits for a shared download.
pub struct Waiter<'a> {
    pub started: Instant,
    /// The longest wait while another process holds the lock.
    pub wait: LockWait,
    pub lock_path: &'a Path,
    pub listeners: Listeners,
    pub cancel: &'a CancellationToken,
    pub expected: &'a Expected,
    pub mirrors: &'a Mirrors,
}

/// The outcome of a shared download for one caller.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct SharedOutcome {
    pub result: Result<Downloaded>,
    /// Whether the shared download verified what this caller expects.
    pub is_verified: bool,
    /// Whether another caller had started it.
    pub is_shared: bool,
    /// Whether the shared download had the mirrors of this caller.
    pub has_same_mirrors: bool,
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
        let Waiter { started, wait, lock_path, listeners, cancel, expected, mirrors } = waiter;
        let Listeners { report, mut on_wait } = listeners;
        let start = || SharedDownload::start(expected.clone(), mirrors.clone(), download);
        let (shared_download, is_starter) = self.join(destination, start);
        let is_verified = shared_download.expected == *expected;
        let has_same_mirrors = shared_download.mirrors == *mirrors;
        let stop = cancel.child_token();
        let outcome = async {
            select! {
                outcome = shared_download.outcome(started, wait, lock_path, &mut on_wait) => outcome,
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
        SharedOutcome { result, is_verified, is_shared: !is_starter, has_same_mirrors, is_ended_by_another }
    }

    /// The shared download, and whether this call has started it.
    fn join(&self, destination: &Path, start: impl FnOnce() -> SharedDownload) -> (Arc<SharedDownload>, bool) {
        let mut shared_downloads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = shared_downloads.get(destination).and_then(Weak::upgrade);
        if let Some(shared_download) = under_way.filter(|shared_download| shared_download.outcome.borrow().is_none()) {
            return (shared_download, false);
        }
        shared_downloads.retain(|_, shared_download| shared_download.strong_count() > 0);
        let shared_download = Arc::new(start());
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
    fn start<F>(expected: Expected, mirrors: Mirrors, download: impl FnOnce(Controls) -> F) -> Self
    where
        F: Future<Output = Result<Downloaded>> + Send + 'static,
    {
        let (stage, watched_stage) = watch::channel(Stage::Working);
        let (clock, advanced) = watch::channel(Instant::now());
        let (ended, outcome) = watch::channel(None);
        let (progress, cancel) = (Arc::new(watch::Sender::new(None)), CancellationToken::new());
        let reason = Arc::<Mutex<_>>::default();
        let download = download(Controls {
            stage,
            advanced: clock,
            progress: progress.clone(),
            cancel: cancel.clone(),
            reason: reason.clone(),
        });
        tokio::spawn(async move {
            let result = download.await;
            ended.send_replace(Some(result));
        });
        Self { stage: watched_stage, advanced, progress, outcome, cancel, reason, expected, mirrors }
    }

    /// Waits for the end, or until `wait` is over while another process holds the lock.
    async fn outcome(
        &self,
        started: Instant,
        wait: LockWait,
        path: &Path,
        on_wait: &mut Option<OnWait>,
    ) -> Result<Downloaded> {
        let (mut stage, mut advanced, mut outcome) = (self.stage.clone(), self.advanced.clone(), self.outcome.clone());
        loop {
            let progress = *advanced.borrow_and_update();
            // A limit beyond the range of the clock is no limit.
            let limit = match wait {
                LockWait::Total(limit) => started.checked_add(limit).map(|deadline| (deadline, limit)),
                LockWait::WithoutProgress(limit) => {
                    progress.max(started).checked_add(limit).map(|deadline| (deadline, limit))
                }
                LockWait::Unlimited => None,
            };
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
                match limit.filter(|_| waiting.is_some()) {
                    Some((deadline, limit)) => {
                        sleep_until(deadline).await;
                        limit
                    }
                    None => std::future::pending().await,
                }
            };
            select! {
                biased;
                ended = outcome.wait_for(Option::is_some) => {
                    let lost = || Err(Error::new(Kind::Internal, "the shared download ended without an outcome"));
                    return ended.map_or_else(|_| lost(), |ended| ended.clone().unwrap_or_else(lost));
                }
                limit = timed_out => return Err(lock_timeout(limit, path, waiting.flatten())),
                Ok(()) = advanced.changed() => {}
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

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(300);
    const PROGRESS: Duration = Duration::from_millis(900);

    /// How long a caller waits for a holder that makes progress for [`PROGRESS`] and then none.
    async fn waited(wait: LockWait) -> Duration {
        let (cancel, started) = (CancellationToken::new(), Instant::now());
        let waiter = Waiter {
            started,
            wait,
            lock_path: Path::new("/lock"),
            listeners: Listeners::default(),
            cancel: &cancel,
            expected: &Expected::default(),
            mirrors: &Mirrors::default(),
        };
        let holder = move |controls: Controls| async move {
            controls.stage.send_replace(Stage::Waiting(None));
            while started.elapsed() < PROGRESS && !controls.cancel.is_cancelled() {
                controls.advanced.send_replace(Instant::now());
                sleep(LIMIT / 20).await;
            }
            controls.cancel.cancelled().await;
            Err(Error::aborted())
        };
        let run = SharedDownloads::default();
        let outcome = run.run(Path::new("/file"), waiter, holder);
        let Ok(outcome) = tokio::time::timeout(PROGRESS * 4, outcome).await else { return Duration::MAX };
        let error = outcome.result.unwrap_err();
        assert_eq!(error.to_string(), "Lock acquisition timed out after 300ms (held by an unknown process)");
        started.elapsed()
    }

    #[tokio::test]
    async fn a_wait_without_progress_ends_and_progress_starts_its_time_again() {
        let waited = waited(LockWait::WithoutProgress(LIMIT)).await;
        assert!(waited >= PROGRESS + LIMIT / 2 && waited < Duration::MAX, "{waited:?}");
    }

    #[tokio::test]
    async fn a_whole_wait_ends_whatever_the_holder_does() {
        let waited = waited(LockWait::Total(LIMIT)).await;
        assert!(waited >= LIMIT && waited < PROGRESS, "{waited:?}");
    }

    #[tokio::test]
    async fn a_wait_may_have_no_limit() {
        assert_eq!(waited(LockWait::Unlimited).await, Duration::MAX);
    }
}
