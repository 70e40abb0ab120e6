//! A download that one process does for all: look, lock, look again, download, release.
//!
//! Between processes the [lock](crate::io::file::lock) chooses who downloads. The others are woken
//! by its release and return the file that they find. Within one process, callers with the same
//! destination share a [download](crate::operation::shared_download).

mod job;
mod presence;
mod queue;
mod task;

use tokio::select;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::job::Job;
use self::presence::{Presence, already_there, presence};
use self::task::DownloadTask;
use crate::base::error::{Error, Kind, Result};
use crate::io::http::transport::Transport;
use crate::metrics::tally::{self, DownloadTally, FileOutcome};
use crate::metrics::{self, Counter};
use crate::operation::download::Downloaded;
use crate::operation::shared_download::{Listeners, SharedDownloads, Waiter};
use crate::policy::http::mirror::{self, SourceDecision};
use crate::policy::text::debug::lock as debug;

/// Returns the file that is there, joins a download under way, or starts one.
///
/// Listeners are notified of the progress of the downloading process, this one or another.
pub async fn download_with_lock(
    transport: &Transport,
    shared_downloads: &SharedDownloads,
    job: Job,
    listeners: Listeners,
    cancel: &CancellationToken,
) -> Result<Downloaded> {
    let (tally, url, observer) = (DownloadTally::default(), job.url.clone(), job.download.transfer.observer.clone());
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

/// The file, and whether another caller of this process had started its download.
async fn find_or_download(
    transport: &Transport,
    shared_downloads: &SharedDownloads,
    job: Job,
    mut listeners: Listeners,
    cancel: &CancellationToken,
) -> Result<(Downloaded, bool)> {
    let started = Instant::now();
    let path = job.lock_path();
    let there = select! {
        there = already_there(&job, &path) => there?,
        () = cancel.cancelled() => return Err(Error::aborted().with_url(&job.url)),
    };
    let log = job.log();
    if let Some(downloaded) = there {
        log.line(|| debug::present(&job.destination, !job.download.expected.is_empty()));
        return Ok((downloaded, false));
    }
    loop {
        let waiter = Waiter {
            started,
            wait: job.lock.wait,
            lock_path: &path,
            listeners: std::mem::take(&mut listeners),
            cancel,
            expected: &job.download.expected,
            mirrors: &job.download.mirrors,
        };
        let task = |controls| DownloadTask { transport: transport.clone(), job: job.clone(), controls };
        let outcome = shared_downloads.run(&job.destination, waiter, |controls| task(controls).run()).await;
        let (is_verified, has_same_mirrors) = (outcome.is_verified, outcome.has_same_mirrors);
        let is_shared = outcome.is_shared;
        let Some(result) = outcome.own_result() else {
            continue;
        };
        if is_shared {
            log.line(|| debug::shared(&job.destination));
        }
        // The shared download may have been that of a caller with other expectations, or other
        // mirrors. The next one may be for those of this caller.
        match result {
            Ok(downloaded) if is_verified || is_as_expected(&job, &downloaded).await? => {
                return Ok((downloaded, is_shared));
            }
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

/// Whether a file that may have been downloaded for another caller is the one that this caller
/// expects.
async fn is_as_expected(job: &Job, downloaded: &Downloaded) -> Result<bool> {
    if job.download.expected.verify(&downloaded.digests).is_ok() {
        return Ok(true);
    }
    Ok(matches!(presence(job).await?, Presence::Intact(..)))
}
