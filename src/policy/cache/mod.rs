//! Decisions about cached responses, and the formats of the entries of a cache.

pub mod freshness;
pub mod index;
pub mod key;
pub mod prefix;
pub mod sealed;
