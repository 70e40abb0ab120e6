//! How results get to the JavaScript thread: one queue for each environment, and one bell.
//!
//! napi's own deferred makes a threadsafe function for every promise, and each wakes the event loop by itself. Here the first
//! letter rings, and those that come before it is heard are read together. See `docs/decisions/0010-one-mailbox.md`.

use std::cell::Cell;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::FunctionCallContext;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, check_status, sys};

/// Read once, on the JavaScript thread.
type Letter = Box<dyn FnOnce(Env) + Send>;
/// Weak: whether somebody waits is counted by [`Mailbox`].
type Bell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The side of the JavaScript thread. Keeps the event loop alive while promises are pending.
pub struct Mailbox {
    pub slot: Slot,
    pending: Cell<usize>,
}

/// Where letters are put in, from any thread.
#[derive(Clone)]
pub struct Slot {
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
    pub fn expect(&self, env: &Env) -> napi::Result<()> {
        if self.pending.replace(self.pending.get() + 1) == 0 {
            // SAFETY: on the JavaScript thread, of a function that lives as long as its environment.
            check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.slot.bell.raw()) })?;
        }
        Ok(())
    }

    pub fn received(&self, env: &Env) -> napi::Result<()> {
        self.pending.set(self.pending.get() - 1);
        if self.pending.get() == 0 {
            // SAFETY: as above.
            check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.slot.bell.raw()) })?;
        }
        Ok(())
    }
}

impl Slot {
    pub fn post(&self, letter: Letter) {
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
