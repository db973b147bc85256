//! Any sequence of calls of the exports, as some bytes say, beside a model of what each must answer.
//!
//! Numbers of caches, values, windows and keys are live ones, dead ones, or any; buffers have just the length that is
//! claimed, or are null.

mod caches;
mod keys;
mod windows;

use crate::support::*;
use caches::Caches;
use keys::Keys;
use std::ptr;
use windows::Windows;

/// What decides about the calls; zeros at its end.
pub struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes([0; 8].map(|_: u8| self.byte()))
    }

    /// Mostly short, sometimes longer than a page.
    fn length(&mut self) -> usize {
        match self.byte() {
            255 => usize::from(u16::from_le_bytes([self.byte(), self.byte()])),
            length => usize::from(length),
        }
    }

    fn flags(&mut self) -> u32 {
        [0, 0, MG_NO_MEMFD_SECRET, MG_BEST_EFFORT, !3][usize::from(self.byte() % 5)]
    }

    fn bytes(&mut self) -> Box<[u8]> {
        let (length, first) = (self.length(), self.byte());
        (0..length).map(|at| first.wrapping_add(at as u8)).collect()
    }

    /// One of these, or sometimes any number.
    fn pick(&mut self, live: &[u64], dead: &[u64]) -> u64 {
        let choice = usize::from(self.byte());
        match choice % 8 {
            0 => self.number(),
            1 | 2 if !dead.is_empty() => dead[choice / 8 % dead.len()],
            _ if !live.is_empty() => live[choice / 8 % live.len()],
            _ => self.number(),
        }
    }
}

/// A pointer for a length; where that is 0 sometimes null.
fn pointer(bytes: &[u8], input: &mut Input) -> *const u8 {
    if bytes.is_empty() && input.byte() & 1 == 0 {
        ptr::null()
    } else {
        bytes.as_ptr()
    }
}

/// More than any call takes.
fn too_long(input: &mut Input) -> u64 {
    input.number().max((1 << 30) + 29)
}

/// Makes the calls, then takes everything down and sees that nothing is left.
pub fn run(bytes: &[u8]) {
    assert_eq!(mg_init(0), MG_OK);
    let mut input = Input(bytes);
    let (mut caches, mut windows, mut keys) = (Caches::default(), Windows::default(), Keys::default());
    while !input.0.is_empty() {
        match input.byte() % 20 {
            0 => caches.make(&mut input),
            1 => caches.free(&mut input),
            2 => caches.clear(&mut input),
            3..=5 => caches.put(&mut input),
            6 => caches.replace(&mut input),
            7 => caches.remove(&mut input),
            8 => caches.length(&mut input),
            9 | 10 => caches.borrow(&mut input, &mut windows),
            11 => windows.acquire(&mut input),
            12 => windows.release(&mut input),
            13 => assert!(mg_trim() >= 0),
            14 => caches.sweep(&mut input),
            15 => caches.usage(&mut input, windows.count()),
            16 => keys.make(&mut input),
            17 => keys.free(&mut input),
            18 => keys.seal(&mut input),
            _ => keys.open(&mut input),
        }
        windows.are_unchanged();
    }
    windows.release_all();
    caches.free_all();
    keys.free_all();
    assert_eq!(Cache::new().usage().windows_in_use, 0);
}
