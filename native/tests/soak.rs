//! Sixty-four threads that borrow, overwrite, delete and let expire, long values among them, with little locked memory:
//! ten seconds with the other tests; `SOAK_SECONDS=600 cargo test --release --test soak -- --ignored` for longer.

mod support;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use support::*;

const THREADS: usize = 64;
const NAMES: usize = 300;
const LOCKED: u64 = 4 << 20;

/// A name under which values come and go. Value n of it can be told from all others.
struct Name {
    number: u64,
    handle: AtomicU64,
    /// The number of the value being written, and the last that was; whoever writes holds the lock.
    started: AtomicU64,
    written: AtomicU64,
    writer: Mutex<()>,
}

/// What a value is made of: the name, its number, and words that follow from both.
fn words(name: u64, n: u64) -> impl Iterator<Item = u64> {
    let mut random = Random::from(name << 40 ^ n);
    [name, n]
        .into_iter()
        .chain(std::iter::repeat_with(move || random.next()))
}

fn value(name: u64, n: u64, length: usize) -> Vec<u8> {
    words(name, n).flat_map(u64::to_le_bytes).take(length).collect()
}

fn is_right(name: u64, bytes: &[u8]) -> Option<u64> {
    let n = u64::from_le_bytes(bytes[8..16].try_into().unwrap());
    let right = |(part, word): (&[u8], u64)| *part == word.to_le_bytes()[..part.len()];
    bytes.chunks(8).zip(words(name, n)).all(right).then_some(n)
}

/// Mostly short, some of pages, few so long that they fill a good part of the locked memory.
fn some_length(random: &mut Random) -> usize {
    16 + match random.below(100) {
        0..80 => random.below(200),
        80..95 => random.below(20_000),
        95..99 => random.below(300_000),
        _ => random.below(1_500_000),
    }
}

#[derive(Default)]
struct Tally {
    reads: AtomicU64,
    long_reads: AtomicU64,
    gone: AtomicU64,
    refused: AtomicU64,
}

impl Name {
    fn read(&self, cache: &Cache, tally: &Tally) {
        let before = self.written.load(Ordering::SeqCst);
        match cache.borrow(self.handle.load(Ordering::SeqCst)) {
            Ok(lent) => {
                let after = self.started.load(Ordering::SeqCst);
                let n = is_right(self.number, lent.bytes()).expect("a value of this name, whole");
                assert!(
                    (before..=after).contains(&n),
                    "{n} was not current in {before}..={after}"
                );
                tally.reads.fetch_add(1, Ordering::Relaxed);
                tally
                    .long_reads
                    .fetch_add((lent.bytes().len() > 4096).into(), Ordering::Relaxed);
            }
            Err(MG_ERR_STALE_HANDLE) => drop(tally.gone.fetch_add(1, Ordering::Relaxed)),
            Err(MG_ERR_LOCKED_MEMORY) => drop(tally.refused.fetch_add(1, Ordering::Relaxed)),
            Err(status) => panic!("status {status}"),
        }
    }

    /// Overwrites the value, or puts a new one where there is none; with a lifetime, or not.
    fn write(&self, cache: &Cache, random: &mut Random) {
        let Ok(_alone) = self.writer.try_lock() else { return };
        let n = self.started.fetch_add(1, Ordering::SeqCst) + 1;
        let bytes = value(self.number, n, some_length(random));
        let overwritten = random.below(4) > 0 && cache.replace(self.handle.load(Ordering::SeqCst), &bytes) == MG_OK;
        if !overwritten {
            let ttl = if random.below(2) == 0 { 1 + random.below(50) } else { 0 };
            let before = self.handle.swap(cache.put_for(&bytes, ttl as u64, 0), Ordering::SeqCst);
            mg_remove(cache.0, before);
        }
        self.written.store(n, Ordering::SeqCst);
    }
}

