//! The table of windows: who has which, and which wait, wiped, for their next use.
//!
//! A fixed number of descriptors, each on cache lines of its own. Taking an idle one and giving it back touches no cache
//! line that another thread writes, and takes no lock.

use crate::clock::now_ms;
use crate::protect::region::{Kind, PAGE, Region};
use crate::protect::retention;
use crate::status::Error;
use crate::windows::state::{self, BUSY, EMPTY, FREE, Seen, State};
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

/// A long window that nobody used for this time is given back by the next sweep.
const IDLE_MS: u64 = 10_000;

/// One window; the first two fields are what callers see.
#[repr(C, align(128))]
pub struct Descriptor {
    pub(crate) data: AtomicPtr<u8>,
    pub(crate) length: AtomicU64,
    state: State,
    /// Bytes that stay mapped when it is released; 0 where nothing does.
    kept: AtomicUsize,
    /// The generation at the last look for unused windows.
    looked_at: AtomicU64,
    /// Touched only by whoever brought the state to BUSY or CHANGING.
    region: UnsafeCell<Option<Region>>,
}

// SAFETY: `region` is only touched by the one thread that won the exchange of `state`.
unsafe impl Sync for Descriptor {}

const _: () = assert!(size_of::<Descriptor>() == size_of::<MgWindow>());

pub(crate) static TABLE: [Descriptor; MG_WINDOW_COUNT] = [const {
    Descriptor {
        data: AtomicPtr::new(ptr::null_mut()),
        length: AtomicU64::new(0),
        state: State::empty(),
        kept: AtomicUsize::new(0),
        looked_at: AtomicU64::new(0),
        region: UnsafeCell::new(None),
    }
}; MG_WINDOW_COUNT];

/// One more than the highest descriptor that was ever used: how far a search has to go.
static USED: AtomicUsize = AtomicUsize::new(0);

static NEXT_HINT: AtomicUsize = AtomicUsize::new(0);

static LAST_LOOK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The page and the long window that this thread used last: most likely free again, and in this core's cache.
    static HINTS: [Cell<usize>; 2] = const { [const { Cell::new(usize::MAX) }; 2] };
}

/// An index and the generation of its present use.
pub type Use = (usize, u64);

/// How many are lent, and how many were ever used at once at most.
pub fn usage() -> (u64, u64) {
    let busy = |descriptor: &&Descriptor| descriptor.state.look().kind() == BUSY;
    (used().iter().filter(busy).count() as u64, used().len() as u64)
}

/// An idle window for `length` bytes in `need` bytes of whole pages.
pub fn take_idle(length: usize, need: usize) -> Option<Use> {
    let used = used().len();
    if used == 0 {
        return None;
    }
    let hint = hint(need);
    let start = if hint < used {
        hint
    } else {
        NEXT_HINT.fetch_add(1, Ordering::Relaxed) % used
    };
    let mut index = start;
    loop {
        let descriptor = &TABLE[index];
        // What is kept belongs to this state: it changes with the state only.
        let seen = descriptor.state.look();
        if seen.kind() == FREE
            && fits(descriptor.kept.load(Ordering::Relaxed), need)
            && let Some(generation) = descriptor.state.take(seen)
        {
            // SAFETY: the state is BUSY by our exchange, so the field is ours.
            let region = unsafe { &*descriptor.region.get() };
            descriptor.lend(region.as_ref()?, length, need);
            hint_at(need, index);
            return Some((index, generation));
        }
        index = if index + 1 == used { 0 } else { index + 1 };
        if index == start {
            return None;
        }
    }
}

/// A window of its own, for `length` bytes in `need` bytes of whole pages.
pub fn map(length: usize, need: usize, flags: u32) -> Result<Use, Error> {
    let (index, seen) = claim_empty().ok_or(Error::NoWindow)?;
    let descriptor = &TABLE[index];
    let region = Region::new(need, flags).inspect_err(|_| descriptor.state.settle(seen.generation(), EMPTY))?;
    let kept = if keeps(&region) { region.length() } else { 0 };
    let generation = state::next(seen);
    descriptor.kept.store(kept, Ordering::Relaxed);
    descriptor.lend(&region, length, need);
    // SAFETY: the state is CHANGING by our exchange, so the field is ours.
    unsafe { *descriptor.region.get() = Some(region) };
    descriptor.state.settle(generation, BUSY);
    hint_at(need, index);
    Ok((index, generation))
}

/// Wipes and takes back; a use that is over is a stale handle.
pub fn give_back((index, generation): Use) -> Result<(), Error> {
    let descriptor = TABLE.get(index).ok_or(Error::StaleHandle)?;
    if !descriptor.state.claim_back(generation) {
        return Err(Error::StaleHandle);
    }
    let length = descriptor.length.load(Ordering::Relaxed) as usize;
    // SAFETY: the state is CHANGING by our exchange: data and length are ours, and were set by `lend`.
    unsafe { sodium::sodium_memzero(descriptor.data.load(Ordering::Relaxed).cast(), length) };
    if descriptor.kept.load(Ordering::Relaxed) > 0 {
        descriptor.state.settle(generation, FREE);
    } else {
        descriptor.unmap(generation);
    }
    Ok(())
}

