//! Network failures as errors of this crate: kind, Node.js code and message. Errors of other crates
//! are inspected here and nowhere else.
//!
//! They are classified by their types, never by their text. Messages name a proxy without user and
//! password.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Extensions, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{HttpConnector, HttpInfo};
use tower_service::Service;
use url::Url;

use crate::base::error::{Error, Kind, io_code};
use crate::base::proxy::host_and_port;
use crate::io::http::resolve::LookupError;
use crate::io::http::tls::UntrustedReason;

/// The largest head of a response, in bytes. This is hyper's fixed limit for HTTP/1.1.
pub const HEAD_MAX: u32 = 408 << 10;
/// The most fields of a head: more than servers send. hyper allocates room for all of them with
/// each head.
pub const HEAD_FIELDS_MAX: usize = 1024;

/// The error types of the client's connectors. hyper-util exports the connectors, but not the names
/// of these types.
type ConnectFailure = <HttpConnector as Service<Uri>>::Error;
type SocksFailure = <SocksV5<HttpConnector> as Service<Uri>>::Error;
type TunnelFailure = <Tunnel<HttpConnector> as Service<Uri>>::Error;

/// The local port and the remote end of a connection. The port alone could belong to a connection
/// to another server a moment later.
pub type Ends = (u16, SocketAddr);

/// The connection on which a response was received.
pub fn connection_of(response: &reqwest::Response) -> Option<Ends> {
    response.extensions().get::<HttpInfo>().map(ends)
}

fn ends(info: &HttpInfo) -> Ends {
    (info.local_addr().port(), info.remote_addr())
}

/// The connection on which a request failed. `None` if it failed before it had a connection.
pub fn connection_of_failed(error: &reqwest::Error) -> Option<Ends> {
    let mut extras = Extensions::new();
    find::<legacy::Error>(error)?.connect_info()?.get_extras(&mut extras);
    extras.get::<HttpInfo>().map(ends)
}

/// How an HTTP proxy refused `CONNECT`, as far as the client reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It requires credentials, or other ones.
    Credentials,
    /// Another status than 200, or a response that is not HTTP.
    Other,
}

/// The error of a URL whose host RFC 3986 does not allow, though browsers do: with a `{`, for
/// instance.
pub fn invalid_host(url: &Url) -> Error {
    let host = url.host_str().unwrap_or_default();
    Error::new(Kind::InvalidUrl, format!("Invalid URL: {host:?} cannot be the host of a request")).with_url(url)
}

/// Returns how a proxy refused a tunnel, if the request failed for this reason.
pub fn refusal(error: &reqwest::Error) -> Option<Refusal> {
    match find::<TunnelFailure>(error)? {
        TunnelFailure::ProxyAuthRequired => Some(Refusal::Credentials),
        TunnelFailure::TunnelUnsuccessful => Some(Refusal::Other),
        _ => None,
    }
}

/// The error of a request that got no response.
pub fn of_request(error: &reqwest::Error, url: &Url, proxy: Option<&Url>, connect_timeout: Option<Duration>) -> Error {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let failed = if error.is_builder() {
        invalid_host(url)
    } else if let (true, Some(limit)) = (is_connect_timeout(error), connect_timeout) {
        connect_timed_out(limit)
    } else if let Some(failure) = find::<LookupError>(error) {
        Error::new(Kind::Network, failure.to_string()).with_code(failure.code).with_syscall("getaddrinfo")
    } else if is_head_refused(error) {
        let is_http2 = find::<h2::Error>(error).is_some();
        head_refused(if is_http2 { "malformed, or too large" } else { "too large" })
    } else if is_ended_by_us(error) {
        let message = "ECONNRESET: a response to another request, or to this one, had a head that is too large, and ended \
                       the HTTP/2 connection";
        Error::new(Kind::Network, message).with_syscall("read")
    } else {
        let (kind, code, why) = if let Some(failure) = find::<rustls::Error>(error) {
            of_tls(failure)
        } else {
            let code = code_of(error);
            (Kind::Network, code, describe(error, code))
        };
        let (syscall, message) = if error.is_connect() {
            ("connect", format!("connect {code} {host}:{port}: {why}"))
        } else {
            ("read", format!("{code}: {why}"))
        };
        Error::new(kind, message).with_code(code).with_syscall(syscall)
    };
    through(proxy, failed.with_cause(chain(error)).with_url(url))
}

