//! Where aws-lc's own allocations go: to the functions here, which no other library of the process can replace, and whose
//! `free` wipes. Set before any other call of aws-lc, since what was allocated before must not be freed by these.
//!
//! While a [`Switch`] is on, what its thread allocates is in protected memory ([`crate::crypto::locked_heap`]).
//!
//! `unsafe` is here because aws-lc hands out and takes plain pointers. Each block has its size in front of it.

use crate::crypto::locked_heap;
use crate::status::Error;
use aws_lc_sys as aws;
use libsodium_sys as sodium;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::OnceLock;

// The other way to take the allocations over, which aws-lc leaves to every library of the process: these names are looked
// for in none, here they mean nothing.
std::arch::global_asm!(
    ".irp name, OPENSSL_memory_alloc, OPENSSL_memory_free, OPENSSL_memory_get_size, OPENSSL_memory_realloc, sdallocx",
    ".weak \\name",
    ".hidden \\name",
    ".endr",
);

/// In front of each block: its size and whose memory it is; what follows is aligned as by malloc(3).
const HEADER: usize = 16;

/// The second word of a header.
const BY_MALLOC: usize = 0;
const PLACED: usize = 1;
const LOCKED: usize = 2;

/// No switch is on.
const OFF: u64 = u64::MAX;

thread_local! {
    /// [`OFF`], or the flags for protected memory.
    static SWITCH: Cell<u64> = const { Cell::new(OFF) };
    /// Why protected memory was refused since a switch was on.
    static REFUSED: Cell<Option<Error>> = const { Cell::new(None) };
    /// Whether aws-lc has what it allocates once a thread.
    static PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// While it exists, what aws-lc allocates on this thread is in protected memory, and is missing where there is none.
pub struct Switch(PhantomData<*const ()>);

impl Switch {
    /// Switches on; not twice on one thread.
    ///
    /// * `flags`: as for a region
    pub fn on(flags: u32) -> Result<Switch, Error> {
        require()?;
        if !PREPARED.get() {
            let mut byte = 0_u8;
            // SAFETY: one byte is written. Random numbers begin with 256 KiB, which are no key's; the errors' queue is none either.
            unsafe {
                aws::ERR_clear_error();
                if aws::RAND_bytes(&mut byte, 1) != 1 {
                    return Err(Error::System);
                }
            }
            PREPARED.set(true);
        }
        REFUSED.set(None);
        SWITCH.set(flags.into());
        Ok(Switch(PhantomData))
    }

    /// Why an operation failed that has no other reason: protected memory was refused, or this.
    pub fn reason(&self, other: Error) -> Error {
        REFUSED.get().unwrap_or(other)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        SWITCH.set(OFF);
        // SAFETY: it empties this thread's queue.
        unsafe { aws::ERR_clear_error() };
    }
}

static SET: OnceLock<bool> = OnceLock::new();

/// Makes sure that aws-lc allocates here; to be called before anything else of aws-lc.
pub fn require() -> Result<(), Error> {
    // SAFETY: the three functions keep what aws-lc expects of malloc, realloc and free; nothing was allocated before.
    let set = || unsafe { aws::CRYPTO_set_mem_functions(Some(allocate), Some(reallocate), Some(free)) == 1 };
    // Refused only where OPENSSL_memory_* are defined, and would get all keys and plaintext.
    if *SET.get_or_init(set) {
        Ok(())
    } else {
        Err(Error::System)
    }
}

thread_local! {
    /// Where the next blocks of this thread go, while `within` runs.
    static PLACE: Cell<Option<(*mut u8, usize)>> = const { Cell::new(None) };
}

/// Runs with all allocations of aws-lc on this thread in memory of the caller's, one after the other.
///
/// # Safety
/// The place must be aligned to 16 bytes, and be there until all that was allocated in it is freed.
pub unsafe fn within<T>(place: (*mut u8, usize), work: impl FnOnce() -> T) -> T {
    struct Before(Option<(*mut u8, usize)>);
    impl Drop for Before {
        fn drop(&mut self) {
            PLACE.set(self.0);
        }
    }
    let _before = Before(PLACE.replace(Some(place)));
    work()
}

/// While it exists, a switch that is on is off.
pub struct Suspended(u64);

impl Suspended {
    /// Switches off, if it was on.
    pub fn new() -> Suspended {
        Suspended(SWITCH.replace(OFF))
    }
}

impl Default for Suspended {
    fn default() -> Suspended {
        Suspended::new()
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        SWITCH.set(self.0);
    }
}

unsafe extern "C" fn allocate(size: usize, _file: *const c_char, _line: c_int) -> *mut c_void {
    let Some(whole) = size.checked_add(HEADER) else {
        return ptr::null_mut();
    };
    // SAFETY: the header is within the block.
    unsafe {
        let (block, place) = match PLACE.get() {
            None if SWITCH.get() == OFF => (libc::malloc(whole).cast::<u8>(), BY_MALLOC),
            None => {
                let block = locked_heap::allocate(whole, SWITCH.get() as u32).unwrap_or_else(|error| {
                    REFUSED.set(Some(error));
                    ptr::null_mut()
                });
                (block, LOCKED)
            }
            Some((at, room)) if whole.next_multiple_of(HEADER) <= room => {
                let taken = whole.next_multiple_of(HEADER);
                PLACE.set(Some((at.add(taken), room - taken)));
                (at, PLACED)
            }
            Some(_) => (ptr::null_mut(), PLACED),
        };
        if block.is_null() {
            return ptr::null_mut();
        }
        block.cast::<[usize; 2]>().write([size, place]);
        block.add(HEADER).cast()
    }
}

unsafe extern "C" fn reallocate(old: *mut c_void, size: usize, file: *const c_char, line: c_int) -> *mut c_void {
    // SAFETY: `old` is null or what `allocate` returned; both blocks have as many bytes as are copied.
    unsafe {
        let new = allocate(size, file, line);
        if !old.is_null() && !new.is_null() {
            ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast(), size_of_block(old).min(size));
            free(old, file, line);
        }
        new
    }
}

