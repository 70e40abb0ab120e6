//! Names whose values are secret, and URLs as they may be shown.
//!
//! One list of names for everything: the fields that a redirect drops, the fields that are part of a cache key, and the
//! parameters that are redacted in messages, events, records and logs. A name is split into words, because a part of a
//! word says nothing: `keyboard`, `author` and `tokenizer` are ordinary names.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

/// Shown in place of a secret.
const REDACTED: &str = "REDACTED";
/// Characters of a text that is not a URL, in a message.
const TEXT_MAX: usize = 200;

/// Words that say that a value is secret, in the singular.
const WORDS: [&str; 43] = [
    "apikey",
    "assertion",
    "auth",
    "authenticate",
    "authenticated",
    "authentication",
    "authn",
    "authorization",
    "authorized",
    "authz",
    "bearer",
    "cookie",
    "cred",
    "credential",
    "csrf",
    "dpop",
    "hmac",
    "jwe",
    "jws",
    "jwt",
    "key",
    "oauth",
    "otp",
    "pass",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "pat",
    "private",
    "pwd",
    "saml",
    "secret",
    "sess",
    "session",
    "sessid",
    "sid",
    "sig",
    "signature",
    "token",
    "totp",
    "verifier",
    "xsrf",
];

/// Those of [`WORDS`] that end no other word: whatever stands before them, `mytoken` is a token.
const ENDINGS: [&str; 10] =
    ["apikey", "cookie", "credential", "passphrase", "passwd", "password", "secret", "sessionid", "signature", "token"];

/// What is written together with [`WORDS`], as in `accesskey`, `samlresponse` and `jsessionid`.
const COMPANIONS: [&str; 59] = [
    "access",
    "account",
    "admin",
    "amz",
    "api",
    "app",
    "art",
    "asp",
    "aws",
    "azure",
    "basic",
    "client",
    "code",
    "db",
    "device",
    "encryption",
    "function",
    "gh",
    "git",
    "github",
    "gitlab",
    "goog",
    "google",
    "hash",
    "header",
    "http",
    "id",
    "j",
    "license",
    "login",
    "machine",
    "master",
    "my",
    "net",
    "new",
    "npm",
    "old",
    "php",
    "proxy",
    "refresh",
    "request",
    "response",
    "root",
    "sas",
    "secure",
    "server",
    "service",
    "set",
    "shared",
    "sign",
    "signing",
    "ssh",
    "storage",
    "subscription",
    "user",
    "value",
    "web",
    "x",
    "your",
];

/// A code is secret by itself, as OAuth calls it, or of one of these kinds. A status code is not.
const CODES: [&str; 15] = [
    "access",
    "activation",
    "backup",
    "confirmation",
    "device",
    "grant",
    "invitation",
    "invite",
    "login",
    "mfa",
    "recovery",
    "reset",
    "security",
    "sms",
    "verification",
];

/// Keys that open nothing.
const OPEN_KEYS: [&str; 12] = [
    "cache",
    "dedupe",
    "foreign",
    "group",
    "idempotency",
    "index",
    "partition",
    "primary",
    "public",
    "sort",
    "surrogate",
    "websocket",
];

/// Fields that most requests have: known without a look at their words.
const COMMON: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-length",
    "content-type",
    "host",
    "if-modified-since",
    "if-none-match",
    "range",
    "referer",
    "user-agent",
];

/// Whether the name of a header field, query parameter or the like says that its value is secret.
pub fn is_credential_name(name: &str) -> bool {
    if COMMON.contains(&name) {
        return false;
    }
    // Names of fields arrive in lower case, and servers may read those of parameters in any: `ToKen` is a token.
    let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
    is_secret(&words(name, false)) || (has_capitals && is_secret(&words(name, true)))
}

fn is_secret(words: &[String]) -> bool {
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let (opens_nothing, is_code) = (any(&OPEN_KEYS), any(&["code", "codes"]));
    let name = words.strip_prefix(&["x".to_owned()]).unwrap_or(words);
    // Of Artifactory: its keys of APIs have no other name.
    if name.iter().map(String::as_str).eq(["jfrog", "art", "api"]) {
        return true;
    }
    // `sign` as some payment services call a signature; elsewhere it is a verb.
    if let [only] = name
        && matches!(only.as_str(), "code" | "sign")
    {
        return true;
    }
    (is_code && any(&CODES))
        || words.iter().any(|word| match singular(word) {
            "key" => !opens_nothing,
            word => is_secret_word(word),
        })
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').filter(|word| WORDS.contains(word)).unwrap_or(word)
}

