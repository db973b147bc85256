//! Who can't read the memory, what the limits are, and what a fork gets. Each in a process of its own.

mod support;
use memguard_ffi::protect::process_key;
use support::*;

/// The protection bits (VmFlags) of the mapping that an address lies in.
fn vm_flags(address: *const u8) -> String {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut inside = false;
    for line in maps.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        if let Some((Ok(start), Ok(end))) =
            range.map(|(a, b)| (usize::from_str_radix(a, 16), usize::from_str_radix(b, 16)))
        {
            inside = (start..end).contains(&(address as usize));
        } else if inside && line.starts_with("VmFlags:") {
            return format!("{line} ");
        }
    }
    panic!("not mapped");
}

fn stays_private(test: &str, flags: u32, kind: u64) {
    in_child(test, || {
        let cache = Cache::with_flags(flags);
        let (small, large) = (
            Lent::acquire(4096, flags).unwrap(),
            Lent::acquire(100_000, flags).unwrap(),
        );
        for address in [process_key::get().unwrap(), small.address().0, large.address().0] {
            let bits = vm_flags(address);
            for bit in [" lo ", " dd ", " dc "] {
                assert!(bits.contains(bit), "{bit}: {bits}");
            }
        }
        assert_eq!(cache.usage().memory_kind, kind);
    });
}

#[test]
fn no_page_goes_to_swap_or_into_a_core_dump_or_a_child() {
    let kind = if has_memfd_secret() { 1 } else { 2 };
    stays_private("no_page_goes_to_swap_or_into_a_core_dump_or_a_child", 0, kind);
}

#[test]
fn no_page_goes_to_swap_or_into_a_core_dump_or_a_child_without_memfd_secret() {
    let test = "no_page_goes_to_swap_or_into_a_core_dump_or_a_child_without_memfd_secret";
    stays_private(test, MG_NO_MEMFD_SECRET, 2);
}

fn counts_as_the_kernel_does(test: &str, flags: u32) {
    in_child(test, || {
        let cache = Cache::with_flags(flags);
        let key = [1; 32];
        let mut aead = 0;
        // SAFETY: the key has 32 bytes, `aead` is writable.
        assert_eq!(unsafe { mg_aead_new(key.as_ptr(), flags, &mut aead) }, MG_OK);
        let lent: Vec<Lent> = (0..9).map(|n| Lent::acquire(n * 1000, flags).unwrap()).collect();
        assert_eq!(cache.usage().locked_bytes, process_status("VmLck"));
        drop(lent);
        assert_eq!(mg_aead_free(aead), MG_OK);
        assert_eq!(cache.usage().locked_bytes, process_status("VmLck"));
        assert_eq!(cache.usage().unlocked_bytes, 0);
    });
}

#[test]
fn locked_bytes_are_what_the_kernel_counts() {
    counts_as_the_kernel_does("locked_bytes_are_what_the_kernel_counts", 0);
}

#[test]
fn locked_bytes_are_what_the_kernel_counts_without_memfd_secret() {
    let test = "locked_bytes_are_what_the_kernel_counts_without_memfd_secret";
    counts_as_the_kernel_does(test, MG_NO_MEMFD_SECRET);
}

fn works_within_64_kib(test: &str, flags: u32, kind: u64) {
    in_child(test, || {
        limit_locked_memory(64 * 1024);
        let cache = Cache::with_flags(flags);
        let (page, mib) = (cache.put(&[1; 4096]), cache.put(&vec![2; 1 << 20]));
        for _ in 0..3 {
            assert_eq!(cache.read(page).unwrap(), [1; 4096]);
            assert_eq!(cache.read(mib), Err(MG_ERR_LOCKED_MEMORY));
        }
        // As many at once as fit, then an error, then again.
        let mut lent = Vec::new();
        let error = loop {
            match cache.borrow(page) {
                Ok(window) => lent.push(window),
                Err(status) => break status,
            }
        };
        println!("{} windows of 4 KiB at once", lent.len());
        assert_eq!(error, MG_ERR_LOCKED_MEMORY);
        assert!(lent.len() >= 7);
        lent.clear();
        // Idle windows make room for a larger one, and come back after it.
        assert_eq!(cache.read(cache.put(&[3; 20_000])).unwrap(), [3; 20_000]);
        assert_eq!(cache.read(page).unwrap(), [1; 4096]);
        let usage = cache.usage();
        assert_eq!((usage.memory_kind, usage.unlocked_bytes), (kind, 0));
        assert!(usage.locked_bytes <= 64 * 1024);
    });
}

#[test]
fn pages_work_within_64_kib_without_memfd_secret() {
    let test = "pages_work_within_64_kib_without_memfd_secret";
    works_within_64_kib(test, MG_NO_MEMFD_SECRET, 2);
}

fn nests_1000_borrows(test: &str, flags: u32) {
    in_child(test, || {
        limit_locked_memory(8 << 20);
        let cache = Cache::with_flags(flags);
        let handle = cache.put(b"nested");
        let lent: Vec<Lent> = (0..1000).map(|_| cache.borrow(handle).unwrap()).collect();
        assert!(lent.iter().all(|window| window.bytes() == b"nested"));
        assert_eq!(cache.usage().windows_in_use, 1000);
    });
}

