//! The functions of `lib/http-request/response-reader`.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use napi::bindgen_prelude::{FromNapiValue, Object, Uint8ArraySlice, Unknown};
use napi::{Env, JsValue, ValueType};
use napi_derive::napi;
use tokio::select;
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Result};
use crate::io::http::decode::decode;
use crate::node::convert::response::{Head, complete};
use crate::node::js::arguments::{count, elements, string, wrong_type, wrong_value};
use crate::node::js::buffer::buffer;
use crate::node::js::fields::{entries, field_value, is_nothing, present};
use crate::node::js::headers::header_object;
use crate::node::js::number::number;
use crate::node::js::value::{handle, pending_exception, property};
use crate::node::options::{decode_limit, decode_options};
use crate::node::promise::operation::promise;
use crate::node::promise::rejection::Rejection;
use crate::policy::http::decoding::encoded_max;
use crate::policy::http::headers::Joined;
use crate::policy::http::status_text::status_text;

/// Reads a response of `node:http` into a response like those of `httpRequest`, decoded from gzip,
/// deflate, br and zstd, or from two of them. A missing status is 0, with the text `''`.
///
/// @throws `TypeError` if `message` is not an `IncomingMessage`, or an option is wrong; any error
/// of reading it; `ERR_DECODE` if the body is broken; `ERR_BODY_TOO_LARGE` if it is larger than
/// `maxResponseSize`; an `AbortError`.
/// @example
/// ```js
/// import { once } from 'node:events'
/// import { get } from 'node:https'
/// import { readIncomingResponse } from '@socketsecurity/registry/lib/http-request/response-reader'
///
/// const [message] = await once(get('https://api.example.com/items'), 'response')
/// const response = await readIncomingResponse(message)
/// console.log(response.status, response.json())
/// ```
// lib/index.js reads the chunks and passes them as a third argument.
#[napi(
    catch_unwind,
    ts_args_type = "message: IncomingResponse, options?: DecodeOptions | null | undefined",
    ts_return_type = "Promise<HttpResponse>"
)]
pub fn read_incoming_response<'env>(
    env: &'env Env,
    message: Unknown<'env>,
    options: Option<Unknown<'env>>,
    chunks: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let start = || {
        let (limit, abort) = decode_options(env, options)?;
        let Some(chunks) = chunks else {
            return Err(wrong_type(env, "message", "an IncomingMessage", message));
        };
        let message = Object::from_unknown(message)?;
        let mut body = BytesMut::new();
        for chunk in Vec::<Unknown>::from_unknown(chunks)? {
            body.extend_from_slice(&bytes(env, "message", chunk)?);
        }
        let Received { status, status_text, fields } = received(env, &message)?;
        let encoding = field(&fields, "content-encoding").unwrap_or_default();
        let is_whole = field(&fields, "content-length").is_some_and(|length| length.trim().parse() == Ok(body.len()));
        let cancel = abort.token.clone();
        let operation = async move {
            let body = decoded(body.freeze(), encoding, limit, is_whole, cancel).await;
            let body = body.map_err(|error| status.map_or(error.clone(), |status| error.with_status(status, None)))?;
            Ok::<_, Rejection>((status.unwrap_or_default(), status_text, fields, body))
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, (status, status_text, fields, body)| {
        let head = Head { status, status_text, headers: header_object(&env, fields)?, attempts: 1, timings: None };
        complete(&env, head, body, None)
    })
}

/// The most bytes of a message that [`read_incoming_response`] may need. For `lib/index.js`, which
/// reads no more of it. Wrong options are refused later.
#[napi(catch_unwind, skip_typescript)]
pub fn encoded_response_max(env: &Env, options: Option<Unknown>) -> f64 {
    let limit = decode_limit(env, options).unwrap_or_else(|_| {
        let _ = pending_exception(env);
        Some(0)
    });
    limit.map_or(f64::INFINITY, |limit| number(encoded_max(limit)))
}

/// The head of an `IncomingMessage`.
struct Received {
    status: Option<u16>,
    status_text: String,
    fields: Vec<(String, Joined)>,
}

fn received(env: &Env, message: &Object) -> napi::Result<Received> {
    let status = present(property(message, "statusCode")?)?.map(|value| status(env, value)).transpose()?;
    let text = present(property(message, "statusMessage")?)?;
    let text = text.map(|value| string(env, "message.statusMessage", value)).transpose()?;
    let fields = present(property(message, "headers")?)?.map(|headers| fields(env, headers)).transpose()?;
    let status_text = match status.and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status) => status_text(status, text.as_deref().map(str::as_bytes)),
        None => text.unwrap_or_default(),
    };
    Ok(Received { status, status_text, fields: fields.unwrap_or_default() })
}

