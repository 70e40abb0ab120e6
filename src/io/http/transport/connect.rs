//! Creates the reqwest clients: proxy, TLS, protocols and limits of connections.
//!
//! The connect timeout counts from the lookup of the first name to the end of the last handshake,
//! including those of proxies. A proxy over TLS is used over HTTP/1.1. Servers choose between
//! HTTP/1.1 and HTTP/2, also through tunnels.
#![expect(clippy::disallowed_types, reason = "the one place where clients are set up")]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect, retry};
use rustls::ClientConfig;
use url::Url;

use crate::base::error::{Error, Kind, Result};
use crate::base::proxy::SOCKS_PORT;
use crate::io::http::error::{self, HEAD_FIELDS_MAX, HEAD_MAX};
use crate::io::http::lookups::Lookups;
use crate::io::http::resolve;
use crate::policy::http::addresses::side_by_side;

/// How long an idle connection stays open. Node.js servers close theirs after 5 s, and announce it
/// only since version 20. A pool that gives up first does not lose requests to that race.
const IDLE: Duration = Duration::from_secs(4);
/// Flow control windows of HTTP/2, large enough that the round trip does not slow a download.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// The same for one of several connections of a download: all of their windows may be full at once.
const SINGLE_WINDOW: u32 = 1 << 20;

/// The versions of HTTP that are offered to servers over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    Any,
    Http1,
}

/// The route of a request: which proxy, and whether only HTTP/1.1 is offered.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    pub proxy: Option<&'a Url>,
    pub is_secure: bool,
    pub protocols: Protocols,
}

impl Route<'_> {
    pub fn index(self) -> usize {
        self.through() * 2 + usize::from(self.protocols == Protocols::Http1)
    }

    /// There is at most one proxy for `http:`, and one for `https:`.
    pub fn through(self) -> usize {
        match (self.proxy, self.is_secure) {
            (None, _) => 0,
            (Some(_), false) => 1,
            (Some(_), true) => 2,
        }
    }
}

/// Settings of connections that do not depend on the proxy.
#[derive(Clone, Debug)]
pub struct Connecting {
    pub tls: ClientConfig,
    pub timeout: Option<Duration>,
    /// Whether requests have the pool for themselves, one at a time.
    pub is_single: bool,
    /// The times of the last lookups of names.
    pub lookups: Arc<Lookups>,
}

impl Connecting {
    /// Creates a client that sends all requests through `proxy`, or all directly.
    pub fn client(&self, proxy: Option<&Url>, protocols: Protocols) -> Result<Client> {
        self.build(proxy, self.builder(protocols))
    }

    /// Creates a client whose connections are not pinged. See `uploads.rs`.
    pub fn upload_client(&self, proxy: Option<&Url>) -> Result<Client> {
        self.build(proxy, self.builder(Protocols::Any).http2_keep_alive_interval(None))
    }

    fn build(&self, proxy: Option<&Url>, builder: ClientBuilder) -> Result<Client> {
        let failed = |error: &reqwest::Error| {
            let why = error::chain(error);
            Error::new(Kind::Internal, format!("The HTTP client cannot be set up: {why}"))
        };
        let builder = match proxy {
            Some(proxy) => builder.proxy(reqwest::Proxy::all(with_port(proxy)).map_err(|error| failed(&error))?),
            None => builder.no_proxy(),
        };
        let socks4 = proxy.filter(|proxy| proxy.scheme() == "socks4").map(host);
        let resolver = Resolver { socks4, lookups: self.lookups.clone() };
        builder.dns_resolver(resolver).build().map_err(|error| failed(&error))
    }

    fn builder(&self, protocols: Protocols) -> ClientBuilder {
        let mut tls = self.tls.clone();
        if protocols == Protocols::Http1 {
            tls.alpn_protocols.retain(|protocol| protocol == b"http/1.1");
        }
        let (stream_window, connection_window) =
            if self.is_single { (SINGLE_WINDOW, SINGLE_WINDOW) } else { (STREAM_WINDOW, CONNECTION_WINDOW) };
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            // `never` alone would clone each request; a maximum of zero avoids the clone.
            .retry(retry::never().max_retries_per_request(0))
            .referer(false)
            .http1_title_case_headers()
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_max_headers(HEAD_FIELDS_MAX)
            .http2_max_header_list_size(HEAD_MAX)
            .http2_initial_stream_window_size(stream_window)
            .http2_initial_connection_window_size(connection_window)
            .http2_keep_alive_interval(Duration::from_secs(15))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .tcp_keepalive(Duration::from_secs(60))
            .tcp_keepalive_interval(Duration::from_secs(15))
            .tcp_keepalive_retries(3)
            .pool_idle_timeout(IDLE);
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        {
            // It would end uploads that a server reads late. The caller's limits serve this
            // purpose.
            builder = builder.tcp_user_timeout(None);
        }
        if let Some(limit) = self.timeout {
            // Shared among the addresses of a name, so that a silent one leaves time for the next.
            builder = builder.connect_timeout(limit);
        }
        builder
    }
}

