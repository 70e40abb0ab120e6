//! Whether HTTP/2 announced the end of a body.
//!
//! A server may reset a stream with `NO_ERROR` when it needs no more of the request (RFC 9113,
//! 8.1). hyper takes that for the end of the response, also where the response had not ended. With
//! a `Content-Length` the missing bytes are noticed; without one, only here.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Response, ResponseBuilderExt};

/// Whether a body ended without an announcement.
#[derive(Clone, Debug, Default)]
pub struct Unannounced(Arc<AtomicBool>);

impl Unannounced {
    pub fn has_ended(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Watches the end of the body of a response over HTTP/2.
pub fn watch(response: Response) -> (Response, Unannounced) {
    let url = response.url().clone();
    let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
    let unannounced = Unannounced::default();
    let body = Body::wrap(Watched { body, unannounced: unannounced.clone() });
    // The conversion drops the URL of the response, and takes one from here.
    if let Ok(with_url) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(with_url.into_parts().0.extensions);
    }
    (http::Response::from_parts(parts, body).into(), unannounced)
}

struct Watched {
    body: Body,
    unannounced: Unannounced,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() && !self.body.is_end_stream() {
            self.unannounced.0.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
