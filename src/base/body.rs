//! The body of a request: bytes that can be sent again, or a stream that cannot.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// What a source gives: pieces, and `None` at its end. A channel that closes before that is a source that broke off: its
/// request must not look complete.
type Chunks = mpsc::Receiver<Option<Bytes>>;

#[derive(Clone, Debug)]
pub enum Body {
    Whole(Bytes),
    Stream(Stream),
}

/// Pieces as they come, for one request: clones share them.
#[derive(Clone, Debug)]
pub struct Stream(Arc<Mutex<Option<Chunks>>>);

impl Body {
    /// A stream, and where to put its pieces: one at a time, so that the connection slows the source down.
    pub fn stream() -> (Self, mpsc::Sender<Option<Bytes>>) {
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
    pub fn take(&self) -> BodyStream {
        BodyStream(self.0.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// A stream on its way.
#[derive(Debug)]
pub struct BodyStream(Option<Chunks>);

impl http_body::Body for BodyStream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(pieces) = &mut self.0 else {
            return Poll::Ready(Some(Err(io::Error::other("the body has been sent"))));
        };
        Poll::Ready(match ready!(pieces.poll_recv(context)) {
            Some(Some(piece)) => Some(Ok(Frame::data(piece))),
            Some(None) => None,
            None => Some(Err(io::Error::other("the body broke off"))),
        })
    }
}

/// Bytes of a whole body that are handed to the connection at a time, where somebody looks at how it gets on.
const SLICE: usize = 64 << 10;

/// A body on its way, watched: its [`Activity`] tells when the connection last took some of it.
pub struct Watched {
    body: Content,
    activity: Activity,
}

enum Content {
    Whole(Bytes),
    Stream(BodyStream),
}

/// When a connection last took something of a body, and whether it waits for the body's source.
#[derive(Clone, Debug)]
pub struct Activity(Arc<Mutex<Option<Instant>>>);

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(Instant::now()))))
    }
}

impl Activity {
    /// The time from which silence counts; `None` while the source of the body has nothing to send.
    pub fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Body {
    /// The body, to be sent once, its progress told to `activity`.
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

    fn frames(pieces: &[Option<&'static str>]) -> Vec<Option<Result<Bytes, String>>> {
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
        for piece in pieces {
            sender.try_send(piece.map(Bytes::from)).unwrap();
            seen.push(next());
        }
        drop(sender);
        if pieces.last() != Some(&None) {
            seen.push(next());
        }
        seen
    }

    #[test]
    fn only_an_end_that_was_said_is_an_end() {
        let piece = || Some(Ok(Bytes::from_static(b"a")));
        assert_eq!(frames(&[Some("a"), None]), [piece(), None]);
        assert_eq!(frames(&[Some("a")]), [piece(), Some(Err("the body broke off".to_owned()))]);
    }

    #[test]
    fn a_whole_body_is_handed_over_in_slices_and_tells_when() {
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
    fn a_source_that_has_nothing_to_send_is_no_silence_of_the_server() {
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
