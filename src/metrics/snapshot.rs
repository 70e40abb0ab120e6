//! All numbers at one time, and what two such times differ by.

use std::collections::{BTreeMap, HashMap};

use crate::metrics::errors::ErrorCounts;
use crate::metrics::hosts::{HOSTS_MAX, HostCounts, HostRecorded, OTHER};
use crate::metrics::recorder::{BUCKETS, Distribution, Recorded};
use crate::metrics::table::{COUNTERS, Counter, TIMERS, Timer};

pub const COUNTER_COUNT: usize = COUNTERS.len();
pub const TIMER_COUNT: usize = TIMERS.len();

/// Everything that the process has counted, since it began.
#[derive(Clone, Debug)]
pub struct Totals {
    pub counters: [u64; COUNTER_COUNT],
    pub timers: [(Recorded, [u64; BUCKETS]); TIMER_COUNT],
    pub hosts: HashMap<Box<str>, HostRecorded>,
}

/// The counts of a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Milliseconds since 1970.
    pub since: u64,
    counters: Vec<u64>,
    timers: Vec<Distribution>,
    pub hosts: BTreeMap<String, HostCounts>,
    pub errors: ErrorCounts,
}

impl Snapshot {
    /// The counts after `earlier`, which was at `since`.
    pub fn between(earlier: Option<&Totals>, later: &Totals, since: u64, errors: ErrorCounts) -> Self {
        let before = |index: usize| earlier.map_or(0, |earlier| earlier.counters[index]);
        let counters =
            later.counters.iter().enumerate().map(|(index, now)| now.saturating_sub(before(index))).collect();
        let timers = later.timers.iter().enumerate().map(|(index, (recorded, buckets))| {
            let earlier = earlier.map(|earlier| &earlier.timers[index]);
            let buckets_before = earlier.map_or([0; BUCKETS], |(_, buckets)| *buckets);
            let mut recent = recorded.since(earlier.map(|(recorded, _)| recorded));
            recent.buckets = std::array::from_fn(|bucket| buckets[bucket].saturating_sub(buckets_before[bucket]));
            recent
        });
        let hosts = later.hosts.iter().filter_map(|(name, host)| {
            let recent = host.since(earlier.and_then(|earlier| earlier.hosts.get(name)))?;
            Some((name.to_string(), recent))
        });
        Self { since, counters, timers: timers.collect(), hosts: hosts.collect(), errors }
    }

    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).copied().unwrap_or_default()
    }

    /// In the order of [`COUNTERS`].
    pub fn counters(&self) -> [u64; COUNTER_COUNT] {
        std::array::from_fn(|index| self.counters.get(index).copied().unwrap_or_default())
    }

    pub fn set_counters(&mut self, counters: [u64; COUNTER_COUNT]) {
        self.counters = counters.into();
    }

    pub fn timer(&self, timer: Timer) -> Distribution {
        self.timers.get(timer as usize).cloned().unwrap_or_default()
    }

    /// In the order of [`TIMERS`].
    pub fn timers(&self) -> [Distribution; TIMER_COUNT] {
        std::array::from_fn(|index| self.timers.get(index).cloned().unwrap_or_default())
    }

    pub fn set_timers(&mut self, timers: [Distribution; TIMER_COUNT]) {
        self.timers = timers.into();
    }

    /// Whether nothing at all has happened.
    pub fn is_empty(&self) -> bool {
        self.counters.iter().all(|count| *count == 0) && self.errors.is_empty()
    }

    /// Adds what another process counted.
    pub fn merge(&mut self, other: &Self) {
        self.since = if self.since == 0 { other.since } else { self.since.min(other.since) };
        let more = other.counters();
        self.counters = self.counters().iter().zip(more).map(|(count, more)| count.saturating_add(more)).collect();
        let mut timers = self.timers();
        for (timer, more) in timers.iter_mut().zip(other.timers()) {
            timer.merge(&more);
        }
        self.timers = timers.into();
        for (name, more) in &other.hosts {
            // Many processes may know more hosts than one may name.
            let is_named = self.hosts.len() < HOSTS_MAX || self.hosts.contains_key(name);
            let name = if is_named { name.as_str() } else { OTHER };
            let host = self.hosts.entry(name.to_owned()).or_default();
            host.requests = host.requests.saturating_add(more.requests);
            host.failed = host.failed.saturating_add(more.failed);
            host.duration.merge(&more.duration);
        }
        for (kind, count) in other.errors.sorted() {
            self.errors.add(kind.clone(), count.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_many_names_no_more_hosts_than_one_and_loses_none() {
        let mut sum = Snapshot::default();
        for number in 0..1_000 {
            let mut one = Snapshot::default();
            one.hosts.insert(format!("host-{number}.test"), HostCounts { requests: 2, ..HostCounts::default() });
            sum.merge(&one);
        }
        assert_eq!(sum.hosts.len(), HOSTS_MAX + 1);
        assert_eq!(sum.hosts[OTHER].requests, 2 * (1_000 - HOSTS_MAX as u64));
    }
}
