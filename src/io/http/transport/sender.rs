//! The client that sends one request.

use reqwest::Client;

use crate::io::http::transport::uploads::Lease;

/// The client of one attempt to send a request.
#[derive(Debug)]
pub enum Sender<'a> {
    Pooled(&'a Client),
    /// With a connection of its own.
    New(Client),
    Upload(Lease<'a>),
}

impl Sender<'_> {
    pub fn client(&self) -> &Client {
        match self {
            Self::Pooled(client) => client,
            Self::New(client) => client,
            Self::Upload(lease) => &lease.client,
        }
    }

    /// Notes whether the server has responded.
    pub fn ended(&mut self, has_responded: bool) {
        if let Self::Upload(lease) = self {
            lease.has_responded = has_responded;
        }
    }
}
