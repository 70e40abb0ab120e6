//! What a person has to know of a machine on which something fails: `doctor`.
//!
//! Nothing here fails. What cannot be found out is a part of what was found, with `ok: false` and a
//! message. Messages and URLs are redacted.

pub mod directory;
pub mod proxies;
pub mod server;
pub mod trust;
