//! What a cipher leaves behind where it worked: on the stack below its caller, and in vector registers, whose last round
//! keys and plaintext the JVM or the kernel would write to memory with the next thread state that they save.
//!
//! `unsafe` is here for the calls of libsodium and libc, and because only assembler can clear registers.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Below the stack pointer, for whoever calls nobody: System V ABI, 3.2.2.
const RED_ZONE: usize = 128;

/// Of kernels before 5.14, which do not tell: all registers of AVX-512 and what comes with them.
const USUAL_FRAME: usize = 4096;

/// To be called right after a cipher, from the function that called it. Where a signal came meanwhile, as those of
/// profilers do, the kernel has put all registers on the stack; that is wiped, too. Not wiped is what a handler copied.
///
/// * `stack`: how many bytes below the caller the cipher's frames may reach
#[inline(always)]
pub fn wipe(stack: usize) {
    clear_registers(); // First: a signal that comes while the stack is wiped puts them below that.
    clear_stack(stack + RED_ZONE + signal_frame());
}

/// Everything from the stack pointer on downwards, at least `bytes`. A loop, since memset(3) takes twice as long here.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn clear_stack(bytes: usize) {
    use std::arch::asm;
    let from = -(bytes.next_multiple_of(64) as isize);
    // SAFETY: what lies below the stack pointer is nobody's; without `nostack` the compiler keeps nothing there either.
    // A thread of the JVM that calls native code has 80 KiB of it (StackShadowPages).
    unsafe {
        if is_x86_feature_detected!("avx") {
            asm!(
                "vpxor xmm0, xmm0, xmm0", // And the upper half.
                "2:",
                "vmovups [rsp + {at}], ymm0",
                "vmovups [rsp + {at} + 32], ymm0",
                "add {at}, 64",
                "jnz 2b",
                at = inout(reg) from => _,
                out("xmm0") _,
            );
        } else {
            asm!(
                "pxor xmm0, xmm0",
                "2:",
                "movups [rsp + {at}], xmm0",
                "movups [rsp + {at} + 16], xmm0",
                "movups [rsp + {at} + 32], xmm0",
                "movups [rsp + {at} + 48], xmm0",
                "add {at}, 64",
                "jnz 2b",
                at = inout(reg) from => _,
                out("xmm0") _,
            );
        }
    }
}

/// Everything from the stack pointer on downwards, at least `bytes`.
#[cfg(not(target_arch = "x86_64"))]
fn clear_stack(bytes: usize) {
    // SAFETY: it writes to unused stack only.
    unsafe { libsodium_sys::sodium_stackzero(bytes) };
}

/// How much the kernel puts on a stack when a signal comes, in bytes: getauxval(3), AT_MINSIGSTKSZ.
fn signal_frame() -> usize {
    static KNOWN: AtomicUsize = AtomicUsize::new(0);
    match KNOWN.load(Relaxed) {
        0 => {
            // SAFETY: it reads what the kernel gave this process at its start.
            let told = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
            let frame = if told == 0 { USUAL_FRAME } else { told };
            KNOWN.store(frame, Relaxed);
            frame
        }
        frame => frame,
    }
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
