//! The ciphers give the known answers: at any alignment, and on every path that the CPU's features choose.

mod support;
use libsodium_sys as sodium;
use serde_json::Value;
use std::process::Command;
use std::ptr;
use support::*;

/// One case of Wycheproof; `sealed` is the ciphertext with the tag behind it.
struct Case {
    name: String,
    key: Vec<u8>,
    iv: Vec<u8>,
    aad: Vec<u8>,
    plain: Vec<u8>,
    sealed: Vec<u8>,
    valid: bool,
}

/// The cases of a file with keys of 256 bits, IVs of so many bits and tags of 128.
fn cases(file: &str, iv_bits: u64) -> Vec<Case> {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_reader(std::fs::File::open(path).unwrap()).unwrap();
    let groups = all["testGroups"].as_array().unwrap().iter();
    let wanted = groups.filter(|group| {
        (&group["keySize"], &group["ivSize"], &group["tagSize"]) == (&256.into(), &iv_bits.into(), &128.into())
    });
    wanted
        .flat_map(|group| group["tests"].as_array().unwrap())
        .map(|test| {
            let bytes = |field: &str| hex(test[field].as_str().unwrap());
            Case {
                name: format!("{file} {} {}", test["tcId"], test["comment"]),
                key: bytes("key"),
                iv: bytes("iv"),
                aad: bytes("aad"),
                plain: bytes("msg"),
                sealed: [bytes("ct"), bytes("tag")].concat(),
                valid: test["result"] == "valid",
            }
        })
        .collect()
}

/// A copy that begins `at` bytes behind an address that 64 divides.
struct Shifted(Vec<u8>, usize, usize);

impl Shifted {
    fn new(bytes: &[u8], at: usize) -> Shifted {
        let mut room = vec![0xEE; bytes.len() + 128];
        let start = room.as_ptr().align_offset(64) + at;
        room[start..start + bytes.len()].copy_from_slice(bytes);
        Shifted(room, start, bytes.len())
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.0[self.1..self.1 + self.2]
    }
}

const SHIFTS: [usize; 7] = [0, 1, 3, 8, 15, 31, 63];

fn open_file(key: &[u8], aad: &[u8], sealed: &[u8], shift: usize) -> Result<Vec<u8>, i32> {
    assert_eq!(mg_init(0), MG_OK);
    let (mut key, mut aad, mut sealed) = (
        Shifted::new(key, shift),
        Shifted::new(aad, shift),
        Shifted::new(sealed, shift),
    );
    let (aad, sealed) = (aad.bytes(), sealed.bytes());
    let mut out = Shifted::new(&vec![0xEE; sealed.len() - 28], (shift * 7) % 64);
    let (out, mut aead) = (out.bytes(), 0);
    // SAFETY: all slices have their lengths, and the key 32 bytes.
    let status = unsafe {
        assert_eq!(mg_aead_new(key.bytes().as_ptr(), 0, &mut aead), MG_OK);
        mg_aead_open(
            aead,
            aad.as_ptr(),
            aad.len() as u64,
            sealed.as_ptr(),
            sealed.len() as u64,
            out.as_mut_ptr(),
            out.len() as u64,
        )
    };
    assert_eq!(mg_aead_free(aead), MG_OK);
    if status == MG_OK {
        return Ok(out.to_vec());
    }
    assert!(out.iter().all(|&byte| byte == 0), "plaintext of what did not verify");
    Err(status)
}

fn seal_file(key: &[u8], aad: &[u8], plain: &[u8], shift: usize) -> Vec<u8> {
    assert_eq!(mg_init(0), MG_OK);
    let (mut aad, mut plain) = (Shifted::new(aad, shift), Shifted::new(plain, shift));
    let (aad, plain) = (aad.bytes(), plain.bytes());
    let mut out = Shifted::new(&vec![0; plain.len() + 28], (shift * 7) % 64);
    let (out, mut aead) = (out.bytes(), 0);
    // SAFETY: all slices have their lengths, and the key 32 bytes.
    unsafe {
        assert_eq!(mg_aead_new(key.as_ptr(), 0, &mut aead), MG_OK);
        let status = mg_aead_seal(
            aead,
            aad.as_ptr(),
            aad.len() as u64,
            plain.as_ptr(),
            plain.len() as u64,
            out.as_mut_ptr(),
            out.len() as u64,
        );
        assert_eq!(status, MG_OK);
    }
    assert_eq!(mg_aead_free(aead), MG_OK);
    out.to_vec()
}

