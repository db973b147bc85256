//! What other processes, core dumps, forked children and later callers can see: nothing.

mod support;
use memguard_ffi::protect::process_key;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use support::*;

#[test]
fn a_released_window_is_wiped_and_can_be_released_once() {
    // Alone, so that no other test takes the page meanwhile.
    in_child("a_released_window_is_wiped_and_can_be_released_once", || {
        let cache = Cache::new();
        let lent = cache.borrow(cache.put(&[0xAB; 4096])).unwrap();
        let ((data, length), window) = (lent.address(), lent.0);
        drop(lent);
        assert_eq!(mg_window_release(window), MG_ERR_STALE_HANDLE);
        assert_eq!(mg_window_release(-1), MG_ERR_STALE_HANDLE);
        // The next one of this thread is the same page: whatever it shows was left there.
        let next = Lent::acquire(4096, 0).unwrap();
        assert_eq!(next.address(), (data, length));
        assert!(next.bytes().iter().all(|byte| *byte == 0));
        assert_eq!(mg_window_release(window), MG_ERR_STALE_HANDLE);
    });
}

#[test]
fn neither_key_nor_window_can_be_read_through_proc_mem() {
    let cache = Cache::new();
    if cache.usage().memory_kind != 1 {
        println!("NOT TESTED: this kernel has no memfd_secret (Linux 5.14, secretmem.enable=1)");
        return;
    }
    let handle = cache.put(b"plaintext in a window");
    let lent = cache.borrow(handle).unwrap();
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut byte = [0];
    let control = 7_u8;
    memory
        .read_exact_at(&mut byte, std::ptr::from_ref(&control) as u64)
        .unwrap();
    assert_eq!(byte, [7]); // this way memory can be read, in general
    for address in [process_key::get().unwrap() as u64, lent.address().0 as u64] {
        assert_eq!(
            memory.read_exact_at(&mut byte, address).unwrap_err().raw_os_error(),
            Some(libc::EIO)
        );
    }
}

#[test]
fn a_step_behind_a_window_kills() {
    dies_at("a_step_behind_a_window_kills", 4096);
}

#[test]
fn a_step_before_a_window_kills() {
    dies_at("a_step_before_a_window_kills", -1);
}

fn dies_at(test: &str, offset: isize) {
    let (status, text) = child(test, || {
        let cache = Cache::new();
        let lent = cache.borrow(cache.put(&[1; 4096])).unwrap();
        // SAFETY: none: this is the overrun that the guard page must stop.
        unsafe { std::ptr::write_volatile(lent.address().0.offset(offset), 0) };
    });
    assert_eq!(status.signal(), Some(libc::SIGSEGV), "{text}");
}

#[test]
fn a_forked_child_is_told_so() {
    let cache = Cache::new();
    let handle = cache.put(b"of the parent");
    // SAFETY: the child calls nothing but our exports, which return at once, and _exit.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let told = mg_borrow(cache.0, handle) == i64::from(MG_ERR_FORKED)
                && mg_init(0) == MG_ERR_FORKED
                && mg_window_acquire(1, 0) == i64::from(MG_ERR_FORKED);
            libc::_exit(if told { 42 } else { 1 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42, "{status:x}");
    }
    assert_eq!(cache.read(handle).unwrap(), b"of the parent");
}

#[test]
fn without_memfd_secret_it_locks() {
    in_child("without_memfd_secret_it_locks", || {
        let cache = Cache::with_flags(MG_NO_MEMFD_SECRET);
        assert_eq!(cache.usage().memory_kind, 2);
        for length in [0, 1, 4096, 4097, 100_000] {
            let value = Random::from(length).bytes(length as usize);
            assert_eq!(cache.read(cache.put(&value)).unwrap(), value);
        }
        assert_eq!(cache.usage().unlocked_bytes, 0);
    });
}

#[test]
fn sixty_four_kilobytes_suffice_for_small_values() {
    in_child("sixty_four_kilobytes_suffice_for_small_values", || {
        limit_locked_memory(65_536);
        let (cache, value) = (Cache::new(), [5; 4096]);
        let (small, large) = (cache.put(&value), cache.put(&[6; 1 << 20]));
        for _ in 0..1000 {
            assert_eq!(cache.read(small).unwrap(), value);
        }
        assert_eq!(mg_borrow(cache.0, large), i64::from(MG_ERR_LOCKED_MEMORY));
        assert_eq!(cache.read(small).unwrap(), value);
        // Key and one window: what others need is left to them.
        assert!(cache.usage().locked_bytes <= 2 * 4096);
        let mut lent = Vec::new();
        let full = loop {
            match mg_borrow(cache.0, small) {
                status @ ..0 => break status,
                window => lent.push(window),
            }
        };
        assert_eq!(full, i64::from(MG_ERR_LOCKED_MEMORY));
        assert_eq!(lent.len(), 15);
        lent.into_iter()
            .for_each(|window| assert_eq!(mg_window_release(window), MG_OK));
        // A longer value takes the pages of idle windows.
        let longer = cache.put(&[7; 40_000]);
        assert_eq!(cache.read(longer).unwrap(), [7; 40_000]);
    });
}

#[test]
fn without_any_limit_left_it_fails_or_goes_on_by_choice() {
    in_child("without_any_limit_left_it_fails_or_goes_on_by_choice", || {
        limit_locked_memory(0);
        assert_eq!(mg_init(0), MG_ERR_LOCKED_MEMORY);
        let cache = Cache::with_flags(MG_BEST_EFFORT);
        assert_eq!(cache.read(cache.put(b"unlocked")).unwrap(), b"unlocked");
        assert_eq!(cache.usage().memory_kind, 3);
        assert!(cache.usage().unlocked_bytes > 0);
        assert_eq!(mg_init(0), MG_ERR_LOCKED_MEMORY);
    });
}

#[test]
fn a_thousand_windows_fit_into_eight_megabytes() {
    in_child("a_thousand_windows_fit_into_eight_megabytes", || {
        limit_locked_memory(8 << 20);
        let cache = Cache::new();
        let handle = cache.put(b"same");
        let lent: Vec<i64> = (0..1000).map(|_| mg_borrow(cache.0, handle)).collect();
        assert!(lent.iter().all(|window| *window >= 0));
        assert_eq!(cache.usage().windows_in_use, 1000);
        lent.into_iter()
            .for_each(|window| assert_eq!(mg_window_release(window), MG_OK));
        assert_eq!(cache.usage().windows_in_use, 0);
    });
}
