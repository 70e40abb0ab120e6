//! A download that one of many does for all: look, lock, look again, download, release.
//!
//! Between processes the [lock](crate::io::file::lock) chooses who works; the others are woken by its release and return the
//! file that they find. Within one process, callers with the same destination share a
//! [shared download](crate::operation::shared_download).

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::error::{Error, Kind, Result, redacted};
use crate::base::integrity::{Digest, Expected};
use crate::base::observer::{LockStep, LockTrace};
use crate::base::options::{DownloadOptions, LockOptions};
use crate::io::file::destination::{Existing, Opened, Ready, age, check, existing, open_existing, ready};
use crate::io::file::digest::of_reader;
use crate::io::file::lock::{Attempt, Guard, LockAcquirer, lock_path};
use crate::io::file::staging::{Progress, observe};
use crate::io::file::watch::watch;
use crate::io::http::transport::Transport;
use crate::metrics::tally::{self, DownloadTally, FileOutcome};
use crate::metrics::{self, Counter, Timer};
use crate::operation::attempt::within;
use crate::operation::download::{Downloaded, Watchers, fetch};
use crate::operation::shared_download::{Controls, Listeners, SharedDownloads, Stage, Waiter};
use crate::operation::{blocking, dispose};

/// How often to look where nothing wakes a waiter.
const UNWATCHED_POLL: Duration = Duration::from_millis(25);
/// After being woken: the kernel tells of a close a moment before it lets go of the lock.
const HURRIED: [Duration; 3] = [Duration::from_millis(16), Duration::from_millis(4), Duration::from_millis(1)];
/// How often a waiter with listeners looks at the progress of the holder.
const OBSERVE: Duration = Duration::from_millis(100);

/// What a locked download is about.
#[derive(Clone, Debug)]
pub struct Job {
    pub url: Url,
    /// Absolute, without `.` and `..`: the key by which callers find each other.
    pub destination: PathBuf,
    pub download: DownloadOptions,
    pub lock: LockOptions,
}

/// Returns the file that is there, joins a download under way, or starts one.
///
/// Progress is that of whoever downloads, in this process or another.
pub async fn download_with_lock(
    transport: &Transport,
    shared_downloads: &SharedDownloads,
    job: Job,
    listeners: Listeners,
    cancel: &CancellationToken,
) -> Result<Downloaded> {
    let (tally, url, observer) = (DownloadTally::default(), job.url.clone(), job.download.observer.clone());
    match find_or_download(transport, shared_downloads, job, listeners, cancel).await {
        Ok((downloaded, is_shared)) => {
            let size = downloaded.size;
            tally.end(match &downloaded.transfer {
                _ if is_shared => FileOutcome::Shared { size },
                Some(transfer) => FileOutcome::Published { size, from: transfer.resumed_from },
                None => FileOutcome::Cached { size },
            });
            Ok(downloaded)
        }
        Err(error) => {
            let is_of_lock = error.kind() == Kind::LockTimeout;
            if is_of_lock {
                metrics::count(Counter::LocksTimedOut);
            }
            tally.end(FileOutcome::Failed);
            tally::failed(if is_of_lock { "lock" } else { "download" }, &url, &error, &observer);
            Err(error)
        }
    }
}

/// The file, and whether another caller had it downloaded.
async fn find_or_download(
    transport: &Transport,
    shared_downloads: &SharedDownloads,
    job: Job,
    listeners: Listeners,
    cancel: &CancellationToken,
) -> Result<(Downloaded, bool)> {
    let started = Instant::now();
    let path = job.lock_path();
    let there = select! {
        there = already_there(&job, &path) => there?,
        () = cancel.cancelled() => return Err(Error::aborted().with_url(&job.url)),
    };
    if let Some(downloaded) = there {
        return Ok((downloaded, false));
    }
    let mut listeners = listeners;
    loop {
        let passenger = Waiter {
            started,
            limit: job.lock.timeout,
            lock_path: &path,
            listeners: std::mem::take(&mut listeners),
            cancel,
            expected: &job.download.expected,
        };
        let course = |controls| DownloadTask { transport: transport.clone(), job: job.clone(), controls };
        let landing = shared_downloads.run(&job.destination, passenger, |controls| course(controls).run()).await;
        let (is_verified, is_shared) = (landing.is_verified, landing.is_shared);
        let Some(result) = landing.own_result() else {
            continue;
        };
        // We may have shared the download of a caller with other expectations: then the next one may be for ours.
        match result {
            Ok(downloaded) if is_verified || is_as_expected(&job, &downloaded).await? => {
                return Ok((downloaded, is_shared));
            }
            Err(error) if is_verified || error.kind() != Kind::Integrity => return Err(error),
            _ => {}
        }
    }
}

/// Whether a file that may have been downloaded for another caller is what this one expects.
async fn is_as_expected(job: &Job, downloaded: &Downloaded) -> Result<bool> {
    let expected = job.download.expected.clone();
    if expected.verify(&downloaded.digests).is_ok() {
        return Ok(true);
    }
    Ok(matches!(presence(job).await?, Presence::Intact(..)))
}

