//! Garbage, from the moment on when no new reader finds it until it is freed.
//!
//! The epochs tell when nobody can have it any more; they tell whichever thread comes by, often a reader. That one only puts it
//! on a stack: freeing it would make a reader wait for the allocator's locks, and thus for other threads, and wipe what
//! may be long. The calls that put, replace, remove, sweep, trim or count take it from there. (The epochs' own small nodes
//! are still freed by readers, too: one for up to 64 values.)

use crate::cache::Cache;
use crate::cache::blob::Sealed;
use crate::cache::free_stack::{Entry, Stack};
use crossbeam_epoch::{Guard, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// So many bytes of large values may wait to be freed until it suits.
const FEW_WAITING: u64 = 1 << 20;

/// So many bytes of them may wait before those who replace and remove have to wait, too.
const MOST_WAITING: u64 = 32 << 20;

static WAITING: AtomicU64 = AtomicU64::new(0);

/// What nobody can have any more.
static FREEABLE: Stack<Parcel> = Stack::empty();

/// What becomes garbage.
pub enum Garbage {
    /// A value that was replaced or removed by itself.
    Value(Sealed),
    /// Values that were removed together.
    Values(Vec<Sealed>),
    /// A cache that was closed.
    Cache(Box<Cache>),
    #[cfg(test)]
    /// What tests watch.
    Test(Box<dyn Send>),
}

struct Parcel {
    garbage: Garbage,
    large: u64,
    removal: Option<Arc<()>>,
}

/// Has garbage freed, by [`free`], once no reader can have it any more. `large`: the length of a large value, in bytes, which
/// [`relieve`] looks at, and 0 for a small one: those wait in a thread's own bag, which only that thread can hand over.
///
/// # Safety
/// It must not be reachable for new readers.
pub unsafe fn defer(garbage: Garbage, large: u64, guard: &Guard) {
    // SAFETY: the caller vouches for it.
    unsafe { defer_as_part(garbage, large, None, guard) };
    if large > 0 {
        guard.flush();
    }
}

/// # Safety
/// As [`defer`].
unsafe fn defer_as_part(garbage: Garbage, large: u64, removal: Option<Arc<()>>, guard: &Guard) {
    let parcel = Parcel {
        garbage,
        large,
        removal,
    };
    // SAFETY: after the grace period the closures are the only owners.
    unsafe {
        match Entry::new(parcel) {
            Ok(entry) => {
                WAITING.fetch_add(large, Ordering::Relaxed);
                guard.defer_unchecked(move || FREEABLE.put(entry));
            }
            // Without memory for the entry whoever comes by frees it, which is better than the process's end.
            Err(Parcel { garbage, .. }) => guard.defer_unchecked(move || drop(garbage)),
        }
    }
}

/// Frees what nobody can have any more. Not for readers, nor under a guard, which would keep other garbage from being freed.
pub fn free() {
    for parcel in FREEABLE.take() {
        drop(parcel.garbage);
        drop(parcel.removal);
        WAITING.fetch_sub(parcel.large, Ordering::Relaxed);
    }
}

/// Frees, and slows a writer down, by some 20 ms at most, while too much of large values waits: with more threads than
/// processors, readers that were interrupted keep much from being freed. Not under a guard.
pub fn relieve() {
    free();
    for attempt in 0..23 {
        // The epochs need a few steps for what was unlinked just now.
        let stepping = attempt < 3;
        if WAITING.load(Ordering::Relaxed) <= if stepping { FEW_WAITING } else { MOST_WAITING } {
            break;
        }
        pin().flush();
        free();
        if !stepping {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Much garbage of one call, which waits for its end.
#[derive(Default)]
pub struct Removal(Arc<()>);

impl Removal {
    /// As [`defer()`].
    ///
    /// # Safety
    /// As [`defer()`].
    pub unsafe fn defer(&self, garbage: Garbage, guard: &Guard) {
        // SAFETY: the caller vouches for it.
        unsafe { defer_as_part(garbage, 0, Some(self.0.clone()), guard) };
        guard.flush();
    }

    /// Waits until all is freed, but some 15 ms at most while nothing is: a reader may be opening a very long value, or be
    /// interrupted. The rest is freed by the next call of [`free`]. Not under a guard.
    pub fn wait(self) {
        let mut pauses = [0, 0, 0, 0, 1, 2, 4, 8].into_iter();
        let mut left = usize::MAX;
        loop {
            pin().flush();
            free();
            let now = Arc::strong_count(&self.0) - 1;
            if now == 0 {
                break;
            }
            if now >= left {
                let Some(pause) = pauses.next() else { break };
                std::thread::sleep(Duration::from_millis(pause));
            }
            left = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::{ThreadId, current, scope};

    /// The epochs are the process's: a test that holds them up would hold up the others.
    static ALONE: Mutex<()> = Mutex::new(());

    /// Tells which thread dropped it.
    struct Tell(Sender<ThreadId>);

    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(current().id());
        }
    }

    fn tell(to: &Sender<ThreadId>) -> Garbage {
        Garbage::Test(Box::new(Tell(to.clone())))
    }

    #[test]
    fn readers_that_collect_drop_nothing() {
        let _alone = ALONE.lock();
        let (sender, told) = channel();
        let done = AtomicBool::new(false);
        let (readers, droppers) = scope(|threads| {
            let readers = [(); 2].map(|()| {
                let reader = threads.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        pin().flush();
                    }
                });
                reader.thread().id()
            });
            for _ in 0..10_000 {
                // SAFETY: nobody else has it.
                unsafe { defer(tell(&sender), 1, &pin()) };
            }
            let mut droppers: Vec<ThreadId> = Vec::new();
            while droppers.len() < 10_000 {
                pin().flush();
                free();
                droppers.extend(told.try_iter());
            }
            done.store(true, Ordering::Relaxed);
            (readers, droppers)
        });
        assert!(droppers.iter().all(|dropper| !readers.contains(dropper)));
    }

    #[test]
    fn what_a_reader_may_still_have_is_dropped_later() {
        let _alone = ALONE.lock();
        let (sender, told) = channel();
        let reader = pin();
        let removal = Removal::default();
        // SAFETY: nobody else has it.
        unsafe { removal.defer(tell(&sender), &pin()) };
        removal.wait();
        assert!(told.try_recv().is_err(), "a reader may still have it");
        drop(reader);
        while told.try_recv().is_err() {
            pin().flush();
            free();
        }
    }

    #[test]
    fn a_removal_of_much_is_over_when_all_is_dropped() {
        let _alone = ALONE.lock();
        // A thread that is interrupted holds the epochs up for longer than anybody waits; not five times.
        let all_dropped = (0..5).any(|_| {
            let (sender, told) = channel();
            let removal = Removal::default();
            let reader = pin();
            for _ in 0..5000 {
                // SAFETY: nobody else has it.
                unsafe { removal.defer(tell(&sender), &pin()) };
            }
            drop(reader);
            removal.wait();
            told.try_iter().count() == 5000
        });
        assert!(all_dropped);
    }
}
