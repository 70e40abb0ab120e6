//! Whom to trust: Mozilla's roots, bundled, the system's, and those of the caller, all together. A machine without any
//! certificate file still works.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};

use crate::error::{Error, Kind, Result};
use crate::options::Tls;

/// Reads the system's roots: some milliseconds of file access, so not on an async worker.
pub fn client_config(options: &Tls) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let failed = |why: &dyn fmt::Display| Error::new(Kind::Internal, format!("TLS cannot be set up: {why}"));
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let verifier: Arc<dyn ServerCertVerifier> = if options.verify {
        let own = own_certificates(options);
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(&own)), provider)
            .build()
            .map_err(|error| failed(&error))?;
        Arc::new(Verifier { inner, own })
    } else {
        Arc::new(Unverified(provider))
    };
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificates in a PEM text; `None` when there is none, or a broken one.
pub fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let mut roots = RootCertStore::empty();
    found.ok().filter(|found| !found.is_empty() && found.iter().all(|each| roots.add(each.clone()).is_ok()))
}

/// Those that the caller and his environment name. Files that cannot be read or parsed are skipped, as Node does: one bad
/// variable must not end all of TLS.
fn own_certificates(options: &Tls) -> Vec<CertificateDer<'static>> {
    let mut own: Vec<_> = options.ca.iter().filter_map(|pem| certificates(pem)).flatten().collect();
    for file in &options.files {
        own.extend(load_certs_from_paths(Some(file), None).certs);
    }
    for directory in &options.directories {
        own.extend(load_certs_from_paths(None, Some(directory)).certs);
    }
    own
}

fn roots(own: &[CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(own.iter().cloned());
    roots.add_parsable_certificates(load_native_certs().certs);
    if openssl_probe::has_ssl_cert_env_vars() {
        // The variables of the process have replaced the system's roots, where they should only add to them.
        for directory in openssl_probe::candidate_cert_dirs() {
            let bundle = directory.join("ca-certificates.crt");
            let bundle = Some(&*bundle).filter(|bundle: &&Path| bundle.exists());
            roots.add_parsable_certificates(load_certs_from_paths(bundle, Some(directory)).certs);
        }
    }
    roots
}

/// Why a certificate is not trusted, as far as Node tells and webpki does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    SelfSignedLeaf,
    SelfSignedInChain,
    UnknownIssuer,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SelfSignedLeaf => "the certificate is self-signed",
            Self::SelfSignedInChain => "the chain of certificates ends in one that is self-signed and not trusted",
            Self::UnknownIssuer => "the issuer of the certificate is not trusted",
        })
    }
}

impl std::error::Error for Distrust {}

/// webpki's verification, and two things that Node's does: it tells self-signed certificates from others of unknown
/// issuers, and it takes a self-signed certificate of a server (`openssl req -x509`) that is itself among the trusted ones.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refused = match self.inner.verify_server_cert(leaf, chain, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(reason)) => reason,
            verified => return verified,
        };
        let is_authority = is_authority_as_leaf(&refused);
        if !is_authority && refused != CertificateError::UnknownIssuer {
            return Err(refused.into());
        }
        // webpki says so only after it has checked the times of the certificate.
        if is_authority && self.own.iter().any(|own| own == leaf) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        let distrust = if is_self_signed(leaf) {
            Distrust::SelfSignedLeaf
        } else if chain.iter().any(is_self_signed) {
            Distrust::SelfSignedInChain
        } else {
            Distrust::UnknownIssuer
        };
        Err(CertificateError::Other(OtherError(Arc::new(distrust))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_authority_as_leaf(reason: &CertificateError) -> bool {
    let CertificateError::Other(OtherError(other)) = reason else {
        return false;
    };
    matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate).is_ok_and(|parsed| parsed.issuer() == parsed.subject())
}

/// Takes any certificate, as Node does under `NODE_TLS_REJECT_UNAUTHORIZED=0`.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
