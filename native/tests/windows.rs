//! Windows: lent once, wiped on return, guarded on both sides.

mod support;
use std::sync::Mutex;
use std::thread::scope;
use support::*;

#[test]
fn a_scratch_window_is_zeros_also_after_another_use() {
    let mut random = Random::new();
    for _ in 0..2_000 {
        let length = random.below(5_000);
        let lent = Lent::acquire(length, 0).unwrap();
        let bytes = lent.bytes();
        assert_eq!(bytes.len(), length);
        assert!(bytes.iter().all(|&byte| byte == 0));
        bytes.fill(0xAA);
    }
}

#[test]
fn a_second_release_is_stale_and_does_not_hit_the_next_user() {
    let first = Lent::acquire(10, 0).unwrap().0; // released at once
    assert_eq!(mg_window_release(first), MG_ERR_STALE_HANDLE);
    let next = Lent::acquire(10, 0).unwrap();
    next.bytes().fill(7);
    assert_eq!(mg_window_release(first), MG_ERR_STALE_HANDLE);
    assert_eq!(next.bytes(), [7; 10]);
}

#[test]
fn invented_window_numbers_are_stale() {
    let mut random = Random::new();
    let lent = Lent::acquire(10, 0).unwrap();
    for _ in 0..200_000 {
        let number = random.next() as i64 >> random.below(64);
        if number != lent.0 && number >> 16 > 1_000_000 || number < 0 {
            assert_eq!(mg_window_release(number), MG_ERR_STALE_HANDLE);
        }
    }
    for number in [
        i64::MIN,
        -1,
        0xFFFF,
        lent.0 & 0xFFFF,
        lent.0 | 0x8000,
        lent.0 + (1 << 16),
        lent.0 - (1 << 16),
    ] {
        assert_eq!(mg_window_release(number), MG_ERR_STALE_HANDLE, "{number}");
    }
}

#[test]
fn threads_never_get_the_same_window_at_once() {
    let held = Mutex::new(std::collections::HashSet::new());
    scope(|threads| {
        for thread in 0..4u8 {
            let held = &held;
            threads.spawn(move || {
                for n in 0..20_000usize {
                    let lent = Lent::acquire(if n % 50 == 0 { 5_000 } else { 64 }, 0).unwrap();
                    let place = lent.address().0 as usize;
                    assert!(held.lock().unwrap().insert(place));
                    lent.bytes().fill(thread);
                    assert!(lent.bytes().iter().all(|&byte| byte == thread));
                    held.lock().unwrap().remove(&place);
                }
            });
        }
    });
}

#[test]
fn all_4096_windows_may_be_lent_and_one_more_is_an_error() {
    if !may_lock(17 << 20) {
        println!("SKIPPED: run it as root, or with `ulimit -l {}`", 17 << 10);
        return;
    }
    in_child("all_4096_windows_may_be_lent_and_one_more_is_an_error", || {
        let cache = Cache::new();
        let handle = cache.put(b"value");
        let mut lent: Vec<Lent> = (0..4096).map(|_| cache.borrow(handle).unwrap()).collect();
        assert_eq!(cache.read(handle), Err(MG_ERR_NO_WINDOW));
        assert_eq!(Lent::acquire(100_000, 0).map(drop), Err(MG_ERR_NO_WINDOW));
        assert_eq!((cache.usage().windows_in_use, cache.usage().windows_peak), (4096, 4096));
        // An idle page makes room for a large window.
        lent.pop();
        assert!(Lent::acquire(100_000, 0).is_ok());
        drop(lent);
        assert_eq!(cache.usage().windows_in_use, 0);
    });
}

/// Reads one byte beside a window in a child, which must die of it.
fn dies_beside_a_window(test: &str, length: usize, flags: u32, offset: isize) {
    let (status, text) = child(test, || {
        let no_core = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: a plain system call; then a read that is meant to fail.
        unsafe {
            libc::setrlimit(libc::RLIMIT_CORE, &no_core);
            let lent = Lent::acquire(length, flags).unwrap();
            let (data, _) = lent.address();
            std::ptr::read_volatile(data.offset(if offset < 0 { 0 } else { offset - 1 })); // still inside
            println!("inside is fine");
            std::ptr::read_volatile(data.offset(offset));
        }
    });
    use std::os::unix::process::ExitStatusExt;
    assert!(text.contains("inside is fine"), "{text}");
    assert_eq!(status.signal(), Some(libc::SIGSEGV), "{text}");
}

#[test]
fn reading_behind_a_large_window_kills() {
    dies_beside_a_window("reading_behind_a_large_window_kills", 1 << 20, 0, 1 << 20);
}

#[test]
fn reading_behind_a_window_without_memfd_secret_kills() {
    let test = "reading_behind_a_window_without_memfd_secret_kills";
    dies_beside_a_window(test, 4096, MG_NO_MEMFD_SECRET, 4096);
}

#[test]
fn a_window_that_could_not_be_locked_takes_no_memory_of_other_threads() {
    let test = "a_window_that_could_not_be_locked_takes_no_memory_of_other_threads";
    in_child(test, || {
        limit_locked_memory(64 * 1024);
        assert_eq!(mg_init(0), MG_OK);
        let length = 100_000;
        scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    for _ in 0..20_000 {
                        assert_eq!(Lent::acquire(length, 0).map(drop), Err(MG_ERR_LOCKED_MEMORY));
                    }
                });
                threads.spawn(|| {
                    for _ in 0..20_000 {
                        let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                        let access = libc::PROT_READ | libc::PROT_WRITE;
                        // SAFETY: a mapping of our own, which this loop alone writes, reads and unmaps.
                        unsafe {
                            let own = libc::mmap(std::ptr::null_mut(), length, access, private, -1, 0);
                            assert_ne!(own, libc::MAP_FAILED);
                            let own = own.cast::<u8>();
                            own.write_volatile(7);
                            std::thread::yield_now();
                            assert_eq!(own.read_volatile(), 7);
                            libc::munmap(own.cast(), length);
                        }
                    }
                });
            }
        });
    });
}
