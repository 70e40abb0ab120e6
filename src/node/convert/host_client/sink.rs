//! The events of one exchange, reported by JavaScript.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use napi::Env;
use napi::bindgen_prelude::{Function, FunctionCallContext, JsObjectValue, Object, Uint8ArraySlice};
use tokio::sync::{mpsc, oneshot};

use crate::base::host_client::HostFailure;
use crate::node::js::value::{Handle, handle};
use crate::policy::http::headers::latin_1;

/// Unread bytes of a response at which JavaScript pauses.
const HIGH_WATER: usize = 1 << 20;
/// Unread bytes below which it resumes.
const LOW_WATER: usize = 256 << 10;

/// Limit of the fields for which memory is reserved.
const FIELDS_EXPECTED: usize = 256;

/// The head of a response.
pub struct Head {
    pub status: u16,
    pub reason: Vec<u8>,
    pub headers: HeaderMap,
}

/// The receiving end of the events of one exchange.
pub struct Sink {
    connected: Mutex<Option<oneshot::Sender<()>>>,
    head: Mutex<Option<HeadSender>>,
    /// `None` is the end.
    chunks: Chunks,
    flow: Arc<Flow>,
}

/// Flow control between JavaScript and the core. Sequentially consistent, because each side writes
/// one of the values and then reads the other.
#[derive(Default)]
pub struct Flow {
    waiting: AtomicUsize,
    is_paused: AtomicBool,
}

impl Flow {
    /// Records bytes as read. Returns whether JavaScript has paused and must resume.
    pub fn take(&self, bytes: usize) -> bool {
        let waiting = self.waiting.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        waiting < LOW_WATER && self.is_paused.swap(false, Ordering::SeqCst)
    }
}

type HeadSender = oneshot::Sender<Result<Head, HostFailure>>;
type Chunks = mpsc::UnboundedSender<Result<Option<Bytes>, HostFailure>>;

fn taken<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Sink {
    pub fn new(connected: oneshot::Sender<()>, head: HeadSender, chunks: Chunks, flow: Arc<Flow>) -> Self {
        Self { connected: Mutex::new(Some(connected)), head: Mutex::new(Some(head)), chunks, flow }
    }

    fn connect(&self) {
        if let Some(connected) = taken(&self.connected) {
            let _ = connected.send(());
        }
    }

    fn begin(&self, head: Result<Head, HostFailure>) {
        if let Some(sender) = taken(&self.head) {
            let _ = sender.send(head);
        }
    }

    /// Takes a chunk. Returns `false` if JavaScript must pause.
    fn chunk(&self, bytes: Bytes) -> bool {
        let waiting = self.flow.waiting.fetch_add(bytes.len(), Ordering::SeqCst) + bytes.len();
        let is_wanted = self.chunks.send(Ok(Some(bytes))).is_ok();
        if !is_wanted || waiting < HIGH_WATER {
            return true;
        }
        self.flow.is_paused.store(true, Ordering::SeqCst);
        // The core may have read everything before it could see the flag.
        if self.flow.waiting.load(Ordering::SeqCst) < LOW_WATER {
            return self.flow.is_paused.swap(false, Ordering::SeqCst);
        }
        false
    }

    fn end(&self) {
        let _ = self.chunks.send(Ok(None));
    }

    pub fn fail(&self, failure: HostFailure) {
        match taken(&self.head) {
            Some(sender) => drop(sender.send(Err(failure))),
            None => drop(self.chunks.send(Err(failure))),
        }
    }
}

/// Creates the object of functions by which JavaScript reports events.
pub fn sink_object<'env>(env: &'env Env, sink: &Arc<Sink>) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    let add = |object: &mut Object, name: &str, run: fn(&Sink, FunctionCallContext) -> napi::Result<Handle>| {
        let sink = sink.clone();
        let function: Function<(), Handle> =
            env.create_function_from_closure(name, move |call: FunctionCallContext| run(&sink, call))?;
        object.set_named_property(name, function)
    };
    add(&mut object, "connect", |sink, call| {
        sink.connect();
        handle(call.env, ())
    })?;
    add(&mut object, "head", |sink, call| {
        sink.begin(head(&call)?);
        handle(call.env, ())
    })?;
    add(&mut object, "chunk", |sink, call| {
        let bytes = Bytes::copy_from_slice(&call.first_arg::<Uint8ArraySlice>()?);
        handle(call.env, sink.chunk(bytes))
    })?;
    add(&mut object, "end", |sink, call| {
        sink.end();
        handle(call.env, ())
    })?;
    add(&mut object, "fail", |sink, call| {
        sink.fail(failure(&call)?);
        handle(call.env, ())
    })?;
    Ok(object)
}

/// Reads the arguments of `head`: status, reason phrase, and an array of alternating names and
/// values.
fn head(call: &FunctionCallContext) -> napi::Result<Result<Head, HostFailure>> {
    let status: u32 = call.get(0)?;
    let reason: Option<String> = call.get(1)?;
    let fields: Vec<String> = call.get(2)?;
    let mut headers = HeaderMap::with_capacity((fields.len() / 2).min(FIELDS_EXPECTED));
    for pair in fields.chunks_exact(2) {
        let (Ok(name), Some(value)) = (HeaderName::from_bytes(pair[0].as_bytes()), latin_1(pair[1].trim())) else {
            let message = format!("the response has an invalid header field: {:?}", pair[0]);
            let code = Some("HPE_INVALID_HEADER_TOKEN".to_owned());
            return Ok(Err(HostFailure { message, code, ..HostFailure::default() }));
        };
        if headers.try_append(name, value).is_err() {
            let code = Some("HPE_HEADER_OVERFLOW".to_owned());
            return Ok(Err(HostFailure { message: "too many fields".to_owned(), code, ..HostFailure::default() }));
        }
    }
    let reason = reason.unwrap_or_default().chars().map(|each| u8::try_from(each).unwrap_or(b'?')).collect();
    Ok(Ok(Head { status: u16::try_from(status).unwrap_or(u16::MAX), reason, headers }))
}

/// Reads the arguments of `fail`: the fields of [`HostFailure`].
fn failure(call: &FunctionCallContext) -> napi::Result<HostFailure> {
    Ok(HostFailure {
        message: call.get(0)?,
        code: call.get(1)?,
        syscall: call.get(2)?,
        name: call.get(3)?,
        is_reused: call.get(4)?,
        is_environment_lost: false,
    })
}
