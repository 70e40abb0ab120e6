//! Expected digests of a file: their syntax, and whether computed digests match.
//!
//! `integrity` is Subresource Integrity, as npm and browsers write it: digests separated by white
//! space. Those of the strongest algorithm count, and one of them must match. Unknown algorithms
//! are ignored. A digest of a known algorithm that is not base64 is an error: to ignore it would
//! verify less than the caller believes. One of a wrong length matches no file.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

/// Reads base64 with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The algorithm of a digest. The order is by strength, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// The name in Subresource Integrity.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Bytes of a digest.
    const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// One digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub algorithm: Algorithm,
    pub bytes: Vec<u8>,
}

impl Digest {
    /// Whether it has the length of its algorithm's digests. Others match nothing.
    pub fn is_complete(&self) -> bool {
        self.bytes.len() == self.algorithm.length()
    }

    /// The digest in lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        hex::encode(&self.bytes)
    }

    /// The digest as Subresource Integrity: `sha512-<base64>`.
    pub fn sri(&self) -> String {
        format!("{}-{}", self.algorithm.name(), STANDARD.encode(&self.bytes))
    }
}

/// The digests that the caller expects of a file. Without any, every file is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub sha256: Option<Digest>,
    /// Digests of one algorithm, of which one must match.
    pub integrity: Vec<Digest>,
}

/// A computed digest that differs from the expected one.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The beginning of the message: `Checksum` for `sha256`, `Integrity` for `integrity`.
    pub check: &'static str,
    pub expected: String,
    pub computed: String,
}

impl Expected {
    pub fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.integrity.is_empty()
    }

    /// The algorithms that have to be computed.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.sha256.iter().chain(self.integrity.first()).map(|digest| digest.algorithm)
    }

    /// Compares `computed`, which has a digest for each of [`Expected::algorithms`]. A missing
    /// digest does not match.
    pub fn verify(&self, computed: &[Digest]) -> Result<(), Mismatch> {
        let of = |algorithm| computed.iter().find(|digest| digest.algorithm == algorithm);
        if let Some(expected) = &self.sha256 {
            let computed = of(Algorithm::Sha256);
            if computed != Some(expected) {
                let computed = computed.map(Digest::hex).unwrap_or_default();
                return Err(Mismatch { check: "Checksum", expected: expected.hex(), computed });
            }
        }
        if let Some(first) = self.integrity.first() {
            let computed = of(first.algorithm);
            if !computed.is_some_and(|computed| self.integrity.contains(computed)) {
                let expected = self.integrity.iter().map(Digest::sri).collect::<Vec<_>>().join(" ");
                let computed = computed.map(Digest::sri).unwrap_or_default();
                return Err(Mismatch { check: "Integrity", expected, computed });
            }
        }
        Ok(())
    }
}

/// Reads a SHA-256 digest: 64 hexadecimal digits, in any case, with white space around them.
pub fn parse_sha256(text: &str) -> Option<Digest> {
    let bytes = hex::decode(text.trim()).ok().filter(|bytes| bytes.len() == Algorithm::Sha256.length())?;
    Some(Digest { algorithm: Algorithm::Sha256, bytes })
}

/// Reads Subresource Integrity: the digests of the strongest known algorithm. `None` if a digest is
/// invalid or no algorithm is known.
pub fn parse_integrity(text: &str) -> Option<Vec<Digest>> {
    let mut digests = Vec::new();
    for entry in text.split_ascii_whitespace() {
        let (name, rest) = entry.split_once('-')?;
        let Some(algorithm) = Algorithm::parse(name) else {
            continue;
        };
        // Options after `?` are reserved, and ignored.
        let encoded = rest.split('?').next().unwrap_or_default();
        let bytes = LENIENT.decode(encoded).ok().filter(|bytes| !bytes.is_empty())?;
        digests.push(Digest { algorithm, bytes });
    }
    let strongest = digests.iter().map(|digest| digest.algorithm).max()?;
    digests.retain(|digest| digest.algorithm == strongest);
    Some(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const EMPTY_SRI: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn digest(algorithm: Algorithm, byte: u8) -> Digest {
        Digest { algorithm, bytes: vec![byte; algorithm.length()] }
    }

    #[test]
    fn hex_and_base64_are_the_same_digest() {
        let hex = parse_sha256(&EMPTY.to_uppercase()).unwrap();
        assert_eq!((hex.hex(), hex.sri()), (EMPTY.to_owned(), EMPTY_SRI.to_owned()));
        assert_eq!(parse_integrity(EMPTY_SRI).unwrap(), [hex]);
    }

    #[test]
    fn invalid_digests_are_refused() {
        for text in ["", "abc", &EMPTY[1..], &format!("{EMPTY}0"), &EMPTY.replace('e', "g"), &"ä".repeat(32)] {
            assert_eq!(parse_sha256(text), None, "{text}");
        }
        for text in ["", "sha256", "sha256-", "sha256-####", "md5-abc"] {
            assert_eq!(parse_integrity(text), None, "{text}");
        }
    }

    #[test]
    fn a_digest_of_a_wrong_length_matches_nothing() {
        let short = format!("sha512-{}", &EMPTY_SRI["sha256-".len()..]);
        for text in [short.as_str(), "sha256-AAAA", &format!("{EMPTY_SRI} {short}")] {
            let expected = Expected { sha256: None, integrity: parse_integrity(text).unwrap() };
            let right = [parse_sha256(EMPTY).unwrap(), digest(Algorithm::Sha512, 1)];
            assert!(!expected.integrity[0].is_complete(), "{text}");
            assert_eq!(expected.verify(&right).unwrap_err().check, "Integrity", "{text}");
        }
        let unpadded = EMPTY_SRI.trim_end_matches('=');
        assert_eq!(parse_integrity(unpadded), parse_integrity(EMPTY_SRI));
    }

    #[test]
    fn the_strongest_algorithm_counts_and_one_of_its_digests_must_match() {
        let (a, b) = (digest(Algorithm::Sha512, 1), digest(Algorithm::Sha512, 2));
        let text = format!("md5-xx {EMPTY_SRI}\n{}?opt {}", a.sri(), b.sri());
        let expected = Expected { sha256: None, integrity: parse_integrity(&text).unwrap() };
        assert_eq!(expected.algorithms().collect::<Vec<_>>(), [Algorithm::Sha512]);
        assert_eq!(expected.verify(&[b]), Ok(()));
        assert_eq!(expected.verify(&[digest(Algorithm::Sha512, 3)]).unwrap_err().check, "Integrity");
        assert!(expected.verify(&[]).is_err());
    }

    #[test]
    fn both_kinds_must_hold() {
        let expected =
            Expected { sha256: Some(digest(Algorithm::Sha256, 1)), integrity: vec![digest(Algorithm::Sha384, 1)] };
        let computed = |one, other| [digest(Algorithm::Sha256, one), digest(Algorithm::Sha384, other)];
        assert_eq!(expected.verify(&computed(1, 1)), Ok(()));
        assert_eq!(expected.verify(&computed(2, 1)).unwrap_err().check, "Checksum");
        assert_eq!(expected.verify(&computed(1, 2)).unwrap_err().check, "Integrity");
    }
}
