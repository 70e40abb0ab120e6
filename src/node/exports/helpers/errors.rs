//! The function of `lib/http-request/errors`.

use napi::bindgen_prelude::{FromNapiValue, Object, Unknown};
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::node::environment::objects::caller_object;
use crate::node::js::arguments::{string, wrong_type};
use crate::node::js::value::property;
use crate::policy::text::error_message::enriched;

/// Describes a failed request to a person: `GET request failed: <url>`, a line that explains
/// `error.code`, or the code of its `cause`, and a line that says what helps. Passwords and tokens
/// in the URL are removed.
///
/// @throws `TypeError` for a wrong `url` or `method`. `error` may be any value.
/// @example
/// ```js
/// import { httpGetText } from '@socketsecurity/registry/lib/http-request'
/// import { enrichErrorMessage } from '@socketsecurity/registry/lib/http-request/errors'
///
/// const url = 'https://api.example.com/status'
/// try {
///   console.log(await httpGetText(url))
/// } catch (error) {
///   console.error(enrichErrorMessage(url, 'GET', error))
/// }
/// ```
#[napi(catch_unwind, ts_args_type = "url: string | URL, method: string | undefined, error: unknown")]
pub fn enrich_error_message<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    method: Option<Unknown<'env>>,
    error: Option<Unknown<'env>>,
) -> napi::Result<String> {
    let text = match address.get_type()? {
        ValueType::Object => property(&caller_object(env, address)?, "href")?,
        _ => address,
    };
    if text.get_type()? != ValueType::String {
        return Err(wrong_type(env, "url", "a string or a URL", address));
    }
    let method = method.map_or_else(|| Ok("GET".to_owned()), |method| string(env, "method", method))?;
    let code = error.map(|error| code_of(env, error)).transpose()?.flatten();
    Ok(enriched(&string(env, "url", text)?, &method, code.as_deref()))
}

/// The code of an error, or of the nearest cause that has one, as `fetch` sets it.
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
