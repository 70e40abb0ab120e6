//! Options of JavaScript callers: one declaration for reading, for the generated types and for their documentation.
//!
//! Fields arrive as they are and are checked one by one, so that an error names the option and says what was expected.
//! `undefined` means the default; defaults live in [`crate::options`].

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{FnArgs, FromNapiValue, Function, JsObjectValue, Object, Unknown};
use napi::threadsafe_function::UnknownReturnValue;
use napi::{Env, JsValue, ValueType};
use napi_derive::napi;

use crate::error::{Error, Kind};
use crate::io::tls;
use crate::listeners::OnRetry;
use crate::node::arguments::{
    body, boolean, count, duration, function, given, headers, limit, path, read, size, span, string, wrong_type,
    wrong_value,
};
use crate::node::bridge::{Thrown, property};
use crate::node::environment::Environment;
use crate::node::error::to_js;
use crate::node::listeners::{hooks, log_progress, on_retry, report};
use crate::node::streams::{is_readable, own_headers, with_retries};
use crate::operation::locked::absolute;
use crate::operation::progress::Report;
use crate::options::{DownloadOptions, LockOptions, Network, Redirects, RequestOptions, Retry};
use crate::outgoing::Body;
use crate::policy::holder::Holder;
use crate::policy::integrity::{Expected, parse_integrity, parse_sha256};
use crate::policy::proxy::{self, Proxy};

/// Options of `httpRequest`, `httpGetJson` and `httpGetText`. Durations are milliseconds.
#[napi(object, object_to_js = false)]
pub struct HttpRequestOptions<'env> {
    /// Request method, in any case.
    ///
    /// @default 'GET'
    #[napi(ts_type = "string | undefined")]
    pub method: Option<Unknown<'env>>,
    /// Header fields. An invalid name or value is refused before connecting.
    ///
    /// @default {}
    #[napi(ts_type = "Record<string, string> | undefined")]
    pub headers: Option<Unknown<'env>>,
    /// Body, sent with `Content-Length`; a string as UTF-8. A `Readable` is streamed: without `retries`, and without following
    /// redirects; fields of its `getHeaders()` are added.
    ///
    /// @default none
    #[napi(ts_type = "string | Uint8Array | import('node:stream').Readable | null | undefined")]
    pub body: Option<Unknown<'env>>,
    /// Whether redirects are followed. If not, a redirect is an answer like any other.
    ///
    /// @default true
    #[napi(ts_type = "boolean | undefined")]
    pub follow_redirects: Option<Unknown<'env>>,
    /// Redirects to follow; one more rejects with `ERR_TOO_MANY_REDIRECTS`.
    ///
    /// @default 5
    #[napi(ts_type = "number | undefined")]
    pub max_redirects: Option<Unknown<'env>>,
    /// Further attempts after one that failed for a reason that may pass.
    ///
    /// @default 0
    #[napi(ts_type = "number | undefined")]
    pub retries: Option<Unknown<'env>>,
    /// Delay before the first further attempt; doubles with each, with up to 10 % added at random.
    ///
    /// @default 1000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay: Option<Unknown<'env>>,
    /// Total time of one attempt, redirects and body included. `0` or `Infinity`: no limit.
    ///
    /// @default 30000
    #[napi(ts_type = "number | undefined")]
    pub timeout: Option<Unknown<'env>>,
    /// Upper bound of one delay between attempts, a `Retry-After` of the server included.
    ///
    /// @default 30000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay_max: Option<Unknown<'env>>,
    /// Time to connect, TLS handshake included; then `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub connect_timeout: Option<Unknown<'env>>,
    /// Time without a byte from the server, once the request has been sent; then `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub idle_timeout: Option<Unknown<'env>>,
    /// Certificates in PEM that are trusted besides the system's, the bundled ones, and those of `NODE_EXTRA_CA_CERTS`,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// @default none
    #[napi(ts_type = "string | readonly string[] | undefined")]
    pub ca: Option<Unknown<'env>>,
    /// URL of a proxy, with user and password if it needs them (`http`, `https`, `socks4`, `socks5`); `false`: none.
    ///
    /// @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper case
    #[napi(ts_type = "string | URL | false | undefined")]
    pub proxy: Option<Unknown<'env>>,
    /// Called before each further attempt, with the number of the one that failed (from 1), its error, and the delay. Returns
    /// `false` to give up, or other milliseconds to wait. If it throws, the call rejects with that.
    ///
    /// @default none
    #[napi(
        ts_type = "((attempt: number, error: Error, delay: number) => boolean | number | void | undefined) | undefined"
    )]
    pub on_retry: Option<Unknown<'env>>,
    /// Limit of the decoded body, in bytes; more rejects with `ERR_BODY_TOO_LARGE`. `0`: no limit. Not for `stream`.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub max_response_size: Option<Unknown<'env>>,
    /// Called for each attempt and each redirect. What they throw is ignored.
    ///
    /// @default none
    #[napi(ts_type = "HttpHooks | undefined")]
    pub hooks: Option<Unknown<'env>>,
    /// Whether a status other than 200 to 299 rejects with `HttpResponseError`.
    ///
    /// @default false
    #[napi(ts_type = "boolean | undefined")]
    pub throw_on_error: Option<Unknown<'env>>,
    /// Whether to resolve at the headers, with the body as the stream `rawResponse`: as it was sent, not decoded.
    ///
    /// @default false
    #[napi(ts_type = "boolean | undefined")]
    pub stream: Option<Unknown<'env>>,
    /// Ends the call: while connecting, waiting, reading and between attempts. Rejects with an `AbortError`.
    ///
    /// @default none
    #[napi(ts_type = "AbortSignal | undefined")]
    pub signal: Option<Unknown<'env>>,
}

