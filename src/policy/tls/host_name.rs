//! Whether a certificate is for a host, by the rules of `tls.checkServerIdentity` of Node.js.
//!
//! Alternative names count. The common name counts only if there is no alternative DNS name, and
//! never for an address.

use std::net::IpAddr;

/// The host of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// In ASCII, without a final dot.
    Name(String),
    Address(IpAddr),
}

/// The names in a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub dns: Vec<String>,
    pub addresses: Vec<IpAddr>,
    pub common: Vec<String>,
}

/// The kind of name by which a certificate is for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    Alternative,
    CommonName,
}

impl Names {
    /// Finds the name that matches a host.
    pub fn find(&self, host: &Host) -> Option<Match> {
        match host {
            Host::Address(address) => self.addresses.contains(address).then_some(Match::Alternative),
            Host::Name(name) if self.dns.is_empty() => {
                self.common.iter().any(|pattern| is_match(name, pattern)).then_some(Match::CommonName)
            }
            Host::Name(name) => self.dns.iter().any(|pattern| is_match(name, pattern)).then_some(Match::Alternative),
        }
    }
}

/// Whether a name of a certificate, which may have a wildcard, matches a host.
fn is_match(host: &str, pattern: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern).to_ascii_lowercase();
    let (host, pattern): (Vec<_>, Vec<_>) = (host.split('.').collect(), pattern.split('.').collect());
    let is_sane = |label: &&str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_graphic());
    if host.len() != pattern.len() || !pattern.iter().all(is_sane) || host[1..] != pattern[1..] {
        return false;
    }
    let (host, label) = (host[0], pattern[0]);
    match label.split_once('*') {
        // A wildcard in a label of an internationalised name is no wildcard.
        None => host == label,
        Some(_) if label.contains("xn--") => host == label,
        Some((prefix, suffix)) => {
            let is_single = !suffix.contains('*') && pattern.len() > 2;
            let is_long = prefix.len() + suffix.len() <= host.len();
            is_single && is_long && host.starts_with(prefix) && host.ends_with(suffix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dns: &[&str], common: &[&str]) -> Names {
        let owned = |list: &[&str]| list.iter().map(|&each| each.to_owned()).collect();
        Names { dns: owned(dns), addresses: vec![[127, 0, 0, 1].into()], common: owned(common) }
    }

    #[test]
    fn wildcards_stand_for_one_label_or_a_part_of_it() {
        for (pattern, host, expected) in [
            ("a.test", "a.test", true),
            ("A.Test", "a.tesT", true),
            ("a.test.", "a.test", true),
            ("a.test", "a.test.", true),
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "a.test", false),
            ("*.a.test", "c.b.a.test", false),
            ("b*.a.test", "bcd.a.test", true),
            ("b*d.a.test", "bd.a.test", true),
            ("b*b.a.test", "b.a.test", false),
            ("b.*.test", "b.a.test", false),
            ("*.test", "a.test", false),
            ("*", "localhost", false),
            ("**.a.test", "b.a.test", false),
            ("xn--*.a.test", "xn--b.a.test", false),
            ("b..test", "b..test", false),
            ("", "", false),
            ("b c.test", "b c.test", false),
            ("ä.test", "ä.test", false),
        ] {
            let found = names(&[pattern], &[]).find(&Host::Name(host.to_owned()));
            assert_eq!(found, expected.then_some(Match::Alternative), "{pattern} for {host}");
        }
    }

    #[test]
    fn a_common_name_counts_without_dns_names_only() {
        let host = Host::Name("a.test".to_owned());
        assert_eq!(names(&[], &["a.test"]).find(&host), Some(Match::CommonName));
        assert_eq!(names(&["b.test"], &["a.test"]).find(&host), None);
        assert_eq!(names(&[], &["127.0.0.2"]).find(&Host::Address([127, 0, 0, 2].into())), None);
        assert_eq!(names(&[], &[]).find(&Host::Address([127, 0, 0, 1].into())), Some(Match::Alternative));
        assert_eq!(names(&["127.0.0.2"], &[]).find(&Host::Address([127, 0, 0, 2].into())), None);
    }
}
