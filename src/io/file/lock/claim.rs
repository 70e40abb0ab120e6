//! Step 1 of the protocol: a claim is written beside the path, locked, and linked to the path.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};

use crate::base::error::Result;
use crate::base::lock_holder::{Holder, refresh_interval};
use crate::io::file::lock::LockAcquirer;
use crate::io::file::lock::directory::{Place, Readers, share, unusable};
use crate::io::file::lock::path::parent;
use crate::io::file::lock::removal::BREAKER_TIMEOUT;
use crate::io::file::lock::system::{System, take_kernel_lock, unlink};
use crate::io::file::sweeps::Sweeps;
use crate::io::file::trusted::{self, is_mine};
use crate::io::file::windows_retry::retrying;
use crate::policy::lock::staleness::KernelLock;

/// The age from which claims of processes that died while claiming are removed.
const CLAIM_MAX_AGE: Duration = Duration::from_secs(60);
/// The directories in which this process has looked for abandoned claims.
static SWEPT: Sweeps = Sweeps::new();

impl LockAcquirer {
    /// Step 1 of the protocol. `None` if another process was faster.
    pub(super) fn claim(&self, place: &Place, path: &Path) -> Result<Option<File>> {
        let (claim, mut file) = match create_claim(place) {
            // The directory was removed meanwhile.
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
        // Not before the file is locked, because another process could lock it first.
        share(file, readers)?;
        step();
        match hard_link(claim, path) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            // Removed by a process whose clock is ahead: try again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(_) => {}
        }
        step();
        // This file system has no hard links. Between the next two calls other processes may see an
        // empty file, for which they wait.
        match retrying(|| trusted::create(path)) {
            Ok(created) => *file = created,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        }
        step();
        let mut kernel_lock = try_lock(file);
        let started = Instant::now();
        while kernel_lock == KernelLock::Busy && started.elapsed() < BREAKER_TIMEOUT {
            // Another process is inspecting the file.
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
}

/// Prints, once in the life of the process, that locks are weaker here.
pub fn announce_no_kernel_locks(once: &Once, to: &mut impl Write, path: &Path) {
    once.call_once(|| {
        // A closed stderr is no reason to fail.
        let _ = writeln!(
            to,
            "socket-registry: the file system of {} has no file locks that can be relied on; downloads may run twice, never \
             wrongly",
            path.display()
        );
    });
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

/// Removes the claims of this user's processes that died while claiming.
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
            // Of the entry itself, not of the target of a link.
            let found = entry.metadata().ok().filter(|found| found.is_file() && is_mine(found))?;
            Some(found.modified().ok()?.elapsed().ok()? > CLAIM_MAX_AGE)
        };
        if is_claim && is_old() == Some(true) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