/// Options of `httpDownload`. Durations are milliseconds, sizes bytes.
#[napi(object, object_to_js = false)]
pub struct HttpDownloadOptions<'env> {
    /// Header fields. An invalid name or value is refused before connecting.
    ///
    /// @default {}
    #[napi(ts_type = "Record<string, string> | undefined")]
    pub headers: Option<Unknown<'env>>,
    /// Called when the size of the file is known, at most once per 50 ms, never with less than before, and with
    /// `downloaded === total` before the promise resolves. If it throws, the download stops and rejects with that.
    ///
    /// @default none
    #[napi(ts_type = "((downloaded: number, total: number) => void) | undefined")]
    pub on_progress: Option<Unknown<'env>>,
    /// Further attempts after one that failed for a reason that may pass.
    ///
    /// @default 0
    #[napi(ts_type = "number | undefined")]
    pub retries: Option<Unknown<'env>>,
    /// Delay before the first further attempt; doubles with each, with up to 10 % added at random.
    ///
    /// @default 1000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay: Option<Unknown<'env>>,
    /// Total time of one attempt, redirects and body included. `0` or `Infinity`: no limit.
    ///
    /// @default 120000
    #[napi(ts_type = "number | undefined")]
    pub timeout: Option<Unknown<'env>>,
    /// Upper bound of one delay between attempts, a `Retry-After` of the server included.
    ///
    /// @default 30000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay_max: Option<Unknown<'env>>,
    /// Whether redirects are followed. If not, a redirect is a failure.
    ///
    /// @default true
    #[napi(ts_type = "boolean | undefined")]
    pub follow_redirects: Option<Unknown<'env>>,
    /// Redirects to follow; one more rejects with `ERR_TOO_MANY_REDIRECTS`.
    ///
    /// @default 5
    #[napi(ts_type = "number | undefined")]
    pub max_redirects: Option<Unknown<'env>>,
    /// Expected SHA-256, in hexadecimal. Anything else rejects with `ERR_INTEGRITY` and is not published.
    ///
    /// @default none
    #[napi(ts_type = "string | undefined")]
    pub sha256: Option<Unknown<'env>>,
    /// Expected Subresource Integrity: `sha512-…` and others, separated by spaces. Anything else rejects with
    /// `ERR_INTEGRITY` and is not published.
    ///
    /// @default none
    #[napi(ts_type = "string | undefined")]
    pub integrity: Option<Unknown<'env>>,
    /// Whether `sha256` and `integrity` of the result are computed while downloading, though nothing is expected.
    ///
    /// @default false
    #[napi(ts_type = "boolean | undefined")]
    pub digests: Option<Unknown<'env>>,
    /// Permission bits, for instance `0o755`, set before the file appears. Without effect on Windows.
    ///
    /// @default those of a new file
    #[napi(ts_type = "number | undefined")]
    pub mode: Option<Unknown<'env>>,
    /// Whether an interrupted transfer goes on where it stopped, in this call or a later one, if the server proves that
    /// the file is the same.
    ///
    /// @default true
    #[napi(ts_type = "boolean | undefined")]
    pub resume: Option<Unknown<'env>>,
    /// Whether the file is on the disk, not only in the system's cache, before it appears.
    ///
    /// @default false
    #[napi(ts_type = "boolean | undefined")]
    pub fsync: Option<Unknown<'env>>,
    /// Time to connect, TLS handshake included; then `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub connect_timeout: Option<Unknown<'env>>,
    /// Time without a byte from the server, once the request has been sent; then `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub idle_timeout: Option<Unknown<'env>>,
    /// Certificates in PEM that are trusted besides the system's, the bundled ones, and those of `NODE_EXTRA_CA_CERTS`,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// @default none
    #[napi(ts_type = "string | readonly string[] | undefined")]
    pub ca: Option<Unknown<'env>>,
    /// URL of a proxy, with user and password if it needs them (`http`, `https`, `socks4`, `socks5`); `false`: none.
    ///
    /// @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper case
    #[napi(ts_type = "string | URL | false | undefined")]
    pub proxy: Option<Unknown<'env>>,
    /// Called before each further attempt, with the number of the one that failed (from 1), its error, and the delay. Returns
    /// `false` to give up, or other milliseconds to wait. If it throws, the call rejects with that.
    ///
    /// @default none
    #[napi(
        ts_type = "((attempt: number, error: Error, delay: number) => boolean | number | void | undefined) | undefined"
    )]
    pub on_retry: Option<Unknown<'env>>,
    /// Gets a line with `log` each `progressInterval` per cent, unless there is `onProgress`.
    ///
    /// @default none
    #[napi(ts_type = "{ log(message: string): unknown } | undefined")]
    pub logger: Option<Unknown<'env>>,
    /// Per cent between two lines of `logger`, 1 to 100.
    ///
    /// @default 10
    #[napi(ts_type = "number | undefined")]
    pub progress_interval: Option<Unknown<'env>>,
    /// Ends the call: while connecting, waiting, reading and between attempts. Rejects with an `AbortError`.
    ///
    /// @default none
    #[napi(ts_type = "AbortSignal | undefined")]
    pub signal: Option<Unknown<'env>>,
    /// Not supported: files are written natively. Anything but `undefined` is a `TypeError`.
    ///
    /// @default none
    #[napi(ts_type = "undefined")]
    pub create_write_stream: Option<Unknown<'env>>,
}

