//! Lines about cached responses.

use std::path::Path;
use std::time::Duration;

use url::Url;

use crate::base::error::redacted;

/// A response that was not, or not only, fetched.
pub fn lookup(url: &Url, how: &str, age: Option<Duration>) -> String {
    let age = age.map(|age| format!(", {} s old", age.as_secs())).unwrap_or_default();
    format!("GET {}: cache: {how}{age}", redacted(url))
}

/// A directory whose cache is not used.
pub fn unusable(directory: &Path, why: &str) -> String {
    format!("cache {}: not used, responses are cached in memory only: {why}", directory.display())
}
