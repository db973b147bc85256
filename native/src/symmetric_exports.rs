//! Operations with secret keys that lie sealed in a cache, for C and Java: HMAC, AES, HKDF. The conventions are those of
//! [`crate::exports`]. MG_ERR_STALE_HANDLE: the key, or the operation, is not there; MG_ERR_UNSUPPORTED: no such algorithm, or
//! the key has none of its lengths.
//!
//! `unsafe` is here because pointers come from outside: each function says what it needs of them.

use crate::exports::{bytes, guarded, out, status};
use crate::keys::gcm::Message;
use crate::keys::{Input, Output, cipher, gcm, hkdf, mac, wrap};
use crate::status::Error;

fn input(data: *const u8, length: u64) -> Result<Input, Error> {
    Ok((bytes(data, length)?, length as usize))
}

fn output(data: *mut u8, capacity: u64) -> Result<Output, Error> {
    Ok((bytes(data, capacity)?.cast_mut(), capacity as usize))
}

/// The HMAC of one message; returns its length. `hash`: 1, 224, 256, 384, 512 for SHA-1 and SHA-2.
///
/// # Safety
/// `data` must be readable for `length` bytes (null where that is 0), `mac` writable for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_hmac(
    cache: u64,
    key: u64,
    hash: u32,
    data: *const u8,
    length: u64,
    mac: *mut u8,
    capacity: u64,
) -> i64 {
    guarded(|| {
        let (data, mac) = (input(data, length)?, output(mac, capacity)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { mac::once(cache, key, hash, data, mac) }.map(|length| length as i64)
    })
}

/// Begins an HMAC of any length with its first bytes; returns the number of the operation, which mg_hmac_free ends.
///
/// # Safety
/// `data` must be readable for `length` bytes (null where that is 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_hmac_begin(cache: u64, key: u64, hash: u32, data: *const u8, length: u64) -> i64 {
    guarded(|| {
        let data = input(data, length)?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { mac::begin(cache, key, hash, data) }.map(|number| number as i64)
    })
}

/// Goes on with a message.
///
/// # Safety
/// `data` must be readable for `length` bytes (null where that is 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_hmac_update(operation: u64, data: *const u8, length: u64) -> i32 {
    status(|| {
        let data = input(data, length)?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { mac::update(operation, data) }
    })
}

/// The HMAC of the message; returns its length. The operation goes on with an empty message and the same key.
///
/// # Safety
/// `mac` must be writable for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_hmac_finish(operation: u64, mac: *mut u8, capacity: u64) -> i64 {
    guarded(|| {
        let mac = output(mac, capacity)?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { mac::finish(operation, mac) }.map(|length| length as i64)
    })
}

/// Another operation that goes on where this one is; returns its number.
#[unsafe(no_mangle)]
pub extern "C" fn mg_hmac_copy(operation: u64) -> i64 {
    guarded(|| mac::copy(operation).map(|number| number as i64))
}

/// Wipes the state of an operation.
#[unsafe(no_mangle)]
pub extern "C" fn mg_hmac_free(operation: u64) -> i32 {
    status(|| mac::free(operation))
}

