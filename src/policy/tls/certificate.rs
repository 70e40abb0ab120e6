//! A certificate (RFC 5280): the parts by which its chain is evaluated.

use std::net::IpAddr;

use x509_cert::der::asn1::{AnyRef, UintRef};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, SliceReader};
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};
use x509_cert::ext::pkix::{KeyUsages, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::policy::tls::host_name::Names;
use crate::policy::tls::reason::Reason;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// `rsaEncryption` in DER.
const RSA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const MIN_RSA_BITS: usize = 2048;
/// Characters of the longest name in a message: a server may send names of any length.
const NAME_MAX: usize = 120;

/// Whether a certificate may sign others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    No,
    Yes,
    /// Unspecified, by a root of version 1, or by a key usage alone. Accepted at the end of a chain
    /// only.
    Unspecified,
}

/// Trust in a certificate of servers, by the `TRUSTED CERTIFICATE` format of OpenSSL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    #[default]
    Unspecified,
    Rejected,
}

/// The parts of a certificate by which its chain is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// The signed part, in DER.
    pub signed: Vec<u8>,
    /// The content of the `AlgorithmIdentifier`.
    pub algorithm: Vec<u8>,
    pub signature: Vec<u8>,
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    /// `SubjectPublicKeyInfo` in DER.
    pub public_key: Vec<u8>,
    pub trust: Trust,
    /// Seconds since 1970.
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    pub(super) is_version_1: bool,
    /// `cA` of the basic constraints, if present.
    pub(super) authority: Option<bool>,
    pub(super) path_length: Option<u8>,
    pub(super) key_usage: Option<FlagSet<KeyUsages>>,
    /// Whether the extended key usage has `serverAuth`, if present.
    pub(super) server_auth: Option<bool>,
    /// Whether the Netscape certificate type is one of a server, if present.
    pub(super) netscape_server: Option<bool>,
    pub(super) has_unknown_critical: bool,
    pub(super) key_id: Option<Vec<u8>>,
    pub(super) issuer_key_id: Option<Vec<u8>>,
    /// The serial number, without leading zeros.
    pub(super) serial: Vec<u8>,
    /// The serial number and issuer of the issuer's certificate, if the authority key identifier
    /// has them.
    pub(super) issuer_serial: Option<Vec<u8>>,
    pub(super) issuer_issuer: Option<Vec<u8>>,
    pub(super) alternative_names: Option<Vec<u8>>,
    pub(super) name_constraints: Option<Vec<u8>>,
}

impl Certificate {
    /// Whether the certificate is issued by itself, by names and key identifiers. As in OpenSSL,
    /// the signature is not verified.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.may_be_issued_by(self)
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether the certificate may be issued by `issuer`, by names and key identifiers.
    pub fn may_be_issued_by(&self, issuer: &Self) -> bool {
        let is_key = match (&self.issuer_key_id, &issuer.key_id) {
            (Some(expected), Some(id)) => expected == id,
            _ => true,
        };
        let is_serial = self.issuer_serial.as_ref().is_none_or(|serial| *serial == issuer.serial);
        let is_issuer = self.issuer_issuer.as_ref().is_none_or(|name| *name == issuer.issuer);
        self.issuer == issuer.subject && is_key && is_serial && is_issuer
    }

