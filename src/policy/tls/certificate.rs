//! X.509 certificates: what they say (RFC 5280), and which chains of them Node.js accepts.
//!
//! The rules are those of OpenSSL's `X509_verify_cert` for TLS servers, in its order: where a chain breaks several rules, the
//! last one is reported, as OpenSSL does. Signatures are not verified here, and host names are in [`crate::policy::tls::host_name`].

use std::net::IpAddr;

use x509_cert::der::asn1::{AnyRef, BitStringRef, UintRef};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::der::{Class, Decode, Encode, Reader, SliceReader, Tag, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName, GeneralNames};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, NameConstraints, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::spki::SubjectPublicKeyInfoRef;
use x509_cert::time::Time;

use crate::policy::tls::host_name::{Host, Names};

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const NETSCAPE_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113730.1.1");
/// Extensions that may be critical: those read here, and those of policies and of CRLs, which OpenSSL accepts without following them.
const KNOWN: [ObjectIdentifier; 11] = [
    BasicConstraints::OID,
    KeyUsage::OID,
    ExtendedKeyUsage::OID,
    NameConstraints::OID,
    SubjectAltName::OID,
    NETSCAPE_TYPE,
    ObjectIdentifier::new_unwrap("2.5.29.31"), // CRL distribution points
    ObjectIdentifier::new_unwrap("2.5.29.32"), // certificate policies
    ObjectIdentifier::new_unwrap("2.5.29.33"), // policy mappings
    ObjectIdentifier::new_unwrap("2.5.29.36"), // policy constraints
    ObjectIdentifier::new_unwrap("2.5.29.54"), // inhibit any policy
];
/// `rsaEncryption` in DER.
const RSA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const MIN_RSA_BITS: usize = 2048;
/// Longest name of a certificate in a message: a server may send any.
const MAX_SHOWN: usize = 120;

/// Why a certificate is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    SelfSignedLeaf,
    SelfSignedInChain,
    /// Nothing but the server's certificate is known.
    UnknownIssuer,
    /// The server sent intermediate certificates as well.
    UnknownIssuerOfChain,
    /// The chain ends at a trusted certificate that is an intermediate one.
    UnknownIssuerOfTrusted,
    Expired,
    NotYetValid,
    InvalidCa,
    InvalidPurpose,
    PathLength,
    MayNotSign,
    BadSignature,
    ChainTooLong,
    CriticalExtension,
    NameConstraints,
    WeakKey,
    UnknownAlgorithm,
    Malformed,
    OtherHost,
}

impl Reason {
    /// Node's code. `UNSPECIFIED` is Node's code for reasons of OpenSSL's that it has no name for.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SelfSignedLeaf => "DEPTH_ZERO_SELF_SIGNED_CERT",
            Self::SelfSignedInChain => "SELF_SIGNED_CERT_IN_CHAIN",
            Self::UnknownIssuer => "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            Self::UnknownIssuerOfChain => "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            Self::UnknownIssuerOfTrusted => "UNABLE_TO_GET_ISSUER_CERT",
            Self::Expired => "CERT_HAS_EXPIRED",
            Self::NotYetValid => "CERT_NOT_YET_VALID",
            Self::InvalidCa => "INVALID_CA",
            Self::InvalidPurpose => "INVALID_PURPOSE",
            Self::PathLength => "PATH_LENGTH_EXCEEDED",
            Self::BadSignature => "CERT_SIGNATURE_FAILURE",
            Self::ChainTooLong => "CERT_CHAIN_TOO_LONG",
            Self::CriticalExtension
            | Self::MayNotSign
            | Self::NameConstraints
            | Self::WeakKey
            | Self::UnknownAlgorithm
            | Self::Malformed => "UNSPECIFIED",
            Self::OtherHost => "ERR_TLS_CERT_ALTNAME_INVALID",
        }
    }

    /// Whether another trusted certificate could make the server acceptable.
    pub const fn is_for_want_of_trust(self) -> bool {
        matches!(
            self,
            Self::SelfSignedLeaf
                | Self::SelfSignedInChain
                | Self::UnknownIssuer
                | Self::UnknownIssuerOfChain
                | Self::UnknownIssuerOfTrusted
        )
    }
}

