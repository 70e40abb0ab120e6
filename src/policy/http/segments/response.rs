//! Classifies the response to a request for a range.
//!
//! Bytes of a range are taken only if the server says that they are exactly those that were
//! requested, of the representation that the others are of: the same strong validator and the
//! same total.

use std::ops::Range;

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, StatusCode};

use crate::policy::http::headers::text;
use crate::policy::http::resume::{self, ContentRange, ResumeDecision, Validator, content_range};

/// A request for a range of a known representation, or for the first bytes of one that is not known
/// yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRequest {
    pub range: Range<u64>,
    /// The validator and the length of the representation.
    pub of: Option<(Validator, u64)>,
}

impl SegmentRequest {
    /// The fields of the request. `None` if the validator cannot be a field value.
    pub fn fields(&self) -> Option<HeaderMap> {
        let mut fields = HeaderMap::new();
        let Range { start, end } = self.range;
        fields.insert(header::RANGE, HeaderValue::try_from(format!("bytes={start}-{}", end.saturating_sub(1))).ok()?);
        if let Some((Validator::ETag(validator) | Validator::LastModified(validator), _)) = &self.of {
            fields.insert(header::IF_RANGE, HeaderValue::from_bytes(validator.as_bytes()).ok()?);
        }
        Some(fields)
    }
}

/// The next step after the first response of a download over several connections.
#[derive(Debug, PartialEq, Eq)]
pub enum FirstDecision {
    /// The range, the beginning of which was requested, of this representation.
    Segments { range: Range<u64>, validator: Validator, total: u64 },
    /// The same as a response to a request without a range.
    Other(ResumeDecision),
}

/// `length` is the announced length of this body.
pub fn decide_first(
    requested: &SegmentRequest,
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
) -> FirstDecision {
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let sent = sent(headers, length);
            let validator = match &requested.of {
                Some((validator, total)) => sent
                    .as_ref()
                    .filter(|sent| sent.total == *total && is_unchanged(validator, headers))
                    .map(|_| validator.clone()),
                None => resume::validator(headers),
            };
            match (sent, validator) {
                (Some(sent), Some(validator)) if is_requested(&requested.range, &sent) => {
                    FirstDecision::Segments { range: sent.first..sent.last + 1, validator, total: sent.total }
                }
                _ => FirstDecision::Other(ResumeDecision::RequestAll),
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE => FirstDecision::Other(ResumeDecision::RequestAll),
        status => match resume::decide(None, status, headers, length) {
            // A slice under 200, which a request without a range may not get.
            ResumeDecision::Refuse => FirstDecision::Other(ResumeDecision::RequestAll),
            other => FirstDecision::Other(other),
        },
    }
}

/// The next step after the response to one of several connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeDecision {
    /// The bytes that were requested.
    Take,
    /// The server wants fewer connections.
    Fewer,
    /// No range, or not this one of this representation.
    Unusable,
    /// Another failure.
    Failed,
}

/// `length` is the announced length of this body.
pub fn decide_range(
    requested: &SegmentRequest,
    status: StatusCode,
    headers: &HeaderMap,
    length: Option<u64>,
) -> RangeDecision {
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let is_right = sent(headers, length).is_some_and(|sent| {
                sent.first == requested.range.start
                    && sent.last + 1 == requested.range.end
                    && requested
                        .of
                        .as_ref()
                        .is_none_or(|(validator, total)| sent.total == *total && is_unchanged(validator, headers))
            });
            if is_right { RangeDecision::Take } else { RangeDecision::Unusable }
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => RangeDecision::Fewer,
        StatusCode::RANGE_NOT_SATISFIABLE => RangeDecision::Unusable,
        status if status.is_success() => RangeDecision::Unusable,
        _ => RangeDecision::Failed,
    }
}

/// The range of a response that holds this range and nothing else.
fn sent(headers: &HeaderMap, length: Option<u64>) -> Option<ContentRange> {
    let is_multipart =
        |kind: &HeaderValue| text(kind).trim_start().to_ascii_lowercase().starts_with("multipart/byteranges");
    if headers.get(header::CONTENT_TYPE).is_some_and(is_multipart) {
        return None;
    }
    let sent = content_range(&text(headers.get(header::CONTENT_RANGE)?))?;
    length.is_none_or(|length| length == sent.last + 1 - sent.first).then_some(sent)
}

/// Whether it is the requested range, cut at the end of the representation.
fn is_requested(requested: &Range<u64>, sent: &ContentRange) -> bool {
    sent.first == requested.start && sent.last + 1 == requested.end.min(sent.total)
}

