//! Commands for a part file, and the thread that carries them out.

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

/// Downloads that write at a time; more wait for their turn.
static WRITERS: Semaphore = Semaphore::const_new(256);
/// Chunks that may wait for the disk: bounds memory, and hides short stalls on either side.
const QUEUE: usize = 4;
/// How long a thread waits for the next chunk, so that a fast download needs no other thread for each.
const LINGER: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub enum Command {
    Restart(Record),
    Resume(u64),
    AllowHoles(Record),
    Write(Bytes),
    WriteAt(u64, Bytes),
}

/// The handle of the download. Closes the queue when dropped: the thread finishes what is queued.
#[derive(Debug)]
pub struct Worker(Arc<PartFile>);

impl Worker {
    pub fn new(open: Open) -> Self {
        let state = State { queue: VecDeque::new(), is_closed: false, lingers: false, at: At::Rest(open) };
        let part_file = PartFile { state: Mutex::new(state), come: Condvar::new(), space: Semaphore::new(QUEUE) };
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

/// A part file and what is to be done with it.
#[derive(Debug)]
struct PartFile {
    state: Mutex<State>,
    /// Wakes the thread that lingers.
    come: Condvar,
    space: Semaphore,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Command>,
    is_closed: bool,
    /// Whether the thread is to be woken: that is a call of the system, also where nobody sleeps.
    lingers: bool,
    at: At,
}

/// Where the part file is.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one for each writer; paths are larger on Windows")]
enum At {
    /// Nobody works on it.
    Rest(Open),
    /// A thread does.
    Work,
    /// It was handed over, or is gone.
    End,
}

/// The right to have a part file open, given back when that is closed or handed over.
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
    /// Nobody listens when the operation was dropped: then this removes the part file.
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

    /// Queues a command, and sees to a thread for it.
    fn push(part_file: &Arc<Self>, command: Command) -> Result<()> {
        let mut state = part_file.state();
        state.queue.push_back(command);
        if !matches!(state.at, At::Rest(_)) {
            part_file.wake(state);
            return Ok(());
        }
        let At::Rest(open) = mem::replace(&mut state.at, At::Work) else {
            return Ok(());
        };
        drop(state);
        let begun = Self::work_on(part_file, open);
        if begun.is_err() {
            // Not taken: what comes next must not be written behind it.
            part_file.state().queue.pop_back();
            part_file.space.add_permits(1);
        }
        begun
    }

    /// Has a thread carry out what is queued. Without one the part file rests, as it was.
    fn work_on(part_file: &Arc<Self>, open: Open) -> Result<()> {
        let work = Work(Some((part_file.clone(), open)));
        threads::start(move || work.carry_out())
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if mem::take(&mut state.lingers) {
            drop(state);
            self.come.notify_one();
        }
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        match mem::replace(&mut state.at, At::End) {
            At::Rest(open) => {
                drop(state);
                discard_or_hand_over(open);
            }
            At::Work => {
                state.at = At::Work;
                self.wake(state);
            }
            At::End => {}
        }
    }

    /// The next command; `None` when the thread is to leave, with the part file at rest or at its end.
    fn next(&self, open: &mut Option<Open>) -> Option<Command> {
        let mut state = self.state();
        let mut has_lingered = false;
        loop {
            if let Some(command) = state.queue.pop_front() {
                return Some(command);
            }
            if state.is_closed {
                state.at = At::End;
                return None;
            }
            if has_lingered || threads::are_scarce() {
                if let Some(open) = open.take() {
                    state.at = At::Rest(open);
                }
                return None;
            }
            state.lingers = true;
            let (next, waited) = self.come.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            (state, has_lingered) = (next, waited.timed_out());
            state.lingers = false;
        }
    }
}

/// Hands the part file over; where nobody wants it, it is removed, which may block.
fn discard_or_hand_over(open: Open) {
    if open.done.is_closed() {
        // Without a thread it is removed here.
        threads::spawn_blocking(move || drop(open));
    } else {
        open.finish(Ok);
    }
}

/// What a thread does for a part file. Dropped before it began, it leaves the part file at rest.
struct Work(Option<(Arc<PartFile>, Open)>);

impl Drop for Work {
    fn drop(&mut self) {
        if let Some((part_file, open)) = self.0.take() {
            part_file.state().at = At::Rest(open);
        }
    }
}

/// Nobody waits for space that a thread which panicked would have made.
struct CloseOnPanic(Arc<PartFile>);

impl Drop for CloseOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().at = At::End;
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
        while let Some(command) = part_file.next(&mut open) {
            let Some(Open { staging, .. }) = &mut open else {
                return;
            };
            let done = match command {
                Command::Restart(record) => staging.restart(&record),
                Command::Resume(from) => staging.resume(from),
                Command::AllowHoles(record) => staging.allow_holes(&record),
                Command::Write(chunk) => staging.write(&chunk),
                Command::WriteAt(offset, chunk) => staging.write_at(offset, &chunk),
            };
            if let Err(error) = done {
                let mut state = part_file.state();
                (state.at, state.is_closed) = (At::End, true);
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
                // Behind the others. This thread is there to come to it.
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
