//! Between the JavaScript thread and ours: promises and callbacks.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, Object, ToNapiValue, Unknown};
use napi::{Env, JsString, Status, sys};

use crate::base::error::{Error, Kind, Result};
use crate::client;
use crate::node::environment::instance::instance;
use crate::node::environment::queue::Deferred;
use crate::node::js::error::to_js;
use crate::node::promise::abort::Abort;

/// A value in JavaScript, valid until the current callback returns.
pub type Handle = sys::napi_value;

/// Hands a value to JavaScript.
pub fn handle<T: ToNapiValue>(env: &Env, value: T) -> napi::Result<Handle> {
    // SAFETY: `Env` is only ever given to us for the thread and the time of a callback.
    unsafe { T::to_napi_value(env.raw(), value) }
}

/// Bytes as a string, read as UTF-8 without a byte order mark at the beginning, as `fetch` reads them. ASCII, as most
/// JSON is, is only copied.
pub fn text<'env>(env: &'env Env, bytes: &[u8]) -> napi::Result<JsString<'env>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let fits = |length| if length > STRING_MAX { Err(to_js(env, too_long(length))) } else { Ok(()) };
    if bytes.is_ascii() {
        fits(bytes.len())?;
        return env.create_string_latin1(bytes);
    }
    // What is not UTF-8 becomes longer.
    let text = String::from_utf8_lossy(bytes);
    fits(text.len())?;
    env.create_string(text)
}

/// V8's longest string. It takes no more bytes of UTF-8 either, however few characters they are.
const STRING_MAX: usize = if cfg!(target_pointer_width = "64") { 0x1fff_ffe8 } else { 0x0fff_fff0 };

fn too_long(length: usize) -> Error {
    let message = format!(
        "The body is too long for a string: {length} bytes, and V8 takes {STRING_MAX}. Read its `body`, or use `stream`"
    );
    Error::new(Kind::TextTooLong, message)
}

/// Makes the promise of an operation. `start` reads the arguments and gives the operation, `convert` makes its result
/// a JavaScript value. Whatever fails, panics included, rejects the promise; it keeps the event loop alive until then.
pub fn promise<O, T>(
    env: &Env,
    start: impl FnOnce() -> napi::Result<(O, Abort)>,
    convert: impl FnOnce(Env, T) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'_>>
where
    O: Future<Output = Result<T, Failure>> + Send + 'static,
    T: Send + 'static,
{
    // On the heap: it is large, and would be copied on its way to the thread that runs it.
    promise_or(env, || start().map(|(operation, abort)| (Start::Later(Box::pin(operation)), abort)), convert)
}

/// What an operation begins as.
pub enum Start<O, T> {
    /// There is nothing to wait for.
    Done(T),
    Later(O),
}

/// [`promise`] of what may be done at once. It is moved several times, and so should be small.
pub fn promise_or<O, T>(
    env: &Env,
    start: impl FnOnce() -> napi::Result<(Start<O, T>, Abort)>,
    convert: impl FnOnce(Env, T) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'_>>
where
    O: Future<Output = Result<T, Failure>> + Send + 'static,
    T: Send + 'static,
{
    let (deferred, promise) = Deferred::new(env)?;
    let started = std::panic::catch_unwind(AssertUnwindSafe(start)).unwrap_or_else(|_| Err(to_js(env, panicked())));
    let (operation, abort) = match started {
        Ok(started) => started,
        Err(error) => {
            let error = pending_exception(env).unwrap_or(error);
            deferred.settle(move |_| Err(error));
            return Ok(promise);
        }
    };
    let operation = match operation {
        Start::Later(operation) => operation,
        Start::Done(value) => {
            deferred.settle_now(env, |env| settled(env, Ok(value), abort, convert));
            return Ok(promise);
        }
    };
    let runtime = match client::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            deferred.settle(move |env| settled(env, Err(error.into()), abort, convert));
            return Ok(promise);
        }
    };
    let operation = AssertUnwindSafe(operation).catch_unwind();
    let settle = async move {
        let outcome = operation.await.unwrap_or_else(|_| Err(panicked().into()));
        deferred.settle(move |env| settled(env, outcome, abort, convert));
    };
    runtime.spawn(settle);
    Ok(promise)
}

