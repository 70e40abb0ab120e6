//! Which codings the `Content-Encoding` fields of a response name.

use crate::base::error::{Error, Kind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The codings that `Content-Encoding` fields name, in their order; none at all when one is unknown, because then the
/// bytes as sent are all that we can offer.
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

pub fn broken(reason: impl std::fmt::Display) -> Error {
    Error::new(Kind::Decode, format!("the body cannot be decoded: {reason}"))
}
