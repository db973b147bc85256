//! Long windows between two uses: wiped, kept within a share of the limit, and given up as soon as memory is short.

mod support;
use std::collections::HashSet;
use std::thread::scope;
use support::*;

const MIB: usize = 1 << 20;

/// What [`mg_trim`] gives back to the system, in bytes.
fn trim() -> u64 {
    u64::try_from(mg_trim()).unwrap()
}

/// Looks at memory behind the library's back: the window is released, its pages are still mapped.
fn is_wiped(data: *const u8, length: usize) -> bool {
    // SAFETY: whoever calls this knows that the window is kept, and that nobody else uses it.
    (0..length).all(|at| unsafe { std::ptr::read_volatile(data.add(at)) } == 0)
}

#[test]
fn a_long_window_is_wiped_at_release_and_lent_again() {
    in_child("a_long_window_is_wiped_at_release_and_lent_again", || {
        let (cache, mut random) = (Cache::new(), Random::new());
        for length in [4097, 5_000, 100_000, MIB - 1, MIB, MIB + 1] {
            let value = random.bytes(length);
            let handle = cache.put(&value);
            let lent = cache.borrow(handle).unwrap();
            assert_eq!(lent.bytes(), value);
            let (data, _) = lent.address();
            drop(lent);
            assert!(is_wiped(data, length));
            assert_eq!(cache.borrow(handle).unwrap().address(), (data, length));
            assert!(trim() >= length as u64, "it was the kept one");
        }
    });
}

#[test]
fn what_was_written_to_a_long_scratch_window_is_wiped() {
    in_child("what_was_written_to_a_long_scratch_window_is_wiped", || {
        let lent = Lent::acquire(MIB + 7, 0).unwrap();
        lent.bytes().fill(0xAB);
        let (data, length) = lent.address();
        drop(lent);
        assert!(is_wiped(data, length));
    });
}

#[test]
fn what_is_kept_is_at_most_three_quarters_of_the_limit() {
    in_child("what_is_kept_is_at_most_three_quarters_of_the_limit", || {
        limit_locked_memory(8 << 20);
        let (cache, mut random) = (Cache::new(), Random::new());
        for _ in 0..40 {
            let lengths: Vec<usize> = (0..1 + random.below(6)).map(|_| 1 + random.below(MIB)).collect();
            let lent: Vec<Lent> = lengths
                .iter()
                .map(|&length| Lent::acquire(length, 0).unwrap())
                .collect();
            drop(lent);
            let idle = cache.usage().locked_bytes;
            assert!(
                idle <= (6 << 20) + 16 * 4096,
                "{idle} bytes locked while nothing is lent"
            );
        }
        // Too long to be kept: gone at once.
        mg_trim();
        let before = cache.usage().locked_bytes;
        drop(Lent::acquire(7 * MIB, 0).unwrap());
        assert_eq!(cache.usage().locked_bytes, before);
    });
}

#[test]
fn a_window_of_5_mb_is_kept_under_a_limit_of_8_mib_and_gives_way_to_a_key() {
    let test = "a_window_of_5_mb_is_kept_under_a_limit_of_8_mib_and_gives_way_to_a_key";
    in_child(test, || {
        limit_locked_memory(8 << 20);
        let cache = Cache::new();
        let address = || Lent::acquire(5_000_000, 0).unwrap().address().0;
        assert_eq!(address(), address());
        // All that is left, in pages; only the kept window can make room for the key's.
        let pages: Vec<Lent> = std::iter::from_fn(|| {
            let full = cache.usage().locked_bytes + 4096 > 8 << 20;
            (!full).then(|| Lent::acquire(1, 0).unwrap())
        })
        .collect();
        let mut key = 0;
        // SAFETY: the pointers are good.
        assert_eq!(unsafe { mg_aead_new([1; 32].as_ptr(), 0, &mut key) }, MG_OK);
        assert!(cache.usage().locked_bytes < 4 << 20, "the long window is gone");
        drop(pages);
    });
}

#[test]
fn the_bound_holds_for_many_threads_at_once() {
    in_child("the_bound_holds_for_many_threads_at_once", || {
        limit_locked_memory(8 << 20);
        let cache = Cache::new();
        let handles: Vec<u64> = (1..=8u8).map(|n| cache.put(&vec![n; n as usize * 300_000])).collect();
        scope(|threads| {
            for first in 0..8 {
                let (cache, handles) = (&cache, &handles);
                threads.spawn(move || {
                    for n in (0..8).cycle().skip(first).take(50) {
                        match cache.borrow(handles[n]) {
                            Ok(lent) => assert!(lent.bytes().iter().all(|&byte| byte == n as u8 + 1)),
                            Err(status) => assert_eq!(status, MG_ERR_LOCKED_MEMORY),
                        }
                    }
                });
            }
        });
        assert_eq!(cache.usage().windows_in_use, 0);
        assert!(cache.usage().locked_bytes <= (6 << 20) + 16 * 4096);
    });
}

