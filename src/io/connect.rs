//! Connections: by which proxy, to which address, with which encryption.
//!
//! The limit of a connection counts from the lookup of the first name to the end of the last handshake, those of proxies included.
//! A proxy over TLS is spoken to in HTTP/1.1; servers choose between HTTP/1.1 and HTTP/2, also through tunnels.
#![expect(clippy::disallowed_types, reason = "the one place for connections")]

use std::cell::Cell;
use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::Url;

use crate::error::Result;
use crate::io::{resolve, tls, tunnel};
use crate::options::Network;
use crate::policy::proxy::{Proxy, credentials, forwards};

pub type Failure = Box<dyn StdError + Send + Sync>;
type Connecting = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

/// Read at once from a socket below TLS. rustls asks for 4 KiB at a time; a record has up to 16 KiB.
const TLS_READ: usize = 64 << 10;
/// The port of a SOCKS proxy whose URL names none (RFC 1928, 3).
const SOCKS_PORT: u16 = 1080;

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
    tcp: HttpConnector<Resolver>,
    tls: Arc<ClientConfig>,
    tls_of_proxies: Arc<ClientConfig>,
    proxy: Proxy,
    timeout: Option<Duration>,
}

impl Connector {
    /// Blocks: reads the system's certificates.
    pub fn new(network: &Network) -> Result<Self> {
        let tls = tls::client_config(&network.tls)?;
        let mut tls_of_proxies = tls.clone();
        tls_of_proxies.alpn_protocols.clear();
        let mut tcp = HttpConnector::new_with_resolver(Resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared out among the addresses of a name, so that one that is silent leaves time for the next.
        tcp.set_connect_timeout(network.connect_timeout);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        tcp.set_keepalive_interval(Some(Duration::from_secs(15)));
        tcp.set_keepalive_retries(Some(3));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(Duration::from_secs(30)));
        Ok(Self {
            tcp,
            tls: Arc::new(tls),
            tls_of_proxies: Arc::new(tls_of_proxies),
            proxy: network.proxy.clone(),
            timeout: network.connect_timeout,
        })
    }

    async fn connect(mut self, server: Uri) -> Result<Stream, Failure> {
        let url = Url::parse(&server.to_string())?;
        // `transport` has refused what is no proxy, and says so better.
        let Some(proxy) = self.proxy.of(&url)? else {
            let stream = self.tcp.call(server.clone()).await?;
            return self.secured(&server, stream.into_inner()).await;
        };
        let at = address(&proxy)?;
        let stream = self.tcp.call(at.clone()).await?;
        match proxy.scheme() {
            "socks4" | "socks4a" => {
                let stream = SocksV4::new(at, Opened(Some(stream))).call(told(&proxy, &url).await?).await?;
                self.secured(&server, stream.into_inner()).await
            }
            "socks5" | "socks5h" => {
                let mut socks = SocksV5::new(at, Opened(Some(stream)));
                let (user, password) = credentials(&proxy);
                if !user.is_empty() {
                    socks = socks.with_auth(user, password);
                }
                let stream = socks.call(told(&proxy, &url).await?).await?;
                self.secured(&server, stream.into_inner()).await
            }
            _ => {
                let stream = stream.into_inner();
                let stream = match is_secure(&at) {
                    true => encrypted(&self.tls_of_proxies, &at, stream).await?,
                    false => Stream::plain(stream),
                };
                if forwards(&proxy, &url) {
                    return Ok(Stream { is_proxy: true, ..stream });
                }
                let stream = tunnel::open(stream, &authority(&url), basic(&proxy)).await?;
                self.secured(&server, TokioIo::new(stream)).await
            }
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
                Some(limit) => timeout(limit, connecting).await?,
                None => connecting.await,
            }
        })
    }
}

/// Hands an open connection to a SOCKS handshake. Were the handshake to open it, it would hide why that failed.
struct Opened(Option<TokioIo<TcpStream>>);

impl Service<Uri> for Opened {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| io::ErrorKind::NotConnected.into()))
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

/// Where a proxy listens, without its user and password.
fn address(proxy: &Url) -> Result<Uri, Failure> {
    let host = proxy.host_str().unwrap_or_default();
    let port = proxy.port_or_known_default().unwrap_or(SOCKS_PORT);
    Ok(format!("{}://{host}:{port}/", proxy.scheme()).parse()?)
}

/// Host and port, also where it is the usual one.
fn authority(server: &Url) -> String {
    let host = server.host_str().unwrap_or_default();
    format!("{host}:{}", server.port_or_known_default().unwrap_or_default())
}

/// The server as a SOCKS proxy is told of it: by its address where the scheme of the proxy says that names are looked up here
/// (`socks4` and `socks5`; `socks4a` and `socks5h` leave it to the proxy, as in curl).
async fn told(proxy: &Url, server: &Url) -> Result<Uri, Failure> {
    let mut server = server.clone();
    let is_left_to_proxy = matches!(proxy.scheme(), "socks4a" | "socks5h");
    if let Some(name) = server.domain().filter(|_| !is_left_to_proxy).map(str::to_owned) {
        let addresses = resolve::lookup(name.clone()).await?;
        // SOCKS 4 has no room for another address.
        let is_possible = |address: &IpAddr| address.is_ipv4() || proxy.scheme() != "socks4";
        let Some(address) = addresses.iter().map(SocketAddr::ip).find(is_possible) else {
            return Err(format!("{name} has no IPv4 address, and socks4 knows no others").into());
        };
        // Fails for no URL that has a host.
        let _ = server.set_ip_host(address);
    }
    Ok(format!("{}://{}/", server.scheme(), authority(&server)).parse()?)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_proxy_is_found_at_the_usual_port_of_its_scheme_and_its_user_stays_behind() {
        for (proxy, expected) in [
            ("http://u:secret@host", "http://host:80/"),
            ("https://u:secret@host/path", "https://host:443/"),
            ("socks5h://u:secret@host", "socks5h://host:1080/"),
            ("socks4://[::1]", "socks4://[::1]:1080/"),
            ("http://[::1]:3128", "http://[::1]:3128/"),
        ] {
            assert_eq!(address(&url(proxy)).unwrap().to_string(), expected);
        }
    }

    #[tokio::test]
    async fn socks_proxies_are_told_addresses_or_names_and_always_a_port() {
        for (proxy, server, expected) in [
            ("socks5h", "https://origin.test/", "https://origin.test:443/"),
            ("socks4a", "http://origin.test:8080/", "http://origin.test:8080/"),
            ("socks5", "http://[::1]/", "http://[::1]:80/"),
            ("socks4", "http://127.0.0.1/", "http://127.0.0.1:80/"),
            ("socks4", "http://localhost/", "http://127.0.0.1:80/"),
        ] {
            let told = told(&url(&format!("{proxy}://proxy")), &url(server)).await.unwrap();
            assert_eq!(told.to_string(), expected);
        }
    }

    #[test]
    fn user_and_password_of_a_proxy_are_decoded() {
        let value = basic(&url("http://us%40er:p%3Aw@host")).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(value, "Basic dXNAZXI6cDp3");
        assert!(basic(&url("http://host")).is_none());
    }
}
