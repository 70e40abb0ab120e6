//! A part file behind a thread that writes, so that a slow disk stalls neither the connections nor other requests, and
//! hashing goes on beside receiving.

use std::path::Path;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};

use crate::error::{Error, Kind, Result};
use crate::io::staging::{Found, Staging};
use crate::policy::integrity::Algorithm;
use crate::policy::resume::Record;

/// Downloads that write at a time; more wait for their turn. Less than the threads of the runtime, because a download may
/// need another one, for a name lookup, while it keeps its own.
static WRITERS: Semaphore = Semaphore::const_new(256);
/// Chunks that may wait for the disk: bounds memory, and hides short stalls on either side.
const QUEUE: usize = 4;

/// The right to start a thread, given back when that ends.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not used")] SemaphorePermit<'static>);

/// The other end of the thread.
#[derive(Debug)]
pub struct Writer {
    commands: mpsc::Sender<Command>,
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
    Write(Bytes),
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
        let (commands, queue) = mpsc::channel(QUEUE);
        let (opened, opening) = oneshot::channel();
        let (done, finished) = oneshot::channel();
        tokio::task::spawn_blocking(move || match Staging::open(&destination, algorithms) {
            Ok((staging, found)) => {
                let _ = opened.send(Ok(found));
                // Nobody listens when the operation was dropped: then this removes the part file.
                let _ = done.send(carry_out(queue, staging));
                drop(turn);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        });
        let part = opening.await.unwrap_or_else(|_| Err(writer_died()))?;
        Ok(Self { commands, finished: Some(finished), part })
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

    /// Hands over one chunk; waits while the disk is behind.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let length = chunk.len() as u64;
        self.send(Command::Write(chunk)).await?;
        self.part.length += length;
        Ok(())
    }

    /// Waits until everything is written. An error that a command has already given is not given again.
    pub async fn finish(self) -> Result<Staging> {
        drop(self.commands);
        match self.finished {
            Some(finished) => finished.await.unwrap_or_else(|_| Err(writer_died())),
            None => Err(writer_died()),
        }
    }

    async fn send(&mut self, command: Command) -> Result<()> {
        if self.commands.send(command).await.is_ok() {
            return Ok(());
        }
        match self.finished.take() {
            Some(finished) => Err(finished.await.ok().and_then(Result::err).unwrap_or_else(writer_died)),
            None => Err(writer_died()),
        }
    }
}

fn carry_out(mut queue: mpsc::Receiver<Command>, mut staging: Staging) -> Result<Staging> {
    while let Some(command) = queue.blocking_recv() {
        match command {
            Command::Restart(record) => staging.restart(&record)?,
            Command::Resume(from) => staging.resume(from)?,
            Command::Write(chunk) => staging.write(&chunk)?,
        }
    }
    Ok(staging)
}

fn writer_died() -> Error {
    Error::new(Kind::Internal, "the thread that writes the part file died")
}
