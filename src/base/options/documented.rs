//! The defaults that the types state, `@default` of index.d.ts, are those of `Default`. The tables
//! of docs/reference are generated from the types.

use std::collections::BTreeMap;

use super::*;

const TYPES: &str = include_str!("../../../index.d.ts");

/// `Interface.option` and its `@default`, of every interface of options.
fn stated() -> BTreeMap<String, String> {
    let mut stated = BTreeMap::new();
    let (mut interface, mut default) = (None, None::<String>);
    for line in TYPES.lines() {
        if let Some(declared) = line.strip_prefix("export interface ") {
            interface = declared.split(' ').next().filter(|name| name.ends_with("Options"));
        } else if line == "}" {
            interface = None;
        } else if let Some((_, text)) = line.split_once("* @default ") {
            default = Some(text.trim_end_matches("*/").trim().to_owned());
        } else if let (Some(text), Some(more)) = (default.as_mut(), line.strip_prefix("   * ")) {
            *text = format!("{text} {more}");
        } else if let (Some(interface), Some((name, _))) = (interface, line.trim().split_once("?: "))
            && line.starts_with("  ")
        {
            stated.insert(format!("{interface}.{name}"), default.take().unwrap_or_else(|| "not stated".to_owned()));
        }
    }
    stated
}

fn milliseconds(duration: impl Into<Option<Duration>>) -> String {
    duration.into().map_or_else(|| "none".to_owned(), |duration| duration.as_millis().to_string())
}

fn lock_wait(wait: LockWait) -> String {
    match wait {
        LockWait::Total(limit) => milliseconds(limit),
        LockWait::WithoutProgress(limit) => {
            format!("none while the holder receives bytes, {} since the last", milliseconds(limit))
        }
        LockWait::Unlimited => "none".to_owned(),
    }
}

/// `warmCache` is JavaScript.
fn warm_concurrency() -> String {
    let script = include_str!("../../../lib/warm.js");
    let (_, value) = script.split_once("concurrency = ").expect("lib/warm.js has a default");
    value.chars().take_while(char::is_ascii_digit).collect()
}

fn bytes(size: u64) -> String {
    format!("{size} ({} MiB)", size >> 20)
}

/// An absent value, with the words of the types.
fn none(is_none: bool, text: &str) -> String {
    assert!(is_none, "not {text}");
    text.to_owned()
}

fn transfer(types: &mut BTreeMap<String, String>, interface: &str, retry: &Retry) {
    let (request, download) = (RequestOptions::default().transfer, DownloadOptions::default().transfer);
    let timeout = format!("{}; {} for downloads", milliseconds(request.timeout), milliseconds(download.timeout));
    let proxy = "`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper case";
    let transport = "`SOCKET_HTTP_TRANSPORT`, or `'node'` while nock or MSW intercepts `node:http`, or `'native'`";
    assert!(request.network.host.is_none() && TransportKind::default() == TransportKind::Native);
    assert!(request.headers.is_empty() && request.network.tls.ca.is_empty());
    for (option, default) in [
        ("headers", "{}".to_owned()),
        ("retries", retry.retries.to_string()),
        ("retryDelay", milliseconds(retry.delay)),
        ("retryDelayMax", milliseconds(retry.delay_max)),
        ("timeout", timeout),
        ("ca", "none".to_owned()),
        ("proxy", proxy.to_owned()),
        ("transport", transport.to_owned()),
    ] {
        types.insert(format!("{interface}.{option}"), default);
    }
}

/// `doctor` is JavaScript: it works where this code cannot be loaded.
fn doctor_timeout() -> String {
    let code = include_str!("../../../lib/diagnosis.js");
    let (_, rest) = code.split_once("const TIMEOUT = ").unwrap();
    rest.split('\n').next().unwrap().replace('_', "")
}

