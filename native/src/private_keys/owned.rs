//! What aws-lc hands out, given back when it is dropped. `unsafe` is here for that.

use crate::status::Error;
use aws_lc_sys as aws;
use std::ptr::NonNull;

/// What has a function to give it back.
pub trait Freed {
    /// Gives it back.
    ///
    /// # Safety
    /// `it` must be the caller's, and is nobody's afterwards.
    unsafe fn free(it: *mut Self);
}

macro_rules! freed {
    ($($kind:ident by $function:ident),*) => { $(
        impl Freed for aws::$kind {
            unsafe fn free(it: *mut Self) {
                // SAFETY: the caller vouches for it.
                unsafe { aws::$function(it) };
            }
        }
    )* };
}

freed!(EVP_PKEY by EVP_PKEY_free, RSA by RSA_free, EC_KEY by EC_KEY_free, BIGNUM by BN_free, X509 by X509_free,
    ECDSA_SIG by ECDSA_SIG_free, EVP_CIPHER_CTX by EVP_CIPHER_CTX_free);

/// Owns a thing of aws-lc.
pub struct Owned<T: Freed>(NonNull<T>);

impl<T: Freed> Owned<T> {
    /// Takes over what a call returned; null is the error.
    ///
    /// # Safety
    /// `it` must be null or the caller's.
    pub unsafe fn new(it: *mut T, error: Error) -> Result<Owned<T>, Error> {
        NonNull::new(it).map(Owned).ok_or(error)
    }

    /// For aws-lc's calls.
    pub fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T: Freed> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { T::free(self.0.as_ptr()) };
    }
}
