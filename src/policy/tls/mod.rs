//! Decisions about certificates.

pub mod certificate;
pub mod host_name;
