//! Content codings of response bodies (RFC 9110, 8.4), decoded in bounded steps.

pub mod chain;

pub use chain::{Chain, Coding, NextStep, decode_now, encoded_max, parse_codings, too_large, within};
