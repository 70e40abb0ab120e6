//! From "not there" to "there, whole": the part file, its record, and the rename. The only writer of destinations.
//!
//! The part file lies beside the destination (a rename never crosses file systems) and is held by a kernel lock of its
//! own, so that two downloads never write one part file; when another live download has `<name>.part`, this one takes a
//! unique name. What a dead process left under `<name>.part` is taken over, and continued where
//! [`resume`](crate::policy::http::resume) allows; unique names that dead processes left are swept when something is next
//! published in the directory.
//!
//! The [`Record`] beside it (`<name>.part.json`) tells what the bytes are a part of, and waiters in other processes how
//! much is expected. It never describes bytes that it was not written for: it is replaced while the part file is empty.
//!
//! The directory may belong to everybody. A part file or a record that is not this user's alone (see
//! [`trusted`]) is left where it is, unread, and costs this download nothing but a unique name. Until
//! it is published a file is readable by its owner only; then it is changed by its descriptor, renamed, and compared once
//! more.
//!
//! Even the part file's lock is not trusted with correctness, because some file systems grant one lock twice. An inode
//! only ever receives bytes of one representation, each at its own offset: a download that starts from zero creates a
//! new one, and nothing is ever truncated. Two writers of one inode so write the same bytes; the first to finish
//! publishes a whole file, and the other finds its part file gone.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::{Algorithm, Digest};
use crate::io::file::destination::{age, check, is_open, not_replaced};
use crate::io::file::digest::Hashers;
use crate::io::file::lock::{is_at, shortened, take_kernel_lock, try_kernel_lock};
use crate::io::file::sweeps::Sweeps;
use crate::io::file::trusted::{self, Access};
#[cfg(unix)]
use crate::io::file::umask;
use crate::io::file::windows_retry;
use crate::policy::http::resume::Record;
use crate::policy::lock::staleness::KernelLock;

/// A sealed file that is younger than this is about to be published.
const ORPHAN_MIN_AGE: Duration = Duration::from_secs(60);
/// Bytes that are copied from one part file to another at a time.
const COPY_BUFFER: usize = 256 << 10;
/// Bytes of a record at most: it has a few hundred.
const RECORD_MAX: u64 = 64 << 10;
/// Where this process has looked for orphans.
static SWEPT: Sweeps = Sweeps::new();
/// Looks at a part file that others come and go with, before leaving it to them.
const ROUNDS: u32 = 16;
/// How long to wait until children that were just being started have closed their copies of the part file.
const EXEC_TIMEOUT: Duration = Duration::from_secs(2);

/// A part file, held by this process. Removed when dropped, unless it was published or kept.
#[derive(Debug)]
pub struct Staging {
    destination: PathBuf,
    part: PathBuf,
    record: PathBuf,
    /// The record that is ours to remove.
    record_file: Option<File>,
    /// Of a unique name; `None`: the part file has the name under which a later call looks for it.
    infix: Option<String>,
    /// Whether we created the file, and nothing was written to it yet.
    is_new: bool,
    file: Option<File>,
    /// The length of the part so far, and so the offset of the next byte.
    length: u64,
    hashers: Hashers,
    fresh_hashers: Hashers,
}

/// What the rename is preceded by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish {
    pub mode: Option<u32>,
    pub fsync: bool,
}

/// What was found under the name of the part file.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub length: u64,
    pub record: Option<Record>,
}

/// How far a download of known total has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub downloaded: u64,
    pub total: u64,
}

/// How far the download of somebody else has come, and of how many bytes, if they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    pub downloaded: u64,
    pub total: Option<u64>,
}

impl Observed {
    pub fn progress(self) -> Option<Progress> {
        let Self { downloaded, total } = self;
        total.map(|total| Progress { downloaded: downloaded.min(total), total })
    }
}

