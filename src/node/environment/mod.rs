//! The state of one JavaScript environment.

pub mod callback;
pub mod debug;
pub mod instance;
pub mod methods;
pub mod mirrors;
pub mod objects;
pub mod observer_functions;
pub mod queue;
pub mod rate;
pub mod variables;
pub mod warning;
