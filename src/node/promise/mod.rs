//! Promises.

pub mod abort;
pub mod bridge;
