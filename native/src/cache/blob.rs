//! One sealed value in one allocation of ordinary memory: `expiry, length || nonce || ciphertext || tag` (AEGIS-256 by
//! libsodium; the nonce is random).
//!
//! `unsafe` is here for libsodium's calls on plain byte ranges, and for an allocation whose failure is an error: those
//! of the standard library end the process, and with it the user's JVM.

use crate::cache::garbage::{self, Garbage};
use crate::cache::lifetime::{Expiry, Lifetime};
use crate::protect::process_key;
use crate::protect::residue;
use crate::status::Error;
use crossbeam_epoch::{Guard, Shared};
use libsodium_sys as sodium;
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::{self, NonNull};

const NONCE: usize = sodium::crypto_aead_aegis256_NPUBBYTES as usize;
const TAG: usize = sodium::crypto_aead_aegis256_ABYTES as usize;

/// Bytes of stack below us that cryptographic code may have left key material in.
const STACK: usize = 1024;

/// A blob so large is freed as soon as possible, not when it suits.
const LARGE: u64 = 16 * 1024;

/// What a value takes beside its own bytes, in bytes.
pub const OVERHEAD: usize = size_of::<Blob>() + NONCE + TAG;

/// The head of a sealed value; the sealed bytes follow it.
#[repr(C)]
pub struct Blob {
    /// When the value expires.
    pub expiry: Expiry,
    length: u64,
}

impl Blob {
    /// The length of the value, in bytes.
    pub fn value_length(&self) -> u64 {
        self.length
    }
}

/// What a value is bound to, beside its length.
#[derive(Clone, Copy)]
pub struct Place {
    /// The cache.
    pub cache: u64,
    /// The handle, with its generation.
    pub handle: u64,
}

#[repr(C)]
struct Aad {
    cache: u64,
    handle: u64,
    length: u64,
}

impl Aad {
    fn new(place: Place, length: u64) -> Aad {
        Aad {
            cache: place.cache,
            handle: place.handle,
            length,
        }
    }

    fn bytes(&self) -> (*const u8, u64) {
        (ptr::from_ref(self).cast(), size_of::<Aad>() as u64)
    }
}

/// The owner of a blob: wipes and frees it when it is dropped.
pub struct Sealed(NonNull<Blob>);

// SAFETY: nothing in a blob belongs to a thread.
unsafe impl Send for Sealed {}

impl Sealed {
    /// Seals a copy of `length` bytes (at most 1 GiB) at `value`.
    ///
    /// # Safety
    /// `value` must be readable for `length` bytes.
    pub unsafe fn new(value: *const u8, length: u64, place: Place, lifetime: Lifetime) -> Result<Sealed, Error> {
        let key = process_key::get()?;
        let aad = Aad::new(place, length);
        let (aad, aad_length) = aad.bytes();
        // SAFETY: the layout is not empty; the head is written before anything may drop the blob; the rest has room for
        // nonce, ciphertext and tag; the caller vouches for `value`.
        unsafe {
            let at = NonNull::new(alloc(layout(length)).cast::<Blob>()).ok_or(Error::OutOfMemory)?;
            at.write(Blob {
                expiry: Expiry::new(lifetime),
                length,
            });
            let sealed = Sealed(at);
            let nonce = bytes(at.as_ptr());
            sodium::randombytes_buf(nonce.cast(), NONCE);
            let status = sodium::crypto_aead_aegis256_encrypt(
                nonce.add(NONCE),
                ptr::null_mut(),
                value,
                length,
                aad,
                aad_length,
                ptr::null(),
                nonce,
                key,
            );
            residue::wipe(STACK);
            if status == 0 { Ok(sealed) } else { Err(Error::System) }
        }
    }

    /// Points to the blob; whoever puts that where readers find it has to forget the owner.
    pub fn share<'g>(&self, _guard: &'g Guard) -> Shared<'g, Blob> {
        Shared::from(self.0.as_ptr().cast_const())
    }

    /// Becomes the owner of a blob again.
    ///
    /// # Safety
    /// The blob came from [`Sealed::share`] of an owner that was forgotten, and nobody else reads it or will.
    pub unsafe fn from_shared(blob: Shared<'_, Blob>) -> Option<Sealed> {
        NonNull::new(blob.as_raw().cast_mut()).map(Sealed)
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        // SAFETY: the blob is ours alone, and was allocated by `new` with the layout of its length.
        unsafe {
            let layout = layout(self.0.as_ref().length);
            sodium::sodium_memzero(self.0.as_ptr().cast(), layout.size());
            dealloc(self.0.as_ptr().cast(), layout);
        }
    }
}