/// Options of `downloadWithLock`, besides those of `httpDownload`. Durations are milliseconds.
#[napi(object, object_to_js = false)]
pub struct DownloadWithLockOptions<'env> {
    /// How long to wait for another process that has the lock; then `ERR_LOCK_TIMEOUT`.
    ///
    /// @default 60000
    #[napi(ts_type = "number | undefined")]
    pub lock_timeout: Option<Unknown<'env>>,
    /// A holder that has shown no sign of life for this long is passed over.
    ///
    /// @default 300000
    #[napi(ts_type = "number | undefined")]
    pub stale_timeout: Option<Unknown<'env>>,
    /// How often to look where the operating system cannot wake a waiter.
    ///
    /// @default 1000
    #[napi(ts_type = "number | undefined")]
    pub poll_interval: Option<Unknown<'env>>,
    /// Directory of lock files.
    ///
    /// @default `.locks` beside the destination
    #[napi(ts_type = "string | undefined")]
    pub locks_dir: Option<Unknown<'env>>,
    /// How long a file that another process published must stay in place before it is returned.
    ///
    /// @default the smaller of 250 and a quarter of `pollInterval`
    #[napi(ts_type = "number | undefined")]
    pub settle_delay: Option<Unknown<'env>>,
    /// Called once, when the wait for another process begins. If it throws, the call rejects with that.
    ///
    /// @default none
    #[napi(ts_type = "((holder: LockHolder) => void) | undefined")]
    pub on_wait: Option<Unknown<'env>>,
}

/// The process that holds a lock, as its lock file tells.
#[napi(object, object_from_js = false)]
pub struct LockHolder {
    pub pid: u32,
    /// Milliseconds since 1970.
    pub start_time: Option<f64>,
    /// What it downloads, without credentials.
    pub url: Option<String>,
}

