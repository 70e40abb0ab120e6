//! The times of the last lookups of names. The client does not report how a connection came about,
//! so they are read here if a connection is new.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// More names than are looked up at a time.
const NAMES_MAX: usize = 256;

#[derive(Debug, Default)]
pub struct Lookups(Mutex<HashMap<String, (Instant, Duration)>>);

impl Lookups {
    pub fn ended(&self, name: String, started: Instant) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        names.insert(name, (started, started.elapsed()));
    }

    /// The time of the last lookup of a name, if it began after `earliest`.
    pub fn since(&self, name: &str, earliest: Instant) -> Option<Duration> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).filter(|(started, _)| *started >= earliest).map(|(_, took)| *took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_of_an_earlier_connection_is_not_of_this_one() {
        let (lookups, earliest) = (Lookups::default(), Instant::now());
        lookups.ended("a.test".to_owned(), Instant::now());
        assert!(lookups.since("a.test", earliest).is_some());
        assert!(lookups.since("b.test", earliest).is_none());
        assert!(lookups.since("a.test", Instant::now()).is_none());
    }
}
