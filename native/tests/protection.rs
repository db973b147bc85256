//! What other processes, core dumps, forked children and later callers can see: nothing.

mod common;

use common::*;
use memguard_ffi::exports::*;
use memguard_ffi::process_key;
use memguard_ffi::region::{MG_BEST_EFFORT, MG_NO_MEMFD_SECRET};
use memguard_ffi::status::*;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;

#[test]
fn a_released_window_is_wiped_and_can_be_released_once() {
    let cache = cache();
    let handle = put(cache, &[0xAB; 4096]);
    let window = mg_borrow(cache, handle);
    let (data, length) = entry(window);
    assert_eq!(mg_window_release(window), MG_OK);
    assert_eq!(mg_window_release(window), MG_ERR_STALE_HANDLE);
    assert_eq!(mg_window_release(-1), MG_ERR_STALE_HANDLE);
    // The next one of this thread is the same page: whatever it shows was left there.
    let next = mg_window_acquire(4096, 0);
    assert_eq!(entry(next).0, data);
    // SAFETY: it is lent, and as long.
    let left = unsafe { std::slice::from_raw_parts(data, length) };
    assert!(left.iter().all(|byte| *byte == 0));
    assert_eq!(mg_window_release(window), MG_ERR_STALE_HANDLE);
    assert_eq!(mg_window_release(next), MG_OK);
}

#[test]
fn neither_key_nor_window_can_be_read_through_proc_mem() {
    let cache = cache();
    if usage(cache).memory_kind != 1 {
        println!("NOT TESTED: this kernel has no memfd_secret (Linux 5.14, secretmem.enable=1)");
        return;
    }
    let handle = put(cache, b"plaintext in a window");
    let window = mg_borrow(cache, handle);
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut byte = [0];
    let control = 7_u8;
    memory
        .read_exact_at(&mut byte, std::ptr::from_ref(&control) as u64)
        .unwrap();
    assert_eq!(byte, [7]); // this way memory can be read, in general
    for address in [process_key::get().unwrap() as u64, entry(window).0 as u64] {
        assert_eq!(
            memory.read_exact_at(&mut byte, address).unwrap_err().raw_os_error(),
            Some(libc::EIO)
        );
    }
    assert_eq!(mg_window_release(window), MG_OK);
}

#[test]
fn a_step_beyond_a_window_kills() {
    for (marker, offset) in [("behind", 4096_isize), ("before", -1)] {
        if self::marker().as_deref() == Some(marker) {
            let (cache, value) = (cache(), [1; 4096]);
            let window = mg_borrow(cache, put(cache, &value));
            // SAFETY: none: this is the overrun that the guard page must stop.
            unsafe { std::ptr::write_volatile(entry(window).0.offset(offset), 0) };
            std::process::exit(0);
        }
    }
    if self::marker().is_some() {
        return;
    }
    for marker in ["behind", "before"] {
        let output = alone("a_step_beyond_a_window_kills", marker);
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{marker}");
    }
}

#[test]
fn a_forked_child_is_told_so() {
    let cache = cache();
    let handle = put(cache, b"of the parent");
    // SAFETY: the child calls nothing but our exports, which return at once, and _exit.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let told = mg_borrow(cache, handle) == i64::from(MG_ERR_FORKED)
                && mg_init(0) == MG_ERR_FORKED
                && mg_window_acquire(1, 0) == i64::from(MG_ERR_FORKED);
            libc::_exit(if told { 42 } else { 1 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42, "{status:x}");
    }
    assert_eq!(read(cache, handle).unwrap(), b"of the parent");
}

#[test]
fn without_memfd_secret_it_locks() {
    match marker().as_deref() {
        None => {
            let output = alone("without_memfd_secret_it_locks", "locked");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        _ => {
            let cache = cache_with(MG_NO_MEMFD_SECRET);
            assert_eq!(usage(cache).memory_kind, 2);
            for length in [0, 1, 4096, 4097, 100_000] {
                let value = Random(length).bytes(length as usize);
                assert_eq!(read(cache, put(cache, &value)).unwrap(), value);
            }
            assert_eq!(usage(cache).unlocked_bytes, 0);
        }
    }
}

/// As an ordinary user with this limit of locked memory: root is not held to it.
fn confine(bytes: u64) {
    // SAFETY: plain system calls.
    unsafe {
        let limit = libc::rlimit {
            rlim_cur: bytes,
            rlim_max: bytes,
        };
        assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit), 0);
        if libc::geteuid() == 0 {
            assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
            assert_eq!(libc::setgid(65_534), 0);
            assert_eq!(libc::setuid(65_534), 0);
        }
    }
}

fn in_confinement(test: &str, bytes: u64, claim: impl Fn()) {
    if marker().is_some() {
        confine(bytes);
        claim();
        return;
    }
    let output = alone(test, "confined");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn sixty_four_kilobytes_suffice_for_small_values() {
    in_confinement("sixty_four_kilobytes_suffice_for_small_values", 65_536, || {
        let (cache, value) = (cache(), [5; 4096]);
        let (small, large) = (put(cache, &value), put(cache, &[6; 1 << 20]));
        for _ in 0..1000 {
            assert_eq!(read(cache, small).unwrap(), value);
        }
        assert_eq!(mg_borrow(cache, large), i64::from(MG_ERR_LOCKED_MEMORY));
        assert_eq!(read(cache, small).unwrap(), value);
        // Key and one window: what others need is left to them.
        assert!(usage(cache).locked_bytes <= 2 * 4096);
        let mut lent = Vec::new();
        let full = loop {
            match mg_borrow(cache, small) {
                status @ ..0 => break status,
                window => lent.push(window),
            }
        };
        assert_eq!(full, i64::from(MG_ERR_LOCKED_MEMORY));
        assert_eq!(lent.len(), 15);
        lent.into_iter()
            .for_each(|window| assert_eq!(mg_window_release(window), MG_OK));
        // A longer value takes the pages of idle windows.
        let longer = put(cache, &[7; 40_000]);
        assert_eq!(read(cache, longer).unwrap(), [7; 40_000]);
    });
}

#[test]
fn without_any_limit_left_it_fails_or_goes_on_by_choice() {
    in_confinement("without_any_limit_left_it_fails_or_goes_on_by_choice", 0, || {
        assert_eq!(mg_init(0), MG_ERR_LOCKED_MEMORY);
        let cache = cache_with(MG_BEST_EFFORT);
        assert_eq!(read(cache, put(cache, b"unlocked")).unwrap(), b"unlocked");
        assert_eq!(usage(cache).memory_kind, 3);
        assert!(usage(cache).unlocked_bytes > 0);
        assert_eq!(mg_init(0), MG_ERR_LOCKED_MEMORY);
    });
}

#[test]
fn a_thousand_windows_fit_into_eight_megabytes() {
    in_confinement("a_thousand_windows_fit_into_eight_megabytes", 8 << 20, || {
        let cache = cache();
        let handle = put(cache, b"same");
        let lent: Vec<i64> = (0..1000).map(|_| mg_borrow(cache, handle)).collect();
        assert!(lent.iter().all(|window| *window >= 0));
        assert_eq!(usage(cache).windows_in_use, 1000);
        lent.into_iter()
            .for_each(|window| assert_eq!(mg_window_release(window), MG_OK));
        assert_eq!(usage(cache).windows_in_use, 0);
    });
}
