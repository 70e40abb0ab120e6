//! Decisions about the certificates of servers, by the rules of OpenSSL and Node.js.

pub mod certificate;
pub mod chain;
#[cfg(test)]
mod fixtures;
pub mod host_name;
pub mod name_constraints;
mod parsing;
pub mod reason;
pub mod source;
