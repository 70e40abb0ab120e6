//! The connections on which responses came. reqwest does not report whether a connection is new, and a
//! layer around its connector would be cloned six times for each request.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::{self, Counter};

/// After this time without a response, a connection is no longer in the pool, which holds idle ones
/// for seconds. Its local port may belong to another connection by then. The exception is a
/// connection that other requests used meanwhile.
const LAST_RESPONSE_MAX_AGE: Duration = Duration::from_secs(60);
/// Limit of recorded ports, above the number of connections that are open at once. If it is
/// reached, all connections count as new.
const PORTS_MAX: usize = 4096;

/// The time of the last response on each connection, by the local port.
#[derive(Debug, Default)]
pub struct Connections(Mutex<BTreeMap<u16, Instant>>);

impl Connections {
    /// Records a response on the connection with this port. `true` if an earlier one came on it.
    pub fn record(&self, port: Option<u16>) -> bool {
        let Some(port) = port else {
            return false;
        };
        let mut ports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ports.len() >= PORTS_MAX {
            ports.clear();
        }
        let now = Instant::now();
        ports.insert(port, now).is_some_and(|at| now.duration_since(at) < LAST_RESPONSE_MAX_AGE)
    }

    /// Whether the connection with this port had been used, and may thus have been closed for being
    /// idle.
    pub fn was_used(&self, port: Option<u16>) -> bool {
        let Some(port) = port else {
            return false;
        };
        let ports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ports.get(&port).is_some_and(|at| at.elapsed() < LAST_RESPONSE_MAX_AGE)
    }
}

/// Counts a new connection.
pub fn count_opened(is_secure: bool, is_http2: bool) {
    metrics::count(Counter::ConnectionsOpened);
    if is_secure {
        metrics::count(Counter::TlsHandshakes);
    }
    if is_http2 {
        metrics::count(Counter::Http2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_new_until_it_had_a_response() {
        let ports = Connections::default();
        assert!(!ports.was_used(Some(1)) && !ports.was_used(None));
        assert_eq!(
            [Some(1), Some(1), Some(2), None, None].map(|port| ports.record(port)),
            [false, true, false, false, false]
        );
        assert!(ports.was_used(Some(1)) && !ports.was_used(Some(3)));
    }
}
