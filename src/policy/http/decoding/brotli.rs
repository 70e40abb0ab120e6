//! The size of a brotli stream (RFC 7932), by its first bytes.

use crate::policy::http::decoding::work::LIGHT;

/// Whether a brotli stream has one block that is decoded to less than [`LIGHT`], as small bodies
/// have (RFC 7932, 9.1 and 9.2).
pub fn is_small_brotli(stream: &[u8]) -> bool {
    let mut beginning = [0; 4];
    let known = stream.len().min(beginning.len());
    beginning[..known].copy_from_slice(&stream[..known]);
    let bits = u32::from_le_bytes(beginning);
    let window = if bits & 1 == 0 {
        1
    } else if bits >> 1 & 7 != 0 {
        4
    } else {
        7
    };
    let header = bits >> window;
    let (is_last, is_empty, nibbles) = (header & 1 == 1, header >> 1 & 1 == 1, header >> 2 & 3);
    // The length has four to six nibbles. Six are too many in any case.
    let length = match nibbles {
        0 => header >> 4 & 0xffff,
        1 => header >> 4 & 0xf_ffff,
        _ => u32::MAX,
    };
    // The longest of these headers ends within four bytes.
    is_last && (is_empty || known == beginning.len() && u64::from(length) < LIGHT)
}
