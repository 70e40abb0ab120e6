//! Lines about part files and whether they are resumed.

use http::StatusCode;
use url::Url;

use crate::base::error::{Error, redacted};
use crate::policy::http::resume::{Record, ResumeDecision};
use crate::policy::text::debug::network::error_with_code;

/// The plan for a part file before the request.
pub fn plan(call: &str, is_wanted: bool, record: Option<&Record>, length: u64, from: Option<u64>) -> String {
    match from {
        Some(from) => format!("{call}: the part file has {length} bytes, requests the rest from byte {from}"),
        None if length == 0 => format!("{call}: no part file to resume"),
        None => {
            let why = match record {
                _ if !is_wanted => "resume is off, or the caller set Range",
                None => "it has no record",
                Some(Record { validator: None, .. }) => "its response had no strong ETag or Last-Modified",
                Some(Record { total: Some(total), .. }) if length > *total => "it is longer than the file",
                Some(_) => "it is of another URL or other credentials",
            };
            format!("{call}: the part file of {length} bytes is not resumed: {why}")
        }
    }
}

/// A source that has failed, and the one that is tried next.
pub fn next_source(failed: &Url, next: &Url, error: &Error) -> String {
    format!("GET {}: this source failed, tries {} next: {}", redacted(failed), redacted(next), error_with_code(error))
}

/// Whether several connections fetch a file.
pub fn ranges(call: &str, status: StatusCode, total: Option<u64>, connections: usize) -> String {
    match total {
        Some(total) => format!("{call}: fetches ranges of {total} bytes over {connections} connections at most"),
        None => format!(
            "{call}: one connection: the response ({}) is not a range with a strong validator, or the file is small",
            status.as_u16()
        ),
    }
}

/// The consequence of the response for the part file.
pub fn outcome(call: &str, was_range: bool, status: StatusCode, decision: &ResumeDecision) -> Option<String> {
    let status = status.as_u16();
    match decision {
        ResumeDecision::Append { from, total } => Some(format!("{call}: resumes at byte {from} of {total}")),
        ResumeDecision::Whole { .. } if was_range => {
            Some(format!("{call}: starts from zero: the server sent the whole file ({status}), it may have changed"))
        }
        ResumeDecision::RequestAll => Some(format!(
            "{call}: starts from zero: the response ({status}) is not the requested range of the same file"
        )),
        ResumeDecision::Whole { .. } | ResumeDecision::Refuse | ResumeDecision::Failed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::http::resume::Validator;

    #[test]
    fn a_part_that_is_not_resumed_has_a_reason() {
        let etag = Some(Validator::ETag("\"a\"".to_owned()));
        let record =
            |validator, total| Record { source: "s".to_owned(), validator, total, is_mixed: false, ranges: None };
        for (is_wanted, record, expected) in [
            (false, Some(record(etag.clone(), None)), "resume is off"),
            (true, None, "no record"),
            (true, Some(record(None, None)), "no strong ETag"),
            (true, Some(record(etag.clone(), Some(9))), "longer than the file"),
            (true, Some(record(etag, Some(99))), "another URL"),
        ] {
            let line = plan("GET http://a/", is_wanted, record.as_ref(), 10, None);
            assert!(line.contains(expected), "{line}");
        }
        assert!(plan("GET http://a/", true, None, 0, None).ends_with("no part file to resume"));
        assert!(plan("GET http://a/", true, None, 10, Some(10)).ends_with("from byte 10"));
    }
}