/// The first look. A file that is there is returned at once, unless it has just been published under a lock: then it
/// first has to settle, because the process that published it may be about to move it away.
async fn already_there(job: &Job, lock_path: &Path) -> Result<Option<Downloaded>> {
    let settle = job.lock.settle_delay();
    let (destination, lock_path) = (job.destination.clone(), lock_path.to_owned());
    let expected = job.download.expected.clone();
    let first_look = move |is_stopped: &dyn Fn() -> bool| {
        check(&destination)?;
        let Presence::Intact(found, digests) = look(&destination, &expected, is_stopped)? else {
            return Ok(None);
        };
        let just_now = |path: &Path| age(path).is_some_and(|age| age < settle);
        let is_news = just_now(&destination) && (lock_path.exists() || lock_path.parent().is_some_and(just_now));
        Ok(Some((found, digests, is_news)))
    };
    let Some((found, digests, is_news)) = stoppable(job, first_look).await? else {
        return Ok(None);
    };
    let stays = !is_news || settled(&job.destination, found, settle).await?;
    Ok(stays.then(|| Downloaded { digests, ..Downloaded::cached(found.size) }))
}

/// Shows that the holder of a lock lives, for as long as it is polled.
async fn renewed(guard: &Guard) -> Infallible {
    loop {
        sleep(guard.every()).await;
        guard.renew();
    }
}

/// What is at a destination.
enum Presence {
    Nothing,
    /// The file, and the digests that it was verified by.
    Intact(Ready, Vec<Digest>),
    /// A file, but not what is expected, or not one that can be vouched for.
    Foreign(Ready),
}

async fn presence(job: &Job) -> Result<Presence> {
    let (destination, expected) = (job.destination.clone(), job.download.expected.clone());
    stoppable(job, move |is_stopped| look(&destination, &expected, is_stopped)).await
}

/// Looks at a file on a thread that may block. Hashing a large one takes long: it ends when nobody waits for it any more,
/// and with the time of one attempt.
async fn stoppable<T: Send + 'static>(
    job: &Job,
    look: impl FnOnce(&dyn Fn() -> bool) -> Result<T> + Send + 'static,
) -> Result<T> {
    let stop = CancellationToken::new();
    let _stopped_with_us = stop.clone().drop_guard();
    within(job.download.timeout, "Download", &job.url, blocking(move || look(&|| stop.is_cancelled()))).await
}

fn look(destination: &Path, expected: &Expected, is_stopped: &dyn Fn() -> bool) -> Result<Presence> {
    let failed = |error: io::Error| Error::file("Failed to verify file", "read", destination, &error);
    if expected.is_empty() {
        return Ok(match existing(destination).map_err(failed)? {
            None => Presence::Nothing,
            Some(Existing { ready, is_plain: true }) => Presence::Intact(ready, Vec::new()),
            Some(Existing { ready, is_plain: false }) => Presence::Foreign(ready),
        });
    }
    let Some(Opened { ready, vouched }) = open_existing(destination).map_err(failed)? else {
        return Ok(Presence::Nothing);
    };
    let Some(file) = vouched else {
        return Ok(Presence::Foreign(ready));
    };
    let digests = of_reader(file, expected.algorithms(), is_stopped).map_err(failed)?;
    Ok(match expected.verify(&digests) {
        Ok(()) => Presence::Intact(ready, digests),
        Err(_) => Presence::Foreign(ready),
    })
}

/// Waits until a file has stayed in place for `delay`. `false`, at once, when it vanishes or changes.
///
/// Callers hash, chmod and move the file as soon as they have it; who returns too early finds nothing.
async fn settled(destination: &Path, found: Ready, delay: Duration) -> Result<bool> {
    let until = Instant::now() + delay;
    loop {
        let path = destination.to_owned();
        // Before the look, so that no change between the two is missed.
        let (mut wake, now) = blocking(move || Ok((watch(&path), ready(&path)))).await?;
        if now != Some(found) {
            return Ok(false);
        }
        select! {
            () = sleep_until(until) => break,
            () = wake.changed() => {}
        }
    }
    let path = destination.to_owned();
    Ok(blocking(move || Ok(ready(&path))).await? == Some(found))
}

impl Job {
    fn lock_path(&self) -> PathBuf {
        let beside = || self.destination.parent().unwrap_or(Path::new("/")).join(".locks");
        lock_path(&self.lock.directory.clone().unwrap_or_else(beside), &self.destination)
    }
}

/// The part of a shared download that runs by itself.
struct DownloadTask {
    transport: Transport,
    job: Job,
    controls: Controls,
}

/// The time that a lock is waited for, recorded when that ends.
#[derive(Default)]
struct Waited(Option<Instant>);

impl Waited {
    fn begin(&mut self) {
        if self.0.is_none() {
            metrics::count(Counter::LocksWaited);
            self.0 = Some(Instant::now());
        }
    }
}

