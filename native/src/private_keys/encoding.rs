//! Private keys and certificates as they are in files: PEM (RFC 7468), or DER of PKCS#8, encrypted PKCS#8, PKCS#1, SEC1.
//! aws-lc reads the DER; what is here splits text, and looks which of the four it is.
//!
//! `unsafe` is here for aws-lc's calls.

use crate::crypto::bcfks::{Der, OCTETS, SEQUENCE};
use crate::private_keys::owned::Owned;
use crate::private_keys::pbes2;
use crate::status::Error;
use crate::windows::Window;
use aws_lc_sys as aws;
use std::ptr;

/// The longest input, in bytes.
pub const MAX_LENGTH: u64 = 1 << 20;
/// The longest chain.
pub const MAX_CERTIFICATES: usize = 64;
/// The longest passphrase, in bytes.
pub const MAX_PASSPHRASE: u64 = 1 << 16;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// A key, and the DER of the certificates that stand behind it.
pub struct Read {
    /// The private key, in protected memory.
    pub key: Owned<aws::EVP_PKEY>,
    /// Its chain, not secret.
    pub certificates: Vec<Vec<u8>>,
}

/// Reads either form; `flags` as for a window.
pub fn read(encoded: &[u8], passphrase: Option<&[u8]>, flags: u32) -> Result<Read, Error> {
    let Some(mut at) = find(encoded, BEGIN) else {
        let key = private_key(encoded, passphrase, flags)?;
        return Ok(Read {
            key,
            certificates: Vec::new(),
        });
    };
    let (mut key, mut certificates) = (None, Vec::new());
    loop {
        let rest = &encoded[at + BEGIN.len()..];
        let label = &rest[..find(rest, DASHES).ok_or(Error::Malformed)?];
        let body = &rest[label.len() + DASHES.len()..];
        let end = find(body, END).ok_or(Error::Malformed)?;
        let after = &body[end + END.len()..];
        if !after.strip_prefix(label).is_some_and(|rest| rest.starts_with(DASHES)) {
            return Err(Error::Malformed);
        }
        let body = &body[..end];
        match label {
            b"CERTIFICATE" | b"X509 CERTIFICATE" => {
                if certificates.len() == MAX_CERTIFICATES {
                    return Err(Error::Malformed);
                }
                let (window, length) = decode(body, flags)?;
                // SAFETY: it was just written, and is ours.
                certificates.push(unsafe { std::slice::from_raw_parts(window.data(), length) }.to_vec());
            }
            _ if label.ends_with(b"PRIVATE KEY") => {
                if key.is_some() {
                    return Err(Error::Malformed);
                }
                if find(body, b"Proc-Type").is_some() || label == b"OPENSSH PRIVATE KEY" {
                    return Err(Error::Unsupported);
                }
                let der = decode(body, flags)?;
                // SAFETY: nobody writes to the window any more.
                key = Some(private_key(unsafe { pbes2::plain(&der) }, passphrase, flags)?);
            }
            _ => {}
        }
        let done = encoded.len() - after.len();
        match find(&encoded[done..], BEGIN) {
            Some(next) => at = done + next,
            None => break,
        }
    }
    Ok(Read {
        key: key.ok_or(Error::Malformed)?,
        certificates,
    })
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Base64 with line breaks, in constant time for a length.
fn decode(text: &[u8], flags: u32) -> Result<(Window, usize), Error> {
    let (packed, plain) = (Window::acquire(text.len(), flags)?, Window::acquire(text.len(), flags)?);
    let (mut length, mut written) = (0, 0);
    // SAFETY: both windows are as long as the text; what is written is shorter.
    let done = unsafe {
        for byte in text {
            packed.data().add(length).write(*byte);
            length += usize::from(!byte.is_ascii_whitespace());
        }
        aws::EVP_DecodeBase64(plain.data(), &mut written, plain.length(), packed.data(), length)
    };
    if done == 1 && written > 0 {
        Ok((plain, written))
    } else {
        Err(Error::Malformed)
    }
}

/// DER of any of the four kinds, in plaintext or encrypted.
fn private_key(der: &[u8], passphrase: Option<&[u8]>, flags: u32) -> Result<Owned<aws::EVP_PKEY>, Error> {
    let mut content = Der::of(der).next(SEQUENCE).map_err(|_| Error::Malformed)?;
    if content.next(SEQUENCE).is_ok() {
        let passphrase = passphrase.ok_or(Error::Passphrase)?;
        let plain = pbes2::decrypt(der, passphrase, flags)?;
        // SAFETY: nobody writes to the window any more. CBC has no check of its own, so that garbage is a wrong passphrase.
        let plain = unsafe { pbes2::plain(&plain) };
        return parse(plain, aws_pkcs8).map_err(|error| match error {
            Error::Malformed => Error::Passphrase,
            other => other,
        });
    }
    let mut content = Der::of(content_of(der)?);
    content.number().map_err(|_| Error::Malformed)?; // version
    if content.next(SEQUENCE).is_ok() {
        parse(der, aws_pkcs8)
    } else if content.next(OCTETS).is_ok() {
        parse(der, aws_sec1)
    } else {
        parse(der, aws_pkcs1)
    }
}

fn content_of(der: &[u8]) -> Result<&[u8], Error> {
    Ok(Der::of(der).next(SEQUENCE).map_err(|_| Error::Malformed)?.bytes())
}

/// Also where something stands behind it, which no key has.
fn parse(
    der: &[u8],
    parser: unsafe fn(*mut aws::CBS) -> Result<Owned<aws::EVP_PKEY>, Error>,
) -> Result<Owned<aws::EVP_PKEY>, Error> {
    let mut input = Der::of(der);
    // SAFETY: the input is set up, and lives on.
    let key = unsafe { parser(&mut input.0) }?;
    if input.is_empty() {
        Ok(key)
    } else {
        Err(Error::Malformed)
    }
}

unsafe fn aws_pkcs8(input: *mut aws::CBS) -> Result<Owned<aws::EVP_PKEY>, Error> {
    // SAFETY: the caller vouches for the input.
    unsafe { Owned::new(aws::EVP_parse_private_key(input), Error::Malformed) }
}

unsafe fn aws_sec1(input: *mut aws::CBS) -> Result<Owned<aws::EVP_PKEY>, Error> {
    // SAFETY: the caller vouches for the input.
    unsafe {
        let ec = Owned::new(aws::EC_KEY_parse_private_key(input, ptr::null()), Error::Malformed)?;
        let key = Owned::new(aws::EVP_PKEY_new(), Error::OutOfMemory)?;
        let set = aws::EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1;
        if set { Ok(key) } else { Err(Error::OutOfMemory) }
    }
}

unsafe fn aws_pkcs1(input: *mut aws::CBS) -> Result<Owned<aws::EVP_PKEY>, Error> {
    // SAFETY: the caller vouches for the input.
    unsafe {
        let rsa = Owned::new(aws::RSA_parse_private_key(input), Error::Malformed)?;
        let key = Owned::new(aws::EVP_PKEY_new(), Error::OutOfMemory)?;
        let set = aws::EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1;
        if set { Ok(key) } else { Err(Error::OutOfMemory) }
    }
}
