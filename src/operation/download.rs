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
use crate::base::options::DownloadOptions;
use crate::base::timings::Timings;
use crate::io::file::staging::{Finish, Progress, Staging};
use crate::io::file::writer::Writer;
use crate::io::http::transport::{Answer, Transport};
use crate::metrics::tally::{self, DownloadTally, FileOutcome, RequestTally};
use crate::metrics::{self, Counter};
use crate::operation::attempt::{Attempts, Exchange, begun, failure_of, first_hop, follow, retry_after, within};
use crate::operation::hooks::HookDispatcher;
use crate::operation::{blocking, dispose, request::named};
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::resume::{self, Ask, Record, ResumeDecision};

/// A file at its destination.
#[derive(Clone, Debug)]
pub struct Downloaded {
    pub size: u64,
    /// Those that were asked for.
    pub digests: Vec<Digest>,
    /// How it came; `None` for a file that was there.
    pub transfer: Option<Transfer>,
}

/// The answer whose body was published.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    pub attempts: u32,
    /// The byte at which the last attempt went on; 0 when it had everything to fetch.
    pub resumed_from: u64,
    pub timings: Timings,
}

impl Downloaded {
    /// A file that was there.
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

/// Downloads to `destination`, which appears only whole.
pub async fn download(
    transport: &Transport,
    url: Url,
    destination: &Path,
    options: DownloadOptions,
    watchers: Watchers<'_>,
) -> Result<Downloaded> {
    let (tally, asked, observer) = (DownloadTally::default(), url.clone(), options.observer.clone());
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
            tally::failed("download", &asked, error, &observer);
        }
    }
    published
}

/// Who looks on: hears of progress, or ends it.
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
    let DownloadOptions {
        mut headers,
        redirects,
        retry,
        on_retry,
        observer,
        timeout,
        idle_timeout,
        network: _,
        expected,
        digests,
        mode,
        resume,
        fsync,
    } = options;
    // What is written must be the bytes that lengths and digests speak of.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let source = source_of(&url, &headers);
    let hop = first_hop(Method::GET, url, headers, false);
    let asked_for = [Algorithm::Sha256, Algorithm::Sha512].into_iter().filter(|_| digests);
    let turn = select! {
        turn = Writer::turn() => turn?,
        () = watchers.cancel.cancelled() => return Err(Error::aborted().with_url(&hop.url)),
    };
    let mut writer = Writer::open(turn, destination, expected.algorithms().chain(asked_for).collect()).await?;
    let exchange = Exchange { transport, redirects: &redirects, idle_timeout };
    let (hooks, is_compared) = (Hooks::default(), !expected.is_empty());
    let hooks = HookDispatcher::new(&hooks, &observer, timeout);
    let attempt = Attempt { exchange, hop: &hop, hooks: &hooks, source: &source, resume, has_digest: is_compared };
    metrics::count(Counter::DownloadsSources);
    let attempts = Attempts::new(&retry, on_retry.as_ref(), &Method::GET);
    let transferred = select! {
        transferred = transfer(attempt, attempts, timeout, &mut writer, watchers.progress) => transferred,
        () = watchers.cancel.cancelled() => Err(Error::aborted().with_url(&hop.url)),
    };
    match transferred {
        Ok(transfer) => {
            let staging = writer.finish().await?;
            verified(staging, transfer, &expected, &hop.url, Finish { mode, fsync }).await
        }
        Err(error) => {
            let can_go_on = resume::ask(writer.part.record.as_ref(), writer.part.length, &source).is_some();
            let keeps = resume && can_go_on && error.kind() != Kind::File;
            // Waits, so that nothing is being written or removed any more when the caller hears of it.
            if let Ok(staging) = writer.finish().await {
                if keeps {
                    staging.keep();
                } else {
                    dispose(staging).await;
                }
            }
            Err(named("HTTP download failed", error))
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
    let mut hop = attempt.hop.clone();
    // The call itself says what failed.
    let mut tally = RequestTally::begin(&attempt.hop.url, None, Instant::now());
    loop {
        attempts.announce(&mut hop.headers);
        tally.attempt();
        let attempt = Attempt { hop: &hop, ..attempt };
        let error = match within(timeout, "Download", &hop.url, attempt.receive(writer, progress)).await {
            Ok(transfer) => {
                tally.end(None);
                return Ok(Transfer { attempts: attempts.made + 1, ..transfer });
            }
            Err(error) => error,
        };
        attempt.hooks.fails(&error).await;
        let failure = failure_of(&error);
        if !attempts.again(failure, || named("HTTP download failed", error.clone())).await? {
            tally.end(Some(&error));
            return Err(error.with_attempts(attempts.made));
        }
    }
}

/// Publishes nothing that is not what was expected.
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
            // The part file goes before the caller hears of it.
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

/// Tells representations of different requests apart, without repeating a URL or credential that may be secret.
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
    hop: &'a RequestHead,
    hooks: &'a HookDispatcher<'a>,
    source: &'a str,
    resume: bool,
    /// Whether the file is compared with what it must be.
    has_digest: bool,
}

