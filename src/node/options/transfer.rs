//! Options that requests and downloads share.

use std::time::Duration;

use http::HeaderMap;
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::base::options::{Redirects, Retry, TransferOptions};
use crate::base::shared_rate::SharedRate;
use crate::node::convert::listeners::on_retry;
use crate::node::convert::observer::observer;
use crate::node::convert::user_agent::headers;
use crate::node::environment::instance::environment;
use crate::node::js::arguments::{boolean, count, duration, function, limit, optional};
use crate::node::js::error::to_js;
use crate::node::options::network::{ConnectOverrides, network};
use crate::node::promise::rejection::CallbackError;
use crate::policy::http::streamed_body;

/// Options that requests and downloads share. Durations are milliseconds.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct HttpTransferOptions<'env> {
    /// Header fields: a record, `Headers`, a `Map`, or any iterable of names and values. Numbers
    /// and booleans are sent as text, each element of an array as a field, `undefined` not at all.
    /// If a record spells a name twice, the last one counts. Anything else, an invalid name, or a
    /// value with a control character or one outside Latin-1, rejects before anything is sent.
    /// `Accept-Encoding` of a download is always `identity`: the bytes received are those of the
    /// file.
    ///
    /// @default {}
    #[napi(ts_type = "HttpRequestHeaders | undefined")]
    pub headers: Option<Unknown<'env>>,
    /// Whether redirects are followed. If not, a redirect is a response like any other, and a
    /// download rejects with `Download failed: HTTP 302 Found`.
    ///
    /// @default true
    #[napi(ts_type = "boolean | undefined")]
    pub follow_redirects: Option<Unknown<'env>>,
    /// Redirects followed within one attempt. One more rejects with `ERR_TOO_MANY_REDIRECTS`.
    ///
    /// @default 5
    #[napi(ts_type = "number | undefined")]
    pub max_redirects: Option<Unknown<'env>>,
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
    /// Longest delay between two attempts, in ms, even if `Retry-After` asks for more.
    ///
    /// @default 30000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay_max: Option<Unknown<'env>>,
    /// Time limit of one attempt, in ms, redirects and body included. `0` or `Infinity`: no limit.
    ///
    /// @default 30000; 120000 for downloads
    #[napi(ts_type = "number | undefined")]
    pub timeout: Option<Unknown<'env>>,
    /// Time limit of connecting, in ms: name lookup, proxy and TLS handshake included. Rejects with
    /// `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub connect_timeout: Option<Unknown<'env>>,
    /// Longest time without a byte in either direction, in ms, once the connection is open. While a
    /// `body` that is a stream has nothing to send, no time counts. Rejects with `ERR_TIMEOUT`. `0`
    /// or `Infinity`: no limit.
    ///
    /// @default none; 15000 for a download with `mirrors`, while another source is left
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
    /// The transport of the requests. `'native'`: the connection pool of this package. `'node'`:
    /// `node:http` and `node:https` of this process, so that nock, MSW, agents and instrumentation
    /// of `http` see the requests. It speaks HTTP/1.1 only, and cannot be combined with `proxy`.
    ///
    /// @default `SOCKET_HTTP_TRANSPORT`, or `'node'` while nock or MSW intercepts `node:http`, or
    /// `'native'`
    #[napi(ts_type = "'native' | 'node' | undefined")]
    pub transport: Option<Unknown<'env>>,
    /// Called before each retry, with the number of the attempt that failed (from 1), its error,
    /// and the delay in ms. Returns `false` to give up, another delay, or nothing. If it throws,
    /// the call rejects with the same error. May be an async function, which is awaited. With
    /// `throwOnError`, the error of a status is an `HttpResponseError`.
    ///
    /// @default none
    #[napi(
        ts_type = "((attempt: number, error: Error, delay: number) => boolean | number | void | undefined | Promise<boolean | number | void | undefined>) | undefined"
    )]
    pub on_retry: Option<Unknown<'env>>,
    /// Aborts the call: while connecting, waiting, reading, or between attempts. The call rejects
    /// with an `AbortError`.
    ///
    /// @default none
    #[napi(ts_type = "AbortSignal | undefined")]
    pub signal: Option<Unknown<'env>>,
}