impl From<Holder> for LockHolder {
    fn from(holder: Holder) -> Self {
        let Holder { pid, start_time, url, kernel_lock: _, refresh: _ } = holder;
        Self { pid, start_time, url }
    }
}

/// A function that hears of another process that holds the lock.
pub type WaitCallback<'env> = Function<'env, LockHolder, UnknownReturnValue>;

/// A function that hears of progress.
pub type ProgressCallback<'env> = Function<'env, FnArgs<(f64, f64)>, UnknownReturnValue>;

/// What of the options does not concern the core.
#[derive(Default)]
pub struct Call<'env> {
    pub signal: Option<Unknown<'env>>,
    /// A body that is a stream.
    pub source: Option<Unknown<'env>>,
    pub throw_on_error: bool,
}

/// The options, and what else the caller wants.
pub fn request_options<'env>(
    env: &'env Env,
    options: Option<Unknown<'env>>,
    thrown: &Thrown,
) -> napi::Result<(RequestOptions, Call<'env>)> {
    let default = RequestOptions::default();
    let environment = Environment::of(env)?;
    let Some(options) = read::<HttpRequestOptions>(env, options)? else {
        let network = environment.network.clone();
        let headers = headers(env, &environment, None, None)?;
        return Ok((RequestOptions { headers, network, ..default }, Call::default()));
    };
    let HttpRequestOptions {
        method,
        headers: fields,
        body: content,
        follow_redirects,
        max_redirects,
        retries,
        retry_delay,
        timeout,
        retry_delay_max,
        connect_timeout,
        idle_timeout,
        ca,
        proxy,
        on_retry,
        max_response_size,
        hooks: hooks_given,
        throw_on_error,
        stream,
        signal,
    } = options;
    let source = match content {
        Some(value) if is_readable(value)? => Some(value),
        _ => None,
    };
    let own_fields = match source {
        Some(source) => own_headers(&Object::from_unknown(source)?)?,
        None => None,
    };
    let retry = retry(env, retries, retry_delay, retry_delay_max)?;
    if source.is_some() && retry.retries > 0 {
        return Err(to_js(env, with_retries(retry.retries)));
    }
    let flag = |name, value| given(value, |value| boolean(env, name, value)).map(Option::unwrap_or_default);
    let request = RequestOptions {
        method: given(method, |value| crate::node::arguments::method(env, value))?.unwrap_or(default.method),
        headers: headers(env, &environment, fields, own_fields)?,
        body: given(content.filter(|_| source.is_none()), |value| body(env, value))?.flatten().map(Body::Whole),
        redirects: redirects(env, follow_redirects, max_redirects)?,
        retry,
        on_retry: retry_listener(env, on_retry, thrown)?,
        hooks: hooks(env, hooks_given)?,
        timeout: limit(env, "options.timeout", timeout, default.timeout)?,
        idle_timeout: limit(env, "options.idleTimeout", idle_timeout, default.idle_timeout)?,
        network: network(env, &environment, ca, proxy, connect_timeout)?,
        max_size: given(max_response_size, |value| size(env, "options.maxResponseSize", value))?
            .flatten()
            .or(default.max_size),
        stream: flag("options.stream", stream)?,
    };
    Ok((request, Call { signal, source, throw_on_error: flag("options.throwOnError", throw_on_error)? }))
}

fn retry_listener(env: &Env, value: Option<Unknown>, thrown: &Thrown) -> napi::Result<Option<OnRetry>> {
    given(value, |value| on_retry(function(env, "options.onRetry", value)?, thrown))
}

fn network(
    env: &Env,
    environment: &Environment,
    ca: Option<Unknown>,
    proxy: Option<Unknown>,
    connect_timeout: Option<Unknown>,
) -> napi::Result<Arc<Network>> {
    if ca.is_none() && proxy.is_none() && connect_timeout.is_none() {
        return Ok(environment.network.clone());
    }
    let ca = given(ca, |value| certificates(env, value))?.unwrap_or_default();
    Ok(Arc::new(Network {
        tls: environment.tls(ca),
        proxy: match proxy {
            Some(value) => proxy_url(env, value)?,
            None => environment.proxy(),
        },
        connect_timeout: limit(env, "options.connectTimeout", connect_timeout, None)?,
    }))
}

