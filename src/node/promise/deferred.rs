//! Promises that any thread can settle.

use std::ptr;

use napi::bindgen_prelude::Object;
use napi::{Env, check_status, sys};

use crate::base::error::{Error, Kind};
use crate::node::environment::instance::instance;
use crate::node::environment::queue::Slot;
use crate::node::js::error::to_js;
use crate::node::js::value::{Handle, handle, pending_exception};

/// A promise that any thread can settle. Rejects if dropped unsettled, so that nobody waits for
/// ever.
pub struct Deferred {
    raw: Option<Raw>,
    slot: Slot,
}

/// Node's handle of a promise.
struct Raw(sys::napi_deferred);

// SAFETY: other threads only move it; the JavaScript thread alone uses it.
unsafe impl Send for Raw {}

impl Deferred {
    pub fn new(env: &Env) -> napi::Result<(Self, Object<'_>)> {
        let completions = &instance(env)?.completions;
        let (mut raw, mut promise) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: on the JavaScript thread; both pointers are to local variables.
        check_status!(unsafe { sys::napi_create_promise(env.raw(), &raw mut raw, &raw mut promise) })?;
        completions.expect(env)?;
        Ok((Self { raw: Some(Raw(raw)), slot: completions.slot.clone() }, Object::from_raw(env.raw(), promise)))
    }

    /// Settles the promise with the value of `result`, which runs on the JavaScript thread.
    pub fn settle(mut self, result: impl FnOnce(Env) -> napi::Result<Handle> + Send + 'static) {
        self.enqueue(result);
    }

    /// Settles the promise at once. Only on the JavaScript thread.
    pub fn settle_now(mut self, env: &Env, result: impl FnOnce(Env) -> napi::Result<Handle>) {
        if let Some(raw) = self.raw.take() {
            settle(env, raw, result(*env));
        }
    }

    fn enqueue(&mut self, result: impl FnOnce(Env) -> napi::Result<Handle> + Send + 'static) {
        if let Some(raw) = self.raw.take() {
            self.slot.enqueue(Box::new(move |env| settle(&env, raw, result(env))));
        }
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        self.enqueue(|env| Err(to_js(&env, Error::new(Kind::Internal, "The operation was lost: please report this"))));
    }
}

/// Settles a promise on the JavaScript thread. This fails only while the environment ends, when
/// nobody waits any more.
fn settle(env: &Env, Raw(deferred): Raw, result: napi::Result<Handle>) {
    // A getter of the caller may have thrown. While its exception is pending, no promise can be
    // settled.
    let _ = pending_exception(env).map_or(result, Err).map_or_else(
        // Rejects with the same value that a callback of the caller threw.
        // SAFETY, here and below: each deferred gets here once, on its own thread, and the values
        // belong to this callback.
        |error| handle(env, error).map(|error| unsafe { sys::napi_reject_deferred(env.raw(), deferred, error) }),
        |value| Ok(unsafe { sys::napi_resolve_deferred(env.raw(), deferred, value) }),
    );
    let _ = instance(env).and_then(|instance| instance.completions.received(env));
}