    /// Whether the key usage, if present, allows to sign certificates.
    pub fn may_sign(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.contains(KeyUsages::KeyCertSign))
    }

    /// The first and the last second of its validity, since 1970.
    pub fn validity(&self) -> (u64, u64) {
        (self.not_before, self.not_after)
    }

    /// Whether the certificate is valid at a time in seconds since 1970.
    pub fn is_valid_at(&self, now: u64) -> bool {
        self.time_problem(now).is_none()
    }

    /// The algorithm of the public key, with its parameters, as the content of its sequence in DER.
    pub fn key_algorithm(&self) -> Option<&[u8]> {
        let key = AnyRef::from_der(&self.public_key).ok()?;
        let mut fields = SliceReader::new(key.value()).ok()?;
        AnyRef::decode(&mut fields).ok().map(AnyRef::value)
    }

    /// Whether webpki rejects the certificate as one of a server, so that its path must be built
    /// here.
    pub fn needs_own_path(&self) -> bool {
        self.is_version_1 || self.authority == Some(true)
    }

    pub(super) fn authority(&self) -> Authority {
        match self.authority {
            _ if !self.may_sign() => Authority::No,
            Some(true) => Authority::Yes,
            None if (self.is_version_1 && self.is_self_signed()) || self.key_usage.is_some() => Authority::Unspecified,
            Some(false) | None => Authority::No,
        }
    }

    pub(super) fn time_problem(&self, now: u64) -> Option<Reason> {
        match now {
            _ if now > self.not_after => Some(Reason::Expired),
            _ if now < self.not_before => Some(Reason::NotYetValid),
            _ => None,
        }
    }

    /// Whether key usage and Netscape certificate type allow TLS servers.
    pub(super) fn serves(&self) -> bool {
        let exchanges = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment | KeyUsages::KeyAgreement;
        let has_usage = self.key_usage.is_none_or(|usage| !(usage & exchanges).is_empty());
        has_usage && self.netscape_server != Some(false)
    }

    /// Whether the RSA key is too short to be secure. No signature by it is verified.
    pub fn has_weak_key(&self) -> bool {
        let bits = || {
            let info = SubjectPublicKeyInfoRef::from_der(&self.public_key).ok()?;
            let key = AnyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
            let modulus = UintRef::decode(&mut SliceReader::new(key.value()).ok()?).ok()?.as_bytes();
            Some(modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?)
        };
        self.public_key.windows(RSA.len()).any(|bytes| bytes == RSA) && bits().is_none_or(|bits| bits < MIN_RSA_BITS)
    }

    /// Returns the names of the certificate. `None` if they cannot be read.
    pub fn names(&self) -> Option<Names> {
        let mut names = Names { common: common_names(&self.subject)?, ..Names::default() };
        let Some(der) = &self.alternative_names else { return Some(names) };
        for name in SubjectAltName::from_der(der).ok()?.0 {
            match name {
                GeneralName::DnsName(name) => names.dns.push(name.as_str().to_owned()),
                GeneralName::IpAddress(bytes) => names.addresses.extend(address(bytes.as_bytes())),
                _ => {}
            }
        }
        Some(names)
    }

    /// Returns the subject, for messages.
    pub fn display_subject(&self) -> String {
        display_name(&self.subject)
    }

    /// Returns the issuer, for messages.
    pub fn display_issuer(&self) -> String {
        display_name(&self.issuer)
    }
}

fn common_names(subject: &[u8]) -> Option<Vec<String>> {
    let name = Name::from_der(subject).ok()?;
    let values = name.iter().filter(|each| each.oid == COMMON_NAME);
    Some(values.filter_map(|each| text(each.value.decode_as::<DirectoryString>().ok()?)).collect())
}

fn text(value: DirectoryString) -> Option<String> {
    match value {
        DirectoryString::PrintableString(text) => Some(text.as_str().to_owned()),
        DirectoryString::TeletexString(text) => Some(text.as_str().to_owned()),
        DirectoryString::Utf8String(text) => Some(text),
        DirectoryString::BmpString(_) => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn display_name(name: &[u8]) -> String {
    let text = Name::from_der(name).map(|name| name.to_string()).unwrap_or_default();
    if text.is_empty() {
        return "a certificate without a name".to_owned();
    }
    let clean = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(clean).take(NAME_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tls::fixtures::{authority, certificate};

    #[test]
    fn issuers_are_found_by_name_and_key_identifier() {
        let leaf = Certificate { issuer_key_id: Some(vec![1]), ..certificate("leaf", "root") };
        let root = |id| Certificate { key_id: id, ..authority("root", "root") };
        assert!(leaf.may_be_issued_by(&root(Some(vec![1]))));
        assert!(leaf.may_be_issued_by(&root(None)));
        assert!(!leaf.may_be_issued_by(&root(Some(vec![2]))));
        assert!(!leaf.may_be_issued_by(&authority("another", "another")));
        let by_serial = Certificate { issuer_serial: Some(vec![7]), issuer_issuer: Some("top".into()), ..leaf.clone() };
        let numbered = |serial, issuer| Certificate { serial: vec![serial], ..authority("root", issuer) };
        assert!(by_serial.may_be_issued_by(&numbered(7, "top")));
        assert!(!by_serial.may_be_issued_by(&numbered(8, "top")));
        assert!(!by_serial.may_be_issued_by(&numbered(7, "root")));
        let foreign = Certificate { key_id: Some(vec![1]), issuer_key_id: Some(vec![2]), ..authority("root", "root") };
        assert!(!foreign.is_self_signed());
    }
}
