//! Whatever a record and a response say: a part is continued only at its own end, and only to a
//! known total.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use socketsecurity_registry::policy::http::resume::{NextSource, Record, ResumeDecision, decide, range_request, validator};

fuzz_target!(|input: (Vec<u8>, u64, u16, Vec<u8>, Vec<u8>, Option<u64>, bool, bool)| {
    let (record, length, status, range, etag, announced, is_other, has_digest) = input;
    let record = Record::parse(&record).or_else(|| Record::parse(br#"{"source":"s","etag":"\"v\"","total":100}"#));
    let known = [record.as_ref().map(|record| record.source.clone()).unwrap_or_default()];
    let name = if is_other { "another source" } else { &known[0] };
    let requested = range_request(record.as_ref(), length, NextSource { name, equals: &known, has_digest });
    let mut headers = HeaderMap::new();
    for (name, value) in [("content-range", range), ("etag", etag)] {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let _ = validator(&headers);
    let Ok(status) = StatusCode::from_u16(status % 1000) else {
        return;
    };
    if let Some(requested) = &requested {
        assert!(has_digest || !requested.changes_source(), "a mixture without a digest");
        assert!(requested.from > 0 && requested.from <= length);
        let _ = requested.fields();
    }
    if let ResumeDecision::Append { from, total } = decide(requested.as_ref(), status, &headers, announced) {
        let requested = requested.expect("only a requested range is appended");
        assert_eq!((status, from), (StatusCode::PARTIAL_CONTENT, requested.from));
        assert!(from < total && announced.is_none_or(|announced| announced == total - from));
    }
});
