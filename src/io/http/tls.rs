//! TLS: the configuration of handshakes, and the certificates that are trusted.
//!
//! The cryptography provider is named here and nowhere else. No provider is installed for the
//! process.

mod handshakes;
mod path;
mod pem;
mod roots;
mod verifier;

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use url::Url;

use crate::base::error::{Error, Kind, Result};
use crate::base::log::Log;
use crate::base::options::Tls;
pub use crate::io::http::tls::handshakes::{Handshake, Handshakes};
use crate::io::http::tls::roots::Roots;
use crate::io::http::tls::verifier::Verifier;
use crate::policy::text::debug::network as debug;
use crate::policy::tls::source::Source;

pub use crate::io::http::tls::verifier::UntrustedReason;

/// Creates the TLS configuration of a client. Blocks: reads the files that the options name.
pub fn client_config(options: &Tls, log: Log) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = verifier(options, log, &provider);
    config(provider, verifier)
}

/// [`client_config`], with a record of the handshakes.
pub fn observed_config(options: &Tls, log: Log) -> Result<(ClientConfig, Arc<Handshakes>)> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let observer = Arc::new(Handshakes::new(verifier(options, log, &provider)));
    Ok((config(provider, observer.clone())?, observer))
}

/// The sources of trusted certificates, those of the system included, and the problems of
/// certificates that cannot be used. Blocks: reads all of them.
pub fn sources(options: &Tls) -> (Vec<Source>, Vec<String>) {
    let roots = Roots::of(options).with_system(true);
    (roots.sources, roots.complaints)
}

fn verifier(options: &Tls, log: Log, provider: &Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
    if !options.verify {
        log.once(debug::unverified);
        return Arc::new(Unverified(provider.clone()));
    }
    let roots = Roots::of(options);
    log.once(|| debug::trust(&roots.sources));
    roots.complaints.iter().for_each(|complaint| log.once(|| debug::complaint(complaint)));
    Arc::new(Verifier::new(roots, provider, log))
}

fn config(provider: Arc<CryptoProvider>, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig> {
    let failed = |why: &dyn fmt::Display| Error::new(Kind::Internal, format!("TLS cannot be set up: {why}"));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Checks that the host of an `https:` URL can be the server name of a handshake: an address or a
/// DNS name.
pub fn check_host(url: &Url) -> Result<()> {
    let Some(name) = url.domain().filter(|_| url.scheme() == "https") else { return Ok(()) };
    if ServerName::try_from(name).is_ok() {
        return Ok(());
    }
    let message = format!(
        "the host {name:?} is not a DNS name, and no certificate can be for it: labels have 1 to 63 letters, digits, \
         hyphens and underscores, and neither begin nor end with a hyphen"
    );
    Err(Error::new(Kind::Certificate, message).with_code("ERR_TLS_INVALID_HOST").with_url(url))
}

/// Accepts any certificate, as Node.js does under `NODE_TLS_REJECT_UNAUTHORIZED=0`.
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

#[cfg(test)]
mod tests {
    use rustls::NamedGroup;

    use super::*;

    #[test]
    fn the_key_exchange_holds_against_quantum_computers_and_no_provider_is_installed() {
        for verify in [true, false] {
            let config = client_config(&Tls { verify, ..Tls::default() }, Log::default()).unwrap();
            let groups: Vec<_> = config.crypto_provider().kx_groups.iter().map(|group| group.name()).collect();
            assert_eq!(groups.first(), Some(&NamedGroup::X25519MLKEM768));
            assert!(groups.contains(&NamedGroup::X25519) && groups.contains(&NamedGroup::secp256r1));
        }
        assert!(CryptoProvider::get_default().is_none());
    }

    #[test]
    fn only_secure_urls_need_hosts_that_certificates_can_name() {
        for (url, expected) in [
            ("https://a.test/", true),
            ("https://a_b.test/", true),
            ("https://a.test./", true),
            ("https://[::1]/", true),
            ("https://127.0.0.1/", true),
            ("https://m\u{fc}ller.test/", true),
            ("http://a-.test/", true),
            ("https://a-.test/", false),
            ("https://a..test/", false),
            ("https://a+b.test/", false),
        ] {
            assert_eq!(check_host(&Url::parse(url).unwrap()).is_ok(), expected, "{url}");
        }
    }
}
