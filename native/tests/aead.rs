//! AES-256-GCM for files: known answers, tampering, threads.

mod support;
use support::*;

fn key(bytes: &[u8; 32]) -> u64 {
    assert_eq!(mg_init(0), MG_OK);
    let mut number = 0;
    // SAFETY: the pointers are good.
    assert_eq!(unsafe { mg_aead_new(bytes.as_ptr(), 0, &mut number) }, MG_OK);
    number
}

fn seal(key: u64, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, i32> {
    let mut out = vec![0; plain.len() + 28];
    // SAFETY: the pointers are good.
    let status = unsafe {
        mg_aead_seal(
            key,
            aad.as_ptr(),
            aad.len() as u64,
            plain.as_ptr(),
            plain.len() as u64,
            out.as_mut_ptr(),
            out.len() as u64,
        )
    };
    if status == MG_OK { Ok(out) } else { Err(status) }
}

fn open(key: u64, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, i32> {
    let mut out = vec![0xEE; sealed.len().saturating_sub(28)];
    // SAFETY: the pointers are good.
    let status = unsafe {
        mg_aead_open(
            key,
            aad.as_ptr(),
            aad.len() as u64,
            sealed.as_ptr(),
            sealed.len() as u64,
            out.as_mut_ptr(),
            out.len() as u64,
        )
    };
    if status == MG_ERR_AUTHENTICATION {
        assert!(out.iter().all(|byte| *byte == 0), "plaintext of what did not verify");
    }
    if status == MG_OK { Ok(out) } else { Err(status) }
}

/// Test cases 14 and 16 of "The Galois/Counter Mode of Operation" (McGrew, Viega), and 13 with nothing in it.
#[test]
fn known_answers_open() {
    let zeros = key(&[0; 32]);
    let iv = "000000000000000000000000";
    assert_eq!(
        open(zeros, &[], &hex(&format!("{iv}530f8afbc74536b9a963b4f1c4cb738b"))).unwrap(),
        b""
    );
    let sealed = hex(&format!(
        "{iv}cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    ));
    assert_eq!(open(zeros, &[], &sealed).unwrap(), [0; 16]);

    let sixteen = key(&hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
        .try_into()
        .unwrap());
    let plain = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
                     b16aedf5aa0de657ba637b39",
    );
    let sealed = hex("cafebabefacedbaddecaf888\
                      522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
                      c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
    assert_eq!(
        open(sixteen, &hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), &sealed).unwrap(),
        plain
    );
}

#[test]
fn what_is_sealed_opens_at_any_alignment() {
    let (key, bytes) = (key(&[9; 32]), Random::new().bytes(300));
    for start in 0..64 {
        let plain = &bytes[start..start + 100];
        let mut padded = vec![0; start];
        padded.extend(seal(key, plain, plain).unwrap());
        assert_eq!(open(key, plain, &padded[start..]).unwrap(), plain);
    }
    let large = Random::from(1).bytes(1 << 20);
    assert_eq!(open(key, b"", &seal(key, b"", &large).unwrap()).unwrap(), large);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let key = key(&[3; 32]);
    let sealed = seal(key, b"place", b"a value").unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(key, b"place", &changed), Err(MG_ERR_AUTHENTICATION));
    }
    for length in 0..sealed.len() {
        let expected = if length < 28 {
            MG_ERR_INVALID_ARGUMENT
        } else {
            MG_ERR_AUTHENTICATION
        };
        assert_eq!(open(key, b"place", &sealed[..length]), Err(expected));
    }
    assert_eq!(open(key, b"elsewhere", &sealed), Err(MG_ERR_AUTHENTICATION));
    assert_eq!(open(self::key(&[4; 32]), b"place", &sealed), Err(MG_ERR_AUTHENTICATION));
}

#[test]
fn no_two_seals_are_alike() {
    let key = key(&[1; 32]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..10_000 {
        assert!(seen.insert(seal(key, b"", b"").unwrap()[..12].to_vec()));
    }
}

#[test]
fn freeing_a_key_during_its_use_is_safe() {
    for round in 0..50_u8 {
        let key = key(&[round; 32]);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        match seal(key, b"", b"value") {
                            Ok(sealed) => assert!(sealed.len() == 33),
                            Err(status) => assert_eq!(status, MG_ERR_STALE_HANDLE),
                        }
                    }
                });
            }
            assert_eq!(mg_aead_free(key), MG_OK);
            assert_eq!(mg_aead_free(key), MG_ERR_STALE_HANDLE);
        });
    }
}

#[test]
fn keys_share_pages_and_give_them_back() {
    let cache = Cache::new();
    let before = cache.usage().locked_bytes;
    let keys: Vec<u64> = (0..60).map(|n| key(&[n; 32])).collect();
    // Other tests of this binary hold a few keys meanwhile.
    assert!(cache.usage().locked_bytes - before <= 13 * 4096);
    keys.into_iter().for_each(|key| assert_eq!(mg_aead_free(key), MG_OK));
    assert!(cache.usage().locked_bytes <= before + 2 * 4096);
}

#[test]
fn a_capacity_that_is_too_small_is_an_error() {
    let key = key(&[1; 32]);
    let mut out = [0; 40];
    // SAFETY: the pointers are good; what is too small is refused before it is written.
    unsafe {
        let data = b"0123456789abc".as_ptr();
        assert_eq!(
            mg_aead_seal(key, data, 3, data, 13, out.as_mut_ptr(), 40),
            MG_ERR_INVALID_ARGUMENT
        );
        assert_eq!(
            mg_aead_open(key, data, 3, out.as_ptr(), 40, out.as_mut_ptr(), 11),
            MG_ERR_INVALID_ARGUMENT
        );
        assert_eq!(mg_aead_new(std::ptr::null(), 0, &mut 0), MG_ERR_INVALID_ARGUMENT);
    }
}
