//! Texts that people read or write: checksum files, explanations of errors, `NODE_DEBUG`.

pub mod checksum_file;
pub mod debug;
pub mod diagnosis;
pub mod error_message;
pub mod node_debug;
