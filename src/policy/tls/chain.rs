//! The rules by which Node.js accepts a chain of certificates.
//!
//! They are the rules of OpenSSL's `X509_verify_cert` for TLS servers, in its order: if a chain
//! breaks several rules, the last one is reported, as by OpenSSL. Signatures are not verified here.
//! Host names are in [`crate::policy::tls::host_name`].

use crate::policy::tls::certificate::{Authority, Certificate, Trust};
use crate::policy::tls::reason::{Problem, Reason};

/// Returns the last rule that a complete chain breaks, apart from signatures and names. `is_open`
/// means that the chain continues at a trust anchor of which only name and key are known. `now` is
/// in seconds since 1970.
pub fn problem_of_chain(chain: &[&Certificate], now: u64, is_open: bool) -> Option<Problem> {
    problem_of_extensions(chain, is_open).into_iter().chain(problem_of_times(chain, now)).last()
}

/// Returns the last rule of extensions that a chain breaks, as `check_extensions` of OpenSSL.
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
        if at > 0 && (authority == Authority::No || (authority == Authority::Unspecified && !is_last)) {
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

/// Returns the problem of the first certificate that is not valid now. OpenSSL checks from the root
/// to the server's certificate and reports the last problem, which is the same.
pub fn problem_of_times(chain: &[&Certificate], now: u64) -> Option<Problem> {
    chain.iter().enumerate().find_map(|(at, each)| each.time_problem(now).map(|reason| Problem { reason, at }))
}

#[cfg(test)]
mod tests {
    use x509_cert::ext::pkix::KeyUsages;

    use super::*;
    use crate::policy::tls::fixtures::{NOW, authority, certificate};

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
        // Without a statement about it, a certificate may end a chain, but not be in its middle.
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
}
