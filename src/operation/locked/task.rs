//! The shared part of a locked download, which runs by itself: wait for the lock or for a file,
//! look again, download, release.

use std::convert::Infallible;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep, sleep_until};

use crate::base::error::{Error, Kind, Result, redacted};
use crate::base::lock_holder::Holder;
use crate::base::log::Log;
use crate::base::observer::{LockStep, LockTrace};
use crate::base::options::LockOptions;
use crate::io::file::destination::{Ready, ready};
use crate::io::file::lock::{Attempt, Guard, LockAcquirer};
use crate::io::file::staging::{Progress, observe};
use crate::io::file::watch::{Watch, watch};
use crate::io::http::transport::Transport;
use crate::metrics::{self, Counter, Timer};
use crate::operation::download::{Downloaded, Watchers, fetch};
use crate::operation::locked::job::Job;
use crate::operation::locked::presence::{Presence, presence, settled};
use crate::operation::shared_download::{Controls, Stage};
use crate::operation::{blocking, dispose};
use crate::policy::text::debug::lock as debug;

/// Interval between two looks where the system cannot wake a waiter.
const UNWATCHED_POLL: Duration = Duration::from_millis(25);
/// Delays after a wake-up: the kernel reports a close a moment before it releases the lock.
const HURRIED: [Duration; 3] = [Duration::from_millis(16), Duration::from_millis(4), Duration::from_millis(1)];
/// Interval at which a waiter with listeners reads the progress of the holder.
const OBSERVE: Duration = Duration::from_millis(100);

/// One download for all callers of this process, under the lock of all processes.
pub struct DownloadTask {
    pub transport: Transport,
    pub job: Job,
    pub controls: Controls,
}

/// A wait for another process, recorded when it ends.
#[derive(Default)]
struct Wait(Option<Instant>);

impl Wait {
    fn begin(&mut self) {
        if self.0.is_none() {
            metrics::count(Counter::LocksWaited);
            self.0 = Some(Instant::now());
        }
    }

    fn elapsed(&self) -> Duration {
        self.0.map(|since| since.elapsed()).unwrap_or_default()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(since) = self.0 {
            metrics::record(Timer::LockWaits, since.elapsed());
        }
    }
}

/// The end of a wait.
enum Turn {
    /// The lock is held by this task.
    Ours(Guard),
    /// A file has appeared.
    Appeared,
}

impl DownloadTask {
    pub async fn run(self) -> Result<Downloaded> {
        let LockOptions { stale, poll, .. } = self.job.lock;
        let poll = poll.max(Duration::from_millis(1));
        let mut acquirer =
            Some(LockAcquirer::new(self.job.lock_path(), redacted(&self.job.url), stale, poll).with_log(self.log()));
        let (mut foreign, mut is_restless, mut losses) = (None, false, 0);
        loop {
            let turn = self.observed_turn(&mut acquirer, poll, foreign).await?;
            self.controls.stage.send_replace(Stage::Working);
            if let Turn::Ours(guard) = turn {
                let worked = select! {
                    worked = self.work(&guard, &mut losses) => worked,
                    never = renewed(&guard) => match never {},
                };
                // Removing the lock file may have to wait for another remover.
                dispose(guard).await;
                if let Some(downloaded) = worked? {
                    return Ok(downloaded);
                }
            }
            match presence(&self.job).await? {
                Presence::Nothing => {}
                Presence::Foreign(found) => {
                    self.log().line(|| debug::foreign(&self.job.destination));
                    foreign = Some(found);
                }
                Presence::Intact(found, digests) => {
                    if is_restless {
                        // A file that did not settle before may never do: the time of callers runs.
                        self.controls.stage.send_replace(Stage::Waiting(None));
                    }
                    let settled = select! {
                        settled = settled(&self.job.destination, found, self.job.lock.settle_delay()) => settled?,
                        () = self.controls.cancel.cancelled() => return Err(self.aborted()),
                    };
                    if settled {
                        self.log().line(|| debug::present(&self.job.destination, !digests.is_empty()));
                        // The last report, for listeners that were notified of the holder's
                        // progress.
                        self.controls
                            .progress
                            .send_replace(Some(Progress { downloaded: found.size, total: found.size }));
                        return Ok(Downloaded { digests, ..Downloaded::cached(found.size) });
                    }
                    is_restless = true;
                }
            }
        }
    }

    fn aborted(&self) -> Error {
        Error::aborted().with_url(&self.job.url)
    }

    /// [`turn`](Self::turn), reported to the observer.
    async fn observed_turn(
        &self,
        acquirer: &mut Option<LockAcquirer>,
        poll: Duration,
        foreign: Option<Ready>,
    ) -> Result<Turn> {
        let trace = LockTrace::begin(&self.job.download.transfer.observer, || LockStep::Wanted {
            lock_path: self.job.lock_path(),
            destination: self.job.destination.clone(),
            url: redacted(&self.job.url),
        });
        let turn = self.turn(acquirer, poll, foreign).await;
        trace.end(|| match &turn {
            Ok(turn) => LockStep::Ended { is_acquired: matches!(turn, Turn::Ours(_)) },
            Err(error) => LockStep::Failed(self.controls.reason().unwrap_or_else(|| error.clone())),
        });
        turn
    }

