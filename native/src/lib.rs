//! The native half of MemGuard for the JVM.
//!
//! Values are sealed in ordinary memory ([`cache`]) under one key in protected memory ([`protect`]); a borrow opens one into
//! a window ([`windows`]); keys are used in one ([`keys`]). Files are sealed by [`crypto::aead`], and are Base64; their key may be in a keystore
//! ([`crypto::bcfks`]). What C and Java call is in [`exports`] and
//! [`symmetric_exports`].

pub mod cache;
pub mod clock;
pub mod crypto;
pub mod exports;
pub mod key_exports;
pub mod keys;
pub mod private_keys;
pub mod protect;
pub mod status;
pub mod symmetric_exports;
pub mod windows;
