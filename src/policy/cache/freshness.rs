//! Whether a response may be stored, whether a stored one is fresh, and how it is revalidated.
//!
//! The rules are those of RFC 9111 for a private cache, by `http-cache-semantics`, and in addition
//! the time to live (TTL) of the caller. A response is fresh as long as both allow it: the server
//! (`max-age`, `Expires`, `no-cache`), if it says anything, and the TTL. The age counts from the
//! time at which the response was received, so that a clock that was set back makes it stale, not
//! eternal.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONNECTION, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, PRAGMA, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};

use crate::policy::http::credentials::{remove_credentials, remove_fields};

/// Fields that a 304 does not change (RFC 9111, 3.2), because they describe the stored body.
const BODY_FIELDS: [&str; 4] = ["content-encoding", "content-length", "content-range", "transfer-encoding"];
/// Fields of a request for a part of the response, or of a caller that revalidates by itself.
const CONDITIONS: [&str; 6] =
    ["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

/// A stored response.
#[derive(Clone, Debug)]
pub struct CachedResponse {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    /// Without content codings.
    pub body: Bytes,
    /// The time at which it was received or last revalidated.
    pub time: SystemTime,
    /// How long it is fresh from then on, if the server says so.
    lifetime: Option<Duration>,
}

/// The next step for a request to which a response is stored.
#[derive(Debug, PartialEq)]
pub enum CacheDecision {
    /// Return the stored response, which is `age` old.
    Use { age: Duration },
    /// Ask the server, with these additional fields.
    Fetch { conditions: HeaderMap },
}

impl CachedResponse {
    /// Creates a response that was received at `time`.
    pub fn new(status: StatusCode, status_text: String, headers: HeaderMap, body: Bytes, time: SystemTime) -> Self {
        let says_something = headers.contains_key(EXPIRES)
            || has_directive(&headers, CACHE_CONTROL, &["max-age", "no-cache"])
            || has_directive(&headers, PRAGMA, &["no-cache"]);
        let stored = Self { status, status_text, headers, body, time, lifetime: None };
        let lifetime = says_something.then(|| stored.policy(normalized(&stored.headers)).time_to_live(time));
        Self { lifetime, ..stored }
    }

    /// Decides for a request of a caller who does not want responses older than `ttl`.
    pub fn decide(&self, request: &HeaderMap, ttl: Duration, now: SystemTime) -> CacheDecision {
        let age = now.duration_since(self.time).ok().filter(|age| *age < self.fresh_for(ttl));
        match age {
            Some(age) if !request.contains_key(CACHE_CONTROL) && !request.contains_key(PRAGMA) => {
                CacheDecision::Use { age }
            }
            // The request has directives of its own.
            Some(age) => match self
                .policy(self.with_agreed_lifetime(ttl))
                .before_request(&library_request(normalized(request)), now)
            {
                BeforeRequest::Fresh(_) => CacheDecision::Use { age },
                BeforeRequest::Stale { .. } => self.fetch(request, now),
            },
            None => self.fetch(request, now),
        }
    }

    /// Asks the server, with the validators of the stored response as conditions.
    fn fetch(&self, request: &HeaderMap, now: SystemTime) -> CacheDecision {
        let mut request = request.clone();
        request.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let headers = match self.policy(normalized(&self.headers)).before_request(&library_request(request), now) {
            BeforeRequest::Stale { request, .. } => request.headers,
            BeforeRequest::Fresh(_) => HeaderMap::new(),
        };
        let mut conditions = HeaderMap::new();
        for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
            conditions.extend(headers.get(&name).map(|value| (name, value.clone())));
        }
        CacheDecision::Fetch { conditions }
    }

    /// Returns this response, updated, if a 304 to `request` says that it has not changed. `None`
    /// if the 304 is about another one.
    pub fn validated(&self, request: &HeaderMap, not_modified: &HeaderMap, now: SystemTime) -> Option<Self> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.headers_mut() = normalized(not_modified);
        // A server need not repeat the validator of the request.
        if let (false, Some(etag)) = (not_modified.contains_key(ETAG), self.headers.get(ETAG)) {
            response.headers_mut().insert(ETAG, etag.clone());
        }
        let policy = self.policy(normalized(&self.headers));
        let AfterResponse::NotModified(..) = policy.after_response(&library_request(request.clone()), &response, now)
        else {
            return None;
        };
        let mut headers = self.headers.clone();
        // The stored age is of the response that it came with.
        headers.remove(AGE);
        for name in not_modified.keys().filter(|name| !BODY_FIELDS.contains(&name.as_str()) && *name != SET_COOKIE) {
            headers.remove(name);
            for value in not_modified.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        Some(Self::new(self.status, self.status_text.clone(), headers, self.body.clone(), now))
    }

    /// Whether the response may be used because the server failed, `stale_if_error` after it has
    /// become stale at most (RFC 5861).
    pub fn is_usable_if_error(&self, ttl: Duration, stale_if_error: Duration, now: SystemTime) -> bool {
        let forbidden = has_directive(&self.headers, CACHE_CONTROL, &["must-revalidate", "no-cache"]);
        let limit = self.fresh_for(ttl).saturating_add(stale_if_error);
        !forbidden && now.duration_since(self.time).is_ok_and(|age| age < limit)
    }

    /// Returns the fields with the `Age` that a cache adds (RFC 9111, 5.1).
    pub fn headers_with_age(&self, age: Duration) -> HeaderMap {
        let mut headers = self.headers.clone();
        let before: u64 = self.headers.get(AGE).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        headers.insert(AGE, before.saturating_add(age.as_secs()).into());
        headers
    }

    /// The approximate number of bytes of the response in memory.
    pub fn weight(&self) -> usize {
        let fields: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        self.body.len() + fields + size_of::<Self>()
    }

    /// How long both server and caller allow the response to be used.
    fn fresh_for(&self, ttl: Duration) -> Duration {
        self.lifetime.map_or(ttl, |lifetime| lifetime.min(ttl))
    }

    /// The fields, with the lifetime that both server and caller allow as if the server had sent
    /// it.
    fn with_agreed_lifetime(&self, ttl: Duration) -> HeaderMap {
        let mut headers = normalized(&self.headers);
        let seconds = self.fresh_for(ttl).as_secs();
        for name in [EXPIRES, PRAGMA, AGE] {
            headers.remove(name);
        }
        let must_revalidate =
            if has_directive(&headers, CACHE_CONTROL, &["must-revalidate"]) { ", must-revalidate" } else { "" };
        let value = HeaderValue::try_from(format!("max-age={seconds}{must_revalidate}"));
        headers.extend(value.ok().map(|value| (CACHE_CONTROL, value)));
        headers
    }

    fn policy(&self, headers: HeaderMap) -> CachePolicy {
        policy(HeaderMap::new(), self.status, headers, self.time)
    }
}

