//! What files need: AES-256-GCM, Base64, BCFKS containers; and the heap of the cryptographic library.

pub mod aead;
pub mod base64;
pub mod bcfks;
pub mod heap;
pub mod locked_heap;
