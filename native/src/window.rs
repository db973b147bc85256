//! Windows: where one value lies in plaintext while it is lent.
//!
//! A fixed table of descriptors, each on cache lines of its own. Windows of one page stay mapped and are used again;
//! longer ones are regions of their own, unmapped when they are released. Acquiring and releasing a pooled window touches
//! no cache line that another thread writes, and takes no lock.

use crate::region::{Kind, PAGE, Region};
use crate::status::Error;
use libsodium_sys as sodium;
use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// How many secrets may be lent at once.
pub const MG_WINDOW_COUNT: usize = 4096;

/// A window as the caller sees it: `data` and `length` may be read while it is lent.
#[repr(C)]
pub struct MgWindow {
    /// The first byte of the plaintext.
    pub data: *mut u8,
    /// The length of the plaintext in bytes.
    pub length: u64,
    /// Private to the library.
    pub reserved: [u64; 14],
}

#[repr(C, align(128))]
struct Descriptor {
    data: AtomicPtr<u8>,
    length: AtomicU64,
    /// `generation << 2 | state`
    state: AtomicU64,
    /// Touched only by whoever brought the state to BUSY or CHANGING.
    region: UnsafeCell<Option<Region>>,
}

// SAFETY: `region` is only touched by the one thread that won the exchange of `state`.
unsafe impl Sync for Descriptor {}

const _: () = assert!(size_of::<Descriptor>() == size_of::<MgWindow>());

/// No memory behind it.
const EMPTY: u64 = 0;
/// A wiped page waits for its next use.
const FREE: u64 = 1;
/// Lent.
const BUSY: u64 = 2;
/// Between two of the other states.
const CHANGING: u64 = 3;

static TABLE: [Descriptor; MG_WINDOW_COUNT] = [const {
    Descriptor {
        data: AtomicPtr::new(ptr::null_mut()),
        length: AtomicU64::new(0),
        state: AtomicU64::new(EMPTY),
        region: UnsafeCell::new(None),
    }
}; MG_WINDOW_COUNT];

/// One more than the highest descriptor that was ever used: how far a search has to go.
static USED: AtomicUsize = AtomicUsize::new(0);

static NEXT_HINT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The descriptor that this thread used last: most likely free again, and in this core's cache.
    static HINT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The table for callers who read `data` and `length` themselves.
pub fn table() -> *const MgWindow {
    TABLE.as_ptr().cast()
}

/// How many windows are lent, and how many were ever used at once at most.
pub fn usage() -> (u64, u64) {
    let used = USED.load(Ordering::Acquire);
    let busy = TABLE[..used]
        .iter()
        .filter(|w| w.state.load(Ordering::Relaxed) & 3 == BUSY)
        .count();
    (busy as u64, used as u64)
}

/// A window that is released, wiped, when it is dropped.
pub struct Window {
    index: usize,
    generation: u64,
}

impl Window {
    /// Takes a window of zeros.
    pub fn acquire(length: usize, flags: u32) -> Result<Window, Error> {
        let small = length <= PAGE;
        if let Some(window) = small.then(|| Window::pooled(length)).flatten() {
            return Ok(window);
        }
        match Window::mapped(length, flags) {
            // Idle pages may be what is missing, or their descriptors.
            Err(Error::LockedMemory | Error::NoWindow) if !small && trim() => Window::mapped(length, flags),
            // Another thread may have released one by now.
            Err(Error::LockedMemory) if small => Window::pooled(length).ok_or(Error::LockedMemory),
            other => other,
        }
    }

    fn pooled(length: usize) -> Option<Window> {
        let used = USED.load(Ordering::Acquire);
        if used == 0 {
            return None;
        }
        let hint = HINT.get();
        let start = if hint < used {
            hint
        } else {
            NEXT_HINT.fetch_add(1, Ordering::Relaxed) % used
        };
        let mut index = start;
        loop {
            let state = TABLE[index].state.load(Ordering::Relaxed);
            if state & 3 == FREE {
                let generation = next(state);
                if TABLE[index].exchange(state, generation << 2 | BUSY) {
                    HINT.set(index);
                    TABLE[index].length.store(length as u64, Ordering::Relaxed);
                    return Some(Window { index, generation });
                }
            }
            index = if index + 1 == used { 0 } else { index + 1 };
            if index == start {
                return None;
            }
        }
    }

