//! HMAC, AES and HKDF with sealed keys: known answers, steps of any length, errors, threads.

mod support;
use support::*;

const LAST: &[u8] = b"Test Using Larger Than Block-Size Key - Hash Key First";

fn hmac(cache: &Cache, key: u64, hash: u32, data: &[u8]) -> Result<Vec<u8>, i32> {
    // SAFETY: the buffers have their lengths.
    written(64, |out, room| unsafe {
        mg_hmac(cache.0, key, hash, data.as_ptr(), data.len() as u64, out, room)
    })
}

fn begin(cache: &Cache, key: u64, hash: u32, data: &[u8]) -> u64 {
    // SAFETY: the slice has its length.
    let number = unsafe { mg_hmac_begin(cache.0, key, hash, data.as_ptr(), data.len() as u64) };
    u64::try_from(number).unwrap()
}

fn update(operation: u64, data: &[u8]) -> i32 {
    // SAFETY: the slice has its length.
    unsafe { mg_hmac_update(operation, data.as_ptr(), data.len() as u64) }
}

fn finish(operation: u64) -> Result<Vec<u8>, i32> {
    // SAFETY: the buffer has its length.
    written(64, |out, room| unsafe { mg_hmac_finish(operation, out, room) })
}

struct Text<'a> {
    iv: &'a [u8],
    aad: &'a [u8],
    tag: u32,
}

fn seal(cache: &Cache, key: u64, text: &Text, plain: &[u8]) -> Result<Vec<u8>, i32> {
    let (iv, aad) = (text.iv, text.aad);
    // SAFETY: the buffers have their lengths.
    written(plain.len() + text.tag as usize, |out, room| unsafe {
        let (iv, iv_length, aad, aad_length) = (iv.as_ptr(), iv.len() as u64, aad.as_ptr(), aad.len() as u64);
        let (data, length) = (plain.as_ptr(), plain.len() as u64);
        mg_gcm_seal(
            cache.0, key, iv, iv_length, aad, aad_length, data, length, out, room, text.tag,
        )
    })
}

fn open(cache: &Cache, key: u64, text: &Text, sealed: &[u8]) -> Result<Vec<u8>, i32> {
    let (iv, aad) = (text.iv, text.aad);
    // SAFETY: the buffers have their lengths.
    written(sealed.len().saturating_sub(text.tag as usize), |out, room| unsafe {
        let (iv, iv_length, aad, aad_length) = (iv.as_ptr(), iv.len() as u64, aad.as_ptr(), aad.len() as u64);
        let (data, length) = (sealed.as_ptr(), sealed.len() as u64);
        let done = mg_gcm_open(
            cache.0, key, iv, iv_length, aad, aad_length, data, length, out, room, text.tag,
        );
        if done == MG_ERR_AUTHENTICATION.into() {
            let kept = std::slice::from_raw_parts(out, room as usize);
            assert!(kept.iter().all(|byte| *byte == 0), "plaintext of what did not verify");
        }
        done
    })
}

/// A cipher in steps of these lengths, the last one again and again.
fn steps(
    cache: &Cache,
    key: u64,
    mode: u32,
    encrypt: u32,
    iv: &[u8],
    data: &[u8],
    lengths: &[usize],
) -> Result<Vec<u8>, i32> {
    // SAFETY: the slice has its length.
    let number = unsafe { mg_cipher_begin(cache.0, key, mode, encrypt, iv.as_ptr(), iv.len() as u64) };
    let number = u64::try_from(number).map_err(|_| number as i32)?;
    let (mut all, mut rest, mut lengths, mut last) = (Vec::new(), data, lengths.iter(), 1);
    while !rest.is_empty() {
        last = *lengths.next().unwrap_or(&last);
        let (now, then) = rest.split_at(last.min(rest.len()));
        rest = then;
        // SAFETY: the buffers have their lengths.
        all.extend(written(now.len() + 16, |out, room| unsafe {
            mg_cipher_update(number, now.as_ptr(), now.len() as u64, out, room)
        })?);
    }
    // SAFETY: the buffer has its length.
    let end = written(16, |out, room| unsafe { mg_cipher_finish(number, out, room) });
    assert_eq!(mg_cipher_free(number), MG_OK);
    assert_eq!(mg_cipher_free(number), MG_ERR_STALE_HANDLE);
    all.extend(end?);
    Ok(all)
}

