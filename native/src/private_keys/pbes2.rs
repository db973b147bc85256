//! Encrypted PKCS#8: PBES2 (RFC 8018) with AES in CBC mode, and PBKDF2 or scrypt (RFC 7914). Older ways are unsupported.
//!
//! `unsafe` is here for aws-lc's calls, which do all of it but the choice.

use crate::crypto::bcfks::{Der, HMAC_SHA512, OBJECT, OCTETS, PBES2, PBKDF2, SEQUENCE};
use crate::crypto::heap::Suspended;
use crate::private_keys::owned::Owned;
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;
use std::ptr;
use std::slice;

const MAX_ITERATIONS: u64 = 10_000_000;
const MAX_SCRYPT_BYTES: usize = 64 << 20;
const MAX_SCRYPT_LANES: u64 = 64;

const SCRYPT: &[u8] = b"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"; // 1.3.6.1.4.1.11591.4.11
const HMAC_SHA1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x07"; // 1.2.840.113549.2.7
const HMAC_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09"; // 1.2.840.113549.2.9
const AES: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01"; // 2.16.840.1.101.3.4.1

fn malformed<T>(result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|_| Error::Malformed)
}

/// Decrypts; the window begins with as many bytes as are returned.
pub fn decrypt(encoded: &[u8], passphrase: &[u8], flags: u32) -> Result<(Window, usize), Error> {
    let mut whole = malformed(Der::of(encoded).next(SEQUENCE))?;
    let mut algorithm = malformed(whole.next(SEQUENCE))?;
    let sealed = malformed(whole.next(OCTETS))?.bytes();
    if malformed(algorithm.next(OBJECT))?.bytes() != PBES2 {
        return Err(Error::Unsupported);
    }
    let mut parameters = malformed(algorithm.next(SEQUENCE))?;
    let mut derivation = malformed(parameters.next(SEQUENCE))?;
    let mut scheme = malformed(parameters.next(SEQUENCE))?;
    let cipher = malformed(scheme.next(OBJECT))?.bytes();
    // SAFETY: they return what is there for ever.
    let (cipher, length) = unsafe {
        match cipher.strip_prefix(AES) {
            Some([2]) => (aws::EVP_aes_128_cbc(), 16),
            Some([22]) => (aws::EVP_aes_192_cbc(), 24),
            Some([42]) => (aws::EVP_aes_256_cbc(), 32),
            _ => return Err(Error::Unsupported),
        }
    };
    let iv = malformed(scheme.next(OCTETS))?.bytes();
    if iv.len() != 16 || sealed.is_empty() || sealed.len() % 16 != 0 || !whole.is_empty() {
        return Err(Error::Malformed);
    }
    let key = Window::acquire(length, flags)?;
    derive(&mut derivation, passphrase, &key)?;
    let plain = Window::acquire(sealed.len(), flags)?;
    // SAFETY: the window is as long as what is decrypted; CBC gives no more.
    let written = unsafe {
        let context = Owned::new(aws::EVP_CIPHER_CTX_new(), Error::OutOfMemory)?;
        let (mut first, mut last) = (0, 0);
        let done = aws::EVP_DecryptInit_ex(context.get(), cipher, ptr::null_mut(), key.data(), iv.as_ptr()) == 1
            && aws::EVP_DecryptUpdate(
                context.get(),
                plain.data(),
                &mut first,
                sealed.as_ptr(),
                sealed.len() as i32,
            ) == 1
            && aws::EVP_DecryptFinal_ex(context.get(), plain.data().add(first as usize), &mut last) == 1;
        if !done {
            return Err(Error::Passphrase);
        }
        (first + last) as usize
    };
    Ok((plain, written))
}

fn derive(derivation: &mut Der, passphrase: &[u8], key: &Window) -> Result<(), Error> {
    let function = malformed(derivation.next(OBJECT))?.bytes();
    let mut parameters = malformed(derivation.next(SEQUENCE))?;
    let salt = malformed(parameters.next(OCTETS))?.bytes();
    let first = malformed(parameters.number())?;
    // SAFETY: all pointers go with their lengths.
    let done = unsafe {
        if function == PBKDF2 {
            if first == 0 || first > MAX_ITERATIONS {
                return Err(Error::Unsupported);
            }
            let mut rest = Der::of(parameters.bytes());
            if let Ok(length) = rest.number() {
                if length != key.length() as u64 {
                    return Err(Error::Unsupported);
                }
                parameters = rest;
            }
            let digest = if parameters.is_empty() {
                aws::EVP_sha1()
            } else {
                match malformed(malformed(parameters.next(SEQUENCE))?.next(OBJECT))?.bytes() {
                    HMAC_SHA1 => aws::EVP_sha1(),
                    HMAC_SHA256 => aws::EVP_sha256(),
                    HMAC_SHA512 => aws::EVP_sha512(),
                    _ => return Err(Error::Unsupported),
                }
            };
            aws::PKCS5_PBKDF2_HMAC(
                passphrase.as_ptr().cast(),
                passphrase.len(),
                salt.as_ptr(),
                salt.len(),
                first as u32,
                digest,
                key.length(),
                key.data(),
            )
        } else if function == SCRYPT {
            let (block, lanes) = (malformed(parameters.number())?, malformed(parameters.number())?);
            let bytes = first.saturating_mul(block).saturating_mul(128);
            if bytes > MAX_SCRYPT_BYTES as u64 || lanes > MAX_SCRYPT_LANES || block > 1 << 16 {
                return Err(Error::Unsupported);
            }
            // Its table is longer than memory that may be locked, and tells nothing to those who have no passphrase.
            let _ordinary = Suspended::new();
            aws::EVP_PBE_scrypt(
                passphrase.as_ptr().cast(),
                passphrase.len(),
                salt.as_ptr(),
                salt.len(),
                first,
                block,
                lanes,
                2 * MAX_SCRYPT_BYTES,
                key.data(),
                key.length(),
            )
        } else {
            return Err(Error::Unsupported);
        }
    };
    if done == 1 { Ok(()) } else { Err(Error::Malformed) }
}

/// The bytes of a window's beginning.
///
/// # Safety
/// Nobody may write to it meanwhile.
pub unsafe fn plain(window: &(Window, usize)) -> &[u8] {
    // SAFETY: it is at least so long; the caller vouches for the rest.
    unsafe { slice::from_raw_parts(window.0.data(), window.1) }
}