    fn mapped(length: usize, flags: u32) -> Result<Window, Error> {
        let (index, state) = claim_empty().ok_or(Error::NoWindow)?;
        let descriptor = &TABLE[index];
        match Region::new(length, flags) {
            Ok(region) => {
                let generation = next(state);
                descriptor.data.store(region.data(), Ordering::Relaxed);
                descriptor.length.store(length as u64, Ordering::Relaxed);
                // SAFETY: the state is CHANGING by our exchange, so the field is ours.
                unsafe { *descriptor.region.get() = Some(region) };
                descriptor.state.store(generation << 2 | BUSY, Ordering::Release);
                HINT.set(index);
                Ok(Window { index, generation })
            }
            Err(error) => {
                descriptor.state.store(state, Ordering::Release);
                Err(error)
            }
        }
    }

    fn descriptor(&self) -> &'static Descriptor {
        &TABLE[self.index]
    }

    /// The first byte.
    pub fn data(&self) -> *mut u8 {
        self.descriptor().data.load(Ordering::Relaxed)
    }

    /// Gives the window to the caller of an export, who returns the number to [`release`].
    pub fn into_number(self) -> i64 {
        let number = (self.generation << 16 | self.index as u64) as i64;
        std::mem::forget(self);
        number
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = give_back(self.index, self.generation);
    }
}

/// Wipes and releases; a number that is not lent now is a stale handle.
pub fn release(number: i64) -> Result<(), Error> {
    let number = u64::try_from(number).map_err(|_| Error::StaleHandle)?;
    let index = (number & 0xFFFF) as usize;
    if index >= MG_WINDOW_COUNT {
        return Err(Error::StaleHandle);
    }
    give_back(index, number >> 16)
}

fn give_back(index: usize, generation: u64) -> Result<(), Error> {
    let descriptor = &TABLE[index];
    if !TABLE[index].exchange(generation << 2 | BUSY, generation << 2 | CHANGING) {
        return Err(Error::StaleHandle);
    }
    let length = descriptor.length.load(Ordering::Relaxed) as usize;
    // SAFETY: the state is CHANGING by our exchange: data, length and region are ours, and were set by `acquire`.
    let pooled = unsafe {
        sodium::sodium_memzero(descriptor.data.load(Ordering::Relaxed).cast(), length);
        let region = &mut *descriptor.region.get();
        let pooled = length <= PAGE && region.as_ref().is_some_and(|r| r.kind() != Kind::Unlocked);
        if !pooled {
            *region = None;
        }
        pooled
    };
    descriptor
        .state
        .store(generation << 2 | if pooled { FREE } else { EMPTY }, Ordering::Release);
    Ok(())
}

/// Gives the memory of idle windows back; false where there was none.
fn trim() -> bool {
    let used = USED.load(Ordering::Acquire);
    let trimmed = TABLE[..used].iter().filter(|descriptor| {
        let state = descriptor.state.load(Ordering::Relaxed);
        let taken = state & 3 == FREE && descriptor.exchange(state, state | CHANGING);
        if taken {
            // SAFETY: the state is CHANGING by our exchange, so the field is ours.
            unsafe { *descriptor.region.get() = None };
            descriptor.state.store(state & !3 | EMPTY, Ordering::Release);
        }
        taken
    });
    trimmed.count() > 0
}

fn claim_empty() -> Option<(usize, u64)> {
    (0..MG_WINDOW_COUNT).find_map(|index| {
        let state = TABLE[index].state.load(Ordering::Relaxed);
        (state & 3 == EMPTY && TABLE[index].exchange(state, state | CHANGING)).then(|| {
            USED.fetch_max(index + 1, Ordering::Release);
            (index, state)
        })
    })
}

impl Descriptor {
    fn exchange(&self, from: u64, to: u64) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }
}

/// 46 bits, so that a window's number is never negative.
fn next(state: u64) -> u64 {
    ((state >> 2) + 1) & ((1 << 46) - 1)
}
