//! Keys at work: each is a value of a sealed cache, opened for one operation, by aws-lc alone.
//!
//! The value of a private key is one byte for its kind, then what operations need: the scalar of an EC key, the 64 bytes of
//! Ed25519, the 32 of X25519, or PKCS#1 DER. Whatever aws-lc allocates meanwhile is in protected memory.

pub mod encoding;
pub mod generate;
pub mod import;
pub mod owned;
pub mod pbes2;
pub mod rsa;
pub mod sign;

use crate::status::Error;
use aws_lc_sys as aws;

/// How deep aws-lc's calls may lie on the stack, in bytes; 44 KiB are one table of RSA.
pub(crate) const STACK: usize = 64 << 10;
/// The same of curves.
pub(crate) const CURVE_STACK: usize = 16 << 10;

/// The kind of a private key; the numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// secp256r1
    P256 = 1,
    /// secp384r1
    P384 = 2,
    /// secp521r1
    P521 = 3,
    /// RFC 8032
    Ed25519 = 4,
    /// RFC 7748
    X25519 = 5,
    /// RFC 8017
    Rsa = 6,
}

impl Kind {
    /// Of the first byte of a value.
    pub fn of(number: u8) -> Result<Kind, Error> {
        [
            Kind::P256,
            Kind::P384,
            Kind::P521,
            Kind::Ed25519,
            Kind::X25519,
            Kind::Rsa,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == number)
        .ok_or(Error::InvalidArgument)
    }

    /// The curve of ECDSA, by aws-lc's number.
    pub fn curve(self) -> Option<i32> {
        match self {
            Kind::P256 => Some(aws::NID_X9_62_prime256v1),
            Kind::P384 => Some(aws::NID_secp384r1),
            Kind::P521 => Some(aws::NID_secp521r1),
            _ => None,
        }
    }

    /// The length of a scalar, in bytes.
    pub fn scalar(self) -> usize {
        match self {
            Kind::P384 => 48,
            Kind::P521 => 66,
            _ => 32,
        }
    }
}
