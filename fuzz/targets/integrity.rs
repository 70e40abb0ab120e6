//! Any text is a list of digests or is refused; an accepted digest verifies itself and nothing
//! else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use socketsecurity_registry::base::integrity::{Expected, parse_integrity, parse_sha256};

fuzz_target!(|text: &str| {
    if let Some(digest) = parse_sha256(text) {
        assert_eq!(digest.hex(), text.trim().to_ascii_lowercase());
    }
    if let Some(integrity) = parse_integrity(text) {
        let expected = Expected { sha256: None, integrity };
        for digest in &expected.integrity {
            let mut other = digest.clone();
            assert_eq!(expected.verify(std::slice::from_ref(digest)), Ok(()));
            assert!(text.contains(digest.algorithm.name()));
            other.bytes[0] ^= 1;
            let is_listed = expected.integrity.contains(&other);
            assert_eq!(expected.verify(&[other]).is_ok(), is_listed);
        }
    }
});
