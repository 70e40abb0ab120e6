//! A download from one source: attempts at one request whose body becomes a part file.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use url::Url;

use crate::base::error::{Error, Kind, Result, redacted};
use crate::base::integrity::{Algorithm, Digest};
use crate::io::file::staging::Progress;
use crate::io::file::writer::Writer;
use crate::io::http::transport::Answer;
use crate::operation::attempt::{Attempts, Exchange, failure_of, follow, retry_after, within};
use crate::operation::request::named;
use crate::policy::http::mirror::{self, SourceDecision};
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::resume::{self, Ask, AskedSource, Record, ResumeDecision, Validator};
use crate::policy::http::retry::Failure;

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
    /// The URL of the source, before redirects and without secrets.
    pub source: String,
}

impl Downloaded {
    /// A file that was there.
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
    let mut hop = attempt.hop.clone();
    loop {
        attempts.announce(&mut hop.headers);
        let attempt = Attempt { hop: &hop, ..attempt };
        let error = match within(timeout, "Download", &hop.url, attempt.receive(writer, progress)).await {
            Ok(transfer) => return Ok(Transfer { attempts: attempts.made + 1, ..transfer }),
            Err(error) => error,
        };
        let lasts = attempt.is_another_left && mirror::decide(&error) == SourceDecision::Next;
        let failure = if lasts { Failure::Permanent } else { failure_of(&error) };
        if !attempts.again(failure, || named("HTTP download failed", error.clone())).await? {
            return Err(error.with_attempts(attempts.made));
        }
    }
}

/// Tells representations of different requests apart, without repeating a URL or credential that may be secret.
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
    pub hop: &'a RequestHead,
    pub source: AskedSource<'a>,
    pub resume: bool,
    /// Whether a source is left that can be asked instead.
    pub is_another_left: bool,
}

impl Attempt<'_> {
    async fn receive(self, writer: &mut Writer, progress: &watch::Sender<Option<Progress>>) -> Result<Transfer> {
        // A caller who asks for a range of his own gets that, from its start.
        let asks_for_all = !self.resume || self.hop.headers.contains_key(header::RANGE);
        let part = &writer.part;
        let asked = if asks_for_all { None } else { resume::ask(part.record.as_ref(), part.length, self.source) };
        let mut answer = self.begin(asked.as_ref(), writer).await?;
        let from = writer.part.length;
        let total = writer.part.record.as_ref().and_then(|record| record.total);
        let report = |downloaded| progress.send_replace(total.map(|total| Progress { downloaded, total }));
        report(from);
        while let Some(chunk) = answer.chunk().await? {
            writer.write(chunk).await?;
            report(writer.part.length);
        }
        if answer.is_end_uncertain() && !self.source.has_digest {
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
        let source = redacted(&self.hop.url);
        Ok(Transfer { status, status_text, headers, attempts: 0, resumed_from: from, source })
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
                if asked.is_some_and(Ask::is_elsewhere) {
                    let validator = resume::validator(&answer.headers);
                    writer.resume_in_copy(from, self.record(validator, Some(total), true)).await?;
                } else {
                    writer.resume(from, total).await?;
                }
                Ok(answer)
            }
            ResumeDecision::Whole { total } => {
                let validator = resume::validator(&answer.headers).filter(|_| !wants_range);
                writer.restart(self.record(validator, total, false)).await?;
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

    fn record(self, validator: Option<Validator>, total: Option<u64>, is_mixed: bool) -> Record {
        Record { source: self.source.source.to_owned(), validator, total, is_mixed }
    }

    async fn send(self, asked: Option<&Ask>) -> Result<(Answer, Url)> {
        let Some(fields) = asked.and_then(Ask::fields) else {
            return follow(self.exchange, self.hop, None, None).await;
        };
        let mut hop = self.hop.clone();
        hop.headers.extend(fields);
        follow(self.exchange, &hop, None, None).await
    }
}
