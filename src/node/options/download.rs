//! Options of downloads.

use napi::bindgen_prelude::{Function, JsObjectValue, Unknown};
use napi::threadsafe_function::UnknownReturnValue;
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::base::error::{Error, Kind};
use crate::base::integrity::{Expected, parse_sha256};
use crate::base::options::DownloadOptions;
use crate::node::convert::listeners::{log_progress, report};
use crate::node::convert::observer::observer;
use crate::node::convert::user_agent::headers;
use crate::node::environment::instance::environment;
use crate::node::environment::objects::{given_object, read};
use crate::node::js::arguments::{self, boolean, count, function, given, limit, string, wrong_type, wrong_value};
use crate::node::js::error::to_js;
use crate::node::js::value::property;
use crate::node::options::shared::{Defaults, limited, network, redirects, retry, retry_listener};
use crate::node::promise::failure::CallbackError;
use crate::operation::progress::Report;

/// Options of `httpDownload`. Durations are milliseconds, sizes bytes.
#[napi(object, object_to_js = false)]
pub struct HttpDownloadOptions<'env> {
    /// Header fields. An invalid name, or a value with a control character or one outside Latin-1,
    /// rejects before anything is sent. `Accept-Encoding` is always `identity`: the bytes received
    /// are those of the file.
    ///
    /// @default {}
    #[napi(ts_type = "Record<string, string> | undefined")]
    pub headers: Option<Unknown<'env>>,
    /// Called with the bytes received so far and the total, if the server announces the total: at
    /// most once per 50 ms, never with fewer bytes than before, and with `downloaded === total`
    /// before the promise resolves. If it throws, the download stops and rejects with the same
    /// error.
    ///
    /// @default none
    #[napi(ts_type = "((downloaded: number, total: number) => void) | undefined")]
    pub on_progress: Option<Unknown<'env>>,
    /// Attempts after the first. Only transient failures are retried.
    ///
    /// @default 0
    #[napi(ts_type = "number | undefined")]
    pub retries: Option<Unknown<'env>>,
    /// Delay before the first retry, in ms. Doubles with each retry, and up to 10 % is added at
    /// random.
    ///
    /// @default 1000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay: Option<Unknown<'env>>,
    /// Time limit of one attempt, in ms, redirects and body included. `0` or `Infinity`: no limit.
    ///
    /// @default 120000
    #[napi(ts_type = "number | undefined")]
    pub timeout: Option<Unknown<'env>>,
    /// Longest delay between two attempts, in ms, even if `Retry-After` asks for more.
    ///
    /// @default 30000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay_max: Option<Unknown<'env>>,
    /// Whether redirects are followed. If not, a redirect rejects with `Download failed: HTTP 302
    /// Found`.
    ///
    /// @default true
    #[napi(ts_type = "boolean | undefined")]
    pub follow_redirects: Option<Unknown<'env>>,
    /// Redirects followed within one attempt. One more rejects with `ERR_TOO_MANY_REDIRECTS`.
    ///
    /// @default 5
    #[napi(ts_type = "number | undefined")]
    pub max_redirects: Option<Unknown<'env>>,
    /// Expected SHA-256: 64 hexadecimal digits, in any case. A file that differs rejects with
    /// `ERR_INTEGRITY` and is not published.
    ///
    /// @default none
    #[napi(ts_type = "string | undefined")]
    pub sha256: Option<Unknown<'env>>,
    /// Expected Subresource Integrity: `sha256-…`, `sha384-…` or `sha512-…`, or several separated
    /// by spaces. A file that differs rejects with `ERR_INTEGRITY` and is not published.
    ///
    /// @default none
    #[napi(ts_type = "string | undefined")]
    pub integrity: Option<Unknown<'env>>,
    /// Whether `sha256` and `integrity` of the result are computed during the download, even if
    /// neither is expected.
    ///
    /// @default false
    #[napi(ts_type = "boolean | undefined")]
    pub digests: Option<Unknown<'env>>,
    /// Permission bits, `0o7777` at most, for instance `0o755`. Set before the file appears,
    /// regardless of the umask. Without effect on Windows.
    ///
    /// @default `0o666` less the umask; writable by the owner only if a digest is computed
    #[napi(ts_type = "number | undefined")]
    pub mode: Option<Unknown<'env>>,
    /// Whether an interrupted transfer resumes where it stopped, in this call or a later one, if
    /// the server proves that the file has not changed.
    ///
    /// @default true
    #[napi(ts_type = "boolean | undefined")]
    pub resume: Option<Unknown<'env>>,
    /// Whether the file is flushed to disk before it is renamed, and its directory afterwards,
    /// where the system can.
    ///
    /// @default false
    #[napi(ts_type = "boolean | undefined")]
    pub fsync: Option<Unknown<'env>>,
    /// Time limit of connecting, in ms: name lookup, proxy and TLS handshake included. Rejects with
    /// `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub connect_timeout: Option<Unknown<'env>>,
    /// Longest time without a byte from the server, in ms, once the request has been sent. Rejects
    /// with `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub idle_timeout: Option<Unknown<'env>>,
    /// Certificates in PEM. They are trusted in addition to the bundled roots, those of the system,
    /// and those of `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// @default none
    #[napi(ts_type = "string | Uint8Array | readonly (string | Uint8Array)[] | undefined")]
    pub ca: Option<Unknown<'env>>,
    /// URL of a proxy (`http`, `https`, `socks4`, `socks4a`, `socks5`, `socks5h`), with user and
    /// password if it asks for them. `false`: no proxy.
    ///
    /// @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper
    /// case
    #[napi(ts_type = "string | URL | false | undefined")]
    pub proxy: Option<Unknown<'env>>,
    /// Called before each retry, with the number of the attempt that failed (from 1), its error,
    /// and the delay in ms. Returns `false` to give up, another delay, or nothing. If it throws,
    /// the call rejects with the same error.
    ///
    /// @default none
    #[napi(
        ts_type = "((attempt: number, error: Error, delay: number) => boolean | number | void | undefined) | undefined"
    )]
    pub on_retry: Option<Unknown<'env>>,
    /// Receives a line such as `Progress: 40% (2.0 MB / 5.0 MB)` every `progressInterval` per cent.
    /// Unused if `onProgress` is set.
    ///
    /// @default none
    #[napi(ts_type = "{ log(message: string): unknown } | undefined")]
    pub logger: Option<Unknown<'env>>,
    /// Per cent between two lines of `logger`, from 1 to 100.
    ///
    /// @default 10
    #[napi(ts_type = "number | undefined")]
    pub progress_interval: Option<Unknown<'env>>,
    /// Aborts the call: while connecting, waiting, reading, or between attempts. The call rejects
    /// with an `AbortError`.
    ///
    /// @default none
    #[napi(ts_type = "AbortSignal | undefined")]
    pub signal: Option<Unknown<'env>>,
    /// Not supported: files are written natively. Any value but `undefined` is a `TypeError`.
    ///
    /// @default none
    #[napi(ts_type = "undefined")]
    pub create_write_stream: Option<Unknown<'env>>,
}

