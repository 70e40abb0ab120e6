//! HTTP requests, downloads and download locks for Node.js.
//!
//! The rooms, from the top to the ground. Each uses only rooms below it, and no files or folders
//! use each other in a circle. `__test__/package/architecture.spec.mjs` checks that by this list.
//!
//! ```text
//!   node/exports/      the exported functions and classes: convert, call, convert
//!   node/options/      objects of callers to options of the core
//!   node/convert/      responses, results, bodies and callbacks, between the core and JavaScript
//!   node/promise/      promises, and the signals that end their operations
//!   node/environment/  the state of one JavaScript environment, its variables among it
//!   node/js/           JavaScript values and errors
//!   http_client        the calls to one API
//!   client             owns the long-lived parts of the process, lends them to operations
//!   operation/         one verb a file
//!   io/cache/          cached responses, and npm's cache format
//!   io/http/           requests on the wire: the only code that names reqwest
//!   io/file/           part files, destinations, locks (the only file locks), digests
//!   io/threads         threads for blocking work
//!   metrics/           counters and histograms of the process
//!   policy/            decisions, without I/O: http, tls, cache, lock, text
//!   base/              the words of every room: errors, options, listeners
//! ```
//!
//! Nothing but `node/` knows of Node.js: `cargo test --no-default-features`.

pub mod base;
pub mod client;
pub mod http_client;
pub mod io;
pub mod metrics;
#[cfg(feature = "node")]
mod node;
pub mod operation;
pub mod policy;

/// Requests are allocated on the JavaScript thread and freed on the worker, responses the other way
/// round: with the allocator of glibc, a third of the processor time went into its locks. See
/// `docs/decisions/0019-mimalloc.md`.
#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
