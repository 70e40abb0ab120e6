//! The download from one source: attempts at a request whose body becomes a part file.

use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use url::Url;

use crate::base::error::{Error, Kind, Result, redacted};
use crate::base::integrity::{Algorithm, Digest};
use crate::base::log::Log;
use crate::base::timings::Timings;
use crate::io::file::staging::Progress;
use crate::io::file::writer::Writer;
use crate::io::http::transport::IncomingResponse;
use crate::metrics::tally::RequestTally;
use crate::operation::attempt::{Attempts, Exchange, failure_of, follow, retry_after, timings_of, with_timeout};
use crate::operation::hooks::HookDispatcher;
use crate::operation::request::with_context;
use crate::policy::http::mirror::{self, SourceDecision};
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::resume::{self, NextSource, RangeRequest, Record, ResumeDecision, Validator};
use crate::policy::http::retry::Failure;
use crate::policy::text::debug;

/// A file at its destination.
#[derive(Clone, Debug)]
pub struct Downloaded {
    pub size: u64,
    /// The digests that were expected or requested.
    pub digests: Vec<Digest>,
    /// `None` for a file that was already there.
    pub transfer: Option<Transfer>,
}

/// The response whose body was published.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    pub attempts: u32,
    /// The byte at which the last attempt resumed; 0 if it fetched everything.
    pub resumed_from: u64,
    /// The URL of the source, before redirects and without secrets.
    pub source: String,
    /// Of the last attempt.
    pub timings: Timings,
}

impl Downloaded {
    /// A file that was already there.
    pub fn cached(size: u64) -> Self {
        Self { size, digests: Vec::new(), transfer: None }
    }
}

/// Attempts at one source until the part file is complete.
pub(super) async fn transfer(
    attempt: Attempt<'_>,
    mut attempts: Attempts<'_>,
    timeout: Option<Duration>,
    writer: &mut Writer,
    progress: &watch::Sender<Option<Progress>>,
) -> Result<Transfer> {
    let mut head = attempt.head.clone();
    // Without an observer: the error is that of the download.
    let mut tally = RequestTally::begin(&attempt.head.url, None, Instant::now());
    loop {
        attempts.announce(&mut head.headers);
        tally.attempt();
        let attempt = Attempt { head: &head, ..attempt };
        let error = match with_timeout(timeout, "Download", &head.url, attempt.receive(writer, progress)).await {
            Ok(transfer) => {
                tally.end(None);
                return Ok(Transfer { attempts: attempts.made + 1, ..transfer });
            }
            Err(error) => error,
        };
        attempt.hooks.fails(&error).await;
        let is_permanent = attempt.is_another_left && mirror::decide(&error) == SourceDecision::Next;
        let failure = if is_permanent { Failure::Permanent } else { failure_of(&error) };
        if !attempts.again(failure, || with_context("HTTP download failed", error.clone())).await? {
            tally.end(Some(&error));
            return Err(error.with_attempts(attempts.made));
        }
    }
}

/// Identifies the representation that a request selects, without a URL or credential that may be
/// secret.
pub(super) fn source_of(url: &Url, headers: &HeaderMap) -> String {
    let mut hash = Sha256::new();
    hash.update(&url[..url::Position::AfterQuery]);
    for name in [header::AUTHORIZATION, header::COOKIE, header::ACCEPT, header::RANGE] {
        for value in headers.get_all(name) {
            hash.update([0]);
            hash.update(value.as_bytes());
        }
    }
    Digest { algorithm: Algorithm::Sha256, bytes: hash.finalize().to_vec() }.hex()
}

/// One attempt: the body, or the rest of it, into the part file.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub exchange: Exchange<'a>,
    pub head: &'a RequestHead,
    pub hooks: &'a HookDispatcher<'a>,
    pub source: NextSource<'a>,
    pub resume: bool,
    /// Whether another source can be requested instead.
    pub is_another_left: bool,
}

