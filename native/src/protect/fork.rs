//! A forked child has the sealed values but not the memory of the key and the windows: it is told so.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static FORKED: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();

extern "C" fn in_child() {
    FORKED.store(true, Ordering::Relaxed);
}

/// Notices forks from now on.
pub fn watch() {
    // SAFETY: the handler only stores to an atomic, which is allowed after fork(2).
    INSTALL.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(in_child));
    });
}

/// Whether this process is a forked child that did not execve(2).
pub fn happened() -> bool {
    FORKED.load(Ordering::Relaxed)
}
