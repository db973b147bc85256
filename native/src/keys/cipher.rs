//! AES in steps by aws-lc: GCM that encrypts, CBC, CTR. The context and its key schedule lie in a window of their own.
//!
//! GCM that decrypts is not here: nothing may come out before all of it is verified (see [`crate::keys::gcm`]).
//! `unsafe` is here for aws-lc's calls.

use crate::crypto::heap;
use crate::keys::numbered::Numbered;
use crate::keys::{self, Input, Output, STACK};
use crate::protect::{residue, stack_room};
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;
use std::ptr;

/// Modes, as the exports number them: GCM that encrypts.
pub const MG_GCM: u32 = 1;
/// CTR.
pub const MG_CTR: u32 = 2;
/// CBC of whole blocks.
pub const MG_CBC: u32 = 3;
/// CBC with the padding of PKCS #7.
pub const MG_CBC_PADDED: u32 = 4;

const BLOCK: usize = 16;
const IV: usize = 16;
/// The longest IV of GCM: more are only hashed.
const MAX_IV: usize = 1 << 16;
/// aws-lc counts in int.
const MAX_STEP: usize = 1 << 30;
/// For the context, and behind it for what aws-lc allocates at its set-up: schedule, state, a long IV.
const CONTEXT: usize = size_of::<aws::EVP_CIPHER_CTX>().next_multiple_of(64);
const BESIDE: usize = 2048 - CONTEXT;

static STATES: Numbered<State> = Numbered::new();

struct State {
    window: Window,
    mode: u32,
    over: bool,
}

impl State {
    fn context(&self) -> *mut aws::EVP_CIPHER_CTX {
        self.window.data().cast()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: a context that is all zeros may be cleaned up, too. The window is wiped after that.
        unsafe { aws::EVP_CIPHER_CTX_cleanup(self.context()) };
    }
}

fn algorithm(mode: u32, length: usize) -> Result<*const aws::EVP_CIPHER, Error> {
    // SAFETY: they only return pointers to constants.
    unsafe {
        Ok(match (mode, length) {
            (MG_GCM, 16) => aws::EVP_aes_128_gcm(),
            (MG_GCM, 24) => aws::EVP_aes_192_gcm(),
            (MG_GCM, 32) => aws::EVP_aes_256_gcm(),
            (MG_CTR, 16) => aws::EVP_aes_128_ctr(),
            (MG_CTR, 24) => aws::EVP_aes_192_ctr(),
            (MG_CTR, 32) => aws::EVP_aes_256_ctr(),
            (MG_CBC | MG_CBC_PADDED, 16) => aws::EVP_aes_128_cbc(),
            (MG_CBC | MG_CBC_PADDED, 24) => aws::EVP_aes_192_cbc(),
            (MG_CBC | MG_CBC_PADDED, 32) => aws::EVP_aes_256_cbc(),
            _ => return Err(Error::Unsupported),
        })
    }
}

/// Begins; returns the number of the operation.
///
/// # Safety
/// `iv` must be readable for its length.
pub unsafe fn begin(cache: u64, key: u64, mode: u32, encrypt: bool, iv: Input) -> Result<u64, Error> {
    let allowed = if mode == MG_GCM { 1..=MAX_IV } else { IV..=IV };
    if !allowed.contains(&iv.1) || (mode == MG_GCM && !encrypt) {
        return Err(Error::InvalidArgument);
    }
    let key = keys::open(cache, key)?;
    let bytes = key.bytes();
    let algorithm = algorithm(mode, bytes.len())?;
    let state = State {
        window: Window::acquire(CONTEXT + BESIDE + iv.1, key.flags())?,
        mode,
        over: false,
    };
    let context = state.context();
    let beside = state.window.data().wrapping_add(CONTEXT);
    let (room, length) = (BESIDE + iv.1, iv.1 as i32);
    let set_up = || {
        // SAFETY: the context is all zeros, which is initialized; the caller vouches for `iv`.
        unsafe {
            let (none, enc) = (ptr::null_mut(), i32::from(encrypt));
            aws::EVP_CipherInit_ex(context, algorithm, none, ptr::null(), ptr::null(), enc) == 1
                && (mode != MG_GCM
                    || aws::EVP_CIPHER_CTX_ctrl(context, aws::EVP_CTRL_AEAD_SET_IVLEN, length, ptr::null_mut()) == 1)
                && aws::EVP_CipherInit_ex(context, ptr::null(), none, bytes.as_ptr(), iv.0, enc) == 1
                && aws::EVP_CIPHER_CTX_set_padding(context, i32::from(mode == MG_CBC_PADDED)) == 1
        }
    };
    // SAFETY: the window outlives the context, which is cleaned up before it is given back.
    let done = unsafe {
        let done = heap::within((beside, room), set_up);
        residue::wipe(STACK);
        done
    };
    if done {
        Ok(STATES.keep(state))
    } else {
        Err(Error::System)
    }
}