impl Staging {
    /// Creates the directory and the part file of a destination, or takes over what a dead process left.
    pub fn open(destination: &Path, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<(Self, Found)> {
        let directory = destination.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(|error| {
            // "Exists" of a file where a directory is needed helps nobody.
            let is_file = error.kind() == io::ErrorKind::AlreadyExists;
            let error = if is_file { io::ErrorKind::NotADirectory.into() } else { error };
            Error::file("Failed to create directory", "mkdir", directory, &error)
        })?;
        check(destination)?;
        let Part { path: part, file, infix, record_file, found } = open_part(destination)?;
        let (found, is_new) = found.map_or_else(|| (Found::default(), true), |found| (found, false));
        let hashers = Hashers::new(algorithms);
        let staging = Self {
            destination: destination.to_owned(),
            record: record_path(&part),
            record_file,
            part,
            infix,
            is_new,
            file: Some(file),
            length: 0,
            fresh_hashers: hashers.clone(),
            hashers,
        };
        Ok((staging, found))
    }

    /// Begins a part file for a new representation.
    pub fn restart(&mut self, record: &Record) -> Result<()> {
        if !self.is_new {
            self.replace()?;
        }
        self.length = 0;
        self.hashers = self.fresh_hashers.clone();
        if !self.write_record(record)? {
            // Something of somebody else is in its place, and would describe our bytes.
            self.leave_name()?;
            self.write_record(record)?;
        }
        Ok(())
    }

    /// Replaces the record. `false`: its name is taken. Without one nothing can be continued, which is safe; with the old
    /// one it would not be.
    fn write_record(&mut self, record: &Record) -> Result<bool> {
        remove_same(self.record_file.take().as_ref(), &self.record).map_err(|error| self.failed("unlink", &error))?;
        let mut file = match trusted::create(&self.record) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(_) => return Ok(true),
            Ok(file) => file,
        };
        let written = file.write_all(record.to_json().as_bytes());
        if written.is_err() {
            remove_same(Some(&file), &self.record).map_err(|error| self.failed("unlink", &error))?;
        } else {
            self.record_file = Some(file);
        }
        Ok(true)
    }

    /// Puts an empty file in the place of one that has been written to.
    fn replace(&mut self) -> Result<()> {
        self.discard();
        match create_locked(&self.part) {
            Ok(file) => (self.file, self.record_file) = (Some(file), open_record(&self.part)),
            Err(_) => self.take(create_unique(&self.destination)?),
        }
        self.is_new = true;
        Ok(())
    }

    /// Goes on under a unique name.
    fn leave_name(&mut self) -> Result<()> {
        self.discard();
        self.take(create_unique(&self.destination)?);
        Ok(())
    }

    fn take(&mut self, Part { path, file, infix, .. }: Part) {
        self.record = record_path(&path);
        (self.part, self.file, self.infix) = (path, Some(file), infix);
    }

    /// Removes what is ours, and while we still hold its lock, so that nobody takes over a file that is about to vanish.
    fn discard(&mut self) {
        let _ = remove_same(self.record_file.take().as_ref(), &self.record);
        if self.file.as_ref().is_some_and(|file| is_at(file, &self.part)) {
            let _ = windows_retry::remove_file(&self.part);
        }
    }

    /// Makes the part file ready for its byte number `from`.
    pub fn resume(&mut self, from: u64) -> Result<()> {
        let mut file = self.file()?;
        let length = file.metadata().map_err(|error| self.failed("stat", &error))?.len();
        if length < from {
            // Would be filled with zeros.
            return Err(Error::new(Kind::Internal, format!("the part file has {length} bytes, not {from}")));
        }
        let mut hashers = self.fresh_hashers.clone();
        if !hashers.is_empty() {
            file.rewind().map_err(|error| self.failed("lseek", &error))?;
            hashers.read(file.take(from)).map_err(|error| self.failed("read", &error))?;
        }
        file.seek(SeekFrom::Start(from)).map_err(|error| self.failed("lseek", &error))?;
        (self.hashers, self.length, self.is_new) = (hashers, from, false);
        Ok(())
    }

    /// The same in a new file, with a new record. Whoever else has the old one open, and knows the
    /// old record, never gets bytes of two sources.
    pub fn resume_in_copy(&mut self, from: u64, record: &Record) -> Result<()> {
        let mut old = self.file()?.try_clone().map_err(|error| self.failed("dup", &error))?;
        self.restart(record)?;
        old.rewind().map_err(|error| self.failed("lseek", &error))?;
        let (mut left, mut buffer) = (from, vec![0; COPY_BUFFER]);
        while left > 0 {
            let wanted = usize::try_from(left).map_or(COPY_BUFFER, |left| left.min(COPY_BUFFER));
            let read = old.read(&mut buffer[..wanted]).map_err(|error| self.failed("read", &error))?;
            if read == 0 {
                let there = from - left;
                return Err(Error::new(Kind::Internal, format!("the part file has {there} bytes, not {from}")));
            }
            self.write(&buffer[..read])?;
            left -= read as u64;
        }
        Ok(())
    }

