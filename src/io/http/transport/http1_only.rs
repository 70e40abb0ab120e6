//! The servers that offered HTTP/2 and then required HTTP/1.1.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use http::StatusCode;
use url::{Origin, Url};

use crate::io::http::error::is_http1_required;
use crate::io::http::transport::response::IncomingResponse;

/// Limit of recorded servers: more of this kind than a process should meet.
const SERVERS_MAX: usize = 256;

/// Servers by their origins.
#[derive(Debug, Default)]
pub struct Http1Only(RwLock<HashSet<Origin>>);

impl Http1Only {
    pub fn has(&self, url: &Url) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&url.origin())
    }

    pub fn record(&self, url: &Url) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SERVERS_MAX {
            known.clear();
        }
        known.insert(url.origin());
    }
}

impl Clone for Http1Only {
    fn clone(&self) -> Self {
        Self(RwLock::new(self.0.read().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}

/// Whether the server requires HTTP/1.1 for a request that was sent over HTTP/2.
pub fn wants_http1(outcome: &reqwest::Result<Box<IncomingResponse>>) -> bool {
    match outcome {
        Ok(response) => response.is_http2() && response.status == StatusCode::UPGRADE_REQUIRED,
        Err(error) => is_http1_required(error),
    }
}
