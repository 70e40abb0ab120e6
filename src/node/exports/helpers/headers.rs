//! The functions of `lib/http-request/headers`.

use std::time::SystemTime;

use napi::bindgen_prelude::{Either, FromNapiValue, JsObjectValue, Object, Undefined, Unknown};
use napi::{Env, JsValue, ValueType};
use napi_derive::napi;

use crate::node::js::arguments::{elements, string, wrong_type};
use crate::node::js::fields::{entries, field_value, is_nothing, present, without_prototype};
use crate::node::js::number::whole_milliseconds;
use crate::policy::http::credentials::basic_auth;
use crate::policy::http::headers::is_sensitive_name;
use crate::policy::http::retry::retry_after;

/// Converts a `Retry-After` field to milliseconds. The field is a number of whole seconds, or a
/// date in the future as HTTP writes it. Of several values the first counts. `undefined` for
/// anything else.
///
/// @throws `TypeError` if `value` is neither a string, an array of strings nor `undefined`.
/// @example
/// ```js
/// import { parseRetryAfterHeader } from '@socketsecurity/registry/lib/http-request/headers'
///
/// const milliseconds = parseRetryAfterHeader('120') ?? 1000
/// ```
#[napi(
    catch_unwind,
    ts_args_type = "value?: string | readonly string[] | null | undefined",
    ts_return_type = "number | undefined"
)]
pub fn parse_retry_after_header<'env>(
    env: &'env Env,
    value: Option<Unknown<'env>>,
) -> napi::Result<Either<f64, Undefined>> {
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
    let delay = retry_after(&string(env, "value", first)?, SystemTime::now());
    Ok(delay.map_or(Either::B(()), |delay| Either::A(whole_milliseconds(delay))))
}

/// Copies header fields for a log. The values of names that contain `auth`, `cookie`, `credential`,
/// `key`, `password`, `secret` or `token`, and of fields that a redirect drops, become
/// `[REDACTED]`. Arrays are joined with `, `. `null` and `undefined` are dropped; other values
/// become strings.
///
/// @param headers an object, or an iterable of names and values, such as `Headers` and `Map`.
/// @returns an object without a prototype.
/// @throws `TypeError` if `headers` is not an object, or a value is a symbol or a function.
/// @example
/// ```js
/// import { sanitizeHeaders } from '@socketsecurity/registry/lib/http-request/headers'
///
/// console.log(sanitizeHeaders({ accept: 'application/json', authorization: 'Bearer abc' }))
/// ```
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
            let value = joined(env, &text, value)?;
            // `Headers` and lists of pairs may have several entries of one name.
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

/// The value of a field. An array is joined, without `null` and `undefined`.
fn joined(env: &Env, field: &str, value: Unknown) -> napi::Result<String> {
    let name = format!("headers[{field:?}]");
    if !value.is_array()? {
        return field_value(env, &name, value);
    }
    let mut texts = Vec::new();
    for value in elements(env, &name, value)? {
        if let Some(value) = present(value)? {
            texts.push(field_value(env, &name, value)?);
        }
    }
    Ok(texts.join(", "))
}

/// Whether `sanitizeHeaders` redacts the values of this field.
///
/// @throws `TypeError` if `name` is not a string.
/// @example
/// ```js
/// import { isSensitiveHeaderName } from '@socketsecurity/registry/lib/http-request/headers'
///
/// isSensitiveHeaderName('X-Api-Key') // true
/// ```
#[napi(catch_unwind, ts_args_type = "name: string")]
pub fn is_sensitive_header_name<'env>(env: &'env Env, name: Unknown<'env>) -> napi::Result<bool> {
    Ok(is_sensitive_name(&string(env, "name", name)?))
}

/// Creates the value of `Authorization` for a token: `Basic`, and the base64 of the token (UTF-8)
/// and a colon.
///
/// @throws `TypeError` if `token` is not a string.
/// @example
/// ```js
/// import { httpGetJson } from '@socketsecurity/registry/lib/http-request'
/// import { basicAuthHeader } from '@socketsecurity/registry/lib/http-request/headers'
///
/// const headers = { authorization: basicAuthHeader('token') }
/// const quota = await httpGetJson('https://api.example.com/v0/quota', { headers })
/// ```
#[napi(catch_unwind, ts_args_type = "token: string")]
pub fn basic_auth_header<'env>(env: &'env Env, token: Unknown<'env>) -> napi::Result<String> {
    Ok(basic_auth(&string(env, "token", token)?))
}
