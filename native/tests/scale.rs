//! A million secrets, and what a borrow costs. The times are printed, not asserted: machines differ.

mod support;
use std::thread::scope;
use std::time::Instant;
use support::*;

#[test]
fn a_million_secrets_fit_into_8_mib_of_locked_memory_and_few_mappings() {
    in_child(
        "a_million_secrets_fit_into_8_mib_of_locked_memory_and_few_mappings",
        || {
            limit_locked_memory(8 << 20);
            let cache = Cache::new();
            let mut random = Random::new();
            let mut handles = vec![0u64; 1_000_000]; // touched before we measure
            handles.fill(1);
            let (before, start) = (process_status("VmRSS"), Instant::now());
            for (n, handle) in handles.iter_mut().enumerate() {
                *handle = cache.put(&[(n as u64).to_le_bytes(); 4].concat());
            }
            let bytes = (process_status("VmRSS") - before) as f64 / 1e6;
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
            println!(
                "{bytes:.1} bytes a secret by RSS, {:.0} by mg_usage",
                cache.usage().sealed_bytes as f64 / 1e6
            );
            println!("put {:.0} ns, {maps} mappings", start.elapsed().as_nanos() as f64 / 1e6);
            assert!(maps < 1_000);
            let start = Instant::now();
            for _ in 0..1_000_000 {
                let n = random.below(handles.len());
                let lent = cache.borrow(handles[n]).unwrap();
                assert_eq!(lent.bytes()[..8], (n as u64).to_le_bytes());
            }
            println!("borrow of a random one {} ns", start.elapsed().as_nanos() / 1_000_000);
            let start = Instant::now();
            assert_eq!(mg_sweep(cache.0), 0);
            println!("sweep {:?}", start.elapsed());
        },
    );
}

#[test]
fn what_a_borrow_costs() {
    in_child("what_a_borrow_costs", || {
        let cache = Cache::new();
        for (length, rounds) in [(32, 1_000_000), (4096, 300_000), (1 << 20, 30)] {
            let handles: Vec<u64> = (0..2).map(|_| cache.put(&vec![7; length])).collect();
            let run = |handle: u64| {
                let start = Instant::now();
                for _ in 0..rounds {
                    assert_eq!(mg_window_release(mg_borrow(cache.0, handle)), MG_OK);
                }
                start.elapsed().as_nanos() / rounds
            };
            run(handles[0]); // warm up
            let best = (0..5).map(|_| run(handles[0])).min().unwrap();
            println!("borrow and release {length} B: {best} ns");
            scope(|threads| {
                for &handle in &handles {
                    threads.spawn(move || println!("  as one of two threads: {} ns", run(handle)));
                }
            });
        }
    });
}
