//! The native half of MemGuard for the JVM.
//!
//! Values lie sealed in ordinary memory ([`cache`], [`blob`]) under one key in protected memory ([`process_key`],
//! [`region`]); a borrow opens one into a [`window`]. Files are sealed by [`aead`], and are Base64 ([`base64`]); their key
//! may lie in a keystore ([`bcfks`]). What C and Java call is in [`exports`].

pub mod aead;
pub mod base64;
pub mod bcfks;
pub mod blob;
pub mod cache;
pub mod clock;
pub mod crypto_heap;
pub mod exports;
pub mod fork;
pub mod garbage;
pub mod kept;
pub mod lifetime;
pub mod process_key;
pub mod region;
pub mod room;
pub mod slots;
pub mod stack;
pub mod state;
pub mod status;
pub mod table;
pub mod traces;
pub mod window;
