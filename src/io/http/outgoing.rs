//! The body of a request as it goes out: counted, and with the moment at which a connection was there for it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::base::body::{BodyStream, Watched};
use crate::metrics::{self, Counter};

/// When a request was handed to its connection. The client waits for one before it looks at the body.
#[derive(Debug)]
pub struct HandOver {
    begun: Instant,
    /// In nanoseconds after that; 0: not yet.
    after: AtomicU64,
}

impl HandOver {
    pub fn begin() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), after: AtomicU64::new(0) })
    }

    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// The time that it took to get a connection.
    pub fn after(&self) -> Option<Duration> {
        Some(self.after.load(Ordering::Relaxed)).filter(|after| *after > 0).map(Duration::from_nanos)
    }

    fn now(&self) {
        let after = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.after.store(after.max(1), Ordering::Relaxed);
    }
}

pub enum Content {
    /// No body, of no length.
    Nothing,
    Whole(Bytes),
    Stream(BodyStream),
    Watched(Watched),
}

/// A body on its way.
pub struct Outgoing {
    content: Content,
    hand_over: Arc<HandOver>,
    is_begun: bool,
}

impl Outgoing {
    pub fn new(content: Content, hand_over: Arc<HandOver>) -> Self {
        Self { content, hand_over, is_begun: false }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.is_begun {
            self.is_begun = true;
            self.hand_over.now();
        }
        let frame = match &mut self.content {
            Content::Nothing => Poll::Ready(None),
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stream(stream) => Pin::new(stream).poll_frame(context),
            Content::Watched(watched) => Pin::new(watched).poll_frame(context),
        };
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(bytes) = frame.data_ref()
        {
            metrics::add(Counter::BytesSent, bytes.len() as u64);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        let is_empty = match &self.content {
            Content::Nothing => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(stream) => stream.is_end_stream(),
            Content::Watched(watched) => watched.is_end_stream(),
        };
        if is_empty && !self.is_begun {
            // Of an empty body nothing else is asked.
            self.hand_over.now();
        }
        is_empty
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Nothing => SizeHint::default(),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(stream) => stream.size_hint(),
            Content::Watched(watched) => watched.size_hint(),
        }
    }
}
