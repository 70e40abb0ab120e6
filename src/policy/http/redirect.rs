//! Whether a redirect is followed, and the next request.
//!
//! - 303 becomes GET without a body (HEAD stays HEAD). 301, 302, 307 and 308 keep method and body.
//! - Only http and https are followed, and never from https to http: a confidential request is not
//!   repeated in the clear.
//! - On a change of origin (scheme, host or port) `Host` is dropped, and every field that contains
//!   a credential by its name. No `Referer` is ever added.
//! - `maximum` counts redirects within one attempt.

use http::header::{self, HeaderMap};
use http::{Method, StatusCode};
use url::Url;

use crate::base::error::{Error, Kind, redacted};
use crate::base::options::Redirects;
use crate::policy::http::credentials::{remove_credentials, remove_fields};
use crate::policy::http::headers::text;

/// The part of a request that a redirect changes.
#[derive(Clone, Debug)]
pub struct RequestHead {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// Whether the body is sent.
    pub with_body: bool,
}

/// The next step after a response.
#[derive(Debug)]
pub enum RedirectDecision {
    /// Return the response: it is no redirect, or redirects are not followed.
    Respond,
    /// Send this request.
    Follow(Box<RequestHead>),
    /// Fail: the redirect must not be followed.
    Refuse(Error),
}

/// Decides after the response to `request`. `followed` is the number of redirects that led to it.
pub fn decide(
    policy: &Redirects,
    followed: u32,
    request: &RequestHead,
    status: StatusCode,
    headers: &HeaderMap,
) -> RedirectDecision {
    if !policy.follow || !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return RedirectDecision::Respond;
    }
    // RFC 9110, 15.4: a redirect without Location is a response for the user.
    let Some(location) = headers.get(header::LOCATION) else {
        return RedirectDecision::Respond;
    };
    if followed >= policy.maximum {
        let message = format!("Too many redirects (exceeded maximum: {})", policy.maximum);
        return RedirectDecision::Refuse(Error::new(Kind::TooManyRedirects, message).with_url(&request.url));
    }
    let refuse = |message| RedirectDecision::Refuse(Error::new(Kind::RedirectRefused, message).with_url(&request.url));
    let mut url = match request.url.join(&location_text(location)) {
        Ok(url) => url,
        Err(error) => return refuse(format!("Redirect Location cannot be parsed: {error}")),
    };
    match url.scheme() {
        "http" if request.url.scheme() == "https" => {
            return refuse(format!("Redirect from HTTPS to HTTP is not allowed: {}", redacted(&url)));
        }
        "http" | "https" => {}
        _ => return refuse(format!("Redirect Location has an unsupported scheme: {}", redacted(&url))),
    }
    // RFC 9110, 10.2.2: a redirect without a fragment keeps the one of the request.
    if url.fragment().is_none() {
        url.set_fragment(request.url.fragment());
    }
    RedirectDecision::Follow(Box::new(next_request(request, status, url)))
}

fn next_request(request: &RequestHead, status: StatusCode, url: Url) -> RequestHead {
    let mut next = RequestHead { url, ..request.clone() };
    if status == StatusCode::SEE_OTHER {
        if next.method != Method::HEAD {
            next.method = Method::GET;
        }
        next.with_body = false;
        remove_fields(&mut next.headers, |name| name.as_str().starts_with("content-"));
    }
    if next.url.origin() != request.url.origin() {
        next.headers.remove(header::HOST);
        remove_credentials(&mut next.headers);
    }
    next
}

/// Decodes `Location` as UTF-8, as browsers and Node do; as Latin-1 if it is not UTF-8.
fn location_text(value: &header::HeaderValue) -> String {
    std::str::from_utf8(value.as_bytes()).map_or_else(|_| text(value), str::to_owned)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn request(url: &str) -> RequestHead {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "x-api-key", "accept", "content-type", "host"] {
            headers.insert(name, HeaderValue::from_static("v"));
        }
        RequestHead { method: Method::POST, url: Url::parse(url).unwrap(), headers, with_body: true }
    }

    fn decided(from: &RequestHead, status: u16, location: &str) -> RedirectDecision {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(location).unwrap());
        decide(&Redirects::default(), 0, from, StatusCode::from_u16(status).unwrap(), &headers)
    }

    fn follow(from: &RequestHead, status: u16, location: &str) -> RequestHead {
        match decided(from, status, location) {
            RedirectDecision::Follow(next) => *next,
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
            let next = follow(&request("http://a/x"), status, "/y");
            assert_eq!((next.method, next.with_body, next.url.as_str()), (Method::POST, true, "http://a/y"));
        }
        let next = follow(&request("http://a/x"), 303, "y?z");
        assert_eq!((next.method, next.with_body, next.url.as_str()), (Method::GET, false, "http://a/y?z"));
        assert!(next.headers.get("content-type").is_none() && next.headers.get("accept").is_some());
        let head = RequestHead { method: Method::HEAD, ..request("http://a/x") };
        assert_eq!(follow(&head, 303, "/y").method, Method::HEAD);
    }

    #[test]
    fn a_change_of_scheme_host_or_port_drops_credentials() {
        assert_eq!(follow(&request("http://a/x"), 302, "http://a:80/y").headers.len(), 6);
        for elsewhere in ["http://b/", "http://a:81/", "https://a/", "//b/", "http://a.b/"] {
            let next = follow(&request("http://a/x"), 302, elsewhere);
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
            decide(&Redirects { follow: true, maximum }, followed, &request("http://a/x"), StatusCode::FOUND, &headers)
        };
        assert!(matches!(decide(5, 4), RedirectDecision::Follow(_)));
        assert_eq!(refusal(decide(5, 5)), "Too many redirects (exceeded maximum: 5)");
        assert_eq!(refusal(decide(0, 0)), "Too many redirects (exceeded maximum: 0)");
    }

    #[test]
    fn downgrades_foreign_schemes_and_nonsense_are_refused() {
        assert_eq!(
            refusal(decided(&request("https://a/x"), 302, "http://u:p@a/y")),
            "Redirect from HTTPS to HTTP is not allowed: http://a/y"
        );
        assert_eq!(
            refusal(decided(&request("http://a/x"), 302, "file:///etc/passwd")),
            "Redirect Location has an unsupported scheme: file:///etc/passwd"
        );
        assert!(
            refusal(decided(&request("http://a/x"), 302, "http://[")).starts_with("Redirect Location cannot be parsed")
        );
    }

    #[test]
    fn other_responses_are_returned() {
        assert!(matches!(decided(&request("http://a/x"), 304, "/y"), RedirectDecision::Respond));
        assert!(matches!(decided(&request("http://a/x"), 300, "/y"), RedirectDecision::Respond));
        let none = decide(&Redirects::default(), 0, &request("http://a/x"), StatusCode::FOUND, &HeaderMap::new());
        assert!(matches!(none, RedirectDecision::Respond));
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("/y"));
        let off = Redirects { follow: false, maximum: 5 };
        assert!(matches!(
            decide(&off, 0, &request("http://a/x"), StatusCode::FOUND, &headers),
            RedirectDecision::Respond
        ));
    }
}
