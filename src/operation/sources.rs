//! A download: the file of the first source that has it. See [`mirror`] for the order of the
//! sources, and for the failures after which the next one is tried.
//!
//! All sources write one part file, one after the other. A part of one source is continued from the
//! next where [`resume`] allows that. A file with a wrong digest is removed before another source
//! is tried.

use std::path::Path;
use std::sync::atomic::AtomicUsize;

use http::{HeaderMap, HeaderValue, Method, header};
use tokio::select;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::base::error::{Error, Kind, Result, redacted};
use crate::base::integrity::{Algorithm, Digest, Expected};
use crate::base::options::{DownloadOptions, TransferOptions};
use crate::io::file::staging::{Finish, Progress, Staging};
use crate::io::file::writer::Writer;
use crate::io::http::transport::Transport;
use crate::metrics::tally::{self, DownloadTally, FileOutcome};
use crate::metrics::{self, Counter};
use crate::operation::attempt::{Attempts, Exchange, first_head};
use crate::operation::download::{Downloaded, source_of, transfer};
use crate::operation::throttle::Throttle;
use crate::operation::transfer::{Attempt, Transfer};
use crate::operation::{blocking, dispose, request::with_context};
use crate::policy::http::mirror::{self, SourceDecision};
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::resume::{self, NextSource};
use crate::policy::text::debug::download as debug;

/// A complete and verified part file.
#[derive(Debug)]
pub struct Fetched {
    staging: Staging,
    digests: Vec<Digest>,
    transfer: Transfer,
    finish: Finish,
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

/// Downloads to a part file, and leaves its publication to the caller.
pub(super) async fn fetch(
    transport: &Transport,
    url: Url,
    destination: &Path,
    mut options: DownloadOptions,
    watchers: Watchers<'_>,
) -> Result<Fetched> {
    // Lengths and digests are those of the bytes as sent.
    options.transfer.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let urls = mirror::sources(&url, &options.mirrors)?;
    let requests: Vec<_> =
        urls.iter().map(|source| mirror::request_for(source, &url, &options.transfer.headers)).collect();
    let names = requests.iter().map(|(url, headers)| source_of(url, headers)).collect();
    let head = |(url, headers): (Url, HeaderMap)| first_head(Method::GET, url, headers, false);
    let heads = requests.into_iter().map(head).collect();
    let throttle = Throttle::new(options.rate.clone());
    Sources { transport, url: &url, destination, options: &options, watchers, heads, names, throttle }.fetch().await
}

/// The sources of one download.
struct Sources<'a> {
    transport: &'a Transport,
    /// The URL of the call, which errors of the whole download name.
    url: &'a Url,
    destination: &'a Path,
    options: &'a DownloadOptions,
    watchers: Watchers<'a>,
    /// The request to each source.
    heads: Vec<RequestHead>,
    /// The name of each source in the records of part files.
    names: Vec<String>,
    /// The limits of all sources together.
    throttle: Throttle,
}

