//! The download from one source: attempts at a request whose body becomes a part file.

use std::pin::pin;
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use url::Url;

use crate::base::error::Result;
use crate::base::integrity::{Algorithm, Digest};
use crate::io::file::staging::Progress;
use crate::io::file::writer::Writer;
use crate::metrics::tally::RequestTally;
use crate::operation::attempt::{Attempts, failure_of, with_timeout};
use crate::operation::request::with_context;
use crate::operation::transfer::{Attempt, Transfer};
use crate::policy::http::mirror::{self, SourceDecision};
use crate::policy::http::retry::AttemptFailure;

/// A file at its destination.
#[derive(Clone, Debug)]
pub struct Downloaded {
    pub size: u64,
    /// The digests that were expected or requested.
    pub digests: Vec<Digest>,
    /// `None` for a file that was already there.
    pub transfer: Option<Transfer>,
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
    let (mut head, observer) = (attempt.head.clone(), attempt.exchange.observer);
    // Without an observer: the error is that of the download.
    let mut tally = RequestTally::begin(&attempt.head.url, None, Instant::now());
    loop {
        attempts.announce(&mut head.headers);
        tally.attempt();
        let attempt = Attempt { head: &head, ..attempt };
        let received = {
            let receiving = pin!(attempt.receive(writer, progress));
            let received = with_timeout(timeout, "Download", &head.url, receiving).await;
            // A timeout leaves exchanges under way, which are dropped at the end of this block.
            observer.set_interruption(received.as_ref().err());
            received
        };
        observer.set_interruption(None);
        let error = match received {
            Ok(transfer) => {
                tally.end(None);
                return Ok(Transfer { attempts: attempts.made + 1, ..transfer });
            }
            Err(error) => error,
        };
        let is_permanent = attempt.is_another_left && mirror::decide(&error) == SourceDecision::Next;
        let failure = if is_permanent { AttemptFailure::Permanent } else { failure_of(&error) };
        let outcome = || (with_context("HTTP download failed", error.clone()), None);
        let again = match attempts.count(failure, outcome) {
            Some(delay) => attempts.wait(delay, outcome).await?,
            None => false,
        };
        if !again {
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
