//! Floor 5: convert, call, convert. The only code that names napi.
//!
//! Arguments are read and checked on the JavaScript thread before anything starts; what is wrong with them rejects the
//! promise, like every other failure. Nothing here decides anything about HTTP, files or locks.
#![allow(unsafe_code, reason = "what napi-derive generates is unsafe")]
#![cfg_attr(test, allow(dead_code, reason = "exports are not registered in unit tests"))]
// napi-derive calls exported functions with owned arguments.
#![allow(clippy::needless_pass_by_value, clippy::trivially_copy_pass_by_ref)]

mod convert;
mod environment;
mod exports;
mod js;
mod options;
mod promise;
