//! The exported helpers: checksum files, header fields, error messages, answers of Node's own client, user agents.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use napi::bindgen_prelude::{
    Either, FnArgs, FromNapiValue, Function, JsObjectValue, Null, Object, Uint8ArraySlice, Undefined, Unknown,
};
use napi::{Env, JsValue, ValueType};
use napi_derive::napi;
use tokio::select;
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Result, redacted_text};
use crate::base::options::{CHECKSUMS_MAX, RequestOptions};
use crate::client::Client;
use crate::io::http::decode::decode;
use crate::node::convert::response::{Head, complete};
use crate::node::convert::user_agent::platform;
use crate::node::environment::instance::environment;
use crate::node::environment::objects::{given_object, url};
use crate::node::environment::warning::warn_if_unverified;
use crate::node::js::arguments::{content, count, elements, string, wrong_type, wrong_value};
use crate::node::js::buffer::buffer;
use crate::node::js::headers::header_object;
use crate::node::js::value::{handle, property};
use crate::node::options::{Call, Defaults, decode_options, request_options};
use crate::node::promise::abort::Abort;
use crate::node::promise::failure::{CallbackError, Failure};
use crate::node::promise::operation::promise;
use crate::operation::blocking;
use crate::operation::request::status_error;
use crate::policy::http::headers::{Joined, basic_auth, is_sensitive_name};
use crate::policy::http::retry::retry_after;
use crate::policy::http::status_text::status_text;
use crate::policy::http::user_agent;
use crate::policy::text::checksum_file::parse;
use crate::policy::text::error_message::enriched;

/// The digests that a checksum file lists, by file name: `sha256-<base64>`, as `integrity` of a download takes it.
///
/// Understands lines of `<64 hexadecimal digits>  name` and of `SHA256 (name) = <64 hexadecimal digits>`, and skips all
/// others. A `*` or `./` before a name is not part of it. Of several lines for one name the last counts.
///
/// @returns an object without a prototype, so that no name of a file finds anything but its digest.
/// @throws `TypeError` when `text` is not a string.
#[napi(catch_unwind, ts_args_type = "text: string", ts_return_type = "Record<string, string>")]
pub fn parse_checksum_file<'env>(env: &'env Env, text: Unknown<'env>) -> napi::Result<Object<'env>> {
    let text = content(env, "text", text)?;
    record(env, parse(&text).map(|(name, digest)| (name, digest.sri())))
}

/// Gets a checksum file and parses it: see `parseChecksumFile`. Takes the options of `httpRequest`; always a GET request.
///
/// @throws as `httpRequest`; `Failed to fetch checksums from <url>: 404 Not Found` with `code: 'ERR_HTTP_STATUS'` and
/// `status` for any status but 200 to 299.
#[napi(
    catch_unwind,
    ts_args_type = "url: string | URL, options?: Omit<HttpRequestOptions, 'body' | 'method' | 'stream' | 'throwOnError'> | null | undefined",
    ts_return_type = "Promise<Record<string, string>>"
)]
pub fn fetch_checksum_file<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<Object<'env>> {
    let callback_error = CallbackError::default();
    let start = || {
        let url = url(env, address)?;
        let shown = redacted_text(url.as_str());
        let (options, Call { signal, .. }) = request_options(env, options, Defaults::default(), &callback_error)?;
        let max_size = options.max_size.or(Some(CHECKSUMS_MAX));
        let options = RequestOptions { method: Method::GET, body: None, stream: false, max_size, ..options };
        warn_if_unverified(env, &url, &options.network.tls)?;
        let abort = Abort::listen(env, signal)?;
        let cancel = abort.token.clone();
        let operation = async move {
            let answer =
                Client::shared().request(url, options, &cancel).await.map_err(|error| callback_error.or(error))?;
            if !answer.status.is_success() {
                let status = format!("{} {}", answer.status.as_u16(), answer.status_text);
                let message = format!("Failed to fetch checksums from {shown}: {}", status.trim_end());
                return Err(status_error(&answer).with_message(message).into());
            }
            // A large file takes long to read: not on the thread of the network.
            let digests = move || {
                let text = String::from_utf8_lossy(&answer.body);
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                Ok(parse(text).map(|(name, digest)| (name.to_owned(), digest.sri())).collect::<Vec<_>>())
            };
            Ok::<_, Failure>(blocking(digests).await?)
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, digests| handle(&env, record(&env, digests)?))
}