#[test]
fn kept_windows_give_way_where_memory_is_short() {
    in_child("kept_windows_give_way_where_memory_is_short", || {
        limit_locked_memory(8 << 20);
        let cache = Cache::new();
        let used = || cache.usage().locked_bytes;
        let (mib, most) = (cache.put(&vec![1; MIB]), cache.put(&vec![2; 15 << 19]));
        let empty = used();
        drop((cache.borrow(mib).unwrap(), cache.borrow(mib).unwrap()));
        assert!(used() >= empty + MIB as u64, "one is kept at least");
        // Nearly all of the limit.
        assert_eq!(cache.borrow(most).unwrap().bytes()[0], 2);
        // Pages, too, get the room of a kept window.
        drop(cache.borrow(mib).unwrap());
        let small = cache.put(b"small");
        let lent: Vec<Lent> = std::iter::from_fn(|| cache.borrow(small).ok()).collect();
        assert!(used() > (8 << 20) - 3 * 4096, "all of the limit is lent");
        assert!(lent.iter().all(|lent| lent.bytes() == b"small"));
        assert_eq!(cache.read(mib), Err(MG_ERR_LOCKED_MEMORY), "now it is full");
        drop(lent);
        assert_eq!(cache.read(mib).unwrap(), vec![1; MIB]);
    });
}

#[test]
fn another_length_takes_the_room_of_those_kept_before() {
    in_child("another_length_takes_the_room_of_those_kept_before", || {
        limit_locked_memory(8 << 20);
        let address = |length| Lent::acquire(length, 0).unwrap().address().0;
        let first: HashSet<_> = (0..3).map(|_| address(5 * MIB)).collect();
        assert_eq!(first.len(), 1, "kept, and used again");
        let second: HashSet<_> = (0..3).map(|_| address(3 * MIB)).collect();
        assert_eq!(second.len(), 1, "kept in its place");
    });
}

#[test]
fn trimming_gives_all_idle_memory_back_and_touches_nothing_lent() {
    in_child("trimming_gives_all_idle_memory_back_and_touches_nothing_lent", || {
        let cache = Cache::new();
        let key = cache.usage().locked_bytes;
        let (page, long) = (Lent::acquire(10, 0).unwrap(), Lent::acquire(50_000, 0).unwrap());
        page.bytes().fill(1);
        long.bytes().fill(2);
        drop((Lent::acquire(10, 0).unwrap(), Lent::acquire(70_000, 0).unwrap()));
        let before = cache.usage().locked_bytes;
        let freed = trim();
        assert!(freed >= 4096 + 73_728);
        assert_eq!(cache.usage().locked_bytes, before - freed);
        assert!(page.bytes() == [1; 10] && long.bytes() == [2; 50_000]);
        drop((page, long));
        assert!(trim() >= 4096 + 53_248);
        assert_eq!(cache.usage().locked_bytes, key);
        assert_eq!(process_status("VmLck"), key);
        assert_eq!(trim(), 0);
    });
}

#[test]
fn a_window_used_again_for_less_still_ends_at_a_guard_page() {
    let test = "a_window_used_again_for_less_still_ends_at_a_guard_page";
    let (status, text) = child(test, || {
        let (first, _) = Lent::acquire(MIB, 0).unwrap().address();
        let again = Lent::acquire(MIB - 5 * 4096, 0).unwrap();
        let (data, length) = again.address();
        assert_eq!(data, first.wrapping_add(5 * 4096));
        assert!(again.bytes().iter().all(|&byte| byte == 0));
        println!("inside is fine");
        // SAFETY: none: this is the overrun that the guard page must stop.
        unsafe { std::ptr::read_volatile(data.add(length)) };
    });
    use std::os::unix::process::ExitStatusExt;
    assert!(text.contains("inside is fine"), "{text}");
    assert_eq!(status.signal(), Some(libc::SIGSEGV), "{text}");
}

#[test]
fn memory_is_left_unlocked_by_choice_only_where_idle_windows_do_not_suffice() {
    let test = "memory_is_left_unlocked_by_choice_only_where_idle_windows_do_not_suffice";
    in_child(test, || {
        limit_locked_memory(8 << 20);
        let cache = Cache::with_flags(MG_BEST_EFFORT);
        drop(Lent::acquire(2 * MIB, MG_BEST_EFFORT).unwrap());
        let most = Lent::acquire(7 * MIB, MG_BEST_EFFORT).unwrap();
        assert_eq!(cache.usage().unlocked_bytes, 0);
        drop(Lent::acquire(2 * MIB, MG_BEST_EFFORT).unwrap());
        assert_eq!(cache.usage().unlocked_bytes, 0, "what is not locked is not kept");
        drop(most);
    });
}
