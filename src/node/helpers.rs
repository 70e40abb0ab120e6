//! Small functions around requests that need no network, but for one.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use napi::bindgen_prelude::{
    BufferSlice, Either, FnArgs, FromNapiValue, Function, JsObjectValue, Null, Object, Uint8ArraySlice, Undefined,
    Unknown,
};
use napi::{Env, JsValue, ValueType};
use napi_derive::napi;

use crate::error::redacted;
use crate::io::decode;
use crate::node::abort::Abort;
use crate::node::arguments::{agent_of, string, wrong_type};
use crate::node::bridge::{Failure, Handle, handle, promise, property};
use crate::node::environment::Environment;
use crate::node::error::to_js;
use crate::node::functions::answered;
use crate::node::response::response_of;
use crate::operation::request::status_error;
use crate::options::RequestOptions;
use crate::policy::{checksum_file, headers, retry, user_agent};

/// Reads a list of SHA-256 digests, as `sha256sum` or `shasum --tag` writes it: file name to `sha256-<base64>`. Lines of any
/// other form are skipped.
///
/// @throws `TypeError` when `text` is not a string.
#[napi(catch_unwind, ts_args_type = "text: string", ts_return_type = "Record<string, string>")]
pub fn parse_checksum_file<'env>(env: &'env Env, text: Unknown<'env>) -> napi::Result<Object<'env>> {
    checksums(env, &string(env, "text", text)?)
}

/// Gets a list of SHA-256 digests and parses it.
///
/// @throws as `httpRequest`; `Failed to fetch checksums from <url>: 404 Not Found` with `code: 'ERR_HTTP_STATUS'` for any status
/// but 200 to 299.
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, options?: HttpRequestOptions | null | undefined",
    ts_return_type = "Promise<Record<string, string>>"
)]
pub fn fetch_checksum_file<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let whole = |options: &mut RequestOptions, _| options.stream = false;
    answered(env, address, options, whole, |env, answer, _| {
        if !answer.status.is_success() {
            let (status, text) = (answer.status.as_u16(), &answer.status_text);
            let message = format!("Failed to fetch checksums from {}: {status} {text}", redacted(&answer.url));
            return Err(to_js(env, status_error(&answer).with_message(message.trim_end())));
        }
        handle(env, checksums(env, &String::from_utf8_lossy(&answer.body))?)
    })
}

fn checksums<'env>(env: &'env Env, text: &str) -> napi::Result<Object<'env>> {
    let mut sums = bare_object(env)?;
    for (name, digest) in checksum_file::parse(text) {
        sums.set_property(env.create_string(name)?, env.create_string(digest)?)?;
    }
    Ok(sums)
}

/// An object without a prototype: any name is just a name.
fn bare_object(env: &Env) -> napi::Result<Object<'_>> {
    let constructor: Object = env.get_global()?.get_named_property_unchecked("Object")?;
    let create: Function<FnArgs<(Null,)>, Object> = constructor.get_named_property_unchecked("create")?;
    create.call(FnArgs::from((Null,)))
}

/// The milliseconds that a `Retry-After` asks to wait: whole seconds, or a date in the future; of several values the first.
/// `undefined` for anything else.
#[napi(
    catch_unwind,
    ts_args_type = "value: string | readonly string[] | null | undefined",
    ts_return_type = "number | undefined"
)]
pub fn parse_retry_after_header(value: Unknown) -> napi::Result<Either<f64, Undefined>> {
    let value = match value.get_type()? {
        ValueType::Object if value.is_array()? => Object::from_unknown(value)?.get_element::<Unknown>(0)?,
        _ => value,
    };
    if value.get_type()? != ValueType::String {
        return Ok(Either::B(()));
    }
    let wait = retry::retry_after(&String::from_unknown(value)?, SystemTime::now());
    Ok(wait.map_or(Either::B(()), |wait| Either::A((wait.as_secs_f64() * 1000.0).round())))
}

/// Whether the value of a header field of this name is hidden by `sanitizeHeaders`.
#[napi(catch_unwind, ts_args_type = "name: string")]
pub fn is_sensitive_header_name<'env>(env: &'env Env, name: Unknown<'env>) -> napi::Result<bool> {
    string(env, "name", name).map(|name| headers::is_sensitive_name(&name))
}

