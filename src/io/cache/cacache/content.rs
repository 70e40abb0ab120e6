//! Content files, named by their digests.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::base::integrity::{Algorithm, Digest, parse_integrity};
use crate::io::file::digest::of_bytes;
use crate::io::file::directory::Directory;
use crate::io::file::trusted::Access;
use crate::policy::cache::index::Entry;

/// The directory of all content, within the cache.
pub const CONTENT: &str = "content-v2";

/// Reads content. Returns `None`, without reading, if its size differs from that of its entry.
pub fn read_content(root: &Directory, place: &Path, size: Option<u64>) -> io::Result<Option<Vec<u8>>> {
    let (directory, name) = root.enter(place, false)?;
    let file = directory.open_file(name, Access::Read)?;
    let length = file.metadata()?.len();
    if size.is_some_and(|size| size != length) {
        return Ok(None);
    }
    read(file, length).map(Some)
}

/// Reads at most `length` bytes. Their memory is reserved first, so that no read is needed to
/// detect the end of the file.
pub fn read(mut file: impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    content.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    file.by_ref().take(length).read_to_end(&mut content)?;
    Ok(content)
}

/// The digest of content, which is its address.
pub struct Address {
    algorithm: &'static str,
    digest: Vec<u8>,
}

impl Address {
    pub fn new(algorithm: &'static str, digest: Vec<u8>) -> Self {
        Self { algorithm, digest }
    }

    /// The strongest digest of an entry. SHA-1, which old versions of npm wrote, if there is no
    /// other.
    pub fn parse(integrity: &str) -> Option<Self> {
        let digest = parse_integrity(integrity).and_then(|digests| digests.into_iter().next());
        // One of a wrong length names no content.
        if let Some(digest) = digest.filter(Digest::is_complete) {
            return Some(Self::new(digest.algorithm.name(), digest.bytes));
        }
        let digest = integrity.split_ascii_whitespace().find_map(|each| each.strip_prefix("sha1-"))?;
        let digest = STANDARD.decode(digest.split('?').next()?).ok().filter(|digest| digest.len() == 20)?;
        Some(Self::new("sha1", digest))
    }

    /// The path of an entry's content.
    pub fn of(entry: &Entry) -> Option<PathBuf> {
        Some(Self::parse(entry.integrity.as_deref()?)?.path())
    }

    /// The path within the cache.
    pub fn path(&self) -> PathBuf {
        let name = hex::encode(&self.digest);
        Path::new(CONTENT).join(self.algorithm).join(&name[..2]).join(&name[2..4]).join(&name[4..])
    }

    pub fn is_of(&self, content: &[u8]) -> bool {
        let computed = match self.algorithm {
            "sha256" => of_bytes(content, Algorithm::Sha256).bytes,
            "sha384" => of_bytes(content, Algorithm::Sha384).bytes,
            "sha512" => of_bytes(content, Algorithm::Sha512).bytes,
            _ => Sha1::digest(content).to_vec(),
        };
        computed == self.digest
    }
}
