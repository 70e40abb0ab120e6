//! Deflate (RFC 1951), and the types that every decoder returns.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub read: usize,
    pub written: usize,
    pub ended: bool,
}

/// Why data cannot be decoded.
#[derive(Debug)]
pub enum Reason {
    Data,
    Header,
    Checksum,
    Length,
    Told(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Data => "invalid data",
            Self::Header => "invalid header",
            Self::Checksum => "the checksum differs",
            Self::Length => "the length differs",
            Self::Told(text) => text,
        })
    }
}

pub fn inflated(inflate: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
    let (read, written) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, output, FlushDecompress::None).map_err(|_| Reason::Data)?;
    // Both are parts of a buffer.
    let part = |length: u64| usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Run {
        read: part(inflate.total_in() - read),
        written: part(inflate.total_out() - written),
        ended: status == Status::StreamEnd,
    })
}
