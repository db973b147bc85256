//! Who may touch the memory of a window: one number, `generation << 2 | state`, that changes by whoever wins it.
//!
//! All orderings of that are here, so that `models/` can run this very file under loom, which tries the orders in which
//! threads may see each other's writes.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// No memory behind it.
pub const EMPTY: u64 = 0;
/// Wiped memory waits for its next use.
pub const FREE: u64 = 1;
/// Lent.
pub const BUSY: u64 = 2;
/// Between two of the other states: the memory is that thread's which made it so.
pub const CHANGING: u64 = 3;

/// Changed by [`State::take`], [`State::claim`], [`State::claim_back`] and, by the winner of those, [`State::settle`].
pub struct State(AtomicU64);

/// What a state was when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seen(u64);

impl Seen {
    /// One of the four.
    pub fn kind(self) -> u64 {
        self.0 & 3
    }

    /// Of the use that it is in, or was in last.
    pub fn generation(self) -> u64 {
        self.0 >> 2
    }
}

impl State {
    /// Of no memory yet.
    #[cfg(not(loom))]
    pub const fn empty() -> State {
        State(AtomicU64::new(EMPTY))
    }

    /// The same; loom's can't be made at compile time.
    #[cfg(loom)]
    pub fn empty() -> State {
        State(AtomicU64::new(EMPTY))
    }

    /// Looks. What is read after this and changes with the state only is that of this state, if it is won from here.
    pub fn look(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    /// From free to lent: the memory is the caller's then, with all that was done to it before; its new generation.
    pub fn take(&self, seen: Seen) -> Option<u64> {
        let generation = next(seen);
        (seen.kind() == FREE && self.exchange(seen.0, generation << 2 | BUSY)).then_some(generation)
    }

    /// From free or empty to changing, to give the memory up or to get some.
    pub fn claim(&self, seen: Seen) -> bool {
        matches!(seen.kind(), FREE | EMPTY) && self.exchange(seen.0, seen.0 | CHANGING)
    }

    /// From lent to changing; false where that use is over already.
    pub fn claim_back(&self, generation: u64) -> bool {
        self.exchange(generation << 2 | BUSY, generation << 2 | CHANGING)
    }

    /// Ends a change: whoever wins it next sees all that was done meanwhile. Only for whoever began the change.
    pub fn settle(&self, generation: u64, kind: u64) {
        self.0.store(generation << 2 | kind, Ordering::Release);
    }

    fn exchange(&self, from: u64, to: u64) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }
}

/// 46 bits, so that a window's number is never negative.
pub fn next(seen: Seen) -> u64 {
    (seen.generation() + 1) & ((1 << 46) - 1)
}
