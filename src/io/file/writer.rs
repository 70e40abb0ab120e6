//! Writes a part file on a thread, so that a slow disk delays neither the connections nor other
//! requests, and hashing runs in parallel to receiving.
//!
//! A download has a thread only while there is something to write. Threads may be scarce, and
//! others need them, too: for name lookups, for instance.

mod worker;

use std::path::Path;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::base::error::Result;
use crate::base::integrity::Algorithm;
use crate::io::file::staging::{Found, Staging};
use crate::io::threads;
use crate::policy::http::resume::Record;

use self::worker::{Command, Open, Turn, Worker, writer_died};

/// The download's end of the queue.
#[derive(Debug)]
pub struct Writer {
    worker: Worker,
    /// Taken by the first call that awaits the outcome, which is sent once.
    finished: Option<oneshot::Receiver<Result<Staging>>>,
    /// The state of the part file after all queued commands. Changed only once a command is queued,
    /// so that it stays true if the caller is cancelled while it waits.
    pub part: Found,
}

impl Writer {
    /// Waits until one more part file may be open.
    pub async fn turn() -> Result<Turn> {
        Turn::wait().await
    }

    /// Opens the part file of a destination. Its bytes are hashed as they are written.
    pub async fn open(turn: Turn, destination: &Path, algorithms: Vec<Algorithm>) -> Result<Self> {
        let destination = destination.to_owned();
        let (done, finished) = oneshot::channel();
        let open = move || {
            let (staging, part) = Staging::open(&destination, algorithms)?;
            Ok((Worker::new(Open { staging, done, turn }), part))
        };
        let (worker, part) = threads::spawn_blocking(open).await??;
        Ok(Self { worker, finished: Some(finished), part })
    }

    /// Starts from zero. `record` describes the bytes that follow.
    pub async fn restart(&mut self, record: Record) -> Result<()> {
        self.send(Command::Restart(record.clone())).await?;
        self.part = Found { length: 0, record: Some(record) };
        Ok(())
    }

    /// Continues at the offset `from`, which is not beyond the end of the part file. `total` is the
    /// expected length.
    pub async fn resume(&mut self, from: u64, total: u64) -> Result<()> {
        self.send(Command::Resume(from)).await?;
        self.part.length = from;
        if let Some(record) = &mut self.part.record {
            record.total = Some(total);
            if let Some(ranges) = &mut record.ranges {
                ranges.truncate(from);
            }
        }
        Ok(())
    }

    /// Goes on with what is there, of `total` bytes, in any order.
    pub async fn allow_holes(&mut self, total: u64) -> Result<()> {
        let ranges = Some(self.part.present());
        if let Some(record) = self.part.record.clone().filter(|record| record.ranges.is_none()) {
            let record = Record { total: Some(total), ranges, ..record };
            self.send(Command::AllowHoles(record.clone())).await?;
            self.part.record = Some(record);
        }
        Ok(())
    }

    /// Continues at the offset `from` in a new part file, because the rest comes from another
    /// source. `record` describes both.
    pub async fn resume_in_copy(&mut self, from: u64, record: Record) -> Result<()> {
        self.send(Command::ResumeInCopy(from, record.clone())).await?;
        self.part = Found { length: from, record: Some(record) };
        Ok(())
    }

    /// Queues a chunk. Waits while the queue is full.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let length = chunk.len() as u64;
        self.send(Command::Write(chunk)).await?;
        let start = self.part.length;
        self.part.length += length;
        if let Some(ranges) = self.part.record.as_mut().and_then(|record| record.ranges.as_mut()) {
            ranges.insert(start..start + length);
        }
        Ok(())
    }

    /// Hands over bytes that belong anywhere in a part file with holes.
    pub async fn write_at(&mut self, offset: u64, chunk: Bytes) -> Result<()> {
        let end = offset + chunk.len() as u64;
        self.send(Command::WriteAt(offset, chunk)).await?;
        if let Some(ranges) = self.part.record.as_mut().and_then(|record| record.ranges.as_mut()) {
            ranges.insert(offset..end);
            self.part.length = ranges.frontier();
        }
        Ok(())
    }

    /// Waits until everything is written. An error that a command already returned is not returned
    /// again.
    pub async fn finish(self) -> Result<Staging> {
        drop(self.worker);
        match self.finished {
            Some(finished) => finished.await.unwrap_or_else(|_| Err(writer_died())),
            None => Err(writer_died()),
        }
    }

    async fn send(&mut self, command: Command) -> Result<()> {
        // The thread closes the semaphore when it fails.
        if let Ok(space) = self.worker.space().acquire().await {
            space.forget();
            return self.worker.push(command);
        }
        match self.finished.take() {
            Some(finished) => Err(finished.await.ok().and_then(Result::err).unwrap_or_else(writer_died)),
            None => Err(writer_died()),
        }
    }
}
