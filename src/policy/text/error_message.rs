//! Explanations of failed requests for people, by the codes of their errors.
//!
//! The codes include those of Node's own clients, whose errors callers explain with the same
//! helper.

use crate::base::error::redacted_text;

/// Returns `<METHOD> request failed: <url>`, with a line that explains the code, if there is one,
/// and a line that says what helps, if that is known.
pub fn enriched(url: &str, method: &str, code: Option<&str>) -> String {
    let first = format!("{} request failed: {}", method.to_uppercase(), redacted_text(url));
    match code {
        Some(code) => format!("{first}\n{}", explained(code)),
        None => first,
    }
}

fn explained(code: &str) -> String {
    let explanation = match code {
        "ECONNREFUSED" => {
            "Connection refused: nothing accepts connections there.\n\
             Check whether the server is down, or a firewall blocks the connection."
        }
        "ENOTFOUND" | "EAI_AGAIN" => {
            "DNS lookup failed: the host name has no known address.\n\
             Check the host name, the internet connection and the DNS settings."
        }
        "ETIMEDOUT" | "ESOCKETTIMEDOUT" | "ERR_TIMEOUT" => {
            "Connection timed out: the server did not respond in time.\n\
             Check the internet connection, or allow more time."
        }
        "ECONNRESET" => {
            "Connection reset: the connection was closed before the response was complete.\n\
             The server reset it, or a proxy did. Try again."
        }
        "EPIPE" => {
            "Broken pipe: the connection was closed while the request was sent.\n\
             The server ended it, or a proxy did. Try again."
        }
        _ if is_of_certificate(code) => {
            "SSL/TLS certificate error: the certificate of the server was not accepted.\n\
             Check the system time and the certificates, also of a proxy that inspects the traffic."
        }
        _ => return format!("Error code: {code}"),
    };
    explanation.to_owned()
}

/// Whether a code is about a certificate. Node takes most of these from OpenSSL's list of
/// verification errors.
fn is_of_certificate(code: &str) -> bool {
    code.starts_with("CERT_")
        || code.starts_with("ERR_TLS_CERT_")
        || code.starts_with("UNABLE_TO_")
        || matches!(
            code,
            "DEPTH_ZERO_SELF_SIGNED_CERT"
                | "SELF_SIGNED_CERT_IN_CHAIN"
                | "HOSTNAME_MISMATCH"
                | "INVALID_CA"
                | "PATH_LENGTH_EXCEEDED"
                | "INVALID_PURPOSE"
                | "UNSPECIFIED"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_method_and_url() {
        assert_eq!(enriched("https://a.test/x", "get", None), "GET request failed: https://a.test/x");
        assert_eq!(
            enriched("https://u:secret@a.test/x?token=s", "POST", None),
            "POST request failed: https://a.test/x?token=REDACTED"
        );
    }

    #[test]
    fn known_codes_are_explained_and_others_are_named() {
        for (code, line) in [
            ("ECONNREFUSED", "Connection refused"),
            ("ENOTFOUND", "DNS lookup failed"),
            ("EAI_AGAIN", "DNS lookup failed"),
            ("ETIMEDOUT", "Connection timed out"),
            ("ERR_TIMEOUT", "Connection timed out"),
            ("ECONNRESET", "Connection reset"),
            ("EPIPE", "Broken pipe"),
            ("CERT_HAS_EXPIRED", "SSL/TLS certificate error"),
            ("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "SSL/TLS certificate error"),
            ("UNSPECIFIED", "SSL/TLS certificate error"),
            ("DEPTH_ZERO_SELF_SIGNED_CERT", "SSL/TLS certificate error"),
            ("SELF_SIGNED_CERT_IN_CHAIN", "SSL/TLS certificate error"),
            ("ERR_TLS_CERT_ALTNAME_INVALID", "SSL/TLS certificate error"),
            ("EPROTO", "Error code: EPROTO"),
        ] {
            let message = enriched("http://a.test/", "GET", Some(code));
            let (_, second) = message.split_once('\n').unwrap();
            assert!(second.starts_with(line), "{code}: {second}");
            assert_eq!(second.lines().count(), if second.contains("Error code") { 1 } else { 2 }, "{code}");
        }
    }
}