#[test]
fn known_files_open_and_forged_ones_do_not() {
    let cases = cases("aes_gcm_test.json", 96);
    for case in &cases {
        let sealed = [&case.iv[..], &case.sealed].concat();
        let expected = if case.valid {
            Ok(&case.plain)
        } else {
            Err(MG_ERR_AUTHENTICATION)
        };
        for shift in SHIFTS {
            let opened = open_file(&case.key, &case.aad, &sealed, shift);
            assert_eq!(
                opened.as_ref().map_err(|&status| status),
                expected,
                "{} at {shift}",
                case.name
            );
        }
    }
    println!("{} cases", cases.len());
    assert!(cases.len() >= 66 && cases.iter().any(|case| !case.valid));
}

#[test]
fn files_are_what_another_library_reads_and_writes() {
    assert_eq!(mg_init(0), MG_OK);
    // SAFETY: no arguments.
    if unsafe { sodium::crypto_aead_aes256gcm_is_available() } == 0 {
        println!("NOT TESTED: libsodium has no AES-256-GCM for this CPU");
        return;
    }
    let mut random = Random::new();
    for length in [0, 1, 15, 16, 17, 31, 255, 256, 257, 4096, 10_007, 100_000] {
        let (key, plain) = (random.bytes(32), random.bytes(length));
        let aad_length = random.below(100);
        let aad = random.bytes(aad_length);
        for shift in SHIFTS {
            let sealed = seal_file(&key, &aad, &plain, shift);
            let mut opened = vec![0; length];
            // SAFETY: all buffers have the lengths that libsodium wants.
            let status = unsafe {
                sodium::crypto_aead_aes256gcm_decrypt(
                    opened.as_mut_ptr(),
                    ptr::null_mut(),
                    ptr::null_mut(),
                    sealed[12..].as_ptr(),
                    sealed.len() as u64 - 12,
                    aad.as_ptr(),
                    aad.len() as u64,
                    sealed.as_ptr(),
                    key.as_ptr(),
                )
            };
            assert_eq!(status, 0, "{length} at {shift}");
            assert!(opened == plain && open_file(&key, &aad, &sealed, shift).unwrap() == plain);
        }
    }
}

#[test]
fn known_files_are_sealed_and_opened_again() {
    for case in cases("aes_gcm_test.json", 96).iter().filter(|case| case.valid) {
        for shift in SHIFTS {
            let sealed = seal_file(&case.key, &case.aad, &case.plain, shift);
            assert_eq!(
                open_file(&case.key, &case.aad, &sealed, shift).as_ref(),
                Ok(&case.plain)
            );
        }
    }
}

/// AEGIS-256 by the libsodium that seals values: ciphertext and a tag of 32 bytes.
fn aegis_seal(key: &[u8], nonce: &[u8], aad: &[u8], plain: &[u8], shift: usize) -> Vec<u8> {
    let (mut aad, mut plain) = (Shifted::new(aad, shift), Shifted::new(plain, shift));
    let mut out = Shifted::new(&vec![0; plain.2 + 32], (shift * 7) % 64);
    let (aad, plain) = (aad.bytes(), plain.bytes());
    // SAFETY: all buffers have the lengths that libsodium wants.
    unsafe {
        assert!(sodium::sodium_init() >= 0);
        sodium::crypto_aead_aegis256_encrypt(
            out.bytes().as_mut_ptr(),
            ptr::null_mut(),
            plain.as_ptr(),
            plain.len() as u64,
            aad.as_ptr(),
            aad.len() as u64,
            ptr::null(),
            nonce.as_ptr(),
            key.as_ptr(),
        );
    }
    out.bytes().to_vec()
}

fn aegis_open(key: &[u8], nonce: &[u8], aad: &[u8], sealed: &[u8], shift: usize) -> Option<Vec<u8>> {
    let (mut aad, mut sealed) = (Shifted::new(aad, shift), Shifted::new(sealed, shift));
    let mut out = Shifted::new(&vec![0xEE; sealed.2 - 32], (shift * 7) % 64);
    let (aad, sealed) = (aad.bytes(), sealed.bytes());
    // SAFETY: all buffers have the lengths that libsodium wants.
    let status = unsafe {
        sodium::crypto_aead_aegis256_decrypt(
            out.bytes().as_mut_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
            sealed.as_ptr(),
            sealed.len() as u64,
            aad.as_ptr(),
            aad.len() as u64,
            nonce.as_ptr(),
            key.as_ptr(),
        )
    };
    (status == 0).then(|| out.bytes().to_vec())
}

/// The tag of 128 bits is the two halves of that of 256, added (draft-irtf-cfrg-aegis-aead, Finalize of AEGIS-256).
fn with_short_tag(sealed: &[u8]) -> Vec<u8> {
    let (text, tag) = sealed.split_at(sealed.len() - 32);
    let halves = tag[..16].iter().zip(&tag[16..]);
    [text, &halves.map(|(a, b)| a ^ b).collect::<Vec<u8>>()].concat()
}

