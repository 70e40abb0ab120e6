//! One line at the end of a file that several processes write to.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::io::file::lock::try_kernel_lock;
use crate::io::file::trusted::{self, Access};
use crate::policy::lock::staleness::KernelLock;

/// Longest wait for others that write at this moment. One that is stopped must not keep this
/// process from ending: without the lock, at worst an empty line is written.
const TURN_MAX: Duration = Duration::from_secs(2);
const TURN_POLL: Duration = Duration::from_millis(1);

/// Appends a line by one `write`, so that lines of other processes are never in the middle of it. A
/// file that is not there is created for its owner alone; one that may not be trusted is refused:
/// see [`trusted`].
pub fn append(path: &Path, line: &str) -> io::Result<()> {
    let file = match open(path) {
        // Created by somebody else since the first look.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => trusted::open(path, Access::Append)?,
        opened => opened?,
    };
    write(&file, line)
}

fn open(path: &Path) -> io::Result<File> {
    match trusted::open(path, Access::Append) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Opened again: who creates it does not write at its end.
            drop(trusted::create(path)?);
            trusted::open(path, Access::Append)
        }
        opened => opened,
    }
}

/// Not `write_all`: the rest of a line would come after a line of somebody else.
fn write(mut file: &File, line: &str) -> io::Result<()> {
    // Released when the file is closed. A line that is being written looks like one that was cut.
    let until = Instant::now() + TURN_MAX;
    while try_kernel_lock(file) == KernelLock::Busy && Instant::now() < until {
        sleep(TURN_POLL);
    }
    // A full disk takes the beginning of a line. The next one must not continue it.
    let line = if ends_within_line(file)? { Cow::Owned(format!("\n{line}")) } else { Cow::Borrowed(line) };
    let written = file.write(line.as_bytes())?;
    if written == line.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
}

fn ends_within_line(mut file: &File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_of_many_threads_stay_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        append(path, &format!("{}\n", thread.to_string().repeat(3_000))).unwrap();
                    }
                });
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 400);
        assert!(text.lines().all(|line| line.len() == 3_000 && line.bytes().all(|byte| byte == line.as_bytes()[0])));
    }

    #[test]
    fn a_line_does_not_continue_one_that_was_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        append(&path, "{\"cut\":").unwrap();
        append(&path, "whole\n").unwrap();
        append(&path, "next\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"cut\":\nwhole\nnext\n");
    }

    #[test]
    fn a_writer_that_is_stopped_holds_up_no_one_for_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        append(&path, "first\n").unwrap();
        let stopped = trusted::open(&path, Access::Append).unwrap();
        assert_eq!(try_kernel_lock(&stopped), KernelLock::Free);
        append(&path, "second\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (link, target) = (directory.path().join("link"), directory.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(append(&link, "line\n").is_err() && !target.exists());
        fs::write(&target, "").unwrap();
        assert!(append(&link, "line\n").is_err() && fs::read(&target).unwrap().is_empty());
    }
}
