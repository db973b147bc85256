//! Base64 (RFC 4648, section 4) of files, which hold ciphertext: nothing here is secret, so its time may depend on it.
//!
//! `unsafe` is here because pointers come from outside.

use crate::status::Error;
use base64_simd::{AsOut, STANDARD};
use std::mem::MaybeUninit;
use std::slice;

/// Decodes padded text without line breaks; returns how many bytes that gave.
///
/// # Safety
/// `text` must be readable and `out` writable for their lengths, apart from one another.
pub unsafe fn decode(text: (*const u8, usize), out: (*mut u8, usize)) -> Result<usize, Error> {
    // SAFETY: the caller vouches for both.
    let (text, out) = unsafe {
        (
            slice::from_raw_parts(text.0, text.1),
            slice::from_raw_parts_mut(out.0.cast::<MaybeUninit<u8>>(), out.1),
        )
    };
    let needed = STANDARD.decoded_length(text).map_err(|_| Error::Authentication)?;
    let room = out.get_mut(..needed).ok_or(Error::InvalidArgument)?;
    match STANDARD.decode(text, room.as_out()) {
        Ok(written) => Ok(written.len()),
        Err(_) => Err(Error::Authentication),
    }
}
