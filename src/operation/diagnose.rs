//! `doctor`: examines the parts of a machine that requests use.
//!
//! Nothing here fails. A part that cannot be examined is in the report with `ok: false` and a
//! message. Messages and URLs are redacted.

pub mod directory;
pub mod proxies;
pub mod server;
pub mod trust;
