//! The decoders of the codings, behind one type.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::Decompress;
use zstd::stream::raw::{Decoder as Zstd, Operation};

use crate::base::error::Result;
use crate::policy::http::decoding::coding::{Coding, broken};
use crate::policy::http::decoding::gzip::Gzip;
use crate::policy::http::decoding::inflate::{Reason, Run, inflate};

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// A decoder of one coding.
pub enum Decoder {
    /// Of `deflate`, before its first byte.
    Undecided,
    Gzip(Box<Gzip>),
    Zlib(Decompress),
    /// Deflate without the zlib format around it.
    Bare(Decompress),
    Brotli(Box<Brotli>),
    Zstd(Zstd<'static>),
}

impl Decoder {
    pub fn new(coding: Coding) -> Result<Self> {
        let memory = StandardAlloc::default;
        Ok(match coding {
            Coding::Gzip => Self::Gzip(Box::new(Gzip::new())),
            // The first byte decides.
            Coding::Deflate => Self::Undecided,
            // Strict: without the extension of 1 GB windows, which is no part of the coding.
            Coding::Brotli => Self::Brotli(Box::new(BrotliState::new_strict(memory(), memory(), memory()))),
            Coding::Zstd => Self::Zstd(Zstd::new().map_err(broken)?),
        })
    }

    /// Prepares for the next gzip member. zstd does so for its frames by itself.
    pub fn restart(&mut self) {
        if let Self::Gzip(gzip) = self {
            gzip.reset();
        }
    }

    /// Whether all data has been decoded, and only the trailer of gzip is missing.
    pub fn lacks_its_trailer_only(&self) -> bool {
        matches!(self, Self::Gzip(gzip) if gzip.lacks_trailer_only())
    }

    /// Bytes of any value that are ignored after the end. Some servers write the checksum of zlib
    /// after bare deflate, which curl ignores as well.
    pub const fn ignored_after_end(&self) -> usize {
        if matches!(self, Self::Bare(_)) { 4 } else { 0 }
    }

    /// Decodes what is there of the input.
    pub fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
        if let (Self::Undecided, Some(first)) = (&self, input.first()) {
            // RFC 9110 means zlib by `deflate`, and some servers send bare deflate. The first byte
            // of zlib (CMF) always has method 8.
            *self =
                if first & 0x0f == 8 { Self::Zlib(Decompress::new(true)) } else { Self::Bare(Decompress::new(false)) };
        }
        match self {
            Self::Undecided => Ok(Run::default()),
            Self::Gzip(gzip) => gzip.run(input, output),
            Self::Zlib(decoder) | Self::Bare(decoder) => inflate(decoder, input, output),
            Self::Brotli(state) => run_brotli(state, input, output),
            Self::Zstd(zstd) => {
                let status = zstd.run_on_buffers(input, output).map_err(|error| Reason::Message(error.to_string()))?;
                // A call without input, for bytes that it holds back, may find none without being
                // at an end.
                let ended = status.remaining == 0 && !(input.is_empty() && status.bytes_written == 0);
                Ok(Run { read: status.bytes_read, written: status.bytes_written, ended })
            }
        }
    }
}

fn run_brotli(state: &mut Brotli, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
    let (mut left, mut room, mut run) = (input.len(), output.len(), Run::default());
    let result =
        BrotliDecompressStream(&mut left, &mut run.read, input, &mut room, &mut run.written, output, &mut 0, state);
    match result {
        BrotliResult::ResultFailure => Err(Reason::Data),
        BrotliResult::ResultSuccess => Ok(Run { ended: true, ..run }),
        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(run),
    }
}
