//! A cipher and a copy leave nothing in registers, from where thread states carry it into memory.
#![cfg(target_arch = "x86_64")]

mod support;
use std::arch::asm;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use support::*;

/// What the caller of an export finds in the vector registers: 16 of 32 bytes, those that every x86-64 with AVX has.
fn vector_registers() -> [u8; 512] {
    let mut found = [0u8; 512];
    // SAFETY: it stores sixteen registers of 32 bytes to the array, and changes none.
    unsafe {
        asm!(
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
            "vmovdqu [{to} + 32 * \\n], ymm\\n",
            ".endr",
            to = in(reg) found.as_mut_ptr(),
            options(nostack, preserves_flags)
        );
    }
    found
}

/// Key, round keys, and plaintext are random bytes; addresses and lengths hold zeros, masks few different bytes.
fn random_words(registers: &[u8]) -> usize {
    let different = |word: &[u8]| word.iter().collect::<HashSet<_>>().len();
    registers
        .chunks(8)
        .filter(|word| !word.contains(&0) && different(word) >= 6)
        .count()
}

#[test]
fn neither_a_cipher_nor_a_copy_leaves_random_words_in_registers() {
    if !is_x86_feature_detected!("avx") {
        return;
    }
    let key = *b"0123456789abcdefghijklmnopqrstuv";
    let plain: [u8; 1000] = std::array::from_fn(|at| (at * 37) as u8 | 1);
    let (mut sealed, mut opened, mut aead) = ([0u8; 1028], [0u8; 1000], 0);
    let cache = Cache::new();
    let handle = cache.put(&plain);
    // SAFETY: all arrays are as long as said.
    unsafe {
        assert_eq!(mg_aead_new(key.as_ptr(), MG_BEST_EFFORT, &mut aead), MG_OK);
        assert_eq!(random_words(&vector_registers()), 0, "after the key's expansion");
        mg_aead_seal(aead, key.as_ptr(), 8, plain.as_ptr(), 1000, sealed.as_mut_ptr(), 1028);
        let found = vector_registers();
        assert_eq!(random_words(&found), 0, "after sealing");
        mg_aead_open(aead, key.as_ptr(), 8, sealed.as_ptr(), 1028, opened.as_mut_ptr(), 1000);
        let found = vector_registers();
        assert_eq!(random_words(&found), 0, "after opening");
        mg_aead_free(aead);
    }
    assert_eq!(opened, plain);
    // SAFETY: both arrays are that long.
    unsafe { mg_copy(plain.as_ptr(), opened.as_mut_ptr(), 1000) };
    let found = vector_registers();
    assert_eq!(random_words(&found), 0, "after a copy");
    assert_eq!(opened, plain);
    let window = mg_borrow(cache.0, handle);
    let found = vector_registers();
    assert_eq!(random_words(&found), 0, "after a borrow");
    assert!(Lent::from(window).is_ok_and(|lent| lent.bytes() == plain));
}

/// Leaves text in registers and far below its caller, as a token's library does.
#[inline(never)]
fn leave(text: &[u8; 32]) -> u8 {
    let mut deep = [0u8; 12 << 10];
    for chunk in deep[..1024].chunks_mut(32) {
        chunk.copy_from_slice(text);
    }
    let kept = std::hint::black_box(&mut deep)[17];
    // SAFETY: it loads a register from the text, and says so.
    unsafe { asm!("vmovdqu ymm7, [{text}]", text = in(reg) text.as_ptr(), out("ymm7") _, options(nostack, readonly)) };
    kept
}

/// How often the text lies below this frame, where nobody calls anything meanwhile.
#[inline(never)]
fn below(text: &[u8; 32]) -> usize {
    let here = std::ptr::from_ref(&text).cast::<u8>();
    let mut found = 0;
    for depth in 256..(14 << 10) {
        // SAFETY: a thread's stack is longer than that, and this reads it only.
        let same =
            unsafe { here.sub(depth).read_volatile() == text[0] && here.sub(depth - 1).read_volatile() == text[1] };
        found += usize::from(same);
    }
    found
}

#[test]
fn what_another_library_left_is_wiped() {
    if !is_x86_feature_detected!("avx") {
        return;
    }
    assert_eq!(mg_init(0), MG_OK);
    let text = *b"\xA1\xB2cdefghijklmnopqrstuvwxyz012345";
    leave(&text);
    assert!(below(&text) > 0, "the test would see nothing");
    leave(&text);
    mg_wipe_traces();
    let found = vector_registers();
    assert_eq!(random_words(&found), 0, "in registers");
    assert_eq!(below(&text), 0, "on the stack");
}

