//! The holder of a lock as a JavaScript object.

use napi_derive::napi;

use crate::base::lock_holder::Holder;

/// The process that holds a lock, according to its lock file.
#[napi(object, object_from_js = false)]
pub struct LockHolder {
    pub pid: u32,
    /// Milliseconds since 1970.
    pub start_time: Option<f64>,
    /// The URL of its download, without credentials.
    pub url: Option<String>,
}

impl From<Holder> for LockHolder {
    fn from(holder: Holder) -> Self {
        let Holder { pid, start_time, url, kernel_lock: _, refresh: _, owner: _ } = holder;
        Self { pid, start_time, url }
    }
}