/// RFC 2202, 4231: case 1, and 6, whose key is longer than a block.
#[test]
fn hmac_gives_what_the_standards_say() {
    let cache = Cache::new();
    let (short, long) = (cache.put(&[0x0b; 20]), cache.put(&[0xaa; 131]));
    for (hash, expected) in [
        (1, "b617318655057264e28bc0b6fb378c8ef146be00"),
        (224, "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22"),
        (256, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            384,
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        (
            512,
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4\
             be9d914eeb61f1702e696c203a126854",
        ),
    ] {
        assert_eq!(hmac(&cache, short, hash, b"Hi There").unwrap(), hex(expected), "{hash}");
        let operation = begin(&cache, short, hash, b"Hi");
        let copy = mg_hmac_copy(operation) as u64;
        assert_eq!(update(operation, b" There"), MG_OK);
        assert_eq!(finish(operation).unwrap(), hex(expected));
        assert_eq!(
            finish(operation),
            hmac(&cache, short, hash, b""),
            "it goes on with the same key"
        );
        assert_eq!(mg_hmac_free(operation), MG_OK);
        assert_eq!((update(copy, b" The"), update(copy, b"re")), (MG_OK, MG_OK));
        assert_eq!(finish(copy).unwrap(), hex(expected), "a copy is on its own");
        assert_eq!((mg_hmac_free(copy), mg_hmac_free(copy)), (MG_OK, MG_ERR_STALE_HANDLE));
        assert_eq!(update(copy, b""), MG_ERR_STALE_HANDLE);
    }
    let expected = hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_eq!(hmac(&cache, long, 256, LAST).unwrap(), expected);
    assert_eq!(hmac(&cache, long, 2, LAST), Err(MG_ERR_UNSUPPORTED));
    mg_remove(cache.0, long);
    assert_eq!(hmac(&cache, long, 256, LAST), Err(MG_ERR_STALE_HANDLE));
}

/// Keys and messages of all lengths around blocks and pages, in one call and in steps.
#[test]
fn hmac_of_any_key_is_the_same_in_steps() {
    let (cache, mut random) = (Cache::new(), Random::new());
    for length in [
        0, 1, 63, 64, 65, 127, 128, 129, 2_000, 2_900, 4_095, 4_096, 4_097, 9_000,
    ] {
        let key = cache.put(&random.bytes(length));
        let hash = [1, 224, 256, 384, 512][random.below(5)];
        let (size, first) = (random.below(10_000), random.below(300));
        let data = random.bytes(size.max(first));
        let operation = begin(&cache, key, hash, &data[..first]);
        for part in data[first..].chunks(1 + random.below(3_000)) {
            assert_eq!(update(operation, part), MG_OK);
        }
        assert_eq!(
            finish(operation),
            hmac(&cache, key, hash, &data),
            "a key of {length} bytes"
        );
        mg_hmac_free(operation);
    }
}

/// "The Galois/Counter Mode of Operation" (McGrew, Viega): cases 4, 5, 10 and 16.
#[test]
fn gcm_gives_what_the_standard_says() {
    let cache = Cache::new();
    let plain = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
                     b16aedf5aa0de657ba637b39",
    );
    let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    for (key, iv, sealed) in [
        (
            "feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05\
             1ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
        ),
        (
            "feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbad",
            "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b42\
             4989b5e1ebac0f07c23f45983612d2e79e3b0785561be14aaca2fccb",
        ),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c",
            "cafebabefacedbaddecaf888",
            "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f47\
             18e2448b2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c",
        ),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
             c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
        ),
    ] {
        let (key, iv, expected) = (cache.put(&hex(key)), hex(iv), hex(sealed));
        for tag in 12..=16 {
            let text = Text {
                iv: &iv,
                aad: &aad,
                tag,
            };
            let sealed = seal(&cache, key, &text, &plain).unwrap();
            assert_eq!(sealed, expected[..plain.len() + tag as usize]);
            assert_eq!(open(&cache, key, &text, &sealed).unwrap(), plain);
            let last = sealed.len() - 1;
            for at in [0, 59, 60, last] {
                let mut other = sealed.clone();
                other[at] ^= 1;
                assert_eq!(open(&cache, key, &text, &other), Err(MG_ERR_AUTHENTICATION));
            }
            let other = Text { aad: b"", ..text };
            assert_eq!(open(&cache, key, &other, &sealed), Err(MG_ERR_AUTHENTICATION));
        }
        let text = Text {
            iv: &iv,
            aad: b"",
            tag: 16,
        };
        let whole = seal(&cache, key, &text, &plain).unwrap();
        assert_eq!(steps(&cache, key, 1, 1, &iv, &plain, &[1, 30, 7]).unwrap(), whole);
    }
}

