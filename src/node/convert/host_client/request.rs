//! Conversion of a request to the object that `lib/node-transport.js` takes.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use napi::Env;
use napi::bindgen_prelude::{FnArgs, Function, FunctionCallContext, JsObjectValue, Null, Object, Unknown};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Kind};
use crate::base::host_client::{Upload, UploadSource};
use crate::node::convert::host_client::sink::{Sink, sink_object};
use crate::node::environment::instance::js_function;
use crate::node::js::buffer::buffer;
use crate::node::js::value::{Handle, handle};
use crate::node::promise::abort::Abort;
use crate::node::promise::failure::Failure;
use crate::node::promise::operation::promise;

/// The request that JavaScript sends.
pub struct Request<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    pub body: Upload,
    pub ca: Vec<String>,
}

/// The arguments of `exchange` in `lib/node-transport.js`.
type Begin<'env> = FnArgs<(u32, u32, Object<'env>, Object<'env>)>;

/// Hands an exchange to JavaScript, by its number and that of its asynchronous context.
pub fn begin(
    env: &Env,
    (number, context): (u32, u32),
    request: Request,
    sink: &Arc<Sink>,
    closed: CancellationToken,
) -> napi::Result<()> {
    let Request { method, url, headers, body, ca } = request;
    let mut object = Object::new(env)?;
    object.set_named_property("method", method)?;
    object.set_named_property("url", url)?;
    object.set_named_property("headers", fields(env, headers)?)?;
    if !ca.is_empty() {
        object.set_named_property("ca", ca)?;
    }
    let mut functions = sink_object(env, sink)?;
    match body {
        Upload::None => {}
        Upload::Whole(bytes) => object.set_named_property("body", buffer(env, bytes)?)?,
        Upload::Source(source) => functions.set_named_property("pull", pull(env, source, closed)?)?,
    }
    let exchange: Function<Begin, Unknown> = js_function(env, "exchange")?;
    exchange.call(FnArgs::from((number, context, object, functions))).map(drop)
}

/// Converts header fields to the object that `setHeader` takes: names in title case, as the native
/// transport sends them, and several values as an array.
fn fields<'env>(env: &'env Env, headers: &HeaderMap) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    for name in headers.keys() {
        let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
        let shown = title_case(name.as_str());
        match <[String; 1]>::try_from(values) {
            Ok([value]) => object.set_named_property(&shown, value)?,
            Err(values) => object.set_named_property(&shown, values)?,
        }
    }
    Ok(object)
}

/// Decodes a value as Latin-1, the inverse of what Node does.
fn text(value: &HeaderValue) -> String {
    value.as_bytes().iter().map(|byte| char::from(*byte)).collect()
}

fn title_case(name: &str) -> String {
    let mut is_first = true;
    name.chars()
        .map(|each| {
            let shown = if is_first { each.to_ascii_uppercase() } else { each };
            is_first = each == '-';
            shown
        })
        .collect()
}

/// Creates the function that resolves with the next chunk of the request body, or with null at its
/// end.
fn pull(env: &Env, source: UploadSource, closed: CancellationToken) -> napi::Result<Function<'_, (), Handle>> {
    let source = Arc::new(Mutex::new(source));
    env.create_function_from_closure("pull", move |call: FunctionCallContext| {
        let (source, closed) = (source.clone(), closed.clone());
        let operation = async move {
            let mut source = source.lock().await;
            let frame = std::future::poll_fn(|context| source.as_mut().poll_frame(context));
            match closed.run_until_cancelled(frame).await {
                Some(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
                Some(Some(Err(error))) => Err(Failure::from(Error::new(Kind::Network, error.to_string()))),
                Some(None) => Ok(None),
                // An error, because the request must not look complete.
                None => Err(Error::aborted().into()),
            }
        };
        let chunk = |env: Env, chunk: Option<Bytes>| match chunk {
            Some(bytes) => handle(&env, buffer(&env, bytes)?),
            None => handle(&env, Null),
        };
        handle(call.env, promise(call.env, || Ok((operation, Abort::default())), chunk)?)
    })
}