unsafe extern "C" fn free(block: *mut c_void, _file: *const c_char, _line: c_int) {
    if block.is_null() {
        return;
    }
    // SAFETY: it is what `allocate` returned, and the caller's no more.
    unsafe {
        let memory = wiped(block);
        match memory.cast::<[usize; 2]>().read() {
            [_, BY_MALLOC] => libc::free(memory),
            [size, LOCKED] => locked_heap::free(memory.cast(), size + HEADER),
            _ => {}
        }
    }
}

/// Wipes a block; returns what malloc returned for it.
///
/// # Safety
/// `block` must be what [`allocate`] returned.
unsafe fn wiped(block: *mut c_void) -> *mut c_void {
    // SAFETY: it is as long as its header says, which is in front of it.
    unsafe {
        sodium::sodium_memzero(block, size_of_block(block));
        block.cast::<u8>().sub(HEADER).cast()
    }
}

/// # Safety
/// `block` must be what [`allocate`] returned.
unsafe fn size_of_block(block: *mut c_void) -> usize {
    // SAFETY: its header is in front of it.
    unsafe { block.cast::<u8>().sub(HEADER).cast::<usize>().read() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice;

    #[test]
    fn aws_lc_allocates_here_and_a_block_that_grows_keeps_what_is_in_it() {
        require().unwrap();
        require().unwrap();
        // SAFETY: the blocks are used as long as they are.
        unsafe {
            let block = aws::OPENSSL_malloc(5).cast::<u8>();
            assert_eq!(size_of_block(block.cast()), 5, "aws-lc called allocate");
            assert_eq!(block as usize % 16, 0);
            slice::from_raw_parts_mut(block, 5).copy_from_slice(b"mguar");
            let longer = aws::OPENSSL_realloc(block.cast(), 100_000).cast::<u8>();
            assert_eq!(size_of_block(longer.cast()), 100_000);
            assert_eq!(slice::from_raw_parts(longer, 5), b"mguar");
            aws::OPENSSL_free(longer.cast());
            aws::OPENSSL_free(ptr::null_mut());
            assert!(allocate(usize::MAX, ptr::null(), 0).is_null());
        }
    }

    #[test]
    fn what_is_freed_is_wiped() {
        require().unwrap();
        // SAFETY: the block is malloc's again after it was looked at.
        unsafe {
            let block = allocate(64, ptr::null(), 0).cast::<u8>();
            block.write_bytes(0x5A, 64);
            let memory = wiped(block.cast());
            assert_eq!(slice::from_raw_parts(block, 64), [0; 64]);
            assert_eq!(memory.cast::<u8>().add(HEADER), block);
            libc::free(memory);
        }
    }
}
