//! `Basic` credentials (RFC 7617), and the header fields that hold credentials.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::base::credential_name::is_credential_name;

/// The value of `Authorization` for a user and a password.
fn basic(user: &[u8], password: &[u8]) -> String {
    format!("Basic {}", STANDARD.encode([user, b":", password].concat()))
}

/// The value of `Authorization` for a token, which is the name of the user, without a password.
pub fn basic_auth(token: &str) -> String {
    basic(token.as_bytes(), b"")
}

/// The `Basic` credentials for the user and password in a URL, percent-decoded and marked as
/// sensitive. `None` if the URL has neither.
pub fn basic_of_url(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |part: &str| percent_decode_str(part).collect::<Vec<u8>>();
    let credentials = basic(&decoded(url.username()), &decoded(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(credentials).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Removes the fields that hold credentials, before a request is sent to another origin.
pub fn remove_credentials(headers: &mut HeaderMap) {
    remove_fields(headers, |name| is_credential_name(name.as_str()));
}

/// Removes the fields whose names are `unwanted`.
pub fn remove_fields(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let names: Vec<_> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_user_without_a_password() {
        assert_eq!(basic_auth("abc"), "Basic YWJjOg==");
        assert_eq!(basic_auth("ü"), "Basic w7w6");
        assert_eq!(basic_auth(""), "Basic Og==");
    }

    #[test]
    fn user_and_password_of_a_url_are_decoded() {
        let of = |url: &str| basic_of_url(&Url::parse(url).unwrap());
        let value = of("http://us%40er:p%3Aw@host").unwrap();
        assert!(value.is_sensitive());
        assert_eq!(value, "Basic dXNAZXI6cDp3");
        assert_eq!(of("socks5://user@host").unwrap(), "Basic dXNlcjo=");
        assert_eq!(of("http://us%40er:p%C3%A4ss@host/").unwrap(), "Basic dXNAZXI6cMOkc3M=");
        assert_eq!(of("http://host"), None);
        assert_eq!(of("http://:@host"), None);
    }

    #[test]
    fn credentials_are_removed_and_other_fields_stay() {
        let names = ["authorization", "cookie", "x-api-key", "accept", "host"];
        let mut headers: HeaderMap =
            names.into_iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v"))).collect();
        remove_credentials(&mut headers);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "host"]);
    }
}