/// Which idle windows to give up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Those of more than a page.
    Long,
    /// Long ones that were not used since the last such call.
    Unused,
    /// All.
    Any,
}

/// Gives the memory of idle windows back to the system until it is `enough`; returns how much that was, in bytes.
pub fn trim(which: Idle, enough: usize) -> usize {
    let mut freed = 0;
    for descriptor in used() {
        if freed >= enough {
            break;
        }
        let seen = descriptor.state.look();
        let kept = descriptor.kept.load(Ordering::Relaxed);
        if seen.kind() != FREE || (which != Idle::Any && kept <= PAGE) {
            continue;
        }
        let generation = seen.generation();
        if which == Idle::Unused && descriptor.looked_at.swap(generation, Ordering::Relaxed) != generation {
            continue;
        }
        if descriptor.state.claim(seen) {
            freed += descriptor.unmap(generation);
        }
    }
    freed
}

/// Gives up long windows that nobody uses any more; looks once in ten seconds, however often it is called.
pub fn trim_unused() {
    let (now, last) = (now_ms(), LAST_LOOK.load(Ordering::Relaxed));
    let due = now.saturating_sub(last) >= IDLE_MS;
    if due
        && LAST_LOOK
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    {
        trim(Idle::Unused, usize::MAX);
    }
}

impl Descriptor {
    /// At the end of the region, so that a guard page follows the last page that is lent.
    fn lend(&self, region: &Region, length: usize, need: usize) {
        let data = region.data().wrapping_add(region.length() - need);
        self.data.store(data, Ordering::Relaxed);
        self.length.store(length as u64, Ordering::Relaxed);
    }

    /// Only called by whoever brought the state to CHANGING; returns how many bytes are unlocked by it.
    fn unmap(&self, generation: u64) -> usize {
        // SAFETY: the state is CHANGING by the caller's exchange, so the field is ours.
        let region = unsafe { (*self.region.get()).take() };
        let locked = region.map_or(0, |region| region.locked());
        if self.kept.swap(0, Ordering::Relaxed) > PAGE {
            retention::give_back(locked);
        }
        self.state.settle(generation, EMPTY);
        locked
    }
}

/// Whether a window of `kept` bytes may serve where `need` bytes are wanted: at most a quarter of them lies idle then.
fn fits(kept: usize, need: usize) -> bool {
    (need..=need + need / 4).contains(&kept)
}

/// Pages always stay, long windows where there is room, or room can be made; what is not locked never does.
fn keeps(region: &Region) -> bool {
    let bytes = region.locked();
    match region.kind() {
        Kind::Unlocked => false,
        _ if region.length() == PAGE => true,
        _ if retention::reserve(bytes) => true,
        _ => bytes as u64 <= retention::limit() && trim(Idle::Long, bytes) > 0 && retention::reserve(bytes),
    }
}

fn claim_empty() -> Option<(usize, Seen)> {
    (0..MG_WINDOW_COUNT).find_map(|index| {
        let seen = TABLE[index].state.look();
        (seen.kind() == EMPTY && TABLE[index].state.claim(seen)).then(|| {
            USED.fetch_max(index + 1, Ordering::Release);
            (index, seen)
        })
    })
}

fn used() -> &'static [Descriptor] {
    &TABLE[..USED.load(Ordering::Acquire)]
}

fn hint(need: usize) -> usize {
    HINTS.with(|hints| hints[usize::from(need > PAGE)].get())
}

fn hint_at(need: usize, index: usize) {
    HINTS.with(|hints| hints[usize::from(need > PAGE)].set(index));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_window_unused_between_two_looks_is_given_back_and_a_used_one_stays() {
        assert_eq!(crate::exports::mg_init(0), 0);
        let need = 50 * PAGE;
        let take = || take_idle(need, need).or_else(|| map(need, need, 0).ok()).unwrap();
        let used = take();
        let index = used.0;
        give_back(used).unwrap();
        trim(Idle::Unused, usize::MAX); // the first look
        give_back(take()).unwrap();
        trim(Idle::Unused, usize::MAX);
        assert_eq!(TABLE[index].kept.load(Ordering::Relaxed), need, "used since");
        trim(Idle::Unused, usize::MAX);
        assert_eq!(TABLE[index].kept.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_window_serves_what_leaves_at_most_a_quarter_idle() {
        assert!(fits(PAGE, PAGE) && !fits(2 * PAGE, PAGE) && !fits(PAGE, 2 * PAGE));
        assert!(fits(10 * PAGE, 8 * PAGE) && !fits(11 * PAGE, 8 * PAGE));
        assert!(!fits(0, PAGE), "nothing is kept there");
    }
}
