//! Sealed values under handles, and the table of caches.
//!
//! Readers wait for nobody and write nothing that others read: they pin an epoch, and a blob that was replaced is freed
//! when no reader can have it any more. A handle is `generation << 32 | index`; a stale one finds another generation.
//!
//! The blob pointer of a slot is what writers agree on: each change is one exchange of it. Only then, by the one thread
//! that removed the blob, does the generation change, and after that the slot may be handed out again.

pub mod blob;
pub mod free_stack;
pub mod garbage;
pub mod lifetime;
pub mod slots;

use crate::cache::blob::{Blob, Place, Sealed};
use crate::cache::garbage::{Garbage, Removal};
use crate::cache::lifetime::Lifetime;
use crate::cache::slots::{Slot, Slots};
use crate::status::Error;
use crate::windows::Window;
use crossbeam_epoch::{Atomic, Guard, Owned, Shared, pin};
use std::mem::forget;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest value, in bytes.
pub const MAX_LENGTH: u64 = 1 << 30;

/// How many caches there may be at once.
const CACHES: usize = 1024;

/// As many removals as one flush of the epoch's garbage frees.
const BATCH: usize = 512;

static TABLE: [Atomic<Cache>; CACHES] = [const { Atomic::null() }; CACHES];
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// Values of one user of this library.
pub struct Cache {
    id: u64,
    flags: u32,
    slots: Slots,
    counts: Counts,
}

/// On cache lines of its own: writers count, readers must not feel it.
#[derive(Default)]
#[repr(align(128))]
struct Counts {
    items: AtomicU64,
    value_bytes: AtomicU64,
}

