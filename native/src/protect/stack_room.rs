//! How much of its stack a thread of the JVM has left: nothing is lent where there may not be enough to take it back.
//!
//! Java throws StackOverflowError wherever a method begins, in the method that gives something back, too. So what takes
//! something asks here first. A virtual thread works on the stack of its carrier, which is the one that is seen.
//!
//! `unsafe` is here for pthread_getattr_np(3).

use crate::status::Error;
use std::cell::Cell;
use std::ptr;

/// What the JVM keeps at the end of each stack on Linux: 4 guarded pages, and 20 that it wants free below each method
/// (StackRedPages, StackYellowPages, StackReservedPages, StackShadowPages).
const KEPT_BY_JAVA: usize = 24 * 4096;

/// What taking something back needs at most, in bytes, where Java has compiled nothing.
const NEEDED: usize = 24 << 10;

/// A stack whose end is not known.
const UNKNOWN: usize = 1;

thread_local! {
    /// The lowest address of this thread's stack; 0 before anything asked.
    static END: Cell<usize> = const { Cell::new(0) };
}

/// How many bytes Java's methods may still take; very many where that is not known.
pub fn left() -> usize {
    let mark = 0_u8;
    let here = ptr::from_ref(std::hint::black_box(&mark)) as usize;
    let end = END.with(|end| match end.get() {
        0 => {
            let found = end_of_stack();
            end.set(found);
            found
        }
        known => known,
    });
    here.saturating_sub(end).saturating_sub(KEPT_BY_JAVA)
}

/// Refuses where there is not enough left to take back what is lent now.
#[inline]
pub fn require() -> Result<(), Error> {
    if left() < NEEDED { Err(Error::Stack) } else { Ok(()) }
}

#[cold]
fn end_of_stack() -> usize {
    // SAFETY: `attributes` is initialized by the first call, read by the next ones and given back by the last.
    unsafe {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return UNKNOWN;
        }
        let (mut lowest, mut size, mut guard) = (ptr::null_mut(), 0, 0);
        let told = libc::pthread_attr_getstack(attributes.as_ptr(), &mut lowest, &mut size) == 0
            && libc::pthread_attr_getguardsize(attributes.as_ptr(), &mut guard) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        let mark = 0_u8;
        let here = ptr::from_ref(&mark) as usize;
        let range = lowest as usize..(lowest as usize).saturating_add(size);
        // As the JVM does: glibc counts the guard as a part of the stack.
        if told && range.contains(&here) {
            range.start + guard
        } else {
            UNKNOWN
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::Builder;

    /// How deep it is refused, from where on there is still stack for everything that is needed.
    #[inline(never)]
    fn dive(levels: usize) -> usize {
        let used = std::hint::black_box([0_u8; 4096]);
        match require() {
            Ok(()) => dive(levels + 1 + usize::from(std::hint::black_box(used)[7])),
            Err(error) => {
                assert_eq!(error, Error::Stack);
                assert!((NEEDED / 2..NEEDED).contains(&left()), "{}", left());
                levels
            }
        }
    }

    #[test]
    fn it_is_refused_before_the_end_and_what_is_used_is_not_left() {
        // A thread may get a longer stack, one that another thread has left.
        let task = || {
            let before = left();
            assert!(before > 800 << 10, "{before}");
            let levels = dive(0);
            assert!(levels > 100, "{levels} of {before}"); // A sanitizer has other frames.
            require().unwrap();
        };
        Builder::new().stack_size(1 << 20).spawn(task).unwrap().join().unwrap();
    }
}
