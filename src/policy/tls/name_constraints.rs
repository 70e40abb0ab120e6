//! Name constraints in a chain (RFC 5280, 4.2.1.10).

use std::net::IpAddr;

use x509_cert::der::Decode;
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::name::GeneralName;

use crate::policy::tls::certificate::Certificate;
use crate::policy::tls::host_name::{Host, Names};

/// Whether the name constraints in a chain allow the server's certificate and its host.
///
/// For the names that webpki does not compare with them: common names, and those of certificates
/// that it cannot read. Constraints of DNS names and addresses are evaluated; any other constraint
/// counts as violated.
pub fn satisfies_name_constraints(chain: &[&Certificate], host: &Host) -> bool {
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

/// Whether the constraints of one certificate allow the names of another, and the host.
fn satisfies(constraints: &NameConstraints, names: &Names, host: &Host) -> bool {
    let permitted: Vec<_> = constraints.permitted_subtrees.iter().flatten().map(|each| &each.base).collect();
    let excluded: Vec<_> = constraints.excluded_subtrees.iter().flatten().map(|each| &each.base).collect();
    let is_known = |base: &&&GeneralName| match base {
        GeneralName::DnsName(_) => true,
        // An address and a mask.
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

/// Whether an address is in a block, which is an address followed by a mask.
fn is_in(address: IpAddr, block: &[u8]) -> bool {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (network, mask) = block.split_at(block.len() / 2);
    block.len() == bytes.len() * 2
        && bytes.iter().zip(network).zip(mask).all(|((byte, network), mask)| byte & mask == network & mask)
}

#[cfg(test)]
mod tests {
    use x509_cert::der::Encode;
    use x509_cert::der::asn1::{Ia5String, OctetString};
    use x509_cert::ext::pkix::SubjectAltName;
    use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
    use x509_cert::name::Name;

    use super::*;
    use crate::policy::tls::fixtures::{authority, certificate};

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
            assert_eq!(satisfies_name_constraints(&[&leaf(names), &permits], &host(asked)), expected, "{names:?}");
        }
        let excludes = constrained(None, Some(dns("a.test")));
        assert!(satisfies_name_constraints(&[&leaf(&["c.test"]), &excludes], &host("c.test")));
        assert!(!satisfies_name_constraints(&[&leaf(&["*.a.test"]), &excludes], &host("b.a.test")));
        assert!(!satisfies_name_constraints(&[&leaf(&["*.test"]), &excludes], &host("a.test")));
        // Unknown kinds, and constraints that cannot be read.
        let mail = constrained(None, Some(GeneralName::Rfc822Name(Ia5String::new("a.test").unwrap())));
        let broken = Certificate { name_constraints: Some(vec![1]), ..authority("root", "root") };
        for root in [mail, broken] {
            assert!(!satisfies_name_constraints(&[&leaf(&["c.test"]), &root], &host("c.test")));
        }
    }

    #[test]
    fn addresses_are_in_blocks() {
        let block = |bytes: &[u8]| GeneralName::IpAddress(OctetString::new(bytes).unwrap());
        let root = constrained(Some(block(&[10, 0, 0, 0, 255, 0, 0, 0])), None);
        let leaf = Certificate { subject: Name::default().to_der().unwrap(), ..certificate("", "root") };
        for (address, expected) in [("10.1.2.3", true), ("11.0.0.0", false), ("::1", false)] {
            let host = Host::Address(address.parse().unwrap());
            assert_eq!(satisfies_name_constraints(&[&leaf, &root], &host), expected, "{address}");
        }
        let odd = constrained(None, Some(block(&[10, 0, 0])));
        assert!(!satisfies_name_constraints(&[&leaf, &odd], &Host::Address([10, 0, 0, 1].into())));
    }
}
