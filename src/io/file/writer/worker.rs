//! The queue of a part file, and the thread that works it off.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::base::error::{Error, Kind, Result};
use crate::io::file::staging::Staging;
use crate::io::threads;
use crate::policy::http::resume::Record;

/// Limit of part files that are open for writing. More downloads wait.
static WRITERS: Semaphore = Semaphore::const_new(256);
/// Limit of queued chunks. Bounds memory, and hides short stalls on either side.
const QUEUE: usize = 4;
/// How long a thread waits for the next chunk, so that a fast download does not need another thread
/// for each.
const LINGER: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub enum Command {
    Restart(Record),
    Resume(u64),
    AllowHoles(Record),
    ResumeInCopy(u64, Record),
    Write(Bytes),
    WriteAt(u64, Bytes),
}

/// The download's handle of the queue. Closes the queue when dropped; the thread then finishes what
/// is queued.
#[derive(Debug)]
pub struct Worker(Arc<PartFile>);

impl Worker {
    pub fn new(open: Open) -> Self {
        let state = State {
            queue: VecDeque::new(),
            written: Vec::new(),
            is_closed: false,
            lingers: false,
            status: Status::AtRest(open),
        };
        let part_file = PartFile { state: Mutex::new(state), wakeup: Condvar::new(), space: Semaphore::new(QUEUE) };
        Self(Arc::new(part_file))
    }

    pub fn space(&self) -> &Semaphore {
        &self.0.space
    }

    pub fn push(&self, command: Command) -> Result<()> {
        PartFile::push(&self.0, command)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A part file and its queue.
#[derive(Debug)]
struct PartFile {
    state: Mutex<State>,
    /// Wakes the thread while it lingers.
    wakeup: Condvar,
    space: Semaphore,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Command>,
    /// Chunks that are written, and are freed where they were allocated: the allocator reuses what
    /// the same thread frees at once, and what another one frees only later.
    written: Vec<Bytes>,
    is_closed: bool,
    /// Whether the thread waits for a wake-up. Without this flag each command would cost a system
    /// call.
    lingers: bool,
    status: Status,
}

/// Whether a thread works on the part file.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one for each writer; paths are larger on Windows")]
enum Status {
    /// No thread works on it.
    AtRest(Open),
    /// A thread works on it.
    Working,
    /// It was handed over, or is gone.
    Ended,
}

/// The right to have a part file open. Returned when the file is closed or handed over.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not used")] SemaphorePermit<'static>);

impl Turn {
    pub async fn wait() -> Result<Self> {
        // The semaphore is never closed.
        WRITERS.acquire().await.map(Self).map_err(|_| writer_died())
    }
}

#[derive(Debug)]
pub struct Open {
    pub staging: Staging,
    pub done: oneshot::Sender<Result<Staging>>,
    pub turn: Turn,
}

impl Open {
    /// Hands over the outcome. If the operation was dropped, this removes the part file.
    fn finish(self, outcome: impl FnOnce(Staging) -> Result<Staging>) {
        let Self { staging, done, turn } = self;
        let unwanted = done.send(outcome(staging)).err();
        drop((unwanted, turn));
    }
}

impl PartFile {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a command, and starts a thread if none works on the queue.
    fn push(part_file: &Arc<Self>, command: Command) -> Result<()> {
        let mut state = part_file.state();
        // Dropped behind the lock.
        let _written = mem::take(&mut state.written);
        state.queue.push_back(command);
        if !matches!(state.status, Status::AtRest(_)) {
            part_file.wake(state);
            return Ok(());
        }
        let Status::AtRest(open) = mem::replace(&mut state.status, Status::Working) else {
            return Ok(());
        };
        drop(state);
        let begun = Self::work_on(part_file, open);
        if begun.is_err() {
            // The command was not accepted, so no later one may be written after it.
            part_file.state().queue.pop_back();
            part_file.space.add_permits(1);
        }
        begun
    }

    /// Starts a thread for the queue. If that fails, the part file stays at rest.
    fn work_on(part_file: &Arc<Self>, open: Open) -> Result<()> {
        let work = Work(Some((part_file.clone(), open)));
        threads::start(move || work.carry_out())
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if mem::take(&mut state.lingers) {
            drop(state);
            self.wakeup.notify_one();
        }
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        match mem::replace(&mut state.status, Status::Ended) {
            Status::AtRest(open) => {
                drop(state);
                discard_or_hand_over(open);
            }
            Status::Working => {
                state.status = Status::Working;
                self.wake(state);
            }
            Status::Ended => {}
        }
    }

    /// The next command. `None` if the thread is to leave; the part file is then at rest, or at its
    /// end.
    fn next(&self, open: &mut Option<Open>, written: Option<Bytes>) -> Option<Command> {
        let mut state = self.state();
        state.written.extend(written);
        let mut has_lingered = false;
        loop {
            if let Some(command) = state.queue.pop_front() {
                return Some(command);
            }
            if state.is_closed {
                state.status = Status::Ended;
                return None;
            }
            if has_lingered || threads::are_scarce() {
                if let Some(open) = open.take() {
                    state.status = Status::AtRest(open);
                }
                return None;
            }
            state.lingers = true;
            let (next, waited) = self.wakeup.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            (state, has_lingered) = (next, waited.timed_out());
            state.lingers = false;
        }
    }
}

/// Hands the part file over. If it is no longer wanted, it is removed on a thread, because that may
/// block.
fn discard_or_hand_over(open: Open) {
    if open.done.is_closed() {
        // If no thread can be started, it is removed here.
        threads::spawn_blocking(move || drop(open));
    } else {
        open.finish(Ok);
    }
}

/// The work of a thread on a part file. If dropped before it ran, the part file is at rest again.
struct Work(Option<(Arc<PartFile>, Open)>);

impl Drop for Work {
    fn drop(&mut self) {
        if let Some((part_file, open)) = self.0.take() {
            part_file.state().status = Status::AtRest(open);
        }
    }
}

/// Closes the queue if its thread panics, so that nobody waits for space in it.
struct CloseOnPanic(Arc<PartFile>);

impl Drop for CloseOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().status = Status::Ended;
            self.0.space.close();
        }
    }
}

