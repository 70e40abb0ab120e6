//! Values of JavaScript. Imports nothing of this crate.

use napi::bindgen_prelude::{JsObjectValue, Object, ToNapiValue, Unknown};
use napi::{Env, sys};

/// A value of JavaScript, valid until the current callback returns.
pub type Handle = sys::napi_value;

/// Converts a value for JavaScript.
pub fn handle<T: ToNapiValue>(env: &Env, value: T) -> napi::Result<Handle> {
    // SAFETY: an `Env` exists only on the JavaScript thread, during a callback.
    unsafe { T::to_napi_value(env.raw(), value) }
}

/// Takes the exception that a getter or a proxy of the caller threw during a read.
pub fn pending_exception(env: &Env) -> Option<napi::Error> {
    let (mut is_pending, mut callback_error) = (false, std::ptr::null_mut());
    // SAFETY: both only write to the given places, and are allowed while an exception is pending.
    unsafe {
        if sys::napi_is_exception_pending(env.raw(), &raw mut is_pending) != sys::Status::napi_ok || !is_pending {
            return None;
        }
        if sys::napi_get_and_clear_last_exception(env.raw(), &raw mut callback_error) != sys::Status::napi_ok {
            return None;
        }
        Some(napi::Error::from_unknown_without_coercion(Unknown::from_raw_unchecked(env.raw(), callback_error)))
    }
}

/// `object[name]`, as JavaScript would read it.
pub fn property<'env>(object: &Object<'env>, name: &str) -> napi::Result<Unknown<'env>> {
    object.get_named_property_unchecked(name)
}