/// A copy of header fields that may be logged: `[REDACTED]` stands for values of names that contain auth, cookie, credential, key,
/// password, secret or token. Lists are joined; `null` and `undefined` are left out.
#[napi(
    catch_unwind,
    ts_args_type = "headers?: Record<string, unknown> | null | undefined",
    ts_return_type = "Record<string, string>"
)]
pub fn sanitize_headers<'env>(env: &'env Env, headers: Option<Unknown<'env>>) -> napi::Result<Object<'env>> {
    let mut sanitized = bare_object(env)?;
    let Some(headers) = headers.filter(|it| !matches!(it.get_type(), Ok(ValueType::Undefined | ValueType::Null)))
    else {
        return Ok(sanitized);
    };
    if headers.get_type()? != ValueType::Object {
        return Err(wrong_type(env, "headers", "an object", headers));
    }
    let fields = Object::from_unknown(headers)?;
    for name in Object::keys(&fields)? {
        let value: Unknown = fields.get_property_unchecked(env.create_string(&name)?)?;
        if matches!(value.get_type()?, ValueType::Undefined | ValueType::Null) {
            continue;
        }
        let shown = if headers::is_sensitive_name(&name) { "[REDACTED]".to_owned() } else { shown(value)? };
        sanitized.set_property(env.create_string(name)?, env.create_string(shown)?)?;
    }
    Ok(sanitized)
}

fn shown(value: Unknown) -> napi::Result<String> {
    if !value.is_array()? {
        return value.coerce_to_string()?.into_utf8()?.into_owned();
    }
    let parts: napi::Result<Vec<String>> = Vec::<Unknown>::from_unknown(value)?
        .into_iter()
        .filter(|part| !matches!(part.get_type(), Ok(ValueType::Undefined | ValueType::Null)))
        .map(|part| part.coerce_to_string()?.into_utf8()?.into_owned())
        .collect();
    parts.map(|parts| parts.join(", "))
}

/// The `Authorization` of a token that is a user without a password: `Basic base64(token:)`.
///
/// @throws `TypeError` when `token` is not a string.
#[napi(catch_unwind, ts_args_type = "token: string")]
pub fn basic_auth_header<'env>(env: &'env Env, token: Unknown<'env>) -> napi::Result<String> {
    string(env, "token", token).map(|token| format!("Basic {}", STANDARD.encode(format!("{token}:"))))
}

/// What to tell a person about a failed request: method and URL, and a line on the reason, by the `code` of the error.
#[napi(catch_unwind, ts_args_type = "url: string | URL, method: string, error: unknown", ts_return_type = "string")]
pub fn enrich_error_message<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    method: Unknown<'env>,
    error: Unknown<'env>,
) -> napi::Result<String> {
    let address = address.coerce_to_string()?.into_utf8()?.into_owned()?;
    let shown = url::Url::parse(&address).map_or(address, |url| redacted(&url));
    let code = match error.get_type()? {
        ValueType::Object => property(&Object::from_unknown(error)?, "code")?,
        _ => error,
    };
    let mut message = format!("{} request failed: {shown}", string(env, "method", method)?);
    if code.get_type()? == ValueType::String {
        message.push('\n');
        message.push_str(&reason(&string(env, "error.code", code)?));
    }
    Ok(message)
}

fn reason(code: &str) -> String {
    let reason = match code {
        "ECONNREFUSED" => "Connection refused: is the server running, and are host and port right?",
        "ENOTFOUND" | "EAI_AGAIN" => "DNS lookup failed: check the host name and the network connection",
        "ETIMEDOUT" | "ERR_TIMEOUT" => "Connection timed out: the network or the server is slow or not reachable",
        "ECONNRESET" => "Connection reset: the server closed the connection; try again",
        "EPIPE" => "Broken pipe: the server closed the connection while the request was sent",
        code if code.contains("CERT") || code.contains("SIGNATURE") => {
            "SSL/TLS certificate error: check the clock; for a private authority set NODE_EXTRA_CA_CERTS"
        }
        code => return format!("Error code: {code}"),
    };
    reason.to_owned()
}