/// Whether a response to this request may come from a cache, and be stored.
pub fn is_cacheable(request: &HeaderMap) -> bool {
    !has_directive(request, CACHE_CONTROL, &["no-store"]) && !CONDITIONS.iter().any(|name| request.contains_key(*name))
}

/// Returns the fields of the request on which a response depends, by its `Vary`, if the response
/// may be stored. It must be complete, no error, without cookies, and the server must not forbid
/// it.
pub fn storable(
    request: &HeaderMap,
    status: StatusCode,
    response: &HeaderMap,
    now: SystemTime,
) -> Option<Vec<HeaderName>> {
    if !status.is_success() || status == StatusCode::PARTIAL_CONTENT || response.contains_key(SET_COOKIE) {
        return None;
    }
    if !policy(request.clone(), status, normalized(response), now).is_storable() {
        return None;
    }
    let mut varies = Vec::new();
    for name in response.get_all(VARY) {
        for name in name.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            // `*` is no name: it says that no other request gets this response.
            let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| name != "*")?;
            // A response is stored without its codings.
            if name != http::header::ACCEPT_ENCODING && !varies.contains(&name) {
                varies.push(name);
            }
        }
    }
    Some(varies)
}

/// Returns the fields to store: without those of one connection (RFC 9111, 3.1), and without
/// credentials, which no later call needs.
pub fn stored_fields(headers: &HeaderMap) -> HeaderMap {
    const CONNECTION_FIELDS: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let mut stored = headers.clone();
    for name in headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(','))
    {
        stored.remove(name.trim());
    }
    remove_fields(&mut stored, |name| CONNECTION_FIELDS.contains(&name.as_str()));
    remove_credentials(&mut stored);
    stored
}

