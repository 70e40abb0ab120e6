//! Floor 1: decisions. No I/O; clocks and randomness are arguments, so every rule has an exact test.

pub mod address;
pub mod addresses;
pub mod bucket;
pub mod cache_key;
pub mod certificate;
pub mod checksum_file;
pub mod decoding;
pub mod error_message;
pub mod freshness;
pub mod headers;
pub mod holder;
pub mod host_name;
pub mod integrity;
pub mod node_debug;
pub mod patience;
pub mod proxy;
pub mod redirect;
pub mod resume;
pub mod retry;
pub mod sealed;
pub mod status_text;
pub mod user_agent;
pub mod wildcard;
