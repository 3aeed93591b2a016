//! The ways into the kernel and out of it, in assembly.
//!
//! Every trap builds a `UserRegs` by pushing: for traps from user mode the stack the CPU switches
//! to (TSS.rsp0) is the end of the thread's own `UserRegs`, so they are saved in place, and the
//! kernel goes on where `enter_user` was called. Traps in the kernel build theirs on the stack that
//! they interrupt and call `kernel_trap`. Faults that may come at any instruction (NMI, double
//! fault, machine check) run on stacks of their own, whose top says which CPU it is. So do debug
//! exceptions: one that user code meets as it loads SS comes after its next instruction, which can be the
//! first of the kernel's after `syscall`.

use crate::gdt::{USER_CS, USER_DS};
use crate::local::{KERNEL_RSP, RSP0, SCRATCH};
use crate::user::UserRegs;
use crate::x86::rflags;
use core::arch::{asm, global_asm};
use core::mem::offset_of;

/// What `enter_user` reports for a system call: a vector that no exception has.
pub const SYSCALL: u8 = 0x1f;

const ORIG_RAX: usize = offset_of!(UserRegs, orig_rax);
const RIP: usize = offset_of!(UserRegs, rip);
const CS: usize = offset_of!(UserRegs, cs);
const RFLAGS: usize = offset_of!(UserRegs, rflags);
const RSP: usize = offset_of!(UserRegs, rsp);
const END: usize = size_of::<UserRegs>();

unsafe extern "C" {
    /// 256 stubs, 16 bytes apart.
    pub static ochre_trap_stubs: u8;
    pub fn ochre_syscall_entry();
    pub fn ochre_debug_entry();
    pub fn ochre_nmi_entry();
    pub fn ochre_double_fault_entry();
    pub fn ochre_machine_check_entry();
    fn ochre_enter_user();
}

/// Enters user mode with `regs`; returns the vector and error code of the trap that ends it.
///
/// # Safety
/// The registers are valid for user mode; with `fast`, rcx and r11 equal rip and rflags. `regs`
/// ends at a multiple of 16. Interrupts are off.
#[inline]
pub unsafe fn enter_user(regs: *mut UserRegs, fast: bool) -> (usize, u64) {
    let (vector, error);
    // SAFETY: by the caller's promise; the routine keeps the registers that the C ABI does, and
    // all others are declared lost.
    unsafe {
        asm!(
            "call {enter}",
            enter = sym ochre_enter_user,
            inout("rdi") regs => _,
            inout("rsi") usize::from(fast) => _,
            out("rax") vector,
            out("rdx") error,
            clobber_abi("C"),
        );
    }
    (vector, error)
}

