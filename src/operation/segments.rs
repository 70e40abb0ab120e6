//! A download over several connections, each of which fetches ranges of the file as [`Segments`]
//! plans them.
//!
//! One task reads all of them in turn and hands over what they bring to one writer. While the disk
//! or a rate limit makes it wait, nothing is read, and each connection holds a few hundred
//! kilobytes at most.

mod source;

use std::future::poll_fn;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::select;
use tokio::time::{MissedTickBehavior, interval, sleep};

use self::source::{Event, next_chunk};
pub use self::source::{RangeSource, status_error};
use crate::base::error::{Error, Kind, Result};
use crate::io::file::writer::Writer;
use crate::io::http::transport::{IncomingResponse, Transport};
use crate::operation::throttle::Throttle;
use crate::policy::http::segments::{SEGMENT_MIN, SegmentRequest, Segments};

/// The interval of looking for slow connections, and for work for idle ones.
const LOOK: Duration = Duration::from_millis(250);
/// For this long after a wait for a rate limit, speeds say nothing about connections.
const THROTTLED: Duration = Duration::from_secs(5);
/// The wait of the last connection after it was refused, if the server has no `Retry-After`.
const REFUSED_WAIT: Duration = Duration::from_secs(1);
/// Its limit, whatever the server says.
const REFUSED_WAIT_MAX: Duration = Duration::from_secs(5);

/// The outcome of a download by ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentsOutcome {
    /// All bytes are there.
    Complete,
    /// The source has no more ranges of this representation. It may have another one.
    StartOver,
}

/// The response to the first request, and the range that it has.
#[derive(Debug)]
pub struct FirstRange {
    pub response: Box<IncomingResponse>,
    pub range: Range<u64>,
}

/// Fetches everything that is missing.
pub async fn receive_segments(
    source: &RangeSource<'_>,
    first: FirstRange,
    writer: &mut Writer,
    throttle: &Throttle,
    report: impl Fn(u64),
) -> Result<SegmentsOutcome> {
    let missing = writer.part.present().complement(source.total);
    let worthwhile = usize::try_from(missing.sum() / SEGMENT_MIN).unwrap_or(usize::MAX).max(1);
    let count = source.connections.load(Ordering::Relaxed).min(worthwhile);
    let FirstRange { response, range } = first;
    let mut connections: Vec<_> = (0..count).map(|_| Connection::default()).collect();
    connections[0] = Connection {
        transport: Some(source.exchange.transport.clone()),
        requested: range.clone(),
        next: Some(Box::pin(next_chunk(response))),
    };
    let plan = Segments::new(missing, count, range, Duration::ZERO);
    let mut download = SegmentedDownload {
        source,
        plan,
        connections,
        turn: 0,
        started: Instant::now(),
        throttled: None,
        has_waited: false,
        last: None,
    };
    download.run(writer, throttle, report).await
}

type Step<'a> = BoxFuture<'a, (Option<Box<IncomingResponse>>, Event)>;

/// One connection. Dropping the step closes it, unless its response was read to the end.
#[derive(Default)]
struct Connection<'a> {
    /// Created at the first use.
    transport: Option<Transport>,
    /// The range of its request.
    requested: Range<u64>,
    next: Option<Step<'a>>,
}

struct SegmentedDownload<'a> {
    source: &'a RangeSource<'a>,
    plan: Segments,
    connections: Vec<Connection<'a>>,
    /// The connection that is polled first.
    turn: usize,
    started: Instant,
    /// The time of the last wait for a rate limit.
    throttled: Option<Instant>,
    /// Whether the last connection has waited since it was refused.
    has_waited: bool,
    /// The error of the connection that was retired last. `None` if its response was unusable.
    last: Option<Error>,
}

