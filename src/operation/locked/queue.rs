//! The wait for the lock, or for the file of its holder.
//!
//! A waiter is woken by the release of the lock. Meanwhile it reads the holder's progress, for
//! listeners and for the lock timeout, which starts again whenever there is some.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep_until};
use url::Url;

use crate::base::error::{Error, Kind, Result, redacted};
use crate::base::lock_holder::Holder;
use crate::base::log::Log;
use crate::base::options::{LockOptions, LockWait};
use crate::io::file::destination::{Ready, ready};
use crate::io::file::lock::{Attempt, Guard, LockAcquirer};
use crate::io::file::staging::{Observed, observe};
use crate::io::file::watch::{Watch, watch};
use crate::metrics::{self, Counter, Timer};
use crate::operation::blocking;
use crate::operation::locked::job::Job;
use crate::operation::shared_download::{Controls, Stage};
use crate::policy::text::debug::lock as debug;

/// Interval between two looks where the system cannot wake a waiter.
const UNWATCHED_POLL: Duration = Duration::from_millis(25);
/// Delays after a wake-up: the kernel reports a close a moment before it releases the lock.
const HURRIED: [Duration; 3] = [Duration::from_millis(16), Duration::from_millis(4), Duration::from_millis(1)];
/// Interval at which a waiter with listeners reads the progress of the holder.
const OBSERVE: Duration = Duration::from_millis(100);
/// The longest such interval of a waiter without listeners.
const OBSERVE_SILENTLY: Duration = Duration::from_secs(2);

/// One waiter among the processes that want a lock.
pub struct LockQueue {
    /// `None` during an attempt, on the thread that makes it.
    acquirer: Option<LockAcquirer>,
    url: Url,
    destination: PathBuf,
    poll: Duration,
    holder: HolderWatch,
    path: PathBuf,
    log: Log,
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
pub enum Turn {
    /// The lock is held by this task.
    Ours(Guard),
    /// A file has appeared.
    Appeared,
}

impl LockQueue {
    pub fn new(job: &Job) -> Self {
        let LockOptions { wait, stale, poll, .. } = job.lock;
        let poll = poll.max(Duration::from_millis(1));
        let (path, log) = (job.lock_path(), job.log());
        Self {
            acquirer: Some(LockAcquirer::new(path.clone(), redacted(&job.url), stale, poll).with_log(log)),
            url: job.url.clone(),
            destination: job.destination.clone(),
            poll,
            holder: HolderWatch::new(wait),
            path,
            log,
        }
    }

    /// Waits for the lock, or for a file other than `foreign`, which is known not to be the
    /// expected one.
    pub async fn turn(&mut self, controls: &Controls, foreign: Option<Ready>) -> Result<Turn> {
        let (mut hurry, mut is_older) = (0, false);
        let mut wait = Wait::default();
        for look in 0_u64.. {
            // Not during an attempt: it might still take the lock after the caller's rejection.
            if controls.cancel.is_cancelled() {
                return Err(self.aborted());
            }
            let may_be_ready = look > 0 && !is_older;
            let (mut wake, attempt) = self.attempt(may_be_ready, foreign).await?;
            match attempt {
                None => return Ok(Turn::Appeared),
                Some(Attempt::Acquired(guard)) => {
                    metrics::count(Counter::LocksAcquired);
                    self.log.line(|| debug::taken(&self.path, wait.elapsed()));
                    return Ok(Turn::Ours(guard));
                }
                Some(Attempt::Blocked(holder)) => {
                    wait.begin();
                    // Older holders may write in place: their file is not ready before they
                    // release.
                    is_older = holder.as_ref().is_some_and(|holder| !holder.kernel_lock && holder.refresh.is_none());
                    self.holder.is_held_by(holder.as_ref(), controls);
                    self.log_wait(holder.as_ref(), controls);
                    controls.stage.send_replace(Stage::Waiting(holder));
                }
            }
            let pause = match (hurry, wake.wakes()) {
                (0, true) => self.poll,
                (0, false) => self.poll.min(UNWATCHED_POLL),
                (left, _) => HURRIED[left - 1],
            };
            hurry = hurry.saturating_sub(1);
            let until = Instant::now() + pause;
            loop {
                let observation = self.holder.next_look(controls);
                select! {
                    () = wake.changed() => {
                        hurry = HURRIED.len();
                        break;
                    }
                    () = controls.cancel.cancelled() => return Err(self.aborted()),
                    () = sleep_until(observation) => self.holder.look(&self.destination, controls).await?,
                    () = sleep_until(until) => break,
                }
            }
        }
        unreachable!("looks are counted in 64 bits")
    }