/// A body that was sent with this `Content-Encoding` (gzip, deflate, br, zstd, or several), decoded; as it is when that is missing or
/// unknown.
///
/// @throws `ERR_DECODE` when the body is broken; `TypeError` for a wrong argument.
#[napi(
    catch_unwind,
    ts_args_type = "body: Uint8Array, encoding?: string | readonly string[] | null | undefined",
    ts_return_type = "Promise<Buffer>"
)]
pub fn decode_body<'env>(
    env: &'env Env,
    body: Unknown<'env>,
    encoding: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let start = || {
        if body.get_type()? != ValueType::Object || !body.is_typedarray()? {
            return Err(wrong_type(env, "body", "a Buffer or a Uint8Array", body));
        }
        let bytes = bytes::Bytes::copy_from_slice(&Uint8ArraySlice::from_unknown(body)?);
        let coding = match encoding {
            Some(value) if !matches!(value.get_type()?, ValueType::Undefined | ValueType::Null) => shown(value)?,
            _ => String::new(),
        };
        let operation = async move { decode::decode(bytes, &coding).await.map_err(Failure::from) };
        Ok((operation, Abort::default()))
    };
    promise(env, start, |env, body| handle(&env, BufferSlice::from_data(&env, body)?))
}

/// An answer of Node's own client as one of ours.
#[napi(catch_unwind, skip_typescript)]
pub fn response_from<'env>(
    env: &'env Env,
    status: u16,
    status_text: String,
    headers: Object<'env>,
    body: BufferSlice<'env>,
) -> napi::Result<Handle> {
    response_of(env, status, status_text, headers, body)
}

/// A program as `User-Agent`: `<slug>/<version> node/<version> <platform>/<arch>`, and that of its caller behind it.
///
/// @throws `TypeError` when name or version are not strings.
#[napi(
    catch_unwind,
    ts_args_type = "program: { name: string; version: string }, caller?: string | undefined",
    ts_return_type = "string"
)]
pub fn build_user_agent<'env>(
    env: &'env Env,
    program: Unknown<'env>,
    caller: Option<Unknown<'env>>,
) -> napi::Result<String> {
    if program.get_type()? != ValueType::Object {
        return Err(wrong_type(env, "program", "an object with name and version", program));
    }
    let program = Object::from_unknown(program)?;
    let name = string(env, "program.name", property(&program, "name")?)?;
    let version = string(env, "program.version", property(&program, "version")?)?;
    let own = agent_of(env, &user_agent::slug(&name), &version);
    let caller = optional(env, "caller", caller)?.unwrap_or_default();
    Ok(user_agent::chain(&[&own, &caller]))
}

/// The programs that a request went through, the nearest first, each once, sanitized.
#[napi(catch_unwind, ts_args_type = "...hops: (string | null | undefined)[]", ts_return_type = "string")]
pub fn chain_user_agents<'env>(env: &'env Env, hops: Vec<Unknown<'env>>) -> napi::Result<String> {
    let hops: napi::Result<Vec<_>> = hops.into_iter().map(|hop| optional(env, "hops", Some(hop))).collect();
    let hops: Vec<String> = hops?.into_iter().flatten().collect();
    Ok(user_agent::chain(&hops.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// Fit for `User-Agent`: control characters become spaces; 256 characters at most.
///
/// @throws `TypeError` when `text` is not a string.
#[napi(catch_unwind, ts_args_type = "text: string", ts_return_type = "string")]
pub fn sanitize_user_agent<'env>(env: &'env Env, text: Unknown<'env>) -> napi::Result<String> {
    string(env, "text", text).map(|text| user_agent::sanitized(&text))
}

/// `SOCKET_CALLER_USER_AGENT` of the calling JavaScript's `process.env`, sanitized.
#[napi(catch_unwind, ts_return_type = "string | undefined")]
pub fn get_socket_caller_user_agent(env: &Env) -> napi::Result<Either<String, Undefined>> {
    let caller = Environment::of(env)?.get("SOCKET_CALLER_USER_AGENT")?;
    let caller = caller.map(|caller| user_agent::sanitized(&caller)).filter(|caller| !caller.is_empty());
    Ok(caller.map_or(Either::B(()), Either::A))
}

fn optional(env: &Env, name: &str, value: Option<Unknown>) -> napi::Result<Option<String>> {
    match value {
        Some(value) if !matches!(value.get_type()?, ValueType::Undefined | ValueType::Null) => {
            string(env, name, value).map(Some)
        }
        _ => Ok(None),
    }
}
