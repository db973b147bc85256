//! Caches and the values that must be in them.

use super::*;
use crate::support::*;
use std::ptr;

const MOST: usize = 8;
const UNTOUCHED: u64 = 0xDEAD_BEEF;

struct Value {
    handle: u64,
    bytes: Box<[u8]>,
    /// May be gone at any time.
    short_lived: bool,
}

struct Model {
    number: u64,
    values: Vec<Value>,
    gone: Vec<u64>,
}

impl Model {
    fn pick(&self, input: &mut Input) -> u64 {
        let live: Vec<u64> = self.values.iter().map(|value| value.handle).collect();
        input.pick(&live, &self.gone)
    }

    fn position(&self, handle: u64) -> Option<usize> {
        self.values.iter().position(|value| value.handle == handle)
    }

    fn forget(&mut self, at: usize) {
        self.gone.push(self.values.swap_remove(at).handle);
    }

    /// Whether a status is what it must be for a handle; one that says stale is believed where the value may have expired.
    fn answers(&mut self, handle: u64, status: i64) -> Option<usize> {
        let at = self.position(handle);
        if status == stale() {
            assert!(at.is_none_or(|at| self.values[at].short_lived), "a value is lost");
            at.into_iter().for_each(|at| self.forget(at));
            return None;
        }
        assert!(at.is_some(), "handle {handle:x} answers {status}");
        at
    }
}

#[derive(Default)]
pub struct Caches {
    live: Vec<Model>,
    dead: Vec<u64>,
}

impl Caches {
    pub fn make(&mut self, input: &mut Input) {
        let mut number = UNTOUCHED;
        // SAFETY: null or writable.
        unsafe {
            assert_eq!(mg_cache_new(input.flags(), ptr::null_mut()), MG_ERR_INVALID_ARGUMENT);
            assert_eq!(mg_cache_new(input.flags(), &mut number), MG_OK);
        }
        assert!(self.live.iter().all(|cache| cache.number != number) && !self.dead.contains(&number));
        self.live.push(Model {
            number,
            values: Vec::new(),
            gone: Vec::new(),
        });
        if self.live.len() > MOST {
            self.free_at(0);
        }
    }

    /// A number, and its model where it is live.
    fn pick(&mut self, input: &mut Input) -> (u64, Option<&mut Model>) {
        let live: Vec<u64> = self.live.iter().map(|cache| cache.number).collect();
        let number = input.pick(&live, &self.dead);
        (number, self.live.iter_mut().find(|cache| cache.number == number))
    }

    pub fn free(&mut self, input: &mut Input) {
        let number = self.pick(input).0;
        match self.live.iter().position(|cache| cache.number == number) {
            Some(at) => self.free_at(at),
            None => assert_eq!(mg_cache_free(number), MG_ERR_STALE_HANDLE),
        }
    }

    fn free_at(&mut self, at: usize) {
        let cache = self.live.swap_remove(at);
        assert_eq!(mg_cache_free(cache.number), MG_OK);
        self.dead.push(cache.number);
    }

    pub fn clear(&mut self, input: &mut Input) {
        let (number, model) = self.pick(input);
        let Some(model) = model else {
            return assert_eq!(mg_cache_clear(number), MG_ERR_STALE_HANDLE);
        };
        assert_eq!(mg_cache_clear(number), MG_OK);
        while !model.values.is_empty() {
            model.forget(0);
        }
    }

    pub fn sweep(&mut self, input: &mut Input) {
        let (number, model) = self.pick(input);
        let removed = mg_sweep(number);
        match model {
            None => assert_eq!(removed, stale()),
            Some(model) => {
                let most = model.values.iter().filter(|value| value.short_lived).count();
                assert!(
                    (0..=most as i64).contains(&removed),
                    "{removed} were swept, {most} could be"
                );
            }
        }
    }