/// PEM, as one string or several.
fn certificates(env: &Env, value: Unknown) -> napi::Result<Vec<String>> {
    const NAME: &str = "options.ca";
    let one = |value: Unknown| {
        let pem = string(env, NAME, value)?;
        let is_usable = tls::certificates(&pem).is_some();
        let wrong = || wrong_value(env, NAME, "must be certificates in PEM", "something else");
        is_usable.then_some(pem).ok_or_else(wrong)
    };
    if value.get_type()? == ValueType::String {
        return Ok(vec![one(value)?]);
    }
    if !value.is_array()? {
        return Err(wrong_type(env, NAME, "a string or an array of strings", value));
    }
    Vec::<Unknown>::from_unknown(value)?.into_iter().map(one).collect()
}

/// A URL, as a string or an object, or `false`.
fn proxy_url(env: &Env, value: Unknown) -> napi::Result<Proxy> {
    const NAME: &str = "options.proxy";
    const RULE: &str = "must be the URL of a proxy (http, https, socks4 or socks5), or false";
    let text = match value.get_type()? {
        ValueType::Boolean if !bool::from_unknown(value)? => return Ok(Proxy::None),
        ValueType::String => string(env, NAME, value)?,
        ValueType::Object => {
            let href = property(&Object::from_unknown(value)?, "href")?;
            if href.get_type()? != ValueType::String {
                return Err(wrong_type(env, NAME, "a string, a URL or false", value));
            }
            string(env, NAME, href)?
        }
        _ => return Err(wrong_type(env, NAME, "a string, a URL or false", value)),
    };
    // It may hold a password: not repeated.
    proxy::parse(&text).map(Proxy::Fixed).ok_or_else(|| wrong_value(env, NAME, RULE, "another string"))
}

/// What of the options does not concern the download itself.
#[derive(Default)]
pub struct Attendance<'env> {
    pub report: Option<Report>,
    pub signal: Option<Unknown<'env>>,
}

/// The options, who wants to hear of progress, and the signal that ends the call.
pub fn download_options<'env>(
    env: &'env Env,
    options: Option<Unknown<'env>>,
    thrown: &Thrown,
) -> napi::Result<(DownloadOptions, Attendance<'env>)> {
    let default = DownloadOptions::default();
    let environment = Environment::of(env)?;
    let Some(options) = read::<HttpDownloadOptions>(env, options)? else {
        let network = environment.network.clone();
        let headers = headers(env, &environment, None, None)?;
        return Ok((DownloadOptions { headers, network, ..default }, Attendance::default()));
    };
    let HttpDownloadOptions {
        headers: fields,
        on_progress,
        retries,
        retry_delay,
        timeout,
        retry_delay_max,
        follow_redirects,
        max_redirects,
        sha256,
        integrity,
        digests,
        mode,
        resume,
        fsync,
        connect_timeout,
        idle_timeout,
        ca,
        proxy,
        on_retry,
        logger,
        progress_interval,
        signal,
        create_write_stream,
    } = options;
    if create_write_stream.is_some() {
        let message = "The argument \"options.createWriteStream\" is not supported: files are written natively";
        return Err(to_js(env, Error::new(Kind::ArgumentValue, message)));
    }
    let flag =
        |name, value, default| given(value, |value| boolean(env, name, value)).map(|flag| flag.unwrap_or(default));
    let download = DownloadOptions {
        headers: headers(env, &environment, fields, None)?,
        redirects: redirects(env, follow_redirects, max_redirects)?,
        retry: retry(env, retries, retry_delay, retry_delay_max)?,
        on_retry: retry_listener(env, on_retry, thrown)?,
        timeout: limit(env, "options.timeout", timeout, default.timeout)?,
        idle_timeout: limit(env, "options.idleTimeout", idle_timeout, default.idle_timeout)?,
        network: network(env, &environment, ca, proxy, connect_timeout)?,
        expected: Expected {
            sha256: given(sha256, |value| {
                let text = string(env, "options.sha256", value)?;
                let wrong = || wrong_value(env, "options.sha256", "must be 64 hexadecimal digits", format!("{text:?}"));
                parse_sha256(&text).ok_or_else(wrong)
            })?,
            integrity: given(integrity, |value| {
                const RULE: &str = "must be Subresource Integrity with sha256, sha384 or sha512";
                let text = string(env, "options.integrity", value)?;
                parse_integrity(&text).ok_or_else(|| wrong_value(env, "options.integrity", RULE, format!("{text:?}")))
            })?
            .unwrap_or_default(),
        },
        digests: flag("options.digests", digests, default.digests)?,
        mode: given(mode, |value| {
            let mode = count(env, "options.mode", value)?;
            let wrong = || wrong_value(env, "options.mode", "must be permission bits, at most 0o7777", mode);
            Some(mode).filter(|mode| *mode <= 0o7777).ok_or_else(wrong)
        })?,
        resume: flag("options.resume", resume, default.resume)?,
        fsync: flag("options.fsync", fsync, default.fsync)?,
    };
    let on_progress = given(on_progress, |value| report(function(env, "options.onProgress", value)?, thrown))?;
    let interval = given(progress_interval, |value| {
        let interval = count(env, "options.progressInterval", value)?;
        let wrong = || wrong_value(env, "options.progressInterval", "must be per cent, 1 to 100", interval);
        Some(interval).filter(|interval| (1..=100).contains(interval)).ok_or_else(wrong)
    })?;
    let logged = given(logger, |value| {
        let wrong = || wrong_type(env, "options.logger", "an object with a function log", value);
        if value.get_type()? != ValueType::Object {
            return Err(wrong());
        }
        let logger = Object::from_unknown(value)?;
        if property(&logger, "log")?.get_type()? != ValueType::Function {
            return Err(wrong());
        }
        let log: Function<String, UnknownReturnValue> = logger.get_named_property_unchecked("log")?;
        log_progress(log.bind(logger)?, interval.unwrap_or(10), thrown)
    })?;
    Ok((download, Attendance { report: on_progress.or(logged), signal }))
}

