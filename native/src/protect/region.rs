//! Memory for keys and plaintext: locked, out of core dumps, between guard pages, wiped when it is dropped.
//!
//! `unsafe` is here for the system calls and for libsodium's allocator; what is handed out is a pointer and a length.

use crate::protect::retention;
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

/// How often a place is looked for that no other thread maps something into at the same moment.
const ATTEMPTS: usize = 100;

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
                    other => Err(Error::Refused(other)),
                };
            }
            let made = match libc::ftruncate(fd, length as libc::off_t) {
                0 => map_between_guards(fd, length),
                _ => Err(Error::Refused(errno())),
            };
            libc::close(fd);
            let data = made?;
            keep_private(data, length);
            Ok(Some(Region {
                data,
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
                return Err(Error::Refused(errno()));
            }
            // sodium_malloc ignores a failed mlock; this tells.
            let locked = sodium::sodium_mlock(data.cast(), length) == 0;
            if !locked && flags & MG_BEST_EFFORT == 0 {
                let error = not_locked(errno());
                sodium::sodium_free(data.cast());
                return Err(error);
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

/// Maps a file of whole pages with an inaccessible page on each side, in a place that nobody else gets meanwhile.
///
/// Not by MAP_FIXED over the reservation: where that can't lock, it leaves a hole, which another thread may have filled
/// before it could be unmapped.
///
/// # Safety
/// `fd` must be a file of `length` bytes, a multiple of [`PAGE`].
unsafe fn map_between_guards(fd: i32, length: usize) -> Result<*mut u8, Error> {
    let total = length + 2 * PAGE;
    let (private, access) = (
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        libc::PROT_READ | libc::PROT_WRITE,
    );
    let fixed = libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE;
    for _ in 0..ATTEMPTS {
        // SAFETY: memory of ours alone is unmapped: the reservation's middle, then its two guard pages.
        unsafe {
            let base = libc::mmap(ptr::null_mut(), total, libc::PROT_NONE, private, -1, 0);
            if base == libc::MAP_FAILED {
                return Err(Error::Refused(errno()));
            }
            let base = base.cast::<u8>();
            let middle = base.add(PAGE);
            if libc::munmap(middle.cast(), length) != 0 {
                let error = Error::Refused(errno());
                libc::munmap(base.cast(), total); // vm.max_map_count: whole, it needs no more mappings
                return Err(error);
            }
            let mapped = libc::mmap(middle.cast(), length, access, fixed, fd, 0);
            if mapped == middle.cast() {
                return Ok(middle);
            }
            let error = errno();
            libc::munmap(base.cast(), PAGE);
            libc::munmap(middle.add(length).cast(), PAGE);
            match error {
                libc::EEXIST => {} // Another thread was faster; elsewhere, then.
                // The limit is EAGAIN here; ENOMEM is vm.max_map_count or a real shortage.
                libc::EAGAIN => return Err(Error::LockedMemory),
                other => return Err(Error::Refused(other)),
            }
        }
    }
    Err(Error::OutOfMemory)
}

/// What a failed mlock(2) says: the limit, or what else refused it, such as a filter of system calls.
fn not_locked(errno: i32) -> Error {
    match errno {
        libc::EAGAIN | libc::ENOMEM => Error::LockedMemory,
        // Also where nothing may be locked at all.
        libc::EPERM if retention::limit() == 0 => Error::LockedMemory,
        other => Error::Refused(other),
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
