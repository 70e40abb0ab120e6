//! The record beside a part file, and the progress that other processes read from it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::io::file::staging::names::{part_path, record_path};
use crate::io::file::trusted::{self, Access};
use crate::policy::http::resume::Record;

/// Bytes of a record at most: it has a few hundred.
const RECORD_MAX: u64 = 64 << 10;

/// How far the download of somebody else has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub downloaded: u64,
    pub total: u64,
}

pub fn open_record(part: &Path, access: Access) -> Option<File> {
    trusted::open(&record_path(part), access).ok()
}

pub fn read_record(file: &File) -> Option<Record> {
    let mut content = Vec::new();
    file.take(RECORD_MAX).read_to_end(&mut content).ok()?;
    Record::parse(&content)
}

/// The progress of whoever downloads to this destination now, from what lies beside it.
pub fn observe(destination: &Path) -> Option<Progress> {
    let part = part_path(destination, "", "part");
    let record = read_record(&open_record(&part, Access::Read)?)?;
    let total = record.total?;
    let found = fs::symlink_metadata(part).ok().filter(trusted::is_own)?;
    let downloaded = record.present(found.len()).sum().min(total);
    Some(Progress { downloaded, total })
}
