//! Decisions about locks, and about files that other processes have open.

pub mod staleness;
pub mod windows_retry;
