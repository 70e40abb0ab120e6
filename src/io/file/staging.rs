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
mod record;
mod sweep;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::{Algorithm, Digest};
use crate::io::file::destination::check;
use crate::io::file::digest::Hashers;
use crate::io::file::lock::is_at;
use crate::io::file::trusted;
use crate::io::file::windows_retry;
use crate::policy::http::resume::Record;

use self::names::record_path;
pub use self::part::Found;
use self::part::{Part, create_locked, create_unique, open_part, remove_same};
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
    /// The length of the part so far, which is the offset of the next byte.
    length: u64,
    hashers: Hashers,
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
            length: 0,
            fresh_hashers: hashers.clone(),
            hashers,
        };
        Ok((staging, found))
    }

    /// Starts a part file for a new representation.
    pub fn restart(&mut self, record: &Record) -> Result<()> {
        if !self.is_new {
            self.replace()?;
        }
        self.length = 0;
        self.hashers = self.fresh_hashers.clone();
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
            Ok(file) => (self.file, self.record_file) = (Some(file), open_record(&self.part)),
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
        let _ = remove_same(self.record_file.take().as_ref(), &self.record);
        if self.file.as_ref().is_some_and(|file| is_at(file, &self.part)) {
            let _ = windows_retry::remove_file(&self.part);
        }
    }

    /// Prepares the part file for the byte at the offset `from`.
    pub fn resume(&mut self, from: u64) -> Result<()> {
        let mut file = self.file()?;
        let length = file.metadata().map_err(|error| self.failed("stat", &error))?.len();
        if length < from {
            // The gap would be filled with zeros.
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

    /// Prepares a new part file, with the first `from` bytes of this one, for the byte at that
    /// offset. Another process that has the old file open, and knows the old record, so never gets
    /// bytes of two sources.
    pub fn resume_in_copy(&mut self, from: u64, record: &Record) -> Result<()> {
        let mut old = self.file()?.try_clone().map_err(|error| self.failed("dup", &error))?;
        self.restart(record)?;
        old.rewind().map_err(|error| self.failed("lseek", &error))?;
        let (mut left, mut buffer) = (from, vec![0; COPY_BUFFER]);
        while left > 0 {
            let wanted = usize::try_from(left).map_or(COPY_BUFFER, |left| left.min(COPY_BUFFER));
            let read = old.read(&mut buffer[..wanted]).map_err(|error| self.failed("read", &error))?;
            if read == 0 {
                let length = from - left;
                return Err(Error::new(Kind::Internal, format!("the part file has {length} bytes, not {from}")));
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

    /// The digests of all bytes so far.
    pub fn digests(&self) -> Vec<Digest> {
        self.hashers.clone().finish()
    }

    /// Leaves the part file for a later call, if that call can find it and will accept it as this
    /// user's.
    pub fn keep(mut self) {
        let is_own = |file: &File| file.metadata().is_ok_and(|found| trusted::is_own(&found));
        if self.infix.is_none() && self.file.as_ref().is_some_and(is_own) {
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
