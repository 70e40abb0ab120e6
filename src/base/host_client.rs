//! The interface to the HTTP client of the host program, which carries out exchanges. Tools that
//! mock, trace or route the requests of that client see the requests of this library as well.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method};
use tokio::sync::oneshot;
use url::Url;

/// Carries out exchanges.
pub trait Exchange: Send + Sync {
    /// Tells clients of different environments apart.
    fn id(&self) -> u64;

    /// Sends one request and resolves with the head of its response. Dropping the future aborts the
    /// exchange, and so does dropping the body before its end.
    fn send(&self, request: HostRequest) -> BoxFuture<'static, Result<HostResponse, HostFailure>>;
}

/// A client of the host program. Equal to every other client of the same environment.
#[derive(Clone)]
pub struct HostClient(pub Arc<dyn Exchange>);

impl PartialEq for HostClient {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for HostClient {}

impl Hash for HostClient {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl fmt::Debug for HostClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostClient").field(&self.0.id()).finish()
    }
}

/// One complete request. The client adds only header fields of its connection.
pub struct HostRequest {
    pub method: Method,
    pub url: Url,
    /// In the order in which they are sent.
    pub headers: HeaderMap,
    pub body: Upload,
    /// Certificates in PEM that are trusted in addition to those that the client trusts by itself.
    pub ca: Vec<String>,
    /// Notified when the connection is open.
    pub connected: oneshot::Sender<()>,
}

/// The body of a request.
pub enum Upload {
    None,
    Whole(Bytes),
    /// Read in chunks, each after the connection has taken the one before.
    Source(UploadSource),
}

pub type UploadSource = Pin<Box<dyn http_body::Body<Data = Bytes, Error = io::Error> + Send>>;

/// The head of a response, and the body to be read.
pub struct HostResponse {
    pub status: u16,
    /// The reason phrase, as sent.
    pub reason: Vec<u8>,
    pub headers: HeaderMap,
    pub body: Box<dyn HostBody>,
}

/// The encoded body of a response.
pub trait HostBody: Send + Sync {
    /// Returns the next chunk, or `None` at the end.
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, HostFailure>>;
}

/// The failure of an exchange, as the client reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFailure {
    pub message: String,
    /// The code, such as `ECONNREFUSED`.
    pub code: Option<String>,
    /// The system call, such as `connect`.
    pub syscall: Option<String>,
    /// The name of the error's class.
    pub name: Option<String>,
    /// Whether the connection had been used before, so that the server may have closed it for being
    /// idle.
    pub is_reused: bool,
    /// Whether the environment of the client has ended. Other callers of the same operation can
    /// repeat it with a client of their own.
    pub is_environment_lost: bool,
}
