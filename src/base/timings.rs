//! How long the parts of one attempt took.

use std::time::Duration;

/// The parts of an attempt, up to its response. The first two are known where a connection was opened for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Looking up the name of the server, or of the proxy.
    pub dns: Option<Duration>,
    /// Connecting, with the handshakes of TLS and of proxies.
    pub connect: Option<Duration>,
    /// From the start of the attempt to the head of the response.
    pub first_byte: Duration,
    /// From the start of the attempt to the end of the body.
    pub total: Duration,
}
