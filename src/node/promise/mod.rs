//! Promises.

pub mod abort;
pub mod deferred;
pub mod failure;
pub mod operation;