fn status(env: &Env, value: Unknown) -> napi::Result<u16> {
    const NAME: &str = "message.statusCode";
    let status = count(env, NAME, value)?;
    u16::try_from(status).map_err(|_| wrong_value(env, NAME, "must be an HTTP status", status))
}

/// The header fields of an `IncomingMessage`.
fn fields(env: &Env, headers: Unknown) -> napi::Result<Vec<(String, Joined)>> {
    const NAME: &str = "message.headers";
    let mut fields = Vec::new();
    for (name, value) in entries(env, headers)? {
        let name = string(env, NAME, name)?;
        // On an object with a prototype this would not be a field. Node drops it as well.
        if name == "__proto__" || is_nothing(value)? {
            continue;
        }
        let value = if value.is_array()? {
            let values = elements(env, NAME, value)?;
            Joined::Many(values.into_iter().map(|value| field_value(env, NAME, value)).collect::<napi::Result<_>>()?)
        } else {
            Joined::One(field_value(env, NAME, value)?)
        };
        fields.push((name, value));
    }
    Ok(fields)
}

fn field(fields: &[(String, Joined)], wanted: &str) -> Option<String> {
    fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| match value {
        Joined::One(value) => value.clone(),
        Joined::Many(values) => values.join(", "),
    })
}

/// Decodes the body of a response, on another thread.
///
/// @param encoding the `Content-Encoding`: gzip, deflate, br, zstd, or two of them in the order in
/// which they were applied, in one string or an array. If it is unknown or missing, the bytes are
/// returned as they are.
/// @throws `TypeError` for a wrong argument; `ERR_DECODE` if the body is broken;
/// `ERR_BODY_TOO_LARGE` if it is larger than `maxResponseSize`; an `AbortError`.
/// @example
/// ```js
/// import { gzipSync } from 'node:zlib'
/// import { decodeBody } from '@socketsecurity/registry/lib/http-request/response-reader'
///
/// const body = await decodeBody(gzipSync('text'), 'gzip')
/// console.log(body.toString())
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "buffer: Uint8Array, encoding?: string | readonly string[] | null | undefined, options?: DecodeOptions | null | undefined",
    ts_return_type = "Promise<Buffer>"
)]
pub fn decode_body<'env>(
    env: &'env Env,
    body: Unknown<'env>,
    encoding: Option<Unknown<'env>>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let start = || {
        let encoding = encoding.map(|encoding| encodings(env, encoding)).transpose()?.unwrap_or_default();
        // Copied: the caller may change it while it is decoded.
        let body = bytes(env, "buffer", body)?;
        let (limit, abort) = decode_options(env, options)?;
        let cancel = abort.token.clone();
        let operation = async move { decoded(body, encoding, limit, false, cancel).await.map_err(Rejection::from) };
        Ok((operation, abort))
    };
    promise(env, start, |env, body| handle(&env, buffer(&env, body)?))
}

async fn decoded(
    body: Bytes,
    encoding: String,
    limit: Option<u64>,
    is_whole: bool,
    cancel: CancellationToken,
) -> Result<Bytes> {
    select! {
        body = decode(body, &encoding, limit, is_whole) => body,
        () = cancel.cancelled() => Err(Error::aborted()),
    }
}

/// One string, or an array of strings.
fn encodings(env: &Env, value: Unknown) -> napi::Result<String> {
    const NAME: &str = "encoding";
    if value.is_array()? {
        let names = elements(env, NAME, value)?.into_iter().map(|name| string(env, NAME, name));
        return Ok(names.collect::<napi::Result<Vec<_>>>()?.join(","));
    }
    if value.get_type()? == ValueType::String {
        return string(env, NAME, value);
    }
    Err(wrong_type(env, NAME, "a string or an array of strings", value))
}

fn bytes(env: &Env, name: &str, value: Unknown) -> napi::Result<Bytes> {
    let wrong = || wrong_type(env, name, "a Buffer or a Uint8Array", value);
    if !value.is_typedarray()? {
        return Err(wrong());
    }
    let bytes = Uint8ArraySlice::from_unknown(value).map_err(|_| wrong())?;
    Ok(Bytes::copy_from_slice(&bytes))
}
