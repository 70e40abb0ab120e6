//! The chain of a server's certificate as OpenSSL builds it.
//!
//! It says why a server is not trusted, with Node's code. It also accepts what webpki cannot: certificates of version 1, those
//! with `CA:TRUE`, and those that are trusted themselves. It accepts no chain with a signature that is not verified, that breaks
//! a rule of [`crate::policy::tls::chain`], or that does not end at a self-signed certificate of [`Roots`].

use rustls::pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;

use crate::io::http::tls::roots::Roots;
use crate::policy::tls::certificate::Certificate;
use crate::policy::tls::chain::{problem_of_extensions, problem_of_times};
use crate::policy::tls::host_name::Host;
use crate::policy::tls::name_constraints::satisfies_name_constraints;
use crate::policy::tls::reason::{Problem, Reason};

/// Certificates in a chain. webpki takes two less: six intermediate ones between root and server.
const MAX_LENGTH: usize = 10;

/// Algorithms that signatures may have.
pub type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

/// How a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Trusted,
    /// At a bundled root, of which name and key are known.
    Bundled,
    Untrusted(Reason),
}

/// A chain, from the server's certificate to that of a root.
#[derive(Debug)]
pub struct Chain<'a> {
    pub certificates: Vec<&'a Certificate>,
    end: End,
    /// Whether the first certificate is trusted itself.
    pub is_leaf_trusted: bool,
}

impl<'a> Chain<'a> {
    /// Takes trusted issuers before those that the server sent, and once it has taken one, no others.
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

    /// What is wrong with the chain, as OpenSSL reports it; `None`: nothing.
    pub fn problem(&self, host: &Host, algorithms: Algorithms, now: u64) -> Option<Problem> {
        let chain = &self.certificates;
        let last = chain.len() - 1;
        let end = match self.end {
            End::Untrusted(reason) => Some(Problem { reason, at: last }),
            End::Trusted | End::Bundled => None,
        };
        // Nobody vouches for the last certificate of a chain that is cut off; OpenSSL does not judge its times.
        let is_cut = end.is_some() && !chain[last].is_self_signed() && last > 0;
        let timed = if is_cut { &chain[..last] } else { chain };
        let links = (0..last).find_map(|at| problem_of_link(chain, at, algorithms).map(|problem| (at, problem)));
        let dated = problem_of_times(timed, now);
        // From the end of the chain to the server's certificate, at each the signature before the times.
        let of_links = match (links, dated) {
            (Some((at, _)), Some(problem)) if problem.at <= at => Some(problem),
            (Some((_, problem)), _) => Some(problem),
            (None, dated) => dated,
        };
        let is_constrained = self.end == End::Trusted && !satisfies_name_constraints(chain, host);
        let constraints = is_constrained.then_some(Problem { reason: Reason::NameConstraints, at: 0 });
        // Of a lone certificate OpenSSL says after all else that its issuer is unknown.
        let lone = end.filter(|problem| problem.reason == Reason::UnknownIssuer);
        let extensions = problem_of_extensions(chain, self.end == End::Bundled);
        constraints.or(of_links).or(lone).or(extensions).or(end)
    }

    /// Whether the chain ends at a trusted certificate that is known in full.
    pub fn is_trusted(&self) -> bool {
        self.end == End::Trusted
    }
}

/// Whether a certificate is signed by the next one, and that one may sign.
fn problem_of_link(chain: &[&Certificate], at: usize, algorithms: Algorithms) -> Option<Problem> {
    let (certificate, issuer) = (chain[at], chain[at + 1]);
    if is_signed_by(certificate, issuer, algorithms) {
        return (!issuer.may_sign()).then_some(Problem { reason: Reason::MayNotSign, at: at + 1 });
    }
    if issuer.has_weak_key() {
        return Some(Problem { reason: Reason::WeakKey, at: at + 1 });
    }
    let is_known = algorithms.iter().any(|each| *each.signature_alg_id() == *certificate.algorithm);
    Some(Problem { reason: if is_known { Reason::BadSignature } else { Reason::UnknownAlgorithm }, at })
}

/// Of several certificates with the issuer's name, that which has signed and is valid.
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
    // The first of the best.
    issuers.iter().rev().max_by_key(rank).copied()
}

fn is_signed_by(certificate: &Certificate, issuer: &Certificate, algorithms: Algorithms) -> bool {
    let key = SubjectPublicKeyInfoDer::from(issuer.public_key.as_slice());
    let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
    let possible = algorithms.iter().filter(|each| *each.signature_alg_id() == *certificate.algorithm);
    // One that is not for the issuer's kind of key fails as well.
    possible.into_iter().any(|each| key.verify_signature(*each, &certificate.signed, &certificate.signature).is_ok())
}
