//! What callers may ask for, as plain structs. `Default` is the one home of every default value; the binding and
//! the documentation only repeat it.
//!
//! `None` in a duration means "no limit".

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};

use crate::base::body::Body;
use crate::base::integrity::Expected;
use crate::base::listeners::{Hooks, OnRetry};
use crate::base::observer::Observer;
use crate::base::proxy::Proxy;

/// How often a failed attempt is repeated, and after what delay. See [`crate::policy::http::retry`].
#[derive(Clone, Debug)]
pub struct Retry {
    /// Repetitions after the first attempt.
    pub retries: u32,
    /// Delay before the first repetition; doubles with each one.
    pub delay: Duration,
    /// Upper bound of one delay, the server's `Retry-After` included.
    pub delay_max: Duration,
    /// Whether a request that is not idempotent is left alone after a failure, unless the server cannot have carried it out.
    pub retry_idempotent_only: bool,
    /// The caller's word that the request may be carried out twice, whatever its method.
    pub idempotent: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            retries: 0,
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(30),
            retry_idempotent_only: false,
            idempotent: false,
        }
    }
}

/// See [`crate::policy::http::redirect`].
#[derive(Clone, Debug)]
pub struct Redirects {
    /// `false`: a redirect is an answer like any other.
    pub follow: bool,
    /// Redirects followed within one attempt; one more is an error.
    pub maximum: u32,
}

impl Default for Redirects {
    fn default() -> Self {
        Self { follow: true, maximum: 5 }
    }
}

/// The way to servers. Connections are pooled by this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Network {
    pub tls: Tls,
    pub proxy: Proxy,
    /// Limit of one connection: address, proxy and TLS handshake included.
    pub connect_timeout: Option<Duration>,
}

/// Whom to trust, besides Mozilla's roots and the system's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Whether certificates are verified at all; `NODE_TLS_REJECT_UNAUTHORIZED=0` says no.
    pub verify: bool,
    /// In PEM. What cannot be used is ignored.
    pub ca: Vec<String>,
    /// Files of certificates in PEM: `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE`.
    pub files: Vec<PathBuf>,
    /// Directories of such files, under the names that OpenSSL gives them: `SSL_CERT_DIR`.
    pub directories: Vec<PathBuf>,
    /// Whether to say on the standard error what of these cannot be used.
    pub explain: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self { verify: true, ca: Vec::new(), files: Vec::new(), directories: Vec::new(), explain: false }
    }
}

/// Limit of decoded bytes where the caller gives none and they become text, or come from a buffer: V8's longest string.
pub const TEXT_MAX: u64 = 512 << 20;
/// Limit of a file of checksums where the caller gives none: some 200,000 names.
pub const CHECKSUMS_MAX: u64 = 16 << 20;
/// The caller's word that there is no limit.
pub const UNLIMITED: u64 = u64::MAX;

