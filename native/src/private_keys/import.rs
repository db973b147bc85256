//! A key out of a file becomes a value of a cache; its public half and its certificates go to the caller.
//!
//! `unsafe` is here for aws-lc's calls.

use crate::cache;
use crate::cache::lifetime::Lifetime;
use crate::crypto::heap::Switch;
use crate::private_keys::encoding::{self, Read};
use crate::private_keys::owned::Owned;
use crate::private_keys::{Kind, STACK};
use crate::protect::residue;
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;
use std::mem::MaybeUninit;
use std::{ptr, slice};

/// RSA keys of fewer bits are refused, and of more.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// Imports; returns the handle, and `kind || length || SubjectPublicKeyInfo || (length || certificate)*`, lengths of 4 bytes,
/// little-endian.
pub fn import(id: u64, encoded: &[u8], passphrase: Option<&[u8]>) -> Result<(u64, Vec<u8>), Error> {
    let flags = cache::flags(id)?;
    let result = {
        let switch = Switch::on(flags)?;
        read(id, encoded, passphrase, flags).map_err(|error| match error {
            Error::Malformed | Error::OutOfMemory | Error::Passphrase => switch.reason(error),
            other => other,
        })
    };
    residue::wipe(STACK);
    let (handle, public, certificates) = result?;
    let checked = check_chain(&public, &certificates);
    residue::wipe(STACK);
    match checked {
        Ok(kind_and_key) => {
            let mut out = kind_and_key;
            for certificate in certificates {
                out.extend((certificate.len() as u32).to_le_bytes());
                out.extend(certificate);
            }
            Ok((handle, out))
        }
        Err(error) => {
            let _ = cache::with(id, |cache, guard| cache.remove(handle, guard));
            Err(error)
        }
    }
}

type Imported = (u64, Vec<u8>, Vec<Vec<u8>>);

fn read(id: u64, encoded: &[u8], passphrase: Option<&[u8]>, flags: u32) -> Result<Imported, Error> {
    let Read { key, certificates } = encoding::read(encoded, passphrase, flags)?;
    let (kind, window, length) = material(&key, flags)?;
    let public = public_half(kind, &key)?;
    let handle = cache::with(id, |cache, guard| {
        // SAFETY: the window is longer.
        unsafe { cache.put(window.data(), length as u64, Lifetime::default(), guard) }
    })?;
    Ok((handle, public, certificates))
}

/// The value of a key; the window begins with it.
pub fn material(key: &Owned<aws::EVP_PKEY>, flags: u32) -> Result<(Kind, Window, usize), Error> {
    let key = key.get();
    // SAFETY: the key is alive; each buffer goes with its length.
    unsafe {
        match aws::EVP_PKEY_id(key) {
            aws::EVP_PKEY_EC => {
                let ec = aws::EVP_PKEY_get0_EC_KEY(key);
                let kind = match aws::EC_GROUP_get_curve_name(aws::EC_KEY_get0_group(ec)) {
                    aws::NID_X9_62_prime256v1 => Kind::P256,
                    aws::NID_secp384r1 => Kind::P384,
                    aws::NID_secp521r1 => Kind::P521,
                    _ => return Err(Error::Unsupported),
                };
                let scalar = aws::EC_KEY_get0_private_key(ec);
                if scalar.is_null() {
                    return Err(Error::Malformed);
                }
                let window = headed(kind, kind.scalar(), flags)?;
                match aws::BN_bn2bin_padded(window.data().add(1), kind.scalar(), scalar) {
                    1 => Ok((kind, window, 1 + kind.scalar())),
                    _ => Err(Error::Malformed),
                }
            }
            aws::EVP_PKEY_ED25519 => {
                let (window, seed) = (headed(Kind::Ed25519, 64, flags)?, Window::acquire(32, flags)?);
                let (mut length, mut public) = (32, [0; 32]);
                if aws::EVP_PKEY_get_raw_private_key(key, seed.data(), &mut length) != 1 || length != 32 {
                    return Err(Error::Malformed);
                }
                aws::ED25519_keypair_from_seed(public.as_mut_ptr(), window.data().add(1), seed.data());
                Ok((Kind::Ed25519, window, 65))
            }
            aws::EVP_PKEY_X25519 => {
                let window = headed(Kind::X25519, 32, flags)?;
                let mut length = 32;
                match aws::EVP_PKEY_get_raw_private_key(key, window.data().add(1), &mut length) {
                    1 if length == 32 => Ok((Kind::X25519, window, 33)),
                    _ => Err(Error::Malformed),
                }
            }
            aws::EVP_PKEY_RSA => {
                let rsa = aws::EVP_PKEY_get0_RSA(key);
                if !RSA_BITS.contains(&aws::RSA_bits(rsa)) {
                    return Err(Error::Unsupported);
                }
                let room = 5 * aws::RSA_size(rsa) as usize + 64;
                let window = headed(Kind::Rsa, room, flags)?;
                let mut out = MaybeUninit::<aws::CBB>::zeroed();
                let mut length = 0;
                let done = aws::CBB_init_fixed(out.as_mut_ptr(), window.data().add(1), room) == 1
                    && aws::RSA_marshal_private_key(out.as_mut_ptr(), rsa) == 1
                    && aws::CBB_finish(out.as_mut_ptr(), ptr::null_mut(), &mut length) == 1;
                if done {
                    Ok((Kind::Rsa, window, 1 + length))
                } else {
                    Err(Error::Malformed)
                }
            }
            _ => Err(Error::Unsupported),
        }
    }
}

