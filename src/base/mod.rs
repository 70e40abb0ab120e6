//! The types that every other room uses: errors, options, listeners, bodies.

pub mod body;
pub mod credential_name;
pub mod error;
pub mod host_client;
pub mod integrity;
pub mod listeners;
pub mod lock_holder;
pub mod log;
pub mod observer;
pub mod options;
pub mod proxy;
pub mod redact;
pub mod shared_rate;
pub mod status;
pub mod timings;
