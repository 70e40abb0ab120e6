//! Whether the holder of a lock file is still at work, or its lock may be broken.
//!
//! The kernel lock is the truth where there is one. The JSON of the file is for people, for
//! messages and for older JavaScript holders, which know only the file: they create it exclusively,
//! delete it to release the lock, and judge others by process ID and age.
//!
//! Time is measured in two ways, because clocks are set and laptops sleep: by the file's
//! modification time against the clock, and by how long the observer itself has seen that time
//! unchanged ([`HeartbeatMonitor`]). A clock that jumps can fool the first but not both.

use std::time::{Duration, SystemTime};

use crate::base::lock_holder::Holder;

/// The age up to which an unreadable lock file may be one that is being written.
const WRITING: Duration = Duration::from_secs(2);
/// How far the clocks of two machines may be apart. A time further in the future is invalid: it
/// would keep a lock without a holder until then.
const FUTURE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The result of trying the kernel lock of the existing file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelLock {
    /// A live process holds it.
    Busy,
    /// It was free, and is now held by this process.
    Free,
    /// The file system has no kernel locks.
    Unsupported,
}

/// The next step after an existing lock file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Wait: the holder is at work.
    Wait,
    /// Remove the file and try again: the holder has ended or is hung.
    Remove,
}

/// How long the file has shown no sign of life.
#[derive(Clone, Copy, Debug)]
pub struct Staleness {
    /// By the clock: now minus modification time, 0 if that is in the future.
    pub age: Duration,
    /// By observation: how long the observer has seen the modification time unchanged.
    pub unchanged: Duration,
}

impl Staleness {
    fn reaches(self, limit: Duration) -> bool {
        self.age >= limit || self.unchanged >= limit
    }
}

/// Decides about an existing lock file. `stale` is the limit of the caller. `alive` returns whether
/// a process with the holder's ID runs here; it is called only where that matters.
pub fn evaluate(
    lock: KernelLock,
    holder: Option<&Holder>,
    staleness: Staleness,
    stale: Duration,
    now: SystemTime,
    alive: impl FnOnce(u32) -> bool,
) -> Decision {
    let remove = match (lock, holder) {
        (KernelLock::Busy, holder) => is_hung(holder, staleness, stale),
        (_, None) => staleness.reaches(WRITING),
        // A kernel lock ends with its process, whatever process has the same ID now.
        (KernelLock::Free, Some(Holder { kernel_lock: true, .. })) => true,
        // A renewed file proves a holder at work; its process ID may be one of another namespace.
        (_, Some(holder @ Holder { refresh: Some(every), .. })) => {
            is_hung(Some(holder), staleness, stale) || (staleness.reaches(*every * 2) && !alive(holder.pid))
        }
        (_, Some(holder)) => staleness.reaches(stale) || holder.age(now) >= stale || !alive(holder.pid),
    };
    if remove { Decision::Remove } else { Decision::Wait }
}

/// Whether a live holder is hung. It renews the file every `refresh`; it is hung if it has missed
/// two renewals while observed, and the clock or the observation reaches `stale`.
fn is_hung(holder: Option<&Holder>, staleness: Staleness, stale: Duration) -> bool {
    let refresh = holder.and_then(|holder| holder.refresh).unwrap_or(stale / 4);
    staleness.unchanged >= refresh * 2 && staleness.reaches(stale)
}

/// An observer's record of a lock file's modification time.
#[derive(Debug, Default)]
pub struct HeartbeatMonitor {
    seen: Option<SystemTime>,
    unchanged: Duration,
}

