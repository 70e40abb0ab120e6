//! The lock that lets one process do the work of many. The only file-lock calls of the crate.
//!
//! Correctness never depends on the lock. Every download writes a part file of its own and
//! publishes it by rename; a broken lock costs bandwidth and nothing else.
//!
//! # Protocol
//!
//! The lock is a file. Its holder has a kernel lock on it (`flock` on Unix, `LockFileEx` on
//! Windows) for as long as the holder lives. Its JSON ([`Holder`]) is for people and for older
//! JavaScript holders.
//!
//! 1. *Nothing at the path*: write the JSON to a claim beside it, take the kernel lock on the
//!    claim, then `link` it to the path. The lock appears whole and already held. Without hard
//!    links: create exclusively, then lock.
//! 2. *Something at the path*: open it, try the kernel lock, make sure that it is still the file at
//!    the path, and let [`evaluate`] decide whether to wait or to break the lock. Its inputs are
//!    the result of the kernel lock, the content and the time.
//! 3. *Break*: one breaker at a time, and only if the file at the path still is the evaluated one
//!    (`remove_if`). Then start over. On Windows the evaluated file itself is removed, by handle,
//!    so breakers need no order.
//!
//! A lock file of another user is a lock like any other, and is only ever read. If its directory
//! does not let it be removed, a dead one is taken over in place. One that cannot be read is waited
//! for.
//!
//! A holder renews the file's modification time ([`Guard::renew`]), and releases the lock by step
//! 3.
//!
//! # Not guaranteed
//!
//! Some set-ups of NFS, SMB and `VirtioFS` grant one kernel lock twice, or grant none. There,
//! process ids and modification times decide, as between older holders. Where each of two hosts is
//! granted the lock and neither can see it, both may download at once.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::base::error::{Error, Kind, Result};
use crate::base::lock_holder::{Holder, refresh_interval};
use crate::base::log::Log;
use crate::io::file::destination::changed;
use crate::io::file::ownership::owner;
use crate::io::file::trusted::{is_mine, uid};
use crate::metrics::{self, Counter};
use crate::policy::lock::staleness::{Decision, HeartbeatMonitor, KernelLock, evaluate};
use crate::policy::lock::windows_retry;
use crate::policy::text::debug::lock as debug;

use self::directory::Place;
pub use self::guard::Guard;
use self::guard::Ownership;
pub use self::path::lock_path;
use self::path::parent;
pub use self::probe::{LockSupport, probe};
use self::removal::remove_if;
use self::system::{System, unlock};
pub(super) use self::system::{is_at, take_kernel_lock, try_kernel_lock};

mod claim;
mod directory;
mod guard;
mod path;
mod probe;
mod removal;
mod system;
#[cfg(test)]
mod tests;
#[cfg(windows)]
mod windows;

/// Limit of a lock file, which is a line of JSON. A longer file is not a lock of this protocol, and
/// the rest is not read.
const CONTENT_MAX: u64 = 64 << 10;
/// Rounds of one attempt. A new round starts only if another process changed the path meanwhile.
const ROUNDS: u32 = 64;
/// Time limit of the rounds, because another process may change the path for ever.
const ROUNDS_TIME: Duration = Duration::from_millis(100);

/// Acquires one lock. Remembers the observed holder between attempts.
#[derive(Debug)]
pub struct LockAcquirer {
    path: PathBuf,
    url: String,
    stale: Duration,
    /// The longest time between two attempts.
    tick: Duration,
    current: Option<CurrentHolder>,
    /// The time since when the path can neither be opened nor is gone.
    refused_since: Option<Instant>,
    system: System,
    log: Log,
}

/// The lock file at the path, and what was observed of it.
///
/// The file stays open between attempts, because a close would wake every other waiter's watch.
#[derive(Debug)]
struct CurrentHolder {
    file: File,
    heartbeat: HeartbeatMonitor,
    seen: Instant,
}

/// The outcome of one attempt.
#[derive(Debug)]
pub enum Attempt {
    Acquired(Guard),
    /// Another process holds the lock. Unknown which, while the file is being written.
    Blocked(Option<Holder>),
}

