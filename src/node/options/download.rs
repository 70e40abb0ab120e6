//! Options of downloads.

use napi::bindgen_prelude::{JsObjectValue, Unknown};
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::base::error::{Error, Kind, redacted_text};
use crate::base::integrity::{Expected, parse_sha256};
use crate::base::options::{DownloadOptions, Mirrors, RateLimits};
use crate::node::convert::listeners::{LogCallback, log_progress, report};
use crate::node::convert::observer::begin;
use crate::node::environment::mirrors::mirrors;
use crate::node::environment::objects::{caller_object, options_object, part, urls};
use crate::node::environment::rate::download_rate;
use crate::node::js::arguments::{self, boolean, count, function, optional, size, string, wrong_type, wrong_value};
use crate::node::js::error::to_js;
use crate::node::js::value::property;
use crate::node::options::transfer::{HttpTransferOptions, RequestTraits, TransferDefaults, transfer_options};
use crate::node::promise::rejection::CallbackError;
use crate::operation::progress::Report;

/// Options of `httpDownload`, in addition to those of every transfer.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct HttpDownloadOptions<'env> {
    /// Called with the bytes received so far and the total, if the server announces the total: at
    /// most once per 50 ms, never with fewer bytes than before, and with `downloaded === total`
    /// before the promise resolves. If it throws, or returns a promise that rejects during the
    /// download, the download stops and rejects with the same error.
    ///
    /// @default none
    #[napi(ts_type = "((downloaded: number, total: number) => unknown) | undefined")]
    pub on_progress: Option<Unknown<'env>>,
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
    /// Other URLs of the same bytes. They are tried in order after the URL itself: the next one
    /// when the retries of one are used up, or at once after a permanent failure, such as a 404, an
    /// untrusted certificate, or a digest that differs. With `sha256` or `integrity`, a transfer
    /// that one source interrupted is resumed from the next. Credentials in `headers` are sent to
    /// the origin of the URL only. If all sources fail, rejects with `ERR_ALL_SOURCES_FAILED`.
    ///
    /// @default none
    #[napi(ts_type = "readonly (string | URL)[] | undefined")]
    pub mirrors: Option<Unknown<'env>>,
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
    /// Connections at once, from 1 to 16, each of which fetches ranges of the file. Used if the
    /// server sends ranges under a strong validator, and the file has at least 1 MiB for each; else
    /// there are fewer, or one. A server that refuses further connections with 429 or 503 gets
    /// fewer. With several, `status` and `headers` of the result are those of the first range.
    ///
    /// @default 1
    #[napi(ts_type = "number | undefined")]
    pub connections: Option<Unknown<'env>>,
    /// Limit of the bytes received per second, averaged over one second, for all connections of the
    /// call together. The server is slowed down by backpressure. `0` or `Infinity`: no limit. The
    /// limit of the process, `SOCKET_DOWNLOAD_RATE`, applies as well.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub max_bytes_per_second: Option<Unknown<'env>>,
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
    /// Not supported: files are written natively. Any value but `undefined` is a `TypeError`.
    ///
    /// @default none
    #[napi(ts_type = "undefined")]
    pub create_write_stream: Option<Unknown<'env>>,
}

/// The options that do not concern the core: the listener for progress, and the signal.
#[derive(Default)]
pub struct DownloadHandlers<'env> {
    pub report: Option<Report>,
    pub signal: Option<Unknown<'env>>,
}

