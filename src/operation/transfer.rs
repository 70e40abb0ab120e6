//! One attempt of a download: the body of a response, or ranges of it, into a part file.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http::{HeaderMap, StatusCode, header};
use tokio::sync::watch;
use url::Url;

use crate::base::error::{Error, Kind, Result, redacted};
use crate::base::log::Log;
use crate::base::timings::Timings;
use crate::io::file::staging::{Found, Progress};
use crate::io::file::writer::Writer;
use crate::io::http::transport::IncomingResponse;
use crate::operation::attempt::{Exchange, follow, follow_to, timings_of};
use crate::operation::segments::{FirstRange, RangeSource, SegmentsOutcome, receive_segments, status_error};
use crate::operation::throttle::Throttle;
use crate::policy::http::ranges::Ranges;
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::resume::{self, NextSource, RangeRequest, Record, ResumeDecision, Validator};
use crate::policy::http::segments::{FirstDecision, SEGMENT_MIN, SegmentRequest, decide_first};
use crate::policy::text::debug;

/// The response whose body was published; the first of several.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    pub attempts: u32,
    /// The bytes that were there when the last attempt began; 0 when it had everything to fetch.
    pub resumed_from: u64,
    /// The URL of the source, before redirects and without secrets.
    pub source: String,
    /// Of the last attempt.
    pub timings: Timings,
}

/// One attempt: the body, or the rest of it, into the part file.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub exchange: Exchange<'a>,
    pub head: &'a RequestHead,
    pub source: NextSource<'a>,
    pub resume: bool,
    /// Whether another source can be requested instead.
    pub is_another_left: bool,
    /// Connections at once. Lowered if the server wants fewer.
    pub connections: &'a AtomicUsize,
    pub throttle: &'a Throttle,
}

