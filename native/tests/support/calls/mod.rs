//! Any sequence of calls of the exports, as some bytes say, beside a model of what each must answer.
//!
//! Numbers of caches, values, windows and keys are live ones, dead ones, or any; buffers have just the length that is
//! claimed, or are null.

mod caches;
mod keys;
mod secret_keys;
mod windows;

use crate::support::*;
use caches::Caches;
use keys::Keys;
use secret_keys::SecretKeys;
use std::ptr;
use windows::Windows;

/// What decides about the calls; zeros at its end.
pub struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes([0; 8].map(|_: u8| self.byte()))
    }

    /// Mostly short, sometimes longer than a page.
    fn length(&mut self) -> usize {
        match self.byte() {
            255 => usize::from(u16::from_le_bytes([self.byte(), self.byte()])),
            length => usize::from(length),
        }
    }

    fn flags(&mut self) -> u32 {
        [0, 0, MG_NO_MEMFD_SECRET, MG_BEST_EFFORT, !3][usize::from(self.byte() % 5)]
    }

    fn bytes(&mut self) -> Box<[u8]> {
        let (length, first) = (self.length(), self.byte());
        (0..length).map(|at| first.wrapping_add(at as u8)).collect()
    }

    /// One of these, or sometimes any number.
    fn pick(&mut self, live: &[u64], dead: &[u64]) -> u64 {
        let choice = usize::from(self.byte());
        match choice % 8 {
            0 => self.number(),
            1 | 2 if !dead.is_empty() => dead[choice / 8 % dead.len()],
            _ if !live.is_empty() => live[choice / 8 % live.len()],
            _ => self.number(),
        }
    }
}

/// A pointer for a length; where that is 0 sometimes null.
fn pointer(bytes: &[u8], input: &mut Input) -> *const u8 {
    if bytes.is_empty() && input.byte() & 1 == 0 {
        ptr::null()
    } else {
        bytes.as_ptr()
    }
}

/// More than any call takes.
fn too_long(input: &mut Input) -> u64 {
    input.number().max((1 << 30) + 29)
}

/// Base64, or nearly; with room enough, or too little.
fn text(input: &mut Input) {
    const GROUPS: [&[u8; 4]; 8] = [b"Zm9v", b"YmFy", b"+/+/", b"Zg==", b"Zm8=", b"Z m9", b"-_Zm", b"===="];
    let choice = input.bytes();
    let text: Box<[u8]> = choice.iter().flat_map(|byte| *GROUPS[usize::from(byte % 8)]).collect();
    let (last, before) = choice
        .split_last()
        .map_or((0, choice.as_ref()), |(last, before)| (*last, before));
    let right = last % 8 < 5 && before.iter().all(|byte| byte % 8 < 3);
    let length = text.len() / 4 * 3
        - if choice.is_empty() {
            0
        } else {
            [0, 0, 0, 2, 1, 0, 0, 0][usize::from(last % 8)]
        };
    let room = (length + usize::from(input.byte() % 4)).saturating_sub(1);
    let mut out: Box<[u8]> = vec![0x5A; room].into();
    let target = if room == 0 { ptr::null_mut() } else { out.as_mut_ptr() };
    // SAFETY: the buffers have their lengths, or are null for nothing.
    let written = unsafe { mg_base64_decode(pointer(&text, input), text.len() as u64, target, room as u64) };
    if right && room >= length {
        assert_eq!(written, length as i64);
        assert!(out[length..].iter().all(|byte| *byte == 0x5A), "written beyond");
    } else {
        assert!(written < 0);
    }
}

/// A container with some bytes changed: the key that was put into it, or none.
fn container(input: &mut Input) {
    let mut changed = CONTAINER.to_vec();
    for _ in 0..input.byte() % 4 {
        let at = usize::from(u16::from_le_bytes([input.byte(), input.byte()])) % changed.len();
        changed[at] = input.byte();
    }
    changed.truncate(changed.len() - usize::from(input.byte() % 2) * usize::from(input.byte()));
    let room = usize::from(input.byte());
    match read_container(&changed, CONTAINER_PASSWORD, CONTAINER_ALIAS, room) {
        Ok(key) => assert_eq!(key, CONTAINER_KEY),
        Err(status) => assert!(
            status == MG_ERR_AUTHENTICATION || room < CONTAINER_KEY.len() && status == MG_ERR_INVALID_ARGUMENT,
            "{status}"
        ),
    }
}

/// Makes the calls, then takes everything down and sees that nothing is left.
pub fn run(bytes: &[u8]) {
    assert_eq!(mg_init(0), MG_OK);
    let mut input = Input(bytes);
    let (mut caches, mut windows, mut keys) = (Caches::default(), Windows::default(), Keys::default());
    let mut secret = SecretKeys::default();
    while !input.0.is_empty() {
        match input.byte() % 28 {
            0 => caches.make(&mut input),
            1 => caches.free(&mut input),
            2 => caches.clear(&mut input),
            3..=5 => caches.put(&mut input),
            6 => caches.replace(&mut input),
            7 => caches.remove(&mut input),
            8 => caches.length(&mut input),
            9 | 10 => caches.borrow(&mut input, &mut windows),
            11 => windows.acquire(&mut input),
            12 => windows.release(&mut input),
            13 => assert!(mg_trim() >= 0),
            14 => caches.sweep(&mut input),
            15 => caches.usage(&mut input, windows.count() + secret.count()),
            16 => keys.make(&mut input),
            17 => keys.free(&mut input),
            18 => keys.seal(&mut input),
            19 => keys.open(&mut input),
            20 => container(&mut input),
            21 => secret.hmac(&mut input),
            22 => secret.begin(&mut input),
            23 => secret.update(&mut input),
            24 => secret.finish(&mut input),
            25 => secret.gcm(&mut input),
            26 => secret.wrap(&mut input),
            _ => text(&mut input),
        }
        windows.are_unchanged();
    }
    secret.free_all();
    windows.release_all();
    caches.free_all();
    keys.free_all();
    assert_eq!(Cache::new().usage().windows_in_use, 0);
}