#[test]
fn gcm_refuses_what_it_does_not_know() {
    let cache = Cache::new();
    let (key, odd) = (cache.put(&[1; 32]), cache.put(&[1; 31]));
    let text = |iv, tag| Text { iv, aad: b"", tag };
    assert_eq!(
        seal(&cache, odd, &text(b"123456789012", 16), b""),
        Err(MG_ERR_UNSUPPORTED)
    );
    assert_eq!(seal(&cache, key, &text(b"", 16), b""), Err(MG_ERR_INVALID_ARGUMENT));
    for tag in [0, 11, 17] {
        assert_eq!(
            seal(&cache, key, &text(b"1", tag), b"data"),
            Err(MG_ERR_INVALID_ARGUMENT)
        );
    }
    assert_eq!(
        open(&cache, key, &text(b"1", 16), b"short"),
        Err(MG_ERR_INVALID_ARGUMENT)
    );
    assert_eq!(
        steps(&cache, key, 1, 0, b"123456789012", b"", &[1]),
        Err(MG_ERR_INVALID_ARGUMENT)
    );
    assert_eq!(steps(&cache, key, 9, 1, &[0; 16], b"", &[1]), Err(MG_ERR_UNSUPPORTED));
    assert_eq!(
        steps(&cache, key, 3, 1, &[0; 12], b"", &[1]),
        Err(MG_ERR_INVALID_ARGUMENT)
    );
    assert_eq!(steps(&cache, odd, 2, 1, &[0; 16], b"", &[1]), Err(MG_ERR_UNSUPPORTED));
}

/// NIST SP 800-38A, F.2.1 and F.5.1.
#[test]
fn cbc_and_ctr_give_what_the_standard_says_in_steps_of_any_length() {
    let (cache, mut random) = (Cache::new(), Random::new());
    let key = cache.put(&hex("2b7e151628aed2a6abf7158809cf4f3c"));
    let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let iv: Vec<u8> = (0..16).collect();
    let cbc = hex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2");
    assert_eq!(steps(&cache, key, 3, 1, &iv, &plain, &[5, 11]).unwrap(), cbc);
    assert_eq!(steps(&cache, key, 3, 0, &iv, &cbc, &[17]).unwrap(), plain);
    let iv: Vec<u8> = (0xf0..=0xff).collect();
    let ctr = hex("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff");
    assert_eq!(steps(&cache, key, 2, 1, &iv, &plain, &[5, 1]).unwrap(), ctr);
    for length in 0..100 {
        let key = cache.put(&random.bytes([16, 24, 32][length % 3]));
        let (data, parts) = (random.bytes(length), [random.below(20), random.below(40) + 1]);
        let sealed = steps(&cache, key, 4, 1, &iv, &data, &parts).unwrap();
        assert_eq!(sealed.len(), length / 16 * 16 + 16);
        assert_eq!(steps(&cache, key, 4, 0, &iv, &sealed, &parts).unwrap(), data);
        let cut = &sealed[..sealed.len() - 1];
        assert_eq!(steps(&cache, key, 4, 0, &iv, cut, &parts), Err(MG_ERR_AUTHENTICATION));
        let whole = steps(&cache, key, 3, 1, &iv, &data, &parts);
        assert_eq!(whole.is_ok(), length % 16 == 0);
    }
}

#[test]
fn many_operations_at_once_keep_their_keys_apart() {
    let cache = Cache::new();
    let iv = [3; 16];
    let numbers: Vec<(u64, Vec<u8>)> = (0..100_u8)
        .map(|at| {
            let key = cache.put(&[at; 32]);
            let expected = steps(&cache, key, 2, 1, &iv, &[at; 100], &[100]).unwrap();
            // SAFETY: the slice has its length.
            let number = unsafe { mg_cipher_begin(cache.0, key, 2, 1, iv.as_ptr(), 16) };
            mg_remove(cache.0, key);
            (number as u64, expected)
        })
        .collect();
    for (at, (number, expected)) in numbers.iter().enumerate() {
        let data = [at as u8; 100];
        // SAFETY: the buffers have their lengths.
        let made = written(100, |out, room| unsafe {
            mg_cipher_update(*number, data.as_ptr(), 100, out, room)
        });
        assert_eq!(made.unwrap(), *expected);
        assert_eq!(mg_cipher_free(*number), MG_OK);
    }
}

fn wrap(cache: &Cache, key: u64, padded: u32, plain: &[u8]) -> Result<Vec<u8>, i32> {
    // SAFETY: the buffers have their lengths.
    written(plain.len() + 16, |out, room| unsafe {
        mg_wrap(cache.0, key, padded, plain.as_ptr(), plain.len() as u64, out, room)
    })
}

fn unwrap(cache: &Cache, key: u64, padded: u32, wrapped: &[u8]) -> Result<Vec<u8>, i32> {
    // SAFETY: the buffers have their lengths.
    written(wrapped.len(), |out, room| unsafe {
        mg_unwrap(cache.0, key, padded, wrapped.as_ptr(), wrapped.len() as u64, out, room)
    })
}