/// A reason, and the place in the chain of the certificate that it is about: 0 is the server's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub reason: Reason,
    pub at: usize,
}

/// Whether a certificate may sign others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authority {
    No,
    Yes,
    /// Says nothing about it: a root of version 1, or a key usage alone. Accepted at the end of a chain only.
    Old,
}

/// What the `TRUSTED CERTIFICATE` of OpenSSL says beside the certificate, about servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    #[default]
    Unsaid,
    Rejected,
}

/// The parts of a certificate that chains are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// In DER, as signed.
    pub signed: Vec<u8>,
    /// The content of the `AlgorithmIdentifier`.
    pub algorithm: Vec<u8>,
    pub signature: Vec<u8>,
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    /// `SubjectPublicKeyInfo` in DER.
    pub public_key: Vec<u8>,
    pub trust: Trust,
    not_before: u64,
    not_after: u64,
    is_version_1: bool,
    /// `cA` of the basic constraints, if they are there.
    authority: Option<bool>,
    path_length: Option<u8>,
    key_usage: Option<FlagSet<KeyUsages>>,
    /// Whether the extended key usage has `serverAuth`, if it is there.
    server_auth: Option<bool>,
    netscape_server: Option<bool>,
    has_unknown_critical: bool,
    key_id: Option<Vec<u8>>,
    issuer_key_id: Option<Vec<u8>>,
    /// Without leading zeros.
    serial: Vec<u8>,
    /// Serial number and issuer of the issuer's certificate, where the authority key identifier has them.
    issuer_serial: Option<Vec<u8>>,
    issuer_issuer: Option<Vec<u8>>,
    alternative_names: Option<Vec<u8>>,
    name_constraints: Option<Vec<u8>>,
}

impl Certificate {
    /// `None`: no certificate, or one that contradicts itself.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let whole = AnyRef::from_der(der).ok().filter(|whole| whole.tag() == Tag::Sequence)?;
        let mut outer = SliceReader::new(whole.value()).ok()?;
        let signed = outer.tlv_bytes().ok()?;
        let algorithm = outer.tlv_bytes().ok()?;
        let signature = BitStringRef::decode(&mut outer).ok()?.as_bytes()?.to_vec();
        outer.finish().ok()?;

        let content = AnyRef::from_der(signed).ok().filter(|content| content.tag() == Tag::Sequence)?;
        let mut reader = SliceReader::new(content.value()).ok()?;
        let version =
            if is_context(&reader, 0) { u8::from_der(AnyRef::decode(&mut reader).ok()?.value()).ok()? } else { 0 };
        let serial = without_zeros(AnyRef::from_der(reader.tlv_bytes().ok()?).ok()?.value());
        let is_same_algorithm = reader.tlv_bytes().ok()? == algorithm;
        let issuer = reader.tlv_bytes().ok()?.to_vec();
        let validity = AnyRef::from_der(reader.tlv_bytes().ok()?).ok()?;
        let mut times = SliceReader::new(validity.value()).ok()?;
        let mut time = || Time::decode(&mut times).ok().map(|time| time.to_unix_duration().as_secs());
        let (not_before, not_after) = (time()?, time()?);
        let subject = reader.tlv_bytes().ok()?.to_vec();
        let public_key = reader.tlv_bytes().ok()?.to_vec();
        let mut extensions = Vec::new();
        while !reader.is_finished() {
            let is_extensions = is_context(&reader, 3);
            let field = AnyRef::decode(&mut reader).ok()?;
            if is_extensions {
                extensions = Vec::<Extension>::from_der(field.value()).ok()?;
            }
        }
        if !is_same_algorithm || version > 2 || (version < 2 && !extensions.is_empty()) || has_twice(&extensions) {
            return None;
        }

