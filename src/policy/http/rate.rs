//! Limits of bytes per second.
//!
//! A limit is an average over one second: what was not used in a pause is caught up with, but not
//! at twice the rate. Both are a theoretical arrival time (the generic cell rate algorithm): the
//! time at which all that was taken would have arrived, had it come at the rate. Whoever takes
//! bytes while it lies ahead has to wait until then.

use std::time::Duration;

/// The unused time that can be caught up with.
const CREDIT: Duration = Duration::from_millis(400);
/// The fastest that a pause is caught up with, as a multiple of the rate.
const PEAK: f64 = 1.7;
/// Unused time at the fastest rate. Timers are no more exact than this.
const SLACK: Duration = Duration::from_millis(2);
/// Bytes are taken in pieces of this time at most.
const PIECE: Duration = Duration::from_millis(10);

/// When the next bytes may be read. Several rates can share one: then each byte takes its time at
/// its own rate.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    average: Duration,
    peak: Duration,
}

impl Pace {
    /// Takes bytes at a rate, and returns how long to wait before reading them. Times count from
    /// any one moment.
    pub fn take(&mut self, now: Duration, bytes: u64, rate: u64) -> Duration {
        #[allow(clippy::cast_precision_loss, reason = "far more exact than timers")]
        let time = Duration::try_from_secs_f64(bytes as f64 / rate.max(1) as f64).unwrap_or(Duration::MAX);
        let average = self.average.max(now.saturating_sub(CREDIT));
        let peak = self.peak.max(now.saturating_sub(SLACK));
        let start = average.max(peak);
        self.average = average.saturating_add(time);
        self.peak = start.saturating_add(time.div_f64(PEAK));
        Some(start.saturating_sub(now)).filter(|wait| *wait >= SLACK).unwrap_or_default()
    }

    /// The bytes that may be caught up with at a rate.
    pub fn due(&self, now: Duration, rate: u64) -> usize {
        let unused = now.saturating_sub(self.average).min(CREDIT);
        usize::try_from(unused.as_millis() * u128::from(rate) / 1000).unwrap_or(usize::MAX)
    }
}

/// The bytes to take at once under a limit of a call and one that it shares with others. Those who
/// share a limit take turns. If a call is the slower one, its pieces grow by what is `due`, or it
/// could not reach its own limit: it would take a small piece for each large one of the others.
pub fn piece_of_call(call: Option<u64>, shared: Option<u64>, due: impl FnOnce(u64) -> usize) -> Option<usize> {
    let lowest = call.into_iter().chain(shared).min()?;
    let most = shared.filter(|_| Some(lowest) == call).unwrap_or(lowest);
    Some(due(lowest).clamp(piece(lowest), piece(most)))
}

/// The most bytes to take at once, so that they flow rather than come in lumps.
fn piece(rate: u64) -> usize {
    #[allow(clippy::cast_possible_truncation, reason = "a part of a second")]
    let pieces = (Duration::from_secs(1).as_millis() / PIECE.as_millis()) as u64;
    usize::try_from(rate / pieces).unwrap_or(usize::MAX).max(1)
}

