//! Options of requests.

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::base::body::Body;
use crate::base::options::{RequestOptions, UNLIMITED};
use crate::node::convert::listeners::hooks;
use crate::node::convert::request_body::{Content, Source, given_body};
use crate::node::environment::objects::{options_object, part};
use crate::node::js::arguments::{self, boolean, optional, size};
use crate::node::options::transfer::{HttpTransferOptions, RequestTraits, TransferDefaults, transfer_options};
use crate::node::promise::rejection::CallbackError;

/// Options of `httpRequest`, `httpJson`, `httpText`, `httpGetJson` and `httpGetText`, in addition
/// to those of every transfer. Sizes are bytes.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct HttpRequestOptions<'env> {
    /// HTTP method, in any case. `CONNECT` is refused.
    ///
    /// @default 'GET'
    #[napi(ts_type = "string | undefined")]
    pub method: Option<Unknown<'env>>,
    /// Request body. A string is sent as UTF-8, without a `Content-Type`. `URLSearchParams`, `Blob`
    /// and `FormData` are sent with the `Content-Type` that `fetch` sends, unless the caller sets
    /// one. `Content-Length` is computed.
    ///
    /// A `Readable`, a web `ReadableStream` or an async iterable is streamed: it cannot be combined
    /// with `retries`, and redirects are not followed. Header fields of its `getHeaders()`, as of
    /// the package `form-data`, are sent unless the caller sets them.
    ///
    /// @default none
    #[napi(ts_type = "HttpRequestBody | null | undefined")]
    pub body: Option<Unknown<'env>>,
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
}

/// The options of a client for those that a call leaves unset.
#[derive(Default)]
pub struct Defaults<'env> {
    pub transfer: TransferDefaults,
    pub max_size: Option<u64>,
    pub hooks: Option<Unknown<'env>>,
}

/// The options that do not concern the core.
#[derive(Default)]
pub struct Call<'env> {
    pub signal: Option<Unknown<'env>>,
    /// A body that JavaScript reads.
    pub source: Option<Source<'env>>,
    pub throw_on_error: bool,
}

/// The options for the core, and those that do not concern it.
pub fn request_options<'env>(
    env: &'env Env,
    options: Option<Unknown<'env>>,
    defaults: Defaults<'env>,
    callback_error: &CallbackError,
) -> napi::Result<(RequestOptions, Call<'env>)> {
    let object = options_object(env, options)?;
    let transfer: HttpTransferOptions = part(env, object)?;
    let HttpRequestOptions { method, body: content, max_response_size, hooks: own_hooks, throw_on_error, stream } =
        part(env, object)?;
    let default = RequestOptions { max_size: defaults.max_size, ..RequestOptions::default() };
    let signal = transfer.signal;
    let given = optional(content, |value| given_body(env, value))?.flatten();
    let (content, headers) = given.map_or((None, None), |given| (Some(given.content), given.headers));
    let (body, source) = match content {
        Some(Content::Whole(bytes)) => (Some(Body::Whole(bytes)), None),
        Some(Content::Source(source)) => (None, Some(source)),
        None => (None, None),
    };
    let flag = |name, value| optional(value, |value| boolean(env, name, value)).map(Option::unwrap_or_default);
    let throw_on_error = flag("options.throwOnError", throw_on_error)?;
    let traits = RequestTraits {
        throws_on_status: throw_on_error,
        is_streamed: source.is_some_and(|source| source.is_stream()),
        headers,
    };
    let request = RequestOptions {
        transfer: transfer_options(env, transfer, default.transfer, defaults.transfer, traits, callback_error)?,
        method: optional(method, |value| arguments::method(env, "options.method", value))?.unwrap_or(default.method),
        body,
        hooks: hooks(env, own_hooks.or(defaults.hooks), callback_error)?,
        max_size: optional(max_response_size, |value| size(env, "options.maxResponseSize", value))?
            .map_or(default.max_size, |limit| limit.or(Some(UNLIMITED))),
        stream: flag("options.stream", stream)?,
    };
    Ok((request, Call { signal, source, throw_on_error }))
}
