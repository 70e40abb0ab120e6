//! The cost of decoding, in the unit of writing one byte.
//!
//! A body that is too much work for a network thread is decoded on another thread.

/// The cost of reading one byte.
pub const READ_COST: u64 = 4;
/// The additional cost of a byte that is read without output: eleven bytes of deflate can be two
/// tables that produce nothing.
pub const WASTE_COST: u64 = 32;
/// The cost of the end of a gzip member or zstd frame, after which another begins.
pub const MEMBER_COST: u64 = 4 << 10;
/// The most work that a network thread does for one body: some 300 µs.
pub const LIGHT: u64 = 256 << 10;
