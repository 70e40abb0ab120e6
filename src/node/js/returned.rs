//! Return values of callbacks that may be async functions.

use napi::bindgen_prelude::{FromNapiValue, Object, Promise, TypeName, Unknown, ValidateNapiValue};
use napi::{ValueType, sys};

use crate::node::js::value::property;

/// The return value of a callback: a value, or the promise of an async function.
pub enum Returned<T: FromNapiValue + 'static> {
    Now(T),
    Later(Promise<T>),
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
            return unsafe { Promise::from_napi_value(env, value) }.map(Self::Later);
        }
        unsafe { T::from_napi_value(env, value) }.map(Self::Now)
    }
}
