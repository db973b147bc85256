//! Garbage, from the moment on when no new reader finds it until it is freed.
//!
//! The epochs tell when nobody can have it any more; they tell whichever thread comes by, often a reader. That one only puts it
//! on a stack: freeing it would make a reader wait for the allocator's locks, and thus for other threads, and wipe what
//! may be long. Those who put, replace, remove and sweep take it from there.

use crate::stack::{Entry, Stack};
use crossbeam_epoch::{Guard, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// So many bytes may wait to be freed until it suits.
const FEW_WAITING: u64 = 1 << 20;

/// So many bytes may wait to be freed before those who replace and remove have to wait, too.
const MOST_WAITING: u64 = 32 << 20;

static WAITING: AtomicU64 = AtomicU64::new(0);

/// What nobody can have any more.
static FREEABLE: Stack<Parcel> = Stack::empty();

struct Parcel {
    bytes: u64,
    _garbage: Box<dyn Send>,
    _removal: Option<Arc<()>>,
}

/// Has `garbage` of so many bytes dropped, by [`free`], once no reader can have it any more.
///
/// # Safety
/// It must not be reachable for new readers.
pub unsafe fn defer(garbage: Box<dyn Send>, bytes: u64, guard: &Guard) {
    // SAFETY: the caller vouches for it.
    unsafe { defer_as_part(garbage, bytes, None, guard) };
}

/// # Safety
/// As [`defer`].
unsafe fn defer_as_part(garbage: Box<dyn Send>, bytes: u64, removal: Option<Arc<()>>, guard: &Guard) {
    WAITING.fetch_add(bytes, Ordering::Relaxed);
    let entry = Entry::new(Parcel {
        bytes,
        _garbage: garbage,
        _removal: removal,
    });
    // SAFETY: after the grace period the closure is the entry's only owner.
    unsafe { guard.defer_unchecked(move || FREEABLE.put(entry)) };
}

/// Frees what nobody can have any more. Not for readers.
pub fn free() {
    for parcel in FREEABLE.take() {
        WAITING.fetch_sub(parcel.bytes, Ordering::Relaxed);
    }
}

/// Frees, and slows a writer down, by some 20 ms at most, while too much waits: with more threads than processors, readers
/// that were interrupted keep much from being freed. Not to be called under a guard.
pub fn relieve() {
    free();
    for attempt in 0..23 {
        // Three collections free all that no reader has.
        if waiting() <= if attempt < 3 { FEW_WAITING } else { MOST_WAITING } {
            break;
        }
        pin().flush();
        free();
        if attempt >= 3 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn waiting() -> u64 {
    WAITING.load(Ordering::Relaxed)
}

/// Much garbage of one call, which waits for its end.
#[derive(Default)]
pub struct Removal(Arc<()>);

impl Removal {
    /// As [`defer()`]; frees what it can on the way.
    ///
    /// # Safety
    /// As [`defer()`].
    pub unsafe fn defer(&self, garbage: Box<dyn Send>, guard: &Guard) {
        // SAFETY: the caller vouches for it.
        unsafe { defer_as_part(garbage, 0, Some(self.0.clone()), guard) };
        guard.flush();
        free();
    }

    /// Waits until all is freed, some 15 ms at most: a reader may be opening a very long value. Whoever frees after that
    /// frees the rest.
    pub fn wait(self) {
        for pause in [0, 0, 0, 0, 1, 2, 4, 8, 0] {
            pin().flush();
            free();
            if Arc::strong_count(&self.0) == 1 {
                break;
            }
            std::thread::sleep(Duration::from_millis(pause));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::{ThreadId, current, scope};

    /// Tells which thread dropped it.
    struct Tell(Sender<ThreadId>);

    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(current().id());
        }
    }

    #[test]
    fn readers_that_collect_drop_nothing() {
        let (tell, told) = channel();
        let done = AtomicBool::new(false);
        let readers: Vec<ThreadId> = scope(|threads| {
            let readers = [(); 2].map(|()| {
                threads.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        pin().flush();
                    }
                })
            });
            for i in 0..10_000 {
                // SAFETY: nobody else has it.
                unsafe { defer(Box::new(Tell(tell.clone())), 1, &pin()) };
                if i % 100 == 0 {
                    free();
                }
            }
            drop(tell);
            while told.try_iter().count() == 0 {
                pin().flush();
                free();
            }
            done.store(true, Ordering::Relaxed);
            readers.map(|reader| reader.thread().id()).into()
        });
        while let Ok(dropper) = told.recv_timeout(Duration::ZERO) {
            assert!(!readers.contains(&dropper));
        }
    }

    #[test]
    fn what_a_reader_may_still_have_is_dropped_later() {
        let (tell, told) = channel();
        let reader = pin();
        let removal = Removal::default();
        // SAFETY: nobody else has it.
        unsafe { removal.defer(Box::new(Tell(tell)), &pin()) };
        removal.wait();
        assert!(told.try_recv().is_err(), "a reader may still have it");
        drop(reader);
        while told.try_recv().is_err() {
            pin().flush();
            free();
        }
    }

    #[test]
    fn a_removal_is_over_when_all_is_dropped() {
        let (tell, told) = channel();
        let removal = Removal::default();
        for _ in 0..1000 {
            // SAFETY: nobody else has it.
            unsafe { removal.defer(Box::new(Tell(tell.clone())), &pin()) };
        }
        removal.wait();
        assert_eq!(told.try_iter().count(), 1000);
    }
}
