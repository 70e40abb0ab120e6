//! The warning about connections without verification of certificates.

use std::sync::atomic::{AtomicBool, Ordering};

use napi::Env;
use url::Url;

use crate::base::options::Tls;
use crate::node::environment::instance::js_function;

/// Warns once per process that certificates are not verified, as Node.js does when it first opens
/// such a connection.
pub fn warn_if_unverified(env: &Env, url: &Url, tls: &Tls) -> napi::Result<()> {
    const WARNING: &str = "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and \
                           HTTPS requests insecure by disabling certificate verification.";
    static WARNED: AtomicBool = AtomicBool::new(false);
    if tls.verify || url.scheme() != "https" || WARNED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    js_function::<&str>(env, "warn")?.call(WARNING).map(drop)
}
