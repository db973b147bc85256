//! Signatures. `unsafe` is here for aws-lc's calls.

use crate::cache;
use crate::crypto::heap::Switch;
use crate::private_keys::owned::Owned;
use crate::private_keys::{CURVE_STACK, Kind, STACK, rsa};
use crate::protect::residue;
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;
use std::ptr;
use std::slice;
use std::sync::Arc;

/// The way to sign, and its digests: `way | digest << 8 | digest of MGF1 << 16`.
const ECDSA_DER: u32 = 1;
const ECDSA_P1363: u32 = 2;
const ED25519: u32 = 3;
const RSA_PKCS1: u32 = 4;
const RSA_PSS: u32 = 5;

/// The longest signature, in bytes: RSA's of 8192 bits.
pub const LONGEST: usize = 1024;

type Digest = (i32, *const aws::EVP_MD, usize);

fn digest(number: u32) -> Result<Digest, Error> {
    // SAFETY: they return what is there for ever.
    unsafe {
        match number {
            1 => Ok((aws::NID_sha1, aws::EVP_sha1(), 20)),
            2 => Ok((aws::NID_sha224, aws::EVP_sha224(), 28)),
            3 => Ok((aws::NID_sha256, aws::EVP_sha256(), 32)),
            4 => Ok((aws::NID_sha384, aws::EVP_sha384(), 48)),
            5 => Ok((aws::NID_sha512, aws::EVP_sha512(), 64)),
            _ => Err(Error::InvalidArgument),
        }
    }
}

/// Signs a digest, or Ed25519's whole message; writes to `out` and returns how many bytes.
///
/// * `salt`: of PSS, in bytes
pub fn sign(id: u64, handle: u64, way: u32, salt: u32, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let flags = cache::flags(id)?;
    let known = match way & 0xFF {
        RSA_PKCS1 | RSA_PSS => rsa::known(id, handle),
        _ => None,
    };
    let result = match known {
        Some(key) => {
            let switch = Switch::on(flags)?;
            with_rsa(&key, way, salt, data, out).map_err(|error| reason(&switch, error))
        }
        None => {
            let window = cache::borrow(id, handle)?;
            let switch = Switch::on(flags)?;
            with_window(id, handle, &window, way, salt, data, out).map_err(|error| reason(&switch, error))
        }
    };
    match way & 0xFF {
        RSA_PKCS1 | RSA_PSS => residue::wipe(STACK),
        _ => residue::wipe(CURVE_STACK),
    }
    result
}

fn reason(switch: &Switch, error: Error) -> Error {
    if error == Error::System {
        switch.reason(error)
    } else {
        error
    }
}

fn with_window(
    id: u64,
    handle: u64,
    window: &Window,
    way: u32,
    salt: u32,
    data: &[u8],
    out: &mut [u8],
) -> Result<usize, Error> {
    // SAFETY: the window is ours, and as long as it says.
    let value = unsafe { slice::from_raw_parts(window.data(), window.length()) };
    let (first, material) = value.split_first().ok_or(Error::InvalidArgument)?;
    let kind = Kind::of(*first)?;
    match (way & 0xFF, kind.curve(), kind) {
        (ECDSA_DER | ECDSA_P1363, Some(curve), _) if material.len() == kind.scalar() => {
            ecdsa(curve, material, way & 0xFF == ECDSA_P1363, data, out)
        }
        (ED25519, _, Kind::Ed25519) if material.len() == 64 => {
            let out = out.get_mut(..64).ok_or(Error::InvalidArgument)?;
            // SAFETY: 64 bytes each; the message goes with its length.
            match unsafe { aws::ED25519_sign(out.as_mut_ptr(), data.as_ptr(), data.len(), material.as_ptr()) } {
                1 => Ok(64),
                _ => Err(Error::System),
            }
        }
        (RSA_PKCS1 | RSA_PSS, _, Kind::Rsa) => {
            let key: Arc<rsa::Parsed> = rsa::parse(id, handle, material).map_err(|error| match error {
                Error::Malformed => Error::System, // It was parsed before: protected memory is short.
                other => other,
            })?;
            with_rsa(&key, way, salt, data, out)
        }
        _ => Err(Error::InvalidArgument),
    }
}

fn ecdsa(curve: i32, scalar: &[u8], p1363: bool, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    // SAFETY: each result is checked, and owned; each buffer goes with its length.
    unsafe {
        let key = Owned::new(aws::EC_KEY_new_by_curve_name(curve), Error::System)?;
        let number = Owned::new(
            aws::BN_bin2bn(scalar.as_ptr(), scalar.len(), ptr::null_mut()),
            Error::System,
        )?;
        if aws::EC_KEY_set_private_key(key.get(), number.get()) != 1 {
            return Err(Error::System);
        }
        if p1363 {
            let signature = Owned::new(aws::ECDSA_do_sign(data.as_ptr(), data.len(), key.get()), Error::System)?;
            let (mut r, mut s) = (ptr::null(), ptr::null());
            aws::ECDSA_SIG_get0(signature.get(), &mut r, &mut s);
            let half = scalar.len();
            let out = out.get_mut(..2 * half).ok_or(Error::InvalidArgument)?;
            let done = aws::BN_bn2bin_padded(out.as_mut_ptr(), half, r) == 1
                && aws::BN_bn2bin_padded(out[half..].as_mut_ptr(), half, s) == 1;
            if done { Ok(2 * half) } else { Err(Error::System) }
        } else {
            if out.len() < aws::ECDSA_size(key.get()) {
                return Err(Error::InvalidArgument);
            }
            let mut length = 0;
            match aws::ECDSA_sign(0, data.as_ptr(), data.len(), out.as_mut_ptr(), &mut length, key.get()) {
                1 => Ok(length as usize),
                _ => Err(Error::System),
            }
        }
    }
}

fn with_rsa(key: &rsa::Parsed, way: u32, salt: u32, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    // SAFETY: the key is alive; each buffer goes with its length, and has room for the modulus.
    unsafe {
        let size = aws::RSA_size(key.get()) as usize;
        let out = out.get_mut(..size).ok_or(Error::InvalidArgument)?;
        let mut length = 0;
        let done = if way & 0xFF == RSA_PSS {
            let (_, hash, expected) = digest(way >> 8 & 0xFF)?;
            let (_, mask, _) = digest(way >> 16 & 0xFF)?;
            if data.len() != expected || expected + salt as usize + 2 > size {
                return Err(Error::InvalidArgument);
            }
            aws::RSA_sign_pss_mgf1(
                key.get(),
                &mut length,
                out.as_mut_ptr(),
                size,
                data.as_ptr(),
                data.len(),
                hash,
                mask,
                salt as i32,
            )
        } else if way >> 8 & 0xFF == 0 {
            if data.len() + 11 > size {
                return Err(Error::InvalidArgument);
            }
            let padding = aws::RSA_PKCS1_PADDING;
            aws::RSA_sign_raw(
                key.get(),
                &mut length,
                out.as_mut_ptr(),
                size,
                data.as_ptr(),
                data.len(),
                padding,
            )
        } else {
            let (number, _, expected) = digest(way >> 8 & 0xFF)?;
            if data.len() != expected {
                return Err(Error::InvalidArgument);
            }
            let mut written = 0;
            let done = aws::RSA_sign(
                number,
                data.as_ptr(),
                data.len(),
                out.as_mut_ptr(),
                &mut written,
                key.get(),
            );
            length = written as usize;
            done
        };
        if done == 1 { Ok(length) } else { Err(Error::System) }
    }
}
