//! One of many: the lock that makes a single process do the work. The only file-lock calls of the crate.
//!
//! Correctness never depends on it. Every download writes a part file of its own and publishes by rename; a broken
//! lock costs bandwidth and nothing else.
//!
//! # Protocol
//!
//! The lock is a file, held by a kernel lock on it (flock on Unix, `LockFileEx` on Windows) for as long as its holder
//! lives. Its JSON ([`Holder`]) is for people and for older JavaScript holders.
//!
//! 1. *Nothing at the path*: write the JSON to a claim beside it, take the kernel lock on the claim, then `link` it to
//!    the path. The lock appears whole and already held. Without hard links: create exclusively, then lock.
//! 2. *Something at the path*: open it, try the kernel lock, make sure that it is still the file at the path, and let
//!    [`evaluate`] decide from the answer, the content and the time whether to wait or to remove it.
//! 3. *Remove*: one remover at a time, and only if the path still is the file that was judged (`remove_if`). Then
//!    start over. On Windows the judged file itself is removed, by handle, and removers need no order.
//!
//! The file of another user is a lock like any other, and only ever read. Where its directory does not let it be removed,
//! a dead one is taken over where it lies; one that cannot even be read is waited for.
//!
//! A holder renews the file's modification time ([`Guard::renew`]) and releases by unlinking under rule 3.
//!
//! # Not guaranteed
//!
//! Where one kernel lock is granted twice, or none at all (some set-ups of NFS, SMB, `VirtioFS`), process ids and
//! modification times decide, as between older holders. Where it is granted once to each of two hosts, which neither can
//! see, both may download at once.

use std::borrow::Cow;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};

use crate::base::error::{Error, Kind, Result};
use crate::base::lock_holder::{Holder, refresh_interval};
use crate::io::file::destination::{changed, owner};
use crate::io::file::sweeps::Sweeps;
use crate::io::file::trusted::{self, is_mine, uid};
use crate::io::file::windows_retry::retrying;
use crate::metrics::{self, Counter};
use crate::policy::lock::staleness::{Decision, HeartbeatMonitor, KernelLock, evaluate};
use crate::policy::lock::windows_retry;

use self::directory::{Place, Readers, open_directory, share, unusable};
use self::system::{System, unlink, unlock};
pub(super) use self::system::{is_at, take_kernel_lock, try_kernel_lock};

mod directory;
mod system;
#[cfg(test)]
mod tests;
#[cfg(windows)]
mod windows;

/// Longest name of a file on the common file systems, in bytes.
const NAME_MAX: usize = 255;
/// A lock file is a line of JSON; more is not ours, and is not read.
const CONTENT_MAX: u64 = 64 << 10;
/// How long to try for the removers' lock before leaving the matter to the next look.
const BREAKER_TIMEOUT: Duration = Duration::from_millis(250);
/// Claims of processes that died while claiming are swept after this time.
const CLAIM_MAX_AGE: Duration = Duration::from_secs(60);
/// Where this process has looked for abandoned claims.
static SWEPT: Sweeps = Sweeps::new();
/// Rounds of one attempt; each starts because another process changed the path meanwhile.
const ROUNDS: u32 = 64;
/// The time after which an attempt begins no other round: somebody may change the path for ever.
const ROUNDS_TIME: Duration = Duration::from_millis(100);

/// Where the lock of this destination lies: its absolute path with every character outside `[A-Za-z0-9_.-]` replaced
/// by `_`, and `.lock`. Lexical, because older holders compute it so; "character" is theirs too, a UTF-16 unit.
pub fn lock_path(directory: &Path, destination: &Path) -> PathBuf {
    let name: String = destination
        .to_string_lossy()
        .encode_utf16()
        .map(|unit| match u8::try_from(unit).map(char::from) {
            Ok(unit) if unit.is_ascii_alphanumeric() || "_.-".contains(unit) => unit,
            _ => '_',
        })
        .collect();
    directory.join(format!("{}.lock", shortened(&name, ".lock".len())))
}

/// `name`, cut and told apart by a hash where it would leave less than `room` bytes of a file name.
pub(super) fn shortened(name: &str, room: usize) -> Cow<'_, str> {
    if name.len() + room <= NAME_MAX {
        return Cow::Borrowed(name);
    }
    let digest = Sha256::digest(name);
    let hash = digest.iter().take(16).fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
    let mut end = NAME_MAX - room - hash.len() - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}-{hash}", &name[..end]))
}