global_asm!(
    r#"
    .section .text.traps, "ax"

    .macro push_rest
        push rsi
        push rdx
        push rcx
        push rax
        push r8
        push r9
        push r10
        push r11
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
    .endm

    .macro pop_rest
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        pop r11
        pop r10
        pop r9
        pop r8
        pop rax
        pop rcx
        pop rdx
        pop rsi
    .endm

    // The registers that the caller of enter_user keeps, and its return.
    .macro resume_kernel
        mov rsp, gs:[{KERNEL_RSP}]
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbx
        pop rbp
        ret
    .endm

    .balign 16
    .globl ochre_enter_user
    ochre_enter_user:
        push rbp
        push rbx
        push r12
        push r13
        push r14
        push r15
        mov gs:[{KERNEL_RSP}], rsp
        lea rax, [rdi + {END}]
        mov gs:[{RSP0}], rax
        mov rsp, rdi
        test esi, esi
        jz 2f
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        pop r11
        pop r10
        pop r9
        pop r8
        pop rax
        pop rcx
        pop rdx
        pop rsi
        pop rdi
        mov rsp, [rsp + {RSP} - {ORIG_RAX}]
        swapgs
        sysretq
    2:
        pop_rest
        pop rdi
        add rsp, 8
        swapgs
        iretq

    .balign 16
    .globl ochre_syscall_entry
    ochre_syscall_entry:
        swapgs
        mov gs:[{SCRATCH}], rsp
        mov rsp, gs:[{RSP0}]
        push {USER_DS}
        push qword ptr gs:[{SCRATCH}]
        push r11
        push {USER_CS}
        push rcx
        push rax
        push rdi
        push_rest
        mov eax, {SYSCALL}
        resume_kernel

    // Here: vector in edi, the user's rdi and an error code are pushed.
    .balign 16
    ochre_trap_common:
        push_rest
        cld
        test byte ptr [rsp + {CS}], 3
        jz 3f
        swapgs
        mov rdx, [rsp + {ORIG_RAX}]
        mov qword ptr [rsp + {ORIG_RAX}], -1
        mov eax, edi
        test dword ptr [rsp + {RFLAGS}], {AC}
        jnz 2f
        resume_kernel
    2:  // User code had the alignment check flag on, which would switch SMAP off in here.
        mov rsp, gs:[{KERNEL_RSP}]
        push 2
        popfq
        resume_kernel
    3:
        mov rsi, rsp
        mov rbx, rsp
        and rsp, -16
        call {kernel_trap}
        mov rsp, rbx
        pop_rest
        pop rdi
        add rsp, 8
        iretq

    // Entries that trust neither GS nor the stack before: the top word of their own stack is the
    // address of the CPU's block. The interrupted GS base is kept in r12.
    .macro paranoid name, vector, has_error
    .balign 16
    .globl \name
    \name:
        .if \has_error == 0
        push 0
        .endif
        push rdi
        push_rest
        cld
        mov ecx, {GS_BASE}
        rdmsr
        shl rdx, 32
        or rax, rdx
        mov r12, rax
        mov rax, [rsp + {END}]
        mov rdx, rax
        shr rdx, 32
        wrmsr
        mov edi, \vector
        mov rsi, rsp
        sub rsp, 8
        call {paranoid_trap}
        add rsp, 8
        mov ecx, {GS_BASE}
        mov rax, r12
        mov rdx, r12
        shr rdx, 32
        wrmsr
        pop_rest
        pop rdi
        add rsp, 8
        iretq
    .endm
    paranoid ochre_kernel_debug_entry, 1, 0

    // From user mode it goes on as on the stack where it would have come without one of its own.
    .balign 16
    .globl ochre_debug_entry
    ochre_debug_entry:
        test byte ptr [rsp + 8], 3
        jz ochre_kernel_debug_entry
        swapgs
        mov gs:[{SCRATCH}], rdi
        mov rdi, rsp
        mov rsp, gs:[{RSP0}]
        push qword ptr [rdi + 32]
        push qword ptr [rdi + 24]
        push qword ptr [rdi + 16]
        push qword ptr [rdi + 8]
        push qword ptr [rdi]
        push 0
        push qword ptr gs:[{SCRATCH}]
        swapgs
        mov edi, 1
        jmp ochre_trap_common

    paranoid ochre_nmi_entry, 2, 0
    paranoid ochre_double_fault_entry, 8, 1
    paranoid ochre_machine_check_entry, 18, 0
    "#,
    KERNEL_RSP = const KERNEL_RSP,
    SCRATCH = const SCRATCH,
    RSP0 = const RSP0,
    END = const END,
    RSP = const RSP,
    ORIG_RAX = const ORIG_RAX,
    CS = const CS,
    RFLAGS = const RFLAGS,
    AC = const rflags::AC,
    USER_DS = const USER_DS,
    USER_CS = const USER_CS,
    SYSCALL = const SYSCALL,
    GS_BASE = const crate::x86::msr::GS_BASE,
    kernel_trap = sym super::kernel_trap,
    paranoid_trap = sym super::paranoid_trap,
);

// The stubs: each pushes a zero where the CPU pushes no error code, then rdi, and loads its number.
global_asm!(
    r#"
    .section .text.traps, "ax"
    .balign 16
    .globl ochre_trap_stubs
    ochre_trap_stubs:
    .set trap_vector, 0
    .rept 256
        .balign 16
        .if (trap_vector == 8) || (trap_vector == 10) || (trap_vector == 11) || (trap_vector == 12) || (trap_vector == 13) || (trap_vector == 14) || (trap_vector == 17) || (trap_vector == 21) || (trap_vector == 29) || (trap_vector == 30)
        .else
        pushq $0
        .endif
        pushq %rdi
        movl $trap_vector, %edi
        jmp ochre_trap_common
        .set trap_vector, trap_vector + 1
    .endr
    "#,
    options(att_syntax)
);

const _: () = assert!(RIP == ORIG_RAX + 8);
