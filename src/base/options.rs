//! Options of the core, as plain structs. `Default` is the one home of every default value; the
//! binding and the documentation only repeat it.
//!
//! `None` in a duration means "no limit".

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use url::Url;

use crate::base::body::Body;
use crate::base::host_client::HostClient;
use crate::base::integrity::Expected;
use crate::base::listeners::{Hooks, OnRetry};
use crate::base::log::Log;
use crate::base::observer::Observer;
use crate::base::proxy::Proxy;
use crate::base::shared_rate::SharedRate;

/// How often a failed attempt is retried, and after which delay. See
/// [`crate::policy::http::retry`].
#[derive(Clone, Debug)]
pub struct Retry {
    /// Retries after the first attempt; 0 by default.
    pub retries: u32,
    /// Delay before the first retry, doubled with each further one; 1 s by default.
    pub delay: Duration,
    /// Upper bound of one delay, the server's `Retry-After` included; 30 s by default.
    pub delay_max: Duration,
    /// Whether a request that is not idempotent is retried only if the server cannot have processed
    /// it.
    pub retry_idempotent_only: bool,
    /// Whether the caller declares that the server may process the request twice. `None`: the
    /// method decides.
    pub idempotent: Option<bool>,
}

impl Retry {
    /// The defaults of a client: three retries, and none of a request that is not idempotent and
    /// that the server may have processed.
    pub fn for_client() -> Self {
        Self { retries: 3, retry_idempotent_only: true, ..Self::default() }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            retries: 0,
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(30),
            retry_idempotent_only: false,
            idempotent: None,
        }
    }
}

/// Which redirects are followed. See [`crate::policy::http::redirect`].
#[derive(Clone, Debug)]
pub struct Redirects {
    /// Whether redirects are followed, as by default. `false`: a redirect is a response like any
    /// other.
    pub follow: bool,
    /// Redirects followed within one attempt, 5 by default. One more is an error.
    pub maximum: u32,
}

impl Default for Redirects {
    fn default() -> Self {
        Self { follow: true, maximum: 5 }
    }
}

/// The kind of transport that carries out exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportKind {
    /// The connection pool of this library, the default.
    #[default]
    Native,
    /// `node:http` and `node:https` of the host program.
    Node,
}

impl TransportKind {
    /// `None` if there is no such kind.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "native" => Some(Self::Native),
            "node" => Some(Self::Node),
            _ => None,
        }
    }
}

/// How servers are reached. Connections are pooled by these options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Network {
    pub tls: Tls,
    pub proxy: Proxy,
    /// Limit of one connection: lookup of the address, proxy and TLS handshake included.
    pub connect_timeout: Option<Duration>,
    /// The debug lines of the caller. Here, because everything that has lines to write knows its
    /// network.
    pub log: Log,
    /// The client of the host program, which carries out exchanges instead of the connection pool.
    /// If set, there is no proxy, and only `ca` of the TLS options counts: the client decides the
    /// rest.
    pub host: Option<HostClient>,
}

/// The trusted certificates, besides Mozilla's roots and the system's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Whether certificates are verified at all. `NODE_TLS_REJECT_UNAUTHORIZED=0` turns it off.
    pub verify: bool,
    /// Certificates in PEM. Those that cannot be used are ignored.
    pub ca: Vec<String>,
    /// Files of certificates in PEM: `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE`.
    pub files: Vec<PathBuf>,
    /// Directories of such files, under the names that OpenSSL gives them: `SSL_CERT_DIR`.
    pub directories: Vec<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { verify: true, ca: Vec::new(), files: Vec::new(), directories: Vec::new() }
    }
}

/// Default limit of decoded bytes that become text or come from a buffer, 512 MiB: V8's longest
/// string.
pub const TEXT_MAX: u64 = 512 << 20;
/// Default limit of a checksum file, 16 MiB: some 200,000 names.
pub const CHECKSUMS_MAX: u64 = 16 << 20;
/// The limit of a caller who wants none.
pub const UNLIMITED: u64 = u64::MAX;

