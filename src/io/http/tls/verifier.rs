//! Verifies a server's certificate.
//!
//! webpki finds and verifies the path of an ordinary certificate. Each path that it finds is
//! checked again by the rules of [`crate::policy::tls::chain`], including the certificate of
//! its anchor. Certificates that webpki cannot read or accept go through [`Chain`], which also
//! explains what is wrong with the others.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, VerifiedPath};

use crate::base::error::Result;
use crate::base::log::Log;
use crate::io::http::tls::path::Chain;
use crate::io::http::tls::roots::Roots;
use crate::policy::text::debug::network as debug;
use crate::policy::tls::certificate::Certificate;
use crate::policy::tls::chain::problem_of_chain;
use crate::policy::tls::host_name::{Host, Match};
use crate::policy::tls::name_constraints::satisfies_name_constraints;
use crate::policy::tls::reason::{Problem, Reason};

/// The reason why a server is not trusted, as text and as a Node.js code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedReason {
    pub reason: Reason,
    text: String,
}

impl UntrustedReason {
    fn new(problem: Problem, chain: &[&Certificate]) -> Self {
        const ADVICE: &str = "; to trust it, pass its CA as `ca`, or name a PEM file in NODE_EXTRA_CA_CERTS";
        let Problem { reason, at } = problem;
        let certificate = chain.get(at).copied();
        let whose = match certificate {
            Some(certificate) if at > 0 => format!("the certificate of {}", certificate.display_subject()),
            _ => "the certificate".to_owned(),
        };
        let issuer = certificate.map(Certificate::display_issuer).unwrap_or_default();
        let text = match reason {
            Reason::SelfSignedLeaf => {
                "the certificate is self-signed; to trust it, pass it as `ca`, or name a PEM file in NODE_EXTRA_CA_CERTS"
                    .to_owned()
            }
            Reason::SelfSignedInChain => format!(
                "the chain of certificates ends in one that is self-signed and not trusted, {issuer}{ADVICE}"
            ),
            Reason::UnknownIssuer => format!("the issuer of the certificate is not trusted, {issuer}{ADVICE}"),
            Reason::UnknownIssuerOfChain => format!("the issuer of {whose} is not trusted, {issuer}{ADVICE}"),
            Reason::UnknownIssuerOfTrusted => format!(
                "{whose} is trusted, but an intermediate one, and its issuer is not trusted, {issuer}; pass the root \
                 certificate, too, as `ca`, or name a PEM file in NODE_EXTRA_CA_CERTS"
            ),
            Reason::Expired => format!("{whose} has expired"),
            Reason::NotYetValid => format!("{whose} is not valid yet"),
            Reason::InvalidCa => format!("{whose} has signed another, but is not that of a certificate authority"),
            Reason::InvalidPurpose if at > 0 => {
                format!("{whose} has signed another, but is not meant for a certificate authority of servers")
            }
            Reason::InvalidPurpose => "the certificate is not meant for servers".to_owned(),
            Reason::PathLength => format!("{whose} allows fewer certificates between it and the server's"),
            Reason::MayNotSign => format!("{whose} has signed another, which its key usage does not allow"),
            Reason::BadSignature => {
                format!("the signature of {whose} is not by the key of its issuer, {issuer}")
            }
            Reason::ChainTooLong => "the chain of certificates is too long".to_owned(),
            Reason::CriticalExtension => format!("{whose} has a critical extension that is not known"),
            Reason::NameConstraints => "the name constraints of an issuer forbid the names of the certificate".to_owned(),
            Reason::WeakKey => format!("the RSA key of {whose} has less than 2048 bits"),
            Reason::UnknownAlgorithm => format!("the signature of {whose} has an algorithm that is not accepted"),
            Reason::UnknownKey => format!("the key of the issuer of {whose}, {issuer}, is of a kind that is not accepted"),
            Reason::Malformed => "the chain has a certificate that cannot be read".to_owned(),
            Reason::OtherHost => "the certificate is for another host".to_owned(),
        };
        Self { reason, text }
    }

    /// Adds the trusted certificates that could not be used: one of them may be the one that is
    /// missing.
    fn with_complaints(mut self, complaints: &[String]) -> Self {
        if self.reason.is_untrusted() && !complaints.is_empty() {
            self.text.push_str("; not used: ");
            self.text.push_str(&complaints.join(", "));
        }
        self
    }

    pub fn code(&self) -> &'static str {
        self.reason.code()
    }
}

