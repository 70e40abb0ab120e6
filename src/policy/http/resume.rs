//! Whether an interrupted transfer goes on where it stopped.
//!
//! A part is continued only if the server proves that it still has the same representation: with `Range` and `If-Range`
//! (RFC 9110, 13.1.5) under a strong `ETag`, or a `Last-Modified` that is old enough to be strong, and an answer that
//! says exactly what was asked for. Everything else starts from zero; two representations are never mixed.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::policy::http::headers::text;
use crate::policy::http::ranges::Ranges;

/// What identifies a representation, as the server sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    ETag(String),
    LastModified(String),
}

/// What is known of a part file beside its length: the record that lies next to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// A hash of the URL, which may itself be a secret.
    pub source: String,
    pub validator: Option<Validator>,
    pub total: Option<u64>,
    /// The bytes that are there. `None`: all up to the length of the part file.
    pub ranges: Option<Ranges>,
}

/// The key of the source in the record of a part file with holes. Versions that would take its length for the number of
/// bytes that are there find no source in it.
const RANGED: &str = "rangedSource";
/// Ranges in a record. It is small, and is read by others while it is written.
const RANGES_MAX: usize = 1000;

impl Record {
    pub fn parse(content: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(content).ok()?;
        let string = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let ranged = string(RANGED);
        let ranges = match value.get("ranges") {
            Some(ranges) => Some(parse_ranges(ranges)?),
            None if ranged.is_some() => return None,
            None => None,
        };
        Some(Self {
            ranges,
            source: ranged.or_else(|| string("source"))?,
            validator: string("etag")
                .map(Validator::ETag)
                .or_else(|| string("lastModified").map(Validator::LastModified)),
            total: value.get("total").and_then(Value::as_u64),
        })
    }

    pub fn to_json(&self) -> String {
        let (etag, last_modified) = match &self.validator {
            Some(Validator::ETag(etag)) => (Some(etag), None),
            Some(Validator::LastModified(date)) => (None, Some(date)),
            None => (None, None),
        };
        let source = if self.ranges.is_some() { RANGED } else { "source" };
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

/// What to ask the server for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The first byte wanted.
    pub from: u64,
    validator: Validator,
    total: Option<u64>,
}

impl Ask {
    /// The fields of the request; `None` when the validator cannot be a field value.
    pub fn fields(&self) -> Option<[(HeaderName, HeaderValue); 2]> {
        let (Validator::ETag(validator) | Validator::LastModified(validator)) = &self.validator;
        let range = HeaderValue::try_from(format!("bytes={}-", self.from)).ok()?;
        Some([(header::RANGE, range), (header::IF_RANGE, HeaderValue::from_bytes(validator.as_bytes()).ok()?)])
    }
}

/// Whether to ask for the rest of a part of `length` bytes. `None`: ask for everything.
pub fn ask(record: Option<&Record>, length: u64, source: &str) -> Option<Ask> {
    let record = record.filter(|record| record.source == source)?;
    let validator = record.validator.clone()?;
    // Of a part that is complete its last byte is asked for again: "nothing more" cannot be asked for.
    let from = match record.total {
        Some(total) if length > total => return None,
        Some(total) => length.min(total.saturating_sub(1)),
        None => length,
    };
    (from > 0).then_some(Ask { from, validator, total: record.total })
}

/// What an answer means to the part file.
#[derive(Debug, PartialEq, Eq)]
pub enum ResumeDecision {
    /// The whole body, from its first byte.
    Whole { total: Option<u64> },
    /// The rest, from the byte that was asked for.
    Append { from: u64, total: u64 },
    /// Not what was asked for: ask again, for everything.
    AskForAll,
    /// A slice that nobody asked for.
    Refuse,
    /// Not a success.
    Failed,
}

/// `length` is the announced length of this body.
pub fn decide(asked: Option<&Ask>, status: StatusCode, headers: &HeaderMap, length: Option<u64>) -> ResumeDecision {
    let sent = headers.get(header::CONTENT_RANGE).map(|value| content_range(&text(value)));
    let again = if asked.is_some() { ResumeDecision::AskForAll } else { ResumeDecision::Refuse };
    match (status, asked) {
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => ResumeDecision::AskForAll,
        (StatusCode::PARTIAL_CONTENT, Some(asked)) => match sent.flatten() {
            Some(sent) if continues(asked, headers, sent, length) => {
                ResumeDecision::Append { from: sent.first, total: sent.total }
            }
            _ => ResumeDecision::AskForAll,
        },
        (StatusCode::PARTIAL_CONTENT, None) => ResumeDecision::Refuse,
        (status, _) if status.is_success() => match sent {
            None => ResumeDecision::Whole { total: length },
            // Without meaning here (RFC 9110, 14.4), but some servers send a slice under 200.
            Some(Some(sent)) if sent.first == 0 && sent.last + 1 == sent.total => {
                ResumeDecision::Whole { total: length }
            }
            Some(_) => again,
        },
        _ => ResumeDecision::Failed,
    }
}

fn continues(asked: &Ask, headers: &HeaderMap, sent: ContentRange, length: Option<u64>) -> bool {
    let same = |name: HeaderName, ours: &str| headers.get(name).is_none_or(|theirs| text(theirs) == ours);
    let unchanged = match &asked.validator {
        Validator::ETag(etag) => same(header::ETAG, etag),
        Validator::LastModified(date) => same(header::LAST_MODIFIED, date),
    };
    let is_plain = headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| !text(kind).trim_start().to_ascii_lowercase().starts_with("multipart/byteranges"));
    unchanged
        && is_plain
        && sent.first == asked.from
        && sent.last + 1 == sent.total
        && asked.total.is_none_or(|total| total == sent.total)
        && length.is_none_or(|length| length == sent.total - sent.first)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub first: u64,
    pub last: u64,
    pub total: u64,
}

