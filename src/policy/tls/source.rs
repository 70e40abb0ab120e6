//! The sources of trusted certificates.

use std::path::PathBuf;

/// A source of trusted certificates, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub origin: Origin,
    pub certificates: usize,
}

/// The place where certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The option `ca`.
    Option,
    /// A file or directory that a variable names.
    Path(PathBuf),
    /// Mozilla's, which are part of this package.
    Bundled,
    /// The system's: its bundle file if there is one, and its directories.
    System(Option<PathBuf>),
}
