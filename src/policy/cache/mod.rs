//! Decisions about cached responses.

pub mod freshness;
pub mod index;
pub mod key;
pub mod prefix;
pub mod sealed;
