//! Decisions about requests and responses.

pub mod address;
pub mod addresses;
pub mod decoding;
pub mod headers;
pub mod host_failure;
pub mod redirect;
pub mod resume;
pub mod retry;
pub mod status_text;
pub mod user_agent;
