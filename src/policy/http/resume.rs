//! Whether an interrupted transfer is resumed.
//!
//! A part file is continued only if the server proves that it still has the same representation.
//! The request has `Range` and `If-Range` (RFC 9110, 13.1.5) with a strong `ETag`, or with a
//! `Last-Modified` that is old enough to be strong, and the response must have exactly the
//! requested range. In every other case the transfer starts from zero. Two representations are
//! never mixed.
//!
//! There is one exception: sources that the caller says are equal (mirrors). Nothing that they send
//! proves it, so a part of one is continued from another only if a digest of the whole file is
//! expected and the totals agree. From then on its record says that it is mixed, and it is never
//! continued without a digest.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::policy::http::headers::text;
use crate::policy::http::ranges::Ranges;

/// The identifier of a representation, as the server sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    ETag(String),
    LastModified(String),
}

/// The record beside a part file: everything that is known of it but its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// A hash of the URL, which may itself be a secret. Of several sources, that of the last.
    pub source: String,
    pub validator: Option<Validator>,
    /// Bytes of the whole file.
    pub total: Option<u64>,
    /// Whether the bytes come from several sources.
    pub is_mixed: bool,
    /// The bytes that are there. `None`: all up to the length of the part file.
    pub ranges: Option<Ranges>,
}

/// The key of the source in the record of a part file with holes. Versions that would take its
/// length for the number of bytes that are there find no source in it.
const RANGED: &str = "rangedSource";
/// Ranges in a record. It is small, and is read by others while it is written.
const RANGES_MAX: usize = 1000;
/// The key of the source in the record of a mixed part. Versions that know of no mirrors find no
/// source in it.
const MIXED: &str = "mixedSource";

impl Record {
    /// Reads a record file. `None` if it is invalid.
    pub fn parse(content: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(content).ok()?;
        let string = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let (mixed, of_ranges) = (string(MIXED), string(RANGED));
        let ranges = match value.get("ranges") {
            Some(ranges) => Some(parse_ranges(ranges)?),
            None if of_ranges.is_some() => return None,
            None => None,
        };
        Some(Self {
            ranges,
            is_mixed: mixed.is_some(),
            source: mixed.or(of_ranges).or_else(|| string("source"))?,
            validator: string("etag")
                .map(Validator::ETag)
                .or_else(|| string("lastModified").map(Validator::LastModified)),
            total: value.get("total").and_then(Value::as_u64),
        })
    }

    /// The content of a record file.
    pub fn to_json(&self) -> String {
        let (etag, last_modified) = match &self.validator {
            Some(Validator::ETag(etag)) => (Some(etag), None),
            Some(Validator::LastModified(date)) => (None, Some(date)),
            None => (None, None),
        };
        let source = match self.is_mixed {
            true => MIXED,
            false if self.ranges.is_some() => RANGED,
            false => "source",
        };
        let mut record =
            json!({ source: self.source, "etag": etag, "lastModified": last_modified, "total": self.total });
        if let Some(ranges) = &self.ranges {
            record["ranges"] = ranges.iter().take(RANGES_MAX).map(|range| json!([range.start, range.end])).collect();
        }
        record.to_string()
    }

    /// The bytes that are there, in a part file of this length.
    pub fn present(&self, length: u64) -> Ranges {
        let Some(ranges) = &self.ranges else {
            return Ranges::up_to(length);
        };
        let mut present = ranges.clone();
        present.truncate(length);
        present
    }
}

fn parse_ranges(value: &Value) -> Option<Ranges> {
    let range = |pair: &Value| {
        let number = |index: usize| pair.get(index).and_then(Value::as_u64);
        let (start, end) = (number(0)?, number(1)?);
        (start <= end).then_some(start..end)
    };
    value.as_array()?.iter().map(range).collect()
}