/// `bytes 100-199/200` (RFC 9110, 14.4); anything less definite is `None`.
pub(super) fn content_range(value: &str) -> Option<ContentRange> {
    let (unit, rest) = value.trim().split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let range = ContentRange { first: number(first)?, last: number(last)?, total: number(total)? };
    (unit.eq_ignore_ascii_case("bytes") && range.first <= range.last && range.last < range.total).then_some(range)
}

/// The validator of an answer under which its body may be continued.
pub fn validator(headers: &HeaderMap) -> Option<Validator> {
    if let Some(etag) = headers.get(header::ETAG).map(text) {
        // A weak one promises equivalent content, not equal bytes.
        let is_strong = etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"');
        return is_strong.then_some(Validator::ETag(etag));
    }
    let modified = text(headers.get(header::LAST_MODIFIED)?);
    let date = httpdate::parse_http_date(&modified).ok()?;
    // Strong only if the file cannot have changed again within the same second (RFC 9110, 8.8.2.2).
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
        Record { source: "s".into(), validator: Some(Validator::ETag("\"v1\"".into())), total: Some(200), ranges: None }
    }

    fn asked() -> Ask {
        ask(Some(&record()), 100, "s").unwrap()
    }

    fn answer(status: u16, fields: &[(&'static str, &str)], length: Option<u64>) -> ResumeDecision {
        decide(Some(&asked()), StatusCode::from_u16(status).unwrap(), &headers(fields), length)
    }

    #[test]
    fn only_a_part_of_the_same_source_with_a_validator_is_continued() {
        assert_eq!(asked().from, 100);
        assert_eq!(ask(Some(&record()), 0, "s"), None);
        assert_eq!(ask(Some(&record()), 100, "other"), None);
        assert_eq!(ask(Some(&Record { validator: None, ..record() }), 100, "s"), None);
        assert_eq!(ask(None, 100, "s"), None);
        assert_eq!(ask(Some(&record()), 200, "s").unwrap().from, 199);
        assert_eq!(ask(Some(&record()), 201, "s"), None);
        assert_eq!(ask(Some(&Record { total: Some(1), ..record() }), 1, "s"), None);
        assert_eq!(ask(Some(&Record { total: None, ..record() }), 50, "s").unwrap().from, 50);
    }

    #[test]
    fn the_request_names_the_byte_and_the_validator() {
        let [range, if_range] = asked().fields().unwrap();
        assert_eq!((range.1.to_str().unwrap(), if_range.1.to_str().unwrap()), ("bytes=100-", "\"v1\""));
    }

    #[test]
    fn the_right_206_is_appended() {
        let right = [("content-range", "bytes 100-199/200"), ("etag", "\"v1\"")];
        assert_eq!(answer(206, &right, Some(100)), ResumeDecision::Append { from: 100, total: 200 });
        assert_eq!(answer(206, &right[..1], None), ResumeDecision::Append { from: 100, total: 200 });
    }

    #[test]
    fn any_other_206_is_asked_again_for_everything() {
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
            assert_eq!(answer(206, &fields, length), ResumeDecision::AskForAll, "{range} {etag} {length:?}");
        }
        let multipart = [("content-type", "multipart/byteranges; boundary=x")];
        assert_eq!(answer(206, &multipart, Some(500)), ResumeDecision::AskForAll);
        let disguised = [("content-type", "Multipart/byteranges; boundary=x"), ("content-range", "bytes 100-199/200")];
        assert_eq!(answer(206, &disguised, Some(100)), ResumeDecision::AskForAll);
    }

    #[test]
    fn other_answers_to_a_range() {
        assert_eq!(answer(200, &[("etag", "\"v2\"")], Some(300)), ResumeDecision::Whole { total: Some(300) });
        assert_eq!(answer(200, &[("content-range", "bytes 100-199/200")], Some(100)), ResumeDecision::AskForAll);
        assert_eq!(answer(416, &[("content-range", "bytes */200")], Some(0)), ResumeDecision::AskForAll);
        assert_eq!(answer(404, &[], None), ResumeDecision::Failed);
    }

    #[test]
    fn a_slice_that_nobody_asked_for_is_refused() {
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
            let record = Record { validator, ..record() };
            assert_eq!(Record::parse(record.to_json().as_bytes()), Some(record.clone()));
            let ranged = Record { ranges: Some([0..5, 7..9].into_iter().collect()), ..record };
            assert_eq!(Record::parse(ranged.to_json().as_bytes()), Some(ranged));
        }
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
