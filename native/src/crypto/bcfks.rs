//! Reads a BCFKS container (Bouncy Castle's format of a keystore) of the kind that MemGuard writes: HMAC and PBKDF2
//! (RFC 8018) with SHA-512, AES-256 key wrap with padding (RFC 5649). The parser (DER) and the ciphers are aws-lc's.
//!
//! What comes out, and what passes through ordinary memory here, is a key that is still wrapped by another one; the
//! password and what it gives are wiped. `unsafe` is here for aws-lc's calls.

use crate::crypto::heap;
use crate::protect::residue;
use crate::status::Error;
use aws_lc_sys as aws;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::slice;

/// The longest container, in bytes.
pub const MAX_LENGTH: u64 = 1 << 20;
/// The longest password, in characters.
pub const MAX_PASSWORD: usize = 128;

pub(crate) const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"; // 1.2.840.113549.1.5.12
pub(crate) const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"; // 1.2.840.113549.1.5.13
pub(crate) const HMAC_SHA512: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0b"; // 1.2.840.113549.2.11
const AES256_WRAP_PAD: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x30"; // 2.16.840.1.101.3.4.1.48

pub(crate) const SEQUENCE: u32 = aws::CBS_ASN1_SEQUENCE as u32;
pub(crate) const OCTETS: u32 = aws::CBS_ASN1_OCTETSTRING as u32;
pub(crate) const OBJECT: u32 = aws::CBS_ASN1_OBJECT as u32;
const UTF8: u32 = aws::CBS_ASN1_UTF8STRING as u32;
const TIME: u32 = aws::CBS_ASN1_GENERALIZEDTIME as u32;

const MAC: usize = 64; // SHA-512's
const KEY: usize = 32;
/// The count stands outside of what the MAC covers; more would only keep the processor busy.
const MAX_ITERATIONS: u64 = 1 << 20;
const MAX_PURPOSE: usize = 32;
const STACK: usize = 16 << 10; // PBKDF2 lies several calls deep.

/// DER that is read from its front.
pub(crate) struct Der<'a>(pub(crate) aws::CBS, PhantomData<&'a [u8]>);

impl<'a> Der<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let mut der = MaybeUninit::uninit();
        // SAFETY: CBS_init writes all of it, and only keeps the pointer, for which the lifetime stands.
        unsafe {
            aws::CBS_init(der.as_mut_ptr(), bytes.as_ptr(), bytes.len());
            Der(der.assume_init(), PhantomData)
        }
    }

    /// The content of the next element, which has this tag.
    pub(crate) fn next(&mut self, tag: u32) -> Result<Der<'a>, Error> {
        let mut content = Der::of(&[]);
        // SAFETY: both are set up.
        match unsafe { aws::CBS_get_asn1(&mut self.0, &mut content.0, tag) } {
            1 => Ok(content),
            _ => Err(Error::Authentication),
        }
    }

    /// The next element with its header.
    pub(crate) fn whole(&mut self, tag: u32) -> Result<Der<'a>, Error> {
        let mut element = Der::of(&[]);
        // SAFETY: both are set up.
        match unsafe { aws::CBS_get_asn1_element(&mut self.0, &mut element.0, tag) } {
            1 => Ok(element),
            _ => Err(Error::Authentication),
        }
    }

    pub(crate) fn number(&mut self) -> Result<u64, Error> {
        let mut number = 0;
        // SAFETY: it is set up.
        match unsafe { aws::CBS_get_asn1_uint64(&mut self.0, &mut number) } {
            1 => Ok(number),
            _ => Err(Error::Authentication),
        }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        match self.0.len {
            0 => &[],
            // SAFETY: it lies in the slice that it was made of.
            length => unsafe { slice::from_raw_parts(self.0.data, length) },
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The algorithm that is expected, else the container is of another kind.
    fn algorithm(&mut self, known: &[u8]) -> Result<Der<'a>, Error> {
        let mut algorithm = self.next(SEQUENCE)?;
        if algorithm.next(OBJECT)?.bytes() == known {
            Ok(algorithm)
        } else {
            Err(Error::Unsupported)
        }
    }

    /// The same for one without parameters: none, or a NULL.
    fn plain_algorithm(&mut self, known: &[u8]) -> Result<(), Error> {
        match self.algorithm(known)?.bytes() {
            b"" | b"\x05\x00" => Ok(()),
            _ => Err(Error::Unsupported),
        }
    }
}

/// A derived key; wiped when it goes.
struct Key {
    bytes: [u8; MAC],
    length: usize,
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { aws::OPENSSL_cleanse(self.bytes.as_mut_ptr().cast(), MAC) };
    }
}

/// One character is one byte: BCFKS takes passwords as UTF-16 with a zero behind it, and the purpose of a key likewise.
struct Password<'a>(&'a [u8]);

