//! Observers of calls: the channels of `node:diagnostics_channel`, which `lib/observer.js`
//! publishes to.
//!
//! Everything goes by the queue of completions, so that it is published before the promise of its
//! call is settled, and in the order in which it happened.

use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use napi::bindgen_prelude::{FnArgs, FromNapiValue, JsObjectValue, Object, Unknown};
use napi::{Env, JsError};
use tokio::sync::oneshot;
use url::{Position, Url};

use crate::base::error::Error;
use crate::base::observer::{ErrorEvent, ExchangeEnd, ExchangeHead, LockStep, Observe, Observer, ResponseStart};
use crate::base::options::RequestOptions;
use crate::base::redact::redacted_target;
use crate::node::environment::instance::{instance, js_function};
use crate::node::environment::observer_functions::ObserverFunctions;
use crate::node::environment::queue::{Completion, Slot};
use crate::node::environment::variables::Environment;
use crate::node::js::error::to_js;
use crate::node::js::number::number;
use crate::node::js::value::pending_exception;
use crate::operation::request::make_first;
use crate::policy::http::headers::text;

/// The observer of a call that begins now, if anybody has subscribed. Nobody hears of the call
/// before [`begin`] or [`announce`].
pub fn observer(env: &Env, environment: &Environment) -> napi::Result<Observer> {
    if !environment.is_observed {
        return Ok(Observer::default());
    }
    let slot = instance(env)?.completions.slot.clone();
    Ok(Observer::new(Call { slot, number: next(), steps: Arc::default() }))
}

/// Keeps the context of the caller for what is published of the call.
pub fn begin(env: &Env, observer: &Observer) -> napi::Result<()> {
    let Some(call) = &observer.0 else {
        return Ok(());
    };
    functions(env)?.begin.borrow_back(env)?.call(FnArgs::from((call.number(),))).map(drop)
}

/// [`begin`], and publishes the first request of the call on this thread, before the call begins:
/// the worker would have to wait for the event loop. A failure harms nobody, as in
/// [`Call::completion`].
pub fn announce(env: &Env, url: &mut Url, options: &mut RequestOptions) -> napi::Result<()> {
    let Some(observed) = options.transfer.observer.0.clone() else {
        return Ok(());
    };
    if !make_first(url, options) {
        return begin(env, &options.transfer.observer);
    }
    let exchange = observed.next();
    let head = (&options.method, &*url, &options.transfer.headers);
    let added = functions(env).and_then(|functions| created(env, functions, (observed.number(), exchange), head));
    if added.is_err() {
        let _ = pending_exception(env);
    }
    observed.set_announced(exchange, added.unwrap_or_default());
    Ok(())
}

/// A number for a call, an exchange or a lock: no two of the process that are going on have the
/// same.
fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
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
    /// The steps that are still to be published. A response that is received at once has several,
    /// which are published together.
    steps: Arc<Mutex<Vec<Step>>>,
}

/// A step of a call.
enum Step {
    Responded(u32, Responded),
    Ended(u32, ExchangeEnd),
    Lock(u32, LockStep),
    Error(ErrorEvent),
    /// Nothing more of the call is to come.
    Forget,
}

/// The head of a response, as `lib/observer.js` gets it: reason phrase, address of the peer and
/// header fields are one text, because each string costs more than its characters.
struct Responded {
    status: u16,
    text: String,
    port: Option<u16>,
    is_http2: bool,
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
            let ExchangeHead { method, url, headers } = &head;
            let added = created(env, functions, (call, exchange), (method, url, headers));
            // Nobody waits where the call has been aborted.
            let _ = sender.send(added.unwrap_or_default());
            Ok(())
        }));
        Box::pin(async { receiver.await.unwrap_or_default() })
    }

    /// Converts on the thread of the worker: that of JavaScript has more to do.
    fn responded(&self, exchange: u32, start: ResponseStart<'_>) {
        let ResponseStart { status, status_text, headers, peer, is_http2 } = start;
        let mut text = String::with_capacity(TEXT);
        line(&mut text, status_text);
        line(&mut text, &peer.map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default());
        lines(&mut text, headers);
        let port = peer.map(|peer| peer.port());
        self.step(Step::Responded(exchange, Responded { status: status.as_u16(), text, port, is_http2 }));
    }

    fn ended(&self, exchange: u32, end: ExchangeEnd) {
        self.step(Step::Ended(exchange, end));
    }

    fn lock(&self, lock: u32, step: LockStep) {
        self.step(Step::Lock(lock, step));
    }

    fn error(&self, event: ErrorEvent) {
        self.step(Step::Error(event));
    }

    fn next(&self) -> u32 {
        next()
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
            Step::Responded(exchange, start) => {
                let is_end = |step: &Step| matches!(step, Step::Ended(of, ExchangeEnd::Over) if *of == exchange);
                let is_ended = steps.next_if(is_end).is_some();
                let is_last = is_ended && steps.next_if(|step| matches!(step, Step::Forget)).is_some();
                responded(env, functions, (call, exchange), start, (is_ended, is_last))
            }
            Step::Ended(exchange, ExchangeEnd::Over) => ended(env, functions, call, exchange),
            Step::Ended(exchange, ExchangeEnd::Failed(error)) => {
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
    (call, exchange): (u32, u32),
    (method, url, headers): (&Method, &Url, &HeaderMap),
) -> napi::Result<HeaderMap> {
    // Spans go to other places: secrets in the query stay here.
    let mut text = String::with_capacity(TEXT);
    line(&mut text, method.as_str());
    text.push_str(&url[..Position::BeforeUsername]);
    line(&mut text, &url[Position::BeforeHost..Position::BeforePath]);
    line(&mut text, &redacted_target(url));
    lines(&mut text, headers);
    let arguments = FnArgs::from((call, exchange, text));
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
    start: Responded,
    (is_ended, is_last): (bool, bool),
) -> napi::Result<()> {
    let Responded { status, text, port, is_http2 } = start;
    let arguments = (call, exchange, is_ended, is_last, status, text, port, is_http2);
    functions.responded.borrow_back(env)?.call(FnArgs::from(arguments)).map(drop)
}

/// Enough for the head of a usual request or response, in bytes.
const TEXT: usize = 512;

fn line(lines: &mut String, text: &str) {
    lines.push_str(text);
    lines.push('\n');
}

/// Names and values by turns, a line each.
fn lines(lines: &mut String, headers: &HeaderMap) {
    for (name, value) in headers {
        line(lines, name.as_str());
        line(lines, &text(value));
    }
}

fn js_error(env: &Env, error: Error) -> Unknown<'_> {
    JsError::from(to_js(env, error)).into_unknown(*env)
}
