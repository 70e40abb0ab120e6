//! Conversion of failures of the host program's HTTP client to errors. Kinds, codes and messages
//! are those of native requests.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use url::Url;

use crate::base::error::{Error, Kind, redacted};
use crate::base::host_client::HostFailure;
use crate::policy::http::headers::is_sensitive_name;
use crate::policy::http::redirect::RequestHead;

/// Node's codes for certificates that OpenSSL does not accept.
const CERTIFICATE: [&str; 27] = [
    "CERT_CHAIN_TOO_LONG",
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "CERT_REJECTED",
    "CERT_REVOKED",
    "CERT_SIGNATURE_FAILURE",
    "CERT_UNTRUSTED",
    "CRL_HAS_EXPIRED",
    "CRL_NOT_YET_VALID",
    "CRL_SIGNATURE_FAILURE",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "ERR_TLS_CERT_ALTNAME_FORMAT",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "ERROR_IN_CERT_NOT_AFTER_FIELD",
    "ERROR_IN_CERT_NOT_BEFORE_FIELD",
    "HOSTNAME_MISMATCH",
    "INVALID_CA",
    "INVALID_PURPOSE",
    "PATH_LENGTH_EXCEEDED",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
    "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
    "UNABLE_TO_GET_CRL",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNSPECIFIED",
];
/// Codes of failures to connect, also without the name of a system call.
const UNCONNECTED: [&str; 3] = ["EAI_AGAIN", "ECONNREFUSED", "ENOTFOUND"];
/// Names of the errors by which tools for tests refuse a request that no mock expects. A retry
/// would not be expected either.
const UNEXPECTED: [&str; 2] = ["InternalError", "NetConnectNotAllowedError"];
/// Beginnings of the codes of Node that concern the connection. Other codes with `ERR_` concern the
/// request.
const TRANSIENT: [&str; 3] = ["ERR_SOCKET_", "ERR_STREAM_", "ERR_TLS_HANDSHAKE_TIMEOUT"];
/// Codes of failures, kept for the life of the process.
static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
/// Limit of kept codes, so that a program that invents codes does not fill the memory.
const CODES_MAX: usize = 256;
const CODE_LENGTH_MAX: usize = 64;

/// Hides the values of sensitive header fields and the URL's secrets in a message: mocks quote the
/// request that they do not expect.
pub fn without_secrets(mut failure: HostFailure, head: &RequestHead) -> HostFailure {
    for (name, value) in &head.headers {
        if let (true, Ok(value)) = (is_sensitive_name(name.as_str()), value.to_str())
            && !value.is_empty()
        {
            failure.message = failure.message.replace(value, "[REDACTED]");
        }
    }
    failure.message = failure.message.replace(head.url.as_str(), &redacted(&head.url));
    failure
}

/// The error of a request without a response.
pub fn of_request(failure: &HostFailure, url: &Url) -> Error {
    let HostFailure { message, code, syscall, name, is_reused: _, is_environment_lost } = failure;
    if *is_environment_lost {
        return Error::aborted().with_url(url);
    }
    let text = message.trim();
    let given = code.as_deref();
    if given == Some("HPE_HEADER_OVERFLOW") {
        return Error::new(Kind::Unsupported, format!("the head of the response is too large: {text}"))
            .with_syscall("read")
            .with_cause(text)
            .with_url(url);
    }
    let code = given.and_then(code_of);
    let is_certificate = code.is_some_and(|code| CERTIFICATE.contains(&code));
    let is_permanent = name.as_deref().is_some_and(|name| UNEXPECTED.contains(&name))
        || code.is_some_and(|code| code.starts_with("ERR_") && !TRANSIENT.iter().any(|begin| code.starts_with(begin)));
    let kind = match (is_certificate, is_permanent) {
        (true, _) => Kind::Certificate,
        (false, true) => Kind::Refused,
        (false, false) => Kind::Network,
    };
    let call = match syscall.as_deref() {
        Some("getaddrinfo" | "queryA" | "queryAaaa") => "getaddrinfo",
        Some("connect") => "connect",
        _ if is_certificate || code.is_some_and(|code| UNCONNECTED.contains(&code)) => "connect",
        Some("write") => "write",
        _ => "read",
    };
    let at = || format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let message = match code {
        Some(code) if text.is_empty() => format!("{call} {code} {}", at()),
        Some(code) if is_certificate => format!("connect {code} {}: {text}", at()),
        Some(code) if !text.contains(code) => format!("{code}: {text}"),
        _ => text.to_owned(),
    };
    let error = Error::new(kind, message).with_syscall(call).with_cause(text).with_url(url);
    match code {
        Some(code) => error.with_code(code),
        None => error,
    }
}

