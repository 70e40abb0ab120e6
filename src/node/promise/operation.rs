//! Promises of operations that run on the thread of this library.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use napi::Env;
use napi::bindgen_prelude::Object;

use crate::base::error::{Error, Kind, Result};
use crate::client;
use crate::node::js::error::to_js;
use crate::node::js::value::{Handle, pending_exception};
use crate::node::promise::abort::Abort;
use crate::node::promise::deferred::Deferred;
use crate::node::promise::rejection::Rejection;

/// Creates the promise of an operation. `start` reads the arguments and returns the operation,
/// `convert` converts its result to a JavaScript value. Every failure, panics included, rejects the
/// promise. Until then the promise keeps the event loop alive.
pub fn promise<O, T>(
    env: &Env,
    start: impl FnOnce() -> napi::Result<(O, Abort)>,
    convert: impl FnOnce(Env, T) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'_>>
where
    O: Future<Output = Result<T, Rejection>> + Send + 'static,
    T: Send + 'static,
{
    // Boxed: the future is large, and would be copied on its way to the thread that runs it.
    let start = || start().map(|(operation, abort)| (Start::Later(Box::pin(operation)), abort));
    promise_or(env, start, |env, value, _| convert(env, value))
}

/// A started operation.
pub enum Start<O, T> {
    /// The result is known already.
    Done(T),
    Later(O),
}

/// [`promise`] of an operation whose result may be known at once. `convert` also gets the signal of
/// the caller, which a result may have to observe. The operation is moved several times, so it
/// should be small.
pub fn promise_or<O, T>(
    env: &Env,
    start: impl FnOnce() -> napi::Result<(Start<O, T>, Abort)>,
    convert: impl FnOnce(Env, T, Option<Object>) -> napi::Result<Handle> + Send + 'static,
) -> napi::Result<Object<'_>>
where
    O: Future<Output = Result<T, Rejection>> + Send + 'static,
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

/// Converts the outcome. A panic is a failure.
fn settled<T>(
    env: Env,
    outcome: Result<T, Rejection>,
    abort: Abort,
    convert: impl FnOnce(Env, T, Option<Object>) -> napi::Result<Handle>,
) -> napi::Result<Handle> {
    let converted = std::panic::catch_unwind(AssertUnwindSafe(|| converted(env, outcome, abort, convert)));
    converted.unwrap_or_else(|_| Err(to_js(&env, panicked())))
}

fn converted<T>(
    env: Env,
    outcome: Result<T, Rejection>,
    mut abort: Abort,
    convert: impl FnOnce(Env, T, Option<Object>) -> napi::Result<Handle>,
) -> napi::Result<Handle> {
    abort.abandon(&env);
    match outcome {
        Ok(value) => {
            let signal = abort.signal(&env)?;
            abort.release(&env, None)?;
            convert(env, value, signal)
        }
        Err(Rejection::Ours(error)) if error.kind() == Kind::Aborted => {
            let error = abort.release(&env, Some(*error))?;
            Err(error.unwrap_or_else(|| to_js(&env, panicked())))
        }
        Err(failure) => {
            abort.release(&env, None)?;
            Err(match failure {
                Rejection::Ours(error) => to_js(&env, *error),
                Rejection::CallbackError(error) => error,
            })
        }
    }
}

fn panicked() -> Error {
    Error::new(Kind::Internal, "Internal error: please report this, with what the process wrote to stderr")
}
