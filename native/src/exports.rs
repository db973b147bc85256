//! What C and Java call. Conventions: a status of 0 or a result is success, a negative number is one of the MG_ERR_*;
//! outputs are written on success only; any thread may call anything at any time; a panic never crosses the border.
//!
//! `unsafe` is here because pointers come from outside: each function says what it needs of them.

use crate::cache::garbage;
use crate::cache::lifetime::Lifetime;
use crate::cache::{self, MAX_LENGTH};
use crate::crypto::{aead, base64, bcfks, heap};
use crate::private_keys::rsa;
use crate::protect::{fork, process_key, region, residue, stack_room};
use crate::status::{Error, MG_ERR_FORKED, MG_ERR_PANIC};
use crate::windows::table::MgWindow;
use crate::windows::table::{self, Idle};
use crate::windows::{self, Window};
use libsodium_sys as sodium;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::slice;

/// Figures at one moment, in bytes where they are not counts.
#[repr(C)]
#[derive(Default)]
pub struct MgUsage {
    /// Values in the cache.
    pub items: u64,
    /// Their lengths together.
    pub value_bytes: u64,
    /// Ordinary memory that their sealed form takes.
    pub sealed_bytes: u64,
    /// Windows that are lent, in the whole process.
    pub windows_in_use: u64,
    /// Window descriptors that were ever in use at once, at most.
    pub windows_peak: u64,
    /// Locked memory of this library, in the whole process.
    pub locked_bytes: u64,
    /// Memory that should be locked and is not (MG_BEST_EFFORT).
    pub unlocked_bytes: u64,
    /// Of the process key: 1 memfd_secret, 2 locked, 3 not locked.
    pub memory_kind: u64,
}

pub(crate) fn guarded(work: impl FnOnce() -> Result<i64, Error>) -> i64 {
    if fork::happened() {
        return MG_ERR_FORKED.into();
    }
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => error.status().into(),
        Err(_) => MG_ERR_PANIC.into(),
    }
}

pub(crate) fn status(work: impl FnOnce() -> Result<(), Error>) -> i32 {
    guarded(|| work().map(|()| 0)) as i32
}

/// A pointer and its length; null is allowed for nothing.
pub(crate) fn bytes(data: *const u8, length: u64) -> Result<*const u8, Error> {
    match data.is_null() {
        _ if length > MAX_LENGTH + aead::OVERHEAD as u64 => Err(Error::InvalidArgument),
        true if length > 0 => Err(Error::InvalidArgument),
        true => Ok(NonNull::dangling().as_ptr()),
        false => Ok(data),
    }
}

pub(crate) fn value(data: *const u8, length: u64) -> Result<*const u8, Error> {
    if length > MAX_LENGTH {
        Err(Error::InvalidArgument)
    } else {
        bytes(data, length)
    }
}

pub(crate) fn out<T>(target: *mut T) -> Result<*mut T, Error> {
    if target.is_null() {
        Err(Error::InvalidArgument)
    } else {
        Ok(target)
    }
}

/// The version of this interface: 4. Version 1 had neither mg_bcfks_read nor mg_wipe_traces, version 2 no mg_stack_left,
/// version 3 no operations with keys.
#[unsafe(no_mangle)]
pub extern "C" fn mg_abi_version() -> u32 {
    4
}

/// Makes the process key in protected memory, once; later calls only check that its protection satisfies `flags`
/// (MG_NO_MEMFD_SECRET, MG_BEST_EFFORT), else MG_ERR_LOCKED_MEMORY. MG_ERR_SYSTEM: where there are no random bytes, or where
/// another library takes the memory of aws-lc's keys over (OPENSSL_memory_*).
#[unsafe(no_mangle)]
pub extern "C" fn mg_init(flags: u32) -> i32 {
    status(|| {
        // SAFETY: sodium_init may be called from any thread, any number of times.
        if unsafe { sodium::sodium_init() } < 0 {
            return Err(Error::System);
        }
        heap::require()?;
        fork::watch();
        process_key::init(flags)
    })
}

