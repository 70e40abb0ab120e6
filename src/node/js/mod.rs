//! JavaScript values.

pub mod arguments;
pub mod error;
