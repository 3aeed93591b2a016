//! A user thread's kernel half: run user code, serve why it stopped, act on signals, again.

use super::signal::deliver::{self, Restart};
use super::signal::{self, SigInfo};
use super::thread::{LastTrap, Thread};
use super::trace::stop;
use super::user_dispatch;
use super::{dump, oom, seccomp};
use crate::errno::Errno;
use crate::fs::kernel_log;
use crate::linux::general as raw;
use crate::mm::fault::{self, Denied};
use crate::mm::uptr::UserPtr;
use crate::sched::cpu;
use crate::syscall;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use ochre_hal::addr::USER_END;
use ochre_hal::paging::Perms;
use ochre_hal::user::{DebugRegisters, Trap, UserContext};

/// The CPU's number of page faults.
const PAGE_FAULT: u8 = 14;

/// The first code of every thread, on its own kernel stack.
pub(super) fn entry(_: usize) -> ! {
    cpu::begin();
    {
        let thread = cpu::current();
        if let Some(mut user) = thread.take_start() {
            run(&thread, &mut user);
            user = dump::stand_by(&thread, user);
            let status = super::exit::status_of(&thread);
            stop::exiting(&thread, &mut user, status);
        }
        super::exit::thread(&thread);
        thread.leftovers.let_go();
    }
    cpu::exit()
}

fn run(thread: &Arc<Thread>, user: &mut UserContext) {
    if let Some(prelude) = thread.take_prelude()
        && let Err(error) = prelude(thread, user)
    {
        ochre_hal::log!("thread {} can't start: {error:?}", thread.tid());
        super::exit::group(thread, super::exit::exited(127));
        return;
    }
    let set_tid = thread.set_tid.load(Ordering::Relaxed);
    if set_tid != 0 {
        // A bad address is the program's own affair, as on Linux.
        let _ = UserPtr::<u32>::new(set_tid).write(&thread.tid());
    }
    loop {
        let restart = if thread.attention().is_empty() {
            match user.run() {
                Trap::Syscall => system_call(thread, user),
                Trap::PageFault {
                    addr,
                    write,
                    exec,
                    error,
                } => {
                    let wish = if write {
                        Perms::WRITE
                    } else if exec {
                        Perms::EXEC
                    } else {
                        Perms::READ
                    };
                    page_fault(thread, addr, wish, error);
                    Restart::No
                }
                Trap::Exception { vector, error } => {
                    exception(thread, user, vector, error);
                    Restart::No
                }
                Trap::Interrupt => Restart::No,
            }
        } else {
            Restart::No
        };
        thread.leftovers.let_go();
        kernel_log::announce();
        if cpu::should_reschedule() {
            cpu::give_way();
        }
        if (restart != Restart::No || !thread.attention().is_empty())
            && !deliver::run(thread, user, restart)
        {
            return;
        }
    }
}

/// A system call, with what a tracer may want before and after.
fn system_call(thread: &Arc<Thread>, user: &mut UserContext) -> Restart {
    if thread.user_dispatch.is_on() && user_dispatch::sends_back(thread, user) {
        return Restart::No;
    }
    if !thread.trace.is_traced() {
        return answer(thread, user);
    }
    let called = !thread.trace.watches_calls() || stop::before_call(thread, user);
    let restart = if called {
        answer(thread, user)
    } else {
        Restart::No
    };
    if thread.trace.watches_calls() {
        stop::after_call(thread, user, restart);
    }
    if stop::stepped(thread, user) {
        let info = SigInfo::fault(signal::SIGTRAP, raw::TRAP_TRACE, user.regs.rip);
        deliver::force(thread, info);
    }
    restart
}

fn answer(thread: &Arc<Thread>, user: &mut UserContext) -> Restart {
    if !thread.seccomp.is_off()
        && let Err(restart) = seccomp::check(thread, user)
    {
        return restart;
    }
    let mut result = syscall::dispatch(thread, user);
    if result == Err(Errno::ENOMEM) && oom::made_room_for_call(thread) {
        result = syscall::dispatch(thread, user);
    }
    match result {
        Ok(value) => {
            user.regs.rax = value;
            Restart::No
        }
        Err(Errno::RESTART) => Restart::IfAllowed,
        Err(Errno::RESTART_ALWAYS) => Restart::Always,
        Err(Errno::RESTART_NO_HANDLER) => Restart::IfNoHandler,
        Err(error) => {
            user.regs.rax = error.to_ret();
            Restart::No
        }
    }
}