/// The source that is about to be requested.
#[derive(Clone, Copy, Debug)]
pub struct NextSource<'a> {
    pub name: &'a str,
    /// All sources of the same bytes, as far as the caller knows.
    pub equals: &'a [String],
    /// Whether a digest is expected, so that neither a truncated body nor a mixture can go
    /// unnoticed.
    pub has_digest: bool,
}

/// A request for the rest of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest {
    /// The first requested byte, from 0.
    pub from: u64,
    /// `None`: the bytes before come from another source.
    validator: Option<Validator>,
    total: Option<u64>,
}

impl RangeRequest {
    /// Whether the bytes before come from another source.
    pub fn changes_source(&self) -> bool {
        self.validator.is_none()
    }

    /// The fields of the request. `None` if the validator cannot be a field value.
    pub fn fields(&self) -> Option<HeaderMap> {
        let mut fields = HeaderMap::new();
        fields.insert(header::RANGE, HeaderValue::try_from(format!("bytes={}-", self.from)).ok()?);
        if let Some(Validator::ETag(validator) | Validator::LastModified(validator)) = &self.validator {
            fields.insert(header::IF_RANGE, HeaderValue::from_bytes(validator.as_bytes()).ok()?);
        }
        Some(fields)
    }
}

/// Decides how to request the rest of a part file of `length` bytes. `None`: request the whole
/// file.
pub fn range_request(record: Option<&Record>, length: u64, source: NextSource<'_>) -> Option<RangeRequest> {
    let record = record.filter(|record| !record.is_mixed || source.has_digest)?;
    let is_equal = || source.has_digest && record.total.is_some() && source.equals.contains(&record.source);
    let validator = match record.source == source.name {
        true => Some(record.validator.clone()?),
        false if is_equal() => None,
        false => return None,
    };
    // If the part file is already complete, only its last byte is requested again: a range of no
    // bytes cannot be requested.
    let from = match record.total {
        Some(total) if length > total => return None,
        Some(total) => length.min(total.saturating_sub(1)),
        None => length,
    };
    (from > 0).then_some(RangeRequest { from, validator, total: record.total })
}

/// The consequence of a response for the part file.
#[derive(Debug, PartialEq, Eq)]
pub enum ResumeDecision {
    /// The body is the whole file, of `total` bytes.
    Whole { total: Option<u64> },
    /// The body is the requested rest, from byte `from` of `total`.
    Append { from: u64, total: u64 },
    /// The body is not the requested range: request the whole file.
    RequestAll,
    /// The body is a range that was not requested: fail.
    Refuse,
    /// The status is not a success.
    Failed,
}

/// Decides after the response to `range`, or to a request for the whole file. `length` is the
/// announced length of the body.
pub fn decide(
    range: Option<&RangeRequest>,
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
) -> ResumeDecision {
    let sent = headers.get(header::CONTENT_RANGE).map(|value| content_range(&text(value)));
    let again = if range.is_some() { ResumeDecision::RequestAll } else { ResumeDecision::Refuse };
    match (status, range) {
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => ResumeDecision::RequestAll,
        (StatusCode::PARTIAL_CONTENT, Some(range)) => match sent.flatten() {
            Some(sent) if continues(range, headers, sent, length) => {
                ResumeDecision::Append { from: sent.first, total: sent.total }
            }
            _ => ResumeDecision::RequestAll,
        },
        (StatusCode::PARTIAL_CONTENT, None) => ResumeDecision::Refuse,
        (status, _) if status.is_success() => match sent {
            None => ResumeDecision::Whole { total: length },
            // The field has no meaning here (RFC 9110, 14.4), but some servers send a range with
            // status 200.
            Some(Some(sent)) if sent.first == 0 && sent.last + 1 == sent.total => {
                ResumeDecision::Whole { total: length }
            }
            Some(_) => again,
        },
        _ => ResumeDecision::Failed,
    }
}

