//! Validation of callers' URLs, and the joining of paths to a base URL.
//!
//! A path never leaves its base: it is appended to the path of the base, not resolved as a browser
//! resolves a link. A `..` that leads above the base is refused, and so is `//host`, which would be
//! another host.

use url::Url;

use crate::base::error::{Error, Kind, Result, redacted, redacted_text};

/// Characters of the longest URL that `http::Uri` accepts.
const URL_MAX: usize = 65_534;

/// Parses a URL, and refuses one that cannot be requested.
pub fn parse_url(url: &str) -> Result<Url> {
    let invalid = |why: String| Error::new(Kind::InvalidUrl, why);
    // The parser would silently drop line breaks, which are a sign of smuggling.
    if url.contains(['\r', '\n', '\0']) {
        return Err(invalid("Invalid URL: it contains a line break or a null character".to_owned()));
    }
    let parsed = Url::parse(url).map_err(|error| invalid(format!("Invalid URL: {error}: {:?}", redacted_text(url))))?;
    // The HTTP client cannot send a longer one.
    let length = parsed.as_str().len();
    if length > URL_MAX {
        return Err(invalid(format!("Invalid URL: it has {length} characters, and can have {URL_MAX}")));
    }
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        scheme => Err(invalid(format!("Invalid URL: protocol \"{scheme}:\" is not supported, only http: and https:"))),
    }
}

/// The base URL of a client.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its path ends with `/`.
    url: Url,
}

impl Base {
    /// Parses a base URL, which has neither query nor fragment.
    pub fn parse(text: &str) -> Result<Self> {
        let mut url = parse_url(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Error::argument("options.baseUrl", "must have no query and no fragment", "one that has"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self { url })
    }

    /// Returns the URL of a path below the base, or an absolute URL unchanged. An absolute URL of
    /// the same origin gets the user and password of the base, unless it has its own.
    pub fn resolve(&self, target: &str) -> Result<Url> {
        if is_absolute(target) {
            let mut url = parse_url(target)?;
            if self.is_same_origin(&url) && url.username().is_empty() && url.password().is_none() {
                // Neither fails for http and https.
                let _ = url.set_username(self.url.username());
                let _ = url.set_password(self.url.password());
            }
            return Ok(url);
        }
        let refused = |rule| Err(Error::argument("url", rule, format!("{:?}", redacted_text(target))));
        if target.starts_with(['/', '\\']) && target[1..].starts_with(['/', '\\']) {
            return refused(
                "must be a path below baseUrl, or a URL with its scheme: two slashes would name another host",
            );
        }
        let path = target.strip_prefix(['/', '\\']).unwrap_or(target);
        // Without a path to append, the base itself, without its final slash.
        let base = self.url.as_str();
        let base = if path.is_empty() || path.starts_with(['?', '#']) { base.trim_end_matches('/') } else { base };
        let url = parse_url(&format!("{base}{path}"))?;
        if url.path().starts_with(self.url.path()) || url.path() == self.url.path().trim_end_matches('/') {
            Ok(url)
        } else {
            refused("must be a path below baseUrl")
        }
    }

    /// The prefix of the URLs whose paths begin with `path`, redacted: it is compared, not
    /// requested.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{}", redacted(&self.url), path.strip_prefix('/').unwrap_or(path))
    }

    /// Whether a URL has the origin of the base. No other origin receives the credentials of the
    /// client.
    pub fn is_same_origin(&self, url: &Url) -> bool {
        url.origin() == self.url.origin()
    }

    /// The path of a URL as callers write it: below the base, beginning with `/`. The whole path if
    /// the URL is not below the base.
    pub fn path_of<'url>(&self, url: &'url Url) -> &'url str {
        let above = self.url.path().len() - 1;
        let is_below = self.is_same_origin(url) && url.path().starts_with(self.url.path());
        if is_below { &url.path()[above..] } else { url.path() }
    }
}

