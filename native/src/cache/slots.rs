//! A table of slots that grows and never moves: chunk after chunk, each twice as long as the one before.

use crate::cache::blob::{Blob, Sealed};
use crate::status::Error;
use crossbeam_epoch::{Atomic, unprotected};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

const FIRST: usize = 256;
const CHUNKS: usize = 24; // 256 * (2^24 - 1) slots: nearly all that 32 bits can number

/// One value, or none. 16 bytes.
#[derive(Default)]
pub struct Slot {
    /// Odd while a value is there; the handle's upper half. Only grows.
    pub generation: AtomicU32,
    /// The sealed value.
    pub blob: Atomic<Blob>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: a slot is dropped with its cache, when no reader can have its blob any more.
        unsafe { drop(Sealed::from_shared(self.blob.load(Ordering::Relaxed, unprotected()))) };
    }
}

/// The table.
pub struct Slots {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    free: Mutex<Free>,
}

/// On cache lines of its own: readers of the chunks must not feel the writers.
#[repr(align(128))]
struct Free {
    indices: Vec<u32>,
    /// Slots that were ever handed out: [0, end).
    end: u32,
}

impl Slots {
    /// An empty table.
    pub(crate) fn new() -> Slots {
        Slots {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::new(Free {
                indices: Vec::new(),
                end: 0,
            }),
        }
    }

    /// The slot of an index, where one was ever handed out.
    pub fn get(&self, index: u32) -> Option<&Slot> {
        let (chunk, offset) = place(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }

    /// An index that nobody uses, and its slot.
    pub fn take(&self) -> Result<(u32, &Slot), Error> {
        let mut free = self.free();
        let index = match free.indices.pop() {
            Some(index) => index,
            None => {
                let (chunk, _) = place(free.end);
                self.grow_to(chunk)?;
                free.end += 1;
                free.end - 1
            }
        };
        self.get(index).map(|slot| (index, slot)).ok_or(Error::OutOfMemory)
    }

    /// Gives an index back for reuse.
    pub fn give_back(&self, index: u32) {
        let mut free = self.free();
        // Without memory for the note the slot is lost, which is better than the process.
        if free.indices.try_reserve(1).is_ok() {
            free.indices.push(index);
        }
    }

    /// All indices that were ever handed out.
    pub fn indices(&self) -> Range<u32> {
        0..self.free().end
    }

    /// Only called with the lock held.
    fn grow_to(&self, chunk: usize) -> Result<(), Error> {
        let place = self.chunks.get(chunk).ok_or(Error::OutOfMemory)?;
        if place.get().is_none() {
            let mut slots = Vec::new();
            slots
                .try_reserve_exact(FIRST << chunk)
                .map_err(|_| Error::OutOfMemory)?;
            slots.resize_with(FIRST << chunk, Slot::default);
            let _ = place.set(slots.into_boxed_slice());
        }
        Ok(())
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn place(index: u32) -> (usize, usize) {
    let block = index as usize / FIRST + 1;
    let chunk = block.ilog2() as usize;
    (chunk, index as usize - FIRST * ((1 << chunk) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_a_slot_of_its_own() {
        let slots = Slots::new();
        let mut seen = std::collections::HashSet::new();
        for expected in 0..10_000 {
            let (index, slot) = slots.take().unwrap();
            assert_eq!(index, expected);
            assert!(seen.insert(std::ptr::from_ref(slot) as usize));
        }
        assert!(slots.get(u32::MAX).is_none());
    }

    #[test]
    fn an_index_given_back_is_used_again() {
        let slots = Slots::new();
        let (index, _) = slots.take().unwrap();
        slots.give_back(index);
        assert_eq!(slots.take().unwrap().0, index);
    }

    #[test]
    fn a_slot_takes_16_bytes() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
