//! Builds the certificate chain of a server as OpenSSL does.
//!
//! The chain explains why a server is not trusted, with the code of Node.js. It also accepts
//! certificates that webpki cannot: those of version 1, those with `CA:TRUE`, and server
//! certificates that are trusted themselves. It never accepts a chain with an unverified signature,
//! one that breaks a rule of [`crate::policy::tls::chain`], or one that does not end at a
//! self-signed certificate of [`Roots`].

use rustls::pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;

use crate::io::http::tls::roots::Roots;
use crate::policy::tls::certificate::Certificate;
use crate::policy::tls::chain::{problem_of_extensions, problem_of_times};
use crate::policy::tls::host_name::Host;
use crate::policy::tls::name_constraints::satisfies_name_constraints;
use crate::policy::tls::reason::{Problem, Reason};

/// Limit of certificates in a chain. webpki's limit is two lower: six intermediates between root
/// and server.
const MAX_LENGTH: usize = 10;

/// The accepted signature algorithms.
pub type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Trusted,
    /// A bundled root, of which only name and key are known.
    Bundled,
    Untrusted(Reason),
}

/// A chain from the server's certificate to a root.
#[derive(Debug)]
pub struct Chain<'a> {
    pub certificates: Vec<&'a Certificate>,
    end: End,
    /// Whether the first certificate is trusted itself.
    pub is_leaf_trusted: bool,
}

impl<'a> Chain<'a> {
    /// Builds the chain. Trusted issuers are preferred to those that the server sent; after the
    /// first trusted issuer, only trusted ones are used.
    pub fn build(
        leaf: &'a Certificate,
        sent: &'a [Certificate],
        roots: &'a Roots,
        algorithms: Algorithms,
        now: u64,
    ) -> Self {
        let trusted_leaf = roots.find(leaf).filter(|leaf| leaf.is_self_signed());
        let mut certificates = vec![trusted_leaf.unwrap_or(leaf)];
        let mut is_trusted = trusted_leaf.is_some();
        let end = loop {
            let current = certificates[certificates.len() - 1];
            if current.is_self_signed() {
                break match (is_trusted, certificates.len()) {
                    (true, _) => End::Trusted,
                    (false, 1) => End::Untrusted(Reason::SelfSignedLeaf),
                    (false, _) => End::Untrusted(Reason::SelfSignedInChain),
                };
            }
            if certificates.len() == MAX_LENGTH {
                break End::Untrusted(Reason::ChainTooLong);
            }
            let is_issuer = |issuer: &&Certificate| current.may_be_issued_by(issuer);
            let trusted: Vec<_> = roots.issuers_of(current).filter(is_issuer).collect();
            if let Some(issuer) = best(current, &trusted, algorithms, now) {
                is_trusted = true;
                certificates.push(issuer);
                continue;
            }
            if roots.is_issued_by_bundled(current) {
                break End::Bundled;
            }
            let unused = sent.iter().filter(|each| !certificates.contains(each));
            let found: Vec<_> = unused.filter(is_issuer).take(MAX_LENGTH).collect();
            match best(current, &found, algorithms, now).filter(|_| !is_trusted) {
                Some(issuer) => certificates.push(issuer),
                None => {
                    break End::Untrusted(match (is_trusted, certificates.len()) {
                        (true, _) => Reason::UnknownIssuerOfTrusted,
                        (false, 1) => Reason::UnknownIssuer,
                        (false, _) => Reason::UnknownIssuerOfChain,
                    });
                }
            }
        };
        Self { certificates, end, is_leaf_trusted: trusted_leaf.is_some() }
    }

    /// Returns the error that OpenSSL would report for this chain.
    pub fn problem(&self, host: &Host, algorithms: Algorithms, now: u64) -> Option<Problem> {
        let chain = &self.certificates;
        let last = chain.len() - 1;
        let end = match self.end {
            End::Untrusted(reason) => Some(Problem { reason, at: last }),
            End::Trusted | End::Bundled => None,
        };
        // Nobody vouches for the last certificate of an incomplete chain. OpenSSL does not check
        // its dates.
        let is_cut = end.is_some() && !chain[last].is_self_signed() && last > 0;
        let timed = if is_cut { &chain[..last] } else { chain };
        let links = (0..last).find_map(|at| problem_of_link(chain, at, algorithms).map(|problem| (at, problem)));
        let dated = problem_of_times(timed, now);
        // Checked from the end of the chain to the server's certificate; for each one the signature
        // before the dates.
        let of_links = match (links, dated) {
            (Some((at, _)), Some(problem)) if problem.at <= at => Some(problem),
            (Some((_, problem)), _) => Some(problem),
            (None, dated) => dated,
        };
        let is_constrained = self.end == End::Trusted && !satisfies_name_constraints(chain, host);
        let constraints = is_constrained.then_some(Problem { reason: Reason::NameConstraints, at: 0 });
        // For a lone certificate, OpenSSL reports the unknown issuer only if nothing else is wrong.
        let lone = end.filter(|problem| problem.reason == Reason::UnknownIssuer);
        let extensions = problem_of_extensions(chain, self.end == End::Bundled);
        constraints.or(of_links).or(lone).or(extensions).or(end)
    }

    /// Whether the chain ends at a trusted certificate that is known in full.
    pub fn is_trusted(&self) -> bool {
        self.end == End::Trusted
    }
}

/// Checks that a certificate is signed by the next one, and that the next one may sign.
fn problem_of_link(chain: &[&Certificate], at: usize, algorithms: Algorithms) -> Option<Problem> {
    let (certificate, issuer) = (chain[at], chain[at + 1]);
    if is_signed_by(certificate, issuer, algorithms) {
        return (!issuer.may_sign()).then_some(Problem { reason: Reason::MayNotSign, at: at + 1 });
    }
    if issuer.has_weak_key() {
        return Some(Problem { reason: Reason::WeakKey, at: at + 1 });
    }
    let is_known = algorithms.iter().any(|each| *each.signature_alg_id() == *certificate.algorithm);
    let is_usable = algorithms.iter().any(|each| issuer.key_algorithm() == Some(&*each.public_key_alg_id()));
    let reason = match (is_known, is_usable) {
        (true, true) => Reason::BadSignature,
        (true, false) => Reason::UnknownKey,
        (false, _) => Reason::UnknownAlgorithm,
    };
    Some(Problem { reason, at })
}

/// Selects, among certificates with the issuer's name, one that has signed and is valid.
fn best<'a>(
    certificate: &Certificate,
    issuers: &[&'a Certificate],
    algorithms: Algorithms,
    now: u64,
) -> Option<&'a Certificate> {
    let rank = |issuer: &&&Certificate| {
        let is_signed = issuers.len() == 1 || is_signed_by(certificate, issuer, algorithms);
        (is_signed, issuer.is_valid_at(now))
    };
    // Reversed, so that the first of equal candidates wins.
    issuers.iter().rev().max_by_key(rank).copied()
}

fn is_signed_by(certificate: &Certificate, issuer: &Certificate, algorithms: Algorithms) -> bool {
    let key = SubjectPublicKeyInfoDer::from(issuer.public_key.as_slice());
    let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
    let possible = algorithms.iter().filter(|each| *each.signature_alg_id() == *certificate.algorithm);
    // Algorithms for another kind of key fail to verify.
    possible.into_iter().any(|each| key.verify_signature(*each, &certificate.signed, &certificate.signature).is_ok())
}
