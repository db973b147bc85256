//! New keys, as PKCS#8 in PEM. `unsafe` is here for aws-lc's calls.

use crate::crypto::heap::Switch;
use crate::private_keys::owned::Owned;
use crate::private_keys::{Kind, STACK};
use crate::protect::residue;
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;
use std::mem::MaybeUninit;
use std::ptr;

const HEAD: &[u8] = b"-----BEGIN PRIVATE KEY-----\n";
const TAIL: &[u8] = b"-----END PRIVATE KEY-----\n";
const ROOM: usize = 8 << 10;
/// Of DER in one line of 64 characters.
const LINE: usize = 48;

/// Makes a key and writes it as PEM to `out`; returns how many bytes that were.
///
/// * `bits`: of an RSA key
///
/// # Safety
/// `out` must be writable for `capacity` bytes.
pub unsafe fn generate(kind: Kind, bits: u32, out: *mut u8, capacity: usize, flags: u32) -> Result<usize, Error> {
    if kind == Kind::Rsa && ![2048, 3072, 4096].contains(&bits) {
        return Err(Error::InvalidArgument);
    }
    let written = {
        let switch = Switch::on(flags)?;
        // SAFETY: the caller vouches for `out`.
        make(kind, bits, flags)
            .and_then(|key| unsafe { write(key.get(), out, capacity, flags) })
            .map_err(|error| {
                if error == Error::System {
                    switch.reason(error)
                } else {
                    error
                }
            })
    };
    residue::wipe(STACK);
    written
}

fn make(kind: Kind, bits: u32, flags: u32) -> Result<Owned<aws::EVP_PKEY>, Error> {
    // SAFETY: each result is checked, and owned.
    unsafe {
        if let Kind::Ed25519 | Kind::X25519 = kind {
            let raw = Window::acquire(32, flags)?;
            let id = if kind == Kind::Ed25519 {
                aws::EVP_PKEY_ED25519
            } else {
                aws::EVP_PKEY_X25519
            };
            if aws::RAND_bytes(raw.data(), 32) != 1 {
                return Err(Error::System);
            }
            return Owned::new(
                aws::EVP_PKEY_new_raw_private_key(id, ptr::null_mut(), raw.data(), 32),
                Error::System,
            );
        }
        let key = Owned::new(aws::EVP_PKEY_new(), Error::System)?;
        let done = if let Some(curve) = kind.curve() {
            let ec = Owned::new(aws::EC_KEY_new_by_curve_name(curve), Error::System)?;
            aws::EC_KEY_generate_key(ec.get()) == 1 && aws::EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1
        } else {
            let rsa = Owned::new(aws::RSA_new(), Error::System)?;
            let e = Owned::new(aws::BN_new(), Error::System)?;
            aws::BN_set_word(e.get(), 65_537) == 1
                && aws::RSA_generate_key_ex(rsa.get(), bits as i32, e.get(), ptr::null_mut()) == 1
                && aws::EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1
        };
        if done { Ok(key) } else { Err(Error::System) }
    }
}

unsafe fn write(key: *const aws::EVP_PKEY, out: *mut u8, capacity: usize, flags: u32) -> Result<usize, Error> {
    let der = Window::acquire(ROOM, flags)?;
    let line = Window::acquire(4 * LINE, flags)?;
    let mut builder = MaybeUninit::<aws::CBB>::zeroed();
    let mut length = 0;
    // SAFETY: the window goes with its length.
    let done = unsafe {
        aws::CBB_init_fixed(builder.as_mut_ptr(), der.data(), der.length()) == 1
            && aws::EVP_marshal_private_key(builder.as_mut_ptr(), key) == 1
            && aws::CBB_finish(builder.as_mut_ptr(), ptr::null_mut(), &mut length) == 1
    };
    if !done {
        return Err(Error::System);
    }
    let text = length.div_ceil(3) * 4 + length.div_ceil(LINE);
    if capacity < HEAD.len() + text + TAIL.len() {
        return Err(Error::InvalidArgument);
    }
    // SAFETY: there is room, as was just checked; a line has room for 64 characters and a zero.
    unsafe {
        ptr::copy_nonoverlapping(HEAD.as_ptr(), out, HEAD.len());
        let mut at = HEAD.len();
        let mut done = 0;
        while done < length {
            let part = LINE.min(length - done);
            let characters = aws::EVP_EncodeBlock(line.data(), der.data().add(done), part);
            ptr::copy_nonoverlapping(line.data(), out.add(at), characters);
            out.add(at + characters).write(b'\n');
            at += characters + 1;
            done += part;
        }
        ptr::copy_nonoverlapping(TAIL.as_ptr(), out.add(at), TAIL.len());
        Ok(at + TAIL.len())
    }
}
