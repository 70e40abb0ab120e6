//! The decoder of one coding: a run over bytes that are there, without waiting for more.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::Decompress;
use zstd::stream::raw::{Decoder as Zstd, Operation};

use super::coding::{Coding, broken};
use super::gzip::Gzip;
use super::inflate::{Reason, Run, inflated};
use crate::base::error::Result;

pub enum Decoder {
    Undecided,
    Gzip(Box<Gzip>),
    Zlib(Decompress),
    /// Deflate without zlib around it.
    Bare(Decompress),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(Zstd<'static>),
}

impl Decoder {
    pub fn new(coding: Coding) -> Result<Self> {
        let memory = StandardAlloc::default;
        Ok(match coding {
            Coding::Gzip => Self::Gzip(Box::new(Gzip::new())),
            // Decided by the first byte.
            Coding::Deflate => Self::Undecided,
            // Strict: without the windows of 1 GB that are no part of the coding.
            Coding::Brotli => Self::Brotli(Box::new(BrotliState::new_strict(memory(), memory(), memory()))),
            Coding::Zstd => Self::Zstd(Zstd::new().map_err(broken)?),
        })
    }

    /// For the next member; zstd sees to its frames itself.
    pub fn restart(&mut self) {
        if let Self::Gzip(gzip) = self {
            gzip.reset();
        }
    }

    pub fn lacks_its_trailer_only(&self) -> bool {
        matches!(self, Self::Gzip(gzip) if gzip.lacks_trailer_only())
    }

    /// Some servers write the checksum of zlib behind bare deflate; curl lets as much pass.
    pub const fn tolerated(&self) -> usize {
        if matches!(self, Self::Bare(_)) { 4 } else { 0 }
    }

    pub fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
        if let (Self::Undecided, Some(first)) = (&self, input.first()) {
            // RFC 9110 means zlib; some servers send the bare stream. CMF of zlib always names method 8.
            *self =
                if first & 0x0f == 8 { Self::Zlib(Decompress::new(true)) } else { Self::Bare(Decompress::new(false)) };
        }
        match self {
            Self::Undecided => Ok(Run::default()),
            Self::Gzip(gzip) => gzip.run(input, output),
            Self::Zlib(inflate) | Self::Bare(inflate) => inflated(inflate, input, output),
            Self::Brotli(state) => {
                let (mut left, mut room, mut run) = (input.len(), output.len(), Run::default());
                let result = BrotliDecompressStream(
                    &mut left,
                    &mut run.read,
                    input,
                    &mut room,
                    &mut run.written,
                    output,
                    &mut 0,
                    state,
                );
                match result {
                    BrotliResult::ResultFailure => Err(Reason::Data),
                    BrotliResult::ResultSuccess => Ok(Run { ended: true, ..run }),
                    BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(run),
                }
            }
            Self::Zstd(zstd) => {
                let status = zstd.run_on_buffers(input, output).map_err(|error| Reason::Told(error.to_string()))?;
                // Called for what it holds back, it may have nothing, and not be at an end either.
                let ended = status.remaining == 0 && !(input.is_empty() && status.bytes_written == 0);
                Ok(Run { read: status.bytes_read, written: status.bytes_written, ended })
            }
        }
    }
}
