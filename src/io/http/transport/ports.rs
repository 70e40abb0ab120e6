//! The connections that have had a response, by their local ports.
//!
//! reqwest does not report whether a connection is new, and a layer around its connector would be
//! cloned six times for each request.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After this time without a response, a connection is no longer in the pool, which holds idle ones
/// for seconds. Its local port may belong to another connection by then. The exception is a
/// connection that other requests used meanwhile.
const LAST_RESPONSE_MAX_AGE: Duration = Duration::from_secs(60);
/// Limit of recorded ports, above the number of connections that are open at once. If it is
/// reached, all connections count as new.
const PORTS_MAX: usize = 4096;

/// The time of the last response on each connection.
#[derive(Debug, Default)]
pub struct Ports(Mutex<BTreeMap<u16, Instant>>);

impl Ports {
    /// Records a response on a connection. Returns whether an earlier response came on it.
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

    /// Whether a connection that failed had been used before, and may thus have been closed for
    /// being idle.
    pub fn has(&self, port: Option<u16>) -> bool {
        let Some(port) = port else {
            return false;
        };
        let ports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ports.get(&port).is_some_and(|at| at.elapsed() < LAST_RESPONSE_MAX_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_new_until_it_had_a_response() {
        let ports = Ports::default();
        assert!(!ports.has(Some(1)) && !ports.has(None));
        assert_eq!(
            [Some(1), Some(1), Some(2), None, None].map(|port| ports.record(port)),
            [false, true, false, false, false]
        );
        assert!(ports.has(Some(1)) && !ports.has(Some(3)));
    }
}
