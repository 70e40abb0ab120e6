//! The body of a request: bytes that can be sent again, or a stream that cannot.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// Chunks of a body, and `None` at its end. A channel that closes without `None` means that the
/// source failed: the request must not look complete.
type Chunks = mpsc::Receiver<Option<Bytes>>;

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Body {
    /// All bytes, which can be sent again by a retry or a redirect.
    Whole(Bytes),
    /// Bytes that can be sent once.
    Stream(Stream),
}

/// A body in chunks, for one request. Clones share the chunks.
#[derive(Clone, Debug)]
pub struct Stream(Arc<Mutex<Option<Chunks>>>);

impl Body {
    /// Creates a stream, and the sender of its chunks. The channel holds one chunk, so that the
    /// source waits for the connection.
    pub fn stream() -> (Self, mpsc::Sender<Option<Bytes>>) {
        let (sender, chunks) = mpsc::channel(1);
        (Self::Stream(Stream(Arc::new(Mutex::new(Some(chunks))))), sender)
    }

    /// Whether the body can be sent more than once.
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

impl Stream {
    /// Takes the chunks. A second call returns a body that fails when it is read.
    pub fn take(&self) -> BodyStream {
        BodyStream(self.0.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// The chunks of a [`Stream`] while they are sent.
#[derive(Debug)]
pub struct BodyStream(Option<Chunks>);

impl http_body::Body for BodyStream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(chunks) = &mut self.0 else {
            return Poll::Ready(Some(Err(io::Error::other("the body has been sent"))));
        };
        Poll::Ready(match ready!(chunks.poll_recv(context)) {
            Some(Some(chunk)) => Some(Ok(Frame::data(chunk))),
            Some(None) => None,
            None => Some(Err(io::Error::other("the body is incomplete"))),
        })
    }
}

/// Bytes of a whole body that are handed to the connection at a time, so that an [`Activity`] shows
/// how the upload proceeds.
const SLICE: usize = 64 << 10;

/// A body while it is sent. Its [`Activity`] records when the connection last read from it.
pub struct Watched {
    body: Content,
    activity: Activity,
}

enum Content {
    Whole(Bytes),
    Stream(BodyStream),
}

/// The time at which a connection last read from a body, or that it waits for the body's source.
#[derive(Clone, Debug)]
pub struct Activity(Arc<Mutex<Option<Instant>>>);

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(Instant::now()))))
    }
}

impl Activity {
    /// The time from which the idle timeout counts. `None` while the source of the body has nothing
    /// to send, which is no silence of the server.
    pub fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Body {
    /// Returns the body, to be sent once, which records its progress in `activity`.
    pub fn watched(&self, activity: &Activity) -> Watched {
        let body = match self {
            Self::Whole(bytes) => Content::Whole(bytes.clone()),
            Self::Stream(stream) => Content::Stream(stream.take()),
        };
        Watched { body, activity: activity.clone() }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = match &mut self.body {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => {
                let length = bytes.len().min(SLICE);
                Poll::Ready(Some(Ok(Frame::data(bytes.split_to(length)))))
            }
            Content::Stream(stream) => Pin::new(stream).poll_frame(context),
        };
        self.activity.set(frame.is_ready().then(Instant::now));
        frame
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.body, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;
    use std::pin::pin;
    use std::task::Waker;

    fn frames(chunks: &[Option<&'static str>]) -> Vec<Option<Result<Bytes, String>>> {
        let (body, sender) = Body::stream();
        let Body::Stream(stream) = body else { panic!("no stream") };
        let mut sending = pin!(stream.take());
        let mut context = Context::from_waker(Waker::noop());
        let mut next = || match sending.as_mut().poll_frame(&mut context) {
            Poll::Ready(frame) => {
                frame.map(|frame| frame.map(|it| it.into_data().unwrap()).map_err(|error| error.to_string()))
            }
            Poll::Pending => panic!("pending"),
        };
        let mut seen = Vec::new();
        for chunk in chunks {
            sender.try_send(chunk.map(Bytes::from)).unwrap();
            seen.push(next());
        }
        drop(sender);
        if chunks.last() != Some(&None) {
            seen.push(next());
        }
        seen
    }

    #[test]
    fn a_stream_that_closes_without_its_end_is_an_error() {
        let chunk = || Some(Ok(Bytes::from_static(b"a")));
        assert_eq!(frames(&[Some("a"), None]), [chunk(), None]);
        assert_eq!(frames(&[Some("a")]), [chunk(), Some(Err("the body is incomplete".to_owned()))]);
    }

    #[test]
    fn a_whole_body_is_sent_in_slices_and_records_when() {
        let activity = Activity::default();
        let body = Body::Whole(vec![7; SLICE + 1].into());
        let mut watched = pin!(body.watched(&activity));
        let mut context = Context::from_waker(Waker::noop());
        let mut next = || match watched.as_mut().poll_frame(&mut context) {
            Poll::Ready(frame) => frame.map(|frame| frame.unwrap().into_data().unwrap().len()),
            Poll::Pending => panic!("pending"),
        };
        assert_eq!([next(), next(), next()], [Some(SLICE), Some(1), None]);
        assert!(activity.since().is_some());
    }

    #[test]
    fn an_idle_source_is_not_counted_as_silence_of_the_server() {
        let (body, sender) = Body::stream();
        let activity = Activity::default();
        let mut watched = pin!(body.watched(&activity));
        let mut context = Context::from_waker(Waker::noop());
        assert!(watched.as_mut().poll_frame(&mut context).is_pending());
        assert_eq!(activity.since(), None);
        sender.try_send(Some(Bytes::from_static(b"a"))).unwrap();
        assert!(watched.as_mut().poll_frame(&mut context).is_ready());
        assert!(activity.since().is_some());
    }

    #[test]
    fn a_stream_is_sent_once() {
        let (Body::Stream(stream), _sender) = Body::stream() else { panic!("no stream") };
        drop(stream.take());
        let mut again = pin!(stream.take());
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(again.as_mut().poll_frame(&mut context), Poll::Ready(Some(Err(_)))));
    }
}