/// The options of a client for those that a call leaves unset.
#[derive(Clone, Default)]
pub struct TransferDefaults {
    pub headers: HeaderMap,
    pub retry: Retry,
    /// [`Duration::MAX`] is no limit. `None`: the default of the function.
    pub timeout: Option<Duration>,
    pub connect: ConnectOverrides,
    /// The limit of several downloads together.
    pub shared_rate: Option<SharedRate>,
}

/// The properties of a request that concern its transfer.
#[derive(Default)]
pub struct RequestTraits<'env> {
    pub throws_on_status: bool,
    /// Whether the body is a stream.
    pub is_streamed: bool,
    /// The body's own header fields, such as those of `getHeaders()`.
    pub headers: Option<Unknown<'env>>,
}

/// Converts the options. `plain` has the defaults of the function, `defaults` those of a client.
pub fn transfer_options<'env>(
    env: &'env Env,
    options: HttpTransferOptions<'env>,
    plain: TransferOptions,
    defaults: TransferDefaults,
    request: RequestTraits<'env>,
    callback_error: &CallbackError,
) -> napi::Result<TransferOptions> {
    let HttpTransferOptions {
        headers: fields,
        follow_redirects,
        max_redirects,
        retries,
        retry_delay,
        retry_delay_max,
        timeout,
        connect_timeout,
        idle_timeout,
        ca,
        proxy,
        transport,
        on_retry: listener,
        // Listened to by the caller of this function.
        signal: _,
    } = options;
    let environment = environment(env)?;
    let default_timeout = match defaults.timeout {
        Some(limit) => Some(limit).filter(|limit| *limit != Duration::MAX),
        None => plain.timeout,
    };
    let given = optional(retries, |value| count(env, "options.retries", value))?;
    let retries = streamed_body::retries(defaults.retry.retries, given, request.is_streamed);
    let retries = retries.map_err(|error| to_js(env, error))?;
    Ok(TransferOptions {
        headers: headers(env, &environment, defaults.headers, fields, request.headers)?,
        redirects: redirects(env, follow_redirects, max_redirects)?,
        retry: Retry { retries, ..delays(env, retry_delay, retry_delay_max, defaults.retry)? },
        on_retry: optional(listener, |value| {
            on_retry(function(env, "options.onRetry", value)?, request.throws_on_status, callback_error)
        })?,
        observer: observer(env, &environment)?,
        timeout: limit(env, "options.timeout", timeout, default_timeout)?,
        idle_timeout: limit(env, "options.idleTimeout", idle_timeout, plain.idle_timeout)?,
        network: network(
            env,
            &environment,
            defaults.connect,
            ConnectOverrides::read(env, ca, proxy, transport)?,
            connect_timeout,
        )?,
    })
}

fn redirects(env: &Env, follow: Option<Unknown>, maximum: Option<Unknown>) -> napi::Result<Redirects> {
    let default = Redirects::default();
    Ok(Redirects {
        follow: optional(follow, |value| boolean(env, "options.followRedirects", value))?.unwrap_or(default.follow),
        maximum: optional(maximum, |value| count(env, "options.maxRedirects", value))?.unwrap_or(default.maximum),
    })
}

/// The policy with the delays of the caller, if they are set.
pub fn delays(env: &Env, delay: Option<Unknown>, delay_max: Option<Unknown>, default: Retry) -> napi::Result<Retry> {
    Ok(Retry {
        delay: optional(delay, |value| duration(env, "options.retryDelay", value))?.unwrap_or(default.delay),
        delay_max: optional(delay_max, |value| duration(env, "options.retryDelayMax", value))?
            .unwrap_or(default.delay_max),
        ..default
    })
}