        let find = |oid| extensions.iter().find(|each| each.extn_id == oid).map(|each| each.extn_value.as_bytes());
        let constraints = decoded::<BasicConstraints>(find(BasicConstraints::OID))?;
        let purposes = decoded::<ExtendedKeyUsage>(find(ExtendedKeyUsage::OID))?;
        let netscape = match find(NETSCAPE_TYPE) {
            Some(der) => {
                Some(BitStringRef::from_der(der).ok()?.raw_bytes().first().is_some_and(|bits| bits & 0x40 != 0))
            }
            None => None,
        };
        let authority_key = decoded::<AuthorityKeyIdentifier>(find(AuthorityKeyIdentifier::OID));
        let authority_key = authority_key.flatten().unwrap_or_default();
        Some(Self {
            der: der.to_vec(),
            signed: signed.to_vec(),
            algorithm: AnyRef::from_der(algorithm).ok()?.value().to_vec(),
            signature,
            subject,
            issuer,
            public_key,
            trust: Trust::Unsaid,
            not_before,
            not_after,
            is_version_1: version < 2,
            authority: constraints.as_ref().map(|each| each.ca),
            path_length: constraints.and_then(|each| each.path_len_constraint),
            key_usage: decoded::<KeyUsage>(find(KeyUsage::OID))?.map(|each| each.0),
            server_auth: purposes.map(|each| each.0.contains(&SERVER_AUTH)),
            netscape_server: netscape,
            has_unknown_critical: extensions.iter().any(|each| each.critical && !KNOWN.contains(&each.extn_id)),
            // Identifiers of keys tell issuers of one name apart; the signature proves the right one.
            key_id: decoded::<SubjectKeyIdentifier>(find(SubjectKeyIdentifier::OID))
                .flatten()
                .map(|each| each.0.as_bytes().to_vec()),
            issuer_key_id: authority_key.key_identifier.map(|each| each.as_bytes().to_vec()),
            serial,
            issuer_serial: authority_key.authority_cert_serial_number.map(|each| without_zeros(each.as_bytes())),
            issuer_issuer: authority_key.authority_cert_issuer.and_then(directory_name),
            alternative_names: find(SubjectAltName::OID).map(<[u8]>::to_vec),
            name_constraints: find(NameConstraints::OID).map(<[u8]>::to_vec),
        })
    }

    /// The same, with what follows it in a `TRUSTED CERTIFICATE` of OpenSSL: which uses it is trusted for, or not.
    pub fn parse_trusted(der: &[u8]) -> Option<Self> {
        let mut reader = SliceReader::new(der).ok()?;
        let certificate = Self::parse(reader.tlv_bytes().ok()?)?;
        if reader.is_finished() {
            return Some(certificate);
        }
        let auxiliary = AnyRef::from_der(reader.tlv_bytes().ok()?).ok()?;
        let mut reader = SliceReader::new(auxiliary.value()).ok()?;
        let is_for_servers = |uses: &[ObjectIdentifier]| uses.contains(&SERVER_AUTH) || uses.contains(&ANY_PURPOSE);
        let mut trust = Trust::Unsaid;
        while !reader.is_finished() {
            let is_refused = is_context(&reader, 0);
            let field = AnyRef::decode(&mut reader).ok()?;
            if is_refused || field.tag() == Tag::Sequence {
                let mut uses = Vec::new();
                let mut list = SliceReader::new(field.value()).ok()?;
                while !list.is_finished() {
                    uses.push(ObjectIdentifier::decode(&mut list).ok()?);
                }
                if is_for_servers(&uses) == is_refused {
                    trust = Trust::Rejected;
                }
            }
        }
        Some(Self { trust, ..certificate })
    }

    /// Issued by itself, as far as names and key identifiers tell; OpenSSL, too, does not verify the signature.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.may_be_issued_by(self)
    }

    fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// As far as names and key identifiers tell.
    pub fn may_be_issued_by(&self, issuer: &Self) -> bool {
        let is_key = match (&self.issuer_key_id, &issuer.key_id) {
            (Some(expected), Some(id)) => expected == id,
            _ => true,
        };
        let is_serial = self.issuer_serial.as_ref().is_none_or(|serial| *serial == issuer.serial);
        let is_issuer = self.issuer_issuer.as_ref().is_none_or(|name| *name == issuer.issuer);
        self.issuer == issuer.subject && is_key && is_serial && is_issuer
    }

    /// Whether the key usage, if there is one, lets it sign certificates.
    pub fn may_sign(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.contains(KeyUsages::KeyCertSign))
    }

    pub fn is_valid_at(&self, now: u64) -> bool {
        self.time_problem(now).is_none()
    }

    /// Whether only a path of our own can lead to it: webpki takes no such certificate of a server.
    pub fn is_unusual(&self) -> bool {
        self.is_version_1 || self.authority == Some(true)
    }

    fn authority(&self) -> Authority {
        match self.authority {
            _ if !self.may_sign() => Authority::No,
            Some(true) => Authority::Yes,
            None if (self.is_version_1 && self.is_self_signed()) || self.key_usage.is_some() => Authority::Old,
            Some(false) | None => Authority::No,
        }
    }

    fn time_problem(&self, now: u64) -> Option<Reason> {
        match now {
            _ if now > self.not_after => Some(Reason::Expired),
            _ if now < self.not_before => Some(Reason::NotYetValid),
            _ => None,
        }
    }

    fn serves(&self) -> bool {
        let exchanges = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment | KeyUsages::KeyAgreement;
        let has_usage = self.key_usage.is_none_or(|usage| !(usage & exchanges).is_empty());
        has_usage && self.netscape_server != Some(false)
    }

    /// An RSA key that nobody should rely on any more: no signature by it is verified.
    pub fn has_weak_key(&self) -> bool {
        let bits = || {
            let info = SubjectPublicKeyInfoRef::from_der(&self.public_key).ok()?;
            let key = AnyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
            let modulus = UintRef::decode(&mut SliceReader::new(key.value()).ok()?).ok()?.as_bytes();
            Some(modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?)
        };
        self.public_key.windows(RSA.len()).any(|bytes| bytes == RSA) && bits().is_none_or(|bits| bits < MIN_RSA_BITS)
    }

    /// Names that the certificate is for; `None` when they cannot be read.
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

    /// The subject, for messages.
    pub fn shown(&self) -> String {
        shown(&self.subject)
    }

    /// The issuer, for messages.
    pub fn shown_issuer(&self) -> String {
        shown(&self.issuer)
    }
}