/// Makes a cache; its number is never used again.
pub fn create(flags: u32) -> Result<u64, Error> {
    let guard = pin();
    for (index, entry) in TABLE.iter().enumerate() {
        if !entry.load(Ordering::Relaxed, &guard).is_null() {
            continue;
        }
        let id = SERIAL.fetch_add(1, Ordering::Relaxed) * CACHES as u64 + index as u64;
        let cache = Owned::new(Cache {
            id,
            flags,
            slots: Slots::new(),
            counts: Counts::default(),
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
    // In steps, so that garbage is freed on the way.
    clear(id)?;
    let guard = pin();
    let found = locate(id, &guard)?;
    entry(id)
        .compare_exchange(found, Shared::null(), Ordering::AcqRel, Ordering::Relaxed, &guard)
        .map_err(|_| Error::StaleHandle)?;
    let removal = Removal::default();
    // SAFETY: it was unlinked by the exchange above, and only there. Dropping it wipes what is left in it.
    unsafe { removal.defer(Garbage::Cache(found.into_owned().into_box()), &guard) };
    drop(guard);
    removal.wait();
    Ok(())
}

/// Runs with a cache that stays alive meanwhile.
pub fn with<T>(id: u64, work: impl FnOnce(&Cache, &Guard) -> Result<T, Error>) -> Result<T, Error> {
    let guard = pin();
    let found = locate(id, &guard)?;
    // SAFETY: not null, and alive as long as the guard is.
    work(unsafe { found.deref() }, &guard)
}

enum Opened {
    Into(Window),
    /// A window of that length, under these flags.
    Needs(usize, u32),
}

/// Opens a value into a window.
pub fn borrow(id: u64, handle: u64) -> Result<Window, Error> {
    let mut spare = None;
    loop {
        match with(id, |cache, guard| cache.open(handle, spare.take(), guard))? {
            Opened::Into(window) => return Ok(window),
            // Mapping takes its time, during which a guard would keep all garbage from being freed.
            Opened::Needs(length, flags) => spare = Some(Window::acquire(length, flags)?),
        }
    }
}

/// How the values of a cache are protected while they are open.
pub fn flags(id: u64) -> Result<u32, Error> {
    with(id, |cache, _| Ok(cache.flags()))
}

/// Removes what has expired; returns how many values that were.
pub fn sweep(id: u64) -> Result<u64, Error> {
    remove_where(id, |blob| blob.expiry.is_over())
}

/// Removes all values that are there when it begins; returns how many that were.
pub fn clear(id: u64) -> Result<u64, Error> {
    remove_where(id, |_| true)
}

/// Goes through a cache in steps, each under its own guard, so that garbage is freed on the way.
fn remove_where(id: u64, matches: impl Fn(&Blob) -> bool) -> Result<u64, Error> {
    let (mut removed, removal) = (0, Removal::default());
    let indices = with(id, |cache, _| Ok(cache.slots.indices()))?;
    for start in indices.clone().step_by(BATCH) {
        let batch = start..start.saturating_add(BATCH as u32).min(indices.end);
        with(id, |cache, guard| {
            let mut unlinked = Vec::new();
            unlinked.try_reserve_exact(BATCH).map_err(|_| Error::OutOfMemory)?;
            unlinked.extend(batch.filter_map(|index| cache.unlink_if(index, &matches, guard)));
            if !unlinked.is_empty() {
                removed += unlinked.len() as u64;
                // SAFETY: they were unlinked just now, by this thread.
                unsafe { removal.defer(Garbage::Values(blob::own_all(unlinked)), guard) };
            }
            Ok(())
        })?;
        garbage::free();
    }
    removal.wait();
    Ok(removed)
}

fn entry(id: u64) -> &'static Atomic<Cache> {
    &TABLE[id as usize % CACHES]
}

fn locate(id: u64, guard: &Guard) -> Result<Shared<'_, Cache>, Error> {
    let found = entry(id).load(Ordering::Acquire, guard);
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
        let (index, slot) = self.slots.take()?;
        let generation = slot.generation.load(Ordering::Relaxed) + 1;
        let handle = u64::from(generation) << 32 | u64::from(index);
        // SAFETY: the caller vouches for `value`.
        match unsafe { Sealed::new(value, length, self.place(handle), lifetime) } {
            Ok(sealed) => {
                // Before the value can be removed again.
                self.counts.items.fetch_add(1, Ordering::Relaxed);
                self.counts.value_bytes.fetch_add(length, Ordering::Relaxed);
                slot.blob.store(sealed.share(guard), Ordering::Release);
                forget(sealed);
                slot.generation.store(generation, Ordering::Release);
                Ok(handle)
            }
            Err(error) => {
                self.slots.give_back(index);
                Err(error)
            }
        }
    }

    /// Replaces the value and the lifetime of a handle; whoever reads it meanwhile gets the one or the other.
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
        self.current(handle, guard)?;
        // SAFETY: the caller vouches for `value`.
        let next = unsafe { Sealed::new(value, length, self.place(handle), lifetime) }?;
        self.counts.value_bytes.fetch_add(length, Ordering::Relaxed);
        loop {
            let (slot, before) = self.current(handle, guard).inspect_err(|_| {
                self.counts.value_bytes.fetch_sub(length, Ordering::Relaxed);
            })?;
            if exchange(slot, before, next.share(guard), guard) {
                forget(next);
                self.forget_length(before);
                // SAFETY: unlinked by the exchange.
                unsafe { blob::retire(before, guard) };
                return Ok(());
            }
        }
    }

    /// Opens a value into `spare`, where that has its length, or into an idle window; without either says what is needed.
    fn open(&self, handle: u64, spare: Option<Window>, guard: &Guard) -> Result<Opened, Error> {
        let (_, blob) = self.current(handle, guard)?;
        // SAFETY: not null, and alive as long as the guard is.
        let head = unsafe { blob.deref() };
        head.expiry.note_use();
        let length = head.value_length() as usize;
        let spare = spare.filter(|window| window.length() == length);
        let Some(window) = spare.or_else(|| Window::idle(length)) else {
            return Ok(Opened::Needs(length, self.flags));
        };
        // SAFETY: the blob is alive; the window is ours and has its length.
        unsafe { blob::open(blob, self.place(handle), window.data()) }?;
        Ok(Opened::Into(window))
    }

    /// The length of a value in bytes; does not count as a use.
    pub fn length(&self, handle: u64, guard: &Guard) -> Result<u64, Error> {
        let (_, blob) = self.current(handle, guard)?;
        // SAFETY: not null, and alive as long as the guard is.
        Ok(unsafe { blob.deref() }.value_length())
    }

    /// Removes a value.
    pub fn remove(&self, handle: u64, guard: &Guard) -> Result<(), Error> {
        loop {
            let (slot, blob) = self.current(handle, guard)?;
            if self.remove_blob(slot, handle, blob, guard) {
                return Ok(());
            }
        }
    }

    /// How its values are protected while they are open.
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Values, their bytes, and the bytes of their sealed form.
    pub fn usage(&self) -> (u64, u64, u64) {
        let items = self.counts.items.load(Ordering::Relaxed);
        let bytes = self.counts.value_bytes.load(Ordering::Relaxed);
        let overhead = (blob::OVERHEAD + size_of::<Slot>()) as u64;
        (items, bytes, bytes + items * overhead)
    }

    /// Takes a blob that matches out of its slot; it is the caller's to free.
    fn unlink_if<'g>(&self, index: u32, matches: impl Fn(&Blob) -> bool, guard: &'g Guard) -> Option<Shared<'g, Blob>> {
        let slot = self.slots.get(index)?;
        let blob = slot.blob.load(Ordering::Acquire, guard);
        let generation = slot.generation.load(Ordering::Acquire);
        let handle = u64::from(generation) << 32 | u64::from(index);
        // SAFETY: initialized where not null, and alive as long as the guard is.
        let matches = unsafe { blob.as_ref() }.is_some_and(matches);
        (matches && generation & 1 == 1 && self.unlink(slot, handle, blob, guard)).then_some(blob)
    }

    /// The slot of a handle and its blob, not null and not expired.
    ///
    /// The blob is loaded before the generation is checked: a blob of a later generation is thus never taken for one of
    /// this handle.
    fn current<'g>(&self, handle: u64, guard: &'g Guard) -> Result<(&Slot, Shared<'g, Blob>), Error> {
        let slot = self.slots.get(handle as u32).ok_or(Error::StaleHandle)?;
        let blob = slot.blob.load(Ordering::Acquire, guard);
        let generation = (handle >> 32) as u32;
        if generation & 1 == 0 || slot.generation.load(Ordering::Acquire) != generation {
            return Err(Error::StaleHandle);
        }
        // SAFETY: initialized where not null, and alive as long as the guard is.
        let head = unsafe { blob.as_ref() }.ok_or(Error::StaleHandle)?;
        if head.expiry.is_over() {
            // Just this blob: one that was put in its place meanwhile stays.
            self.remove_blob(slot, handle, blob, guard);
            return Err(Error::StaleHandle);
        }
        Ok((slot, blob))
    }

    /// Takes a blob out of its slot and frees it; false where another thread was faster.
    fn remove_blob(&self, slot: &Slot, handle: u64, blob: Shared<'_, Blob>, guard: &Guard) -> bool {
        let unlinked = self.unlink(slot, handle, blob, guard);
        if unlinked {
            // SAFETY: unlinked just now, by this thread.
            unsafe { blob::retire(blob, guard) };
        }
        unlinked
    }

    /// Takes a blob out of its slot; false where another thread was faster.
    fn unlink(&self, slot: &Slot, handle: u64, blob: Shared<'_, Blob>, guard: &Guard) -> bool {
        if !exchange(slot, blob, Shared::null(), guard) {
            return false;
        }
        let generation = (handle >> 32) as u32;
        slot.generation.store(generation.wrapping_add(1), Ordering::Release);
        self.counts.items.fetch_sub(1, Ordering::Relaxed);
        self.forget_length(blob);
        // A slot whose generations are used up is never handed out again.
        if generation < u32::MAX - 2 {
            self.slots.give_back(handle as u32);
        }
        true
    }

    fn place(&self, handle: u64) -> Place {
        Place { cache: self.id, handle }
    }

    fn forget_length(&self, blob: Shared<'_, Blob>) {
        // SAFETY: not null, and alive as long as its guard is.
        let length = unsafe { blob.deref() }.value_length();
        self.counts.value_bytes.fetch_sub(length, Ordering::Relaxed);
    }
}