/// Opens a blob into `target`.
///
/// # Safety
/// The blob must be alive, and `target` writable for [`Blob::value_length`] bytes.
pub unsafe fn open(blob: Shared<'_, Blob>, place: Place, target: *mut u8) -> Result<(), Error> {
    let key = process_key::get()?;
    // SAFETY: a blob is initialized by `Sealed::new` before it is shared; the caller vouches for it and for `target`.
    let status = unsafe {
        let length = blob.deref().length;
        let aad = Aad::new(place, length);
        let (aad, aad_length) = aad.bytes();
        let nonce = bytes(blob.as_raw().cast_mut()).cast_const();
        let status = sodium::crypto_aead_aegis256_decrypt(
            target,
            ptr::null_mut(),
            ptr::null_mut(),
            nonce.add(NONCE),
            length + TAG as u64,
            aad,
            aad_length,
            nonce,
            key,
        );
        residue::wipe(STACK);
        status
    };
    if status == 0 {
        Ok(())
    } else {
        Err(Error::Authentication)
    }
}

/// Blobs that nobody reaches any more, as what wipes and frees them.
///
/// # Safety
/// As [`retire`]; and readers may still have them, so that this must not be dropped now.
pub unsafe fn own_all(blobs: Vec<Shared<'_, Blob>>) -> Vec<Sealed> {
    // SAFETY: the caller vouches for it.
    let own = |blob| unsafe { Sealed::from_shared(blob) };
    blobs.into_iter().filter_map(own).collect()
}

/// Wipes and frees a blob once no reader can have it any more.
///
/// # Safety
/// The blob must not be reachable for new readers, and must be retired only once.
pub unsafe fn retire(blob: Shared<'_, Blob>, guard: &Guard) {
    // SAFETY: the caller has unlinked it, so that it has one owner after the grace period.
    unsafe {
        let length = blob.deref().length;
        if let Some(sealed) = Sealed::from_shared(blob) {
            garbage::defer(Garbage::Value(sealed), if length < LARGE { 0 } else { length }, guard);
        }
    }
}

fn layout(length: u64) -> Layout {
    // A length comes from `Sealed::new`, at most 1 GiB.
    Layout::from_size_align(OVERHEAD + length as usize, align_of::<Blob>()).expect("at most 1 GiB")
}

/// # Safety
/// `blob` must point to a blob.
unsafe fn bytes(blob: *mut Blob) -> *mut u8 {
    // SAFETY: the sealed bytes follow the head in the same allocation.
    unsafe { blob.add(1).cast() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crossbeam_epoch::pin;

    /// Flips one bit of the sealed bytes: `at` counts through nonce, ciphertext, tag.
    pub(crate) fn damage(blob: Shared<'_, Blob>, at: usize) {
        // SAFETY: the tests that call this have the blob for themselves.
        unsafe { *bytes(blob.as_raw().cast_mut()).add(at) ^= 1 };
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn the_linked_aegis_256_gives_the_known_answer() {
        // draft-irtf-cfrg-aegis-aead, AEGIS-256, test vector 1
        let key = hex("1001000000000000000000000000000000000000000000000000000000000000");
        let nonce = hex("1000020000000000000000000000000000000000000000000000000000000000");
        let expected =
            hex("754fc3d8c973246dcc6d741412a4b2361181a1d18091082bf0266f66297d167d2e68b845f61a3b0527d31fc7b7b89f13");
        let mut out = [0u8; 48];
        // SAFETY: all buffers have the lengths that the function wants.
        unsafe {
            assert!(sodium::sodium_init() >= 0);
            sodium::crypto_aead_aegis256_encrypt(
                out.as_mut_ptr(),
                ptr::null_mut(),
                [0u8; 16].as_ptr(),
                16,
                ptr::null(),
                0,
                ptr::null(),
                nonce.as_ptr(),
                key.as_ptr(),
            );
        }
        assert_eq!(out.to_vec(), expected);
    }

    #[test]
    fn a_blob_is_nonce_ciphertext_tag_bound_to_cache_handle_and_length() {
        assert_eq!(crate::exports::mg_init(0), 0);
        let value = *b"a value of some length";
        let place = Place { cache: 7, handle: 9 };
        // SAFETY: `value` has its length; the buffers below have the lengths that libsodium wants.
        unsafe {
            let sealed = Sealed::new(value.as_ptr(), value.len() as u64, place, Lifetime::default()).unwrap();
            let mut opened = [0u8; 22];
            let aad: Vec<u8> = [7u64, 9, 22].iter().flat_map(|n| n.to_ne_bytes()).collect();
            let nonce = bytes(sealed.0.as_ptr());
            let status = sodium::crypto_aead_aegis256_decrypt(
                opened.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
                nonce.add(32),
                22 + 32,
                aad.as_ptr(),
                24,
                nonce,
                process_key::get().unwrap(),
            );
            assert_eq!((status, opened), (0, value));
            let elsewhere = Place { cache: 7, handle: 11 };
            let guard = pin();
            let blob = sealed.share(&guard);
            assert_eq!(open(blob, elsewhere, opened.as_mut_ptr()), Err(Error::Authentication));
        }
    }

    #[test]
    fn a_value_takes_88_bytes_beside_its_own() {
        assert_eq!(OVERHEAD, 88);
    }
}
