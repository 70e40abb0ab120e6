//! The holder of a lock, for callers.

use napi_derive::napi;

use crate::base::lock_holder::Holder;

/// The process that holds a lock, as its lock file tells.
#[napi(object, object_from_js = false)]
pub struct LockHolder {
    pub pid: u32,
    /// Milliseconds since 1970.
    pub start_time: Option<f64>,
    /// What it downloads, without credentials.
    pub url: Option<String>,
}

impl From<Holder> for LockHolder {
    fn from(holder: Holder) -> Self {
        let Holder { pid, start_time, url, kernel_lock: _, refresh: _, owner: _ } = holder;
        Self { pid, start_time, url }
    }
}
