//! A part file behind a thread that writes, so that a slow disk stalls neither the connections nor other requests, and
//! hashing goes on beside receiving.
//!
//! A download has a thread only while there is something to write: threads may be few, and others need them too, a lookup of a
//! name for instance.

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

/// The side of the download.
#[derive(Debug)]
pub struct Writer {
    worker: Worker,
    /// Taken by whoever hears the outcome: it comes once.
    finished: Option<oneshot::Receiver<Result<Staging>>>,
    /// The part file as it will be when everything handed over is written. Changed only after a command was taken, so
    /// that a caller that is cancelled midway leaves it true.
    pub part: Found,
}

impl Writer {
    /// Waits until there may be one more writer.
    pub async fn turn() -> Result<Turn> {
        Turn::wait().await
    }

    /// Opens the part file of a destination, to be hashed as it is written.
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

    /// Hands over one chunk; waits while the disk is behind.
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

    /// Waits until everything is written. An error that a command has already given is not given again.
    pub async fn finish(self) -> Result<Staging> {
        drop(self.worker);
        match self.finished {
            Some(finished) => finished.await.unwrap_or_else(|_| Err(writer_died())),
            None => Err(writer_died()),
        }
    }

    async fn send(&mut self, command: Command) -> Result<()> {
        // Closed by the thread that failed.
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
