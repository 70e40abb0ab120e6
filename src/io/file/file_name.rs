//! Names of files that fit the common file systems.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// Longest name of a file on the common file systems, in bytes.
const NAME_MAX: usize = 255;

/// `name`, cut and told apart by a hash where it would leave less than `room` bytes of a file name.
pub fn shortened(name: &str, room: usize) -> Cow<'_, str> {
    if name.len() + room <= NAME_MAX {
        return Cow::Borrowed(name);
    }
    let digest = Sha256::digest(name);
    let hash = digest.iter().take(16).fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
    let mut end = NAME_MAX - room - hash.len() - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}-{hash}", &name[..end]))
}
