//! Lines about download locks.

use std::path::Path;
use std::time::Duration;

use crate::base::lock_holder::Holder;
use crate::policy::lock::staleness::KernelLock;
use crate::policy::text::debug::network::milliseconds;

/// A lock that was taken after a wait, which may be none.
pub fn taken(path: &Path, waited: Duration) -> String {
    match waited {
        Duration::ZERO => format!("lock {}: taken", path.display()),
        waited => format!("lock {}: taken after {}", path.display(), milliseconds(waited)),
    }
}

/// A lock that another process holds.
pub fn waits(path: &Path, holder: Option<&Holder>) -> String {
    let by = holder.map_or_else(|| "a process that is just taking it".to_owned(), described);
    format!("lock {}: held by {by}, waits", path.display())
}

/// A lock that is broken, because its holder has died or hangs.
pub fn broken(path: &Path, lock: KernelLock, holder: Option<&Holder>, unchanged: Duration) -> String {
    let by = holder.map_or_else(|| "an unknown process".to_owned(), described);
    let why = match lock {
        KernelLock::Free => "is dead, its kernel lock is free".to_owned(),
        KernelLock::Busy => format!("hangs, no sign of life for {}", milliseconds(unchanged)),
        KernelLock::Unsupported => "is dead or hangs, by process ID and age (no kernel locks here)".to_owned(),
    };
    format!("lock {}: broken: its holder, {by}, {why}", path.display())
}

/// A file that was found instead of a lock.
pub fn present(destination: &Path, is_verified: bool) -> String {
    let verified = if is_verified { ", verified" } else { "" };
    format!("{}: the file exists{verified}, no request", destination.display())
}

/// An existing file that is not the expected one.
pub fn foreign(destination: &Path) -> String {
    format!("{}: the existing file is not the expected one, or is not trusted", destination.display())
}

/// A download of this process that another call shares.
pub fn shared(destination: &Path) -> String {
    format!("{}: joins the download of another call of this process", destination.display())
}

fn described(holder: &Holder) -> String {
    let owner = holder.owner.map(|owner| format!(" of user ID {owner}")).unwrap_or_default();
    let url = holder.url.as_ref().map(|url| format!(" ({url})")).unwrap_or_default();
    if holder.is_known() { format!("PID {}{owner}{url}", holder.pid) } else { format!("a process{owner}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_lock_says_whether_its_holder_was_dead_or_hung() {
        let holder = Holder { pid: 7, url: Some("http://a/".to_owned()), ..Holder::unknown(None) };
        let line = |lock| broken(Path::new("/l"), lock, Some(&holder), Duration::from_secs(300));
        assert!(line(KernelLock::Free).ends_with("its holder, PID 7 (http://a/), is dead, its kernel lock is free"));
        assert!(line(KernelLock::Busy).contains("hangs, no sign of life for 300000 ms"));
        assert!(waits(Path::new("/l"), Some(&Holder::unknown(Some(5)))).contains("held by a process of user ID 5"));
    }
}
