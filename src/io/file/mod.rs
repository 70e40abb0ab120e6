//! Part files, destinations, locks and digests.

pub mod append;
pub mod destination;
pub mod digest;
pub mod directory;
pub mod file_name;
pub mod lock;
pub mod offsets;
pub mod ownership;
pub mod staging;
pub mod sweeps;
pub mod trusted;
pub mod umask;
pub mod watch;
pub mod windows_retry;
pub mod writer;
