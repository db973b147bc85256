//! Keys that are used where they lie: sealed in a cache, opened into a window for one operation.
//!
//! `unsafe` is here because what aws-lc keeps beside a key, its schedule or a state, lies in the window's own memory.

pub mod cipher;
pub mod gcm;
pub mod hkdf;
pub mod mac;
pub mod numbered;
pub mod wrap;

use crate::cache::{self, lifetime::Lifetime};
use crate::crypto::heap;
use crate::protect::region::PAGE;
use crate::protect::stack_room;
use crate::status::Error;
use crate::windows::Window;
use libsodium_sys as sodium;
use std::marker::PhantomData;
use std::slice;

/// How far below its caller a cipher or a hash may reach, in bytes.
pub const STACK: usize = 4096;

const LINE: usize = 64;

/// A key that is open; wiped when it goes.
pub struct Opened {
    window: Window,
    flags: u32,
}

/// Opens the key under a handle.
pub fn open(cache: u64, handle: u64) -> Result<Opened, Error> {
    heap::require()?;
    stack_room::require()?;
    let flags = cache::with(cache, |cache, _| Ok(cache.flags()))?;
    let window = cache::borrow(cache, handle)?;
    Ok(Opened { window, flags })
}

impl Opened {
    /// The key.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the window is ours and has this length.
        unsafe { slice::from_raw_parts(self.window.data(), self.window.length()) }
    }

    /// How the memory of this key's cache is protected.
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Zeros for a structure of aws-lc: behind the key on its last page, or else in a window of their own.
    pub fn room<T>(&self) -> Result<Room<'_, T>, Error> {
        let used = self.window.length().next_multiple_of(LINE);
        let whole = self.window.length().max(1).next_multiple_of(PAGE);
        if used + size_of::<T>() <= whole {
            let at = self.window.data().wrapping_add(used).cast();
            return Ok(Room {
                at,
                own: None,
                key: PhantomData,
            });
        }
        let own = Window::acquire(size_of::<T>(), self.flags)?;
        Ok(Room {
            at: own.data().cast(),
            own: Some(own),
            key: PhantomData,
        })
    }
}

/// A structure in protected memory; wiped when it goes.
pub struct Room<'key, T> {
    at: *mut T,
    own: Option<Window>,
    key: PhantomData<&'key Opened>,
}

impl<T> Room<'_, T> {
    /// Where it lies, aligned to a cache line.
    pub fn at(&self) -> *mut T {
        self.at
    }
}

impl<T> Drop for Room<'_, T> {
    fn drop(&mut self) {
        if self.own.is_none() {
            // SAFETY: the room lies in the window of the key, which outlives it.
            unsafe { sodium::sodium_memzero(self.at.cast(), size_of::<T>()) };
        }
    }
}

/// Seals a new key into a cache; it stays the caller's to wipe.
///
/// # Safety
/// `key` must be readable for its length.
pub unsafe fn keep(target: u64, key: Input) -> Result<u64, Error> {
    cache::with(target, |cache, guard| {
        // SAFETY: the caller vouches for it.
        unsafe { cache.put(key.0, key.1 as u64, Lifetime::default(), guard) }
    })
}

/// What the exports pass on: a pointer that is good for a length.
pub type Input = (*const u8, usize);
/// A pointer that may be written to for a length.
pub type Output = (*mut u8, usize);
