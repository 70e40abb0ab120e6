//! The codings of a body, decoded step by step by a machine that never waits and never computes for
//! long.
//!
//! Every [`Chain::step`] reads and writes a bounded number of bytes, even if it produces no output,
//! so that its driver can look at the clock between the steps. Bytes between two codings count
//! against the limit like those of the body.

use bytes::{Buf, Bytes};

use crate::base::error::Result;
use crate::policy::http::decoding::coding::{Coding, broken, parse_codings};
use crate::policy::http::decoding::layer::{Layer, NextStep};
use crate::policy::http::decoding::limit::{check_size, encoded_max, too_large};
use crate::policy::http::decoding::work::LIGHT;

/// The most codings of one body. RFC 9110 allows more; servers send one.
const LAYERS_MAX: usize = 2;

/// A body in one or two codings.
pub struct Chain {
    outer: Layer,
    inner: Option<Layer>,
    input: Bytes,
    is_last: bool,
    /// Bytes between the layers, and the number of those that the inner one has read.
    between: Vec<u8>,
    read: usize,
    outer_is_done: bool,
    /// The number of all bytes that were between the layers so far.
    between_total: u64,
    body: Vec<u8>,
    limit: u64,
    work: u64,
}

impl Chain {
    /// Creates a chain for `codings` in the order in which they were applied, and a limit of
    /// decoded bytes. `is_whole` says that the length of the encoded body was announced, so that a
    /// missing byte is noticed elsewhere: then gzip may lack its trailer.
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
            between_total: 0,
            body: Vec::new(),
            limit,
            work: 0,
        })
    }

    /// Adds bytes of the encoded body, or its end. Call it after [`NextStep::Feed`] only.
    pub fn feed(&mut self, bytes: Option<Bytes>) {
        match bytes {
            Some(bytes) => self.input = bytes,
            None => self.is_last = true,
        }
    }

    /// Whether the next step, or all steps so far, are too much work for a network thread.
    pub fn is_heavy(&self) -> bool {
        self.work >= LIGHT || self.inner.as_ref().is_some_and(Layer::is_brotli) || self.outer.is_heavy(&self.input)
    }

    /// Returns the decoded body, after [`NextStep::Done`].
    pub fn into_body(self) -> Bytes {
        self.body.into()
    }

    /// Does a bounded amount of work.
    pub fn step(&mut self) -> Result<NextStep> {
        let Some(inner) = &mut self.inner else {
            let step = self.outer.step(&self.input, self.is_last, &mut self.body)?;
            self.input.advance(step.read);
            self.work += step.work();
            check_size(self.body.len(), self.limit)?;
            return Ok(step.next);
        };
        let step = inner.step(&self.between[self.read..], self.outer_is_done, &mut self.body)?;
        self.read += step.read;
        self.work += step.work();
        check_size(self.body.len(), self.limit)?;
        if step.next != NextStep::Feed {
            return Ok(step.next);
        }
        self.between.clear();
        self.read = 0;
        let step = self.outer.step(&self.input, self.is_last, &mut self.between)?;
        self.input.advance(step.read);
        self.work += step.work();
        self.between_total += step.written as u64;
        if self.between_total > encoded_max(self.limit) {
            return Err(too_large(self.between_total, self.limit));
        }
        self.outer_is_done = step.next == NextStep::Done;
        Ok(if step.next == NextStep::Feed && self.between.is_empty() { NextStep::Feed } else { NextStep::Step })
    }
}

/// Decodes a whole body at once, without a bound of time, for tests and fuzzing.
pub fn decode_now(body: &[u8], encoding: &str, limit: u64, is_whole: bool) -> Result<Bytes> {
    let codings = parse_codings([encoding]);
    if codings.is_empty() || body.is_empty() {
        check_size(body.len(), limit)?;
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