/// Says once in the life of the process that locks are weaker here.
fn announce_no_kernel_locks(once: &Once, to: &mut impl Write, path: &Path) {
    once.call_once(|| {
        // A broken stderr is no reason to fail.
        let _ = writeln!(
            to,
            "socket-registry: the file system of {} has no file locks that can be relied on; downloads may run twice, never \
             wrongly",
            path.display()
        );
    });
}

/// One process's way to one lock. Keeps what it knows of the present holder between attempts.
#[derive(Debug)]
pub struct LockAcquirer {
    path: PathBuf,
    url: String,
    stale: Duration,
    /// The longest time between two attempts.
    tick: Duration,
    present: Option<CurrentHolder>,
    /// Since when the path can neither be opened nor is gone.
    refused: Option<Instant>,
    system: System,
}

/// The lock file that is in the way, and what was seen of it.
///
/// It stays open between attempts: a close would wake every other waiter's watch.
#[derive(Debug)]
struct CurrentHolder {
    file: File,
    vigil: HeartbeatMonitor,
    seen: Instant,
}

/// What came of one attempt.
#[derive(Debug)]
pub enum Attempt {
    Acquired(Guard),
    /// Somebody else holds it; unknown who while the file is being written.
    Blocked(Option<Holder>),
}

/// What is in the way of a lock.
enum Examined {
    Blocked(Option<Holder>),
    /// Another user's, dead, and locked by us now.
    Borrowed(File),
}

