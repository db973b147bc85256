//! Garbage that comes back to the thread that made it, and writers that wait while there is too much.
//!
//! What was unlinked is freed when no reader can have it any more, by whichever thread comes by then. For a few values that
//! does no harm; but a reader that has to free thousands waits for the allocator's locks, and thus for other threads.

use crossbeam_epoch::{Guard, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Parcels on their way at once; what is more is freed by the thread that brings it.
const PARCELS: usize = 64;

/// So many bytes of large values may wait to be freed before those who replace and remove them have to wait, too.
const MOST_WAITING: u64 = 32 << 20;

static WAITING: AtomicU64 = AtomicU64::new(0);

/// Counts a large value that was unlinked, by its length in bytes.
pub fn waits(length: u64) {
    WAITING.fetch_add(length, Ordering::Relaxed);
}

/// Counts one that was freed.
pub fn is_freed(length: u64) {
    WAITING.fetch_sub(length, Ordering::Relaxed);
}

/// Slows a writer down, by some 20 ms at most, while too much waits: with more threads than processors, readers that were
/// interrupted keep much from being freed. Not to be called under a guard.
pub fn relieve() {
    for _ in 0..20 {
        if WAITING.load(Ordering::Relaxed) <= MOST_WAITING {
            break;
        }
        pin().flush();
        std::thread::sleep(Duration::from_millis(1));
    }
}

struct Parcel<T> {
    _garbage: T,
    back: SyncSender<Box<Parcel<T>>>,
}

/// Where the garbage of one thread comes back to.
pub struct Returns<T> {
    back: SyncSender<Box<Parcel<T>>>,
    returned: Receiver<Box<Parcel<T>>>,
    under_way: usize,
}

impl<T: 'static> Default for Returns<T> {
    fn default() -> Returns<T> {
        let (back, returned) = sync_channel(PARCELS);
        Returns {
            back,
            returned,
            under_way: 0,
        }
    }
}

impl<T: 'static> Returns<T> {
    /// Drops `garbage` once no reader can have it any more, and what has come back of the garbage before it.
    ///
    /// # Safety
    /// It must not be reachable for new readers, and may be dropped by any thread.
    pub unsafe fn defer(&mut self, garbage: T, guard: &Guard) {
        let parcel = Box::new(Parcel {
            _garbage: garbage,
            back: self.back.clone(),
        });
        // SAFETY: the caller vouches for it; the closure neither frees nor allocates while somebody waits for the parcel.
        unsafe {
            guard.defer_unchecked(move || {
                let back = parcel.back.clone();
                let _ = back.try_send(parcel);
            });
        }
        self.under_way += 1;
        guard.flush();
        while self.returned.try_recv().is_ok() {
            self.under_way -= 1;
        }
    }

    /// Waits for what is under way, some 15 ms at most: a reader may be opening a very long value. Whoever comes by after
    /// that frees the rest.
    pub fn wait(mut self) {
        for pause in [0, 0, 0, 0, 1, 2, 4, 8] {
            if self.under_way == 0 {
                break;
            }
            pin().flush();
            while self.under_way > 0 && self.returned.recv_timeout(Duration::from_millis(pause)).is_ok() {
                self.under_way -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread::{ThreadId, current, scope};

    /// Tells which thread dropped it.
    struct Tell(std::sync::mpsc::Sender<ThreadId>);

    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(current().id());
        }
    }

    #[test]
    fn garbage_is_dropped_by_the_thread_that_made_it_while_others_read() {
        let (tell, told) = channel();
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        scope(|threads| {
            for _ in 0..2 {
                let done = done.clone();
                threads.spawn(move || {
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        pin().flush(); // a reader collects
                    }
                });
            }
            let mut returns = Returns::default();
            for _ in 0..1000 {
                while returns.under_way == PARCELS {
                    pin().flush(); // More would not find room on their way back.
                    returns.under_way -= returns.returned.try_iter().count();
                }
                // SAFETY: nobody else has it.
                unsafe { returns.defer(Tell(tell.clone()), &pin()) };
            }
            while returns.under_way > 0 {
                pin().flush();
                returns.under_way -= returns.returned.try_iter().count();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        drop(tell);
        let droppers: Vec<ThreadId> = told.iter().collect();
        assert_eq!(droppers.len(), 1000);
        assert!(droppers.iter().all(|&dropper| dropper == current().id()));
    }

    #[test]
    fn what_nobody_waits_for_is_dropped_all_the_same() {
        let (tell, told) = channel();
        let reader = pin();
        let mut returns = Returns::default();
        // SAFETY: nobody else has it.
        unsafe { returns.defer(Tell(tell), &pin()) };
        returns.wait();
        assert!(told.try_recv().is_err(), "a reader may still have it");
        drop(reader);
        while told.try_recv().is_err() {
            pin().flush();
        }
    }
}
