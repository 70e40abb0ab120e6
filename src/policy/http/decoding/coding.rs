//! The codings in the `Content-Encoding` fields of a response.

use crate::base::error::{Error, Kind};

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Reads `Content-Encoding` fields: the codings in the order in which they were applied. Empty if
/// one is unknown, because then only the bytes as sent can be returned.
pub fn parse_codings<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<Coding> {
    let names = fields.into_iter().flat_map(|names| names.split(','));
    let known = names.map(|name| match name.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Some(None),
        "gzip" | "x-gzip" => Some(Some(Coding::Gzip)),
        "deflate" => Some(Some(Coding::Deflate)),
        "br" => Some(Some(Coding::Brotli)),
        "zstd" => Some(Some(Coding::Zstd)),
        _ => None,
    });
    known.collect::<Option<Vec<_>>>().unwrap_or_default().into_iter().flatten().collect()
}

/// The error of a body that cannot be decoded.
pub fn broken(reason: impl std::fmt::Display) -> Error {
    Error::new(Kind::Decode, format!("the body cannot be decoded: {reason}"))
}
