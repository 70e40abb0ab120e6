//! One request to a URL, with everything that was found on the way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use http::{HeaderMap, header};
use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use crate::base::error::{Result, io_code, redacted, redacted_text};
use crate::base::options::{Network, Redirects, RequestOptions, TransferOptions};
use crate::base::proxy::SOCKS_PORT;
use crate::base::timings::Timings;
use crate::io::http::reach::reach;
use crate::io::http::resolve::{self, LookupError};
use crate::io::http::tls::{Handshake, Handshakes};
use crate::io::http::transport::Transport;
use crate::operation::blocking;
use crate::operation::diagnose::proxies::{ProxyReport, proxy};
use crate::operation::request::{Response, request};
use crate::policy::http::headers::text;
use crate::policy::text::diagnosis;

/// The most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 16;

/// The report about a URL.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerReport {
    pub ok: bool,
    pub url: String,
    pub proxy: ProxyReport,
    /// The name that was looked up: the server's, or the proxy's, who looks up the server's.
    pub host: String,
    pub addresses: Vec<AddressReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_text: Option<String>,
    /// The target of a redirect, which is not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timings: Option<TimingsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// An address, and whether it accepts connections.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressReport {
    pub ok: bool,
    pub address: String,
    /// The time to connect in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// The TLS of the connection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'static str>,
    pub trusted: bool,
    pub subject: String,
    pub issuer: String,
    /// In ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<u64>,
}

/// The times of the request in ms.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimingsReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<f64>,
    pub first_byte: f64,
    pub total: f64,
}

/// The clock of the server, by the field `Date` of its response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockReport {
    pub ok: bool,
    /// Seconds that this clock is behind.
    pub skew: f64,
}

/// Sends a GET to a URL, once, and does not read the body. Takes twice `limit` at most.
pub async fn server(network: Network, url: Url, limit: Duration, headers: HeaderMap) -> ServerReport {
    let mut report = ServerReport::new(&network, &url);
    if let Some(message) = report.proxy.message.clone() {
        return report.refuse("ERR_INVALID_ARG_VALUE", message);
    }
    let via = network.proxy.of(&url).ok().flatten();
    let next = via.as_ref().unwrap_or(&url);
    let port = next.port_or_known_default().unwrap_or(SOCKS_PORT);
    report.host = next.host_str().unwrap_or_default().to_owned();
    let addresses = match addresses(next, limit).await {
        Ok(addresses) => addresses,
        Err(error) => {
            let message = format!("{error}: {}", diagnosis::no_address(error.code));
            return report.refuse(error.code, message);
        }
    };
    let tried = addresses.into_iter().take(ADDRESSES_MAX).map(|mut address| {
        address.set_port(port);
        reached(address, limit)
    });
    report.addresses = join_all(tried).await;
    if report.addresses.iter().all(|address| address.code == Some("ETIMEDOUT")) {
        let message = diagnosis::silent(&report.host, limit, via.is_some());
        return report.refuse("ETIMEDOUT", message);
    }
    let opened = blocking(move || Transport::observed(&network)).await;
    match opened {
        Ok((transport, handshakes)) => report.request(&transport, &handshakes, url, limit, headers).await,
        Err(error) => report.refuse(error.details().code, error.to_string()),
    }
}

impl ServerReport {
    fn new(network: &Network, url: &Url) -> Self {
        Self {
            ok: false,
            url: redacted(url),
            proxy: proxy(network, url),
            host: String::new(),
            addresses: Vec::new(),
            tls: None,
            protocol: None,
            status: None,
            status_text: None,
            location: None,
            timings: None,
            clock: None,
            code: None,
            message: None,
        }
    }

    fn refuse(mut self, code: &'static str, message: String) -> Self {
        self.code = Some(code);
        self.message = Some(message);
        self
    }

