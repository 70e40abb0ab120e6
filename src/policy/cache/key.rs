//! The key of a stored response: one for each URL, each credential, and each way to the server.
//!
//! Origin and path are readable in a key, so that a cache can be cleared by them. Everything else
//! that must be the same for a response to be the same is in a keyed hash (HMAC-SHA-256): user and
//! password of the URL, its query, which may contain a secret under any name, credentials, the
//! trusted certificates, and the proxy. A reader of a key learns neither a token nor whether a
//! guessed token is right.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use url::Url;

use crate::base::options::{Network, Tls};
use crate::policy::http::headers::is_sensitive_name;

/// The beginning of every key, with the version of the format. Entries of later versions are left
/// alone.
pub const PREFIX: &str = "socket-registry:http:2:GET:";
/// The beginning of keys of the previous format, which had readable queries and header fields.
pub const OUTDATED: &str = "socket-registry:http:1:";

/// The secret key of the hash.
#[derive(Clone)]
pub struct Secret(pub [u8; 32]);

impl Secret {
    /// Derives a secret for one purpose, from which neither this one nor those of other purposes
    /// can be computed.
    pub fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        let mut hash = Hasher::new(self);
        hash.add(purpose);
        hash.0.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Returns the key of a GET.
///
/// The way to the server is part of it: the response of an unverified server is not for callers who
/// verify it, and the response through one proxy is not for callers who use another or none. Files
/// of certificates count by their paths, as in the connection pool, so that a system that renews
/// its certificates keeps its cache.
pub fn key(secret: &Secret, url: &Url, headers: &HeaderMap, network: &Network) -> String {
    let mut hash = Hasher::new(secret);
    hash.add(url.as_str().as_bytes());
    // A field too many costs a request; a field too few discloses a response to another caller.
    add_fields(&mut hash, headers, |name| is_sensitive_name(name.as_str()));
    // Destructured, so that a new field does not compile without a decision here.
    let Network { tls: Tls { verify, ca, files, directories }, proxy, connect_timeout: _, log: _, host } = network;
    hash.add(&[u8::from(*verify)]);
    hash.add_list(ca.iter().map(String::as_bytes));
    hash.add_list(files.iter().map(|path| path.as_os_str().as_encoded_bytes()));
    hash.add_list(directories.iter().map(|path| path.as_os_str().as_encoded_bytes()));
    match proxy.of(url) {
        Ok(proxy) => hash.add_list(proxy.iter().map(|proxy| proxy.as_str().as_bytes())),
        // Such a request fails.
        Err(variable) => hash.add_list([variable.as_bytes(), b"invalid"].into_iter()),
    }
    // The response of a mock in a test is not for programs.
    if host.is_some() {
        hash.add(b"host client");
    }
    format!("{PREFIX}{}#{}", readable(url), hash.finish())
}

/// Origin and path of a URL, and `?` if it has a query.
fn readable(url: &Url) -> String {
    let query = if url.query().is_some() { "?" } else { "" };
    format!("{}{}{query}", url.origin().ascii_serialization(), url.path())
}

/// Converts a prefix of URLs to one of the URLs in keys. A query in it matches every query.
pub fn readable_prefix(prefix: &str) -> &str {
    let prefix = prefix.split('#').next().unwrap_or_default();
    prefix.find('?').map_or(prefix, |query| &prefix[..=query])
}

/// Returns the key of one variant of a response, which depends on the fields `varies` of the
/// request.
pub fn variant(secret: &Secret, key: &str, varies: &[HeaderName], headers: &HeaderMap) -> String {
    let mut hash = Hasher::new(secret);
    add_fields(&mut hash, headers, |name| varies.contains(name));
    format!("{key}+{}", hash.finish())
}

/// Returns the URL in a key of [`key`] or [`variant`]: origin, path, and `?` for a query.
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
        #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
        Self(Hmac::new_from_slice(&secret.0).expect("HMAC takes keys of every length"))
    }

    /// Adds a part with its length, so that no two lists of parts have the same bytes.
    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// Adds a list with its length, so that two adjacent lists differ from any other two.
    fn add_list<'p>(&mut self, parts: impl ExactSizeIterator<Item = &'p [u8]>) {
        self.0.update(&(parts.len() as u64).to_le_bytes());
        parts.for_each(|part| self.add(part));
    }

    /// Returns half of the hash, which is enough to distinguish the entries of a cache.
    fn finish(self) -> String {
        hex::encode(&self.0.finalize().into_bytes()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::proxy::{Proxy, Variable, Variables};

    const SECRET: Secret = Secret([7; 32]);

    fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect()
    }

    fn of(url: &str, list: &[(&'static str, &'static str)]) -> String {
        key(&SECRET, &Url::parse(url).unwrap(), &fields(list), &Network::default())
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
            of(url, &[("x-accesskey", "one")]),
            of("https://u:p@a.test/x", &[]),
            of("https://a.test/x?token=1", &[]),
            of("https://a.test/x?token=2", &[]),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:?}");
        assert_eq!(of(url, &[("accept", "a")]), of(url, &[("accept", "b")]));
    }

    #[test]
    fn keys_contain_no_secret_whatever_its_name() {
        let list = [("authorization", "Bearer s3cret"), ("cookie", "s3cret")];
        let key = of("https://s3cret:s3cret@a.test/x?token=s3cret&unheard-of=s3cret&s3cret#s3cret", &list);
        assert!(key.starts_with("socket-registry:http:2:GET:https://a.test/x?#"), "{key}");
        assert!(!key.contains("s3cret"), "{key}");
        assert_eq!(url_of(&key), Some("https://a.test/x?"));
        assert_eq!(url_of(&of("http://a.test:80/x%3Fy", &[])), Some("http://a.test/x%3Fy"));
    }

    #[test]
    fn a_prefix_with_a_query_matches_all_queries() {
        for (prefix, readable) in [
            ("https://a.test/x", "https://a.test/x"),
            ("https://a.test/x?", "https://a.test/x?"),
            ("https://a.test/x?a=1&b=?2#f", "https://a.test/x?"),
            ("https://a.test/*#f", "https://a.test/*"),
            ("", ""),
        ] {
            assert_eq!(readable_prefix(prefix), readable);
        }
    }

    #[test]
    fn the_hash_depends_on_the_secret_and_on_the_way_to_the_server() {
        let url = Url::parse("https://a.test/").unwrap();
        let tls = |change: fn(&mut Tls)| {
            let mut tls = Tls::default();
            change(&mut tls);
            Network { tls, ..Network::default() }
        };
        let variables = |https: Option<&str>, no: Option<&str>| {
            let variable = |name, value: Option<&str>| value.map(|value| Variable { name, value: value.to_owned() });
            let (https, no) = (variable("https_proxy", https), variable("no_proxy", no));
            Proxy::Environment(Variables { https, no, ..Variables::default() })
        };
        let by = |proxy| Network { proxy, ..Network::default() };
        let networks = [
            Network::default(),
            tls(|tls| tls.verify = false),
            tls(|tls| tls.ca = vec!["pem".to_owned()]),
            tls(|tls| tls.ca = vec!["p".to_owned(), "em".to_owned()]),
            tls(|tls| tls.files = vec!["pem".into()]),
            tls(|tls| tls.directories = vec!["pem".into()]),
            by(Proxy::Fixed(Url::parse("http://one.test").unwrap())),
            by(Proxy::Fixed(Url::parse("http://u:p@one.test").unwrap())),
            by(variables(Some("two.test"), None)),
            by(variables(Some("ftp://two.test"), None)),
        ];
        let of = |secret: &Secret, network: &Network| key(secret, &url, &HeaderMap::new(), network);
        let keys: std::collections::HashSet<_> = networks.iter().map(|network| of(&SECRET, network)).collect();
        assert_eq!(keys.len(), networks.len());
        assert!(!keys.contains(&of(&Secret([8; 32]), &networks[0])));
        // The same way, in other words.
        let slower = Network { connect_timeout: Some(std::time::Duration::from_secs(1)), ..Network::default() };
        for (network, same) in [
            (slower, 0),
            (by(Proxy::Off), 0),
            (by(variables(None, None)), 0),
            (by(variables(Some("two.test"), Some("a.test"))), 0),
            (by(variables(Some("http://one.test"), None)), 6),
        ] {
            assert_eq!(of(&SECRET, &network), of(&SECRET, &networks[same]));
        }
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