fn work(cache: &Cache, names: &[Name], tally: &Tally, seed: u64, done: &AtomicBool) {
    let mut random = Random::from(seed);
    while !done.load(Ordering::Relaxed) {
        let name = &names[random.below(NAMES)];
        match random.below(1000) {
            0..150 => name.write(cache, &mut random),
            150..180 => drop(mg_remove(cache.0, name.handle.load(Ordering::SeqCst))),
            180..200 => match Lent::acquire(some_length(&mut random), 0) {
                Ok(scratch) => {
                    assert!(scratch.bytes().iter().all(|&byte| byte == 0));
                    scratch.bytes().fill(0xAB);
                }
                Err(status) => assert_eq!(status, MG_ERR_LOCKED_MEMORY),
            },
            200 => assert!(mg_sweep(cache.0) >= 0),
            201 => assert!(mg_trim() >= 0),
            _ => name.read(cache, tally),
        }
    }
}

/// The largest of the figures.
fn most(samples: &[u64]) -> u64 {
    *samples.iter().max().expect("some")
}

fn soak(test: &str, seconds: u64) {
    in_child(test, || {
        limit_locked_memory(LOCKED);
        let (cache, mut random, tally, done) = (Cache::new(), Random::new(), Tally::default(), AtomicBool::new(false));
        let new = |number| Name {
            number,
            handle: AtomicU64::new(0),
            started: AtomicU64::new(0),
            written: AtomicU64::new(0),
            writer: Mutex::new(()),
        };
        let names: Vec<Name> = (0..NAMES as u64).map(new).collect();
        let mut resident = Vec::new();
        scope(|threads| {
            for _ in 0..THREADS {
                let (cache, names, tally, done, seed) = (&cache, &names, &tally, &done, random.next());
                threads.spawn(move || {
                    // One thread's failure ends the others.
                    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        work(cache, names, tally, seed, done);
                    }));
                    done.store(true, Ordering::Relaxed);
                    result.unwrap();
                });
            }
            let end = Instant::now() + Duration::from_secs(seconds);
            while Instant::now() < end && !done.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(seconds * 10));
                assert!(process_status("VmLck") <= LOCKED);
                resident.push(process_status("VmRSS"));
            }
            done.store(true, Ordering::Relaxed);
        });
        for name in &names {
            name.read(&cache, &tally); // nobody disturbs now
        }
        let (middle, last) = (
            &resident[resident.len() / 3..resident.len() * 2 / 3],
            &resident[resident.len() * 2 / 3..],
        );
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "{seconds} s: {} reads, {} of them of more than a page, {} found nothing, {} found no locked memory; \
             RSS at most {} KiB in the second third, {} KiB in the last",
            count(&tally.reads),
            count(&tally.long_reads),
            count(&tally.gone),
            count(&tally.refused),
            most(middle) >> 10,
            most(last) >> 10
        );
        assert!(count(&tally.reads) > 0 && count(&tally.long_reads) > 0 && count(&tally.gone) > 0);
        assert!(most(last) <= most(middle) + most(middle) / 10 + (16 << 20), "it grows");
        assert_eq!(cache.usage().windows_in_use, 0);
        assert_eq!(mg_cache_clear(cache.0), MG_OK);
        let usage = cache.usage();
        assert_eq!((usage.items, usage.value_bytes, usage.unlocked_bytes), (0, 0, 0));
        assert!(mg_trim() >= 0);
        assert!(cache.usage().locked_bytes <= 2 * 4096, "the key alone");
    });
}

#[test]
fn every_value_is_right_and_nothing_leaks_for_ten_seconds() {
    soak("every_value_is_right_and_nothing_leaks_for_ten_seconds", 10);
}

#[test]
#[ignore = "as long as SOAK_SECONDS says, ten minutes otherwise"]
fn every_value_is_right_and_nothing_leaks_for_long() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(600, |text| text.parse().unwrap());
    soak("every_value_is_right_and_nothing_leaks_for_long", seconds);
}
