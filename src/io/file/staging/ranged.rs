//! The record of a part file with holes, which several connections fill. It lists the ranges that are there, as the
//! length of the file says nothing.
//!
//! It is written after the bytes that it speaks of, so that whoever is killed leaves a record that is true: it may
//! know of fewer bytes than there are. It is changed in place, in one write, and never becomes shorter: what is read
//! while it is written is either record, or none.

use std::time::{Duration, Instant};

use crate::base::error::Result;
use crate::io::file::offsets::write_all_at;
use crate::io::file::staging::Staging;
use crate::io::file::staging::part::remove_same;
use crate::policy::http::resume::Record;

/// Bytes that may have to be fetched again by whoever comes after a process that was killed, unless they came within
/// [`OFTEN`].
const BYTES: u64 = 1 << 20;
const OFTEN: Duration = Duration::from_millis(4);
/// The record is that old at most while bytes come.
const SELDOM: Duration = Duration::from_millis(100);

/// What was last written.
#[derive(Debug)]
pub struct Ranged {
    record: Record,
    /// Bytes of the file that it knows of.
    sum: u64,
    at: Instant,
    /// Its length.
    length: usize,
}

impl Ranged {
    /// `None` for the record of a part file without holes.
    pub fn new(record: &Record) -> Option<Self> {
        let sum = record.ranges.as_ref()?.sum();
        Some(Self { record: record.clone(), sum, at: Instant::now(), length: record.to_json().len() })
    }
}

impl Staging {
    /// Goes on with a part file as one with holes.
    pub fn allow_holes(&mut self, record: &Record) -> Result<()> {
        let length = self.record_file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |found| found.len());
        self.ranged = Ranged::new(record);
        if let Some(ranged) = &mut self.ranged {
            ranged.length = ranged.length.max(usize::try_from(length).unwrap_or_default());
        }
        self.save_ranges()
    }

    /// Writes the record anew, unless it is still good enough.
    pub fn update_record(&mut self) -> Result<()> {
        let is_due = self.ranged.as_ref().is_some_and(|ranged| {
            let (age, sum) = (ranged.at.elapsed(), self.present.sum());
            age >= SELDOM || (sum >= ranged.sum + BYTES && age >= OFTEN)
        });
        if is_due { self.save_ranges() } else { Ok(()) }
    }

    /// Writes the record of a part file with holes.
    pub fn save_ranges(&mut self) -> Result<()> {
        let Some(ranged) = &mut self.ranged else {
            return Ok(());
        };
        ranged.record.ranges = Some(self.present.clone());
        let mut content = ranged.record.to_json();
        ranged.length = ranged.length.max(content.len());
        content.extend(std::iter::repeat_n(' ', ranged.length - content.len()));
        (ranged.sum, ranged.at) = (self.present.sum(), Instant::now());
        let Some(file) = &self.record_file else {
            return Ok(());
        };
        if write_all_at(file, content.as_bytes(), 0).is_err() {
            // Without a record nothing is continued. With a torn one it might be.
            let file = self.record_file.take();
            remove_same(file.as_ref(), &self.record).map_err(|error| self.failed("unlink", &error))?;
        }
        Ok(())
    }
}
