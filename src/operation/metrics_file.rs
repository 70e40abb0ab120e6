//! The file of metrics: one line for what a process has counted, and the sum of the lines of many.

use std::io::BufRead;
use std::path::Path;

use crate::base::error::{Error, Result};
use crate::io::file::append::append;
use crate::io::file::trusted::open_followed;
use crate::metrics::json::{LINE_MAX, Writer, line, read_line};
use crate::metrics::registry::{Registry, now};
use crate::metrics::snapshot::Snapshot;

/// Appends what has been counted since the last line of this process. Returns whether that was
/// anything.
pub fn flush(path: &Path) -> Result<bool> {
    Registry::shared().write(|unwritten| {
        let writer = Writer { pid: std::process::id(), version: env!("CARGO_PKG_VERSION"), until: now() };
        append(path, &line(unwritten, writer))
            .map_err(|error| Error::file("Failed to append to the file of metrics", "open", path, &error))
    })
}

/// The sum of a file of metrics.
#[derive(Debug, Default, PartialEq)]
pub struct Sum {
    pub snapshot: Snapshot,
    /// Lines that were added up.
    pub lines: u64,
    /// Lines that could not be read.
    pub broken: u64,
}

/// Adds up the lines of a file. Blocks.
pub fn sum(path: &Path) -> Result<Sum> {
    let failed = |error| Error::file("Failed to read the file of metrics", "read", path, &error);
    let file = open_followed(path).map_err(failed)?;
    let file = file.ok_or_else(|| failed(std::io::Error::other("it is no regular file")))?;
    sum_lines(std::io::BufReader::new(file)).map_err(failed)
}

fn sum_lines(mut lines: impl BufRead) -> std::io::Result<Sum> {
    let (mut sum, mut bytes) = (Sum::default(), Vec::new());
    while next_line(&mut lines, &mut bytes)? {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match std::str::from_utf8(&bytes).ok().and_then(read_line) {
            Some(snapshot) => {
                sum.snapshot.merge(&snapshot);
                sum.lines += 1;
            }
            None => sum.broken += 1,
        }
    }
    Ok(sum)
}

/// Reads a line, or the beginning of one that is too long to be ours. `false`: there is none.
fn next_line(lines: &mut impl BufRead, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
    bytes.clear();
    let mut is_there = false;
    loop {
        let read = lines.fill_buf()?;
        if read.is_empty() {
            return Ok(is_there);
        }
        is_there = true;
        let end = read.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(read.len(), |end| end + 1);
        // One byte more than a line may have makes it broken JSON.
        let room = (4 * LINE_MAX).saturating_sub(bytes.len());
        bytes.extend_from_slice(&read[..length.min(room)]);
        lines.consume(length);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Counter;

    #[test]
    fn broken_lines_are_counted_and_passed_over() {
        let one = r#"{"v":1,"since":5,"requests":{"total":3},"errors":[]}"#;
        let other = r#"{"v":1,"since":4,"requests":{"total":4,"byStatus":{"2xx":2}}}"#;
        let text = format!("{one}\n\n{{\"v\":1,\n\u{fffd}\n{}\n{other}\n{}", "x".repeat(1 << 20), &one[..20]);
        let sum = sum_lines(text.as_bytes()).unwrap();
        assert_eq!((sum.lines, sum.broken, sum.snapshot.since), (2, 4, 4));
        assert_eq!(sum.snapshot.counter(Counter::RequestsTotal), 7);
        assert_eq!(sum.snapshot.counter(Counter::Status2xx), 2);
    }

    #[test]
    fn an_empty_file_is_the_sum_of_nothing() {
        assert_eq!(sum_lines(&b""[..]).unwrap(), Sum::default());
    }
}
