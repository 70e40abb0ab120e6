//! Files: part files, locks, digests.

pub mod append;
pub mod destination;
pub mod digest;
pub mod directory;
pub mod lock;
pub mod staging;
pub mod sweeps;
pub mod trusted;
pub mod umask;
pub mod watch;
pub mod windows_retry;
pub mod writer;
