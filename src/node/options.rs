//! Options of JavaScript callers: one declaration for reading, for the generated types and for their documentation.
//!
//! Fields arrive as they are and are checked one by one, so that an error names the option and says what was expected.
//! `undefined` means the default; defaults live in [`crate::options`].

use std::time::Duration;

use napi::bindgen_prelude::{FnArgs, Function, JsObjectValue, Object, Unknown};
use napi::threadsafe_function::UnknownReturnValue;
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::error::{Error, Kind};
use crate::node::arguments::{
    body, boolean, count, duration, function, given, headers, limit, path, read, span, string, wrong_value,
};
use crate::node::bridge::property;
use crate::node::error::to_js;
use crate::operation::locked::absolute;
use crate::options::{DownloadOptions, LockOptions, Redirects, RequestOptions, Retry, Tls};
use crate::policy::holder::Holder;
use crate::policy::integrity::{Expected, parse_integrity, parse_sha256};

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
    /// Body, sent with `Content-Length`; a string as UTF-8.
    ///
    /// @default none
    #[napi(ts_type = "string | Uint8Array | null | undefined")]
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

/// The options, and the signal that ends the call.
pub fn request_options<'env>(
    env: &Env,
    options: Option<Unknown<'env>>,
) -> napi::Result<(RequestOptions, Option<Unknown<'env>>)> {
    let default = RequestOptions::default();
    let Some(options) = read::<HttpRequestOptions>(env, options)? else {
        return Ok((RequestOptions { headers: headers(env, None)?, tls: tls(env)?, ..default }, None));
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
        signal,
    } = options;
    let request = RequestOptions {
        method: given(method, |value| crate::node::arguments::method(env, value))?.unwrap_or(default.method),
        headers: headers(env, fields)?,
        body: given(content, |value| body(env, value))?.flatten(),
        redirects: redirects(env, follow_redirects, max_redirects)?,
        retry: retry(env, retries, retry_delay, retry_delay_max)?,
        timeout: limit(env, "options.timeout", timeout, default.timeout)?,
        tls: tls(env)?,
    };
    Ok((request, signal))
}

/// What of the options does not concern the download itself.
#[derive(Default)]
pub struct Attendance<'env> {
    pub on_progress: Option<ProgressCallback<'env>>,
    pub signal: Option<Unknown<'env>>,
}

/// The options, who wants to hear of progress, and the signal that ends the call.
pub fn download_options<'env>(
    env: &Env,
    options: Option<Unknown<'env>>,
) -> napi::Result<(DownloadOptions, Attendance<'env>)> {
    let default = DownloadOptions::default();
    let Some(options) = read::<HttpDownloadOptions>(env, options)? else {
        let download = DownloadOptions { headers: headers(env, None)?, tls: tls(env)?, ..default };
        return Ok((download, Attendance::default()));
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
        headers: headers(env, fields)?,
        redirects: redirects(env, follow_redirects, max_redirects)?,
        retry: retry(env, retries, retry_delay, retry_delay_max)?,
        timeout: limit(env, "options.timeout", timeout, default.timeout)?,
        tls: tls(env)?,
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
    let on_progress = given(on_progress, |value| function(env, "options.onProgress", value))?;
    Ok((download, Attendance { on_progress, signal }))
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

/// From the environment of the calling JavaScript at the time of the call: a Worker may have its own.
fn tls(env: &Env) -> napi::Result<Tls> {
    let process: Object = env.get_global()?.get_named_property_unchecked("process")?;
    let variables: Object = process.get_named_property_unchecked("env")?;
    let reject = property(&variables, "NODE_TLS_REJECT_UNAUTHORIZED")?;
    let is_off = reject.get_type()? == ValueType::String && string(env, "process.env", reject)? == "0";
    Ok(Tls { verify: !is_off })
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
