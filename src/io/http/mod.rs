//! Requests and responses on the wire. The only code that names reqwest.

pub mod decode;
pub mod error;
mod lookups;
mod outgoing;
pub mod reach;
pub mod resolve;
pub mod tls;
pub mod transport;
