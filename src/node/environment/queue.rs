//! The queue of completions of one environment, by which results reach the JavaScript thread.
//!
//! napi's own deferred creates a threadsafe function for every promise, and each wakes the event
//! loop by itself. Here the worker wakes the event loop once for several completions. See
//! `docs/decisions/0010-one-queue.md` and `0019-mimalloc.md`.

use std::future::poll_fn;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use napi::bindgen_prelude::FunctionCallContext;
use napi::{Env, check_status, sys};
use tokio::task;

use crate::node::environment::callback::Callback;

/// The number of queued completions at which the worker wakes the event loop although it has more
/// ready tasks. A wakeup costs about ten system calls on two threads; with larger batches the event
/// loop is idle for too long.
const BATCH: usize = 8;

/// Runs once, on the JavaScript thread.
pub type Completion = Box<dyn FnOnce(Env) + Send>;
/// Weak: [`CompletionQueue`] counts whether promises are pending.
type Wakeup = Callback<(), ()>;

/// The end of the queue on the JavaScript thread. Keeps the event loop alive while promises are
/// pending.
pub struct CompletionQueue {
    pub slot: Slot,
}

/// The end of the queue that any thread can use.
#[derive(Clone)]
pub struct Slot {
    queue: Arc<Queue>,
    wakeup: Arc<Wakeup>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// The promises that are neither resolved nor rejected.
    pending: AtomicUsize,
}

#[derive(Default)]
struct State {
    completions: Vec<Completion>,
    /// Those that somebody waits for.
    urgent: usize,
    /// The event loop will run and take the completions.
    is_awake: bool,
    /// The environment has ended: nobody runs completions any more.
    has_ended: bool,
}

impl State {
    /// Takes the completions, after which the event loop may sleep.
    fn take(&mut self) -> Vec<Completion> {
        (self.urgent, self.is_awake) = (0, false);
        mem::take(&mut self.completions)
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CompletionQueue {
    pub fn new(env: &Env) -> napi::Result<Self> {
        let queue: Arc<Queue> = Arc::default();
        let full = queue.clone();
        let empty = env.create_function_from_closure("settle", move |call: FunctionCallContext<'_>| {
            let completions = full.state().take();
            for completion in completions {
                call.env.run_in_scope(|| {
                    completion(*call.env);
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        let wakeup = Callback::new(empty)?;
        Ok(Self { slot: Slot { queue, wakeup: Arc::new(wakeup) } })
    }

    /// Counts a new pending promise.
    pub fn expect(&self, env: &Env) -> napi::Result<()> {
        if self.slot.queue.pending.fetch_add(1, Ordering::Relaxed) == 0 {
            // SAFETY: on the JavaScript thread, and the function lives as long as its environment.
            check_status!(unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.slot.wakeup.raw()) })?;
        }
        Ok(())
    }

    /// Counts a settled promise.
    pub fn received(&self, env: &Env) -> napi::Result<()> {
        if self.slot.queue.pending.fetch_sub(1, Ordering::Relaxed) == 1 {
            // SAFETY: as above.
            check_status!(unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.slot.wakeup.raw()) })?;
        }
        Ok(())
    }
}

impl Slot {
    /// Wakes the event loop at once for the last pending promise, for a full batch, and from other
    /// threads than the worker. Otherwise wakes it after the tasks that are ready now, so that
    /// their completions share the wakeup.
    pub fn enqueue(&self, completion: Completion) {
        self.push(completion, true);
    }

    /// [`enqueue`](Self::enqueue) for what nobody waits for: it does not fill a batch.
    pub fn enqueue_beside(&self, completion: Completion) {
        self.push(completion, false);
    }

    fn push(&self, completion: Completion, is_urgent: bool) {
        let (is_first, is_due) = {
            let mut state = self.queue.state();
            if state.has_ended {
                drop(state);
                return drop(completion);
            }
            state.completions.push(completion);
            state.urgent += usize::from(is_urgent);
            let is_full = is_urgent && state.urgent >= BATCH.min(self.queue.pending.load(Ordering::Relaxed));
            let is_due = !state.is_awake && (is_full || task::try_id().is_none());
            state.is_awake |= is_due;
            (state.completions.len() == 1, is_due)
        };
        if is_due {
            self.wake();
        } else if is_first {
            let slot = self.clone();
            tokio::spawn(async move {
                after_ready_tasks().await;
                slot.flush();
            });
        }
    }

    fn flush(&self) {
        let is_due = {
            let mut state = self.queue.state();
            let is_due = !state.is_awake && !state.completions.is_empty();
            state.is_awake |= is_due;
            is_due
        };
        if is_due {
            self.wake();
        }
    }

    fn wake(&self) {
        if !self.wakeup.call(()) {
            self.end();
        }
    }

    /// Drops the completions and all that follow, because the environment ends. Whoever waits for
    /// one of them, such as a download that another Worker shares, would wait for ever.
    pub fn end(&self) {
        let lost = {
            let mut state = self.queue.state();
            state.has_ended = true;
            state.take()
        };
        // Not under the lock: what is dropped may enqueue more.
        drop(lost);
    }
}

/// Puts the task at the end of the worker's run queue. `yield_now` would wait for the sockets as
/// well.
async fn after_ready_tasks() {
    let mut has_waited = false;
    poll_fn(|context| {
        if mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
