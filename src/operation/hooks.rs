//! The caller's hooks: called for every request and every response, once for each attempt and for
//! each redirect within it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::{HeaderMap, Method, StatusCode};

use crate::base::error::{Error, redacted};
use crate::base::listeners::{Hooks, Received, Sent};
use crate::base::observer::{ExchangeHead, Observer, ResponseStart, Trace};
use crate::io::http::transport::IncomingResponse;
use crate::policy::http::redirect::RequestHead;

/// The hooks and the observer of one attempt, and the request whose outcome has not been reported
/// yet.
#[derive(Debug)]
pub struct HookDispatcher<'a> {
    hooks: &'a Hooks,
    observer: &'a Observer,
    /// The last exchange: its error may be known only after its response has been dropped.
    trace: Mutex<Option<Trace>>,
    timeout: Option<Duration>,
    has_sent: AtomicBool,
    pending: Mutex<Option<(Method, String, Instant)>>,
    /// The call of a hook that was last begun.
    running: Mutex<Option<Shared<BoxFuture<'static, ()>>>>,
}

impl<'a> HookDispatcher<'a> {
    pub fn new(hooks: &'a Hooks, observer: &'a Observer, timeout: Option<Duration>) -> Self {
        Self {
            hooks,
            observer,
            trace: Mutex::default(),
            timeout,
            has_sent: AtomicBool::new(false),
            pending: Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// Announces a request to the observer, who may add header fields.
    pub async fn begins(&self, head: &mut Cow<'_, RequestHead>) {
        if let Some(observer) = &self.observer.0 {
            // Boxed: large and rare.
            Box::pin(async {
                let exchange = || ExchangeHead {
                    method: head.method.clone(),
                    url: head.url.clone(),
                    headers: head.headers.clone(),
                };
                let (trace, fields) = Trace::begin(observer, exchange).await;
                if !fields.is_empty() {
                    head.to_mut().headers.extend(fields);
                }
                *self.trace.lock().unwrap_or_else(PoisonError::into_inner) = Some(trace);
            })
            .await;
        }
    }

    /// Whether a request of the attempt has been announced to the hooks.
    pub fn has_sent(&self) -> bool {
        self.has_sent.load(Ordering::Relaxed)
    }

    pub async fn sends(&self, head: &RequestHead) {
        self.has_sent.store(true, Ordering::Relaxed);
        let Hooks { on_request, on_response } = self.hooks;
        if on_response.is_some() {
            let pending = (head.method.clone(), redacted(&head.url), Instant::now());
            *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        }
        if let Some(hook) = on_request {
            let (method, url) = (head.method.clone(), redacted(&head.url));
            self.run(hook(Sent { method, url, headers: head.headers.clone(), timeout: self.timeout })).await;
        }
    }

    pub async fn receives(&self, response: &mut IncomingResponse) {
        let trace = self.observer.0.as_ref().and_then(|_| self.trace());
        if let Some(trace) = trace {
            trace.head(ResponseStart {
                status: response.status,
                status_text: &response.status_text,
                headers: &response.headers,
                peer: response.peer(),
                is_http2: response.is_http2(),
            });
            response.set_trace(trace);
        }
        if self.hooks.on_response.is_some() {
            Box::pin(self.emit(Ok((response.status, response.status_text.clone(), response.headers.clone())))).await;
        }
    }

    /// Reports a failure before any response, a timeout or an abort included. Before that, awaits
    /// the hook during which the attempt ended, so that none is called later.
    pub async fn fails(&self, error: &Error) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.await;
        }
        if let Some(trace) = self.trace() {
            trace.fail(error);
        }
        if self.hooks.on_response.is_some() {
            Box::pin(self.emit(Err(error.clone()))).await;
        }
    }

    async fn run(&self, call: BoxFuture<'static, ()>) {
        let call = call.shared();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(call.clone());
        call.await;
    }

    fn trace(&self) -> Option<Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn emit(&self, outcome: Result<(StatusCode, String, HeaderMap), Error>) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some((method, url, started)), Some(hook)) = (pending, &self.hooks.on_response) {
            self.run(hook(Received { method, url, duration: started.elapsed(), outcome })).await;
        }
    }
}
