//! Floor 0: what every other room speaks of.

pub mod body;
pub mod error;
pub mod integrity;
pub mod listeners;
pub mod lock_holder;
pub mod observer;
pub mod options;
pub mod proxy;
pub mod redact;
pub mod status;
pub mod timings;
