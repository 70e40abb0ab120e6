//! A part file behind a thread that writes, so that a slow disk stalls neither the connections nor other requests, and
//! hashing goes on beside receiving.
//!
//! A download has a thread only while there is something to write: threads may be few, and others need them too, a lookup of a
//! name for instance.

use std::collections::VecDeque;
use std::mem;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::base::error::{Error, Kind, Result};
use crate::base::integrity::Algorithm;
use crate::io::file::staging::{Found, Staging};
use crate::io::threads;
use crate::policy::http::resume::Record;

/// Downloads that write at a time; more wait for their turn.
static WRITERS: Semaphore = Semaphore::const_new(256);
/// Chunks that may wait for the disk: bounds memory, and hides short stalls on either side.
const QUEUE: usize = 4;
/// How long a thread waits for the next chunk, so that a fast download needs no other thread for each.
const LINGER: Duration = Duration::from_millis(5);

/// The right to have a part file open, given back when that is closed or handed over.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not used")] SemaphorePermit<'static>);

/// The side of the download.
#[derive(Debug)]
pub struct Writer {
    part_file: Closing,
    /// Taken by whoever hears the outcome: it comes once.
    finished: Option<oneshot::Receiver<Result<Staging>>>,
    /// The part file as it will be when everything handed over is written. Changed only after a command was taken, so
    /// that a caller that is cancelled midway leaves it true.
    pub part: Found,
}

#[derive(Debug)]
enum Command {
    Restart(Record),
    Resume(u64),
    ResumeInCopy(u64, Record),
    Write(Bytes),
}

/// Dropped, it lets the thread finish.
#[derive(Debug)]
struct Closing(Arc<PartFile>);

impl Drop for Closing {
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

#[derive(Debug)]
struct Open {
    staging: Staging,
    done: oneshot::Sender<Result<Staging>>,
    turn: Turn,
}

impl Open {
    /// Nobody listens when the operation was dropped: then this removes the part file.
    fn finish(self, outcome: impl FnOnce(Staging) -> Result<Staging>) {
        let Self { staging, done, turn } = self;
        let unwanted = done.send(outcome(staging)).err();
        drop((unwanted, turn));
    }
}

impl Writer {
    /// Waits until there may be one more writer.
    pub async fn turn() -> Result<Turn> {
        // The semaphore is never closed.
        WRITERS.acquire().await.map(Turn).map_err(|_| writer_died())
    }

    /// Opens the part file of a destination, to be hashed as it is written.
    pub async fn open(turn: Turn, destination: &Path, algorithms: Vec<Algorithm>) -> Result<Self> {
        let destination = destination.to_owned();
        let (done, finished) = oneshot::channel();
        let open = move || {
            let (staging, part) = Staging::open(&destination, algorithms)?;
            let at = At::Rest(Open { staging, done, turn });
            let state = Mutex::new(State { queue: VecDeque::new(), is_closed: false, lingers: false, at });
            let part_file = PartFile { state, come: Condvar::new(), space: Semaphore::new(QUEUE) };
            Ok((Closing(Arc::new(part_file)), part))
        };
        let (part_file, part) = threads::spawn_blocking(open).await??;
        Ok(Self { part_file, finished: Some(finished), part })
    }

    /// Forgets what was written; what follows is described by `record`.
    pub async fn restart(&mut self, record: Record) -> Result<()> {
        self.send(Command::Restart(record.clone())).await?;
        self.part = Found { length: 0, record: Some(record) };
        Ok(())
    }

    /// Goes on with byte number `from`, which is not beyond what is there, of `total`.
    pub async fn resume(&mut self, from: u64, total: u64) -> Result<()> {
        self.send(Command::Resume(from)).await?;
        self.part.length = from;
        if let Some(record) = &mut self.part.record {
            record.total = Some(total);
        }
        Ok(())
    }

    /// The same in a new file, because what follows comes from another source: `record` describes both.
    pub async fn resume_in_copy(&mut self, from: u64, record: Record) -> Result<()> {
        self.send(Command::ResumeInCopy(from, record.clone())).await?;
        self.part = Found { length: from, record: Some(record) };
        Ok(())
    }

    /// Hands over one chunk; waits while the disk is behind.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let length = chunk.len() as u64;
        self.send(Command::Write(chunk)).await?;
        self.part.length += length;
        Ok(())
    }

    /// Waits until everything is written. An error that a command has already given is not given again.
    pub async fn finish(self) -> Result<Staging> {
        drop(self.part_file);
        match self.finished {
            Some(finished) => finished.await.unwrap_or_else(|_| Err(writer_died())),
            None => Err(writer_died()),
        }
    }

    async fn send(&mut self, command: Command) -> Result<()> {
        // Closed by the thread that failed.
        if let Ok(space) = self.part_file.0.space.acquire().await {
            space.forget();
            return PartFile::push(&self.part_file.0, command);
        }
        match self.finished.take() {
            Some(finished) => Err(finished.await.ok().and_then(Result::err).unwrap_or_else(writer_died)),
            None => Err(writer_died()),
        }
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
                Command::ResumeInCopy(from, record) => staging.resume_in_copy(from, &record),
                Command::Write(chunk) => staging.write(&chunk),
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

fn writer_died() -> Error {
    Error::new(Kind::Internal, "the thread that writes the part file died")
}
