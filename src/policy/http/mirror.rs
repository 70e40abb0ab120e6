//! Several sources of one file: their order, the request to each of them, and the failures after
//! which the next one is tried.
//!
//! - The URL of the download is first, then its mirrors. A rule of the environment puts a
//!   replacement before the URL that it applies to, or in its place. No URL is requested twice.
//! - A source with another origin than the URL of the download receives no credentials of the call,
//!   as after a redirect. Credentials in its own URL are for itself.
//! - After a permanent failure the next source is tried at once, after a transient one when the
//!   retries are used up. A failure that has nothing to do with the source (files, aborts,
//!   callbacks, arguments) ends the download.

use std::collections::HashSet;

use http::{HeaderMap, header};
use url::{Position, Url};

use crate::base::error::{Error, Kind, Result, redacted, redacted_text};
use crate::base::options::{MirrorRule, Mirrors};
use crate::base::redact::remove_user;
use crate::base::status::is_transient;
use crate::policy::http::address::parse_url;
use crate::policy::http::credentials::remove_credentials;

/// Limit of the failures that the message of [`all_failed`] lists. Its `errors` are all of them.
const REASONS_MAX: usize = 10;
/// Limit of the characters of a rule that a message quotes.
const RULE_MAX: usize = 300;
/// The variable with the rules.
const RULES: &str = "SOCKET_DOWNLOAD_MIRRORS";
/// The variable that confines downloads to the replacements.
const RULES_ONLY: &str = "SOCKET_DOWNLOAD_MIRRORS_ONLY";

/// The URLs to request, in order, none twice. There is at least one.
pub fn sources(first: &Url, mirrors: &Mirrors) -> Result<Vec<Url>> {
    let Mirrors { urls, rules, rules_only } = mirrors;
    let mut sources = Vec::new();
    let mut is_confined = false;
    for (index, url) in std::iter::once(first).chain(urls).enumerate() {
        let replacement = replaced(url, rules)?;
        let is_replaced = *rules_only && replacement.is_some();
        // If the URL itself must not be requested, neither must its mirrors.
        is_confined |= index == 0 && is_replaced;
        sources.extend(replacement);
        sources.extend((!is_confined && !is_replaced).then(|| url.clone()));
    }
    let mut known = HashSet::new();
    sources.retain(|url| known.insert(url[..Position::AfterQuery].to_owned()));
    Ok(sources)
}

/// The replacement of a URL by the rule with the longest prefix. Of equal prefixes, the first
/// counts.
fn replaced(url: &Url, rules: &[MirrorRule]) -> Result<Option<Url>> {
    // Credentials and fragments are not compared.
    let mut plain = url.clone();
    plain.set_fragment(None);
    remove_user(&mut plain);
    let matching = rules.iter().rev().filter_map(|rule| Some((rule, rest_behind(&rule.prefix, plain.as_str())?)));
    let Some((rule, rest)) = matching.max_by_key(|(rule, _)| rule.prefix.len()) else {
        return Ok(None);
    };
    let slash = if is_bare(&rule.replacement) && !rest.starts_with('/') { "/" } else { "" };
    let replacement = parse_url(&format!("{}{slash}{rest}", rule.replacement)).map_err(|error| {
        let message = format!("{RULES} replaces {} by an invalid URL: {error}", redacted(url));
        Error::new(Kind::ArgumentValue, message).with_url(url)
    })?;
    Ok(Some(replacement))
}

/// The rest of a URL that begins with a prefix. `https://a` is not a prefix of `https://ab/`.
fn rest_behind<'url>(prefix: &str, url: &'url str) -> Option<&'url str> {
    let rest = url.strip_prefix(prefix)?;
    (!is_bare(prefix) || rest.starts_with('/')).then_some(rest)
}

/// Whether the spelling of a URL ends with its host or port.
fn is_bare(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| !rest.is_empty() && !rest.contains('/'))
}

