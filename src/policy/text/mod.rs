//! Texts that are read or written for people.

pub mod checksum_file;
pub mod error_message;
pub mod node_debug;
