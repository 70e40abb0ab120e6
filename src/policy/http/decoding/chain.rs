//! Content codings, undone step by step: a machine that never waits and never computes for long.
//!
//! Every [`Chain::step`] reads and writes a bounded number of bytes, also where nothing comes out, so that whoever
//! drives it can look at the clock in between. Bytes between two codings count against the limit like those of the body.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder as Zstd, Operation};

use crate::base::error::{Error, Kind, Result};

/// Codings of one body. RFC 9110 allows more; nobody sends more than one.
const LAYERS_MAX: usize = 2;
/// Bytes that one step reads at most.
const READ_MAX: usize = 8 << 10;
/// Bytes that one step makes room for at most. A decoder may hold back as much as its window.
const WRITE_MAX: usize = 64 << 10;
const WRITE_MIN: usize = 1 << 10;
/// The work of reading a byte, in bytes that are written meanwhile.
const READ_COST: u64 = 4;
/// The same of a byte for which less comes out: eleven bytes of deflate can be two tables, for nothing.
const WASTE_COST: u64 = 32;
/// The same of beginning another gzip member or zstd frame.
const MEMBER_COST: u64 = 4 << 10;
/// Work that delays nobody: some 300 µs.
const LIGHT: u64 = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The codings that `Content-Encoding` fields name, in their order; none at all when one is unknown, because then the
/// bytes as sent are all that we can offer.
pub fn parse_codings<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<Coding> {
    let names = fields.into_iter().flat_map(|names| names.split(','));
    let known = names.map(|name| match name.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Some(None),
        "gzip" | "x-gzip" => Some(Some(Coding::Gzip)),
        "deflate" => Some(Some(Coding::Deflate)),
        "br" => Some(Some(Coding::Brotli)),
        "zstd" => Some(Some(Coding::Zstd)),
        _ => None,
    });
    known.collect::<Option<Vec<_>>>().unwrap_or_default().into_iter().flatten().collect()
}

/// Fails when a body is larger than the limit.
pub fn within(length: usize, limit: u64) -> Result<()> {
    if length as u64 > limit { Err(too_large(length as u64, limit)) } else { Ok(()) }
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
pub fn too_large(length: u64, limit: u64) -> Error {
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (length, limit) = (megabytes(length), megabytes(limit));
    let message = format!("Response exceeds maximum size limit ({length:.2}MB > {limit:.2}MB)");
    Error::new(Kind::BodyTooLarge, message)
}

fn broken(reason: impl std::fmt::Display) -> Error {
    Error::new(Kind::Decode, format!("the body cannot be decoded: {reason}"))
}

/// The next thing to do with a [`Chain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// [`Chain::step`].
    Step,
    /// [`Chain::feed`].
    Feed,
    /// [`Chain::into_body`].
    Done,
}

/// A body under one or two codings.
pub struct Chain {
    outer: Layer,
    inner: Option<Layer>,
    input: Bytes,
    is_last: bool,
    /// Bytes between the layers, and how many of them have been read.
    between: Vec<u8>,
    read: usize,
    outer_is_done: bool,
    /// All bytes that were between the layers so far.
    passed: u64,
    body: Vec<u8>,
    limit: u64,
    work: u64,
}

impl Chain {
    /// `codings` in the order in which they were applied. `is_whole`: that no byte of the encoded body can be missing
    /// unnoticed, because its length was announced.
    pub fn new(codings: &[Coding], limit: u64, is_whole: bool) -> Result<Self> {
        let (outer, inner) = match *codings {
            [only] => (only, None),
            [inner, outer] => (outer, Some(inner)),
            [] => return Err(broken("it has no content coding")),
            _ => return Err(broken(format_args!("it has more than {LAYERS_MAX} content codings"))),
        };
        Ok(Self {
            outer: Layer::new(outer, is_whole)?,
            inner: inner.map(|coding| Layer::new(coding, is_whole)).transpose()?,
            input: Bytes::new(),
            is_last: false,
            between: Vec::new(),
            read: 0,
            outer_is_done: false,
            passed: 0,
            body: Vec::new(),
            limit,
            work: 0,
        })
    }

    /// More of the encoded body; `None` is its end. Only when asked for: see [`NextStep::Feed`].
    pub fn feed(&mut self, bytes: Option<Bytes>) {
        match bytes {
            Some(bytes) => self.input = bytes,
            None => self.is_last = true,
        }
    }

