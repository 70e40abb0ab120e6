//! Any bytes in one or two content codings: never a panic, never more than the limit, and the same
//! however they are cut.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use socketsecurity_registry::policy::http::decoding::{Chain, NextStep, decode_now, parse_codings};

const NAMES: [&str; 5] = ["", "gzip", "deflate", "br", "zstd"];
const LIMIT: u64 = 1 << 20;

/// The body when it comes in chunks of this size.
fn in_chunks(body: &[u8], encoding: &str, size: usize) -> Option<Bytes> {
    let mut chain = Chain::new(&parse_codings([encoding]), LIMIT, false).ok()?;
    let mut chunks = body.chunks(size);
    loop {
        match chain.step().ok()? {
            NextStep::Step => {}
            NextStep::Feed => chain.feed(chunks.next().map(Bytes::copy_from_slice)),
            NextStep::Done => return Some(chain.into_body()),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [choice, size, body @ ..] = bytes else { return };
    let name = |index: u8| NAMES[usize::from(index) % NAMES.len()];
    let encoding = format!("{}, {}", name(*choice), name(choice / 5));
    let whole = decode_now(body, &encoding, LIMIT, false).ok();
    assert!(whole.as_ref().is_none_or(|body| body.len() as u64 <= LIMIT));
    if parse_codings([encoding.as_str()]).is_empty() || body.is_empty() {
        return;
    }
    assert_eq!(in_chunks(body, &encoding, usize::from(*size).max(1)), whole);
    // With its length announced a body may lack a trailer, never anything else.
    let announced = decode_now(body, &encoding, LIMIT, true).ok();
    assert!(whole.is_none() || whole == announced);
});
