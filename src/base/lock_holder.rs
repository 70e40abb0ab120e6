//! The holder of a lock, as its lock file tells of it. The JSON is for people, for messages and for older JavaScript holders.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::base::redact::redacted_text;

/// The longest time between two renewals of any holder.
pub const REFRESH_MAX: Duration = Duration::from_secs(10);

/// The content of a lock file.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    pub pid: u32,
    /// Milliseconds since 1970.
    pub start_time: Option<f64>,
    /// Without credentials.
    pub url: Option<String>,
    /// Whether the holder keeps a kernel lock on the file as long as it lives: our mark.
    pub kernel_lock: bool,
    /// How often the holder renews the file's modification time.
    pub refresh: Option<Duration>,
    /// The ID of the user whose the file is, if that is another one. It does not stand in the file.
    pub owner: Option<u32>,
}

impl Holder {
    /// `None` for anything but a JSON object with a process id, as older holders write it.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(content).ok()?;
        Some(Self {
            pid: value.get("pid")?.as_u64().and_then(|pid| u32::try_from(pid).ok()).filter(|&pid| pid > 0)?,
            start_time: value.get("startTime").and_then(Value::as_f64),
            // Older holders write it as it is, with its password.
            url: value.get("url").and_then(Value::as_str).map(redacted_text),
            kernel_lock: value.get("kernelLock").and_then(Value::as_bool).unwrap_or(false),
            refresh: value
                .get("refresh")
                .and_then(Value::as_u64)
                .map(|refresh| Duration::from_millis(refresh).min(REFRESH_MAX)),
            owner: None,
        })
    }

    /// A process of another user, whose file this one may not read.
    pub fn unknown(owner: Option<u32>) -> Self {
        Self { pid: 0, start_time: None, url: None, kernel_lock: true, refresh: None, owner }
    }

    /// Whether it is more than the owner of a file that cannot be read.
    pub fn is_known(&self) -> bool {
        self.pid > 0
    }

    /// Time since its start by the clock; older holders judge each other by this.
    pub fn age(&self, now: SystemTime) -> Duration {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let age = since - self.start_time.unwrap_or(f64::INFINITY) / 1000.0;
        // In the future, by a clock that is set differently: just now.
        Duration::try_from_secs_f64(age.max(0.0)).unwrap_or(Duration::MAX)
    }

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

/// As JavaScript writes it: a whole number without a fraction.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time since 1970, and saturating")]
fn whole(time: f64) -> u64 {
    time as u64
}

/// How often a holder renews its file: often enough that a waiter sees it within a fraction of `stale`, and of its own
/// default timeout.
pub fn refresh_interval(stale: Duration) -> Duration {
    (stale / 4).clamp(Duration::from_millis(5), REFRESH_MAX)
}
