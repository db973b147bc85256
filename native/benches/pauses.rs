//! The longest read of one thread while another fills a cache with a million values, lets half of them expire, clears
//! it, and frees it: `cargo bench --bench pauses`.
//!
//! A read during which the kernel took the processor away is counted apart: that is the machine, not the library.

#[path = "../tests/support/mod.rs"]
mod support;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use support::*;

const COUNT: u64 = 1_000_000;

/// How often this thread lost the processor against its will.
fn preempted() -> i64 {
    // SAFETY: `usage` is plain numbers, and ours to be written.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &mut usage), 0);
        usage.ru_nivcsw
    }
}

fn during(what: &str, kept: &Cache, handle: u64, work: impl FnOnce()) {
    let done = &AtomicBool::new(false);
    let (reads, longest, disturbed) = scope(|threads| {
        let reader = threads.spawn(move || {
            let (mut reads, mut longest, mut disturbed) = (0u64, Duration::ZERO, Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let (before, start) = (preempted(), Instant::now());
                assert_eq!(kept.borrow(handle).unwrap().bytes(), [7; 32]);
                let pause = start.elapsed();
                let worst = if preempted() == before {
                    &mut longest
                } else {
                    &mut disturbed
                };
                *worst = pause.max(*worst);
                reads += 1;
            }
            (reads, longest, disturbed)
        });
        let start = Instant::now();
        work();
        print!("{what:<20} {:>8.1} ms", start.elapsed().as_secs_f64() * 1e3);
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    println!(
        "   {reads:>9} reads, the longest {:.3} ms; preempted, {:.3} ms",
        longest.as_secs_f64() * 1e3,
        disturbed.as_secs_f64() * 1e3
    );
}

fn main() {
    let (kept, other) = (Cache::new(), Cache::new());
    let in_it = kept.put(&[7; 32]);
    let outside = other.put(&[7; 32]);
    let fill = |count: u64, ttl: u64| {
        for n in 0..count {
            kept.put_for(&[n as u8; 32], if n % 2 == 0 { 0 } else { ttl }, 0);
        }
    };
    during("nothing", &kept, in_it, || sleep(Duration::from_millis(500)));
    during("filling a million", &kept, in_it, || fill(COUNT, 1));
    during("expiry of half", &kept, in_it, || {
        assert_eq!(mg_sweep(kept.0), (COUNT / 2) as i64)
    });
    during("clearing", &other, outside, || {
        assert_eq!(mg_cache_clear(kept.0), MG_OK)
    });
    fill(COUNT, 0);
    during("freeing", &other, outside, || assert_eq!(mg_cache_free(kept.0), MG_OK));
    let large = Cache::new();
    let handle = large.put(&vec![1; 5 << 20]);
    let value = vec![2; 5 << 20];
    during("overwriting 5 MiB", &other, outside, || {
        (0..200).for_each(|_| assert_eq!(large.replace(handle, &value), MG_OK));
    });
}
