//! Moving and clearing memory by the string instructions on words, which are the fastest there is
//! for a kernel without SIMD, on real CPUs and under emulation.

use core::arch::asm;

/// # Safety
/// Both ranges are mapped for the access and either disjoint or equal.
#[inline]
pub unsafe fn copy(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: by the caller's promise; the direction flag is clear in the kernel.
    unsafe {
        asm!(
            "rep movsq",
            "mov ecx, {tail:e}",
            "rep movsb",
            tail = in(reg) len & 7,
            inout("rcx") len >> 3 => _,
            inout("rdi") dst => _,
            inout("rsi") src => _,
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// The range is mapped for writing.
#[inline]
pub unsafe fn zero(dst: *mut u8, len: usize) {
    // SAFETY: by the caller's promise; the direction flag is clear in the kernel.
    unsafe {
        asm!(
            "rep stosq",
            "mov ecx, {tail:e}",
            "rep stosb",
            tail = in(reg) len & 7,
            inout("rcx") len >> 3 => _,
            inout("rdi") dst => _,
            in("rax") 0,
            options(nostack, preserves_flags),
        );
    }
}
