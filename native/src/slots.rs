//! A table of slots that grows and never moves: chunk after chunk, each twice as long as the one before.

use crate::blob::Blob;
use crossbeam_epoch::{Atomic, unprotected};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

const FIRST: usize = 256;
const CHUNKS: usize = 24; // 256 * (2^24 - 1) slots: more than any memory holds

/// One value, or none. 32 bytes.
#[derive(Default)]
pub struct Slot {
    /// Odd while a value is there; the handle's upper half.
    pub generation: AtomicU32,
    /// Milliseconds without use after which the value expires; 0: never.
    pub idle_ms: AtomicU32,
    /// The sealed value.
    pub blob: Atomic<Blob>,
    /// When the value expires (see clock.rs); 0: never.
    pub expires_ms: AtomicU64,
    /// When the value was last used; only kept where there is an idle limit.
    pub used_ms: AtomicU64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: a slot is dropped with its cache, when no reader can have it any more.
        unsafe {
            let blob = self.blob.load(Ordering::Relaxed, unprotected());
            if !blob.is_null() {
                drop(blob.into_owned());
            }
        }
    }
}

/// The table.
pub struct Slots {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    free: Mutex<Free>,
}

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

    /// An index that nobody uses.
    pub fn take(&self) -> u32 {
        let mut free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(index) = free.indices.pop() {
            return index;
        }
        let index = free.end;
        let (chunk, _) = place(index);
        self.chunks[chunk].get_or_init(|| (0..FIRST << chunk).map(|_| Slot::default()).collect());
        free.end += 1;
        index
    }

    /// Gives an index back for reuse.
    pub fn give_back(&self, index: u32) {
        self.free
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .indices
            .push(index);
    }

    /// All indices that were ever handed out.
    pub fn indices(&self) -> std::ops::Range<u32> {
        0..self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).end
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
            let index = slots.take();
            assert_eq!(index, expected);
            assert!(seen.insert(std::ptr::from_ref(slots.get(index).unwrap()) as usize));
        }
        assert!(slots.get(u32::MAX).is_none());
    }

    #[test]
    fn a_slot_takes_32_bytes() {
        assert_eq!(size_of::<Slot>(), 32);
    }
}
