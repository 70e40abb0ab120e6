//! One request for a range, and the use of its response.

use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use http::StatusCode;
use url::Url;

use crate::base::error::{Error, Kind, Result};
use crate::io::http::transport::{IncomingResponse, Transport};
use crate::operation::attempt::{Exchange, follow, retry_after};
use crate::policy::http::redirect::RequestHead;
use crate::policy::http::resume::Validator;
use crate::policy::http::segments::{RangeDecision, SegmentRequest, decide_range};

/// Where ranges of one representation come from.
#[derive(Debug)]
pub struct RangeSource<'a> {
    pub exchange: Exchange<'a>,
    /// The request of the download.
    pub head: &'a RequestHead,
    /// The request to which redirects led.
    pub target: RequestHead,
    pub validator: Validator,
    pub total: u64,
    /// Connections at once. Lowered if the server wants fewer.
    pub connections: &'a AtomicUsize,
}

/// A report of a connection.
#[derive(Debug)]
pub enum Event {
    Chunk(Bytes),
    End,
    Failed(Error),
    /// The server wants fewer connections.
    Fewer(Error),
    /// The response is not the requested range.
    Unusable,
}

/// Reads on in a response.
pub async fn next_chunk(mut response: Box<IncomingResponse>) -> (Option<Box<IncomingResponse>>, Event) {
    match response.chunk().await {
        Ok(Some(chunk)) => (Some(response), Event::Chunk(chunk)),
        Ok(None) => (None, Event::End),
        Err(error) => (None, Event::Failed(error)),
    }
}

impl RangeSource<'_> {
    /// A transport for one more connection. HTTP/1.1 has one for each request in any case.
    pub fn transport(&self) -> Transport {
        let shared = self.exchange.transport;
        if self.target.url.scheme() == "http" { shared.clone() } else { shared.separate() }
    }

    /// Requests a range, and begins to read it.
    pub async fn open(
        &self,
        transport: &Transport,
        request: &SegmentRequest,
    ) -> (Option<Box<IncomingResponse>>, Event) {
        let (response, url) = match self.request(transport, request).await {
            Ok(received) => received,
            Err(error) => return (None, Event::Failed(error)),
        };
        match decide_range(request, response.status, &response.headers, response.content_length()) {
            RangeDecision::Take => next_chunk(response).await,
            RangeDecision::Unusable => (None, Event::Unusable),
            RangeDecision::Fewer => (None, Event::Fewer(status_error(&response, &url))),
            RangeDecision::Failed => (None, Event::Failed(status_error(&response, &url))),
        }
    }

    /// Sends the request to the URL to which redirects led. If that is no longer valid, sends it to
    /// the first URL again.
    async fn request(&self, transport: &Transport, request: &SegmentRequest) -> Result<(Box<IncomingResponse>, Url)> {
        let exchange = Exchange { transport, ..self.exchange };
        let fields = request.fields().unwrap_or_default();
        let with_range = |head: &RequestHead| {
            let mut head = head.clone();
            head.headers.extend(fields.clone());
            head
        };
        let received = follow(exchange, &with_range(&self.target), None, None).await?;
        let is_invalid = matches!(
            received.0.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE
        );
        if is_invalid && self.target.url != self.head.url {
            return follow(exchange, &with_range(self.head), None, None).await;
        }
        Ok(received)
    }
}

/// The error of a response that brings nothing of the file.
pub fn status_error(response: &IncomingResponse, url: &Url) -> Error {
    let message = format!("Download failed: HTTP {} {}", response.status.as_u16(), response.status_text);
    let error = Error::new(Kind::Status, message.trim_end());
    error.with_status(response.status.as_u16(), retry_after(&response.headers)).with_url(url)
}
