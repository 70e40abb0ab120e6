//! Certificates for the tests of these rules.

use crate::policy::tls::certificate::{Certificate, Trust};

pub const NOW: u64 = 1000;

/// A valid certificate of version 3, without extensions.
pub fn certificate(subject: &str, issuer: &str) -> Certificate {
    Certificate {
        der: subject.into(),
        signed: Vec::new(),
        algorithm: Vec::new(),
        signature: Vec::new(),
        subject: subject.into(),
        issuer: issuer.into(),
        public_key: Vec::new(),
        trust: Trust::Unspecified,
        not_before: NOW - 1,
        not_after: NOW + 1,
        is_version_1: false,
        authority: None,
        path_length: None,
        key_usage: None,
        server_auth: None,
        netscape_server: None,
        has_unknown_critical: false,
        key_id: None,
        issuer_key_id: None,
        serial: Vec::new(),
        issuer_serial: None,
        issuer_issuer: None,
        alternative_names: None,
        name_constraints: None,
    }
}

pub fn authority(subject: &str, issuer: &str) -> Certificate {
    Certificate { authority: Some(true), ..certificate(subject, issuer) }
}
