//! Clients of large uploads over HTTP/2, whose connections are not pinged.
//!
//! A ping waits behind the bytes of an upload that are on their way. On a slow line, or while the
//! server does not read, it gets no response in time, and the connection would be ended although
//! the upload proceeds. So large uploads have connections of their own, which nothing but the
//! limits of the caller ends. A dead connection would go unnoticed there: after an upload without a
//! response the next one gets another connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::Client;

use crate::base::body::Body;
use crate::base::error::Result;

/// The largest body, in bytes, that does not count as large: the initial window of HTTP/2.
const SMALL_MAX: usize = 64 << 10;

/// Whether a body is large, or its length is unknown.
pub fn is_large(body: &Body) -> bool {
    !matches!(body, Body::Whole(bytes) if bytes.len() <= SMALL_MAX)
}

/// The client of uploads on one route.
#[derive(Debug, Default)]
pub struct UploadClient(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    client: Option<Client>,
    /// Tells clients apart.
    number: u64,
}

impl UploadClient {
    /// Returns the client, created by `create` if there is none.
    pub fn lease(&self, create: impl FnOnce() -> Result<Client>) -> Result<Lease<'_>> {
        let mut shared = self.shared();
        let client = if let Some(client) = &shared.client {
            client.clone()
        } else {
            shared.number += 1;
            shared.client.insert(create()?).clone()
        };
        Ok(Lease { of: self, client, number: shared.number, has_responded: false })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client of one upload.
#[derive(Debug)]
pub struct Lease<'a> {
    of: &'a UploadClient,
    pub client: Client,
    number: u64,
    /// Set when the server has responded.
    pub has_responded: bool,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut shared = self.of.shared();
        if !self.has_responded && shared.number == self.number {
            shared.client = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::base::log::Log;
    use crate::base::options::Tls;
    use crate::io::http::tls::client_config;
    use crate::io::http::transport::connect::Connecting;

    fn client() -> Result<Client> {
        let tls = client_config(&Tls::default(), Log::default())?;
        Connecting { tls, timeout: None, is_single: false, lookups: Arc::default() }.upload_client(None)
    }

    /// How many clients have been created when the leases have ended, in their order.
    fn created(responses: &[bool]) -> u64 {
        let uploads = UploadClient::default();
        for has_responded in responses {
            uploads.lease(client).unwrap().has_responded = *has_responded;
        }
        uploads.shared().number
    }

    #[test]
    fn a_client_is_kept_until_an_upload_gets_no_response() {
        assert_eq!(created(&[true, true, true]), 1);
        assert_eq!(created(&[true, false, true, true]), 2);
        assert_eq!(created(&[false, false]), 2);
    }

    #[test]
    fn an_old_lease_leaves_a_new_client_alone() {
        let uploads = UploadClient::default();
        let old = uploads.lease(client).unwrap();
        drop(uploads.lease(client).unwrap());
        let new = uploads.lease(client).unwrap();
        drop(old);
        assert!(uploads.shared().client.is_some());
        drop(new);
        assert!(uploads.shared().client.is_none());
    }

    #[test]
    fn streams_and_bodies_beyond_the_first_window_are_large() {
        let whole = |length| Body::Whole(Bytes::from(vec![0; length]));
        assert!(!is_large(&whole(SMALL_MAX)));
        assert!(is_large(&whole(SMALL_MAX + 1)));
        assert!(is_large(&Body::stream().0));
    }
}
