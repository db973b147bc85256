//! What the tests share: the exports as safe functions, seeded random numbers, and child processes.
#![allow(dead_code, unused_imports)] // each test file uses its own part

pub use memguard_ffi::exports::*;
pub use memguard_ffi::key_exports::*;
pub use memguard_ffi::protect::region::{MG_BEST_EFFORT, MG_NO_MEMFD_SECRET};
pub use memguard_ffi::status::*;
pub use memguard_ffi::symmetric_exports::*;
use std::process::{Command, ExitStatus, Stdio};
use std::ptr;

/// A cache of its own for one test; freed at its end.
pub struct Cache(pub u64);

impl Cache {
    pub fn new() -> Cache {
        Cache::with_flags(0)
    }

    pub fn with_flags(flags: u32) -> Cache {
        assert_eq!(mg_init(flags), MG_OK);
        let mut cache = 0;
        // SAFETY: `cache` is writable.
        assert_eq!(unsafe { mg_cache_new(flags, &mut cache) }, MG_OK);
        Cache(cache)
    }

    pub fn put(&self, value: &[u8]) -> u64 {
        self.put_for(value, 0, 0)
    }

    pub fn put_for(&self, value: &[u8], ttl_ms: u64, idle_ms: u64) -> u64 {
        let mut handle = 0;
        // SAFETY: the slice has its length; `handle` is writable.
        let status = unsafe { mg_put(self.0, value.as_ptr(), value.len() as u64, ttl_ms, idle_ms, &mut handle) };
        assert_eq!(status, MG_OK);
        handle
    }

    pub fn replace(&self, handle: u64, value: &[u8]) -> i32 {
        // SAFETY: the slice has its length.
        unsafe { mg_replace(self.0, handle, value.as_ptr(), value.len() as u64, 0, 0) }
    }

    pub fn borrow(&self, handle: u64) -> Result<Lent, i32> {
        Lent::from(mg_borrow(self.0, handle))
    }

    pub fn read(&self, handle: u64) -> Result<Vec<u8>, i32> {
        self.borrow(handle).map(|lent| lent.bytes().to_vec())
    }

    pub fn usage(&self) -> MgUsage {
        let mut usage = MgUsage::default();
        // SAFETY: `usage` is writable.
        assert_eq!(unsafe { mg_usage(self.0, &mut usage) }, MG_OK);
        usage
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        mg_cache_free(self.0);
    }
}

/// A window that is released when it is dropped.
pub struct Lent(pub i64);

impl Lent {
    pub fn from(window: i64) -> Result<Lent, i32> {
        if window < 0 {
            Err(window as i32)
        } else {
            Ok(Lent(window))
        }
    }

    pub fn acquire(length: usize, flags: u32) -> Result<Lent, i32> {
        assert_eq!(mg_init(flags), MG_OK);
        Lent::from(mg_window_acquire(length as u64, flags))
    }

    pub fn address(&self) -> (*mut u8, usize) {
        // SAFETY: the index of a window that is lent lies in the table.
        unsafe {
            let entry = mg_windows().add(self.0 as usize & 0xFFFF);
            (
                ptr::read_volatile(&raw const (*entry).data),
                ptr::read_volatile(&raw const (*entry).length) as usize,
            )
        }
    }

    #[allow(clippy::mut_from_ref)] // a window is memory outside of Rust's view
    pub fn bytes(&self) -> &mut [u8] {
        let (data, length) = self.address();
        // SAFETY: the window is lent to us, and has this length.
        unsafe { std::slice::from_raw_parts_mut(data, length) }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        mg_window_release(self.0);
    }
}

pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A result of a call that writes to `room` bytes: what it wrote, or its status.
pub fn written(room: usize, call: impl FnOnce(*mut u8, u64) -> i64) -> Result<Vec<u8>, i32> {
    let mut out = vec![0xEE; room + 8];
    let length = call(out.as_mut_ptr(), room as u64);
    assert!(out[room..].iter().all(|byte| *byte == 0xEE), "written beyond");
    match usize::try_from(length) {
        Ok(length) => Ok(out[..length].to_vec()),
        Err(_) => Err(length as i32),
    }
}

