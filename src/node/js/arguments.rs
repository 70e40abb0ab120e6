//! Arguments of JavaScript callers, one by one. A wrong type or an impossible value is an error
//! that names the argument.

use std::path::PathBuf;
use std::time::Duration;

use http::Method;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, Object, Unknown};
use napi::{Env, JsString, JsStringUtf8, ValueType};

use crate::base::error::{Error, Kind, redacted_text};
use crate::base::integrity::{Digest, parse_integrity};
use crate::node::js::error::to_js;

pub fn path(env: &Env, name: &str, value: Unknown) -> napi::Result<PathBuf> {
    let path = string(env, name, value)?;
    if path.is_empty() || path.contains('\0') {
        return Err(wrong_value(env, name, "must be a path, not empty and without null bytes", format!("{path:?}")));
    }
    Ok(path.into())
}

/// Converts an argument unless it is `undefined`.
pub fn optional<'env, T>(
    value: Option<Unknown<'env>>,
    convert: impl FnOnce(Unknown<'env>) -> napi::Result<T>,
) -> napi::Result<Option<T>> {
    value.map(convert).transpose()
}

pub fn method(env: &Env, name: &str, value: Unknown) -> napi::Result<Method> {
    let text = string(env, name, value)?;
    match Method::from_bytes(text.to_ascii_uppercase().as_bytes()) {
        // CONNECT creates a tunnel, which no caller could use.
        Ok(method) if method != Method::CONNECT => Ok(method),
        _ => Err(wrong_value(env, name, "must be an HTTP method", format!("{text:?}"))),
    }
}

/// The names of an object's own properties. Properties of `Object.prototype` are not meant to be
/// sent.
pub fn own_names(env: &Env, list: &str, object: &Object) -> napi::Result<Vec<String>> {
    let mut own = Vec::new();
    let names = object.get_property_names()?;
    for index in 0..names.get_array_length()? {
        let name: Unknown = names.get_element(index)?;
        if object.has_own_property_js(name)? {
            own.push(string(env, list, name)?);
        }
    }
    Ok(own)
}

/// The option `integrity`: Subresource Integrity.
pub fn integrity(env: &Env, value: Unknown) -> napi::Result<Vec<Digest>> {
    const NAME: &str = "options.integrity";
    const RULE: &str = "must be Subresource Integrity with sha256, sha384 or sha512";
    let text = string(env, NAME, value)?;
    parse_integrity(&text).ok_or_else(|| wrong_value(env, NAME, RULE, format!("{:?}", redacted_text(&text))))
}

pub fn function<F: FromNapiValue>(env: &Env, name: &str, value: Unknown<'_>) -> napi::Result<F> {
    if value.get_type()? != ValueType::Function {
        return Err(wrong_type(env, name, "a function", value));
    }
    F::from_unknown(value)
}

pub fn boolean(env: &Env, name: &str, value: Unknown) -> napi::Result<bool> {
    if value.get_type()? != ValueType::Boolean {
        return Err(wrong_type(env, name, "a boolean", value));
    }
    bool::from_unknown(value)
}

/// Characters of an argument that names something: far more than any server, proxy or file system
/// accepts.
const NAME_MAX: usize = 1 << 20;
/// Characters of a list of certificates.
const CERTIFICATES_MAX: usize = 1 << 26;

pub fn string(env: &Env, name: &str, value: Unknown) -> napi::Result<String> {
    string_of(env, name, value, NAME_MAX)
}

/// Certificates in PEM.
pub fn certificate(env: &Env, name: &str, value: Unknown) -> napi::Result<String> {
    string_of(env, name, value, CERTIFICATES_MAX)
}

/// A string that is content, as long as strings of JavaScript can be.
pub fn content(env: &Env, name: &str, value: Unknown) -> napi::Result<String> {
    string_of(env, name, value, usize::MAX)
}

