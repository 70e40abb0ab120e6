//! Which connection of a download fetches which bytes.
//!
//! Connections take segments from the front of what is missing, so that the contiguous bytes at the
//! beginning, over which digests are computed, grow steadily. A segment is what a connection
//! fetches in about two seconds, 1 MiB at least, and smaller towards the end. When nothing is left
//! to take, a connection takes the second half of what the one that will need longest has left. A
//! range that is cut so is closed at its new end. That costs the bytes on the way and a new
//! connection, so it is done only where it saves time.
//!
//! No I/O and no clock: times are arguments, and count from any one moment.

mod response;
mod speed;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

pub use self::response::{FirstDecision, RangeDecision, SegmentRequest, decide_first, decide_range};
use self::speed::{Speedometer, WINDOW};
use crate::policy::http::ranges::Ranges;

/// No segment is cut to less.
pub const SEGMENT_MIN: u64 = 1 << 20;
/// So that bytes are not received far ahead of the contiguous ones.
const SEGMENT_MAX: u64 = 32 << 20;
/// The time that fetching one segment should take: long against a round trip.
const SEGMENT_TIME: Duration = Duration::from_secs(2);
/// A range that will be finished sooner is not cut.
const CUT_MIN: Duration = Duration::from_millis(500);
/// A connection is slow below this part of the median of the others.
const SLOW: f64 = 0.1;

/// The plan of one download: who fetches what, and what nobody fetches yet.
#[derive(Clone, Debug)]
pub struct Segments {
    unassigned: Ranges,
    connections: Vec<Connection>,
}

#[derive(Clone, Debug, Default)]
struct Connection {
    /// The bytes it has still to receive.
    work: Option<Range<u64>>,
    /// Whether it is given no more ranges.
    is_retired: bool,
    speed: Speedometer,
    /// Bytes since it was opened.
    received: u64,
}

impl Segments {
    /// Plans the `missing` bytes for `connections`, of which the first one already fetches `first`.
    pub fn new(missing: Ranges, connections: usize, first: Range<u64>, now: Duration) -> Self {
        let mut unassigned = missing;
        unassigned.remove(&first);
        let mut connections = vec![Connection::default(); connections.max(1)];
        connections[0].speed.start(now);
        connections[0].work = Some(first);
        Self { unassigned, connections }
    }

    /// The next range of a connection that has none: `None` while there is nothing worth taking.
    /// `may_cut`: it may be a part of the range of another one.
    pub fn take(&mut self, index: usize, now: Duration, may_cut: bool) -> Option<Range<u64>> {
        if self.connections[index].is_retired {
            return None;
        }
        let range = match self.unassigned.first() {
            Some(gap) => self.next_of(&gap, index, now),
            None if may_cut => self.half_of_slowest(now)?,
            None => return None,
        };
        self.unassigned.remove(&range);
        let connection = &mut self.connections[index];
        connection.speed.start(now);
        connection.work = Some(range.clone());
        Some(range)
    }

    /// The beginning of a gap, or all of it.
    fn next_of(&self, gap: &Range<u64>, index: usize, now: Duration) -> Range<u64> {
        let active = self.active().max(1);
        if active == 1 {
            return gap.clone();
        }
        let in_time = self.connections[index].speed.speed(now).map_or(0.0, |speed| speed * SEGMENT_TIME.as_secs_f64());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating, and never negative")]
        let in_time = (in_time as u64).min(SEGMENT_MAX);
        let share = self.unassigned.sum() / active as u64;
        let size = in_time.min(share).max(SEGMENT_MIN);
        // What would be left is worth no request of its own.
        let is_rest_small = gap.end - gap.start < size + SEGMENT_MIN;
        gap.start..if is_rest_small { gap.end } else { gap.start + size }
    }

