//! URLs as they may be shown.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::base::credential_name::is_credential_name;

/// Shown in place of a secret.
const REDACTED: &str = "REDACTED";
/// Characters of a text that is not a URL, in a message.
const TEXT_MAX: usize = 200;

/// The URL for messages, records and logs: without user, password and fragment, and without the values of parameters
/// whose names say that they are secret, wherever in path or query they are.
pub fn redacted(url: &Url) -> String {
    if url.cannot_be_a_base() {
        let rest = url.path();
        let shown = if holds_secret(&decoded(rest, false)) { REDACTED.to_owned() } else { unparsed(rest) };
        return format!("{}:{shown}", url.scheme());
    }
    let mut shown = url.clone();
    remove_user(&mut shown);
    shown.set_fragment(None);
    if let Cow::Owned(path) = redacted_path(url.path()) {
        shown.set_path(&path);
    }
    if let Some(Cow::Owned(query)) = url.query().map(redacted_query) {
        shown.set_query(Some(&query));
    }
    shown.into()
}

/// Removes user and password from a URL.
pub fn remove_user(url: &mut Url) {
    // Both fail only for URLs that cannot have credentials, and so have none to remove.
    let _ = url.set_username("");
    let _ = url.set_password(None);
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
