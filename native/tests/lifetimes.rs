//! When values expire, and what a handle is worth then.

mod support;
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::*;

#[test]
fn a_value_is_gone_after_its_time_to_live() {
    let cache = Cache::new();
    let (short, long) = (cache.put_for(b"short", 60, 0), cache.put_for(b"long", 60_000, 0));
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(50) {
        assert!(cache.read(short).is_ok() || start.elapsed() > Duration::from_millis(59));
    }
    sleep(Duration::from_millis(30));
    assert_eq!(cache.read(short), Err(MG_ERR_STALE_HANDLE));
    assert_eq!(cache.read(long).unwrap(), b"long");
    assert_eq!(cache.usage().items, 1, "the reader removed it");
}

#[test]
fn use_keeps_a_value_alive_and_idling_ends_it() {
    let cache = Cache::new();
    let (used, idle) = (cache.put_for(b"used", 0, 150), cache.put_for(b"idle", 0, 150));
    for _ in 0..20 {
        sleep(Duration::from_millis(20));
        assert_eq!(cache.read(used).unwrap(), b"used");
        mg_length(cache.0, idle); // no use
    }
    assert_eq!(cache.read(idle), Err(MG_ERR_STALE_HANDLE));
    sleep(Duration::from_millis(200));
    assert_eq!(cache.read(used), Err(MG_ERR_STALE_HANDLE));
}

#[test]
fn a_sweep_removes_what_has_expired_and_nothing_else() {
    let cache = Cache::new();
    let kept: Vec<u64> = (0..1500)
        .map(|_| cache.put_for(b"kept", 3_600_000, 3_600_000))
        .collect();
    for _ in 0..1500 {
        cache.put_for(b"gone", 1, 0);
    }
    sleep(Duration::from_millis(20));
    assert_eq!(mg_sweep(cache.0), 1500);
    assert_eq!(mg_sweep(cache.0), 0);
    assert!(kept.iter().all(|&handle| cache.read(handle).unwrap() == b"kept"));
}

#[test]
fn replacing_sets_the_lifetime_anew() {
    let cache = Cache::new();
    let handle = cache.put_for(b"before", 50, 0);
    assert_eq!(cache.replace(handle, b"after"), MG_OK);
    sleep(Duration::from_millis(80));
    assert_eq!(cache.read(handle).unwrap(), b"after");
}

#[test]
fn a_use_counts_however_short_the_limit() {
    let cache = Cache::new();
    for _ in 0..5 {
        let handle = cache.put_for(b"value", 0, 60);
        for _ in 0..6 {
            let last_use = Instant::now();
            let here = cache.read(handle).is_ok();
            sleep(Duration::from_millis(40));
            let read = cache.read(handle);
            if here && last_use.elapsed() < Duration::from_millis(60) {
                assert_eq!(read.as_deref(), Ok(&b"value"[..]));
            }
        }
    }
}
