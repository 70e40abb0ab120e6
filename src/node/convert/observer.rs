//! Observers of calls: the channels of `node:diagnostics_channel`, which `lib/observer.js`
//! publishes to.
//!
//! Everything goes by the queue of completions, so that it is published before the promise of its
//! call is settled, and in the order in which it happened.

use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use napi::bindgen_prelude::{FnArgs, FromNapiValue, JsObjectValue, Object, Unknown};
use napi::{Env, JsError};
use tokio::sync::oneshot;
use url::Url;

use crate::base::error::{Error, redacted};
use crate::base::observer::{ErrorEvent, ExchangeHead, ExchangeStep, LockStep, Observe, Observer, ResponseStart};
use crate::base::options::RequestOptions;
use crate::node::environment::instance::{instance, js_function};
use crate::node::environment::observer_functions::ObserverFunctions;
use crate::node::environment::queue::{Completion, Slot};
use crate::node::environment::variables::Environment;
use crate::node::js::error::to_js;
use crate::node::js::number::number;
use crate::node::js::value::pending_exception;
use crate::operation::request::first_exchange;
use crate::policy::http::headers::text;

/// The observer of a call that begins now, if anybody has subscribed.
pub fn observer(env: &Env, environment: &Environment) -> napi::Result<Observer> {
    if !environment.is_observed {
        return Ok(Observer::default());
    }
    let number = functions(env)?.observe.borrow_back(env)?.call(())?;
    let slot = instance(env)?.completions.slot.clone();
    Ok(Observer::new(Call { slot, number, last: AtomicU32::new(0), steps: Arc::default() }))
}

/// Publishes the first request of a call on this thread, before the call begins: the worker would
/// have to wait for the event loop. A failure harms nobody, as in [`Call::completion`].
pub fn announce(env: &Env, url: &Url, options: &RequestOptions) {
    let Some(observed) = &options.transfer.observer.0 else {
        return;
    };
    if let Some(head) = first_exchange(url, options) {
        let exchange = observed.next();
        let added = functions(env).and_then(|functions| created(env, functions, observed.number(), exchange, &head));
        if added.is_err() {
            let _ = pending_exception(env);
        }
        observed.set_announced(exchange, added.unwrap_or_default());
    }
}

fn functions(env: &Env) -> napi::Result<&'static ObserverFunctions> {
    let loaded = &instance(env)?.observer_functions;
    if let Some(functions) = loaded.get() {
        return Ok(functions);
    }
    let all = Object::from_unknown(js_function::<()>(env, "observer")?.call(())?)?;
    let functions = ObserverFunctions::new(all)?;
    Ok(loaded.get_or_init(|| functions))
}

/// A call that is observed.
struct Call {
    slot: Slot,
    /// Its number in `lib/observer.js`, which keeps the context of its caller.
    number: u32,
    last: AtomicU32,
    /// The steps that are still to be published. A response that is received at once has several,
    /// which are published together.
    steps: Arc<Mutex<Vec<Step>>>,
}

/// A step of a call.
enum Step {
    Exchange(u32, ExchangeStep),
    Lock(u32, LockStep),
    Error(ErrorEvent),
    /// Nothing more of the call is to come.
    Forget,
}

impl Call {
    fn step(&self, step: Step) {
        let is_first = {
            let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
            steps.push(step);
            steps.len() == 1
        };
        if is_first {
            let steps = self.steps.clone();
            self.slot.enqueue_beside(self.completion(move |env, functions, call| {
                let steps = mem::take(&mut *steps.lock().unwrap_or_else(PoisonError::into_inner));
                publish(env, functions, call, steps);
                Ok(())
            }));
        }
    }

