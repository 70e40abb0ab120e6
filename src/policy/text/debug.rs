//! The texts of debug lines (`NODE_DEBUG=socket-registry`), by subject. Documented in
//! `docs/observability.md`. URLs, names of proxies and errors are redacted here or where they come
//! from.

pub mod cache;
pub mod download;
pub mod lock;
pub mod network;