/// The library's view of a response.
fn policy(request: HeaderMap, status: StatusCode, headers: HeaderMap, time: SystemTime) -> CachePolicy {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // No heuristics: where the server says nothing, the TTL of the caller counts.
    let options = CacheOptions {
        shared: false,
        cache_heuristic: 0.0,
        immutable_min_time_to_live: Duration::ZERO,
        ignore_cargo_cult: false,
    };
    CachePolicy::new_options(&library_request(request), &response, time, options)
}

/// A request for the library. Method and URL are the same for all requests that share a key.
fn library_request(headers: HeaderMap) -> Request<()> {
    let mut request = Request::new(());
    *request.headers_mut() = headers;
    request
}

/// The fields as the library reads them: directives in lower case, no `Age` whose sum would
/// overflow, and no `Vary`, because each variant has its own key.
fn normalized(headers: &HeaderMap) -> HeaderMap {
    let mut normalized = headers.clone();
    normalized.remove(VARY);
    normalized.remove(CACHE_CONTROL);
    for value in headers.get_all(CACHE_CONTROL) {
        let lower = HeaderValue::from_bytes(&value.as_bytes().to_ascii_lowercase());
        if let Ok(lower) = lower {
            normalized.append(CACHE_CONTROL, lower);
        }
    }
    if let Some(age) = normalized.remove(AGE) {
        let seconds = age.to_str().ok().and_then(|age| age.trim().parse::<u64>().ok()).unwrap_or(0);
        normalized.insert(AGE, seconds.min(u64::from(u32::MAX)).into());
    }
    normalized
}

