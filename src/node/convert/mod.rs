//! Between the core and JavaScript, both ways.

pub mod listeners;
pub mod observer;
pub mod response;
pub mod streams;
pub mod user_agent;
