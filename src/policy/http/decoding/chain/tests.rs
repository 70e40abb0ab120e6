//! Tests of the decoding of bodies: every coding, cut anywhere, damaged, too large, or hostile.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;
use crate::base::error::Kind;

const CODINGS: [&str; 4] = ["gzip", "deflate", "bare", "zstd"];
/// 16 MB of empty gzip members in brotli.
const MANY_MEMBERS: &[u8] =
    b"\x9f\xef\xff\xff\x00\x04\x26\x72\x6d\x49\x62\x07\x84\xa7\x07\xa3\x1c\x56\x08\xd5\x1e\x28\x5b\xde\xff\x3f";

fn encoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    macro_rules! with {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }};
    }
    match coding {
        "gzip" => with!(GzEncoder),
        "deflate" => with!(ZlibEncoder),
        "bare" => with!(DeflateEncoder),
        _ => zstd::encode_all(bytes, 0).unwrap(),
    }
}

fn name(coding: &str) -> &str {
    if coding == "bare" { "deflate" } else { coding }
}

/// Bytes that are in part easy to compress.
fn mixed(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..length).map(|at| if at % 5000 < 2000 { random.u8(..) } else { b'a' }).collect()
}

fn fed_by(chunk: usize, body: &[u8], encoding: &str) -> Result<Bytes> {
    let mut chain = Chain::new(&parse_codings([encoding]), u64::MAX, false)?;
    let mut chunks = body.chunks(chunk);
    loop {
        match chain.step()? {
            NextStep::Step => {}
            NextStep::Feed => chain.feed(chunks.next().map(Bytes::copy_from_slice)),
            NextStep::Done => return Ok(chain.into_body()),
        }
    }
}

fn kind(body: &[u8], encoding: &str) -> Kind {
    decode_now(body, encoding, u64::MAX, false).unwrap_err().kind()
}

#[test]
fn every_mixture_of_two_codings_is_decoded_however_it_is_cut() {
    let plain = mixed(200_000);
    for inner in CODINGS {
        let once = encoded(inner, &plain);
        assert_eq!(decode_now(&once, name(inner), u64::MAX, false).unwrap(), plain, "{inner}");
        for outer in CODINGS {
            let (twice, encoding) = (encoded(outer, &once), format!("{}, {}", name(inner), name(outer)));
            for chunk in [1, 1000, usize::MAX] {
                assert_eq!(fed_by(chunk, &twice, &encoding).unwrap(), plain, "{inner}, {outer} by {chunk}");
            }
        }
    }
}

#[test]
fn a_body_that_is_cut_anywhere_is_refused() {
    for coding in CODINGS {
        let body = encoded(coding, &mixed(3000));
        for length in 1..body.len() {
            assert_eq!(kind(&body[..length], name(coding)), Kind::Decode, "{coding} of {length} bytes");
        }
    }
}

#[test]
fn only_a_gzip_trailer_may_be_missing_and_only_if_the_length_was_announced() {
    let body = encoded("gzip", b"text");
    let without = &body[..body.len() - 8];
    assert_eq!(decode_now(without, "gzip", u64::MAX, true).unwrap(), "text");
    assert_eq!(kind(without, "gzip"), Kind::Decode);
    for length in 1..body.len() {
        let is_missing = length == without.len();
        assert_eq!(decode_now(&body[..length], "gzip", u64::MAX, true).is_ok(), is_missing, "{length}");
    }
}