/// A blob that was removed can't come back at the same address while the guard is held, so success means that it was
/// there all the time.
fn exchange(slot: &Slot, from: Shared<'_, Blob>, to: Shared<'_, Blob>, guard: &Guard) -> bool {
    slot.blob
        .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed, guard)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::blob::tests::damage;

    fn put(id: u64, value: &[u8]) -> u64 {
        let put = |cache: &Cache, guard: &Guard| {
            // SAFETY: the slice has its length.
            unsafe { cache.put(value.as_ptr(), value.len() as u64, Lifetime::default(), guard) }
        };
        with(id, put).unwrap()
    }

    fn borrow(id: u64, handle: u64) -> Result<(), Error> {
        super::borrow(id, handle).map(drop)
    }

    fn blob_slot(cache: &Cache, handle: u64) -> &Slot {
        cache.slots.get(handle as u32).unwrap()
    }

    #[test]
    fn a_damaged_byte_anywhere_is_an_authentication_error() {
        assert_eq!(crate::exports::mg_init(0), 0);
        let id = create(0).unwrap();
        let handle = put(id, &[7; 40]);
        for at in 0..32 + 40 + 32 {
            let flip = || {
                with(id, |cache, guard| {
                    damage(blob_slot(cache, handle).blob.load(Ordering::Acquire, guard), at);
                    Ok(())
                })
            };
            flip().unwrap();
            assert_eq!(borrow(id, handle), Err(Error::Authentication), "byte {at}");
            let window = Window::acquire(40, 0).unwrap(); // most likely the same again
            // SAFETY: the window is ours and has this length.
            assert_eq!(unsafe { std::slice::from_raw_parts(window.data(), 40) }, [0; 40]);
            drop(window);
            flip().unwrap();
            assert_eq!(borrow(id, handle), Ok(()));
        }
        free(id).unwrap();
    }

    #[test]
    fn values_that_change_places_are_an_authentication_error() {
        assert_eq!(crate::exports::mg_init(0), 0);
        let id = create(0).unwrap();
        let (one, two) = (put(id, b"one"), put(id, b"two"));
        with(id, |cache, guard| {
            let (first, second) = (&blob_slot(cache, one).blob, &blob_slot(cache, two).blob);
            let moved = first.load(Ordering::Acquire, guard);
            let moved = second.swap(moved, Ordering::AcqRel, guard);
            first.store(moved, Ordering::Release);
            Ok(())
        })
        .unwrap();
        assert_eq!(borrow(id, one), Err(Error::Authentication));
        assert_eq!(borrow(id, two), Err(Error::Authentication));
        free(id).unwrap();
    }
}
