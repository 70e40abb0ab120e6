//! The native part of `warmCache`, which is `lib/warm.js`.

use napi::Env;
use napi::bindgen_prelude::{External, Object, Unknown};
use napi_derive::napi;

use crate::base::error::redacted;
use crate::base::shared_rate::SharedRate;
use crate::node::environment::objects::url;
use crate::node::exports::calls::{Locking, destination, downloaded};
use crate::node::js::arguments::size;
use crate::node::options::{DownloadHandlers, TransferDefaults, download_options, lock_options};
use crate::node::promise::abort::Abort;
use crate::node::promise::rejection::CallbackError;
use crate::operation::throttle;

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

/// Creates the limit that the option `maxBytesPerSecond` asks for. `null`: no limit.
#[napi(catch_unwind, skip_typescript)]
pub fn create_shared_rate(env: &Env, limit: Unknown) -> napi::Result<Option<External<SharedRate>>> {
    Ok(size(env, "options.maxBytesPerSecond", limit)?.map(|limit| External::new(throttle::shared(limit))))
}

/// `downloadWithLock` within a limit of several downloads.
#[napi(catch_unwind, skip_typescript)]
pub fn download_with_shared_rate<'env>(
    env: &'env Env,
    address: Unknown<'env>,
    dest_path: Unknown<'env>,
    options: Option<Unknown<'env>>,
    limit: Option<&External<SharedRate>>,
) -> napi::Result<Object<'env>> {
    let shared_rate = limit.map(|limit| SharedRate::clone(limit));
    let begin = || Ok((url(env, address)?, TransferDefaults { shared_rate, ..TransferDefaults::default() }));
    downloaded(env, Locking::Lock, begin, dest_path, options)
}