#[test]
fn a_thousand_borrows_nest_within_8_mib_without_memfd_secret() {
    let test = "a_thousand_borrows_nest_within_8_mib_without_memfd_secret";
    nests_1000_borrows(test, MG_NO_MEMFD_SECRET);
}

#[test]
fn without_any_locked_memory_init_fails_unless_best_effort_is_chosen() {
    in_child(
        "without_any_locked_memory_init_fails_unless_best_effort_is_chosen",
        || {
            limit_locked_memory(0);
            assert_eq!(mg_init(0), MG_ERR_LOCKED_MEMORY);
            let cache = Cache::with_flags(MG_BEST_EFFORT);
            let handle = cache.put(b"value");
            assert_eq!(cache.read(handle).unwrap(), b"value");
            let usage = cache.usage();
            assert_eq!((usage.memory_kind, usage.locked_bytes), (3, 0));
            assert_eq!(usage.unlocked_bytes, 4096, "the key alone: such windows are not pooled");
            assert_eq!(mg_init(0), MG_ERR_LOCKED_MEMORY, "the key is not locked");
            // A file key that is not locked never serves one who wanted it locked.
            let (mut loose, mut strict) = (0, 0);
            // SAFETY: the keys have 32 bytes, the numbers are writable.
            unsafe {
                assert_eq!(mg_aead_new([1; 32].as_ptr(), MG_BEST_EFFORT, &mut loose), MG_OK);
                assert_eq!(mg_aead_new([1; 32].as_ptr(), 0, &mut strict), MG_ERR_LOCKED_MEMORY);
            }
            assert_eq!(mg_window_acquire(1, 0), MG_ERR_LOCKED_MEMORY.into());
        },
    );
}

#[test]
fn a_forked_child_gets_errors_and_the_parent_goes_on() {
    in_child("a_forked_child_gets_errors_and_the_parent_goes_on", || {
        let cache = Cache::new();
        let handle = cache.put(b"value");
        // SAFETY: the child makes only calls that do nothing after a fork, and leaves by _exit.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                let (mut number, mut usage) = (0, MgUsage::default());
                let statuses = [
                    mg_init(0).into(),
                    mg_cache_new(0, &mut number).into(),
                    mg_cache_clear(cache.0).into(),
                    mg_cache_free(cache.0).into(),
                    mg_put(cache.0, [1].as_ptr(), 1, 0, 0, &mut number).into(),
                    mg_replace(cache.0, handle, [1].as_ptr(), 1, 0, 0).into(),
                    mg_remove(cache.0, handle).into(),
                    mg_length(cache.0, handle),
                    mg_borrow(cache.0, handle),
                    mg_window_acquire(1, 0),
                    mg_window_release(1 << 16).into(),
                    mg_sweep(cache.0),
                    mg_trim(),
                    mg_usage(cache.0, &mut usage).into(),
                    mg_aead_new([1; 32].as_ptr(), 0, &mut number).into(),
                    mg_aead_free(1).into(),
                ];
                let all = statuses.iter().all(|&status| status == i64::from(MG_ERR_FORKED));
                libc::_exit(if all { 0 } else { 1 });
            }
            let mut status = -1;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            assert_eq!(status, 0);
        }
        assert_eq!(cache.read(handle).unwrap(), b"value");
    });
}

fn a_child_dies_of_reading_the_key(test: &str, flags: u32) {
    in_child(test, || {
        let _cache = Cache::with_flags(flags);
        let key = process_key::get().unwrap();
        let no_core = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the child reads an address that is not mapped there, which ends it.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
                libc::setrlimit(libc::RLIMIT_CORE, &no_core);
                std::ptr::read_volatile(key);
                libc::_exit(0);
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV);
        }
    });
}

#[test]
fn a_forked_child_has_no_copy_of_the_key() {
    a_child_dies_of_reading_the_key("a_forked_child_has_no_copy_of_the_key", 0);
}

#[test]
fn a_forked_child_has_no_copy_of_the_key_without_memfd_secret() {
    let test = "a_forked_child_has_no_copy_of_the_key_without_memfd_secret";
    a_child_dies_of_reading_the_key(test, MG_NO_MEMFD_SECRET);
}

#[test]
fn a_value_that_memory_is_too_short_for_is_an_error_not_the_end_of_the_process() {
    let test = "a_value_that_memory_is_too_short_for_is_an_error_not_the_end_of_the_process";
    in_child(test, || {
        let (cache, length) = (Cache::new(), 512 << 20);
        let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let most = process_status("VmSize") + length + (64 << 20);
        let limit = libc::rlimit {
            rlim_cur: most,
            rlim_max: most,
        };
        let mut handle = 0;
        // SAFETY: plain system calls; the value is a mapping of zeros with that length.
        let status = unsafe {
            let value = libc::mmap(std::ptr::null_mut(), length as usize, libc::PROT_READ, private, -1, 0);
            assert_ne!(value, libc::MAP_FAILED);
            assert_eq!(libc::setrlimit(libc::RLIMIT_AS, &limit), 0);
            mg_put(cache.0, value.cast(), length, 0, 0, &mut handle)
        };
        assert_eq!((status, handle), (MG_ERR_OUT_OF_MEMORY, 0));
        assert_eq!(cache.read(cache.put(b"goes on")).unwrap(), b"goes on");
        assert_eq!(cache.usage().items, 1);
    });
}