/// The options for the core, and those that do not concern it.
pub fn download_options<'env>(
    env: &'env Env,
    options: Option<Unknown<'env>>,
    defaults: TransferDefaults,
    callback_error: &CallbackError,
) -> napi::Result<(DownloadOptions, DownloadHandlers<'env>)> {
    let object = options_object(env, options)?;
    let transfer: HttpTransferOptions = part(env, object)?;
    let HttpDownloadOptions {
        on_progress,
        sha256,
        integrity,
        digests,
        mode,
        mirrors: mirror_urls,
        resume,
        fsync,
        connections,
        max_bytes_per_second,
        logger,
        progress_interval,
        create_write_stream,
    } = part(env, object)?;
    if create_write_stream.is_some() {
        let message = "The argument \"options.createWriteStream\" is not supported: files are written natively";
        return Err(to_js(env, Error::new(Kind::ArgumentValue, message)));
    }
    let default = DownloadOptions::default();
    let (signal, has_idle_timeout) = (transfer.signal, transfer.idle_timeout.is_some());
    let flag =
        |name, value, default| optional(value, |value| boolean(env, name, value)).map(|flag| flag.unwrap_or(default));
    let shared = defaults.shared_rate.clone();
    let transfer =
        transfer_options(env, transfer, default.transfer, defaults, RequestTraits::default(), callback_error)?;
    begin(env, &transfer.observer)?;
    let download = DownloadOptions {
        mirrors: Mirrors {
            urls: optional(mirror_urls, |value| urls(env, "options.mirrors", value))?.unwrap_or_default(),
            ..mirrors(env)?
        },
        mirror_idle_timeout: if has_idle_timeout { transfer.idle_timeout } else { default.mirror_idle_timeout },
        transfer,
        expected: expected(env, sha256, integrity)?,
        digests: flag("options.digests", digests, default.digests)?,
        mode: optional(mode, |value| permissions(env, value))?,
        resume: flag("options.resume", resume, default.resume)?,
        fsync: flag("options.fsync", fsync, default.fsync)?,
        connections: optional(connections, |value| {
            let connections = count(env, "options.connections", value)?;
            let wrong = || wrong_value(env, "options.connections", "must be 1 to 16", connections);
            Some(connections as usize).filter(|connections| (1..=16).contains(connections)).ok_or_else(wrong)
        })?
        .unwrap_or(default.connections),
        rate: RateLimits {
            call: optional(max_bytes_per_second, |value| size(env, "options.maxBytesPerSecond", value))?.flatten(),
            shared,
            process: download_rate(env)?,
        },
    };
    let on_progress =
        optional(on_progress, |value| report(function(env, "options.onProgress", value)?, callback_error))?;
    let logged = logged(env, logger, progress_interval, callback_error)?;
    Ok((download, DownloadHandlers { report: on_progress.or(logged), signal }))
}

fn expected(env: &Env, sha256: Option<Unknown>, integrity: Option<Unknown>) -> napi::Result<Expected> {
    let sha256 = optional(sha256, |value| {
        let text = string(env, "options.sha256", value)?;
        // A URL may stand here by mistake.
        let shown = || format!("{:?}", redacted_text(&text));
        let wrong = || wrong_value(env, "options.sha256", "must be 64 hexadecimal digits", shown());
        parse_sha256(&text).ok_or_else(wrong)
    })?;
    let integrity = optional(integrity, |value| arguments::integrity(env, value))?.unwrap_or_default();
    Ok(Expected { sha256, integrity })
}

fn permissions(env: &Env, value: Unknown) -> napi::Result<u32> {
    let mode = count(env, "options.mode", value)?;
    let wrong = || wrong_value(env, "options.mode", "must be permission bits, at most 0o7777", mode);
    Some(mode).filter(|mode| *mode <= 0o7777).ok_or_else(wrong)
}

/// The listener that writes progress to the caller's `logger`.
fn logged(
    env: &Env,
    logger: Option<Unknown>,
    interval: Option<Unknown>,
    callback_error: &CallbackError,
) -> napi::Result<Option<Report>> {
    let interval = optional(interval, |value| {
        let interval = count(env, "options.progressInterval", value)?;
        let wrong = || wrong_value(env, "options.progressInterval", "must be per cent, 1 to 100", interval);
        Some(interval).filter(|interval| (1..=100).contains(interval)).ok_or_else(wrong)
    })?;
    optional(logger, |value| {
        let wrong = || wrong_type(env, "options.logger", "an object with a function log", value);
        if value.get_type()? != ValueType::Object {
            return Err(wrong());
        }
        let logger = caller_object(env, value)?;
        if property(&logger, "log")?.get_type()? != ValueType::Function {
            return Err(wrong());
        }
        let log: LogCallback = logger.get_named_property_unchecked("log")?;
        log_progress(log.bind(logger)?, interval.unwrap_or(DownloadOptions::PROGRESS_INTERVAL), callback_error)
    })
}