/// The last rule that a complete chain breaks, apart from signatures and names; `is_open` when it goes on at a trust anchor of
/// which only name and key are known.
pub fn problem_of_chain(chain: &[&Certificate], now: u64, is_open: bool) -> Option<Problem> {
    problem_of_extensions(chain, is_open).into_iter().chain(problem_of_times(chain, now)).last()
}

/// As `check_extensions` of OpenSSL.
pub fn problem_of_extensions(chain: &[&Certificate], is_open: bool) -> Option<Problem> {
    let mut problem = None;
    let mut below = 0;
    for (at, certificate) in chain.iter().enumerate() {
        let mut found = |reason| problem = Some(Problem { reason, at });
        let authority = certificate.authority();
        let is_last = at + 1 == chain.len() && !is_open;
        if certificate.has_unknown_critical {
            found(Reason::CriticalExtension);
        }
        if at > 0 && (authority == Authority::No || (authority == Authority::Old && !is_last)) {
            found(Reason::InvalidCa);
        }
        let has_purpose = if at > 0 { authority != Authority::No } else { certificate.serves() };
        if certificate.trust == Trust::Rejected || certificate.server_auth == Some(false) || !has_purpose {
            found(Reason::InvalidPurpose);
        }
        if at > 1 && certificate.path_length.is_some_and(|limit| below > u32::from(limit)) {
            found(Reason::PathLength);
        }
        if at > 0 && !certificate.is_self_issued() {
            below += 1;
        }
    }
    problem
}

/// From the end of the chain to the server's certificate, whose times so count most.
pub fn problem_of_times(chain: &[&Certificate], now: u64) -> Option<Problem> {
    chain.iter().enumerate().find_map(|(at, each)| each.time_problem(now).map(|reason| Problem { reason, at }))
}

/// Whether the name constraints in a chain allow the server's certificate and its host: for what webpki does not compare with
/// them, which are certificates that it cannot read and common names. Knows constraints of DNS names and addresses; where there
/// are others, the answer is no.
pub fn keeps_name_constraints(chain: &[&Certificate], host: &Host) -> bool {
    let Some(names) = chain.first().and_then(|leaf| leaf.names()) else { return false };
    let is_allowed = |at: usize, constraints: &NameConstraints| {
        let below: Option<Vec<Names>> = chain[1..at]
            .iter()
            .filter(|each| !each.is_self_issued())
            .map(|each| each.names().map(|names| Names { common: Vec::new(), ..names }))
            .collect();
        below.is_some_and(|below| below.iter().chain([&names]).all(|names| satisfies(constraints, names, host)))
    };
    chain.iter().enumerate().skip(1).all(|(at, each)| match &each.name_constraints {
        Some(der) => NameConstraints::from_der(der).is_ok_and(|constraints| is_allowed(at, &constraints)),
        None => true,
    })
}

