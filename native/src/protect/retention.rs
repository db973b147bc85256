//! How much memory long windows may keep locked between two uses.
//!
//! A fresh page of secret memory costs some 19 µs, so a long window is worth keeping; but the limit is the whole process's.
//! Whatever of ours needs locked memory takes it from there; a quarter stays for others in the process, who can't. Room is
//! taken when a window is mapped, not at each release, so that hot reads count nothing together.

use std::sync::atomic::{AtomicU64, Ordering};

/// At most this, in bytes, however high the limit is.
const MOST: u64 = 64 << 20;

/// The share of RLIMIT_MEMLOCK, in quarters: under 8 MiB, the usual limit, a value of 5 MB has its window kept.
const QUARTERS: u64 = 3;

static KEPT: AtomicU64 = AtomicU64::new(0);

/// Takes room for so many bytes; false where that would be over the limit.
pub fn reserve(bytes: usize) -> bool {
    let limit = limit();
    let room = |kept: u64| Some(kept + bytes as u64).filter(|sum| *sum <= limit);
    KEPT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
}

/// Gives room back.
pub fn give_back(bytes: usize) {
    KEPT.fetch_sub(bytes as u64, Ordering::Relaxed);
}

/// Three quarters of RLIMIT_MEMLOCK as it is now, and at most 64 MiB; in bytes.
pub fn limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is ours to be written; where that fails it stays 0, and nothing is kept.
    unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    (limit.rlim_cur / 4).saturating_mul(QUARTERS).min(MOST)
}
