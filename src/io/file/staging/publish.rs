//! Publication: the part file is sealed, gets its mode, and is renamed to the destination.

#[cfg(unix)]
use std::fs;
use std::fs::File;
use std::time::{Duration, Instant};
#[cfg(unix)]
use std::{io, path::Path};

use crate::base::error::{Error, Kind, Result};
use crate::io::file::destination::{check, not_replaced};
use crate::io::file::lock::{is_at, try_kernel_lock};
use crate::io::file::ownership::is_open;
use crate::io::file::staging::names::{part_path, unique_infix};
use crate::io::file::staging::part::remove_same;
use crate::io::file::staging::sweep::{SWEPT, sweep};
use crate::io::file::staging::{Finish, Staging};
use crate::io::file::trusted::{self, Access};
#[cfg(unix)]
use crate::io::file::umask;
use crate::io::file::windows_retry;
use crate::policy::http::ranges::Ranges;
use crate::policy::lock::staleness::KernelLock;

/// Limit of the wait for child processes, which were just being started, to close their copies of
/// the part file.
const EXEC_TIMEOUT: Duration = Duration::from_secs(2);

impl Staging {
    /// Renames the part file to the destination. Returns its size.
    pub fn publish(mut self, finish: Finish) -> Result<u64> {
        let size = self.file()?.metadata().map_err(|error| self.failed("stat", &error))?.len();
        if self.present != Ranges::up_to(size) {
            return Err(self.replaced());
        }
        if finish.fsync {
            self.file()?.sync_all().map_err(|error| self.failed("fsync", &error))?;
        }
        self.seal()?;
        // Last, because a mode may remove the right to read.
        #[cfg(unix)]
        self.set_mode(finish.mode)?;
        // Something else may be there by now.
        check(&self.destination)?;
        if !is_at(self.file()?, &self.part) {
            return Err(self.replaced());
        }
        windows_retry::rename(&self.part, &self.destination)
            .map_err(|error| not_replaced(&self.destination, &error))?;
        self.part.clone_from(&self.destination);
        let is_ours = is_at(self.file()?, &self.destination);
        // Published: nothing is left for `drop` to remove.
        self.file = None;
        let _ = remove_same(self.record_file.take().as_ref(), &self.record);
        if !is_ours && is_open(&self.destination) && !trusted::is_mine_or_gone(&self.destination) {
            // The file was replaced by another user. A download of the same user, or of a group
            // member in the group's directory, may replace it at any time.
            return Err(self.replaced());
        }
        if finish.fsync {
            // Also persists the new name. Not every file system supports this, and the file itself
            // is safe.
            let _ = self.destination.parent().map(|directory| File::open(directory).and_then(|it| it.sync_all()));
        }
        if let Some(directory) = self.destination.parent().filter(|it| SWEPT.is_due(it, Instant::now())) {
            sweep(directory);
        }
        Ok(size)
    }

    /// Renames the part file to a name that nobody else uses, checks that it is the file that was
    /// written, and waits until no process has it open for writing. The file stays locked, because
    /// sweepers would take an unlocked file for an abandoned one.
    ///
    /// A child process that another thread is just starting holds a copy of every descriptor until
    /// its `exec`. A program that is run meanwhile fails with `ETXTBSY`. A kernel lock belongs to
    /// the open file description and to all its copies. So once a new description gets the lock, no
    /// copy is left (rust-lang/rust#114554).
    fn seal(&mut self) -> Result<()> {
        // The same infix as that of the record, so that a sweeper of one finds the other.
        let sealed = part_path(&self.destination, &self.infix.clone().unwrap_or_else(unique_infix), "sealed");
        if !is_at(self.file()?, &self.part) {
            return Err(self.replaced());
        }
        windows_retry::rename_new(&self.part, &sealed).map_err(|error| self.failed("rename", &error))?;
        if !is_at(self.file()?, &sealed) {
            // Another file was put there between check and rename: move it back.
            let _ = windows_retry::rename_new(&sealed, &self.part);
            return Err(self.replaced());
        }
        self.part = sealed;
        let fresh = trusted::open_regular(&self.part, Access::Read).map_err(|error| self.failed("open", &error))?;
        if !is_at(self.file()?, &self.part) || !is_at(&fresh, &self.part) {
            return Err(self.replaced());
        }
        self.file = Some(fresh);
        let started = Instant::now();
        while try_kernel_lock(self.file()?) == KernelLock::Busy && started.elapsed() < EXEC_TIMEOUT {
            std::thread::sleep(Duration::from_micros(500));
        }
        Ok(())
    }

    /// Sets the requested mode, or that of any new file. Uses the descriptor, so that no other file
    /// can get the mode. If digests were requested, no other user may write to the file, whatever
    /// the umask.
    #[cfg(unix)]
    fn set_mode(&self, asked: Option<u32>) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let usual = || {
            let mode = umask::of_new_files(self.destination.parent().unwrap_or(Path::new(".")));
            if self.fresh_hashers.is_empty() { mode } else { mode & !0o022 }
        };
        let mode = fs::Permissions::from_mode(asked.unwrap_or_else(usual));
        match self.file()?.set_permissions(mode) {
            // A mount that gives all files one owner and one mode. No other mode was requested.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && asked.is_none() => Ok(()),
            set => set.map_err(|error| self.failed("fchmod", &error)),
        }
    }

    fn replaced(&self) -> Error {
        let message = format!(
            "Failed to write file: '{}' was removed, replaced or changed by another process",
            self.part.display()
        );
        Error::new(Kind::File, message).with_code("ENOENT").with_syscall("rename").with_path(&self.part)
    }
}