/// Adds the default port to the URL of a SOCKS proxy. The client does not know it.
fn with_port(proxy: &Url) -> Url {
    let mut proxy = proxy.clone();
    if proxy.port_or_known_default().is_none() {
        // Cannot fail for a URL that has a host.
        let _ = proxy.set_port(Some(SOCKS_PORT));
    }
    proxy
}

fn host(url: &Url) -> Arc<str> {
    url.host_str().unwrap_or_default().into()
}

/// Resolves names by the system's `getaddrinfo`.
struct Resolver {
    /// The host of a `socks4` proxy, which can reach IPv4 addresses only.
    socks4: Option<Arc<str>>,
    lookups: Arc<Lookups>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let is_behind_socks4 = self.socks4.as_deref().is_some_and(|proxy| proxy != host);
        let lookups = self.lookups.clone();
        Box::pin(async move {
            let started = Instant::now();
            let mut addresses = resolve::lookup(host.clone()).await?;
            lookups.ended(host.clone(), started);
            if is_behind_socks4 {
                addresses.retain(SocketAddr::is_ipv4);
                if addresses.is_empty() {
                    return Err(format!("{host} has no IPv4 address, and socks4 knows no others").into());
                }
            }
            let addresses = if can_map() { side_by_side(addresses) } else { addresses };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether IPv6 sockets can reach IPv4 addresses on this machine. False without IPv6, and on
/// Windows. Sends nothing.
fn can_map() -> bool {
    static CAN_MAP: OnceLock<bool> = OnceLock::new();
    *CAN_MAP.get_or_init(|| {
        let target = (Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 9);
        UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).and_then(|socket| socket.connect(target)).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_proxy_is_found_at_the_usual_port_of_its_scheme() {
        for (proxy, expected) in [
            ("http://host", "http://host/"),
            ("https://u:secret@host", "https://u:secret@host/"),
            ("socks5h://u:secret@host", "socks5h://u:secret@host:1080"),
            ("socks4://[::1]", "socks4://[::1]:1080"),
            ("socks5://host:9050", "socks5://host:9050"),
            ("http://[::1]:3128", "http://[::1]:3128/"),
        ] {
            assert_eq!(with_port(&url(proxy)).as_str(), expected);
        }
    }

    #[tokio::test]
    async fn behind_socks4_names_resolve_to_ipv4_only() {
        let resolver = Resolver { socks4: Some("proxy.test".into()), lookups: Arc::default() };
        let found = resolver.resolve("localhost".parse().unwrap()).await.unwrap();
        let found: Vec<_> = found.collect();
        assert!(!found.is_empty() && found.iter().all(SocketAddr::is_ipv4), "{found:?}");
    }

    /// Linux drops connections to a listener whose queue is full, and has all of 127.0.0.0/8.
    #[cfg(target_os = "linux")]
    mod several_addresses {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        use tokio::net::{TcpListener, TcpSocket, TcpStream};
        use tokio::time::timeout;

        use super::*;

        /// Resolves every name to these addresses.
        struct Known(Vec<SocketAddr>);

        impl Resolve for Known {
            fn resolve(&self, _: Name) -> Resolving {
                let addresses = side_by_side(self.0.clone());
                Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
            }
        }

        /// A listener at this address that never accepts: its queue is full.
        async fn black_hole(address: SocketAddr) -> (TcpListener, Vec<TcpStream>) {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(address).unwrap();
            let listener = socket.listen(1).unwrap();
            let address = listener.local_addr().unwrap();
            let mut queued = Vec::new();
            while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
                queued.push(stream.unwrap());
            }
            (listener, queued)
        }

        #[tokio::test]
        async fn a_second_address_is_tried_while_the_first_is_silent() {
            if !can_map() {
                return;
            }
            let (hole, _queued) = black_hole("127.0.0.1:0".parse().unwrap()).await;
            let port = hole.local_addr().unwrap().port();
            let server = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
            let serving = tokio::spawn(async move {
                let (mut connection, _) = server.accept().await.unwrap();
                assert!(connection.read(&mut [0; 4096]).await.unwrap() > 0);
                connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            });
            let tls = crate::io::http::tls::client_config(
                &crate::base::options::Tls::default(),
                crate::base::log::Log::default(),
            )
            .unwrap();
            // Half of this limit is the share of the first address.
            let connecting =
                Connecting { tls, timeout: Some(Duration::from_secs(60)), is_single: false, lookups: Arc::default() };
            let addresses = ["127.0.0.1", "127.0.0.2"].map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).to_vec();
            let client = connecting.builder(Protocols::Any).no_proxy().dns_resolver(Known(addresses)).build().unwrap();
            let sending = client.get(format!("http://several.test:{port}/")).send();
            let response = timeout(Duration::from_secs(20), sending).await.expect("in time").unwrap();
            assert_eq!(response.status(), 204);
            serving.await.unwrap();
        }
    }
}
