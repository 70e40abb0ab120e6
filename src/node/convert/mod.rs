//! Between the core and JavaScript, both ways.

pub mod listeners;
pub mod response;
pub mod streams;
