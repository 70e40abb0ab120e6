//! Floor 2: the outside world, one thing a file. Thin: what to do is decided in [`crate::policy`].

pub mod cache;
pub mod file;
pub mod http;
pub mod threads;
