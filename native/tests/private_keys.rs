//! Private keys: generated, imported in each encoding, and used; aws-lc's other half verifies.

mod support;
use aws_lc_sys as aws;
use std::os::unix::fs::FileExt;
use std::ptr;
use support::*;

const KINDS: [(u32, u32, u32); 6] = [
    (1, 0, 1),
    (2, 0, 1),
    (3, 0, 1),
    (4, 0, 3),
    (6, 2048, 4 | 3 << 8),
    (6, 2048, 5 | 3 << 8 | 3 << 16),
];

fn generate(kind: u32, bits: u32) -> Vec<u8> {
    assert_eq!(mg_init(0), MG_OK);
    let mut pem = vec![0; 8192];
    // SAFETY: the buffer has its length.
    let length = unsafe { mg_key_generate(kind, bits, pem.as_mut_ptr(), 8192, 0) };
    assert!(length > 0, "{length}");
    pem.truncate(length as usize);
    pem
}

fn import(cache: &Cache, encoded: &[u8], passphrase: Option<&[u8]>) -> Result<(u64, Vec<u8>), i64> {
    let mut out = vec![0; encoded.len() + 4096];
    let mut handle = 0;
    let (pass, pass_length) = passphrase.map_or((ptr::null(), 0), |text| (text.as_ptr(), text.len() as u64));
    // SAFETY: the buffers have their lengths.
    let written = unsafe {
        mg_key_import(
            cache.0,
            encoded.as_ptr(),
            encoded.len() as u64,
            pass,
            pass_length,
            out.as_mut_ptr(),
            out.len() as u64,
            &mut handle,
        )
    };
    if written < 0 {
        assert!(
            out.iter().all(|byte| *byte == 0) && handle == 0,
            "written in spite of an error"
        );
        return Err(written);
    }
    out.truncate(written as usize);
    Ok((handle, out))
}

fn sign(cache: &Cache, handle: u64, way: u32, salt: u32, data: &[u8]) -> Result<Vec<u8>, i64> {
    let mut out = vec![0; 1024];
    // SAFETY: the buffers have their lengths.
    let length = unsafe {
        mg_key_sign(
            cache.0,
            handle,
            way,
            salt,
            data.as_ptr(),
            data.len() as u64,
            out.as_mut_ptr(),
        )
    };
    if length < 0 {
        return Err(length);
    }
    out.truncate(length as usize);
    Ok(out)
}

fn public_of(out: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(out[1..5].try_into().unwrap()) as usize;
    &out[5..5 + length]
}

/// By aws-lc's EVP, which the library does not sign with.
fn verifies(spki: &[u8], way: u32, message: &[u8], signature: &[u8]) -> bool {
    // SAFETY: all that is made is freed; each buffer goes with its length.
    unsafe {
        let mut input = std::mem::zeroed();
        aws::CBS_init(&mut input, spki.as_ptr(), spki.len());
        let key = aws::EVP_parse_public_key(&mut input);
        let context = aws::EVP_MD_CTX_new();
        let digest = if way & 0xFF == 3 {
            ptr::null()
        } else {
            aws::EVP_sha256()
        };
        let mut how = ptr::null_mut();
        assert_eq!(
            aws::EVP_DigestVerifyInit(context, &mut how, digest, ptr::null_mut(), key),
            1
        );
        if way & 0xFF == 5 {
            assert_eq!(aws::EVP_PKEY_CTX_set_rsa_padding(how, aws::RSA_PKCS1_PSS_PADDING), 1);
            assert_eq!(aws::EVP_PKEY_CTX_set_rsa_pss_saltlen(how, 32), 1);
        }
        let good = aws::EVP_DigestVerify(
            context,
            signature.as_ptr(),
            signature.len(),
            message.as_ptr(),
            message.len(),
        );
        aws::EVP_MD_CTX_free(context);
        aws::EVP_PKEY_free(key);
        aws::ERR_clear_error();
        good == 1
    }
}

fn to_sign(way: u32, message: &[u8]) -> Vec<u8> {
    if way & 0xFF == 3 {
        return message.to_vec();
    }
    let mut digest = vec![0; 32];
    // SAFETY: the buffers have their lengths.
    let status = unsafe { mg_digest(message.as_ptr(), message.len() as u64, digest.as_mut_ptr()) };
    assert_eq!(status, MG_OK);
    digest
}

#[test]
fn what_a_generated_key_signs_its_public_half_verifies() {
    let cache = Cache::new();
    for (kind, bits, way) in KINDS {
        let (handle, out) = import(&cache, &generate(kind, bits), None).unwrap();
        assert_eq!(u32::from(out[0]), kind);
        for length in [0, 1, 31, 5000] {
            let message = vec![7; length];
            let signature = sign(&cache, handle, way, 32, &to_sign(way, &message)).unwrap();
            assert!(
                verifies(public_of(&out), way, &message, &signature),
                "kind {kind}, {length} bytes"
            );
            assert!(!verifies(public_of(&out), way, &[8; 9], &signature));
        }
        assert_eq!(
            sign(&cache, handle, if kind == 6 { 1 } else { 4 }, 0, &[0; 32]),
            Err(MG_ERR_INVALID_ARGUMENT.into())
        );
        assert_eq!(mg_remove(cache.0, handle), MG_OK);
        assert_eq!(sign(&cache, handle, way, 32, &[0; 32]), Err(stale()), "kind {kind}");
    }
}

