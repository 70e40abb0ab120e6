//! Records as entries of the cache: encrypted metadata, and the body as content.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::io::cache::cacache::milliseconds;
use crate::io::cache::store::record::Record;
use crate::policy::cache::freshness::CachedResponse;
use crate::policy::cache::key::Secret;
use crate::policy::cache::sealed;
use crate::policy::http::headers::{latin_1, text};

/// The metadata of an entry. Header fields may hold secrets under any name, so all of them are
/// encrypted.
#[derive(Debug, Deserialize, Serialize)]
struct Sealed {
    sealed: String,
}

/// The text that is encrypted.
#[derive(Debug, Deserialize, Serialize)]
struct Metadata {
    /// Milliseconds since 1970.
    time: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    varies: Vec<String>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    status_text: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

pub fn encode(secret: &Secret, key: &str, nonce: &sealed::Nonce, record: &Record) -> (Option<Box<RawValue>>, Bytes) {
    let (metadata, content) = match record {
        Record::Response(stored) => {
            let headers = stored.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            let metadata = Metadata {
                time: milliseconds(stored.time),
                varies: Vec::new(),
                status: stored.status.as_u16(),
                status_text: stored.status_text.clone(),
                headers,
            };
            (metadata, stored.body.clone())
        }
        Record::Varies(names) => {
            let varies = names.iter().map(ToString::to_string).collect();
            let time = milliseconds(SystemTime::now());
            (Metadata { time, varies, status: 0, status_text: String::new(), headers: Vec::new() }, Bytes::new())
        }
    };
    let sealed = serde_json::to_vec(&metadata).ok().and_then(|text| sealed::seal(secret, key, nonce, &text));
    (sealed.and_then(|sealed| serde_json::value::to_raw_value(&Sealed { sealed }).ok()), content)
}

pub fn decode(secret: &Secret, key: &str, metadata: &RawValue, content: Vec<u8>) -> Option<Record> {
    let Sealed { sealed } = serde_json::from_str(metadata.get()).ok()?;
    let metadata: Metadata = serde_json::from_slice(&sealed::open(secret, key, &sealed)?).ok()?;
    if !metadata.varies.is_empty() {
        let names: Option<Vec<_>> =
            metadata.varies.iter().map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect();
        return Some(Record::Varies(names?.into()));
    }
    let status = StatusCode::from_u16(metadata.status).ok().filter(StatusCode::is_success)?;
    let mut headers = HeaderMap::new();
    for (name, value) in metadata.headers {
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, latin_1(&value)?);
    }
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(metadata.time))?;
    Some(Record::Response(Arc::new(CachedResponse::new(status, metadata.status_text, headers, content.into(), time))))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn stored(body: &str) -> Record {
        let mut headers = HeaderMap::new();
        headers.append("x", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        headers.append("link", HeaderValue::from_static("a"));
        headers.append("link", HeaderValue::from_static("b"));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let body = Bytes::from(body.to_owned());
        Record::Response(Arc::new(CachedResponse::new(StatusCode::OK, "Fine".to_owned(), headers, body, time)))
    }

    const SECRET_OF_ALL: Secret = Secret([7; 32]);

    #[test]
    fn a_response_is_read_as_it_was_written() {
        let (metadata, content) = encode(&SECRET_OF_ALL, "k", &[0; 12], &stored("body"));
        let (Some(Record::Response(back)), Record::Response(before)) =
            (decode(&SECRET_OF_ALL, "k", &metadata.unwrap(), content.into()), stored("body"))
        else {
            panic!("not a response")
        };
        assert_eq!((&back.headers, back.time, &back.body), (&before.headers, before.time, &before.body));
        assert_eq!((back.status, &back.status_text), (before.status, &before.status_text));
    }

    #[test]
    fn nothing_but_the_body_of_a_response_is_readable() {
        let varies = Record::Varies([HeaderName::from_static("x-varies")].into());
        for each in [stored("body"), varies] {
            let (metadata, _) = encode(&SECRET_OF_ALL, "k", &[0; 12], &each);
            let metadata = metadata.unwrap();
            assert!(metadata.get().starts_with("{\"sealed\":\""), "{metadata}");
            for part in ["link", "Fine", "time", "status", "varies"] {
                assert!(!metadata.get()[12..].contains(part), "{metadata}");
            }
        }
    }

    #[test]
    fn metadata_of_others_is_no_response() {
        for text in ["{}", "[]", "null", "{\"time\":1,\"status\":200}", "{\"sealed\":\"AAAA\"}"] {
            let metadata = RawValue::from_string(text.to_owned()).unwrap();
            assert!(decode(&SECRET_OF_ALL, "k", &metadata, Vec::new()).is_none(), "{text}");
        }
        for text in
            ["{}", "null", "{\"time\":1,\"status\":404}", "{\"time\":1,\"status\":200,\"headers\":[[\"a b\",\"c\"]]}"]
        {
            let sealed = sealed::seal(&SECRET_OF_ALL, "k", &[0; 12], text.as_bytes()).unwrap();
            let metadata = serde_json::value::to_raw_value(&Sealed { sealed }).unwrap();
            assert!(decode(&SECRET_OF_ALL, "k", &metadata, Vec::new()).is_none(), "{text}");
        }
    }
}
