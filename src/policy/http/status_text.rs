//! The status text of a response.

use http::StatusCode;

/// Returns the reason phrase of a response as sent, or the standard one of the status if none was
/// sent or if it is not ASCII: its encoding would be unknown. Empty for a status without a standard
/// one.
pub fn status_text(status: StatusCode, phrase: Option<&[u8]>) -> String {
    let sent = phrase.and_then(|phrase| std::str::from_utf8(phrase).ok()).map(str::trim);
    let usable = sent.filter(|phrase| !phrase.is_empty() && phrase.is_ascii());
    usable.or(status.canonical_reason()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_returned_as_sent() {
        assert_eq!(status_text(StatusCode::OK, Some(b"Fine by me")), "Fine by me");
    }

    #[test]
    fn a_status_line_without_a_usable_phrase_has_the_standard_one() {
        for phrase in [None, Some(&b""[..]), Some(b" "), Some("Größe".as_bytes()), Some(b"Gr\xf6\xdfe")] {
            assert_eq!(status_text(StatusCode::NOT_FOUND, phrase), "Not Found", "{phrase:?}");
        }
    }

    #[test]
    fn a_status_that_is_not_registered_has_no_standard_phrase() {
        let status = StatusCode::from_u16(599).unwrap();
        assert_eq!(status_text(status, None), "");
        assert_eq!(status_text(status, Some(b"Own")), "Own");
    }
}
