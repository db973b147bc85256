//! AES-GCM (NIST SP 800-38D) of one message, with an IV of any length, by aws-lc.
//!
//! `unsafe` is here for aws-lc's calls.

use crate::keys::{self, Input, Opened, Output, Room, STACK};
use crate::protect::residue;
use crate::status::Error;
use aws_lc_sys as aws;
use libsodium_sys as sodium;
use std::ptr;

/// The lengths that a tag may have, in bytes: those that SunJCE takes.
const TAGS: std::ops::RangeInclusive<usize> = 12..=16;

/// What goes with the text of a message.
pub struct Message {
    /// Not empty.
    pub iv: Input,
    /// What is authenticated only.
    pub aad: Input,
    /// The length of the tag in bytes, 12 to 16.
    pub tag: usize,
}

fn expand<'key>(key: &'key Opened, message: &Message) -> Result<Room<'key, aws::EVP_AEAD_CTX>, Error> {
    if message.iv.1 == 0 || !TAGS.contains(&message.tag) {
        return Err(Error::InvalidArgument);
    }
    let bytes = key.bytes();
    // SAFETY: they only return pointers to constants.
    let algorithm = unsafe {
        match bytes.len() {
            16 => aws::EVP_aead_aes_128_gcm(),
            24 => aws::EVP_aead_aes_192_gcm(),
            32 => aws::EVP_aead_aes_256_gcm(),
            _ => return Err(Error::Unsupported),
        }
    };
    let room = key.room::<aws::EVP_AEAD_CTX>()?;
    let (at, length, tag) = (room.at(), bytes.len(), message.tag);
    // SAFETY: the room is ours. The context holds no memory of its own, so wiping the room is all that it needs.
    let done = unsafe { aws::EVP_AEAD_CTX_init(at, algorithm, bytes.as_ptr(), length, tag, ptr::null_mut()) };
    if done == 1 { Ok(room) } else { Err(Error::System) }
}

/// Encrypts; writes the ciphertext and then the tag, and returns how many bytes that was.
///
/// # Safety
/// The pointers must be good for their lengths; `out` is `plain` or apart from it.
pub unsafe fn seal(cache: u64, key: u64, message: &Message, plain: Input, out: Output) -> Result<usize, Error> {
    let whole = plain.1.checked_add(message.tag).ok_or(Error::InvalidArgument)?;
    if out.1 < whole {
        return Err(Error::InvalidArgument);
    }
    let key = keys::open(cache, key)?;
    let context = expand(&key, message)?;
    let (mut written, (iv, aad)) = (0, (message.iv, message.aad));
    // SAFETY: the caller vouches for the pointers.
    let done = unsafe {
        let done = aws::EVP_AEAD_CTX_seal(
            context.at(),
            out.0,
            &mut written,
            whole,
            iv.0,
            iv.1,
            plain.0,
            plain.1,
            aad.0,
            aad.1,
        );
        residue::wipe(STACK);
        done
    };
    if done == 1 && written == whole {
        Ok(whole)
    } else {
        Err(Error::System)
    }
}

/// Verifies and decrypts; returns the length of the plaintext. Nothing but zeros is written where it does not verify.
///
/// # Safety
/// The pointers must be good for their lengths; `out` is `sealed` or apart from it.
pub unsafe fn open(cache: u64, key: u64, message: &Message, sealed: Input, out: Output) -> Result<usize, Error> {
    let length = sealed.1.checked_sub(message.tag).ok_or(Error::InvalidArgument)?;
    if out.1 < length {
        return Err(Error::InvalidArgument);
    }
    let key = keys::open(cache, key)?;
    let context = expand(&key, message)?;
    let (mut written, (iv, aad)) = (0, (message.iv, message.aad));
    // SAFETY: the caller vouches for the pointers.
    let done = unsafe {
        let done = aws::EVP_AEAD_CTX_open(
            context.at(),
            out.0,
            &mut written,
            length,
            iv.0,
            iv.1,
            sealed.0,
            sealed.1,
            aad.0,
            aad.1,
        );
        residue::wipe(STACK);
        done
    };
    if done == 1 && written == length {
        return Ok(length);
    }
    // SAFETY: the caller vouches for `out`; aws-lc's queue of errors is this thread's.
    unsafe {
        aws::ERR_clear_error();
        sodium::sodium_memzero(out.0.cast(), length);
    }
    Err(Error::Authentication)
}