/// Whether a target is a URL with its scheme. `pkg:npm/x` is not: a path may contain a colon.
pub fn is_absolute(target: &str) -> bool {
    let is_web = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    target.split_once(':').is_some_and(|(scheme, rest)| {
        let is_scheme = scheme.chars().all(|each| each.is_ascii_alphanumeric() || "+-.".contains(each));
        is_web(scheme) || (is_scheme && rest.starts_with("//"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_too_long_for_a_request_is_refused() {
        let of = |length: usize| parse_url(&format!("http://a/{}", "x".repeat(length - 9)));
        assert!(of(URL_MAX).is_ok());
        assert_eq!(of(URL_MAX + 1).unwrap_err().kind(), Kind::InvalidUrl);
    }

    #[test]
    fn urls_that_cannot_be_requested_are_refused_without_their_password() {
        assert_eq!(parse_url("http://a/b").unwrap().as_str(), "http://a/b");
        for url in [
            "",
            "nonsense",
            "/relative",
            "ftp://a/",
            "file:///etc",
            "http://",
            "http://u:secret@ho st/",
            "host/?token=secret",
        ] {
            let error = parse_url(url).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidUrl, "{url}");
            assert!(error.to_string().starts_with("Invalid URL: ") && !error.to_string().contains("secret"), "{error}");
        }
    }

    fn resolved(base: &str, target: &str) -> String {
        Base::parse(base).unwrap().resolve(target).map_or_else(|error| format!("{:?}", error.kind()), String::from)
    }

    #[test]
    fn a_path_is_appended_whether_or_not_slashes_are_written() {
        for base in ["https://a.test/v0", "https://a.test/v0/"] {
            for target in ["quota", "/quota"] {
                assert_eq!(resolved(base, target), "https://a.test/v0/quota", "{base} {target}");
            }
            assert_eq!(resolved(base, "/x?y=1"), "https://a.test/v0/x?y=1");
            assert_eq!(resolved(base, "?y=1"), "https://a.test/v0?y=1");
            assert_eq!(resolved(base, ""), "https://a.test/v0");
            assert_eq!(resolved(base, "a/../b"), "https://a.test/v0/b");
            assert_eq!(resolved(base, "purl/pkg:npm/a@1"), "https://a.test/v0/purl/pkg:npm/a@1");
            assert_eq!(resolved(base, "pkg:npm/a@1"), "https://a.test/v0/pkg:npm/a@1");
        }
        assert_eq!(resolved("https://a.test", "/x"), "https://a.test/x");
        assert_eq!(resolved("https://a.test", ""), "https://a.test/");
        assert_eq!(resolved("https://u:p@a.test/v0", "x"), "https://u:p@a.test/v0/x");
    }

    #[test]
    fn no_path_leaves_the_base() {
        for target in [
            "../x",
            "/../x",
            "x/../../y",
            "%2e%2e/x",
            "/.%2E/x",
            "..",
            "\\..\\x",
            "//evil.test/x",
            "/\\evil.test",
            "\\\\evil.test",
        ] {
            assert_eq!(resolved("https://a.test/v0", target), "ArgumentValue", "{target}");
        }
        for target in ["@evil.test", ":8080/x", ".evil.test/x"] {
            let url = resolved("https://a.test", target);
            assert!(url.starts_with("https://a.test/"), "{target}: {url}");
        }
    }

    #[test]
    fn an_absolute_url_is_not_changed() {
        assert_eq!(resolved("https://a.test/v0", "https://b.test/x"), "https://b.test/x");
        assert_eq!(resolved("https://a.test/v0", "HTTPS://a.test/x"), "https://a.test/x");
        assert_eq!(resolved("https://u:p@a.test/v0", "https://a.test/x"), "https://u:p@a.test/x");
        assert_eq!(resolved("https://u:p@a.test/v0", "https://b.test/x"), "https://b.test/x");
        assert_eq!(resolved("https://a.test/v0", "ftp://a.test/x"), "InvalidUrl");
        assert_eq!(resolved("https://a.test/v0", "file:///etc/passwd"), "InvalidUrl");
    }

    #[test]
    fn only_scheme_host_and_port_make_an_origin() {
        let base = Base::parse("https://a.test/v0").unwrap();
        let is_same_origin = |url: &str| base.is_same_origin(&Url::parse(url).unwrap());
        assert!(is_same_origin("https://a.test:443/elsewhere"));
        for other in ["http://a.test/v0", "https://a.test:8443/v0", "https://b.a.test/v0"] {
            assert!(!is_same_origin(other), "{other}");
        }
    }

    #[test]
    fn paths_are_returned_as_callers_write_them() {
        let base = Base::parse("https://a.test/v0").unwrap();
        let path = |url: &str| base.path_of(&Url::parse(url).unwrap()).to_owned();
        assert_eq!(path("https://a.test/v0/quota?x"), "/quota");
        assert_eq!(path("https://a.test/v1/quota"), "/v1/quota");
        assert_eq!(path("https://b.test/v0/quota"), "/v0/quota");
    }

    #[test]
    fn a_base_has_neither_query_nor_fragment() {
        for text in ["https://a.test/?x", "https://a.test/#x", "ftp://a.test/", "a.test"] {
            assert!(Base::parse(text).is_err(), "{text}");
        }
    }
}
