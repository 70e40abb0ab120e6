//! Functions of JavaScript that any thread may call, and drop.

use std::sync::{Arc, OnceLock};

use napi::Status;
use napi::bindgen_prelude::{FromNapiValue, Function, JsValuesTupleIntoVec};
use napi::sys;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, ThreadsafeFunctionHandle};

/// A function of JavaScript for every thread. It does not keep the event loop alive.
pub struct Callback<Args, Return>(ThreadsafeFunction<Args, Return, Args, Status, false, true>)
where
    Args: JsValuesTupleIntoVec + 'static,
    Return: FromNapiValue + 'static;

impl<Args: JsValuesTupleIntoVec, Return: FromNapiValue> Callback<Args, Return> {
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    pub fn new(function: Function<Args, Return>) -> napi::Result<Self> {
        // napi marks a handle as closed before Node frees the function, but only while a handle
        // exists. If its last owner is a thread that drops it while its Worker ends, napi locks a
        // mutex that has been destroyed, and the process aborts. Therefore Node owns a handle, too,
        // until it frees the function.
        let of_node: Arc<OnceLock<Arc<ThreadsafeFunctionHandle>>> = Arc::default();
        let of_callback = of_node.clone();
        let function = function.build_threadsafe_function().weak::<true>().build_callback(move |call| {
            let _ = &of_node;
            Ok(call.value)
        })?;
        let _ = of_callback.set(function.handle.clone());
        Ok(Self(function))
    }

    /// For calls of Node-API on the JavaScript thread, while the environment lives.
    pub fn raw(&self) -> sys::napi_threadsafe_function {
        self.0.raw()
    }

    /// Calls it, and does not wait. `false` if the environment has ended.
    pub fn call(&self, args: Args) -> bool {
        self.0.call(args, ThreadsafeFunctionCallMode::NonBlocking) == Status::Ok
    }

    /// Calls it, and returns what it returns or throws.
    pub async fn call_async(&self, args: Args) -> napi::Result<Return> {
        self.0.call_async_catch(args).await
    }
}

impl<Args: JsValuesTupleIntoVec, Return: FromNapiValue> Drop for Callback<Args, Return> {
    fn drop(&mut self) {
        self.0.handle.with_read_aborted(|has_ended| {
            if !has_ended {
                // SAFETY: Node frees the function after it has marked the handle, for which it
                // waits until this returns. The handle of Node is the last, and is marked before it
                // goes.
                unsafe {
                    sys::napi_release_threadsafe_function(self.raw(), sys::ThreadsafeFunctionReleaseMode::release)
                };
            }
        });
    }
}
