//! Responses with any header fields, to requests with any, at any time: stored, used or
//! revalidated, never a panic. And any bytes as an index.
#![no_main]

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use socketsecurity_registry::policy::cache::index;
use socketsecurity_registry::policy::cache::freshness::{CachedResponse, is_cacheable, storable};

/// Header fields that affect a decision, and one that affects none.
const NAMES: [&str; 12] = [
    "cache-control", "expires", "age", "date", "last-modified", "etag", "vary", "pragma", "warning", "connection", "if-none-match", "x",
];

/// `name-index value` lines, up to an empty one.
fn headers(lines: &mut std::slice::Split<'_, u8, fn(&u8) -> bool>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.by_ref() {
        let Some((&index, value)) = line.split_first() else { break };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(NAMES[usize::from(index) % NAMES.len()]), value);
        }
    }
    headers
}

fuzz_target!(|bytes: &[u8]| {
    for entry in index::latest(bytes) {
        assert!(index::find(bytes, &entry.key).is_some());
    }
    let mut lines = bytes.split((|byte: &u8| *byte == b'\n') as fn(&u8) -> bool);
    let seconds = u64::from(lines.next().and_then(|line| line.first()).copied().unwrap_or(0));
    let (request, response, later) = (headers(&mut lines), headers(&mut lines), headers(&mut lines));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let then = now + Duration::from_secs(seconds * seconds * seconds) - Duration::from_secs(1000);
    let _ = is_cacheable(&request);
    let _ = storable(&request, StatusCode::OK, &response, now);
    let stored = CachedResponse::new(StatusCode::OK, String::new(), response, bytes::Bytes::new(), now);
    for ttl in [Duration::ZERO, Duration::from_secs(300), Duration::MAX] {
        let _ = stored.decide(&request, ttl, then);
        let _ = stored.is_usable_if_error(ttl, ttl, then);
    }
    if let Some(validated) = stored.validated(&request, &later, then) {
        let _ = validated.decide(&request, Duration::MAX, then);
        let _ = validated.headers_with_age(Duration::MAX);
    }
});
