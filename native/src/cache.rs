//! Sealed values under handles, and the table of caches.
//!
//! Readers wait for nobody and write nothing that others read: they pin an epoch, and a blob that was replaced is freed
//! when no reader can have it any more. A handle is `generation << 32 | index`; a stale one finds another generation.

use crate::blob::{self, Blob, Place};
use crate::clock::now_ms;
use crate::slots::{Slot, Slots};
use crate::status::Error;
use crate::window::Window;
use crossbeam_epoch::{Atomic, Guard, Owned, Shared, pin};
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest value, in bytes.
pub const MAX_LENGTH: u64 = 1 << 30;

/// A reader notes its use of an idle-limited value only this often, to leave the cache line alone.
const USE_RESOLUTION_MS: u64 = 50;

const CACHES: usize = 1024;

static TABLE: [Atomic<Cache>; CACHES] = [const { Atomic::null() }; CACHES];
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// Values of one user of this library.
pub struct Cache {
    id: u64,
    flags: u32,
    slots: Slots,
    items: AtomicU64,
    value_bytes: AtomicU64,
}

/// How long a value lives, in milliseconds; 0: for ever.
#[derive(Clone, Copy, Default)]
pub struct Lifetime {
    /// From now on.
    pub ttl_ms: u64,
    /// From its last use on.
    pub idle_ms: u64,
}

/// Makes a cache; its number is never used again.
pub fn create(flags: u32) -> Result<u64, Error> {
    let guard = pin();
    for (index, entry) in TABLE.iter().enumerate() {
        if !entry.load(Ordering::Relaxed, &guard).is_null() {
            continue;
        }
        let id = SERIAL.fetch_add(1, Ordering::Relaxed) << 10 | index as u64;
        let cache = Owned::new(Cache {
            id,
            flags,
            slots: Slots::new(),
            items: AtomicU64::new(0),
            value_bytes: AtomicU64::new(0),
        });
        let exchanged = entry.compare_exchange(Shared::null(), cache, Ordering::AcqRel, Ordering::Relaxed, &guard);
        if exchanged.is_ok() {
            return Ok(id);
        }
    }
    Err(Error::OutOfMemory)
}

/// Removes a cache with all its values. Windows that are lent out of it stay as they are.
pub fn free(id: u64) -> Result<(), Error> {
    let guard = pin();
    let found = locate(id, &guard)?;
    let entry = &TABLE[(id & 1023) as usize];
    let gone = entry.compare_exchange(found, Shared::null(), Ordering::AcqRel, Ordering::Relaxed, &guard);
    if gone.is_err() {
        return Err(Error::StaleHandle);
    }
    // SAFETY: it was unlinked by the exchange above, and only there.
    unsafe {
        found.deref().clear(&guard);
        guard.defer_destroy(found);
    }
    guard.flush();
    Ok(())
}

/// Runs with a cache that stays alive meanwhile.
pub fn with<T>(id: u64, work: impl FnOnce(&Cache, &Guard) -> Result<T, Error>) -> Result<T, Error> {
    let guard = pin();
    let found = locate(id, &guard)?;
    // SAFETY: not null, and alive as long as the guard is.
    work(unsafe { found.deref() }, &guard)
}

fn locate(id: u64, guard: &Guard) -> Result<Shared<'_, Cache>, Error> {
    let found = TABLE[(id & 1023) as usize].load(Ordering::Acquire, guard);
    // SAFETY: a cache in the table is initialized, and alive as long as the guard is.
    match unsafe { found.as_ref() } {
        Some(cache) if cache.id == id => Ok(found),
        _ => Err(Error::StaleHandle),
    }
}

