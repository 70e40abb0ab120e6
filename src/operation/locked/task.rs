//! The shared part of a locked download, which runs by itself: wait for the lock or for a file,
//! look again, download, release.

use std::convert::Infallible;

use tokio::select;
use tokio::time::sleep;

use crate::base::error::{Error, Result, redacted};
use crate::base::observer::{LockStep, LockTrace};
use crate::io::file::destination::{Ready, ready};
use crate::io::file::lock::Guard;
use crate::io::file::staging::Progress;
use crate::io::http::transport::Transport;
use crate::operation::dispose;
use crate::operation::download::Downloaded;
use crate::operation::locked::job::Job;
use crate::operation::locked::presence::{Presence, presence, settled};
use crate::operation::locked::queue::{LockQueue, Turn};
use crate::operation::shared_download::{Controls, Stage};
use crate::operation::sources::{Watchers, fetch};
use crate::policy::text::debug::lock as debug;

/// One download for all callers of this process, under the lock of all processes.
pub struct DownloadTask {
    pub transport: Transport,
    pub job: Job,
    pub controls: Controls,
}

impl DownloadTask {
    pub async fn run(self) -> Result<Downloaded> {
        let mut queue = LockQueue::new(&self.job);
        let (mut foreign, mut is_restless, mut losses) = (None, false, 0);
        loop {
            let turn = self.turn(&mut queue, foreign).await?;
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
                    self.job.log().line(|| debug::foreign(&self.job.destination));
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
                        self.job.log().line(|| debug::present(&self.job.destination, !digests.is_empty()));
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

    /// The turn of the queue, reported to the observer.
    async fn turn(&self, queue: &mut LockQueue, foreign: Option<Ready>) -> Result<Turn> {
        let trace = LockTrace::begin(&self.job.download.transfer.observer, || LockStep::Wanted {
            lock_path: self.job.lock_path(),
            destination: self.job.destination.clone(),
            url: redacted(&self.job.url),
        });
        let turn = queue.turn(&self.controls, foreign).await;
        trace.end(|| match &turn {
            Ok(turn) => LockStep::Ended { is_acquired: matches!(turn, Turn::Ours(_)) },
            Err(error) => LockStep::Failed(self.controls.reason().unwrap_or_else(|| error.clone())),
        });
        turn
    }

    fn aborted(&self) -> Error {
        Error::aborted().with_url(&self.job.url)
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