    /// The second half of what the connection that will need longest has left.
    fn half_of_slowest(&mut self, now: Duration) -> Option<Range<u64>> {
        let time_left = |connection: &Connection| {
            let left = connection.work.as_ref().map(|work| work.end - work.start)?;
            let is_halvable = left >= 2 * SEGMENT_MIN;
            #[allow(clippy::cast_precision_loss, reason = "an estimate")]
            connection.speed.speed(now).filter(|_| is_halvable).map(|speed| left as f64 / speed)
        };
        let (index, _) = self
            .connections
            .iter()
            .enumerate()
            .filter_map(|(index, connection)| Some((index, time_left(connection)?)))
            .filter(|(_, time)| *time >= CUT_MIN.as_secs_f64())
            .max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        let work = self.connections[index].work.as_mut()?;
        let middle = work.start + (work.end - work.start) / 2;
        Some(middle..std::mem::replace(&mut work.end, middle))
    }

    /// The bytes a connection has still to receive: fewer than it requested, if another one has
    /// taken a half.
    pub fn work(&self, index: usize) -> Option<Range<u64>> {
        self.connections[index].work.clone()
    }

    /// Counts bytes that are there now, the next ones of the range of a connection.
    pub fn advance(&mut self, index: usize, bytes: u64, now: Duration) {
        let connection = &mut self.connections[index];
        if let Some(work) = &mut connection.work {
            work.start = (work.start + bytes).min(work.end);
            connection.received += bytes;
            connection.speed.add(now, bytes);
        }
    }

    /// A connection has nothing more to do with its range. What it has not received is for all to
    /// take.
    pub fn release(&mut self, index: usize, now: Duration) {
        let connection = &mut self.connections[index];
        connection.speed.stop(now);
        if let Some(rest) = connection.work.take() {
            self.unassigned.insert(rest);
        }
    }

    /// A connection is closed. `true`: another one may be opened in its place, because this one
    /// brought something and others are at work; else it is retired.
    pub fn close(&mut self, index: usize, now: Duration) -> bool {
        self.release(index, now);
        let has_others = self.connections.iter().any(|connection| connection.work.is_some());
        let connection = &mut self.connections[index];
        connection.is_retired = connection.received < SEGMENT_MIN || !has_others;
        (connection.received, connection.speed) = (0, Speedometer::default());
        !connection.is_retired
    }

    /// A connection takes part no more.
    pub fn retire(&mut self, index: usize, now: Duration) {
        self.release(index, now);
        self.connections[index].is_retired = true;
    }

    /// Connections that take part.
    pub fn active(&self) -> usize {
        self.connections.iter().filter(|connection| !connection.is_retired).count()
    }

    /// Connections that could take a range.
    pub fn idle(&self) -> impl Iterator<Item = usize> + use<> {
        let is_idle = |connection: &Connection| !connection.is_retired && connection.work.is_none();
        let idle: Vec<_> =
            self.connections.iter().enumerate().filter(|(_, each)| is_idle(each)).map(|(index, _)| index).collect();
        idle.into_iter()
    }

    /// Whether a connection waits for bytes.
    pub fn is_working(&self) -> bool {
        self.connections.iter().any(|connection| connection.work.is_some())
    }

    /// Whether all bytes are there.
    pub fn is_complete(&self) -> bool {
        let is_received = |connection: &Connection| connection.work.as_ref().is_none_or(Range::is_empty);
        self.unassigned.is_empty() && self.connections.iter().all(is_received)
    }

    /// A connection that has been far slower than the others for as long as speeds are measured, or
    /// silent while another one has nothing to do.
    pub fn slow(&self, now: Duration) -> Option<usize> {
        let speed_of = |index: usize| {
            let Connection { speed, .. } = &self.connections[index];
            speed.speed(now)
        };
        let is_slow = |index: &usize| {
            let Connection { work, speed, .. } = &self.connections[*index];
            let mut others: Vec<_> =
                (0..self.connections.len()).filter(|other| other != index).filter_map(speed_of).collect();
            others.sort_unstable_by(f64::total_cmp);
            let limit = others.get(others.len().saturating_sub(1) / 2).map_or(0.0, |median| median * SLOW);
            let is_slower = |own: f64| own < limit || (own == 0.0 && self.idle().next().is_some());
            work.is_some() && speed.age(now) >= WINDOW && speed_of(*index).is_some_and(is_slower)
        };
        (0..self.connections.len()).find(is_slow)
    }
}
