//! `setjmp` and `longjmp`: the registers a call preserves, and for `sigsetjmp` the signal mask.
//!
//! `jmp_buf` (musl): eight words of registers, a flag, the mask.

use core::arch::naked_asm;

#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn setjmp(buffer: *mut usize) -> i32 {
    naked_asm!(
        "mov [rdi], rbx",
        "mov [rdi + 8], rbp",
        "mov [rdi + 16], r12",
        "mov [rdi + 24], r13",
        "mov [rdi + 32], r14",
        "mov [rdi + 40], r15",
        "lea rdx, [rsp + 8]",
        "mov [rdi + 48], rdx",
        "mov rdx, [rsp]",
        "mov [rdi + 56], rdx",
        "xor eax, eax",
        "ret",
    )
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _setjmp(buffer: *mut usize) -> i32 {
    naked_asm!("jmp {}", sym setjmp)
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn longjmp(buffer: *mut usize, value: i32) -> ! {
    naked_asm!(
        "mov eax, esi",
        "cmp eax, 1",
        "adc eax, 0",
        "mov rbx, [rdi]",
        "mov rbp, [rdi + 8]",
        "mov r12, [rdi + 16]",
        "mov r13, [rdi + 24]",
        "mov r14, [rdi + 32]",
        "mov r15, [rdi + 40]",
        "mov rsp, [rdi + 48]",
        "jmp qword ptr [rdi + 56]",
    )
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _longjmp(buffer: *mut usize, value: i32) -> ! {
    naked_asm!("jmp {}", sym longjmp)
}

/// Saves the mask first, then the registers as they are at the caller.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn sigsetjmp(buffer: *mut usize, mask: i32) -> i32 {
    naked_asm!(
        "mov [rdi + 64], rsi",
        "test esi, esi",
        "jz 2f",
        "push rdi",
        "call {save}",
        "pop rdi",
        "2:",
        "jmp {setjmp}",
        save = sym save_mask,
        setjmp = sym setjmp,
    )
}

#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn __sigsetjmp(buffer: *mut usize, mask: i32) -> i32 {
    naked_asm!("jmp {}", sym sigsetjmp)
}

unsafe extern "C" fn save_mask(buffer: *mut usize) {
    let none: *const u64 = core::ptr::null();
    crate::sys::sys!(
        SYS_rt_sigprocmask,
        libc::SIG_SETMASK,
        none,
        buffer.add(9),
        super::SET
    );
}

#[unsafe(no_mangle)]
unsafe extern "C" fn siglongjmp(buffer: *mut usize, value: i32) -> ! {
    if *buffer.add(8) as u32 != 0 {
        let none: *mut u64 = core::ptr::null_mut();
        crate::sys::sys!(
            SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            buffer.add(9),
            none,
            super::SET
        );
    }
    longjmp(buffer, value)
}