    /// Whether the next step may take longer than a network thread has time for, or all steps so far took.
    pub fn is_heavy(&self) -> bool {
        self.work >= LIGHT
            || self.inner.as_ref().is_some_and(|inner| matches!(inner.decoder, Decoder::Brotli(_)))
            || self.outer.is_heavy(&self.input)
    }

    pub fn into_body(self) -> Bytes {
        self.body.into()
    }

    pub fn step(&mut self) -> Result<NextStep> {
        let Some(inner) = &mut self.inner else {
            let step = self.outer.step(&self.input, self.is_last, &mut self.body)?;
            self.input.advance(step.read);
            self.work += step.work();
            within(self.body.len(), self.limit)?;
            return Ok(step.next);
        };
        let step = inner.step(&self.between[self.read..], self.outer_is_done, &mut self.body)?;
        self.read += step.read;
        self.work += step.work();
        within(self.body.len(), self.limit)?;
        if step.next != NextStep::Feed {
            return Ok(step.next);
        }
        self.between.clear();
        self.read = 0;
        let step = self.outer.step(&self.input, self.is_last, &mut self.between)?;
        self.input.advance(step.read);
        self.work += step.work();
        self.passed += step.written as u64;
        if self.passed > encoded_max(self.limit) {
            return Err(too_large(self.passed, self.limit));
        }
        self.outer_is_done = step.next == NextStep::Done;
        Ok(if step.next == NextStep::Feed && self.between.is_empty() { NextStep::Feed } else { NextStep::Step })
    }
}

/// The most bytes that a body of `limit` bytes has under a coding, which can make it larger; with room to spare.
pub const fn encoded_max(limit: u64) -> u64 {
    limit.saturating_add(limit / 256 + (64 << 10))
}

#[derive(Clone, Copy, Debug)]
struct Step {
    read: usize,
    written: usize,
    /// Whether a member or frame has ended.
    ended: bool,
    next: NextStep,
}

impl Step {
    const fn work(&self) -> u64 {
        let member = if self.ended { MEMBER_COST } else { 0 };
        let wasted = self.read.saturating_sub(self.written) as u64;
        self.written as u64 + self.read as u64 * READ_COST + wasted * WASTE_COST + member
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Inside,
    /// Behind the end of a member, frame or stream.
    Behind,
}

struct Layer {
    coding: Coding,
    decoder: Decoder,
    place: Place,
    /// Whether the last output was as long as its room: there may be more without further input.
    is_full: bool,
    is_whole: bool,
    /// Bytes of any value that may stand behind the end.
    tolerated: usize,
    is_small: bool,
}

impl Layer {
    fn new(coding: Coding, is_whole: bool) -> Result<Self> {
        let decoder = Decoder::new(coding)?;
        Ok(Self { coding, decoder, place: Place::Start, is_full: false, is_whole, tolerated: 0, is_small: false })
    }

    fn is_heavy(&self, input: &[u8]) -> bool {
        // Its steps are as large as its window, so that a few bytes can be a bomb.
        matches!(self.decoder, Decoder::Brotli(_))
            && !(self.is_small || self.place == Place::Start && (input.is_empty() || is_small_brotli(input)))
    }

    fn step(&mut self, input: &[u8], is_last: bool, output: &mut Vec<u8>) -> Result<Step> {
        if self.place == Place::Behind { self.pass(input, is_last) } else { self.decode(input, is_last, output) }
    }

    /// Behind the end there may be zeros, as padding, and other members and frames. Other bytes would be lost unseen.
    fn pass(&mut self, input: &[u8], is_last: bool) -> Result<Step> {
        let input = &input[..input.len().min(READ_MAX)];
        let zeros = input.iter().take_while(|byte| **byte == 0).count();
        let mut step = Step { read: zeros, written: 0, ended: false, next: NextStep::Step };
        if zeros == input.len() {
            step.next = match (zeros, is_last) {
                (0, true) => NextStep::Done,
                (0, false) => NextStep::Feed,
                _ => NextStep::Step,
            };
        } else if matches!(self.coding, Coding::Gzip | Coding::Zstd) {
            self.decoder.restart();
            self.place = Place::Inside;
        } else if self.tolerated > 0 {
            self.tolerated -= 1;
            step.read += 1;
        } else {
            return Err(broken(format_args!("other bytes stand behind the end of its {} data", self.coding.name())));
        }
        Ok(step)
    }

