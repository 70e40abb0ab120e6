//! The native part of `warmCache`, which is `lib/warm.js`.

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::base::error::redacted;
use crate::node::environment::objects::url;
use crate::node::exports::calls::destination;
use crate::node::options::{DownloadHandlers, TransferDefaults, download_options, lock_options};
use crate::node::promise::abort::Abort;
use crate::node::promise::failure::CallbackError;

/// Checks the arguments of `downloadWithLock` without starting a download. Returns the URL without
/// its secrets.
#[napi(catch_unwind, skip_typescript)]
pub fn check_download<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
) -> napi::Result<String> {
    let callback_error = CallbackError::default();
    let url = url(env, address)?;
    destination(env, dest_path)?;
    lock_options(env, options, &callback_error)?;
    let (_, DownloadHandlers { signal, .. }) =
        download_options(env, options, TransferDefaults::default(), &callback_error)?;
    Abort::check(env, signal)?;
    Ok(redacted(&url))
}
