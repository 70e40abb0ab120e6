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

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::{Digest, Expected};
use crate::base::options::{DownloadOptions, LockOptions};
use crate::io::file::destination::{Existing, Opened, Ready, age, check, existing, open_existing, ready};
use crate::io::file::digest::of_reader;
use crate::io::file::lock::{Guard, lock_path};
use crate::io::file::staging::Progress;
use crate::io::file::watch::watch;
use crate::io::http::transport::Transport;
use crate::operation::attempt::within;
use crate::operation::download::Downloaded;
use crate::operation::lock_queue::{LockQueue, Turn};
use crate::operation::shared_download::{Controls, Listeners, SharedDownloads, Stage, Waiter};
use crate::operation::sources::{Watchers, fetch};
use crate::operation::{blocking, dispose};
use crate::policy::http::mirror::{self, SourceDecision};

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
    let started = Instant::now();
    let path = job.lock_path();
    let there = select! {
        there = already_there(&job, &path) => there?,
        () = cancel.cancelled() => return Err(Error::aborted().with_url(&job.url)),
    };
    if let Some(downloaded) = there {
        return Ok(downloaded);
    }
    let mut listeners = listeners;
    loop {
        let passenger = Waiter {
            started,
            wait: job.lock.wait,
            lock_path: &path,
            listeners: std::mem::take(&mut listeners),
            cancel,
            expected: &job.download.expected,
            mirrors: &job.download.mirrors,
        };
        let course = |controls| DownloadTask { transport: transport.clone(), job: job.clone(), controls };
        let landing = shared_downloads.run(&job.destination, passenger, |controls| course(controls).run()).await;
        let (is_verified, has_same_mirrors) = (landing.is_verified, landing.has_same_mirrors);
        let Some(result) = landing.own_result() else {
            continue;
        };
        // It may have been the download of a caller with other expectations, or other mirrors: then the next one may be for
        // this caller's.
        match result {
            Ok(downloaded) if is_verified || is_as_expected(&job, &downloaded).await? => return Ok(downloaded),
            Err(error) if !is_verified && error.concerns_integrity() => {}
            Err(error) if !has_same_mirrors && mirror::decide(&error) != SourceDecision::Stop => {}
            Err(error) if matches!(error.kind(), Kind::Aborted | Kind::LockTimeout) => {
                return Err(error.with_url(&job.url));
            }
            Err(error) => return Err(error),
            Ok(_) => {}
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

impl DownloadTask {
    async fn run(self) -> Result<Downloaded> {
        let mut queue = LockQueue::new(self.job.lock_path(), &self.job.url, &self.job.destination, &self.job.lock);
        let (mut foreign, mut is_restless, mut losses) = (None, false, 0);
        loop {
            let turn = queue.turn(&self.controls, foreign).await?;
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