impl fmt::Display for UntrustedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for UntrustedReason {}

#[derive(Debug)]
pub struct Verifier {
    own: Roots,
    /// The roots with the system's bundle, and with all of the system's certificates. Created when
    /// needed, because reading them takes time.
    with_bundle: OnceLock<Roots>,
    with_all: OnceLock<Roots>,
    algorithms: WebPkiSupportedAlgorithms,
    log: Log,
}

/// A server that presents a certificate.
struct Server<'a> {
    der: &'a CertificateDer<'a>,
    leaf: Certificate,
    sent: &'a [CertificateDer<'a>],
    host: Host,
    /// The kind of name by which the certificate matches the host.
    found: Option<Match>,
    now: UnixTime,
}

impl Verifier {
    pub fn new(own: Roots, provider: &CryptoProvider, log: Log) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { own, with_bundle: OnceLock::new(), with_all: OnceLock::new(), algorithms, log }
    }

    /// The roots with those of the system. Reads them.
    fn with_system(&self, is_whole: bool) -> Roots {
        let roots = self.own.with_system(is_whole);
        self.log.once(|| debug::system_trust(&roots.sources, is_whole));
        roots
    }

    fn verify(&self, server: &Server<'_>) -> Result<(), UntrustedReason> {
        if self.evaluate(server, &self.own).is_ok() {
            return Ok(());
        }
        // Blocks while files are read: once for the process, and only for a server that would be
        // rejected otherwise.
        if self.evaluate(server, self.with_bundle.get_or_init(|| self.with_system(false))).is_ok() {
            return Ok(());
        }
        let all = self.with_all.get_or_init(|| self.with_system(true));
        self.evaluate(server, all).map_err(|untrusted| untrusted.with_complaints(&all.complaints))
    }

    fn evaluate(&self, server: &Server<'_>, roots: &Roots) -> Result<(), UntrustedReason> {
        let refused = match self.by_webpki(server, roots) {
            Ok(()) => return server.check_name(),
            Err(refused) => refused,
        };
        let now = server.now.as_secs();
        let sent: Vec<_> = server.sent.iter().filter_map(|der| Certificate::parse(der)).collect();
        let chain = Chain::build(&server.leaf, &sent, roots, self.algorithms.all, now);
        match chain.problem(&server.host, self.algorithms.all, now) {
            Some(problem) => Err(UntrustedReason::new(problem, &chain.certificates)),
            // The only problem is that webpki does not accept such certificates from servers, or
            // does not know a critical extension that OpenSSL knows.
            None if chain.is_trusted()
                && (server.leaf.needs_own_path()
                    || chain.is_leaf_trusted
                    || refused.reason == Reason::CriticalExtension) =>
            {
                server.check_name()
            }
            None => Err(refused),
        }
    }

    fn by_webpki(&self, server: &Server<'_>, roots: &Roots) -> Result<(), UntrustedReason> {
        let refused = Cell::new(None);
        let verify_path = |path: &VerifiedPath<'_>| {
            Self::check_path(server, roots, path).map_err(|untrusted| {
                refused.set(Some(untrusted));
                webpki::Error::UnknownIssuer
            })
        };
        let mut intermediates = server.sent;
        let more: Vec<_>;
        if !roots.intermediates.is_empty() {
            more = intermediates.iter().chain(&roots.intermediates).cloned().collect();
            intermediates = &more;
        }
        let verified = EndEntityCert::try_from(server.der).and_then(|leaf| {
            let algorithms = self.algorithms.all;
            let usage = KeyUsage::server_auth();
            let verify_path: &dyn Fn(&VerifiedPath<'_>) -> _ = &verify_path;
            leaf.verify_for_usage(algorithms, &roots.anchors, intermediates, server.now, usage, None, Some(verify_path))
                .map(|_| ())
        });
        verified.map_err(|error| {
            let refusal = || UntrustedReason::new(Problem { reason: reason_of(&error), at: 0 }, &[&server.leaf]);
            refused.take().unwrap_or_else(refusal)
        })
    }

    /// Checks what webpki does not check on a path that it has verified.
    fn check_path(server: &Server<'_>, roots: &Roots, path: &VerifiedPath<'_>) -> Result<(), UntrustedReason> {
        let refusal = |reason| UntrustedReason::new(Problem { reason, at: 0 }, &[&server.leaf]);
        let anchor = roots.certificate_of(path.anchor());
        let intermediates: Option<Vec<_>> =
            path.intermediate_certificates().map(|each| Certificate::parse(&each.der())).collect();
        let intermediates = intermediates.ok_or_else(|| refusal(Reason::Malformed))?;
        let chain: Vec<_> = [&server.leaf].into_iter().chain(&intermediates).chain(anchor).collect();
        // OpenSSL compares key identifiers when it looks for issuers; webpki does not.
        if let Some(at) = chain.windows(2).position(|pair| !pair[0].may_be_issued_by(pair[1])) {
            return Err(UntrustedReason::new(Problem { reason: Reason::UnknownIssuerOfChain, at }, &chain));
        }
        if let Some(problem) = problem_of_chain(&chain, server.now.as_secs(), anchor.is_none()) {
            return Err(UntrustedReason::new(problem, &chain));
        }
        // Public authorities issue no certificates without alternative names.
        let is_by_common_name = server.found == Some(Match::CommonName);
        if is_by_common_name && anchor.is_none() {
            return Err(refusal(Reason::OtherHost));
        }
        // webpki has checked the name constraints for alternative names, but not for a common name.
        if is_by_common_name && !satisfies_name_constraints(&chain, &server.host) {
            return Err(refusal(Reason::NameConstraints));
        }
        Ok(())
    }
}

