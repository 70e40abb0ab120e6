//! Options of locks.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::base::options::{LockOptions, LockWait};
use crate::io::file::destination::absolute;
use crate::node::convert::listeners::on_wait;
use crate::node::environment::objects::read;
use crate::node::js::arguments::{duration, function, optional, path, span};
use crate::node::js::error::to_js;
use crate::node::promise::rejection::CallbackError;
use crate::operation::shared_download::OnWait;

/// Options of `downloadWithLock`, in addition to those of `httpDownload`. Durations are
/// milliseconds.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct DownloadWithLockOptions<'env> {
    /// Longest wait, in ms, while another process holds the lock, whether that process makes
    /// progress or not. Rejects with `ERR_LOCK_TIMEOUT`. The time of the caller's own download does
    /// not count. `0`: no wait. `Infinity`: no limit.
    ///
    /// @default none while the holder receives bytes, 60000 since the last
    #[napi(ts_type = "number | undefined")]
    pub lock_timeout: Option<Unknown<'env>>,
    /// Time, in ms, after which a lock is broken whose holder has not renewed its lock file.
    ///
    /// @default 300000
    #[napi(ts_type = "number | undefined")]
    pub stale_timeout: Option<Unknown<'env>>,
    /// Interval, in ms, between two looks at a lock that does not wake its waiters, as that of an
    /// older JavaScript holder. 25 ms at most where the system cannot wake waiters.
    ///
    /// @default 1000
    #[napi(ts_type = "number | undefined")]
    pub poll_interval: Option<Unknown<'env>>,
    /// Directory of lock files. Created if missing.
    ///
    /// @default `.locks` beside the destination
    #[napi(ts_type = "string | undefined")]
    pub locks_dir: Option<Unknown<'env>>,
    /// Time, in ms, for which a file that another process published must stay in place, unchanged,
    /// before it is returned. `0`: returned at once.
    ///
    /// @default the smaller of 250 and a quarter of `pollInterval`
    #[napi(ts_type = "number | undefined")]
    pub settle_delay: Option<Unknown<'env>>,
    /// Called once, when the wait for another process begins and its lock file can be read. If it
    /// throws, the call rejects with the same error.
    ///
    /// @default none
    #[napi(ts_type = "((holder: LockHolder) => void) | undefined")]
    pub on_wait: Option<Unknown<'env>>,
}

/// The options for the core, and the listener for waiting.
pub fn lock_options(
    env: &Env,
    options: Option<Unknown>,
    callback_error: &CallbackError,
) -> napi::Result<(LockOptions, Option<OnWait>)> {
    let default = LockOptions::default();
    let DownloadWithLockOptions {
        lock_timeout,
        stale_timeout,
        poll_interval,
        locks_dir,
        settle_delay,
        on_wait: listener,
    } = read(env, options)?;
    let wait = match lock_timeout {
        // Unlike for an attempt, a limit of 0 makes sense: no wait.
        Some(value) => match duration(env, "options.lockTimeout", value)? {
            Duration::MAX => LockWait::Unlimited,
            limit => LockWait::Total(limit),
        },
        None => default.wait,
    };
    let lock = LockOptions {
        wait,
        stale: optional(stale_timeout, |value| span(env, "options.staleTimeout", value))?.unwrap_or(default.stale),
        poll: optional(poll_interval, |value| span(env, "options.pollInterval", value))?.unwrap_or(default.poll),
        directory: optional(locks_dir, |value| path(env, "options.locksDir", value))?
            .map(|directory| absolute(&directory).map_err(|error| to_js(env, error)))
            .transpose()?,
        settle: optional(settle_delay, |value| span(env, "options.settleDelay", value))?,
    };
    let listener = optional(listener, |value| on_wait(function(env, "options.onWait", value)?, callback_error))?;
    Ok((lock, listener))
}
