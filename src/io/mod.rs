//! Floor 2: the outside world, one thing a file. Thin: what to do is decided in [`crate::policy`].

pub mod cacache;
pub mod connect;
pub mod decode;
pub mod destination;
pub mod digest;
pub mod directory;
pub mod lock;
pub mod network_error;
pub mod patience;
pub mod resolve;
pub mod staging;
pub mod store;
pub mod sweeps;
pub mod threads;
pub mod tls;
pub mod transport;
pub mod trusted;
pub mod tunnel;
pub mod umask;
pub mod watch;
pub mod writer;