    pub fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.is_new = false;
        self.file()?.write_all(chunk).map_err(|error| self.failed("write", &error))?;
        self.length += chunk.len() as u64;
        self.hashers.update(chunk);
        Ok(())
    }

    /// The digests of everything written.
    pub fn digests(&self) -> Vec<Digest> {
        self.hashers.clone().finish()
    }

    /// Leaves the part file for a later call, if that could find it, and take it for one of this user.
    pub fn keep(mut self) {
        let is_own = |file: &File| file.metadata().is_ok_and(|found| trusted::is_own(&found));
        if self.infix.is_none() && self.file.as_ref().is_some_and(is_own) {
            // Nothing is left for `drop` to remove.
            (self.file, self.record_file) = (None, None);
        }
    }

    /// The whole file becomes the destination, in one step.
    pub fn publish(mut self, finish: Finish) -> Result<u64> {
        let size = self.file()?.metadata().map_err(|error| self.failed("stat", &error))?.len();
        if size != self.length {
            return Err(self.replaced());
        }
        if finish.fsync {
            self.file()?.sync_all().map_err(|error| self.failed("fsync", &error))?;
        }
        self.seal()?;
        // Last, because a mode may take away the right to read.
        #[cfg(unix)]
        self.set_mode(finish.mode)?;
        // What came there meanwhile.
        check(&self.destination)?;
        if !is_at(self.file()?, &self.part) {
            return Err(self.replaced());
        }
        windows_retry::rename(&self.part, &self.destination)
            .map_err(|error| not_replaced(&self.destination, &error))?;
        self.part.clone_from(&self.destination);
        let is_ours = is_at(self.file()?, &self.destination);
        // It has been published: nothing is left for `drop` to remove.
        self.file = None;
        let _ = remove_same(self.record_file.take().as_ref(), &self.record);
        if !is_ours && is_open(&self.destination) && !trusted::is_mine_or_gone(&self.destination) {
            // Not by another download of this user, or of the members of a group, which may well follow at once.
            return Err(self.replaced());
        }
        if finish.fsync {
            // The new name, too. Not every file system can, and the file itself is safe.
            let _ = self.destination.parent().map(|directory| File::open(directory).and_then(|it| it.sync_all()));
        }
        if let Some(directory) = self.destination.parent().filter(|it| SWEPT.is_due(it, Instant::now())) {
            sweep(directory);
        }
        Ok(size)
    }

    /// Gives the part file a name that nobody else uses, makes sure that it is the file that we wrote, and waits until
    /// nobody has it open for writing any more. It stays locked: an unlocked file would look abandoned to sweepers.
    ///
    /// A child that another thread is just starting holds a copy of every descriptor until its `exec`; a program that
    /// is run meanwhile fails with `ETXTBSY`. A kernel lock belongs to the open file description and all its copies, so
    /// once a fresh description gets the lock, no copy is left (rust-lang/rust#114554).
    fn seal(&mut self) -> Result<()> {
        // Like that of the record, so that who sweeps the one finds the other.
        let sealed = part_path(&self.destination, &self.infix.clone().unwrap_or_else(unique_infix), "sealed");
        if !is_at(self.file()?, &self.part) {
            return Err(self.replaced());
        }
        windows_retry::rename_new(&self.part, &sealed).map_err(|error| self.failed("rename", &error))?;
        if !is_at(self.file()?, &sealed) {
            // Replaced between the look and the rename: give it back to whoever it belongs to.
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

    /// What the caller asked for, or what any new file has; by the descriptor, so that no other file can get it. Where a
    /// digest was asked for, nobody else may change the file behind it, whatever the umask.
    #[cfg(unix)]
    fn set_mode(&self, asked: Option<u32>) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let usual = || {
            let mode = umask::of_new_files(self.destination.parent().unwrap_or(Path::new(".")));
            if self.fresh_hashers.is_empty() { mode } else { mode & !0o022 }
        };
        let mode = fs::Permissions::from_mode(asked.unwrap_or_else(usual));
        match self.file()?.set_permissions(mode) {
            // A mount that gives all files one owner and one mode: nobody asked for another.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && asked.is_none() => Ok(()),
            set => set.map_err(|error| self.failed("fchmod", &error)),
        }
    }

    fn replaced(&self) -> Error {
        let message = format!(
            "Failed to write file: '{}' was removed, replaced or changed by somebody else",
            self.part.display()
        );
        Error::new(Kind::File, message).with_code("ENOENT").with_syscall("rename").with_path(&self.part)
    }

    fn file(&self) -> Result<&File> {
        self.file.as_ref().ok_or_else(|| Error::new(Kind::Internal, "the part file is closed"))
    }

    fn failed(&self, syscall: &'static str, error: &io::Error) -> Error {
        Error::file("Failed to write file", syscall, &self.part, error)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.discard();
    }
}

