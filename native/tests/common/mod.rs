//! What the tests share: the exports, safely wrapped as C would call them.
#![allow(dead_code, missing_docs)]

use memguard_ffi::exports::*;
use memguard_ffi::status::*;
use memguard_ffi::window::MgWindow;
use std::time::{SystemTime, UNIX_EPOCH};

pub fn seed() -> u64 {
    let seed = match std::env::var("SEED") {
        Ok(text) => text.parse().expect("SEED is a number"),
        Err(_) => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_nanos() as u64,
    };
    println!("seed: {seed} (SEED= repeats)");
    seed
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

pub fn cache() -> u64 {
    cache_with(0)
}

pub fn cache_with(flags: u32) -> u64 {
    assert_eq!(mg_init(flags), MG_OK);
    let mut cache = 0;
    // SAFETY: the pointer is good.
    assert_eq!(unsafe { mg_cache_new(flags, &mut cache) }, MG_OK);
    cache
}

pub fn put(cache: u64, value: &[u8]) -> u64 {
    put_for(cache, value, 0, 0)
}

pub fn put_for(cache: u64, value: &[u8], ttl: u64, idle: u64) -> u64 {
    let mut handle = 0;
    // SAFETY: the pointers are good.
    let status = unsafe { mg_put(cache, value.as_ptr(), value.len() as u64, ttl, idle, &mut handle) };
    assert_eq!(status, MG_OK);
    handle
}

pub fn replace(cache: u64, handle: u64, value: &[u8]) -> i32 {
    // SAFETY: the pointers are good.
    unsafe { mg_replace(cache, handle, value.as_ptr(), value.len() as u64, 0, 0) }
}

pub fn entry(window: i64) -> (*mut u8, usize) {
    // SAFETY: the table is valid for ever, and the window is lent.
    let entry: &MgWindow = unsafe { &*mg_windows().add((window & 0xFFFF) as usize) };
    (entry.data, entry.length as usize)
}

/// Borrows, copies out, releases.
pub fn read(cache: u64, handle: u64) -> Result<Vec<u8>, i64> {
    let window = mg_borrow(cache, handle);
    if window < 0 {
        return Err(window);
    }
    let (data, length) = entry(window);
    // SAFETY: the window is lent.
    let copy = unsafe { std::slice::from_raw_parts(data, length) }.to_vec();
    assert_eq!(mg_window_release(window), MG_OK);
    Ok(copy)
}

pub fn usage(cache: u64) -> MgUsage {
    let mut usage = MgUsage::default();
    // SAFETY: the pointer is good.
    assert_eq!(unsafe { mg_usage(cache, &mut usage) }, MG_OK);
    usage
}

pub fn stale() -> i64 {
    MG_ERR_STALE_HANDLE.into()
}

/// Runs a test of this binary again, alone, in a process of its own, with a marker in the environment.
pub fn alone(test: &str, marker: &str) -> std::process::Output {
    std::process::Command::new(std::env::current_exe().expect("a path"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("MEMGUARD_ALONE", marker)
        .output()
        .expect("started")
}

pub fn marker() -> Option<String> {
    std::env::var("MEMGUARD_ALONE").ok()
}