impl Attempt<'_> {
    async fn receive(self, writer: &mut Writer, progress: &watch::Sender<Option<Progress>>) -> Result<Transfer> {
        // A caller who asks for a range of his own gets that, from its start.
        let asks_for_all = !self.resume || self.hop.headers.contains_key(header::RANGE);
        let part = &writer.part;
        let asked = if asks_for_all { None } else { resume::ask(part.record.as_ref(), part.length, self.source) };
        let started = Instant::now();
        let mut answer = self.begin(asked.as_ref(), writer).await?;
        let timings = begun(started, &answer);
        let from = writer.part.length;
        let total = writer.part.record.as_ref().and_then(|record| record.total);
        let report = |downloaded| progress.send_replace(total.map(|total| Progress { downloaded, total }));
        report(from);
        while let Some(chunk) = answer.chunk().await? {
            writer.write(chunk).await?;
            report(writer.part.length);
        }
        if answer.is_end_uncertain() && !self.has_digest {
            let message = "the body ended with its TLS connection, without a length and without close_notify: it may have broken \
                           off. With `sha256` or `integrity` it would be compared";
            return Err(Error::new(Kind::BodyLength, message).with_url(&self.hop.url));
        }
        let length = writer.part.length;
        if let Some(total) = total.filter(|&total| total != length) {
            let message = format!("the file has {length} bytes, {total} were announced");
            return Err(Error::new(Kind::BodyLength, message).with_url(&self.hop.url));
        }
        let Answer { status, status_text, headers, .. } = answer;
        let timings = Timings { total: started.elapsed(), ..timings };
        Ok(Transfer { status, status_text, headers, attempts: 0, resumed_from: from, timings })
    }

    /// Gets an answer that fits the part file, and makes the part file fit the answer.
    async fn begin(self, asked: Option<&Ask>, writer: &mut Writer) -> Result<Answer> {
        let (answer, url) = self.send(asked).await?;
        // What the caller's own range gives is his business.
        let wants_range = self.hop.headers.contains_key(header::RANGE);
        let next = match resume::decide(asked, answer.status, &answer.headers, answer.content_length()) {
            ResumeDecision::Refuse if wants_range && answer.status == StatusCode::PARTIAL_CONTENT => {
                ResumeDecision::Whole { total: answer.content_length() }
            }
            next => next,
        };
        match next {
            ResumeDecision::Append { from, total } => {
                writer.resume(from, total).await?;
                Ok(answer)
            }
            ResumeDecision::Whole { total } => {
                let validator = resume::validator(&answer.headers).filter(|_| !wants_range);
                writer.restart(Record { source: self.source.to_owned(), validator, total }).await?;
                Ok(answer)
            }
            ResumeDecision::AskForAll => {
                drop(answer);
                Box::pin(self.begin(None, writer)).await
            }
            ResumeDecision::Refuse => {
                let message = format!("the server sent a part of the file under status {}", answer.status.as_u16());
                Err(Error::new(Kind::BodyLength, message).with_status(answer.status.as_u16(), None).with_url(&url))
            }
            ResumeDecision::Failed => {
                let message = format!("Download failed: HTTP {} {}", answer.status.as_u16(), answer.status_text);
                let error = Error::new(Kind::Status, message.trim_end());
                Err(error.with_status(answer.status.as_u16(), retry_after(&answer.headers)).with_url(&url))
            }
        }
    }

    async fn send(self, asked: Option<&Ask>) -> Result<(Answer, Url)> {
        let Some(fields) = asked.and_then(Ask::fields) else {
            let (answer, url, _) = follow(self.exchange, self.hop, None, self.hooks).await?;
            return Ok((answer, url));
        };
        let mut hop = self.hop.clone();
        hop.headers.extend(fields);
        let (answer, url, _) = follow(self.exchange, &hop, None, self.hooks).await?;
        Ok((answer, url))
    }
}
