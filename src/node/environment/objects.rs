//! Objects of callers, without properties of `Object.prototype`.

use napi::bindgen_prelude::{FromNapiValue, Object, Unknown};
use napi::{Env, JsValue, ValueType};

use crate::base::error::Error;
use crate::node::environment::instance::instance;
use crate::node::js::arguments::{elements, string, wrong_type};
use crate::node::js::error::to_js;
use crate::node::js::value::property;
use crate::policy::http::address::parse_url;

/// An object of the caller without properties of `Object.prototype`, which are not the caller's.
pub fn caller_object<'env>(env: &'env Env, value: Unknown<'env>) -> napi::Result<Object<'env>> {
    Object::from_unknown(instance(env)?.without_plain(env, value)?)
}

/// The options of a caller. `None` for `undefined` and `null`; anything else but an object is an
/// error.
pub fn options_object<'env>(env: &'env Env, options: Option<Unknown<'env>>) -> napi::Result<Option<Unknown<'env>>> {
    let Some(options) = options else {
        return Ok(None);
    };
    match options.get_type()? {
        ValueType::Undefined | ValueType::Null => Ok(None),
        ValueType::Object | ValueType::Function => instance(env)?.without_plain(env, options).map(Some),
        _ => Err(wrong_type(env, "options", "an object", options)),
    }
}

/// One group of the options in an object of [`options_object`]. The object may hold several groups.
pub fn part<T: FromNapiValue + Default>(env: &Env, options: Option<Unknown<'_>>) -> napi::Result<T> {
    // SAFETY: the value is a live object of this environment.
    options.map_or_else(|| Ok(T::default()), |options| unsafe { T::from_napi_value(env.raw(), options.raw()) })
}

/// The options of a caller that are all of one group.
pub fn read<T: FromNapiValue + Default>(env: &Env, options: Option<Unknown<'_>>) -> napi::Result<T> {
    part(env, options_object(env, options)?)
}

/// A URL, as a string or as an object of class `URL`.
pub fn url(env: &Env, value: Unknown) -> napi::Result<url::Url> {
    parse_url(&address(env, value)?).map_err(|error| to_js(env, error))
}

/// An array of URLs. The error of an invalid one names its index.
pub fn urls(env: &Env, name: &str, value: Unknown) -> napi::Result<Vec<url::Url>> {
    if !value.is_array()? {
        return Err(wrong_type(env, name, "an array of strings and URLs", value));
    }
    let one = |(index, value)| {
        let name = format!("{name}[{index}]");
        let refused = |error: Error| {
            let message = format!("The argument \"{name}\" is not a URL that can be requested: {error}");
            to_js(env, error.with_message(message))
        };
        parse_url(&address_named(env, &name, value)?).map_err(refused)
    };
    elements(env, name, value)?.into_iter().enumerate().map(one).collect()
}

/// The text of a URL that may be invalid.
pub fn address(env: &Env, value: Unknown) -> napi::Result<String> {
    address_named(env, "url", value)
}

fn address_named(env: &Env, name: &str, value: Unknown) -> napi::Result<String> {
    match value.get_type()? {
        ValueType::String => string(env, name, value),
        ValueType::Object => {
            let href = property(&caller_object(env, value)?, "href")?;
            if href.get_type()? != ValueType::String {
                return Err(wrong_type(env, name, "a string or a URL", value));
            }
            string(env, name, href)
        }
        _ => Err(wrong_type(env, name, "a string or a URL", value)),
    }
}