/// Whether a field of directives has one of those `wanted`.
fn has_directive(headers: &HeaderMap, field: HeaderName, wanted: &[&str]) -> bool {
    let values = headers.get_all(field);
    values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(300);

    fn now() -> SystemTime {
        httpdate::parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap()
    }

    fn later(seconds: u64) -> SystemTime {
        now() + Duration::from_secs(seconds)
    }

    fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn stored(list: &[(&'static str, &'static str)]) -> CachedResponse {
        CachedResponse::new(StatusCode::OK, "OK".to_owned(), fields(list), Bytes::new(), now())
    }

    fn is_fresh(list: &[(&'static str, &'static str)], seconds: u64) -> bool {
        matches!(stored(list).decide(&HeaderMap::new(), TTL, later(seconds)), CacheDecision::Use { .. })
    }

    #[test]
    fn the_callers_ttl_counts_if_the_server_says_nothing() {
        for list in
            [&[][..], &[("last-modified", "Wed, 21 Oct 2020 07:28:00 GMT")], &[("cache-control", "private, immutable")]]
        {
            assert!(is_fresh(list, 0) && is_fresh(list, 299) && !is_fresh(list, 300), "{list:?}");
        }
    }

    #[test]
    fn the_stricter_of_server_and_caller_counts() {
        for list in [
            &[("cache-control", "max-age=10")][..],
            &[("cache-control", "Max-Age=\"10\"")],
            &[("expires", "Wed, 21 Oct 2026 07:28:10 GMT"), ("date", "Wed, 21 Oct 2026 07:28:00 GMT")],
            &[("cache-control", "max-age=40"), ("age", "30")],
            &[("cache-control", "max-age=10, s-maxage=1000")],
        ] {
            assert!(is_fresh(list, 9) && !is_fresh(list, 10), "{list:?}");
        }
        assert!(
            is_fresh(&[("cache-control", "max-age=9999")], 299) && !is_fresh(&[("cache-control", "max-age=9999")], 300)
        );
    }

    #[test]
    fn a_response_that_must_be_revalidated_is_never_fresh() {
        for list in [
            ("cache-control", "no-cache"),
            ("cache-control", "private, No-Cache"),
            ("cache-control", "max-age=0"),
            ("cache-control", "max-age=nonsense"),
            ("expires", "0"),
            ("expires", "Wed, 21 Oct 2020 07:28:00 GMT"),
            ("pragma", "no-cache"),
        ] {
            assert!(!is_fresh(&[list], 0), "{list:?}");
        }
        assert_eq!(
            stored(&[]).decide(&HeaderMap::new(), Duration::ZERO, now()),
            CacheDecision::Fetch { conditions: HeaderMap::new() }
        );
    }

    #[test]
    fn a_clock_set_back_makes_a_response_stale() {
        let next = stored(&[]).decide(&HeaderMap::new(), TTL, now() - Duration::from_secs(1));
        assert!(matches!(next, CacheDecision::Fetch { .. }));
    }

    #[test]
    fn the_request_may_have_stricter_directives() {
        let decide = |directive| stored(&[]).decide(&fields(&[("cache-control", directive)]), TTL, later(100));
        for directive in ["no-cache", "max-age=99", "min-fresh=201", "MAX-AGE=0"] {
            assert!(matches!(decide(directive), CacheDecision::Fetch { .. }), "{directive}");
        }
        for directive in ["max-age=101", "min-fresh=199", "max-stale"] {
            assert_eq!(decide(directive), CacheDecision::Use { age: Duration::from_secs(100) }, "{directive}");
        }
    }

    #[test]
    fn validators_become_conditions() {
        let list = [("etag", "\"a\""), ("last-modified", "Wed, 21 Oct 2020 07:28:00 GMT")];
        let CacheDecision::Fetch { conditions } = stored(&list).decide(&HeaderMap::new(), TTL, later(300)) else {
            panic!()
        };
        assert_eq!(conditions["if-none-match"], "\"a\"");
        assert_eq!(conditions["if-modified-since"], "Wed, 21 Oct 2020 07:28:00 GMT");
    }

    #[test]
    fn a_304_makes_a_response_fresh_and_replaces_fields() {
        let old = stored(&[("etag", "\"a\""), ("x", "1"), ("link", "old"), ("content-length", "3"), ("age", "100")]);
        let not_modified =
            fields(&[("etag", "\"a\""), ("link", "b"), ("link", "c"), ("content-length", "0"), ("set-cookie", "a=b")]);
        let new = old.validated(&HeaderMap::new(), &not_modified, later(1000)).unwrap();
        assert_eq!(new.time, later(1000));
        assert_eq!((&new.headers["x"], &new.headers["content-length"]), (&"1".parse().unwrap(), &"3".parse().unwrap()));
        assert_eq!(new.headers.get_all("link").iter().count(), 2);
        assert!(!new.headers.contains_key("age") && !new.headers.contains_key("set-cookie"));
        for list in [&[][..], &[("etag", "W/\"a\"")]] {
            assert!(old.validated(&HeaderMap::new(), &fields(list), later(1)).is_some(), "{list:?}");
        }
    }

    #[test]
    fn a_304_about_another_response_is_ignored() {
        let old = stored(&[("etag", "\"a\"")]);
        assert!(old.validated(&HeaderMap::new(), &fields(&[("etag", "\"b\"")]), later(1)).is_none());
    }

    #[test]
    fn a_stale_response_is_used_if_the_server_fails_unless_it_forbids_that() {
        let limit = Duration::from_secs(60);
        assert!(stored(&[]).is_usable_if_error(TTL, limit, later(359)));
        assert!(!stored(&[]).is_usable_if_error(TTL, limit, later(360)));
        assert!(!stored(&[]).is_usable_if_error(TTL, limit, now() - Duration::from_secs(1)));
        for directive in ["max-age=1, must-revalidate", "no-cache"] {
            assert!(!stored(&[("cache-control", directive)]).is_usable_if_error(TTL, limit, later(2)), "{directive}");
        }
        assert!(stored(&[]).is_usable_if_error(TTL, Duration::MAX, later(u64::from(u32::MAX))));
    }

    #[test]
    fn the_age_includes_that_of_other_caches() {
        assert_eq!(stored(&[("age", "7")]).headers_with_age(Duration::from_secs(3))["age"], "10");
        assert_eq!(stored(&[("age", "18446744073709551615")]).headers_with_age(TTL)["age"], "18446744073709551615");
        assert!(!is_fresh(&[("age", "18446744073709551615"), ("cache-control", "max-age=10")], 1));
    }

    fn stored_as(
        status: u16,
        request: &[(&'static str, &'static str)],
        response: &[(&'static str, &'static str)],
    ) -> Option<Vec<HeaderName>> {
        storable(&fields(request), StatusCode::from_u16(status).unwrap(), &fields(response), now())
    }

    #[test]
    fn errors_cookies_and_forbidden_responses_are_not_stored() {
        for status in [200, 203, 204] {
            assert_eq!(stored_as(status, &[], &[]), Some(vec![]), "{status}");
        }
        for status in [201, 202, 206, 301, 302, 304, 400, 401, 404, 410, 429, 500, 503] {
            assert_eq!(stored_as(status, &[], &[("cache-control", "max-age=60")]), None, "{status}");
        }
        for list in [
            ("cache-control", "no-store"),
            ("cache-control", "private, No-Store"),
            ("set-cookie", "a=b"),
            ("vary", "*"),
            ("vary", "accept, *"),
        ] {
            assert_eq!(stored_as(200, &[], &[list]), None, "{list:?}");
        }
        assert_eq!(stored_as(200, &[("authorization", "x")], &[("cache-control", "private")]), Some(vec![]));
        assert_eq!(stored_as(200, &[("cache-control", "no-store")], &[]), None);
    }

    #[test]
    fn a_response_varies_by_the_fields_of_vary_but_not_by_codings() {
        let names = |list: &[&'static str]| Some(list.iter().map(|name| HeaderName::from_static(name)).collect());
        assert_eq!(
            stored_as(200, &[], &[("vary", "Accept, accept-encoding"), ("vary", "X-Org, Accept")]),
            names(&["accept", "x-org"])
        );
        assert_eq!(stored_as(200, &[], &[("vary", "Accept-Encoding")]), names(&[]));
        assert_eq!(stored_as(200, &[], &[("vary", "not a name")]), None);
    }

    #[test]
    fn fields_of_a_connection_and_credentials_are_not_stored() {
        let headers = fields(&[
            ("connection", "close, X-Hop"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("etag", "a"),
            ("x-auth-token", "secret"),
            ("authentication-info", "secret"),
        ]);
        assert_eq!(stored_fields(&headers).keys().collect::<Vec<_>>(), [ETAG]);
    }

    #[test]
    fn requests_for_a_part_or_with_a_condition_bypass_the_cache() {
        assert!(is_cacheable(&fields(&[("accept", "x"), ("cache-control", "no-cache")])));
        for list in [("range", "bytes=0-1"), ("if-none-match", "\"a\""), ("cache-control", "No-Store")] {
            assert!(!is_cacheable(&fields(&[list])), "{list:?}");
        }
    }
}