/// Options that requests and downloads share.
#[derive(Clone, Debug)]
pub struct TransferOptions {
    pub headers: HeaderMap,
    pub redirects: Redirects,
    pub retry: Retry,
    pub on_retry: Option<OnRetry>,
    /// The observer of the call: who subscribed to the caller's diagnostics channels.
    pub observer: Observer,
    /// Limit of one attempt, redirects and body included; 30 s by default, 120 s for downloads.
    pub timeout: Option<Duration>,
    /// Limit of the time without a byte in either direction, once the connection is open.
    pub idle_timeout: Option<Duration>,
    /// Shared: most calls use the network of the call before.
    pub network: Arc<Network>,
}

impl Default for TransferOptions {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            redirects: Redirects::default(),
            retry: Retry::default(),
            on_retry: None,
            observer: Observer::default(),
            timeout: Some(Duration::from_secs(30)),
            idle_timeout: None,
            network: Arc::default(),
        }
    }
}

/// Options of a request.
#[derive(Clone, Debug)]
pub struct RequestOptions {
    pub transfer: TransferOptions,
    /// `GET` by default.
    pub method: Method,
    pub body: Option<Body>,
    pub hooks: Hooks,
    /// Limit of the decoded body in bytes. `None`: no limit for bytes, [`TEXT_MAX`] for text.
    pub max_size: Option<u64>,
    /// Whether the body is left on the wire, undecoded, for the caller to read.
    pub stream: bool,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            transfer: TransferOptions::default(),
            method: Method::GET,
            body: None,
            hooks: Hooks::default(),
            max_size: None,
            stream: false,
        }
    }
}

/// Other sources of the bytes of a download. See [`crate::policy::http::mirror`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// Tried in this order, after the URL of the download.
    pub urls: Vec<Url>,
    /// Rules of the environment, for the URL of the download and for `urls`.
    pub rules: Vec<MirrorRule>,
    /// Whether a URL that a rule applies to is requested from its replacement only.
    pub rules_only: bool,
}

/// A URL that begins with `prefix` is first requested from `replacement`, followed by its rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorRule {
    pub prefix: String,
    pub replacement: String,
}

/// Options of a download.
#[derive(Clone, Debug)]
pub struct DownloadOptions {
    pub transfer: TransferOptions,
    pub mirrors: Mirrors,
    /// Limit of the time without a byte while another source is left; 15 s by default. For the last
    /// source, that of `transfer` counts.
    pub mirror_idle_timeout: Option<Duration>,
    /// The digests that the file must have.
    pub expected: Expected,
    /// Whether SHA-256 and SHA-512 are computed during the download even if neither is expected.
    pub digests: bool,
    /// Permission bits of the file, set before it appears. Without effect on Windows.
    pub mode: Option<u32>,
    /// Whether an interrupted transfer resumes where it stopped, as by default.
    pub resume: bool,
    /// Whether the file is flushed to disk, not only to the system's cache, before it appears.
    pub fsync: bool,
    /// Ranges that are fetched at once, where the server can and the size is worth it.
    pub connections: usize,
    pub rate: RateLimits,
}

impl DownloadOptions {
    /// Per cent between two lines of progress in a log.
    pub const PROGRESS_INTERVAL: u32 = 10;
}

impl Default for DownloadOptions {
    fn default() -> Self {
        Self {
            transfer: TransferOptions { timeout: Some(Duration::from_secs(120)), ..TransferOptions::default() },
            mirrors: Mirrors::default(),
            mirror_idle_timeout: Some(Duration::from_secs(15)),
            expected: Expected::default(),
            digests: false,
            mode: None,
            resume: true,
            fsync: false,
            connections: 1,
            rate: RateLimits::default(),
        }
    }
}

