//! The record of a part file with holes, which several connections fill. It lists the ranges that
//! are there, as the length of the file says nothing.
//!
//! It is written after the bytes that it lists, so that a process that is killed leaves a record
//! that is true: it may list fewer bytes than there are. It is changed in place, in one write, and
//! never becomes shorter: a reader sees a valid record, or an invalid one, which counts as none.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use crate::io::file::offsets::write_all_at;
use crate::policy::http::ranges::Ranges;
use crate::policy::http::resume::Record;

/// Bytes that may have to be fetched again after a process was killed, unless they came within
/// [`OFTEN`].
const BYTES: u64 = 1 << 20;
const OFTEN: Duration = Duration::from_millis(4);
/// The greatest age of the record while bytes are received.
const SELDOM: Duration = Duration::from_millis(100);

/// The record as it was last written.
#[derive(Debug)]
pub struct Ranged {
    record: Record,
    /// Bytes of the file that it lists.
    sum: u64,
    at: Instant,
    /// Bytes of the record itself.
    length: usize,
}

impl Ranged {
    /// `None` for the record of a part file without holes.
    pub fn new(record: &Record) -> Option<Self> {
        let sum = record.ranges.as_ref()?.sum();
        Some(Self { record: record.clone(), sum, at: Instant::now(), length: 0 })
    }

    /// Whether the record should be written again, for a file in which this many bytes are there.
    pub fn is_due(&self, sum: u64) -> bool {
        let age = self.at.elapsed();
        age >= SELDOM || (sum >= self.sum + BYTES && age >= OFTEN)
    }

    /// Writes the record.
    pub fn save(&mut self, file: &File, present: &Ranges) -> io::Result<()> {
        if self.length == 0 {
            self.length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
        }
        self.record.ranges = Some(present.clone());
        let mut content = self.record.to_json();
        self.length = self.length.max(content.len());
        content.extend(std::iter::repeat_n(' ', self.length - content.len()));
        write_all_at(file, content.as_bytes(), 0)?;
        (self.sum, self.at) = (present.sum(), Instant::now());
        Ok(())
    }
}
