//! HTTP requests, downloads and download locks for Node.js.
//!
//! Each floor uses only floors below it:
//!
//! ```text
//! 5  node/        the only code that names napi: convert, call, convert
//! 4  client       owns the long-lived parts of the process, lends them to operations; http_client: those of one API
//! 3  operation/   one verb a file: request, cached, download, locked; what they share: attempt, hooks, flight, progress
//! 2  io/          one outside thing a file: transport, connect, tunnel and network_error (the only reqwest),
//!                 resolve, tls, decode, lock (the only file locks), watch, trusted (files that nobody else can have written), destination,
//!                 staging (the only writer of destinations), umask, writer,
//!                 digest, patience, threads, store (answers that are kept), cacache (npm's format)
//! 1  policy/      decisions without I/O: retry, redirect, proxy, headers, holder, resume, integrity, user_agent,
//!                 address, freshness, cache_key, bucket, wildcard, checksum_file, error_message, certificate, host_name,
//!                 node_debug
//! 0  error, options, listeners, outgoing, redact
//! ```
//!
//! Floors 0 to 4 know nothing of Node: `cargo test --no-default-features`.

pub mod client;
pub mod error;
pub mod http_client;
pub mod io;
pub mod listeners;
#[cfg(feature = "node")]
mod node;
pub mod operation;
pub mod options;
pub mod outgoing;
pub mod policy;
pub mod redact;
