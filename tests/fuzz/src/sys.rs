//! System calls as they are, also such as return on another stack or not at all.

use std::arch::{asm, global_asm};

/// Makes a call: the result as the kernel returns it. Where it returns on a stack that isn't the
/// caller's (a thread that `clone` made), life goes on in [`crate::worker::on_new_stack`].
pub fn call(number: usize, a: [usize; 6]) -> isize {
    let result;
    // SAFETY: the kernel keeps all registers but rax, rcx and r11. What the call does to the memory
    // of this process is what is tried here; all pointers lead to memory kept for that.
    unsafe {
        asm!(
            "mov r12, rsp",
            "syscall",
            "cmp rsp, r12",
            "je 2f",
            "xor ebp, ebp",
            "and rsp, -16",
            "call {other}",
            "ud2",
            "2:",
            other = sym crate::worker::on_new_stack,
            inout("rax") number as isize => result,
            in("rdi") a[0],
            in("rsi") a[1],
            in("rdx") a[2],
            in("r10") a[3],
            in("r8") a[4],
            in("r9") a[5],
            out("rcx") _,
            out("r11") _,
            out("r12") _,
        );
    }
    result
}

/// `sys!(close, fd)`
#[macro_export]
macro_rules! sys {
    ($name:ident $(, $argument:expr)* $(,)?) => {{
        let arguments = [$($argument as usize),*];
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(&arguments);
        $crate::sys::call(libc::$name as usize, all)
    }};
}

/// Clones a process or thread that does nothing but exit: it needs no stack. `flags` say what it
/// shares, and `cleared` is what CLONE_CHILD_CLEARTID clears.
pub fn clone_to_exit(flags: i32, cleared: usize) -> isize {
    let result;
    // SAFETY: the child touches no memory at all, nor the stack that it may share.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov eax, 60",
            "xor edi, edi",
            "syscall",
            "ud2",
            "2:",
            inout("rax") libc::SYS_clone as isize => result,
            in("rdi") flags,
            in("rsi") 0,
            in("rdx") 0,
            in("r10") cleared,
            in("r8") 0,
            out("rcx") _,
            out("r11") _,
        );
    }
    result
}

/// Returns from a signal whose frame is at `frame`.
pub fn sigreturn(frame: usize) -> ! {
    // SAFETY: called by children that are there to die of it.
    unsafe {
        asm!("mov rsp, rdi", "mov eax, 15", "syscall", "ud2", in("rdi") frame, options(noreturn));
    }
}

global_asm!(
    ".globl fuzz_restorer",
    "fuzz_restorer:",
    "mov eax, 15",
    "syscall",
    // Reads or writes a byte; `on_fault` goes on at `fuzz_touched`.
    ".globl fuzz_touch",
    "fuzz_touch:",
    "mov al, [rdi]",
    "test esi, esi",
    "jz fuzz_touched",
    "mov [rdi], dl",
    ".globl fuzz_touched",
    "fuzz_touched:",
    "ret",
);

unsafe extern "C" {
    fn fuzz_restorer();
    fn fuzz_touch(at: usize, write: u32, byte: u32);
    fn fuzz_touched();
}

/// What a handler returns to.
pub fn restorer() -> usize {
    fuzz_restorer as *const () as usize
}

/// Touches a byte that may not be there, or not for this.
pub fn touch(at: usize, write: bool, byte: u8) {
    // SAFETY: it keeps all registers that C keeps; a fault ends in `on_fault` and comes back.
    unsafe { fuzz_touch(at, u32::from(write), u32::from(byte)) }
}

/// The handler of SIGSEGV and SIGBUS.
extern "C" fn on_fault(signal: i32, _info: usize, context: *mut libc::ucontext_t) {
    const RIP: usize = libc::REG_RIP as usize;
    // SAFETY: the kernel has put the context there, for this handler to change.
    let rip = unsafe { &mut (*context).uc_mcontext.gregs[RIP] };
    let (start, end) = (
        fuzz_touch as *const () as i64,
        fuzz_touched as *const () as i64,
    );
    if (start..end).contains(rip) {
        *rip = end;
    } else {
        // Anywhere else it is the end, once the handler has returned.
        action(signal, libc::SIG_DFL, 0);
    }
}

extern "C" fn on_signal(_signal: i32) {}

/// The kernel's `struct sigaction`, as bytes.
pub fn action_bytes(handler: usize, flags: u64, mask: u64) -> [u64; 4] {
    [handler as u64, flags, restorer() as u64, mask]
}

fn action(signal: i32, handler: usize, flags: u64) {
    const SA_RESTORER: u64 = 0x0400_0000;
    let bytes = action_bytes(handler, flags | SA_RESTORER, 0);
    sys!(SYS_rt_sigaction, signal, bytes.as_ptr(), 0, 8);
}

/// A handler that does nothing.
pub fn idle_handler() -> usize {
    on_signal as *const () as usize
}

/// What each life wants of signals: faults come back from `touch`, and a timer ends what blocks.
pub fn handle_signals() {
    let fault = on_fault as *const () as usize;
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        let flags = libc::SA_SIGINFO | libc::SA_NODEFER | libc::SA_ONSTACK;
        action(signal, fault, flags as u64);
    }
    for signal in 1..=64 {
        let fault = matches!(
            signal,
            libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE | libc::SIGCHLD
        );
        if !fault {
            action(signal, idle_handler(), 0);
        }
    }
    ring();
}

/// Has an alarm end the call that it comes in.
pub fn handle_alarm() {
    action(libc::SIGALRM, idle_handler(), 0);
}

/// Starts the timer whose signal ends calls that would block.
pub fn ring() {
    let interval = [0_u64, 20_000, 0, 20_000];
    sys!(SYS_setitimer, libc::ITIMER_REAL, interval.as_ptr(), 0);
}
