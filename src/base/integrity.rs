//! What a file must be: expected digests, how they are written, and whether computed ones agree.
//!
//! `integrity` is Subresource Integrity as npm and browsers write it: digests separated by white space, of which those
//! of the strongest algorithm count and one must match. Algorithms that we do not know are passed over; a broken digest
//! of one that we know is an error, because to ignore it would verify less than the caller believes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

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

/// One digest, of whatever algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub algorithm: Algorithm,
    pub bytes: Vec<u8>,
}

impl Digest {
    pub fn hex(&self) -> String {
        hex::encode(&self.bytes)
    }

    /// As Subresource Integrity writes it: `sha512-<base64>`.
    pub fn sri(&self) -> String {
        format!("{}-{}", self.algorithm.name(), STANDARD.encode(&self.bytes))
    }
}

/// What the caller expects of a file. Empty: anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub sha256: Option<Digest>,
    /// All of one algorithm; one of them must match.
    pub integrity: Vec<Digest>,
}

/// A digest that is not what was expected.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// `Checksum` for `sha256`, `Integrity` for `integrity`: opens the message.
    pub check: &'static str,
    pub expected: String,
    pub computed: String,
}

impl Expected {
    pub fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.integrity.is_empty()
    }

    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.sha256.iter().chain(self.integrity.first()).map(|digest| digest.algorithm)
    }

    /// `computed` has a digest for each of [`Expected::algorithms`]; one that is missing does not match.
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

/// 64 hexadecimal digits, in any case.
pub fn parse_sha256(text: &str) -> Option<Digest> {
    let bytes = hex::decode(text.trim()).ok().filter(|bytes| bytes.len() == Algorithm::Sha256.length())?;
    Some(Digest { algorithm: Algorithm::Sha256, bytes })
}

/// The digests of the strongest known algorithm; `None` when one is broken or none is known.
pub fn parse_integrity(text: &str) -> Option<Vec<Digest>> {
    let mut digests = Vec::new();
    for entry in text.split_ascii_whitespace() {
        let (name, rest) = entry.split_once('-')?;
        let Some(algorithm) = Algorithm::parse(name) else {
            continue;
        };
        // Options behind `?` are reserved and ignored.
        let encoded = rest.split('?').next().unwrap_or_default();
        let bytes = STANDARD.decode(encoded).ok().filter(|bytes| bytes.len() == algorithm.length())?;
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
    fn broken_digests_are_refused() {
        for text in ["", "abc", &EMPTY[1..], &format!("{EMPTY}0"), &EMPTY.replace('e', "g"), &"ä".repeat(32)] {
            assert_eq!(parse_sha256(text), None, "{text}");
        }
        for text in
            ["", "sha256", "sha256-", "sha256-####", "md5-abc", "sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]
        {
            assert_eq!(parse_integrity(text), None, "{text}");
        }
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