/// Makes a cache and writes its number to `cache`.
///
/// # Safety
/// `cache` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_cache_new(flags: u32, cache: *mut u64) -> i32 {
    status(|| {
        let target = out(cache)?;
        process_key::get()?;
        // SAFETY: the caller vouches for the pointer.
        unsafe { target.write(cache::create(flags)?) };
        garbage::free();
        Ok(())
    })
}

/// Removes a cache and its values. Windows lent from it stay good until they are released.
#[unsafe(no_mangle)]
pub extern "C" fn mg_cache_free(cache: u64) -> i32 {
    status(|| {
        cache::free(cache)?;
        rsa::forget(|one, _| one == cache);
        Ok(())
    })
}

/// Removes all values of a cache.
#[unsafe(no_mangle)]
pub extern "C" fn mg_cache_clear(cache: u64) -> i32 {
    status(|| {
        cache::clear(cache)?;
        rsa::forget(|one, _| one == cache);
        Ok(())
    })
}

/// Seals a copy of a value (up to 1 GiB) and writes its handle to `handle`. `ttl_ms`: how long it lives; `idle_ms`: how
/// long without use; milliseconds, 0 for ever. The value itself stays the caller's to wipe.
///
/// # Safety
/// `value_data` must be readable for `length` bytes, or null where that is 0; `handle` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_put(
    cache: u64,
    value_data: *const u8,
    length: u64,
    ttl_ms: u64,
    idle_ms: u64,
    handle: *mut u64,
) -> i32 {
    status(|| {
        let (data, target) = (value(value_data, length)?, out(handle)?);
        cache::with(cache, |cache, guard| {
            // SAFETY: the caller vouches for the pointers.
            unsafe { target.write(cache.put(data, length, Lifetime { ttl_ms, idle_ms }, guard)?) };
            Ok(())
        })?;
        garbage::free();
        Ok(())
    })
}

/// Puts another value under a handle. Readers get the one or the other, never a mixture.
///
/// # Safety
/// `value_data` must be readable for `length` bytes, or null where that is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_replace(
    cache: u64,
    handle: u64,
    value_data: *const u8,
    length: u64,
    ttl_ms: u64,
    idle_ms: u64,
) -> i32 {
    status(|| {
        let data = value(value_data, length)?;
        cache::with(cache, |cache, guard| {
            // SAFETY: the caller vouches for the pointer.
            unsafe { cache.replace(handle, data, length, Lifetime { ttl_ms, idle_ms }, guard) }
        })?;
        garbage::relieve();
        Ok(())
    })
}

/// Removes a value.
#[unsafe(no_mangle)]
pub extern "C" fn mg_remove(cache: u64, handle: u64) -> i32 {
    status(|| {
        cache::with(cache, |cache, guard| cache.remove(handle, guard))?;
        rsa::forget(|one, key| one == cache && key == handle);
        garbage::relieve();
        Ok(())
    })
}

/// The length of a value in bytes, or a status.
#[unsafe(no_mangle)]
pub extern "C" fn mg_length(cache: u64, handle: u64) -> i64 {
    guarded(|| cache::with(cache, |cache, guard| cache.length(handle, guard)).map(|length| length as i64))
}

/// Opens a value into a window; returns the window's number, or a status. The caller reads `data` and `length` of entry
/// `number & 0xFFFF` of mg_windows(), and returns the number to mg_window_release. MG_ERR_STACK: where the stack might not
/// suffice for that.
#[unsafe(no_mangle)]
pub extern "C" fn mg_borrow(cache: u64, handle: u64) -> i64 {
    guarded(|| {
        stack_room::require()?;
        cache::borrow(cache, handle).map(Window::into_number)
    })
}

/// Takes a window of `length` zeros to write to; returns its number, or a status. MG_ERR_STACK as for mg_borrow.
#[unsafe(no_mangle)]
pub extern "C" fn mg_window_acquire(length: u64, flags: u32) -> i64 {
    guarded(|| {
        if length > MAX_LENGTH {
            return Err(Error::InvalidArgument);
        }
        stack_room::require()?;
        process_key::get()?; // libsodium is ready then
        Window::acquire(length as usize, flags).map(Window::into_number)
    })
}

