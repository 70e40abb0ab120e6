//! Promises, and the signals that end their operations.

pub mod abort;
pub mod deferred;
pub mod rejection;
pub mod operation;