/// The options, and who wants to hear of waiting.
pub fn lock_options<'env>(
    env: &Env,
    options: Option<Unknown<'env>>,
) -> napi::Result<(LockOptions, Option<WaitCallback<'env>>)> {
    let default = LockOptions::default();
    let Some(options) = read::<DownloadWithLockOptions>(env, options)? else {
        return Ok((default, None));
    };
    let DownloadWithLockOptions { lock_timeout, stale_timeout, poll_interval, locks_dir, settle_delay, on_wait } =
        options;
    let timeout = match lock_timeout {
        // Unlike the time of an attempt, no time to wait is a wish that makes sense.
        Some(value) => Some(duration(env, "options.lockTimeout", value)?).filter(|limit| *limit != Duration::MAX),
        None => default.timeout,
    };
    let lock = LockOptions {
        timeout,
        stale: given(stale_timeout, |value| span(env, "options.staleTimeout", value))?.unwrap_or(default.stale),
        poll: given(poll_interval, |value| span(env, "options.pollInterval", value))?.unwrap_or(default.poll),
        directory: given(locks_dir, |value| path(env, "options.locksDir", value))?
            .map(|directory| absolute(&directory).map_err(|error| to_js(env, error)))
            .transpose()?,
        settle: given(settle_delay, |value| span(env, "options.settleDelay", value))?,
    };
    Ok((lock, given(on_wait, |value| function(env, "options.onWait", value))?))
}

fn redirects(env: &Env, follow: Option<Unknown>, maximum: Option<Unknown>) -> napi::Result<Redirects> {
    let default = Redirects::default();
    Ok(Redirects {
        follow: given(follow, |value| boolean(env, "options.followRedirects", value))?.unwrap_or(default.follow),
        maximum: given(maximum, |value| count(env, "options.maxRedirects", value))?.unwrap_or(default.maximum),
    })
}

fn retry(
    env: &Env,
    retries: Option<Unknown>,
    delay: Option<Unknown>,
    delay_max: Option<Unknown>,
) -> napi::Result<Retry> {
    let default = Retry::default();
    Ok(Retry {
        retries: given(retries, |value| count(env, "options.retries", value))?.unwrap_or(default.retries),
        delay: given(delay, |value| duration(env, "options.retryDelay", value))?.unwrap_or(default.delay),
        delay_max: given(delay_max, |value| duration(env, "options.retryDelayMax", value))?
            .unwrap_or(default.delay_max),
    })
}
