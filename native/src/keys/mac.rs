//! HMAC (RFC 2104) by aws-lc; the inner and outer states lie in protected memory.
//!
//! `unsafe` is here for aws-lc's calls.

use crate::keys::numbered::Numbered;
use crate::keys::{self, Input, Output, STACK};
use crate::protect::{residue, stack_room};
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;
use std::ptr;

/// The hash functions, as the exports number them.
pub const MG_SHA1: u32 = 1;
/// SHA-224.
pub const MG_SHA224: u32 = 224;
/// SHA-256.
pub const MG_SHA256: u32 = 256;
/// SHA-384.
pub const MG_SHA384: u32 = 384;
/// SHA-512.
pub const MG_SHA512: u32 = 512;

static STATES: Numbered<State> = Numbered::new();

/// aws-lc's description of a hash function, and the length of its result in bytes.
pub fn hash(number: u32) -> Result<(*const aws::EVP_MD, usize), Error> {
    // SAFETY: they only return pointers to constants.
    unsafe {
        match number {
            MG_SHA1 => Ok((aws::EVP_sha1(), 20)),
            MG_SHA224 => Ok((aws::EVP_sha224(), 28)),
            MG_SHA256 => Ok((aws::EVP_sha256(), 32)),
            MG_SHA384 => Ok((aws::EVP_sha384(), 48)),
            MG_SHA512 => Ok((aws::EVP_sha512(), 64)),
            _ => Err(Error::Unsupported),
        }
    }
}

/// The MAC of one message; returns its length.
///
/// # Safety
/// The pointers must be good for their lengths.
pub unsafe fn once(cache: u64, key: u64, number: u32, data: Input, out: Output) -> Result<usize, Error> {
    let (hash, length) = hash(number)?;
    if out.1 < length {
        return Err(Error::InvalidArgument);
    }
    let key = keys::open(cache, key)?;
    let room = key.room::<aws::HMAC_CTX>()?;
    let context = room.at();
    // SAFETY: the context is all zeros, which is initialized; the caller vouches for the pointers.
    let done = unsafe {
        let bytes = key.bytes();
        let done = aws::HMAC_Init_ex(context, bytes.as_ptr().cast(), bytes.len(), hash, ptr::null_mut()) == 1
            && aws::HMAC_Update(context, data.0, data.1) == 1
            && aws::HMAC_Final(context, out.0, ptr::null_mut()) == 1;
        residue::wipe(STACK);
        done
    };
    if done { Ok(length) } else { Err(Error::System) }
}

/// A MAC that is being made, in a window of its own.
struct State {
    window: Window,
    length: usize,
    flags: u32,
}

impl State {
    fn new(length: usize, flags: u32) -> Result<State, Error> {
        let window = Window::acquire(size_of::<aws::HMAC_CTX>(), flags)?;
        Ok(State { window, length, flags })
    }

    fn context(&self) -> *mut aws::HMAC_CTX {
        self.window.data().cast()
    }

    /// # Safety
    /// `data` must be readable for its length.
    unsafe fn update(&mut self, data: Input) -> Result<(), Error> {
        // SAFETY: the context was set up by `begin` or `copy`.
        let done = unsafe {
            let done = aws::HMAC_Update(self.context(), data.0, data.1);
            residue::wipe(STACK);
            done
        };
        if done == 1 { Ok(()) } else { Err(Error::System) }
    }
}

/// Begins a MAC of any length with its first bytes; returns its number.
///
/// # Safety
/// `data` must be readable for its length.
pub unsafe fn begin(cache: u64, key: u64, number: u32, data: Input) -> Result<u64, Error> {
    let (hash, length) = hash(number)?;
    let key = keys::open(cache, key)?;
    let mut state = State::new(length, key.flags())?;
    let bytes = key.bytes();
    // SAFETY: a window is zeros at first, which is a context that is initialized.
    let done = unsafe {
        let done = aws::HMAC_Init_ex(
            state.context(),
            bytes.as_ptr().cast(),
            bytes.len(),
            hash,
            ptr::null_mut(),
        );
        residue::wipe(STACK);
        done
    };
    if done != 1 {
        return Err(Error::System);
    }
    // SAFETY: the caller vouches for it.
    unsafe { state.update(data)? };
    Ok(STATES.keep(state))
}

/// Goes on with a message.
///
/// # Safety
/// `data` must be readable for its length.
pub unsafe fn update(number: u64, data: Input) -> Result<(), Error> {
    stack_room::require()?;
    // SAFETY: the caller vouches for it.
    STATES.with(number, |state| unsafe { state.update(data) })
}

/// The MAC of the message; from then on the state is that of an empty one.
///
/// # Safety
/// `out` must be writable for its length.
pub unsafe fn finish(number: u64, out: Output) -> Result<usize, Error> {
    stack_room::require()?;
    STATES.with(number, |state| {
        if out.1 < state.length {
            return Err(Error::InvalidArgument);
        }
        let context = state.context();
        // SAFETY: the context was set up; the caller vouches for `out`.
        let done = unsafe {
            let done = aws::HMAC_Final(context, out.0, ptr::null_mut()) == 1
                && aws::HMAC_Init_ex(context, ptr::null(), 0, ptr::null(), ptr::null_mut()) == 1;
            residue::wipe(STACK);
            done
        };
        if done { Ok(state.length) } else { Err(Error::System) }
    })
}

/// Another one that begins where this one is.
pub fn copy(number: u64) -> Result<u64, Error> {
    stack_room::require()?;
    let copy = STATES.with(number, |state| {
        let copy = State::new(state.length, state.flags)?;
        // SAFETY: both are contexts; it copies all of the one into the other.
        unsafe {
            aws::HMAC_CTX_copy_ex(copy.context(), state.context());
            residue::wipe(STACK);
        }
        Ok(copy)
    })?;
    Ok(STATES.keep(copy))
}

/// Wipes a state.
pub fn free(number: u64) -> Result<(), Error> {
    STATES.free(number)
}
