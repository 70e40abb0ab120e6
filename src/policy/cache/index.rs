//! The index of npm's cacache: the content of each key.
//!
//! A bucket is a file for the keys of one hash. Each line is an entry after its own digest:
//! `<SHA-1 of the JSON>\t<JSON>`. The last entry of a key counts, and one without `integrity` says
//! that the key was removed. A line that does not match its digest was not written completely, and
//! is ignored.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// An entry of the index: one line of a bucket.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Entry {
    pub key: String,
    /// The digest of the content, as Subresource Integrity. `None`: the key was removed.
    pub integrity: Option<String>,
    /// The time of writing, in milliseconds since 1970. 0 for any other value, which other writers
    /// may choose.
    #[serde(default, deserialize_with = "whole")]
    pub time: u64,
    /// Bytes of the content.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "size")]
    pub size: Option<u64>,
    /// JSON of the writer, unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub metadata: Option<Box<RawValue>>,
}

/// Reads any value: `None` unless it is a size. No value of another program makes a line invalid,
/// because an invalid line would restore the entry that it replaces.
fn size<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u64>, D::Error> {
    Value::deserialize(json).map(|value| value.as_u64())
}

fn whole<'de, D: Deserializer<'de>>(json: D) -> Result<u64, D::Error> {
    size(json).map(Option::unwrap_or_default)
}

/// Reads any value, `null` included.
fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(json).map(Some)
}

impl Entry {
    /// Whether the key has content, and was not removed.
    fn has_content(&self) -> bool {
        self.integrity.as_ref().is_some_and(|integrity| !integrity.is_empty())
    }
}

/// The directory of all buckets, in the directory of the cache.
pub const DIRECTORY: &str = "index-v5";

/// Returns the path of a key's bucket, in the directory of the cache.
pub fn path(key: &str) -> PathBuf {
    let name = hex::encode(Sha256::digest(key));
    Path::new(DIRECTORY).join(&name[..2]).join(&name[2..4]).join(&name[4..])
}

/// Returns the line to append to a bucket, in one call. It begins with a line break, so that an
/// incomplete line before it does not spoil it.
pub fn line(entry: &Entry) -> String {
    // An entry of strings, numbers and JSON can always be serialized.
    let json = serde_json::to_string(entry).unwrap_or_default();
    format!("\n{}\t{json}", hex::encode(Sha1::digest(&json)))
}

/// Returns the entry of a key, if it has content.
pub fn find(bucket: &[u8], key: &str) -> Option<Entry> {
    entries(bucket).find(|entry| entry.key == key).filter(Entry::has_content)
}

/// Returns the entries of all keys that have content, in no order.
pub fn latest(bucket: &[u8]) -> Vec<Entry> {
    let mut seen = HashSet::new();
    entries(bucket).filter(|entry| seen.insert(entry.key.clone()) && entry.has_content()).collect()
}

/// The entries of the valid lines, the last one first.
fn entries(bucket: &[u8]) -> impl Iterator<Item = Entry> {
    bucket.rsplit(|&byte| byte == b'\n').filter_map(|line| {
        let (digest, json) = std::str::from_utf8(line).ok()?.split_once('\t')?;
        let is_whole = digest == hex::encode(Sha1::digest(json));
        is_whole.then(|| serde_json::from_str(json).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As npm's cacache 19 wrote it, for the key `a`, without metadata.
    const WRITTEN: &str = "\n5f982e850da5a42da04ed911e6ea7483fada7959\t{\"key\":\"a\",\"integrity\":\"\
        sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==\",\"time\":1}";

    fn entry(key: &str, integrity: Option<&str>) -> Entry {
        let metadata = RawValue::from_string("{\"b\":1,\"a\":[2]}".to_owned()).unwrap();
        Entry {
            key: key.to_owned(),
            integrity: integrity.map(str::to_owned),
            time: 1,
            size: Some(2),
            metadata: Some(metadata),
        }
    }

    fn found(bucket: &str, key: &str) -> Option<String> {
        find(bucket.as_bytes(), key).and_then(|entry| entry.integrity)
    }

    #[test]
    fn the_last_line_of_a_key_counts() {
        let bucket = [("a", "1"), ("b", "2"), ("a", "3")].map(|(key, sri)| line(&entry(key, Some(sri)))).concat();
        assert_eq!(found(&bucket, "a").as_deref(), Some("3"));
        assert_eq!(found(&bucket, "b").as_deref(), Some("2"));
        assert_eq!(found(&bucket, "c"), None);
        assert_eq!(latest(bucket.as_bytes()).len(), 2);
    }

    #[test]
    fn a_line_without_integrity_removes_the_key() {
        let bucket = [line(&entry("a", Some("1"))), line(&entry("a", None))].concat();
        assert_eq!(found(&bucket, "a"), None);
        assert!(latest(bucket.as_bytes()).is_empty());
    }

    #[test]
    fn invalid_lines_are_ignored() {
        let whole = line(&entry("a", Some("1")));
        let later = line(&entry("a", Some("2")));
        for broken in [&later[..later.len() - 1], &later.replace("\"2\"", "\"9\""), "\n\t", "\n", "\nx", "\n\u{0}\t{}"]
        {
            assert_eq!(found(&format!("{whole}{broken}"), "a").as_deref(), Some("1"), "{broken:?}");
            assert_eq!(found(&format!("{broken}{whole}"), "a").as_deref(), Some("1"), "{broken:?}");
        }
        let mut bytes = whole.into_bytes();
        bytes.extend(b"\n\xff\xfe\t{}");
        assert!(find(&bytes, "a").is_some());
    }

    #[test]
    fn metadata_stays_as_it_was_written() {
        let bucket = line(&entry("tab\tand\nline", Some("1")));
        assert_eq!(bucket.matches('\n').count(), 1);
        let entry = find(bucket.as_bytes(), "tab\tand\nline").unwrap();
        assert_eq!(entry.metadata.unwrap().get(), "{\"b\":1,\"a\":[2]}");
    }

    #[test]
    fn a_line_counts_whatever_its_time_and_size_are() {
        let old = line(&entry("a", Some("old")));
        for value in ["1.5", "-1", "1e21", "\"x\"", "null", "{}"] {
            let json =
                format!("{{\"key\":\"a\",\"integrity\":\"new\",\"time\":{value},\"size\":{value},\"metadata\":null}}");
            let bucket = format!("{old}\n{}\t{json}", hex::encode(Sha1::digest(&json)));
            let entry = find(bucket.as_bytes(), "a").unwrap();
            assert_eq!((entry.integrity.as_deref(), entry.time, entry.size), (Some("new"), 0, None), "{value}");
            assert_eq!(entry.metadata.unwrap().get(), "null");
        }
        assert_eq!(found(&format!("{old}{}", line(&entry("a", Some("")))), "a"), None);
    }

    #[test]
    fn lines_of_npm_are_read() {
        let entry = find(WRITTEN.as_bytes(), "a").unwrap();
        assert_eq!((entry.time, entry.size), (1, None));
        assert!(entry.metadata.is_none());
        let place = path("a");
        assert_eq!(place, Path::new("index-v5/ca/97/8112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"));
    }
}
