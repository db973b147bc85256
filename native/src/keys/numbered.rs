//! Operations that go on over several calls, under numbers that are never used again.

use crate::status::Error;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// One table of them. Two threads that use the same number wait for each other.
pub struct Numbered<T> {
    next: AtomicU64,
    live: RwLock<Option<HashMap<u64, Arc<Mutex<T>>>>>,
}

impl<T> Numbered<T> {
    /// An empty table.
    pub const fn new() -> Self {
        Numbered {
            next: AtomicU64::new(1),
            live: RwLock::new(None),
        }
    }

    /// Keeps a state; returns its number.
    pub fn keep(&self, state: T) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        live.get_or_insert_default().insert(number, Arc::new(Mutex::new(state)));
        number
    }

    /// Works with a state.
    pub fn with<R>(&self, number: u64, work: impl FnOnce(&mut T) -> Result<R, Error>) -> Result<R, Error> {
        let found = {
            let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
            live.as_ref().and_then(|live| live.get(&number)).cloned()
        };
        let state = found.ok_or(Error::StaleHandle)?;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut state)
    }

    /// Gives a state up; calls that are under way end first.
    pub fn free(&self, number: u64) -> Result<(), Error> {
        let removed = {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            live.as_mut().and_then(|live| live.remove(&number))
        };
        removed.map(drop).ok_or(Error::StaleHandle)
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered::new()
    }
}
