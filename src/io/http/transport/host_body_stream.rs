//! The body of a response that comes through the HTTP client of the host program.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use url::Url;

use crate::base::error::Result;
use crate::base::host_client::HostBody;
use crate::io::http::error::no_data;
use crate::io::http::transport::idle::with_idle_timeout;
use crate::policy::http::host_failure::{of_body, of_length};

/// A body that comes through the client of the host program.
pub struct HostBodyStream {
    body: Box<dyn HostBody>,
    received: u64,
    /// Whether a response of this status can have a body.
    has_body: bool,
    url: Url,
}

impl fmt::Debug for HostBodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBodyStream").field("received", &self.received).finish_non_exhaustive()
    }
}

impl HostBodyStream {
    pub fn new(body: Box<dyn HostBody>, status: StatusCode, url: Url) -> Self {
        Self { body, received: 0, has_body: status != StatusCode::NO_CONTENT, url }
    }

    /// Returns the next chunk of a body of this length, or `None` at its end. The end is always
    /// awaited, because only then the connection can be reused.
    pub async fn chunk(&mut self, idle_timeout: Option<Duration>, length: Option<u64>) -> Result<Option<Bytes>> {
        match with_idle_timeout(idle_timeout, self.body.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                self.received += chunk.len() as u64;
                Ok(Some(chunk))
            }
            Ok(Ok(None)) => match length.filter(|length| *length != self.received && self.has_body) {
                // Node checks the length, but a mock may be wrong.
                Some(length) => Err(of_length(self.received, length, &self.url)),
                None => Ok(None),
            },
            Ok(Err(failure)) => Err(of_body(&failure, self.received, length, &self.url)),
            Err(limit) => Err(no_data(limit, &self.url)),
        }
    }
}