fn satisfies(constraints: &NameConstraints, names: &Names, host: &Host) -> bool {
    let permitted: Vec<_> = constraints.permitted_subtrees.iter().flatten().map(|each| &each.base).collect();
    let excluded: Vec<_> = constraints.excluded_subtrees.iter().flatten().map(|each| &each.base).collect();
    let is_known = |base: &&&GeneralName| match base {
        GeneralName::DnsName(_) => true,
        // Address and mask.
        GeneralName::IpAddress(block) => matches!(block.as_bytes().len(), 8 | 32),
        _ => false,
    };
    if permitted.iter().chain(&excluded).any(|base| !is_known(&base)) {
        return false;
    }
    let mut dns: Vec<&str> = names.dns.iter().map(String::as_str).collect();
    let mut addresses = names.addresses.clone();
    match host {
        Host::Name(name) => dns.push(name),
        Host::Address(address) => addresses.push(*address),
    }
    let is_dns = |base: &&&GeneralName| matches!(base, GeneralName::DnsName(_));
    let is_address = |base: &&&GeneralName| matches!(base, GeneralName::IpAddress(_));
    let has_name =
        |name: &str, base: &GeneralName| matches!(base, GeneralName::DnsName(tree) if is_under(name, tree.as_str()));
    let has_address = |address: IpAddr, base: &GeneralName| matches!(base, GeneralName::IpAddress(block) if is_in(address, block.as_bytes()));
    let is_name_allowed = |name: &str| {
        let is_free = !permitted.iter().any(|base| is_dns(&base));
        (is_free || permitted.iter().any(|base| has_name(name, base)))
            && !excluded.iter().any(|base| has_name(name, base))
    };
    let is_address_allowed = |address: IpAddr| {
        let is_free = !permitted.iter().any(|base| is_address(&base));
        (is_free || permitted.iter().any(|base| has_address(address, base)))
            && !excluded.iter().any(|base| has_address(address, base))
    };
    dns.into_iter().all(is_name_allowed) && addresses.into_iter().all(is_address_allowed)
}

/// Whether a DNS name is in a subtree (RFC 5280, 4.2.1.10).
fn is_under(name: &str, tree: &str) -> bool {
    let (name, tree) = (name.to_ascii_lowercase(), tree.to_ascii_lowercase());
    match name.strip_suffix(&tree) {
        Some(rest) => rest.is_empty() || tree.is_empty() || tree.starts_with('.') || rest.ends_with('.'),
        None => false,
    }
}

/// Whether an address is in a block: address and mask, one after the other.
fn is_in(address: IpAddr, block: &[u8]) -> bool {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (network, mask) = block.split_at(block.len() / 2);
    block.len() == bytes.len() * 2
        && bytes.iter().zip(network).zip(mask).all(|((byte, network), mask)| byte & mask == network & mask)
}

fn is_context<'r>(reader: &impl Reader<'r>, number: u32) -> bool {
    Tag::peek(reader).is_ok_and(|tag| tag.class() == Class::ContextSpecific && tag.number().value() == number)
}

fn has_twice(extensions: &[Extension]) -> bool {
    let is_again =
        |(at, each): (usize, &Extension)| extensions[..at].iter().any(|before| before.extn_id == each.extn_id);
    extensions.iter().enumerate().any(is_again)
}

/// `None` when it is there and broken.
#[expect(clippy::option_option, reason = "absent and broken are two things")]
fn decoded<'a, T: Decode<'a>>(der: Option<&'a [u8]>) -> Option<Option<T>> {
    der.map(|der| T::from_der(der).ok()).map_or(Some(None), |found| found.map(Some))
}

fn without_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|&byte| byte == 0).collect()
}