/// RFC 3394, 4.1 and 4.6; RFC 5649, 6.
#[test]
fn key_wrap_gives_what_the_standards_say() {
    let cache = Cache::new();
    for (padded, key, plain, wrapped) in [
        (
            0,
            "000102030405060708090A0B0C0D0E0F",
            "00112233445566778899AABBCCDDEEFF",
            "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
        ),
        (
            0,
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
            "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
        ),
        (
            1,
            "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
            "c37b7e6492584340bed12207808941155068f738",
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
        ),
        (
            1,
            "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
            "466f7250617369",
            "afbeb0f07dfbf5419200f2ccb50bb24f",
        ),
    ] {
        let (key, plain, expected) = (cache.put(&hex(key)), hex(plain), hex(wrapped));
        assert_eq!(wrap(&cache, key, padded, &plain).unwrap(), expected);
        assert_eq!(unwrap(&cache, key, padded, &expected).unwrap(), plain);
        let other = cache.put(&plain);
        // SAFETY: the buffers have their lengths.
        let made = written(64, |out, room| unsafe {
            mg_wrap_key(cache.0, key, padded, cache.0, other, out, room)
        });
        assert_eq!(made.unwrap(), expected);
        let mut handle = 0;
        // SAFETY: the slice has its length; the handle is writable.
        let status = unsafe {
            let (data, length) = (expected.as_ptr(), expected.len() as u64);
            mg_unwrap_key(cache.0, key, padded, data, length, cache.0, &mut handle)
        };
        assert_eq!((status, cache.read(handle).unwrap()), (MG_OK, plain));
        let mut changed = expected;
        changed[3] ^= 1;
        assert_eq!(unwrap(&cache, key, padded, &changed), Err(MG_ERR_AUTHENTICATION));
    }
    let key = cache.put(&[1; 16]);
    for (padded, length) in [(0, 8), (0, 17), (0, 0), (1, 0), (1, (1 << 20) + 1)] {
        assert_eq!(
            wrap(&cache, key, padded, &vec![1; length]),
            Err(MG_ERR_INVALID_ARGUMENT)
        );
        assert_eq!(
            unwrap(&cache, key, padded, &vec![1; length]),
            Err(MG_ERR_INVALID_ARGUMENT)
        );
    }
}

/// RFC 5869, A.1.
#[test]
fn hkdf_gives_what_the_standard_says() {
    let cache = Cache::new();
    let (salt, info): (Vec<u8>, Vec<u8>) = ((0..=0x0c).collect(), (0xf0..=0xf9).collect());
    let (mut prk, mut okm, key) = (0, 0, cache.put(&[0x0b; 22]));
    // SAFETY: the slices have their lengths; the handles are writable.
    unsafe {
        assert_eq!(
            mg_hkdf_extract(cache.0, key, 256, salt.as_ptr(), 13, cache.0, &mut prk),
            MG_OK
        );
        assert_eq!(
            mg_hkdf_expand_key(cache.0, prk, 256, info.as_ptr(), 10, 42, cache.0, &mut okm),
            MG_OK
        );
    }
    let expected = hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_eq!(
        cache.read(prk).unwrap(),
        hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    );
    assert_eq!(cache.read(okm).unwrap(), expected);
    let expand = |length| {
        // SAFETY: the buffers have their lengths.
        written(length, |out, room| unsafe {
            let status = mg_hkdf_expand(cache.0, prk, 256, info.as_ptr(), 10, out, room);
            if status == MG_OK { room as i64 } else { status.into() }
        })
    };
    assert_eq!(expand(42).unwrap(), expected);
    assert_eq!(
        (expand(0), expand(255 * 32 + 1)),
        (Err(MG_ERR_INVALID_ARGUMENT), Err(MG_ERR_INVALID_ARGUMENT))
    );
    assert_eq!(expand(255 * 32).unwrap()[..42], expected);
}

#[test]
fn many_threads_use_one_key() {
    let cache = Cache::new();
    let (key, data) = (cache.put(&[7; 32]), [5; 1_000]);
    let text = Text {
        iv: &[1; 12],
        aad: b"aad",
        tag: 16,
    };
    let expected = (
        hmac(&cache, key, 256, &data).unwrap(),
        seal(&cache, key, &text, &data).unwrap(),
    );
    std::thread::scope(|threads| {
        for _ in 0..16 {
            threads.spawn(|| {
                for _ in 0..300 {
                    assert_eq!(hmac(&cache, key, 256, &data).unwrap(), expected.0);
                    assert_eq!(seal(&cache, key, &text, &data).unwrap(), expected.1);
                    assert_eq!(open(&cache, key, &text, &expected.1).unwrap(), data);
                }
            });
        }
    });
}
