//! What a lock file says of its holder, and whether that holder still counts.
//!
//! The kernel lock is the truth where there is one. The file's JSON is for people, for messages and for older
//! JavaScript holders, which know only the file: they create it exclusively, delete it to release, and judge others
//! by process id and age.
//!
//! Time is judged twice, because clocks are set and laptops sleep: by the file's modification time against the clock,
//! and by how long the observer itself has seen that time unchanged ([`HeartbeatMonitor`]). A clock that jumps can fool the first
//! but not both.

use std::time::{Duration, SystemTime};

use crate::base::lock_holder::Holder;

/// An unreadable lock file younger than this may be one that is just being written.
const WRITING: Duration = Duration::from_secs(2);

/// How far clocks of two machines may be apart. What lies further in the future is no time of anything, and would keep a lock
/// that nobody holds for as long.
const FUTURE_MAX: Duration = Duration::from_secs(24 * 3600);
/// What trying the kernel lock of the existing file told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelLock {
    /// Somebody alive holds it.
    Busy,
    /// It was free; the judge has it now.
    Free,
    /// This file system has none.
    Unsupported,
}

/// What to do about an existing lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A holder at work.
    Wait,
    /// Nobody needs it any more, or its holder is frozen: remove it and try again.
    Remove,
}

/// How long the file has shown no sign of life.
#[derive(Clone, Copy, Debug)]
pub struct Staleness {
    /// By the clock: now minus modification time, 0 when that lies in the future.
    pub age: Duration,
    /// By observation.
    pub unchanged: Duration,
}

impl Staleness {
    fn reaches(self, limit: Duration) -> bool {
        self.age >= limit || self.unchanged >= limit
    }
}

/// `alive`: whether a process with the holder's id runs here; asked only where it matters.
pub fn evaluate(
    lock: KernelLock,
    holder: Option<&Holder>,
    quiet: Staleness,
    stale: Duration,
    now: SystemTime,
    alive: impl FnOnce(u32) -> bool,
) -> Decision {
    let remove = match (lock, holder) {
        (KernelLock::Busy, holder) => is_hung(holder, quiet, stale),
        (_, None) => quiet.reaches(WRITING),
        // A kernel lock ends with its process, whatever now runs under the same id.
        (KernelLock::Free, Some(Holder { kernel_lock: true, .. })) => true,
        // Renewed files speak for themselves; a process id may belong to another namespace.
        (_, Some(holder @ Holder { refresh: Some(every), .. })) => {
            is_hung(Some(holder), quiet, stale) || (quiet.reaches(*every * 2) && !alive(holder.pid))
        }
        (_, Some(holder)) => quiet.reaches(stale) || holder.age(now) >= stale || !alive(holder.pid),
    };
    if remove { Decision::Remove } else { Decision::Wait }
}

/// A live holder renews the file every `refresh`. It is frozen when it should have done so twice under our eyes, and
/// the clock or our own observation says `stale`.
fn is_hung(holder: Option<&Holder>, quiet: Staleness, stale: Duration) -> bool {
    let refresh = holder.and_then(|holder| holder.refresh).unwrap_or(stale / 4);
    quiet.unchanged >= refresh * 2 && quiet.reaches(stale)
}

/// One observer's memory of a lock file's modification time.
#[derive(Debug, Default)]
pub struct HeartbeatMonitor {
    seen: Option<SystemTime>,
    unchanged: Duration,
}

