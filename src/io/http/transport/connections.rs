//! The connections on which responses came. reqwest does not report whether a connection is new,
//! and a layer around its connector would be cloned six times for each request.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::io::http::error::Ends;
use crate::metrics::{self, Counter};

/// After this time without a response, a connection is no longer in the pool, which holds idle ones
/// for seconds. Its ends may be those of another connection by then. The exception is a
/// connection that other requests used meanwhile.
const LAST_RESPONSE_MAX_AGE: Duration = Duration::from_secs(60);
/// Limit of recorded connections, above the number that are open at once. If it is reached, all
/// connections count as new.
const CONNECTIONS_MAX: usize = 4096;

/// The time of the last response on each connection.
#[derive(Debug, Default)]
pub struct Connections(Mutex<BTreeMap<Ends, Instant>>);

impl Connections {
    /// Records a response on a connection. `true` if an earlier one came on it.
    pub fn record(&self, connection: Option<Ends>) -> bool {
        let Some(connection) = connection else {
            return false;
        };
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.len() >= CONNECTIONS_MAX {
            connections.clear();
        }
        let now = Instant::now();
        connections.insert(connection, now).is_some_and(|at| now.duration_since(at) < LAST_RESPONSE_MAX_AGE)
    }

    /// Whether the connection had been used, and may thus have been closed for being idle.
    pub fn was_used(&self, connection: Option<Ends>) -> bool {
        let Some(connection) = connection else {
            return false;
        };
        let connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.get(&connection).is_some_and(|at| at.elapsed() < LAST_RESPONSE_MAX_AGE)
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
        let connections = Connections::default();
        let [first, other, elsewhere] = [(1, "127.0.0.1:80"), (2, "127.0.0.1:80"), (1, "127.0.0.1:81")]
            .map(|(port, server)| Some((port, server.parse().unwrap())));
        assert!(!connections.was_used(first) && !connections.was_used(None));
        assert_eq!(
            [first, first, other, None, None].map(|connection| connections.record(connection)),
            [false, true, false, false, false]
        );
        assert!(connections.was_used(first) && connections.was_used(other));
        assert!(!connections.was_used(elsewhere), "the same port, to another server");
    }
}
