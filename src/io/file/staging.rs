//! The part file of a download: created or taken over, written, and renamed to the destination. The
//! only code that writes destinations.
//!
//! The part file is beside the destination, so that the rename never crosses file systems. A kernel
//! lock on it ensures that two downloads never write one part file. If another live download has
//! `<name>.part`, a unique name is used. A `<name>.part` that a dead process left is taken over,
//! and resumed where [`resume`](crate::policy::http::resume) allows it. Part files with unique
//! names that dead processes left are removed by a later publication in the same directory.
//!
//! The [`Record`] beside it (`<name>.part.json`) states what the bytes are a part of, and announces
//! the expected size to waiters in other processes. It never describes bytes that it was not
//! written for: it is replaced while the part file is empty.
//!
//! Other users may be able to write to the directory. A part file or a record that is not this
//! user's alone (see [`trusted`]) is left where it is, unread; this download then uses a unique
//! name. Until its publication a file is readable by its owner only. Then its mode is changed by
//! the descriptor, it is renamed, and its identity is checked once more.
//!
//! Correctness does not depend even on the part file's lock, because some file systems grant one
//! lock twice. An inode receives the bytes of one representation only, each at its own offset: a
//! download that starts from zero creates a new inode, and nothing is ever truncated. So two
//! writers of one inode write the same bytes. The first to finish publishes a whole file, and the
//! other finds its part file gone.

mod names;
mod part;
mod publish;
mod ranged;
mod record;
mod sweep;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::{Algorithm, Digest};
use crate::io::file::destination::check;
use crate::io::file::digest::Hashers;
use crate::io::file::lock::is_at;
use crate::io::file::offsets::{Section, write_all_at};
use crate::io::file::trusted::{self, Access};
use crate::io::file::windows_retry;
use crate::policy::http::ranges::Ranges;
use crate::policy::http::resume::Record;

use self::names::record_path;
pub use self::part::Found;
use self::part::{Part, create_locked, create_unique, open_part, remove_same};
use self::ranged::Ranged;
use self::record::open_record;
pub use self::record::{Observed, Progress, observe};

/// Bytes that are copied from one part file to another at a time.
const COPY_BUFFER: usize = 256 << 10;

/// A part file that this process holds. Removed when dropped, unless it was published or kept.
#[derive(Debug)]
pub struct Staging {
    destination: PathBuf,
    part: PathBuf,
    record: PathBuf,
    /// The record, if it is to be removed by this process.
    record_file: Option<File>,
    /// The infix of a unique name. `None` if the part file has the name under which a later call
    /// looks for it.
    infix: Option<String>,
    /// Whether this process created the file and has not written to it yet.
    is_new: bool,
    file: Option<File>,
    /// The bytes that are there.
    present: Ranges,
    /// The offset of the next byte, where bytes come one after the other.
    position: u64,
    /// The record, if the part file may have holes.
    ranged: Option<Ranged>,
    /// Of the first `hashed` bytes.
    hashers: Hashers,
    hashed: u64,
    fresh_hashers: Hashers,
}

/// Options of a publication.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish {
    pub mode: Option<u32>,
    pub fsync: bool,
}