extern "C" fn no_more(_signal: libc::c_int) {}

/// Lets signals come, or not.
fn signals(how: libc::c_int) {
    // SAFETY: the set is made before it is used, and belongs to this thread.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGUSR2);
        assert_eq!(libc::pthread_sigmask(how, &set, std::ptr::null_mut()), 0);
    }
}

/// The kernel stores all registers on the stack when a signal comes; profilers send one every few milliseconds.
#[test]
fn a_signal_in_the_midst_of_a_cipher_or_a_copy_leaves_nothing() {
    let mut random = Random::new();
    let block: [u8; 16] = std::array::from_fn(|_| random.next() as u8 | 1);
    let plain = block.repeat(4 << 10);
    let (mut sealed, mut opened, mut aead) = (vec![0u8; plain.len() + 28], plain.clone(), 0);
    let cache = Cache::new();
    let handle = cache.put(&plain);
    // SAFETY: the handler does nothing; all arrays are as long as said.
    unsafe {
        libc::signal(libc::SIGUSR2, no_more as *const () as libc::sighandler_t);
        assert_eq!(mg_aead_new(sealed.as_ptr(), MG_BEST_EFFORT, &mut aead), MG_OK);
    }
    let (length, aad) = (plain.len() as u64, block.as_ptr());
    let mut window = mg_borrow(cache.0, handle);
    under_signals(&block, "a borrow", &mut || {
        mg_window_release(window);
        window = mg_borrow(cache.0, handle);
        window.min(0) as i32
    });
    mg_window_release(window);
    let mut handle = handle;
    under_signals(&block, "a write to the cache", &mut || {
        mg_remove(cache.0, handle);
        // SAFETY: as above.
        unsafe { mg_put(cache.0, plain.as_ptr(), length, 0, 0, &mut handle) }
    });
    // SAFETY: as above.
    under_signals(&block, "sealing", &mut || unsafe {
        mg_aead_seal(aead, aad, 16, plain.as_ptr(), length, sealed.as_mut_ptr(), length + 28)
    });
    // SAFETY: as above.
    under_signals(&block, "opening", &mut || unsafe {
        mg_aead_open(aead, aad, 16, sealed.as_ptr(), length + 28, opened.as_mut_ptr(), length)
    });
    // SAFETY: as above.
    under_signals(&block, "a copy", &mut || unsafe {
        mg_copy(plain.as_ptr(), opened.as_mut_ptr(), length)
    });
    mg_aead_free(aead);
    assert_eq!(opened, plain);
}

/// Does something again and again, while another thread sends signals.
fn under_signals(block: &[u8; 16], what: &str, work: &mut dyn FnMut() -> i32) {
    signals(libc::SIG_BLOCK);
    // SAFETY: this thread outlives the scope below.
    let victim = unsafe { libc::pthread_self() };
    let over = AtomicBool::new(false);
    let found = std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(Relaxed) {
                // SAFETY: see above.
                unsafe { libc::pthread_kill(victim, libc::SIGUSR2) };
            }
        });
        let (mut found, mut failed) = (0, 0);
        for _ in 0..1_000 {
            signals(libc::SIG_UNBLOCK);
            let status = work();
            signals(libc::SIG_BLOCK);
            found += usize::from(holds(block));
            failed += usize::from(status != MG_OK);
        }
        over.store(true, Relaxed); // Before anything may fail: the other thread would never end.
        (found, failed)
    });
    assert_eq!(
        found,
        (0, 0),
        "of 1000 times {what} left plaintext on the stack, or failed"
    );
}

/// Whether eight bytes of the block lie on the stack below this frame.
#[inline(never)]
fn holds(block: &[u8; 16]) -> bool {
    let here = std::ptr::from_ref(&block).cast::<u8>();
    let halves = [&block[..8], &block[8..]].map(|half| u64::from_ne_bytes(half.try_into().unwrap()));
    (256..(32 << 10)).any(|depth| {
        // SAFETY: a thread's stack is longer than that, and this reads it only.
        let word = unsafe { here.sub(depth).cast::<u64>().read_unaligned() };
        halves.contains(&word)
    })
}
