//! Whether an answer may be kept, used again, or has to be asked for again: RFC 9111, by a library, as a private cache; and on top of it
//! how long the caller wants to go without asking.
//!
//! An answer is fresh as long as both allow: the server (`max-age`, `Expires`, `no-cache`), if it says anything, and the caller's TTL. The
//! age counts from when the answer came, so a clock that was set back makes it stale, not eternal.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONNECTION, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, PRAGMA, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};

use crate::policy::http::credentials::{remove_credentials, remove_fields};

/// Fields that a 304 does not change (RFC 9111, 3.2), because they are of the body that is kept.
const OF_THE_BODY: [&str; 4] = ["content-encoding", "content-length", "content-range", "transfer-encoding"];
/// Fields of a request that ask for something else than the whole answer, or ask themselves whether it has changed.
const CONDITIONS: [&str; 6] =
    ["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct CachedResponse {
    pub status: StatusCode,
    pub status_text: String,
    pub headers: HeaderMap,
    /// Decoded.
    pub body: Bytes,
    /// When it came, or was last found unchanged.
    pub time: SystemTime,
    /// How long it is fresh from then, if the server says so.
    lifetime: Option<Duration>,
}

/// What to do for a request to which an answer is kept.
#[derive(Debug, PartialEq)]
pub enum CacheDecision {
    /// Give it: it is that old.
    Use { age: Duration },
    /// Ask the server, with these fields.
    Ask { conditions: HeaderMap },
}

impl CachedResponse {
    pub fn new(status: StatusCode, status_text: String, headers: HeaderMap, body: Bytes, time: SystemTime) -> Self {
        let says_something = headers.contains_key(EXPIRES)
            || has_directive(&headers, CACHE_CONTROL, &["max-age", "no-cache"])
            || has_directive(&headers, PRAGMA, &["no-cache"]);
        let stored = Self { status, status_text, headers, body, time, lifetime: None };
        let lifetime = says_something.then(|| stored.policy(legible(&stored.headers)).time_to_live(time));
        Self { lifetime, ..stored }
    }

    /// What to do for this request, when the caller does not want answers older than `ttl`.
    pub fn look(&self, request: &HeaderMap, ttl: Duration, now: SystemTime) -> CacheDecision {
        let age = now.duration_since(self.time).ok().filter(|age| *age < self.fresh_for(ttl));
        match age {
            Some(age) if !request.contains_key(CACHE_CONTROL) && !request.contains_key(PRAGMA) => {
                CacheDecision::Use { age }
            }
            // The request says what it wants of a cache.
            Some(age) => match self.policy(self.agreed(ttl)).before_request(&asking(legible(request)), now) {
                BeforeRequest::Fresh(_) => CacheDecision::Use { age },
                BeforeRequest::Stale { .. } => self.ask(request, now),
            },
            None => self.ask(request, now),
        }
    }