/// How long a `Retry-After` field asks to wait, in milliseconds: whole seconds, or a date in the future as HTTP writes it.
/// Of several values the first counts. `undefined` for anything else.
///
/// @throws `TypeError` when `value` is neither a string, an array of strings nor `undefined`.
#[napi(
    catch_unwind,
    ts_args_type = "value?: string | readonly string[] | null | undefined",
    ts_return_type = "number | undefined"
)]
pub fn parse_retry_after_header<'env>(
    env: &'env Env,
    value: Option<Unknown<'env>>,
) -> napi::Result<Either<f64, Undefined>> {
    // The highest number that JavaScript counts to exactly.
    const MOST: u128 = (1 << 53) - 1;
    let first = match value {
        Some(list) if list.is_array()? => Object::from_unknown(list)?.get_element::<Unknown>(0)?,
        Some(value) => value,
        None => return Ok(Either::B(())),
    };
    if is_nothing(first)? {
        return Ok(Either::B(()));
    }
    if first.get_type()? != ValueType::String {
        return Err(wrong_type(env, "value", "a string or an array of strings", first));
    }
    let Some(delay) = retry_after(&string(env, "value", first)?, SystemTime::now()) else {
        return Ok(Either::B(()));
    };
    // A part of a millisecond counts as a whole one: who waits is not early.
    #[allow(clippy::cast_precision_loss, reason = "MOST is exact")]
    Ok(Either::A(delay.as_nanos().div_ceil(1_000_000).min(MOST) as f64))
}

/// A copy of header fields that can be logged: the values of names that contain `auth`, `cookie`, `credential`, `key`,
/// `password`, `secret` or `token`, and of those that a redirect drops, are `[REDACTED]`. Arrays are joined with `, `; `null` and `undefined` are dropped;
/// other values become strings.
///
/// @param headers an object, or what iterates over names and values, such as `Headers` and `Map`.
/// @returns an object without a prototype.
/// @throws `TypeError` when `headers` is no object, or a value is a symbol or a function.
#[napi(
    catch_unwind,
    ts_args_type = "headers?: object | Iterable<readonly [string, unknown]> | null | undefined",
    ts_return_type = "Record<string, string>"
)]
pub fn sanitize_headers<'env>(env: &'env Env, headers: Option<Unknown<'env>>) -> napi::Result<Object<'env>> {
    let mut sanitized = without_prototype(env)?;
    let Some(headers) = headers else {
        return Ok(sanitized);
    };
    for (name, value) in entries(env, headers)? {
        let text = string(env, "headers", name)?;
        if is_nothing(value)? {
            continue;
        }
        let shown = if is_sensitive_name(&text) {
            "[REDACTED]".to_owned()
        } else {
            let value = shown_value(env, &text, value)?;
            // `Headers` and lists of pairs name a field as often as it is there.
            let before: Unknown = sanitized.get_property_unchecked(name)?;
            match before.get_type()? {
                ValueType::String => format!("{}, {value}", string(env, "headers", before)?),
                _ => value,
            }
        };
        sanitized.set_property(name, env.create_string(&shown)?)?;
    }
    Ok(sanitized)
}

/// Whether `sanitizeHeaders` hides the values of this field.
///
/// @throws `TypeError` when `name` is not a string.
#[napi(catch_unwind, ts_args_type = "name: string")]
pub fn is_sensitive_header_name<'env>(env: &'env Env, name: Unknown<'env>) -> napi::Result<bool> {
    Ok(is_sensitive_name(&string(env, "name", name)?))
}

/// The value of `Authorization` for a token: `Basic`, and the base64 of the token (UTF-8) and a colon.
///
/// @throws `TypeError` when `token` is not a string.
#[napi(catch_unwind, ts_args_type = "token: string")]
pub fn basic_auth_header<'env>(env: &'env Env, token: Unknown<'env>) -> napi::Result<String> {
    Ok(basic_auth(&string(env, "token", token)?))
}