#[test]
fn no_cut_or_changed_encoding_is_more_than_an_error() {
    let (cache, mut random) = (Cache::new(), Random::from(1));
    for (kind, bits) in [(1, 0), (4, 0), (5, 0), (6, 2048)] {
        let pem = generate(kind, bits);
        for _ in 0..300 {
            let mut changed = pem.clone();
            match random.below(3) {
                0 => changed.truncate(random.below(pem.len())),
                1 => changed[random.below(pem.len())] = random.next() as u8,
                _ => {
                    let at = random.below(pem.len());
                    changed.insert(at, b'A');
                }
            }
            match import(&cache, &changed, None) {
                Ok((handle, _)) => assert_eq!(mg_remove(cache.0, handle), MG_OK),
                Err(status) => assert!(
                    [MG_ERR_MALFORMED, MG_ERR_UNSUPPORTED, MG_ERR_PASSPHRASE].contains(&(status as i32)),
                    "{status}"
                ),
            }
        }
    }
    assert_eq!(import(&cache, b"", None), Err(MG_ERR_MALFORMED.into()));
    assert_eq!(cache.usage().items, 0);
}

const NEEDLE: usize = 16;
const MASK: u8 = 0xA5;

/// How often a masked needle lies in memory that this process can write, apart from secret memory.
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
            let most = (end - at).min(4096 + NEEDLE as u64) as usize;
            let length = memory.read_at(&mut page[..most], at).unwrap_or(0);
            for window in page[..length].windows(NEEDLE) {
                for (count, needle) in counts.iter_mut().zip(needles) {
                    let same = window[0] ^ MASK == needle[0]
                        && window.iter().zip(needle).all(|(found, byte)| found ^ MASK == *byte);
                    *count += usize::from(same);
                }
            }
            page.fill(0);
        }
    }
    counts
}

/// Of the secret numbers in a value, both byte orders, taken in its window: the scalar, the seed, or the primes of RSA.
#[inline(never)]
fn needles(cache: &Cache, handle: u64) -> Vec<[u8; NEEDLE]> {
    let lent = cache.borrow(handle).unwrap();
    let value = lent.bytes();
    let at = |from: usize| -> [[u8; NEEDLE]; 2] {
        [
            std::array::from_fn(|byte| value[from + byte] ^ MASK),
            std::array::from_fn(|byte| value[from + NEEDLE - 1 - byte] ^ MASK),
        ]
    };
    // RSA-2048: the two primes are the integers of 128 bytes after n (256), e (3) and d (256).
    let starts: Vec<usize> = if value[0] == 6 {
        let primes = value.windows(3).enumerate().skip(500);
        let found: Vec<usize> = primes
            .filter(|(_, head)| *head == [2, 0x81, 0x81])
            .map(|(at, _)| at + 10)
            .collect();
        assert!(found.len() >= 2);
        found[..2].to_vec()
    } else {
        vec![1, 17]
    };
    starts.into_iter().flat_map(at).collect()
}

#[test]
fn signing_leaves_no_private_number_outside_of_protected_memory() {
    in_child("signing_leaves_no_private_number_outside_of_protected_memory", || {
        if !has_memfd_secret() {
            println!("SKIPPED: this kernel has no memfd_secret, protected memory would be found");
            return;
        }
        let cache = Cache::new();
        for (kind, bits, way) in KINDS {
            let room = Lent::acquire(8192, 0).unwrap();
            let (mut out, mut handle) = (vec![0; 16 << 10], 0);
            // SAFETY: the buffers have their lengths.
            unsafe {
                let length = mg_key_generate(kind, bits, room.bytes().as_mut_ptr(), 8192, 0) as u64;
                let target = out.as_mut_ptr();
                let data = room.bytes().as_ptr();
                assert!(mg_key_import(cache.0, data, length, ptr::null(), 0, target, 16 << 10, &mut handle) > 0);
            }
            drop(room);
            let needles = needles(&cache, handle);
            for _ in 0..20 {
                sign(&cache, handle, way, 32, &[9; 32]).unwrap();
            }
            assert_eq!(search(&needles), vec![0; needles.len()], "kind {kind}, way {way}");
            let copies: Vec<Box<[u8]>> = needles
                .iter()
                .map(|needle| needle.iter().map(|byte| byte ^ MASK).collect())
                .collect();
            assert!(
                search(&needles).iter().all(|count| *count > 0),
                "the test would see nothing"
            );
            drop(std::hint::black_box(copies));
        }
    });
}
