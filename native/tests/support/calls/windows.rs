//! Windows that are lent, and what lies in them.

use super::*;
use crate::support::*;

/// So many at once need less than the usual limit of locked memory.
const MOST: usize = 32;

#[derive(Default)]
pub struct Windows {
    lent: Vec<(i64, Vec<u8>)>,
    over: Vec<u64>,
}

impl Windows {
    pub fn count(&self) -> u64 {
        self.lent.len() as u64
    }

    pub fn acquire(&mut self, input: &mut Input) {
        if input.byte() == 0 {
            assert_eq!(
                mg_window_acquire(too_long(input), input.flags()),
                i64::from(MG_ERR_INVALID_ARGUMENT)
            );
            return;
        }
        let length = input.length();
        let number = mg_window_acquire(length as u64, input.flags());
        self.add(number, vec![0; length], input); // zeros, whoever had it before
    }

    /// Checks a window that was lent just now, and writes to it, as its borrower may.
    pub fn add(&mut self, number: i64, content: Vec<u8>, input: &mut Input) {
        assert!(number >= 0, "no window: {number}");
        assert!(self.lent.iter().all(|(lent, _)| *lent != number), "lent twice");
        let mut content = content;
        assert_eq!(bytes(number), content);
        let mark = input.byte();
        content.fill(mark);
        bytes(number).fill(mark);
        self.lent.push((number, content));
        if self.lent.len() > MOST {
            self.release_at(0);
        }
    }

    pub fn release(&mut self, input: &mut Input) {
        let live: Vec<u64> = self.lent.iter().map(|(number, _)| *number as u64).collect();
        let number = input.pick(&live, &self.over) as i64;
        match self.lent.iter().position(|(lent, _)| *lent == number) {
            Some(at) => self.release_at(at),
            None => assert_eq!(mg_window_release(number), MG_ERR_STALE_HANDLE),
        }
    }

    fn release_at(&mut self, at: usize) {
        let (number, _) = self.lent.swap_remove(at);
        assert_eq!(mg_window_release(number), MG_OK);
        self.over.push(number as u64);
    }

    /// No call touches what others have borrowed.
    pub fn are_unchanged(&self) {
        for (number, content) in &self.lent {
            assert!(bytes(*number) == *content, "window {number} has changed");
        }
    }

    pub fn release_all(&mut self) {
        while !self.lent.is_empty() {
            self.release_at(0);
        }
    }
}

fn bytes(number: i64) -> &'static mut [u8] {
    // SAFETY: the window is lent, so its entry lies in the table and its memory is ours until it is released.
    unsafe {
        let entry = mg_windows().add(number as usize & 0xFFFF);
        let (data, length) = ((*entry).data, (*entry).length as usize);
        std::slice::from_raw_parts_mut(data, length)
    }
}
