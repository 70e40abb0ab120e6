//! The methods of all responses of one environment.

use std::rc::Rc;

use napi::bindgen_prelude::{
    ArrayBuffer, FromNapiValue, Function, FunctionCallContext, FunctionRef, JsObjectValue, Object, Uint8ArraySlice,
    Unknown,
};
use napi::{Env, JsString, JsValue};

use crate::node::js::json::text;
use crate::node::js::value::{Handle, handle, property};

/// `JSON.parse`. Stored, because looking it up costs as much as parsing a short text.
#[derive(Clone)]
pub struct Parser(Rc<FunctionRef<Unknown<'static>, Unknown<'static>>>);

impl Parser {
    fn new(env: &Env) -> napi::Result<Self> {
        let json: Object = env.get_global()?.get_named_property_unchecked("JSON")?;
        let parse: Function<Unknown<'static>, Unknown<'static>> = json.get_named_property_unchecked("parse")?;
        Ok(Self(Rc::new(parse.create_ref()?)))
    }

    pub fn parse<'env>(&self, env: &'env Env, text: JsString<'env>) -> napi::Result<Unknown<'env>> {
        // SAFETY: the value belongs to this callback, and the function returns before it ends.
        self.0.borrow_back(env)?.call(unsafe { Unknown::from_raw_unchecked(env.raw(), text.raw()) })
    }
}

/// The methods of all responses of one environment. Created once, they work on the object that they
/// are called on.
pub struct Methods {
    pub parser: Parser,
    pub text: FunctionRef<(), Handle>,
    pub json: FunctionRef<(), Handle>,
    /// `json` of a response whose body is streamed.
    pub json_of_stream: FunctionRef<(), Handle>,
    pub array_buffer: FunctionRef<(), Handle>,
}

pub fn methods(env: &Env) -> napi::Result<Methods> {
    let parser = Parser::new(env)?;
    let parser_of_json = parser.clone();
    Ok(Methods {
        parser,
        text: env
            .create_function_from_closure("text", |call| {
                let body = body_of(&call)?;
                handle(call.env, text(call.env, &body)?)
            })?
            .create_ref()?,
        json: env
            .create_function_from_closure("json", move |call| {
                let body = body_of(&call)?;
                handle(call.env, parser_of_json.parse(call.env, text(call.env, &body)?)?)
            })?
            .create_ref()?,
        json_of_stream: env
            .create_function_from_closure("json", |_| {
                Err(napi::Error::from_reason("Cannot parse JSON from a streaming response"))
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

fn body_of<'scope>(call: &FunctionCallContext<'scope>) -> napi::Result<Uint8ArraySlice<'scope>> {
    let lost = || napi::Error::new(napi::Status::InvalidArg, "Call this function on its response: response.text()");
    let this = call.this::<Object>().map_err(|_| lost())?;
    Uint8ArraySlice::from_unknown(property(&this, "body")?).map_err(|_| lost())
}