    pub fn put(&mut self, input: &mut Input) {
        let (number, model) = self.pick(input);
        let (value, (ttl, idle, short_lived)) = (input.bytes(), lifetime(input));
        let (data, length, mut handle) = (pointer(&value, input), value.len() as u64, UNTOUCHED);
        // SAFETY: the buffer has its length; what has not is refused by it.
        let status = unsafe {
            let dangling = value.as_ptr();
            assert_eq!(
                mg_put(number, dangling, too_long(input), 0, 0, &mut handle),
                MG_ERR_INVALID_ARGUMENT
            );
            assert_eq!(
                mg_put(number, ptr::null(), length.max(1), 0, 0, &mut handle),
                MG_ERR_INVALID_ARGUMENT
            );
            assert_eq!(
                mg_put(number, data, length, ttl, idle, ptr::null_mut()),
                MG_ERR_INVALID_ARGUMENT
            );
            assert_eq!(handle, UNTOUCHED);
            mg_put(number, data, length, ttl, idle, &mut handle)
        };
        match model {
            None => assert_eq!((status, handle), (MG_ERR_STALE_HANDLE, UNTOUCHED)),
            Some(model) => {
                assert_eq!(status, MG_OK);
                assert!(
                    model.position(handle).is_none() && !model.gone.contains(&handle),
                    "a handle is used again"
                );
                model.values.push(Value {
                    handle,
                    bytes: value,
                    short_lived,
                });
            }
        }
    }

    pub fn replace(&mut self, input: &mut Input) {
        let (number, model) = self.pick(input);
        let handle = model.as_ref().map_or(1 << 32, |model| model.pick(input));
        let (value, (ttl, idle, short_lived)) = (input.bytes(), lifetime(input));
        let data = pointer(&value, input);
        // SAFETY: the buffer has its length.
        let status = unsafe { mg_replace(number, handle, data, value.len() as u64, ttl, idle) };
        let Some(model) = model else {
            return assert_eq!(status, MG_ERR_STALE_HANDLE);
        };
        if let Some(at) = model.answers(handle, status.into()) {
            assert_eq!(status, MG_OK);
            model.values[at] = Value {
                handle,
                bytes: value,
                short_lived,
            };
        }
    }

    pub fn remove(&mut self, input: &mut Input) {
        let (number, model) = self.pick(input);
        let handle = model.as_ref().map_or(1 << 32, |model| model.pick(input));
        let status = mg_remove(number, handle);
        let Some(model) = model else {
            return assert_eq!(status, MG_ERR_STALE_HANDLE);
        };
        if let Some(at) = model.answers(handle, status.into()) {
            assert_eq!(status, MG_OK);
            model.forget(at);
        }
    }

    pub fn length(&mut self, input: &mut Input) {
        let (number, model) = self.pick(input);
        let handle = model.as_ref().map_or(1 << 32, |model| model.pick(input));
        let length = mg_length(number, handle);
        let Some(model) = model else {
            return assert_eq!(length, stale());
        };
        if let Some(at) = model.answers(handle, length) {
            assert_eq!(length, model.values[at].bytes.len() as i64);
        }
    }

    pub fn borrow(&mut self, input: &mut Input, windows: &mut Windows) {
        let (number, model) = self.pick(input);
        let handle = model.as_ref().map_or(1 << 32, |model| model.pick(input));
        let window = mg_borrow(number, handle);
        let Some(model) = model else {
            return assert_eq!(window, stale());
        };
        if let Some(at) = model.answers(handle, window) {
            windows.add(window, model.values[at].bytes.to_vec(), input);
        }
    }

    pub fn usage(&mut self, input: &mut Input, windows: u64) {
        let (number, model) = self.pick(input);
        let mut usage = MgUsage {
            items: UNTOUCHED,
            ..MgUsage::default()
        };
        // SAFETY: null or writable.
        let status = unsafe {
            assert_eq!(mg_usage(number, ptr::null_mut()), MG_ERR_INVALID_ARGUMENT);
            mg_usage(number, &mut usage)
        };
        let Some(model) = model else {
            return assert_eq!((status, usage.items), (MG_ERR_STALE_HANDLE, UNTOUCHED));
        };
        assert_eq!((status, usage.windows_in_use), (MG_OK, windows));
        if model.values.iter().all(|value| !value.short_lived) {
            assert_eq!(usage.items, model.values.len() as u64);
            assert_eq!(
                usage.value_bytes,
                model.values.iter().map(|value| value.bytes.len() as u64).sum()
            );
        }
    }

    pub fn free_all(&mut self) {
        while !self.live.is_empty() {
            self.free_at(0);
        }
    }
}

/// Times to live and to lie idle, and whether either may be over soon.
fn lifetime(input: &mut Input) -> (u64, u64, bool) {
    let mut time = || [0, 0, 3_600_000, u64::MAX, 1][usize::from(input.byte() % 5)];
    let (ttl, idle) = (time(), time());
    (ttl, idle, ttl == 1 || idle == 1)
}
