//! Return values of callbacks that may be async functions.

use std::cell::Cell;
use std::rc::Rc;

use napi::bindgen_prelude::{CallbackContext, FromNapiValue, Object, PromiseRaw, TypeName, Unknown, ValidateNapiValue};
use napi::{ValueType, sys};
use tokio::sync::oneshot::{self, Receiver};

use crate::node::js::value::property;

/// The return value of a callback: a value, or the promise of an async function.
pub enum Returned<T: FromNapiValue + 'static> {
    Now(T),
    /// Fails if the promise can never settle: nothing refers to it any more.
    Later(Receiver<napi::Result<T>>),
}

impl<T: FromNapiValue + 'static> TypeName for Returned<T> {
    fn type_name() -> &'static str {
        "unknown"
    }

    fn value_type() -> ValueType {
        ValueType::Unknown
    }
}

impl<T: FromNapiValue + 'static> ValidateNapiValue for Returned<T> {}

impl<T: FromNapiValue + 'static> FromNapiValue for Returned<T> {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY, here and below: passed by napi, and valid during the call.
        let unknown = unsafe { Unknown::from_napi_value(env, value)? };
        let is_promise = unknown.get_type()? == ValueType::Object && {
            let object = Object::from_unknown(unknown)?;
            let is_function = |name| Ok::<_, napi::Error>(property(&object, name)?.get_type()? == ValueType::Function);
            is_function("then")? && is_function("catch")?
        };
        if is_promise {
            return settled(unsafe { PromiseRaw::from_napi_value(env, value)? }).map(Self::Later);
        }
        unsafe { T::from_napi_value(env, value) }.map(Self::Now)
    }
}

/// As napi's `Promise`, which fails as a rejection does when the promise is collected unsettled.
fn settled<T: FromNapiValue>(promise: PromiseRaw<'_, T>) -> napi::Result<Receiver<napi::Result<T>>> {
    let (sender, receiver) = oneshot::channel();
    let resolved = Rc::new(Cell::new(Some(sender)));
    let rejected = resolved.clone();
    let send = |sender: &Cell<Option<oneshot::Sender<_>>>, result| {
        if let Some(sender) = sender.take() {
            let _ = sender.send(result);
        }
    };
    promise
        .then(move |context| {
            send(&resolved, Ok(context.value));
            Ok(())
        })?
        .catch(move |context: CallbackContext<Unknown>| {
            send(&rejected, Err(napi::Error::from_unknown_without_coercion(context.value)));
            Ok(())
        })?;
    Ok(receiver)
}