    fn ask(&self, request: &HeaderMap, now: SystemTime) -> CacheDecision {
        let mut request = request.clone();
        request.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let asked = match self.policy(legible(&self.headers)).before_request(&asking(request), now) {
            BeforeRequest::Stale { request, .. } => request.headers,
            BeforeRequest::Fresh(_) => HeaderMap::new(),
        };
        let mut conditions = HeaderMap::new();
        for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
            conditions.extend(asked.get(&name).map(|value| (name, value.clone())));
        }
        CacheDecision::Ask { conditions }
    }

    /// This answer, if a 304 to `request` says that it has not changed.
    pub fn validated(&self, request: &HeaderMap, answer: &HeaderMap, now: SystemTime) -> Option<Self> {
        let mut not_modified = Response::new(());
        *not_modified.status_mut() = StatusCode::NOT_MODIFIED;
        *not_modified.headers_mut() = legible(answer);
        // A server need not repeat the validator that it was asked about.
        if let (false, Some(etag)) = (answer.contains_key(ETAG), self.headers.get(ETAG)) {
            not_modified.headers_mut().insert(ETAG, etag.clone());
        }
        let policy = self.policy(legible(&self.headers));
        let AfterResponse::NotModified(..) = policy.after_response(&asking(request.clone()), &not_modified, now) else {
            return None;
        };
        let mut headers = self.headers.clone();
        // An age is of the answer that it came with.
        headers.remove(AGE);
        for name in answer.keys().filter(|name| !OF_THE_BODY.contains(&name.as_str()) && *name != SET_COOKIE) {
            headers.remove(name);
            for value in answer.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        Some(Self::new(self.status, self.status_text.clone(), headers, self.body.clone(), now))
    }

    /// Whether it may be given when the server cannot be asked, this long after it has become stale (RFC 5861).
    pub fn is_usable_in_need(&self, ttl: Duration, stale_if_error: Duration, now: SystemTime) -> bool {
        let forbidden = has_directive(&self.headers, CACHE_CONTROL, &["must-revalidate", "no-cache"]);
        let limit = self.fresh_for(ttl).saturating_add(stale_if_error);
        !forbidden && now.duration_since(self.time).is_ok_and(|age| age < limit)
    }

    /// The fields as a cache gives them: with the age (RFC 9111, 5.1).
    pub fn aged(&self, age: Duration) -> HeaderMap {
        let mut headers = self.headers.clone();
        let before: u64 = self.headers.get(AGE).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        headers.insert(AGE, before.saturating_add(age.as_secs()).into());
        headers
    }

    /// Bytes that it takes, about.
    pub fn weight(&self) -> usize {
        let fields: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        self.body.len() + fields + size_of::<Self>()
    }

    fn fresh_for(&self, ttl: Duration) -> Duration {
        self.lifetime.map_or(ttl, |lifetime| lifetime.min(ttl))
    }

    /// The fields, with the lifetime that server and caller agree on as if the server had said it.
    fn agreed(&self, ttl: Duration) -> HeaderMap {
        let mut headers = legible(&self.headers);
        let seconds = self.fresh_for(ttl).as_secs();
        for name in [EXPIRES, PRAGMA, AGE] {
            headers.remove(name);
        }
        let strict =
            if has_directive(&headers, CACHE_CONTROL, &["must-revalidate"]) { ", must-revalidate" } else { "" };
        let value = HeaderValue::try_from(format!("max-age={seconds}{strict}"));
        headers.extend(value.ok().map(|value| (CACHE_CONTROL, value)));
        headers
    }

    fn policy(&self, headers: HeaderMap) -> CachePolicy {
        policy(HeaderMap::new(), self.status, headers, self.time)
    }
}

/// Whether a request may be answered from a cache, and its answer kept.
pub fn is_cacheable(request: &HeaderMap) -> bool {
    !has_directive(request, CACHE_CONTROL, &["no-store"]) && !CONDITIONS.iter().any(|name| request.contains_key(*name))
}

/// The fields of the request that an answer depends on, if the answer may be kept at all: a complete one that is no error, sets no cookie, and
/// that the server allows to be kept.
pub fn storable(
    request: &HeaderMap,
    status: StatusCode,
    answer: &HeaderMap,
    now: SystemTime,
) -> Option<Vec<HeaderName>> {
    if !status.is_success() || status == StatusCode::PARTIAL_CONTENT || answer.contains_key(SET_COOKIE) {
        return None;
    }
    if !policy(request.clone(), status, legible(answer), now).is_storable() {
        return None;
    }
    let mut varies = Vec::new();
    for name in answer.get_all(VARY) {
        for name in name.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            // Not a name: `*`, which says that no other request is like this one. Codings are undone before an answer is kept.
            let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| name != "*")?;
            if name != http::header::ACCEPT_ENCODING && !varies.contains(&name) {
                varies.push(name);
            }
        }
    }
    Some(varies)
}

/// The fields that are kept: not those of one connection (RFC 9111, 3.1), nor credentials, which no later call needs.
pub fn kept_fields(headers: &HeaderMap) -> HeaderMap {
    const OF_A_CONNECTION: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let mut kept = headers.clone();
    for name in headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(','))
    {
        kept.remove(name.trim());
    }
    remove_fields(&mut kept, |name| OF_A_CONNECTION.contains(&name.as_str()));
    remove_credentials(&mut kept);
    kept
}

