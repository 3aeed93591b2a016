//! What the tests share: code that runs in user mode, spaces it runs in, and a clock.

use core::arch::global_asm;
use ochre_hal::frame::Frame;
use ochre_hal::paging::{PageTable, Perms};
use ochre_hal::time;
use ochre_hal::user::UserContext;

global_asm!(
    r#"
    .section .rodata
    .globl selftest_calls, selftest_spin, selftest_fault, selftest_fpu, selftest_vdso, selftest_end
    selftest_calls:
        mov eax, 39
        syscall
        dec rbx
        jnz selftest_calls
        mov eax, 60
        syscall
    selftest_spin:
        inc rbx
        jmp selftest_spin
    selftest_fault:
        mov rax, [rdi]
        mov [rdi], rbx
        hlt
    selftest_fpu:
        movq xmm3, rbx
        mov eax, 1
        syscall
        movq rbx, xmm3
        mov eax, 2
        syscall
    selftest_vdso:
        call rbx
        mov eax, 3
        syscall
    selftest_end:
    "#
);

unsafe extern "C" {
    pub static selftest_calls: u8;
    pub static selftest_spin: u8;
    pub static selftest_fault: u8;
    pub static selftest_fpu: u8;
    pub static selftest_vdso: u8;
    pub static selftest_end: u8;
}

pub const CODE: usize = 0x40_0000;

pub fn code(symbol: *const u8) -> usize {
    CODE + (symbol.addr() - (&raw const selftest_calls).addr())
}

/// A space with the test code.
pub fn space() -> PageTable {
    let mut table = PageTable::new().expect("memory");
    let frame = Frame::alloc_zeroed().expect("memory");
    let start = &raw const selftest_calls;
    let len = (&raw const selftest_end).addr() - start.addr();
    // SAFETY: the assembly above, up to its end.
    frame.write(0, unsafe { core::slice::from_raw_parts(start, len) });
    table
        .map(CODE, frame, Perms::READ | Perms::EXEC)
        .expect("memory");
    table
}

pub fn user(rip: usize) -> UserContext {
    let mut user = UserContext::new().expect("memory");
    user.regs.rip = rip;
    user
}

/// The shortest of many runs, as the host may have other things to do.
pub fn shortest(mut run: impl FnMut()) -> u64 {
    let time = |_| {
        let start = time::now();
        run();
        time::now() - start
    };
    (0..50).map(time).min().expect("fifty runs")
}