impl SegmentedDownload<'_> {
    async fn run(&mut self, writer: &mut Writer, throttle: &Throttle, report: impl Fn(u64)) -> Result<SegmentsOutcome> {
        self.assign();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.plan.is_working() {
            select! {
                biased;
                _ = look.tick() => self.look(),
                (index, response, event) = poll_fn(|context| self.poll_next(context)) => {
                    if let (Event::Chunk(chunk), Some(response)) = (&event, response) {
                        let chunk = chunk.clone();
                        if !self.take_chunk(index, chunk, writer, throttle, &report).await? {
                            return Ok(SegmentsOutcome::StartOver);
                        }
                        self.read_on(index, response);
                    } else {
                        self.handle(index, event);
                    }
                }
            }
        }
        match self.last.take() {
            _ if self.plan.is_complete() => Ok(SegmentsOutcome::Complete),
            Some(error) => Err(error),
            None => Ok(SegmentsOutcome::StartOver),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<(usize, Option<Box<IncomingResponse>>, Event)> {
        let count = self.connections.len();
        for index in (0..count).map(|offset| (self.turn + offset) % count) {
            let connection = &mut self.connections[index];
            if let Some(Poll::Ready((response, event))) =
                connection.next.as_mut().map(|next| next.as_mut().poll(context))
            {
                connection.next = None;
                // The others are polled first next time.
                self.turn = index + 1;
                return Poll::Ready((index, response, event));
            }
        }
        Poll::Pending
    }

    /// Writes what belongs to the range of a connection. `false`: the body is longer than its
    /// range, so that nobody knows what its bytes are.
    async fn take_chunk(
        &mut self,
        index: usize,
        mut chunk: Bytes,
        writer: &mut Writer,
        throttle: &Throttle,
        report: impl Fn(u64),
    ) -> Result<bool> {
        let Some(work) = self.plan.work(index) else {
            return Ok(true);
        };
        let room = usize::try_from(work.end - work.start).unwrap_or(usize::MAX);
        if chunk.len() > room && work.end == self.connections[index].requested.end {
            return Ok(false);
        }
        chunk.truncate(room);
        self.has_waited &= chunk.is_empty();
        let mut offset = work.start;
        while let Some((piece, has_waited)) = throttle.next(&mut chunk).await {
            if has_waited {
                self.throttled = Some(Instant::now());
            }
            let bytes = piece.len() as u64;
            writer.write_at(offset, piece).await?;
            offset += bytes;
            self.plan.advance(index, bytes, self.now());
            report(writer.part.downloaded());
        }
        Ok(true)
    }

    /// Goes on reading, unless another connection fetches the rest.
    fn read_on(&mut self, index: usize, response: Box<IncomingResponse>) {
        let work = self.plan.work(index).unwrap_or_default();
        let is_cut = work.end < self.connections[index].requested.end;
        if work.is_empty() && is_cut {
            self.plan.release(index, self.now());
            self.assign();
        } else {
            self.connections[index].next = Some(Box::pin(next_chunk(response)));
        }
    }

    fn handle(&mut self, index: usize, event: Event) {
        let now = self.now();
        let is_received = self.plan.work(index).is_none_or(|work| work.is_empty());
        match event {
            // Written by `take_chunk`.
            Event::Chunk(_) => {}
            Event::End | Event::Failed(_) if is_received => self.plan.release(index, now),
            Event::End => {
                let left = self.plan.work(index).map_or(0, |work| work.end - work.start);
                let message = format!("a range of the file ended {left} bytes early");
                let error = Error::new(Kind::BodyLength, message).with_url(&self.source.target.url);
                self.handle(index, Event::Failed(error));
                return;
            }
            Event::Failed(error) => {
                self.last = Some(error);
                self.plan.close(index, now);
            }
            Event::Fewer(error) if self.plan.active() == 1 && !self.has_waited => {
                self.has_waited = true;
                let wait = error.details().retry_after.unwrap_or(REFUSED_WAIT);
                self.open(index, wait.min(REFUSED_WAIT_MAX));
                return;
            }
            Event::Fewer(error) => {
                self.last = Some(error);
                self.plan.retire(index, now);
                self.source.connections.store(self.plan.active().max(1), Ordering::Relaxed);
            }
            Event::Unusable => {
                self.last = None;
                self.plan.retire(index, now);
            }
        }
        self.assign();
    }

    /// Closes a connection that is slow, and gives work to those that have none.
    fn look(&mut self) {
        if self.is_throttled() {
            return;
        }
        if let Some(index) = self.plan.slow(self.now()) {
            self.connections[index].next = None;
            self.plan.close(index, self.now());
        }
        self.assign();
    }

    fn is_throttled(&self) -> bool {
        self.throttled.is_some_and(|at| at.elapsed() < THROTTLED)
    }

    /// Gives work to connections that have none.
    fn assign(&mut self) {
        // Under a rate limit nothing is gained by cutting ranges.
        let may_cut = !self.is_throttled();
        for index in self.plan.idle() {
            if let Some(range) = self.plan.take(index, self.now(), may_cut) {
                self.connections[index].requested = range;
                self.open(index, Duration::ZERO);
            }
        }
    }

    /// Has a connection request its range.
    fn open(&mut self, index: usize, wait: Duration) {
        let source = self.source;
        let connection = &mut self.connections[index];
        let transport = connection.transport.get_or_insert_with(|| source.transport()).clone();
        let of = Some((source.validator.clone(), source.total));
        let request = SegmentRequest { range: connection.requested.clone(), of };
        connection.next = Some(Box::pin(async move {
            if !wait.is_zero() {
                sleep(wait).await;
            }
            source.open(&transport, &request).await
        }));
    }
}
