//! Deflate (RFC 1951), and the types that every decoder returns.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

/// The progress of one run of a decoder, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub read: usize,
    pub written: usize,
    /// Whether a member, frame or stream has ended.
    pub ended: bool,
}

/// The reason why data cannot be decoded.
#[derive(Debug)]
pub enum Reason {
    Data,
    Header,
    Checksum,
    Length,
    /// The message of the decoder.
    Message(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Data => "invalid data",
            Self::Header => "invalid header",
            Self::Checksum => "the checksum differs",
            Self::Length => "the length differs",
            Self::Message(text) => text,
        })
    }
}

/// Runs a decoder of deflate once.
pub fn inflate(decoder: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
    let (read, written) = (decoder.total_in(), decoder.total_out());
    let status = decoder.decompress(input, output, FlushDecompress::None).map_err(|_| Reason::Data)?;
    // Both are lengths within a buffer.
    let part = |length: u64| usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Run {
        read: part(decoder.total_in() - read),
        written: part(decoder.total_out() - written),
        ended: status == Status::StreamEnd,
    })
}