#[test]
fn known_values_are_sealed_as_known_and_forged_ones_are_not_theirs() {
    let cases = cases("aegis256_test.json", 256);
    for case in &cases {
        for shift in SHIFTS {
            let sealed = aegis_seal(&case.key, &case.iv, &case.aad, &case.plain, shift);
            assert_eq!(with_short_tag(&sealed) == case.sealed, case.valid, "{}", case.name);
            let opened = aegis_open(&case.key, &case.iv, &case.aad, &sealed, shift);
            assert_eq!(opened.as_ref(), Some(&case.plain), "{}", case.name);
        }
    }
    println!("{} cases", cases.len());
    assert!(cases.len() >= 472 && cases.iter().any(|case| !case.valid));
}

/// Test vectors 1 to 4 of draft-irtf-cfrg-aegis-aead, AEGIS-256: AAD, plaintext, ciphertext, tag of 256 bits.
const DRAFT: [[&str; 4]; 4] = [
    [
        "",
        "00000000000000000000000000000000",
        "754fc3d8c973246dcc6d741412a4b236",
        "1181a1d18091082bf0266f66297d167d2e68b845f61a3b0527d31fc7b7b89f13",
    ],
    [
        "",
        "",
        "",
        "6a348c930adbd654896e1666aad67de989ea75ebaa2b82fb588977b1ffec864a",
    ],
    [
        "0001020304050607",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "f373079ed84b2709faee373584585d60accd191db310ef5d8b11833df9dec711",
        "b7d28d0c3c0ebd409fd22b44160503073a547412da0854bfb9723020dab8da1a",
    ],
    [
        "0001020304050607",
        "000102030405060708090a0b0c0d",
        "f373079ed84b2709faee37358458",
        "8c1cc703c81281bee3f6d9966e14948b4a175b2efbdc31e61a98b4465235c2d9",
    ],
];

#[test]
fn values_of_the_draft_are_sealed_and_opened_as_it_says() {
    let key = hex("1001000000000000000000000000000000000000000000000000000000000000");
    let nonce = hex("1000020000000000000000000000000000000000000000000000000000000000");
    for [aad, plain, text, tag] in DRAFT {
        let (aad, plain) = (hex(aad), hex(plain));
        let mut sealed = [hex(text), hex(tag)].concat();
        for shift in SHIFTS {
            assert_eq!(aegis_seal(&key, &nonce, &aad, &plain, shift), sealed);
            assert_eq!(aegis_open(&key, &nonce, &aad, &sealed, shift).as_ref(), Some(&plain));
        }
        for at in 0..sealed.len() {
            sealed[at] ^= 1;
            assert_eq!(aegis_open(&key, &nonce, &aad, &sealed, 0), None, "byte {at}");
            sealed[at] ^= 1;
        }
    }
}

#[test]
fn values_come_back_from_any_address() {
    let (cache, mut random) = (Cache::new(), Random::new());
    for length in [0, 1, 15, 16, 17, 63, 4096, 10_007] {
        for shift in SHIFTS {
            let value = random.bytes(length);
            let handle = cache.put(Shifted::new(&value, shift).bytes());
            assert_eq!(cache.read(handle).unwrap(), value);
        }
    }
}

/// Runs the tests above again, by this command and with these variables.
fn again(mut command: Command, how: &str) {
    let output = command
        .args(["known_", "values_", "--test-threads=1"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.contains("5 passed"), "{how}: {text}");
}

/// Masks of aws-lc (OPENSSL_ia32cap): which features of the CPU it is not to use.
const MASKS: [(&str, &str); 4] = [
    ("no VAES, VPCLMULQDQ, AVX-512", ":~0x60000010000"),
    ("no AVX at all", "~0x1000000000000000:~0x60000010020"),
    ("no AES-NI, PCLMULQDQ", "~0x200000200000000"),
    ("nor SSSE3: plain C", "~0x1200020200000000:~0x60000010020"),
];

#[test]
fn file_encryption_is_the_same_without_newer_instructions() {
    for (how, mask) in MASKS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("OPENSSL_ia32cap", mask);
        again(command, how);
    }
}

#[test]
fn a_cpu_without_aes_gives_the_same() {
    let emulator = "qemu-x86_64-static";
    if Command::new(emulator).arg("--version").output().is_err() {
        println!("NOT TESTED: no {emulator} (Debian: qemu-user-static)");
        return;
    }
    // Nehalem has SSSE3, but neither AES-NI nor AVX; Conroe has no SSE4 either.
    for cpu in ["Nehalem", "Conroe"] {
        let mut command = Command::new(emulator);
        command.args(["-cpu", cpu]).arg(std::env::current_exe().unwrap());
        again(command, cpu);
    }
}
