//! Text that only who has the secret of a cache can read, and that is void under another key of the cache.
//!
//! HMAC-SHA-256 is the only primitive: as a pseudorandom function in counter mode it gives the bytes that hide the text, and it
//! authenticates the result (encrypt, then MAC), each under a key of its own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::policy::cache_key::Secret;

/// Random bytes, never the same for two texts.
pub type Nonce = [u8; 16];

const BLOCK: usize = 32;
const TAG: usize = 16;

/// Hides text, for the entry of this key.
pub fn seal(secret: &Secret, key: &str, nonce: &Nonce, text: &[u8]) -> String {
    let mut sealed = [&nonce[..], text].concat();
    apply(secret, nonce, &mut sealed[nonce.len()..]);
    let tag = tag(secret, key, &sealed).finalize().into_bytes();
    sealed.extend_from_slice(&tag[..TAG]);
    STANDARD_NO_PAD.encode(sealed)
}

/// The text, if it was sealed with this secret for this key.
pub fn open(secret: &Secret, key: &str, sealed: &str) -> Option<Vec<u8>> {
    let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
    let (sealed, found) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
    tag(secret, key, sealed).verify_truncated_left(found).ok()?;
    let (nonce, text) = sealed.split_first_chunk()?;
    let mut text = text.to_vec();
    apply(secret, nonce, &mut text);
    Some(text)
}

fn apply(secret: &Secret, nonce: &Nonce, text: &mut [u8]) {
    let mut beginning = hmac(secret, b"cipher");
    beginning.update(nonce);
    for (block, count) in text.chunks_mut(BLOCK).zip(0_u64..) {
        let mut stream = beginning.clone();
        stream.update(&count.to_le_bytes());
        for (byte, mask) in block.iter_mut().zip(stream.finalize().into_bytes()) {
            *byte ^= mask;
        }
    }
}

fn tag(secret: &Secret, key: &str, sealed: &[u8]) -> Hmac<Sha256> {
    let mut tag = hmac(secret, b"tag");
    tag.update(&(key.len() as u64).to_le_bytes());
    tag.update(key.as_bytes());
    tag.update(sealed);
    tag
}

/// With a key for this use alone.
fn hmac(secret: &Secret, purpose: &[u8]) -> Hmac<Sha256> {
    #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let of = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    let mut derived = of(&secret.0);
    derived.update(purpose);
    of(&derived.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret([7; 32]);

    #[test]
    fn who_has_the_secret_reads_what_was_sealed() {
        for length in [0, 1, 31, 32, 33, 1000] {
            let text = vec![b'a'; length];
            let sealed = seal(&SECRET, "k", &[1; 16], &text);
            assert_eq!(open(&SECRET, "k", &sealed), Some(text), "{length}");
        }
    }

    #[test]
    fn no_part_of_the_text_shows_and_no_two_are_alike() {
        let text = "token=s3cret ".repeat(20);
        let one = seal(&SECRET, "k", &[1; 16], text.as_bytes());
        let bytes = STANDARD_NO_PAD.decode(&one).unwrap();
        for part in text.as_bytes().windows(4) {
            assert!(!bytes.windows(4).any(|bytes| bytes == part));
        }
        // Equal blocks of the text are not equal blocks of the result.
        let blocks: std::collections::HashSet<_> = bytes[16..].chunks(13).collect();
        assert_eq!(blocks.len(), bytes[16..].len().div_ceil(13));
        assert_ne!(one, seal(&SECRET, "k", &[2; 16], text.as_bytes()));
    }

    #[test]
    fn under_another_key_or_secret_or_changed_it_is_void() {
        let sealed = seal(&SECRET, "k", &[1; 16], b"text");
        assert_eq!(open(&Secret([8; 32]), "k", &sealed), None);
        assert_eq!(open(&SECRET, "other", &sealed), None);
        let bytes = STANDARD_NO_PAD.decode(&sealed).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(open(&SECRET, "k", &STANDARD_NO_PAD.encode(changed)), None, "{index}");
            assert_eq!(open(&SECRET, "k", &STANDARD_NO_PAD.encode(&bytes[..index])), None, "{index}");
        }
        for nonsense in ["", "%", "AAAA"] {
            assert_eq!(open(&SECRET, "k", nonsense), None);
        }
    }
}