impl Cache {
    /// Seals a copy of `length` bytes at `value` under a new handle.
    ///
    /// # Safety
    /// `value` must be readable for `length` bytes.
    pub unsafe fn put(&self, value: *const u8, length: u64, lifetime: Lifetime, guard: &Guard) -> Result<u64, Error> {
        let index = self.slots.take();
        let slot = self.slots.get(index).ok_or(Error::OutOfMemory)?;
        let generation = slot.generation.load(Ordering::Relaxed) + 1;
        let handle = u64::from(generation) << 32 | u64::from(index);
        // SAFETY: the caller vouches for `value`.
        match unsafe { blob::seal(value, self.place(handle, length)) } {
            Ok(blob) => {
                slot.set(lifetime);
                slot.blob.store(blob.into_shared(guard), Ordering::Release);
                slot.generation.store(generation, Ordering::Release);
                self.items.fetch_add(1, Ordering::Relaxed);
                self.value_bytes.fetch_add(length, Ordering::Relaxed);
                Ok(handle)
            }
            Err(error) => {
                self.slots.give_back(index);
                Err(error)
            }
        }
    }

    /// Replaces the value of a handle; whoever reads it meanwhile gets the one or the other.
    ///
    /// # Safety
    /// `value` must be readable for `length` bytes.
    pub unsafe fn replace(
        &self,
        handle: u64,
        value: *const u8,
        length: u64,
        lifetime: Lifetime,
        guard: &Guard,
    ) -> Result<(), Error> {
        let slot = self.live(handle, guard)?;
        // SAFETY: the caller vouches for `value`.
        let mut next = unsafe { blob::seal(value, self.place(handle, length)) }?;
        loop {
            let before = slot.blob.load(Ordering::Acquire, guard);
            if before.is_null() || !slot.holds(handle) {
                return Err(Error::StaleHandle);
            }
            // Only in place of a blob that was there while the handle was good: one that was removed meanwhile can't
            // come back at the same address as long as we are pinned.
            match slot
                .blob
                .compare_exchange(before, next, Ordering::AcqRel, Ordering::Relaxed, guard)
            {
                Ok(_) => {
                    slot.set(lifetime);
                    self.value_bytes.fetch_add(length, Ordering::Relaxed);
                    // SAFETY: unlinked by the exchange.
                    unsafe { self.retire(before, guard) };
                    return Ok(());
                }
                Err(failed) => next = failed.new,
            }
        }
    }

    /// Opens a value into a window.
    pub fn borrow(&self, handle: u64, guard: &Guard) -> Result<Window, Error> {
        let slot = self.live(handle, guard)?;
        let blob = slot.blob.load(Ordering::Acquire, guard);
        // SAFETY: a blob in a slot is initialized, and alive as long as the guard is.
        let blob = unsafe { blob.as_ref() }.ok_or(Error::StaleHandle)?;
        let length = blob::value_length(blob);
        let window = Window::acquire(length, self.flags)?;
        // SAFETY: the window is ours and has that length.
        match unsafe { blob::open(blob, self.place(handle, length as u64), window.data()) } {
            Ok(()) => Ok(window),
            // The slot may have been given to another value between the two loads.
            Err(_) if !slot.holds(handle) => Err(Error::StaleHandle),
            Err(error) => Err(error),
        }
    }

    /// The length of a value in bytes.
    pub fn length(&self, handle: u64, guard: &Guard) -> Result<u64, Error> {
        let blob = self.live(handle, guard)?.blob.load(Ordering::Acquire, guard);
        // SAFETY: as in `borrow`.
        let blob = unsafe { blob.as_ref() }.ok_or(Error::StaleHandle)?;
        Ok(blob::value_length(blob) as u64)
    }

