//! Operations with secret keys: in one call as in steps, there and back.

use super::*;
use crate::support::*;

const HASHES: [(u32, usize); 6] = [(1, 20), (224, 28), (256, 32), (384, 48), (512, 64), (2, 0)];

struct Operation {
    number: u64,
    key: u8,
    hash: usize,
    data: Vec<u8>,
}

#[derive(Default)]
pub struct SecretKeys {
    /// Made at first use.
    cache: Option<Cache>,
    live: Vec<Operation>,
    dead: Vec<u64>,
}

impl SecretKeys {
    /// How many windows it holds.
    pub fn count(&self) -> u64 {
        self.live.len() as u64
    }

    /// A key of any length that repeats a byte, or the handle of none.
    fn key(&mut self, choice: u8) -> (u64, u64, Option<usize>) {
        let cache = self.cache.get_or_insert_with(Cache::new);
        let length = [16, 24, 32, 32, 0, 65, 3_000, 4_096][usize::from(choice % 8)];
        match choice {
            255 => (cache.0, 1 << 32, None),
            _ => (cache.0, cache.put(&vec![choice; length]), Some(length)),
        }
    }

    fn mac(cache: u64, key: u64, hash: u32, data: &[u8], room: usize) -> Result<Vec<u8>, i32> {
        // SAFETY: the buffers have their lengths.
        written(room, |out, room| unsafe {
            mg_hmac(cache, key, hash, data.as_ptr(), data.len() as u64, out, room)
        })
    }

    pub fn hmac(&mut self, input: &mut Input) {
        let (cache, key, length) = self.key(input.byte());
        let ((hash, size), data, room) = (
            HASHES[usize::from(input.byte() % 6)],
            input.bytes(),
            usize::from(input.byte() % 70),
        );
        let made = SecretKeys::mac(cache, key, hash, &data, room);
        match made {
            Ok(mac) => assert_eq!(mac.len(), size),
            Err(status) if size == 0 => assert_eq!(status, MG_ERR_UNSUPPORTED),
            Err(status) if room < size => assert_eq!(status, MG_ERR_INVALID_ARGUMENT),
            Err(status) => assert_eq!((status, length), (MG_ERR_STALE_HANDLE, None)),
        }
        mg_remove(cache, key);
    }

    pub fn begin(&mut self, input: &mut Input) {
        let (choice, hash, data) = (input.byte(), usize::from(input.byte() % 6), input.bytes());
        let (cache, key, length) = self.key(choice);
        // SAFETY: the buffer has its length.
        let number = unsafe { mg_hmac_begin(cache, key, HASHES[hash].0, data.as_ptr(), data.len() as u64) };
        mg_remove(cache, key);
        match u64::try_from(number) {
            Ok(number) => self.live.push(Operation {
                number,
                key: choice,
                hash,
                data: data.into(),
            }),
            Err(_) => assert!(length.is_none() || hash == 5, "{number}"),
        }
        if self.live.len() > 8 {
            self.free_at(0);
        }
    }

    fn pick(&mut self, input: &mut Input) -> (u64, Option<usize>) {
        let live: Vec<u64> = self.live.iter().map(|operation| operation.number).collect();
        let number = input.pick(&live, &self.dead);
        (number, live.iter().position(|live| *live == number))
    }

    pub fn update(&mut self, input: &mut Input) {
        let ((number, at), data) = (self.pick(input), input.bytes());
        // SAFETY: the buffer has its length.
        let status = unsafe { mg_hmac_update(number, pointer(&data, input), data.len() as u64) };
        match at {
            Some(at) => {
                assert_eq!(status, MG_OK);
                self.live[at].data.extend(data);
            }
            None => assert_eq!(status, MG_ERR_STALE_HANDLE),
        }
    }

    /// By a copy, by itself, or not at all.
    pub fn finish(&mut self, input: &mut Input) {
        let ((number, at), how) = (self.pick(input), input.byte());
        let Some(at) = at else {
            assert_eq!(mg_hmac_copy(number), stale());
            // SAFETY: the buffer has its length.
            let status = written(64, |out, room| unsafe { mg_hmac_finish(number, out, room) });
            assert_eq!(status, Err(MG_ERR_STALE_HANDLE));
            return assert_eq!(mg_hmac_free(number), MG_ERR_STALE_HANDLE);
        };
        let copy = mg_hmac_copy(number) as u64;
        if how % 4 > 0 {
            let asked = if how % 4 == 1 { number } else { copy };
            // SAFETY: the buffer has its length.
            let made = written(64, |out, room| unsafe { mg_hmac_finish(asked, out, room) }).unwrap();
            let (choice, hash, data) = (
                self.live[at].key,
                HASHES[self.live[at].hash].0,
                std::mem::take(&mut self.live[at].data),
            );
            let (cache, key, _) = self.key(choice);
            assert_eq!(made, SecretKeys::mac(cache, key, hash, &data, 64).unwrap());
            mg_remove(cache, key);
            if asked == copy {
                self.live[at].data = data;
            }
        }
        assert_eq!(mg_hmac_free(copy), MG_OK);
        self.dead.push(copy);
        if how % 4 == 0 {
            self.free_at(at);
        }
    }

