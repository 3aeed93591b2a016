//! The program's first instructions: the initial stack, the dynamic section and `main` go to the library.
//! The same object serves static (crt1.o) and static position-independent programs (rcrt1.o, Scrt1.o).
#![no_std]

core::arch::global_asm!(
    ".pushsection .text._start,\"ax\",@progbits",
    ".globl _start",
    ".type _start, @function",
    ".weak _DYNAMIC",
    ".hidden _DYNAMIC",
    "_start:",
    ".cfi_startproc",
    ".cfi_undefined rip",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "lea rsi, [rip + _DYNAMIC]",
    "lea rdx, [rip + main]",
    "and rsp, -16",
    "call __ochre_start",
    "ud2",
    ".cfi_endproc",
    ".size _start, . - _start",
    ".popsection",
);