/// Panics included.
fn settled<T>(
    env: Env,
    outcome: Result<T, Failure>,
    abort: Abort,
    convert: impl FnOnce(Env, T) -> napi::Result<Handle>,
) -> napi::Result<Handle> {
    let converted = std::panic::catch_unwind(AssertUnwindSafe(|| converted(env, outcome, abort, convert)));
    converted.unwrap_or_else(|_| Err(to_js(&env, panicked())))
}

fn converted<T>(
    env: Env,
    outcome: Result<T, Failure>,
    mut abort: Abort,
    convert: impl FnOnce(Env, T) -> napi::Result<Handle>,
) -> napi::Result<Handle> {
    abort.abandon(&env);
    match outcome {
        Ok(value) => {
            abort.release(&env, None)?;
            convert(env, value)
        }
        Err(Failure::Ours(error)) if error.kind() == Kind::Aborted => {
            let error = abort.release(&env, Some(*error))?;
            Err(error.unwrap_or_else(|| to_js(&env, panicked())))
        }
        Err(failure) => {
            abort.release(&env, None)?;
            Err(match failure {
                Failure::Ours(error) => to_js(&env, *error),
                Failure::Thrown(error) => error,
            })
        }
    }
}

fn panicked() -> Error {
    Error::new(Kind::Internal, "Internal error: please report this, with what the process wrote to stderr")
}

/// Why an operation failed.
pub enum Failure {
    Ours(Box<Error>),
    /// A callback threw this value, which goes back as it came.
    Thrown(napi::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(Box::new(error))
    }
}

/// The exception that a getter or a proxy of the caller threw while we read; it is pending no longer.
pub fn pending_exception(env: &Env) -> Option<napi::Error> {
    let (mut is_pending, mut thrown) = (false, std::ptr::null_mut());
    // SAFETY: both only write to the places given, and are allowed while an exception is pending.
    unsafe {
        if sys::napi_is_exception_pending(env.raw(), &raw mut is_pending) != sys::Status::napi_ok || !is_pending {
            return None;
        }
        if sys::napi_get_and_clear_last_exception(env.raw(), &raw mut thrown) != sys::Status::napi_ok {
            return None;
        }
        Some(napi::Error::from_unknown_without_coercion(Unknown::from_raw_unchecked(env.raw(), thrown)))
    }
}

/// What a callback threw, kept until the operation that it stopped has ended.
#[derive(Clone, Default)]
pub struct Thrown(Arc<Mutex<Option<napi::Error>>>);

impl Thrown {
    /// The failure of the operation: what the callback threw, if it did.
    pub fn or(&self, error: Error) -> Failure {
        let thrown = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        thrown.map_or_else(|| error.into(), Failure::Thrown)
    }

    pub fn set(&self, error: napi::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Keeps what a callback threw, and ends the operation for it.
    pub fn caught<T>(&self, called: napi::Result<T>) -> Result<T> {
        called.map_err(|error| {
            if error.status != Status::Closing {
                self.set(error);
            }
            Error::new(Kind::Aborted, "A callback threw, or its environment has ended")
        })
    }
}

/// An object of the caller without what comes from `Object.prototype`, which is not the caller's.
pub fn given_object<'env>(env: &'env Env, value: Unknown<'env>) -> napi::Result<Object<'env>> {
    Object::from_unknown(instance(env)?.without_plain(env, value)?)
}

/// `object[name]`, as JavaScript would read it.
pub fn property<'env>(object: &Object<'env>, name: &str) -> napi::Result<Unknown<'env>> {
    object.get_named_property_unchecked(name)
}