/// The defaults of the code, in the words of the types.
#[expect(clippy::too_many_lines, reason = "a table")]
fn actual() -> BTreeMap<String, String> {
    let mut types = BTreeMap::new();
    transfer(&mut types, "HttpTransferOptions", &Retry::default());
    transfer(&mut types, "HttpClientOptions", &Retry::for_client());
    let (request, download) = (RequestOptions::default(), DownloadOptions::default());
    let (lock, caching, limits) = (LockOptions::default(), Caching::default(), CacheLimits::default());
    let TransferOptions { redirects, on_retry, idle_timeout, network, .. } = request.transfer;
    let longest_settle = LockOptions { poll: Duration::from_secs(3600), ..lock.clone() }.settle_delay();
    let quarter = LockOptions { poll: Duration::from_millis(400), ..lock.clone() }.settle_delay();
    assert_eq!(quarter, Duration::from_millis(100));
    let text = |text: &str| text.to_owned();
    let size = none(request.max_size.is_none(), &format!("none; {} for text and JSON", bytes(TEXT_MAX)));
    let mode = "`0o666` less the umask; writable by the owner only if a digest is computed";
    let retried = "`true` for GET, HEAD, OPTIONS, PUT, DELETE, TRACE, and with an `Idempotency-Key`";
    let entries = [
        ("HttpTransferOptions.followRedirects", redirects.follow.to_string()),
        ("HttpTransferOptions.maxRedirects", redirects.maximum.to_string()),
        ("HttpTransferOptions.connectTimeout", milliseconds(network.connect_timeout)),
        (
            "HttpTransferOptions.idleTimeout",
            format!(
                "{}; {} for a download with `mirrors`, while another source is left",
                milliseconds(idle_timeout),
                milliseconds(download.mirror_idle_timeout)
            ),
        ),
        ("HttpTransferOptions.onRetry", none(on_retry.is_none(), "none")),
        ("HttpTransferOptions.signal", text("none")),
        ("HttpRequestOptions.method", format!("'{}'", request.method)),
        ("HttpRequestOptions.body", none(request.body.is_none(), "none")),
        ("HttpRequestOptions.maxResponseSize", size.clone()),
        ("HttpRequestOptions.hooks", none(request.hooks.on_request.is_none(), "none")),
        ("HttpRequestOptions.throwOnError", text("false")),
        ("HttpRequestOptions.stream", request.stream.to_string()),
        ("HttpDownloadOptions.onProgress", text("none")),
        ("HttpDownloadOptions.sha256", none(download.expected.sha256.is_none(), "none")),
        ("HttpDownloadOptions.integrity", none(download.expected.integrity.is_empty(), "none")),
        ("HttpDownloadOptions.digests", download.digests.to_string()),
        ("HttpDownloadOptions.mode", none(download.mode.is_none(), mode)),
        ("HttpDownloadOptions.mirrors", none(download.mirrors == Mirrors::default(), "none")),
        ("HttpDownloadOptions.resume", download.resume.to_string()),
        ("HttpDownloadOptions.fsync", download.fsync.to_string()),
        ("HttpDownloadOptions.connections", download.connections.to_string()),
        ("HttpDownloadOptions.maxBytesPerSecond", none(download.rate.call.is_none(), "none")),
        ("HttpDownloadOptions.logger", text("none")),
        ("HttpDownloadOptions.progressInterval", DownloadOptions::PROGRESS_INTERVAL.to_string()),
        ("HttpDownloadOptions.createWriteStream", text("none")),
        ("DownloadWithLockOptions.lockTimeout", lock_wait(lock.wait)),
        ("DownloadWithLockOptions.staleTimeout", milliseconds(lock.stale)),
        ("DownloadWithLockOptions.pollInterval", milliseconds(lock.poll)),
        ("DownloadWithLockOptions.locksDir", none(lock.directory.is_none(), "`.locks` beside the destination")),
        (
            "DownloadWithLockOptions.settleDelay",
            format!("the smaller of {} and a quarter of `pollInterval`", milliseconds(longest_settle)),
        ),
        ("DownloadWithLockOptions.onWait", text("none")),
        ("HttpClientOptions.baseUrl", text("none: calls name whole URLs")),
        ("HttpClientOptions.cache", text("false")),
        ("HttpClientOptions.cacheTtl", milliseconds(caching.ttl.default)),
        ("HttpClientOptions.cacheDir", text("`SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`")),
        ("HttpClientOptions.cacheMemoryMax", bytes(limits.memory)),
        ("HttpClientOptions.cacheDiskMax", bytes(limits.disk)),
        (
            "HttpClientOptions.cacheAgeMax",
            format!("{} ({} days)", milliseconds(limits.age), limits.age.as_secs() / 86_400),
        ),
        ("HttpClientOptions.staleIfError", milliseconds(caching.stale_if_error)),
        ("HttpClientOptions.maxResponseSize", size),
        ("HttpClientOptions.hooks", text("none")),
        ("HttpClientRequestOptions.idempotent", text(retried)),
        ("HttpClientRequestOptions.cache", text("that of the client")),
        ("HttpClientRequestOptions.cacheTtl", text("that of the client")),
        ("HttpClientRequestOptions.staleIfError", text("that of the client")),
        ("WarmCacheOptions.concurrency", warm_concurrency()),
        ("WarmCacheOptions.onEntry", text("none")),
        ("WarmCacheOptions.onProgress", text("none")),
        ("WarmCacheOptions.maxBytesPerSecond", text("none")),
        ("WarmCacheOptions.signal", text("none")),
        ("DecodeOptions.maxResponseSize", bytes(TEXT_MAX)),
        ("DecodeOptions.signal", text("none")),
        ("CacachePutOptions.metadata", text("none")),
        ("CacachePutOptions.integrity", text("none")),
        ("CacacheClearOptions.prefix", text("none: everything")),
        ("DoctorOptions.timeout", doctor_timeout()),
        ("DoctorOptions.cacheDir", text("`SOCKET_CACACHE_DIR`, or `~/.socket/_cacache`")),
        ("DoctorOptions.locksDir", text("that of the cache")),
    ];
    types.extend(entries.map(|(option, default)| (option.to_owned(), default)));
    types
}

#[test]
fn each_default_that_the_types_state_is_the_default_of_the_code() {
    let (stated, actual) = (stated(), actual());
    for (option, default) in &stated {
        assert_eq!(Some(default), actual.get(option), "{option}: an option has to be listed here with its default");
    }
    assert_eq!(stated.keys().collect::<Vec<_>>(), actual.keys().collect::<Vec<_>>(), "no option is gone");
}
