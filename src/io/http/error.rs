//! Failures of the network as errors of ours: kinds, Node's codes, and words. Foreign errors are
//! looked at here, and nowhere else.
//!
//! What they are is read from their types, never from their text. Proxies are named without user
//! and password.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use http::{Extensions, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{HttpConnector, HttpInfo};
use tower_service::Service;
use url::Url;

use crate::base::error::{Error, Kind, io_code};
use crate::base::proxy::shown;
use crate::io::http::resolve::LookupError;
use crate::io::http::tls::UntrustedReason;

/// The largest head of a response, in bytes: that of hyper for HTTP/1.1, which cannot be set.
pub const HEAD_MAX: u32 = 408 << 10;
/// Fields of a head. More than servers send; hyper makes room for all of them with each head.
pub const HEAD_FIELDS_MAX: usize = 1024;

/// What the client's connectors fail with. hyper-util exports the connectors, but not the names of
/// these types.
type ConnectFailure = <HttpConnector as Service<Uri>>::Error;
type SocksFailure = <SocksV5<HttpConnector> as Service<Uri>>::Error;
type TunnelFailure = <Tunnel<HttpConnector> as Service<Uri>>::Error;

/// The port on this side of the connection that a response came by.
pub fn port_of(response: &reqwest::Response) -> Option<u16> {
    response.extensions().get::<HttpInfo>().map(|info| info.local_addr().port())
}

/// The port on this side of the connection on which a request failed; none when it was not on one.
pub fn port_of_failed(error: &reqwest::Error) -> Option<u16> {
    let mut extras = Extensions::new();
    find::<legacy::Error>(error)?.connect_info()?.get_extras(&mut extras);
    extras.get::<HttpInfo>().map(|info| info.local_addr().port())
}

/// What an HTTP proxy said to `CONNECT`, as far as the client tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It asks for credentials, or for others.
    Credentials,
    /// Another status than 200, or nothing that is HTTP.
    Other,
}

/// Whether a request failed because a proxy opens no tunnel.
pub fn refusal(error: &reqwest::Error) -> Option<Refusal> {
    match find::<TunnelFailure>(error)? {
        TunnelFailure::ProxyAuthRequired => Some(Refusal::Credentials),
        TunnelFailure::TunnelUnsuccessful => Some(Refusal::Other),
        _ => None,
    }
}

/// Why no answer to a request came.
pub fn of_request(error: &reqwest::Error, url: &Url, proxy: Option<&Url>, connect_timeout: Option<Duration>) -> Error {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let failed = if let (true, Some(limit)) = (is_connect_timeout(error), connect_timeout) {
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

/// The failure of a request whose HTTP/2 connection [was ended here](is_ended_by_us), where it
/// cannot be sent in another way.
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
        "the head of the response is {why}: at most {HEAD_FIELDS_MAX} fields and {} KB are taken",
        HEAD_MAX >> 10
    );
    Error::new(Kind::Head, message).with_syscall("read")
}

/// Why a body broke off, of which so much was received; `length` is its announced length.
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

/// The server was silent for this long.
pub fn no_data(limit: Duration, url: &Url) -> Error {
    Error::new(Kind::Timeout, format!("No data received for {}ms", limit.as_millis())).with_url(url)
}

/// The proxy itself answered, instead of the server.
pub fn refused(proxy: &Url, status: StatusCode, url: &Url) -> Error {
    let code = status.as_u16();
    let why = match (status, proxy.username().is_empty()) {
        (status, _) if status.is_success() => "opens tunnels by this status, where only 200 is understood".to_owned(),
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, true) => {
            "asks for a user and a password: set them as in http://user:password@host:port".to_owned()
        }
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, false) => {
            "refuses the user and password that are set for it".to_owned()
        }
        _ => {
            let host = url.host_str().unwrap_or_default();
            format!("opens no tunnel to {host}:{}", url.port_or_known_default().unwrap_or_default())
        }
    };
    let message = format!("HTTP {code}: the proxy {} {why}", shown(proxy));
    Error::new(Kind::Status, message).with_status(code, None).with_url(url)
}

/// Says that a failure happened on the way through a proxy.
pub fn through(proxy: Option<&Url>, error: Error) -> Error {
    let Some(proxy) = proxy else { return error };
    let message = format!("{error} (through the proxy {})", shown(proxy));
    error.with_message(message)
}