/// A part file that was opened.
struct Part {
    path: PathBuf,
    file: File,
    infix: Option<String>,
    /// A record that lies beside it, and is this user's.
    record_file: Option<File>,
    /// What a dead process left in it; `None`: it was created now.
    found: Option<Found>,
}

/// Opens the part file of a destination.
fn open_part(destination: &Path) -> Result<Part> {
    let path = part_path(destination, "", "part");
    // A record of somebody else stays, and would say something false of our part file.
    let rounds = if is_own_or_absent(&record_path(&path)) { ROUNDS } else { 0 };
    for _ in 0..rounds {
        if let Ok(file) = create_locked(&path) {
            // Left by who was killed right after publishing, or before writing anything.
            let record_file = open_record(&path);
            return Ok(Part { path, file, infix: None, record_file, found: None });
        }
        // What cannot be opened, or is or may be somebody else's, is left alone.
        let Ok(file) = trusted::open(&path, Access::ReadWrite) else {
            break;
        };
        match try_kernel_lock(&file) {
            KernelLock::Free if is_at(&file, &path) => {
                let length = file.metadata().map_or(0, |found| found.len());
                let record_file = open_record(&path);
                let record = record_file.as_ref().and_then(read_record);
                // A file with content and without a record is not one that we left.
                if length > 0 && record.is_none() {
                    break;
                }
                // It may be of a version that left part files readable.
                #[cfg(unix)]
                let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
                return Ok(Part { path, file, infix: None, record_file, found: Some(Found { length, record }) });
            }
            // Its holder published or removed it between our open and our lock: it is no part file any more.
            KernelLock::Free => {}
            // No kernel locks that would tell, or busy: only a name of our own is safe.
            KernelLock::Busy | KernelLock::Unsupported => break,
        }
    }
    create_unique(destination)
}

/// Creates a part file under a name that nobody else has.
fn create_unique(destination: &Path) -> Result<Part> {
    let mut taken = 0;
    loop {
        let infix = unique_infix();
        let path = part_path(destination, &infix, "part");
        let file = match trusted::create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && taken < ROUNDS => {
                taken += 1;
                continue;
            }
            created => created.map_err(|error| Error::file("Failed to write file", "open", &path, &error))?,
        };
        // Tells sweepers that we live; one that came in between has the lock, and is about to remove it, or has done so.
        match try_kernel_lock(&file) {
            KernelLock::Free if is_at(&file, &path) => {}
            KernelLock::Unsupported => {}
            KernelLock::Free | KernelLock::Busy => continue,
        }
        return Ok(Part { path, file, infix: Some(infix), record_file: None, found: None });
    }
}

