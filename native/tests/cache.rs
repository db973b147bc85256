//! The sealed cache, through its exports.

mod common;

use common::*;
use memguard_ffi::exports::*;
use memguard_ffi::status::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn every_length_comes_back() {
    let (cache, mut random) = (cache(), Random(seed()));
    for length in [
        0, 1, 15, 16, 17, 31, 32, 33, 4095, 4096, 4097, 65_536, 1_000_003, 5_000_000,
    ] {
        let value = random.bytes(length);
        let handle = put(cache, &value);
        assert_eq!(mg_length(cache, handle), length as i64);
        assert_eq!(read(cache, handle).unwrap(), value);
        assert_eq!(mg_remove(cache, handle), MG_OK);
    }
    assert_eq!(usage(cache).items, 0);
    assert_eq!(usage(cache).value_bytes, 0);
}

#[test]
fn unaligned_values_come_back() {
    let (cache, bytes) = (cache(), Random(seed()).bytes(200));
    for start in 0..64 {
        let handle = put(cache, &bytes[start..start + 100]);
        assert_eq!(read(cache, handle).unwrap(), &bytes[start..start + 100]);
    }
}

#[test]
fn a_removed_handle_is_stale_for_ever() {
    let cache = cache();
    let handle = put(cache, b"first");
    assert_eq!(mg_remove(cache, handle), MG_OK);
    let next = put(cache, b"second"); // takes the same slot
    assert_eq!(next as u32, handle as u32);
    assert_ne!(next, handle);
    assert_eq!(read(cache, handle), Err(stale()));
    assert_eq!(mg_remove(cache, handle), MG_ERR_STALE_HANDLE);
    assert_eq!(replace(cache, handle, b"x"), MG_ERR_STALE_HANDLE);
    assert_eq!(mg_length(cache, handle), stale());
    assert_eq!(read(cache, next).unwrap(), b"second");
}

#[test]
fn arbitrary_handles_and_caches_are_errors() {
    let (cache, mut random) = (cache(), Random(seed()));
    put(cache, b"there");
    for _ in 0..100_000 {
        let (other, handle) = (random.next(), random.next());
        assert_eq!(mg_borrow(cache, handle), stale());
        assert_eq!(mg_borrow(other, handle), stale());
        assert_eq!(mg_remove(cache, handle), MG_ERR_STALE_HANDLE);
        assert_eq!(mg_cache_free(other), MG_ERR_STALE_HANDLE);
        assert_eq!(mg_window_release(handle as i64), MG_ERR_STALE_HANDLE);
        assert_eq!(mg_aead_free(handle), MG_ERR_STALE_HANDLE);
    }
    for handle in [0, u64::MAX, 1, 1 << 32, 3 << 32] {
        assert_eq!(mg_length(cache, handle), if handle == 1 << 32 { 5 } else { stale() });
    }
}

#[test]
fn null_pointers_and_impossible_lengths_are_errors() {
    let cache = cache();
    let mut handle = 77;
    // SAFETY: what is not readable is refused before it is read.
    unsafe {
        let nothing = std::ptr::null();
        assert_eq!(mg_put(cache, nothing, 1, 0, 0, &mut handle), MG_ERR_INVALID_ARGUMENT);
        assert_eq!(
            mg_put(cache, nothing, u64::MAX, 0, 0, &mut handle),
            MG_ERR_INVALID_ARGUMENT
        );
        assert_eq!(
            mg_put(cache, b"x".as_ptr(), (1 << 30) + 1, 0, 0, &mut handle),
            MG_ERR_INVALID_ARGUMENT
        );
        assert_eq!(
            mg_put(cache, b"x".as_ptr(), 1, 0, 0, std::ptr::null_mut()),
            MG_ERR_INVALID_ARGUMENT
        );
        assert_eq!(mg_cache_new(0, std::ptr::null_mut()), MG_ERR_INVALID_ARGUMENT);
        assert_eq!(mg_usage(cache, std::ptr::null_mut()), MG_ERR_INVALID_ARGUMENT);
        assert_eq!(handle, 77);
        assert_eq!(mg_put(cache, nothing, 0, 0, 0, &mut handle), MG_OK);
    }
    assert_eq!(read(cache, handle).unwrap(), b"");
    assert_eq!(
        i32::try_from(mg_window_acquire(u64::MAX, 0)).unwrap(),
        MG_ERR_INVALID_ARGUMENT
    );
}

