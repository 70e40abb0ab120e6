//! The limit of a decoded body, and the error of one that exceeds it.

use crate::base::error::{Error, Kind, Result};

/// Fails if a body of `length` bytes exceeds the limit.
pub fn check_size(length: usize, limit: u64) -> Result<()> {
    if length as u64 > limit { Err(too_large(length as u64, limit)) } else { Ok(()) }
}

/// The error of a body that exceeds the limit. `length` is the announced length, or the bytes so
/// far.
#[allow(clippy::cast_precision_loss, reason = "for people")]
pub fn too_large(length: u64, limit: u64) -> Error {
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (length, limit) = (megabytes(length), megabytes(limit));
    let message = format!("Response exceeds maximum size limit ({length:.2}MB > {limit:.2}MB)");
    Error::new(Kind::BodyTooLarge, message)
}

/// The most bytes that a body of `limit` bytes has in a coding, with room to spare: a coding can
/// make a body larger.
pub const fn encoded_max(limit: u64) -> u64 {
    limit.saturating_add(limit / 256 + (64 << 10))
}
