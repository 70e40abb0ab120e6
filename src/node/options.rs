//! Options of JavaScript callers: one declaration for reading, for the generated types and for their documentation.
//!
//! Fields arrive as they are and are checked one by one, so that an error names the option and says what was expected.
//! `undefined` means the default; defaults live in [`crate::options`].

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use napi::bindgen_prelude::{FnArgs, FromNapiValue, Function, JsObjectValue, Object, Uint8ArraySlice, Unknown};
use napi::threadsafe_function::UnknownReturnValue;
use napi::{Env, JsString, JsValue, ValueType};
use napi_derive::napi;

use crate::error::{Error, Kind};
use crate::node::bridge::property;
use crate::node::error::to_js;
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

/// `undefined` and `null` are no options; anything but an object is refused.
pub fn read<T: FromNapiValue>(env: &Env, options: Option<Unknown<'_>>) -> napi::Result<Option<T>> {
    let Some(options) = options else {
        return Ok(None);
    };
    match options.get_type()? {
        ValueType::Undefined | ValueType::Null => Ok(None),
        // SAFETY: the value is a live object of this environment.
        ValueType::Object | ValueType::Function => unsafe { T::from_napi_value(env.raw(), options.raw()) }.map(Some),
        _ => Err(wrong_type(env, "options", "an object", options)),
    }
}

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
        method: given(method, |value| self::method(env, value))?.unwrap_or(default.method),
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
    } = options;
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
        stale: given(stale_timeout, |value| duration(env, "options.staleTimeout", value))?.unwrap_or(default.stale),
        poll: given(poll_interval, |value| duration(env, "options.pollInterval", value))?.unwrap_or(default.poll),
        directory: given(locks_dir, |value| path(env, "options.locksDir", value))?,
        settle: given(settle_delay, |value| duration(env, "options.settleDelay", value))?,
    };
    Ok((lock, given(on_wait, |value| function(env, "options.onWait", value))?))
}

/// A URL, as a string or as an object of class `URL`.
pub fn url(env: &Env, value: Unknown) -> napi::Result<url::Url> {
    let text = match value.get_type()? {
        ValueType::String => string(env, "url", value)?,
        ValueType::Object => {
            let href = property(&Object::from_unknown(value)?, "href")?;
            if href.get_type()? != ValueType::String {
                return Err(wrong_type(env, "url", "a string or a URL", value));
            }
            string(env, "url", href)?
        }
        _ => return Err(wrong_type(env, "url", "a string or a URL", value)),
    };
    crate::operation::attempt::parse_url(&text).map_err(|error| to_js(env, error))
}

pub fn path(env: &Env, name: &str, value: Unknown) -> napi::Result<PathBuf> {
    let path = string(env, name, value)?;
    if path.is_empty() || path.contains('\0') {
        return Err(wrong_value(env, name, "must be a path, not empty and without null bytes", format!("{path:?}")));
    }
    Ok(path.into())
}

/// From the environment of the calling JavaScript at the time of the call: a Worker may have its own.
fn tls(env: &Env) -> napi::Result<Tls> {
    let process: Object = env.get_global()?.get_named_property_unchecked("process")?;
    let variables: Object = process.get_named_property_unchecked("env")?;
    let reject = property(&variables, "NODE_TLS_REJECT_UNAUTHORIZED")?;
    let is_off = reject.get_type()? == ValueType::String && string(env, "process.env", reject)? == "0";
    Ok(Tls { verify: !is_off })
}

fn given<'env, T>(
    value: Option<Unknown<'env>>,
    convert: impl FnOnce(Unknown<'env>) -> napi::Result<T>,
) -> napi::Result<Option<T>> {
    value.map(convert).transpose()
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

fn method(env: &Env, value: Unknown) -> napi::Result<Method> {
    const NAME: &str = "options.method";
    let text = string(env, NAME, value)?;
    match Method::from_bytes(text.to_ascii_uppercase().as_bytes()) {
        // CONNECT makes a tunnel, which no caller could use.
        Ok(method) if method != Method::CONNECT => Ok(method),
        _ => Err(wrong_value(env, NAME, "must be an HTTP method", format!("{text:?}"))),
    }
}

fn body(env: &Env, value: Unknown) -> napi::Result<Option<bytes::Bytes>> {
    const NAME: &str = "options.body";
    match value.get_type()? {
        ValueType::Null => Ok(None),
        ValueType::String => Ok(Some(string(env, NAME, value)?.into())),
        ValueType::Object if value.is_typedarray()? => {
            // Copied: the caller may change it while it is sent.
            let bytes = Uint8ArraySlice::from_unknown(value)
                .map_err(|_| wrong_type(env, NAME, "a string, a Buffer or a Uint8Array", value))?;
            Ok(Some(bytes::Bytes::copy_from_slice(&bytes)))
        }
        _ => Err(wrong_type(env, NAME, "a string, a Buffer or a Uint8Array", value)),
    }
}

/// The fields of the caller, and our `User-Agent` if he has none.
fn headers(env: &Env, value: Option<Unknown>) -> napi::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(value) = value {
        const NAME: &str = "options.headers";
        if value.get_type()? != ValueType::Object {
            return Err(wrong_type(env, NAME, "an object of strings", value));
        }
        let fields = Object::from_unknown(value)?;
        for name in Object::keys(&fields)? {
            let value = fields.get_property_unchecked(env.create_string(&name)?)?;
            let shown = format!("{NAME}[{name:?}]");
            let text = string(env, &shown, value)?;
            let field = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| wrong_value(env, NAME, "must have valid field names", format!("{name:?}")))?;
            // The value may be a secret: it is not repeated.
            let value = latin_1(&text)
                .ok_or_else(|| to_js(env, Error::argument(&shown, "must be a valid field value", "another string")))?;
            headers.append(field, value);
        }
    }
    if let header::Entry::Vacant(absent) = headers.entry(header::USER_AGENT) {
        absent.insert(user_agent(env));
    }
    Ok(headers)
}

