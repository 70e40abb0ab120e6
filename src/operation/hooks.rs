//! Listeners that hear of every request that is sent and every answer that comes: once for each attempt, and for each
//! redirect within it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};

use crate::base::error::{Error, redacted};
use crate::base::listeners::{Hooks, Received, Sent};
use crate::io::http::transport::IncomingResponse;
use crate::policy::http::redirect::RequestHead;

/// The hooks of one attempt, and the request whose outcome they have not heard of.
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

    pub async fn receives(&self, answer: &IncomingResponse) {
        if self.hooks.on_response.is_some() {
            Box::pin(self.tell(Ok((answer.status, answer.status_text.clone(), answer.headers.clone())))).await;
        }
    }

    /// Of a failure that came before any answer, cancelled attempts included.
    pub async fn fails(&self, error: &Error) {
        if self.hooks.on_response.is_some() {
            Box::pin(self.tell(Err(error.clone()))).await;
        }
    }

    async fn tell(&self, outcome: Result<(StatusCode, String, HeaderMap), Error>) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some((method, url, started)), Some(hook)) = (pending, &self.hooks.on_response) {
            hook(Received { method, url, duration: started.elapsed(), outcome }).await;
        }
    }
}
