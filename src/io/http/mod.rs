//! Requests on the wire.

pub mod decode;
pub mod error;
mod lookups;
mod outgoing;
pub mod resolve;
pub mod tls;
pub mod transport;
