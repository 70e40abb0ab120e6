//! Limits of the bytes that downloads read per second: of a call, of several calls, of the process.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::sleep;

use crate::base::options::RateLimits;
use crate::base::shared_rate::SharedRate;
use crate::policy::http::rate::{Pace, piece_of_call};

/// Shared by all downloads of the process.
static PROCESS: LazyLock<Clock> = LazyLock::new(Clock::new);

/// A pace, and the moment from which its times count.
#[derive(Debug)]
struct Clock {
    since: Instant,
    pace: Mutex<Pace>,
}

impl Clock {
    fn new() -> Self {
        Self { since: Instant::now(), pace: Mutex::default() }
    }

    fn take(&self, bytes: u64, rate: u64) -> Duration {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.take(self.since.elapsed(), bytes, rate)
    }

    fn due(&self, rate: u64) -> usize {
        let pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.due(self.since.elapsed(), rate)
    }
}

/// A limit for the calls that get a clone of it, all together.
pub fn shared(bytes_per_second: u64) -> SharedRate {
    let clock = Clock::new();
    SharedRate::new(bytes_per_second, move |bytes| clock.take(bytes, bytes_per_second))
}

/// The limits of one call, for all of its connections and sources together.
#[derive(Debug)]
pub struct Throttle {
    limits: RateLimits,
    call: Clock,
}

impl Throttle {
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, call: Clock::new() }
    }

    /// Takes the next piece off a chunk, and waits until it may be read. Until then nothing else is
    /// read, so that the server has to wait, too. Returns whether there was a wait; `None` when
    /// nothing is left of the chunk.
    pub async fn next(&self, chunk: &mut Bytes) -> Option<(Bytes, bool)> {
        if chunk.is_empty() {
            return None;
        }
        let RateLimits { call, shared, process } = &self.limits;
        let of_several = shared.as_ref().map(|shared| shared.bytes_per_second);
        let with_others = of_several.into_iter().chain(*process).min();
        let Some(size) = piece_of_call(*call, with_others, |rate| self.call.due(rate)) else {
            return Some((std::mem::take(chunk), false));
        };
        let piece = chunk.split_to(chunk.len().min(size));
        let bytes = piece.len() as u64;
        let of_call = call.map(|rate| self.call.take(bytes, rate));
        let of_several = shared.as_ref().map(|shared| shared.take(bytes));
        let of_process = process.map(|rate| PROCESS.take(bytes, rate));
        let wait = of_call.max(of_several).max(of_process).unwrap_or_default();
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Some((piece, !wait.is_zero()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_limit_a_chunk_is_one_piece() {
        let throttle = Throttle::new(RateLimits::default());
        let mut chunk = Bytes::from_static(b"chunk");
        assert_eq!(throttle.next(&mut chunk).await, Some((Bytes::from_static(b"chunk"), false)));
        assert_eq!(throttle.next(&mut chunk).await, None);
    }

    #[tokio::test]
    async fn the_lowest_of_the_limits_counts() {
        const HIGH: u64 = 10_000_000;
        const LOW: u64 = 100_000;
        for (call, several, process) in [(LOW, HIGH, HIGH), (HIGH, LOW, HIGH), (HIGH, HIGH, LOW)] {
            let limits = RateLimits { call: Some(call), shared: Some(shared(several)), process: Some(process) };
            let throttle = Throttle::new(limits.clone());
            let started = Instant::now();
            // Of these the process may have saved up 40,000 bytes.
            let mut chunk = Bytes::from(vec![0; 90_000]);
            while throttle.next(&mut chunk).await.is_some() {}
            assert!(started.elapsed() > Duration::from_millis(400), "{limits:?}: {:?}", started.elapsed());
        }
    }

    #[tokio::test]
    async fn calls_with_a_clone_of_one_limit_share_it() {
        let limits = RateLimits { shared: Some(shared(200_000)), ..RateLimits::default() };
        let read = async || {
            let throttle = Throttle::new(limits.clone());
            let mut chunk = Bytes::from(vec![0; 100_000]);
            while throttle.next(&mut chunk).await.is_some() {}
        };
        let started = Instant::now();
        tokio::join!(read(), read());
        // Each alone would take half a second less what is saved up.
        assert!(started.elapsed() > Duration::from_millis(550), "{:?}", started.elapsed());
    }
}