/// The error of a truncated body, of which `received` bytes have arrived. `length` is the announced
/// length.
pub fn of_body(failure: &HostFailure, received: u64, length: Option<u64>, url: &Url) -> Error {
    let HostFailure { message, code, is_environment_lost, .. } = failure;
    if *is_environment_lost {
        return Error::aborted().with_url(url);
    }
    let code = code.as_deref().and_then(code_of);
    // Node's error for a connection that was closed before the end of a message.
    let is_early_end = message == "aborted" && code == Some("ECONNRESET");
    let error = if let Some(length) = length.filter(|_| is_early_end) {
        of_length(received, length, url)
    } else {
        let why = if is_early_end { "the server closed it before the end" } else { message.trim() };
        Error::new(Kind::Network, format!("the connection failed within the body: {why}"))
            .with_code(code.unwrap_or("ECONNRESET"))
            .with_url(url)
    };
    error.with_syscall("read").with_cause(message)
}

/// The error of a body whose length differs from the announced length.
pub fn of_length(received: u64, length: u64, url: &Url) -> Error {
    Error::new(Kind::BodyLength, format!("the body ended after {received} of {length} bytes")).with_url(url)
}

/// Returns the code that a native request would have. `None` for a text that is not a code.
fn code_of(code: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if code.is_empty() || code.len() > CODE_LENGTH_MAX || !code.bytes().all(is_plain) {
        return None;
    }
    // Codes of the parser and of OpenSSL: the other side does not speak the protocol.
    if code.starts_with("HPE_") || code.starts_with("ERR_SSL_") {
        return Some("EPROTO");
    }
    if let Some(known) = CERTIFICATE.iter().find(|known| **known == code) {
        return Some(known);
    }
    keep(&mut KEPT.lock().unwrap_or_else(PoisonError::into_inner), code)
}