    /// Waits for the lock, or for a file other than `foreign`, which is known not to be the
    /// expected one.
    async fn turn(&self, acquirer: &mut Option<LockAcquirer>, poll: Duration, foreign: Option<Ready>) -> Result<Turn> {
        let (mut hurry, mut is_older) = (0, false);
        let mut wait = Wait::default();
        for look in 0_u64.. {
            // Not during an attempt: it might still take the lock after the caller's rejection.
            if self.controls.cancel.is_cancelled() {
                return Err(self.aborted());
            }
            let Some(mut mine) = acquirer.take() else {
                return Err(Error::new(Kind::Internal, "the acquirer of the lock was lost"));
            };
            let destination = self.job.destination.clone();
            let may_be_ready = look > 0 && !is_older;
            let (mine, mut wake, attempt) = blocking(move || {
                // Watched before the attempt, so that no release between the two is missed.
                let wake = watch(mine.path());
                let appeared = || ready(&destination).is_some_and(|found| Some(found) != foreign);
                if may_be_ready && appeared() {
                    return Ok((mine, wake, None));
                }
                let attempt = mine.attempt()?;
                Ok((mine, wake, Some(attempt)))
            })
            .await?;
            *acquirer = Some(mine);
            match attempt {
                None => return Ok(Turn::Appeared),
                Some(Attempt::Acquired(guard)) => {
                    metrics::count(Counter::LocksAcquired);
                    self.log().line(|| debug::taken(&self.job.lock_path(), wait.elapsed()));
                    return Ok(Turn::Ours(guard));
                }
                Some(Attempt::Blocked(holder)) => {
                    wait.begin();
                    // Older holders may write in place: their file is not ready before they
                    // release.
                    is_older = holder.as_ref().is_some_and(|holder| !holder.kernel_lock && holder.refresh.is_none());
                    self.log_wait(holder.as_ref());
                    self.controls.stage.send_replace(Stage::Waiting(holder));
                }
            }
            let pause = match (hurry, wake.wakes()) {
                (0, true) => poll,
                (0, false) => poll.min(UNWATCHED_POLL),
                (left, _) => HURRIED[left - 1],
            };
            hurry = if self.woken(&mut wake, pause).await? { HURRIED.len() } else { hurry.saturating_sub(1) };
        }
        unreachable!("looks are counted in 64 bits")
    }

    fn log(&self) -> Log {
        self.job.download.transfer.network.log
    }

    /// Writes a line when a wait begins, and when the lock has passed to another process.
    fn log_wait(&self, holder: Option<&Holder>) {
        let is_new = || match &*self.controls.stage.borrow() {
            Stage::Waiting(known) => known.as_ref().map(|known| known.pid) != holder.map(|holder| holder.pid),
            Stage::Working => true,
        };
        self.log().maybe(|| is_new().then(|| debug::waits(&self.job.lock_path(), holder)));
    }

    /// Waits until the lock file changes, for `pause` at most. `true` if it has changed. Meanwhile
    /// listeners are notified of the holder's progress.
    async fn woken(&self, wake: &mut Watch, pause: Duration) -> Result<bool> {
        let until = Instant::now() + pause;
        loop {
            select! {
                () = wake.changed() => return Ok(true),
                () = sleep_until(until) => return Ok(false),
                () = self.controls.cancel.cancelled() => return Err(self.aborted()),
                () = sleep(OBSERVE), if self.controls.progress.receiver_count() > 0 => self.observe().await?,
            }
        }
    }

    /// Forwards the progress of the holder in another process.
    async fn observe(&self) -> Result<()> {
        let destination = self.job.destination.clone();
        if let Some(progress) = blocking(move || Ok(observe(&destination))).await? {
            self.controls.progress.send_replace(Some(progress));
        }
        Ok(())
    }

    /// The holder's part. `None` if another process has published the file, so that there is
    /// nothing to download or nothing to publish.
    async fn work(&self, guard: &Guard, losses: &mut u32) -> Result<Option<Downloaded>> {
        if matches!(presence(&self.job).await?, Presence::Intact(..)) {
            return Ok(None);
        }
        self.controls.stage.send_replace(Stage::Working);
        let Job { url, destination, download, .. } = self.job.clone();
        let watchers = Watchers { progress: &self.controls.progress, cancel: &self.controls.cancel };
        let fetched = fetch(&self.transport, url, &destination, download, watchers).await?;
        // A process that hung for so long that another one broke its lock publishes nothing: the
        // file of the other process counts. A lock file that was removed, with no other in its
        // place, is no reason to download again.
        let destination = self.job.destination.clone();
        // Once: a lock that is taken away again and again must not cause downloads for ever.
        if *losses == 0 && !guard.is_current() && (guard.is_replaced() || ready(&destination).is_some()) {
            *losses += 1;
            dispose(fetched).await;
            return Ok(None);
        }
        fetched.publish().await.map(Some)
    }
}

/// Renews the lock file for as long as it is polled: a sign that the holder lives.
async fn renewed(guard: &Guard) -> Infallible {
    loop {
        sleep(guard.every()).await;
        guard.renew();
    }
}
