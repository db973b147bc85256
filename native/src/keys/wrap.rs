//! AES key wrap (RFC 3394), and with padding (RFC 5649), by aws-lc.
//!
//! `unsafe` is here for aws-lc's calls.

use crate::keys::{self, Input, Opened, Output, Room, STACK};
use crate::protect::residue;
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;
use std::ptr;

/// Longer than any key that is wrapped; time grows with the length.
const MAX_LENGTH: usize = 1 << 20;

fn expand(key: &Opened, encrypt: bool) -> Result<Room<'_, aws::AES_KEY>, Error> {
    let bytes = key.bytes();
    if ![16, 24, 32].contains(&bytes.len()) {
        return Err(Error::Unsupported);
    }
    let room = key.room::<aws::AES_KEY>()?;
    let (data, bits) = (bytes.as_ptr(), 8 * bytes.len() as u32);
    // SAFETY: the room is ours, the key as long as that.
    let done = unsafe {
        if encrypt {
            aws::AES_set_encrypt_key(data, bits, room.at())
        } else {
            aws::AES_set_decrypt_key(data, bits, room.at())
        }
    };
    if done == 0 { Ok(room) } else { Err(Error::System) }
}

/// How long so many bytes are when they are wrapped; none where they can't be.
fn wrapped_length(padded: bool, length: usize) -> Option<usize> {
    match length {
        _ if length > MAX_LENGTH => None,
        1.. if padded => Some(length.next_multiple_of(8) + 8),
        16.. if length.is_multiple_of(8) => Some(length + 8),
        _ => None,
    }
}

/// Wraps some bytes; returns how many bytes that gave.
///
/// # Safety
/// The pointers must be good for their lengths, and apart from each other.
pub unsafe fn wrap(cache: u64, key: u64, padded: bool, plain: Input, out: Output) -> Result<usize, Error> {
    let length = wrapped_length(padded, plain.1).filter(|length| *length <= out.1);
    let length = length.ok_or(Error::InvalidArgument)?;
    let key = keys::open(cache, key)?;
    let schedule = expand(&key, true)?;
    let mut written = 0;
    // SAFETY: the caller vouches for the pointers; there is room for what is written.
    unsafe {
        if padded {
            aws::AES_wrap_key_padded(schedule.at(), out.0, &mut written, out.1, plain.0, plain.1);
        } else {
            let made = aws::AES_wrap_key(schedule.at(), ptr::null(), out.0, plain.0, plain.1);
            written = usize::try_from(made).unwrap_or(0);
        }
        residue::wipe(STACK);
    }
    if written == length {
        Ok(length)
    } else {
        Err(Error::System)
    }
}

/// Wraps another key of ours, which no one else sees.
///
/// # Safety
/// `out` must be writable for its length.
pub unsafe fn wrap_key(cache: u64, key: u64, padded: bool, other: (u64, u64), out: Output) -> Result<usize, Error> {
    let other = keys::open(other.0, other.1)?;
    let bytes = other.bytes();
    // SAFETY: the caller vouches for `out`; a window is apart from it.
    unsafe { wrap(cache, key, padded, (bytes.as_ptr(), bytes.len()), out) }
}

/// Verifies and unwraps; returns the length. `out` must have room for eight bytes less than `wrapped` has.
///
/// # Safety
/// The pointers must be good for their lengths, and apart from each other.
pub unsafe fn unwrap(cache: u64, key: u64, padded: bool, wrapped: Input, out: Output) -> Result<usize, Error> {
    let least = if padded { 16 } else { 24 };
    if wrapped.1 < least || wrapped.1 > MAX_LENGTH + 16 || !wrapped.1.is_multiple_of(8) || out.1 < wrapped.1 - 8 {
        return Err(Error::InvalidArgument);
    }
    let key = keys::open(cache, key)?;
    let schedule = expand(&key, false)?;
    let mut written = 0;
    // SAFETY: the caller vouches for the pointers; there is room for what is written.
    let done = unsafe {
        let done = if padded {
            aws::AES_unwrap_key_padded(schedule.at(), out.0, &mut written, out.1, wrapped.0, wrapped.1) == 1
        } else {
            let made = aws::AES_unwrap_key(schedule.at(), ptr::null(), out.0, wrapped.0, wrapped.1);
            written = usize::try_from(made).unwrap_or(0);
            made > 0
        };
        residue::wipe(STACK);
        aws::ERR_clear_error();
        if !done {
            aws::OPENSSL_cleanse(out.0.cast(), wrapped.1 - 8);
        }
        done
    };
    if done { Ok(written) } else { Err(Error::Authentication) }
}

/// Unwraps into a new key of ours; returns its handle.
///
/// # Safety
/// `wrapped` must be readable for its length.
pub unsafe fn unwrap_key(cache: u64, key: u64, padded: bool, wrapped: Input, target: u64) -> Result<u64, Error> {
    if wrapped.1 > MAX_LENGTH {
        return Err(Error::InvalidArgument);
    }
    let flags = keys::open(cache, key)?.flags();
    let window = Window::acquire(wrapped.1.saturating_sub(8), flags)?;
    let out = (window.data(), window.length());
    // SAFETY: the caller vouches for `wrapped`; the window is ours.
    let length = unsafe { unwrap(cache, key, padded, wrapped, out)? };
    // SAFETY: so many bytes were written to the window.
    unsafe { keys::keep(target, (window.data(), length)) }
}
