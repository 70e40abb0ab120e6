//! Bodies as streams of Node.js. The streams themselves are JavaScript (`lib/js-support.js`); they
//! read and write by the functions of this file.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use napi::bindgen_prelude::{
    BufferSlice, FnArgs, FromNapiValue, Function, FunctionCallContext, Null, Object, Uint8ArraySlice, Unknown,
};
use napi::{Env, JsValue, ValueType};
use tokio::select;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::base::body::Body;
use crate::client;
use crate::node::environment::instance::js_function;
use crate::node::js::arguments::{content, wrong_type};
use crate::node::js::error::to_js;
use crate::node::js::value::{Handle, handle};
use crate::node::promise::abort::Abort;
use crate::node::promise::operation::promise;
use crate::node::promise::rejection::{CallbackError, Rejection};
use crate::operation::request::Incoming;

/// The arguments of `send` in `lib/js-support.js`.
type Send<'env> = FnArgs<(Unknown<'env>, Function<'env, (), Handle>, Function<'env, (), ()>)>;
/// The arguments of `receive`.
type Receive<'env> = FnArgs<(Object<'env>, Function<'env, (), Handle>, Function<'env, (), ()>, Option<Object<'env>>)>;

/// Begins to read a stream of the caller. If the stream fails, the operation ends through `abort`,
/// and rejects with the same error.
pub fn send(env: &Env, source: Unknown, abort: &Abort, callback_error: &CallbackError) -> napi::Result<Body> {
    let (body, sender) = Body::stream();
    let sender = Rc::new(RefCell::new(Some(sender)));
    let write = {
        let sender = sender.clone();
        env.create_function_from_closure("write", move |call: FunctionCallContext| {
            let chunk = chunk(call.env, call.first_arg()?);
            let sender = sender.borrow().clone();
            let start = || {
                let chunk = chunk?;
                let operation = async move {
                    match sender {
                        Some(sender) => Ok::<_, Rejection>(sender.send(Some(chunk)).await.is_ok()),
                        None => Ok(false),
                    }
                };
                Ok((operation, Abort::default()))
            };
            handle(call.env, promise(call.env, start, |env, is_wanted: bool| handle(&env, is_wanted))?)
        })?
    };
    let end = {
        let (callback_error, token) = (callback_error.clone(), abort.token.clone());
        env.create_function_from_closure("end", move |call: FunctionCallContext| {
            // A sender that is only dropped is a truncated body.
            let sender = sender.borrow_mut().take();
            if call.length() > 0 {
                callback_error.set(napi::Error::from_unknown_without_coercion(call.first_arg::<Unknown>()?));
                token.cancel();
            } else if let Some(sender) = sender {
                client::spawn(async move { sender.send(None).await }).map_err(|error| to_js(call.env, error))?;
            }
            Ok(())
        })?
    };
    let read: Function<Send, Unknown> = js_function(env, "send")?;
    read.call(FnArgs::from((source, write, end)))?;
    Ok(body)
}

fn chunk(env: &Env, value: Unknown) -> napi::Result<Bytes> {
    const NAME: &str = "options.body";
    match value.get_type()? {
        ValueType::String => content(env, NAME, value).map(Bytes::from),
        ValueType::Object if value.is_typedarray()? => {
            Uint8ArraySlice::from_unknown(value).map(|bytes| Bytes::copy_from_slice(&bytes))
        }
        _ => Err(wrong_type(env, NAME, "a stream of strings or bytes", value)),
    }
}

/// A body on the wire, closed by its reader or by the end of the environment. A promise that is
/// resolved while its environment ends keeps its value for ever; the connection must not live as
/// long.
pub struct ResponseStream {
    place: Arc<Mutex<Option<Incoming>>>,
    /// Cancelled when the body is no longer read.
    closed: CancellationToken,
}

impl ResponseStream {
    /// `life` is the token of the environment.
    pub fn new(incoming: Incoming, life: &CancellationToken) -> Self {
        let (place, closed) = (Arc::new(Mutex::new(Some(incoming))), life.child_token());
        let (held, end) = (place.clone(), closed.clone());
        tokio::spawn(async move {
            end.cancelled().await;
            // Closes the connection, unless the body was read to its end.
            held.lock().await.take();
        });
        Self { place, closed }
    }

    /// Closes the body unread.
    pub fn close(&self) {
        self.closed.cancel();
    }
}

/// Owned by the function that reads. Closes the body if its stream is collected unread.
struct CloseOnDrop(CancellationToken);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The stream of a response body. `head` has its additional properties.
pub fn receive<'env>(
    env: &'env Env,
    ResponseStream { place, closed }: ResponseStream,
    head: Object<'env>,
    signal: Option<Object<'env>>,
) -> napi::Result<Object<'env>> {
    let guard = CloseOnDrop(closed.clone());
    let read = env.create_function_from_closure("read", move |call: FunctionCallContext| {
        let (place, closed) = (place.clone(), guard.0.clone());
        let operation = async move {
            let mut place = place.lock().await;
            let Some(body) = place.as_mut() else {
                return Ok(None);
            };
            let chunk = select! {
                chunk = body.chunk() => chunk,
                () = closed.cancelled() => Ok(None),
            };
            if !matches!(chunk, Ok(Some(_))) {
                closed.cancel();
            }
            chunk.map_err(Rejection::from)
        };
        let start = || Ok((operation, Abort::default()));
        let chunk = |env: Env, chunk: Option<Bytes>| match chunk {
            Some(chunk) => handle(&env, BufferSlice::copy_from(&env, &chunk)?),
            None => handle(&env, Null),
        };
        handle(call.env, promise(call.env, start, chunk)?)
    })?;
    let close = env.create_function_from_closure("close", move |_| {
        closed.cancel();
        Ok(())
    })?;
    let receive: Function<Receive, Unknown> = js_function(env, "receive")?;
    Object::from_unknown(receive.call(FnArgs::from((head, read, close, signal)))?)
}
