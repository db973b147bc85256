//! The orderings that memory safety hangs on, under loom: interleavings, and every value that a relaxed read may give.
//! What runs is the library's own file; around it stands only what it guards.
#![cfg(all(loom, test))]

#[path = "../../src/windows/state.rs"]
#[allow(missing_docs, dead_code)]
mod state;

#[path = "../../src/cache/free_stack.rs"]
#[allow(missing_docs, dead_code)]
mod stack;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;
use stack::{Entry, Stack};
use state::{BUSY, EMPTY, FREE, State};

/// A window: its memory, by size and content, and the size that is looked at before it is won, as in `table.rs`.
struct Window {
    state: State,
    kept: AtomicUsize,
    memory: UnsafeCell<(usize, u32)>,
}

// SAFETY: the memory is only touched by the thread that won the state: this is what loom is to refute.
unsafe impl Sync for Window {}

impl Window {
    fn of(size: usize) -> Arc<Window> {
        let window = Window {
            state: State::empty(),
            kept: AtomicUsize::new(size),
            memory: UnsafeCell::new((size, 0)),
        };
        let seen = window.state.look();
        assert!(window.state.claim(seen));
        window.state.settle(0, FREE);
        Arc::new(window)
    }

    fn touch<T>(&self, work: impl FnOnce(&mut (usize, u32)) -> T) -> T {
        // SAFETY: loom ends the model where two threads are in it, or one does not see what another one wrote.
        self.memory.with_mut(|memory| work(unsafe { &mut *memory }))
    }

    /// As `take_idle`: a window that fits is won, has that size, and is wiped.
    fn borrow(&self, size: usize, secret: u32) -> Option<u64> {
        let seen = self.state.look();
        if seen.kind() != FREE || self.kept.load(Relaxed) != size {
            return None;
        }
        let generation = self.state.take(seen)?;
        self.touch(|memory| {
            assert_eq!(memory.0, size, "a window of another size");
            assert_eq!(memory.1, 0, "not wiped");
            memory.1 = secret;
        });
        Some(generation)
    }

    /// As `give_back`.
    fn give_back(&self, generation: u64) -> bool {
        let won = self.state.claim_back(generation);
        if won {
            self.touch(|memory| memory.1 = 0);
            self.state.settle(generation, FREE);
        }
        won
    }

    /// As `trim`.
    fn trim(&self) {
        let seen = self.state.look();
        if seen.kind() == FREE && self.state.claim(seen) {
            self.touch(|memory| memory.0 = 0);
            self.kept.store(0, Relaxed);
            self.state.settle(seen.generation(), EMPTY);
        }
    }

    /// As `map`.
    fn map(&self, size: usize) -> Option<u64> {
        let seen = self.state.look();
        if seen.kind() != EMPTY || !self.state.claim(seen) {
            return None;
        }
        let generation = state::next(seen);
        self.kept.store(size, Relaxed);
        self.touch(|memory| *memory = (size, 1));
        self.state.settle(generation, BUSY);
        Some(generation)
    }
}

fn use_it(window: &Window, size: usize, secret: u32) {
    if let Some(generation) = window.borrow(size, secret) {
        window.touch(|memory| assert_eq!(memory.1, secret, "somebody else's secret"));
        assert!(window.give_back(generation));
    }
}

#[test]
fn a_window_has_one_user_at_a_time_and_each_finds_it_wiped() {
    loom::model(|| {
        let window = Window::of(1);
        let others = [2, 3].map(|secret| {
            let window = window.clone();
            thread::spawn(move || use_it(&window, 1, secret))
        });
        use_it(&window, 1, 4);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

#[test]
fn a_use_that_is_over_can_not_be_ended_again_by_anybody() {
    loom::model(|| {
        let window = Window::of(1);
        let generation = window.borrow(1, 2).unwrap();
        let again = {
            let window = window.clone();
            thread::spawn(move || window.give_back(generation))
        };
        let first = window.give_back(generation);
        use_it(&window, 1, 3);
        assert!(first != again.join().unwrap(), "given back once");
    });
}

#[test]
fn a_window_that_is_given_up_and_mapped_anew_is_never_taken_for_the_old_one() {
    loom::model(|| {
        let window = Window::of(1);
        let other = {
            let window = window.clone();
            thread::spawn(move || {
                window.trim();
                if let Some(generation) = window.map(2) {
                    assert!(window.give_back(generation));
                }
            })
        };
        use_it(&window, 1, 3);
        use_it(&window, 2, 4);
        other.join().unwrap();
    });
}

/// As garbage: written by whoever puts it, read by whoever takes it.
struct Content(UnsafeCell<u32>);

// SAFETY: this is what loom is to refute.
unsafe impl Send for Content {}

fn put(stack: &Stack<Content>, number: u32) {
    let Ok(entry) = Entry::new(Content(UnsafeCell::new(number))) else {
        unreachable!()
    };
    // SAFETY: nobody else has it.
    unsafe { stack.put(entry) };
}

fn take(stack: &Stack<Content>) -> Vec<u32> {
    // SAFETY: loom ends the model where it is written meanwhile.
    stack
        .take()
        .map(|content| content.0.with(|number| unsafe { *number }))
        .collect()
}

#[test]
fn what_is_put_on_the_stack_is_taken_once_and_whole() {
    loom::model(|| {
        let stack = Arc::new(Stack::empty());
        let putting = [1, 2].map(|number| {
            let stack = stack.clone();
            thread::spawn(move || put(&stack, number))
        });
        let taking = {
            let stack = stack.clone();
            thread::spawn(move || take(&stack))
        };
        let mut taken = take(&stack);
        putting.into_iter().for_each(|thread| thread.join().unwrap());
        taken.extend(taking.join().unwrap());
        taken.extend(take(&stack));
        taken.sort();
        assert_eq!(taken, [1, 2]);
    });
}