fn is_secret_word(word: &str) -> bool {
    const ORDINARY: [&str; 1] = ["keycode"];
    let ends = |word: &str| ENDINGS.iter().any(|ending| word.ends_with(ending));
    !ORDINARY.contains(&word)
        && (WORDS.contains(&word)
            || ends(word)
            || word.strip_suffix('s').is_some_and(ends)
            || (word.len() <= COMPOUND_MAX && is_compound(word, false)))
}

/// Longer words are not taken apart.
const COMPOUND_MAX: usize = 40;

/// Whether a word consists of known words, and one of them is secret.
fn is_compound(rest: &str, is_secret: bool) -> bool {
    if rest.is_empty() || rest == "s" {
        return is_secret;
    }
    let goes_on = |word: &&str, secret| rest.strip_prefix(word).is_some_and(|rest| is_compound(rest, secret));
    WORDS.iter().any(|word| goes_on(word, true)) || COMPANIONS.iter().any(|word| goes_on(word, is_secret))
}

/// The words of a name in lower case: runs of letters, split before capitals if asked to.
fn words(name: &str, by_capitals: bool) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = name.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let begins = by_capitals
            && character.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                // The last capital of `SAMLResponse` before a small letter begins a word.
                || (before.is_ascii_uppercase() && characters.peek().is_some_and(char::is_ascii_lowercase)));
        if (begins || !character.is_alphabetic()) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if character.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(character.to_ascii_lowercase());
        }
        before = character;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The URL for messages, records and logs: without user, password and fragment, and without the values of parameters
/// whose names say that they are secret, wherever in path or query they are.
pub fn redacted(url: &Url) -> String {
    if url.cannot_be_a_base() {
        let rest = url.path();
        let shown = if holds_secret(&decoded(rest, false)) { REDACTED.to_owned() } else { unparsed(rest) };
        return format!("{}:{shown}", url.scheme());
    }
    let mut shown = url.clone();
    // Both fail only for URLs that cannot have credentials, which then have none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    if let Cow::Owned(path) = redacted_path(url.path()) {
        shown.set_path(&path);
    }
    if let Some(Cow::Owned(query)) = url.query().map(redacted_query) {
        shown.set_query(Some(&query));
    }
    shown.into()
}

/// The same for text that may not be a URL, for messages of one line. Text without anything to hide stays as it is.
pub fn redacted_text(text: &str) -> String {
    // `user:password@host` is one as well: of the scheme `user`.
    let Some(url) = Url::parse(text).ok().filter(Url::has_host) else {
        return unparsed(text);
    };
    let shown = redacted(&url);
    let is_plain = text.chars().all(|character| character.is_ascii_graphic());
    if shown == url.as_str() && is_plain { text.to_owned() } else { shown }
}

/// Text that is not a URL may hold a password before an `@` or behind a `:`, or a token behind `?` or `#`.
fn unparsed(text: &str) -> String {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let is_path = path.is_empty() || (path.starts_with(['/', '.']) && !path.starts_with("//"));
    let shown = if is_path {
        redacted_path(path)
    } else if text[path.len()..].contains('@') {
        // Nobody can tell whether the `?` is part of a password.
        Cow::Borrowed(REDACTED)
    } else {
        without_password(path)
    };
    let mut line: String =
        shown.chars().take(TEXT_MAX).map(|each| if each.is_control() { ' ' } else { each }).collect();
    if shown.chars().nth(TEXT_MAX).is_some() {
        line.push('…');
    }
    line
}

/// What follows the last `@`; without one, nothing of what follows a `:` where a port would be.
fn without_password(text: &str) -> Cow<'_, str> {
    let is_cut = text.contains('@');
    let text = text.rsplit('@').next().unwrap_or_default();
    let start = match text.find("//") {
        Some(slashes) if !is_cut => slashes + 2,
        _ => 0,
    };
    let (before, authority) = text.split_at(start);
    let end = authority.find(['/', '\\']).unwrap_or(authority.len());
    match authority[..end].split_once(':') {
        Some((host, port)) if !host.starts_with('[') && !port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Cow::Owned(format!("{before}{host}:{REDACTED}"))
        }
        _ => match redacted_path(&authority[end..]) {
            Cow::Owned(path) => Cow::Owned(format!("{before}{}{path}", &authority[..end])),
            Cow::Borrowed(_) => Cow::Borrowed(text),
        },
    }
}