impl Attempt<'_> {
    async fn receive(self, writer: &mut Writer, progress: &watch::Sender<Option<Progress>>) -> Result<Transfer> {
        // A range that the caller has set is fetched from its start.
        let is_from_start = !self.resume || self.head.headers.contains_key(header::RANGE);
        let part = &writer.part;
        let range =
            if is_from_start { None } else { resume::range_request(part.record.as_ref(), part.length, self.source) };
        self.log().line(|| {
            let (record, from) = (part.record.as_ref(), range.as_ref().map(|range| range.from));
            debug::download::plan(&self.call(), !is_from_start, record, part.length, from)
        });
        let started = Instant::now();
        let mut response = self.begin(range.as_ref(), writer).await?;
        let timings = timings_of(started, &mut response);
        let from = writer.part.length;
        let total = writer.part.record.as_ref().and_then(|record| record.total);
        let report = |downloaded| progress.send_replace(total.map(|total| Progress { downloaded, total }));
        report(from);
        while let Some(chunk) = response.chunk().await? {
            writer.write(chunk).await?;
            report(writer.part.length);
        }
        if response.is_end_uncertain() && !self.source.has_digest {
            let message = "the body ended with its TLS connection, without a length and without close_notify: it may have broken \
                           off. With `sha256` or `integrity` it would be compared";
            return Err(Error::new(Kind::BodyLength, message).with_url(&self.head.url));
        }
        let length = writer.part.length;
        if let Some(total) = total.filter(|&total| total != length) {
            let message = format!("the file has {length} bytes, {total} were announced");
            return Err(Error::new(Kind::BodyLength, message).with_url(&self.head.url));
        }
        let IncomingResponse { status, status_text, headers, .. } = response;
        let source = redacted(&self.head.url);
        let timings = Timings { total: started.elapsed(), ..timings };
        Ok(Transfer { status, status_text, headers, attempts: 0, resumed_from: from, source, timings })
    }

    /// Gets a response that fits the part file, and makes the part file fit the response.
    async fn begin(self, range: Option<&RangeRequest>, writer: &mut Writer) -> Result<IncomingResponse> {
        let (response, url) = self.send(range).await?;
        // A range that the caller has set is theirs to judge.
        let wants_range = self.head.headers.contains_key(header::RANGE);
        let next = match resume::decide(range, response.status, &response.headers, response.content_length()) {
            ResumeDecision::Refuse if wants_range && response.status == StatusCode::PARTIAL_CONTENT => {
                ResumeDecision::Whole { total: response.content_length() }
            }
            next => next,
        };
        self.log().maybe(|| debug::download::outcome(&self.call(), range.is_some(), response.status, &next));
        match next {
            ResumeDecision::Append { from, total } => {
                if range.is_some_and(RangeRequest::changes_source) {
                    let validator = resume::validator(&response.headers);
                    writer.resume_in_copy(from, self.record(validator, Some(total), true)).await?;
                } else {
                    writer.resume(from, total).await?;
                }
                Ok(response)
            }
            ResumeDecision::Whole { total } => {
                let validator = resume::validator(&response.headers).filter(|_| !wants_range);
                writer.restart(self.record(validator, total, false)).await?;
                Ok(response)
            }
            ResumeDecision::RequestAll => {
                drop(response);
                Box::pin(self.begin(None, writer)).await
            }
            ResumeDecision::Refuse => {
                let message = format!("the server sent a part of the file under status {}", response.status.as_u16());
                Err(Error::new(Kind::BodyLength, message).with_status(response.status.as_u16(), None).with_url(&url))
            }
            ResumeDecision::Failed => {
                let message = format!("Download failed: HTTP {} {}", response.status.as_u16(), response.status_text);
                let error = Error::new(Kind::Status, message.trim_end());
                Err(error.with_status(response.status.as_u16(), retry_after(&response.headers)).with_url(&url))
            }
        }
    }

    fn record(self, validator: Option<Validator>, total: Option<u64>, is_mixed: bool) -> Record {
        Record { source: self.source.name.to_owned(), validator, total, is_mixed }
    }

    fn log(self) -> Log {
        self.exchange.transport.log()
    }

    /// The name of the call in debug lines.
    fn call(self) -> String {
        debug::network::call(&self.head.method, &self.head.url)
    }

    async fn send(self, range: Option<&RangeRequest>) -> Result<(IncomingResponse, Url)> {
        let Some(fields) = range.and_then(RangeRequest::fields) else {
            let (response, url, _) = follow(self.exchange, self.head, None, self.hooks).await?;
            return Ok((response, url));
        };
        let mut head = self.head.clone();
        head.headers.extend(fields);
        let (response, url, _) = follow(self.exchange, &head, None, self.hooks).await?;
        Ok((response, url))
    }
}
