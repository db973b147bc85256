//! Keys for files, and what was sealed under them.

use super::*;
use crate::support::*;
use std::ptr;

const MOST: usize = 8;
const OVERHEAD: usize = 28;
const UNTOUCHED: u8 = 0x5A;

struct Sealed {
    key: u8,
    aad: Box<[u8]>,
    plain: Box<[u8]>,
    text: Box<[u8]>,
}

#[derive(Default)]
pub struct Keys {
    /// The number, and the byte that the key is made of.
    live: Vec<(u64, u8)>,
    dead: Vec<u64>,
    sealed: Vec<Sealed>,
}

impl Keys {
    pub fn make(&mut self, input: &mut Input) {
        let (byte, mut number) = (input.byte() % 4, 0);
        let key: Box<[u8]> = vec![byte; 32].into();
        // SAFETY: null, or 32 bytes and a writable number.
        unsafe {
            assert_eq!(mg_aead_new(ptr::null(), 0, &mut number), MG_ERR_INVALID_ARGUMENT);
            assert_eq!(mg_aead_new(key.as_ptr(), 0, ptr::null_mut()), MG_ERR_INVALID_ARGUMENT);
            assert_eq!(mg_aead_new(key.as_ptr(), input.flags(), &mut number), MG_OK);
        }
        assert!(self.live.iter().all(|(live, _)| *live != number) && !self.dead.contains(&number));
        self.live.push((number, byte));
        if self.live.len() > MOST {
            self.free_at(0);
        }
    }

    /// A number, and its key where it is live.
    fn pick(&self, input: &mut Input) -> (u64, Option<u8>) {
        let live: Vec<u64> = self.live.iter().map(|(number, _)| *number).collect();
        let number = input.pick(&live, &self.dead);
        let key = self.live.iter().find(|(live, _)| *live == number).map(|(_, key)| *key);
        (number, key)
    }

    pub fn free(&mut self, input: &mut Input) {
        let (number, _) = self.pick(input);
        match self.live.iter().position(|(live, _)| *live == number) {
            Some(at) => self.free_at(at),
            None => assert_eq!(mg_aead_free(number), MG_ERR_STALE_HANDLE),
        }
    }

    fn free_at(&mut self, at: usize) {
        let (number, _) = self.live.swap_remove(at);
        assert_eq!(mg_aead_free(number), MG_OK);
        self.dead.push(number);
    }

    pub fn seal(&mut self, input: &mut Input) {
        let (number, key) = self.pick(input);
        let (aad, plain) = (input.bytes(), input.bytes());
        let room = plain.len() + usize::from(input.byte() % 64); // too little in some, too much in others
        let mut text: Box<[u8]> = vec![UNTOUCHED; room].into();
        let (aad_data, plain_data) = (pointer(&aad, input), pointer(&plain, input));
        // SAFETY: each buffer has its length.
        let status = unsafe {
            mg_aead_seal(
                number,
                aad_data,
                aad.len() as u64,
                plain_data,
                plain.len() as u64,
                text.as_mut_ptr(),
                room as u64,
            )
        };
        let (written, rest) = text.split_at(room.min(plain.len() + OVERHEAD));
        if room < plain.len() + OVERHEAD {
            assert_eq!(status, MG_ERR_INVALID_ARGUMENT);
        } else if let Some(key) = key {
            assert_eq!(status, MG_OK);
            assert!(rest.iter().all(|byte| *byte == UNTOUCHED), "written beyond");
            let text = written.into();
            self.sealed.push(Sealed { key, aad, plain, text });
            return;
        } else {
            assert_eq!(status, MG_ERR_STALE_HANDLE);
        }
        assert!(text.iter().all(|byte| *byte == UNTOUCHED), "written without success");
    }

    pub fn open(&mut self, input: &mut Input) {
        let (number, key) = self.pick(input);
        let known = self.sealed.get(usize::from(input.byte()) % self.sealed.len().max(1));
        let (mut aad, mut text): (Box<[u8]>, Box<[u8]>) = match known {
            Some(sealed) => (sealed.aad.clone(), sealed.text.clone()),
            None => (input.bytes(), input.bytes()),
        };
        match input.byte() % 8 {
            0 => text = input.bytes(),
            1 => aad = input.bytes(),
            2 if !text.is_empty() => text[usize::from(input.byte()) % text.len()] ^= 1 << (input.byte() % 8),
            3 => text = text[..text.len() - usize::from(input.byte()) % (text.len() + 1)].into(),
            _ => {}
        }
        let intact = known.filter(|sealed| sealed.aad == aad && sealed.text == text);
        let length = text.len().saturating_sub(OVERHEAD);
        let room = (length + usize::from(input.byte() % 4)).saturating_sub(1);
        let mut plain: Box<[u8]> = vec![UNTOUCHED; room].into();
        let (aad_data, text_data) = (pointer(&aad, input), pointer(&text, input));
        let out = if room == 0 { ptr::null_mut() } else { plain.as_mut_ptr() };
        // SAFETY: each buffer has its length, or is null where nothing may be written.
        let status = unsafe {
            mg_aead_open(
                number,
                aad_data,
                aad.len() as u64,
                text_data,
                text.len() as u64,
                out,
                room as u64,
            )
        };
        let (written, rest) = plain.split_at(room.min(length));
        assert!(rest.iter().all(|byte| *byte == UNTOUCHED), "written beyond");
        if text.len() < OVERHEAD || room < length {
            assert_eq!(status, MG_ERR_INVALID_ARGUMENT);
            assert!(written.iter().all(|byte| *byte == UNTOUCHED), "written without success");
        } else if key.is_none() {
            assert_eq!(status, MG_ERR_STALE_HANDLE);
        } else if let Some(sealed) = intact.filter(|sealed| Some(sealed.key) == key) {
            assert_eq!((status, written), (MG_OK, &*sealed.plain));
        } else {
            assert_eq!(status, MG_ERR_AUTHENTICATION);
            assert!(
                written.iter().all(|byte| *byte == 0),
                "something of a text that is not authentic"
            );
        }
    }

    pub fn free_all(&mut self) {
        while !self.live.is_empty() {
            self.free_at(0);
        }
    }
}
