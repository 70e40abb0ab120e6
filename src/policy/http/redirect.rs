//! Whether a redirect is followed, and what the next request carries.
//!
//! - 303 becomes GET without a body (HEAD stays HEAD); 301, 302, 307 and 308 keep method and body.
//! - Only http and https; never from https to http: what was asked for in secret is not repeated in the clear.
//! - On a change of origin (scheme, host or port) every field that holds or looks like a credential is dropped, and
//!   `Host`. No `Referer` is ever added.
//! - `maximum` counts redirects within one attempt.

use http::header::{self, HeaderMap, HeaderName};
use http::{Method, StatusCode};
use url::Url;

use crate::base::error::{Error, Kind, redacted};
use crate::base::options::Redirects;
use crate::policy::http::headers::{is_credential_name, text};

/// The part of a request that a redirect changes.
#[derive(Clone, Debug)]
pub struct RequestHead {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// Whether the body of the request is sent.
    pub with_body: bool,
}

/// The next step after an answer.
#[derive(Debug)]
pub enum RedirectDecision {
    /// It is the final answer.
    Answer,
    Follow(Box<RequestHead>),
    Refuse(Error),
}

/// `followed` is the number of redirects that led to this answer.
pub fn decide(
    policy: &Redirects,
    followed: u32,
    hop: &RequestHead,
    status: StatusCode,
    headers: &HeaderMap,
) -> RedirectDecision {
    if !policy.follow || !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return RedirectDecision::Answer;
    }
    // RFC 9110, 15.4: a redirect without Location is an answer for the user to look at.
    let Some(location) = headers.get(header::LOCATION) else {
        return RedirectDecision::Answer;
    };
    if followed >= policy.maximum {
        let message = format!("Too many redirects (exceeded maximum: {})", policy.maximum);
        return RedirectDecision::Refuse(Error::new(Kind::TooManyRedirects, message).with_url(&hop.url));
    }
    let refuse = |message| RedirectDecision::Refuse(Error::new(Kind::RedirectRefused, message).with_url(&hop.url));
    let mut url = match hop.url.join(&location_text(location)) {
        Ok(url) => url,
        Err(error) => return refuse(format!("Redirect Location cannot be parsed: {error}")),
    };
    match url.scheme() {
        "http" if hop.url.scheme() == "https" => {
            return refuse(format!("Redirect from HTTPS to HTTP is not allowed: {}", redacted(&url)));
        }
        "http" | "https" => {}
        _ => return refuse(format!("Redirect Location has an unsupported scheme: {}", redacted(&url))),
    }
    // RFC 9110, 10.2.2: the fragment survives a redirect that names none.
    if url.fragment().is_none() {
        url.set_fragment(hop.url.fragment());
    }
    RedirectDecision::Follow(Box::new(next_hop(hop, status, url)))
}

fn next_hop(hop: &RequestHead, status: StatusCode, url: Url) -> RequestHead {
    let mut next = RequestHead { url, ..hop.clone() };
    if status == StatusCode::SEE_OTHER {
        if next.method != Method::HEAD {
            next.method = Method::GET;
        }
        next.with_body = false;
        remove(&mut next.headers, |name| name.as_str().starts_with("content-"));
    }
    if next.url.origin() != hop.url.origin() {
        drop_credentials(&mut next.headers);
    }
    next
}

/// Removes what another origin must not see: every field that holds or looks like a credential. And
/// `Host`, which is wrong there.
pub fn drop_credentials(headers: &mut HeaderMap) {
    remove(headers, |name| *name == header::HOST || is_credential_name(name.as_str()));
}

fn remove(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<_> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Browsers and Node read raw UTF-8 in `Location`; anything else is read as Latin-1.
fn location_text(value: &header::HeaderValue) -> String {
    std::str::from_utf8(value.as_bytes()).map_or_else(|_| text(value), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn hop(url: &str) -> RequestHead {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "x-api-key", "accept", "content-type", "host"] {
            headers.insert(name, HeaderValue::from_static("v"));
        }
        RequestHead { method: Method::POST, url: Url::parse(url).unwrap(), headers, with_body: true }
    }

    fn answer(from: &RequestHead, status: u16, location: &str) -> RedirectDecision {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(location).unwrap());
        decide(&Redirects::default(), 0, from, StatusCode::from_u16(status).unwrap(), &headers)
    }

    fn follow(from: &RequestHead, status: u16, location: &str) -> RequestHead {
        match answer(from, status, location) {
            RedirectDecision::Follow(hop) => *hop,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(next: RedirectDecision) -> String {
        match next {
            RedirectDecision::Refuse(error) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn method_and_body_are_kept_except_by_303() {
        for status in [301, 302, 307, 308] {
            let next = follow(&hop("http://a/x"), status, "/y");
            assert_eq!((next.method, next.with_body, next.url.as_str()), (Method::POST, true, "http://a/y"));
        }
        let next = follow(&hop("http://a/x"), 303, "y?z");
        assert_eq!((next.method, next.with_body, next.url.as_str()), (Method::GET, false, "http://a/y?z"));
        assert!(next.headers.get("content-type").is_none() && next.headers.get("accept").is_some());
        let head = RequestHead { method: Method::HEAD, ..hop("http://a/x") };
        assert_eq!(follow(&head, 303, "/y").method, Method::HEAD);
    }

    #[test]
    fn a_change_of_scheme_host_or_port_drops_credentials() {
        assert_eq!(follow(&hop("http://a/x"), 302, "http://a:80/y").headers.len(), 6);
        for elsewhere in ["http://b/", "http://a:81/", "https://a/", "//b/", "http://a.b/"] {
            let next = follow(&hop("http://a/x"), 302, elsewhere);
            let mut names: Vec<_> = next.headers.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["accept", "content-type"], "{elsewhere}");
        }
    }

    #[test]
    fn the_maximum_counts_redirects() {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("/y"));
        let decide = |maximum, followed| {
            decide(&Redirects { follow: true, maximum }, followed, &hop("http://a/x"), StatusCode::FOUND, &headers)
        };
        assert!(matches!(decide(5, 4), RedirectDecision::Follow(_)));
        assert_eq!(refusal(decide(5, 5)), "Too many redirects (exceeded maximum: 5)");
        assert_eq!(refusal(decide(0, 0)), "Too many redirects (exceeded maximum: 0)");
    }

    #[test]
    fn downgrades_foreign_schemes_and_nonsense_are_refused() {
        assert_eq!(
            refusal(answer(&hop("https://a/x"), 302, "http://u:p@a/y")),
            "Redirect from HTTPS to HTTP is not allowed: http://a/y"
        );
        assert_eq!(
            refusal(answer(&hop("http://a/x"), 302, "file:///etc/passwd")),
            "Redirect Location has an unsupported scheme: file:///etc/passwd"
        );
        assert!(refusal(answer(&hop("http://a/x"), 302, "http://[")).starts_with("Redirect Location cannot be parsed"));
    }

    #[test]
    fn answers_that_are_no_redirects_are_answers() {
        assert!(matches!(answer(&hop("http://a/x"), 304, "/y"), RedirectDecision::Answer));
        assert!(matches!(answer(&hop("http://a/x"), 300, "/y"), RedirectDecision::Answer));
        let none = decide(&Redirects::default(), 0, &hop("http://a/x"), StatusCode::FOUND, &HeaderMap::new());
        assert!(matches!(none, RedirectDecision::Answer));
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("/y"));
        let off = Redirects { follow: false, maximum: 5 };
        assert!(matches!(decide(&off, 0, &hop("http://a/x"), StatusCode::FOUND, &headers), RedirectDecision::Answer));
    }
}
