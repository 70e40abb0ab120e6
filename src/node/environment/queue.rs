//! How results get to the JavaScript thread: one queue for each environment, and one bell.
//!
//! napi's own deferred makes a threadsafe function for every promise, and each wakes the event loop by itself. Here the first
//! letter rings, and those that come before it is heard are read together. See `docs/decisions/0010-one-mailbox.md`.

use std::cell::Cell;
use std::mem;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{FunctionCallContext, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, check_status, sys};

use crate::base::error::{Error, Kind};
use crate::node::environment::instance::instance;
use crate::node::js::error::to_js;
use crate::node::promise::bridge::{Handle, handle, pending_exception};

/// Read once, on the JavaScript thread.
type Letter = Box<dyn FnOnce(Env) + Send>;
/// Weak: whether somebody waits is counted by [`Mailbox`].
type Bell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The side of the JavaScript thread. Keeps the event loop alive while promises are pending.
pub struct Mailbox {
    slot: Slot,
    pending: Cell<usize>,
}

/// Where letters are put in, from any thread.
#[derive(Clone)]
struct Slot {
    letters: Arc<Mutex<Vec<Letter>>>,
    bell: Arc<Bell>,
}

impl Mailbox {
    pub fn new(env: &Env) -> napi::Result<Self> {
        let letters: Arc<Mutex<Vec<Letter>>> = Arc::default();
        let full = letters.clone();
        let empty = env.create_function_from_closure("settle", move |call: FunctionCallContext<'_>| {
            let letters = mem::take(&mut *full.lock().unwrap_or_else(PoisonError::into_inner));
            for letter in letters {
                call.env.run_in_scope(|| {
                    letter(*call.env);
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        let bell = empty.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
        Ok(Self { slot: Slot { letters, bell: Arc::new(bell) }, pending: Cell::new(0) })
    }

    /// One promise more is waited for.
    fn expect(&self, env: &Env) -> napi::Result<()> {
        if self.pending.replace(self.pending.get() + 1) == 0 {
            // SAFETY: on the JavaScript thread, of a function that lives as long as its environment.
            check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.slot.bell.raw()) })?;
        }
        Ok(())
    }

    fn received(&self, env: &Env) -> napi::Result<()> {
        self.pending.set(self.pending.get() - 1);
        if self.pending.get() == 0 {
            // SAFETY: as above.
            check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.slot.bell.raw()) })?;
        }
        Ok(())
    }
}

impl Slot {
    fn post(&self, letter: Letter) {
        let is_first = {
            let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
            letters.push(letter);
            letters.len() == 1
        };
        if is_first && self.bell.call((), ThreadsafeFunctionCallMode::NonBlocking) != Status::Ok {
            // The environment has ended: nobody will read them.
            mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// A promise to be settled, by whichever thread. Dropped, it rejects: nobody waits for ever.
pub struct Deferred {
    raw: Option<Raw>,
    slot: Slot,
}

/// Node's handle of a promise.
struct Raw(sys::napi_deferred);

// SAFETY: carried through other threads, and used by the JavaScript thread alone.
unsafe impl Send for Raw {}

impl Deferred {
    pub fn new(env: &Env) -> napi::Result<(Self, Object<'_>)> {
        let mailbox = &instance(env)?.mailbox;
        let (mut raw, mut promise) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: on the JavaScript thread, into places of our own.
        check_status!(unsafe { sys::napi_create_promise(env.raw(), &raw mut raw, &raw mut promise) })?;
        mailbox.expect(env)?;
        Ok((Self { raw: Some(Raw(raw)), slot: mailbox.slot.clone() }, Object::from_raw(env.raw(), promise)))
    }

    /// Settles the promise with what `result` gives on the JavaScript thread.
    pub fn settle(mut self, result: impl FnOnce(Env) -> napi::Result<Handle> + Send + 'static) {
        self.post(result);
    }

    /// The same for what is known already, on the JavaScript thread.
    pub fn settle_now(mut self, env: &Env, result: impl FnOnce(Env) -> napi::Result<Handle>) {
        if let Some(raw) = self.raw.take() {
            settle(env, raw, result(*env));
        }
    }

    fn post(&mut self, result: impl FnOnce(Env) -> napi::Result<Handle> + Send + 'static) {
        if let Some(raw) = self.raw.take() {
            self.slot.post(Box::new(move |env| settle(&env, raw, result(env))));
        }
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        self.post(|env| Err(to_js(&env, Error::new(Kind::Internal, "The operation was lost: please report this"))));
    }
}

/// On the JavaScript thread. What fails here fails because the environment is ending: then nobody waits any more.
fn settle(env: &Env, Raw(deferred): Raw, result: napi::Result<Handle>) {
    // A getter of the caller that threw. While its exception is pending, nothing can be settled: not this promise, nor those after it.
    let _ = pending_exception(env).map_or(result, Err).map_or_else(
        // What a callback of the caller threw goes back as it came.
        // SAFETY, here and below: each deferred gets here once, on its own thread; the values are of this callback.
        |error| handle(env, error).map(|error| unsafe { sys::napi_reject_deferred(env.raw(), deferred, error) }),
        |value| Ok(unsafe { sys::napi_resolve_deferred(env.raw(), deferred, value) }),
    );
    let _ = instance(env).and_then(|instance| instance.mailbox.received(env));
}
