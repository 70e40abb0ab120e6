//! The counters of the process, and the two points from which they are read: the last reset, and
//! what was last written to the file of metrics. Nothing is ever set back, so that a reset takes
//! nothing from the file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::observer::ErrorEvent;
use crate::metrics::errors::ErrorCounts;
use crate::metrics::hosts::Hosts;
use crate::metrics::recorder::{Buckets, Recorder};
use crate::metrics::snapshot::{COUNTER_COUNT, Snapshot, TIMER_COUNT, Totals};
use crate::metrics::table::{Counter, Timer};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

/// A set of counters.
#[derive(Debug)]
pub struct Registry {
    counters: [AtomicU64; COUNTER_COUNT],
    timers: [(Recorder, Buckets); TIMER_COUNT],
    hosts: Hosts,
    seen: Mutex<View>,
    unwritten: Mutex<View>,
}

/// The counts since a point in time.
#[derive(Debug)]
struct View {
    /// Milliseconds since 1970.
    since: u64,
    /// The totals at that time. `None`: nothing had been counted.
    base: Option<Totals>,
    errors: ErrorCounts,
}

impl View {
    fn new(base: Option<Totals>) -> Self {
        Self { since: now(), base, errors: ErrorCounts::default() }
    }

    fn read(&self, totals: &Totals) -> Snapshot {
        Snapshot::between(self.base.as_ref(), totals, self.since, self.errors.clone())
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            counters: [const { AtomicU64::new(0) }; COUNTER_COUNT],
            timers: Default::default(),
            hosts: Hosts::default(),
            seen: Mutex::new(View::new(None)),
            unwritten: Mutex::new(View::new(None)),
        }
    }
}

impl Registry {
    /// The registry of the process.
    pub fn shared() -> &'static Self {
        &REGISTRY
    }

    pub fn add(&self, counter: Counter, count: u64) {
        self.counters[counter as usize].fetch_add(count, Ordering::Relaxed);
    }

    pub fn record(&self, timer: Timer, duration: Duration) {
        let (recorder, buckets) = &self.timers[timer as usize];
        recorder.record(duration);
        buckets.record(duration);
    }

    pub fn record_host(&self, name: &str, is_failed: bool, duration: Duration) {
        self.hosts.record(name, is_failed, duration);
    }

    pub fn record_error(&self, event: &ErrorEvent) {
        for view in [&self.seen, &self.unwritten] {
            view.lock().unwrap_or_else(PoisonError::into_inner).errors.record(event);
        }
    }

    /// The counts since the last reset.
    pub fn snapshot(&self) -> Snapshot {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).read(&self.totals())
    }

    /// Starts again.
    pub fn reset(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = View::new(Some(self.totals()));
    }

    /// Hands what has not been written yet to `write`, unless that is nothing. Where it fails, it
    /// has not been written. One at a time, so that nothing is written twice. Returns whether there
    /// was something.
    pub fn write<E>(&self, write: impl FnOnce(&Snapshot) -> Result<(), E>) -> Result<bool, E> {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        let totals = self.totals();
        let snapshot = unwritten.read(&totals);
        if snapshot.is_empty() {
            return Ok(false);
        }
        write(&snapshot)?;
        *unwritten = View::new(Some(totals));
        Ok(true)
    }

    #[cfg(test)]
    pub(super) fn counters_for_test(&self) -> &[AtomicU64; COUNTER_COUNT] {
        &self.counters
    }

    fn totals(&self) -> Totals {
        Totals {
            counters: std::array::from_fn(|index| self.counters[index].load(Ordering::Relaxed)),
            timers: std::array::from_fn(|index| {
                let (recorder, buckets) = &self.timers[index];
                (recorder.load(), buckets.load())
            }),
            hosts: self.hosts.load(),
        }
    }
}

/// Counts one, for the process.
pub fn count(counter: Counter) {
    add(counter, 1);
}

pub fn add(counter: Counter, count: u64) {
    REGISTRY.add(counter, count);
}

/// Records a duration, for the process.
pub fn record(timer: Timer, duration: Duration) {
    REGISTRY.record(timer, duration);
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> ErrorEvent {
        let [code, host, message] = ["ECONNRESET", "a.test", "message"].map(str::to_owned);
        ErrorEvent { operation: "request", code, host, status: None, message, time: 1 }
    }

    #[test]
    fn a_reset_takes_nothing_from_the_file() {
        let registry = Registry::default();
        registry.add(Counter::RequestsTotal, 2);
        registry.record(Timer::Requests, Duration::from_millis(3));
        registry.record_host("a.test", true, Duration::from_millis(3));
        registry.record_error(&error());
        let before = registry.snapshot();
        assert_eq!((before.counter(Counter::RequestsTotal), before.timer(Timer::Requests).count), (2, 1));
        assert_eq!((before.hosts["a.test"].failed, before.errors.sorted().len()), (1, 1));
        registry.reset();
        let after = registry.snapshot();
        assert!(after.is_empty() && after.hosts.is_empty());
        assert_eq!(after.timer(Timer::Requests), crate::metrics::recorder::Distribution::default());
        registry
            .write(|unwritten| {
                assert_eq!(unwritten.counters(), before.counters());
                assert_eq!(unwritten.hosts, before.hosts);
                Ok::<_, ()>(())
            })
            .unwrap();
    }

    #[test]
    fn what_was_written_is_not_written_again_and_what_failed_is() {
        let registry = Registry::default();
        assert_eq!(registry.write(|_| Err(())), Ok(false), "nothing has happened");
        registry.add(Counter::RequestsTotal, 2);
        assert_eq!(registry.write(|_| Err("disk full")), Err("disk full"));
        assert_eq!(registry.write(|_| Ok::<_, ()>(())), Ok(true));
        assert_eq!(registry.write(|_| Err(())), Ok(false));
        registry.add(Counter::RequestsTotal, 3);
        let counted = |unwritten: &Snapshot| {
            assert_eq!(unwritten.counter(Counter::RequestsTotal), 3);
            Ok::<_, ()>(())
        };
        assert_eq!(registry.write(counted), Ok(true));
        assert_eq!(registry.snapshot().counter(Counter::RequestsTotal), 5);
    }
}
