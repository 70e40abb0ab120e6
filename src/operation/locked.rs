//! A download that one of many does for all: look, lock, look again, download, release.
//!
//! Between processes the [lock](crate::io::lock) chooses who works; the others are woken by its release and return the
//! file that they find. Within one process, callers with the same destination share a [`Flight`]: one contender, one
//! download, and for each caller its own progress, its own lock timeout and its own end.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::error::{Error, Kind, Result, redacted};
use crate::io::digest::of_file;
use crate::io::lock::{Attempt, Contender, Guard, lock_path};
use crate::io::staging::{Progress, Ready, age, observe, ready};
use crate::io::transport::Transport;
use crate::io::watch::watch;
use crate::operation::download::{Downloaded, Watchers, fetch};
use crate::operation::progress::{Report, reported};
use crate::operation::{blocking, dispose};
use crate::options::{DownloadOptions, LockOptions};
use crate::policy::holder::Holder;
use crate::policy::integrity::{Digest, Expected};

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

/// The absolute form of a path, by its spelling alone.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Error::file("Failed to resolve the destination", "getcwd", path, &error))?;
    Ok(path_clean::clean(absolute))
}

/// Told once, when a caller begins to wait for another process.
pub type OnWait = Box<dyn FnOnce(Holder) -> BoxFuture<'static, Result<()>> + Send>;

/// What a caller wants to hear of.
#[derive(Default)]
pub struct Listeners {
    pub report: Option<Report>,
    pub on_wait: Option<OnWait>,
}

/// The downloads under way in this process, by destination.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<PathBuf, Weak<Flight>>>);

/// One download for all callers of this process. Ends when the last of them leaves.
#[derive(Debug)]
pub struct Flight {
    stage: watch::Receiver<Stage>,
    progress: Arc<watch::Sender<Option<Progress>>>,
    outcome: watch::Receiver<Option<Result<Downloaded>>>,
    cancel: CancellationToken,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    /// Somebody else has the lock: the time of callers runs.
    Waiting(Option<Holder>),
    /// Looking, settling or downloading.
    Working,
}

/// Returns the file that is there, joins a download under way, or starts one.
///
/// Progress is that of whoever downloads, in this process or another.
pub async fn download_with_lock(
    transport: &Transport,
    flights: &Flights,
    job: Job,
    listeners: Listeners,
    cancel: &CancellationToken,
) -> Result<Downloaded> {
    let started = Instant::now();
    let path = job.lock_path();
    let aborted = || Error::aborted().with_url(&job.url);
    let there = select! {
        there = already_there(&job, &path) => there?,
        () = cancel.cancelled() => return Err(aborted()),
    };
    if let Some(downloaded) = there {
        return Ok(downloaded);
    }
    let downloaded = flights.fly(transport, &job, started, listeners, cancel).await?;
    if is_as_expected(&job, &downloaded).await? {
        return Ok(downloaded);
    }
    // We shared the download of a caller with other expectations: the next one is for ours.
    flights.fly(transport, &job, started, Listeners::default(), cancel).await
}

/// Whether a file that may have been downloaded for another caller is what this one expects.
async fn is_as_expected(job: &Job, downloaded: &Downloaded) -> Result<bool> {
    let expected = job.download.expected.clone();
    if expected.verify(&downloaded.digests).is_ok() {
        return Ok(true);
    }
    let destination = job.destination.clone();
    blocking(move || Ok(expected.verify(&digests_of(&destination, &expected)?).is_ok())).await
}

fn digests_of(path: &Path, expected: &Expected) -> Result<Vec<Digest>> {
    of_file(path, expected.algorithms()).map_err(|error| Error::file("Failed to verify file", "read", path, &error))
}

/// The first look. A file that is there is returned at once, unless it has just been published under a lock: then it
/// first has to settle, because the process that published it may be about to move it away.
async fn already_there(job: &Job, lock_path: &Path) -> Result<Option<Downloaded>> {
    let (destination, lock_path) = (job.destination.clone(), lock_path.to_owned());
    let settle = job.lock.settle_delay();
    let expected = job.download.expected.clone();
    let look = move || {
        let Presence::Intact(found, digests) = presence(&destination, &expected)? else {
            return Ok(None);
        };
        let just_now = |path: &Path| age(path).is_some_and(|age| age < settle);
        let is_news = just_now(&destination) && (lock_path.exists() || lock_path.parent().is_some_and(just_now));
        Ok(Some((found, digests, is_news)))
    };
    let Some((found, digests, is_news)) = blocking(look).await? else {
        return Ok(None);
    };
    let stays = !is_news || settled(&job.destination, found, settle).await?;
    Ok(stays.then(|| Downloaded { digests, ..Downloaded::cached(found.size) }))
}