/// The error of a request whose HTTP/2 connection [was ended by this side](is_ended_by_us), and
/// that cannot be sent in another way.
pub fn of_ended(error: &reqwest::Error, url: &Url, proxy: Option<&Url>) -> Error {
    through(proxy, head_refused("much too large").with_cause(chain(error)).with_url(url))
}

/// No connection came about within this time.
pub fn connect_timed_out(limit: Duration) -> Error {
    Error::new(Kind::Timeout, format!("Connecting timed out after {}ms", limit.as_millis())).with_syscall("connect")
}

/// The head of a response is not taken.
pub fn head_refused(why: &str) -> Error {
    let message = format!(
        "the head of the response is {why}: at most {HEAD_FIELDS_MAX} fields and {} KB are accepted",
        HEAD_MAX >> 10
    );
    Error::new(Kind::Unsupported, message).with_syscall("read")
}

/// The error of a body that failed after `received` bytes. `length` is its announced length.
pub fn of_body(error: &reqwest::Error, received: u64, length: Option<u64>, url: &Url) -> Error {
    let ended_early = is_early_end(error);
    let failure = if let Some(length) = length.filter(|_| ended_early) {
        Error::new(Kind::BodyLength, format!("the body ended after {received} of {length} bytes"))
    } else {
        let code = code_of(error);
        let why = if ended_early { "the server closed it before the end".to_owned() } else { describe(error, code) };
        Error::new(Kind::Network, format!("the connection failed within the body: {why}")).with_code(code)
    };
    failure.with_syscall("read").with_cause(chain(error)).with_url(url)
}

/// The error of a server that was silent for this long.
pub fn no_data(limit: Duration, url: &Url) -> Error {
    Error::new(Kind::Timeout, format!("No data received for {}ms", limit.as_millis())).with_url(url)
}

/// The error of a proxy that sent a response of its own, instead of the server's.
pub fn refused(proxy: &Url, status: StatusCode, url: &Url) -> Error {
    let code = status.as_u16();
    let why = match (status, proxy.username().is_empty()) {
        (status, _) if status.is_success() => "opens tunnels with this status, but only 200 is supported".to_owned(),
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, true) => {
            "requires a user name and password: set them as in http://user:password@host:port".to_owned()
        }
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, false) => {
            "refuses the user and password that are set for it".to_owned()
        }
        _ => {
            let host = url.host_str().unwrap_or_default();
            format!("opens no tunnel to {host}:{}", url.port_or_known_default().unwrap_or_default())
        }
    };
    let message = format!("HTTP {code}: the proxy {} {why}", host_and_port(proxy));
    Error::new(Kind::Status, message).with_status(code, None).with_url(url)
}

/// Adds to a message that the failure happened behind a proxy.
pub fn through(proxy: Option<&Url>, error: Error) -> Error {
    let Some(proxy) = proxy else { return error };
    let message = format!("{error} (through the proxy {})", host_and_port(proxy));
    error.with_message(message)
}

/// Kind, Node.js code and reason of a failed handshake.
fn of_tls(error: &rustls::Error) -> (Kind, &'static str, String) {
    use rustls::{AlertDescription as A, CertificateError as C, Error as E};
    let reason = match error {
        E::InvalidCertificate(reason) => reason,
        E::AlertReceived(A::HandshakeFailure | A::InsufficientSecurity | A::ProtocolVersion)
        | E::PeerIncompatible(_) => {
            let why = format!(
                "{error}: the server and this client have no TLS version, cipher suite, key exchange or kind of \
                 certificate in common, or the server requires a certificate of the client"
            );
            return (Kind::Unsupported, "EPROTO", why);
        }
        _ => return (Kind::Network, "EPROTO", error.to_string()),
    };
    let (code, why) = match reason {
        C::Expired | C::ExpiredContext { .. } => ("CERT_HAS_EXPIRED", "the certificate has expired"),
        C::NotValidYet | C::NotValidYetContext { .. } => ("CERT_NOT_YET_VALID", "the certificate is not valid yet"),
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            ("ERR_TLS_CERT_ALTNAME_INVALID", "the certificate is for another host")
        }
        C::Revoked => ("CERT_REVOKED", "the certificate has been revoked"),
        C::Other(rustls::OtherError(other)) => match other.downcast_ref::<UntrustedReason>() {
            Some(untrusted) => return (Kind::Certificate, untrusted.code(), untrusted.to_string()),
            None => ("UNSPECIFIED", "the certificate cannot be verified"),
        },
        C::BadSignature => ("CERT_SIGNATURE_FAILURE", "the server does not have the key of its certificate"),
        _ => ("UNSPECIFIED", "the certificate cannot be verified"),
    };
    (Kind::Certificate, code, why.to_owned())
}

