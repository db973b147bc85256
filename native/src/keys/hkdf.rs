//! HKDF (RFC 5869) by aws-lc, from one key of ours to another.
//!
//! `unsafe` is here for aws-lc's calls.

use crate::keys::{self, Input, Output, STACK, mac};
use crate::protect::residue;
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;

/// Extracts a pseudorandom key; returns the handle of the new key.
///
/// # Safety
/// `salt` must be readable for its length.
pub unsafe fn extract(cache: u64, key: u64, number: u32, salt: Input, target: u64) -> Result<u64, Error> {
    let (hash, length) = mac::hash(number)?;
    let key = keys::open(cache, key)?;
    let made = Window::acquire(length, key.flags())?;
    let (bytes, mut written) = (key.bytes(), 0);
    // SAFETY: the caller vouches for `salt`; the window has room for what the hash gives.
    let done = unsafe {
        let done = aws::HKDF_extract(
            made.data(),
            &mut written,
            hash,
            bytes.as_ptr(),
            bytes.len(),
            salt.0,
            salt.1,
        );
        residue::wipe(STACK);
        done
    };
    if done != 1 || written != length {
        return Err(Error::System);
    }
    // SAFETY: the window is ours and has this length.
    unsafe { keys::keep(target, (made.data(), length)) }
}

/// Expands a pseudorandom key into `out`: at most 255 times what the hash gives, and not nothing.
///
/// # Safety
/// The pointers must be good for their lengths.
pub unsafe fn expand(cache: u64, key: u64, number: u32, info: Input, out: Output) -> Result<(), Error> {
    let (hash, length) = mac::hash(number)?;
    if out.1 == 0 || out.1 > 255 * length {
        return Err(Error::InvalidArgument);
    }
    let key = keys::open(cache, key)?;
    let bytes = key.bytes();
    // SAFETY: the caller vouches for the pointers.
    let done = unsafe {
        let done = aws::HKDF_expand(out.0, out.1, hash, bytes.as_ptr(), bytes.len(), info.0, info.1);
        residue::wipe(STACK);
        done
    };
    if done == 1 { Ok(()) } else { Err(Error::System) }
}

/// Expands into a new key of `length` bytes; returns its handle.
///
/// # Safety
/// `info` must be readable for its length.
pub unsafe fn expand_key(
    cache: u64,
    key: u64,
    number: u32,
    info: Input,
    length: usize,
    target: u64,
) -> Result<u64, Error> {
    if length > 255 * 64 {
        return Err(Error::InvalidArgument);
    }
    let flags = keys::open(cache, key)?.flags();
    let made = Window::acquire(length, flags)?;
    // SAFETY: the caller vouches for `info`; the window is ours and has this length.
    unsafe {
        expand(cache, key, number, info, (made.data(), length))?;
        keys::keep(target, (made.data(), length))
    }
}