/// Wipes a window and takes it back; a second time is MG_ERR_STALE_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn mg_window_release(window: i64) -> i32 {
    status(|| windows::release(window))
}

/// How many bytes of its stack Java's methods may still take on this thread; very many where that is not known.
#[unsafe(no_mangle)]
pub extern "C" fn mg_stack_left() -> i64 {
    stack_room::left().min(i64::MAX as usize) as i64
}

/// The table of windows: 4096 entries, valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn mg_windows() -> *const MgWindow {
    windows::table()
}

/// Removes the values of a cache that have expired; returns how many, or a status. Long windows that nobody used for ten
/// seconds or more give their memory back, too.
#[unsafe(no_mangle)]
pub extern "C" fn mg_sweep(cache: u64) -> i64 {
    guarded(|| {
        table::trim_unused();
        cache::sweep(cache).map(|removed| removed as i64)
    })
}

/// Gives the locked memory of all idle windows back to the system; returns how many bytes that was, or a status. They
/// were wiped when they were released. Windows that are lent are not touched.
#[unsafe(no_mangle)]
pub extern "C" fn mg_trim() -> i64 {
    guarded(|| {
        garbage::free();
        Ok(table::trim(Idle::Any, usize::MAX) as i64)
    })
}

/// Writes figures of a cache and of the process to `usage`.
///
/// # Safety
/// `usage` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_usage(cache: u64, usage: *mut MgUsage) -> i32 {
    status(|| {
        let target = out(usage)?;
        garbage::free();
        let (items, value_bytes, sealed_bytes) = cache::with(cache, |cache, _| Ok(cache.usage()))?;
        let (windows_in_use, windows_peak) = table::usage();
        let (locked_bytes, unlocked_bytes) = region::totals();
        let figures = MgUsage {
            items,
            value_bytes,
            sealed_bytes,
            windows_in_use,
            windows_peak,
            locked_bytes,
            unlocked_bytes,
            memory_kind: process_key::kind(),
        };
        // SAFETY: the caller vouches for the pointer.
        unsafe { target.write(figures) };
        Ok(())
    })
}

/// Expands a 32-byte AES key in protected memory and writes its number to `aead`. The original stays the caller's to
/// wipe.
///
/// # Safety
/// `key` must be readable for 32 bytes; `aead` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_aead_new(key: *const u8, flags: u32, aead: *mut u64) -> i32 {
    status(|| {
        let (key, target) = (value(key, aead::KEY as u64)?, out(aead)?);
        process_key::get()?; // libsodium is ready then
        // SAFETY: the caller vouches for the pointers.
        unsafe { target.write(aead::create(key, flags)?) };
        Ok(())
    })
}

/// Wipes a key, after the calls that use it.
#[unsafe(no_mangle)]
pub extern "C" fn mg_aead_free(aead: u64) -> i32 {
    status(|| aead::free(aead))
}

/// Seals under a random IV: writes `length + 28` bytes, `IV || ciphertext || tag`.
///
/// # Safety
/// The inputs must be readable for their lengths (null where that is 0), `out` writable for `capacity` bytes and apart
/// from `plain`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_aead_seal(
    aead: u64,
    aad: *const u8,
    aad_length: u64,
    plain: *const u8,
    length: u64,
    out: *mut u8,
    capacity: u64,
) -> i32 {
    status(|| {
        let (aad, plain) = (bytes(aad, aad_length)?, value(plain, length)?);
        if out.is_null() || capacity < length + aead::OVERHEAD as u64 {
            return Err(Error::InvalidArgument);
        }
        // SAFETY: the caller vouches for the pointers.
        unsafe { aead::seal(aead, (aad, aad_length as usize), (plain, length as usize), out) }
    })
}

