//! The record beside a part file, and the progress that other processes read from it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::io::file::staging::names::{part_path, record_path};
use crate::io::file::trusted::{self, Access};
use crate::policy::http::resume::Record;

/// Limit of the size of a record, which has a few hundred bytes.
const RECORD_MAX: u64 = 64 << 10;

/// The progress of another process's download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub downloaded: u64,
    pub total: u64,
}

pub fn open_record(part: &Path) -> Option<File> {
    trusted::open(&record_path(part), Access::Read).ok()
}

pub fn read_record(file: &File) -> Option<Record> {
    let mut content = Vec::new();
    file.take(RECORD_MAX).read_to_end(&mut content).ok()?;
    Record::parse(&content)
}

/// The progress of the current download to this destination in any process, read from its part file
/// and record.
pub fn observe(destination: &Path) -> Option<Progress> {
    let part = part_path(destination, "", "part");
    let total = read_record(&open_record(&part)?)?.total?;
    let found = fs::symlink_metadata(part).ok().filter(trusted::is_own)?;
    let downloaded = found.len().min(total);
    Some(Progress { downloaded, total })
}
