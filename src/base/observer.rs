//! Observers of calls: whoever subscribed to the diagnostics channels of the caller.
//!
//! An observer hears of every exchange with a server (each attempt and each redirect is one of its
//! own), of locks and of errors. Nothing waits for it, except that it may add fields to a request
//! before it is sent.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::base::error::Error;

/// A request that is about to be sent.
#[derive(Clone, Debug)]
pub struct ExchangeHead {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseStart<'a> {
    pub status: StatusCode,
    pub status_text: &'a str,
    pub headers: &'a HeaderMap,
    /// The server's end of the connection, or the proxy's.
    pub peer: Option<SocketAddr>,
    pub is_http2: bool,
}

/// The end of an exchange.
#[derive(Clone, Debug)]
pub enum ExchangeEnd {
    /// The body has been read, or nobody wants it.
    Over,
    Failed(Error),
}

/// A lock that is wanted, taken or not.
#[derive(Clone, Debug)]
pub enum LockStep {
    Wanted {
        lock_path: PathBuf,
        destination: PathBuf,
        url: String,
    },
    /// It was acquired, or somebody else published the file meanwhile.
    Ended {
        is_acquired: bool,
    },
    Failed(Error),
}

/// One failed call, as errors are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorEvent {
    pub operation: &'static str,
    pub code: String,
    pub host: String,
    pub status: Option<u16>,
    pub message: String,
    /// Milliseconds since 1970.
    pub time: u64,
}

/// An observer of one call.
pub trait Observe: Send + Sync {
    /// The fields that are to be added to a request. `exchange` names it from now on.
    fn created(&self, exchange: u32, head: ExchangeHead) -> BoxFuture<'static, HeaderMap>;
    fn responded(&self, exchange: u32, start: ResponseStart<'_>);
    fn ended(&self, exchange: u32, end: ExchangeEnd);
    fn lock(&self, lock: u32, step: LockStep);
    fn error(&self, event: ErrorEvent);
    /// A number for an exchange or a lock.
    fn next(&self) -> u32;
    /// The number of the call.
    fn number(&self) -> u32;
}

/// The observer of a call, if there is one.
#[derive(Clone, Default)]
pub struct Observer(pub Option<Arc<Observed>>);

/// A call that is observed.
pub struct Observed {
    observe: Box<dyn Observe>,
    /// The error of exchanges that are dropped. `None`: they are aborted.
    interruption: Mutex<Option<Error>>,
    /// The exchange that was announced before the call began, and the fields for its request.
    announced: Mutex<Option<(u32, HeaderMap)>>,
}

impl Observer {
    pub fn new(observe: impl Observe + 'static) -> Self {
        let (interruption, announced) = Default::default();
        Self(Some(Arc::new(Observed { observe: Box::new(observe), interruption, announced })))
    }

    /// Sets the error of the exchanges that are dropped from now on: with `None`, that the call was
    /// aborted.
    pub fn set_interruption(&self, error: Option<&Error>) {
        if let Some(observed) = &self.0 {
            *observed.interruption.lock().unwrap_or_else(PoisonError::into_inner) = error.cloned();
        }
    }
}

impl Observed {
    /// Records that the first exchange has been announced already, and the fields that are to be
    /// added to its request.
    pub fn set_announced(&self, exchange: u32, fields: HeaderMap) {
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some((exchange, fields));
    }

    fn take_announced(&self) -> Option<(u32, HeaderMap)> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Ends an exchange that was announced and never began.
impl Drop for Observed {
    fn drop(&mut self) {
        if let Some((exchange, _)) = self.take_announced() {
            self.observe.ended(exchange, ExchangeEnd::Failed(Error::aborted()));
        }
    }
}

impl Deref for Observed {
    type Target = dyn Observe;

    fn deref(&self) -> &Self::Target {
        &*self.observe
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "no observer" })
    }
}

/// One exchange that is observed. The last clone to be dropped ends it, if nothing else has.
#[derive(Clone)]
pub struct Trace(Arc<Exchange>);

struct Exchange {
    observer: Arc<Observed>,
    number: u32,
    is_over: AtomicBool,
    status: Mutex<Option<StatusCode>>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}

impl Trace {
    /// Announces a request, unless that has been done. Returns the fields that are to be added to
    /// it, too.
    pub async fn begin(observer: &Arc<Observed>, head: impl FnOnce() -> ExchangeHead) -> (Self, HeaderMap) {
        let announced = observer.take_announced();
        let number = announced.as_ref().map_or_else(|| observer.next(), |(number, _)| *number);
        let exchange =
            Exchange { observer: observer.clone(), number, is_over: AtomicBool::new(false), status: Mutex::default() };
        let trace = Self(Arc::new(exchange));
        let fields = match announced {
            Some((_, fields)) => fields,
            None => observer.created(number, head()).await,
        };
        (trace, fields)
    }

    pub fn head(&self, start: ResponseStart<'_>) {
        *self.0.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(start.status);
        self.0.observer.responded(self.0.number, start);
    }

    pub fn end(&self) {
        self.0.finish(|| ExchangeEnd::Over);
    }

    pub fn fail(&self, error: &Error) {
        self.0.finish(|| ExchangeEnd::Failed(error.clone()));
    }
}

impl Exchange {
    fn finish(&self, end: impl FnOnce() -> ExchangeEnd) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.observer.ended(self.number, end());
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let status = *self.status.lock().unwrap_or_else(PoisonError::into_inner);
        // The body of an error or a redirect is often not worth reading. Any other was cut short.
        let is_enough = status.is_some_and(|status| !status.is_success());
        let interruption = self.observer.interruption.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.finish(|| match interruption {
            _ if is_enough => ExchangeEnd::Over,
            error => ExchangeEnd::Failed(error.unwrap_or_else(Error::aborted)),
        });
    }
}

/// A lock that is observed: dropped without an outcome, it was given up.
pub struct LockTrace(Option<(Arc<Observed>, u32)>);

impl LockTrace {
    pub fn begin(observer: &Observer, wanted: impl FnOnce() -> LockStep) -> Self {
        Self(observer.0.as_ref().map(|observer| {
            let number = observer.next();
            observer.lock(number, wanted());
            (observer.clone(), number)
        }))
    }

    pub fn end(mut self, outcome: impl FnOnce() -> LockStep) {
        if let Some((observer, number)) = self.0.take() {
            observer.lock(number, outcome());
        }
    }
}

impl Drop for LockTrace {
    fn drop(&mut self) {
        if let Some((observer, number)) = self.0.take() {
            observer.lock(number, LockStep::Failed(Error::aborted()));
        }
    }
}
