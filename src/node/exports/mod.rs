//! The exported functions and classes: convert, call, convert.

pub mod cacache;
pub mod calls;
pub mod client;
mod doctor;
pub mod functions;
mod helpers;
pub mod metrics;
mod metrics_types;
mod warm;
