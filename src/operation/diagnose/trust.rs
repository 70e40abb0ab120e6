//! The certificates that are trusted.

use serde::Serialize;

use crate::base::options::Tls;
use crate::io::http::tls;
use crate::policy::tls::source::Origin;

/// The trusted certificates, by source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustReport {
    /// Whether the certificates of servers are verified.
    pub verify: bool,
    pub sources: Vec<SourceReport>,
    /// What cannot be read or used, and why.
    pub unreadable: Vec<String>,
}

/// A source of certificates.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// `bundled` (Mozilla's), `system` or `file`.
    pub source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub certificates: usize,
}

/// Reads all certificates. Blocks.
pub fn trust(options: &Tls) -> TrustReport {
    let (sources, unreadable) = tls::sources(options);
    let report = |(origin, certificates)| {
        let (source, path) = match origin {
            Origin::Option => ("ca", None),
            Origin::Path(path) => ("file", Some(path)),
            Origin::Bundled => ("bundled", None),
            Origin::System(path) => ("system", path),
        };
        SourceReport { source, path: path.map(|path| path.to_string_lossy().into_owned()), certificates }
    };
    let sources = sources.into_iter().map(|each| report((each.origin, each.certificates))).collect();
    TrustReport { verify: options.verify, sources, unreadable }
}
