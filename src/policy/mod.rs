//! Decisions, without I/O. The clock and randomness are arguments.

pub mod cache;
pub mod http;
pub mod lock;
pub mod text;
pub mod tls;