impl HeartbeatMonitor {
    /// Adds one observation. `since` is the time since the last one by the observer's monotonic
    /// clock, `usual` the longest time that it sleeps in between. The time for which the observer
    /// itself was stopped does not count as observed.
    pub fn observe(&mut self, modified: SystemTime, now: SystemTime, since: Duration, usual: Duration) -> Staleness {
        if self.seen == Some(modified) {
            self.unchanged += since.min(usual * 2);
        } else {
            self.seen = Some(modified);
            self.unchanged = Duration::ZERO;
        }
        let age = now
            .duration_since(modified)
            .unwrap_or_else(|future| if future.duration() > FUTURE_MAX { Duration::MAX } else { Duration::ZERO });
        Staleness { age, unchanged: self.unchanged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::lock_holder::{REFRESH_MAX, refresh_interval};

    const STALE: Duration = Duration::from_secs(300);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_time_in_a_file_keeps_a_lock_without_a_holder() {
        let now = SystemTime::UNIX_EPOCH + SECOND * 2_000_000_000;
        let staleness = |modified| HeartbeatMonitor::default().observe(modified, now, SECOND, SECOND);
        assert_eq!(staleness(now + FUTURE_MAX).age, Duration::ZERO);
        assert_eq!(staleness(now + FUTURE_MAX + SECOND).age, Duration::MAX);
        let of = |json: &str| Holder::parse(json.as_bytes()).unwrap();
        assert_eq!(of(r#"{"pid":1,"refresh":1000000000000000}"#).refresh, Some(REFRESH_MAX));
        for (start, age) in [("-1e305", Duration::MAX), ("4e12", Duration::ZERO), ("1e305", Duration::ZERO)] {
            assert_eq!(of(&format!("{{\"pid\":1,\"startTime\":{start}}}")).age(now), age, "{start}");
        }
        assert_eq!(of(r#"{"pid":1}"#).age(now), Duration::ZERO);
    }

    fn ours() -> Holder {
        Holder {
            pid: 7,
            start_time: Some(1_000_000.0),
            url: Some("http://a/".into()),
            kernel_lock: true,
            refresh: Some(Duration::from_secs(10)),
            owner: None,
        }
    }

    fn older() -> Holder {
        Holder { kernel_lock: false, refresh: None, ..ours() }
    }

    fn staleness(age: u64, unchanged: u64) -> Staleness {
        Staleness { age: SECOND * u32::try_from(age).unwrap(), unchanged: SECOND * u32::try_from(unchanged).unwrap() }
    }

    fn decision(lock: KernelLock, holder: Option<&Holder>, staleness: Staleness, alive: bool) -> Decision {
        evaluate(lock, holder, staleness, STALE, SystemTime::UNIX_EPOCH + SECOND * 1000, |_| alive)
    }

    #[test]
    fn a_free_kernel_lock_proves_a_holder_dead_even_if_its_pid_is_in_use() {
        assert_eq!(decision(KernelLock::Free, Some(&ours()), staleness(0, 0), true), Decision::Remove);
    }

    #[test]
    fn a_busy_kernel_lock_is_respected_until_its_holder_stops_renewing_the_file() {
        assert_eq!(decision(KernelLock::Busy, Some(&ours()), staleness(299, 25), false), Decision::Wait);
        assert_eq!(decision(KernelLock::Busy, Some(&ours()), staleness(300, 19), false), Decision::Wait);
        assert_eq!(decision(KernelLock::Busy, Some(&ours()), staleness(300, 20), true), Decision::Remove);
        assert_eq!(decision(KernelLock::Busy, None, staleness(301, 150), true), Decision::Remove);
    }

    #[test]
    fn a_clock_set_forward_or_back_changes_nothing() {
        assert_eq!(decision(KernelLock::Busy, Some(&ours()), staleness(3600, 9), true), Decision::Wait);
        assert_eq!(decision(KernelLock::Busy, Some(&ours()), staleness(0, 299), true), Decision::Wait);
        assert_eq!(decision(KernelLock::Busy, Some(&ours()), staleness(0, 300), true), Decision::Remove);
    }

    #[test]
    fn an_older_holder_is_evaluated_by_process_and_age() {
        assert_eq!(decision(KernelLock::Free, Some(&older()), staleness(299, 0), true), Decision::Wait);
        assert_eq!(decision(KernelLock::Free, Some(&older()), staleness(0, 0), false), Decision::Remove);
        assert_eq!(decision(KernelLock::Free, Some(&older()), staleness(300, 0), true), Decision::Remove);
        assert_eq!(decision(KernelLock::Unsupported, Some(&older()), staleness(299, 0), true), Decision::Wait);
        for (start, expected) in [(700_000.0, Decision::Remove), (700_001.0, Decision::Wait), (9e9, Decision::Wait)] {
            let holder = Holder { start_time: Some(start), ..older() };
            assert_eq!(decision(KernelLock::Free, Some(&holder), staleness(0, 0), true), expected, "{start}");
        }
        let unknown = Holder { start_time: None, ..older() };
        assert_eq!(decision(KernelLock::Free, Some(&unknown), staleness(0, 0), true), Decision::Wait);
    }

    #[test]
    fn without_kernel_locks_a_renewed_file_is_respected_across_pid_namespaces() {
        let holder = Holder { kernel_lock: false, ..ours() };
        assert_eq!(decision(KernelLock::Unsupported, Some(&holder), staleness(19, 0), false), Decision::Wait);
        assert_eq!(decision(KernelLock::Unsupported, Some(&holder), staleness(20, 0), false), Decision::Remove);
        assert_eq!(decision(KernelLock::Unsupported, Some(&holder), staleness(20, 20), true), Decision::Wait);
        assert_eq!(decision(KernelLock::Unsupported, Some(&holder), staleness(300, 20), true), Decision::Remove);
    }

    #[test]
    fn an_unreadable_file_gets_time_to_be_written() {
        for lock in [KernelLock::Free, KernelLock::Unsupported] {
            assert_eq!(decision(lock, None, staleness(1, 1), true), Decision::Wait);
            assert_eq!(decision(lock, None, staleness(2, 0), true), Decision::Remove);
            assert_eq!(decision(lock, None, staleness(0, 2), true), Decision::Remove);
        }
    }

    #[test]
    fn json_is_read_back_and_nonsense_is_no_holder() {
        assert_eq!(Holder::parse(ours().to_json().as_bytes()), Some(ours()));
        let url = Holder::parse(br#"{"pid":12,"url":"http://user:s3cret@x/?token=s3cret"}"#).unwrap().url;
        assert_eq!(url.as_deref(), Some("http://x/?token=REDACTED"));
        let old = Holder::parse(br#"{"pid":12,"startTime":1700000000000,"url":"http://x/"}"#).unwrap();
        assert_eq!((old.pid, old.kernel_lock, old.refresh), (12, false, None));
        for nonsense in ["", "{", "[]", "null", "{}", r#"{"pid":"1"}"#, r#"{"pid":0}"#, r#"{"pid":-4}"#, "\u{0}"] {
            assert_eq!(Holder::parse(nonsense.as_bytes()), None, "{nonsense}");
        }
    }

    #[test]
    fn a_monitor_counts_only_time_that_it_observed() {
        let (then, now) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + STALE);
        let mut monitor = HeartbeatMonitor::default();
        assert_eq!(monitor.observe(then, now, SECOND, SECOND).unchanged, Duration::ZERO);
        assert_eq!(monitor.observe(then, now, SECOND, SECOND).unchanged, SECOND);
        // The machine slept for an hour.
        let staleness = monitor.observe(then, now, Duration::from_secs(3600), SECOND);
        assert_eq!((staleness.unchanged, staleness.age), (SECOND * 3, STALE));
        assert_eq!(monitor.observe(now, then, SECOND, SECOND).unchanged, Duration::ZERO);
        assert_eq!(monitor.observe(now, then, SECOND, SECOND).age, Duration::ZERO);
    }

    #[test]
    fn a_holder_renews_its_file_well_within_the_limit() {
        assert_eq!(refresh_interval(STALE), SECOND * 10);
        assert_eq!(refresh_interval(SECOND * 2), Duration::from_millis(500));
        assert_eq!(refresh_interval(Duration::ZERO), Duration::from_millis(5));
    }
}
