//! Sets of bytes of a file: the ranges that are there, or those that are missing.

use std::iter;
use std::ops::Range;

/// Disjoint ranges in ascending order. Ranges that touch are one range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// The first `length` bytes.
    pub fn up_to(length: u64) -> Self {
        iter::once(0..length).collect()
    }

    /// Adds a range, which may overlap others.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|known| known.end < range.start);
        let behind = self.0.partition_point(|known| known.start <= range.end);
        let touched = &self.0[first..behind];
        let start = touched.first().map_or(range.start, |known| known.start.min(range.start));
        let end = touched.last().map_or(range.end, |known| known.end.max(range.end));
        self.0.splice(first..behind, iter::once(start..end));
    }

    /// Takes a range out of the set.
    pub fn remove(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|known| known.end <= range.start);
        let behind = self.0.partition_point(|known| known.start < range.end);
        if first >= behind {
            return;
        }
        let before = self.0[first].start..range.start;
        let after = range.end..self.0[behind - 1].end;
        self.0.splice(first..behind, [before, after].into_iter().filter(|left| !left.is_empty()));
    }

    /// Drops everything from `length` on.
    pub fn truncate(&mut self, length: u64) {
        self.remove(&(length..u64::MAX));
    }

    /// The end of the contiguous bytes from the first byte of the file on.
    pub fn frontier(&self) -> u64 {
        self.0.first().filter(|first| first.start == 0).map_or(0, |first| first.end)
    }

    pub fn sum(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn first(&self) -> Option<Range<u64>> {
        self.0.first().cloned()
    }

    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter().cloned()
    }

    /// The bytes of a file of `total` bytes that are not in the set.
    #[must_use]
    pub fn complement(&self, total: u64) -> Self {
        let mut missing = Self::up_to(total);
        for range in &self.0 {
            missing.remove(range);
        }
        missing
    }
}

impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<T: IntoIterator<Item = Range<u64>>>(ranges: T) -> Self {
        let mut set = Self::default();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u64, u64)]) -> Ranges {
        ranges.iter().map(|&(start, end)| start..end).collect()
    }

    #[test]
    fn ranges_that_touch_or_overlap_are_one() {
        assert_eq!(set(&[(0, 5), (5, 9)]), set(&[(0, 9)]));
        assert_eq!(set(&[(0, 5), (20, 30), (4, 21)]), set(&[(0, 30)]));
        assert_eq!(set(&[(10, 12), (0, 2), (5, 7)]).iter().count(), 3);
        assert_eq!(set(&[(3, 3)]), Ranges::default());
    }

    #[test]
    fn only_bytes_from_the_first_one_on_are_contiguous() {
        assert_eq!(set(&[(0, 5), (7, 9)]).frontier(), 5);
        assert_eq!(set(&[(1, 5)]).frontier(), 0);
        assert_eq!(Ranges::default().frontier(), 0);
    }

    #[test]
    fn what_is_missing_is_what_is_not_there() {
        assert_eq!(set(&[(2, 5), (7, 9)]).complement(10), set(&[(0, 2), (5, 7), (9, 10)]));
        assert_eq!(set(&[(0, 10)]).complement(10), Ranges::default());
        assert_eq!(Ranges::default().complement(10), set(&[(0, 10)]));
        assert_eq!(set(&[(0, 20)]).complement(10), Ranges::default());
    }

    #[test]
    fn a_set_behaves_as_a_set_of_bytes() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut ranges, mut bytes) = (Ranges::default(), [false; 64]);
            for _ in 0..40 {
                let start = random.u64(0..64);
                let range = start..random.u64(start..=64);
                let is_insert = random.bool();
                bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].fill(is_insert);
                if is_insert {
                    ranges.insert(range);
                } else {
                    ranges.remove(&range);
                }
                let known: Vec<_> = ranges.iter().collect();
                assert!(known.windows(2).all(|pair| pair[0].end < pair[1].start), "seed {seed}: {known:?}");
                for (byte, is_there) in (0_u64..).zip(bytes) {
                    assert_eq!(known.iter().any(|range| range.contains(&byte)), is_there, "seed {seed}, byte {byte}");
                }
                assert_eq!(ranges.sum(), bytes.iter().map(|&is_there| u64::from(is_there)).sum::<u64>());
            }
        }
    }
}