/// Whether the response has exactly the requested range of the same representation.
fn continues(range: &RangeRequest, headers: &HeaderMap, sent: ContentRange, length: Option<u64>) -> bool {
    let same = |name: HeaderName, ours: &str| headers.get(name).is_none_or(|theirs| text(theirs) == ours);
    let unchanged = match &range.validator {
        Some(Validator::ETag(etag)) => same(header::ETAG, etag),
        Some(Validator::LastModified(date)) => same(header::LAST_MODIFIED, date),
        // The total, and in the end the digest, are compared instead.
        None => true,
    };
    let is_plain = headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| !text(kind).trim_start().to_ascii_lowercase().starts_with("multipart/byteranges"));
    unchanged
        && is_plain
        && sent.first == range.from
        && sent.last + 1 == sent.total
        && range.total.is_none_or(|total| total == sent.total)
        && length.is_none_or(|length| length == sent.total - sent.first)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub first: u64,
    pub last: u64,
    pub total: u64,
}

/// Reads `bytes 100-199/200` (RFC 9110, 14.4). `None` for anything less definite.
pub(super) fn content_range(value: &str) -> Option<ContentRange> {
    let (unit, rest) = value.trim().split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let range = ContentRange { first: number(first)?, last: number(last)?, total: number(total)? };
    (unit.eq_ignore_ascii_case("bytes") && range.first <= range.last && range.last < range.total).then_some(range)
}