/// A lock file at the path that was not removed.
enum Obstacle {
    Held(Option<Holder>),
    /// A dead one of another user, which this process has locked.
    Borrowed(File),
}

/// The state of a lock file when it was decided to break it.
struct Evaluated {
    lock: KernelLock,
    holder: Option<Holder>,
    renewed: SystemTime,
    unchanged: Duration,
    is_mine: bool,
}

impl LockAcquirer {
    pub fn new(path: PathBuf, url: String, stale: Duration, tick: Duration) -> Self {
        Self { path, url, stale, tick, current: None, refused_since: None, system: System::REAL, log: Log::default() }
    }

    #[must_use]
    pub fn with_log(self, log: Log) -> Self {
        Self { log, ..self }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock, or returns its holder. Never waits for a holder. Blocks for a few file
    /// system calls.
    pub fn attempt(&mut self) -> Result<Attempt> {
        let started = Instant::now();
        for _ in 0..ROUNDS {
            if started.elapsed() > ROUNDS_TIME {
                break;
            }
            let place = Place::open(parent(&self.path))?;
            let path = place.path(self.path.file_name().unwrap_or_default());
            if let Some(blocked) = self.inspect(&path)? {
                return Ok(match blocked {
                    Obstacle::Held(holder) => Attempt::Blocked(holder),
                    Obstacle::Borrowed(file) => Attempt::Acquired(self.guard(place, path, file, Ownership::Borrowed)),
                });
            }
            if let Some(file) = self.claim(&place, &path)? {
                self.current = None;
                return Ok(Attempt::Acquired(self.guard(place, path, file, Ownership::Own)));
            }
        }
        // The path changed in each round, so other processes make progress.
        Ok(Attempt::Blocked(None))
    }

    /// Step 2 of the protocol, and step 3 if the lock is to be broken. `None`: the path is free.
    fn inspect(&mut self, path: &Path) -> Result<Option<Obstacle>> {
        let system = self.system;
        (system.step)();
        if self.current.as_ref().is_none_or(|current| !is_at(&current.file, path))
            && let Some(obstacle) = self.open_current(path)?
        {
            return Ok(Some(obstacle));
        }
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        (system.step)();
        let lock = (system.try_lock)(&current.file);
        (system.step)();
        let metadata = current.file.metadata().map_err(|error| failed(&self.path, "stat", &error))?;
        if !is_at(&current.file, path) {
            // The file was released or replaced between open and lock, so this kernel lock protects
            // nothing.
            self.current = None;
            return Ok(None);
        }
        let is_mine = is_mine(&metadata);
        let holder =
            read_holder(&current.file).map(|holder| Holder { owner: uid(&metadata).filter(|_| !is_mine), ..holder });
        let renewed = renewed(&metadata);
        let since = std::mem::replace(&mut current.seen, Instant::now()).elapsed();
        let now = SystemTime::now();
        let staleness = current.heartbeat.observe(renewed, now, since, self.tick);
        if evaluate(lock, holder.as_ref(), staleness, self.stale, now, system.is_alive) == Decision::Wait {
            if lock == KernelLock::Free {
                // An older holder's file, or one that is being written. Others must see it
                // unlocked, too.
                unlock(&current.file);
            }
            return Ok(Some(Obstacle::Held(holder)));
        }
        let unchanged = staleness.unchanged;
        self.break_lock(path, &Evaluated { lock, holder, renewed, unchanged, is_mine })
    }

    /// Opens the lock file at the path as [`Self::current`]. If there is none, that is `None`.
    fn open_current(&mut self, path: &Path) -> Result<Option<Obstacle>> {
        // Closed first: on Windows, an open file may keep its name after its removal.
        self.current = None;
        let opened = (self.system.open)(path);
        if opened.as_ref().err().is_some_and(|error| self.is_transient(error)) {
            return Ok(Some(Obstacle::Held(None)));
        }
        self.refused_since = None;
        match opened {
            Ok(file) => {
                let heartbeat = HeartbeatMonitor::default();
                self.current = Some(CurrentHolder { file, heartbeat, seen: Instant::now() });
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => self.unreadable(path, &error).map(Some),
        }
    }

    /// Step 3 of the protocol. `None`: the path is free.
    fn break_lock(&mut self, path: &Path, evaluated: &Evaluated) -> Result<Option<Obstacle>> {
        let Some(current) = &self.current else {
            return Ok(None);
        };
        let Evaluated { lock, ref holder, renewed: at, unchanged: quiet, is_mine } = *evaluated;
        let unchanged = || current.file.metadata().is_ok_and(|now| renewed(&now) == at);
        let removed = remove_if(self.system, path, &current.file, unchanged);
        let may_not = |error: &io::Error| !is_mine && error.kind() == io::ErrorKind::PermissionDenied;
        let is_left = match removed {
            Ok(true) => {
                metrics::count(Counter::LocksTakenOver);
                self.log.line(|| debug::broken(&self.path, lock, holder.as_ref(), quiet));
                false
            }
            Ok(false) => is_at(&current.file, path),
            Err(error) if may_not(&error) && lock == KernelLock::Free => {
                // Nobody holds it, and it must stay. Its kernel lock is as good as one on a file of
                // this user.
                metrics::count(Counter::LocksTakenOver);
                self.log.line(|| debug::broken(&self.path, lock, holder.as_ref(), quiet));
                return Ok(self.current.take().map(|current| Obstacle::Borrowed(current.file)));
            }
            Err(error) if may_not(&error) => true,
            Err(error) => return Err(self.failed("unlink", &error)),
        };
        if is_left {
            unlock(&current.file);
            return Ok(Some(Obstacle::Held(holder.clone())));
        }
        self.current = None;
        Ok(None)
    }

    /// The outcome of a lock file that cannot be opened. Another user's lock file may be unreadable
    /// to this user.
    fn unreadable(&self, path: &Path, error: &io::Error) -> Result<Obstacle> {
        let found = fs::symlink_metadata(path).ok();
        if let Some(found) = &found
            && !found.is_file()
        {
            let message = format!(
                "Failed to use the lock file: '{}' is not a regular file, and belongs to {}: remove it",
                self.path.display(),
                owner(found)
            );
            let error = Error::new(Kind::File, message).with_code("EEXIST").with_syscall("open");
            return Err(error.with_path(&self.path).with_lock(&self.path, None));
        }
        match found {
            // `EWOULDBLOCK`: there is a lease on the file.
            Some(found)
                if !is_mine(&found)
                    && matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::WouldBlock) =>
            {
                Ok(Obstacle::Held(Some(Holder::unknown(uid(&found)))))
            }
            _ => Err(self.failed("open", error)),
        }
    }

    fn guard(&self, place: Place, path: PathBuf, file: File, ownership: Ownership) -> Guard {
        Guard { _place: place, path, file, every: refresh_interval(self.stale), system: self.system, ownership }
    }

    /// Whether a later attempt is likely to open the file or to find the path free: a removed file
    /// may still be open, or a virus scanner may have opened it. `false` once this has lasted
    /// longer than such conditions do.
    fn is_transient(&mut self, error: &io::Error) -> bool {
        (self.system.is_transient_os_error)(error)
            && !self.path.is_dir()
            && self.refused_since.get_or_insert_with(Instant::now).elapsed() < windows_retry::LIMIT
    }

    fn failed(&self, syscall: &'static str, error: &io::Error) -> Error {
        failed(&self.path, syscall, error)
    }
}

fn failed(path: &Path, syscall: &'static str, error: &io::Error) -> Error {
    Error::file("Failed to use the lock file", syscall, path, error).with_lock(path, None)
}

/// The time of the holder's last sign of life. A user can set the modification time of their file,
/// even to next year, but not the time of that change.
fn renewed(metadata: &Metadata) -> SystemTime {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    changed(metadata).map_or(modified, |changed| changed.min(modified))
}

fn read_holder(mut file: &File) -> Option<Holder> {
    let mut content = Vec::new();
    file.rewind().ok()?;
    file.take(CONTENT_MAX).read_to_end(&mut content).ok()?;
    Holder::parse(&content)
}