fn headed(kind: Kind, room: usize, flags: u32) -> Result<Window, Error> {
    let window = Window::acquire(1 + room, flags)?;
    // SAFETY: it has room for this.
    unsafe { window.data().write(kind as u8) };
    Ok(window)
}

fn public_half(kind: Kind, key: &Owned<aws::EVP_PKEY>) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; 4096];
    let mut out = MaybeUninit::<aws::CBB>::zeroed();
    let mut length = 0;
    // SAFETY: the buffer goes with its length; it is not secret what is written.
    let done = unsafe {
        aws::CBB_init_fixed(out.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len()) == 1
            && aws::EVP_marshal_public_key(out.as_mut_ptr(), key.get()) == 1
            && aws::CBB_finish(out.as_mut_ptr(), ptr::null_mut(), &mut length) == 1
    };
    if !done {
        return Err(Error::Malformed);
    }
    let mut public = vec![kind as u8];
    public.extend((length as u32).to_le_bytes());
    public.extend(&buffer[..length]);
    Ok(public)
}

/// Whether the first certificate is this key's, and all are certificates. Returns the first part of what goes out.
fn check_chain(public: &[u8], certificates: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
    for (number, der) in certificates.iter().enumerate() {
        let (mut at, end) = (der.as_ptr(), der.as_ptr().wrapping_add(der.len()));
        // SAFETY: the pointers are those of a slice; what is returned is ours, but for the key within.
        unsafe {
            let parsed = aws::d2i_X509(ptr::null_mut(), &mut at, der.len() as _);
            let certificate = Owned::new(parsed, Error::Malformed)?;
            if at != end {
                return Err(Error::Malformed);
            }
            if number == 0 {
                let theirs = Owned::new(aws::X509_get_pubkey(certificate.get()), Error::Unsupported)?;
                let mut input = crate::crypto::bcfks::Der::of(&public[5..]);
                let ours = Owned::new(aws::EVP_parse_public_key(&mut input.0), Error::Malformed)?;
                if aws::EVP_PKEY_cmp(theirs.get(), ours.get()) != 1 {
                    return Err(Error::Mismatch);
                }
            }
        }
    }
    Ok(public.to_vec())
}

/// SHA-256, to see whether a secret is still the same.
pub fn digest(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    // SAFETY: the buffers have their lengths.
    unsafe { aws::SHA256(data.as_ptr(), data.len(), out.as_mut_ptr()) };
    residue::wipe(2048);
    out
}

/// A slice of what a caller vouches for.
///
/// # Safety
/// As for [`slice::from_raw_parts`].
pub unsafe fn slice<'a>(data: *const u8, length: u64) -> &'a [u8] {
    // SAFETY: the caller vouches for it.
    unsafe { slice::from_raw_parts(data, length as usize) }
}
