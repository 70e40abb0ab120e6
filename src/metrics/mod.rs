//! Counters and histograms of the process.
//!
//! One set for all threads and all JavaScript environments. Counting is always on: a counter is an
//! atomic number, a histogram a row of them, and nothing on the way of a request takes a lock that
//! another thread holds for long. What is counted has bounds: 100 hosts and 200 kinds of errors,
//! and everything beyond them together as `other`.
//!
//! [`table`] names every number once. The object of `getMetrics()`, the Prometheus text, the line
//! of `SOCKET_METRICS_FILE` and the tables of the documentation are made from it.

pub mod errors;
pub mod hosts;
pub mod json;
pub mod prometheus;
pub mod recorder;
pub mod registry;
pub mod snapshot;
pub mod table;
pub mod tally;

pub use self::registry::{add, count, record};
pub use self::table::{Counter, Timer};