fn directory_name(names: GeneralNames) -> Option<Vec<u8>> {
    names.into_iter().find_map(|name| match name {
        GeneralName::DirectoryName(name) => name.to_der().ok(),
        _ => None,
    })
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

fn shown(name: &[u8]) -> String {
    let text = Name::from_der(name).map(|name| name.to_string()).unwrap_or_default();
    if text.is_empty() {
        return "a certificate without a name".to_owned();
    }
    let clean = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(clean).take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use x509_cert::der::asn1::{Ia5String, OctetString};
    use x509_cert::ext::pkix::constraints::name::GeneralSubtree;

    use super::*;

    const NOW: u64 = 1000;

    /// Valid, of version 3, without extensions.
    fn certificate(subject: &str, issuer: &str) -> Certificate {
        Certificate {
            der: subject.into(),
            signed: Vec::new(),
            algorithm: Vec::new(),
            signature: Vec::new(),
            subject: subject.into(),
            issuer: issuer.into(),
            public_key: Vec::new(),
            trust: Trust::Unsaid,
            not_before: NOW - 1,
            not_after: NOW + 1,
            is_version_1: false,
            authority: None,
            path_length: None,
            key_usage: None,
            server_auth: None,
            netscape_server: None,
            has_unknown_critical: false,
            key_id: None,
            issuer_key_id: None,
            serial: Vec::new(),
            issuer_serial: None,
            issuer_issuer: None,
            alternative_names: None,
            name_constraints: None,
        }
    }

    fn authority(subject: &str, issuer: &str) -> Certificate {
        Certificate { authority: Some(true), ..certificate(subject, issuer) }
    }

    fn problem(chain: &[&Certificate]) -> Option<(Reason, usize)> {
        problem_of_chain(chain, NOW, false).map(|problem| (problem.reason, problem.at))
    }

    #[test]
    fn only_authorities_sign() {
        let leaf = certificate("leaf", "root");
        let root = authority("root", "root");
        let old = Certificate { is_version_1: true, ..certificate("root", "root") };
        let by_usage = Certificate { key_usage: Some(KeyUsages::KeyCertSign.into()), ..certificate("root", "root") };
        for good in [&root, &old, &by_usage] {
            assert_eq!(problem(&[&leaf, good]), None);
        }
        let signs_data = Certificate { key_usage: Some(KeyUsages::DigitalSignature.into()), ..root.clone() };
        let says_no = Certificate { authority: Some(false), ..by_usage.clone() };
        for bad in [&certificate("root", "root"), &signs_data, &says_no] {
            assert_eq!(problem(&[&leaf, bad]), Some((Reason::InvalidPurpose, 1)));
        }
        // What says nothing about it may end a chain, and not stand in its middle.
        for bad in [Certificate { issuer: "root".into(), ..by_usage }, Certificate { issuer: "root".into(), ..old }] {
            let middle = Certificate { subject: "middle".into(), ..bad };
            assert!(problem(&[&leaf, &middle, &root]).is_some_and(|(_, at)| at == 1));
            assert!(problem_of_chain(&[&leaf, &middle], NOW, true).is_some());
        }
    }

    #[test]
    fn purposes_and_trust_count_everywhere() {
        let chain = [certificate("leaf", "middle"), authority("middle", "root"), authority("root", "root")];
        for at in 0..3 {
            let mut for_clients = chain.clone();
            for_clients[at].server_auth = Some(false);
            let mut rejected = chain.clone();
            rejected[at].trust = Trust::Rejected;
            for changed in [for_clients, rejected] {
                assert_eq!(problem(&changed.each_ref()), Some((Reason::InvalidPurpose, at)));
            }
            let mut critical = chain.clone();
            critical[at].has_unknown_critical = true;
            assert_eq!(problem(&critical.each_ref()), Some((Reason::CriticalExtension, at)));
        }
        let usage = |usage: KeyUsages| Certificate { key_usage: Some(usage.into()), ..chain[0].clone() };
        assert_eq!(problem(&[&usage(KeyUsages::KeyEncipherment), &chain[1], &chain[2]]), None);
        let wrong = usage(KeyUsages::CRLSign);
        assert_eq!(problem(&[&wrong, &chain[1], &chain[2]]), Some((Reason::InvalidPurpose, 0)));
    }

    #[test]
    fn the_path_length_counts_authorities_between_that_others_have_issued() {
        let leaf = certificate("leaf", "c");
        let (c, b) = (authority("c", "b"), authority("b", "a"));
        let limited = |limit| Certificate { path_length: Some(limit), ..authority("a", "a") };
        assert_eq!(problem(&[&leaf, &c, &b, &limited(1)]), Some((Reason::PathLength, 3)));
        assert_eq!(problem(&[&leaf, &c, &b, &limited(2)]), None);
        let renewed = authority("b", "b");
        assert_eq!(problem(&[&leaf, &c, &renewed, &limited(1)]), None);
        assert_eq!(problem(&[&certificate("leaf", "a"), &limited(0)]), None);
    }

    #[test]
    fn the_times_of_the_servers_certificate_come_first() {
        let old = |certificate| Certificate { not_after: NOW - 1, ..certificate };
        let new = |certificate| Certificate { not_before: NOW + 1, ..certificate };
        let (leaf, root) = (certificate("leaf", "root"), authority("root", "root"));
        assert_eq!(problem(&[&leaf, &old(root.clone())]), Some((Reason::Expired, 1)));
        assert_eq!(problem(&[&new(leaf.clone()), &old(root.clone())]), Some((Reason::NotYetValid, 0)));
        let edge = Certificate { not_before: NOW, not_after: NOW, ..leaf };
        assert_eq!(problem(&[&edge, &root]), None);
    }

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

    fn tree(base: GeneralName) -> Vec<GeneralSubtree> {
        vec![GeneralSubtree { base, minimum: 0, maximum: None }]
    }

    fn constrained(permitted: Option<GeneralName>, excluded: Option<GeneralName>) -> Certificate {
        let constraints =
            NameConstraints { permitted_subtrees: permitted.map(tree), excluded_subtrees: excluded.map(tree) };
        Certificate { name_constraints: Some(constraints.to_der().unwrap()), ..authority("root", "root") }
    }

    fn dns(name: &str) -> GeneralName {
        GeneralName::DnsName(Ia5String::new(name).unwrap())
    }

    #[test]
    fn constraints_hold_for_all_names_and_for_the_host() {
        let subject = Name::default().to_der().unwrap();
        let leaf = |names: &[&str]| {
            let names = names.iter().map(|name| dns(name)).collect();
            let names = SubjectAltName(names).to_der().unwrap();
            Certificate { subject: subject.clone(), alternative_names: Some(names), ..certificate("", "root") }
        };
        let host = |name: &str| Host::Name(name.to_owned());
        let permits = constrained(Some(dns("a.test")), None);
        for (names, asked, expected) in [
            (&["a.test"][..], "a.test", true),
            (&["b.A.test"], "b.a.test", true),
            (&["ba.test"], "ba.test", false),
            (&["a.test", "c.test"], "a.test", false),
            (&["a.test"], "c.test", false),
            (&[], "a.test", true),
        ] {
            assert_eq!(keeps_name_constraints(&[&leaf(names), &permits], &host(asked)), expected, "{names:?}");
        }
        let excludes = constrained(None, Some(dns("a.test")));
        assert!(keeps_name_constraints(&[&leaf(&["c.test"]), &excludes], &host("c.test")));
        assert!(!keeps_name_constraints(&[&leaf(&["*.a.test"]), &excludes], &host("b.a.test")));
        assert!(!keeps_name_constraints(&[&leaf(&["*.test"]), &excludes], &host("a.test")));
        // Kinds that are not known, and constraints that cannot be read.
        let mail = constrained(None, Some(GeneralName::Rfc822Name(Ia5String::new("a.test").unwrap())));
        let broken = Certificate { name_constraints: Some(vec![1]), ..authority("root", "root") };
        for root in [mail, broken] {
            assert!(!keeps_name_constraints(&[&leaf(&["c.test"]), &root], &host("c.test")));
        }
    }

    #[test]
    fn addresses_are_in_blocks() {
        let block = |bytes: &[u8]| GeneralName::IpAddress(OctetString::new(bytes).unwrap());
        let root = constrained(Some(block(&[10, 0, 0, 0, 255, 0, 0, 0])), None);
        let leaf = Certificate { subject: Name::default().to_der().unwrap(), ..certificate("", "root") };
        for (address, expected) in [("10.1.2.3", true), ("11.0.0.0", false), ("::1", false)] {
            let host = Host::Address(address.parse().unwrap());
            assert_eq!(keeps_name_constraints(&[&leaf, &root], &host), expected, "{address}");
        }
        let odd = constrained(None, Some(block(&[10, 0, 0])));
        assert!(!keeps_name_constraints(&[&leaf, &odd], &Host::Address([10, 0, 0, 1].into())));
    }

    /// With all extensions that are read.
    const EVERYTHING: &str = "\
        MIICcDCCAdmgAwIBAgIDAQACMA0GCSqGSIb3DQEBCwUAMBExDzANBgNVBAMMBmEudGVzdDAiGA8yMDI2MTEyNDE5MDE1MVoYDzIw \
        MjYxMTI2MTkwMTUxWjARMQ8wDQYDVQQDDAZhLnRlc3QwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBALudlVWO+3bKpk9MKRu5 \
        gsTjVNk2gR1qqAcMlVyaXrDegOtl6kIj2edFCGNFxFlTEl96elnEjiVq2ABsiCeYsMFv81rPfkD8o11p//+D4eM9m35ZO67BrK9r \
        RRzSa+/XOd2kjyv9n7nyYWVAHoqlDHcsawa5n74zfsIPbrDZxGMdAgMBAAGjgdEwgc4wHAYDVR0RBBUwE4IGYi50ZXN0hwQKAAAB \
        gQNhQGIwDgYDVR0PAQH/BAQDAgCEMBMGA1UdJQQMMAoGCCsGAQUFBwMBMBIGA1UdEwEB/wQIMAYBAf8CAQMwIgYDVR0eAQH/BBgw \
        FqAUMAaCBHRlc3QwCocICgAAAP8AAAAwHQYDVR0OBBYEFBH2rY7FKimEq6r9fDtRZQN4XCByMB8GA1UdIwQYMBaAFBH2rY7FKimE \
        q6r9fDtRZQN4XCByMBEGCWCGSAGG+EIBAQQEAwIAQDANBgkqhkiG9w0BAQsFAAOBgQAt+KdBz0QDgdcGniPp8TzEy0+U5Qu7+b8y \
        ktK8wEbTqH82rB7gUuLoa2y+hTjXlzi1dQyFxhMlU37lsZN+NFFTRa5pXScmjcxG1JiNMS2FfU00UWqW/UgBBYy2M2g29mOGi0zY \
        EvfbSYz23bIAPQabfZVKvO9uhQPl10nbJK29VQ==";

    fn everything() -> Vec<u8> {
        let text: String = EVERYTHING.split_whitespace().collect();
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap()
    }

    #[test]
    fn all_that_is_asked_for_is_read() {
        let certificate = Certificate::parse(&everything()).unwrap();
        let names = certificate.names().unwrap();
        assert_eq!((names.common, names.dns), (vec!["a.test".to_owned()], vec!["b.test".to_owned()]));
        assert_eq!(names.addresses, [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!((certificate.authority, certificate.path_length), (Some(true), Some(3)));
        assert_eq!((certificate.server_auth, certificate.netscape_server), (Some(true), Some(true)));
        assert!(certificate.may_sign() && certificate.serves() && certificate.is_self_signed());
        assert!(certificate.has_weak_key() && !certificate.has_unknown_critical);
        assert_eq!(certificate.shown(), "CN=a.test");
        let host = |name: &str| Host::Name(name.to_owned());
        assert!(keeps_name_constraints(&[&certificate, &certificate], &host("b.test")));
        assert!(!keeps_name_constraints(&[&certificate, &certificate], &host("b.example")));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = everything();
        let mut parsed = 0;
        for at in 0..whole.len() {
            for value in [0, 1, 0x30, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at].wrapping_add(1)] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = Certificate::parse_trusted(&bytes);
                let Some(certificate) = Certificate::parse(&bytes) else { continue };
                let _ = (certificate.names(), certificate.has_weak_key(), certificate.shown());
                let chain = [&certificate, &certificate, &certificate];
                let _ = problem_of_chain(&chain, NOW, false);
                let _ = keeps_name_constraints(&chain, &Host::Address([10, 0, 0, 1].into()));
                parsed += 1;
            }
            assert_eq!(Certificate::parse(&whole[..at]), None);
        }
        assert!(parsed > whole.len(), "{parsed}");
    }
}