/// Returns the validator of a response with which its body may be continued. `None` without a
/// strong one.
pub fn validator(headers: &HeaderMap) -> Option<Validator> {
    if let Some(etag) = headers.get(header::ETAG).map(text) {
        // A weak `ETag` promises equivalent content, not equal bytes.
        let is_strong = etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"');
        return is_strong.then_some(Validator::ETag(etag));
    }
    let modified = text(headers.get(header::LAST_MODIFIED)?);
    let date = httpdate::parse_http_date(&modified).ok()?;
    // The date is strong only if the file cannot have changed again within the same second (RFC
    // 9110, 8.8.2.2).
    let now = headers.get(header::DATE).and_then(|date| httpdate::parse_http_date(&text(date)).ok());
    let is_strong = now.is_none_or(|now| now.duration_since(date).is_ok_and(|age| age >= Duration::from_secs(1)));
    is_strong.then_some(Validator::LastModified(modified))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn record() -> Record {
        let validator = Some(Validator::ETag("\"v1\"".into()));
        Record { source: "s".into(), validator, total: Some(200), is_mixed: false, ranges: None }
    }

    fn range_request(record: Option<&Record>, length: u64, name: &str) -> Option<RangeRequest> {
        super::range_request(record, length, NextSource { name, equals: &[], has_digest: false })
    }

    /// From the second of two equal sources, `s` and `t`.
    fn range_of_other(record: &Record, has_digest: bool) -> Option<RangeRequest> {
        let equals = ["s".to_owned(), "t".to_owned()];
        super::range_request(Some(record), 100, NextSource { name: "t", equals: &equals, has_digest })
    }

    fn range() -> RangeRequest {
        range_request(Some(&record()), 100, "s").unwrap()
    }

    fn decided(status: u16, fields: &[(&'static str, &str)], length: Option<u64>) -> ResumeDecision {
        decide(Some(&range()), StatusCode::from_u16(status).unwrap(), &headers(fields), length)
    }

    #[test]
    fn only_a_part_of_the_same_source_with_a_validator_is_continued() {
        assert_eq!(range().from, 100);
        assert_eq!(range_request(Some(&record()), 0, "s"), None);
        assert_eq!(range_request(Some(&record()), 100, "other"), None);
        assert_eq!(range_request(Some(&Record { validator: None, ..record() }), 100, "s"), None);
        assert_eq!(range_request(None, 100, "s"), None);
        assert_eq!(range_request(Some(&record()), 200, "s").unwrap().from, 199);
        assert_eq!(range_request(Some(&record()), 201, "s"), None);
        assert_eq!(range_request(Some(&Record { total: Some(1), ..record() }), 1, "s"), None);
        assert_eq!(range_request(Some(&Record { total: None, ..record() }), 50, "s").unwrap().from, 50);
    }

    #[test]
    fn the_request_has_the_byte_and_the_validator() {
        let fields = range().fields().unwrap();
        let field = |name| fields[name].to_str().unwrap();
        assert_eq!((field(header::RANGE), field(header::IF_RANGE)), ("bytes=100-", "\"v1\""));
    }

    #[test]
    fn a_part_of_an_equal_source_is_continued_only_under_a_digest_and_with_a_known_total() {
        let range = range_of_other(&record(), true).unwrap();
        assert!(range.changes_source() && range.from == 100);
        let fields = range.fields().unwrap();
        assert_eq!((fields[header::RANGE].to_str().unwrap(), fields.get(header::IF_RANGE)), ("bytes=100-", None));
        assert_eq!(range_of_other(&record(), false), None);
        assert_eq!(range_of_other(&Record { total: None, ..record() }, true), None);
        assert_eq!(range_of_other(&Record { source: "u".into(), ..record() }, true), None);
        assert!(!range_of_other(&Record { source: "t".into(), ..record() }, true).unwrap().changes_source());
    }

    #[test]
    fn a_mixed_part_is_continued_only_under_a_digest_also_from_its_last_source() {
        let mixed = Record { source: "t".into(), is_mixed: true, ..record() };
        assert_eq!(range_of_other(&mixed, false), None);
        assert!(!range_of_other(&mixed, true).unwrap().changes_source());
    }

    #[test]
    fn the_rest_from_an_equal_source_must_be_of_the_same_total() {
        let range = range_of_other(&record(), true).unwrap();
        let decided = |sent: &str| {
            let fields = headers(&[("content-range", sent), ("etag", "\"of t\"")]);
            decide(Some(&range), StatusCode::PARTIAL_CONTENT, &fields, None)
        };
        assert_eq!(decided("bytes 100-199/200"), ResumeDecision::Append { from: 100, total: 200 });
        for other in ["bytes 100-200/201", "bytes 100-198/199", "bytes 100-199/*", "bytes 99-199/200"] {
            assert_eq!(decided(other), ResumeDecision::RequestAll, "{other}");
        }
    }

    #[test]
    fn the_right_206_is_appended() {
        let right = [("content-range", "bytes 100-199/200"), ("etag", "\"v1\"")];
        assert_eq!(decided(206, &right, Some(100)), ResumeDecision::Append { from: 100, total: 200 });
        assert_eq!(decided(206, &right[..1], None), ResumeDecision::Append { from: 100, total: 200 });
    }

    #[test]
    fn after_any_other_206_the_whole_file_is_requested() {
        for (range, etag, length) in [
            ("bytes 99-199/200", "\"v1\"", None),
            ("bytes 101-199/200", "\"v1\"", None),
            ("bytes 0-199/200", "\"v1\"", None),
            ("bytes 100-198/200", "\"v1\"", None),
            ("bytes 100-200/201", "\"v1\"", None),
            ("bytes 100-199/*", "\"v1\"", None),
            ("bytes 100-199/200", "\"v2\"", None),
            ("bytes 100-199/200", "W/\"v1\"", None),
            ("bytes 100-199/200", "\"v1\"", Some(99)),
            ("items 100-199/200", "\"v1\"", None),
            ("nonsense", "\"v1\"", None),
        ] {
            let fields = [("content-range", range), ("etag", etag)];
            assert_eq!(decided(206, &fields, length), ResumeDecision::RequestAll, "{range} {etag} {length:?}");
        }
        let multipart = [("content-type", "multipart/byteranges; boundary=x")];
        assert_eq!(decided(206, &multipart, Some(500)), ResumeDecision::RequestAll);
        let disguised = [("content-type", "Multipart/byteranges; boundary=x"), ("content-range", "bytes 100-199/200")];
        assert_eq!(decided(206, &disguised, Some(100)), ResumeDecision::RequestAll);
    }

    #[test]
    fn other_responses_to_a_range() {
        assert_eq!(decided(200, &[("etag", "\"v2\"")], Some(300)), ResumeDecision::Whole { total: Some(300) });
        assert_eq!(decided(200, &[("content-range", "bytes 100-199/200")], Some(100)), ResumeDecision::RequestAll);
        assert_eq!(decided(416, &[("content-range", "bytes */200")], Some(0)), ResumeDecision::RequestAll);
        assert_eq!(decided(404, &[], None), ResumeDecision::Failed);
    }

    #[test]
    fn a_range_that_was_not_requested_is_refused() {
        let decide = |status, range: &str| {
            let fields = headers(&[("content-range", range)]);
            decide(None, StatusCode::from_u16(status).unwrap(), &fields, Some(100))
        };
        assert_eq!(decide(206, "bytes 0-99/100"), ResumeDecision::Refuse);
        assert_eq!(decide(200, "bytes 100-199/200"), ResumeDecision::Refuse);
        assert_eq!(decide(200, "bytes 0-99/100"), ResumeDecision::Whole { total: Some(100) });
        assert_eq!(
            super::decide(None, StatusCode::RANGE_NOT_SATISFIABLE, &HeaderMap::new(), None),
            ResumeDecision::Failed
        );
    }

    #[test]
    fn only_strong_validators_count() {
        let of = |fields: &[(&'static str, &str)]| validator(&headers(fields));
        let (old, new) = ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:01 GMT");
        assert_eq!(of(&[("etag", "\"a\""), ("last-modified", old)]), Some(Validator::ETag("\"a\"".into())));
        assert_eq!(of(&[("etag", "W/\"a\""), ("last-modified", old)]), None);
        assert_eq!(of(&[("etag", "a")]), None);
        assert_eq!(of(&[("last-modified", old)]), Some(Validator::LastModified(old.into())));
        assert_eq!(of(&[("last-modified", old), ("date", new)]), Some(Validator::LastModified(old.into())));
        assert_eq!(of(&[("last-modified", old), ("date", old)]), None);
        assert_eq!(of(&[("last-modified", "yesterday")]), None);
    }

    #[test]
    fn a_record_is_read_back_and_nonsense_is_none() {
        for validator in [None, record().validator, Some(Validator::LastModified("x".into()))] {
            for is_mixed in [false, true] {
                let record = Record { validator: validator.clone(), is_mixed, ..record() };
                assert_eq!(Record::parse(record.to_json().as_bytes()), Some(record.clone()));
                let ranged = Record { ranges: Some([0..5, 7..9].into_iter().collect()), ..record };
                assert_eq!(Record::parse(ranged.to_json().as_bytes()), Some(ranged));
            }
        }
        let mixed = Record { is_mixed: true, ..record() }.to_json();
        assert!(!mixed.contains("\"source\""), "versions that know of no mirrors would continue it");
        for nonsense in ["", "{", "[]", "{\"etag\":\"x\"}", "null"] {
            assert_eq!(Record::parse(nonsense.as_bytes()), None);
        }
        for ranges in ["null", "[[1]]", "[[5,2]]", "[[-1,2]]", "{}"] {
            let content = format!("{{\"rangedSource\":\"s\",\"ranges\":{ranges}}}");
            assert_eq!(Record::parse(content.as_bytes()), None, "{ranges}");
        }
        assert_eq!(Record::parse(b"{\"rangedSource\":\"s\"}"), None);
    }

    #[test]
    fn only_bytes_within_the_part_file_are_there() {
        let ranged = Record { ranges: Some([0..5, 7..9].into_iter().collect()), ..record() };
        assert_eq!(ranged.present(8), [0..5, 7..8].into_iter().collect());
        assert_eq!(record().present(8), Ranges::up_to(8));
    }

    #[test]
    fn versions_that_know_of_no_holes_find_no_source() {
        let ranged = Record { ranges: Some(Ranges::default()), ..record() };
        assert!(!ranged.to_json().contains("\"source\""));
    }
}
