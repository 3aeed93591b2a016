//! The end: says where and why on the serial port and the screen, stops the other CPUs, and does
//! what the boot option `panic=` asks: `exit` (QEMU's debug exit), `reboot`, or halt.

use crate::upcalls::registered;
use crate::user::UserRegs;
use crate::{apic, boot, cpu, local, screen, serial, x86};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicUsize, Ordering};

const NOBODY: usize = usize::MAX;
static PANICKING: AtomicUsize = AtomicUsize::new(NOBODY);

/// Exit code of QEMU's debug exit: the process ends with 2·N+1.
const DEBUG_EXIT_PANIC: u8 = 0x3e;

/// Writes to the first serial port and the screen, without locks.
struct LastWords;

impl Write for LastWords {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        serial::write_regardless(s.as_bytes());
        screen::write(s);
        Ok(())
    }
}

/// Where an NMI finds out whether this CPU is to stop.
pub fn stop_if_panicking() {
    if PANICKING.load(Ordering::Acquire) != NOBODY {
        x86::halt_forever();
    }
}

fn begin() {
    let me = local::id();
    match PANICKING.compare_exchange(NOBODY, me, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => apic::stop_others(),
        // A panic while panicking: no more words.
        Err(who) if who == me => finish(),
        Err(_) => x86::halt_forever(),
    }
}

fn finish() -> ! {
    match boot::panic_action() {
        boot::PanicAction::Exit => cpu::debug_exit_now(DEBUG_EXIT_PANIC),
        boot::PanicAction::Reboot => cpu::reboot(),
        boot::PanicAction::Halt => {}
    }
    x86::halt_forever()
}

fn describe_thread(out: &mut LastWords) {
    if let Some(upcalls) = registered() {
        (upcalls.describe_current)(out);
    }
}

/// A trap that the kernel can't have caused rightly.
pub fn trap(regs: &UserRegs, why: fmt::Arguments<'_>) -> ! {
    begin();
    let mut out = LastWords;
    // Writing to `LastWords` can't fail.
    let _ = writeln!(out, "\nkernel panic on CPU {}: {why}", local::id());
    let _ = writeln!(
        out,
        "rip {:#018x} rsp {:#018x} rflags {:#x}\nrax {:#x} rbx {:#x} rcx {:#x} rdx {:#x}\n\
         rsi {:#x} rdi {:#x} rbp {:#x} r8 {:#x}\nr9 {:#x} r10 {:#x} r11 {:#x} r12 {:#x}\n\
         r13 {:#x} r14 {:#x} r15 {:#x}",
        regs.rip,
        regs.rsp,
        regs.rflags,
        regs.rax,
        regs.rbx,
        regs.rcx,
        regs.rdx,
        regs.rsi,
        regs.rdi,
        regs.rbp,
        regs.r8,
        regs.r9,
        regs.r10,
        regs.r11,
        regs.r12,
        regs.r13,
        regs.r14,
        regs.r15
    );
    describe_thread(&mut out);
    trace(&mut out, regs.rsp);
    finish()
}

/// Prints what look like return addresses on this stack, newest first.
fn trace(out: &mut LastWords, rsp: usize) {
    let _ = write!(out, "stack:");
    let mut at = rsp & !7;
    let mut shown = 0;
    // A kernel stack ends at a multiple of its size; boot stacks end earlier.
    while shown < 24 && !at.is_multiple_of(crate::context::STACK_SIZE) {
        // SAFETY: from a valid stack pointer up to the end of its stack all is mapped.
        let word = unsafe { (at as *const usize).read() };
        if crate::paging::kernel::is_kernel_code(word) {
            let _ = write!(out, " {word:#x}");
            shown += 1;
        }
        at += 8;
    }
    let _ = writeln!(out);
}

/// The panic of Rust code.
#[cfg(target_os = "none")]
#[panic_handler]
fn on_panic(info: &core::panic::PanicInfo<'_>) -> ! {
    begin();
    let mut out = LastWords;
    let _ = writeln!(out, "\nkernel panic on CPU {}: {info}", local::id());
    describe_thread(&mut out);
    let marker = 0usize;
    trace(&mut out, (&raw const marker).addr());
    finish()
}

/// Ends the boot with a message that a user can act on.
pub fn boot_failure(why: fmt::Arguments<'_>) -> ! {
    begin();
    let _ = writeln!(LastWords, "\nOchre cannot start: {why}");
    finish()
}