/// What to tell a person about a request that failed: `GET request failed: <url>`, and a second line by `error.code`, or
/// by the code of its `cause`. Passwords and tokens in the URL are removed.
///
/// @throws `TypeError` for a wrong `url` or `method`. `error` may be anything.
#[napi(catch_unwind, ts_args_type = "url: string | URL, method: string | undefined, error: unknown")]
pub fn enrich_error_message<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    method: Option<Unknown<'env>>,
    error: Option<Unknown<'env>>,
) -> napi::Result<String> {
    let text = match address.get_type()? {
        ValueType::Object => property(&given_object(env, address)?, "href")?,
        _ => address,
    };
    if text.get_type()? != ValueType::String {
        return Err(wrong_type(env, "url", "a string or a URL", address));
    }
    let method = method.map_or_else(|| Ok("GET".to_owned()), |method| string(env, "method", method))?;
    let code = error.map(|error| code_of(env, error)).transpose()?.flatten();
    Ok(enriched(&string(env, "url", text)?, &method, code.as_deref()))
}

/// The code of an error, or of the nearest cause that has one: `fetch` hides them there.
fn code_of(env: &Env, mut error: Unknown) -> napi::Result<Option<String>> {
    const CAUSES_MAX: usize = 5;
    for _ in 0..CAUSES_MAX {
        if error.get_type()? != ValueType::Object {
            return Ok(None);
        }
        let object = Object::from_unknown(error)?;
        let code = property(&object, "code")?;
        if code.get_type()? == ValueType::String {
            return string(env, "error.code", code).map(|code| Some(code).filter(|code| !code.is_empty()));
        }
        error = property(&object, "cause")?;
    }
    Ok(None)
}

/// Reads an answer of Node's own client into a response like those of `httpRequest`, decoded from gzip, deflate, br and
/// zstd, or from two of them. Without a status it is 0, and `''`.
///
/// @throws `TypeError` when `message` is no `IncomingMessage`, or an option is wrong; what reading it throws; `ERR_DECODE` when
/// the body is broken; `ERR_BODY_TOO_LARGE` when it is larger than `maxResponseSize`; an `AbortError`.
// lib/index.js reads the chunks: nobody else passes them.
#[napi(
    catch_unwind,
    ts_args_type = "message: import('node:http').IncomingMessage, options?: DecodeOptions | null | undefined",
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
        let status = given(property(&message, "statusCode")?)?.map(|value| status(env, value)).transpose()?;
        let text = given(property(&message, "statusMessage")?)?;
        let text = text.map(|value| string(env, "message.statusMessage", value)).transpose()?;
        let fields = given(property(&message, "headers")?)?.map(|headers| fields(env, headers)).transpose()?;
        let fields = fields.unwrap_or_default();
        let field = |wanted: &str| {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| match value {
                Joined::One(value) => value.clone(),
                Joined::Many(values) => values.join(", "),
            })
        };
        let encoding = field("content-encoding").unwrap_or_default();
        let is_whole = field("content-length").is_some_and(|length| length.trim().parse() == Ok(body.len()));
        let text = match status.and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) => status_text(status, text.as_deref().map(str::as_bytes)),
            None => text.unwrap_or_default(),
        };
        let cancel = abort.token.clone();
        let operation = async move {
            let body = decoded(body.freeze(), encoding, limit, is_whole, cancel).await;
            let body = body.map_err(|error| status.map_or(error.clone(), |status| error.with_status(status, None)))?;
            Ok::<_, Failure>((status.unwrap_or_default(), text, fields, body))
        };
        Ok((operation, abort))
    };
    promise(env, start, |env, (status, status_text, fields, body)| {
        let head = Head { status, status_text, headers: header_object(&env, fields)?, attempts: 1, timings: None };
        complete(&env, head, body, None)
    })
}

