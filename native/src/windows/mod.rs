//! Windows: where one value lies in plaintext while it is lent.
//!
//! Released windows are wiped and used again: those of one page always, longer ones within a share of the limit of locked
//! memory (see [`crate::protect::retention`]). Idle ones are given up as soon as locked memory is short.

pub mod state;
pub mod table;

use crate::protect::region::{MG_BEST_EFFORT, PAGE};
use crate::status::Error;
use crate::windows::table::{Idle, MgWindow, TABLE, Use};
use std::sync::atomic::Ordering;

/// The table for callers who read `data` and `length` themselves.
pub fn table() -> *const MgWindow {
    TABLE.as_ptr().cast()
}

/// A window that is released, wiped, when it is dropped.
pub struct Window(Use);

impl Window {
    /// Takes a window of zeros.
    pub fn acquire(length: usize, flags: u32) -> Result<Window, Error> {
        match Window::idle(length) {
            Some(window) => Ok(window),
            None => Window::mapped(length, pages(length), flags),
        }
    }

    /// Takes an idle window of zeros, where there is one; maps nothing.
    pub fn idle(length: usize) -> Option<Window> {
        table::take_idle(length, pages(length)).map(Window)
    }

    /// A window of its own.
    #[cold]
    fn mapped(length: usize, need: usize, flags: u32) -> Result<Window, Error> {
        match with_room(need, flags, |flags| table::map(length, need, flags)) {
            // Another thread may have released one by now.
            Err(Error::LockedMemory) => Window::idle(length).ok_or(Error::LockedMemory),
            made => made.map(Window),
        }
    }

    /// The first byte.
    pub fn data(&self) -> *mut u8 {
        TABLE[self.0.0].data.load(Ordering::Relaxed)
    }

    /// As asked for, in bytes.
    pub fn length(&self) -> usize {
        TABLE[self.0.0].length.load(Ordering::Relaxed) as usize
    }

    /// Gives the window to the caller of an export, who returns the number to [`release`].
    pub fn into_number(self) -> i64 {
        let (index, generation) = self.0;
        std::mem::forget(self);
        (generation << 16 | index as u64) as i64
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = table::give_back(self.0);
    }
}

/// Maps memory of `need` bytes, for which idle windows make room, so that it is left unlocked by choice only as a last
/// resort. For all locked memory of this library: windows are kept on the condition that they give way.
#[cold]
pub fn with_room<T>(need: usize, flags: u32, map: impl Fn(u32) -> Result<T, Error>) -> Result<T, Error> {
    let mut result = map(flags & !MG_BEST_EFFORT);
    for which in [Idle::Long, Idle::Any] {
        match result {
            // libsodium's allocator locks a page more.
            Err(Error::LockedMemory | Error::NoWindow | Error::Refused(libc::ENOMEM))
                if table::trim(which, need + 2 * PAGE) > 0 =>
            {
                result = map(flags & !MG_BEST_EFFORT);
            }
            _ => {}
        }
    }
    match result {
        Err(Error::LockedMemory | Error::OutOfMemory | Error::Refused(_)) if flags & MG_BEST_EFFORT != 0 => map(flags),
        other => other,
    }
}

/// The whole pages that so many bytes need, in bytes.
fn pages(length: usize) -> usize {
    length.max(1).next_multiple_of(PAGE)
}

/// Wipes and releases; a number that is not lent now is a stale handle.
pub fn release(number: i64) -> Result<(), Error> {
    let number = u64::try_from(number).map_err(|_| Error::StaleHandle)?;
    table::give_back(((number & 0xFFFF) as usize, number >> 16))
}
