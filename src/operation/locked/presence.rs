//! The file at a destination: whether it is there, whether it is the expected one, and whether it
//! stays.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Result};
use crate::base::integrity::{Digest, Expected};
use crate::io::file::destination::{Existing, Opened, Ready, age, check, existing, open_existing, ready};
use crate::io::file::digest::of_reader;
use crate::io::file::watch::watch;
use crate::operation::attempt::with_timeout;
use crate::operation::blocking;
use crate::operation::download::Downloaded;
use crate::operation::locked::job::Job;

/// The state of a destination.
pub enum Presence {
    Nothing,
    /// The file, and the digests that it was verified by.
    Intact(Ready, Vec<Digest>),
    /// A file that is not the expected one, or that cannot be trusted.
    Foreign(Ready),
}

/// Looks at the destination, and verifies the file if digests are expected.
pub async fn presence(job: &Job) -> Result<Presence> {
    let (destination, expected) = (job.destination.clone(), job.download.expected.clone());
    stoppable(job, move |is_stopped| look(&destination, &expected, is_stopped)).await
}

/// The first look, before any lock.
///
/// A file that is there is returned at once, unless it was published under a lock a moment ago.
/// Then it has to settle first: the process that published it may be about to move it away.
pub async fn already_there(job: &Job, lock_path: &Path) -> Result<Option<Downloaded>> {
    let settle = job.lock.settle_delay();
    let (destination, lock_path) = (job.destination.clone(), lock_path.to_owned());
    let expected = job.download.expected.clone();
    let first_look = move |is_stopped: &dyn Fn() -> bool| {
        check(&destination)?;
        let Presence::Intact(found, digests) = look(&destination, &expected, is_stopped)? else {
            return Ok(None);
        };
        let just_now = |path: &Path| age(path).is_some_and(|age| age < settle);
        let is_new = just_now(&destination) && (lock_path.exists() || lock_path.parent().is_some_and(just_now));
        Ok(Some((found, digests, is_new)))
    };
    let Some((found, digests, is_new)) = stoppable(job, first_look).await? else {
        return Ok(None);
    };
    let stays = !is_new || settled(&job.destination, found, settle).await?;
    Ok(stays.then(|| Downloaded { digests, ..Downloaded::cached(found.size) }))
}

/// Waits until a file has stayed in place for `delay`. `false`, at once, if it vanishes or changes.
///
/// Callers hash, chmod and move the file as soon as they have it. A waiter that returns too early
/// finds nothing.
pub async fn settled(destination: &Path, found: Ready, delay: Duration) -> Result<bool> {
    let until = Instant::now() + delay;
    loop {
        let path = destination.to_owned();
        // Watched before the look, so that no change between the two is missed.
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

/// Looks at a file on a thread that may block. Hashing a large file takes long: it ends when nobody
/// waits for the result any more, and after the time limit of one attempt.
async fn stoppable<T: Send + 'static>(
    job: &Job,
    look: impl FnOnce(&dyn Fn() -> bool) -> Result<T> + Send + 'static,
) -> Result<T> {
    let stop = CancellationToken::new();
    let _stopped_on_drop = stop.clone().drop_guard();
    let looked = blocking(move || look(&|| stop.is_cancelled()));
    with_timeout(job.download.transfer.timeout, "Download", &job.url, looked).await
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