#[test]
fn readers_during_overwrites_get_one_whole_value() {
    let cache = cache();
    // A value of n bytes is n times the byte n.
    let value = |n: usize| vec![n as u8; n];
    let handle = put(cache, &value(100));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let got = read(cache, handle).expect("it is never removed");
                    assert_eq!(got, value(got.len()));
                }
            });
        }
        for round in 0..20_000 {
            assert_eq!(replace(cache, handle, &value(1 + round % 255)), MG_OK);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(usage(cache).value_bytes, (1 + 19_999 % 255) as u64);
}

#[test]
fn readers_during_removal_and_reuse_get_their_value_or_stale() {
    let cache = cache();
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::sync_channel::<(u64, u8)>(8);
        let reader = scope.spawn(move || {
            let mut found = 0;
            for (handle, byte) in receive {
                match read(cache, handle) {
                    Ok(got) => {
                        assert_eq!(got, [byte; 50]);
                        found += 1;
                    }
                    Err(status) => assert_eq!(status, stale()),
                }
            }
            found
        });
        for round in 0..50_000_u32 {
            let byte = round as u8;
            let handle = put(cache, &[byte; 50]);
            send.send((handle, byte)).unwrap();
            assert_eq!(mg_remove(cache, handle), MG_OK);
        }
        drop(send);
        println!("found before removal: {}", reader.join().unwrap());
    });
    assert_eq!(usage(cache).items, 0);
}

#[test]
fn values_expire_by_age_and_by_idleness() {
    let cache = cache();
    let (short, idle, for_ever) = (
        put_for(cache, b"s", 150, 0),
        put_for(cache, b"i", 0, 300),
        put(cache, b"f"),
    );
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(600) {
        assert_eq!(read(cache, idle).unwrap(), b"i"); // each use gives it more time
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(read(cache, short), Err(stale()));
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(usage(cache).items, 2);
    assert_eq!(mg_sweep(cache), 1);
    assert_eq!(read(cache, idle), Err(stale()));
    assert_eq!(read(cache, for_ever).unwrap(), b"f");
}

#[test]
fn a_freed_cache_is_stale_and_its_number_is_not_used_again() {
    let first = cache();
    let handle = put(first, b"x");
    let window = mg_borrow(first, handle);
    assert_eq!(mg_cache_free(first), MG_OK);
    assert_eq!(mg_cache_free(first), MG_ERR_STALE_HANDLE);
    assert_eq!(mg_borrow(first, handle), stale());
    assert_eq!(mg_sweep(first), stale());
    let second = cache();
    assert_ne!(first, second);
    assert_eq!(mg_borrow(second, handle), stale());
    // The window outlives its cache.
    let (data, _) = entry(window);
    // SAFETY: it is lent.
    assert_eq!(unsafe { *data }, b'x');
    assert_eq!(mg_window_release(window), MG_OK);
}

#[test]
fn clear_removes_all() {
    let cache = cache();
    let handles: Vec<u64> = (0..1000_u32).map(|n| put(cache, &n.to_le_bytes())).collect();
    assert_eq!(usage(cache).items, 1000);
    assert_eq!(mg_cache_clear(cache), MG_OK);
    assert_eq!(usage(cache).items, 0);
    assert!(handles.iter().all(|handle| read(cache, *handle) == Err(stale())));
}

#[test]
fn a_million_values_take_at_most_160_bytes_each() {
    const COUNT: u32 = 1_000_000;
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    if marker().is_none() {
        // In a process of its own, so that only these values count.
        let output = alone("a_million_values_take_at_most_160_bytes_each", "count");
        print!("{}", String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let cache = cache();
    let value = |n: u32| [n.to_le_bytes(); 8].concat();
    put(cache, &value(0));
    let before = resident();
    let mut handles = Vec::with_capacity(COUNT as usize);
    handles.extend((0..COUNT).map(|n| put(cache, &value(n))));
    let each = (resident() - before - u64::from(COUNT) * 8) / u64::from(COUNT);
    println!("bytes a value: {each}");
    assert!(each <= 160);
    let mut random = Random(seed());
    for _ in 0..10_000 {
        let n = (random.next() % u64::from(COUNT)) as u32;
        assert_eq!(read(cache, handles[n as usize]).unwrap(), value(n));
    }
}