impl Password<'_> {
    fn derive(&self, function: &mut Der, purpose: &str) -> Result<Key, Error> {
        let mut parameters = function.algorithm(PBKDF2)?.next(SEQUENCE)?;
        let salt = parameters.next(OCTETS)?;
        let iterations = parameters.number()?;
        let mut rest = Der(parameters.0, PhantomData);
        let length = match rest.number() {
            Ok(length) => {
                parameters = rest;
                length as usize
            }
            Err(_) => KEY,
        };
        parameters.plain_algorithm(HMAC_SHA512)?;
        if iterations == 0 || iterations > MAX_ITERATIONS || (length != KEY && length != MAC) {
            return Err(Error::Unsupported);
        }
        let mut text = [0; 2 * (MAX_PASSWORD + 1 + MAX_PURPOSE + 1)];
        let mut used = 0;
        for part in [self.0, purpose.as_bytes()] {
            for byte in part {
                text[used + 1] = *byte;
                used += 2;
            }
            used += 2;
        }
        let mut key = Key {
            bytes: [0; MAC],
            length,
        };
        // SAFETY: all pointers go with their lengths; the text is ours.
        let done = unsafe {
            let done = aws::PKCS5_PBKDF2_HMAC(
                text.as_ptr().cast(),
                used,
                salt.bytes().as_ptr(),
                salt.bytes().len(),
                iterations as u32,
                aws::EVP_sha512(),
                length,
                key.bytes.as_mut_ptr(),
            );
            aws::OPENSSL_cleanse(text.as_mut_ptr().cast(), text.len());
            done
        };
        if done == 1 { Ok(key) } else { Err(Error::OutOfMemory) }
    }

    fn verify(&self, content: &Der, check: &mut Der) -> Result<(), Error> {
        let mut check = check.next(SEQUENCE)?;
        check.plain_algorithm(HMAC_SHA512)?;
        let key = self.derive(&mut check, "INTEGRITY_CHECK")?;
        let expected = check.next(OCTETS)?.bytes();
        let mut mac = [0; MAC];
        let mut length = 0;
        // SAFETY: all pointers go with their lengths; a MAC of SHA-512 has room.
        let same = unsafe {
            let made = aws::HMAC(
                aws::EVP_sha512(),
                key.bytes.as_ptr().cast(),
                key.length,
                content.bytes().as_ptr(),
                content.bytes().len(),
                mac.as_mut_ptr(),
                &mut length,
            );
            !made.is_null()
                && expected.len() == MAC
                && aws::CRYPTO_memcmp(mac.as_ptr().cast(), expected.as_ptr().cast(), MAC) == 0
        };
        if same { Ok(()) } else { Err(Error::Authentication) }
    }

    /// What the next two elements of `from` are: an algorithm, and what it has encrypted.
    fn decrypt(&self, from: &mut Der, purpose: &str) -> Result<Vec<u8>, Error> {
        let mut scheme = from.algorithm(PBES2)?.next(SEQUENCE)?;
        let key = self.derive(&mut scheme, purpose)?;
        scheme.plain_algorithm(AES256_WRAP_PAD)?;
        let sealed = from.next(OCTETS)?.bytes();
        if key.length != KEY {
            return Err(Error::Unsupported);
        }
        let mut plain = vec![0; sealed.len()];
        let mut length = 0;
        let mut expanded = MaybeUninit::<aws::AES_KEY>::uninit();
        // SAFETY: the key is expanded before it is used, and wiped after; all pointers go with their lengths.
        let done = unsafe {
            let done = aws::AES_set_decrypt_key(key.bytes.as_ptr(), 8 * KEY as u32, expanded.as_mut_ptr()) == 0
                && aws::AES_unwrap_key_padded(
                    expanded.as_ptr(),
                    plain.as_mut_ptr(),
                    &mut length,
                    plain.len(),
                    sealed.as_ptr(),
                    sealed.len(),
                ) == 1;
            aws::OPENSSL_cleanse(expanded.as_mut_ptr().cast(), size_of::<aws::AES_KEY>());
            done
        };
        plain.truncate(length);
        if done { Ok(plain) } else { Err(Error::Authentication) }
    }
}

/// Writes the bytes of the secret key under `alias`, and returns how many; 0 where there is no such entry.
///
/// Errors: [`Error::Authentication`] where the container was changed, or has another password;
/// [`Error::Unsupported`] where it verifies and is encrypted in another way.
pub fn read(container: &[u8], password: &[u8], alias: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    heap::require()?;
    if password.len() > MAX_PASSWORD {
        return Err(Error::InvalidArgument);
    }
    let found = find(container, &Password(password), alias);
    residue::wipe(STACK);
    let Some(key) = found? else { return Ok(0) };
    out.get_mut(..key.len())
        .ok_or(Error::InvalidArgument)?
        .copy_from_slice(&key);
    Ok(key.len())
}

fn find(container: &[u8], password: &Password, alias: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut file = Der::of(container);
    let mut store = file.next(SEQUENCE)?;
    let mut content = store.whole(SEQUENCE)?;
    // Another kind of MAC is no reason to ask somebody else, who would pay whatever it costs before it is known who asks.
    password
        .verify(&content, &mut store)
        .map_err(|_| Error::Authentication)?;
    if !store.is_empty() || !file.is_empty() {
        return Err(Error::Authentication);
    }
    let data = password.decrypt(&mut content.next(SEQUENCE)?, "STORE_ENCRYPTION")?;
    let mut data = Der::of(&data).next(SEQUENCE)?;
    data.number()?; // version
    data.next(SEQUENCE)?; // integrity algorithm
    data.next(TIME)?;
    data.next(TIME)?;
    let mut entries = data.next(SEQUENCE)?;
    while !entries.is_empty() {
        let mut entry = entries.next(SEQUENCE)?;
        entry.number()?; // type
        let name = entry.next(UTF8)?;
        entry.next(TIME)?;
        entry.next(TIME)?;
        if name.bytes() == alias {
            let mut entry = entry.next(OCTETS)?.next(SEQUENCE)?;
            let plain = password.decrypt(&mut entry, "SECRET_KEY_ENCRYPTION")?;
            let mut key = Der::of(&plain).next(SEQUENCE)?;
            key.next(OBJECT)?; // algorithm
            return Ok(Some(key.next(OCTETS)?.bytes().to_vec()));
        }
    }
    Ok(None)
}