impl Sources<'_> {
    async fn fetch(&self) -> Result<Fetched> {
        let (mut writer, mut failures, mut attempts) = (None, Vec::new(), 0);
        for (index, head) in self.heads.iter().enumerate() {
            let error = match self.fetch_from(index, &mut writer).await {
                Ok(mut fetched) => {
                    fetched.transfer.attempts += attempts;
                    return Ok(fetched);
                }
                Err(error) => error,
            };
            let made = error.details().attempts;
            attempts += made.unwrap_or(0);
            if self.heads.len() == 1 || mirror::decide(&error) == SourceDecision::Stop {
                self.close(writer, error.kind()).await;
                return Err(if made.is_some() { error.with_attempts(attempts) } else { error });
            }
            let next = self.heads.get(index + 1).map(|next| &next.url);
            self.transport.log().maybe(|| Some(debug::next_source(&head.url, next?, &error)));
            failures.push((head.url.clone(), error));
        }
        self.close(writer, Kind::AllSourcesFailed).await;
        Err(mirror::all_failed(self.url, failures))
    }

    /// Fetches one source into the open part file, or into a new one. After a failure the part file
    /// stays open for the next source, unless its digest is wrong.
    async fn fetch_from(&self, index: usize, writer: &mut Option<Writer>) -> Result<Fetched> {
        let mut attempts = 0;
        loop {
            let mut open = match writer.take() {
                Some(open) => open,
                None => self.open().await?,
            };
            let transferred = select! {
                transferred = self.transfer(index, &mut open) => transferred,
                () = self.watchers.cancel.cancelled() => Err(self.aborted()),
            };
            let mut transfer = match transferred {
                Ok(transfer) => transfer,
                Err(error) => {
                    *writer = Some(open);
                    let made = error.details().attempts.map(|made| made + attempts);
                    let error = with_context("HTTP download failed", error);
                    return Err(if let Some(made) = made { error.with_attempts(made) } else { error });
                }
            };
            attempts += transfer.attempts;
            transfer.attempts = attempts;
            let is_mixed = open.part.record.as_ref().is_some_and(|record| record.is_mixed);
            let staging = open.finish().await?;
            match self.verified(staging, transfer, &self.heads[index].url).await {
                // The bytes of a source before may be wrong: this one is fetched once more, alone.
                Err(error) if is_mixed && error.kind() == Kind::Integrity => {}
                verified => return verified,
            }
        }
    }

    async fn open(&self) -> Result<Writer> {
        let turn = select! {
            turn = Writer::turn() => turn?,
            () = self.watchers.cancel.cancelled() => return Err(self.aborted()),
        };
        let requested = [Algorithm::Sha256, Algorithm::Sha512].into_iter().filter(|_| self.options.digests);
        let algorithms = self.options.expected.algorithms().chain(requested).collect();
        Writer::open(turn, self.destination, algorithms).await
    }

    async fn transfer(&self, index: usize, writer: &mut Writer) -> Result<Transfer> {
        let DownloadOptions { transfer: options, mirror_idle_timeout, resume, connections, .. } = self.options;
        let TransferOptions { redirects, retry, on_retry, observer, timeout, idle_timeout, .. } = options;
        metrics::count(Counter::DownloadsSources);
        let is_another_left = index + 1 < self.heads.len();
        let idle_timeout = if is_another_left { *mirror_idle_timeout } else { *idle_timeout };
        let exchange = Exchange { transport: self.transport, redirects, idle_timeout, observer };
        let (head, source) = (&self.heads[index], self.source(index));
        let (connections, throttle) = (&AtomicUsize::new(*connections), &self.throttle);
        let attempt = Attempt { exchange, head, source, resume: *resume, is_another_left, connections, throttle };
        let attempts = Attempts::new(retry, on_retry.as_ref(), &Method::GET).with_log(self.transport.log(), &head.url);
        transfer(attempt, attempts, *timeout, writer, self.watchers.progress).await
    }

    fn source(&self, index: usize) -> NextSource<'_> {
        let has_digest = !self.options.expected.is_empty();
        NextSource { name: &self.names[index], equals: &self.names, has_digest }
    }

    /// Refuses a file that differs from the expected digests.
    async fn verified(&self, staging: Staging, transfer: Transfer, url: &Url) -> Result<Fetched> {
        let digests = staging.digests();
        match verify(&self.options.expected, &digests, url) {
            Ok(()) => {
                let finish = Finish { mode: self.options.mode, fsync: self.options.fsync };
                Ok(Fetched { staging, digests, transfer, finish })
            }
            Err(error) => {
                // The part file is removed before the rejection.
                dispose(staging).await;
                Err(error.with_attempts(transfer.attempts).with_status(transfer.status.as_u16(), None))
            }
        }
    }

    /// Keeps the part file if a later call can resume it. Waits, so that nothing is written or
    /// removed any more after the rejection.
    async fn close(&self, writer: Option<Writer>, failure: Kind) {
        let Some(writer) = writer else { return };
        let part = &writer.part;
        let is_resumable =
            |index| resume::range_request(part.record.as_ref(), part.downloaded(), self.source(index)).is_some();
        let is_kept = self.options.resume && failure != Kind::File && (0..self.names.len()).any(is_resumable);
        if let Ok(staging) = writer.finish().await {
            if is_kept {
                staging.keep();
            } else {
                dispose(staging).await;
            }
        }
    }

    fn aborted(&self) -> Error {
        Error::aborted().with_url(self.url)
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