fn string_of(env: &Env, name: &str, value: Unknown, max: usize) -> napi::Result<String> {
    if value.get_type()? != ValueType::String {
        return Err(wrong_type(env, name, "a string", value));
    }
    let text = JsString::from_unknown(value)?;
    let length = text.utf16_len()?;
    if length > max {
        let rule = format!("must be at most {max} characters long");
        return Err(wrong_value(env, name, &rule, format!("{length} characters")));
    }
    let converted = text.into_utf8().and_then(JsStringUtf8::into_owned);
    converted.map_err(|_| wrong_value(env, name, "is too long to be read", format!("{length} characters")))
}

/// Elements of a list: more than any caller means, and few enough to allocate.
const ELEMENTS_MAX: u32 = 1 << 20;

/// The elements of an array. Its length is limited, because it is only a number and may be
/// billions.
pub fn elements<'env>(env: &Env, name: &str, array: Unknown<'env>) -> napi::Result<Vec<Unknown<'env>>> {
    let length = Object::from_unknown(array)?.get_array_length()?;
    if length > ELEMENTS_MAX {
        let rule = format!("must have at most {ELEMENTS_MAX} elements");
        return Err(wrong_value(env, name, &rule, format!("{length} elements")));
    }
    Vec::from_unknown(array)
}

fn number(env: &Env, name: &str, value: Unknown) -> napi::Result<f64> {
    if value.get_type()? != ValueType::Number {
        return Err(wrong_type(env, name, "a number", value));
    }
    f64::from_unknown(value)
}

/// A whole number. Numbers beyond the range of `u32` become its maximum.
pub fn count(env: &Env, name: &str, value: Unknown) -> napi::Result<u32> {
    let number = number(env, name, value)?;
    if !(number >= 0.0 && number.fract() == 0.0) {
        return Err(wrong_value(env, name, "must be a whole number, 0 or more", number));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked, and saturating")]
    Ok(number as u32)
}

/// A size in bytes. 0 and infinity: no limit.
pub fn size(env: &Env, name: &str, value: Unknown) -> napi::Result<Option<u64>> {
    let number = number(env, name, value)?;
    if number.is_nan() || number < 0.0 {
        return Err(wrong_value(env, name, "must be a number of bytes, 0 or more", number));
    }
    // A part of a byte is no limit of none.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked, and saturating")]
    Ok(Some(number.ceil() as u64).filter(|size| *size > 0 && number.is_finite()))
}

/// A duration in milliseconds, fractions allowed. [`Duration::MAX`] beyond the range of clocks.
pub fn duration(env: &Env, name: &str, value: Unknown) -> napi::Result<Duration> {
    let number = number(env, name, value)?;
    if number.is_nan() || number < 0.0 {
        return Err(wrong_value(env, name, "must be a number of milliseconds, 0 or more", number));
    }
    Ok(Duration::try_from_secs_f64(number / 1000.0).unwrap_or(Duration::MAX))
}

/// A duration that is added to clocks, therefore limited to a year.
pub fn span(env: &Env, name: &str, value: Unknown) -> napi::Result<Duration> {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    duration(env, name, value).map(|duration| duration.min(YEAR))
}

/// A time limit in milliseconds. 0, as in Node.js, and infinity: no limit.
pub fn limit(
    env: &Env,
    name: &str,
    value: Option<Unknown>,
    default: Option<Duration>,
) -> napi::Result<Option<Duration>> {
    let Some(value) = value else {
        return Ok(default);
    };
    let limit = duration(env, name, value)?;
    Ok(Some(limit).filter(|limit| !limit.is_zero() && *limit != Duration::MAX))
}

pub fn wrong_type(env: &Env, name: &str, expected: &str, received: Unknown) -> napi::Error {
    let received = received.get_type().map_or_else(|_| "an unknown value".to_owned(), |kind| kind.to_string());
    let message = format!("The argument \"{name}\" must be {expected}. Received {}", received.to_lowercase());
    to_js(env, Error::new(Kind::ArgumentType, message))
}

pub fn wrong_value(env: &Env, name: &str, rule: &str, received: impl std::fmt::Display) -> napi::Error {
    to_js(env, Error::argument(name, rule, received))
}