impl Attempt<'_> {
    pub async fn receive(self, writer: &mut Writer, progress: &watch::Sender<Option<Progress>>) -> Result<Transfer> {
        // A range that the caller has set is fetched from its start.
        let is_from_start = !self.resume || self.wants_range();
        let part = &writer.part;
        let range =
            if is_from_start { None } else { resume::range_request(part.record.as_ref(), part.length, self.source) };
        self.log().line(|| {
            let (record, from) = (part.record.as_ref(), range.as_ref().map(|range| range.from));
            debug::download::plan(&self.call(), !is_from_start, record, part.length, from)
        });
        let started = Instant::now();
        let mut response = match self.first_range(part, range.is_some()) {
            None => self.begin(range.as_ref(), writer).await?,
            Some(first) => match self.receive_ranges(&first, started, writer, progress).await? {
                Received::All(transfer) => return Ok(*transfer),
                Received::Body(response) => response,
                Received::Nothing => self.begin(None, writer).await?,
            },
        };
        let timings = timings_of(started, &mut response);
        let transfer = self.receive_body(response, writer, progress).await?;
        Ok(Transfer { timings: Timings { total: started.elapsed(), ..timings }, ..transfer })
    }

    /// Whether the caller has set a range, which is theirs to judge.
    fn wants_range(self) -> bool {
        self.head.headers.contains_key(header::RANGE)
    }

    /// The range to request first, if several connections may take part, or have left holes.
    /// `is_resumable`: whether one connection would resume.
    fn first_range(self, part: &Found, is_resumable: bool) -> Option<SegmentRequest> {
        let connections = self.connections.load(Ordering::Relaxed);
        let is_usable = |record: &&Record| !record.is_mixed || self.source.has_digest;
        let is_same = |record: &&Record| self.resume && record.source == self.source.name;
        let record = part.record.as_ref().filter(is_same).filter(is_usable);
        match record {
            _ if self.wants_range() => None,
            Some(Record { validator: Some(validator), total: Some(total), ranges, .. })
                if part.downloaded() > 0 && (connections > 1 || ranges.is_some()) && part.fits(*total) =>
            {
                // If the part file is already complete, only its last byte is requested again: a
                // range of no bytes cannot be requested.
                let gap = part.present().complement(*total).first().unwrap_or(total - 1..*total);
                let end = if connections > 1 { gap.end.min(gap.start + SEGMENT_MIN) } else { gap.end };
                Some(SegmentRequest { range: gap.start..end, of: Some((validator.clone(), *total)) })
            }
            // The total is unknown, or the part is of another source.
            _ if is_resumable => None,
            _ if connections > 1 => Some(SegmentRequest { range: 0..SEGMENT_MIN, of: None }),
            _ => None,
        }
    }

    /// Requests a first range. If the response shows that the source can, fetches the others beside
    /// it.
    async fn receive_ranges(
        self,
        request: &SegmentRequest,
        started: Instant,
        writer: &mut Writer,
        progress: &watch::Sender<Option<Progress>>,
    ) -> Result<Received> {
        let mut head = self.head.clone();
        head.headers.extend(request.fields().unwrap_or_default());
        let (mut response, mut target) = follow_to(self.exchange, &head).await?;
        let length = response.content_length();
        let decision = decide_first(request, response.status, &response.headers, length);
        self.log().line(|| self.described_ranges(response.status, &decision));
        let (range, validator, total) = match decision {
            FirstDecision::Segments { range, validator, total } if range != (0..total) => (range, validator, total),
            FirstDecision::Segments { total, .. } => {
                let whole = ResumeDecision::Whole { total: Some(total) };
                self.settle(whole, false, &response, &target.url, writer).await?;
                return Ok(Received::Body(response));
            }
            FirstDecision::Other(next) => {
                let is_ready = self.settle(next, false, &response, &target.url, writer).await?;
                return Ok(if is_ready { Received::Body(response) } else { Received::Nothing });
            }
        };
        if request.of.is_some() {
            writer.allow_holes(total).await?;
        } else {
            let record = self.record(Some(validator.clone()), Some(total), false);
            writer.restart(Record { ranges: Some(Ranges::default()), ..record }).await?;
        }
        let from = writer.part.downloaded();
        let report = |downloaded| {
            progress.send_replace(Some(Progress { downloaded, total }));
        };
        report(from);
        target.headers.remove(header::RANGE);
        target.headers.remove(header::IF_RANGE);
        let (exchange, head, connections) = (self.exchange, self.head, self.connections);
        let source = RangeSource { exchange, head, target, validator, total, connections };
        let (status, status_text, headers) = (response.status, response.status_text.clone(), response.headers.clone());
        let timings = timings_of(started, &mut response);
        let first = FirstRange { response, range };
        match receive_segments(&source, first, writer, self.throttle, report).await? {
            SegmentsOutcome::StartOver => Ok(Received::Nothing),
            SegmentsOutcome::Complete => {
                let source = redacted(&self.head.url);
                let timings = Timings { total: started.elapsed(), ..timings };
                let transfer =
                    Transfer { status, status_text, headers, attempts: 0, resumed_from: from, source, timings };
                Ok(Received::All(Box::new(transfer)))
            }
        }
    }

    fn described_ranges(self, status: StatusCode, decision: &FirstDecision) -> String {
        let total = match decision {
            FirstDecision::Segments { range, total, .. } if *range != (0..*total) => Some(*total),
            _ => None,
        };
        debug::download::ranges(&self.call(), status, total, self.connections.load(Ordering::Relaxed))
    }

    /// Receives the body of a response, up to its end.
    async fn receive_body(
        self,
        mut response: Box<IncomingResponse>,
        writer: &mut Writer,
        progress: &watch::Sender<Option<Progress>>,
    ) -> Result<Transfer> {
        let from = writer.part.length;
        let total = writer.part.record.as_ref().and_then(|record| record.total);
        let report = |downloaded| progress.send_replace(total.map(|total| Progress { downloaded, total }));
        report(from);
        while let Some(mut chunk) = response.chunk().await? {
            while let Some((piece, _)) = self.throttle.next(&mut chunk).await {
                writer.write(piece).await?;
                report(writer.part.length);
            }
        }
        if response.is_end_uncertain() && !self.source.has_digest {
            let message = "the body ended without a length, and without close_notify of TLS or END_STREAM of HTTP/2: it may be \
                           truncated. With `sha256` or `integrity` it would be compared";
            return Err(Error::new(Kind::BodyLength, message).with_url(&self.head.url));
        }
        let length = writer.part.length;
        if let Some(total) = total.filter(|&total| total != length) {
            let message = format!("the file has {length} bytes, {total} were announced");
            return Err(Error::new(Kind::BodyLength, message).with_url(&self.head.url));
        }
        let IncomingResponse { status, status_text, headers, .. } = *response;
        let source = redacted(&self.head.url);
        let timings = Timings::default();
        Ok(Transfer { status, status_text, headers, attempts: 0, resumed_from: from, source, timings })
    }

    /// Gets a response that fits the part file, and makes the part file fit the response.
    async fn begin(self, range: Option<&RangeRequest>, writer: &mut Writer) -> Result<Box<IncomingResponse>> {
        let (response, url) = self.send(range).await?;
        let next = match resume::decide(range, response.status, &response.headers, response.content_length()) {
            ResumeDecision::Refuse if self.wants_range() && response.status == StatusCode::PARTIAL_CONTENT => {
                ResumeDecision::Whole { total: response.content_length() }
            }
            next => next,
        };
        self.log().maybe(|| debug::download::outcome(&self.call(), range.is_some(), response.status, &next));
        let changes_source = range.is_some_and(RangeRequest::changes_source);
        if self.settle(next, changes_source, &response, &url, writer).await? {
            return Ok(response);
        }
        drop(response);
        Box::pin(self.begin(None, writer)).await
    }

    /// Makes the part file fit a response. `false`: request the whole file.
    async fn settle(
        self,
        next: ResumeDecision,
        changes_source: bool,
        response: &IncomingResponse,
        url: &Url,
        writer: &mut Writer,
    ) -> Result<bool> {
        match next {
            ResumeDecision::Append { from, total } if changes_source => {
                let validator = resume::validator(&response.headers);
                writer.resume_in_copy(from, self.record(validator, Some(total), true)).await?;
            }
            ResumeDecision::Append { from, total } => writer.resume(from, total).await?,
            ResumeDecision::Whole { total } => {
                let validator = resume::validator(&response.headers).filter(|_| !self.wants_range());
                writer.restart(self.record(validator, total, false)).await?;
            }
            ResumeDecision::RequestAll => return Ok(false),
            ResumeDecision::Refuse => {
                let message = format!("the server sent a part of the file under status {}", response.status.as_u16());
                let error = Error::new(Kind::BodyLength, message);
                return Err(error.with_status(response.status.as_u16(), None).with_url(url));
            }
            ResumeDecision::Failed => return Err(status_error(response, url)),
        }
        Ok(true)
    }

    fn record(self, validator: Option<Validator>, total: Option<u64>, is_mixed: bool) -> Record {
        Record { source: self.source.name.to_owned(), validator, total, is_mixed, ranges: None }
    }

    fn log(self) -> Log {
        self.exchange.transport.log()
    }

    /// The name of the call in debug lines.
    fn call(self) -> String {
        debug::network::call(&self.head.method, &self.head.url)
    }

    async fn send(self, range: Option<&RangeRequest>) -> Result<(Box<IncomingResponse>, Url)> {
        let Some(fields) = range.and_then(RangeRequest::fields) else {
            return follow(self.exchange, self.head, None, None).await;
        };
        let mut head = self.head.clone();
        head.headers.extend(fields);
        follow(self.exchange, &head, None, None).await
    }
}

/// The outcome of a request for ranges.
enum Received {
    /// The whole file.
    All(Box<Transfer>),
    /// A response whose body is still to be received.
    Body(Box<IncomingResponse>),
    /// The source has no such ranges.
    Nothing,
}
