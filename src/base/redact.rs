//! Redaction of URLs in messages, events, records and logs.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::{Position, Url};

use crate::base::credential_name::is_credential_name;

/// The text in place of a secret.
const REDACTED: &str = "REDACTED";
/// Characters of a redacted text that is not a URL.
const TEXT_MAX: usize = 200;

/// Returns a URL without user, password and fragment, and without the values of parameters of path
/// or query whose names say that they are secret.
pub fn redacted(url: &Url) -> String {
    if url.cannot_be_a_base() {
        let rest = url.path();
        let rest = if holds_secret(&decoded(rest, false)) { REDACTED.to_owned() } else { redacted_unparsed(rest) };
        return format!("{}:{rest}", url.scheme());
    }
    let mut redacted = url.clone();
    remove_user(&mut redacted);
    redacted.set_fragment(None);
    if let Cow::Owned(path) = redacted_path(url.path()) {
        redacted.set_path(&path);
    }
    if let Some(Cow::Owned(query)) = url.query().map(redacted_query) {
        redacted.set_query(Some(&query));
    }
    redacted.into()
}

/// The path and query of a URL as [`redacted`] returns them.
pub fn redacted_target(url: &Url) -> String {
    let mut target = redacted_path(url.path()).into_owned();
    if let Some(query) = url.query() {
        target.push('?');
        target.push_str(&redacted_query(query));
    }
    target
}

/// Removes user and password from a URL.
pub fn remove_user(url: &mut Url) {
    if url[Position::BeforeUsername..Position::BeforeHost].is_empty() {
        return;
    }
    // Both fail only for URLs that cannot have credentials, and so have none to remove.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

/// Redacts a text that may not be a URL, for messages of one line. Text without a secret is
/// returned unchanged.
pub fn redacted_text(text: &str) -> String {
    // Without the check of the host, `user:password@host` would be a URL with the scheme `user`. A
    // backslash is a slash to the parser, but part of the user in
    // `http://DOMAIN\\user:password@host`.
    let is_user = text.rsplit_once('@').is_some_and(|(user, _)| user.contains('\\'));
    let Some(url) = Url::parse(text).ok().filter(|url| url.has_host() && !is_user) else {
        return redacted_unparsed(text);
    };
    let redacted = redacted(&url);
    let is_plain = text.chars().all(|character| character.is_ascii_graphic());
    if redacted == url.as_str() && is_plain { text.to_owned() } else { redacted }
}

/// Redacts a text that is not a URL. It may have a password before an `@` or after a `:`, or a
/// token after `?` or `#`.
fn redacted_unparsed(text: &str) -> String {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let is_path = path.is_empty() || (path.starts_with(['/', '.']) && !path.starts_with("//"));
    let redacted = if is_path {
        redacted_path(path)
    } else if text[path.len()..].contains('@') {
        // The `?` may be part of a password.
        Cow::Borrowed(REDACTED)
    } else {
        without_password(path)
    };
    let mut line: String =
        redacted.chars().take(TEXT_MAX).map(|each| if each.is_control() { ' ' } else { each }).collect();
    if redacted.chars().nth(TEXT_MAX).is_some() {
        line.push('…');
    }
    line
}

/// The text after the last `@`. Without an `@`, the text behind a `:` is redacted unless it is a
/// port.
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

/// Redacts the values of secret parameters in a path, as in `/a;token=1/b`, and the user of a URL
/// that is part of the path.
fn redacted_path(path: &str) -> Cow<'_, str> {
    let mut before = ["", ""];
    mapped(path, '/', |segment| {
        let is_authority = before[0].ends_with(':') && before[1].is_empty();
        before = [before[1], segment];
        match segment.rsplit_once('@') {
            Some((_, host)) if is_authority => Cow::Owned(format!("{REDACTED}@{host}")),
            _ => redacted_parameters(segment, false),
        }
    })
}

/// Redacts the values of secret parameters in a query.
fn redacted_query(query: &str) -> Cow<'_, str> {
    mapped(query, '&', |part| redacted_parameters(part, true))
}

/// Applies `change` to each part between separators. Borrowed if no part was changed.
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

/// Redacts parameters that are separated by `;`, from the first secret one to the end: the rest may
/// be part of its value, because not every server takes `;` for a separator.
fn redacted_parameters(text: &str, is_query: bool) -> Cow<'_, str> {
    let mut start = 0;
    for part in text.split(';') {
        if let Some(redacted) = redacted_parameter(part, is_query) {
            return Cow::Owned(format!("{}{redacted}", &text[..start]));
        }
        start += part.len() + 1;
    }
    Cow::Borrowed(text)
}

/// The redacted parameter, if it has a secret.
fn redacted_parameter(text: &str, is_query: bool) -> Option<String> {
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

/// Percent-decodes a text, up to five times if it was encoded more than once.
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

/// Whether a decoded value contains a secret: in another URL, in other parameters, in JSON, or as
/// the value of `Authorization`.
fn holds_secret(text: &str) -> bool {
    let is_assigned = |(at, sign): (usize, char)| {
        let before = text[..at].trim_end_matches(' ');
        let name = before.trim_end_matches(['"', '\'']);
        // JSON quotes the name: `"token": "…"`. A colon after anything else separates other things.
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

    fn of(url: &str) -> String {
        redacted(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_target_is_the_path_and_query_of_the_redacted_url() {
        for url in [
            "http://a.test",
            "http://u:p@a.test:81/b;token=x/c?a=1#f",
            "http://a.test/?token=s3cret&b",
            "http://a.test/?",
        ] {
            let url = Url::parse(url).unwrap();
            let whole = Url::parse(&redacted(&url)).unwrap();
            assert_eq!(redacted_target(&url), whole[Position::BeforePath..Position::AfterQuery]);
        }
    }

    #[test]
    fn a_url_loses_user_password_and_fragment() {
        assert_eq!(of("https://user:pa%20ss@host:8443/a?b=c#d"), "https://host:8443/a?b=c");
        assert_eq!(of("mailto:user@host"), "mailto:host");
        assert_eq!(of("javascript:token=s3cret"), "javascript:REDACTED");
        assert_eq!(of("file:///etc/passwd"), "file:///etc/passwd");
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
            // URLs in values, and other values that may contain a secret.
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
            assert_eq!(of(&format!("https://a.test/x?{query}")), expected);
            assert_eq!(of(&expected), expected, "redacted twice");
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
            assert_eq!(of(&format!("https://a.test/{path}")), format!("https://a.test/{expected}"));
        }
    }

    #[test]
    fn text_that_may_not_be_a_url_is_redacted_too() {
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
            ("http://DOMAIN\\user:s3cret@host:1/", "host:1/"),
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
