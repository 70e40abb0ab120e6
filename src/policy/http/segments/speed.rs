//! The speed of a connection: bytes per second, over the last few seconds.

use std::collections::VecDeque;
use std::time::Duration;

/// The time over which a speed is an average, once a connection has been at work for that long.
pub const WINDOW: Duration = Duration::from_secs(5);
const SLOT: Duration = Duration::from_millis(250);
/// A longer time without work is no part of the speed.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Nothing can be said of a shorter time.
const AGE_MIN: Duration = Duration::from_millis(50);
/// The time after which no byte means no speed.
const SILENCE: Duration = Duration::from_millis(500);

/// The bytes that a connection has received lately. Times count from any one moment.
#[derive(Clone, Debug, Default)]
pub struct Speedometer {
    since: Option<Duration>,
    /// When it stopped working, if it has.
    until: Option<Duration>,
    /// Bytes by the time slot in which they were received.
    slots: VecDeque<(u128, u64)>,
}

impl Speedometer {
    /// The connection begins to wait for bytes.
    pub fn start(&mut self, now: Duration) {
        // The time between two ranges counts; that without anything to do does not.
        let goes_on = match self.until.take() {
            Some(until) => now.saturating_sub(until) < PAUSE_MAX,
            None => self.since.is_some(),
        };
        if !goes_on {
            *self = Self { since: Some(now), ..Self::default() };
        }
    }

    /// The connection has no more work. Its speed stays what it is.
    pub fn stop(&mut self, now: Duration) {
        self.until = self.since.map(|_| now);
    }

    pub fn add(&mut self, now: Duration, bytes: u64) {
        let slot = now.as_nanos() / SLOT.as_nanos();
        match self.slots.back_mut() {
            Some((last, sum)) if *last == slot => *sum += bytes,
            _ => self.slots.push_back((slot, bytes)),
        }
        let oldest = now.saturating_sub(WINDOW).as_nanos() / SLOT.as_nanos();
        while self.slots.front().is_some_and(|(slot, _)| *slot < oldest) {
            self.slots.pop_front();
        }
    }

    /// The time for which it has been at work.
    pub fn age(&self, now: Duration) -> Duration {
        self.since.map_or(Duration::ZERO, |since| self.until.unwrap_or(now).saturating_sub(since))
    }

    /// Bytes per second; `None` before anything can be said.
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn speed(&self, now: Duration) -> Option<f64> {
        let end = self.until.unwrap_or(now);
        let time = self.age(now).min(WINDOW);
        let oldest = end.saturating_sub(WINDOW).as_nanos() / SLOT.as_nanos();
        let bytes: u64 = self.slots.iter().filter(|(slot, _)| *slot >= oldest).map(|(_, bytes)| bytes).sum();
        let is_known = time >= if bytes > 0 { AGE_MIN } else { SILENCE };
        is_known.then(|| bytes as f64 / time.as_secs_f64())
    }
}
