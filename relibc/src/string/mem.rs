//! Moving, filling and comparing memory.
//!
//! Up to 16 bytes: two overlapping moves. Up to 256: 64-bit registers. Beyond: the processor's own string instructions, which
//! are the fastest way on real processors (ERMS) as well as under an emulator, where vector registers are the slowest.

use core::arch::naked_asm;
use core::ffi::{c_int, c_void};
use core::ptr;

#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn memcpy(to: *mut c_void, from: *const c_void, n: usize) -> *mut c_void {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 16",
        "jb 3f",
        "cmp rdx, 32",
        "ja 2f",
        // 16..=32
        "mov rcx, [rsi]",
        "mov r8, [rsi + 8]",
        "mov r9, [rsi + rdx - 16]",
        "mov r10, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + 8], r8",
        "mov [rdi + rdx - 16], r9",
        "mov [rdi + rdx - 8], r10",
        "ret",
        "2:",
        "cmp rdx, 256",
        "ja 5f",
        // 33..=256: whole 32s, then the last 32 whatever they overlap.
        "lea r11, [rsi + rdx - 32]",
        "lea rdx, [rdi + rdx - 32]",
        "4:",
        "mov rcx, [rsi]",
        "mov r8, [rsi + 8]",
        "mov r9, [rsi + 16]",
        "mov r10, [rsi + 24]",
        "mov [rdi], rcx",
        "mov [rdi + 8], r8",
        "mov [rdi + 16], r9",
        "mov [rdi + 24], r10",
        "add rsi, 32",
        "add rdi, 32",
        "cmp rdi, rdx",
        "jb 4b",
        "mov rcx, [r11]",
        "mov r8, [r11 + 8]",
        "mov r9, [r11 + 16]",
        "mov r10, [r11 + 24]",
        "mov [rdx], rcx",
        "mov [rdx + 8], r8",
        "mov [rdx + 16], r9",
        "mov [rdx + 24], r10",
        "ret",
        "3:",
        "cmp edx, 8",
        "jb 6f",
        "mov rcx, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], r8",
        "ret",
        "6:",
        "cmp edx, 4",
        "jb 7f",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        "7:",
        "test edx, edx",
        "jz 8f",
        "movzx ecx, byte ptr [rsi]",
        "movzx r8d, byte ptr [rsi + rdx - 1]",
        "cmp edx, 2",
        "jbe 9f",
        "movzx r9d, byte ptr [rsi + 1]",
        "mov [rdi + 1], r9b",
        "9:",
        "mov [rdi], cl",
        "mov [rdi + rdx - 1], r8b",
        "8:",
        "ret",
        // The first and the last 8 bytes by hand, so that the destination is aligned for what is between.
        "5:",
        "mov r8, [rsi + rdx - 8]",
        "lea r9, [rdi + rdx - 8]",
        "mov rcx, [rsi]",
        "mov [rdi], rcx",
        "mov rcx, rdi",
        "add rdi, 8",
        "and rdi, -8",
        "sub rcx, rdi",
        "sub rsi, rcx",
        "lea rcx, [rdx + rcx]",
        "shr rcx, 3",
        "rep movsq",
        "mov [r9], r8",
        "ret",
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(to: *mut c_void, from: *const c_void, n: usize) -> *mut c_void {
    // Not overlapping.
    let distance = (to as usize).wrapping_sub(from as usize);
    if distance >= n && distance.wrapping_neg() >= n {
        return memcpy(to, from, n);
    }
    let (d, s) = (to.cast::<u8>(), from.cast::<u8>());
    if n < 8 {
        let mut kept = [0u8; 8];
        for (i, byte) in kept[..n].iter_mut().enumerate() {
            *byte = *s.add(i);
        }
        for (i, byte) in kept[..n].iter().enumerate() {
            *d.add(i) = *byte;
        }
    } else if distance < n {
        // The destination is above: from the end down.
        let head = s.cast::<u64>().read_unaligned();
        let mut at = n;
        while at >= 32 {
            at -= 32;
            let [a, b, c, e] = s.add(at).cast::<[u64; 4]>().read_unaligned();
            d.add(at).cast::<[u64; 4]>().write_unaligned([a, b, c, e]);
        }
        while at >= 8 {
            at -= 8;
            let word = s.add(at).cast::<u64>().read_unaligned();
            d.add(at).cast::<u64>().write_unaligned(word);
        }
        d.cast::<u64>().write_unaligned(head);
    } else {
        let tail = s.add(n - 8).cast::<u64>().read_unaligned();
        let mut at = 0;
        while n - at >= 32 {
            let [a, b, c, e] = s.add(at).cast::<[u64; 4]>().read_unaligned();
            d.add(at).cast::<[u64; 4]>().write_unaligned([a, b, c, e]);
            at += 32;
        }
        while n - at >= 8 {
            let word = s.add(at).cast::<u64>().read_unaligned();
            d.add(at).cast::<u64>().write_unaligned(word);
            at += 8;
        }
        d.add(n - 8).cast::<u64>().write_unaligned(tail);
    }
    to
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn memset(to: *mut c_void, byte: c_int, n: usize) -> *mut c_void {
    naked_asm!(
        "mov r8, rdi",
        "movzx eax, sil",
        "movabs rcx, 0x0101010101010101",
        "imul rax, rcx",
        "cmp rdx, 16",
        "jb 3f",
        "cmp rdx, 256",
        "ja 5f",
        "lea r9, [rdi + rdx - 16]",
        "2:",
        "mov [rdi], rax",
        "mov [rdi + 8], rax",
        "add rdi, 16",
        "cmp rdi, r9",
        "jb 2b",
        "mov [r9], rax",
        "mov [r9 + 8], rax",
        "mov rax, r8",
        "ret",
        "3:",
        "cmp edx, 8",
        "jb 4f",
        "mov [rdi], rax",
        "mov [rdi + rdx - 8], rax",
        "mov rax, r8",
        "ret",
        "4:",
        "cmp edx, 4",
        "jb 6f",
        "mov [rdi], eax",
        "mov [rdi + rdx - 4], eax",
        "mov rax, r8",
        "ret",
        "6:",
        "test edx, edx",
        "jz 7f",
        "mov [rdi], al",
        "mov [rdi + rdx - 1], al",
        "cmp edx, 2",
        "jbe 7f",
        "mov [rdi + 1], al",
        "7:",
        "mov rax, r8",
        "ret",
        "5:",
        "mov [rdi], rax",
        "mov [rdi + rdx - 8], rax",
        "lea rcx, [rdi + rdx]",
        "add rdi, 8",
        "and rdi, -8",
        "sub rcx, rdi",
        "shr rcx, 3",
        "rep stosq",
        "mov rax, r8",
        "ret",
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(a: *const c_void, b: *const c_void, n: usize) -> c_int {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    let mut at = 0;
    while n - at >= 8 {
        let x = a.add(at).cast::<u64>().read_unaligned();
        let y = b.add(at).cast::<u64>().read_unaligned();
        if x != y {
            return if x.swap_bytes() < y.swap_bytes() {
                -1
            } else {
                1
            };
        }
        at += 8;
    }
    while at < n {
        let (x, y) = (*a.add(at), *b.add(at));
        if x != y {
            return c_int::from(x) - c_int::from(y);
        }
        at += 1;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const c_void, b: *const c_void, n: usize) -> c_int {
    memcmp(a, b, n)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcopy(from: *const c_void, to: *mut c_void, n: usize) {
    memmove(to, from, n);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bzero(to: *mut c_void, n: usize) {
    memset(to, 0, n);
}

/// The call goes through a value that the optimizer knows nothing of, so the fill is never left out.
#[unsafe(no_mangle)]
unsafe extern "C" fn explicit_bzero(to: *mut c_void, n: usize) {
    memset(to, 0, n);
    core::arch::asm!("/* {0} */", in(reg) to, options(nostack, preserves_flags));
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mempcpy(to: *mut c_void, from: *const c_void, n: usize) -> *mut c_void {
    memcpy(to, from, n).byte_add(n)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memccpy(
    to: *mut c_void,
    from: *const c_void,
    byte: c_int,
    n: usize,
) -> *mut c_void {
    let found = memchr(from, byte, n);
    if found.is_null() {
        memcpy(to, from, n);
        return ptr::null_mut();
    }
    let length = found as usize - from as usize + 1;
    memcpy(to, from, length);
    to.byte_add(length)
}

pub const ONES: u64 = 0x0101_0101_0101_0101;
pub const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A high bit in each byte of `word` that is zero; exact up to and including the lowest such byte.
#[inline(always)]
pub const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memchr(from: *const c_void, byte: c_int, n: usize) -> *mut c_void {
    let bytes = from.cast::<u8>();
    let pattern = u64::from(byte as u8) * ONES;
    let mut at = 0;
    while n - at >= 8 {
        let found = zeros(bytes.add(at).cast::<u64>().read_unaligned() ^ pattern);
        if found != 0 {
            return bytes
                .add(at + found.trailing_zeros() as usize / 8)
                .cast_mut()
                .cast();
        }
        at += 8;
    }
    while at < n {
        if *bytes.add(at) == byte as u8 {
            return bytes.add(at).cast_mut().cast();
        }
        at += 1;
    }
    ptr::null_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memrchr(from: *const c_void, byte: c_int, n: usize) -> *mut c_void {
    let bytes = from.cast::<u8>();
    let mut at = n;
    while at > 0 {
        at -= 1;
        if *bytes.add(at) == byte as u8 {
            return bytes.add(at).cast_mut().cast();
        }
    }
    ptr::null_mut()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rawmemchr(from: *const c_void, byte: c_int) -> *mut c_void {
    memchr(from, byte, usize::MAX - from as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn swab(from: *const c_void, to: *mut c_void, n: isize) {
    let (from, to) = (from.cast::<u8>(), to.cast::<u8>());
    let mut at = 0;
    while at + 1 < n {
        let pair = [*from.offset(at + 1), *from.offset(at)];
        *to.offset(at) = pair[0];
        *to.offset(at + 1) = pair[1];
        at += 2;
    }
}
