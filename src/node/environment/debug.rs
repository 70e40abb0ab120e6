//! The debug lines of `NODE_DEBUG=socket-registry`, on the standard error.

use std::io::{Write, stderr};
use std::process;

use crate::policy::text::node_debug::line;

/// Writes a line in the format of Node.js's `util.debuglog`. At once, from any thread, so that
/// lines are in order and those before a crash are not lost; as one write, so that lines of several
/// threads and processes do not mix.
pub fn write(text: &str) {
    // A closed stderr is no reason to fail.
    let _ = stderr().write_all(line(process::id(), text).as_bytes());
}