/// A path without the values of secret parameters, as in `/a;token=1/b`, and without the user of another URL in it.
fn redacted_path(path: &str) -> Cow<'_, str> {
    let mut before = ["", ""];
    mapped(path, '/', |segment| {
        let is_authority = before[0].ends_with(':') && before[1].is_empty();
        before = [before[1], segment];
        match segment.rsplit_once('@') {
            Some((_, host)) if is_authority => Cow::Owned(format!("{REDACTED}@{host}")),
            _ => parameters(segment, false),
        }
    })
}

fn redacted_query(query: &str) -> Cow<'_, str> {
    mapped(query, '&', |part| parameters(part, true))
}

/// Each part between separators, changed.
fn mapped<'text>(
    text: &'text str,
    separator: char,
    change: impl FnMut(&'text str) -> Cow<'text, str>,
) -> Cow<'text, str> {
    let parts: Vec<_> = text.split(separator).map(change).collect();
    if parts.iter().all(|part| matches!(part, Cow::Borrowed(_))) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(parts.join(&separator.to_string()))
}

/// Parameters that are separated by `;`. Where one is secret, the rest may be part of its value, because not every
/// server takes a `;` for a separator.
fn parameters(text: &str, is_query: bool) -> Cow<'_, str> {
    let mut start = 0;
    for part in text.split(';') {
        if let Some(shown) = parameter(part, is_query) {
            return Cow::Owned(format!("{}{shown}", &text[..start]));
        }
        start += part.len() + 1;
    }
    Cow::Borrowed(text)
}

/// How a parameter is shown, if it holds a secret.
fn parameter(text: &str, is_query: bool) -> Option<String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let decoded_name = decoded(name, is_query);
    if holds_secret(&decoded_name) {
        return Some(REDACTED.to_owned());
    }
    let value = value.filter(|value| !value.is_empty())?;
    let hides = is_credential_name(&decoded_name) || holds_secret(&decoded(value, is_query));
    hides.then(|| format!("{name}={REDACTED}"))
}