/// Creates a file and takes its lock. Fails where there is a file, where somebody was faster, and where locks do not tell.
fn create_locked(path: &Path) -> io::Result<File> {
    let file = trusted::create(path)?;
    match take_kernel_lock(try_kernel_lock, &file, path) {
        KernelLock::Free if is_at(&file, path) => Ok(file),
        KernelLock::Unsupported => {
            let _ = remove_same(Some(&file), path);
            Err(io::ErrorKind::Unsupported.into())
        }
        // Whoever looked at it in between has it now.
        _ => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn is_own_or_absent(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(found) => trusted::is_own(&found),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Removes a file if it is this user's alone. Only what is left although it should go is an error.
fn remove_own(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if trusted::is_own(&found) => match windows_retry::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Removes the name of a file, if it still is that file's. Only what is left although it should go is an error.
fn remove_same(file: Option<&File>, path: &Path) -> io::Result<()> {
    if !file.is_some_and(|file| is_at(file, path)) {
        return Ok(());
    }
    match windows_retry::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn open_record(part: &Path) -> Option<File> {
    trusted::open(&record_path(part), Access::Read).ok()
}

fn read_record(file: &File) -> Option<Record> {
    let mut content = Vec::new();
    file.take(RECORD_MAX).read_to_end(&mut content).ok()?;
    Record::parse(&content)
}

/// The progress of whoever downloads to this destination now, from what lies beside it: `None` without a part file of this
/// user. `holder` is the process of whom a part file under a unique name is looked for, where none has the usual name.
pub fn observe(destination: &Path, holder: Option<u32>) -> Option<Observed> {
    let usual = part_path(destination, "", "part");
    of_part(&usual).or_else(|| of_part(&unique_part(destination, holder?)?))
}

/// The progress of one part file.
fn of_part(part: &Path) -> Option<Observed> {
    // Without a record it is not one of a download that goes on.
    let record = read_record(&open_record(part)?)?;
    let found = fs::symlink_metadata(part).ok().filter(trusted::is_own)?;
    Some(Observed { downloaded: found.len(), total: record.total })
}

/// The part file under a unique name that a process has for this destination. Reads the whole directory.
fn unique_part(destination: &Path, process: u32) -> Option<PathBuf> {
    let begins = part_path(destination, &format!(".{process}-"), "");
    let begins = begins.file_name()?.to_str()?.strip_suffix('.')?.to_owned();
    let is_of_process = |name: &str| {
        let random = name.strip_prefix(&begins).and_then(|rest| rest.strip_suffix(".part"));
        random.is_some_and(|random| is_unique_infix(&format!("{process}-{random}")))
    };
    let entries = fs::read_dir(destination.parent()?).ok()?.flatten();
    entries
        .map(|entry| entry.path())
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_of_process))
}

/// `.<process>-<random>`: a name that nobody else has.
fn unique_infix() -> String {
    format!(".{}-{:08x}", std::process::id(), fastrand::u32(..))
}

fn part_path(destination: &Path, infix: &str, suffix: &str) -> PathBuf {
    // The longest suffix decides whether the name is cut, so that all names of one destination start alike.
    const ROOM: usize = 48;
    let name = destination.file_name().unwrap_or_default().to_string_lossy();
    destination.with_file_name(format!("{}{infix}.{suffix}", shortened(&name, ROOM)))
}

fn record_path(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Removes part files of this user under unique names that no living process holds, whichever destination in this directory they
/// were for. Reads the whole directory, so not at every publication.
fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((stem, suffix)) = name.to_str().and_then(|name| name.rsplit_once('.')) else {
            continue;
        };
        let is_abandoned = match suffix {
            _ if !stem.rsplit_once('.').is_some_and(|(_, infix)| is_unique_infix(infix)) => false,
            "part" => true,
            // Unlocked for a moment between closing and renaming.
            "sealed" => age(&entry.path()).is_some_and(|age| age >= ORPHAN_MIN_AGE),
            _ => false,
        };
        if !is_abandoned {
            continue;
        }
        let Ok(file) = trusted::open(&entry.path(), Access::ReadWrite) else {
            continue;
        };
        if try_kernel_lock(&file) == KernelLock::Free && is_at(&file, &entry.path()) {
            let _ = remove_own(&record_path(&entry.path().with_extension("part")));
            let _ = remove_own(&entry.path());
        }
    }
}

/// As [`unique_infix`] makes it, and nothing that a user may have named so.
fn is_unique_infix(infix: &str) -> bool {
    infix.split_once('-').is_some_and(|(process, random)| {
        process.bytes().all(|byte| byte.is_ascii_digit())
            && random.len() == 8
            && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}
