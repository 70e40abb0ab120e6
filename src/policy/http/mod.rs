//! Decisions about requests and responses: retries, redirects, resumption, header fields, codings.

pub mod address;
pub mod addresses;
pub mod credentials;
pub mod decoding;
pub mod headers;
pub mod host_failure;
pub mod mirror;
pub mod ranges;
pub mod rate;
pub mod redirect;
pub mod resume;
pub mod retry;
pub mod segments;
pub mod status_text;
pub mod streamed_body;
pub mod user_agent;