/// Decodes the body of an answer, on another thread.
///
/// @param encoding the `Content-Encoding`: gzip, deflate, br, zstd, or two of them in the order in which they were
/// applied, in one string or an array. With one that is unknown, or none, the bytes stay as they are.
/// @throws `TypeError` for a wrong argument; `ERR_DECODE` when the body is broken; `ERR_BODY_TOO_LARGE` when it is larger than
/// `maxResponseSize`; an `AbortError`.
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
        let operation = async move { decoded(body, encoding, limit, false, cancel).await.map_err(Failure::from) };
        Ok((operation, abort))
    };
    promise(env, start, |env, body| handle(&env, buffer(&env, body)?))
}

/// A `User-Agent`: `name/1.0.0 node/v22.0.0 linux/x64`, and the caller's behind it. `@scope/name` is written
/// `scope-name`. Sanitized as by `sanitizeUserAgent`, and no hop is named twice.
///
/// @param application for instance the content of a package.json.
/// @throws `TypeError` when `name` or `version` are no strings, or nothing of them can be part of a field.
#[napi(
    catch_unwind,
    ts_args_type = "application: { name: string; version: string }, caller?: string | null | undefined"
)]
pub fn build_user_agent<'env>(
    env: &'env Env,
    application: Unknown<'env>,
    caller: Option<Unknown<'env>>,
) -> napi::Result<String> {
    if application.get_type()? != ValueType::Object {
        return Err(wrong_type(env, "application", "an object with name and version", application));
    }
    let application = given_object(env, application)?;
    let token = |key, shown| {
        let text = string(env, shown, property(&application, key)?)?;
        let empty = || wrong_value(env, shown, "must have letters or digits", format!("{text:?}"));
        user_agent::token(&text).ok_or_else(empty)
    };
    let (name, version) = (token("name", "application.name")?, token("version", "application.version")?);
    let caller = caller.map(|caller| string(env, "caller", caller)).transpose()?;
    Ok(user_agent::user_agent(&name, &version, platform(env), caller.as_deref()))
}

