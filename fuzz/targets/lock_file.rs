//! Any content of a lock file is judged; what can be read is written back the same.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use socketsecurity_registry::base::lock_holder::Holder;
use socketsecurity_registry::policy::lock::staleness::{KernelLock, Staleness, evaluate};

fuzz_target!(|content: &[u8]| {
    let holder = Holder::parse(content);
    for lock in [KernelLock::Busy, KernelLock::Free, KernelLock::Unsupported] {
        let quiet = Staleness { age: Duration::from_secs(1), unchanged: Duration::ZERO };
        evaluate(lock, holder.as_ref(), quiet, Duration::MAX, std::time::SystemTime::now(), |_| true);
    }
    if let Some(holder) = holder {
        let again = Holder::parse(holder.to_json().as_bytes()).expect("our own JSON is readable");
        assert_eq!((again.pid, again.url, again.kernel_lock), (holder.pid, holder.url, holder.kernel_lock));
    }
});
