//! Header fields as callers give them: a record, `Headers`, a `Map`, or any iterable of pairs.

use http::{HeaderMap, HeaderName, HeaderValue};
use napi::bindgen_prelude::{FromNapiValue, Function, Unknown};
use napi::{Env, JsValue, ValueType};

use crate::base::error::Error;
use crate::node::environment::instance::js_function;
use crate::node::js::arguments::{elements, string, wrong_type, wrong_value};
use crate::node::js::error::to_js;
use crate::policy::http::headers::latin_1;

/// The fields of a caller. In a record the last spelling of a name counts, as in `node:http`; pairs
/// may repeat a name.
pub fn fields(env: &Env, list: &str, value: Unknown) -> napi::Result<HeaderMap> {
    const RULE: &str = "an object of header fields, Headers, or an iterable of names and values";
    let unreadable = || wrong_type(env, list, RULE, value);
    if value.get_type()? != ValueType::Object {
        return Err(unreadable());
    }
    let read: Function<Unknown, Unknown> = js_function(env, "headerEntries")?;
    let entries = read.call(value)?;
    if !entries.is_array()? {
        return Err(unreadable());
    }
    // Whether it is a record, and then names and values in turn.
    let mut entries = Vec::<Unknown>::from_unknown(entries)?.into_iter();
    let is_record = entries.next().is_some_and(|first| bool::from_unknown(first).unwrap_or_default());
    let mut headers = HeaderMap::new();
    while let (Some(name), Some(value)) = (entries.next(), entries.next()) {
        if name.get_type()? != ValueType::String {
            return Err(unreadable());
        }
        let name = string(env, list, name)?;
        let shown = format!("{list}[{:?}]", token(&name));
        let field = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong_value(env, list, "must have valid field names", format!("{:?}", token(&name))))?;
        let values = if value.is_array()? { elements(env, &shown, value)? } else { vec![value] };
        let values: Vec<_> =
            values.into_iter().map(|value| field_value(env, &shown, value)).collect::<napi::Result<_>>()?;
        let mut values = values.into_iter().flatten();
        if is_record && let Some(first) = values.next() {
            headers.insert(&field, first);
        }
        for value in values {
            headers.append(&field, value);
        }
    }
    Ok(headers)
}

/// The value of a field; `None` for `undefined`.
fn field_value(env: &Env, shown: &str, value: Unknown) -> napi::Result<Option<HeaderValue>> {
    let text = match value.get_type()? {
        ValueType::Undefined => return Ok(None),
        ValueType::Number | ValueType::Boolean => value.coerce_to_string()?.to_unknown(),
        ValueType::String => value,
        _ => return Err(wrong_type(env, shown, "a string, a number, a boolean or an array of these", value)),
    };
    // Not repeated in the message: the value may be a secret.
    let wrong = || to_js(env, Error::argument(shown, "must be a valid field value", "another string"));
    latin_1(&string(env, shown, text)?).map(Some).ok_or_else(wrong)
}

/// The beginning of a name that has valid characters. A caller who passes a whole field as its name
/// may have passed a secret.
fn token(name: &str) -> String {
    const MAX: usize = 64;
    let is_of_names = |each: &char| each.is_ascii_alphanumeric() || "-_.".contains(*each);
    let end: usize = name.chars().take_while(is_of_names).take(MAX).map(char::len_utf8).sum();
    if end == name.len() { name.to_owned() } else { format!("{}…", &name[..end]) }
}
