//! The record beside a part file, and the progress that other processes read from it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::io::file::staging::names::{is_unique_infix, part_path, record_path};
use crate::io::file::trusted::{self, Access};
use crate::policy::http::resume::Record;

/// Limit of the size of a record, which has a few hundred bytes.
const RECORD_MAX: u64 = 64 << 10;

/// The progress of a download of known total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub downloaded: u64,
    pub total: u64,
}

/// The progress of another process's download. The total may be unknown.
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

pub fn open_record(part: &Path, access: Access) -> Option<File> {
    trusted::open(&record_path(part), access).ok()
}

pub fn read_record(file: &File) -> Option<Record> {
    let mut content = Vec::new();
    file.take(RECORD_MAX).read_to_end(&mut content).ok()?;
    Record::parse(&content)
}

/// The progress of the current download to this destination in any process, read from its part file
/// and record. `None` without a part file of this user. If there is none under the usual name, the
/// one that the process `holder` has under a unique name counts.
pub fn observe(destination: &Path, holder: Option<u32>) -> Option<Observed> {
    let usual = part_path(destination, "", "part");
    of_part(&usual).or_else(|| of_part(&unique_part(destination, holder?)?))
}

/// The progress of one part file. Without a record it does not belong to a current download.
fn of_part(part: &Path) -> Option<Observed> {
    let record = read_record(&open_record(part, Access::Read)?)?;
    let found = fs::symlink_metadata(part).ok().filter(trusted::is_own)?;
    Some(Observed { downloaded: record.present(found.len()).sum(), total: record.total })
}

/// The part file that a process has under a unique name. Reads the whole directory.
fn unique_part(destination: &Path, process: u32) -> Option<PathBuf> {
    let name_of = |path: &Path| path.file_name().and_then(OsStr::to_str).map(str::to_owned);
    let prefix = name_of(&part_path(destination, &format!(".{process}-"), ""))?;
    let prefix = prefix.strip_suffix('.')?;
    let is_of_process = |path: &PathBuf| {
        let name = name_of(path).unwrap_or_default();
        let random = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(".part"));
        random.is_some_and(|random| is_unique_infix(&format!("{process}-{random}")))
    };
    fs::read_dir(destination.parent()?).ok()?.flatten().map(|entry| entry.path()).find(is_of_process)
}
