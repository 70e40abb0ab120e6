//! Remembers when this process last swept a directory. Reading a large directory takes
//! milliseconds, so sweeps are rare.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Sweeps(Mutex<BTreeMap<PathBuf, Instant>>);

impl Sweeps {
    /// Creates the value of a `static`.
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Whether the directory has not been swept for a minute. Counts as a sweep if so.
    pub fn is_due(&self, directory: &Path, now: Instant) -> bool {
        let mut swept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        swept.retain(|_, last| now.duration_since(*last) < INTERVAL);
        match swept.entry(directory.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(now);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_swept_once_in_a_while() {
        let sweeps = Sweeps::new();
        let (one, other, now) = (Path::new("/sweep/one"), Path::new("/sweep/other"), Instant::now());
        assert!(sweeps.is_due(one, now) && sweeps.is_due(other, now));
        assert!(!sweeps.is_due(one, now + INTERVAL / 2));
        assert!(sweeps.is_due(one, now + INTERVAL));
    }
}
