//! Small blocks of protected memory, for what aws-lc allocates while it works with a key. Blocks of one size share a region;
//! a region without blocks is given back, but for one of each size.
//!
//! `unsafe` is not needed here: what is handed out is an address in a region.

use crate::protect::region::{Kind, MG_BEST_EFFORT, PAGE, Region};
use crate::status::Error;
use crate::windows::with_room;
use std::sync::{Mutex, MutexGuard};

/// The shortest blocks, in bytes; each further kind is twice as long.
const SHORTEST: usize = 64;
const KINDS: usize = 10;
const LONGEST: usize = SHORTEST << (KINDS - 1);
/// How many bytes the blocks of all keys may take together, in this process.
const MOST: usize = 16 << 20;

struct Shelf {
    region: Region,
    free: Vec<u16>,
    blocks: usize,
}

struct Heap {
    shelves: [Vec<Shelf>; KINDS],
    /// Blocks that are longer than the longest kind.
    long: Vec<Region>,
    bytes: usize,
}

static HEAP: Mutex<Heap> = Mutex::new(Heap {
    shelves: [const { Vec::new() }; KINDS],
    long: Vec::new(),
    bytes: 0,
});

fn heap() -> MutexGuard<'static, Heap> {
    HEAP.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn kind(size: usize) -> usize {
    size.max(SHORTEST).next_power_of_two().trailing_zeros() as usize - SHORTEST.trailing_zeros() as usize
}

/// Zeros of at least `size` bytes.
pub fn allocate(size: usize, flags: u32) -> Result<*mut u8, Error> {
    let mut heap = heap();
    if size > LONGEST {
        let region = heap.region(size, flags)?;
        let data = region.data();
        heap.long.push(region);
        return Ok(data);
    }
    let kind = kind(size);
    let usable = |shelf: &Shelf| {
        !shelf.free.is_empty() && (shelf.region.kind() != Kind::Unlocked || flags & MG_BEST_EFFORT != 0)
    };
    let at = match heap.shelves[kind].iter().position(usable) {
        Some(at) => at,
        None => {
            let block = SHORTEST << kind;
            let region = heap.region((4 * PAGE).max(2 * block), flags)?;
            let blocks = region.length() / block;
            let free = (0..blocks as u16).rev().collect();
            heap.shelves[kind].push(Shelf { region, free, blocks });
            heap.shelves[kind].len() - 1
        }
    };
    let shelf = &mut heap.shelves[kind][at];
    let number = shelf.free.pop().ok_or(Error::OutOfMemory)?;
    Ok(shelf
        .region
        .data()
        .wrapping_add(usize::from(number) * (SHORTEST << kind)))
}

/// Takes a block back that was wiped.
pub fn free(block: *mut u8, size: usize) {
    let mut heap = heap();
    let address = block as usize;
    let within = |region: &Region| {
        let base = region.data() as usize;
        (base..base + region.length()).contains(&address)
    };
    if size > LONGEST {
        if let Some(at) = heap.long.iter().position(within) {
            let region = heap.long.swap_remove(at);
            heap.bytes -= region.length();
        }
        return;
    }
    let kind = kind(size);
    let shelves = &mut heap.shelves[kind];
    let Some(at) = shelves.iter().position(|shelf| within(&shelf.region)) else {
        return;
    };
    let shelf = &mut shelves[at];
    let number = (address - shelf.region.data() as usize) / (SHORTEST << kind);
    shelf.free.push(number as u16);
    let empty = |shelf: &Shelf| shelf.free.len() == shelf.blocks;
    if empty(shelf) && shelves.iter().filter(|shelf| empty(shelf)).count() > 1 {
        let shelf = shelves.swap_remove(at);
        heap.bytes -= shelf.region.length();
    }
}

/// How many bytes of regions there are.
pub fn bytes() -> usize {
    heap().bytes
}

impl Heap {
    fn region(&mut self, length: usize, flags: u32) -> Result<Region, Error> {
        if self.bytes + length > MOST {
            return Err(Error::LockedMemory);
        }
        let region = with_room(length, flags, |flags| Region::new(length, flags))?;
        self.bytes += region.length();
        Ok(region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_apart_and_what_is_free_is_given_back() {
        assert_eq!(crate::exports::mg_init(0), 0);
        let mut blocks = Vec::new();
        for round in 0..2_000_usize {
            let size = 1 + round * 37 % 5_000;
            let block = allocate(size, 0).unwrap();
            assert_eq!(block as usize % 16, 0);
            blocks.push((block, size));
        }
        let mut sorted: Vec<_> = blocks.iter().map(|(block, size)| (*block as usize, *size)).collect();
        sorted.sort();
        assert!(
            sorted.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0),
            "two blocks overlap"
        );
        let most = bytes();
        for (block, size) in blocks {
            free(block, size);
        }
        let long = allocate(100_000, 0).unwrap();
        free(long, 100_000);
        assert!(bytes() < most / 8, "{} of {most} are kept", bytes());
    }

    #[test]
    fn more_than_the_most_is_refused_and_nothing_is_lost() {
        assert_eq!(crate::exports::mg_init(0), 0);
        assert_eq!(allocate(MOST + 1, 0), Err(Error::LockedMemory));
        let block = allocate(64, 0).unwrap();
        free(block, 64);
    }
}
