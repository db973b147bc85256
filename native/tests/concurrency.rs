//! Readers and writers at once, and memory that comes back.

mod support;
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use support::*;

#[test]
fn nothing_works_before_init() {
    in_child("nothing_works_before_init", || {
        let mut number = 0;
        // SAFETY: `number` is writable.
        unsafe {
            assert_eq!(mg_cache_new(0, &mut number), MG_ERR_NOT_INITIALIZED);
            assert_eq!(mg_aead_new([0; 32].as_ptr(), 0, &mut number), MG_ERR_NOT_INITIALIZED);
        }
        assert_eq!(mg_window_acquire(1, 0), MG_ERR_NOT_INITIALIZED.into());
        assert_eq!(mg_abi_version(), 4);
    });
}

#[test]
fn any_order_of_operations_agrees_with_a_map() {
    let (cache, mut random) = (Cache::new(), Random::new());
    let mut model: HashMap<u64, Vec<u8>> = HashMap::new();
    for _ in 0..20_000 {
        let length = random.below(100);
        let value = random.bytes(length);
        let known = model.keys().nth(random.below(model.len().max(1))).copied();
        match (random.below(5), known) {
            (0, Some(handle)) => {
                assert_eq!(mg_remove(cache.0, handle), MG_OK);
                model.remove(&handle);
                assert_eq!(cache.read(handle), Err(MG_ERR_STALE_HANDLE));
            }
            (1 | 2, Some(handle)) => {
                assert_eq!(cache.replace(handle, &value), MG_OK);
                model.insert(handle, value);
            }
            (3, Some(handle)) => assert_eq!(&cache.read(handle).unwrap(), &model[&handle]),
            _ if model.len() < 500 => assert!(model.insert(cache.put(&value), value).is_none()),
            _ => {}
        }
    }
    let usage = cache.usage();
    assert_eq!(usage.items, model.len() as u64);
    assert_eq!(usage.value_bytes, model.values().map(|value| value.len() as u64).sum());
    assert_eq!(mg_cache_clear(cache.0), MG_OK);
    let usage = cache.usage();
    assert_eq!((usage.items, usage.value_bytes, usage.sealed_bytes), (0, 0, 0));
}

/// Whoever makes a cache may hand its number on with no ordering of its own. ThreadSanitizer (threads.sh) sees what a test on
/// x86-64 can't: that each call orders what it reads.
#[test]
fn a_new_cache_is_whole_for_whoever_learns_its_number() {
    const USES: u64 = 10_000;
    let (number, used, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let use_it = || {
        let mut handle = 0;
        while !done.load(Ordering::Relaxed) {
            let cache = ManuallyDrop::new(Cache(number.load(Ordering::Relaxed)));
            // SAFETY: the value has its length; `handle` is writable.
            let status = unsafe { mg_put(cache.0, b"value".as_ptr(), 5, 0, 0, &mut handle) };
            match (status, cache.read(handle)) {
                (MG_OK, Ok(value)) => {
                    assert_eq!(value, b"value");
                    used.fetch_add(1, Ordering::Relaxed);
                }
                // Closed meanwhile.
                (MG_OK | MG_ERR_STALE_HANDLE, Err(MG_ERR_STALE_HANDLE)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    scope(|threads| {
        let users = [threads.spawn(use_it), threads.spawn(use_it)];
        let end = Instant::now() + Duration::from_secs(60);
        while used.load(Ordering::Relaxed) < USES && Instant::now() < end {
            let cache = Cache::new();
            number.store(cache.0, Ordering::Relaxed);
            sleep(Duration::from_micros(100));
        }
        done.store(true, Ordering::Relaxed);
        for user in users {
            user.join().unwrap();
        }
    });
    assert!(used.into_inner() >= USES);
}

#[test]
fn a_value_refreshed_in_time_is_never_lost_to_a_late_reader() {
    let cache = Cache::new();
    let done = AtomicBool::new(false);
    let handle = AtomicU64::new(cache.put(b"value"));
    scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _ = cache.read(handle.load(Ordering::Relaxed));
                }
            });
        }
        let end = Instant::now() + Duration::from_millis(700);
        while Instant::now() < end {
            let current = handle.load(Ordering::Relaxed);
            // SAFETY: the value has its length.
            let shorten = unsafe { mg_replace(cache.0, current, b"v".as_ptr(), 1, 1, 0) };
            assert_eq!(shorten, MG_OK);
            // About when it expires: either it is too late, or the value stays.
            sleep(Duration::from_micros(800));
            match cache.replace(current, b"value") {
                MG_OK => assert_eq!(cache.read(current).as_deref(), Ok(&b"value"[..])),
                status => {
                    assert_eq!(status, MG_ERR_STALE_HANDLE);
                    handle.store(cache.put(b"value"), Ordering::Relaxed);
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(cache.usage().items, 1);
}

#[test]
fn a_read_during_overwrites_is_one_whole_value_that_was_current() {
    let (cache, done) = (Cache::new(), AtomicBool::new(false));
    let (started, written) = (AtomicU64::new(0), AtomicU64::new(0));
    // Value n is n, repeated; of a length that depends on n.
    let value = |n: u64| n.to_le_bytes().repeat(4 + n as usize % 700);
    let handle = cache.put(&value(0));
    scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                let mut reads = 0;
                while !done.load(Ordering::Relaxed) {
                    let before = written.load(Ordering::SeqCst);
                    let read = cache.read(handle).unwrap();
                    let after = started.load(Ordering::SeqCst);
                    let n = u64::from_le_bytes(read[..8].try_into().unwrap());
                    assert!(read == value(n), "a mixture");
                    assert!(
                        (before..=after).contains(&n),
                        "{n} was not current in {before}..={after}"
                    );
                    reads += 1;
                }
                assert!(reads > 0);
            });
        }
        for n in 1..20_000 {
            started.store(n, Ordering::SeqCst);
            assert_eq!(cache.replace(handle, &value(n)), MG_OK);
            written.store(n, Ordering::SeqCst);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn threads_that_put_remove_clear_and_sweep_at_once_leave_true_figures() {
    let (cache, mut random) = (Cache::new(), Random::new());
    let seeds: Vec<u64> = (0..4).map(|_| random.next()).collect();
    scope(|threads| {
        for seed in seeds {
            let cache = &cache;
            threads.spawn(move || {
                let mut mine = Vec::new();
                for n in 0..20_000u64 {
                    let choice = (seed ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                    match choice % 8 {
                        0..4 => {
                            let value = n.to_le_bytes();
                            mine.push((cache.put_for(&value, choice % 3, 0), value));
                        }
                        4 if choice % 1024 < 8 => assert_eq!(mg_cache_clear(cache.0), MG_OK),
                        4 => assert!(mg_sweep(cache.0) >= 0 || choice % 64 != 4),
                        _ => {
                            let Some((handle, value)) = mine.pop() else { continue };
                            match cache.read(handle) {
                                Ok(read) => assert_eq!(read, value),
                                Err(status) => assert_eq!(status, MG_ERR_STALE_HANDLE),
                            }
                            mg_remove(cache.0, handle);
                        }
                    }
                }
                for (handle, _) in mine {
                    mg_remove(cache.0, handle);
                }
            });
        }
    });
    let usage = cache.usage();
    assert_eq!((usage.items, usage.value_bytes), (0, 0));
}

#[test]
fn caches_may_be_freed_while_others_use_them() {
    for _ in 0..50 {
        let cache = Cache::new();
        let handle = cache.put(b"value");
        scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    loop {
                        match cache.read(handle) {
                            Ok(value) => assert_eq!(value, b"value"),
                            Err(status) => break assert_eq!(status, MG_ERR_STALE_HANDLE),
                        }
                    }
                });
            }
            sleep(Duration::from_millis(1));
            assert_eq!(mg_cache_free(cache.0), MG_OK);
        });
    }
}

