//! Callbacks of callers as listeners of the core: called on the JavaScript thread, in order, and
//! awaited. They do not keep the event loop alive: the promise of the operation does.
//!
//! A callback may be an async function. Its promise is awaited where its value counts, by
//! `onRetry`. Elsewhere the operation goes on, and a rejection ends it as a throw does.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{
    FnArgs, FromNapiValue, Function, FunctionCallContext, JsObjectValue, Object, ToNapiValue, TypeName, Undefined,
    Unknown, ValidateNapiValue,
};
use napi::threadsafe_function::UnknownReturnValue;
use napi::{Env, JsValue, Status, ValueType, sys};
use tokio::time::timeout;

use crate::base::error::{Error, Kind};
use crate::base::listeners::{FailedAttempt, Hook, Hooks, OnRetry, Received, RefusedResponse, RetryOverride, Sent};
use crate::node::convert::response::{refused_response, response_error};
use crate::node::environment::callback::Callback;
use crate::node::environment::objects::caller_object;
use crate::node::js::arguments::{function, optional, wrong_type};
use crate::node::js::error::to_js;
use crate::node::js::headers::headers;
use crate::node::js::lock_holder::LockHolder;
use crate::node::js::number::{milliseconds, number};
use crate::node::js::returned::Returned;
use crate::node::js::value::{handle, property};
use crate::node::promise::rejection::CallbackError;
use crate::operation::progress::{Report, progress_line};
use crate::operation::shared_download::OnWait;

/// The caller's `onWait`.
pub type WaitCallback<'env> = Function<'env, LockHolder, Returned<UnknownReturnValue>>;

/// The caller's `onProgress`.
pub type ProgressCallback<'env> = Function<'env, FnArgs<(f64, f64)>, Returned<UnknownReturnValue>>;

/// The `log` of the caller's logger.
pub type LogCallback<'env> = Function<'env, String, Returned<UnknownReturnValue>>;

/// A listener for progress, in bytes.
pub fn report(callback: ProgressCallback, callback_error: &CallbackError) -> napi::Result<Report> {
    let callback = Arc::new(Callback::new(callback)?);
    let callback_error = callback_error.clone();
    Ok(Box::new(move |progress| {
        let (callback, callback_error) = (callback.clone(), callback_error.clone());
        Box::pin(async move {
            let arguments = FnArgs::from((number(progress.downloaded), number(progress.total)));
            noticed(callback.call_async(arguments).await, callback_error).await
        })
    }))
}

/// A listener that writes a line for each `interval` per cent to the `log` of a logger.
pub fn log_progress(log: LogCallback, interval: u32, callback_error: &CallbackError) -> napi::Result<Report> {
    let log = Arc::new(Callback::new(log)?);
    let (callback_error, mut last) = (callback_error.clone(), 0);
    Ok(Box::new(move |progress| {
        let line = progress_line(progress, interval, &mut last);
        let (log, callback_error) = (log.clone(), callback_error.clone());
        Box::pin(async move {
            match line {
                Some(line) => noticed(log.call_async(line).await, callback_error).await,
                None => Ok(()),
            }
        })
    }))
}

/// A listener that is notified once that another process holds the lock.
pub fn on_wait(callback: WaitCallback, callback_error: &CallbackError) -> napi::Result<OnWait> {
    let callback = Callback::new(callback)?;
    let callback_error = callback_error.clone();
    Ok(Box::new(move |holder| {
        Box::pin(async move { noticed(callback.call_async(LockHolder::from(holder)).await, callback_error).await })
    }))
}

/// The caller's `onRetry`.
pub type RetryCallback<'env> = Function<'env, RetryArguments, Returned<RetryReturn>>;
type RetryArguments = FnArgs<(u32, Failed, f64)>;