fn page_fault(thread: &Arc<Thread>, addr: usize, wish: Perms, error: u64) {
    thread.minor_faults.fetch_add(1, Ordering::Relaxed);
    let Some(space) = thread.process().space() else {
        return;
    };
    let info = match fault::handle(&space, addr, wish) {
        Ok(()) => return,
        Err(Denied::Unmapped) => SigInfo::fault(signal::SIGSEGV, raw::SEGV_MAPERR, addr),
        Err(Denied::Forbidden) => SigInfo::fault(signal::SIGSEGV, raw::SEGV_ACCERR, addr),
        Err(Denied::Bus) => SigInfo::fault(signal::SIGBUS, raw::BUS_ADRERR, addr),
        Err(Denied::OutOfMemory) => {
            oom::give_way(thread);
            return;
        }
    };
    // What the kernel has mapped is nobody's business: all of it looks as if it were there.
    let hidden = u64::from(addr >= USER_END);
    thread.signals.lock().trap = LastTrap {
        number: PAGE_FAULT,
        error: error | hidden,
        address: addr,
    };
    deliver::force(thread, info);
}

/// si_code of an error in floating point arithmetic: the first of those that are there and not masked. `image`
/// is FXSAVE's.
fn float_code(image: &[u8], vector: u8) -> Option<u32> {
    /// Where control word, status word and MXCSR are.
    const FCW: usize = 0;
    const FSW: usize = 2;
    const MXCSR: usize = 24;
    let word = |at: usize| {
        let bytes = image.get(at..)?.first_chunk()?;
        Some(u32::from(u16::from_le_bytes(*bytes)))
    };
    let errors = if vector == 16 {
        word(FSW)? & !word(FCW)?
    } else {
        let mxcsr = word(MXCSR)?;
        mxcsr & !(mxcsr >> 7)
    };
    let codes = [
        (0x01, raw::FPE_FLTINV),
        (0x04, raw::FPE_FLTDIV),
        (0x08, raw::FPE_FLTOVF),
        // Denormal operands count as underflow.
        (0x12, raw::FPE_FLTUND),
        (0x20, raw::FPE_FLTRES),
    ];
    let first = codes.iter().find(|(bits, _)| errors & bits != 0);
    first.map(|(_, code)| *code)
}

/// si_code of a debug exception: an instruction was made, an address met, or neither (INT1).
fn debug_code(status: u64, stepped: bool) -> u32 {
    if stepped || status & DebugRegisters::STEP != 0 {
        raw::TRAP_TRACE
    } else if status & DebugRegisters::MET != 0 {
        raw::TRAP_HWBKPT
    } else {
        raw::TRAP_BRKPT
    }
}

fn exception(thread: &Arc<Thread>, user: &mut UserContext, vector: u8, error: u64) {
    {
        let mut signals = thread.signals.lock();
        signals.trap.number = vector;
        signals.trap.error = error;
    }
    let stepped = vector == 1 && stop::stepped(thread, user);
    let ip = user.regs.rip;
    let info = match vector {
        0 => SigInfo::fault(signal::SIGFPE, raw::FPE_INTDIV, ip),
        1 => SigInfo::fault(signal::SIGTRAP, debug_code(user.debug.status, stepped), ip),
        3 => SigInfo::kernel(signal::SIGTRAP),
        4 => SigInfo::kernel(signal::SIGSEGV),
        6 => SigInfo::fault(signal::SIGILL, raw::ILL_ILLOPN, ip),
        16 | 19 => match float_code(user.fpu_bytes(), vector) {
            Some(code) => SigInfo::fault(signal::SIGFPE, code, ip),
            // Nothing is wrong any more: the instruction is tried again.
            None => return,
        },
        17 => SigInfo::fault(signal::SIGBUS, raw::BUS_ADRALN, 0),
        12 => SigInfo::kernel(signal::SIGBUS),
        // #GP and what has no signal of its own.
        _ => SigInfo::kernel(signal::SIGSEGV),
    };
    deliver::force(thread, info);
}

#[cfg(test)]
mod tests {
    use super::{float_code, raw};

    #[test]
    fn codes_tell_the_first_error_that_is_not_masked() {
        let image = |control: u16, status: u16, mxcsr: u16| {
            let mut image = [0; 512];
            image[..2].copy_from_slice(&control.to_le_bytes());
            image[2..4].copy_from_slice(&status.to_le_bytes());
            image[24..26].copy_from_slice(&mxcsr.to_le_bytes());
            image
        };
        let x87 = |control, status| float_code(&image(control, status, 0), 16);
        let sse = |mxcsr| float_code(&image(0, 0, mxcsr), 19);
        assert_eq!(x87(0x37b, 0x04), Some(raw::FPE_FLTDIV));
        assert_eq!(x87(0x37f, 0x3f), None);
        assert_eq!(x87(0x340, 0x12), Some(raw::FPE_FLTUND));
        assert_eq!(sse(0x1d80 | 0x04), Some(raw::FPE_FLTDIV));
        assert_eq!(sse(0x0f80 | 0x20), Some(raw::FPE_FLTRES));
        assert_eq!(sse(0x1f80 | 0x3f), None);
    }
}