/// Whether the connect timeout was reached, and not a timeout of the system.
fn is_connect_timeout(error: &reqwest::Error) -> bool {
    let is_of_system = find::<io::Error>(error).is_some_and(|error| error.raw_os_error().is_some());
    error.is_connect() && error.is_timeout() && !is_of_system
}

/// The Node.js code of a failed exchange: the code of the operating system, if there is one.
fn code_of(error: &(dyn StdError + 'static)) -> &'static str {
    let io = find::<io::Error>(error);
    // How hyper reports malformed chunks.
    let is_malformed = |error: &io::Error| {
        error.raw_os_error().is_none()
            && matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
    };
    if io.is_some_and(is_malformed) {
        return "EPROTO";
    }
    if let Some(code) = io.and_then(io_code) {
        return code;
    }
    let is_nonsense = find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse)
        || find(error).is_some_and(|error| {
            matches!(error, TunnelFailure::TunnelUnsuccessful | TunnelFailure::ProxyHeadersTooLong)
        });
    if is_nonsense { "EPROTO" } else { "ECONNRESET" }
}

/// The innermost reason in words.
fn describe(error: &(dyn StdError + 'static), code: &str) -> String {
    if is_early_end(error) {
        return "the server closed the connection without a response".to_owned();
    }
    if let Some(TunnelFailure::TunnelUnsuccessful) = find(error) {
        return "the proxy opens no tunnel".to_owned();
    }
    let mut innermost: &dyn StdError = error;
    while let Some(source) = cause(innermost) {
        innermost = source;
    }
    let text = innermost.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    if text.is_empty() { code.to_owned() } else { text.to_owned() }
}

/// Whether the connection ended before any byte of a response was received.
///
/// This includes TLS connections that ended without `close_notify`: many servers close idle
/// connections in this way.
pub fn is_closed_before_response(error: &reqwest::Error) -> bool {
    use io::ErrorKind as K;
    let closed = |error: &hyper::Error| error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    let is_end = |kind| {
        matches!(kind, K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::NotConnected | K::UnexpectedEof)
    };
    find::<hyper::Error>(error).is_some_and(closed)
        || find::<io::Error>(error).is_some_and(|error| is_end(error.kind()))
}

/// Whether a connection was closed in order, but before the end of a message.
fn is_early_end(error: &(dyn StdError + 'static)) -> bool {
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message) || is_unannounced_end(error)
}

/// Whether a TLS connection ended without `close_notify`.
pub fn is_unannounced_end(error: &(dyn StdError + 'static)) -> bool {
    find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Whether the server stated that it did not process the request: by `REFUSED_STREAM`, or by
/// `GOAWAY`. h2 fails only those requests with the `GOAWAY` of the server, whatever its reason,
/// that come after the last one which was processed.
pub fn is_unprocessed(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (error.is_go_away() || is_refused)
    })
}

/// Whether an HTTP/2 server requires HTTP/1.1 for this request (RFC 9113, 7).
pub fn is_http1_required(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error)
        .is_some_and(|error| error.is_remote() && error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED))
}

/// Whether the head of this response was rejected. h2 does not distinguish a malformed head from
/// one that is too large.
fn is_head_refused(error: &reqwest::Error) -> bool {
    let is_of_stream = |error: &h2::Error| {
        error.is_reset() && error.is_library() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR)
    };
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse_too_large)
        || find::<h2::Error>(error).is_some_and(is_of_stream)
}

/// Whether this side ended an HTTP/2 connection because of a response. h2 does so if a head is much
/// too large to read on. It does not report which of the requests on the connection was to blame.
pub fn is_ended_by_us(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| error.is_go_away() && error.is_library())
}

/// The first error of this type in the chain of causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = cause(error);
    }
    None
}

/// The cause of an error, including errors that hide theirs from `source`.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return Some(wrapped);
    }
    match error.downcast_ref::<SocksFailure>() {
        Some(SocksFailure::Inner(failure)) => return Some(failure as &ConnectFailure),
        Some(SocksFailure::Io(failure)) => return Some(failure),
        _ => {}
    }
    error.downcast_ref::<h2::Error>().and_then(h2::Error::get_io).map(|error| error as _).or_else(|| error.source())
}

/// All causes in one line, without reqwest's own error, which repeats the URL.
pub fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut next = cause(error);
    while let Some(error) = next {
        causes.push(error.to_string());
        next = cause(error);
    }
    causes.dedup();
    causes.join(": ")
}