impl<'a> Server<'a> {
    fn new(
        der: &'a CertificateDer<'a>,
        sent: &'a [CertificateDer<'a>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Self, UntrustedReason> {
        let unreadable =
            || UntrustedReason { reason: Reason::Malformed, text: "the certificate cannot be read".to_owned() };
        let leaf = Certificate::parse(der).ok_or_else(unreadable)?;
        let host = match name {
            ServerName::IpAddress(address) => Host::Address((*address).into()),
            name => Host::Name(name.to_str().trim_end_matches('.').to_owned()),
        };
        let is_named = |parsed: EndEntityCert<'_>| parsed.verify_is_valid_for_subject_name(name).is_ok();
        let found = match EndEntityCert::try_from(der).is_ok_and(is_named) {
            true => Some(Match::Alternative),
            false => leaf.names().and_then(|names| names.find(&host)),
        };
        Ok(Self { der, leaf, sent, host, found, now })
    }

    /// Checks the name and the key of a certificate with a valid chain.
    fn check_name(&self) -> Result<(), UntrustedReason> {
        let reason = match self.found {
            None => Reason::OtherHost,
            Some(_) if self.leaf.has_weak_key() => Reason::WeakKey,
            Some(_) => return Ok(()),
        };
        Err(UntrustedReason::new(Problem { reason, at: 0 }, &[&self.leaf]))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = Server::new(leaf, chain, name, now).and_then(|server| self.verify(&server));
        verified.map_err(|untrusted| CertificateError::Other(OtherError(Arc::new(untrusted))))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let Some(key) = key_unknown_to_webpki(certificate) else {
            return verify_tls12_signature(message, certificate, signed, &self.algorithms);
        };
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
        let mut possible = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let is_good = possible.any(|(_, algorithms)| {
            algorithms.iter().any(|each| key.verify_signature(*each, message, signed.signature()).is_ok())
        });
        if is_good { Ok(HandshakeSignatureValid::assertion()) } else { Err(CertificateError::BadSignature.into()) }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match key_unknown_to_webpki(certificate) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms),
            None => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The public key of a certificate that webpki cannot read, which means one of version 1.
fn key_unknown_to_webpki(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    match EndEntityCert::try_from(certificate) {
        Ok(_) => None,
        Err(_) => Certificate::parse(certificate).map(|parsed| parsed.public_key.into()),
    }
}

fn reason_of(error: &webpki::Error) -> Reason {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => Reason::Expired,
        E::CertNotValidYet { .. } => Reason::NotYetValid,
        E::EndEntityUsedAsCa => Reason::InvalidCa,
        E::CaUsedAsEndEntity | E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => Reason::InvalidPurpose,
        E::PathLenConstraintViolated => Reason::PathLength,
        E::NameConstraintViolation => Reason::NameConstraints,
        E::InvalidSignatureForPublicKey => Reason::BadSignature,
        E::UnsupportedCriticalExtension => Reason::CriticalExtension,
        E::UnsupportedSignatureAlgorithmContext(_) | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Reason::UnknownAlgorithm
        }
        E::MaximumPathDepthExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => Reason::ChainTooLong,
        E::UnknownIssuer | E::CertDistrusted => Reason::UnknownIssuer,
        _ => Reason::Malformed,
    }
}
