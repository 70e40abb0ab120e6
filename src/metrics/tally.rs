//! The counts of one call, added when it ends, however it ends.

use std::time::Instant;

use url::{Position, Url};

use crate::base::error::Error;
use crate::base::observer::Observer;
use crate::metrics::errors::event;
use crate::metrics::registry::{Registry, add, count, now, record};
use crate::metrics::table::{Counter, Timer};

/// A call that asks servers. Everything is counted at its end, so that the sums are right at any
/// time.
#[derive(Debug)]
pub struct RequestTally<'a> {
    url: &'a Url,
    /// The observer of its failure. `None`: the failure is reported elsewhere.
    observer: Option<&'a Observer>,
    started: Instant,
    attempts: u64,
    is_over: bool,
}

impl<'a> RequestTally<'a> {
    pub fn begin(url: &'a Url, observer: Option<&'a Observer>, started: Instant) -> Self {
        Self { url, observer, started, attempts: 0, is_over: false }
    }

    pub fn attempt(&mut self) {
        self.attempts += 1;
    }

    pub fn end(&mut self, failure: Option<&Error>) {
        self.end_at(Instant::now(), failure);
    }

    pub fn end_at(&mut self, ended: Instant, failure: Option<&Error>) {
        self.is_over = true;
        if self.attempts == 0 {
            return;
        }
        let (duration, is_failed) = (ended.saturating_duration_since(self.started), failure.is_some());
        count(Counter::RequestsTotal);
        count(if is_failed { Counter::RequestsFailed } else { Counter::RequestsSucceeded });
        add(Counter::RequestsAttempts, self.attempts);
        if self.attempts > 1 {
            add(Counter::RequestsRetries, self.attempts - 1);
        }
        record(Timer::Requests, duration);
        Registry::shared().record_host(host(self.url), is_failed, duration);
        if let (Some(error), Some(observer)) = (failure, self.observer) {
            failed("request", self.url, error, observer);
        }
    }
}

/// Counts an aborted call.
impl Drop for RequestTally<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(Some(&Error::aborted()));
        }
    }
}

/// The end of a call for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOutcome {
    /// It was fetched, from this byte on.
    Published {
        size: u64,
        from: u64,
    },
    Cached {
        size: u64,
    },
    /// Another call of this process had it.
    Shared {
        size: u64,
    },
    Failed,
}

/// A call for a file, counted when it ends.
#[derive(Debug)]
pub struct DownloadTally {
    started: Instant,
    is_over: bool,
}

impl Default for DownloadTally {
    fn default() -> Self {
        Self { started: Instant::now(), is_over: false }
    }
}

impl DownloadTally {
    pub fn end(mut self, outcome: FileOutcome) {
        self.count(outcome);
    }

    fn count(&mut self, outcome: FileOutcome) {
        self.is_over = true;
        count(Counter::DownloadsTotal);
        match outcome {
            FileOutcome::Published { size, from } => {
                count(Counter::DownloadsPublished);
                add(Counter::DownloadsBytes, size.saturating_sub(from));
                add(Counter::DownloadsBytesSaved, from);
                if from > 0 {
                    count(Counter::DownloadsResumed);
                }
            }
            FileOutcome::Cached { size } => {
                count(Counter::DownloadsCached);
                add(Counter::DownloadsBytesSaved, size);
            }
            FileOutcome::Shared { size } => {
                count(Counter::DownloadsShared);
                add(Counter::DownloadsBytesSaved, size);
            }
            FileOutcome::Failed => count(Counter::DownloadsFailed),
        }
        record(Timer::Downloads, self.started.elapsed());
    }
}

impl Drop for DownloadTally {
    fn drop(&mut self) {
        if !self.is_over {
            self.count(FileOutcome::Failed);
        }
    }
}

/// Groups a failed call with those like it, and tells its observer.
pub fn failed(operation: &'static str, url: &Url, error: &Error, observer: &Observer) {
    let event = event(operation, host(url), error, now());
    Registry::shared().record_error(&event);
    if let Some(observer) = &observer.0 {
        observer.error(event);
    }
}

/// The class of a response's status.
pub fn responded(status: u16) {
    count(match status {
        500.. => Counter::Status5xx,
        400.. => Counter::Status4xx,
        300.. => Counter::Status3xx,
        _ => Counter::Status2xx,
    });
}

/// The host of a URL, with its port where that is not the usual one.
fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}
