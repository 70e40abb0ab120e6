//! Counts of each host: of 100 by name, and of all others together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use fnv::FnvHashMap;

use crate::metrics::recorder::{Distribution, Recorded, Recorder};

/// Hosts with a name. A program that crawls must not fill the memory.
pub const HOSTS_MAX: usize = 100;
/// The name of all others.
pub const OTHER: &str = "other";

#[derive(Debug, Default)]
pub struct Hosts(RwLock<FnvHashMap<Box<str>, Arc<Host>>>);

#[derive(Debug, Default)]
pub struct Host {
    requests: AtomicU64,
    failed: AtomicU64,
    duration: Recorder,
}

/// The recorded numbers of a host.
#[derive(Clone, Debug)]
pub struct HostRecorded {
    requests: u64,
    failed: u64,
    duration: Recorded,
}

/// The counts of one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostCounts {
    pub requests: u64,
    pub failed: u64,
    pub duration: Distribution,
}

impl Hosts {
    pub fn record(&self, name: &str, is_failed: bool, duration: Duration) {
        {
            let hosts = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(host) = hosts.get(name) {
                return host.record(is_failed, duration);
            }
        }
        let mut hosts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name = if hosts.len() < HOSTS_MAX { name } else { OTHER };
        let host = hosts.entry(name.into()).or_default().clone();
        drop(hosts);
        host.record(is_failed, duration);
    }

    pub fn load(&self) -> HashMap<Box<str>, HostRecorded> {
        let hosts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        hosts.iter().map(|(name, host)| (name.clone(), host.load())).collect()
    }
}

impl Host {
    fn record(&self, is_failed: bool, duration: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(is_failed.into(), Ordering::Relaxed);
        self.duration.record(duration);
    }

    fn load(&self) -> HostRecorded {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        HostRecorded { requests: of(&self.requests), failed: of(&self.failed), duration: self.duration.load() }
    }
}

impl HostRecorded {
    /// The counts since `earlier`. `None` if nothing was counted.
    pub fn since(&self, earlier: Option<&Self>) -> Option<HostCounts> {
        let (requests, failed) = earlier.map_or((0, 0), |earlier| (earlier.requests, earlier.failed));
        let requests = self.requests.saturating_sub(requests);
        (requests > 0).then(|| HostCounts {
            requests,
            failed: self.failed.saturating_sub(failed),
            duration: self.duration.since(earlier.map(|earlier| &earlier.duration)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_hundredth_all_hosts_are_one() {
        let hosts = Hosts::default();
        for number in 0..150 {
            hosts.record(&format!("host-{number}.test"), number % 2 == 0, Duration::from_millis(1));
        }
        hosts.record("host-0.test", false, Duration::from_millis(1));
        let loaded = hosts.load();
        assert_eq!(loaded.len(), HOSTS_MAX + 1);
        assert_eq!(loaded["host-0.test"].since(None).unwrap().requests, 2);
        let other = loaded[OTHER].since(None).unwrap();
        assert_eq!((other.requests, other.failed, other.duration.count), (50, 25, 50));
    }
}
