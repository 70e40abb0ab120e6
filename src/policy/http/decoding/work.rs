//! How much work a step was, so that a body is moved to another thread before it delays a network thread.

/// The work of reading a byte, in bytes that are written meanwhile.
pub const READ_COST: u64 = 4;
/// The same of a byte for which less comes out: eleven bytes of deflate can be two tables, for nothing.
pub const WASTE_COST: u64 = 32;
/// The same of beginning another gzip member or zstd frame.
pub const MEMBER_COST: u64 = 4 << 10;
/// Work that delays nobody: some 300 µs.
pub const LIGHT: u64 = 256 << 10;