impl Staging {
    /// Creates the directory and the part file of a destination, or takes over a part file that a
    /// dead process left.
    pub fn open(destination: &Path, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<(Self, Found)> {
        let directory = destination.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(|error| {
            // `EEXIST` would be misleading for a file where a directory is needed.
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
            present: found.present(),
            position: 0,
            ranged: found.record.as_ref().and_then(Ranged::new),
            fresh_hashers: hashers.clone(),
            hashers,
            hashed: 0,
        };
        Ok((staging, found))
    }

    /// Starts a part file for a new representation.
    pub fn restart(&mut self, record: &Record) -> Result<()> {
        if !self.is_new {
            self.replace()?;
        }
        (self.present, self.position, self.ranged) = (Ranges::default(), 0, Ranged::new(record));
        self.forget_digests();
        if !self.write_record(record)? {
            // A file of another user has the name of the record, and would describe these bytes.
            self.leave_name()?;
            self.write_record(record)?;
        }
        Ok(())
    }

    /// Replaces the record. Returns `false` if its name is taken. Without a record the part cannot
    /// be resumed, which is safe; with the old one it could be resumed wrongly.
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

    /// Replaces a part file that was written to by an empty one.
    fn replace(&mut self) -> Result<()> {
        self.discard();
        match create_locked(&self.part) {
            Ok(file) => (self.file, self.record_file) = (Some(file), open_record(&self.part, Access::ReadWrite)),
            Err(_) => self.take(create_unique(&self.destination)?),
        }
        self.is_new = true;
        Ok(())
    }

    /// Continues under a unique name.
    fn leave_name(&mut self) -> Result<()> {
        self.discard();
        self.take(create_unique(&self.destination)?);
        Ok(())
    }

    fn take(&mut self, Part { path, file, infix, .. }: Part) {
        self.record = record_path(&path);
        (self.part, self.file, self.infix) = (path, Some(file), infix);
    }

    /// Removes the part file and its record. The lock is still held meanwhile, so that nobody takes
    /// over a file that is about to vanish.
    fn discard(&mut self) {
        // The part file first: a process that is killed in between leaves a record without a part
        // file, which is replaced. A part file without a record would be left for ever.
        if self.file.as_ref().is_some_and(|file| is_at(file, &self.part)) {
            let _ = windows_retry::remove_file(&self.part);
        }
        let _ = remove_same(self.record_file.take().as_ref(), &self.record);
    }

    /// Prepares the part file for the byte at the offset `from`. What is behind that is written
    /// anew.
    pub fn resume(&mut self, from: u64) -> Result<()> {
        self.require(from)?;
        self.present.truncate(from);
        (self.position, self.is_new) = (from, false);
        if self.hashed > from {
            self.forget_digests();
        }
        self.catch_up()
    }

    /// Writes the next bytes.
    pub fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.write_at(self.position, chunk)?;
        self.position += chunk.len() as u64;
        Ok(())
    }

    /// Prepares a new part file, with the first `from` bytes of this one, for the byte at that
    /// offset. Another process that has the old file open, and knows the old record, so never gets
    /// bytes of two sources.
    pub fn resume_in_copy(&mut self, from: u64, record: &Record) -> Result<()> {
        self.require(from)?;
        let old = self.file()?.try_clone().map_err(|error| self.failed("dup", &error))?;
        self.restart(record)?;
        let (mut old, mut buffer) = (Section::new(&old, 0..from), vec![0; COPY_BUFFER]);
        loop {
            match old.read(&mut buffer).map_err(|error| self.failed("read", &error))? {
                0 => return Ok(()),
                count => self.write(&buffer[..count])?,
            }
        }
    }

    /// Fails if fewer than the first `from` bytes are there: the gap would be filled with zeros.
    fn require(&self, from: u64) -> Result<()> {
        let contiguous = self.present.frontier();
        if contiguous < from {
            return Err(Error::new(Kind::Internal, format!("the part file has {contiguous} bytes, not {from}")));
        }
        Ok(())
    }

    /// Writes bytes anywhere.
    pub fn write_at(&mut self, offset: u64, chunk: &[u8]) -> Result<()> {
        self.is_new = false;
        write_all_at(self.file()?, chunk, offset).map_err(|error| self.failed("write", &error))?;
        let end = offset + chunk.len() as u64;
        self.present.insert(offset..end);
        if offset == self.hashed {
            self.hashers.update(chunk);
            self.hashed = end;
        } else if offset < self.hashed {
            // The digests are of what is in the file.
            self.forget_digests();
        }
        self.catch_up()?;
        let is_due = self.ranged.as_ref().is_some_and(|ranged| ranged.is_due(self.present.sum()));
        if is_due { self.save_ranges() } else { Ok(()) }
    }

    /// Continues a part file as one that may have holes.
    pub fn allow_holes(&mut self, record: &Record) -> Result<()> {
        self.ranged = Ranged::new(record);
        self.save_ranges()
    }

    /// Writes the record of a part file that may have holes.
    fn save_ranges(&mut self) -> Result<()> {
        if let (Some(ranged), Some(file)) = (&mut self.ranged, &self.record_file)
            && ranged.save(file, &self.present).is_err()
        {
            // Without a record nothing is resumed. With one that is torn something might be.
            let file = self.record_file.take();
            remove_same(file.as_ref(), &self.record).map_err(|error| self.failed("unlink", &error))?;
        }
        Ok(())
    }

    /// Computes digests up to the first byte that is missing. What was received ahead of others is
    /// read from the file, while the system still has it in memory.
    fn catch_up(&mut self) -> Result<()> {
        let behind = self.hashed..self.present.frontier();
        if !behind.is_empty() && !self.hashers.is_empty() {
            let mut hashers = std::mem::take(&mut self.hashers);
            let read = hashers.read(Section::new(self.file()?, behind.clone()));
            self.hashers = hashers;
            read.map_err(|error| self.failed("read", &error))?;
        }
        self.hashed = behind.end;
        Ok(())
    }

    fn forget_digests(&mut self) {
        (self.hashers, self.hashed) = (self.fresh_hashers.clone(), 0);
    }

    /// The digests of all bytes so far.
    pub fn digests(&self) -> Vec<Digest> {
        self.hashers.clone().finish()
    }

    /// Leaves the part file for a later call, if that call can find it and will accept it as this
    /// user's.
    pub fn keep(mut self) {
        let is_own = |file: &File| file.metadata().is_ok_and(|found| trusted::is_own(&found));
        if self.infix.is_none() && self.file.as_ref().is_some_and(is_own) && self.save_ranges().is_ok() {
            // Nothing is left for `drop` to remove.
            (self.file, self.record_file) = (None, None);
        }
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