/// A listener before each retry. With `throws_on_status`, the error of a status is an
/// `HttpResponseError`, as that of the call.
pub fn on_retry(
    callback: RetryCallback,
    throws_on_status: bool,
    callback_error: &CallbackError,
) -> napi::Result<OnRetry> {
    let callback = Arc::new(Callback::new(callback)?);
    let callback_error = callback_error.clone();
    Ok(OnRetry(Arc::new(move |failed, delay| {
        let (callback, callback_error) = (callback.clone(), callback_error.clone());
        Box::pin(async move {
            let FailedAttempt { number, error, response } = failed;
            let failed = Failed { error, response: response.filter(|_| throws_on_status), number };
            let arguments = FnArgs::from((number, failed, milliseconds(delay)));
            let returned = match callback_error.caught(callback.call_async(arguments).await)? {
                Returned::Now(returned) => returned,
                Returned::Later(promise) => {
                    if let Ok(settled) = promise.await {
                        callback_error.caught(settled)?
                    } else {
                        // A promise that never settles is waited for.
                        callback.ended().await;
                        callback_error.caught(Err(napi::Error::from_status(Status::Closing)))?
                    }
                }
            };
            Ok(returned.0)
        })
    })))
}

/// Ends the operation if a callback threw, or if its promise rejects while the operation runs.
async fn noticed(
    returned: napi::Result<Returned<UnknownReturnValue>>,
    callback_error: CallbackError,
) -> Result<(), Error> {
    /// Time in which an async function that throws before its first `await` has rejected.
    const AT_ONCE: Duration = Duration::from_millis(20);
    let Returned::Later(mut promise) = callback_error.caught(returned)? else {
        return Ok(());
    };
    match timeout(AT_ONCE, &mut promise).await {
        Ok(Ok(settled)) => return callback_error.caught(settled).map(|_| ()),
        // It never settles.
        Ok(Err(_)) => {}
        Err(_) => {
            tokio::spawn(async move {
                if let Ok(Err(error)) = promise.await {
                    callback_error.reject(error);
                }
            });
        }
    }
    Ok(())
}

/// The hooks of an options object.
pub fn hooks(env: &Env, value: Option<Unknown>, callback_error: &CallbackError) -> napi::Result<Hooks> {
    let Some(value) = value else {
        return Ok(Hooks::default());
    };
    if value.get_type()? != ValueType::Object {
        return Err(wrong_type(env, "options.hooks", "an object", value));
    }
    let hooks = caller_object(env, value)?;
    let one = |name: &str| -> napi::Result<_> {
        let value = property(&hooks, name)?;
        let value = Some(value).filter(|value| !matches!(value.get_type(), Ok(ValueType::Undefined)));
        Ok((format!("options.hooks.{name}"), value))
    };
    let (on_request, on_response) = (one("onRequest")?, one("onResponse")?);
    Ok(Hooks {
        on_request: optional(on_request.1, |value| {
            hook::<Sent>(env, function(env, &on_request.0, value)?, callback_error)
        })?,
        on_response: optional(on_response.1, |value| {
            hook::<Received>(env, function(env, &on_response.0, value)?, callback_error)
        })?,
    })
}

fn hook<T: Send + 'static>(
    env: &Env,
    callback: Function<Unknown<'static>, Ignored>,
    callback_error: &CallbackError,
) -> napi::Result<Hook<T>>
where
    Event<T>: ToNapiValue,
{
    let callback_error = callback_error.clone();
    let gate: Function<(), ()> = {
        let (callback, callback_error) = (callback.create_ref()?, callback_error.clone());
        env.create_function_from_closure("hook", move |call: FunctionCallContext| {
            // A call that was under way when the operation ended.
            if !callback_error.is_settled() {
                let event: Unknown = call.first_arg()?;
                // SAFETY: the value belongs to this callback, and the function returns before it
                // ends.
                let event = unsafe { Unknown::from_raw_unchecked(call.env.raw(), event.raw()) };
                callback.borrow_back(call.env)?.call(event)?;
            }
            Ok(())
        })?
    };
    let gate: Function<Event<T>, ()> = Function::from_unknown(gate.to_unknown())?;
    let gate = Arc::new(Callback::new(gate)?);
    Ok(Arc::new(move |event| {
        let (gate, callback_error) = (gate.clone(), callback_error.clone());
        Box::pin(async move {
            // Errors of a hook are ignored.
            let _ = gate.call_async(Event(event, callback_error)).await;
        })
    }))
}

