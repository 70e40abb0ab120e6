//! Core responses as JavaScript objects.

use napi::bindgen_prelude::{
    ArrayBuffer, BufferSlice, FromNapiValue, Function, FunctionCallContext, FunctionRef, JsObjectValue, Object,
    Uint8ArraySlice, Unknown,
};
use napi::{Env, JsString};
use napi_derive::napi;

use crate::node::bridge::{Handle, handle, property};
use crate::operation::download::Downloaded;
use crate::operation::request::Response;
use crate::policy::headers::{Joined, joined};

/// Bodies up to this size are copied into memory of V8, which is cheaper than telling it of ours.
const COPY_MAX: usize = 64 << 10;

/// A complete answer. A plain object: it can be spread, logged and compared.
#[napi(object, object_from_js = false)]
pub struct HttpResponse<'env> {
    /// Whether the status is 200 to 299.
    pub ok: bool,
    pub status: u16,
    /// The reason phrase, as sent.
    pub status_text: String,
    /// Lower-case names. Repeated fields are joined as Node joins them; `set-cookie` is an array.
    #[napi(ts_type = "import('node:http').IncomingHttpHeaders")]
    pub headers: Object<'env>,
    /// The body, decoded from gzip, deflate, br or zstd.
    pub body: BufferSlice<'env>,
    /// The body as UTF-8.
    #[napi(ts_type = "() => string")]
    pub text: Function<'env, (), Handle>,
    /// The body parsed as JSON; throws a `SyntaxError` if it is none.
    #[napi(ts_type = "<T = unknown>() => T")]
    pub json: Function<'env, (), Handle>,
    /// A copy of the body.
    #[napi(ts_type = "() => ArrayBuffer")]
    pub array_buffer: Function<'env, (), Handle>,
}

/// A file that has been downloaded, or was there.
#[napi(object, object_from_js = false)]
pub struct HttpDownloadResult {
    /// The destination, as given.
    pub path: String,
    /// Size in bytes.
    pub size: f64,
}

impl HttpDownloadResult {
    pub fn new(path: String, downloaded: Downloaded) -> Self {
        // Exact up to 2^53 bytes, as every number in JavaScript.
        #[allow(clippy::cast_precision_loss)]
        Self { path, size: downloaded.size as f64 }
    }
}

/// The functions of all responses of one environment: made once, they work on the object that they are called on.
struct Methods {
    text: FunctionRef<(), Handle>,
    json: FunctionRef<(), Handle>,
    array_buffer: FunctionRef<(), Handle>,
}

pub fn response(env: &Env, response: Response) -> napi::Result<Handle> {
    let Response { status, status_text, headers: fields, body: bytes, url: _, attempts: _ } = response;
    let methods = methods(env)?;
    let body = if bytes.len() <= COPY_MAX {
        BufferSlice::copy_from(env, &bytes)?
    } else {
        BufferSlice::from_data(env, bytes)?
    };
    let response = HttpResponse {
        ok: status.is_success(),
        status: status.as_u16(),
        status_text,
        headers: headers(env, &fields)?,
        body,
        text: methods.text.borrow_back(env)?,
        json: methods.json.borrow_back(env)?,
        array_buffer: methods.array_buffer.borrow_back(env)?,
    };
    handle(env, response)
}

fn headers<'env>(env: &'env Env, fields: &http::HeaderMap) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    for (name, value) in joined(fields) {
        match value {
            Joined::One(value) => object.set_named_property(name, value)?,
            Joined::Many(values) => object.set_named_property(name, values)?,
        }
    }
    Ok(object)
}

/// The body as JSON, by V8's own parser.
pub fn parse_json<'env>(env: &'env Env, bytes: &[u8]) -> napi::Result<Unknown<'env>> {
    let json: Object = env.get_global()?.get_named_property_unchecked("JSON")?;
    let parse: Function<JsString, Unknown> = json.get_named_property_unchecked("parse")?;
    parse.call(env.create_string(String::from_utf8_lossy(bytes))?)
}

fn methods(env: &Env) -> napi::Result<&'static mut Methods> {
    if let Some(methods) = env.get_instance_data::<Methods>()? {
        return Ok(methods);
    }
    let methods = Methods {
        text: env
            .create_function_from_closure("text", |call| {
                let body = body_of(&call)?;
                handle(call.env, call.env.create_string(String::from_utf8_lossy(&body))?)
            })?
            .create_ref()?,
        json: env
            .create_function_from_closure("json", |call| {
                let body = body_of(&call)?;
                handle(call.env, parse_json(call.env, &body)?)
            })?
            .create_ref()?,
        array_buffer: env
            .create_function_from_closure("arrayBuffer", |call| {
                let body = body_of(&call)?;
                handle(call.env, ArrayBuffer::copy_from(call.env, body)?)
            })?
            .create_ref()?,
    };
    env.set_instance_data(methods, (), |_| {})?;
    env.get_instance_data::<Methods>()?.ok_or_else(|| napi::Error::from_reason("the functions of responses were lost"))
}

fn body_of<'scope>(call: &FunctionCallContext<'scope>) -> napi::Result<Uint8ArraySlice<'scope>> {
    let lost = || napi::Error::new(napi::Status::InvalidArg, "Call this function on its response: response.text()");
    let this = call.this::<Object>().map_err(|_| lost())?;
    Uint8ArraySlice::from_unknown(property(&this, "body")?).map_err(|_| lost())
}