/// Verifies and opens: writes `length - 28` bytes, or MG_ERR_AUTHENTICATION and zeros.
///
/// # Safety
/// The inputs must be readable for their lengths (null where that is 0), `out` writable for `capacity` bytes (null where
/// nothing is written) and apart from `sealed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_aead_open(
    aead: u64,
    aad: *const u8,
    aad_length: u64,
    sealed: *const u8,
    length: u64,
    out: *mut u8,
    capacity: u64,
) -> i32 {
    status(|| {
        let (aad, sealed) = (bytes(aad, aad_length)?, bytes(sealed, length)?);
        let needed = length
            .checked_sub(aead::OVERHEAD as u64)
            .ok_or(Error::InvalidArgument)?;
        if capacity < needed || (out.is_null() && needed > 0) {
            return Err(Error::InvalidArgument);
        }
        let out = if out.is_null() {
            NonNull::dangling().as_ptr()
        } else {
            out
        };
        // SAFETY: the caller vouches for the pointers.
        unsafe { aead::open(aead, (aad, aad_length as usize), (sealed, length as usize), out) }
    })
}

/// Decodes Base64 (RFC 4648, padded, no line breaks) of what is not secret; returns how many bytes that gave. What is not
/// Base64 is MG_ERR_AUTHENTICATION: it can't be what was written. `out` may hold a part of it then.
///
/// # Safety
/// `text` must be readable for `length` bytes (null where that is 0), `out` writable for `capacity` bytes (null where that
/// is 0) and apart from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_base64_decode(text: *const u8, length: u64, out: *mut u8, capacity: u64) -> i64 {
    guarded(|| {
        let (text, out) = (bytes(text, length)?, bytes(out, capacity)?.cast_mut());
        // SAFETY: the caller vouches for the pointers.
        unsafe { base64::decode((text, length as usize), (out, capacity as usize)) }.map(|written| written as i64)
    })
}

/// Reads the secret key under `alias` out of a BCFKS container of up to 1 MiB, and returns its length in bytes; 0 where there
/// is none. `password`: up to 128 characters of one byte each. MG_ERR_AUTHENTICATION: the container was changed, or has another
/// password. MG_ERR_UNSUPPORTED: it verifies, but is encrypted in another way than MemGuard does.
///
/// # Safety
/// The inputs must be readable for their lengths, `out` writable for `capacity` bytes and apart from them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_bcfks_read(
    container: *const u8,
    length: u64,
    password: *const u8,
    password_length: u64,
    alias: *const u8,
    alias_length: u64,
    out: *mut u8,
    capacity: u64,
) -> i64 {
    guarded(|| {
        if length > bcfks::MAX_LENGTH {
            return Err(Error::InvalidArgument);
        }
        process_key::get()?; // libsodium is ready then
        let (container, password) = (bytes(container, length)?, bytes(password, password_length)?);
        let (alias, out) = (bytes(alias, alias_length)?, bytes(out, capacity)?.cast_mut());
        // SAFETY: the caller vouches for the pointers.
        unsafe {
            bcfks::read(
                slice::from_raw_parts(container, length as usize),
                slice::from_raw_parts(password, password_length as usize),
                slice::from_raw_parts(alias, alias_length as usize),
                slice::from_raw_parts_mut(out, capacity as usize),
            )
        }
        .map(|written| written as i64)
    })
}

/// Copies plaintext, and clears the registers that it went through; a copy by the JVM leaves its last bytes in them.
///
/// # Safety
/// `from` must be readable and `to` writable for `length` bytes (null where that is 0), apart from each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mg_copy(from: *const u8, to: *mut u8, length: u64) -> i32 {
    status(|| {
        let (from, to) = (bytes(from, length)?, bytes(to, length)?.cast_mut());
        // SAFETY: the caller vouches for the pointers.
        unsafe { std::ptr::copy_nonoverlapping(from, to, length as usize) };
        residue::wipe(256);
        Ok(())
    })
}

/// Wipes what a call of another library has left in registers, and on the stack up to 16 KiB below the caller.
#[unsafe(no_mangle)]
pub extern "C" fn mg_wipe_traces() {
    residue::wipe(16 << 10);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_is_a_status_outside_and_the_next_call_works() {
        assert_eq!(mg_init(0), 0);
        assert_eq!(status(|| panic!("a bug")), MG_ERR_PANIC);
        assert_eq!(guarded(|| Ok([1, 2, 3][std::hint::black_box(3)])), MG_ERR_PANIC.into());
        assert_eq!(mg_init(0), 0);
    }
}
