//! Runs one operation of the hot path so many times, for count.sh: `rounds OPERATION ROUNDS`.

#[path = "../tests/support/mod.rs"]
mod support;
use support::*;

fn borrow(length: usize, rounds: u64) {
    let cache = Cache::new();
    let handle = cache.put(&vec![7; length]);
    for _ in 0..rounds {
        assert_eq!(mg_window_release(mg_borrow(cache.0, handle)), MG_OK);
    }
}

fn file(length: usize, rounds: u64, opens: bool) {
    let (mut aead, n) = (0, length as u64);
    let (aad, plain, mut sealed) = ([1_u8; 32], vec![7_u8; length], vec![0_u8; length + 28]);
    let mut opened = plain.clone();
    // SAFETY: all buffers have the lengths that are passed.
    unsafe {
        assert_eq!(mg_init(0), MG_OK);
        assert_eq!(mg_aead_new([9; 32].as_ptr(), 0, &mut aead), MG_OK);
        let mut seal = || mg_aead_seal(aead, aad.as_ptr(), 32, plain.as_ptr(), n, sealed.as_mut_ptr(), n + 28);
        assert_eq!(seal(), MG_OK);
        for _ in 0..if opens { 0 } else { rounds } {
            assert_eq!(seal(), MG_OK);
        }
        for _ in 0..if opens { rounds } else { 0 } {
            let status = mg_aead_open(aead, aad.as_ptr(), 32, sealed.as_ptr(), n + 28, opened.as_mut_ptr(), n);
            assert_eq!(status, MG_OK);
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments[1].parse().expect("a number of rounds");
    match arguments[0].as_str() {
        "borrow-32" => borrow(32, rounds),
        "borrow-4096" => borrow(4096, rounds),
        "borrow-8192" => borrow(8192, rounds),
        "open-1024" => file(1024, rounds, true),
        "seal-1024" => file(1024, rounds, false),
        other => panic!("no operation {other}"),
    }
}
