//! Core responses as JavaScript objects.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use napi::bindgen_prelude::{
    BufferSlice, FnArgs, FromNapiValue, Function, JsObjectValue, Object, This, Undefined, Unknown,
};
use napi::{Env, Property, PropertyAttributes};
use napi_derive::napi;

use crate::base::error::Error;
use crate::base::integrity::{Algorithm, Digest};
use crate::base::timings::Timings;
use crate::io::file::digest::of_file;
use crate::node::convert::streams::{ResponseStream, receive};
use crate::node::environment::instance::{instance, js_function};
use crate::node::js::buffer::buffer;
use crate::node::js::error::{describe, to_js};
use crate::node::js::headers::headers;
use crate::node::js::value::{Handle, handle};
use crate::operation::download::Downloaded;
use crate::operation::request::Response;

/// A complete answer. A plain object: it can be spread, logged and compared.
#[napi(object, object_from_js = false)]
pub struct HttpResponse<'env> {
    /// Whether the status is 200 to 299.
    pub ok: bool,
    pub status: u16,
    /// The reason phrase, as sent; the standard one where none was, or one that is not ASCII.
    pub status_text: String,
    /// Lower-case names. Repeated fields are joined as Node joins them; `set-cookie` is an array.
    #[napi(ts_type = "import('node:http').IncomingHttpHeaders")]
    pub headers: Object<'env>,
    /// The body, decoded from gzip, deflate, br or zstd.
    pub body: BufferSlice<'env>,
    /// The body as UTF-8, without a byte order mark at its beginning. Throws `ERR_STRING_TOO_LONG` beyond 536870888 bytes.
    #[napi(ts_type = "() => string")]
    pub text: Function<'env, (), Handle>,
    /// The body parsed as JSON; throws a `SyntaxError` if it is none, and `ERR_STRING_TOO_LONG` as `text()`.
    #[napi(ts_type = "<T = unknown>() => T")]
    pub json: Function<'env, (), Handle>,
    /// A copy of the body.
    #[napi(ts_type = "() => ArrayBuffer")]
    pub array_buffer: Function<'env, (), Handle>,
    /// Attempts made.
    pub attempts: u32,
    /// How long the parts of the attempt took that brought the response. `undefined` for a response from a cache, and for
    /// one of Node's own client. Computed at the first look; not enumerable.
    #[napi(ts_type = "ResponseTimings | undefined")]
    pub timings: Option<Object<'env>>,
    /// With `stream`: the body as it was sent, to be read once. Destroying it closes the connection.
    #[napi(
        ts_type = "import('node:stream').Readable & { statusCode: number; statusMessage: string; headers: import('node:http').IncomingHttpHeaders }"
    )]
    pub raw_response: Option<Object<'env>>,
}

/// A file that has been downloaded, or was there. A plain object: it can be spread, logged and compared.
#[napi(object, object_from_js = false)]
pub struct HttpDownloadResult<'env> {
    /// The destination, as given.
    pub path: String,
    /// Size in bytes.
    pub size: f64,
    /// Whether the file is there: always, because a failure rejects.
    pub ok: bool,
    /// The status under which the file came; 200 for a file that was there.
    pub status: u16,
    /// The reason phrase, as sent.
    pub status_text: String,
    /// The header fields under which the file came; none for a file that was there.
    #[napi(ts_type = "import('node:http').IncomingHttpHeaders")]
    pub headers: Object<'env>,
    /// Attempts made; 0 for a file that was there.
    pub attempts: u32,
    /// The byte at which the last attempt went on; 0 when it fetched everything.
    pub resumed_from: f64,
    /// How long the parts of the last attempt took; `undefined` for a file that was there. Not enumerable.
    #[napi(ts_type = "ResponseTimings | undefined")]
    pub timings: Option<Object<'env>>,
    /// SHA-256 of the file, in hexadecimal. Computed at the first look, unless it was on the way: see `digests`.
    #[napi(ts_type = "string")]
    pub sha256: Undefined,
    /// SHA-512 of the file, as Subresource Integrity. Computed at the first look, unless it was on the way: see
    /// `digests`.
    #[napi(ts_type = "string")]
    pub integrity: Undefined,
}

/// `path` is the destination as given, `file` its absolute form.
pub fn result(env: &Env, path: &Path, file: PathBuf, downloaded: Downloaded) -> napi::Result<Handle> {
    let Downloaded { size, digests, transfer } = downloaded;
    let timings = transfer.as_ref().map(|transfer| transfer.timings);
    let (status, status_text, fields, attempts, resumed_from) = match transfer {
        Some(it) => (it.status.as_u16(), it.status_text, it.headers, it.attempts, it.resumed_from),
        None => (200, "OK".to_owned(), http::HeaderMap::new(), 0, 0),
    };
    // Exact up to 2^53 bytes, as every number in JavaScript.
    #[allow(clippy::cast_precision_loss)]
    let (size, resumed_from) = (size as f64, resumed_from as f64);
    let result = HttpDownloadResult {
        path: path.to_string_lossy().into_owned(),
        size,
        ok: true,
        status,
        status_text,
        headers: headers(env, &fields)?,
        attempts,
        resumed_from,
        timings: None,
        sha256: (),
        integrity: (),
    };
    let result = handle(env, result)?;
    set_timings(env, result, timings)?;
    let digests = Rc::new(Digests { file, known: RefCell::new(digests) });
    let accessor = |name, algorithm, write: fn(&Digest) -> String| {
        let digests = digests.clone();
        let getter = move |env: Env, _: This| digests.get(env, algorithm).map(|digest| write(&digest));
        // Not enumerable: who only logs, spreads or compares a result does not pay for hashing the file.
        let attributes = PropertyAttributes::Configurable;
        Ok(Property::new().with_utf8_name(name)?.with_getter_closure(getter).with_property_attributes(attributes))
    };
    let accessors: napi::Result<Vec<_>> =
        [accessor("sha256", Algorithm::Sha256, Digest::hex), accessor("integrity", Algorithm::Sha512, Digest::sri)]
            .into_iter()
            .collect();
    Object::from_raw(env.raw(), result).define_properties(&accessors?)?;
    Ok(result)
}

