//! What belongs to one JavaScript environment.

pub mod instance;
pub mod queue;
pub mod variables;
