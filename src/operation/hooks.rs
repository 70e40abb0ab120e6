//! The caller's hooks: called for every request and every response, once for each attempt and for
//! each redirect within it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};

use crate::base::error::{Error, redacted};
use crate::base::listeners::{Hooks, Received, Sent};
use crate::io::http::transport::IncomingResponse;
use crate::policy::http::redirect::RequestHead;

/// The hooks of one attempt, and the request whose outcome has not been reported yet.
#[derive(Debug)]
pub struct HookDispatcher<'a> {
    hooks: &'a Hooks,
    timeout: Option<Duration>,
    pending: Mutex<Option<(Method, String, Instant)>>,
}

impl<'a> HookDispatcher<'a> {
    pub fn new(hooks: &'a Hooks, timeout: Option<Duration>) -> Self {
        Self { hooks, timeout, pending: Mutex::default() }
    }

    pub async fn sends(&self, head: &RequestHead) {
        let Hooks { on_request, on_response } = self.hooks;
        if on_response.is_some() {
            let pending = (head.method.clone(), redacted(&head.url), Instant::now());
            *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        }
        if let Some(hook) = on_request {
            let (method, url) = (head.method.clone(), redacted(&head.url));
            hook(Sent { method, url, headers: head.headers.clone(), timeout: self.timeout }).await;
        }
    }

    pub async fn receives(&self, response: &IncomingResponse) {
        if self.hooks.on_response.is_some() {
            Box::pin(self.emit(Ok((response.status, response.status_text.clone(), response.headers.clone())))).await;
        }
    }

    /// Reports a failure before any response, a timeout included.
    pub async fn fails(&self, error: &Error) {
        if self.hooks.on_response.is_some() {
            Box::pin(self.emit(Err(error.clone()))).await;
        }
    }

    async fn emit(&self, outcome: Result<(StatusCode, String, HeaderMap), Error>) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some((method, url, started)), Some(hook)) = (pending, &self.hooks.on_response) {
            hook(Received { method, url, duration: started.elapsed(), outcome }).await;
        }
    }
}
