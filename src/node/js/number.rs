//! Numbers of the core as numbers of JavaScript.

use std::time::Duration;

/// A count or a size. Exact up to 2^53, as every number of JavaScript.
pub fn number(count: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    let number = count as f64;
    number
}

/// A duration in milliseconds, with fractions.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A duration in whole milliseconds, rounded up so that nobody waits too short. At most the highest
/// number to which JavaScript counts exactly.
pub fn whole_milliseconds(duration: Duration) -> f64 {
    const MOST: u64 = (1 << 53) - 1;
    number(u64::try_from(duration.as_nanos().div_ceil(1_000_000)).map_or(MOST, |count| count.min(MOST)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "these are exact")]

    use super::*;

    #[test]
    fn counts_are_exact_up_to_2_to_the_53() {
        assert_eq!(number((1 << 53) - 1), 9_007_199_254_740_991.0);
    }

    #[test]
    fn a_part_of_a_millisecond_counts_as_a_whole_one() {
        assert_eq!(whole_milliseconds(Duration::from_nanos(1)), 1.0);
        assert_eq!(whole_milliseconds(Duration::from_secs(2)), 2000.0);
        assert_eq!(whole_milliseconds(Duration::MAX), number((1 << 53) - 1));
        assert_eq!(milliseconds(Duration::from_micros(1500)), 1.5);
    }
}