impl Drop for Waited {
    fn drop(&mut self) {
        if let Some(since) = self.0 {
            metrics::record(Timer::LockWaits, since.elapsed());
        }
    }
}

/// What waiting has led to.
enum Turn {
    /// It is ours to download.
    Ours(Guard),
    /// A file has appeared.
    Appeared,
}

impl DownloadTask {
    async fn run(self) -> Result<Downloaded> {
        let LockOptions { stale, poll, .. } = self.job.lock;
        let poll = poll.max(Duration::from_millis(1));
        let mut acquirer = Some(LockAcquirer::new(self.job.lock_path(), redacted(&self.job.url), stale, poll));
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
                Presence::Foreign(found) => foreign = Some(found),
                Presence::Intact(found, digests) => {
                    if is_restless {
                        // What did not settle before may never do: the time of callers runs.
                        self.controls.stage.send_replace(Stage::Waiting(None));
                    }
                    let settled = select! {
                        settled = settled(&self.job.destination, found, self.job.lock.settle_delay()) => settled?,
                        () = self.controls.cancel.cancelled() => return Err(self.aborted()),
                    };
                    if settled {
                        // For who heard of the progress of the process that downloaded it.
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

    /// The turn, with what observers hear of it.
    async fn observed_turn(
        &self,
        acquirer: &mut Option<LockAcquirer>,
        poll: Duration,
        foreign: Option<Ready>,
    ) -> Result<Turn> {
        let trace = LockTrace::begin(&self.job.download.observer, || LockStep::Wanted {
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

    /// Waits for the lock, or for a file other than the `foreign` one that is known not to be the right one.
    async fn turn(&self, acquirer: &mut Option<LockAcquirer>, poll: Duration, foreign: Option<Ready>) -> Result<Turn> {
        let (mut hurry, mut is_older) = (0, false);
        let mut waited = Waited::default();
        for look in 0_u64.. {
            // Not while an attempt is under way: it might still take the lock when the caller has been told otherwise.
            if self.controls.cancel.is_cancelled() {
                return Err(self.aborted());
            }
            let Some(mut mine) = acquirer.take() else {
                return Err(Error::new(Kind::Internal, "the contender for the lock was lost"));
            };
            let destination = self.job.destination.clone();
            let may_be_ready = look > 0 && !is_older;
            let (mine, mut wake, attempt) = blocking(move || {
                // Before the attempt, so that no release between the two is missed.
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
                    return Ok(Turn::Ours(guard));
                }
                Some(Attempt::Blocked(holder)) => {
                    waited.begin();
                    // Older holders may write in place: their file is not ready before their lock is gone.
                    is_older = holder.as_ref().is_some_and(|holder| !holder.kernel_lock && holder.refresh.is_none());
                    self.controls.stage.send_replace(Stage::Waiting(holder));
                }
            }
            let pause = match (hurry, wake.wakes()) {
                (0, true) => poll,
                (0, false) => poll.min(UNWATCHED_POLL),
                (left, _) => HURRIED[left - 1],
            };
            hurry = hurry.saturating_sub(1);
            let until = Instant::now() + pause;
            loop {
                select! {
                    () = wake.changed() => {
                        hurry = HURRIED.len();
                        break;
                    }
                    () = sleep_until(until) => break,
                    () = self.controls.cancel.cancelled() => return Err(self.aborted()),
                    () = sleep(OBSERVE), if self.controls.progress.receiver_count() > 0 => self.observe().await?,
                }
            }
        }
        unreachable!("looks are counted in 64 bits")
    }

    /// Passes on the progress of the holder in another process.
    async fn observe(&self) -> Result<()> {
        let destination = self.job.destination.clone();
        if let Some(progress) = blocking(move || Ok(observe(&destination))).await? {
            self.controls.progress.send_replace(Some(progress));
        }
        Ok(())
    }

    /// The holder's part. `None`: there is nothing to do, or nothing to publish, because somebody else did.
    async fn work(&self, guard: &Guard, losses: &mut u32) -> Result<Option<Downloaded>> {
        if matches!(presence(&self.job).await?, Presence::Intact(..)) {
            return Ok(None);
        }
        self.controls.stage.send_replace(Stage::Working);
        let Job { url, destination, download, .. } = self.job.clone();
        let watchers = Watchers { progress: &self.controls.progress, cancel: &self.controls.cancel };
        let fetched = fetch(&self.transport, url, &destination, download, watchers).await?;
        // A process that was stopped for so long that another one took over publishes nothing: what that one publishes
        // counts. A lock file that somebody removed, with nobody in its place, is no reason to download again.
        let destination = self.job.destination.clone();
        // Once: somebody who takes the lock away again and again must not make us download for ever.
        if *losses == 0 && !guard.is_current() && (guard.is_replaced() || ready(&destination).is_some()) {
            *losses += 1;
            dispose(fetched).await;
            return Ok(None);
        }
        fetched.publish().await.map(Some)
    }
}