/// Text without percent-encoding, however often it was encoded.
fn decoded(text: &str, is_query: bool) -> String {
    const ROUNDS_MAX: usize = 5;
    let mut text = if is_query { text.replace('+', " ") } else { text.to_owned() };
    for _ in 0..ROUNDS_MAX {
        if !text.contains('%') {
            break;
        }
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    text
}

/// Whether a decoded value has a secret in it: another URL, other parameters, JSON, or the value of `Authorization`.
fn holds_secret(text: &str) -> bool {
    let is_assigned = |(at, sign): (usize, char)| {
        let before = text[..at].trim_end_matches(' ');
        let name = before.trim_end_matches(['"', '\'']);
        // In JSON: `"token": "…"`. A colon after anything else separates other things.
        if at + 1 == text.len() || (sign == ':' && name.len() == before.len()) {
            return false;
        }
        let start = name.rfind(|each: char| !each.is_alphanumeric() && !"-_.[]$".contains(each));
        is_credential_name(
            &name[start.map_or(0, |start| start + name[start..].chars().next().map_or(0, char::len_utf8))..],
        )
    };
    let has_user = || {
        text.split("//").skip(1).any(|rest| rest.split(['/', '?', '#', '\\']).next().is_some_and(|it| it.contains('@')))
    };
    let is_authorization = || {
        ["Bearer ", "Basic "]
            .iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme)))
    };
    text.char_indices().filter(|(_, each)| matches!(each, '=' | ':')).any(is_assigned)
        || has_user()
        || is_authorization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::too_many_lines, reason = "a table")]
    #[test]
    fn names_of_secrets_are_recognised_by_their_words() {
        for name in [
            // Words of their own, in both numbers.
            "auth",
            "authorization",
            "Authorization",
            "proxy-authorization",
            "oauth",
            "authentication",
            "cookie",
            "cookie2",
            "set-cookie",
            "credential",
            "x-credentials",
            "key",
            "keys",
            "x-functions-key",
            "password",
            "passwords",
            "passwd",
            "pwd",
            "x-pwd",
            "pass",
            "passphrase",
            "x-passphrase",
            "secret",
            "secrets",
            "token",
            "tokens",
            "otp",
            "npm-otp",
            "session",
            "sid",
            "connect.sid",
            "sig",
            "signature",
            "hmac",
            "code",
            "jwt",
            "x-jwt",
            "saml",
            "dpop",
            "DPoP",
            "private",
            "bearer",
            "x-pat",
            "Private-Token",
            "user[password]",
            "Key-Pair-Id",
            "x_csrf",
            "client_assertion",
            "sign",
            // Capitals, digits and other separators.
            "accessToken",
            "AccessToken",
            "ACCESS_TOKEN",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "X-Amz-Security-Token",
            "AWSAccessKeyId",
            "token2",
            "oauth2",
            "oauth_verifier",
            "api.key",
            "ToKen",
            "apiKEY",
            "SAMLResponse",
            "SAMLart",
            "codeVerifier",
            "X-Code",
            "X-JFrog-Art-Api",
            // Written together.
            "apikey",
            "x-accesskey",
            "x-privatekey",
            "accesskey",
            "samlresponse",
            "JSESSIONID",
            "jsessionid",
            "PHPSESSID",
            "phpsessid",
            "sessionid",
            "ASP.NET_SessionId",
            "mytoken",
            "xauthtoken",
            "clientsecret",
            "authcode",
            "idtoken",
            "privatetoken",
            "authtokens",
            "apikeys",
            "usersecret",
            "x-authuser",
            // Codes that open something.
            "auth-code",
            "auth_code",
            "code_verifier",
            "device_code",
            "access-code",
            "verificationCode",
            "passcode",
            "reset_code",
        ] {
            assert!(is_credential_name(name), "{name}");
        }
    }

    #[test]
    fn ordinary_names_are_not_taken_for_secrets() {
        for name in [
            "",
            "accept",
            "content-type",
            "range",
            "if-range",
            "user-agent",
            "x-request-id",
            "host",
            "keyboard",
            "keyword",
            "author",
            "authors",
            "coAuthor",
            "authority",
            "code-of-conduct",
            "country-code",
            "status-code",
            "x-status-code",
            "statusCode",
            "zip_code",
            "postcode",
            "barcode",
            "qrcode",
            "encode",
            "decoder",
            "tokenizer",
            "tokenize",
            "monkey",
            "turkey",
            "hockey",
            "sidebar",
            "inside",
            "signal",
            "design",
            "assign",
            "x-signed",
            "X-Amz-SignedHeaders",
            "sessionless",
            "obsession",
            "possession",
            "secretary",
            "passport",
            "passage",
            "bypass",
            "compass",
            "compatible",
            "path",
            "patch",
            "pattern",
            "authored",
            "side",
            "residue",
            "consider",
            "president",
            "etag",
            "idempotency-key",
            "Idempotency-Key",
            "x-cache-key",
            "surrogate-key",
            "sec-websocket-key",
            "public_key",
            "partitionKey",
            "primary-key",
            "foreign-keys",
            "cookieless",
            "pkg",
            "version",
            "x-api-version",
            "apiVersion",
            "client-id",
            "client_id",
            "user",
            "x-forwarded-for",
            "keycode",
            "__proto__",
            "1",
            "größe",
        ] {
            assert!(!is_credential_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_of_any_length_is_judged_at_once() {
        assert!(!is_credential_name(&"x".repeat(1 << 20)));
        assert!(!is_credential_name(&"x-a".repeat(1 << 18)));
        // Taken apart in many ways, and in none to its end.
        assert!(!is_credential_name(&format!("{}q", "setsession".repeat(3))));
    }

    fn shown(url: &str) -> String {
        redacted(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_url_loses_user_password_and_fragment() {
        assert_eq!(shown("https://user:pa%20ss@host:8443/a?b=c#d"), "https://host:8443/a?b=c");
        assert_eq!(shown("mailto:user@host"), "mailto:host");
        assert_eq!(shown("javascript:token=s3cret"), "javascript:REDACTED");
        assert_eq!(shown("file:///etc/passwd"), "file:///etc/passwd");
    }

    #[test]
    fn values_of_secret_parameters_are_redacted_and_all_else_stays_as_it_was_written() {
        for (query, expected) in [
            ("X-Amz-Signature=s3cret&part=2", "X-Amz-Signature=REDACTED&part=2"),
            ("a=%41+b&token=s3cret&&c", "a=%41+b&token=REDACTED&&c"),
            ("token", "token"),
            ("token=", "token="),
            ("keyboard=a&author=b&status-code=404", "keyboard=a&author=b&status-code=404"),
            // Another separator, which not every server knows.
            ("a=1;token=s3cret", "a=1;token=REDACTED"),
            ("a=1;token=s3cret;b=2&c=3", "a=1;token=REDACTED&c=3"),
            ("token=s3;cret&a=1", "token=REDACTED&a=1"),
            // Names and separators that are percent-encoded, once or more.
            ("%74oken=s3cret", "%74oken=REDACTED"),
            ("%2574oken=s3cret", "%2574oken=REDACTED"),
            ("a=1%26token=s3cret", "a=REDACTED"),
            ("a=1%26token%3Ds3cret", "a=REDACTED"),
            ("a=1%253Btoken%253Ds3cret&b=2", "a=REDACTED&b=2"),
            ("a%3D1%26token%3Ds3cret", "REDACTED"),
            ("token%3Ds3cret=1", "REDACTED"),
            ("user%5Bpassword%5D=s3cret", "user%5Bpassword%5D=REDACTED"),
            // URLs in values, and what else may hold a secret.
            ("next=https://b.test/?token=s3cret", "next=REDACTED"),
            ("next=https%3A%2F%2Fb.test%2F%3Ftoken%3Ds3cret&a=1", "next=REDACTED&a=1"),
            ("next=https%3A%2F%2Fuser%3As3cret%40b.test%2F", "next=REDACTED"),
            ("next=https://b.test/path?page=2", "next=https://b.test/path?page=2"),
            ("q=%7B%22token%22%3A%22s3cret%22%7D", "q=REDACTED"),
            ("q=%7B%22accessToken%22+%3A+%22s3cret%22%7D", "q=REDACTED"),
            ("h=Bearer+s3cret", "h=REDACTED"),
            ("q=key:value", "q=key:value"),
        ] {
            let expected = format!("https://a.test/x?{expected}");
            assert_eq!(shown(&format!("https://a.test/x?{query}")), expected);
            assert_eq!(shown(&expected), expected, "redacted once more");
        }
    }

    #[test]
    fn values_of_secret_parameters_of_paths_are_redacted() {
        for (path, expected) in [
            ("a;token=s3cret/b;c=d", "a;token=REDACTED/b;c=d"),
            ("a;jsessionid=s3cret?b=c", "a;jsessionid=REDACTED?b=c"),
            ("a%3Btoken%3Ds3cret/b", "REDACTED/b"),
            ("token=s3cret/b", "token=REDACTED/b"),
            ("https%3A%2F%2Fuser%3As3cret%40b.test/b", "REDACTED/b"),
            ("https://user:s3cret@b.test/b", "https://REDACTED@b.test/b"),
            ("@scope/token/keys;a=b/@1", "@scope/token/keys;a=b/@1"),
        ] {
            assert_eq!(shown(&format!("https://a.test/{path}")), format!("https://a.test/{expected}"));
        }
    }

    #[test]
    fn text_that_may_not_be_a_url_loses_them_too() {
        for (text, expected) in [
            ("https://host", "https://host"),
            ("https://host/a?b=c", "https://host/a?b=c"),
            ("https://user:s3cret@host", "https://host/"),
            ("https://host/\r\nx#s3cret", "https://host/x"),
            ("/a?token=s3cret", "/a"),
            ("/a;token=s3cret/@scope/b", "/a;token=REDACTED/@scope/b"),
            ("/users?email=a@b.test", "/users"),
            ("user:s3cret@[host\n/a", "[host /a"),
            ("https://user:s3#cret@host/", "REDACTED"),
            ("https://user:s3?cret@host/", "REDACTED"),
            ("https://user:s3cret", "https://user:REDACTED"),
            ("https://user:s3cret/a", "https://user:REDACTED"),
            ("https://user:s3cret%40host/", "https://user:REDACTED"),
            ("user:s3cret", "user:REDACTED"),
            ("host:8080/a", "host:8080/a"),
            ("https://ho st:80/a;token=s3cret", "https://ho st:80/a;token=REDACTED"),
            ("nonsense", "nonsense"),
            ("", ""),
        ] {
            assert_eq!(redacted_text(text), expected, "{text}");
        }
        assert_eq!(redacted_text(&"é".repeat(1 << 20)).chars().count(), TEXT_MAX + 1);
    }
}