impl LockAcquirer {
    pub fn new(path: PathBuf, url: String, stale: Duration, tick: Duration) -> Self {
        Self { path, url, stale, tick, present: None, refused: None, system: System::REAL }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock, or says who has it. Never waits for a holder. Blocks for a few file system calls.
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
                    Examined::Blocked(holder) => Attempt::Blocked(holder),
                    Examined::Borrowed(file) => Attempt::Acquired(self.guard(place, path, file, Keeping::Borrowed)),
                });
            }
            if let Some(file) = self.claim(&place, &path)? {
                self.present = None;
                return Ok(Attempt::Acquired(self.guard(place, path, file, Keeping::Own)));
            }
        }
        // The path changed hands under each look: somebody else is making progress.
        Ok(Attempt::Blocked(None))
    }

    /// Step 2. `None`: nothing is in the way any more.
    fn inspect(&mut self, path: &Path) -> Result<Option<Examined>> {
        let system = self.system;
        (system.step)();
        if self.present.as_ref().is_none_or(|present| !is_at(&present.file, path)) {
            // Closed first: a file that is open may keep its name on Windows after it was removed.
            self.present = None;
            let opened = (system.open)(path);
            if opened.as_ref().err().is_some_and(|error| self.is_passing(error)) {
                return Ok(Some(Examined::Blocked(None)));
            }
            self.refused = None;
            match opened {
                Ok(file) => {
                    self.present =
                        Some(CurrentHolder { file, vigil: HeartbeatMonitor::default(), seen: Instant::now() });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return self.unreadable(path, &error).map(Some),
            }
        }
        let Some(present) = &mut self.present else {
            return Ok(None);
        };
        (system.step)();
        let lock = (system.try_lock)(&present.file);
        (system.step)();
        let metadata = present.file.metadata().map_err(|error| failed(&self.path, "stat", &error))?;
        if !is_at(&present.file, path) {
            // Released or replaced between open and lock: this was the lock of nothing.
            self.present = None;
            return Ok(None);
        }
        let is_mine = is_mine(&metadata);
        let holder =
            read_holder(&present.file).map(|holder| Holder { owner: uid(&metadata).filter(|_| !is_mine), ..holder });
        let modified = renewed(&metadata);
        let since = std::mem::replace(&mut present.seen, Instant::now()).elapsed();
        let now = SystemTime::now();
        let quiet = present.vigil.look(modified, now, since, self.tick);
        let verdict = evaluate(lock, holder.as_ref(), quiet, self.stale, now, system.is_alive);
        if verdict == Decision::Wait {
            if lock == KernelLock::Free {
                // An older holder's, or one being written: it must look unlocked to others too.
                unlock(&present.file);
            }
            return Ok(Some(Examined::Blocked(holder)));
        }
        let unchanged = || present.file.metadata().is_ok_and(|now| renewed(&now) == modified);
        let removed = remove_if(system, path, &present.file, unchanged);
        let may_not = |error: &io::Error| !is_mine && error.kind() == io::ErrorKind::PermissionDenied;
        let is_left = match removed {
            Ok(true) => {
                metrics::count(Counter::LocksTakenOver);
                false
            }
            Ok(false) => is_at(&present.file, path),
            Err(error) if may_not(&error) && lock == KernelLock::Free => {
                // Nobody holds it, and it has to stay: the kernel lock on it is as good as one on a file of our own.
                metrics::count(Counter::LocksTakenOver);
                return Ok(self.present.take().map(|present| Examined::Borrowed(present.file)));
            }
            Err(error) if may_not(&error) => true,
            Err(error) => return Err(failed(&self.path, "unlink", &error)),
        };
        if is_left {
            unlock(&present.file);
            return Ok(Some(Examined::Blocked(holder)));
        }
        self.present = None;
        Ok(None)
    }

    /// What is in the way cannot be opened. Another user's lock may be one that this user must not read.
    fn unreadable(&self, path: &Path, error: &io::Error) -> Result<Examined> {
        let found = fs::symlink_metadata(path).ok();
        if let Some(found) = &found
            && !found.is_file()
        {
            let message = format!(
                "Failed to use the lock file: '{}' is no regular file, and belongs to {}: remove it",
                self.path.display(),
                owner(found)
            );
            let error = Error::new(Kind::File, message).with_code("EEXIST").with_syscall("open");
            return Err(error.with_path(&self.path).with_lock(&self.path, None));
        }
        match found {
            // "Would block" is a lease on the file.
            Some(found)
                if !is_mine(&found)
                    && matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::WouldBlock) =>
            {
                Ok(Examined::Blocked(Some(Holder::unknown(uid(&found)))))
            }
            _ => Err(self.failed("open", error)),
        }
    }

    fn guard(&self, place: Place, path: PathBuf, file: File, keeping: Keeping) -> Guard {
        Guard { _place: place, path, file, every: refresh_interval(self.stale), system: self.system, keeping }
    }

    /// Whether the path is likely to be free, or to be opened, at a later look: a removed file that others have not
    /// closed yet, or one that a virus scanner has. Not for longer than such things last.
    fn is_passing(&mut self, error: &io::Error) -> bool {
        (self.system.is_transient_os_error)(error)
            && !self.path.is_dir()
            && self.refused.get_or_insert_with(Instant::now).elapsed() < windows_retry::LIMIT
    }

    /// Step 1. `None`: somebody else was faster.
    fn claim(&self, place: &Place, path: &Path) -> Result<Option<File>> {
        let (claim, mut file) = match create_claim(place) {
            // Removed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            claim => claim.map_err(|error| unusable(parent(&self.path), &error))?,
        };
        let claimed = self.publish_claim(&claim, path, &mut file, place.readers);
        let _ = unlink(&claim);
        if !claimed.map_err(|error| self.failed("link", &error))? {
            return Ok(None);
        }
        if SWEPT.is_due(parent(&self.path), Instant::now()) {
            sweep_claims(place.directory());
        }
        Ok(Some(file))
    }

    fn publish_claim(&self, claim: &Path, path: &Path, file: &mut File, readers: Readers) -> io::Result<bool> {
        let System { try_lock, hard_link, step, .. } = self.system;
        let has_locks = take_kernel_lock(try_lock, file, claim) == KernelLock::Free;
        if !has_locks {
            static ONCE: Once = Once::new();
            announce_no_kernel_locks(&ONCE, &mut io::stderr(), &self.path);
        }
        file.write_all(self.holder(has_locks).to_json().as_bytes())?;
        // Not before it is locked: somebody else could lock it first.
        share(file, readers)?;
        step();
        match hard_link(claim, path) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            // Swept by somebody whose clock is ahead: try again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(_) => {}
        }
        step();
        // No hard links on this file system. Between the next two calls others may see an empty file; they wait.
        match retrying(|| trusted::create(path)) {
            Ok(created) => *file = created,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        }
        step();
        let mut kernel_lock = try_lock(file);
        let started = Instant::now();
        while kernel_lock == KernelLock::Busy && started.elapsed() < BREAKER_TIMEOUT {
            // Somebody is just looking at it.
            std::thread::sleep(Duration::from_millis(1));
            step();
            kernel_lock = try_lock(file);
        }
        let is_held = has_locks && kernel_lock == KernelLock::Free;
        file.write_all(self.holder(is_held).to_json().as_bytes())?;
        share(file, readers)?;
        Ok(true)
    }

    fn holder(&self, kernel_lock: bool) -> Holder {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Holder {
            pid: std::process::id(),
            start_time: Some((now.as_secs_f64() * 1000.0).floor()),
            url: Some(self.url.clone()),
            kernel_lock,
            refresh: Some(refresh_interval(self.stale)),
            owner: None,
        }
    }

    fn failed(&self, syscall: &'static str, error: &io::Error) -> Error {
        failed(&self.path, syscall, error)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(path: &Path, syscall: &'static str, error: &io::Error) -> Error {
    Error::file("Failed to use the lock file", syscall, path, error).with_lock(path, None)
}

/// When the holder last showed that it lives. Everybody can set the modification time of a file of theirs, to next year as
/// well, but not the time of that change.
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

fn create_claim(place: &Place) -> io::Result<(PathBuf, File)> {
    loop {
        let claim = place.path(format!(".{}-{:016x}.claim", std::process::id(), fastrand::u64(..)));
        match trusted::create(&claim) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (claim, file)),
        }
    }
}