/// Encrypts by AES-GCM with an IV of any length, which must never come again with this key: writes the ciphertext and
/// `tag` bytes (12 to 16) of the tag, and returns how many bytes that was.
///
/// # Safety
/// The inputs must be readable for their lengths (null where that is 0), `sealed` writable for `capacity` bytes; it is
/// `plain` or apart from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_gcm_seal(
    cache: u64,
    key: u64,
    iv: *const u8,
    iv_length: u64,
    aad: *const u8,
    aad_length: u64,
    plain: *const u8,
    length: u64,
    sealed: *mut u8,
    capacity: u64,
    tag: u32,
) -> i64 {
    guarded(|| {
        let message = message((iv, iv_length), (aad, aad_length), tag)?;
        let (plain, sealed) = (input(plain, length)?, output(sealed, capacity)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { gcm::seal(cache, key, &message, plain, sealed) }.map(|written| written as i64)
    })
}

/// Verifies and decrypts what mg_gcm_seal wrote; returns the length of the plaintext, or MG_ERR_AUTHENTICATION and zeros.
///
/// # Safety
/// The inputs must be readable for their lengths (null where that is 0), `plain` writable for `capacity` bytes; it is
/// `sealed` or apart from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_gcm_open(
    cache: u64,
    key: u64,
    iv: *const u8,
    iv_length: u64,
    aad: *const u8,
    aad_length: u64,
    sealed: *const u8,
    length: u64,
    plain: *mut u8,
    capacity: u64,
    tag: u32,
) -> i64 {
    guarded(|| {
        let message = message((iv, iv_length), (aad, aad_length), tag)?;
        let (sealed, plain) = (input(sealed, length)?, output(plain, capacity)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { gcm::open(cache, key, &message, sealed, plain) }.map(|written| written as i64)
    })
}

fn message(iv: (*const u8, u64), aad: (*const u8, u64), tag: u32) -> Result<Message, Error> {
    Ok(Message {
        iv: input(iv.0, iv.1)?,
        aad: input(aad.0, aad.1)?,
        tag: tag as usize,
    })
}

/// Begins AES in steps; returns the number of the operation, which mg_cipher_free ends. `mode`: 1 GCM, which encrypts only,
/// 2 CTR, 3 CBC, 4 CBC with PKCS #7 padding.
///
/// # Safety
/// `iv` must be readable for `iv_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_cipher_begin(
    cache: u64,
    key: u64,
    mode: u32,
    encrypt: u32,
    iv: *const u8,
    iv_length: u64,
) -> i64 {
    guarded(|| {
        let iv = input(iv, iv_length)?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { cipher::begin(cache, key, mode, encrypt != 0, iv) }.map(|number| number as i64)
    })
}

/// Authenticates by GCM what is not encrypted, before the first text.
///
/// # Safety
/// `aad` must be readable for `length` bytes (null where that is 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_cipher_aad(operation: u64, aad: *const u8, length: u64) -> i32 {
    status(|| {
        let aad = input(aad, length)?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { cipher::aad(operation, aad) }
    })
}

/// Goes on; returns how many bytes were written. CBC needs room for 16 bytes more than it gets.
///
/// # Safety
/// `data` must be readable for `length` bytes (null where that is 0), `to` writable for `capacity` bytes and apart from it,
/// or the same where the mode is not CBC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_cipher_update(
    operation: u64,
    data: *const u8,
    length: u64,
    to: *mut u8,
    capacity: u64,
) -> i64 {
    guarded(|| {
        let (data, to) = (input(data, length)?, output(to, capacity)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { cipher::update(operation, data, to) }.map(|written| written as i64)
    })
}

/// Ends: writes what CBC has kept back (`capacity` 16), or `capacity` bytes (12 to 16) of GCM's tag; returns how many bytes that was.
/// MG_ERR_AUTHENTICATION: there is no such padding, or the last block is not whole.
///
/// # Safety
/// `to` must be writable for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_cipher_finish(operation: u64, to: *mut u8, capacity: u64) -> i64 {
    guarded(|| {
        let to = output(to, capacity)?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { cipher::finish(operation, to) }.map(|written| written as i64)
    })
}

/// Wipes the state of an operation.
#[unsafe(no_mangle)]
pub extern "C" fn mg_cipher_free(operation: u64) -> i32 {
    status(|| cipher::free(operation))
}

