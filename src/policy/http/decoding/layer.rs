//! One coding of a body, in bounded steps, with its members or frames and the bytes after its end.

use crate::base::error::Result;
use crate::policy::http::decoding::brotli::is_small_brotli;
use crate::policy::http::decoding::coding::{Coding, broken};
use crate::policy::http::decoding::decoder::Decoder;
use crate::policy::http::decoding::inflate::Run;
use crate::policy::http::decoding::work::{MEMBER_COST, READ_COST, WASTE_COST};

/// The most bytes that one step reads.
const READ_MAX: usize = 8 << 10;
/// The most bytes that one step makes room for. A decoder may hold back as much as its window.
const WRITE_MAX: usize = 64 << 10;
const WRITE_MIN: usize = 1 << 10;
/// Room for what is decoded: copied at once, where `Vec::resize` writes byte by byte in a build
/// that is not optimised, and the specs of decoding take twice as long.
static ROOM: [u8; WRITE_MAX] = [0; WRITE_MAX];

/// The next thing to do with a [`super::Chain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// [`super::Chain::step`].
    Step,
    /// [`super::Chain::feed`].
    Feed,
    /// [`super::Chain::into_body`].
    Done,
}

/// The outcome of one step, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub read: usize,
    pub written: usize,
    /// Whether a member or frame has ended.
    ended: bool,
    pub next: NextStep,
}

impl Step {
    /// The cost of the step.
    pub const fn work(&self) -> u64 {
        let member = if self.ended { MEMBER_COST } else { 0 };
        let wasted = self.read.saturating_sub(self.written) as u64;
        self.written as u64 + self.read as u64 * READ_COST + wasted * WASTE_COST + member
    }
}

/// The position in the encoded data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Start,
    Inside,
    /// After the end of a member, frame or stream.
    AfterEnd,
}

/// One coding of a body.
pub struct Layer {
    coding: Coding,
    decoder: Decoder,
    position: Position,
    /// Whether the last output filled its room, so that there may be more without further input.
    is_full: bool,
    /// See [`super::Chain::new`].
    is_whole: bool,
    /// Bytes of any value that are still ignored after the end.
    ignored: usize,
    /// Whether the data is brotli that is decoded to little.
    is_small: bool,
}

impl Layer {
    pub fn new(coding: Coding, is_whole: bool) -> Result<Self> {
        let decoder = Decoder::new(coding)?;
        Ok(Self { coding, decoder, position: Position::Start, is_full: false, is_whole, ignored: 0, is_small: false })
    }

    /// Whether the next step may be too much work for a network thread.
    pub fn is_heavy(&self, input: &[u8]) -> bool {
        // The steps of brotli are as large as its window, so that a few bytes can be a bomb.
        self.is_brotli()
            && !(self.is_small || self.position == Position::Start && (input.is_empty() || is_small_brotli(input)))
    }

    pub fn is_brotli(&self) -> bool {
        matches!(self.decoder, Decoder::Brotli(_))
    }

    pub fn step(&mut self, input: &[u8], is_last: bool, output: &mut Vec<u8>) -> Result<Step> {
        if self.position == Position::AfterEnd {
            self.skip(input, is_last)
        } else {
            self.decode(input, is_last, output)
        }
    }

    /// Skips zeros after the end, which are padding, up to another member or frame. Other bytes are
    /// an error: they would be lost without notice.
    fn skip(&mut self, input: &[u8], is_last: bool) -> Result<Step> {
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
            self.position = Position::Inside;
        } else if self.ignored > 0 {
            self.ignored -= 1;
            step.read += 1;
        } else {
            return Err(broken(format_args!("other bytes follow its {} data", self.coding.name())));
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
                self.position = Position::AfterEnd;
                return Ok(Step { read: 0, written: 0, ended: true, next: NextStep::Step });
            }
            return Err(broken(format_args!("its {} data is cut off", self.coding.name())));
        }
        if self.position == Position::Start {
            self.is_small = is_small_brotli(input);
            self.position = Position::Inside;
        }
        let room = if input.is_empty() { WRITE_MAX } else { (input.len() * 4).clamp(WRITE_MIN, WRITE_MAX) };
        let start = output.len();
        output.extend_from_slice(&ROOM[..room]);
        let run = self.decoder.run(input, &mut output[start..]);
        let Run { read, written, ended } =
            run.map_err(|error| broken(format_args!("its {} data is broken: {error}", self.coding.name())))?;
        output.truncate(start + written);
        self.is_full = written == room;
        if ended {
            self.position = Position::AfterEnd;
            self.is_full = false;
            self.ignored = self.decoder.ignored_after_end();
        } else if read == 0 && written == 0 && !input.is_empty() {
            return Err(broken(format_args!("its {} data is broken", self.coding.name())));
        }
        Ok(Step { read, written, ended, next: NextStep::Step })
    }
}
