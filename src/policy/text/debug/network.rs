//! Lines about proxies, trusted certificates, connections, redirects and retries.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use url::Url;

use crate::base::error::{Error, redacted};
use crate::base::proxy::{Choice, Reason, host_and_port};
use crate::policy::tls::source::{Origin, Source};

/// Which proxy a request takes, and why.
pub fn proxy(method: &Method, url: &Url, choice: &Choice<'_>) -> String {
    let target = redacted(url);
    match &choice.proxy {
        Some(proxy) => {
            let proxy = format!("{}://{}", proxy.scheme(), host_and_port(proxy));
            format!("{method} {target}: proxy {proxy} ({})", reason(choice.reason))
        }
        None => format!("{method} {target}: no proxy ({})", reason(choice.reason)),
    }
}

/// The setting that decided about a proxy.
pub fn reason(reason: Reason<'_>) -> String {
    match reason {
        Reason::Unset => "none is set".to_owned(),
        Reason::Option => "option proxy".to_owned(),
        Reason::Variable(name) => name.to_owned(),
        Reason::Excluded { name, entry } => format!("{name}: {entry}"),
        Reason::Cgi => "HTTP_PROXY is ignored in a CGI program, where REQUEST_METHOD is set".to_owned(),
    }
}

/// The trusted certificates of a network, before any server is met.
pub fn trust(sources: &[Source]) -> String {
    let listed: Vec<_> = sources.iter().map(source).collect();
    format!("trust: {}; those of the system are read if these do not verify a server", listed.join(", "))
}

/// The system's certificates, which have been read because the others did not verify a server.
pub fn system_trust(sources: &[Source], is_whole: bool) -> String {
    let listed = sources.last().map(source).unwrap_or_default();
    let why = if is_whole { "because those did not verify a server either" } else { "to verify a server" };
    format!("trust: {listed}, read {why}")
}

/// A certificate that cannot be used, or a file that cannot be read.
pub fn complaint(complaint: &str) -> String {
    format!("trust: {complaint}")
}

pub fn unverified() -> String {
    "trust: certificates are not verified (NODE_TLS_REJECT_UNAUTHORIZED=0)".to_owned()
}

fn source(Source { origin, certificates }: &Source) -> String {
    let from = match origin {
        Origin::Option => "the option ca".to_owned(),
        Origin::Path(path) => path.display().to_string(),
        Origin::Bundled => "Mozilla (bundled)".to_owned(),
        Origin::System(Some(path)) => format!("the system ({})", path.display()),
        Origin::System(None) => "the system".to_owned(),
    };
    format!("{certificates} of {from}")
}

/// A response and the connection that it came on.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    pub status: StatusCode,
    pub status_text: &'a str,
    pub protocol: &'static str,
    /// Whether the connection was opened for it.
    pub is_new: bool,
    /// The other end of the connection: the server, or the proxy.
    pub peer: Option<SocketAddr>,
    pub dns: Option<Duration>,
    pub connect: Option<Duration>,
}

/// A response, and whether its connection was opened or reused.
pub fn response(method: &Method, url: &Url, response: &Described<'_>) -> String {
    let Described { status, status_text, protocol, is_new, peer, dns, connect } = response;
    let connection = if *is_new { "new connection" } else { "reused connection" };
    let to = peer.map(|peer| format!(" to {peer}")).unwrap_or_default();
    let times: Vec<_> = [("lookup", dns), ("connect", connect)]
        .into_iter()
        .filter_map(|(what, time)| time.map(|time| format!("{what} {}", milliseconds(time))))
        .collect();
    let times = if times.is_empty() { String::new() } else { format!(" ({})", times.join(", ")) };
    let (url, status) = (redacted(url), status.as_u16());
    format!("{method} {url}: {status} {status_text}, {protocol}, {connection}{to}{times}")
}

