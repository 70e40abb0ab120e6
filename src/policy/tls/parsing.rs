//! Certificates in DER (RFC 5280), as servers send them and as files have them.

use x509_cert::der::asn1::{AnyRef, BitStringRef};
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::der::{Class, Decode, Encode, Reader, SliceReader, Tag, Tagged};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::time::Time;

use crate::policy::tls::certificate::{Certificate, Trust};

const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const NETSCAPE_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113730.1.1");
/// Extensions that may be critical: those read here, and those of policies and CRLs, which OpenSSL
/// accepts without evaluating them.
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

/// The fields of a `TBSCertificate`, the signed part of a certificate.
struct Content {
    /// 0 is version 1.
    version: u8,
    serial: Vec<u8>,
    /// In DER.
    algorithm: Vec<u8>,
    issuer: Vec<u8>,
    not_before: u64,
    not_after: u64,
    subject: Vec<u8>,
    public_key: Vec<u8>,
    extensions: Extensions,
}

impl Content {
    fn parse(signed: &[u8]) -> Option<Self> {
        let content = AnyRef::from_der(signed).ok().filter(|content| content.tag() == Tag::Sequence)?;
        let mut reader = SliceReader::new(content.value()).ok()?;
        let version =
            if is_context(&reader, 0) { u8::from_der(AnyRef::decode(&mut reader).ok()?.value()).ok()? } else { 0 };
        let serial = without_zeros(AnyRef::from_der(reader.tlv_bytes().ok()?).ok()?.value());
        let algorithm = reader.tlv_bytes().ok()?.to_vec();
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
        let extensions = Extensions(extensions);
        Some(Self { version, serial, algorithm, issuer, not_before, not_after, subject, public_key, extensions })
    }

    /// Whether the certificate has no extensions that its version does not allow, and none twice.
    fn is_consistent(&self) -> bool {
        self.version <= 2 && (self.version == 2 || self.extensions.0.is_empty()) && !has_twice(&self.extensions.0)
    }
}

struct Extensions(Vec<Extension>);

impl Extensions {
    /// The value of an extension, in DER.
    fn find(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        self.0.iter().find(|each| each.extn_id == id).map(|each| each.extn_value.as_bytes())
    }

    /// Reads an extension. The outer `None` means that it is invalid, the inner one that it is
    /// absent.
    #[expect(clippy::option_option, reason = "absent and invalid are two things")]
    fn decoded<'a, T: Decode<'a> + AssociatedOid>(&'a self) -> Option<Option<T>> {
        self.find(T::OID).map(|der| T::from_der(der).ok()).map_or(Some(None), |found| found.map(Some))
    }

    /// Whether the Netscape certificate type is one of a server. The outer `None` means that it is
    /// invalid, the inner one that it is absent.
    #[expect(clippy::option_option, reason = "absent and invalid are two things")]
    fn netscape_server(&self) -> Option<Option<bool>> {
        let Some(der) = self.find(NETSCAPE_TYPE) else { return Some(None) };
        let bits = BitStringRef::from_der(der).ok()?.raw_bytes().first().copied();
        Some(Some(bits.is_some_and(|bits| bits & 0x40 != 0)))
    }

    fn has_unknown_critical(&self) -> bool {
        self.0.iter().any(|each| each.critical && !KNOWN.contains(&each.extn_id))
    }
}

impl Certificate {
    /// Reads a certificate in DER. `None` if it is none, or if it contradicts itself.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let whole = AnyRef::from_der(der).ok().filter(|whole| whole.tag() == Tag::Sequence)?;
        let mut outer = SliceReader::new(whole.value()).ok()?;
        let signed = outer.tlv_bytes().ok()?;
        let algorithm = outer.tlv_bytes().ok()?;
        let signature = BitStringRef::decode(&mut outer).ok()?.as_bytes()?.to_vec();
        outer.finish().ok()?;

