//! The times of one attempt.

use std::time::Duration;

/// The times that it took to open a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The lookup of the name of the server or the proxy. `None` if there was none.
    pub dns: Option<Duration>,
    /// Handshakes of TLS and of proxies included: the client does not tell them apart.
    pub connect: Option<Duration>,
}

/// The times of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Boxed: most responses come on a connection that was open.
    pub opening: Option<Box<Opening>>,
    /// From the start of the attempt to the head of the response.
    pub first_byte: Duration,
    /// From the start of the attempt to the end of the body.
    pub total: Duration,
}