#[derive(Clone, Debug)]
pub struct RequestOptions {
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Option<Body>,
    pub redirects: Redirects,
    pub retry: Retry,
    pub on_retry: Option<OnRetry>,
    pub hooks: Hooks,
    /// Who subscribed to the caller's diagnostics channels.
    pub observer: Observer,
    /// Limit of one attempt, redirects and body included.
    pub timeout: Option<Duration>,
    /// Limit of the time without a byte from the server. Counts once the request has been sent.
    pub idle_timeout: Option<Duration>,
    /// Shared: seldom another than that of the call before.
    pub network: Arc<Network>,
    /// Limit of the decoded body. `None`: not said, which is none for bytes and [`TEXT_MAX`] for text.
    pub max_size: Option<u64>,
    /// Whether the body is left on the wire for the caller to read, as it was sent.
    pub stream: bool,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            method: Method::GET,
            headers: HeaderMap::new(),
            body: None,
            redirects: Redirects::default(),
            retry: Retry::default(),
            on_retry: None,
            hooks: Hooks::default(),
            observer: Observer::default(),
            timeout: Some(Duration::from_secs(30)),
            idle_timeout: None,
            network: Arc::default(),
            max_size: None,
            stream: false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct DownloadOptions {
    pub headers: HeaderMap,
    pub redirects: Redirects,
    pub retry: Retry,
    pub on_retry: Option<OnRetry>,
    /// Who subscribed to the caller's diagnostics channels.
    pub observer: Observer,
    /// Limit of one attempt, redirects and body included.
    pub timeout: Option<Duration>,
    /// Limit of the time without a byte from the server.
    pub idle_timeout: Option<Duration>,
    /// Shared: seldom another than that of the call before.
    pub network: Arc<Network>,
    /// What the file must be.
    pub expected: Expected,
    /// Whether SHA-256 and SHA-512 are computed on the way, though nothing is expected.
    pub digests: bool,
    /// Permission bits of the file, set before it appears; none on Windows.
    pub mode: Option<u32>,
    /// Whether an interrupted transfer goes on where it stopped.
    pub resume: bool,
    /// Whether the file is on the disk, not only in the system's cache, before it appears.
    pub fsync: bool,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            redirects: Redirects::default(),
            retry: Retry::default(),
            on_retry: None,
            observer: Observer::default(),
            timeout: Some(Duration::from_secs(120)),
            idle_timeout: None,
            network: Arc::default(),
            expected: Expected::default(),
            digests: false,
            mode: None,
            resume: true,
            fsync: false,
        }
    }
}

/// How answers are kept and used again. See [`crate::policy::cache::freshness`].
#[derive(Clone, Debug)]
pub struct Caching {
    /// How long an answer is used without asking the server, as far as the server allows.
    pub ttl: Ttl,
    /// How long after that an answer may stand in for one that cannot be had.
    pub stale_if_error: Duration,
}

impl Default for Caching {
    fn default() -> Self {
        Self { ttl: Ttl::default(), stale_if_error: Duration::ZERO }
    }
}

/// By the beginning of the path.
#[derive(Clone, Debug)]
pub struct Ttl {
    pub default: Duration,
    /// Each begins with `/`.
    pub by_prefix: Vec<(String, Duration)>,
}

impl Default for Ttl {
    fn default() -> Self {
        Self { default: Duration::from_secs(300), by_prefix: Vec::new() }
    }
}

impl Ttl {
    /// That of the longest prefix of the path.
    pub fn of(&self, path: &str) -> Duration {
        let matching = self.by_prefix.iter().filter(|(prefix, _)| path.starts_with(prefix.as_str()));
        matching.max_by_key(|(prefix, _)| prefix.len()).map_or(self.default, |(_, ttl)| *ttl)
    }
}

/// See [`crate::io::file::lock`] and `docs/locking.md`.
#[derive(Clone, Debug)]
pub struct LockOptions {
    /// How long one caller waits for a lock that somebody else holds.
    pub timeout: Option<Duration>,
    /// A holder that showed no sign of life for this long is passed over.
    pub stale: Duration,
    /// How often a waiter looks where the operating system cannot wake it.
    pub poll: Duration,
    /// Directory of lock files; `None` is `.locks` beside the destination.
    pub directory: Option<PathBuf>,
    /// How long a file that another process published must stay in place before a waiter returns it;
    /// `None` is a quarter of `poll`, 250 ms at most.
    pub settle: Option<Duration>,
}

impl Default for LockOptions {
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_secs(60)),
            stale: Duration::from_secs(300),
            poll: Duration::from_secs(1),
            directory: None,
            settle: None,
        }
    }
}

impl LockOptions {
    pub fn settle_delay(&self) -> Duration {
        self.settle.unwrap_or_else(|| (self.poll / 4).min(Duration::from_millis(250)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        let seconds = Duration::from_secs;
        let by_prefix =
            vec![("/a".to_owned(), seconds(1)), ("/a/b".to_owned(), seconds(2)), ("/".to_owned(), seconds(3))];
        let ttl = Ttl { default: seconds(9), by_prefix };
        let of = ["/a/b/c", "/a/c", "/x", "other"].map(|path| ttl.of(path).as_secs());
        assert_eq!(of, [2, 1, 3, 9]);
    }
}
