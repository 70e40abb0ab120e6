//! One coding of a body, from its first byte to what stands behind its end.

use super::brotli::is_small_brotli;
use super::coding::{Coding, broken};
use super::decoder::Decoder;
use super::inflate::Run;
use super::work::{MEMBER_COST, READ_COST, WASTE_COST};
use crate::base::error::Result;

/// Bytes that one step reads at most.
const READ_MAX: usize = 8 << 10;
/// Bytes that one step makes room for at most. A decoder may hold back as much as its window.
const WRITE_MAX: usize = 64 << 10;
const WRITE_MIN: usize = 1 << 10;

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

#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub read: usize,
    pub written: usize,
    /// Whether a member or frame has ended.
    ended: bool,
    pub next: NextStep,
}

impl Step {
    pub const fn work(&self) -> u64 {
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

pub struct Layer {
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
    pub fn new(coding: Coding, is_whole: bool) -> Result<Self> {
        let decoder = Decoder::new(coding)?;
        Ok(Self { coding, decoder, place: Place::Start, is_full: false, is_whole, tolerated: 0, is_small: false })
    }

    pub fn is_heavy(&self, input: &[u8]) -> bool {
        // Its steps are as large as its window, so that a few bytes can be a bomb.
        self.is_brotli()
            && !(self.is_small || self.place == Place::Start && (input.is_empty() || is_small_brotli(input)))
    }

    pub fn is_brotli(&self) -> bool {
        matches!(self.decoder, Decoder::Brotli(_))
    }

    pub fn step(&mut self, input: &[u8], is_last: bool, output: &mut Vec<u8>) -> Result<Step> {
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
