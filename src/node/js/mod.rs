//! Values and errors of JavaScript.

pub mod arguments;
pub mod buffer;
pub mod error;
pub mod fields;
pub mod headers;
pub mod json;
pub mod lock_holder;
pub mod number;
pub mod returned;
pub mod value;
