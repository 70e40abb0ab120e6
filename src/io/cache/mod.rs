//! Caches in memory and on disk.

pub mod cacache;
pub mod store;
