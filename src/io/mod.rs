//! Input and output, one subject a file. This room is thin: decisions are made in
//! [`crate::policy`].

pub mod cache;
pub mod file;
pub mod http;
pub mod threads;