/// Limits of the bytes of downloads per second. See [`crate::policy::http::rate`].
#[derive(Clone, Debug, Default)]
pub struct RateLimits {
    /// All connections and sources of the call together.
    pub call: Option<u64>,
    /// Several calls together.
    pub shared: Option<SharedRate>,
    /// All downloads of the process together.
    pub process: Option<u64>,
}

/// How responses are cached. See [`crate::policy::cache::freshness`].
#[derive(Clone, Debug)]
pub struct Caching {
    /// How long a response is used without asking the server, as far as the server allows.
    pub ttl: Ttl,
    /// How long after that a stale response may be used if the server fails; 0 by default.
    pub stale_if_error: Duration,
}

impl Default for Caching {
    fn default() -> Self {
        Self { ttl: Ttl::default(), stale_if_error: Duration::ZERO }
    }
}

/// Times to live, by the beginning of the path.
#[derive(Clone, Debug)]
pub struct Ttl {
    /// For paths without a prefix in the list; 300 s by default.
    pub default: Duration,
    /// Prefixes that begin with `/`, and their times.
    pub by_prefix: Vec<(String, Duration)>,
}

impl Default for Ttl {
    fn default() -> Self {
        Self { default: Duration::from_secs(300), by_prefix: Vec::new() }
    }
}

impl Ttl {
    /// The time to live of a path, by its longest prefix.
    pub fn of(&self, path: &str) -> Duration {
        let matching = self.by_prefix.iter().filter(|(prefix, _)| path.starts_with(prefix.as_str()));
        matching.max_by_key(|(prefix, _)| prefix.len()).map_or(self.default, |(_, ttl)| *ttl)
    }
}

/// Limits of the responses that a cache stores.
#[derive(Clone, Copy, Debug)]
pub struct CacheLimits {
    /// Bytes in memory; 64 MiB by default.
    pub memory: u64,
    /// Bytes of responses on disk; 512 MiB by default. Other entries of the same directory are not
    /// counted.
    pub disk: u64,
    /// Time that a response stays on disk without being fetched again; 30 days by default.
    pub age: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { memory: 64 << 20, disk: 512 << 20, age: Duration::from_secs(30 * 24 * 3600) }
    }
}

/// Limit of the wait for a lock of another holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockWait {
    /// The whole wait, whatever the holder does.
    Total(Duration),
    /// The time in which the holder makes no progress.
    WithoutProgress(Duration),
    Unlimited,
}

impl Default for LockWait {
    fn default() -> Self {
        Self::WithoutProgress(Duration::from_secs(60))
    }
}

/// Options of a download lock. See [`crate::io::file::lock`] and `docs/locking.md`.
#[derive(Clone, Debug)]
pub struct LockOptions {
    /// How long one caller waits for a lock of another holder; by default until it has made no
    /// progress for 60 s.
    pub wait: LockWait,
    /// How long a holder may show no sign of life before its lock is broken; 300 s by default.
    pub stale: Duration,
    /// How often a waiter polls where the operating system cannot wake it; 1 s by default.
    pub poll: Duration,
    /// Directory of lock files. `None` is `.locks` beside the destination.
    pub directory: Option<PathBuf>,
    /// How long a file that another process published must stay in place before a waiter returns
    /// it. `None` is a quarter of `poll`, 250 ms at most.
    pub settle: Option<Duration>,
}

impl Default for LockOptions {
    fn default() -> Self {
        Self {
            wait: LockWait::default(),
            stale: Duration::from_secs(300),
            poll: Duration::from_secs(1),
            directory: None,
            settle: None,
        }
    }
}

impl LockOptions {
    /// The value of `settle`, or its default.
    pub fn settle_delay(&self) -> Duration {
        self.settle.unwrap_or_else(|| (self.poll / 4).min(Duration::from_millis(250)))
    }
}

#[cfg(test)]
mod documented;

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
