//! Sealed values are wiped before their memory is anybody else's, and never freed by a reader: this allocator looks at what
//! it gets back, and from whom.

mod support;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use support::*;

/// A length that nothing else in this program has.
const LENGTH: usize = 54_321;
const SEALED: usize = memguard_ffi::cache::blob::OVERHEAD + LENGTH;

/// Another one.
const REPLACED: usize = 4_321;
const SEALED_REPLACED: usize = memguard_ffi::cache::blob::OVERHEAD + REPLACED;

thread_local! {
    static READS: Cell<bool> = const { Cell::new(false) };
}

static BY_READERS: AtomicU64 = AtomicU64::new(0);
static BY_OTHERS: AtomicU64 = AtomicU64::new(0);
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
            if layout.size() == SEALED_REPLACED {
                let counter = if READS.get() { &BY_READERS } else { &BY_OTHERS };
                counter.fetch_add(1, Ordering::SeqCst);
            }
            System.dealloc(at, layout);
        }
    }
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

/// Waits until so many values are freed: whoever writes frees them.
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

/// Ends the readers also where a test fails, which would wait for them for ever.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn readers_free_no_value() {
    const COUNT: u64 = 20_000;
    let (cache, done) = (Cache::new(), AtomicBool::new(false));
    let (read, replaced, value) = (cache.put(b"read"), cache.put(b""), vec![0xAB; REPLACED]);
    scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                READS.set(true);
                while !done.load(Ordering::Relaxed) {
                    drop(cache.borrow(read).unwrap());
                }
            });
        }
        let _end = End(&done);
        for _ in 0..COUNT {
            assert_eq!(cache.replace(replaced, &value), MG_OK);
        }
        assert_eq!(mg_remove(cache.0, replaced), MG_OK);
        let begin = Instant::now();
        while BY_READERS.load(Ordering::SeqCst) + BY_OTHERS.load(Ordering::SeqCst) < COUNT {
            mg_remove(cache.0, cache.put(b"something to do"));
            assert!(begin.elapsed() < Duration::from_secs(20), "it is never freed");
        }
    });
    assert_eq!(BY_READERS.load(Ordering::SeqCst), 0);
}
