//! The sealed cache, through its exports.

mod support;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::*;

#[test]
fn every_length_comes_back() {
    let (cache, mut random) = (Cache::new(), Random::new());
    for length in [
        0, 1, 15, 16, 17, 31, 32, 33, 4095, 4096, 4097, 65_536, 1_000_003, 5_000_000,
    ] {
        let value = random.bytes(length);
        let handle = cache.put(&value);
        assert_eq!(mg_length(cache.0, handle), length as i64);
        assert_eq!(cache.read(handle).unwrap(), value);
        assert_eq!(mg_remove(cache.0, handle), MG_OK);
    }
    assert_eq!(cache.usage().items, 0);
    assert_eq!(cache.usage().value_bytes, 0);
}

#[test]
fn unaligned_values_come_back() {
    let (cache, bytes) = (Cache::new(), Random::new().bytes(200));
    for start in 0..64 {
        let handle = cache.put(&bytes[start..start + 100]);
        assert_eq!(cache.read(handle).unwrap(), &bytes[start..start + 100]);
    }
}

#[test]
fn a_removed_handle_is_stale_for_ever() {
    let cache = Cache::new();
    let handle = cache.put(b"first");
    assert_eq!(mg_remove(cache.0, handle), MG_OK);
    let next = cache.put(b"second"); // takes the same slot
    assert_eq!(next as u32, handle as u32);
    assert_ne!(next, handle);
    assert_eq!(cache.read(handle), Err(MG_ERR_STALE_HANDLE));
    assert_eq!(mg_remove(cache.0, handle), MG_ERR_STALE_HANDLE);
    assert_eq!(cache.replace(handle, b"x"), MG_ERR_STALE_HANDLE);
    assert_eq!(mg_length(cache.0, handle), stale());
    assert_eq!(cache.read(next).unwrap(), b"second");
}

#[test]
fn arbitrary_handles_and_caches_are_errors() {
    let (cache, mut random) = (Cache::new(), Random::new());
    cache.put(b"there");
    for _ in 0..100_000 {
        let (other, handle) = (random.next(), random.next());
        assert_eq!(mg_borrow(cache.0, handle), stale());
        assert_eq!(mg_borrow(other, handle), stale());
        assert_eq!(mg_remove(cache.0, handle), MG_ERR_STALE_HANDLE);
        assert_eq!(mg_cache_free(other), MG_ERR_STALE_HANDLE);
        assert_eq!(mg_window_release(handle as i64), MG_ERR_STALE_HANDLE);
        assert_eq!(mg_aead_free(handle), MG_ERR_STALE_HANDLE);
    }
    for handle in [0, u64::MAX, 1, 1 << 32, 3 << 32] {
        assert_eq!(mg_length(cache.0, handle), if handle == 1 << 32 { 5 } else { stale() });
    }
}

#[test]
fn null_pointers_and_impossible_lengths_are_errors() {
    let cache = Cache::new();
    let mut handle = 77;
    // SAFETY: what is not readable is refused before it is read.
    unsafe {
        let nothing = std::ptr::null();
        assert_eq!(mg_put(cache.0, nothing, 1, 0, 0, &mut handle), MG_ERR_INVALID_ARGUMENT);
        assert_eq!(
            mg_put(cache.0, nothing, u64::MAX, 0, 0, &mut handle),
            MG_ERR_INVALID_ARGUMENT
        );
        assert_eq!(
            mg_put(cache.0, b"x".as_ptr(), (1 << 30) + 1, 0, 0, &mut handle),
            MG_ERR_INVALID_ARGUMENT
        );
        assert_eq!(
            mg_put(cache.0, b"x".as_ptr(), 1, 0, 0, std::ptr::null_mut()),
            MG_ERR_INVALID_ARGUMENT
        );
        assert_eq!(mg_cache_new(0, std::ptr::null_mut()), MG_ERR_INVALID_ARGUMENT);
        assert_eq!(mg_usage(cache.0, std::ptr::null_mut()), MG_ERR_INVALID_ARGUMENT);
        assert_eq!(handle, 77);
        assert_eq!(mg_put(cache.0, nothing, 0, 0, 0, &mut handle), MG_OK);
    }
    assert_eq!(cache.read(handle).unwrap(), b"");
    assert_eq!(
        i32::try_from(mg_window_acquire(u64::MAX, 0)).unwrap(),
        MG_ERR_INVALID_ARGUMENT
    );
}

