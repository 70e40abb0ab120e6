//! Listeners that hear of every request that is sent and every answer that comes: once for each attempt, and for each
//! redirect within it.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};

use crate::base::error::{Error, redacted};
use crate::base::listeners::{Hooks, Received, Sent};
use crate::base::observer::{ExchangeHead, Observer, ResponseStart, Trace};
use crate::io::http::transport::Answer;
use crate::policy::http::redirect::RequestHead;

/// The hooks of one attempt, and the request whose outcome they have not heard of.
#[derive(Debug)]
pub struct HookDispatcher<'a> {
    hooks: &'a Hooks,
    observer: &'a Observer,
    /// The exchange under way, or the last one: what ends it may be known only after it.
    trace: Mutex<Option<Trace>>,
    timeout: Option<Duration>,
    pending: Mutex<Option<(Method, String, Instant)>>,
}

impl<'a> HookDispatcher<'a> {
    pub fn new(hooks: &'a Hooks, observer: &'a Observer, timeout: Option<Duration>) -> Self {
        Self { hooks, observer, trace: Mutex::default(), timeout, pending: Mutex::default() }
    }

    /// Announces a request to the observer, who may add fields to it.
    pub async fn begins(&self, hop: &mut Cow<'_, RequestHead>) {
        if let Some(observer) = &self.observer.0 {
            // On the heap: seldom there.
            Box::pin(async {
                let head =
                    ExchangeHead { method: hop.method.clone(), url: hop.url.clone(), headers: hop.headers.clone() };
                let (trace, fields) = Trace::begin(observer, head).await;
                if !fields.is_empty() {
                    hop.to_mut().headers.extend(fields);
                }
                *self.trace.lock().unwrap_or_else(PoisonError::into_inner) = Some(trace);
            })
            .await;
        }
    }

    pub async fn sends(&self, hop: &RequestHead) {
        let Hooks { on_request, on_response } = self.hooks;
        if on_response.is_some() {
            let pending = (hop.method.clone(), redacted(&hop.url), Instant::now());
            *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        }
        if let Some(hook) = on_request {
            let (method, url) = (hop.method.clone(), redacted(&hop.url));
            hook(Sent { method, url, headers: hop.headers.clone(), timeout: self.timeout }).await;
        }
    }

    pub async fn receives(&self, answer: &mut Answer) {
        let trace = self.observer.0.as_ref().and_then(|_| self.trace());
        if let Some(trace) = trace {
            trace.head(ResponseStart {
                status: answer.status,
                status_text: answer.status_text.clone(),
                headers: answer.headers.clone(),
                peer: answer.peer(),
                is_http2: answer.is_http2(),
            });
            answer.traced(trace);
        }
        if self.hooks.on_response.is_some() {
            Box::pin(self.tell(Ok((answer.status, answer.status_text.clone(), answer.headers.clone())))).await;
        }
    }

    /// Of a failure that came before any answer, cancelled attempts included.
    pub async fn fails(&self, error: &Error) {
        if let Some(trace) = self.trace() {
            trace.fail(error);
        }
        if self.hooks.on_response.is_some() {
            Box::pin(self.tell(Err(error.clone()))).await;
        }
    }

    fn trace(&self) -> Option<Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn tell(&self, outcome: Result<(StatusCode, String, HeaderMap), Error>) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some((method, url, started)), Some(hook)) = (pending, &self.hooks.on_response) {
            hook(Received { method, url, duration: started.elapsed(), outcome }).await;
        }
    }
}
