//! Sealed values are wiped before their memory is anybody else's: this allocator looks at what it gets back.

mod support;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::*;

/// A length that nothing else in this program has.
const LENGTH: usize = 54_321;
const SEALED: usize = memguard_ffi::blob::OVERHEAD + LENGTH;

static WIPED: AtomicU64 = AtomicU64::new(0);
static NOT_WIPED: AtomicU64 = AtomicU64::new(0);

struct Looking;

// SAFETY: all work is the system allocator's.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's until it is given back below.
        unsafe {
            if layout.size() == SEALED {
                let wiped = std::slice::from_raw_parts(at, SEALED).iter().all(|&byte| byte == 0);
                let counter = if wiped { &WIPED } else { &NOT_WIPED };
                counter.fetch_add(1, Ordering::SeqCst);
            }
            System.dealloc(at, layout);
        }
    }
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

/// Waits until so many values are freed: whoever comes by frees them.
fn freed(count: u64) {
    let (keeper, begin) = (Cache::new(), Instant::now());
    while WIPED.load(Ordering::SeqCst) + NOT_WIPED.load(Ordering::SeqCst) < count {
        mg_remove(keeper.0, keeper.put(b"something to do"));
        assert!(begin.elapsed() < Duration::from_secs(60), "it is never freed");
    }
}

#[test]
fn whatever_way_a_value_goes_it_is_wiped() {
    let (cache, value) = (Cache::new(), vec![0xAB; LENGTH]);
    assert_eq!(mg_remove(cache.0, cache.put(&value)), MG_OK);
    freed(1);
    let replaced = cache.put(&value);
    assert_eq!(cache.replace(replaced, b"short"), MG_OK);
    freed(2);
    let expired = cache.put_for(&value, 1, 0);
    sleep(Duration::from_millis(5));
    assert_eq!(cache.read(expired), Err(MG_ERR_STALE_HANDLE));
    freed(3);
    cache.put_for(&value, 1, 0);
    sleep(Duration::from_millis(5));
    assert_eq!(mg_sweep(cache.0), 1);
    freed(4);
    cache.put(&value);
    assert_eq!(mg_cache_clear(cache.0), MG_OK);
    freed(5);
    cache.put(&value);
    assert_eq!(mg_cache_free(cache.0), MG_OK);
    freed(6);
    assert_eq!((WIPED.load(Ordering::SeqCst), NOT_WIPED.load(Ordering::SeqCst)), (6, 0));
}