/// Each character a byte, as Node sends it; `None` for what does not fit or must not be in a field.
fn latin_1(text: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

/// `socket-registry/<version> node/v<version> <platform>/<arch>`, with Node's names for both.
fn user_agent(env: &Env) -> HeaderValue {
    let node = env.get_node_version().map_or_else(
        |_| "unknown".to_owned(),
        |version| format!("v{}.{}.{}", version.major, version.minor, version.patch),
    );
    let platform = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        other => other,
    };
    let text = format!("socket-registry/{} node/{node} {platform}/{architecture}", env!("CARGO_PKG_VERSION"));
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("socket-registry"))
}

fn function<F: FromNapiValue>(env: &Env, name: &str, value: Unknown<'_>) -> napi::Result<F> {
    if value.get_type()? != ValueType::Function {
        return Err(wrong_type(env, name, "a function", value));
    }
    F::from_unknown(value)
}

fn boolean(env: &Env, name: &str, value: Unknown) -> napi::Result<bool> {
    if value.get_type()? != ValueType::Boolean {
        return Err(wrong_type(env, name, "a boolean", value));
    }
    bool::from_unknown(value)
}

fn string(env: &Env, name: &str, value: Unknown) -> napi::Result<String> {
    if value.get_type()? != ValueType::String {
        return Err(wrong_type(env, name, "a string", value));
    }
    JsString::from_unknown(value)?.into_utf8()?.into_owned()
}

fn number(env: &Env, name: &str, value: Unknown) -> napi::Result<f64> {
    if value.get_type()? != ValueType::Number {
        return Err(wrong_type(env, name, "a number", value));
    }
    f64::from_unknown(value)
}

/// A whole number; more than `u32` holds is as good as its maximum.
fn count(env: &Env, name: &str, value: Unknown) -> napi::Result<u32> {
    let number = number(env, name, value)?;
    if !(number >= 0.0 && number.fract() == 0.0) {
        return Err(wrong_value(env, name, "must be a whole number, 0 or more", number));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked, and saturating")]
    Ok(number as u32)
}

/// Milliseconds, fractions allowed; what no clock can count is [`Duration::MAX`].
fn duration(env: &Env, name: &str, value: Unknown) -> napi::Result<Duration> {
    let number = number(env, name, value)?;
    if number.is_nan() || number < 0.0 {
        return Err(wrong_value(env, name, "must be a number of milliseconds, 0 or more", number));
    }
    Ok(Duration::try_from_secs_f64(number / 1000.0).unwrap_or(Duration::MAX))
}

/// The limit of an attempt; 0 is none, as in Node, and so is infinity.
fn limit(env: &Env, name: &str, value: Option<Unknown>, default: Option<Duration>) -> napi::Result<Option<Duration>> {
    let Some(value) = value else {
        return Ok(default);
    };
    let limit = duration(env, name, value)?;
    Ok(Some(limit).filter(|limit| !limit.is_zero() && *limit != Duration::MAX))
}

pub fn wrong_type(env: &Env, name: &str, expected: &str, received: Unknown) -> napi::Error {
    let received = received.get_type().map_or_else(|_| "an unknown value".to_owned(), |kind| kind.to_string());
    let message = format!("The argument \"{name}\" must be {expected}. Received {}", received.to_lowercase());
    to_js(env, Error::new(Kind::ArgumentType, message))
}

fn wrong_value(env: &Env, name: &str, rule: &str, received: impl std::fmt::Display) -> napi::Error {
    to_js(env, Error::argument(name, rule, received))
}
