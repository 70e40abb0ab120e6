//! How results reach the JavaScript thread: one queue of completions for each environment.
//!
//! napi's own deferred makes a threadsafe function for every promise, and each wakes the event loop by itself. Here the
//! first completion wakes it, and those that arrive before it runs are taken together. See
//! `docs/decisions/0010-one-mailbox.md`.

use std::cell::Cell;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::FunctionCallContext;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, check_status, sys};

/// Runs once, on the JavaScript thread.
type Completion = Box<dyn FnOnce(Env) + Send>;
/// Weak: whether somebody waits is counted by [`CompletionQueue`].
type Wakeup = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The side of the JavaScript thread. Keeps the event loop alive while promises are pending.
pub struct CompletionQueue {
    pub slot: Slot,
    pending: Cell<usize>,
}

/// The end of the queue that any thread can use.
#[derive(Clone)]
pub struct Slot {
    completions: Arc<Mutex<Vec<Completion>>>,
    wakeup: Arc<Wakeup>,
}

impl CompletionQueue {
    pub fn new(env: &Env) -> napi::Result<Self> {
        let completions: Arc<Mutex<Vec<Completion>>> = Arc::default();
        let full = completions.clone();
        let empty = env.create_function_from_closure("settle", move |call: FunctionCallContext<'_>| {
            let completions = mem::take(&mut *full.lock().unwrap_or_else(PoisonError::into_inner));
            for completion in completions {
                call.env.run_in_scope(|| {
                    completion(*call.env);
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        let wakeup = empty.build_threadsafe_function().callee_handled::<false>().weak::<true>().build()?;
        Ok(Self { slot: Slot { completions, wakeup: Arc::new(wakeup) }, pending: Cell::new(0) })
    }

    /// One promise more is waited for.
    pub fn expect(&self, env: &Env) -> napi::Result<()> {
        if self.pending.replace(self.pending.get() + 1) == 0 {
            // SAFETY: on the JavaScript thread, of a function that lives as long as its environment.
            check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.slot.wakeup.raw()) })?;
        }
        Ok(())
    }

    pub fn received(&self, env: &Env) -> napi::Result<()> {
        self.pending.set(self.pending.get() - 1);
        if self.pending.get() == 0 {
            // SAFETY: as above.
            check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.slot.wakeup.raw()) })?;
        }
        Ok(())
    }
}

impl Slot {
    pub fn enqueue(&self, completion: Completion) {
        let is_first = {
            let mut completions = self.completions.lock().unwrap_or_else(PoisonError::into_inner);
            completions.push(completion);
            completions.len() == 1
        };
        if is_first && self.wakeup.call((), ThreadsafeFunctionCallMode::NonBlocking) != Status::Ok {
            // The environment has ended: nobody will run them. Dropped without the lock, as what they hold may enqueue
            // something when it is dropped.
            let lost = mem::take(&mut *self.completions.lock().unwrap_or_else(PoisonError::into_inner));
            drop(lost);
        }
    }
}
