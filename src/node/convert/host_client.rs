//! The host client of one environment: its `node:http` and `node:https`, by
//! `lib/node-transport.js`.
//!
//! The core enqueues closures for the JavaScript thread, which refer to exchanges by number.
//! JavaScript reports events by the functions of a [`Sink`], which never block.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use napi::Env;
use napi::bindgen_prelude::FromNapiValue;
use tokio::sync::{mpsc, oneshot};

use self::request::{Request, RequestBody, UploadChunks};
use self::sink::{Flow, Head, Sink};
use crate::base::host_client::{Exchange, HostBody, HostClient, HostFailure, HostRequest, HostResponse};
use crate::node::environment::instance::{instance, js_function};
use crate::node::environment::queue::Slot;
use crate::node::js::value::pending_exception;

mod request;
mod sink;

/// Creates the client of one call. Its requests are sent in the asynchronous context of the call,
/// so that tracing of `node:http` finds the caller.
pub fn host_client(env: &Env) -> napi::Result<HostClient> {
    let context = js_function::<()>(env, "captureContext")?.call(())?;
    let (id, slot) = (instance(env)?.id, instance(env)?.completions.slot.clone());
    Ok(HostClient(Arc::new(NodeClient { id, slot, context: u32::from_unknown(context)? })))
}

struct NodeClient {
    /// The number of the environment.
    id: u64,
    slot: Slot,
    /// The number of the asynchronous context.
    context: u32,
}

impl Drop for NodeClient {
    fn drop(&mut self) {
        emit(&self.slot, "releaseContext", self.context);
    }
}

impl Exchange for NodeClient {
    fn id(&self) -> u64 {
        self.id
    }

    fn send(&self, request: HostRequest) -> BoxFuture<'static, Result<HostResponse, HostFailure>> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (sender, head) = oneshot::channel();
        let (chunks, received) = mpsc::unbounded_channel();
        let HostRequest { method, url, headers, body, ca, connected } = request;
        let flow = Arc::new(Flow::default());
        let body = RequestBody::from(body);
        let upload = if let RequestBody::Chunks(chunks) = &body { Some(chunks.clone()) } else { None };
        let guard = Guard { number, slot: self.slot.clone(), upload, is_over: false };
        let sink = Arc::new(Sink::new(connected, sender, chunks, flow.clone()));
        let context = self.context;
        self.slot.enqueue(Box::new(move |env| {
            let request = Request { method: method.as_str(), url: url.as_str(), headers: &headers, body, ca };
            if let Err(error) = request::begin(&env, (number, context), request, &sink) {
                let error = pending_exception(&env).unwrap_or(error);
                sink.fail(HostFailure { message: error.reason.clone(), ..HostFailure::default() });
            }
        }));
        async move {
            let mut guard = guard;
            match head.await.unwrap_or_else(|_| Err(lost())) {
                Ok(Head { status, reason, headers }) => {
                    let body = Box::new(Received { chunks: received, flow, guard });
                    Ok(HostResponse { status, reason, headers, body })
                }
                Err(failure) => {
                    guard.is_over = true;
                    Err(failure)
                }
            }
        }
        .boxed()
    }
}

/// The failure of an exchange whose environment has ended.
fn lost() -> HostFailure {
    HostFailure { is_environment_lost: true, ..HostFailure::default() }
}

/// Calls a function of `lib/js-support.js` with a number, on the JavaScript thread.
fn emit(slot: &Slot, name: &'static str, number: u32) {
    slot.enqueue(Box::new(move |env| {
        if js_function::<u32>(&env, name).and_then(|function| function.call(number)).is_err() {
            let _ = pending_exception(&env);
        }
    }));
}

/// Aborts the exchange when dropped, unless it is over.
struct Guard {
    number: u32,
    slot: Slot,
    /// The request's body, which is closed with the exchange.
    upload: Option<UploadChunks>,
    is_over: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(upload) = &self.upload {
            upload.close();
        }
        if !self.is_over {
            emit(&self.slot, "abortExchange", self.number);
        }
    }
}

/// A response body that JavaScript reads.
struct Received {
    chunks: mpsc::UnboundedReceiver<Result<Option<Bytes>, HostFailure>>,
    flow: Arc<Flow>,
    guard: Guard,
}

impl HostBody for Received {
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, HostFailure>> {
        async {
            if self.guard.is_over {
                return Ok(None);
            }
            let next = self.chunks.recv().await.unwrap_or_else(|| Err(lost()));
            let Ok(Some(bytes)) = &next else {
                self.guard.is_over = true;
                return next;
            };
            if self.flow.take(bytes.len()) {
                emit(&self.guard.slot, "resumeExchange", self.guard.number);
            }
            next
        }
        .boxed()
    }
}