#[test]
fn readers_during_overwrites_get_one_whole_value() {
    let cache = Cache::new();
    // A value of n bytes is n times the byte n.
    let value = |n: usize| vec![n as u8; n];
    let handle = cache.put(&value(100));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let got = cache.read(handle).expect("it is never removed");
                    assert_eq!(got, value(got.len()));
                }
            });
        }
        for round in 0..20_000 {
            assert_eq!(cache.replace(handle, &value(1 + round % 255)), MG_OK);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(cache.usage().value_bytes, (1 + 19_999 % 255) as u64);
}

#[test]
fn readers_during_removal_and_reuse_get_their_value_or_stale() {
    let cache = Cache::new();
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::sync_channel::<(u64, u8)>(8);
        let cache = &cache;
        let reader = scope.spawn(move || {
            let mut found = 0;
            for (handle, byte) in receive {
                match cache.read(handle) {
                    Ok(got) => {
                        assert_eq!(got, [byte; 50]);
                        found += 1;
                    }
                    Err(status) => assert_eq!(status, MG_ERR_STALE_HANDLE),
                }
            }
            found
        });
        for round in 0..50_000_u32 {
            let byte = round as u8;
            let handle = cache.put(&[byte; 50]);
            send.send((handle, byte)).unwrap();
            assert_eq!(mg_remove(cache.0, handle), MG_OK);
        }
        drop(send);
        println!("found before removal: {}", reader.join().unwrap());
    });
    assert_eq!(cache.usage().items, 0);
}

#[test]
fn values_expire_by_age_and_by_idleness() {
    let cache = Cache::new();
    let (short, idle, for_ever) = (
        cache.put_for(b"s", 150, 0),
        cache.put_for(b"i", 0, 300),
        cache.put(b"f"),
    );
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(600) {
        assert_eq!(cache.read(idle).unwrap(), b"i"); // each use gives it more time
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(cache.read(short), Err(MG_ERR_STALE_HANDLE));
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(cache.usage().items, 2);
    assert_eq!(mg_sweep(cache.0), 1);
    assert_eq!(cache.read(idle), Err(MG_ERR_STALE_HANDLE));
    assert_eq!(cache.read(for_ever).unwrap(), b"f");
}

#[test]
fn a_freed_cache_is_stale_and_its_number_is_not_used_again() {
    let first = Cache::new();
    let handle = first.put(b"x");
    let lent = first.borrow(handle).unwrap();
    assert_eq!(mg_cache_free(first.0), MG_OK);
    assert_eq!(mg_cache_free(first.0), MG_ERR_STALE_HANDLE);
    assert_eq!(mg_borrow(first.0, handle), stale());
    assert_eq!(mg_sweep(first.0), stale());
    let second = Cache::new();
    assert_ne!(first.0, second.0);
    assert_eq!(mg_borrow(second.0, handle), stale());
    // The window outlives its cache.
    assert_eq!(lent.bytes(), b"x");
}

#[test]
fn clear_removes_all() {
    let cache = Cache::new();
    let handles: Vec<u64> = (0..1000_u32).map(|n| cache.put(&n.to_le_bytes())).collect();
    assert_eq!(cache.usage().items, 1000);
    assert_eq!(mg_cache_clear(cache.0), MG_OK);
    assert_eq!(cache.usage().items, 0);
    assert!(
        handles
            .iter()
            .all(|handle| cache.read(*handle) == Err(MG_ERR_STALE_HANDLE))
    );
}

#[test]
fn a_million_values_take_at_most_160_bytes_each() {
    const COUNT: u32 = 1_000_000;
    in_child("a_million_values_take_at_most_160_bytes_each", || {
        let cache = Cache::new();
        let value = |n: u32| [n.to_le_bytes(); 8].concat();
        cache.put(&value(0));
        let before = process_status("VmRSS");
        let mut handles = Vec::with_capacity(COUNT as usize);
        handles.extend((0..COUNT).map(|n| cache.put(&value(n))));
        let each = (process_status("VmRSS") - before - u64::from(COUNT) * 8) / u64::from(COUNT);
        println!("bytes a value: {each}");
        assert!(each <= 160);
        let mut random = Random::new();
        for _ in 0..10_000 {
            let n = random.below(COUNT as usize);
            assert_eq!(cache.read(handles[n]).unwrap(), value(n as u32));
        }
    });
}
