//! The methods of all responses of one environment.

use napi::bindgen_prelude::{ArrayBuffer, FromNapiValue, FunctionCallContext, FunctionRef, Object, Uint8ArraySlice};
use napi::{Env, ValueType};

use crate::node::js::json::{parse_json, text};
use crate::node::js::value::{Handle, handle, property};

/// The functions of all responses of one environment: made once, they work on the object that they are called on.
pub struct Methods {
    pub text: FunctionRef<(), Handle>,
    pub json: FunctionRef<(), Handle>,
    pub array_buffer: FunctionRef<(), Handle>,
}

pub fn methods(env: &Env) -> napi::Result<Methods> {
    Ok(Methods {
        text: env
            .create_function_from_closure("text", |call| {
                let body = body_of(&call)?;
                handle(call.env, text(call.env, &body)?)
            })?
            .create_ref()?,
        json: env
            .create_function_from_closure("json", |call| {
                if is_streamed(&call)? {
                    return Err(napi::Error::from_reason("Cannot parse JSON from a streaming response"));
                }
                let body = body_of(&call)?;
                handle(call.env, parse_json(call.env, &body)?)
            })?
            .create_ref()?,
        array_buffer: env
            .create_function_from_closure("arrayBuffer", |call| {
                let body = body_of(&call)?;
                handle(call.env, ArrayBuffer::copy_from(call.env, body)?)
            })?
            .create_ref()?,
    })
}

fn is_streamed(call: &FunctionCallContext) -> napi::Result<bool> {
    let Ok(this) = call.this::<Object>() else {
        return Ok(false);
    };
    Ok(property(&this, "rawResponse")?.get_type()? == ValueType::Object)
}

fn body_of<'scope>(call: &FunctionCallContext<'scope>) -> napi::Result<Uint8ArraySlice<'scope>> {
    let lost = || napi::Error::new(napi::Status::InvalidArg, "Call this function on its response: response.text()");
    let this = call.this::<Object>().map_err(|_| lost())?;
    Uint8ArraySlice::from_unknown(property(&this, "body")?).map_err(|_| lost())
}
