//! Conversion of a request to the object that `lib/node-transport.js` takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use napi::Env;
use napi::bindgen_prelude::{FnArgs, Function, FunctionCallContext, JsObjectValue, Null, Object, Unknown};
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Kind};
use crate::base::host_client::{Upload, UploadSource};
use crate::node::convert::host_client::sink::{Sink, sink_object};
use crate::node::environment::instance::js_function;
use crate::node::js::buffer::buffer;
use crate::node::js::value::{Handle, handle};
use crate::node::promise::abort::Abort;
use crate::node::promise::operation::promise;
use crate::node::promise::rejection::Rejection;

/// A request body that is read in chunks, until its exchange is over.
///
/// The exchange closes it, because JavaScript holds the function that reads it until a garbage
/// collection. Until then, whoever writes the body would wait, and keep the event loop alive.
#[derive(Clone, Default)]
pub struct UploadChunks {
    source: Arc<Mutex<Option<UploadSource>>>,
    closed: CancellationToken,
}

impl UploadChunks {
    pub fn new(source: UploadSource) -> Self {
        Self { source: Arc::new(Mutex::new(Some(source))), closed: CancellationToken::new() }
    }

    pub fn close(&self) {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.closed.cancel();
        drop(source);
    }

    async fn next(&self) -> Result<Option<Bytes>, Error> {
        let frame = std::future::poll_fn(|context| {
            let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
            source.as_mut().map_or(Poll::Pending, |source| source.as_mut().poll_frame(context))
        });
        match self.closed.run_until_cancelled(frame).await {
            Some(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Some(Err(error))) => Err(Error::new(Kind::Network, error.to_string())),
            Some(None) => Ok(None),
            // An error, because the request must not look complete.
            None => Err(Error::aborted()),
        }
    }
}

/// The body of a request that JavaScript sends.
pub enum RequestBody {
    None,
    Whole(Bytes),
    Chunks(UploadChunks),
}

impl From<Upload> for RequestBody {
    fn from(upload: Upload) -> Self {
        match upload {
            Upload::None => Self::None,
            Upload::Whole(bytes) => Self::Whole(bytes),
            Upload::Source(source) => Self::Chunks(UploadChunks::new(source)),
        }
    }
}

/// The request that JavaScript sends.
pub struct Request<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    pub body: RequestBody,
    pub ca: Vec<String>,
}

/// The arguments of `exchange` in `lib/node-transport.js`.
type Begin<'env> = FnArgs<(u32, u32, Object<'env>, Object<'env>)>;

/// Hands an exchange to JavaScript, by its number and that of its asynchronous context.
pub fn begin(env: &Env, (number, context): (u32, u32), request: Request, sink: &Arc<Sink>) -> napi::Result<()> {
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
        RequestBody::None => {}
        RequestBody::Whole(bytes) => object.set_named_property("body", buffer(env, bytes)?)?,
        RequestBody::Chunks(chunks) => functions.set_named_property("pull", pull(env, chunks)?)?,
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
fn pull(env: &Env, chunks: UploadChunks) -> napi::Result<Function<'_, (), Handle>> {
    env.create_function_from_closure("pull", move |call: FunctionCallContext| {
        let chunks = chunks.clone();
        let operation = async move { chunks.next().await.map_err(Rejection::from) };
        let chunk = |env: Env, chunk: Option<Bytes>| match chunk {
            Some(bytes) => handle(&env, buffer(&env, bytes)?),
            None => handle(&env, Null),
        };
        handle(call.env, promise(call.env, || Ok((operation, Abort::default())), chunk)?)
    })
}
