//! What the hot path costs: `cargo bench --bench speed`, figures in target/criterion.
//!
//! Two threads run the same number of rounds each, so that a time equal to that of one thread is twice the speed. Wall
//! time; CPU_TIME=1 takes each thread's CPU time instead, for a machine that has other work as well.
#![allow(missing_docs)] // of the function that Criterion's macro makes

#[path = "../tests/support/mod.rs"]
mod support;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use libsodium_sys as sodium;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread::scope;
use std::time::Duration;
use support::*;

const LENGTHS: [usize; 3] = [32, 4096, 1 << 20];

fn now() -> Duration {
    let clock = match std::env::var_os("CPU_TIME") {
        Some(_) => libc::CLOCK_THREAD_CPUTIME_ID,
        None => libc::CLOCK_MONOTONIC,
    };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is ours to be written.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn timed(rounds: u64, mut work: impl FnMut()) -> Duration {
    let start = now();
    (0..rounds).for_each(|_| work());
    now() - start
}

/// The time of the slower thread.
fn at_once<W: FnMut() + Send>(rounds: u64, works: Vec<W>) -> Duration {
    let barrier = &Barrier::new(works.len());
    scope(|threads| {
        let run = |mut work: W| {
            threads.spawn(move || {
                (0..3).for_each(|_| work()); // its window is mapped by then
                barrier.wait();
                timed(rounds, work)
            })
        };
        let threads: Vec<_> = works.into_iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    })
}

fn borrow(criterion: &mut Criterion) {
    let cache = Cache::new();
    let mut group = criterion.benchmark_group("borrow");
    for length in LENGTHS {
        let handles = [(); 2].map(|()| cache.put(&vec![7; length]));
        let once = |handle| assert_eq!(mg_window_release(mg_borrow(cache.0, handle)), MG_OK);
        group.throughput(Throughput::Bytes(length as u64));
        for (name, used) in [
            ("one thread", &handles[..1]),
            ("two threads, two secrets", &handles),
            ("two threads, one secret", &[handles[0]; 2]),
        ] {
            group.bench_function(BenchmarkId::new(name, length), |bencher| {
                bencher.iter_custom(|rounds| {
                    let works = used.iter().map(|&handle| move || once(handle)).collect();
                    at_once(rounds, works)
                });
            });
        }
    }
}

fn put(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("put and remove");
    for length in LENGTHS {
        let (cache, value) = (Cache::new(), vec![7; length]);
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| mg_remove(cache.0, cache.put(&value)));
        });
    }
}

fn file(criterion: &mut Criterion) {
    assert_eq!(mg_init(0), MG_OK);
    let mut aead = 0;
    // SAFETY: the key has 32 bytes, `aead` is writable.
    assert_eq!(unsafe { mg_aead_new([9; 32].as_ptr(), 0, &mut aead) }, MG_OK);
    let aad = [1_u8; 32];
    let mut group = criterion.benchmark_group("file AES-256-GCM");
    for length in LENGTHS {
        let (plain, mut sealed, mut opened) = (vec![7_u8; length], vec![0; length + 28], vec![0; length]);
        let n = length as u64;
        group.throughput(Throughput::Bytes(n));
        // SAFETY: all buffers have the lengths that are passed.
        let mut seal =
            || unsafe { mg_aead_seal(aead, aad.as_ptr(), 32, plain.as_ptr(), n, sealed.as_mut_ptr(), n + 28) };
        group.bench_function(BenchmarkId::new("seal", length), |bencher| bencher.iter(&mut seal));
        assert_eq!(seal(), MG_OK);
        // SAFETY: as above.
        let mut open =
            || unsafe { mg_aead_open(aead, aad.as_ptr(), 32, sealed.as_ptr(), n + 28, opened.as_mut_ptr(), n) };
        assert_eq!(open(), MG_OK);
        group.bench_function(BenchmarkId::new("open", length), |bencher| bencher.iter(&mut open));
    }
}

/// The bare ciphers side by side, and what wiping costs: where a borrow spends its time.
fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parts");
    for length in LENGTHS {
        group.throughput(Throughput::Bytes(length as u64));
        let (mut plain, mut sealed) = (vec![7_u8; length], vec![0_u8; length + 32]);
        let (key, nonce, aad) = ([1_u8; 32], [2_u8; 32], [3_u8; 24]);
        let (none, mut written) = (std::ptr::null_mut(), 0);
        let n = length as u64;
        // SAFETY: all buffers have the lengths that libsodium wants.
        unsafe {
            sodium::crypto_aead_aegis256_encrypt(
                sealed.as_mut_ptr(),
                &mut written,
                plain.as_ptr(),
                n,
                aad.as_ptr(),
                24,
                std::ptr::null(),
                nonce.as_ptr(),
                key.as_ptr(),
            );
            group.bench_function(BenchmarkId::new("AEGIS-256 open", length), |bencher| {
                bencher.iter(|| {
                    sodium::crypto_aead_aegis256_decrypt(
                        plain.as_mut_ptr(),
                        none,
                        std::ptr::null_mut(),
                        sealed.as_ptr(),
                        written,
                        aad.as_ptr(),
                        24,
                        nonce.as_ptr(),
                        key.as_ptr(),
                    )
                });
            });
            group.bench_function(BenchmarkId::new("wipe", length), |bencher| {
                bencher.iter(|| sodium::sodium_memzero(plain.as_mut_ptr().cast(), length));
            });
        }
        let scratch = || mg_window_release(black_box(mg_window_acquire(n, 0)));
        group.bench_function(BenchmarkId::new("window", length), |bencher| bencher.iter(scratch));
    }
}

criterion_group!(benches, borrow, put, file, parts);
criterion_main!(benches);
