//! Options of decoding.

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::base::options::TEXT_MAX;
use crate::node::environment::objects::read;
use crate::node::js::arguments::{optional, size};
use crate::node::promise::abort::Abort;
use crate::node::promise::rejection::CallbackError;

/// Options of `decodeBody` and `readIncomingResponse`.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct DecodeOptions<'env> {
    /// Size limit of the decoded body, in bytes. A larger body rejects with `ERR_BODY_TOO_LARGE`.
    /// `0`: no limit.
    ///
    /// @default 536870912 (512 MiB)
    #[napi(ts_type = "number | undefined")]
    pub max_response_size: Option<Unknown<'env>>,
    /// Aborts the call, while reading and while decoding. The call rejects with an `AbortError`.
    ///
    /// @default none
    #[napi(ts_type = "AbortSignal | undefined")]
    pub signal: Option<Unknown<'env>>,
}

/// The size limit, if there is one, and the signal.
pub fn decode_options(env: &Env, options: Option<Unknown>) -> napi::Result<(Option<u64>, Abort)> {
    let DecodeOptions { max_response_size, signal } = read(env, options)?;
    Ok((limit(env, max_response_size)?, Abort::listen(env, signal, CallbackError::default())?))
}

/// The size limit alone.
pub fn decode_limit(env: &Env, options: Option<Unknown>) -> napi::Result<Option<u64>> {
    limit(env, read::<DecodeOptions>(env, options)?.max_response_size)
}

fn limit(env: &Env, value: Option<Unknown>) -> napi::Result<Option<u64>> {
    let limit = optional(value, |value| size(env, "options.maxResponseSize", value))?;
    Ok(limit.unwrap_or(Some(TEXT_MAX)))
}
