//! What C and Java call for keys at work. Conventions as in [`crate::exports`].
//!
//! `unsafe` is here because pointers come from outside: each function says what it needs of them.

use crate::cache;
use crate::exports::{bytes, guarded, out, status};
use crate::private_keys::encoding::{MAX_LENGTH, MAX_PASSPHRASE};
use crate::private_keys::import::slice;
use crate::private_keys::{Kind, generate, import, sign};
use crate::protect::process_key;
use crate::status::Error;
use std::ptr;

/// Imports a private key with its certificates: PEM, or DER of PKCS#8, encrypted PKCS#8, PKCS#1, SEC1, up to 1 MiB. Seals it in
/// the cache, writes its handle to `handle`, and `kind || length || SubjectPublicKeyInfo || (length || certificate)*` to `out`
/// (lengths of 4 bytes, little-endian); returns how many bytes those are, at most `length + 4096`. `kind`: 1 P-256, 2 P-384,
/// 3 P-521, 4 Ed25519, 5 X25519, 6 RSA. MG_ERR_MALFORMED, MG_ERR_MISMATCH, MG_ERR_PASSPHRASE; MG_ERR_UNSUPPORTED: another curve,
/// another encryption, an RSA key of fewer than 2048 bits or more than 8192.
///
/// # Safety
/// The inputs must be readable for their lengths (`passphrase` null for none), `out` writable for `capacity` bytes, `handle`
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_key_import(
    cache: u64,
    encoded: *const u8,
    length: u64,
    passphrase: *const u8,
    passphrase_length: u64,
    target: *mut u8,
    capacity: u64,
    handle: *mut u64,
) -> i64 {
    guarded(|| {
        process_key::get()?;
        if length > MAX_LENGTH || passphrase_length > MAX_PASSPHRASE || capacity < length + 4096 {
            return Err(Error::InvalidArgument);
        }
        let (target, handle) = (out(target)?, out(handle)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe {
            let encoded = slice(bytes(encoded, length)?, length);
            let passphrase = if passphrase.is_null() {
                None
            } else {
                Some(slice(passphrase, passphrase_length))
            };
            let (made, public) = import::import(cache, encoded, passphrase)?;
            if public.len() as u64 > capacity {
                let _ = cache::with(cache, |cache, guard| cache.remove(made, guard));
                return Err(Error::Malformed);
            }
            ptr::copy_nonoverlapping(public.as_ptr(), target, public.len());
            handle.write(made);
            Ok(public.len() as i64)
        }
    })
}

/// Makes a key of a kind (see mg_key_import), an RSA key of 2048, 3072 or 4096 bits, and writes it as PKCS#8 in PEM to `out`, which
/// is to be protected memory of 8 KiB; returns how many bytes it is.
///
/// # Safety
/// `target` must be writable for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_key_generate(kind: u32, bits: u32, target: *mut u8, capacity: u64, flags: u32) -> i64 {
    guarded(|| {
        process_key::get()?;
        let kind = Kind::of(u8::try_from(kind).map_err(|_| Error::InvalidArgument)?)?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { generate::generate(kind, bits, out(target)?, capacity as usize, flags) }.map(|written| written as i64)
    })
}

/// Signs: `way` is 1 ECDSA in DER, 2 ECDSA as r || s, 3 Ed25519, 4 RSA PKCS#1, 5 RSA PSS, plus `digest << 8` for RSA (1 SHA-1,
/// 2 SHA-224, 3 SHA-256, 4 SHA-384, 5 SHA-512; 0 for PKCS#1 of `data` as it is) and `digest of MGF1 << 16`. `data` is the digest,
/// for Ed25519 the message. Returns the length of the signature; `out` has room for 1024 bytes. A key of another kind is
/// MG_ERR_INVALID_ARGUMENT.
///
/// # Safety
/// `data` must be readable for `length` bytes (null where that is 0), `target` writable for 1024 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_key_sign(
    cache: u64,
    handle: u64,
    way: u32,
    salt: u32,
    data: *const u8,
    length: u64,
    target: *mut u8,
) -> i64 {
    guarded(|| {
        let (data, target) = (bytes(data, length)?, out(target)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe {
            let room = std::slice::from_raw_parts_mut(target, sign::LONGEST);
            sign::sign(cache, handle, way, salt, slice(data, length), room)
        }
        .map(|written| written as i64)
    })
}

/// Writes the SHA-256 of a secret, 32 bytes, to `target`.
///
/// # Safety
/// `data` must be readable for `length` bytes (null where that is 0), `target` writable for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_digest(data: *const u8, length: u64, target: *mut u8) -> i32 {
    status(|| {
        process_key::get()?;
        let (data, target) = (bytes(data, length)?, out(target)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { target.cast::<[u8; 32]>().write(import::digest(slice(data, length))) };
        Ok(())
    })
}
