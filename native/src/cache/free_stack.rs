//! A stack that anybody puts on and that is taken as a whole only, so that no entry comes back while somebody looks at it.
//!
//! All orderings of that are here, so that `models/` can run this very file under loom.

#[cfg(loom)]
use loom::sync::atomic::{AtomicPtr, Ordering};
use std::alloc::{Layout, alloc};
use std::ptr;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicPtr, Ordering};

/// What lies on the stack.
pub struct Entry<T> {
    next: *mut Entry<T>,
    content: T,
}

impl<T> Entry<T> {
    /// An entry that [`Stack::put`] takes; the content where memory is short, since `Box::new` would end the process.
    pub fn new(content: T) -> Result<*mut Entry<T>, T> {
        // SAFETY: an entry has a size; the memory is written whole before anybody reads it, and freed as a box.
        unsafe {
            let entry = alloc(Layout::new::<Entry<T>>()).cast::<Entry<T>>();
            if entry.is_null() {
                return Err(content);
            }
            let next = ptr::null_mut();
            entry.write(Entry { next, content });
            Ok(entry)
        }
    }
}

/// What is not taken is leaked.
pub struct Stack<T>(AtomicPtr<Entry<T>>);

impl<T: Send> Stack<T> {
    /// Empty.
    #[cfg(not(loom))]
    pub const fn empty() -> Stack<T> {
        Stack(AtomicPtr::new(ptr::null_mut()))
    }

    /// The same; loom's can't be made at compile time.
    #[cfg(loom)]
    pub fn empty() -> Stack<T> {
        Stack(AtomicPtr::new(ptr::null_mut()))
    }

    /// Waits for nobody, allocates and frees nothing.
    ///
    /// # Safety
    /// `entry` comes from [`Entry::new`], and nobody else has it.
    pub unsafe fn put(&self, entry: *mut Entry<T>) {
        let mut top = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: ours until the exchange.
            unsafe { (*entry).next = top };
            match self
                .0
                .compare_exchange_weak(top, entry, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Takes all that is there, the last one first.
    pub fn take(&self) -> impl Iterator<Item = T> + use<T> {
        // To look first costs less than an exchange, and most of the time there is nothing.
        let mut next = self.0.load(Ordering::Relaxed);
        if !next.is_null() {
            next = self.0.swap(ptr::null_mut(), Ordering::Acquire);
        }
        std::iter::from_fn(move || {
            // SAFETY: the exchange made the whole stack ours, and each entry was a box.
            let entry = (!next.is_null()).then(|| unsafe { Box::from_raw(next) })?;
            next = entry.next;
            Some(entry.content)
        })
    }
}
