//! Connections: by which proxy, to which address, with which encryption.

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::Url;

use crate::error::Result;
use crate::io::resolve;
use crate::io::tls;
use crate::options::Network;
use crate::policy::proxy::{Proxy, credentials};

type Failure = Box<dyn StdError + Send + Sync>;
type Connecting = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

/// Read at once from a socket below TLS. rustls asks for 4 KiB at a time; a record has up to 16 KiB.
const TLS_READ: usize = 64 << 10;

tokio::task_local! {
    /// Whether a connection was opened for the request that this task is sending.
    static OPENED: Cell<bool>;
}

/// Runs a request, and tells whether a connection was opened for it.
pub async fn noting<T>(request: impl Future<Output = T>) -> (T, bool) {
    OPENED.scope(Cell::new(false), async { (request.await, OPENED.with(Cell::get)) }).await
}

/// Opens connections to servers, each by the proxy that its URL asks for.
#[derive(Clone)]
pub struct Connector {
    direct: Direct,
    tls: Arc<ClientConfig>,
    proxy: Proxy,
    timeout: Option<Duration>,
}

impl Connector {
    /// Blocks: reads the system's certificates.
    pub fn new(network: &Network) -> Result<Self> {
        let tls = tls::client_config(&network.tls)?;
        // A proxy is spoken to in HTTP/1.1.
        let mut tls_of_proxies = tls.clone();
        tls_of_proxies.alpn_protocols.clear();
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        tcp.set_keepalive_interval(Some(Duration::from_secs(15)));
        tcp.set_keepalive_retries(Some(3));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(Duration::from_secs(30)));
        Ok(Self {
            direct: Direct { tcp, tls: Arc::new(tls_of_proxies) },
            tls: Arc::new(tls),
            proxy: network.proxy.clone(),
            timeout: network.connect_timeout,
        })
    }

    async fn connect(mut self, server: Uri) -> Result<Stream, Failure> {
        // What is no proxy is refused before a request gets here.
        let proxy = self.proxy.of(&Url::parse(&server.to_string())?).ok().flatten();
        let Some(proxy) = proxy else {
            let stream = self.direct.tcp.call(server.clone()).await?;
            return self.secured(&server, stream.into_inner()).await;
        };
        let at: Uri = proxy.as_str().parse()?;
        let (user, password) = credentials(&proxy);
        match proxy.scheme() {
            "socks4" | "socks4a" => {
                let stream = SocksV4::new(at, self.direct.tcp.clone()).call(told(&proxy, &server).await?).await?;
                self.secured(&server, stream.into_inner()).await
            }
            "socks5" | "socks5h" => {
                let mut socks = SocksV5::new(at, self.direct.tcp.clone());
                if !user.is_empty() {
                    socks = socks.with_auth(user, password);
                }
                let stream = socks.call(told(&proxy, &server).await?).await?;
                self.secured(&server, stream.into_inner()).await
            }
            _ if is_secure(&server) => {
                let mut tunnel = Tunnel::new(at, self.direct.clone());
                if let Some(basic) = basic(&proxy) {
                    tunnel = tunnel.with_auth(basic);
                }
                let stream = tunnel.call(told(&proxy, &server).await?).await?;
                self.secured(&server, TokioIo::new(stream)).await
            }
            _ => Ok(Stream { is_proxy: true, ..self.direct.call(at).await? }),
        }
    }

    /// Encrypted, if the server's URL says so.
    async fn secured<S: Socket + 'static>(&self, server: &Uri, stream: S) -> Result<Stream, Failure> {
        if is_secure(server) { encrypted(&self.tls, server, stream).await } else { Ok(Stream::plain(stream)) }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Failure;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Connecting {
        // Fails outside of a request, where nobody asks.
        let _ = OPENED.try_with(|opened| opened.set(true));
        let limit = self.timeout;
        let connecting = self.clone().connect(server);
        Box::pin(async move {
            match limit {
                Some(limit) => timeout(limit, connecting).await.unwrap_or_else(|_| Err(TimedOut.into())),
                None => connecting.await,
            }
        })
    }
}

/// Connects to what the URL itself names: a proxy, with or without TLS.
#[derive(Clone)]
struct Direct {
    tcp: HttpConnector<Resolver>,
    tls: Arc<ClientConfig>,
}

impl Service<Uri> for Direct {
    type Response = Stream;
    type Error = Failure;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, at: Uri) -> Connecting {
        let mut direct = self.clone();
        Box::pin(async move {
            let stream = direct.tcp.call(at.clone()).await?.into_inner();
            if is_secure(&at) { encrypted(&direct.tls, &at, stream).await } else { Ok(Stream::plain(stream)) }
        })
    }
}

async fn encrypted<S: Socket + 'static>(tls: &Arc<ClientConfig>, to: &Uri, stream: S) -> Result<Stream, Failure> {
    let host = to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let stream = BufReader::with_capacity(TLS_READ, stream);
    let stream = TlsConnector::from(tls.clone()).connect(ServerName::try_from(host)?, stream).await?;
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(Stream { is_h2, ..Stream::plain(stream) })
}

fn is_secure(url: &Uri) -> bool {
    url.scheme_str() == Some("https")
}

/// The server as a proxy is told of it: with its port, also where it is the usual one; by its address where the scheme of the
/// proxy says that names are looked up here (`socks4` and `socks5`; `socks4a` and `socks5h` leave it to the proxy, as in curl).
async fn told(proxy: &Url, server: &Uri) -> Result<Uri, Failure> {
    let host = server.host().unwrap_or_default();
    let looked_up = match proxy.scheme() {
        "socks4" | "socks5" if Url::parse(&format!("http://{host}"))?.domain().is_some() => {
            resolve::lookup(host.to_owned()).await?.first().map(SocketAddr::ip)
        }
        _ => None,
    };
    let host = match looked_up {
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        Some(address) => address.to_string(),
        None => host.to_owned(),
    };
    let port = server.port_u16().unwrap_or(if is_secure(server) { 443 } else { 80 });
    let scheme = server.scheme_str().unwrap_or_default();
    Ok(Uri::builder().scheme(scheme).authority(format!("{host}:{port}")).path_and_query("/").build()?)
}

/// The value of `Proxy-Authorization` for the user and password in the URL of a proxy.
pub fn basic(proxy: &Url) -> Option<HeaderValue> {
    let (user, password) = credentials(proxy);
    if user.is_empty() && password.is_empty() {
        return None;
    }
    let pair = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The limit of a connection was reached.
#[derive(Debug)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection took too long")
    }
}

impl StdError for TimedOut {}

/// Names by the system's `getaddrinfo`.
#[derive(Clone)]
struct Resolver;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = resolve::LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move { resolve::lookup(name.as_str().to_owned()).await.map(Vec::into_iter) })
    }
}

/// What bytes go through in both directions.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// An open connection, and what hyper must know of it.
pub struct Stream {
    socket: TokioIo<Box<dyn Socket>>,
    /// Whether requests go to a proxy, which is told the whole URL.
    is_proxy: bool,
    is_h2: bool,
}

impl Stream {
    fn plain(socket: impl Socket + 'static) -> Self {
        Self { socket: TokioIo::new(Box::new(socket)), is_proxy: false, is_h2: false }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.is_proxy);
        if self.is_h2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
