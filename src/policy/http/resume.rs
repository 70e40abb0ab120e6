//! Whether an interrupted transfer goes on where it stopped.
//!
//! A part is continued only if the server proves that it still has the same representation: with `Range` and `If-Range`
//! (RFC 9110, 13.1.5) under a strong `ETag`, or a `Last-Modified` that is old enough to be strong, and an answer that
//! says exactly what was asked for. Everything else starts from zero; two representations are never mixed.
//!
//! The one exception are sources that the caller calls equal (mirrors). Nothing that they send proves it, so a part of one
//! is continued from another only when a digest of the whole file is expected and the totals agree. From then on its
//! record says that it is mixed, and nobody without a digest continues it.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::policy::http::headers::text;

/// What identifies a representation, as the server sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    ETag(String),
    LastModified(String),
}

/// What is known of a part file beside its length: the record that lies next to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// A hash of the URL, which may itself be a secret. Of several sources, the last.
    pub source: String,
    pub validator: Option<Validator>,
    pub total: Option<u64>,
    /// Whether the bytes come from several sources.
    pub is_mixed: bool,
}

/// The key of the source in a record of a mixed part. Versions that know of no other source find none.
const MIXED: &str = "mixedSource";

impl Record {
    pub fn parse(content: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(content).ok()?;
        let string = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let mixed = string(MIXED);
        Some(Self {
            is_mixed: mixed.is_some(),
            source: mixed.or_else(|| string("source"))?,
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
        let source = if self.is_mixed { MIXED } else { "source" };
        json!({ source: self.source, "etag": etag, "lastModified": last_modified, "total": self.total }).to_string()
    }
}

/// The source that is to be asked.
#[derive(Clone, Copy, Debug)]
pub struct AskedSource<'a> {
    pub source: &'a str,
    /// All sources of the same bytes, as far as the caller knows.
    pub equals: &'a [String],
    /// Whether the whole file is compared with what it must be.
    pub has_digest: bool,
}

/// What to ask the server for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The first byte wanted.
    pub from: u64,
    /// `None`: the bytes that are there come from another source.
    validator: Option<Validator>,
    total: Option<u64>,
}

impl Ask {
    /// Whether the bytes that are there come from another source.
    pub fn is_elsewhere(&self) -> bool {
        self.validator.is_none()
    }

    /// The fields of the request; `None` when the validator cannot be a field value.
    pub fn fields(&self) -> Option<HeaderMap> {
        let mut fields = HeaderMap::new();
        fields.insert(header::RANGE, HeaderValue::try_from(format!("bytes={}-", self.from)).ok()?);
        if let Some(Validator::ETag(validator) | Validator::LastModified(validator)) = &self.validator {
            fields.insert(header::IF_RANGE, HeaderValue::from_bytes(validator.as_bytes()).ok()?);
        }
        Some(fields)
    }
}

/// Whether to ask for the rest of a part of `length` bytes. `None`: ask for everything.
pub fn ask(record: Option<&Record>, length: u64, asked: AskedSource<'_>) -> Option<Ask> {
    let record = record.filter(|record| !record.is_mixed || asked.has_digest)?;
    let is_equal = || asked.has_digest && record.total.is_some() && asked.equals.contains(&record.source);
    let validator = match record.source == asked.source {
        true => Some(record.validator.clone()?),
        false if is_equal() => None,
        false => return None,
    };
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
        Some(Validator::ETag(etag)) => same(header::ETAG, etag),
        Some(Validator::LastModified(date)) => same(header::LAST_MODIFIED, date),
        // The total, and in the end the digest, must do.
        None => true,
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
struct ContentRange {
    first: u64,
    last: u64,
    total: u64,
}

/// `bytes 100-199/200` (RFC 9110, 14.4); anything less definite is `None`.
fn content_range(value: &str) -> Option<ContentRange> {
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
        let validator = Some(Validator::ETag("\"v1\"".into()));
        Record { source: "s".into(), validator, total: Some(200), is_mixed: false }
    }

    fn ask(record: Option<&Record>, length: u64, source: &str) -> Option<Ask> {
        super::ask(record, length, AskedSource { source, equals: &[], has_digest: false })
    }

    /// Of the second of two equal sources, `s` and `t`.
    fn ask_other(record: &Record, length: u64, has_digest: bool) -> Option<Ask> {
        let equals = ["s".to_owned(), "t".to_owned()];
        super::ask(Some(record), length, AskedSource { source: "t", equals: &equals, has_digest })
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
        let fields = asked().fields().unwrap();
        assert_eq!(
            (&fields[header::RANGE], &fields[header::IF_RANGE]),
            (&"bytes=100-".parse().unwrap(), &"\"v1\"".parse().unwrap())
        );
    }

    #[test]
    fn a_part_of_an_equal_source_is_continued_only_under_a_digest_and_with_a_known_total() {
        let asked = ask_other(&record(), 100, true).unwrap();
        assert!(asked.is_elsewhere() && asked.from == 100);
        let fields = asked.fields().unwrap();
        assert_eq!((&fields[header::RANGE], fields.get(header::IF_RANGE)), (&"bytes=100-".parse().unwrap(), None));
        assert_eq!(ask_other(&record(), 100, false), None);
        assert_eq!(ask_other(&Record { total: None, ..record() }, 100, true), None);
        assert_eq!(ask_other(&Record { source: "u".into(), ..record() }, 100, true), None);
        assert!(!ask_other(&Record { source: "t".into(), ..record() }, 100, true).unwrap().is_elsewhere());
    }

    #[test]
    fn a_mixed_part_is_continued_only_under_a_digest_also_by_its_last_source() {
        let mixed = Record { source: "t".into(), is_mixed: true, ..record() };
        assert_eq!(ask_other(&mixed, 100, false), None);
        assert!(!ask_other(&mixed, 100, true).unwrap().is_elsewhere());
    }

    #[test]
    fn the_rest_from_an_equal_source_must_be_of_the_same_total() {
        let asked = ask_other(&record(), 100, true).unwrap();
        let answer = |range: &str| {
            let fields = headers(&[("content-range", range), ("etag", "\"of t\"")]);
            decide(Some(&asked), StatusCode::PARTIAL_CONTENT, &fields, None)
        };
        assert_eq!(answer("bytes 100-199/200"), ResumeDecision::Append { from: 100, total: 200 });
        for other in ["bytes 100-200/201", "bytes 100-198/199", "bytes 100-199/*", "bytes 99-199/200"] {
            assert_eq!(answer(other), ResumeDecision::AskForAll, "{other}");
        }
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
            for is_mixed in [false, true] {
                let record = Record { validator: validator.clone(), is_mixed, ..record() };
                assert_eq!(Record::parse(record.to_json().as_bytes()), Some(record));
            }
        }
        // Who knows of no mixed parts finds no source.
        let mixed = Record { is_mixed: true, ..record() }.to_json();
        assert!(serde_json::from_str::<Value>(&mixed).unwrap().get("source").is_none());
        for nonsense in ["", "{", "[]", "{\"etag\":\"x\"}", "null"] {
            assert_eq!(Record::parse(nonsense.as_bytes()), None);
        }
    }
}
