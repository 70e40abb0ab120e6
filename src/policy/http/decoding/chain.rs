//! Content codings, undone step by step: a machine that never waits and never computes for long.
//!
//! Every [`Chain::step`] reads and writes a bounded number of bytes, also where nothing comes out, so that whoever
//! drives it can look at the clock in between. Bytes between two codings count against the limit like those of the body.

use bytes::{Buf, Bytes};

use super::coding::{Coding, broken, parse_codings};
use super::layer::{Layer, NextStep};
use super::limit::{encoded_max, too_large, within};
use super::work::LIGHT;
use crate::base::error::Result;

/// Codings of one body. RFC 9110 allows more; nobody sends more than one.
const LAYERS_MAX: usize = 2;

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
        self.work >= LIGHT || self.inner.as_ref().is_some_and(Layer::is_brotli) || self.outer.is_heavy(&self.input)
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
mod tests;
