//! AES-256-GCM for files, by aws-lc: `12-byte random IV || ciphertext || 16-byte tag` (NIST SP 800-38D).
//!
//! The context with the expanded key lies in protected memory, several to a page. `unsafe` is here for aws-lc's calls.

use crate::crypto::heap;
use crate::protect::region::{Kind, MG_BEST_EFFORT, PAGE, Region};
use crate::protect::residue;
use crate::status::Error;
use crate::windows::with_room;
use aws_lc_sys as aws;
use libsodium_sys as sodium;
use std::collections::HashMap;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// The length of a key, in bytes.
pub const KEY: usize = 32;
/// What sealing adds, in bytes.
pub const OVERHEAD: usize = IV + TAG;

const IV: usize = 12;
const TAG: usize = 16;
const STACK: usize = 2048;

/// Contexts are cache lines apart.
const CONTEXT: usize = size_of::<aws::EVP_AEAD_CTX>().next_multiple_of(64);
const IN_A_PAGE: usize = PAGE / CONTEXT;

static KEYS: RwLock<Option<HashMap<u64, Arc<Context>>>> = RwLock::new(None);
static PAGES: Mutex<Vec<Page>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

struct Page {
    region: Region,
    used: [bool; IN_A_PAGE],
}

/// An expanded key in protected memory; wiped when the last user is done with it.
struct Context {
    at: *mut aws::EVP_AEAD_CTX,
}

// SAFETY: aws-lc only reads a context that is sealed or opened with; it is written by `new` and `drop` alone.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// # Safety
    /// `key` must be readable for [`KEY`] bytes.
    unsafe fn new(key: *const u8, flags: u32) -> Result<Context, Error> {
        let at = place(flags)?;
        // From here on dropping it wipes the place and gives it back, also if the key set-up fails.
        let context = Context { at };
        // SAFETY: `at` is room for a context that is ours alone; the caller vouches for `key`.
        let done = unsafe {
            let done = aws::EVP_AEAD_CTX_init(at, aws::EVP_aead_aes_256_gcm(), key.cast(), KEY, TAG, ptr::null_mut());
            residue::wipe(STACK);
            done
        };
        if done == 1 { Ok(context) } else { Err(Error::System) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the last user is gone. A context that is all zeros (never set up) may be cleaned up, too.
        unsafe {
            aws::EVP_AEAD_CTX_cleanup(self.at);
            sodium::sodium_memzero(self.at.cast(), CONTEXT);
        }
        let mut pages = PAGES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let address = self.at as usize;
        pages.retain_mut(|page| {
            let base = page.region.data() as usize;
            if (base..base + PAGE).contains(&address) {
                page.used[(address - base) / CONTEXT] = false;
            }
            page.used.contains(&true)
        });
    }
}

fn place(flags: u32) -> Result<*mut aws::EVP_AEAD_CTX, Error> {
    let mut pages = PAGES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for page in pages.iter_mut() {
        if page.region.kind() == Kind::Unlocked && flags & MG_BEST_EFFORT == 0 {
            continue;
        }
        if let Some(number) = page.used.iter().position(|used| !used) {
            page.used[number] = true;
            return Ok(page.region.data().wrapping_add(number * CONTEXT).cast());
        }
    }
    let mut page = Page {
        region: with_room(PAGE, flags, |flags| Region::new(PAGE, flags))?,
        used: [false; IN_A_PAGE],
    };
    page.used[0] = true;
    let at = page.region.data().cast();
    pages.push(page);
    Ok(at)
}

/// Takes a copy of a key; the number is never used again.
///
/// # Safety
/// `key` must be readable for [`KEY`] bytes.
pub unsafe fn create(key: *const u8, flags: u32) -> Result<u64, Error> {
    heap::require()?;
    // SAFETY: the caller vouches for `key`.
    let context = Arc::new(unsafe { Context::new(key, flags) }?);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut keys = KEYS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    keys.get_or_insert_default().insert(number, context);
    Ok(number)
}

/// Wipes a key; calls that are under way end first.
pub fn free(number: u64) -> Result<(), Error> {
    let removed = {
        let mut keys = KEYS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        keys.as_mut().and_then(|keys| keys.remove(&number))
    };
    removed.map(drop).ok_or(Error::StaleHandle)
}

fn find(number: u64) -> Result<Arc<Context>, Error> {
    let keys = KEYS.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    keys.as_ref()
        .and_then(|keys| keys.get(&number))
        .cloned()
        .ok_or(Error::StaleHandle)
}

/// Seals `length` bytes; writes `length + OVERHEAD` bytes.
///
/// # Safety
/// The pointers must be good for their lengths; `out` must not overlap `plain`.
pub unsafe fn seal(number: u64, aad: (*const u8, usize), plain: (*const u8, usize), out: *mut u8) -> Result<(), Error> {
    let context = find(number)?;
    let mut written = 0;
    // SAFETY: the caller vouches for the pointers; the context is alive as long as the Arc is.
    let done = unsafe {
        sodium::randombytes_buf(out.cast(), IV);
        let done = aws::EVP_AEAD_CTX_seal(
            context.at,
            out.add(IV),
            &mut written,
            plain.1 + TAG,
            out,
            IV,
            plain.0,
            plain.1,
            aad.0,
            aad.1,
        );
        residue::wipe(STACK);
        done
    };
    if done == 1 && written == plain.1 + TAG {
        Ok(())
    } else {
        Err(Error::System)
    }
}

/// Opens sealed bytes; writes `sealed.1 - OVERHEAD` bytes, zeros where they do not verify.
///
/// # Safety
/// The pointers must be good for their lengths; `out` must not overlap `sealed`.
pub unsafe fn open(
    number: u64,
    aad: (*const u8, usize),
    sealed: (*const u8, usize),
    out: *mut u8,
) -> Result<(), Error> {
    let context = find(number)?;
    let length = sealed.1.checked_sub(OVERHEAD).ok_or(Error::InvalidArgument)?;
    let mut written = 0;
    // SAFETY: the caller vouches for the pointers; the context is alive as long as the Arc is.
    let done = unsafe {
        let done = aws::EVP_AEAD_CTX_open(
            context.at,
            out,
            &mut written,
            length,
            sealed.0,
            IV,
            sealed.0.add(IV),
            sealed.1 - IV,
            aad.0,
            aad.1,
        );
        residue::wipe(STACK);
        aws::ERR_clear_error();
        done
    };
    if done == 1 && written == length {
        return Ok(());
    }
    // SAFETY: the caller vouches for `out`.
    unsafe { sodium::sodium_memzero(out.cast(), length) };
    Err(Error::Authentication)
}
