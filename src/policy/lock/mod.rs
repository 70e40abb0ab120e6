//! Decisions about locks and files that others have open.

pub mod staleness;
pub mod windows_retry;