        let content = Content::parse(signed)?;
        if content.algorithm != algorithm || !content.is_consistent() {
            return None;
        }
        let extensions = &content.extensions;
        let constraints = extensions.decoded::<BasicConstraints>()?;
        // Key identifiers distinguish issuers of one name. The signature proves the right one, so
        // that an invalid identifier does no harm.
        let key_id = extensions.decoded::<SubjectKeyIdentifier>().flatten();
        let issuer_key = extensions.decoded::<AuthorityKeyIdentifier>().flatten().unwrap_or_default();
        Some(Self {
            der: der.to_vec(),
            signed: signed.to_vec(),
            algorithm: AnyRef::from_der(algorithm).ok()?.value().to_vec(),
            signature,
            trust: Trust::Unspecified,
            is_version_1: content.version < 2,
            authority: constraints.as_ref().map(|each| each.ca),
            path_length: constraints.and_then(|each| each.path_len_constraint),
            key_usage: extensions.decoded::<KeyUsage>()?.map(|each| each.0),
            server_auth: extensions.decoded::<ExtendedKeyUsage>()?.map(|each| each.0.contains(&SERVER_AUTH)),
            netscape_server: extensions.netscape_server()?,
            has_unknown_critical: extensions.has_unknown_critical(),
            key_id: key_id.map(|each| each.0.as_bytes().to_vec()),
            issuer_key_id: issuer_key.key_identifier.map(|each| each.as_bytes().to_vec()),
            issuer_serial: issuer_key.authority_cert_serial_number.map(|each| without_zeros(each.as_bytes())),
            issuer_issuer: issuer_key.authority_cert_issuer.and_then(directory_name),
            alternative_names: extensions.find(SubjectAltName::OID).map(<[u8]>::to_vec),
            name_constraints: extensions.find(NameConstraints::OID).map(<[u8]>::to_vec),
            subject: content.subject,
            issuer: content.issuer,
            public_key: content.public_key,
            not_before: content.not_before,
            not_after: content.not_after,
            serial: content.serial,
        })
    }

    /// Reads a `TRUSTED CERTIFICATE` of OpenSSL in DER: a certificate, and the uses for which it is
    /// trusted or rejected.
    pub fn parse_trusted(der: &[u8]) -> Option<Self> {
        let mut reader = SliceReader::new(der).ok()?;
        let certificate = Self::parse(reader.tlv_bytes().ok()?)?;
        if reader.is_finished() {
            return Some(certificate);
        }
        let auxiliary = AnyRef::from_der(reader.tlv_bytes().ok()?).ok()?;
        let mut reader = SliceReader::new(auxiliary.value()).ok()?;
        let is_for_servers = |uses: &[ObjectIdentifier]| uses.contains(&SERVER_AUTH) || uses.contains(&ANY_PURPOSE);
        let mut trust = Trust::Unspecified;
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
}

fn is_context<'r>(reader: &impl Reader<'r>, number: u32) -> bool {
    Tag::peek(reader).is_ok_and(|tag| tag.class() == Class::ContextSpecific && tag.number().value() == number)
}

/// Whether an extension is repeated.
fn has_twice(extensions: &[Extension]) -> bool {
    let is_again =
        |(at, each): (usize, &Extension)| extensions[..at].iter().any(|before| before.extn_id == each.extn_id);
    extensions.iter().enumerate().any(is_again)
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::policy::tls::chain::problem_of_chain;
    use crate::policy::tls::fixtures::NOW;
    use crate::policy::tls::host_name::Host;
    use crate::policy::tls::name_constraints::satisfies_name_constraints;

    /// A certificate with all extensions that are read.
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
    fn all_extensions_are_read() {
        let certificate = Certificate::parse(&everything()).unwrap();
        let names = certificate.names().unwrap();
        assert_eq!((names.common, names.dns), (vec!["a.test".to_owned()], vec!["b.test".to_owned()]));
        assert_eq!(names.addresses, [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!((certificate.authority, certificate.path_length), (Some(true), Some(3)));
        assert_eq!((certificate.server_auth, certificate.netscape_server), (Some(true), Some(true)));
        assert!(certificate.may_sign() && certificate.serves() && certificate.is_self_signed());
        assert!(certificate.has_weak_key() && !certificate.has_unknown_critical);
        assert_eq!(certificate.display_subject(), "CN=a.test");
        let host = |name: &str| Host::Name(name.to_owned());
        assert!(satisfies_name_constraints(&[&certificate, &certificate], &host("b.test")));
        assert!(!satisfies_name_constraints(&[&certificate, &certificate], &host("b.example")));
    }

    #[test]
    fn no_bytes_cause_a_panic() {
        let whole = everything();
        let mut parsed = 0;
        for at in 0..whole.len() {
            for value in [0, 1, 0x30, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at].wrapping_add(1)] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = Certificate::parse_trusted(&bytes);
                let Some(certificate) = Certificate::parse(&bytes) else { continue };
                let _ = (certificate.names(), certificate.has_weak_key(), certificate.display_subject());
                let chain = [&certificate, &certificate, &certificate];
                let _ = problem_of_chain(&chain, NOW, false);
                let _ = satisfies_name_constraints(&chain, &Host::Address([10, 0, 0, 1].into()));
                parsed += 1;
            }
            assert_eq!(Certificate::parse(&whole[..at]), None);
        }
        assert!(parsed > whole.len(), "{parsed}");
    }
}