/// One `User-Agent` of several, the nearest first. Each hop (a product with `node/…`, platform and comments behind it) is
/// named once; `null` and `undefined` are passed over.
///
/// @throws `TypeError` when one is not a string.
// lib/index.js passes the arguments as one array.
#[napi(catch_unwind, ts_args_type = "...agents: (string | readonly string[] | null | undefined)[]")]
pub fn chain_user_agents<'env>(env: &'env Env, agents: Unknown<'env>) -> napi::Result<String> {
    let mut chain = Vec::new();
    for (index, agent) in elements(env, "agents", agents)?.into_iter().enumerate() {
        if let Some(agent) = given(agent)? {
            chain.push(string(env, &format!("agents[{index}]"), agent)?);
        }
    }
    Ok(user_agent::chain(&chain.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// Text that can be sent as `User-Agent`: whatever is not visible ASCII becomes a space, several spaces become one, and
/// 256 characters are left at most.
///
/// @throws `TypeError` when `text` is not a string.
#[napi(catch_unwind, ts_args_type = "text: string")]
pub fn sanitize_user_agent<'env>(env: &'env Env, text: Unknown<'env>) -> napi::Result<String> {
    Ok(user_agent::sanitized(&content(env, "text", text)?))
}

/// The program that started this one, as `SOCKET_CALLER_USER_AGENT` of `process.env` says now, sanitized; `undefined` when
/// it says nothing.
#[napi(catch_unwind, ts_return_type = "string | undefined")]
pub fn get_socket_caller_user_agent(env: &Env) -> napi::Result<Either<String, Undefined>> {
    let caller = environment(env)?.get("SOCKET_CALLER_USER_AGENT");
    let caller = caller.map(|caller| user_agent::sanitized(&caller)).filter(|caller| !caller.is_empty());
    Ok(caller.map_or(Either::B(()), Either::A))
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

/// One string, or an array of them.
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

fn status(env: &Env, value: Unknown) -> napi::Result<u16> {
    const NAME: &str = "message.statusCode";
    let status = count(env, NAME, value)?;
    u16::try_from(status).map_err(|_| wrong_value(env, NAME, "must be an HTTP status", status))
}

/// Fields as `IncomingMessage` has them.
fn fields(env: &Env, headers: Unknown) -> napi::Result<Vec<(String, Joined)>> {
    const NAME: &str = "message.headers";
    let mut fields = Vec::new();
    for (name, value) in entries(env, headers)? {
        let name = string(env, NAME, name)?;
        // On an object with a prototype this would not be a field; Node drops it, too.
        if name == "__proto__" || is_nothing(value)? {
            continue;
        }
        let value = if value.is_array()? {
            let values = elements(env, NAME, value)?;
            Joined::Many(values.into_iter().map(|value| text_of(env, NAME, value)).collect::<napi::Result<_>>()?)
        } else {
            Joined::One(text_of(env, NAME, value)?)
        };
        fields.push((name, value));
    }
    Ok(fields)
}

/// Names and values: those that the object iterates over, or its own.
fn entries<'env>(env: &'env Env, headers: Unknown<'env>) -> napi::Result<Vec<(Unknown<'env>, Unknown<'env>)>> {
    let not_fields = || wrong_type(env, "headers", "an object of header fields", headers);
    if headers.get_type()? != ValueType::Object {
        return Err(not_fields());
    }
    let global = env.get_global()?;
    let symbol: Object = global.get_named_property_unchecked("Symbol")?;
    let iterator = property(&symbol, "iterator")?;
    let iterate: Unknown = Object::from_unknown(headers)?.get_property_unchecked(iterator)?;
    let (class, function) =
        if iterate.get_type()? == ValueType::Function { ("Array", "from") } else { ("Object", "entries") };
    let class: Object = global.get_named_property_unchecked(class)?;
    let list: Function<Unknown, Vec<Unknown>> = class.get_named_property_unchecked(function)?;
    let pairs = list.apply(class, headers)?.into_iter().map(|pair| {
        if !pair.is_array()? {
            return Err(not_fields());
        }
        let pair = Object::from_unknown(pair)?;
        let name: Unknown = pair.get_element(0)?;
        if name.get_type()? != ValueType::String {
            return Err(not_fields());
        }
        Ok((name, pair.get_element(1)?))
    });
    pairs.collect()
}

/// The value of a field as it is shown: arrays joined, without what is nothing.
fn shown_value(env: &Env, field: &str, value: Unknown) -> napi::Result<String> {
    let name = format!("headers[{field:?}]");
    if !value.is_array()? {
        return text_of(env, &name, value);
    }
    let mut texts = Vec::new();
    for value in elements(env, &name, value)? {
        if let Some(value) = given(value)? {
            texts.push(text_of(env, &name, value)?);
        }
    }
    Ok(texts.join(", "))
}

/// The value as JavaScript makes a string of it.
fn text_of(env: &Env, name: &str, value: Unknown) -> napi::Result<String> {
    match value.get_type()? {
        ValueType::Symbol | ValueType::Function => Err(wrong_type(env, name, "a string or an array of strings", value)),
        _ => content(env, name, value.coerce_to_string()?.to_unknown()),
    }
}

fn given(value: Unknown) -> napi::Result<Option<Unknown>> {
    if is_nothing(value)? { Ok(None) } else { Ok(Some(value)) }
}

fn is_nothing(value: Unknown) -> napi::Result<bool> {
    Ok(matches!(value.get_type()?, ValueType::Undefined | ValueType::Null))
}

/// An object without a prototype, so that `__proto__` is a name like any other.
fn without_prototype(env: &Env) -> napi::Result<Object<'_>> {
    let class: Object = env.get_global()?.get_named_property_unchecked("Object")?;
    let create: Function<FnArgs<(Null,)>, Object> = class.get_named_property_unchecked("create")?;
    create.call(FnArgs::from((Null,)))
}

fn record(env: &Env, entries: impl IntoIterator<Item = (impl AsRef<str>, String)>) -> napi::Result<Object<'_>> {
    let mut record = without_prototype(env)?;
    for (name, value) in entries {
        // Not as a named property: those end at a null character.
        record.set_property(env.create_string(name.as_ref())?, env.create_string(&value)?)?;
    }
    Ok(record)
}
