//! Conversions between the core and JavaScript, both ways.

pub mod client_metrics;
pub mod download_result;
pub mod header_fields;
pub mod host_client;
pub mod listeners;
pub mod observer;
pub mod request_body;
pub mod response;
pub mod streams;
pub mod timings;
pub mod user_agent;
