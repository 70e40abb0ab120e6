//! Header fields: how callers see them, which are sensitive, and which are added.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, SET_COOKIE};

use crate::base::credential_name::is_credential_name;

/// The value or values of one field name, as Node joins them.
#[derive(Debug, PartialEq, Eq)]
pub enum Joined {
    One(String),
    Many(Vec<String>),
}

/// Fields of which Node drops repetitions (`http.IncomingMessage#headers`).
const FIRST_ONLY: [&str; 18] = [
    "age",
    "authorization",
    "content-length",
    "content-type",
    "etag",
    "expires",
    "from",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "retry-after",
    "server",
    "user-agent",
];

/// Returns the field names in order of first appearance, with repetitions joined as Node joins
/// them: `set-cookie` is always a list, the fields of a fixed list have their first value, `cookie`
/// is joined with `; ` and everything else with `, `.
pub fn joined(headers: &HeaderMap) -> impl Iterator<Item = (&str, Joined)> {
    headers.keys().map(|name| {
        let mut values = headers.get_all(name).iter().map(text);
        let joined = if name == SET_COOKIE {
            Joined::Many(values.collect())
        } else if FIRST_ONLY.contains(&name.as_str()) {
            Joined::One(values.next().unwrap_or_default())
        } else {
            let separator = if name == http::header::COOKIE { "; " } else { ", " };
            Joined::One(values.collect::<Vec<_>>().join(separator))
        };
        (name.as_str(), joined)
    })
}

/// Decodes a value as Latin-1, each byte a character, as Node does.
pub fn text(value: &HeaderValue) -> String {
    match value.to_str() {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Encodes a value as Latin-1, each character a byte, as Node does: the inverse of [`text`]. `None`
/// for characters beyond Latin-1, and for control characters that no value may have.
pub fn latin_1(text: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

/// Whether the value of a field must not be logged. Wider than [`is_credential_name`]: to hide a
/// harmless value does no harm in a log.
pub fn is_sensitive_name(name: &str) -> bool {
    const PARTS: [&str; 7] = ["auth", "cookie", "credential", "key", "password", "secret", "token"];
    let lower = name.to_lowercase();
    PARTS.iter().any(|part| lower.contains(part)) || is_credential_name(name)
}

/// The media type of JSON (RFC 8259).
pub const JSON: &str = "application/json";
/// The media type of text (RFC 2046).
pub const TEXT: &str = "text/plain";

/// Adds the fields of a call with one media type, unless the caller has set them: `Accept`, and
/// `Content-Type` if there is a body.
pub fn expect_media_type(headers: &mut HeaderMap, has_body: bool, media_type: &'static str) {
    let value = HeaderValue::from_static(media_type);
    if has_body {
        headers.entry(CONTENT_TYPE).or_insert_with(|| value.clone());
    }
    headers.entry(ACCEPT).or_insert(value);
}

/// Adds the `Content-Type` of a body that brings its own, unless the caller has set one.
pub fn set_body_type(headers: &mut HeaderMap, media_type: HeaderValue) {
    headers.entry(CONTENT_TYPE).or_insert(media_type);
}

/// Declares a request idempotent, whatever its method, if it has an `Idempotency-Key`
/// (draft-ietf-httpapi-idempotency-key-header).
pub fn idempotent_by_key(headers: &HeaderMap) -> Option<bool> {
    headers.contains_key("idempotency-key").then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    #[test]
    fn repetitions_are_joined_as_node_joins_them() {
        let map = headers(&[
            ("x-list", b"a"),
            ("x-list", b"b"),
            ("set-cookie", b"one=1"),
            ("set-cookie", b"two=2"),
            ("etag", b"\"first\""),
            ("etag", b"\"second\""),
        ]);
        let joined: Vec<_> = joined(&map).collect();
        assert!(joined.contains(&("x-list", Joined::One("a, b".into()))));
        assert!(joined.contains(&("set-cookie", Joined::Many(vec!["one=1".into(), "two=2".into()]))));
        assert!(joined.contains(&("etag", Joined::One("\"first\"".into()))));
        assert_eq!(joined.len(), 3);
    }

    #[test]
    fn values_are_latin_1() {
        let value = HeaderValue::from_bytes(b"caf\xe9").unwrap();
        assert_eq!(text(&value), "caf\u{e9}");
        assert_eq!(latin_1("caf\u{e9}"), Some(value));
        for text in ["\u{20ac}", "a\r\nb", "\0"] {
            assert_eq!(latin_1(text), None, "{text:?}");
        }
    }

    #[test]
    fn sensitive_names_contain_one_of_the_parts_in_any_case() {
        for name in [
            "AUTHORIZATION",
            "x-Api-Key",
            "set-cookie",
            "my-credentials",
            "password",
            "x-SECRET-x",
            "tokens",
            "npm-otp",
            "x-pwd",
        ] {
            assert!(is_sensitive_name(name), "{name}");
        }
        for name in ["", "accept", "content-type", "x-request-id", "etag"] {
            assert!(!is_sensitive_name(name), "{name}");
        }
    }

    #[test]
    fn a_media_type_is_accepted_and_sent_unless_the_caller_set_the_fields() {
        let mut sent = headers(&[]);
        expect_media_type(&mut sent, false, "text/plain");
        assert_eq!(
            (sent.get(ACCEPT).unwrap(), sent.get(CONTENT_TYPE)),
            (&HeaderValue::from_static("text/plain"), None)
        );
        expect_media_type(&mut sent, true, "application/json");
        assert_eq!(
            (&sent[ACCEPT], &sent[CONTENT_TYPE]),
            (&"text/plain".parse().unwrap(), &"application/json".parse().unwrap())
        );
    }

    #[test]
    fn the_type_of_a_body_gives_way_to_that_of_the_caller() {
        let (mut set, mut unset) = (headers(&[("content-type", b"a/b")]), HeaderMap::new());
        for fields in [&mut set, &mut unset] {
            set_body_type(fields, HeaderValue::from_static("multipart/form-data; boundary=x"));
        }
        assert_eq!(set[CONTENT_TYPE], "a/b");
        assert_eq!(unset[CONTENT_TYPE], "multipart/form-data; boundary=x");
    }

    #[test]
    fn an_idempotency_key_is_recognized() {
        assert_eq!(idempotent_by_key(&headers(&[("idempotency-key", b"1")])), Some(true));
        assert_eq!(idempotent_by_key(&headers(&[("x-idempotency-key", b"1")])), None);
    }
}