/// The status of a stale handle, where a result is a number of 64 bits.
pub fn stale() -> i64 {
    MG_ERR_STALE_HANDLE.into()
}

/// splitmix64; the same in each run, or by MG_SEED another one.
pub struct Random(u64);

impl Random {
    pub fn new() -> Random {
        let seed = std::env::var("MG_SEED").map_or(1, |seed| seed.parse().unwrap());
        println!("MG_SEED={seed}");
        Random(seed)
    }

    /// The same numbers in each run.
    pub fn from(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Runs `body` in a fresh process: this test binary again, with that one test. True in the parent, once it succeeded.
pub fn in_child(test: &str, body: impl FnOnce()) {
    let (status, text) = child(test, body);
    print!("{text}");
    assert!(status.success(), "the child of {test} failed: {status}\n{text}");
}

/// As [`in_child`], for a child that may end in any way.
pub fn child(test: &str, body: impl FnOnce()) -> (ExitStatus, String) {
    if std::env::var("MG_CHILD").is_ok_and(|name| name == test) {
        body();
        // Not by returning: the parent looks at the status of the body alone.
        std::process::exit(0);
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env("MG_CHILD", test)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&text).into_owned())
}

/// Whether this process may lock so many bytes.
pub fn may_lock(bytes: u64) -> bool {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: plain system calls; the first writes to `limit`, which is ours.
    unsafe {
        libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) == 0 && (limit.rlim_cur >= bytes || libc::geteuid() == 0)
    }
}

/// Limits locked memory; without root's privileges, which would lift the limit.
pub fn limit_locked_memory(bytes: u64) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: plain system calls.
    unsafe {
        assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit), 0);
        if libc::geteuid() == 0 {
            assert_eq!(libc::setgroups(0, ptr::null()), 0);
            assert_eq!(libc::setgid(65534), 0);
            assert_eq!(libc::setuid(65534), 0);
        }
    }
}

/// A line of /proc/self/status, in bytes.
pub fn process_status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Whether this kernel has memfd_secret(2).
pub fn has_memfd_secret() -> bool {
    // SAFETY: plain system calls.
    unsafe {
        let fd = libc::syscall(libc::SYS_memfd_secret, 0) as i32;
        fd >= 0 && libc::close(fd) == 0
    }
}

/// Written by Bouncy Castle 1.87, with one key.
pub const CONTAINER: &[u8] = include_bytes!("../vectors/container.bcfks");
pub const CONTAINER_PASSWORD: &[u8] = b"0123456789abcdef";
pub const CONTAINER_ALIAS: &[u8] = b"memguard-store-key";
pub const CONTAINER_KEY: &[u8] = b"any wrapped key of a store";

pub fn read_container(container: &[u8], password: &[u8], alias: &[u8], room: usize) -> Result<Vec<u8>, i32> {
    assert_eq!(mg_init(0), MG_OK);
    let mut out = vec![0xEE; room + 8];
    // SAFETY: the buffers have their lengths.
    let written = unsafe {
        mg_bcfks_read(
            container.as_ptr(),
            container.len() as u64,
            password.as_ptr(),
            password.len() as u64,
            alias.as_ptr(),
            alias.len() as u64,
            out.as_mut_ptr(),
            room as u64,
        )
    };
    match usize::try_from(written) {
        Ok(length) => {
            assert!(out[length..].iter().all(|byte| *byte == 0xEE), "written beyond");
            Ok(out[..length].to_vec())
        }
        Err(_) => {
            assert!(out.iter().all(|byte| *byte == 0xEE), "written in spite of an error");
            Err(written as i32)
        }
    }
}