    /// Looks for a file, if there may be one, and tries to take the lock.
    async fn attempt(&mut self, may_be_ready: bool, foreign: Option<Ready>) -> Result<(Watch, Option<Attempt>)> {
        let Some(mut mine) = self.acquirer.take() else {
            return Err(Error::new(Kind::Internal, "the acquirer of the lock was lost"));
        };
        let destination = self.destination.clone();
        let (mine, wake, attempt) = blocking(move || {
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
        self.acquirer = Some(mine);
        Ok((wake, attempt))
    }

    /// Writes a line when a wait begins, and when the lock has passed to another process.
    fn log_wait(&self, holder: Option<&Holder>, controls: &Controls) {
        let is_new = || match &*controls.stage.borrow() {
            Stage::Waiting(known) => known.as_ref().map(|known| known.pid) != holder.map(|holder| holder.pid),
            Stage::Working => true,
        };
        self.log.maybe(|| is_new().then(|| debug::waits(&self.path, holder)));
    }

    fn aborted(&self) -> Error {
        Error::aborted().with_url(&self.url)
    }
}

/// The observations of the holder in another process.
struct HolderWatch {
    /// The process of the holder, and the time at which it took the lock.
    holder: Option<(u32, Option<f64>)>,
    /// The bytes that the holder had received at the last look. `None` before the first look.
    received: Option<u64>,
    looked: Instant,
    /// Between two looks without listeners.
    interval: Duration,
}

impl HolderWatch {
    fn new(wait: LockWait) -> Self {
        let interval = match wait {
            LockWait::WithoutProgress(limit) => (limit / 30).clamp(Duration::from_millis(10), OBSERVE_SILENTLY),
            LockWait::Total(_) | LockWait::Unlimited => OBSERVE_SILENTLY,
        };
        Self { holder: None, received: None, looked: Instant::now(), interval }
    }

    /// Starts the time of callers again when the holder changes. Not for holders of another user,
    /// who could hand the lock on for ever.
    fn is_held_by(&mut self, holder: Option<&Holder>, controls: &Controls) {
        let Some(holder) = holder.filter(|holder| holder.is_known() && holder.owner.is_none()) else { return };
        let seen = Some((holder.pid, holder.start_time));
        if self.holder != seen {
            (self.holder, self.received) = (seen, None);
            controls.advanced.send_replace(Instant::now());
        }
    }

    fn next_look(&self, controls: &Controls) -> Instant {
        let has_listeners = controls.progress.receiver_count() > 0;
        self.looked + if has_listeners { OBSERVE.min(self.interval) } else { self.interval }
    }

    /// Reads the progress of the holder and forwards it. Bytes that have arrived since the last
    /// look start the time of callers again.
    async fn look(&mut self, destination: &Path, controls: &Controls) -> Result<()> {
        let (destination, holder) = (destination.to_owned(), self.holder.map(|(process, _)| process));
        let observed = blocking(move || Ok(observe(&destination, holder))).await?;
        self.looked = Instant::now();
        let received = observed.map_or(0, |observed| observed.downloaded);
        // A retry may have started from zero: fewer bytes than before are progress, too.
        let has_advanced = self.received.replace(received).is_some_and(|before| before != received && received > 0);
        if has_advanced {
            controls.advanced.send_replace(self.looked);
        }
        if let Some(progress) = observed.and_then(Observed::progress) {
            controls.progress.send_replace(Some(progress));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {

    use tokio::sync::watch;
    use tokio::time::sleep;

    use super::*;
    use crate::io::file::staging::Staging;
    use crate::policy::http::resume::Record;

    fn controls() -> Controls {
        Controls::detached(watch::Sender::new(Stage::Working))
    }

    fn holder(pid: u32, owner: Option<u32>) -> Holder {
        Holder { pid, start_time: Some(1.0), url: None, kernel_lock: true, refresh: None, owner }
    }

    /// Whether `what` starts the time of callers again.
    async fn restarts(controls: &Controls, what: impl AsyncFnOnce()) -> bool {
        let before = *controls.advanced.borrow();
        sleep(Duration::from_millis(2)).await;
        what().await;
        *controls.advanced.borrow() > before
    }

    #[tokio::test]
    async fn only_bytes_that_arrive_after_the_first_look_are_progress() {
        let directory = tempfile::tempdir().unwrap();
        let destination = directory.path().join("file");
        let (controls, mut watch) = (controls(), HolderWatch::new(LockWait::default()));
        let (mut part, _) = Staging::open(&destination, []).unwrap();
        let mut look = async || restarts(&controls, async || watch.look(&destination, &controls).await.unwrap()).await;
        let record = Record { source: "s".into(), validator: None, total: None, is_mixed: false, ranges: None };
        part.restart(&record).unwrap();
        part.write(b"before").unwrap();
        assert!(!look().await, "bytes from before the first look");
        assert!(!look().await);
        part.write(b"more").unwrap();
        assert!(look().await, "the total need not be known");
        assert!(!look().await);
        part.restart(&record).unwrap();
        assert!(!look().await, "an empty part file");
        part.write(b"again").unwrap();
        assert!(look().await);
        drop(part);
        assert!(!look().await);
    }

    #[tokio::test]
    async fn a_new_holder_starts_the_time_again_unless_it_is_of_another_user() {
        let (controls, mut watch) = (controls(), HolderWatch::new(LockWait::default()));
        let mut sees =
            async |holder: Holder| restarts(&controls, async || watch.is_held_by(Some(&holder), &controls)).await;
        assert!(sees(holder(1, None)).await);
        assert!(!sees(holder(1, None)).await);
        assert!(sees(holder(2, None)).await);
        assert!(!sees(holder(3, Some(1234))).await);
        assert!(!sees(holder(2, None)).await);
    }

    #[test]
    fn without_listeners_a_long_limit_needs_few_looks() {
        let interval = |wait| HolderWatch::new(wait).interval;
        assert_eq!(interval(LockWait::default()), Duration::from_secs(2));
        assert_eq!(interval(LockWait::WithoutProgress(Duration::from_millis(600))), Duration::from_millis(20));
        assert_eq!(interval(LockWait::Total(Duration::from_millis(600))), Duration::from_secs(2));
    }
}