fn policy(request: HeaderMap, status: StatusCode, headers: HeaderMap, time: SystemTime) -> CachePolicy {
    let mut answer = Response::new(());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    // What the server does not say, the caller's TTL says: nothing is guessed.
    let options = CacheOptions {
        shared: false,
        cache_heuristic: 0.0,
        immutable_min_time_to_live: Duration::ZERO,
        ignore_cargo_cult: false,
    };
    CachePolicy::new_options(&asking(request), &answer, time, options)
}

/// A request as the library takes it. Method and URL are the same for all that share a key.
fn asking(headers: HeaderMap) -> Request<()> {
    let mut request = Request::new(());
    *request.headers_mut() = headers;
    request
}

/// The fields as the library reads them: directives in lower case, no age that it could not add to, and no `Vary`, which keys stand for.
fn legible(headers: &HeaderMap) -> HeaderMap {
    let mut legible = headers.clone();
    legible.remove(VARY);
    legible.remove(CACHE_CONTROL);
    for value in headers.get_all(CACHE_CONTROL) {
        let lower = HeaderValue::from_bytes(&value.as_bytes().to_ascii_lowercase());
        if let Ok(lower) = lower {
            legible.append(CACHE_CONTROL, lower);
        }
    }
    if let Some(age) = legible.remove(AGE) {
        let seconds = age.to_str().ok().and_then(|age| age.trim().parse::<u64>().ok()).unwrap_or(0);
        legible.insert(AGE, seconds.min(u64::from(u32::MAX)).into());
    }
    legible
}

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
        matches!(stored(list).look(&HeaderMap::new(), TTL, later(seconds)), CacheDecision::Use { .. })
    }

    #[test]
    fn without_a_word_of_the_server_the_callers_ttl_counts() {
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
    fn what_must_be_asked_for_is_never_fresh() {
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
            stored(&[]).look(&HeaderMap::new(), Duration::ZERO, now()),
            CacheDecision::Ask { conditions: HeaderMap::new() }
        );
    }

    #[test]
    fn a_clock_set_back_makes_an_answer_stale() {
        let next = stored(&[]).look(&HeaderMap::new(), TTL, now() - Duration::from_secs(1));
        assert!(matches!(next, CacheDecision::Ask { .. }));
    }

    #[test]
    fn the_request_may_ask_for_more() {
        let look = |directive| stored(&[]).look(&fields(&[("cache-control", directive)]), TTL, later(100));
        for directive in ["no-cache", "max-age=99", "min-fresh=201", "MAX-AGE=0"] {
            assert!(matches!(look(directive), CacheDecision::Ask { .. }), "{directive}");
        }
        for directive in ["max-age=101", "min-fresh=199", "max-stale"] {
            assert_eq!(look(directive), CacheDecision::Use { age: Duration::from_secs(100) }, "{directive}");
        }
    }

    #[test]
    fn validators_become_conditions() {
        let list = [("etag", "\"a\""), ("last-modified", "Wed, 21 Oct 2020 07:28:00 GMT")];
        let CacheDecision::Ask { conditions } = stored(&list).look(&HeaderMap::new(), TTL, later(300)) else {
            panic!()
        };
        assert_eq!(conditions["if-none-match"], "\"a\"");
        assert_eq!(conditions["if-modified-since"], "Wed, 21 Oct 2020 07:28:00 GMT");
    }

    #[test]
    fn a_304_makes_it_fresh_again_and_replaces_fields() {
        let old = stored(&[("etag", "\"a\""), ("x", "1"), ("link", "old"), ("content-length", "3"), ("age", "100")]);
        let answer =
            fields(&[("etag", "\"a\""), ("link", "b"), ("link", "c"), ("content-length", "0"), ("set-cookie", "a=b")]);
        let new = old.validated(&HeaderMap::new(), &answer, later(1000)).unwrap();
        assert_eq!(new.time, later(1000));
        assert_eq!((&new.headers["x"], &new.headers["content-length"]), (&"1".parse().unwrap(), &"3".parse().unwrap()));
        assert_eq!(new.headers.get_all("link").iter().count(), 2);
        assert!(!new.headers.contains_key("age") && !new.headers.contains_key("set-cookie"));
        for list in [&[][..], &[("etag", "W/\"a\"")]] {
            assert!(old.validated(&HeaderMap::new(), &fields(list), later(1)).is_some(), "{list:?}");
        }
    }

    #[test]
    fn a_304_about_something_else_is_not_believed() {
        let old = stored(&[("etag", "\"a\"")]);
        assert!(old.validated(&HeaderMap::new(), &fields(&[("etag", "\"b\"")]), later(1)).is_none());
    }

    #[test]
    fn in_need_a_stale_answer_is_used_unless_the_server_forbids_it() {
        let limit = Duration::from_secs(60);
        assert!(stored(&[]).is_usable_in_need(TTL, limit, later(359)));
        assert!(!stored(&[]).is_usable_in_need(TTL, limit, later(360)));
        assert!(!stored(&[]).is_usable_in_need(TTL, limit, now() - Duration::from_secs(1)));
        for directive in ["max-age=1, must-revalidate", "no-cache"] {
            assert!(!stored(&[("cache-control", directive)]).is_usable_in_need(TTL, limit, later(2)), "{directive}");
        }
        assert!(stored(&[]).is_usable_in_need(TTL, Duration::MAX, later(u64::from(u32::MAX))));
    }

    #[test]
    fn an_age_is_given_with_what_other_caches_added() {
        assert_eq!(stored(&[("age", "7")]).aged(Duration::from_secs(3))["age"], "10");
        assert_eq!(stored(&[("age", "18446744073709551615")]).aged(TTL)["age"], "18446744073709551615");
        assert!(!is_fresh(&[("age", "18446744073709551615"), ("cache-control", "max-age=10")], 1));
    }

    fn kept(
        status: u16,
        request: &[(&'static str, &'static str)],
        answer: &[(&'static str, &'static str)],
    ) -> Option<Vec<HeaderName>> {
        storable(&fields(request), StatusCode::from_u16(status).unwrap(), &fields(answer), now())
    }

    #[test]
    fn errors_cookies_and_what_the_server_forbids_are_not_kept() {
        for status in [200, 203, 204] {
            assert_eq!(kept(status, &[], &[]), Some(vec![]), "{status}");
        }
        for status in [201, 202, 206, 301, 302, 304, 400, 401, 404, 410, 429, 500, 503] {
            assert_eq!(kept(status, &[], &[("cache-control", "max-age=60")]), None, "{status}");
        }
        for list in [
            ("cache-control", "no-store"),
            ("cache-control", "private, No-Store"),
            ("set-cookie", "a=b"),
            ("vary", "*"),
            ("vary", "accept, *"),
        ] {
            assert_eq!(kept(200, &[], &[list]), None, "{list:?}");
        }
        assert_eq!(kept(200, &[("authorization", "x")], &[("cache-control", "private")]), Some(vec![]));
        assert_eq!(kept(200, &[("cache-control", "no-store")], &[]), None);
    }

    #[test]
    fn an_answer_varies_by_what_it_names_but_not_by_codings() {
        let names = |list: &[&'static str]| Some(list.iter().map(|name| HeaderName::from_static(name)).collect());
        assert_eq!(
            kept(200, &[], &[("vary", "Accept, accept-encoding"), ("vary", "X-Org, Accept")]),
            names(&["accept", "x-org"])
        );
        assert_eq!(kept(200, &[], &[("vary", "Accept-Encoding")]), names(&[]));
        assert_eq!(kept(200, &[], &[("vary", "not a name")]), None);
    }

    #[test]
    fn fields_of_a_connection_and_credentials_are_not_kept() {
        let headers = fields(&[
            ("connection", "close, X-Hop"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("etag", "a"),
            ("x-auth-token", "secret"),
            ("authentication-info", "secret"),
        ]);
        assert_eq!(kept_fields(&headers).keys().collect::<Vec<_>>(), [ETAG]);
    }

    #[test]
    fn requests_that_ask_for_a_part_or_a_condition_pass_by_the_cache() {
        assert!(is_cacheable(&fields(&[("accept", "x"), ("cache-control", "no-cache")])));
        for list in [("range", "bytes=0-1"), ("if-none-match", "\"a\""), ("cache-control", "No-Store")] {
            assert!(!is_cacheable(&fields(&[list])), "{list:?}");
        }
    }
}