fn keep(kept: &mut BTreeSet<&'static str>, code: &str) -> Option<&'static str> {
    if let Some(known) = kept.get(code) {
        return Some(known);
    }
    if kept.len() >= CODES_MAX {
        return None;
    }
    let leaked: &'static str = Box::leak(code.to_owned().into_boxed_str());
    kept.insert(leaked);
    Some(leaked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, syscall: &str, message: &str) -> HostFailure {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        HostFailure {
            message: message.to_owned(),
            code: given(code),
            syscall: given(syscall),
            ..HostFailure::default()
        }
    }

    fn of(failure: &HostFailure) -> (Kind, &'static str, String) {
        let error = of_request(failure, &Url::parse("https://host.test/path").unwrap());
        (error.kind(), error.details().code, error.to_string())
    }

    #[test]
    fn codes_of_node_are_kept_and_told_once() {
        for (code, syscall, message, expected) in [
            ("ECONNREFUSED", "connect", "connect ECONNREFUSED 127.0.0.1:9", "connect ECONNREFUSED 127.0.0.1:9"),
            ("ECONNREFUSED", "", "", "connect ECONNREFUSED host.test:443"),
            ("ENOTFOUND", "getaddrinfo", "getaddrinfo ENOTFOUND host.test", "getaddrinfo ENOTFOUND host.test"),
            ("ECONNRESET", "", "socket hang up", "ECONNRESET: socket hang up"),
            ("EMADEUP", "", "as a mock says", "EMADEUP: as a mock says"),
        ] {
            assert_eq!(of(&failure(code, syscall, message)), (Kind::Network, code, expected.to_owned()));
        }
    }

    #[test]
    fn secrets_of_the_request_are_hidden_in_messages() {
        let url = Url::parse("https://host.test/a?token=s3cret").unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("Bearer s3cret"));
        headers.insert("accept", http::HeaderValue::from_static("text/plain"));
        let head = RequestHead { method: http::Method::GET, url, headers, with_body: false };
        let message = "No match: https://host.test/a?token=s3cret, Bearer s3cret, text/plain";
        let failure = without_secrets(failure("ERR_NOCK_NO_MATCH", "", message), &head);
        assert!(!failure.message.contains("s3cret"), "{}", failure.message);
        assert!(failure.message.ends_with("[REDACTED], text/plain"), "{}", failure.message);
    }

    #[test]
    fn a_certificate_is_told_from_the_network() {
        let (kind, code, message) = of(&failure("CERT_HAS_EXPIRED", "", "certificate has expired"));
        assert_eq!((kind, code), (Kind::Certificate, "CERT_HAS_EXPIRED"));
        assert_eq!(message, "connect CERT_HAS_EXPIRED host.test:443: certificate has expired");
    }

    #[test]
    fn an_error_without_a_code_is_one_of_the_network() {
        for code in ["", "no code", "x".repeat(65).as_str()] {
            assert_eq!(of(&failure(code, "", "boom")), (Kind::Network, "ECONNRESET", "boom".to_owned()), "{code}");
        }
    }

    #[test]
    fn what_would_fail_again_is_not_repeated() {
        for code in ["ERR_NOCK_NO_MATCH", "ERR_INVALID_CHAR", "ERR_UNESCAPED_CHARACTERS"] {
            assert_eq!(of(&failure(code, "", "no")).0, Kind::Refused);
        }
        assert_eq!(of(&failure("ERR_SOCKET_CLOSED", "", "no")).0, Kind::Network);
        let name = Some("NetConnectNotAllowedError".to_owned());
        let (kind, code, _) = of(&HostFailure { name, ..failure("ENETUNREACH", "", "Nock: Disallowed") });
        assert_eq!((kind, code), (Kind::Refused, "ENETUNREACH"));
    }

    #[test]
    fn what_is_no_http_is_a_failure_of_the_protocol() {
        for code in ["HPE_INVALID_CONSTANT", "ERR_SSL_WRONG_VERSION_NUMBER"] {
            assert_eq!(of(&failure(code, "", "no")).1, "EPROTO");
        }
        assert_eq!(of(&failure("HPE_HEADER_OVERFLOW", "", "no")).0, Kind::Unsupported);
    }

    #[test]
    fn a_body_that_ends_early_has_its_length_in_the_message() {
        let url = Url::parse("http://host.test/").unwrap();
        let of = |length| of_body(&failure("ECONNRESET", "", "aborted"), 3, length, &url);
        assert_eq!(
            (of(Some(5)).kind(), of(Some(5)).to_string()),
            (Kind::BodyLength, "the body ended after 3 of 5 bytes".into())
        );
        assert_eq!(of(None).kind(), Kind::Network);
        assert_eq!(of(None).to_string(), "the connection failed within the body: the server closed it before the end");
    }

    #[test]
    fn codes_that_a_program_makes_up_do_not_fill_the_memory() {
        let mut kept = BTreeSet::new();
        let known = (0..2 * CODES_MAX).filter_map(|number| keep(&mut kept, &format!("E_{number}"))).count();
        assert_eq!(known, CODES_MAX);
        assert_eq!(keep(&mut kept, "E_0"), Some("E_0"));
    }
}
