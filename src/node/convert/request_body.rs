//! Bodies of requests as callers give them: bytes, streams, and what JavaScript has to read first
//! (`lib/request-body.js`).

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::HeaderValue;
use napi::bindgen_prelude::{FnArgs, FromNapiValue, Function, FunctionCallContext, JsObjectValue, Object, Unknown};
use napi::{Env, ValueType};
use tokio::select;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Result};
use crate::node::environment::instance::js_function;
use crate::node::js::arguments::{content, string, wrong_type};
use crate::node::js::buffer::bytes_of;
use crate::node::js::value::property;
use crate::node::promise::rejection::CallbackError;
use crate::policy::http::headers::latin_1;

const NAME: &str = "options.body";

/// A body, and the header fields that belong to it.
pub struct GivenBody<'env> {
    pub content: Content<'env>,
    /// An object of fields, such as the one of `getHeaders()`.
    pub headers: Option<Unknown<'env>>,
}

/// The content of a body.
pub enum Content<'env> {
    Whole(Bytes),
    Source(Source<'env>),
}

/// A body that JavaScript reads, once all options have been checked.
#[derive(Clone, Copy)]
pub enum Source<'env> {
    /// A `Readable`, or a stream of the old kind.
    Stream(Unknown<'env>),
    /// A function that reads a whole body.
    Blob(Unknown<'env>),
    /// The same, of a body whose `Content-Type` is known only when it has been read.
    Form(Unknown<'env>),
}

impl Source<'_> {
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

/// The body of the options. `None` for `null`.
pub fn given_body<'env>(env: &'env Env, value: Unknown<'env>) -> napi::Result<Option<GivenBody<'env>>> {
    let whole = |bytes| Ok(Some(GivenBody { content: Content::Whole(bytes), headers: None }));
    match value.get_type()? {
        ValueType::Null => Ok(None),
        ValueType::String => whole(content(env, NAME, value)?.into()),
        ValueType::Object => match bytes_of(value)? {
            Some(bytes) => whole(bytes),
            None => other_body(env, value).map(Some),
        },
        _ => Err(not_a_body(env, value)),
    }
}

fn other_body<'env>(env: &'env Env, value: Unknown<'env>) -> napi::Result<GivenBody<'env>> {
    let object = Object::from_unknown(value)?;
    if is_readable(&object)? {
        let source = Source::Stream(value);
        return Ok(GivenBody { content: Content::Source(source), headers: own_headers(&object)? });
    }
    let convert: Function<Unknown, Unknown> = js_function(env, "requestBody")?;
    let converted = convert.call(value)?;
    if converted.get_type()? != ValueType::Object {
        return Err(not_a_body(env, value));
    }
    let converted = Object::from_unknown(converted)?;
    let part = |name| -> napi::Result<Option<Unknown<'env>>> {
        Ok(Some(property(&converted, name)?).filter(|part| !matches!(part.get_type(), Ok(ValueType::Undefined))))
    };
    let content = match (part("bytes")?, part("stream")?, part("blob")?, part("form")?) {
        (Some(bytes), ..) => Content::Whole(bytes_of(bytes)?.ok_or_else(|| not_a_body(env, value))?),
        (_, Some(stream), ..) => Content::Source(Source::Stream(stream)),
        (_, _, Some(read), _) => Content::Source(Source::Blob(read)),
        (.., Some(read)) => Content::Source(Source::Form(read)),
        _ => return Err(not_a_body(env, value)),
    };
    Ok(GivenBody { content, headers: part("headers")? })
}

fn not_a_body(env: &Env, value: Unknown) -> napi::Error {
    wrong_type(env, NAME, "a string, bytes, a stream, URLSearchParams, a Blob or FormData", value)
}

/// Whether an object is a readable stream. `form-data` is a stream of the old kind, without a
/// common class.
fn is_readable(object: &Object) -> napi::Result<bool> {
    let can_be_read = property(object, "readable")?.get_type()? == ValueType::Boolean;
    Ok(can_be_read && property(object, "pipe")?.get_type()? == ValueType::Function)
}

/// The header fields of a stream, by its `getHeaders()`: `form-data` knows its boundary.
fn own_headers<'env>(source: &Object<'env>) -> napi::Result<Option<Unknown<'env>>> {
    let get_headers = property(source, "getHeaders")?;
    if get_headers.get_type()? != ValueType::Function {
        return Ok(None);
    }
    let get_headers: Function<(), Unknown<'env>> = source.get_named_property_unchecked("getHeaders")?;
    get_headers.apply(*source, ()).map(Some)
}

/// The arguments of `readBody` in `lib/js-support.js`.
type ReadBody<'env> = FnArgs<(Unknown<'env>, Function<'env, (), ()>, Function<'env, (), ()>)>;
/// A whole body, and its `Content-Type` if it was not known before.
type Read = (Bytes, Option<HeaderValue>);

/// A whole body that JavaScript is reading. Its failure is in the [`CallbackError`] of the call.
pub struct PendingBody(oneshot::Receiver<Read>);

impl PendingBody {
    pub async fn read(self, cancel: &CancellationToken) -> Result<Read> {
        select! {
            biased;
            () = cancel.cancelled() => Err(Error::aborted()),
            read = self.0 => read.map_err(|_| Error::aborted()),
        }
    }
}

/// Begins to read a [`Source::Blob`] or [`Source::Form`].
pub fn read_later(env: &Env, read: Unknown, callback_error: &CallbackError) -> napi::Result<PendingBody> {
    let (sender, receiver) = oneshot::channel();
    let sender = Rc::new(RefCell::new(Some(sender)));
    let done = {
        let (sender, callback_error) = (sender.clone(), callback_error.clone());
        env.create_function_from_closure("done", move |call: FunctionCallContext| {
            let sender = sender.borrow_mut().take();
            match read_body(call.env, call.get(0)?, call.get(1)?) {
                Ok(read) => drop(sender.map(|sender| sender.send(read))),
                Err(error) => callback_error.set(error),
            }
            Ok(())
        })?
    };
    let failed = {
        let callback_error = callback_error.clone();
        env.create_function_from_closure("failed", move |call: FunctionCallContext| {
            callback_error.set(napi::Error::from_unknown_without_coercion(call.get::<Unknown>(0)?));
            drop(sender.borrow_mut().take());
            Ok(())
        })?
    };
    let start: Function<ReadBody, Unknown> = js_function(env, "readBody")?;
    start.call(FnArgs::from((read, done, failed)))?;
    Ok(PendingBody(receiver))
}

fn read_body(env: &Env, bytes: Unknown, media_type: Unknown) -> napi::Result<Read> {
    let bytes = bytes_of(bytes)?.ok_or_else(|| not_a_body(env, bytes))?;
    let media_type = match media_type.get_type()? {
        ValueType::String => latin_1(&string(env, NAME, media_type)?),
        _ => None,
    };
    Ok((bytes, media_type))
}