/// Parses the rules of `SOCKET_DOWNLOAD_MIRRORS`, and whether `SOCKET_DOWNLOAD_MIRRORS_ONLY`
/// confines downloads to them.
pub fn parse_rules(rules: Option<&str>, only: Option<&str>) -> Result<(Vec<MirrorRule>, bool)> {
    let wrong = |message| Error::new(Kind::ArgumentValue, message);
    let rule = |text| {
        parse_rule(text).ok_or_else(|| {
            wrong(format!(
                "{RULES} has an invalid rule: {:?}. Expected <prefix>=<replacement>, two URLs of http or https, as in \
                 https://example.com/=http://mirror.example:8080/example.com/",
                redacted_rule(text)
            ))
        })
    };
    let rules = rules.unwrap_or_default().split_whitespace().map(rule).collect::<Result<_>>()?;
    let is_only = match only.map(str::trim).unwrap_or_default() {
        "" | "0" | "false" => false,
        "1" | "true" => true,
        other => return Err(wrong(format!("{RULES_ONLY} must be 1 or 0. It is {:?}", redacted_text(other)))),
    };
    Ok((rules, is_only))
}

fn parse_rule(text: &str) -> Option<MirrorRule> {
    let (prefix, replacement) = split_rule(text)?;
    let prefix = match prefix.to_ascii_lowercase() {
        // A prefix of all URLs of the scheme.
        scheme if matches!(scheme.as_str(), "http://" | "https://") => scheme,
        _ => normalized(prefix).filter(|prefix| !has_credentials(prefix))?,
    };
    Some(MirrorRule { prefix, replacement: normalized(replacement)? })
}

/// Splits at the first `=` before a URL: a prefix may have others in its query.
fn split_rule(text: &str) -> Option<(&str, &str)> {
    let is_url = |text: &str| {
        let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
        begins("http://") || begins("https://")
    };
    text.match_indices('=').map(|(at, _)| (&text[..at], &text[at + 1..])).find(|(_, replacement)| is_url(replacement))
}

/// A URL in its normal form, but without the path `/` if it was written without.
fn normalized(text: &str) -> Option<String> {
    let url = parse_url(text).ok().filter(|url| url.fragment().is_none())?;
    let has_path = !is_bare(text) || url.query().is_some();
    let normalized = String::from(url);
    Some(if has_path { normalized } else { normalized.trim_end_matches('/').to_owned() })
}

fn has_credentials(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

fn redacted_rule(text: &str) -> String {
    let mut shown = match split_rule(text).or_else(|| text.split_once('=')) {
        Some((prefix, replacement)) => format!("{}={}", redacted_text(prefix), redacted_text(replacement)),
        None => redacted_text(text),
    };
    if let Some((end, _)) = shown.char_indices().nth(RULE_MAX) {
        shown.replace_range(end.., "…");
    }
    shown
}

/// The URL and the header fields of the request to a source: those of the call, without credentials
/// for another origin.
pub fn request_for(source: &Url, first: &Url, headers: &HeaderMap) -> (Url, HeaderMap) {
    let (mut url, mut headers) = (source.clone(), headers.clone());
    if url.origin() != first.origin() {
        headers.remove(header::HOST);
        remove_credentials(&mut headers);
    } else if url.username().is_empty() && url.password().is_none() {
        // Neither fails for http and https.
        let _ = url.set_username(first.username());
        let _ = url.set_password(first.password());
    }
    (url, headers)
}

/// The next step after a failure at one source while another is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceDecision {
    /// The failure is permanent: try the next source at once.
    Next,
    /// The failure is transient: try the next source when the retries are used up.
    NextAfterRetries,
    /// The failure has nothing to do with the source: end the download.
    Stop,
}

/// Decides after a failure at one source.
pub fn decide(error: &Error) -> SourceDecision {
    let details = error.details();
    match error.kind() {
        Kind::Status if details.status.is_some_and(is_transient) => SourceDecision::NextAfterRetries,
        // Not `EAI_AGAIN`: that lookup may succeed later.
        Kind::Network if details.code == "ENOTFOUND" => SourceDecision::Next,
        Kind::Network | Kind::Timeout => SourceDecision::NextAfterRetries,
        Kind::Status
        | Kind::Unsupported
        | Kind::Refused
        | Kind::Certificate
        | Kind::TooManyRedirects
        | Kind::RedirectRefused
        | Kind::BodyLength
        | Kind::BodyTooLarge
        | Kind::Decode
        | Kind::Integrity => SourceDecision::Next,
        Kind::ArgumentType
        | Kind::ArgumentValue
        | Kind::InvalidUrl
        | Kind::Json
        | Kind::TextTooLong
        | Kind::File
        | Kind::AllSourcesFailed
        | Kind::LockTimeout
        | Kind::Aborted
        | Kind::Internal => SourceDecision::Stop,
    }
}