impl HeartbeatMonitor {
    /// Adds one look; `since` is the time since the last one by the observer's own monotonic clock, `usual` the longest
    /// time that it lies down between looks. An observer that was itself stopped for longer has not observed that time.
    pub fn look(&mut self, modified: SystemTime, now: SystemTime, since: Duration, usual: Duration) -> Staleness {
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
    fn no_time_that_a_file_names_keeps_a_lock_that_nobody_holds() {
        let now = SystemTime::UNIX_EPOCH + SECOND * 2_000_000_000;
        let quiet = |modified| HeartbeatMonitor::default().look(modified, now, SECOND, SECOND);
        assert_eq!(quiet(now + FUTURE_MAX).age, Duration::ZERO);
        assert_eq!(quiet(now + FUTURE_MAX + SECOND).age, Duration::MAX);
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

    fn quiet(age: u64, unchanged: u64) -> Staleness {
        Staleness { age: SECOND * u32::try_from(age).unwrap(), unchanged: SECOND * u32::try_from(unchanged).unwrap() }
    }

    fn verdict(lock: KernelLock, holder: Option<&Holder>, quiet: Staleness, alive: bool) -> Decision {
        evaluate(lock, holder, quiet, STALE, SystemTime::UNIX_EPOCH + SECOND * 1000, |_| alive)
    }

    #[test]
    fn a_free_kernel_lock_proves_our_holder_dead_whoever_has_its_pid() {
        assert_eq!(verdict(KernelLock::Free, Some(&ours()), quiet(0, 0), true), Decision::Remove);
    }

    #[test]
    fn a_busy_kernel_lock_is_respected_until_its_holder_stops_renewing_the_file() {
        assert_eq!(verdict(KernelLock::Busy, Some(&ours()), quiet(299, 25), false), Decision::Wait);
        assert_eq!(verdict(KernelLock::Busy, Some(&ours()), quiet(300, 19), false), Decision::Wait);
        assert_eq!(verdict(KernelLock::Busy, Some(&ours()), quiet(300, 20), true), Decision::Remove);
        assert_eq!(verdict(KernelLock::Busy, None, quiet(301, 150), true), Decision::Remove);
    }

    #[test]
    fn a_clock_set_forward_or_back_changes_nothing() {
        assert_eq!(verdict(KernelLock::Busy, Some(&ours()), quiet(3600, 9), true), Decision::Wait);
        assert_eq!(verdict(KernelLock::Busy, Some(&ours()), quiet(0, 299), true), Decision::Wait);
        assert_eq!(verdict(KernelLock::Busy, Some(&ours()), quiet(0, 300), true), Decision::Remove);
    }

    #[test]
    fn an_older_holder_is_judged_by_process_and_age() {
        assert_eq!(verdict(KernelLock::Free, Some(&older()), quiet(299, 0), true), Decision::Wait);
        assert_eq!(verdict(KernelLock::Free, Some(&older()), quiet(0, 0), false), Decision::Remove);
        assert_eq!(verdict(KernelLock::Free, Some(&older()), quiet(300, 0), true), Decision::Remove);
        assert_eq!(verdict(KernelLock::Unsupported, Some(&older()), quiet(299, 0), true), Decision::Wait);
        for (start, expected) in [(700_000.0, Decision::Remove), (700_001.0, Decision::Wait), (9e9, Decision::Wait)] {
            let holder = Holder { start_time: Some(start), ..older() };
            assert_eq!(verdict(KernelLock::Free, Some(&holder), quiet(0, 0), true), expected, "{start}");
        }
        let unknown = Holder { start_time: None, ..older() };
        assert_eq!(verdict(KernelLock::Free, Some(&unknown), quiet(0, 0), true), Decision::Wait);
    }

    #[test]
    fn without_kernel_locks_a_renewed_file_is_respected_across_pid_namespaces() {
        let holder = Holder { kernel_lock: false, ..ours() };
        assert_eq!(verdict(KernelLock::Unsupported, Some(&holder), quiet(19, 0), false), Decision::Wait);
        assert_eq!(verdict(KernelLock::Unsupported, Some(&holder), quiet(20, 0), false), Decision::Remove);
        assert_eq!(verdict(KernelLock::Unsupported, Some(&holder), quiet(20, 20), true), Decision::Wait);
        assert_eq!(verdict(KernelLock::Unsupported, Some(&holder), quiet(300, 20), true), Decision::Remove);
    }

    #[test]
    fn an_unreadable_file_gets_time_to_be_written() {
        for lock in [KernelLock::Free, KernelLock::Unsupported] {
            assert_eq!(verdict(lock, None, quiet(1, 1), true), Decision::Wait);
            assert_eq!(verdict(lock, None, quiet(2, 0), true), Decision::Remove);
            assert_eq!(verdict(lock, None, quiet(0, 2), true), Decision::Remove);
        }
    }

    #[test]
    fn json_is_read_back_and_nonsense_is_nobody() {
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
    fn a_vigil_counts_only_time_that_it_watched() {
        let (then, now) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + STALE);
        let mut vigil = HeartbeatMonitor::default();
        assert_eq!(vigil.look(then, now, SECOND, SECOND).unchanged, Duration::ZERO);
        assert_eq!(vigil.look(then, now, SECOND, SECOND).unchanged, SECOND);
        // Asleep for an hour together with the holder.
        let quiet = vigil.look(then, now, Duration::from_secs(3600), SECOND);
        assert_eq!((quiet.unchanged, quiet.age), (SECOND * 3, STALE));
        assert_eq!(vigil.look(now, then, SECOND, SECOND).unchanged, Duration::ZERO);
        assert_eq!(vigil.look(now, then, SECOND, SECOND).age, Duration::ZERO);
    }

    #[test]
    fn a_holder_renews_its_file_well_within_the_limit() {
        assert_eq!(refresh_interval(STALE), SECOND * 10);
        assert_eq!(refresh_interval(SECOND * 2), Duration::from_millis(500));
        assert_eq!(refresh_interval(Duration::ZERO), Duration::from_millis(5));
    }
}
