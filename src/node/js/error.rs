//! Errors of the core as JavaScript errors, with one table of properties.

use napi::bindgen_prelude::{Array, FromNapiValue, JsObjectValue, Object, ToNapiValue, Unknown};
use napi::{Env, JsError, JsTypeError, JsValue};

use crate::base::error::{Details, Error, Kind};
use crate::node::js::lock_holder::LockHolder;

/// Converts an error to one that rejects with a JavaScript `Error`. Only on the JavaScript thread.
pub fn to_js(env: &Env, error: Error) -> napi::Error {
    to_js_with(env, error, |_| Ok(()))
}

/// [`to_js`], with more properties.
pub fn to_js_with(env: &Env, error: Error, more: impl FnOnce(&mut Object) -> napi::Result<()>) -> napi::Error {
    let retryable = error.is_retryable();
    let details = error.into_details();
    let plain = napi::Error::new(details.code, details.message.clone());
    let value = match details.kind {
        Kind::ArgumentType | Kind::ArgumentValue | Kind::InvalidUrl => JsTypeError::from(plain).into_unknown(*env),
        _ => JsError::from(plain).into_unknown(*env),
    };
    let described = || -> napi::Result<()> {
        let mut object = Object::from_unknown(value)?;
        describe(env, &mut object, details, retryable)?;
        more(&mut object)
    };
    match described() {
        Ok(()) => napi::Error::from_unknown_without_coercion(value),
        Err(failed) => failed,
    }
}

/// Sets the properties of an error.
pub fn describe(env: &Env, object: &mut Object, details: Details, retryable: bool) -> napi::Result<()> {
    let Details {
        kind,
        message: _,
        code,
        url,
        status,
        attempts,
        syscall,
        path,
        retry_after: _,
        lock_path,
        holder,
        cause,
        errors,
    } = details;
    if kind == Kind::Aborted {
        object.set_named_property("name", "AbortError")?;
    }
    set(object, "url", url)?;
    set(object, "status", status)?;
    set(object, "attempts", attempts)?;
    set(object, "syscall", syscall)?;
    set(object, "path", path.map(|path| path.to_string_lossy().into_owned()))?;
    set(object, "lockPath", lock_path.map(|path| path.to_string_lossy().into_owned()))?;
    set(object, "holder", holder.map(LockHolder::from))?;
    if !matches!(kind, Kind::ArgumentType | Kind::ArgumentValue | Kind::InvalidUrl) {
        set(object, "retryable", Some(retryable))?;
    }
    if let Some(cause) = cause {
        set_cause(object, JsError::from(napi::Error::new(code, cause)).into_unknown(*env))?;
    }
    if !errors.is_empty() {
        let errors: Vec<_> =
            errors.into_iter().map(|error| JsError::from(to_js(env, error)).into_unknown(*env)).collect();
        set_cause(object, errors[0])?;
        set_hidden(object, "errors", &Array::from_vec(env, errors)?)?;
    }
    Ok(())
}

/// Sets `cause`, not enumerable, as on an error created in JavaScript.
pub fn set_cause(object: &mut Object, cause: Unknown) -> napi::Result<()> {
    set_hidden(object, "cause", &cause)
}

fn set_hidden<'env>(object: &mut Object, name: &str, value: &impl JsValue<'env>) -> napi::Result<()> {
    let attributes = napi::PropertyAttributes::Writable | napi::PropertyAttributes::Configurable;
    let property = napi::Property::new().with_utf8_name(name)?.with_value(value);
    object.define_properties(&[property.with_property_attributes(attributes)])
}

fn set<T: ToNapiValue>(object: &mut Object, name: &str, value: Option<T>) -> napi::Result<()> {
    value.map_or(Ok(()), |value| object.set_named_property(name, value))
}