    /// Removes a value.
    pub fn remove(&self, handle: u64, guard: &Guard) -> Result<(), Error> {
        let slot = self.slots.get(handle as u32).ok_or(Error::StaleHandle)?;
        let generation = (handle >> 32) as u32;
        if generation & 1 == 0 {
            return Err(Error::StaleHandle);
        }
        slot.generation
            .compare_exchange(
                generation,
                generation.wrapping_add(1),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .map_err(|_| Error::StaleHandle)?;
        let blob = slot.blob.swap(Shared::null(), Ordering::AcqRel, guard);
        self.items.fetch_sub(1, Ordering::Relaxed);
        if !blob.is_null() {
            // SAFETY: unlinked by the swap.
            unsafe { self.retire(blob, guard) };
        }
        // A slot whose generations are used up is never handed out again.
        if generation < u32::MAX - 2 {
            self.slots.give_back(handle as u32);
        }
        Ok(())
    }

    /// Removes what has expired; returns how many values that were.
    pub fn sweep(&self, guard: &Guard) -> u64 {
        let now = now_ms();
        self.remove_where(guard, |slot| slot.expired(now))
    }

    /// Removes all values.
    pub fn clear(&self, guard: &Guard) -> u64 {
        self.remove_where(guard, |_| true)
    }

    /// Values, their bytes, and the bytes of their sealed form.
    pub fn usage(&self) -> (u64, u64, u64) {
        let items = self.items.load(Ordering::Relaxed);
        let bytes = self.value_bytes.load(Ordering::Relaxed);
        (
            items,
            bytes,
            bytes + items * (blob::OVERHEAD + size_of::<Slot>()) as u64,
        )
    }

    fn remove_where(&self, guard: &Guard, matches: impl Fn(&Slot) -> bool) -> u64 {
        let mut removed = 0;
        for index in self.slots.indices() {
            if let Some(slot) = self.slots.get(index) {
                let generation = slot.generation.load(Ordering::Acquire);
                let handle = u64::from(generation) << 32 | u64::from(index);
                if generation & 1 == 1 && matches(slot) && self.remove(handle, guard).is_ok() {
                    removed += 1;
                }
            }
        }
        guard.flush();
        removed
    }

    /// The slot of a handle whose value is there and has not expired; notes the use.
    fn live(&self, handle: u64, guard: &Guard) -> Result<&Slot, Error> {
        let slot = self.slots.get(handle as u32).ok_or(Error::StaleHandle)?;
        if !slot.holds(handle) {
            return Err(Error::StaleHandle);
        }
        if slot.may_expire() {
            let now = now_ms();
            if slot.expired(now) {
                let _ = self.remove(handle, guard);
                return Err(Error::StaleHandle);
            }
            slot.note_use(now);
        }
        Ok(slot)
    }

    fn place(&self, handle: u64, length: u64) -> Place {
        Place {
            cache: self.id,
            handle,
            length,
        }
    }

    /// # Safety
    /// The blob must be unlinked.
    unsafe fn retire(&self, blob: Shared<'_, Blob>, guard: &Guard) {
        // SAFETY: the caller has unlinked it; it is alive as long as the guard is.
        unsafe {
            let length = blob::value_length(blob.deref()) as u64;
            self.value_bytes.fetch_sub(length, Ordering::Relaxed);
            blob::retire(blob, guard);
        }
    }
}

impl Slot {
    fn holds(&self, handle: u64) -> bool {
        let generation = (handle >> 32) as u32;
        generation & 1 == 1 && self.generation.load(Ordering::Acquire) == generation
    }

    fn set(&self, lifetime: Lifetime) {
        let now = if lifetime.ttl_ms | lifetime.idle_ms == 0 {
            0
        } else {
            now_ms()
        };
        let expires = if lifetime.ttl_ms == 0 {
            0
        } else {
            now.saturating_add(lifetime.ttl_ms)
        };
        self.expires_ms.store(expires, Ordering::Relaxed);
        self.idle_ms
            .store(lifetime.idle_ms.try_into().unwrap_or(u32::MAX), Ordering::Relaxed);
        self.used_ms.store(now, Ordering::Relaxed);
    }

    fn may_expire(&self) -> bool {
        self.expires_ms.load(Ordering::Relaxed) != 0 || self.idle_ms.load(Ordering::Relaxed) != 0
    }

    fn expired(&self, now: u64) -> bool {
        let expires = self.expires_ms.load(Ordering::Relaxed);
        let idle = u64::from(self.idle_ms.load(Ordering::Relaxed));
        (expires != 0 && now >= expires)
            || (idle != 0 && now.saturating_sub(self.used_ms.load(Ordering::Relaxed)) >= idle)
    }

    fn note_use(&self, now: u64) {
        let idle = self.idle_ms.load(Ordering::Relaxed);
        if idle != 0 && now.saturating_sub(self.used_ms.load(Ordering::Relaxed)) >= USE_RESOLUTION_MS.min(idle.into()) {
            self.used_ms.store(now, Ordering::Relaxed);
        }
    }
}
