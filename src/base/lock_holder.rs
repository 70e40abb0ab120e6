//! The holder of a lock, as its lock file describes it.
//!
//! The JSON of the file is for people, for messages and for older JavaScript holders.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::base::redact::redacted_text;

/// The longest time between two renewals of a lock file by its holder.
pub const REFRESH_MAX: Duration = Duration::from_secs(10);

/// The content of a lock file.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The process ID; 0 if the file cannot be read.
    pub pid: u32,
    /// Milliseconds since 1970.
    pub start_time: Option<f64>,
    /// The URL of the download, redacted.
    pub url: Option<String>,
    /// Whether the holder keeps a kernel lock on the file as long as it lives. This library does,
    /// older JavaScript holders do not.
    pub kernel_lock: bool,
    /// How often the holder renews the file's modification time.
    pub refresh: Option<Duration>,
    /// The ID of the user who owns the file, if that is another user. Not part of the file.
    pub owner: Option<u32>,
}

impl Holder {
    /// Reads the content of a lock file. `None` for anything but a JSON object with a process ID,
    /// which older holders write as well.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(content).ok()?;
        Some(Self {
            pid: value.get("pid")?.as_u64().and_then(|pid| u32::try_from(pid).ok()).filter(|&pid| pid > 0)?,
            start_time: value.get("startTime").and_then(Value::as_f64),
            // Older holders write the URL unredacted, with its password.
            url: value.get("url").and_then(Value::as_str).map(redacted_text),
            kernel_lock: value.get("kernelLock").and_then(Value::as_bool).unwrap_or(false),
            refresh: value
                .get("refresh")
                .and_then(Value::as_u64)
                .map(|refresh| Duration::from_millis(refresh).min(REFRESH_MAX)),
            owner: None,
        })
    }

    /// The holder of a file of another user, which this process may not read.
    pub fn unknown(owner: Option<u32>) -> Self {
        Self { pid: 0, start_time: None, url: None, kernel_lock: true, refresh: None, owner }
    }

    /// Whether more is known than the owner of a file that cannot be read.
    pub fn is_known(&self) -> bool {
        self.pid > 0
    }

    /// The time since the holder's start, by the clock. Older holders judge each other by this age.
    pub fn age(&self, now: SystemTime) -> Duration {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let age = since - self.start_time.unwrap_or(f64::INFINITY) / 1000.0;
        // A start in the future comes from a clock that is set differently: it counts as just now.
        Duration::try_from_secs_f64(age.max(0.0)).unwrap_or(Duration::MAX)
    }

    /// The content of the lock file.
    pub fn to_json(&self) -> String {
        json!({
            "pid": self.pid,
            "startTime": self.start_time.map(|time| serde_json::Number::from(whole(time))),
            "url": self.url,
            "kernelLock": self.kernel_lock,
            "refresh": self.refresh.map(|every| u64::try_from(every.as_millis()).unwrap_or(u64::MAX)),
        })
        .to_string()
    }
}

/// A number without a fraction, as JavaScript writes whole numbers.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time since 1970, and saturating")]
fn whole(time: f64) -> u64 {
    time as u64
}

/// The interval at which a holder renews its lock file: a quarter of `stale`, 10 s at most. A
/// waiter sees the renewal within a fraction of `stale`, and of its own default timeout.
pub fn refresh_interval(stale: Duration) -> Duration {
    (stale / 4).clamp(Duration::from_millis(5), REFRESH_MAX)
}
