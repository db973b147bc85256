//! What a cipher leaves behind where it worked: on the stack below its caller, and in vector registers, whose last round
//! keys and plaintext the JVM or the kernel would write to memory with the next thread state that they save.
//!
//! `unsafe` is here for libsodium's call, and because only assembler can clear registers.

use libsodium_sys as sodium;

/// To be called right after a cipher, from the function that called it. Best effort: what a signal handler has saved
/// meanwhile lies where it likes.
///
/// * `stack`: how many bytes below the caller the cipher's frames may reach
#[inline(always)]
pub fn wipe(stack: usize) {
    // SAFETY: it writes to unused stack only.
    unsafe { sodium::sodium_stackzero(stack) };
    clear_registers();
}

/// All vector registers, and those general ones that a function may leave as it likes (System V ABI, 3.2.1).
#[cfg(target_arch = "x86_64")]
fn clear_registers() {
    use std::arch::asm;
    // SAFETY: only registers are written, all of them declared, by instructions that this processor has.
    unsafe {
        if is_x86_feature_detected!("avx512f") {
            asm!(
                ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
                "vpxord zmm\\n, zmm\\n, zmm\\n",
                ".endr",
                clobber_abi("sysv64"),
                options(nomem, nostack)
            );
        }
        if is_x86_feature_detected!("avx") {
            asm!("vzeroall", clobber_abi("sysv64"), options(nomem, nostack)); // Of zmm0 to zmm15 all bits.
        } else {
            asm!(
                ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
                "pxor xmm\\n, xmm\\n",
                ".endr",
                clobber_abi("sysv64"),
                options(nomem, nostack)
            );
        }
        asm!(
            ".irp r, eax, ecx, edx, esi, edi, r8d, r9d, r10d, r11d",
            "xor \\r, \\r",
            ".endr",
            clobber_abi("sysv64"),
            options(nomem, nostack)
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn clear_registers() {}