/// What of the options does not concern the download itself.
#[derive(Default)]
pub struct DownloadHandlers<'env> {
    pub report: Option<Report>,
    pub signal: Option<Unknown<'env>>,
}

/// The options, who wants to hear of progress, and the signal that ends the call.
pub fn download_options<'env>(
    env: &'env Env,
    options: Option<Unknown<'env>>,
    defaults: Defaults<'env>,
    callback_error: &CallbackError,
) -> napi::Result<(DownloadOptions, DownloadHandlers<'env>)> {
    let Defaults { headers: own, retry: own_retry, timeout: own_timeout, max_size: _, way, hooks: _ } = defaults;
    let plain = DownloadOptions::default();
    let default = DownloadOptions { timeout: limited(own_timeout, plain.timeout), ..plain };
    let environment = environment(env)?;
    let observer = observer(env, &environment)?;
    let Some(options) = read::<HttpDownloadOptions>(env, options)? else {
        let network = way.network(&environment);
        let headers = headers(env, &environment, own, None, None)?;
        let options = DownloadOptions { headers, retry: own_retry, network, observer, ..default };
        return Ok((options, DownloadHandlers::default()));
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
        headers: headers(env, &environment, own, fields, None)?,
        redirects: redirects(env, follow_redirects, max_redirects)?,
        retry: retry(env, retries, retry_delay, retry_delay_max, own_retry)?,
        on_retry: retry_listener(env, on_retry, callback_error)?,
        observer,
        timeout: limit(env, "options.timeout", timeout, default.timeout)?,
        idle_timeout: limit(env, "options.idleTimeout", idle_timeout, default.idle_timeout)?,
        network: network(env, &environment, way, ca, proxy, connect_timeout)?,
        expected: Expected {
            sha256: given(sha256, |value| {
                let text = string(env, "options.sha256", value)?;
                let wrong = || wrong_value(env, "options.sha256", "must be 64 hexadecimal digits", format!("{text:?}"));
                parse_sha256(&text).ok_or_else(wrong)
            })?,
            integrity: given(integrity, |value| arguments::integrity(env, value))?.unwrap_or_default(),
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
    let on_progress = given(on_progress, |value| report(function(env, "options.onProgress", value)?, callback_error))?;
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
        let logger = given_object(env, value)?;
        if property(&logger, "log")?.get_type()? != ValueType::Function {
            return Err(wrong());
        }
        let log: Function<String, UnknownReturnValue> = logger.get_named_property_unchecked("log")?;
        log_progress(log.bind(logger)?, interval.unwrap_or(10), callback_error)
    })?;
    Ok((download, DownloadHandlers { report: on_progress.or(logged), signal }))
}