impl Work {
    fn carry_out(mut self) {
        let Some((part_file, open)) = self.0.take() else {
            return;
        };
        let _guard = CloseOnPanic(part_file.clone());
        let mut open = Some(open);
        let mut written = None;
        while let Some(command) = part_file.next(&mut open, written.take()) {
            let Some(Open { staging, .. }) = &mut open else {
                return;
            };
            let done = match command {
                Command::Restart(record) => staging.restart(&record),
                Command::Resume(from) => staging.resume(from),
                Command::ResumeInCopy(from, record) => staging.resume_in_copy(from, &record),
                Command::AllowHoles(record) => staging.allow_holes(&record),
                Command::Write(chunk) => staging.write(written.insert(chunk)),
                Command::WriteAt(offset, chunk) => staging.write_at(offset, written.insert(chunk)),
            };
            if let Err(error) = done {
                let mut state = part_file.state();
                (state.status, state.is_closed) = (Status::Ended, true);
                state.queue.clear();
                drop(state);
                if let Some(open) = open.take() {
                    open.finish(|staging| {
                        drop(staging);
                        Err(error)
                    });
                }
                part_file.space.close();
                return;
            }
            part_file.space.add_permits(1);
            if threads::are_scarce()
                && let Some(open) = open.take()
            {
                // Queued after the work of others. This thread is free to run it, so it will be
                // run.
                let _ = PartFile::work_on(&part_file, open);
                return;
            }
        }
        if let Some(open) = open {
            open.finish(Ok);
        }
    }
}

pub fn writer_died() -> Error {
    Error::new(Kind::Internal, "the thread that writes the part file died")
}