/// The digests of a published file, those that nobody asked for computed when somebody looks.
struct Digests {
    file: PathBuf,
    known: RefCell<Vec<Digest>>,
}

impl Digests {
    fn get(&self, env: Env, algorithm: Algorithm) -> napi::Result<Digest> {
        let known = self.known.borrow().iter().find(|digest| digest.algorithm == algorithm).cloned();
        if let Some(digest) = known {
            return Ok(digest);
        }
        let failed = |error| to_js(&env, Error::file("Failed to hash file", "read", &self.file, &error));
        let digest = of_file(&self.file, [algorithm]).map_err(failed)?.remove(0);
        self.known.borrow_mut().push(digest.clone());
        Ok(digest)
    }
}

pub fn response(env: &Env, response: Response) -> napi::Result<Handle> {
    response_with(env, response, None, None)
}

/// With a body that is streamed from `wire`, until `signal` fires.
pub fn response_with<'env>(
    env: &'env Env,
    response: Response,
    wire: Option<ResponseStream>,
    signal: Option<Object<'env>>,
) -> napi::Result<Handle> {
    let Response { status, status_text, headers: fields, body, stream: _, url: _, redirected: _, attempts, timings } =
        response;
    let raw_response = match wire {
        Some(wire) => {
            let mut head = Object::new(env)?;
            head.set_named_property("statusCode", status.as_u16())?;
            head.set_named_property("statusMessage", status_text.as_str())?;
            head.set_named_property("headers", headers(env, &fields)?)?;
            Some(receive(env, wire, head, signal)?)
        }
        None => None,
    };
    let head = Head { status: status.as_u16(), status_text, headers: headers(env, &fields)?, attempts, timings };
    complete(env, head, body, raw_response)
}

/// What stands before a body.
pub struct Head<'env> {
    pub status: u16,
    pub status_text: String,
    pub headers: Object<'env>,
    pub attempts: u32,
    pub timings: Option<Timings>,
}

/// The object that callers get, from its parts.
pub fn complete<'env>(
    env: &'env Env,
    head: Head<'env>,
    bytes: Bytes,
    raw_response: Option<Object<'env>>,
) -> napi::Result<Handle> {
    let Head { status, status_text, headers, attempts, timings } = head;
    let methods = &instance(env)?.methods;
    let response = HttpResponse {
        ok: (200..300).contains(&status),
        status,
        status_text,
        headers,
        body: buffer(env, bytes)?,
        text: methods.text.borrow_back(env)?,
        json: methods.json.borrow_back(env)?,
        array_buffer: methods.array_buffer.borrow_back(env)?,
        attempts,
        timings: None,
        raw_response,
    };
    let response = handle(env, response)?;
    set_timings(env, response, timings)?;
    Ok(response)
}

/// Gives a response or a result its `timings`.
fn set_timings(env: &Env, object: Handle, timings: Option<Timings>) -> napi::Result<()> {
    let Some(Timings { dns, connect, first_byte, total }) = timings else {
        return Ok(());
    };
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let optional = |duration: Option<Duration>| duration.map_or(f64::NAN, millis);
    let parts = [optional(dns), optional(connect), millis(first_byte), millis(total)];
    // SAFETY: made in this callback.
    let object = unsafe { Unknown::from_raw_unchecked(env.raw(), object) };
    instance(env)?.set_timings(env, object, parts)
}

/// How long the parts of an attempt took, in milliseconds, with fractions.
#[napi(object, object_from_js = false)]
#[expect(dead_code, reason = "for TypeScript alone: `lib/js-support.js` makes it")]
pub struct ResponseTimings {
    /// Looking up the name of the server, or of the proxy, where a connection was opened for this attempt and a name had to be
    /// looked up.
    pub dns: Option<f64>,
    /// Connecting, the handshakes of TLS and of proxies included, where a connection was opened for this attempt.
    pub connect: Option<f64>,
    /// The handshake of TLS, where it can be told apart from connecting.
    pub tls: Option<f64>,
    /// From the start of the attempt to the head of the response, redirects included.
    pub first_byte: f64,
    /// From the start of the attempt to the end of the body; with `stream` to the head of the response.
    pub total: f64,
}

/// The `HttpResponseError` of an answer, with the properties of `error`.
pub fn response_error(env: &Env, error: Error, response: Handle) -> napi::Error {
    let made = || -> napi::Result<Unknown> {
        let class: Function<FnArgs<(Unknown,)>, Unknown> = js_function(env, "HttpResponseError")?;
        // SAFETY: made in this callback.
        let response = unsafe { Unknown::from_raw_unchecked(env.raw(), response) };
        let value = class.new_instance(FnArgs::from((response,)))?;
        let retryable = error.is_retryable();
        describe(env, &mut Object::from_unknown(value)?, error.into_details(), retryable)?;
        Ok(value)
    };
    made().map_or_else(|failed| failed, napi::Error::from_unknown_without_coercion)
}