    fn completion(
        &self,
        publish: impl FnOnce(&Env, &ObserverFunctions, u32) -> napi::Result<()> + Send + 'static,
    ) -> Completion {
        let call = self.number;
        Box::new(move |env| {
            // Fails where the environment is ending. What subscribers throw is Node's business.
            if functions(&env).and_then(|functions| publish(&env, functions, call)).is_err() {
                let _ = pending_exception(&env);
            }
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.step(Step::Forget);
    }
}

impl Observe for Call {
    fn created(&self, exchange: u32, head: ExchangeHead) -> BoxFuture<'static, HeaderMap> {
        let (sender, receiver) = oneshot::channel();
        self.slot.enqueue(self.completion(move |env, functions, call| {
            let added = created(env, functions, call, exchange, &head);
            // Nobody waits where the call has been aborted.
            let _ = sender.send(added.unwrap_or_default());
            Ok(())
        }));
        Box::pin(async { receiver.await.unwrap_or_default() })
    }

    fn exchange(&self, exchange: u32, step: ExchangeStep) {
        self.step(Step::Exchange(exchange, step));
    }

    fn lock(&self, lock: u32, step: LockStep) {
        self.step(Step::Lock(lock, step));
    }

    fn error(&self, event: ErrorEvent) {
        self.step(Step::Error(event));
    }

    fn next(&self) -> u32 {
        self.last.fetch_add(1, Ordering::Relaxed)
    }

    fn number(&self) -> u32 {
        self.number
    }
}

/// Publishes steps of a call in their order.
fn publish(env: &Env, functions: &ObserverFunctions, call: u32, steps: Vec<Step>) {
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        let published = match step {
            Step::Exchange(exchange, ExchangeStep::Head(start)) => {
                let is_end = |step: &Step| matches!(step, Step::Exchange(of, ExchangeStep::End) if *of == exchange);
                let is_ended = steps.next_if(is_end).is_some();
                let is_last = is_ended && steps.next_if(|step| matches!(step, Step::Forget)).is_some();
                responded(env, functions, (call, exchange), *start, (is_ended, is_last))
            }
            Step::Exchange(exchange, ExchangeStep::End) => ended(env, functions, call, exchange),
            Step::Exchange(exchange, ExchangeStep::Failed(error)) => {
                functions.call(env, "failed", FnArgs::from((call, exchange, js_error(env, error)))).map(drop)
            }
            Step::Lock(lock, step) => locked(env, functions, call, lock, step),
            Step::Error(event) => failed(env, functions, call, event),
            Step::Forget => functions.call(env, "forget", FnArgs::from((call,))).map(drop),
        };
        if published.is_err() {
            let _ = pending_exception(env);
        }
    }
}

fn ended(env: &Env, functions: &ObserverFunctions, call: u32, exchange: u32) -> napi::Result<()> {
    functions.ended.borrow_back(env)?.call(FnArgs::from((call, exchange))).map(drop)
}

fn locked(env: &Env, functions: &ObserverFunctions, call: u32, lock: u32, step: LockStep) -> napi::Result<()> {
    let published = match step {
        LockStep::Wanted { lock_path, destination, url } => {
            let [lock_path, destination] = [lock_path, destination].map(|path| path.to_string_lossy().into_owned());
            functions.call(env, "lockWanted", FnArgs::from((call, lock, lock_path, destination, url)))
        }
        LockStep::Ended { is_acquired } => functions.call(env, "lockEnded", FnArgs::from((call, lock, is_acquired))),
        LockStep::Failed(error) => functions.call(env, "lockFailed", FnArgs::from((call, lock, js_error(env, error)))),
    };
    published.map(drop)
}

fn failed(env: &Env, functions: &ObserverFunctions, call: u32, event: ErrorEvent) -> napi::Result<()> {
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
    functions.call(env, "error", FnArgs::from((call, object))).map(drop)
}

/// The fields that subscribers add.
fn created(
    env: &Env,
    functions: &ObserverFunctions,
    call: u32,
    exchange: u32,
    head: &ExchangeHead,
) -> napi::Result<HeaderMap> {
    let ExchangeHead { method, url, headers } = head;
    let origin = url.origin().ascii_serialization();
    // Spans go to other places: secrets in the query stay here.
    let shown = redacted(url);
    let path = shown.strip_prefix(&origin).and_then(|path| path.split('#').next()).unwrap_or("/").to_owned();
    let arguments = FnArgs::from((call, exchange, origin, path, method.to_string(), lines(headers)));
    let added = functions.created.borrow_back(env)?.call(arguments)?.unwrap_or_default();
    let mut fields = HeaderMap::new();
    for pair in added.chunks_exact(2) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(&pair[0]), HeaderValue::try_from(&pair[1])) {
            fields.append(name, value);
        }
    }
    Ok(fields)
}

fn responded(
    env: &Env,
    functions: &ObserverFunctions,
    (call, exchange): (u32, u32),
    start: ResponseStart,
    (is_ended, is_last): (bool, bool),
) -> napi::Result<()> {
    let ResponseStart { status, status_text, headers, peer, is_http2 } = start;
    let address = peer.map(|peer| peer.ip().to_canonical().to_string());
    let port = peer.map(|peer| peer.port());
    let fields = lines(&headers);
    let arguments = (call, exchange, is_ended, is_last, status.as_u16(), status_text, fields, address, port, is_http2);
    functions.responded.borrow_back(env)?.call(FnArgs::from(arguments)).map(drop)
}

/// Names and values by turns, a line each: one string costs less than many.
fn lines(headers: &HeaderMap) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(name.as_str());
        lines.push('\n');
        lines.push_str(&text(value));
    }
    lines
}

fn js_error(env: &Env, error: Error) -> Unknown<'_> {
    JsError::from(to_js(env, error)).into_unknown(*env)
}
