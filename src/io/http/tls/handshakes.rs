//! A record of TLS handshakes, of those that fail for an untrusted certificate as well. Only for
//! explanations: each connection of an ordinary request would pay for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::policy::tls::certificate::Certificate;

/// A handshake, as far as it got.
#[derive(Clone, Debug, Default)]
pub struct Handshake {
    /// The name that the certificate is to be for: the server's, or the proxy's.
    pub host: String,
    /// `TLSv1.3` or `TLSv1.2`. `None` if the certificate was refused before.
    pub version: Option<&'static str>,
    pub subject: String,
    pub issuer: String,
    /// The validity of the certificate, in seconds since 1970.
    pub valid: Option<(u64, u64)>,
    pub is_trusted: bool,
}

/// Verifies certificates as another verifier does, and records them.
#[derive(Debug)]
pub struct Handshakes {
    verifier: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Vec<Handshake>>,
}

impl Handshakes {
    pub fn new(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Self { verifier, seen: Mutex::default() }
    }

    /// The last handshake with a host.
    pub fn with(&self, host: &str) -> Option<Handshake> {
        self.seen().iter().rev().find(|seen| seen.host.eq_ignore_ascii_case(host)).cloned()
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Handshake>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the version of the handshake whose certificate was verified last.
    fn record_version(&self, version: &'static str) {
        if let Some(last) = self.seen().last_mut() {
            last.version = Some(version);
        }
    }
}

impl ServerCertVerifier for Handshakes {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(leaf, chain, name, ocsp, now);
        let certificate = Certificate::parse(leaf);
        self.seen().push(Handshake {
            host: name.to_str().into_owned(),
            version: None,
            subject: certificate.as_ref().map(Certificate::display_subject).unwrap_or_default(),
            issuer: certificate.as_ref().map(Certificate::display_issuer).unwrap_or_default(),
            valid: certificate.as_ref().map(Certificate::validity),
            is_trusted: verified.is_ok(),
        });
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.record_version("TLSv1.2");
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.record_version("TLSv1.3");
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
