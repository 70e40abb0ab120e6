//! Functions of JavaScript that any thread may call, and drop.

use std::sync::{Arc, OnceLock};

use napi::Status;
use napi::bindgen_prelude::{FromNapiValue, Function, JsValuesTupleIntoVec};
use napi::sys;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, ThreadsafeFunctionHandle};
use tokio::select;
use tokio_util::sync::CancellationToken;

/// A function of JavaScript for every thread. It does not keep the event loop alive.
pub struct Callback<Args, Return>
where
    Args: JsValuesTupleIntoVec + 'static,
    Return: FromNapiValue + 'static,
{
    function: ThreadsafeFunction<Args, Return, Args, Status, false, true>,
    /// Cancelled when Node frees the function.
    ended: CancellationToken,
}

impl<Args: JsValuesTupleIntoVec, Return: FromNapiValue> Callback<Args, Return> {
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    pub fn new(function: Function<Args, Return>) -> napi::Result<Self> {
        // napi marks a handle as closed before Node frees the function, but only while a handle
        // exists. If its last owner is a thread that drops it while its Worker ends, napi locks a
        // mutex that has been destroyed, and the process aborts. Therefore Node owns a handle, too,
        // until it frees the function.
        let of_node: Arc<OnceLock<Arc<ThreadsafeFunctionHandle>>> = Arc::default();
        let of_callback = of_node.clone();
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let function = function.build_threadsafe_function().weak::<true>().build_callback(move |call| {
            let _ = (&of_node, &end);
            Ok(call.value)
        })?;
        let _ = of_callback.set(function.handle.clone());
        Ok(Self { function, ended })
    }

    /// For calls of Node-API on the JavaScript thread, while the environment lives.
    pub fn raw(&self) -> sys::napi_threadsafe_function {
        self.function.raw()
    }

    /// Calls it, and does not wait. `false` if the environment has ended.
    pub fn call(&self, args: Args) -> bool {
        self.function.call(args, ThreadsafeFunctionCallMode::NonBlocking) == Status::Ok
    }

    /// Calls it, and returns what it returns or throws. Fails with [`Status::Closing`] if the
    /// environment has ended.
    pub async fn call_async(&self, args: Args) -> napi::Result<Return> {
        select! {
            returned = self.function.call_async_catch(args) => returned,
            // napi never answers a call that is queued when the environment ends.
            () = self.ended() => Err(napi::Error::from_status(Status::Closing)),
        }
    }

    /// Waits for the end of the environment.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl<Args: JsValuesTupleIntoVec, Return: FromNapiValue> Drop for Callback<Args, Return> {
    fn drop(&mut self) {
        self.function.handle.with_read_aborted(|has_ended| {
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
