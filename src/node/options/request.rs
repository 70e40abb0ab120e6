//! Options of requests.

use napi::Env;
use napi::bindgen_prelude::{FromNapiValue, Object, Unknown};
use napi_derive::napi;

use crate::base::body::Body;
use crate::base::options::{RequestOptions, Retry, UNLIMITED};
use crate::node::convert::listeners::hooks;
use crate::node::convert::observer::observer;
use crate::node::convert::streams::{is_readable, own_headers, with_retries};
use crate::node::convert::user_agent::headers;
use crate::node::environment::instance::environment;
use crate::node::environment::objects::read;
use crate::node::js::arguments::{self, body, boolean, given, limit, size};
use crate::node::js::error::to_js;
use crate::node::options::shared::{Defaults, limited, network, redirects, retry, retry_listener};
use crate::node::promise::failure::CallbackError;

/// Options of `httpRequest`, `httpJson`, `httpText`, `httpGetJson` and `httpGetText`. Durations are
/// milliseconds.
#[napi(object, object_to_js = false)]
pub struct HttpRequestOptions<'env> {
    /// HTTP method, in any case. `CONNECT` is refused.
    ///
    /// @default 'GET'
    #[napi(ts_type = "string | undefined")]
    pub method: Option<Unknown<'env>>,
    /// Header fields. An invalid name, or a value with a control character or one outside Latin-1,
    /// rejects before anything is sent.
    ///
    /// @default {}
    #[napi(ts_type = "Record<string, string> | undefined")]
    pub headers: Option<Unknown<'env>>,
    /// Request body. A string is sent as UTF-8. `Content-Length` is computed; no `Content-Type` is
    /// added. A `Readable` is streamed: it cannot be combined with `retries`, and redirects are not
    /// followed.
    ///
    /// Header fields of its `getHeaders()`, as of `form-data`, are sent unless the caller sets
    /// them.
    ///
    /// @default none
    #[napi(ts_type = "string | Uint8Array | import('node:stream').Readable | null | undefined")]
    pub body: Option<Unknown<'env>>,
    /// Whether redirects are followed. If not, a redirect is a response like any other.
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
    /// Time limit of one attempt, in ms, redirects and body included. `0` or `Infinity`: no limit.
    ///
    /// @default 30000
    #[napi(ts_type = "number | undefined")]
    pub timeout: Option<Unknown<'env>>,
    /// Longest delay between two attempts, in ms, even if `Retry-After` asks for more.
    ///
    /// @default 30000
    #[napi(ts_type = "number | undefined")]
    pub retry_delay_max: Option<Unknown<'env>>,
    /// Time limit of connecting, in ms: name lookup, proxy and TLS handshake included. Rejects with
    /// `ERR_TIMEOUT`. `0` or `Infinity`: no limit.
    ///
    /// @default none
    #[napi(ts_type = "number | undefined")]
    pub connect_timeout: Option<Unknown<'env>>,
    /// Longest time without a byte in either direction, in ms, once the connection is open. While a
    /// `body` that is a stream has nothing to send, no time counts. Rejects with `ERR_TIMEOUT`. `0` or
    /// `Infinity`: no limit.
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
    /// Size limit of the decoded body, in bytes. A larger body rejects with `ERR_BODY_TOO_LARGE`,
    /// and its connection is closed at once. `0`: no limit. Without effect on `stream`.
    ///
    /// @default none; 536870912 (512 MiB) for text and JSON
    #[napi(ts_type = "number | undefined")]
    pub max_response_size: Option<Unknown<'env>>,
    /// Functions that are notified of each attempt and each redirect. Errors that they throw are
    /// ignored.
    ///
    /// @default none
    #[napi(ts_type = "HttpHooks | undefined")]
    pub hooks: Option<Unknown<'env>>,
    /// Whether a status outside 200 to 299 rejects with `HttpResponseError`.
    ///
    /// @default false
    #[napi(ts_type = "boolean | undefined")]
    pub throw_on_error: Option<Unknown<'env>>,
    /// Whether the promise resolves at the headers, with the body as the stream `rawResponse`. The
    /// body is not decoded.
    ///
    /// @default false
    #[napi(ts_type = "boolean | undefined")]
    pub stream: Option<Unknown<'env>>,
    /// Aborts the call: while connecting, waiting, reading, or between attempts. The call rejects
    /// with an `AbortError`.
    ///
    /// @default none
    #[napi(ts_type = "AbortSignal | undefined")]
    pub signal: Option<Unknown<'env>>,
}

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
    defaults: Defaults<'env>,
    callback_error: &CallbackError,
) -> napi::Result<(RequestOptions, Call<'env>)> {
    let Defaults { headers: own, retry: own_retry, timeout: own_timeout, max_size, way, hooks: own_hooks } = defaults;
    let plain = RequestOptions::default();
    let default = RequestOptions { timeout: limited(own_timeout, plain.timeout), max_size, ..plain };
    let environment = environment(env)?;
    let observer = observer(env, &environment)?;
    let Some(options) = read::<HttpRequestOptions>(env, options)? else {
        let network = way.network(&environment);
        let headers = headers(env, &environment, own, None, None)?;
        let hooks = hooks(env, own_hooks)?;
        let options = RequestOptions { headers, retry: own_retry, network, hooks, observer, ..default };
        return Ok((options, Call::default()));
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
    // It can be sent once. Only who asks for retries is told that they are not possible.
    let own_retries = if source.is_some() { 0 } else { own_retry.retries };
    let own_retry = Retry { retries: own_retries, ..own_retry };
    let retry = retry(env, retries, retry_delay, retry_delay_max, own_retry)?;
    if source.is_some() && retry.retries > 0 {
        return Err(to_js(env, with_retries(retry.retries)));
    }
    let flag = |name, value| given(value, |value| boolean(env, name, value)).map(Option::unwrap_or_default);
    let request = RequestOptions {
        method: given(method, |value| arguments::method(env, "options.method", value))?.unwrap_or(default.method),
        headers: headers(env, &environment, own, fields, own_fields)?,
        body: given(content.filter(|_| source.is_none()), |value| body(env, value))?.flatten().map(Body::Whole),
        redirects: redirects(env, follow_redirects, max_redirects)?,
        retry,
        on_retry: retry_listener(env, on_retry, callback_error)?,
        hooks: hooks(env, hooks_given.or(own_hooks))?,
        observer,
        timeout: limit(env, "options.timeout", timeout, default.timeout)?,
        idle_timeout: limit(env, "options.idleTimeout", idle_timeout, default.idle_timeout)?,
        network: network(env, &environment, way, ca, proxy, connect_timeout)?,
        max_size: given(max_response_size, |value| size(env, "options.maxResponseSize", value))?
            .map_or(default.max_size, |limit| limit.or(Some(UNLIMITED))),
        stream: flag("options.stream", stream)?,
    };
    Ok((request, Call { signal, source, throw_on_error: flag("options.throwOnError", throw_on_error)? }))
}
