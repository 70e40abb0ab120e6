//! Digests of bytes while they are processed, or of a file.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::base::integrity::{Algorithm, Digest};
use crate::io::file::trusted::open_followed;

/// The size of the buffer for reading. Larger ones are no faster.
const READ: usize = 256 << 10;

/// Several digests of one stream.
#[derive(Clone, Debug, Default)]
pub struct Hashers(Vec<Hasher>);

#[derive(Clone, Debug)]
enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hashers {
    /// One hasher for each algorithm. Duplicates are dropped.
    pub fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut algorithms: Vec<_> = algorithms.into_iter().collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let hasher = |algorithm| match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        };
        Self(algorithms.into_iter().map(hasher).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.0 {
            match hasher {
                Hasher::Sha256(hasher) => hasher.update(bytes),
                Hasher::Sha384(hasher) => hasher.update(bytes),
                Hasher::Sha512(hasher) => hasher.update(bytes),
            }
        }
    }

    /// Hashes everything up to the end of the reader.
    pub fn read(&mut self, mut reader: impl Read) -> io::Result<()> {
        let mut buffer = vec![0; READ];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(()),
                count => self.update(&buffer[..count]),
            }
        }
    }

    pub fn finish(self) -> Vec<Digest> {
        let digest = |hasher| match hasher {
            Hasher::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
            Hasher::Sha384(hasher) => (Algorithm::Sha384, hasher.finalize().to_vec()),
            Hasher::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().to_vec()),
        };
        self.0.into_iter().map(digest).map(|(algorithm, bytes)| Digest { algorithm, bytes }).collect()
    }
}

/// The digest of bytes.
pub fn of_bytes(bytes: &[u8], algorithm: Algorithm) -> Digest {
    let bytes = match algorithm {
        Algorithm::Sha256 => Sha256::digest(bytes).to_vec(),
        Algorithm::Sha384 => Sha384::digest(bytes).to_vec(),
        Algorithm::Sha512 => Sha512::digest(bytes).to_vec(),
    };
    Digest { algorithm, bytes }
}

/// The digests of a whole file. Blocks while the file is read.
pub fn of_file(path: &Path, algorithms: impl IntoIterator<Item = Algorithm>) -> io::Result<Vec<Digest>> {
    let file = open_followed(path)?.ok_or_else(|| io::Error::other("it is not a regular file"))?;
    of_reader(file, algorithms, || false)
}

/// The digests of everything up to the end of the reader. Fails with `Interrupted` once
/// `is_stopped` returns `true`.
pub fn of_reader(
    reader: impl Read,
    algorithms: impl IntoIterator<Item = Algorithm>,
    is_stopped: impl Fn() -> bool,
) -> io::Result<Vec<Digest>> {
    let mut hashers = Hashers::new(algorithms);
    hashers.read(Stoppable { reader, is_stopped })?;
    Ok(hashers.finish())
}

struct Stoppable<R, F> {
    reader: R,
    is_stopped: F,
}

impl<R: Read, F: Fn() -> bool> Read for Stoppable<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.is_stopped)() { Err(io::ErrorKind::Interrupted.into()) } else { self.reader.read(buffer) }
    }
}