/// Wraps up to 1 MiB by AES key wrap (RFC 3394), or `padded` (RFC 5649); returns how many bytes that gave.
///
/// # Safety
/// `plain` must be readable for `length` bytes, `wrapped` writable for `capacity` bytes and apart from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_wrap(
    cache: u64,
    key: u64,
    padded: u32,
    plain: *const u8,
    length: u64,
    wrapped: *mut u8,
    capacity: u64,
) -> i64 {
    guarded(|| {
        let (plain, wrapped) = (input(plain, length)?, output(wrapped, capacity)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { wrap::wrap(cache, key, padded != 0, plain, wrapped) }.map(|written| written as i64)
    })
}

/// Wraps another key that lies in a cache.
///
/// # Safety
/// `wrapped` must be writable for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_wrap_key(
    cache: u64,
    key: u64,
    padded: u32,
    other_cache: u64,
    other_key: u64,
    wrapped: *mut u8,
    capacity: u64,
) -> i64 {
    guarded(|| {
        let wrapped = output(wrapped, capacity)?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { wrap::wrap_key(cache, key, padded != 0, (other_cache, other_key), wrapped) }
            .map(|written| written as i64)
    })
}

/// Verifies and unwraps; returns the length. `plain` must have room for 8 bytes less than `wrapped`.
///
/// # Safety
/// `wrapped` must be readable for `length` bytes, `plain` writable for `capacity` bytes and apart from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_unwrap(
    cache: u64,
    key: u64,
    padded: u32,
    wrapped: *const u8,
    length: u64,
    plain: *mut u8,
    capacity: u64,
) -> i64 {
    guarded(|| {
        let (wrapped, plain) = (input(wrapped, length)?, output(plain, capacity)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { wrap::unwrap(cache, key, padded != 0, wrapped, plain) }.map(|written| written as i64)
    })
}

/// Verifies and unwraps into a new key of a cache, whose handle it writes to `handle`.
///
/// # Safety
/// `wrapped` must be readable for `length` bytes, `handle` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_unwrap_key(
    cache: u64,
    key: u64,
    padded: u32,
    wrapped: *const u8,
    length: u64,
    target_cache: u64,
    handle: *mut u64,
) -> i32 {
    status(|| {
        let (wrapped, target) = (input(wrapped, length)?, out(handle)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { target.write(wrap::unwrap_key(cache, key, padded != 0, wrapped, target_cache)?) };
        Ok(())
    })
}

/// HKDF-Extract: a new key of a cache, whose handle it writes to `handle`.
///
/// # Safety
/// `salt` must be readable for `length` bytes (null where that is 0), `handle` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_hkdf_extract(
    cache: u64,
    key: u64,
    hash: u32,
    salt: *const u8,
    length: u64,
    target_cache: u64,
    handle: *mut u64,
) -> i32 {
    status(|| {
        let (salt, target) = (input(salt, length)?, out(handle)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { target.write(hkdf::extract(cache, key, hash, salt, target_cache)?) };
        Ok(())
    })
}

/// HKDF-Expand into bytes.
///
/// # Safety
/// `info` must be readable for `length` bytes (null where that is 0), `to` writable for `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_hkdf_expand(
    cache: u64,
    key: u64,
    hash: u32,
    info: *const u8,
    length: u64,
    to: *mut u8,
    capacity: u64,
) -> i32 {
    status(|| {
        let (info, to) = (input(info, length)?, output(to, capacity)?);
        // SAFETY: the caller vouches for the pointers.
        unsafe { hkdf::expand(cache, key, hash, info, to) }
    })
}

/// HKDF-Expand into a new key of a cache, whose handle it writes to `handle`.
///
/// # Safety
/// `info` must be readable for `length` bytes (null where that is 0), `handle` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_hkdf_expand_key(
    cache: u64,
    key: u64,
    hash: u32,
    info: *const u8,
    length: u64,
    key_length: u64,
    target_cache: u64,
    handle: *mut u64,
) -> i32 {
    status(|| {
        let (info, target) = (input(info, length)?, out(handle)?);
        let length = usize::try_from(key_length).map_err(|_| Error::InvalidArgument)?;
        // SAFETY: the caller vouches for the pointers.
        unsafe { target.write(hkdf::expand_key(cache, key, hash, info, length, target_cache)?) };
        Ok(())
    })
}
