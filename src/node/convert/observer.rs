//! Observers of calls: the channels of `node:diagnostics_channel`, which `lib/observer.js`
//! publishes to.
//!
//! Everything goes by the queue of completions, so that it is published before the promise of its
//! call is settled, and in the order in which it happened.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use napi::bindgen_prelude::{FnArgs, FromNapiValue, JsObjectValue, JsValuesTupleIntoVec, Object, Unknown};
use napi::{Env, JsError, ValueType};
use tokio::sync::oneshot;

use crate::base::error::{Error, redacted};
use crate::base::observer::{ErrorEvent, ExchangeHead, ExchangeStep, LockStep, Observe, Observer, ResponseStart};
use crate::node::environment::instance::{instance, js_function};
use crate::node::environment::queue::Slot;
use crate::node::environment::variables::Environment;
use crate::node::js::error::to_js;
use crate::node::js::number::number;
use crate::node::js::value::pending_exception;
use crate::policy::http::headers::text;

/// The observer of a call that begins now, if anybody has subscribed.
pub fn observer(env: &Env, environment: &Environment) -> napi::Result<Observer> {
    if !environment.is_observed {
        return Ok(Observer::default());
    }
    let number = u32::from_unknown(publish(env, FnArgs::from(("observe",)))?)?;
    let slot = instance(env)?.completions.slot.clone();
    Ok(Observer::new(Call { slot, number, last: AtomicU32::new(0) }))
}

/// Calls a function of `lib/observer.js`: its name, and its arguments.
fn publish<Args: JsValuesTupleIntoVec>(env: &Env, arguments: Args) -> napi::Result<Unknown<'_>> {
    js_function::<Args>(env, "observer")?.call(arguments)
}

/// A call that is observed.
struct Call {
    slot: Slot,
    /// Its number in `lib/observer.js`, which keeps the context of its caller.
    number: u32,
    last: AtomicU32,
}

impl Call {
    fn enqueue(&self, publish: impl FnOnce(&Env, u32) -> napi::Result<()> + Send + 'static) {
        let call = self.number;
        self.slot.enqueue(Box::new(move |env| {
            // Fails where the environment is ending. What subscribers throw is Node's business.
            let _ = publish(&env, call);
            let _ = pending_exception(&env);
        }));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.enqueue(|env, call| publish(env, FnArgs::from(("forget", call))).map(drop));
    }
}

impl Observe for Call {
    fn created(&self, exchange: u32, head: ExchangeHead) -> BoxFuture<'static, HeaderMap> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(move |env, call| {
            let added = created(env, call, exchange, &head);
            // Nobody waits where the call has been aborted.
            let _ = sender.send(added.unwrap_or_default());
            Ok(())
        });
        Box::pin(async { receiver.await.unwrap_or_default() })
    }

    fn exchange(&self, exchange: u32, step: ExchangeStep) {
        self.enqueue(move |env, call| match step {
            ExchangeStep::Head(start) => responded(env, call, exchange, &start),
            ExchangeStep::End => publish(env, FnArgs::from(("ended", call, exchange))).map(drop),
            ExchangeStep::Failed(error) => {
                publish(env, FnArgs::from(("failed", call, exchange, js_error(env, error)))).map(drop)
            }
        });
    }

    fn lock(&self, lock: u32, step: LockStep) {
        self.enqueue(move |env, call| {
            let published = match step {
                LockStep::Wanted { lock_path, destination, url } => {
                    let [lock_path, destination] =
                        [lock_path, destination].map(|path| path.to_string_lossy().into_owned());
                    publish(env, FnArgs::from(("lockWanted", call, lock, lock_path, destination, url)))
                }
                LockStep::Ended { is_acquired } => publish(env, FnArgs::from(("lockEnded", call, lock, is_acquired))),
                LockStep::Failed(error) => publish(env, FnArgs::from(("lockFailed", call, lock, js_error(env, error)))),
            };
            published.map(drop)
        });
    }

    fn error(&self, event: ErrorEvent) {
        self.enqueue(move |env, call| {
            let ErrorEvent { operation, code, host, status, message, time } = event;
            let mut object = Object::new(env)?;
            object.set_named_property("operation", operation)?;
            object.set_named_property("code", code)?;
            object.set_named_property("host", host)?;
            if let Some(status) = status {
                object.set_named_property("status", status)?;
            }
            object.set_named_property("message", message)?;
            object.set_named_property("time", number(time))?;
            publish(env, FnArgs::from(("error", call, object))).map(drop)
        });
    }

    fn next(&self) -> u32 {
        self.last.fetch_add(1, Ordering::Relaxed)
    }
}

/// The fields that subscribers add.
fn created(env: &Env, call: u32, exchange: u32, head: &ExchangeHead) -> napi::Result<HeaderMap> {
    let ExchangeHead { method, url, headers } = head;
    let origin = url.origin().ascii_serialization();
    // Spans go to other places: secrets in the query stay here.
    let shown = redacted(url);
    let path = shown.strip_prefix(&origin).and_then(|path| path.split('#').next()).unwrap_or("/").to_owned();
    let added =
        publish(env, FnArgs::from(("created", call, exchange, origin, path, method.to_string(), flat(headers))))?;
    let mut fields = HeaderMap::new();
    if added.get_type()? == ValueType::Object {
        for pair in Vec::<String>::from_unknown(added)?.chunks_exact(2) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(&pair[0]), HeaderValue::try_from(&pair[1])) {
                fields.append(name, value);
            }
        }
    }
    Ok(fields)
}

fn responded(env: &Env, call: u32, exchange: u32, start: &ResponseStart) -> napi::Result<()> {
    let ResponseStart { status, status_text, headers, peer, is_http2 } = start;
    let address = peer.map(|peer| peer.ip().to_canonical().to_string());
    let port = peer.map(|peer| peer.port());
    let head = (status.as_u16(), status_text.clone(), flat(headers));
    publish(env, FnArgs::from(("responded", call, exchange, head.0, head.1, head.2, address, port, *is_http2)))
        .map(drop)
}

/// Names and values by turns.
fn flat(headers: &HeaderMap) -> Vec<String> {
    headers.iter().flat_map(|(name, value)| [name.to_string(), text(value)]).collect()
}

fn js_error(env: &Env, error: Error) -> Unknown<'_> {
    JsError::from(to_js(env, error)).into_unknown(*env)
}