#[test]
fn memory_of_removed_values_comes_back() {
    in_child("memory_of_removed_values_comes_back", || {
        let cache = Cache::new();
        let large = vec![7u8; 5 << 20];
        let handle = cache.put(&large);
        for _ in 0..200 {
            assert_eq!(cache.replace(handle, &large), MG_OK);
        }
        for _ in 0..300_000 {
            cache.put(&large[..300]);
        }
        let full = process_status("VmRSS");
        assert_eq!(mg_cache_clear(cache.0), MG_OK);
        // SAFETY: gives free memory back to the system.
        unsafe { libc::malloc_trim(0) };
        let cleared = process_status("VmRSS");
        println!("RSS {} MiB full, {} MiB cleared", full >> 20, cleared >> 20);
        assert!(full < 250 << 20 && cleared < 60 << 20);
    });
}

/// How many reads of another thread ended while `work` ran; at most one of them had begun before.
fn reads_during(reads: &AtomicU64, work: impl FnOnce()) -> u64 {
    let before = reads.load(Ordering::SeqCst);
    work();
    reads.load(Ordering::SeqCst) - before
}

#[test]
fn readers_go_on_while_others_fill_sweep_clear_and_free() {
    const COUNT: u64 = 100_000;
    let (cache, done, reads) = (Cache::new(), AtomicBool::new(false), AtomicU64::new(0));
    let handle = cache.put(b"stays");
    scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(cache.read(handle).unwrap(), b"stays");
                reads.fetch_add(1, Ordering::SeqCst);
            }
        });
        let fill = |target: &Cache, ttl_ms| (0..COUNT).for_each(|n| _ = target.put_for(&n.to_le_bytes(), ttl_ms, 0));
        let mut rounds = 0..20; // a machine with one core may let the reader wait for some
        let mut most = [0; 4];
        while most.iter().any(|&reads| reads < 2) {
            assert!(rounds.next().is_some(), "a reader had to wait: {most:?}");
            let other = Cache::new();
            let filling = reads_during(&reads, || fill(&cache, 1));
            sleep(Duration::from_millis(2));
            let sweeping = reads_during(&reads, || assert_eq!(mg_sweep(cache.0), COUNT as i64));
            fill(&other, 0);
            let clearing = reads_during(&reads, || assert_eq!(mg_cache_clear(other.0), MG_OK));
            fill(&other, 0);
            let freeing = reads_during(&reads, || assert_eq!(mg_cache_free(other.0), MG_OK));
            let seen = [filling, sweeping, clearing, freeing];
            most = std::array::from_fn(|n| most[n].max(seen[n]));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(cache.usage().items, 1);
}