/// How many bytes the next step may give at most.
fn most(state: &State, length: usize) -> usize {
    match state.mode {
        MG_CBC | MG_CBC_PADDED => length + BLOCK,
        _ => length,
    }
}

/// Authenticates what is not encrypted; before the first text.
///
/// # Safety
/// `aad` must be readable for its length.
pub unsafe fn aad(number: u64, aad: Input) -> Result<(), Error> {
    stack_room::require()?;
    STATES.with(number, |state| {
        if state.mode != MG_GCM || state.over || aad.1 > MAX_STEP {
            return Err(Error::InvalidArgument);
        }
        let mut written = 0;
        // SAFETY: the context was set up; the caller vouches for `aad`.
        let done = unsafe {
            let done = aws::EVP_CipherUpdate(state.context(), ptr::null_mut(), &mut written, aad.0, aad.1 as i32);
            residue::wipe(STACK);
            aws::ERR_clear_error();
            done
        };
        if done == 1 { Ok(()) } else { Err(Error::InvalidArgument) }
    })
}

/// Goes on; returns how many bytes were written. CBC keeps up to a block back, and needs room for one more than it gets.
///
/// # Safety
/// The pointers must be good for their lengths; `out` is `data` or apart from it, and for CBC apart.
pub unsafe fn update(number: u64, data: Input, out: Output) -> Result<usize, Error> {
    stack_room::require()?;
    STATES.with(number, |state| {
        if state.over || data.1 > MAX_STEP || out.1 < most(state, data.1) {
            return Err(Error::InvalidArgument);
        }
        let mut written = 0;
        // SAFETY: the context was set up; the caller vouches for the pointers.
        let done = unsafe {
            let done = aws::EVP_CipherUpdate(state.context(), out.0, &mut written, data.0, data.1 as i32);
            residue::wipe(STACK);
            done
        };
        state.over = done != 1;
        if done == 1 {
            Ok(written as usize)
        } else {
            Err(Error::System)
        }
    })
}

/// Ends: what was kept back of CBC, with 16 bytes of room, or the tag of GCM, as long as `out`. [`Error::Authentication`]
/// where the padding is not one, or the last block is not whole.
///
/// # Safety
/// `out` must be writable for its length.
pub unsafe fn finish(number: u64, out: Output) -> Result<usize, Error> {
    stack_room::require()?;
    STATES.with(number, |state| {
        let need = match state.mode {
            MG_GCM => out.1.clamp(12, BLOCK),
            MG_CTR => 0,
            _ => BLOCK,
        };
        if state.over || out.1 < need || (state.mode == MG_GCM && out.1 > BLOCK) {
            return Err(Error::InvalidArgument);
        }
        state.over = true;
        let mut written = 0;
        let context = state.context();
        // SAFETY: the context was set up; the caller vouches for `out`.
        let done = unsafe {
            let mut done = aws::EVP_CipherFinal_ex(context, out.0, &mut written) == 1;
            if done && state.mode == MG_GCM {
                let tag = out.0.cast();
                done = aws::EVP_CIPHER_CTX_ctrl(context, aws::EVP_CTRL_AEAD_GET_TAG, out.1 as i32, tag) == 1;
                written = out.1 as i32;
            }
            residue::wipe(STACK);
            aws::ERR_clear_error();
            done
        };
        if done {
            Ok(written as usize)
        } else {
            Err(Error::Authentication)
        }
    })
}

/// Wipes the state.
pub fn free(number: u64) -> Result<(), Error> {
    STATES.free(number)
}