    async fn request(
        mut self,
        transport: &Transport,
        handshakes: &Arc<Handshakes>,
        url: Url,
        limit: Duration,
        headers: HeaderMap,
    ) -> Self {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let is_secure = url.scheme() == "https";
        let transfer = TransferOptions {
            headers,
            timeout: Some(limit),
            redirects: Redirects { follow: false, ..Redirects::default() },
            ..TransferOptions::default()
        };
        let options = RequestOptions { transfer, stream: true, ..RequestOptions::default() };
        let result = request(transport, url.clone(), options, &CancellationToken::new()).await;
        let handshake = handshakes.with(&host).filter(|_| is_secure);
        self.tls = handshake.as_ref().map(TlsReport::of);
        match result {
            Ok(response) => self.found(&response, &url),
            Err(error) => {
                let when = handshake.filter(|seen| !seen.is_trusted).and_then(|seen| seen.valid);
                let when = when.and_then(|valid| diagnosis::not_valid_now(valid, SystemTime::now()));
                let message = when.map_or_else(|| error.to_string(), |when| format!("{error}: {when}"));
                self.refuse(error.details().code, message)
            }
        }
    }

    fn found(mut self, response: &Response, url: &Url) -> Self {
        let now = SystemTime::now();
        let field = |name| response.headers.get(name).map(text);
        self.protocol = response.protocol();
        self.status = Some(response.status.as_u16());
        self.status_text = Some(response.status_text.clone());
        self.timings = response.timings.as_ref().map(TimingsReport::of);
        self.location = field(header::LOCATION)
            .filter(|_| response.status.is_redirection())
            .map(|location| url.join(&location).map_or_else(|_| redacted_text(&location), |url| redacted(&url)));
        let date = field(header::DATE).and_then(|date| httpdate::parse_http_date(&date).ok());
        let age = field(header::AGE).and_then(|age| age.trim().parse().ok()).map(Duration::from_secs);
        let skew = date.map(|date| diagnosis::skew(date, age.unwrap_or_default(), now));
        let wrong_clock = skew.and_then(diagnosis::wrong_clock);
        self.clock = skew.map(|skew| ClockReport { ok: wrong_clock.is_none(), skew: skew.round() });
        let status = response.status.as_u16();
        if status >= 400 {
            let forwarding = self.proxy.proxy.as_ref().filter(|_| url.scheme() == "http");
            let whose = forwarding.map(|proxy| format!(", from the server or from the proxy {proxy}"));
            let message = format!("HTTP {status} {}{}", response.status_text, whose.unwrap_or_default());
            return self.refuse("ERR_HTTP_STATUS", message.trim_end().to_owned());
        }
        self.ok = wrong_clock.is_none();
        self.message = wrong_clock;
        self
    }
}

impl TlsReport {
    fn of(seen: &Handshake) -> Self {
        let time = |seconds: u64| seconds.saturating_mul(1000);
        Self {
            version: seen.version,
            trusted: seen.is_trusted,
            subject: seen.subject.clone(),
            issuer: seen.issuer.clone(),
            valid_from: seen.valid.map(|(from, _)| time(from)),
            valid_until: seen.valid.map(|(_, until)| time(until)),
        }
    }
}

impl TimingsReport {
    fn of(timings: &Timings) -> Self {
        let opening = timings.opening.as_deref();
        Self {
            dns: opening.and_then(|opening| opening.dns).map(milliseconds),
            connect: opening.and_then(|opening| opening.connect).map(milliseconds),
            first_byte: milliseconds(timings.first_byte),
            total: milliseconds(timings.total),
        }
    }
}

/// The addresses of the host of a URL.
async fn addresses(url: &Url, limit: Duration) -> Result<Vec<SocketAddr>, LookupError> {
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(vec![SocketAddr::new(address.into(), 0)]),
        Some(Host::Ipv6(address)) => Ok(vec![SocketAddr::new(address.into(), 0)]),
        _ => {
            let host = url.host_str().unwrap_or_default().to_owned();
            let found = timeout(limit, resolve::lookup(host.clone())).await;
            found.unwrap_or_else(|_| Err(LookupError::timed_out(host)))
        }
    }
}

async fn reached(address: SocketAddr, limit: Duration) -> AddressReport {
    let (ok, connect, code) = match reach(address, limit).await {
        Ok(time) => (true, Some(milliseconds(time)), None),
        Err(error) => (false, None, Some(io_code(&error).unwrap_or("EIO"))),
    };
    AddressReport { ok, address: address.to_string(), connect, code }
}

/// A time in ms, with two digits of its fraction.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}