#[test]
fn zeros_after_the_end_are_padding_and_other_bytes_are_an_error() {
    for coding in CODINGS {
        let body = encoded(coding, b"text");
        let followed = |by: &[u8]| decode_now(&[&body, by].concat(), name(coding), u64::MAX, false);
        assert_eq!(followed(&vec![0; 100_000]).unwrap(), "text", "{coding}");
        assert_eq!(followed(b"other bytes").unwrap_err().kind(), Kind::Decode, "{coding}");
        // curl ignores a checksum after bare deflate.
        assert_eq!(followed(b"four").is_ok(), coding == "bare", "{coding}");
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    for coding in ["gzip", "zstd"] {
        let parts = [&encoded(coding, b"one ")[..], &encoded(coding, b""), &[0, 0, 0], &encoded(coding, b"two")];
        assert_eq!(decode_now(&parts.concat(), coding, u64::MAX, false).unwrap(), "one two", "{coding}");
    }
    // A skippable frame.
    let frames = [&encoded("zstd", b"one ")[..], b"\x50\x2a\x4d\x18\x03\0\0\0abc", &encoded("zstd", b"two")];
    assert_eq!(decode_now(&frames.concat(), "zstd", u64::MAX, false).unwrap(), "one two");
}

#[test]
fn all_fields_of_a_gzip_header_are_skipped() {
    let body = encoded("gzip", b"text");
    let extended = |flags: u8, fields: &[u8]| [&body[..3], &[flags], &body[4..10], fields, &body[10..]].concat();
    for (flags, fields) in [
        (0, &b""[..]),
        (4, b"\x03\0abc"),
        (4, b"\0\0"),
        (8, b"name\0"),
        (16, b"comment\0"),
        (2, b"cs"),
        (1 | 2 | 4 | 8 | 16, b"\x01\0x\0\0cs"),
    ] {
        let body = extended(flags, fields);
        assert_eq!(fed_by(1, &body, "gzip").unwrap(), "text", "{flags}");
        assert_eq!(fed_by(1000, &body, "gzip").unwrap(), "text", "{flags}");
    }
    assert_eq!(kind(&extended(0x20, b""), "gzip"), Kind::Decode);
}

#[test]
fn a_wrong_checksum_or_length_is_refused() {
    let body = encoded("gzip", b"text");
    for behind in 1..=8 {
        let mut body = body.clone();
        let at = body.len() - behind;
        body[at] ^= 1;
        assert_eq!(kind(&body, "gzip"), Kind::Decode);
    }
}

#[test]
fn bytes_between_two_codings_count_against_the_limit() {
    const LIMIT: u64 = 1 << 20;
    // It has no output.
    let error = decode_now(MANY_MEMBERS, "gzip, br", LIMIT, false).unwrap_err();
    assert_eq!(error.kind(), Kind::BodyTooLarge);
    // A body that just fits may be larger between the codings.
    let plain = mixed(usize::try_from(LIMIT).unwrap());
    let body = encoded("deflate", &encoded("gzip", &plain));
    assert_eq!(decode_now(&body, "gzip, deflate", LIMIT, false).unwrap().len() as u64, LIMIT);
    assert_eq!(decode_now(&body, "gzip, deflate", LIMIT - 1, false).unwrap_err().kind(), Kind::BodyTooLarge);
    let small = encoded("gzip", &encoded("zstd", b"ten bytes."));
    assert_eq!(decode_now(&small, "zstd, gzip", 10, false).unwrap(), "ten bytes.");
}

#[test]
fn a_step_without_output_is_bounded() {
    let mut chain = Chain::new(&[Coding::Gzip, Coding::Brotli], u64::MAX, false).unwrap();
    chain.feed(Some(Bytes::from_static(MANY_MEMBERS)));
    for _ in 0..1000 {
        assert_eq!(chain.step().unwrap(), NextStep::Step);
    }
    assert!(chain.between_total < 8 << 20 && chain.body.is_empty(), "{}", chain.between_total);
}

#[test]
fn work_grows_with_members_and_bytes() {
    let chain = |body: Vec<u8>, coding| {
        let mut chain = Chain::new(&[coding], u64::MAX, false).unwrap();
        chain.feed(Some(body.into()));
        while chain.step().unwrap() == NextStep::Step {}
        chain
    };
    assert!(!chain(encoded("gzip", &mixed(80_000)), Coding::Gzip).is_heavy());
    assert!(chain(encoded("gzip", &mixed(300_000)), Coding::Gzip).is_heavy());
    assert!(chain(encoded("gzip", b"").repeat(100), Coding::Gzip).is_heavy());
    assert!(chain(encoded("zstd", b"").repeat(100), Coding::Zstd).is_heavy());
    // Stored blocks of no bytes.
    assert!(chain(b"\0\0\0\xff\xff".repeat(2000), Coding::Deflate).is_heavy());
}

#[test]
fn brotli_is_light_if_its_first_bytes_say_that_it_is_small() {
    let heavy = |body: &'static [u8]| {
        let mut chain = Chain::new(&[Coding::Brotli], u64::MAX, false).unwrap();
        chain.feed(Some(Bytes::from_static(body)));
        chain.is_heavy()
    };
    // A sentence six times, and a megabyte of zeros.
    assert!(!heavy(b"\x1b\xbf\x00\xa0\x24\x41\x58\x5c\x60\x22\x07\xec\x05\xcd\x4f\x6c"));
    assert!(heavy(b"\x5b\xff\xff\x8f\x7f\x02\x20\x1e\x0b\x04\x72\xef\x1f\x00"));
    assert!(heavy(MANY_MEMBERS));
    assert!(heavy(b"\x8b"));
}

#[test]
fn more_than_two_codings_are_refused() {
    assert_eq!(kind(b"x", "gzip, gzip, gzip"), Kind::Decode);
}
