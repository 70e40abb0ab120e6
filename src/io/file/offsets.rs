//! Reads and writes at offsets, which several connections do in one file.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

/// Writes all bytes, beginning at an offset. The position of the file does not matter, and may
/// change.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    #[cfg(windows)]
    {
        let (mut bytes, mut offset) = (bytes, offset);
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(file, bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => (bytes, offset) = (&bytes[count..], offset + count as u64),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The bytes of a range of a file. Ends with an error where the file is shorter.
#[derive(Debug)]
pub struct Section<'a> {
    file: &'a File,
    range: Range<u64>,
}

impl<'a> Section<'a> {
    pub fn new(file: &'a File, range: Range<u64>) -> Self {
        Self { file, range }
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Range { start, end } = self.range;
        let left = usize::try_from(end - start).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(self.file, &mut buffer[..wanted], start)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(self.file, &mut buffer[..wanted], start)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.range.start += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_and_read_at_their_offsets() {
        let file = tempfile::tempfile().unwrap();
        write_all_at(&file, b"world", 6).unwrap();
        write_all_at(&file, b"hello ", 0).unwrap();
        let mut read = String::new();
        Section::new(&file, 4..8).read_to_string(&mut read).unwrap();
        assert_eq!(read, "o wo");
        let past_end = Section::new(&file, 8..12).read_to_string(&mut read).unwrap_err();
        assert_eq!(past_end.kind(), io::ErrorKind::UnexpectedEof);
    }
}
