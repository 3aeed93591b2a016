//! The first instructions, for both loaders: page tables that map the first 4 GiB one-to-one and at
//! the direct map, and the image at the top 2 GiB; then `ochre_start` on the boot stack.
//!
//! [`_start32`] is PVH's (32-bit protected mode, no paging, ebx = start info; the image lies where
//! it is linked to be loaded). [`_start64`] is the UEFI loader's (see `ochre_abi::boot`; the image
//! lies anywhere, 2 MiB aligned).

#[cfg(target_os = "none")]
use crate::{context::STACK_SIZE, paging::kernel::KERNEL_BASE};

/// `protocol` of `ochre_start`.
pub const PVH: usize = 0;
pub const PAGE: usize = 1;

/// Where the linker script puts the image in physical memory.
#[cfg(target_os = "none")]
const LOAD_ADDRESS: u64 = 0x20_0000;

// Not for a host's unit tests, whose linker can't place it.
#[cfg(target_os = "none")]
core::arch::global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
        .long 4, 8, 18
        .asciz "Xen"
        .quad _start32 - {BASE}

    .section .boot.text, "ax"
    .code32
    .globl _start32
    _start32:
        cli
        cld
        mov esp, offset boot_stack_end - {BASE}
        // Page directories: 2048 entries of 2 MiB.
        mov edi, offset boot_directories - {BASE}
        mov eax, 0x83
        mov ecx, 2048
    2:  mov [edi], eax
        mov dword ptr [edi + 4], 0
        add eax, 0x200000
        add edi, 8
        dec ecx
        jnz 2b
        // Their table, used for both mappings of the first 4 GiB.
        mov edi, offset boot_low - {BASE}
        mov eax, offset boot_directories - {BASE} + 3
        mov ecx, 4
    3:  mov [edi], eax
        add eax, 0x1000
        add edi, 8
        dec ecx
        jnz 3b
        // The image: linked to its load address, so the first directory serves.
        mov dword ptr [boot_high - {BASE} + 510 * 8], offset boot_directories - {BASE} + 3
        mov eax, offset boot_low - {BASE} + 3
        mov [boot_root - {BASE}], eax
        mov [boot_root - {BASE} + 256 * 8], eax
        mov dword ptr [boot_root - {BASE} + 511 * 8], offset boot_high - {BASE} + 3
        mov eax, 0xa0
        mov cr4, eax
        mov eax, offset boot_root - {BASE}
        mov cr3, eax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 0x901
        wrmsr
        mov eax, 0x80010033
        mov cr0, eax
        lgdt [boot_gdt_pointer - {BASE}]
        push 0x10
        mov eax, offset boot_long_mode - {BASE}
        push eax
        retf
    .code64
    boot_long_mode:
        mov ax, 0x18
        mov ds, ax
        mov es, ax
        mov ss, ax
        xor eax, eax
        mov fs, ax
        mov gs, ax
        mov edi, {PVH}
        mov esi, ebx
        mov edx, {LOAD_ADDRESS}
        movabs rax, offset boot_high_half32
        jmp rax
    boot_high_half32:
        lea rsp, [rip + boot_stack_end]
        push 0
        jmp ochre_start

    .globl _start64
    _start64:
        cli
        cld
        mov r12, rdi
        mov r13, rsi
        // Runs at its physical address: everything is found relative to rip.
        lea rdi, [rip + boot_directories]
        mov eax, 0x83
        mov ecx, 2048
    2:  mov [rdi], rax
        add rax, 0x200000
        add rdi, 8
        dec ecx
        jnz 2b
        lea rdi, [rip + boot_low]
        lea rax, [rip + boot_directories + 3]
        mov ecx, 4
    3:  mov [rdi], rax
        add rax, 0x1000
        add rdi, 8
        dec ecx
        jnz 3b
        // The image, from its own place: a directory whose entry 1 is where it was loaded.
        lea rdi, [rip + boot_image + 8]
        mov rax, r13
        or rax, 0x83
        mov ecx, 511
    4:  mov [rdi], rax
        add rax, 0x200000
        add rdi, 8
        dec ecx
        jnz 4b
        lea rax, [rip + boot_image + 3]
        mov [rip + boot_high + 510 * 8], rax
        lea rax, [rip + boot_low + 3]
        mov [rip + boot_root], rax
        mov [rip + boot_root + 256 * 8], rax
        lea rax, [rip + boot_high + 3]
        mov [rip + boot_root + 511 * 8], rax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 0x901
        wrmsr
        mov eax, 0xa0
        mov cr4, rax
        lea rax, [rip + boot_root]
        mov cr3, rax
        mov eax, 0x80010033
        mov cr0, rax
        movabs rax, offset boot_high_half64
        jmp rax
    boot_high_half64:
        lea rsp, [rip + boot_stack_end]
        lgdt [rip + boot_gdt_pointer_high]
        push 0x10
        lea rax, [rip + 6f]
        push rax
        retfq
    6:
        mov ax, 0x18
        mov ds, ax
        mov es, ax
        mov ss, ax
        xor eax, eax
        mov fs, ax
        mov gs, ax
        mov edi, {PAGE}
        mov rsi, r12
        mov rdx, r13
        push 0
        jmp ochre_start

    .section .rodata.boot, "a"
    .balign 8
    boot_gdt:
        .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
    boot_gdt_pointer:
        .word 31
        .long boot_gdt - {BASE}
        .long 0
    .balign 8
    boot_gdt_pointer_high:
        .word 31
        .quad boot_gdt

    .section .bss.boot, "aw", @nobits
    .balign 4096
    boot_root: .skip 4096
    boot_low: .skip 4096
    boot_high: .skip 4096
    boot_image: .skip 4096
    boot_directories: .skip 4 * 4096
    .balign {STACK}
        .skip {STACK}
    boot_stack_end:
    "#,
    BASE = const KERNEL_BASE,
    LOAD_ADDRESS = const LOAD_ADDRESS,
    STACK = const STACK_SIZE,
    PVH = const PVH,
    PAGE = const PAGE,
);
