//! Encryption of metadata with the secret of a cache, bound to the key of the entry.
//!
//! The cipher is AES-256-GCM-SIV (RFC 8452), for which a repeated nonce does no harm.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::policy::cache::key::Secret;

/// Random bytes, for one encryption.
pub type Nonce = [u8; NONCE_LEN];

/// Encrypts a text for the entry of `key`. `None` if the cipher fails, which it does for no text of
/// this length.
pub fn seal(secret: &Secret, key: &str, nonce: &Nonce, text: &[u8]) -> Option<String> {
    let mut sealed = text.to_vec();
    let nonce_for_once = aws_lc_rs::aead::Nonce::assume_unique_for_key(*nonce);
    cipher(secret)?.seal_in_place_append_tag(nonce_for_once, Aad::from(key), &mut sealed).ok()?;
    Some(STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
}

/// Decrypts a text, if it was sealed with this secret for this key.
pub fn open(secret: &Secret, key: &str, sealed: &str) -> Option<Vec<u8>> {
    let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(*nonce);
    let mut text = sealed.to_vec();
    let length = cipher(secret)?.open_in_place(nonce, Aad::from(key), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

/// The cipher, with a key that is derived for it alone.
fn cipher(secret: &Secret) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &secret.derived(b"cipher")).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret([7; 32]);

    #[test]
    fn a_sealed_text_is_opened_with_the_secret() {
        for length in [0, 1, 31, 32, 33, 1000] {
            let text = vec![b'a'; length];
            let sealed = seal(&SECRET, "k", &[1; 12], &text).unwrap();
            assert_eq!(open(&SECRET, "k", &sealed), Some(text), "{length}");
        }
    }

    #[test]
    fn a_sealed_text_is_unreadable_and_differs_by_nonce() {
        let text = "token=s3cret ".repeat(20);
        let one = seal(&SECRET, "k", &[1; 12], text.as_bytes()).unwrap();
        let bytes = STANDARD_NO_PAD.decode(&one).unwrap();
        for part in text.as_bytes().windows(4) {
            assert!(!bytes.windows(4).any(|bytes| bytes == part));
        }
        // Equal blocks of the text are not equal blocks of the result.
        let blocks: std::collections::HashSet<_> = bytes[12..].chunks(13).collect();
        assert_eq!(blocks.len(), bytes[12..].len().div_ceil(13));
        assert_ne!(one, seal(&SECRET, "k", &[2; 12], text.as_bytes()).unwrap());
    }

    #[test]
    fn a_sealed_text_is_invalid_with_another_key_or_secret_or_if_changed() {
        let sealed = seal(&SECRET, "k", &[1; 12], b"text").unwrap();
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