/// Node's code for a failed handshake, and the reason in words.
fn of_tls(error: &rustls::Error) -> (Kind, &'static str, String) {
    use rustls::CertificateError as C;
    let rustls::Error::InvalidCertificate(reason) = error else {
        return (Kind::Network, "EPROTO", error.to_string());
    };
    let (code, why) = match reason {
        C::Expired | C::ExpiredContext { .. } => ("CERT_HAS_EXPIRED", "the certificate has expired"),
        C::NotValidYet | C::NotValidYetContext { .. } => ("CERT_NOT_YET_VALID", "the certificate is not valid yet"),
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            ("ERR_TLS_CERT_ALTNAME_INVALID", "the certificate is for another host")
        }
        C::Revoked => ("CERT_REVOKED", "the certificate has been revoked"),
        C::Other(rustls::OtherError(other)) => match other.downcast_ref::<UntrustedReason>() {
            Some(distrust) => return (Kind::Certificate, distrust.code(), distrust.to_string()),
            None => ("UNSPECIFIED", "the certificate cannot be verified"),
        },
        C::BadSignature => ("CERT_SIGNATURE_FAILURE", "the server has not got the key of its certificate"),
        _ => ("UNSPECIFIED", "the certificate cannot be verified"),
    };
    (Kind::Certificate, code, why.to_owned())
}

/// Whether the limit of connecting was reached, and not a limit of the system.
fn is_connect_timeout(error: &reqwest::Error) -> bool {
    let is_of_system = find::<io::Error>(error).is_some_and(|error| error.raw_os_error().is_some());
    error.is_connect() && error.is_timeout() && !is_of_system
}

/// Node's code for a failed exchange: the operating system's where there is one.
fn code_of(error: &(dyn StdError + 'static)) -> &'static str {
    if let Some(code) = find::<io::Error>(error).and_then(io_code) {
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
        return "the server closed the connection without an answer".to_owned();
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

/// Whether the connection had ended before anything of an answer came. TLS connections count also
/// where nothing announced their end (`close_notify`): many servers close those that are idle so.
pub fn is_closed_before_answer(error: &reqwest::Error) -> bool {
    use io::ErrorKind as K;
    let closed = |error: &hyper::Error| error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    let is_end = |kind| {
        matches!(kind, K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::NotConnected | K::UnexpectedEof)
    };
    find::<hyper::Error>(error).is_some_and(closed)
        || find::<io::Error>(error).is_some_and(|error| is_end(error.kind()))
}

/// Whether a connection ended in order, but before the end of a message.
fn is_early_end(error: &(dyn StdError + 'static)) -> bool {
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message) || is_unannounced_end(error)
}

/// Whether a TLS connection ended without `close_notify`.
pub fn is_unannounced_end(error: &(dyn StdError + 'static)) -> bool {
    find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Whether the server said that it has not looked at the request: `REFUSED_STREAM`, or `GOAWAY`
/// without an error, which only ends requests behind the last one that was processed.
pub fn is_unprocessed(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        let reason = error.reason();
        error.is_remote()
            && ((error.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
                || (error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM)))
    })
}

/// Whether an HTTP/2 server said that it takes the request by HTTP/1.1 (RFC 9113, 7).
pub fn is_http1_required(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error)
        .is_some_and(|error| error.is_remote() && error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED))
}

/// Whether the head of the response to this request is not taken. h2 does not tell a malformed head
/// from one that is too large.
fn is_head_refused(error: &reqwest::Error) -> bool {
    let is_of_stream = |error: &h2::Error| {
        error.is_reset() && error.is_library() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR)
    };
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse_too_large)
        || find::<h2::Error>(error).is_some_and(is_of_stream)
}

/// Whether an HTTP/2 connection was ended on this side, for something in a response: of a head much
/// too large, h2 reads no more. Which of the requests on it was to blame, it does not say.
pub fn is_ended_by_us(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| error.is_go_away() && error.is_library())
}

/// The first error of this type among the causes.
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

/// The cause of an error, also of those that hide it from `source`.
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

/// All causes in one line. That of reqwest itself is left out: it repeats the URL.
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
