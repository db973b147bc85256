//! Base64 of files: RFC 4648's examples, lengths of all kinds, and what is not Base64.

mod support;
use support::*;

fn decode(text: &[u8], room: usize) -> Result<Vec<u8>, i64> {
    let mut out = vec![0xEE; room + 8];
    // SAFETY: the buffers have their lengths.
    let written = unsafe { mg_base64_decode(text.as_ptr(), text.len() as u64, out.as_mut_ptr(), room as u64) };
    assert!(out[room..].iter().all(|byte| *byte == 0xEE), "written beyond");
    match usize::try_from(written) {
        Ok(length) => Ok(out[..length].to_vec()),
        Err(_) => Err(written),
    }
}

/// Written for this test, byte by byte, so that the library has a judge.
fn encode(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| -> Vec<u8> {
        let at = |n: usize| three.get(n).copied().unwrap_or(0) as usize;
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let character = |n| {
            if n > three.len() {
                b'='
            } else {
                ALPHABET[bits >> (18 - 6 * n) & 63]
            }
        };
        (0..4).map(character).collect()
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[test]
fn the_examples_of_rfc_4648_decode() {
    for (text, value) in [
        ("", ""),
        ("Zg==", "f"),
        ("Zm8=", "fo"),
        ("Zm9v", "foo"),
        ("Zm9vYg==", "foob"),
        ("Zm9vYmE=", "fooba"),
        ("Zm9vYmFy", "foobar"),
    ] {
        assert_eq!(decode(text.as_bytes(), value.len()).unwrap(), value.as_bytes());
    }
}

#[test]
fn what_was_encoded_decodes_at_any_length_and_place() {
    let mut random = Random::new();
    for length in (0..200).chain([4095, 4096, 100_001]) {
        let value = random.bytes(length);
        let text = encode(&value);
        let shifted = [&[b'#'; 3][..], &text].concat();
        for from in 0..=3 {
            let text = if from == 0 { &text } else { &shifted[3..] };
            assert_eq!(decode(text, length + from).unwrap(), value, "length {length}");
        }
        if length > 0 {
            assert_eq!(decode(&text, length - 1), Err(MG_ERR_INVALID_ARGUMENT.into()));
        }
    }
}

#[test]
fn what_is_not_base64_never_verifies() {
    let mut random = Random::new();
    for bad in [
        "Z", "Zg", "Zg=", "Zg===", "Zm9v\n", "Zm 9v", "Zm9-", "Zm9_", "====", "Zg==Zg==", "Zm9v=",
    ] {
        assert_eq!(
            decode(bad.as_bytes(), 100),
            Err(MG_ERR_AUTHENTICATION.into()),
            "{bad:?}"
        );
    }
    let text = encode(&random.bytes(3000));
    for _ in 0..500 {
        let mut damaged = text.clone();
        // Not the last two, where = may be in its place.
        damaged[random.below(text.len() - 2)] = [0, b'\n', b'=', b'-', b'_', 0x80, 0xFF][random.below(7)];
        assert_eq!(decode(&damaged, 3000), Err(MG_ERR_AUTHENTICATION.into()));
    }
}

#[test]
fn null_is_allowed_for_nothing_only() {
    use std::ptr::{null, null_mut};
    let mut out = [0u8; 3];
    // SAFETY: null where nothing is read or written; else refused.
    unsafe {
        assert_eq!(mg_base64_decode(null(), 0, null_mut(), 0), 0);
        assert_eq!(
            mg_base64_decode(null(), 4, out.as_mut_ptr(), 3),
            MG_ERR_INVALID_ARGUMENT.into()
        );
        assert_eq!(
            mg_base64_decode(b"Zm9v".as_ptr(), 4, null_mut(), 3),
            MG_ERR_INVALID_ARGUMENT.into()
        );
        assert_eq!(
            mg_base64_decode(b"Zm9v".as_ptr(), u64::MAX, out.as_mut_ptr(), 3),
            MG_ERR_INVALID_ARGUMENT.into()
        );
    }
}