    fn decode(&mut self, input: &[u8], is_last: bool, output: &mut Vec<u8>) -> Result<Step> {
        let input = &input[..input.len().min(READ_MAX)];
        if input.is_empty() && !self.is_full {
            if !is_last {
                return Ok(Step { read: 0, written: 0, ended: false, next: NextStep::Feed });
            }
            if self.is_whole && self.decoder.lacks_its_trailer_only() {
                self.place = Place::Behind;
                return Ok(Step { read: 0, written: 0, ended: true, next: NextStep::Step });
            }
            return Err(broken(format_args!("its {} data is cut off", self.coding.name())));
        }
        if self.place == Place::Start {
            self.is_small = is_small_brotli(input);
            self.place = Place::Inside;
        }
        let room = if input.is_empty() { WRITE_MAX } else { (input.len() * 4).clamp(WRITE_MIN, WRITE_MAX) };
        let start = output.len();
        output.resize(start + room, 0);
        let run = self.decoder.run(input, &mut output[start..]);
        let Run { read, written, ended } =
            run.map_err(|error| broken(format_args!("its {} data is broken: {error}", self.coding.name())))?;
        output.truncate(start + written);
        self.is_full = written == room;
        if ended {
            self.place = Place::Behind;
            self.is_full = false;
            self.tolerated = self.decoder.tolerated();
        } else if read == 0 && written == 0 && !input.is_empty() {
            return Err(broken(format_args!("its {} data is broken", self.coding.name())));
        }
        Ok(Step { read, written, ended, next: NextStep::Step })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Run {
    read: usize,
    written: usize,
    ended: bool,
}

enum Decoder {
    Undecided,
    Gzip(Box<Gzip>),
    Zlib(Decompress),
    /// Deflate without zlib around it.
    Bare(Decompress),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(Zstd<'static>),
}

impl Decoder {
    fn new(coding: Coding) -> Result<Self> {
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
    fn restart(&mut self) {
        if let Self::Gzip(gzip) = self {
            gzip.reset();
        }
    }

    fn lacks_its_trailer_only(&self) -> bool {
        matches!(self, Self::Gzip(gzip) if matches!(gzip.part, Part::Trailer { read: 0, .. }))
    }

    /// Some servers write the checksum of zlib behind bare deflate; curl lets as much pass.
    const fn tolerated(&self) -> usize {
        if matches!(self, Self::Bare(_)) { 4 } else { 0 }
    }

    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
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

/// Why data cannot be decoded.
#[derive(Debug)]
enum Reason {
    Data,
    Header,
    Checksum,
    Length,
    Told(String),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Data => "invalid data",
            Self::Header => "invalid header",
            Self::Checksum => "the checksum differs",
            Self::Length => "the length differs",
            Self::Told(text) => text,
        })
    }
}

fn inflated(inflate: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
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

/// Gzip members (RFC 1952).
struct Gzip {
    inflate: Decompress,
    crc: Crc,
    part: Part,
}

enum Part {
    Header(Header),
    Data,
    Trailer { bytes: [u8; 8], read: usize },
}

impl Gzip {
    fn new() -> Self {
        Self { inflate: Decompress::new(false), crc: Crc::new(), part: Part::Header(Header::default()) }
    }

    fn reset(&mut self) {
        self.inflate.reset(false);
        self.crc.reset();
        self.part = Part::Header(Header::default());
    }

    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Run, Reason> {
        let mut read = 0;
        if let Part::Header(header) = &mut self.part {
            read = header.read(input)?;
            if header.field != Field::None {
                return Ok(Run { read, ..Run::default() });
            }
            self.part = Part::Data;
        }
        let mut written = 0;
        if let Part::Data = self.part {
            let run = inflated(&mut self.inflate, &input[read..], output)?;
            (read, written) = (read + run.read, run.written);
            self.crc.update(&output[..written]);
            if run.ended {
                self.part = Part::Trailer { bytes: [0; 8], read: 0 };
            }
        }
        let mut ended = false;
        if let Part::Trailer { bytes, read: before } = &mut self.part {
            let more = (input.len() - read).min(bytes.len() - *before);
            bytes[*before..*before + more].copy_from_slice(&input[read..read + more]);
            *before += more;
            read += more;
            if *before == bytes.len() {
                let (sum, length) = bytes.split_at(4);
                if sum != self.crc.sum().to_le_bytes() {
                    return Err(Reason::Checksum);
                }
                if length != self.crc.amount().to_le_bytes() {
                    return Err(Reason::Length);
                }
                ended = true;
            }
        }
        Ok(Run { read, written, ended })
    }
}

/// How far the header of a member has been read.
#[derive(Default)]
struct Header {
    field: Field,
    /// Bytes of the field so far.
    read: usize,
    flags: u8,
    extra: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Fixed,
    ExtraLength,
    Extra,
    Name,
    Comment,
    Checksum,
    None,
}

impl Header {
    const BEGINNING: [u8; 3] = [0x1f, 0x8b, 8];
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const RESERVED: u8 = 0xe0;

    /// How many bytes belong to the header.
    fn read(&mut self, input: &[u8]) -> Result<usize, Reason> {
        let mut read = 0;
        while self.field != Field::None && read < input.len() {
            let byte = input[read];
            read += 1;
            let is_done = match self.field {
                Field::Fixed => {
                    if Self::BEGINNING.get(self.read).is_some_and(|expected| *expected != byte) {
                        return Err(Reason::Header);
                    }
                    if self.read == 3 {
                        self.flags = byte;
                        if byte & Self::RESERVED != 0 {
                            return Err(Reason::Header);
                        }
                    }
                    self.read == 9
                }
                Field::ExtraLength => {
                    self.extra |= usize::from(byte) << (8 * self.read);
                    self.read == 1
                }
                Field::Extra => self.read + 1 == self.extra,
                Field::Name | Field::Comment => byte == 0,
                // Of the header alone: not looked at.
                Field::Checksum => self.read == 1,
                Field::None => true,
            };
            self.read += 1;
            if is_done {
                self.field = self.next();
                self.read = 0;
            }
        }
        Ok(read)
    }

    fn next(&self) -> Field {
        let fields = [
            (Field::ExtraLength, Self::EXTRA),
            (Field::Extra, if self.extra > 0 { Self::EXTRA } else { 0 }),
            (Field::Name, Self::NAME),
            (Field::Comment, Self::COMMENT),
            (Field::Checksum, Self::CHECKSUM),
        ];
        let behind = fields.into_iter().filter(|(field, _)| *field as u8 > self.field as u8);
        behind.into_iter().find(|(_, flag)| self.flags & flag != 0).map_or(Field::None, |(field, _)| field)
    }
}

/// Whether a brotli stream consists of one block that is light, as small bodies do (RFC 7932, 9.1 and 9.2).
fn is_small_brotli(stream: &[u8]) -> bool {
    let mut beginning = [0; 4];
    let known = stream.len().min(beginning.len());
    beginning[..known].copy_from_slice(&stream[..known]);
    let bits = u32::from_le_bytes(beginning);
    let window = if bits & 1 == 0 {
        1
    } else if bits >> 1 & 7 != 0 {
        4
    } else {
        7
    };
    let header = bits >> window;
    let (is_last, is_empty, nibbles) = (header & 1 == 1, header >> 1 & 1 == 1, header >> 2 & 3);
    // Of four to six nibbles; six are too many in any case.
    let length = match nibbles {
        0 => header >> 4 & 0xffff,
        1 => header >> 4 & 0xf_ffff,
        _ => u32::MAX,
    };
    // The longest of these headers ends within the four bytes.
    is_last && (is_empty || known == beginning.len() && u64::from(length) < LIGHT)
}

/// A whole body at once, for tests and fuzzing: it takes as long as it takes.
pub fn decode_now(body: &[u8], encoding: &str, limit: u64, is_whole: bool) -> Result<Bytes> {
    let codings = parse_codings([encoding]);
    if codings.is_empty() || body.is_empty() {
        within(body.len(), limit)?;
        return Ok(Bytes::copy_from_slice(body));
    }
    let mut chain = Chain::new(&codings, limit, is_whole)?;
    chain.feed(Some(Bytes::copy_from_slice(body)));
    loop {
        match chain.step()? {
            NextStep::Step => {}
            NextStep::Feed => chain.feed(None),
            NextStep::Done => return Ok(chain.into_body()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const CODINGS: [&str; 4] = ["gzip", "deflate", "bare", "zstd"];
    /// 16 MB of empty gzip members in brotli.
    const MANY_MEMBERS: &[u8] =
        b"\x9f\xef\xff\xff\x00\x04\x26\x72\x6d\x49\x62\x07\x84\xa7\x07\xa3\x1c\x56\x08\xd5\x1e\x28\x5b\xde\xff\x3f";

    fn encoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
        macro_rules! with {
            ($encoder:ident) => {{
                let mut encoder = $encoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }};
        }
        match coding {
            "gzip" => with!(GzEncoder),
            "deflate" => with!(ZlibEncoder),
            "bare" => with!(DeflateEncoder),
            _ => zstd::encode_all(bytes, 0).unwrap(),
        }
    }

    fn name(coding: &str) -> &str {
        if coding == "bare" { "deflate" } else { coding }
    }

    /// Bytes of which a part is easy to compress.
    fn mixed(length: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(7);
        (0..length).map(|at| if at % 5000 < 2000 { random.u8(..) } else { b'a' }).collect()
    }

    fn fed_by(chunk: usize, body: &[u8], encoding: &str) -> Result<Bytes> {
        let mut chain = Chain::new(&parse_codings([encoding]), u64::MAX, false)?;
        let mut chunks = body.chunks(chunk);
        loop {
            match chain.step()? {
                NextStep::Step => {}
                NextStep::Feed => chain.feed(chunks.next().map(Bytes::copy_from_slice)),
                NextStep::Done => return Ok(chain.into_body()),
            }
        }
    }

    fn kind(body: &[u8], encoding: &str) -> Kind {
        decode_now(body, encoding, u64::MAX, false).unwrap_err().kind()
    }

    #[test]
    fn every_mixture_of_two_codings_is_decoded_however_it_is_cut() {
        let plain = mixed(200_000);
        for inner in CODINGS {
            let once = encoded(inner, &plain);
            assert_eq!(decode_now(&once, name(inner), u64::MAX, false).unwrap(), plain, "{inner}");
            for outer in CODINGS {
                let (twice, encoding) = (encoded(outer, &once), format!("{}, {}", name(inner), name(outer)));
                for chunk in [1, 1000, usize::MAX] {
                    assert_eq!(fed_by(chunk, &twice, &encoding).unwrap(), plain, "{inner}, {outer} by {chunk}");
                }
            }
        }
    }

    #[test]
    fn a_body_that_is_cut_anywhere_is_refused() {
        for coding in CODINGS {
            let body = encoded(coding, &mixed(3000));
            for length in 1..body.len() {
                assert_eq!(kind(&body[..length], name(coding)), Kind::Decode, "{coding} of {length} bytes");
            }
        }
    }

    #[test]
    fn a_gzip_trailer_may_lack_only_where_nothing_else_can() {
        let body = encoded("gzip", b"text");
        let without = &body[..body.len() - 8];
        assert_eq!(decode_now(without, "gzip", u64::MAX, true).unwrap(), "text");
        assert_eq!(kind(without, "gzip"), Kind::Decode);
        for length in 1..body.len() {
            let is_missing = length == without.len();
            assert_eq!(decode_now(&body[..length], "gzip", u64::MAX, true).is_ok(), is_missing, "{length}");
        }
    }

    #[test]
    fn zeros_behind_the_end_are_padding_and_other_bytes_are_an_error() {
        for coding in CODINGS {
            let body = encoded(coding, b"text");
            let followed = |by: &[u8]| decode_now(&[&body, by].concat(), name(coding), u64::MAX, false);
            assert_eq!(followed(&vec![0; 100_000]).unwrap(), "text", "{coding}");
            assert_eq!(followed(b"other bytes").unwrap_err().kind(), Kind::Decode, "{coding}");
            // curl lets a checksum behind bare deflate pass.
            assert_eq!(followed(b"four").is_ok(), coding == "bare", "{coding}");
        }
    }

    #[test]
    fn members_and_frames_follow_each_other() {
        for coding in ["gzip", "zstd"] {
            let parts = [&encoded(coding, b"one ")[..], &encoded(coding, b""), &[0, 0, 0], &encoded(coding, b"two")];
            assert_eq!(decode_now(&parts.concat(), coding, u64::MAX, false).unwrap(), "one two", "{coding}");
        }
        // A frame that is to be skipped.
        let frames = [&encoded("zstd", b"one ")[..], b"\x50\x2a\x4d\x18\x03\0\0\0abc", &encoded("zstd", b"two")];
        assert_eq!(decode_now(&frames.concat(), "zstd", u64::MAX, false).unwrap(), "one two");
    }

    #[test]
    fn all_fields_of_a_gzip_header_are_passed_over() {
        let body = encoded("gzip", b"text");
        let extended = |flags: u8, fields: &[u8]| [&body[..3], &[flags], &body[4..10], fields, &body[10..]].concat();
        for (flags, fields) in [
            (0, &b""[..]),
            (4, b"\x03\0abc"),
            (4, b"\0\0"),
            (8, b"name\0"),
            (16, b"comment\0"),
            (2, b"cs"),
            (1 | 2 | 4 | 8 | 16, b"\x01\0x\0\0cs"),
        ] {
            let body = extended(flags, fields);
            assert_eq!(fed_by(1, &body, "gzip").unwrap(), "text", "{flags}");
            assert_eq!(fed_by(1000, &body, "gzip").unwrap(), "text", "{flags}");
        }
        assert_eq!(kind(&extended(0x20, b""), "gzip"), Kind::Decode);
    }

    #[test]
    fn a_wrong_checksum_or_length_is_refused() {
        let body = encoded("gzip", b"text");
        for behind in 1..=8 {
            let mut body = body.clone();
            let at = body.len() - behind;
            body[at] ^= 1;
            assert_eq!(kind(&body, "gzip"), Kind::Decode);
        }
    }

    #[test]
    fn bytes_between_two_codings_count_against_the_limit() {
        const LIMIT: u64 = 1 << 20;
        // Nothing comes out of it.
        let error = decode_now(MANY_MEMBERS, "gzip, br", LIMIT, false).unwrap_err();
        assert_eq!(error.kind(), Kind::BodyTooLarge);
        // What fits just so may have grown on the way.
        let plain = mixed(usize::try_from(LIMIT).unwrap());
        let body = encoded("deflate", &encoded("gzip", &plain));
        assert_eq!(decode_now(&body, "gzip, deflate", LIMIT, false).unwrap().len() as u64, LIMIT);
        assert_eq!(decode_now(&body, "gzip, deflate", LIMIT - 1, false).unwrap_err().kind(), Kind::BodyTooLarge);
        let small = encoded("gzip", &encoded("zstd", b"ten bytes."));
        assert_eq!(decode_now(&small, "zstd, gzip", 10, false).unwrap(), "ten bytes.");
    }

    #[test]
    fn a_step_is_bounded_also_where_nothing_comes_out() {
        let mut chain = Chain::new(&[Coding::Gzip, Coding::Brotli], u64::MAX, false).unwrap();
        chain.feed(Some(Bytes::from_static(MANY_MEMBERS)));
        for _ in 0..1000 {
            assert_eq!(chain.step().unwrap(), NextStep::Step);
        }
        assert!(chain.passed < 8 << 20 && chain.body.is_empty(), "{}", chain.passed);
    }

    #[test]
    fn work_grows_with_members_and_bytes() {
        let chain = |body: Vec<u8>, coding| {
            let mut chain = Chain::new(&[coding], u64::MAX, false).unwrap();
            chain.feed(Some(body.into()));
            while chain.step().unwrap() == NextStep::Step {}
            chain
        };
        assert!(!chain(encoded("gzip", &mixed(80_000)), Coding::Gzip).is_heavy());
        assert!(chain(encoded("gzip", &mixed(300_000)), Coding::Gzip).is_heavy());
        assert!(chain(encoded("gzip", b"").repeat(100), Coding::Gzip).is_heavy());
        assert!(chain(encoded("zstd", b"").repeat(100), Coding::Zstd).is_heavy());
        // Stored blocks of no bytes.
        assert!(chain(b"\0\0\0\xff\xff".repeat(2000), Coding::Deflate).is_heavy());
    }

    #[test]
    fn brotli_is_light_when_its_first_bytes_say_that_it_is_small() {
        let heavy = |body: &'static [u8]| {
            let mut chain = Chain::new(&[Coding::Brotli], u64::MAX, false).unwrap();
            chain.feed(Some(Bytes::from_static(body)));
            chain.is_heavy()
        };
        // A sentence six times, and a megabyte of zeros.
        assert!(!heavy(b"\x1b\xbf\x00\xa0\x24\x41\x58\x5c\x60\x22\x07\xec\x05\xcd\x4f\x6c"));
        assert!(heavy(b"\x5b\xff\xff\x8f\x7f\x02\x20\x1e\x0b\x04\x72\xef\x1f\x00"));
        assert!(heavy(MANY_MEMBERS));
        assert!(heavy(b"\x8b"));
    }

    #[test]
    fn more_than_two_codings_are_refused() {
        assert_eq!(kind(b"x", "gzip, gzip, gzip"), Kind::Decode);
    }
}
