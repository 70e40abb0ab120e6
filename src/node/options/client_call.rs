//! Options of one call of an `HttpClient`.

use napi::bindgen_prelude::Unknown;
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::http_client::CallCaching;
use crate::node::environment::objects::{caller_object, read};
use crate::node::js::arguments::{boolean, duration, optional, string};
use crate::node::js::value::property;

/// Options of one call of an `HttpClient`, in addition to those of `httpRequest`. They override
/// those of the client. Durations are milliseconds.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct HttpClientRequestOptions<'env> {
    /// Whether the server may process the request twice. `true`: it is retried after every
    /// transient failure, whatever its method. `false`: it is retried only if the server cannot
    /// have processed it.
    ///
    /// @default `true` for GET, HEAD, OPTIONS, PUT, DELETE, TRACE, and with an `Idempotency-Key`
    #[napi(ts_type = "boolean | undefined")]
    pub idempotent: Option<Unknown<'env>>,
    /// `false`: the cache is neither read nor written.
    ///
    /// @default that of the client
    #[napi(ts_type = "boolean | undefined")]
    pub cache: Option<Unknown<'env>>,
    /// Time, in ms, for which a cached response is used without revalidation.
    ///
    /// @default that of the client
    #[napi(ts_type = "number | undefined")]
    pub cache_ttl: Option<Unknown<'env>>,
    /// Time, in ms, for which an expired response is still used in an outage.
    ///
    /// @default that of the client
    #[napi(ts_type = "number | undefined")]
    pub stale_if_error: Option<Unknown<'env>>,
}

/// The caching of one call, and whether the server may process it twice.
pub fn call_caching(env: &Env, options: Option<Unknown>) -> napi::Result<(CallCaching, Option<bool>)> {
    let default = CallCaching::default();
    let HttpClientRequestOptions { idempotent, cache, cache_ttl, stale_if_error } = read(env, options)?;
    let call = CallCaching {
        is_on: optional(cache, |value| boolean(env, "options.cache", value))?.unwrap_or(default.is_on),
        ttl: optional(cache_ttl, |value| duration(env, "options.cacheTtl", value))?,
        stale_if_error: optional(stale_if_error, |value| duration(env, "options.staleIfError", value))?,
    };
    Ok((call, optional(idempotent, |value| boolean(env, "options.idempotent", value))?))
}

/// The prefix of `clearCache`. `None`: all responses.
pub fn prefix(env: &Env, value: Option<Unknown>) -> napi::Result<Option<String>> {
    let value = value.filter(|value| !matches!(value.get_type(), Ok(ValueType::Undefined | ValueType::Null)));
    optional(value, |value| {
        if value.get_type()? != ValueType::Object {
            return string(env, "prefix", value);
        }
        string(env, "prefix", property(&caller_object(env, value)?, "href")?)
    })
}