/// Bytes per second as people write them: `500k`, `2M`, `1G` or a number of bytes. A `k` is 1024
/// bytes, as for curl and wget. 0 is no limit. `None` for anything else.
pub fn parse(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor: u64 = match text[number.len()..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let rate = is_number.then(|| number.parse::<u64>().ok()).flatten()?.checked_mul(factor)?;
    Some(Some(rate).filter(|rate| *rate > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Bytes read in each hundredth of a second of ten, from a source that is as fast as it may be.
    /// Waits are `late` too long.
    fn run(rate: u64, chunk: u64, mut late: impl FnMut() -> Duration) -> Vec<u64> {
        let (mut pace, mut now, mut read) = (Pace::default(), Duration::ZERO, vec![0; 1000]);
        loop {
            let mut left = chunk;
            while left > 0 {
                let bytes = left.min(piece(rate) as u64);
                let wait = pace.take(now, bytes, rate);
                if !wait.is_zero() {
                    now += wait + late();
                }
                let Some(hundredth) = read.get_mut(usize::try_from(now.as_millis() / 10).unwrap()) else {
                    return read;
                };
                *hundredth += bytes;
                left -= bytes;
            }
            // Reading takes time, too.
            now += Duration::from_nanos(chunk / 4);
        }
    }

    #[test]
    fn the_average_is_kept_and_no_tenth_of_a_second_has_twice_its_share() {
        let mut random = fastrand::Rng::with_seed(7);
        for (rate, chunks) in [
            (10_000, [100, 16_384, 400_000]),
            (123_456, [1_000, 16_384, 400_000]),
            (1_000_000, [1_000, 16_384, 400_000]),
            (50 << 20, [16_384, 65_536, 400_000]),
            (1_000_000_000, [65_536, 100_000, 400_000]),
        ] {
            for chunk in chunks {
                // Timers are a millisecond late, and now and then somebody else has the CPU.
                let late = || Duration::from_micros(if random.u8(..) < 3 { 80_000 } else { random.u64(..1500) });
                let read = run(rate, chunk, late);
                #[allow(clippy::cast_precision_loss)]
                let of_share =
                    |read: &[u64]| read.iter().sum::<u64>() as f64 / (rate as f64 * read.len() as f64 / 100.0);
                let ratio = of_share(&read);
                assert!((0.95..=1.05).contains(&ratio), "{rate} in chunks of {chunk}: {ratio}");
                for tenth in read[100..].windows(10) {
                    assert!(of_share(tenth) <= 2.0, "{rate} in chunks of {chunk}: {}", of_share(tenth));
                }
            }
        }
    }

    #[test]
    fn a_pause_is_caught_up_with_in_part() {
        let mut pace = Pace::default();
        let rate = 1_000_000;
        let mut now = 60 * SECOND;
        let mut read = 0;
        while now < 70 * SECOND {
            now += pace.take(now, 10_000, rate);
            read += 10_000;
        }
        assert!((10_000_000..=10_500_000).contains(&read), "{read}");
    }

    #[test]
    fn those_who_share_a_pace_share_its_time() {
        let mut pace = Pace::default();
        let mut now = Duration::ZERO;
        for _ in 0..1000 {
            now += pace.take(now, 1_000, 1_000_000);
            now += pace.take(now, 1_000, 500_000);
        }
        // Each second of the one takes a second, and so does each of the other.
        assert!((2.9..=3.0).contains(&now.as_secs_f64()), "{now:?}");
    }

    #[test]
    fn a_slow_call_reaches_its_limit_beside_one_that_takes_all_of_theirs() {
        const LIMIT: u64 = 1_000_000;
        for slow in [20_000, 200_000, 450_000] {
            let (mut own, mut everyone) = (Pace::default(), Pace::default());
            // When each may read its next piece, and what it has read.
            let (mut ready, mut read) = ([Duration::ZERO; 2], [0; 2]);
            loop {
                let now = ready[0].min(ready[1]);
                if now > 4 * SECOND {
                    break;
                }
                let is_slow = ready[0] == now;
                let call = is_slow.then_some(slow);
                let bytes = piece_of_call(call, Some(LIMIT), |rate| own.due(now, rate)).unwrap() as u64;
                let wait = everyone.take(now, bytes, LIMIT);
                let wait = wait.max(call.map_or(Duration::ZERO, |rate| own.take(now, bytes, rate)));
                let reader = usize::from(!is_slow);
                // Waits are 3 ms too long.
                ready[reader] = now + wait + Duration::from_millis(3);
                read[reader] += bytes;
            }
            assert!(read[0] > slow * 4 / 20 * 18, "{slow}: {read:?}");
            assert!(read[0] + read[1] < LIMIT / 20 * 88, "{slow}: {read:?}");
        }
    }

    #[test]
    fn pieces_grow_only_if_the_call_is_the_slower_one() {
        let due = |_| 5_000;
        assert_eq!(piece_of_call(None, None, due), None);
        assert_eq!(piece_of_call(Some(100_000), None, due), Some(1_000));
        assert_eq!(piece_of_call(None, Some(100_000), due), Some(1_000));
        assert_eq!(piece_of_call(Some(1_000_000), Some(100_000), due), Some(1_000), "the others have to wait");
        assert_eq!(piece_of_call(Some(100_000), Some(1_000_000), due), Some(5_000));
        assert_eq!(piece_of_call(Some(100_000), Some(200_000), due), Some(2_000));
        assert_eq!(piece_of_call(Some(100_000), Some(1_000_000), |_| 0), Some(1_000));
    }

    #[test]
    fn pieces_are_short_and_never_empty() {
        assert_eq!([1, 99, 10_000, 1_000_000].map(piece), [1, 1, 100, 10_000]);
        assert!(Pace::default().take(SECOND, 1, 1).is_zero());
        let mut pace = Pace::default();
        pace.take(Duration::ZERO, u64::MAX, 1);
        pace.take(Duration::ZERO, u64::MAX, 1);
    }

    #[test]
    fn rates_are_written_as_for_curl() {
        assert_eq!(parse("500k"), Some(Some(512_000)));
        assert_eq!(parse(" 2M "), Some(Some(2 << 20)));
        assert_eq!(parse("1g"), Some(Some(1 << 30)));
        assert_eq!(parse("1234"), Some(Some(1234)));
        assert_eq!(parse("0"), Some(None));
        for wrong in ["", "k", "fast", "-1", "+1", "1.5M", "2MB", "2 M", "1e6", "99999999999G", "1kk", "é", "5é"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
