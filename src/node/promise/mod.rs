//! Promises, and the signals that end their operations.

pub mod abort;
pub mod deferred;
pub mod operation;
pub mod rejection;