/// What is at a destination.
enum Presence {
    Nothing,
    /// The file, and the digests that it was verified by.
    Intact(Ready, Vec<Digest>),
    /// A file, but not what is expected.
    Foreign(Ready),
}

fn presence(destination: &Path, expected: &Expected) -> Result<Presence> {
    let Some(found) = ready(destination) else {
        return Ok(Presence::Nothing);
    };
    if expected.is_empty() {
        return Ok(Presence::Intact(found, Vec::new()));
    }
    let digests = digests_of(destination, expected)?;
    Ok(match expected.verify(&digests) {
        Ok(()) => Presence::Intact(found, digests),
        Err(_) => Presence::Foreign(found),
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

impl Flights {
    /// Joins a flight or starts one, and waits for its outcome.
    async fn fly(
        &self,
        transport: &Transport,
        job: &Job,
        started: Instant,
        listeners: Listeners,
        cancel: &CancellationToken,
    ) -> Result<Downloaded> {
        let Listeners { report, mut on_wait } = listeners;
        let (limit, path) = (job.lock.timeout, job.lock_path());
        let flight = self.join(transport, job.clone());
        let stop = cancel.child_token();
        let outcome = async {
            select! {
                outcome = flight.outcome(started, limit, &path, &mut on_wait) => outcome,
                () = stop.cancelled() => Err(Error::aborted().with_url(&job.url)),
            }
        };
        let result = match report {
            Some(report) => reported(flight.progress.subscribe(), report, outcome, &stop).await,
            None => outcome.await,
        };
        if result.is_err() {
            self.leave(flight).await;
        }
        result
    }

    fn join(&self, transport: &Transport, job: Job) -> Arc<Flight> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = flights.get(&job.destination).and_then(Weak::upgrade);
        if let Some(flight) = under_way.filter(|flight| flight.outcome.borrow().is_none()) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let destination = job.destination.clone();
        let flight = Arc::new(Flight::start(transport.clone(), job));
        flights.insert(destination, Arc::downgrade(&flight));
        flight
    }

    /// Ends the download if this was its last caller, and waits until nothing of it is left.
    async fn leave(&self, flight: Arc<Flight>) {
        let outcome = {
            // Under the lock, so that nobody joins a flight that is being ended, and of several who leave one is the last.
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::strong_count(&flight) > 1 {
                drop(flight);
                return;
            }
            flights.retain(|_, other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(&flight)));
            flight.cancel.cancel();
            flight.outcome.clone()
        };
        // An error means that it has ended, too.
        let _ = { outcome }.wait_for(Option::is_some).await;
    }
}

impl Flight {
    fn start(transport: Transport, job: Job) -> Self {
        let (stage, watched_stage) = watch::channel(Stage::Working);
        let (ended, outcome) = watch::channel(None);
        let (progress, cancel) = (Arc::new(watch::Sender::new(None)), CancellationToken::new());
        let course = Course { transport, job, stage, progress: progress.clone(), cancel: cancel.clone() };
        tokio::spawn(async move {
            let result = course.fly().await;
            ended.send_replace(Some(result));
        });
        Self { stage: watched_stage, progress, outcome, cancel }
    }

    /// Waits for the end, or until `limit` has passed while somebody else has the lock.
    async fn outcome(
        &self,
        started: Instant,
        limit: Option<Duration>,
        path: &Path,
        on_wait: &mut Option<OnWait>,
    ) -> Result<Downloaded> {
        let (mut stage, mut outcome) = (self.stage.clone(), self.outcome.clone());
        // A limit beyond what the clock can count is none.
        let deadline = limit.and_then(|limit| started.checked_add(limit));
        loop {
            let waiting = match &*stage.borrow_and_update() {
                Stage::Waiting(holder) => Some(holder.clone()),
                Stage::Working => None,
            };
            if let Some(Some(holder)) = &waiting
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

impl Drop for Flight {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn lock_timeout(limit: Duration, path: &Path, holder: Option<Holder>) -> Error {
    let by = holder.as_ref().map_or_else(|| "an unknown process".to_owned(), |holder| format!("PID {}", holder.pid));
    let message = format!("Lock acquisition timed out after {}ms (held by {by})", limit.as_millis());
    Error::new(Kind::LockTimeout, message).with_lock(path, holder)
}

/// The part of a flight that runs by itself.
struct Course {
    transport: Transport,
    job: Job,
    stage: watch::Sender<Stage>,
    progress: Arc<watch::Sender<Option<Progress>>>,
    cancel: CancellationToken,
}

/// What waiting has led to.
enum Turn {
    /// It is ours to download.
    Ours(Guard),
    /// A file has appeared.
    Appeared,
}

impl Course {
    async fn fly(&self) -> Result<Downloaded> {
        let LockOptions { stale, poll, .. } = self.job.lock;
        let poll = poll.max(Duration::from_millis(1));
        let mut contender = Some(Contender::new(self.job.lock_path(), redacted(&self.job.url), stale, poll));
        let mut foreign = None;
        loop {
            if let Turn::Ours(guard) = self.turn(&mut contender, poll, foreign).await? {
                let worked = self.work(&guard).await;
                // Removing the lock file may have to wait for another remover.
                dispose(guard).await;
                if let Some(downloaded) = worked? {
                    return Ok(downloaded);
                }
            }
            self.stage.send_replace(Stage::Working);
            match self.presence().await? {
                Presence::Nothing => {}
                Presence::Foreign(found) => foreign = Some(found),
                Presence::Intact(found, digests) => {
                    let settled = select! {
                        settled = settled(&self.job.destination, found, self.job.lock.settle_delay()) => settled?,
                        () = self.cancel.cancelled() => return Err(self.aborted()),
                    };
                    if settled {
                        // For who heard of the progress of the process that downloaded it.
                        self.progress.send_replace(Some(Progress { downloaded: found.size, total: found.size }));
                        return Ok(Downloaded { digests, ..Downloaded::cached(found.size) });
                    }
                }
            }
        }
    }

    fn aborted(&self) -> Error {
        Error::aborted().with_url(&self.job.url)
    }

    async fn presence(&self) -> Result<Presence> {
        let (destination, expected) = (self.job.destination.clone(), self.job.download.expected.clone());
        blocking(move || presence(&destination, &expected)).await
    }

    /// Waits for the lock, or for a file other than the `foreign` one that is known not to be the right one.
    async fn turn(&self, contender: &mut Option<Contender>, poll: Duration, foreign: Option<Ready>) -> Result<Turn> {
        let mut hurry = 0;
        for look in 0_u64.. {
            // Not while an attempt is under way: it might still take the lock when the caller has been told otherwise.
            if self.cancel.is_cancelled() {
                return Err(self.aborted());
            }
            let Some(mut mine) = contender.take() else {
                return Err(Error::new(Kind::Internal, "the contender for the lock was lost"));
            };
            let destination = self.job.destination.clone();
            let (mine, mut wake, attempt) = blocking(move || {
                // Before the attempt, so that no release between the two is missed.
                let wake = watch(mine.path());
                if look > 0 && ready(&destination).is_some_and(|found| Some(found) != foreign) {
                    return Ok((mine, wake, None));
                }
                let attempt = mine.attempt()?;
                Ok((mine, wake, Some(attempt)))
            })
            .await?;
            *contender = Some(mine);
            match attempt {
                None => return Ok(Turn::Appeared),
                Some(Attempt::Acquired(guard)) => return Ok(Turn::Ours(guard)),
                Some(Attempt::Blocked(holder)) => {
                    self.stage.send_replace(Stage::Waiting(holder));
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
                    () = self.cancel.cancelled() => return Err(self.aborted()),
                    () = sleep(OBSERVE), if self.progress.receiver_count() > 0 => self.observe().await?,
                }
            }
        }
        unreachable!("looks are counted in 64 bits")
    }

    /// Passes on the progress of the holder in another process.
    async fn observe(&self) -> Result<()> {
        let destination = self.job.destination.clone();
        if let Some(progress) = blocking(move || Ok(observe(&destination))).await? {
            self.progress.send_replace(Some(progress));
        }
        Ok(())
    }

    /// The holder's part. `None`: there is nothing to do, or nothing to publish, because somebody else did.
    async fn work(&self, guard: &Guard) -> Result<Option<Downloaded>> {
        if matches!(self.presence().await?, Presence::Intact(..)) {
            return Ok(None);
        }
        self.stage.send_replace(Stage::Working);
        let Job { url, destination, download, .. } = self.job.clone();
        let watchers = Watchers { progress: &self.progress, cancel: &self.cancel };
        let fetched = fetch(&self.transport, url, &destination, download, watchers);
        let alive = async {
            loop {
                sleep(guard.every()).await;
                guard.renew();
            }
        };
        let fetched = select! {
            fetched = fetched => fetched?,
            () = alive => unreachable!("renews as long as it runs"),
        };
        if !guard.is_current() {
            // This process was stopped for so long that another one took over: what that one publishes counts.
            return Ok(None);
        }
        fetched.publish().await.map(Some)
    }
}