    /// There and back, with or without a change; and in steps.
    pub fn gcm(&mut self, input: &mut Input) {
        let (cache, key, length) = self.key(input.byte());
        let (iv, aad, plain) = (input.bytes(), input.bytes(), input.bytes());
        let (tag, change, step) = (input.byte() % 20, input.byte(), usize::from(input.byte()) + 1);
        let (whole, iv_length, aad_length) = (plain.len() + usize::from(tag), iv.len() as u64, aad.len() as u64);
        let (nonce, more) = (iv.as_ptr(), aad.as_ptr());
        // SAFETY: the buffers have their lengths.
        let sealed = written(whole, |out, room| unsafe {
            let (data, length) = (plain.as_ptr(), plain.len() as u64);
            mg_gcm_seal(
                cache,
                key,
                nonce,
                iv_length,
                more,
                aad_length,
                data,
                length,
                out,
                room,
                tag.into(),
            )
        });
        let fits = (12..=16).contains(&tag) && !iv.is_empty();
        let aes = length.is_some_and(|length| [16, 24, 32].contains(&length));
        let Ok(sealed) = sealed else {
            assert!(!fits || !aes, "{sealed:?}");
            mg_remove(cache, key);
            return;
        };
        assert!(fits && aes && sealed.len() == whole);
        let mut changed = sealed.clone();
        if change % 2 == 1 {
            changed[usize::from(change) % whole] ^= 1;
        }
        // SAFETY: the buffers have their lengths.
        let opened = written(plain.len(), |out, room| unsafe {
            let (data, length) = (changed.as_ptr(), changed.len() as u64);
            mg_gcm_open(
                cache,
                key,
                nonce,
                iv_length,
                more,
                aad_length,
                data,
                length,
                out,
                room,
                tag.into(),
            )
        });
        match change % 2 {
            0 => assert_eq!(opened.as_deref(), Ok(&*plain)),
            _ => assert_eq!(opened, Err(MG_ERR_AUTHENTICATION)),
        }
        // SAFETY: the buffers have their lengths.
        let number = unsafe { mg_cipher_begin(cache, key, 1, 1, nonce, iv_length) } as u64;
        // SAFETY: the buffers have their lengths.
        assert_eq!(unsafe { mg_cipher_aad(number, more, aad_length) }, MG_OK);
        let mut all = Vec::new();
        for part in plain.chunks(step) {
            let (data, length) = (part.as_ptr(), part.len() as u64);
            all.extend(
                // SAFETY: the buffers have their lengths.
                written(part.len(), |out, room| unsafe {
                    mg_cipher_update(number, data, length, out, room)
                })
                .unwrap(),
            );
        }
        // SAFETY: the buffers have their lengths.
        all.extend(written(tag.into(), |out, room| unsafe { mg_cipher_finish(number, out, room) }).unwrap());
        assert_eq!(all, sealed);
        assert_eq!(
            (mg_cipher_free(number), mg_cipher_free(number)),
            (MG_OK, MG_ERR_STALE_HANDLE)
        );
        mg_remove(cache, key);
    }

    /// There and back, with or without a change.
    pub fn wrap(&mut self, input: &mut Input) {
        let (cache, key, length) = self.key(input.byte());
        let (plain, padded, change) = (input.bytes(), u32::from(input.byte() % 2), input.byte());
        // SAFETY: the buffers have their lengths.
        let wrapped = written(plain.len() + 16, |out, room| unsafe {
            mg_wrap(cache, key, padded, plain.as_ptr(), plain.len() as u64, out, room)
        });
        let fits = !plain.is_empty() && (padded == 1 || plain.len() >= 16 && plain.len().is_multiple_of(8));
        let aes = length.is_some_and(|length| [16, 24, 32].contains(&length));
        match wrapped {
            Err(_) => assert!(!fits || !aes, "{wrapped:?}"),
            Ok(mut wrapped) => {
                assert!(fits && aes);
                let at = usize::from(change) % wrapped.len();
                wrapped[at] ^= change % 2;
                // SAFETY: the buffers have their lengths.
                let back = written(wrapped.len(), |out, room| unsafe {
                    mg_unwrap(cache, key, padded, wrapped.as_ptr(), wrapped.len() as u64, out, room)
                });
                match change % 2 {
                    0 => assert_eq!(back.as_deref(), Ok(&*plain)),
                    _ => assert_eq!(back, Err(MG_ERR_AUTHENTICATION)),
                }
            }
        }
        mg_remove(cache, key);
    }

    fn free_at(&mut self, at: usize) {
        let number = self.live.swap_remove(at).number;
        assert_eq!(mg_hmac_free(number), MG_OK);
        self.dead.push(number);
    }

    pub fn free_all(&mut self) {
        while !self.live.is_empty() {
            self.free_at(0);
        }
    }
}
