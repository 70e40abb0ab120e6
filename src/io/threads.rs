//! Threads for work that blocks: files, digests, name lookups.
//!
//! tokio's `spawn_blocking` is not used. Where the system allows no more threads (`ulimit -u`,
//! `pids.max`), it waits for ever for a thread, or panics. In this pool, work for which no thread
//! can be started waits for a running thread; if none runs, it fails with `EAGAIN`. So that this
//! wait ends, work must be short: a thread may wait for the system, and for nothing else.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::base::error::{Error, Kind, Result};

/// Limit of threads. Further work is queued.
const THREADS_MAX: usize = 512;
/// A thread ends after this time without work.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

type Work = Box<dyn FnOnce() + Send>;

static POOL: Pool = Pool::new();

struct Pool {
    state: Mutex<State>,
    wakeup: Condvar,
}

struct State {
    queue: VecDeque<Work>,
    threads: usize,
    /// Threads that wait for work and have not been woken.
    idle: usize,
    /// Wake-ups that no thread has consumed yet. A thread that wakes while this is zero was woken
    /// spuriously, or timed out.
    woken: usize,
    /// Threads that were started and do not run yet.
    starting: usize,
}

impl Pool {
    const fn new() -> Self {
        let state = State { queue: VecDeque::new(), threads: 0, idle: 0, woken: 0, starting: 0 };
        Self { state: Mutex::new(state), wakeup: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(
        &'static self,
        work: Work,
        start: impl FnOnce(Box<dyn FnOnce() + Send>) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut state = self.state();
        state.queue.push_back(work);
        if state.idle > 0 {
            state.idle -= 1;
            state.woken += 1;
            self.wakeup.notify_one();
            return Ok(());
        }
        if state.threads < THREADS_MAX {
            match start(Box::new(move || self.serve())) {
                Ok(()) => {
                    state.threads += 1;
                    state.starting += 1;
                }
                Err(error) if state.threads == 0 => {
                    let refused = state.queue.pop_back();
                    // Dropping the work may take the lock again.
                    drop(state);
                    drop(refused);
                    return Err(no_thread(&error));
                }
                // The running threads will take it from the queue.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Runs queued work until the thread has been idle for [`KEEP_ALIVE`].
    fn serve(&self) {
        let mut state = self.state();
        state.starting -= 1;
        loop {
            while let Some(work) = state.queue.pop_front() {
                drop(state);
                // The panic drops the sender, so the waiting task gets an error.
                let _ = catch_unwind(AssertUnwindSafe(work));
                state = self.state();
            }
            state.idle += 1;
            loop {
                let (next, waited) =
                    self.wakeup.wait_timeout(state, KEEP_ALIVE).unwrap_or_else(PoisonError::into_inner);
                state = next;
                if state.woken > 0 {
                    state.woken -= 1;
                    break;
                }
                if waited.timed_out() {
                    state.idle -= 1;
                    state.threads -= 1;
                    return;
                }
            }
        }
    }
}

fn start_thread(life: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
    thread::Builder::new().name("socket-registry-io".to_owned()).spawn(life).map(|_| ())
}

/// The error of a system that starts no thread.
pub fn no_thread(error: &std::io::Error) -> Error {
    let message =
        "No thread can be started (EAGAIN): the limit of processes and threads is reached (ulimit -u, pids.max)";
    Error::new(Kind::Internal, message).with_code("EAGAIN").with_cause(error)
}

/// Returns an error if the system starts no thread at the moment.
pub fn probe() -> Result<()> {
    let probe = thread::Builder::new().name("socket-registry".to_owned()).spawn(|| ());
    let probe = probe.map_err(|error| no_thread(&error))?;
    // The thread has nothing that could panic.
    let _ = probe.join();
    Ok(())
}

/// The result of work on another thread. Dropping it does not stop the work.
#[derive(Debug)]
pub struct Task<T>(Result<oneshot::Receiver<T>>);

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let lost = |_| Error::new(Kind::Internal, "a background task panicked: please report this");
        match &mut self.get_mut().0 {
            Ok(receiver) => Pin::new(receiver).poll(context).map_err(lost),
            Err(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

/// Starts work that blocks. Inside it, tokio finds the runtime of the caller.
pub fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    let (sender, receiver) = oneshot::channel();
    let runtime = Handle::try_current().ok();
    let work = Box::new(move || {
        let _entered = runtime.as_ref().map(Handle::enter);
        // Fails if the task was dropped, which is no error.
        let _ = sender.send(work());
    });
    Task(POOL.submit(work, start_thread).map(|()| receiver))
}

/// Starts work whose result is not awaited. If no thread can run it, the work is dropped before
/// this function returns.
pub fn start(work: impl FnOnce() + Send + 'static) -> Result<()> {
    POOL.submit(Box::new(work), start_thread)
}

/// Whether queued work lacks a thread. If so, long-running work should give up its thread.
pub fn are_scarce() -> bool {
    let state = POOL.state();
    state.queue.len() > state.woken + state.starting
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use super::*;

    fn pool() -> &'static Pool {
        Box::leak(Box::new(Pool::new()))
    }

    fn none(_: Work) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(11))
    }

    #[tokio::test]
    async fn work_is_done_and_a_panic_is_an_error() {
        assert_eq!(spawn_blocking(|| 5).await.unwrap(), 5);
        let error = spawn_blocking(|| panic!("on purpose")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert_eq!(spawn_blocking(|| 6).await.unwrap(), 6);
    }

    #[test]
    fn without_any_thread_work_is_refused_and_dropped_and_later_work_is_not() {
        let pool = pool();
        let (sender, receiver) = mpsc::channel();
        let error = pool.submit(Box::new(move || sender.send(1).unwrap()), none).unwrap_err();
        assert_eq!(error.details().code, "EAGAIN");
        assert!(receiver.recv().is_err(), "it was kept");
        let (sender, receiver) = mpsc::channel();
        pool.submit(Box::new(move || sender.send(2).unwrap()), start_thread).unwrap();
        assert_eq!(receiver.recv(), Ok(2));
    }

    #[test]
    fn one_thread_does_all_work_where_no_other_can_be_started() {
        let pool = pool();
        let (sender, receiver) = mpsc::channel();
        let (begin, wait) = mpsc::channel::<()>();
        pool.submit(Box::new(move || wait.recv().unwrap()), start_thread).unwrap();
        for number in 0..100 {
            let sender = sender.clone();
            pool.submit(Box::new(move || sender.send(number).unwrap()), none).unwrap();
        }
        begin.send(()).unwrap();
        let done: Vec<i32> = receiver.iter().take(100).collect();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn threads_wait_for_more_work() {
        let pool = pool();
        for number in 0..1000 {
            let (sender, receiver) = mpsc::channel();
            pool.submit(Box::new(move || sender.send(number).unwrap()), start_thread).unwrap();
            assert_eq!(receiver.recv(), Ok(number));
        }
        assert!(pool.state().threads < 100, "{} threads", pool.state().threads);
    }
}