/// A response that came through the HTTP client of the host program.
pub fn host_response(method: &Method, url: &Url, status: StatusCode, status_text: &str) -> String {
    let (url, status) = (redacted(url), status.as_u16());
    format!("{method} {url}: {status} {status_text}, by node:http of this process (transport 'node')")
}

/// A request that is sent again without counting as a retry.
pub fn resent(method: &Method, url: &Url, why: &str) -> String {
    format!("{method} {}: sent again: {why}", redacted(url))
}

/// A redirect that is followed.
pub fn redirect(method: &Method, url: &Url, status: StatusCode, next_method: &Method, next: &Url) -> String {
    let method_now = if method == next_method { String::new() } else { format!(", as {next_method}") };
    format!("{method} {}: {} redirects to {}{method_now}", redacted(url), status.as_u16(), redacted(next))
}

/// A failed attempt that is retried after a delay.
pub fn retry(call: &str, made: u32, retries: u32, error: &Error, delay: Duration) -> String {
    format!(
        "{call}: attempt {made} failed, retry {made} of {retries} in {}: {}",
        milliseconds(delay),
        error_with_code(error)
    )
}

/// A failed attempt that was the last.
pub fn gives_up(call: &str, made: u32, error: &Error) -> String {
    format!("{call}: failed in attempt {made}, no retry: {}", error_with_code(error))
}

/// An error with its code.
pub fn error_with_code(error: &Error) -> String {
    let (message, code) = (error.to_string(), error.details().code);
    if message.contains(code) { message } else { format!("{message} ({code})") }
}

/// The name of a call in its lines.
pub fn call(method: &Method, url: &Url) -> String {
    format!("{method} {}", redacted(url))
}

/// A time in whole milliseconds.
pub fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_proxy_is_shown_with_its_reason_and_without_its_password() {
        let proxied = |proxy: &str, reason| {
            let choice = Choice { proxy: Some(url(proxy)), reason };
            super::proxy(&Method::GET, &url("https://u:secret@a.test/?token=secret"), &choice)
        };
        assert_eq!(
            proxied("http://user:secret@proxy", Reason::Variable("HTTPS_PROXY")),
            "GET https://a.test/?token=REDACTED: proxy http://proxy:80 (HTTPS_PROXY)"
        );
        assert!(proxied("socks5://p", Reason::Option).ends_with("proxy socks5://p:1080 (option proxy)"));
        let direct = |reason| super::proxy(&Method::GET, &url("https://a.test/"), &Choice { proxy: None, reason });
        assert!(direct(Reason::Excluded { name: "no_proxy", entry: ".test" }).ends_with("no proxy (no_proxy: .test)"));
        assert!(direct(Reason::Unset).ends_with("no proxy (none is set)"));
    }

    #[test]
    fn a_failed_attempt_says_its_code_once() {
        let error = Error::new(Kind::Network, "connect ECONNREFUSED").with_code("ECONNREFUSED");
        assert_eq!(
            retry("GET http://a/", 1, 3, &error, Duration::from_millis(1042)),
            "GET http://a/: attempt 1 failed, retry 1 of 3 in 1042 ms: connect ECONNREFUSED"
        );
        let error = Error::new(Kind::Timeout, "too late");
        assert_eq!(
            gives_up("GET http://a/", 4, &error),
            "GET http://a/: failed in attempt 4, no retry: too late (ERR_TIMEOUT)"
        );
    }

    #[test]
    fn sources_are_listed_with_their_numbers() {
        let from = |origin, certificates| Source { origin, certificates };
        let sources = [from(Origin::Option, 1), from(Origin::Path("/a.pem".into()), 0), from(Origin::Bundled, 120)];
        assert!(trust(&sources).starts_with("trust: 1 of the option ca, 0 of /a.pem, 120 of Mozilla (bundled); "));
        assert!(system_trust(&[from(Origin::System(None), 3)], false).starts_with("trust: 3 of the system, read"));
    }
}