/// The argument of a hook, converted on the JavaScript thread.
pub struct Event<T>(T, CallbackError);

impl ToNapiValue for Event<Sent> {
    unsafe fn to_napi_value(env: sys::napi_env, Self(event, _): Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(env);
        let mut object = Object::new(&env)?;
        object.set_named_property("method", event.method.as_str())?;
        object.set_named_property("url", event.url)?;
        object.set_named_property("headers", headers(&env, &event.headers)?)?;
        let timeout = event.timeout.map_or(0.0, milliseconds);
        object.set_named_property("timeout", timeout)?;
        handle(&env, object)
    }
}

impl ToNapiValue for Event<Received> {
    unsafe fn to_napi_value(env: sys::napi_env, Self(event, callback_error): Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(env);
        let mut object = Object::new(&env)?;
        object.set_named_property("method", event.method.as_str())?;
        object.set_named_property("url", event.url)?;
        object.set_named_property("duration", milliseconds(event.duration))?;
        match event.outcome {
            Ok((status, text, fields)) => {
                object.set_named_property("status", status.as_u16())?;
                object.set_named_property("statusText", text)?;
                object.set_named_property("headers", headers(&env, &fields)?)?;
            }
            Err(error) => {
                // The stream of a body that failed: its own error.
                let thrown = Some(()).filter(|()| error.kind() == Kind::Aborted).and_then(|()| callback_error.peek());
                let error = match thrown {
                    Some(thrown) => napi::JsError::from(thrown).into_unknown(env),
                    None => js_error(&env, error),
                };
                object.set_named_property("error", error)?;
            }
        }
        handle(&env, object)
    }
}

/// The error of an attempt, converted on the JavaScript thread.
pub struct Failed {
    error: Error,
    response: Option<Box<RefusedResponse>>,
    number: u32,
}

impl ToNapiValue for Failed {
    unsafe fn to_napi_value(env: sys::napi_env, failed: Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(env);
        let Self { error, response, number } = failed;
        let Some(response) = response else {
            return handle(&env, js_error(&env, error));
        };
        let response = refused_response(&env, *response, number)?;
        handle(&env, napi::JsError::from(response_error(&env, error, response)).into_unknown(env))
    }
}

fn js_error(env: &Env, error: Error) -> Unknown<'_> {
    napi::JsError::from(to_js(env, error)).into_unknown(*env)
}

/// The return value of `onRetry`: `false`, a number of milliseconds, or anything else.
pub struct RetryReturn(RetryOverride);

impl TypeName for RetryReturn {
    fn type_name() -> &'static str {
        "boolean | number | undefined"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl ValidateNapiValue for RetryReturn {}

impl FromNapiValue for RetryReturn {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: passed by napi, and valid during the call.
        let value = unsafe { Unknown::from_napi_value(env, value)? };
        Ok(Self(match value.get_type()? {
            ValueType::Boolean if !bool::from_unknown(value)? => RetryOverride::Stop,
            ValueType::Number => RetryOverride::wait(f64::from_unknown(value)?),
            _ => RetryOverride::Default,
        }))
    }
}

/// The return value of a hook. A promise gets a `catch`, so that its rejection is not unhandled.
pub struct Ignored;

impl TypeName for Ignored {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl ValidateNapiValue for Ignored {}

impl FromNapiValue for Ignored {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let env = Env::from_raw(env);
        // SAFETY: passed by napi, and valid during the call.
        let value = unsafe { Unknown::from_napi_value(env.raw(), value)? };
        if value.get_type()? == ValueType::Object {
            let promise = Object::from_unknown(value)?;
            if property(&promise, "catch")?.get_type()? == ValueType::Function {
                let catch: Function<Function<(), ()>, Unknown> = promise.get_named_property_unchecked("catch")?;
                let ignore = env.create_function_from_closure("ignore", |_| Ok::<Undefined, _>(()))?;
                catch.apply(promise, ignore)?;
            }
        }
        Ok(Self)
    }
}