fn is_unchanged(validator: &Validator, headers: &HeaderMap) -> bool {
    let is = |name: HeaderName, ours: &str| headers.get(name).is_none_or(|theirs| text(theirs) == ours);
    match validator {
        Validator::ETag(etag) => is(header::ETAG, etag),
        Validator::LastModified(date) => is(header::LAST_MODIFIED, date),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

    fn etag() -> Validator {
        Validator::ETag("\"v1\"".into())
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn range(status: u16, fields: &[(&'static str, &str)], length: Option<u64>) -> RangeDecision {
        let requested = SegmentRequest { range: 100..150, of: Some((etag(), 200)) };
        decide_range(&requested, StatusCode::from_u16(status).unwrap(), &headers(fields), length)
    }

    fn first(status: u16, fields: &[(&'static str, &str)], length: Option<u64>) -> FirstDecision {
        let requested = SegmentRequest { range: 0..50, of: None };
        decide_first(&requested, StatusCode::from_u16(status).unwrap(), &headers(fields), length)
    }

    #[test]
    fn a_request_names_its_first_and_last_byte_and_the_validator() {
        let request = SegmentRequest { range: 100..150, of: Some((etag(), 200)) };
        let fields = request.fields().unwrap();
        assert_eq!(
            (&fields[header::RANGE], &fields[header::IF_RANGE]),
            (&"bytes=100-149".parse().unwrap(), &"\"v1\"".parse().unwrap())
        );
        let fields = SegmentRequest { range: 0..50, of: None }.fields().unwrap();
        assert_eq!((fields.len(), &fields[header::RANGE]), (1, &"bytes=0-49".parse().unwrap()));
    }

    #[test]
    fn exactly_the_range_of_the_same_representation_is_taken() {
        let right = [("content-range", "bytes 100-149/200"), ("etag", "\"v1\"")];
        assert_eq!(range(206, &right, Some(50)), RangeDecision::Take);
        assert_eq!(range(206, &right[..1], None), RangeDecision::Take);
        for (content_range, etag, length) in [
            ("bytes 99-149/200", "\"v1\"", None),
            ("bytes 100-148/200", "\"v1\"", None),
            ("bytes 100-199/200", "\"v1\"", None),
            ("bytes 100-149/201", "\"v1\"", None),
            ("bytes 100-149/*", "\"v1\"", None),
            ("bytes 100-149/200", "\"v2\"", None),
            ("bytes 100-149/200", "W/\"v1\"", None),
            ("bytes 100-149/200", "\"v1\"", Some(49)),
            ("items 100-149/200", "\"v1\"", None),
        ] {
            let fields = [("content-range", content_range), ("etag", etag)];
            assert_eq!(range(206, &fields, length), RangeDecision::Unusable, "{content_range} {etag} {length:?}");
        }
        let multipart = [right[0], right[1], ("content-type", "Multipart/Byteranges; boundary=x")];
        assert_eq!(range(206, &multipart, Some(50)), RangeDecision::Unusable);
        assert_eq!(range(206, &right[1..], Some(50)), RangeDecision::Unusable);
    }

    #[test]
    fn a_busy_server_wants_fewer_connections_and_the_whole_file_is_no_range() {
        assert_eq!(range(429, &[], None), RangeDecision::Fewer);
        assert_eq!(range(503, &[], None), RangeDecision::Fewer);
        assert_eq!(range(200, &[("etag", "\"v1\"")], Some(200)), RangeDecision::Unusable);
        assert_eq!(range(416, &[], None), RangeDecision::Unusable);
        assert_eq!(range(500, &[], None), RangeDecision::Failed);
        assert_eq!(range(404, &[], None), RangeDecision::Failed);
    }

    #[test]
    fn the_first_response_tells_the_representation() {
        let right = [("content-range", "bytes 0-49/200"), ("etag", "\"v1\"")];
        let segments = |range, total| FirstDecision::Segments { range, validator: etag(), total };
        assert_eq!(first(206, &right, Some(50)), segments(0..50, 200));
        assert_eq!(first(206, &[("content-range", "bytes 0-29/30"), right[1]], Some(30)), segments(0..30, 30));
        let dated = first(206, &[right[0], ("last-modified", OLD)], None);
        assert!(matches!(dated, FirstDecision::Segments { validator: Validator::LastModified(_), .. }));
    }

    #[test]
    fn without_ranges_and_a_strong_validator_there_is_one_connection() {
        let all = FirstDecision::Other(ResumeDecision::RequestAll);
        let right = ("content-range", "bytes 0-49/200");
        assert_eq!(first(206, &[right], Some(50)), all);
        assert_eq!(first(206, &[right, ("etag", "W/\"v1\"")], Some(50)), all);
        assert_eq!(first(206, &[("content-range", "bytes 0-48/200"), ("etag", "\"v1\"")], None), all);
        assert_eq!(first(206, &[("content-range", "bytes 0-49/*"), ("etag", "\"v1\"")], None), all);
        assert_eq!(first(416, &[("content-range", "bytes */0")], Some(0)), all);
        assert_eq!(first(200, &[("content-range", "bytes 50-99/200")], Some(50)), all);
        let whole = FirstDecision::Other(ResumeDecision::Whole { total: Some(200) });
        assert_eq!(first(200, &[("etag", "\"v1\"")], Some(200)), whole);
        assert_eq!(first(503, &[], None), FirstDecision::Other(ResumeDecision::Failed));
    }

    #[test]
    fn a_known_representation_must_be_the_same_one() {
        let requested = SegmentRequest { range: 100..150, of: Some((etag(), 200)) };
        let decide = |fields: &[(&'static str, &str)]| {
            decide_first(&requested, StatusCode::PARTIAL_CONTENT, &headers(fields), None)
        };
        let right = ("content-range", "bytes 100-149/200");
        assert_eq!(
            decide(&[right, ("etag", "\"v1\"")]),
            FirstDecision::Segments { range: 100..150, validator: etag(), total: 200 }
        );
        let all = FirstDecision::Other(ResumeDecision::RequestAll);
        assert_eq!(decide(&[right, ("etag", "\"v2\"")]), all);
        assert_eq!(decide(&[("content-range", "bytes 100-149/300"), ("etag", "\"v1\"")]), all);
    }
}
