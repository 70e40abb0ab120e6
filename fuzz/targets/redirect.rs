//! Whatever `Location` says: nothing but http and https is followed, never from https to http, and
//! no credential leaves its origin.
#![no_main]

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use socketsecurity_registry::base::options::Redirects;
use socketsecurity_registry::policy::http::redirect::{RequestHead, RedirectDecision, decide};
use url::Url;

fuzz_target!(|location: &[u8]| {
    let Ok(location) = HeaderValue::from_bytes(location) else {
        return;
    };
    let response = HeaderMap::from_iter([(header::LOCATION, location)]);
    for url in ["https://a.example/x?y", "http://a.example:8080/x"] {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("secret"))]);
        let request = RequestHead { method: Method::GET, url: Url::parse(url).expect("it is one"), headers, with_body: false };
        let RedirectDecision::Follow(next) = decide(&Redirects::default(), 0, &request, StatusCode::FOUND, &response) else {
            continue;
        };
        assert!(matches!(next.url.scheme(), "http" | "https"));
        assert!(request.url.scheme() == "http" || next.url.scheme() == "https");
        if next.url.origin() != request.url.origin() {
            assert!(next.headers.get(header::AUTHORIZATION).is_none());
        }
    }
});
