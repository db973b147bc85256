//! Memory for keys and plaintext: locked, out of core dumps, between guard pages, wiped when it is dropped.
//!
//! `unsafe` is here for the system calls and for libsodium's allocator; what is handed out is a pointer and a length.

use crate::status::Error;
use libsodium_sys as sodium;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Flag: don't use memfd_secret(2), which keeps the system from hibernating while it is in use.
pub const MG_NO_MEMFD_SECRET: u32 = 1;
/// Flag: go on with unlocked memory where locking fails.
pub const MG_BEST_EFFORT: u32 = 2;

/// The size of a page on x86_64, in bytes.
pub const PAGE: usize = 4096;

static LOCKED: AtomicU64 = AtomicU64::new(0);
static UNLOCKED: AtomicU64 = AtomicU64::new(0);
static MEMFD_SECRET_MISSING: AtomicBool = AtomicBool::new(false);

/// How a region is protected; the numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// memfd_secret(2): in no mapping but ours, not even the kernel's.
    MemfdSecret = 1,
    /// mlock(2) by libsodium's allocator.
    Locked = 2,
    /// libsodium's allocator where mlock(2) failed and the caller wanted to go on.
    Unlocked = 3,
}

/// Protected memory of at least the length asked for, zeros at first.
pub struct Region {
    data: *mut u8,
    length: usize,
    kind: Kind,
}

// SAFETY: a region is a plain range of memory; who may touch it when is decided by its owner.
unsafe impl Send for Region {}
// SAFETY: as above; nothing in it changes after it is made.
unsafe impl Sync for Region {}

/// Bytes that are locked by this library, and bytes that should be and are not.
pub fn totals() -> (u64, u64) {
    (LOCKED.load(Ordering::Relaxed), UNLOCKED.load(Ordering::Relaxed))
}

impl Region {
    /// Maps zeros of at least `length` bytes (rounded up to pages) between two guard pages.
    pub fn new(length: usize, flags: u32) -> Result<Region, Error> {
        let length = length.max(1).next_multiple_of(PAGE);
        let region = match Region::by_memfd_secret(length, flags) {
            Ok(Some(region)) => region,
            Ok(None) => Region::by_sodium(length, flags)?,
            // The limit holds for the other kind, too.
            Err(_) if flags & MG_BEST_EFFORT != 0 => Region::by_sodium(length, flags)?,
            Err(error) => return Err(error),
        };
        region.counter().fetch_add(region.locked() as u64, Ordering::Relaxed);
        Ok(region)
    }

    /// The first byte, at the start of a page.
    pub fn data(&self) -> *mut u8 {
        self.data
    }

    /// Its length in bytes, whole pages.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How it is protected.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn counter(&self) -> &'static AtomicU64 {
        if self.kind == Kind::Unlocked {
            &UNLOCKED
        } else {
            &LOCKED
        }
    }

    /// What it adds to the totals, in bytes. libsodium locks its canary, too, which has a page of its own.
    pub fn locked(&self) -> usize {
        let canary = if self.kind == Kind::Locked { PAGE } else { 0 };
        self.length + canary
    }

    /// None where this kind of memory is not to be had, or not wanted.
    fn by_memfd_secret(length: usize, flags: u32) -> Result<Option<Region>, Error> {
        if flags & MG_NO_MEMFD_SECRET != 0 || MEMFD_SECRET_MISSING.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // SAFETY: plain system calls on memory and a descriptor that only this function knows; each result is checked.
        unsafe {
            let fd = libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) as i32;
            if fd < 0 {
                // An old kernel, one without secret memory, or a seccomp filter; all else may pass (descriptors, memory).
                return match errno() {
                    libc::ENOSYS | libc::EPERM | libc::EACCES => {
                        MEMFD_SECRET_MISSING.store(true, Ordering::Relaxed);
                        Ok(None)
                    }
                    _ => Err(Error::OutOfMemory),
                };
            }
            // One reservation for the guard pages and the middle; only the middle counts as locked.
            let total = length + 2 * PAGE;
            let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            let base = libc::mmap(ptr::null_mut(), total, libc::PROT_NONE, private, -1, 0);
            if base == libc::MAP_FAILED {
                libc::close(fd);
                return Err(Error::OutOfMemory);
            }
            let middle = base.cast::<u8>().add(PAGE).cast();
            let mapped = if libc::ftruncate(fd, length as libc::off_t) == 0 {
                let access = libc::PROT_READ | libc::PROT_WRITE;
                libc::mmap(middle, length, access, libc::MAP_SHARED | libc::MAP_FIXED, fd, 0)
            } else {
                libc::MAP_FAILED
            };
            let error = errno();
            libc::close(fd);
            if mapped == libc::MAP_FAILED {
                libc::munmap(base, total);
                // The limit is EAGAIN here; ENOMEM is vm.max_map_count or a real shortage.
                return Err(match error {
                    libc::EAGAIN => Error::LockedMemory,
                    _ => Error::OutOfMemory,
                });
            }
            keep_private(middle.cast(), length);
            Ok(Some(Region {
                data: middle.cast(),
                length,
                kind: Kind::MemfdSecret,
            }))
        }
    }

    fn by_sodium(length: usize, flags: u32) -> Result<Region, Error> {
        // SAFETY: libsodium is initialized before any region is made (exports::mg_init); the pointer is checked, and
        // `length` bytes behind it are ours.
        unsafe {
            let data = sodium::sodium_malloc(length).cast::<u8>();
            if data.is_null() {
                return Err(Error::OutOfMemory);
            }
            // sodium_malloc ignores a failed mlock; this tells.
            let locked = sodium::sodium_mlock(data.cast(), length) == 0;
            if !locked && flags & MG_BEST_EFFORT == 0 {
                sodium::sodium_free(data.cast());
                return Err(Error::LockedMemory);
            }
            keep_private(data, length);
            sodium::sodium_memzero(data.cast(), length);
            let kind = if locked { Kind::Locked } else { Kind::Unlocked };
            Ok(Region { data, length, kind })
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.counter().fetch_sub(self.locked() as u64, Ordering::Relaxed);
        // SAFETY: the memory was mapped by `new`, and nobody uses it any more.
        unsafe {
            match self.kind {
                Kind::MemfdSecret => {
                    sodium::sodium_memzero(self.data.cast(), self.length);
                    libc::munmap(self.data.sub(PAGE).cast(), self.length + 2 * PAGE);
                }
                Kind::Locked | Kind::Unlocked => sodium::sodium_free(self.data.cast()), // wipes
            }
        }
    }
}

/// Keeps whole pages out of core dumps and forked children. Failure is no danger to speak of: a kernel too old for the
/// advice has no secret memory either, and all exports refuse to work after a fork.
///
/// # Safety
/// The pages must belong to the caller.
unsafe fn keep_private(data: *mut u8, length: usize) {
    // SAFETY: advice on memory of ours; it changes no contents in this process.
    unsafe {
        libc::madvise(data.cast(), length, libc::MADV_DONTDUMP);
        libc::madvise(data.cast(), length, libc::MADV_DONTFORK);
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
