//! The vDSO's functions. They are copied to [`OFFSET`] of the code page, and address the data page
//! by their distance to it. What they can't answer they pass on to the system call.

use super::data;
use core::arch::global_asm;

/// Where the code lies in its page; the data page ends where its page begins.
pub const OFFSET: usize = 0x600;

unsafe extern "C" {
    static ochre_vdso_start: u8;
    static ochre_vdso_end: u8;
    static ochre_vdso_clock_gettime: u8;
    static ochre_vdso_gettimeofday: u8;
    static ochre_vdso_time: u8;
    static ochre_vdso_clock_getres: u8;
    static ochre_vdso_getcpu: u8;
}

/// Each function's name and offset in the code.
pub fn functions() -> [(&'static str, usize); 5] {
    let start = (&raw const ochre_vdso_start).addr();
    [
        (
            "__vdso_clock_gettime",
            (&raw const ochre_vdso_clock_gettime).addr() - start,
        ),
        (
            "__vdso_gettimeofday",
            (&raw const ochre_vdso_gettimeofday).addr() - start,
        ),
        ("__vdso_time", (&raw const ochre_vdso_time).addr() - start),
        (
            "__vdso_clock_getres",
            (&raw const ochre_vdso_clock_getres).addr() - start,
        ),
        (
            "__vdso_getcpu",
            (&raw const ochre_vdso_getcpu).addr() - start,
        ),
    ]
}

/// The code's bytes.
pub fn bytes() -> &'static [u8] {
    let start = &raw const ochre_vdso_start;
    let len = (&raw const ochre_vdso_end).addr() - start.addr();
    // SAFETY: the symbols bracket the assembly below.
    unsafe { core::slice::from_raw_parts(start, len) }
}

global_asm!(
    r#"
    .section .rodata.vdso, "a"
    .balign 16
    .globl ochre_vdso_start
    ochre_vdso_start:
    .set vdso_data, ochre_vdso_start - {OFFSET} - 4096

    // Time since boot in rax; edi's clock decides whether Unix time is meant.
    // Keeps rsi and rdi.
    vdso_nanos:
        lea r8, [rip + vdso_data]
    2:  mov r9d, [r8 + {SEQUENCE}]
        test r9d, 1
        jnz 4f
        lfence
        rdtsc
        shl rdx, 32
        or rax, rdx
        sub rax, [r8 + {TSC_BASE}]
        mul qword ptr [r8 + {MULT}]
        shrd rax, rdx, 32
        mov ecx, {REALTIME_CLOCKS}
        bt ecx, edi
        jnc 3f
        add rax, [r8 + {REALTIME}]
    3:  cmp r9d, [r8 + {SEQUENCE}]
        jne 2b
        ret
    4:  pause
        jmp 2b

    .globl ochre_vdso_clock_gettime
    ochre_vdso_clock_gettime:
        cmp edi, 11
        ja 2f
        mov eax, {CLOCKS}
        bt eax, edi
        jnc 2f
        call vdso_nanos
        xor edx, edx
        mov ecx, 1000000000
        div rcx
        mov [rsi], rax
        mov [rsi + 8], rdx
        xor eax, eax
        ret
    2:  mov eax, 228
        syscall
        ret

    .globl ochre_vdso_gettimeofday
    ochre_vdso_gettimeofday:
        mov r10, rdi
        mov r11, rsi
        test rdi, rdi
        jz 2f
        xor edi, edi
        call vdso_nanos
        xor edx, edx
        mov ecx, 1000000000
        div rcx
        mov [r10], rax
        mov rax, rdx
        xor edx, edx
        mov ecx, 1000
        div rcx
        mov [r10 + 8], rax
    2:  test r11, r11
        jz 3f
        lea r8, [rip + vdso_data]
        mov rax, [r8 + {ZONE}]
        mov [r11], rax
    3:  xor eax, eax
        ret

    .globl ochre_vdso_time
    ochre_vdso_time:
        mov r10, rdi
        xor edi, edi
        call vdso_nanos
        xor edx, edx
        mov ecx, 1000000000
        div rcx
        test r10, r10
        jz 2f
        mov [r10], rax
    2:  ret

    .globl ochre_vdso_clock_getres
    ochre_vdso_clock_getres:
        cmp edi, 11
        ja 3f
        mov eax, {CLOCKS}
        bt eax, edi
        jnc 3f
        test rsi, rsi
        jz 2f
        mov qword ptr [rsi], 0
        mov qword ptr [rsi + 8], 1
    2:  xor eax, eax
        ret
    3:  mov eax, 229
        syscall
        ret

    .globl ochre_vdso_getcpu
    ochre_vdso_getcpu:
        lea r8, [rip + vdso_data]
        cmp qword ptr [r8 + {RDTSCP}], 0
        je 4f
        rdtscp
        test rdi, rdi
        jz 2f
        mov [rdi], ecx
    2:  test rsi, rsi
        jz 3f
        mov dword ptr [rsi], 0
    3:  xor eax, eax
        ret
    4:  mov eax, 309
        syscall
        ret

    .globl ochre_vdso_end
    ochre_vdso_end:
    "#,
    OFFSET = const OFFSET,
    SEQUENCE = const data::SEQUENCE,
    TSC_BASE = const data::TSC_BASE,
    MULT = const data::MULT,
    REALTIME = const data::REALTIME,
    RDTSCP = const data::RDTSCP,
    ZONE = const data::ZONE,
    // CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI.
    REALTIME_CLOCKS = const 1 << 0 | 1 << 5 | 1 << 11,
    // Those, and CLOCK_MONOTONIC with _RAW and _COARSE, CLOCK_BOOTTIME.
    CLOCKS = const 1 << 0 | 1 << 5 | 1 << 11 | 1 << 1 | 1 << 4 | 1 << 6 | 1 << 7,
);