/// The error of a download that failed at each source. `failures` are in the order of the sources.
pub fn all_failed(first: &Url, failures: Vec<(Url, Error)>) -> Error {
    let mut reasons: Vec<_> = failures.iter().take(REASONS_MAX).map(|(url, error)| reason(url, error)).collect();
    if failures.len() > REASONS_MAX {
        reasons.push(format!("and {} more", failures.len() - REASONS_MAX));
    }
    let message = format!("All {} sources failed: {}", failures.len(), reasons.join("; "));
    let errors: Vec<_> = failures.into_iter().map(|(_, error)| error).collect();
    let attempts = errors.iter().filter_map(|error| error.details().attempts).sum();
    Error::new(Kind::AllSourcesFailed, message).with_url(first).with_attempts(attempts).with_errors(errors)
}

/// `<host>: <reason>`, without the prefix that messages of downloads have.
fn reason(url: &Url, error: &Error) -> String {
    let message = error.to_string();
    let reason = ["HTTP download failed: ", "Download failed: "].iter().find_map(|prefix| message.strip_prefix(prefix));
    format!("{}: {}", &url[Position::BeforeHost..Position::AfterPort], reason.unwrap_or(&message))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn rules(text: &str) -> Vec<MirrorRule> {
        parse_rules(Some(text), None).unwrap().0
    }

    fn order(first: &str, mirrors: &[&str], text: &str, rules_only: bool) -> Vec<String> {
        let urls = mirrors.iter().map(|text| url(text)).collect();
        let mirrors = Mirrors { urls, rules: rules(text), rules_only };
        sources(&url(first), &mirrors).unwrap().into_iter().map(String::from).collect()
    }

    #[test]
    fn the_url_is_first_and_none_is_there_twice() {
        let mirrors = ["https://b/x", "https://a/x", "https://c/x?y", "https://b/x#z", "HTTPS://B:443/x"];
        assert_eq!(order("https://a/x", &mirrors, "", false), ["https://a/x", "https://b/x", "https://c/x?y"]);
        assert_eq!(order("https://a/x", &[], "", true), ["https://a/x"]);
        // The other credentials may be accepted.
        assert_eq!(order("https://a/x", &["https://u:p@a/x"], "", false).len(), 2);
    }

    #[test]
    fn a_replacement_is_before_its_url_or_in_its_place() {
        let rule = "https://github.com/=http://cache:8080/github.com/";
        let order = |rules_only, mirrors: &[&str]| order("https://github.com/a/b?c=d", mirrors, rule, rules_only);
        let (replacement, own) = ("http://cache:8080/github.com/a/b?c=d", "https://github.com/a/b?c=d");
        assert_eq!(order(false, &[]), [replacement, own]);
        assert_eq!(order(true, &[]), [replacement]);
        assert_eq!(order(false, &["https://m/x"]), [replacement, own, "https://m/x"]);
        assert_eq!(order(true, &["https://m/x"]), [replacement]);
        let other = "http://cache:8080/github.com/m";
        assert_eq!(order(true, &["https://github.com/m"]), [replacement, other]);
        assert_eq!(order(false, &["https://github.com/m"]), [replacement, own, other, "https://github.com/m"]);
    }

    #[test]
    fn a_url_without_a_rule_is_requested_as_it_is() {
        let rule = "https://github.com/=http://cache/";
        assert_eq!(order("https://a/x", &["https://b/y"], rule, true), ["https://a/x", "https://b/y"]);
        assert_eq!(order("https://a/x", &["https://github.com/y"], rule, true), ["https://a/x", "http://cache/y"]);
    }

    #[test]
    fn the_longest_prefix_decides_and_of_equal_ones_the_first() {
        let rule =
            "https://=http://all/  https://a/b/=http://long/\thttps://a/=http://short/\nhttps://a/=http://second/";
        let first = |text: &str| order(text, &[], rule, true).remove(0);
        assert_eq!(first("https://a/b/c"), "http://long/c");
        assert_eq!(first("https://a/c"), "http://short/c");
        assert_eq!(first("https://z/c"), "http://all/z/c");
        assert_eq!(first("http://z/c"), "http://z/c");
    }

    #[test]
    fn a_host_without_a_path_is_not_the_beginning_of_another() {
        let first = |rule: &str, text: &str| order(text, &[], rule, true).remove(0);
        for rule in ["https://a=http://m", "https://a/=http://m", "https://a=http://m/x", "HTTPS://A:443/=http://m/"] {
            for text in ["https://a.evil/x", "https://ab/x", "https://a:8443/x", "http://a/x"] {
                assert_eq!(first(rule, text), text, "{rule}");
            }
        }
        assert_eq!(first("https://a=http://m", "https://a/x"), "http://m/x");
        assert_eq!(first("https://a/=http://m", "https://a/x"), "http://m/x");
        assert_eq!(first("https://a=http://m/y", "https://a/x"), "http://m/y/x");
        assert_eq!(first("https://a/=http://m/?u=", "https://a/x?y#z"), "http://m/?u=x?y");
        assert_eq!(first("https://a/?v=1=http://m/", "https://a/?v=12"), "http://m/2");
    }

    #[test]
    fn credentials_of_a_url_are_not_compared_and_not_handed_to_its_replacement() {
        let rule = "https://a/=https://u:p@m/";
        assert_eq!(order("https://user:secret@a/x#f", &[], rule, true), ["https://u:p@m/x"]);
    }

    #[test]
    fn invalid_rules_are_quoted_without_their_secrets() {
        for (rule, shown) in [
            ("nonsense", "nonsense"),
            ("https://a/", "https://a/"),
            ("https://a/=", "https://a/="),
            ("https://a/=ftp://m/", "https://a/=ftp://m/"),
            ("https://a/=http://", "https://a/=http://"),
            ("a.test=http://u:hunter2@m/?token=hunter2", "a.test=http://m/?token=REDACTED"),
            ("https://u:hunter2@a/=http://m/", "https://a/=http://m/"),
            ("https://a/=u:hunter2@m", "m"),
            ("https://a/#f=http://m/", "https://a/"),
        ] {
            let error = parse_rules(Some(&format!("https://ok/=http://ok/ {rule}")), None).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(shown) && message.starts_with("SOCKET_DOWNLOAD_MIRRORS"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_replacement_never_has_another_host_than_its_rule() {
        const PARTS: [&str; 20] = [
            "http://",
            "https://",
            "HTTP://",
            "a.test",
            "b.test:8080",
            "/",
            "//",
            "?",
            "#",
            "=",
            "@",
            "user:pass@",
            ":",
            "%",
            "..",
            "é",
            "[::1]",
            "x",
            "&",
            "\u{0}",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        let mut text =
            |most: usize| -> String { (0..random.usize(..most)).map(|_| PARTS[random.usize(..PARTS.len())]).collect() };
        let mut replaced = 0;
        for _ in 0..20_000 {
            let rule = format!("http{}://{}={}", if text(2).is_empty() { "" } else { "s" }, text(4), text(6));
            let Ok((rules, rules_only)) = parse_rules(Some(&rule), Some("1")) else { continue };
            let Ok(first) = parse_url(&format!("http://a.test{}", text(6))) else { continue };
            let Ok(sources) = sources(&first, &Mirrors { urls: Vec::new(), rules: rules.clone(), rules_only }) else {
                continue;
            };
            assert_eq!(sources.len(), 1, "{rule} {first}");
            if sources[0] != first {
                let host = |url: &Url| url[Position::BeforeHost..Position::AfterPort].to_owned();
                assert_eq!(host(&sources[0]), host(&url(&rules[0].replacement)), "{rule} {first}");
                replaced += 1;
            }
        }
        assert!(replaced > 10, "only {replaced} were replaced");
    }

    #[test]
    fn only_is_a_switch_and_a_doubtful_one_is_refused() {
        let only = |text| parse_rules(None, text).map(|(_, only)| only);
        for (text, is_on) in
            [(None, false), (Some("0"), false), (Some(""), false), (Some("1"), true), (Some("true"), true)]
        {
            assert_eq!(only(text).unwrap(), is_on, "{text:?}");
        }
        assert!(only(Some("yes")).unwrap_err().to_string().contains("SOCKET_DOWNLOAD_MIRRORS_ONLY"));
    }

    #[test]
    fn credentials_go_to_the_origin_of_the_url_alone() {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "x-api-key", "host", "accept"] {
            headers.insert(name, HeaderValue::from_static("v"));
        }
        let sent = |source: &str| {
            let (url, headers) = request_for(&url(source), &url("https://u:p@a/x"), &headers);
            (String::from(url), headers.len(), headers.contains_key(header::ACCEPT))
        };
        assert_eq!(sent("https://a/y"), ("https://u:p@a/y".into(), 5, true));
        assert_eq!(sent("https://v:q@a/y"), ("https://v:q@a/y".into(), 5, true));
        for other in ["http://a/y", "https://a:444/y", "https://b/y", "https://a.b/y", "https://v:q@b/y"] {
            assert_eq!(sent(other), (other.into(), 1, true));
        }
    }

    #[test]
    fn a_permanent_failure_moves_on_and_one_of_the_caller_or_the_system_ends_the_download() {
        let of = |kind| decide(&Error::new(kind, ""));
        for kind in
            [Kind::Certificate, Kind::TooManyRedirects, Kind::RedirectRefused, Kind::BodyLength, Kind::Integrity]
        {
            assert_eq!(of(kind), SourceDecision::Next, "{kind:?}");
        }
        for kind in [Kind::File, Kind::Aborted, Kind::ArgumentType, Kind::ArgumentValue, Kind::Internal] {
            assert_eq!(of(kind), SourceDecision::Stop, "{kind:?}");
        }
        assert_eq!(of(Kind::Timeout), SourceDecision::NextAfterRetries);
        let network = |code| decide(&Error::new(Kind::Network, "").with_code(code));
        assert_eq!(network("ENOTFOUND"), SourceDecision::Next);
        for code in ["EAI_AGAIN", "ECONNREFUSED", "ECONNRESET"] {
            assert_eq!(network(code), SourceDecision::NextAfterRetries, "{code}");
        }
        let status = |status| decide(&Error::new(Kind::Status, "").with_status(status, None));
        for code in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(status(code), SourceDecision::NextAfterRetries, "{code}");
        }
        for code in [302, 400, 401, 403, 404, 407, 410, 416, 501] {
            assert_eq!(status(code), SourceDecision::Next, "{code}");
        }
    }

    #[test]
    fn the_error_of_all_sources_names_each_host_and_its_reason() {
        let failures = vec![
            (
                url("https://u:p@a:8443/x"),
                Error::new(Kind::Status, "Download failed: HTTP 404 Not Found").with_attempts(1),
            ),
            (url("https://b/x"), Error::new(Kind::Timeout, "No data received for 15000ms").with_attempts(3)),
        ];
        let error = all_failed(&url("https://u:p@a:8443/x"), failures);
        assert_eq!(
            error.to_string(),
            "All 2 sources failed: a:8443: HTTP 404 Not Found; b: No data received for 15000ms"
        );
        let details = error.details();
        assert_eq!((details.code, details.attempts, details.errors.len()), ("ERR_ALL_SOURCES_FAILED", Some(4), 2));
        assert_eq!(details.url.as_deref(), Some("https://a:8443/x"));
        assert!(error.is_retryable(), "one of them is transient");
    }

    #[test]
    fn the_message_of_very_many_sources_stays_readable() {
        let failures =
            (0..100).map(|index| (url(&format!("https://m{index}/")), Error::new(Kind::Status, "x"))).collect();
        let error = all_failed(&url("https://m0/"), failures);
        assert!(error.to_string().ends_with("m9: x; and 90 more"), "{error}");
        assert_eq!(error.details().errors.len(), 100);
    }
}