/// Removes what processes of this user that died while claiming have left.
fn sweep_claims(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_claim = name
            .to_str()
            .is_some_and(|name| name.strip_prefix('.').is_some_and(|name| name.strip_suffix(".claim").is_some()));
        let is_old = || {
            // Of the entry itself, not of what a link leads to.
            let found = entry.metadata().ok().filter(|found| found.is_file() && is_mine(found))?;
            Some(found.modified().ok()?.elapsed().ok()? > CLAIM_MAX_AGE)
        };
        if is_claim && is_old() == Some(true) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes the file at `path` if it is `judged` and `condition` still holds, with all other removers kept out, so that
/// nobody unlinks the fresh lock of somebody who was faster. `false`: something changed; look again.
fn remove_if(system: System, path: &Path, judged: &File, condition: impl Fn() -> bool) -> io::Result<bool> {
    let _only = only_breaker(system, parent(path));
    (system.step)();
    if !is_at(judged, path) || !condition() {
        return Ok(false);
    }
    (system.step)();
    #[cfg(all(test, unix))]
    tests::about_to_remove(path, judged);
    (system.remove)(path, judged)
}

/// A kernel lock on the directory itself: needs no file that somebody would have to remove.
///
/// `None` where directories cannot be locked, or when its holder was stopped within those few calls: then the check
/// of identity alone must do, which leaves a window of microseconds. Windows has no such locks on directories, and no
/// need: there the file that was judged is removed by handle, whatever is at the path by then.
fn only_breaker(system: System, directory: &Path) -> Option<File> {
    if cfg!(windows) {
        return None;
    }
    let file = open_directory(directory).ok()?;
    let started = Instant::now();
    loop {
        (system.step)();
        match (system.try_lock)(&file) {
            KernelLock::Free => return Some(file),
            KernelLock::Busy if started.elapsed() < BREAKER_TIMEOUT => std::thread::sleep(Duration::from_micros(200)),
            _ => return None,
        }
    }
}

/// The lock, held. Released when dropped.
#[derive(Debug)]
pub struct Guard {
    /// What `path` goes through.
    _place: Place,
    path: PathBuf,
    file: File,
    every: Duration,
    system: System,
    keeping: Keeping,
}

/// Whose file a holder has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    Own,
    /// That of another user, dead, in a directory that does not let us remove it: it is neither written to nor removed.
    Borrowed,
}

impl Guard {
    /// Whether the lock was not taken away meanwhile, as happens to a process that was stopped for too long.
    pub fn is_current(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    /// Whether somebody else's lock is in its place.
    pub fn is_replaced(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok() && !self.is_current()
    }

    /// The holder's sign of life; due every [`Guard::every`]. Goes by the open file, never by the path.
    pub fn renew(&self) {
        if self.keeping == Keeping::Own {
            let _ = self.file.set_modified(SystemTime::now());
        }
    }

    pub fn every(&self) -> Duration {
        self.every
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A failure leaves a file without a kernel lock: the next contender takes it over.
        match self.keeping {
            Keeping::Own => drop(remove_if(self.system, &self.path, &self.file, || true)),
            Keeping::Borrowed => unlock(&self.file),
        }
    }
}
