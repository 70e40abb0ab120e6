//! Durations: recorded without a lock, read as a distribution.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use histogram::{AtomicHistogram, Config, Histogram};

use crate::metrics::table::BOUNDS_MICROS;

/// Buckets no wider than 1/32 of what is in them, up to 19 hours. Longer durations count as that.
const CONFIG: Config = match Config::new(5, 36) {
    Ok(config) => config,
    Err(_) => panic!("a histogram that is possible"),
};
const MICROS_MAX: u64 = (1 << 36) - 1;

/// Buckets of Prometheus: those of [`BOUNDS_MICROS`], and one for all above.
pub const BUCKETS: usize = BOUNDS_MICROS.len() + 1;

/// Recorded durations, in microseconds.
#[derive(Debug)]
pub struct Recorder {
    histogram: AtomicHistogram,
    sum: AtomicU64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { histogram: AtomicHistogram::with_config(&CONFIG), sum: AtomicU64::new(0) }
    }
}

impl Recorder {
    pub fn record(&self, duration: Duration) {
        let micros = micros(duration);
        // Fails for values beyond the maximum only.
        let _ = self.histogram.increment(micros);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    pub fn load(&self) -> Recorded {
        Recorded { histogram: self.histogram.load(), sum: self.sum.load(Ordering::Relaxed) }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).map_or(MICROS_MAX, |micros| micros.min(MICROS_MAX))
}

/// The bucket of Prometheus for a duration.
fn bucket_of(micros: u64) -> usize {
    BOUNDS_MICROS.partition_point(|bound| *bound < micros)
}

/// The number of durations in each bucket of Prometheus.
#[derive(Debug, Default)]
pub struct Buckets([AtomicU64; BUCKETS]);

impl Buckets {
    pub fn record(&self, duration: Duration) {
        self.0[bucket_of(micros(duration))].fetch_add(1, Ordering::Relaxed);
    }

    pub fn load(&self) -> [u64; BUCKETS] {
        std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed))
    }
}

/// The contents of a [`Recorder`].
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    histogram: Histogram,
    sum: u64,
}

impl Recorded {
    /// The distribution of what was recorded after `earlier`.
    pub fn since(&self, earlier: Option<&Self>) -> Distribution {
        let Some(earlier) = earlier else {
            return distribution(&self.histogram, self.sum);
        };
        // Cannot fail: both have one configuration, and counts only grow.
        let recent = self.histogram.checked_sub(&earlier.histogram).unwrap_or_else(|_| self.histogram.clone());
        distribution(&recent, self.sum.saturating_sub(earlier.sum))
    }
}

/// Durations in microseconds, with an error of 3.2 % at most where they come from a [`Recorder`].
/// The sum is exact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    pub count: u64,
    pub sum: u64,
    pub min: u64,
    pub max: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub buckets: [u64; BUCKETS],
}

fn distribution(histogram: &Histogram, sum: u64) -> Distribution {
    let count = histogram.as_slice().iter().sum();
    if count == 1 {
        // Exact, and no more than its sum.
        return Distribution { count, sum, min: sum, max: sum, p50: sum, p90: sum, p99: sum, buckets: [0; BUCKETS] };
    }
    let Some(first) = histogram.iter().find(|bucket| bucket.count() > 0) else {
        return Distribution::default();
    };
    let last = histogram.iter().filter(|bucket| bucket.count() > 0).last().map_or(0, |bucket| bucket.end());
    let quantile = |quantile| match histogram.quantile_bucket(quantile) {
        Ok(Some(bucket)) => u64::midpoint(bucket.start(), bucket.end()),
        _ => 0,
    };
    Distribution {
        count,
        sum,
        min: first.start(),
        max: last.min(sum),
        p50: quantile(0.5),
        p90: quantile(0.9),
        p99: quantile(0.99),
        buckets: [0; BUCKETS],
    }
}

impl Distribution {
    /// Adds another one. The quantiles are estimated from the buckets then, as Prometheus does.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket = bucket.saturating_add(more);
        }
        (self.p50, self.p90, self.p99) = (self.estimate(50), self.estimate(90), self.estimate(99));
    }

    /// The value below which `percent` of all lie, as if they were spread evenly over their bucket.
    fn estimate(&self, percent: u64) -> u64 {
        let total: u64 = self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(*bucket));
        let wanted = u128::from(total) * u128::from(percent);
        let mut below = 0_u128;
        for (index, bucket) in self.buckets.iter().enumerate() {
            let within = u128::from(*bucket) * 100;
            if within > 0 && below + within >= wanted {
                let low = index.checked_sub(1).map_or(0, |before| BOUNDS_MICROS[before]).max(self.min);
                let high = BOUNDS_MICROS.get(index).map_or(self.max, |bound| (*bound).min(self.max)).max(low);
                let part = u128::from(high - low) * (wanted - below) / within;
                return low + u64::try_from(part).unwrap_or(high - low);
            }
            below += within;
        }
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_five_per_cent() {
        for unit in [1_u64, 7, 1_000, 333_333] {
            let recorder = Recorder::default();
            for value in 1..=1_000_u64 {
                recorder.record(Duration::from_micros(value * unit));
            }
            let found = recorder.load().since(None);
            assert_eq!((found.count, found.sum), (1_000, 500_500 * unit));
            let exact = [unit, 1_000 * unit, 500 * unit, 900 * unit, 990 * unit];
            for (value, exact) in [found.min, found.max, found.p50, found.p90, found.p99].into_iter().zip(exact) {
                assert!(value.abs_diff(exact) * 20 <= exact, "{value} for {exact}");
            }
        }
    }

    #[test]
    fn what_was_recorded_before_does_not_count() {
        let recorder = Recorder::default();
        recorder.record(Duration::from_secs(100));
        let earlier = recorder.load();
        assert_eq!(recorder.load().since(Some(&earlier)), Distribution::default());
        recorder.record(Duration::from_millis(1));
        let recent = recorder.load().since(Some(&earlier));
        assert_eq!((recent.count, recent.sum), (1, 1_000));
        assert!(recent.max < 1_050);
    }

    #[test]
    fn no_duration_is_too_long() {
        let recorder = Recorder::default();
        recorder.record(Duration::MAX);
        assert_eq!(recorder.load().since(None).count, 1);
    }

    #[test]
    fn a_bucket_has_its_upper_bound() {
        for (micros, bucket) in [(0, 0), (5_000, 0), (5_001, 1), (10_000_000, 13), (10_000_001, 14)] {
            assert_eq!(bucket_of(micros), bucket);
        }
    }

    #[test]
    fn merged_quantiles_lie_in_the_right_bucket() {
        let one = |micros: u64, count: u64| {
            let mut buckets = [0; BUCKETS];
            buckets[bucket_of(micros)] = count;
            Distribution { count, sum: micros * count, min: micros, max: micros, buckets, ..Distribution::default() }
        };
        let mut sum = Distribution::default();
        sum.merge(&one(20_000, 90));
        sum.merge(&Distribution::default());
        sum.merge(&one(2_000_000, 10));
        assert_eq!((sum.count, sum.min, sum.max), (100, 20_000, 2_000_000));
        assert!((20_000..=25_000).contains(&sum.p50) && (20_000..=25_000).contains(&sum.p90), "{sum:?}");
        assert!((1_000_000..=2_000_000).contains(&sum.p99), "{sum:?}");
    }
}
