//! File names that fit the common file systems.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// The longest name of a file on the common file systems, in bytes.
const NAME_MAX: usize = 255;

/// Shortens `name` so that `room` bytes are left for a suffix. A hash keeps shortened names
/// unique.
pub fn shortened(name: &str, room: usize) -> Cow<'_, str> {
    if name.len() + room <= NAME_MAX {
        return Cow::Borrowed(name);
    }
    let hash = hex::encode(&Sha256::digest(name)[..16]);
    let mut end = NAME_MAX - room - hash.len() - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}-{hash}", &name[..end]))
}
