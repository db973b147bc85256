//! RSA keys that were used lately stay parsed, in the locked heap: parsing takes longer than signing. A bounded number; the one
//! that was not used for longest goes first.
//!
//! `unsafe` is here for aws-lc's calls.

use crate::cache;
use crate::private_keys::owned::Owned;
use crate::status::Error;
use aws_lc_sys as aws;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// How many stay; each takes some 10 to 20 KiB.
const MOST: usize = 64;

/// A parsed key.
pub struct Parsed(Owned<aws::RSA>);

// SAFETY: aws-lc guards what changes in an RSA key (blinding, Montgomery forms) by locks of its own.
unsafe impl Send for Parsed {}
// SAFETY: as above.
unsafe impl Sync for Parsed {}

impl Parsed {
    /// For aws-lc's calls.
    pub fn get(&self) -> *mut aws::RSA {
        self.0.get()
    }
}

struct Kept {
    cache: u64,
    handle: u64,
    used: u64,
    key: Arc<Parsed>,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());
static CLOCK: AtomicU64 = AtomicU64::new(0);

fn kept() -> MutexGuard<'static, Vec<Kept>> {
    KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The key of a handle, as it was kept; the handle is still good.
pub fn known(id: u64, handle: u64) -> Option<Arc<Parsed>> {
    let used = CLOCK.fetch_add(1, Ordering::Relaxed);
    let mut kept = kept();
    let found = kept.iter_mut().find(|one| one.handle == handle && one.cache == id)?;
    found.used = used;
    Some(found.key.clone())
}

/// Parses PKCS#1, which is checked again, and keeps it.
pub fn parse(id: u64, handle: u64, der: &[u8]) -> Result<Arc<Parsed>, Error> {
    // SAFETY: the slice goes with its length.
    let rsa = unsafe {
        Owned::new(
            aws::RSA_private_key_from_bytes(der.as_ptr(), der.len()),
            Error::Malformed,
        )
    }?;
    let key = Arc::new(Parsed(rsa));
    let used = CLOCK.fetch_add(1, Ordering::Relaxed);
    let evicted = {
        let mut kept = kept();
        kept.push(Kept {
            cache: id,
            handle,
            used,
            key: key.clone(),
        });
        let oldest = (0..kept.len()).min_by_key(|at| kept[*at].used);
        if kept.len() > MOST {
            oldest.map(|at| kept.swap_remove(at))
        } else {
            None
        }
    };
    drop(evicted);
    // Removed meanwhile, it would stay for good.
    if cache::with(id, |cache, guard| cache.length(handle, guard)).is_err() {
        forget(|cache, kept| cache == id && kept == handle);
        return Err(Error::StaleHandle);
    }
    Ok(key)
}

/// Wipes what is kept of some; operations under way end first.
pub fn forget(which: impl Fn(u64, u64) -> bool) {
    let mut gone = Vec::new();
    let mut kept = kept();
    let mut at = 0;
    while at < kept.len() {
        if which(kept[at].cache, kept[at].handle) {
            gone.push(kept.swap_remove(at));
        } else {
            at += 1;
        }
    }
    drop(kept);
}

/// How many are kept.
pub fn count() -> usize {
    kept().len()
}
