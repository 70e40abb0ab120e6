//! Resolves names by the system's `getaddrinfo`, as Node.js does: `/etc/hosts`, search domains and
//! the order of addresses are those of the system.
//!
//! tokio's `lookup_host` is not used because it loses the reason of a failure. Callers distinguish
//! `ENOTFOUND` (the name is wrong) from `EAI_AGAIN` (the network is down).

use std::fmt;
use std::net::SocketAddr;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};

use crate::io::threads::spawn_blocking;

/// The error of a name without an address, with its Node.js code.
#[derive(Debug)]
pub struct LookupError {
    pub code: &'static str,
    host: String,
}

impl LookupError {
    /// The error of a lookup that has taken too long.
    pub fn timed_out(host: String) -> Self {
        Self { code: "EAI_AGAIN", host }
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "getaddrinfo {} {}", self.code, self.host)?;
        if self.code == "EAGAIN" {
            f.write_str(": no thread can be started, because the limit of processes and threads is reached")?;
        }
        Ok(())
    }
}

impl std::error::Error for LookupError {}

pub async fn lookup(host: String) -> Result<Vec<SocketAddr>, LookupError> {
    let name = host.clone();
    // A lookup blocks its thread for as long as the resolver takes.
    let lookup = spawn_blocking(move || {
        let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
        let found = dns_lookup::getaddrinfo(Some(&name), None, Some(hints)).map_err(|error| match error.kind() {
            LookupErrorKind::Again => "EAI_AGAIN",
            LookupErrorKind::Memory => "ENOMEM",
            _ => "ENOTFOUND",
        })?;
        Ok(found.flatten().map(|info| info.sockaddr).collect::<Vec<_>>())
    });
    let found = lookup.await.unwrap_or_else(|error| match error.details().code {
        // No thread could be started.
        code @ "EAGAIN" => Err(code),
        _ => Err("ENOTFOUND"),
    });
    match found {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(LookupError { code: "ENOTFOUND", host }),
        Err(code) => Err(LookupError { code, host }),
    }
}
