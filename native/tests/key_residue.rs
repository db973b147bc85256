//! Keys at work leave nothing outside protected memory: not the key, nor what HMAC and AES make of it.

mod support;
use std::os::unix::fs::FileExt;
use support::*;

const LENGTH: usize = 32;
const MASK: u8 = 0x5C ^ 0x36 ^ 0xA5;
const NEEDLE: usize = 16;

/// A key that lies nowhere, made anew where it is needed.
fn byte(at: usize) -> u8 {
    (std::hint::black_box(at) as u8).wrapping_mul(37).wrapping_add(91)
}

fn wipe(bytes: &mut [u8]) {
    // SAFETY: the slice has its length.
    unsafe { libsodium_sys::sodium_memzero(bytes.as_mut_ptr().cast(), bytes.len()) };
}

#[inline(never)]
fn put(cache: &Cache) -> u64 {
    let mut key: [u8; LENGTH] = std::array::from_fn(byte);
    let handle = cache.put(&key);
    wipe(&mut key);
    mg_wipe_traces();
    handle
}

/// Needles, masked so that they are not found themselves: the key, its pads, its second and last round keys, and how
/// HMAC-SHA256 begins inside and outside.
#[inline(never)]
fn needles() -> Vec<[u8; NEEDLE]> {
    let mut key: [u8; LENGTH] = std::array::from_fn(byte);
    let masked = |bytes: &[u8]| -> [u8; NEEDLE] { std::array::from_fn(|at| bytes[at] ^ MASK) };
    let mut found = vec![masked(&key), masked(&key[16..])];
    for pad in [0x36, 0x5C] {
        found.push(masked(&key.map(|byte| byte ^ pad)));
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
        // SAFETY: the structure is plain memory that SHA256_Init fills; the block has its length.
        unsafe {
            let mut state: aws_lc_sys::SHA256_CTX = std::mem::zeroed();
            aws_lc_sys::SHA256_Init(&mut state);
            aws_lc_sys::SHA256_Update(&mut state, block.as_ptr().cast(), 64);
            let words = state.h.map(u32::to_ne_bytes).concat();
            found.push(masked(&words));
            let mut words = words;
            wipe(&mut words);
            aws_lc_sys::OPENSSL_cleanse((&raw mut state).cast(), size_of_val(&state));
        }
        wipe(&mut block);
    }
    // SAFETY: as above.
    unsafe {
        let mut schedule: aws_lc_sys::AES_KEY = std::mem::zeroed();
        aws_lc_sys::AES_set_encrypt_key(key.as_ptr(), 256, &mut schedule);
        let bytes = std::slice::from_raw_parts((&raw const schedule).cast::<u8>(), 240);
        found.push(masked(&bytes[32..]));
        found.push(masked(&bytes[224..]));
        aws_lc_sys::OPENSSL_cleanse((&raw mut schedule).cast(), size_of_val(&schedule));
    }
    wipe(&mut key);
    mg_wipe_traces();
    found
}

/// How often each needle lies in memory that this process can write, apart from secret memory.
#[inline(never)]
fn search(needles: &[[u8; NEEDLE]]) -> Vec<usize> {
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let (mut counts, mut page) = (vec![0; needles.len()], vec![0_u8; 4096 + NEEDLE]);
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, access) = (fields.next().unwrap(), fields.next().unwrap());
        if !access.starts_with("rw") || line.contains("secretmem") || line.contains("[v") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let (start, end) = (
            u64::from_str_radix(start, 16).unwrap(),
            u64::from_str_radix(end, 16).unwrap(),
        );
        for at in (start..end).step_by(4096) {
            let length = memory
                .read_at(&mut page[..(end - at).min(4096 + NEEDLE as u64) as usize], at)
                .unwrap_or(0);
            for window in page[..length].windows(NEEDLE) {
                for (count, needle) in counts.iter_mut().zip(needles) {
                    let same = window[0] ^ MASK == needle[0]
                        && window.iter().zip(needle).all(|(found, byte)| found ^ MASK == *byte);
                    *count += usize::from(same);
                }
            }
            wipe(&mut page);
        }
    }
    counts
}

#[test]
fn neither_a_key_nor_what_is_made_of_it_is_left_anywhere() {
    in_child("neither_a_key_nor_what_is_made_of_it_is_left_anywhere", || {
        if !has_memfd_secret() {
            println!("SKIPPED: this kernel has no memfd_secret, protected memory would be found");
            return;
        }
        let cache = Cache::new();
        let (key, needles) = (put(&cache), needles());
        let (data, mut out, iv) = ([7_u8; 700], [0_u8; 800], [9_u8; 16]);
        let (from, to, nonce) = (data.as_ptr(), out.as_mut_ptr(), iv.as_ptr());
        // SAFETY: all arrays are as long as said.
        let operations = unsafe {
            let hmac = mg_hmac_begin(cache.0, key, 256, from, 100) as u64;
            let modes = [1, 2, 4].map(|mode| mg_cipher_begin(cache.0, key, mode, 1, nonce, 16) as u64);
            for _ in 0..200 {
                for hash in [1, 224, 256, 384, 512] {
                    assert!(mg_hmac(cache.0, key, hash, from, 700, to, 800) > 0);
                }
                assert_eq!(mg_hmac_update(hmac, from, 700), MG_OK);
                for mode in modes {
                    assert!(mg_cipher_update(mode, from, 700, to, 800) > 0);
                }
                assert_eq!(
                    mg_gcm_seal(cache.0, key, nonce, 12, nonce, 16, from, 700, to, 800, 16),
                    716
                );
                assert_eq!(
                    mg_gcm_open(cache.0, key, nonce, 12, nonce, 16, to, 716, to, 800, 16),
                    700
                );
                assert_eq!(mg_wrap(cache.0, key, 0, from, 32, to, 40), 40);
                let mut handle = 0;
                assert_eq!(
                    mg_hkdf_extract(cache.0, key, 256, nonce, 16, cache.0, &mut handle),
                    MG_OK
                );
                assert_eq!(mg_hkdf_expand(cache.0, handle, 256, nonce, 16, to, 100), MG_OK);
                mg_remove(cache.0, handle);
            }
            (hmac, modes)
        };
        // While the operations that go on still have their states.
        assert_eq!(search(&needles), vec![0; needles.len()]);
        mg_hmac_free(operations.0);
        for number in operations.1 {
            mg_cipher_free(number);
        }
        assert_eq!(search(&needles), vec![0; needles.len()]);
        let copies: Vec<Box<[u8]>> = needles
            .iter()
            .map(|needle| needle.iter().map(|byte| byte ^ MASK).collect())
            .collect();
        let found = search(&needles);
        assert!(
            found.iter().all(|count| *count > 0),
            "the test would see nothing: {found:?}"
        );
        drop(std::hint::black_box(copies));
    });
}
