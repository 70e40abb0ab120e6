//! A download: one request whose body becomes a file.

use std::path::Path;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::select;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::error::{Error, Kind, Result, redacted};
use crate::base::integrity::{Algorithm, Digest, Expected};
use crate::base::listeners::Hooks;
use crate::base::log::Log;
use crate::base::options::{DownloadOptions, TransferOptions};
use crate::base::timings::Timings;
use crate::io::file::staging::{Finish, Progress, Staging};
use crate::io::file::writer::Writer;
use crate::io::http::transport::{IncomingResponse, Transport};
use crate::metrics::tally::{self, DownloadTally, FileOutcome, RequestTally};
use crate::metrics::{self, Counter};
use crate::operation::attempt::{
    Attempts, Exchange, failure_of, first_head, follow, retry_after, timings_of, with_timeout,
};
use crate::operation::hooks::HookDispatcher;
use crate::operation::{blocking, dispose, request::with_context};
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::resume::{self, RangeRequest, Record, ResumeDecision};
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
    /// Of the last attempt.
    pub timings: Timings,
}

impl Downloaded {
    /// A file that was already there.
    pub fn cached(size: u64) -> Self {
        Self { size, digests: Vec::new(), transfer: None }
    }
}

/// A complete and verified part file.
#[derive(Debug)]
pub struct Fetched {
    staging: Staging,
    digests: Vec<Digest>,
    transfer: Transfer,
    finish: Finish,
}

/// Downloads to `destination`, which appears only complete.
pub async fn download(
    transport: &Transport,
    url: Url,
    destination: &Path,
    options: DownloadOptions,
    watchers: Watchers<'_>,
) -> Result<Downloaded> {
    let (tally, requested, observer) = (DownloadTally::default(), url.clone(), options.transfer.observer.clone());
    let published = match fetch(transport, url, destination, options, watchers).await {
        Ok(fetched) => fetched.publish().await,
        Err(error) => Err(error),
    };
    match &published {
        Ok(downloaded) => {
            let from = downloaded.transfer.as_ref().map_or(0, |transfer| transfer.resumed_from);
            tally.end(FileOutcome::Published { size: downloaded.size, from });
        }
        Err(error) => {
            tally.end(FileOutcome::Failed);
            tally::failed("download", &requested, error, &observer);
        }
    }
    published
}

/// The receiver of progress, and the signal that cancels the download.
#[derive(Clone, Copy, Debug)]
pub struct Watchers<'a> {
    pub progress: &'a watch::Sender<Option<Progress>>,
    pub cancel: &'a CancellationToken,
}

impl Fetched {
    pub async fn publish(self) -> Result<Downloaded> {
        let Self { staging, digests, transfer, finish } = self;
        let size = blocking(move || staging.publish(finish)).await?;
        Ok(Downloaded { size, digests, transfer: Some(transfer) })
    }
}

/// Downloads to a part file, and leaves its publication to the caller.
pub(super) async fn fetch(
    transport: &Transport,
    url: Url,
    destination: &Path,
    options: DownloadOptions,
    watchers: Watchers<'_>,
) -> Result<Fetched> {
    let DownloadOptions { transfer: options, expected, digests, mode, resume, fsync } = options;
    let TransferOptions { mut headers, redirects, retry, on_retry, observer, timeout, idle_timeout, network: _ } =
        options;
    // Lengths and digests are those of the bytes as sent.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let source = source_of(&url, &headers);
    let head = first_head(Method::GET, url, headers, false);
    let requested = [Algorithm::Sha256, Algorithm::Sha512].into_iter().filter(|_| digests);
    let turn = select! {
        turn = Writer::turn() => turn?,
        () = watchers.cancel.cancelled() => return Err(Error::aborted().with_url(&head.url)),
    };
    let mut writer = Writer::open(turn, destination, expected.algorithms().chain(requested).collect()).await?;
    let exchange = Exchange { transport, redirects: &redirects, idle_timeout };
    let (hooks, has_digest) = (Hooks::default(), !expected.is_empty());
    let hooks = HookDispatcher::new(&hooks, &observer, timeout);
    let attempt = Attempt { exchange, head: &head, hooks: &hooks, source: &source, resume, has_digest };
    metrics::count(Counter::DownloadsSources);
    let attempts = Attempts::new(&retry, on_retry.as_ref(), &Method::GET).with_log(transport.log(), &head.url);
    let transferred = select! {
        transferred = transfer(attempt, attempts, timeout, &mut writer, watchers.progress) => transferred,
        () = watchers.cancel.cancelled() => Err(Error::aborted().with_url(&head.url)),
    };
    match transferred {
        Ok(transfer) => {
            let staging = writer.finish().await?;
            verified(staging, transfer, &expected, &head.url, Finish { mode, fsync }).await
        }
        Err(error) => {
            let is_resumable =
                resume::range_request(writer.part.record.as_ref(), writer.part.length, &source).is_some();
            let is_kept = resume && is_resumable && error.kind() != Kind::File;
            // Waits, so that nothing is written or removed any more after the rejection.
            if let Ok(staging) = writer.finish().await {
                if is_kept {
                    staging.keep();
                } else {
                    dispose(staging).await;
                }
            }
            Err(with_context("HTTP download failed", error))
        }
    }
}

/// Attempts until the part file is complete.
async fn transfer(
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
        let failure = failure_of(&error);
        if !attempts.again(failure, || with_context("HTTP download failed", error.clone())).await? {
            tally.end(Some(&error));
            return Err(error.with_attempts(attempts.made));
        }
    }
}

/// Refuses a file that differs from the expected digests.
async fn verified(
    staging: Staging,
    transfer: Transfer,
    expected: &Expected,
    url: &Url,
    finish: Finish,
) -> Result<Fetched> {
    let digests = staging.digests();
    match verify(expected, &digests, url) {
        Ok(()) => Ok(Fetched { staging, digests, transfer, finish }),
        Err(error) => {
            // The part file is removed before the rejection.
            dispose(staging).await;
            Err(error.with_attempts(transfer.attempts).with_status(transfer.status.as_u16(), None))
        }
    }
}

fn verify(expected: &Expected, computed: &[Digest], url: &Url) -> Result<()> {
    expected.verify(computed).map_err(|mismatch| {
        let message = format!(
            "{} verification failed for {}: expected {}, computed {}",
            mismatch.check,
            redacted(url),
            mismatch.expected,
            mismatch.computed
        );
        Error::new(Kind::Integrity, message).with_url(url)
    })
}

/// Identifies the representation that a request selects, without a URL or credential that may be
/// secret.
fn source_of(url: &Url, headers: &HeaderMap) -> String {
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
struct Attempt<'a> {
    exchange: Exchange<'a>,
    head: &'a RequestHead,
    hooks: &'a HookDispatcher<'a>,
    source: &'a str,
    resume: bool,
    /// Whether a digest is expected, so that a truncated body cannot go unnoticed.
    has_digest: bool,
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
        if response.is_end_uncertain() && !self.has_digest {
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
        let timings = Timings { total: started.elapsed(), ..timings };
        Ok(Transfer { status, status_text, headers, attempts: 0, resumed_from: from, timings })
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
                writer.resume(from, total).await?;
                Ok(response)
            }
            ResumeDecision::Whole { total } => {
                let validator = resume::validator(&response.headers).filter(|_| !wants_range);
                writer.restart(Record { source: self.source.to_owned(), validator, total }).await?;
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
