//! Under which key an answer is kept: one for each URL and each credential.
//!
//! Keys are readable, so that they can be cleared by URL, and hold no secret: the URL without its credentials, and a keyed hash
//! (HMAC-SHA-256) of all that must be the same for an answer to be the same. Whoever reads a key learns neither a token nor whether a token
//! that he guesses is the right one.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use url::Url;

use crate::error::redacted;
use crate::options::Tls;
use crate::policy::headers::is_credential_name;

/// What every key begins with. The number is that of the format: entries of another one are left alone.
pub const PREFIX: &str = "socket-registry:http:1:GET:";

/// What makes the hash a keyed one.
#[derive(Clone)]
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The key of a GET. Whose certificates were trusted is part of it: an answer of a server that nobody verified is not for those who verify.
pub fn key(secret: &Secret, url: &Url, headers: &HeaderMap, tls: &Tls) -> String {
    let mut hash = Hasher::new(secret);
    hash.add(url.as_str().as_bytes());
    add_fields(&mut hash, headers, |name| is_credential_name(name.as_str()));
    hash.add(&[u8::from(tls.verify)]);
    for certificate in &tls.ca {
        hash.add(certificate.as_bytes());
    }
    format!("{PREFIX}{}#{}", redacted(url), hash.finish())
}

/// The key of one variant of an answer: `varies` are the fields of the request that it depends on.
pub fn variant(secret: &Secret, key: &str, varies: &[HeaderName], headers: &HeaderMap) -> String {
    let mut hash = Hasher::new(secret);
    add_fields(&mut hash, headers, |name| varies.contains(name));
    format!("{key}+{}", hash.finish())
}

/// The URL in a key of [`key`] or [`variant`], without credentials.
pub fn url_of(key: &str) -> Option<&str> {
    key.strip_prefix(PREFIX)?.rsplit_once('#').map(|(url, _)| url)
}

fn add_fields(hash: &mut Hasher, headers: &HeaderMap, counts: impl Fn(&HeaderName) -> bool) {
    let mut names: Vec<_> = headers.keys().filter(|name| counts(name)).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    for name in names {
        for value in headers.get_all(name) {
            hash.add(name.as_str().as_bytes());
            hash.add(value.as_bytes());
        }
    }
}

struct Hasher(Hmac<Sha256>);

impl Hasher {
    fn new(secret: &Secret) -> Self {
        // Any length of key is allowed.
        #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
        Self(Hmac::new_from_slice(&secret.0).expect("HMAC takes keys of every length"))
    }

    /// With its length, so that no two lists of parts are one list of bytes.
    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// Half of it is enough to tell everything in a cache apart.
    fn finish(self) -> String {
        hex::encode(&self.0.finalize().into_bytes()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret([7; 32]);

    fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect()
    }

    fn of(url: &str, list: &[(&'static str, &'static str)]) -> String {
        key(&SECRET, &Url::parse(url).unwrap(), &fields(list), &Tls::default())
    }

    #[test]
    fn each_credential_has_a_key_of_its_own() {
        let url = "https://a.test/x";
        let keys = [
            of(url, &[]),
            of(url, &[("authorization", "Bearer one")]),
            of(url, &[("authorization", "Bearer two")]),
            of(url, &[("x-api-key", "Bearer one")]),
            of(url, &[("cookie", "a=b")]),
            of("https://u:p@a.test/x", &[]),
            of("https://a.test/x?token=1", &[]),
            of("https://a.test/x?token=2", &[]),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:?}");
        assert_eq!(of(url, &[("accept", "a")]), of(url, &[("accept", "b")]));
    }

    #[test]
    fn keys_tell_no_secret() {
        let list = [("authorization", "Bearer s3cret"), ("cookie", "s3cret")];
        let key = of("https://s3cret:s3cret@a.test/x?token=s3cret&a=1#s3cret", &list);
        assert!(key.starts_with("socket-registry:http:1:GET:https://a.test/x?token=REDACTED&a=1#"), "{key}");
        assert!(!key.contains("s3cret"), "{key}");
        assert_eq!(url_of(&key), Some("https://a.test/x?token=REDACTED&a=1"));
    }

    #[test]
    fn the_hash_depends_on_the_secret_and_on_trust() {
        let url = Url::parse("https://a.test/").unwrap();
        let one = key(&SECRET, &url, &HeaderMap::new(), &Tls::default());
        assert_ne!(one, key(&Secret([8; 32]), &url, &HeaderMap::new(), &Tls::default()));
        let careless = Tls { verify: false, ..Tls::default() };
        assert_ne!(one, key(&SECRET, &url, &HeaderMap::new(), &careless));
        let private = Tls { ca: vec!["pem".to_owned()], ..Tls::default() };
        assert_ne!(one, key(&SECRET, &url, &HeaderMap::new(), &private));
    }

    #[test]
    fn a_variant_depends_on_the_named_fields_only() {
        let varies = [http::header::ACCEPT];
        let of = |list: &[(&'static str, &'static str)]| variant(&SECRET, "k", &varies, &fields(list));
        assert_eq!(of(&[("accept", "a"), ("x", "1")]), of(&[("x", "2"), ("accept", "a")]));
        assert_ne!(of(&[("accept", "a")]), of(&[("accept", "b")]));
        assert_ne!(of(&[("accept", "a")]), of(&[]));
        assert!(url_of(&format!("{PREFIX}https://a.test/#h+v")).is_some());
    }
}
