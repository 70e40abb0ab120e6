//! Requests on the wire.

pub mod decode;
pub mod error;
pub mod resolve;
pub mod tls;
pub mod transport;
