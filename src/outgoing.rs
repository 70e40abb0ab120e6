//! The body of a request: bytes that can be sent again, or a stream that cannot.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;

/// What a source gives: pieces, and an error when it breaks.
pub type Pieces = mpsc::Receiver<io::Result<Bytes>>;

#[derive(Clone, Debug)]
pub enum Body {
    Whole(Bytes),
    Stream(Stream),
}

/// Pieces as they come, for one request: clones share them.
#[derive(Clone, Debug)]
pub struct Stream(Arc<Mutex<Option<Pieces>>>);

impl Body {
    /// A stream, and where to put its pieces: one at a time, so that the connection slows the source down.
    pub fn stream() -> (Self, mpsc::Sender<io::Result<Bytes>>) {
        let (sender, pieces) = mpsc::channel(1);
        (Self::Stream(Stream(Arc::new(Mutex::new(Some(pieces))))), sender)
    }

    /// Whether it can be sent more than once.
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

impl Stream {
    /// The pieces; an error when somebody has taken them.
    pub fn take(&self) -> Sending {
        Sending(self.0.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// A stream on its way.
#[derive(Debug)]
pub struct Sending(Option<Pieces>);

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(pieces) = &mut self.0 else {
            return Poll::Ready(Some(Err(io::Error::other("the body has been sent"))));
        };
        Poll::Ready(ready!(pieces.poll_recv(context)).map(|piece| piece.map(Frame::data)))
    }
}
