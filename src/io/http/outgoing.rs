//! The body of a request as it goes out: counted, and with the moment at which a connection was
//! there for it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::base::body::{BodyStream, Watched};
use crate::metrics::{self, Counter};

/// The moment at which a request was handed to its connection. The client gets a connection before
/// it looks at the body.
#[derive(Debug, Default)]
pub struct HandOver(OnceLock<Instant>);

impl HandOver {
    /// The moment, if the request got that far.
    pub fn at(&self) -> Option<Instant> {
        self.0.get().copied()
    }

    fn record(&self) {
        self.0.get_or_init(Instant::now);
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
}

impl Outgoing {
    pub fn new(content: Content, hand_over: Arc<HandOver>) -> Self {
        Self { content, hand_over }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.hand_over.record();
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
        if is_empty {
            // The only question about an empty body.
            self.hand_over.record();
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
