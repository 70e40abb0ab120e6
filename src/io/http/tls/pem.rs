//! Reads PEM certificates as leniently as OpenSSL: a byte order mark, any line ends, text between
//! the certificates, and the labels `X509 CERTIFICATE` and `TRUSTED CERTIFICATE` are accepted. A
//! broken certificate does not affect the others.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::policy::tls::certificate::Certificate;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The usable certificates of a text, and the problems of the others.
#[derive(Debug, Default)]
pub struct Bundle {
    pub certificates: Vec<Certificate>,
    pub complaints: Vec<String>,
}

/// Reads all certificates of a text. Complaints refer to it as `source`.
pub fn read(text: &[u8], source: &str) -> Bundle {
    let mut bundle = Bundle::default();
    let mut count = 0;
    let mut open: Option<(bool, Vec<u8>)> = None;
    for line in text.split(|&byte| byte == b'\n' || byte == b'\r') {
        let line = line.trim_ascii().strip_prefix(b"\xef\xbb\xbf").unwrap_or(line.trim_ascii()).trim_ascii();
        if let Some(label) = label(line, b"-----BEGIN ") {
            let is_trusted = label == b"TRUSTED CERTIFICATE";
            if open.take().is_some() {
                bundle.complaints.push(format!("certificate {count} of {source} has no end"));
            }
            if is_trusted || matches!(label, b"CERTIFICATE" | b"X509 CERTIFICATE") {
                count += 1;
                open = Some((is_trusted, Vec::new()));
            }
        } else if label(line, b"-----END ").is_some() {
            let Some((is_trusted, content)) = open.take() else { continue };
            let parse = if is_trusted { Certificate::parse_trusted } else { Certificate::parse };
            match BASE64.decode(content).ok().as_deref().and_then(parse) {
                Some(certificate) => bundle.certificates.push(certificate),
                None => bundle.complaints.push(format!("certificate {count} of {source} is broken")),
            }
        } else if let Some((_, content)) = &mut open {
            content.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
    }
    if open.is_some() {
        bundle.complaints.push(format!("certificate {count} of {source} has no end"));
    }
    if count == 0 && !text.trim_ascii().is_empty() {
        bundle.complaints.push(format!("{source} has no certificates in PEM"));
    }
    bundle
}

fn label<'a>(line: &'a [u8], before: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(before)?.strip_suffix(b"-----")
}
