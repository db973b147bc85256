//! One sealed value: `nonce || ciphertext || tag` in one allocation of ordinary memory (AEGIS-256, libsodium).
//!
//! `unsafe` is here for libsodium's calls on plain byte ranges.

use crate::process_key;
use crate::status::Error;
use crossbeam_epoch::{Guard, Owned, Shared};
use libsodium_sys as sodium;
use std::mem::MaybeUninit;
use std::ptr;

/// What a blob is behind an epoch-protected pointer; its length is stored in front of it.
pub type Blob = [MaybeUninit<u8>];

const NONCE: usize = sodium::crypto_aead_aegis256_NPUBBYTES as usize;
const TAG: usize = sodium::crypto_aead_aegis256_ABYTES as usize;

/// Bytes of stack below us that cryptographic code may have left key material in.
const STACK: usize = 1024;

/// What sealing adds to a value, in bytes.
pub const OVERHEAD: usize = NONCE + TAG;

/// What a value is bound to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Place {
    /// The cache.
    pub cache: u64,
    /// The handle, with its generation.
    pub handle: u64,
    /// The length of the value.
    pub length: u64,
}

impl Place {
    fn aad(&self) -> (*const u8, u64) {
        (ptr::from_ref(self).cast(), size_of::<Place>() as u64)
    }
}

/// Seals `place.length` bytes at `value` under a random nonce.
///
/// # Safety
/// `value` must be readable for `place.length` bytes.
pub unsafe fn seal(value: *const u8, place: Place) -> Result<Owned<Blob>, Error> {
    let key = process_key::get()?;
    let mut blob = Owned::<Blob>::init(OVERHEAD + place.length as usize);
    let (aad, aad_length) = place.aad();
    let nonce = blob.as_mut_ptr().cast::<u8>();
    // SAFETY: the blob has room for the nonce, the ciphertext and the tag; the caller vouches for `value`.
    let status = unsafe {
        sodium::randombytes_buf(nonce.cast(), NONCE);
        let status = sodium::crypto_aead_aegis256_encrypt(
            nonce.add(NONCE),
            ptr::null_mut(),
            value,
            place.length,
            aad,
            aad_length,
            ptr::null(),
            nonce,
            key,
        );
        sodium::sodium_stackzero(STACK);
        status
    };
    if status == 0 { Ok(blob) } else { Err(Error::System) }
}

/// Opens a blob into `target`.
///
/// # Safety
/// `target` must be writable for `place.length` bytes.
pub unsafe fn open(blob: &Blob, place: Place, target: *mut u8) -> Result<(), Error> {
    let key = process_key::get()?;
    let (aad, aad_length) = place.aad();
    let nonce = blob.as_ptr().cast::<u8>();
    // SAFETY: a blob is initialized by `seal` before it is shared; the caller vouches for `target`.
    let status = unsafe {
        let status = sodium::crypto_aead_aegis256_decrypt(
            target,
            ptr::null_mut(),
            ptr::null_mut(),
            nonce.add(NONCE),
            (blob.len() - NONCE) as u64,
            aad,
            aad_length,
            nonce,
            key,
        );
        sodium::sodium_stackzero(STACK);
        status
    };
    if status == 0 {
        Ok(())
    } else {
        Err(Error::Authentication)
    }
}

/// The length of the value in a blob.
pub fn value_length(blob: &Blob) -> usize {
    blob.len() - OVERHEAD
}

/// Wipes and frees a blob once no reader can have it any more.
///
/// # Safety
/// The blob must not be reachable for new readers.
pub unsafe fn retire(blob: Shared<'_, Blob>, guard: &Guard) {
    // SAFETY: the caller has unlinked it, so after the grace period the closure is its only owner.
    unsafe {
        let mut blob = blob.into_owned();
        guard.defer_unchecked(move || {
            sodium::sodium_memzero(blob.as_mut_ptr().cast(), blob.len());
            drop(blob);
        });
    }
}
