//! Core responses as JavaScript objects.

use bytes::Bytes;
use napi::Env;
use napi::bindgen_prelude::{BufferSlice, FnArgs, FromNapiValue, Function, JsObjectValue, Object, Unknown};
use napi_derive::napi;

use crate::base::error::Error;
use crate::base::listeners::RefusedResponse;
use crate::base::timings::Timings;
use crate::node::convert::streams::{ResponseStream, receive};
use crate::node::convert::timings::parts;
use crate::node::environment::instance::{instance, js_function};
use crate::node::js::buffer::buffer;
use crate::node::js::error::describe;
use crate::node::js::headers::headers;
use crate::node::js::value::{Handle, handle};
use crate::node::promise::abort::Abort;
use crate::operation::request::Response;

/// A response. A plain object: it can be spread, logged and compared.
#[napi(object, object_from_js = false)]
pub struct HttpResponse<'env> {
    /// Whether the status is 200 to 299.
    pub ok: bool,
    pub status: u16,
    /// The reason phrase as sent. The standard one if none was sent, or one that is not ASCII.
    pub status_text: String,
    /// Lower-case names. Repeated fields are joined as Node joins them; `set-cookie` is an array.
    #[napi(ts_type = "import('node:http').IncomingHttpHeaders")]
    pub headers: Object<'env>,
    /// The body, decoded from gzip, deflate, br or zstd.
    pub body: BufferSlice<'env>,
    /// The body as UTF-8 text, without a byte order mark at its beginning. Throws
    /// `ERR_STRING_TOO_LONG` beyond 536870888 bytes.
    #[napi(ts_type = "() => string")]
    pub text: Function<'env, (), Handle>,
    /// The body parsed as JSON. Throws a `SyntaxError` if it is not JSON, and `ERR_STRING_TOO_LONG`
    /// as `text()` does.
    #[napi(ts_type = "<T = unknown>() => T")]
    pub json: Function<'env, (), Handle>,
    /// A copy of the body.
    #[napi(ts_type = "() => ArrayBuffer")]
    pub array_buffer: Function<'env, (), Handle>,
    /// Attempts made.
    pub attempts: u32,
    /// Times of the attempt that received the response, computed at the first access. `undefined`
    /// for a response from a cache, and for the result of `readIncomingResponse`. Not enumerable.
    #[napi(ts_type = "ResponseTimings | undefined")]
    pub timings: Option<Object<'env>>,
    /// With `stream`: the body as sent, to be read once. Destroying it closes the connection.
    /// Otherwise a stream that has ended, created at the first access and not enumerable; the
    /// message, by `readIncomingResponse`.
    #[napi(
        ts_type = "import('node:stream').Readable & { statusCode: number; statusMessage: string; headers: import('node:http').IncomingHttpHeaders }"
    )]
    pub raw_response: Option<Object<'env>>,
}

/// The object of a response that is not streamed.
pub fn plain_response(env: &Env, response: Box<Response>) -> napi::Result<Handle> {
    response_with(env, response, None, None)
}

/// The object of a response. Its body is streamed from `stream`, if given, until `signal` fires.
pub fn response_with<'env>(
    env: &'env Env,
    response: Box<Response>,
    stream: Option<ResponseStream>,
    signal: Option<Object<'env>>,
) -> napi::Result<Handle> {
    let Response { status, status_text, headers: fields, body, attempts, timings, .. } = *response;
    let raw_response = match stream {
        Some(stream) => {
            // Nobody could listen for the error of a stream that is destroyed before the promise
            // resolves.
            if let Some(error) = signal.map(|signal| Abort::fired(env, &signal)).transpose()?.flatten() {
                stream.close();
                return Err(error);
            }
            let mut head = Object::new(env)?;
            head.set_named_property("statusCode", status.as_u16())?;
            head.set_named_property("statusMessage", status_text.as_str())?;
            head.set_named_property("headers", headers(env, &fields)?)?;
            Some(receive(env, stream, head, signal)?)
        }
        None => None,
    };
    let head = Head { status: status.as_u16(), status_text, headers: headers(env, &fields)?, attempts, timings };
    complete(env, head, body, raw_response)
}

/// The status and header fields of a response.
pub struct Head<'env> {
    pub status: u16,
    pub status_text: String,
    pub headers: Object<'env>,
    pub attempts: u32,
    pub timings: Option<Timings>,
}

/// The object of a response, from its parts.
pub fn complete<'env>(
    env: &'env Env,
    head: Head<'env>,
    bytes: Bytes,
    raw_response: Option<Object<'env>>,
) -> napi::Result<Handle> {
    let Head { status, status_text, headers, attempts, timings } = head;
    let instance = instance(env)?;
    let methods = &instance.methods;
    let is_streamed = raw_response.is_some();
    let response = HttpResponse {
        ok: (200..300).contains(&status),
        status,
        status_text,
        headers,
        body: buffer(env, bytes)?,
        text: methods.text.borrow_back(env)?,
        json: if is_streamed { &methods.json_of_stream } else { &methods.json }.borrow_back(env)?,
        array_buffer: methods.array_buffer.borrow_back(env)?,
        attempts,
        timings: None,
        raw_response,
    };
    let response = handle(env, response)?;
    if is_streamed {
        instance.set_timings(env, response, parts(timings))?;
    } else {
        instance.complete_response(env, response, parts(timings))?;
    }
    Ok(response)
}

/// The object of a response whose status is a failure, for `onRetry`.
pub fn refused_response(env: &Env, response: RefusedResponse, attempts: u32) -> napi::Result<Handle> {
    let RefusedResponse { status, status_text, headers: fields, body } = response;
    let headers = headers(env, &fields)?;
    let head = Head { status: status.as_u16(), status_text, headers, attempts, timings: None };
    complete(env, head, body, None)
}

/// The `HttpResponseError` of a response, with the properties of `error`.
pub fn response_error(env: &Env, error: Error, response: Handle) -> napi::Error {
    let made = || -> napi::Result<Unknown> {
        let class: Function<FnArgs<(Unknown,)>, Unknown> = js_function(env, "HttpResponseError")?;
        // SAFETY: created in this callback.
        let response = unsafe { Unknown::from_raw_unchecked(env.raw(), response) };
        let value = class.new_instance(FnArgs::from((response,)))?;
        let retryable = error.is_retryable();
        describe(env, &mut Object::from_unknown(value)?, error.into_details(), retryable)?;
        Ok(value)
    };
    made().map_or_else(|failed| failed, napi::Error::from_unknown_without_coercion)
}
