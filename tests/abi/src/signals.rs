//! Signals: sending, blocking, queueing, handlers with their information, stacks, restarts.

use crate::{child, show, sys};
use libc::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};

static CAUGHT: AtomicI32 = AtomicI32::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
/// The address differs from run to run.
static SOMEWHERE: AtomicBool = AtomicBool::new(false);
static STACK: AtomicUsize = AtomicUsize::new(0);

/// Where a `ucontext_t` has the CPU's error code and the exception's number, in words.
const ERROR_AT: usize = 5 + 19;
const TRAP_AT: usize = 5 + 20;

extern "C" fn note(signal: i32, info: *mut siginfo_t, context: *mut c_void) {
    let here = 0_u8;
    STACK.store((&raw const here).addr(), SeqCst);
    CAUGHT.fetch_add(1, SeqCst);
    // SAFETY: the kernel passes a filled siginfo.
    unsafe {
        CODE.store((*info).si_code, SeqCst);
        ADDRESS.store((*info).si_addr().addr(), SeqCst);
    }
    if matches!(signal, SIGSEGV | SIGBUS | SIGILL | SIGFPE) {
        let address = if SOMEWHERE.load(SeqCst) {
            "somewhere".to_owned()
        } else {
            format!("{:#x}", ADDRESS.load(SeqCst) & 0xfff)
        };
        let word = |at: usize| {
            // SAFETY: the kernel passes a filled ucontext, of which these words are part.
            unsafe { context.cast::<u64>().add(at).read() }
        };
        println!(
            "handler: signal {signal} code {} at {address}, exception {} error {:#x}",
            CODE.load(SeqCst),
            word(TRAP_AT),
            word(ERROR_AT)
        );
        sys!(SYS_exit_group, 50 + signal);
    }
}

fn handle(signal: i32, flags: i32) {
    // SAFETY: the handler calls nothing but system calls, and println where the process ends.
    unsafe {
        let mut action: sigaction = std::mem::zeroed();
        action.sa_sigaction = note as *const () as usize;
        action.sa_flags = flags | SA_SIGINFO;
        libc::sigaction(signal, &raw const action, null_mut());
    }
}

fn set(signals: &[i32]) -> u64 {
    signals
        .iter()
        .fold(0, |set, signal| set | 1 << (signal - 1))
}

fn mask(how: i32, signals: &[i32]) -> sys::Ret {
    sys!(
        SYS_rt_sigprocmask,
        how,
        std::ptr::from_ref(&set(signals)),
        0,
        8
    )
}

fn me() -> sys::Ret {
    sys!(SYS_getpid)
}

fn caught() -> i32 {
    CAUGHT.swap(0, SeqCst)
}

pub fn run() {
    sending();
    blocking();
    queueing();
    too_many();
    faults();
    stacks();
    restarts();
    descriptors();
    threads();
}

/// A signal for the process that one of its threads is told of just as it ends, and a call that ends early.
fn threads() {
    const ROUNDS: i32 = 200;
    show!(
        "sent while a thread ends",
        child::run(|| {
            handle(SIGUSR1, 0);
            mask(SIG_BLOCK, &[SIGUSR1]);
            for round in 1..=ROUNDS {
                let ready = AtomicI32::new(0);
                let take = || {
                    mask(SIG_UNBLOCK, &[SIGUSR1]);
                    ready.fetch_add(1, SeqCst);
                    while ready.load(SeqCst) < 2 {
                        std::thread::yield_now();
                    }
                };
                std::thread::scope(|scope| {
                    scope.spawn(take);
                    scope.spawn(|| {
                        take();
                        while CAUGHT.load(SeqCst) < round {
                            std::thread::yield_now();
                        }
                    });
                    while ready.load(SeqCst) < 2 {
                        std::thread::yield_now();
                    }
                    sys!(SYS_kill, me(), SIGUSR1);
                });
            }
            i32::from(caught() == ROUNDS)
        })
    );
    show!(
        "many random bytes",
        child::run(|| {
            handle(SIGUSR1, 0);
            let mut bytes = vec![0_u8; 64 << 20];
            let (thread, done) = (sys!(SYS_gettid), AtomicBool::new(false));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(SeqCst) {
                        sys!(SYS_tgkill, me(), thread, SIGUSR1);
                    }
                });
                let filled = sys!(SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0).0 as usize;
                done.store(true, SeqCst);
                i32::from(filled < bytes.len() && filled.is_multiple_of(4096))
            })
        })
    );
}

fn sending() {
    handle(SIGUSR1, 0);
    show!("kill", sys!(SYS_kill, me(), SIGUSR1));
    show!("caught", "{} code {}", caught(), CODE.load(SeqCst));
    show!("tgkill", sys!(SYS_tgkill, me(), sys!(SYS_gettid), SIGUSR1));
    show!("caught", "{} code {}", caught(), CODE.load(SeqCst));
    show!("signal 0", sys!(SYS_kill, me(), 0));
    show!("signal 65", sys!(SYS_kill, me(), 65));
    show!("signal -1", sys!(SYS_kill, me(), -1));
    show!("to nobody", sys!(SYS_kill, 999_999, SIGUSR1));
    show!("to no thread", sys!(SYS_tgkill, me(), 999_999, SIGUSR1));
    show!("to thread 0", sys!(SYS_tgkill, me(), 0, SIGUSR1));
    // The first process has a handler for none of these, and goes on.
    for signal in [SIGUSR1, SIGSTOP, SIGKILL, SIGSEGV, 40] {
        let mut info = [0_u32; 32];
        (info[0], info[2]) = (signal as u32, -1_i32 as u32);
        show!("kill 1", sys!(SYS_kill, 1, signal));
        show!("tkill 1", sys!(SYS_tkill, 1, signal));
        let queued = sys!(SYS_rt_sigqueueinfo, 1, signal, info.as_ptr());
        show!("sigqueue 1", queued);
    }
    show!(
        "an action for KILL",
        sys!(SYS_rt_sigaction, SIGKILL, [0_usize; 4].as_ptr(), 0, 8)
    );
    show!("an action for 0", sys!(SYS_rt_sigaction, 0, 0, 0, 8));
    show!(
        "an action of a wrong size",
        sys!(SYS_rt_sigaction, SIGUSR1, 0, 0, 16)
    );
    handle(SIGUSR2, SA_RESETHAND | SA_NODEFER);
    sys!(SYS_kill, me(), SIGUSR2);
    let mut action = [0_usize; 4];
    sys!(SYS_rt_sigaction, SIGUSR2, 0, action.as_mut_ptr(), 8);
    show!("once", "{} then {}", caught(), action[0]);
    for signal in [
        SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGPIPE, SIGUSR2, SIGXCPU, SIGSYS, SIGIO,
        SIGPWR, SIGSTKFLT, SIGVTALRM, 40,
    ] {
        show!(
            format!("default of {signal}"),
            child::run(|| {
                sys!(SYS_kill, me(), signal);
                1
            })
        );
    }
    for signal in [SIGCHLD, SIGURG, SIGWINCH, SIGCONT] {
        show!(
            format!("default of {signal}"),
            child::run(|| {
                sys!(SYS_kill, me(), signal);
                1
            })
        );
    }
}

fn blocking() {
    show!("block", mask(SIG_BLOCK, &[SIGUSR1, SIGKILL, SIGSTOP]));
    let mut now = 0_u64;
    sys!(SYS_rt_sigprocmask, SIG_BLOCK, 0, &raw mut now, 8);
    show!("mask", "{now:#x}");
    sys!(SYS_kill, me(), SIGUSR1);
    sys!(SYS_kill, me(), SIGUSR1);
    show!("not yet", caught());
    let mut pending = 0_u64;
    show!("pending", sys!(SYS_rt_sigpending, &raw mut pending, 8));
    show!("they are", "{pending:#x}");
    mask(SIG_UNBLOCK, &[SIGUSR1]);
    show!("once", caught());
    show!("wrong way", mask(9, &[SIGUSR1]));
    show!("wrong size", sys!(SYS_rt_sigprocmask, SIG_BLOCK, 0, 0, 4));
    mask(SIG_BLOCK, &[SIGUSR1]);
    sys!(SYS_kill, me(), SIGUSR1);
    show!(
        "suspend",
        sys!(SYS_rt_sigsuspend, std::ptr::from_ref(&0_u64), 8)
    );
    show!("caught in it", caught());
    sys!(SYS_kill, me(), SIGUSR1);
    show!("blocked again", caught());
    let ignore = [SIG_IGN, 0, 0, 0];
    sys!(SYS_rt_sigaction, SIGUSR1, ignore.as_ptr(), 0, 8);
    sys!(SYS_rt_sigpending, &raw mut pending, 8);
    show!("ignoring drops what is pending", "{pending:#x}");
    handle(SIGUSR1, 0);
    sys!(SYS_tgkill, me(), sys!(SYS_gettid), SIGUSR1);
    sys!(SYS_rt_sigaction, SIGUSR1, ignore.as_ptr(), 0, 8);
    sys!(SYS_rt_sigpending, &raw mut pending, 8);
    show!("what is pending for a thread, too", "{pending:#x}");
    handle(SIGUSR1, 0);
    mask(SIG_UNBLOCK, &[SIGUSR1]);
    show!(
        "blocked in a child",
        child::run(|| {
            mask(SIG_BLOCK, &[SIGUSR1]);
            sys!(SYS_kill, me(), SIGUSR1);
            child::run(|| {
                let mut pending = 0_u64;
                sys!(SYS_rt_sigpending, &raw mut pending, 8);
                i32::from(pending != 0)
            })
            .contains('1')
            .into()
        })
    );
}

fn queueing() {
    mask(SIG_BLOCK, &[34, 35, SIGUSR1]);
    let queue = |signal: i32, value: usize| {
        let mut info = [0_usize; 16];
        info[0] = signal as usize;
        info[1] = (SI_QUEUE as u32) as usize;
        info[3] = value;
        sys!(SYS_rt_sigqueueinfo, me(), signal, info.as_ptr())
    };
    for (signal, value) in [(35, 1), (34, 2), (35, 3), (34, 4)] {
        show!("queue", queue(signal, value));
    }
    sys!(SYS_kill, me(), SIGUSR1);
    let wanted = set(&[34, 35, SIGUSR1]);
    let timeout = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    for _ in 0..6 {
        let mut info = [0_i32; 32];
        let signal = sys!(
            SYS_rt_sigtimedwait,
            &raw const wanted,
            info.as_mut_ptr(),
            &raw const timeout,
            8
        );
        show!(
            "taken",
            "{} code {} value {}",
            signal,
            info[2],
            if signal.0 >= 34 { info[6] } else { 0 }
        );
    }
    let mut info = [0_i32; 32];
    info[2] = SI_USER;
    show!(
        "a false kill",
        sys!(SYS_rt_sigqueueinfo, 1, 34, info.as_ptr())
    );
    mask(SIG_UNBLOCK, &[34, 35, SIGUSR1]);
    let wrong = timespec {
        tv_sec: 0,
        tv_nsec: -1,
    };
    show!(
        "a wrong time",
        sys!(
            SYS_rt_sigtimedwait,
            &raw const wanted,
            0,
            &raw const wrong,
            8
        )
    );
}

extern "C" fn tell_code(_: i32, info: *const i32, _: *const u8) {
    // SAFETY: the kernel hands its information over, whose third word is the code.
    let code = unsafe { *info.add(2) };
    sys!(SYS_exit_group, code);
}

/// What is wrong with arithmetic, by si_code, which the child exits with.
fn float_faults() {
    let failing = |work: &dyn Fn()| {
        child::run(|| {
            // SAFETY: the handler exits.
            unsafe {
                let mut action: sigaction = std::mem::zeroed();
                action.sa_sigaction =
                    tell_code as extern "C" fn(i32, *const i32, *const u8) as usize;
                action.sa_flags = SA_SIGINFO;
                sigaction(SIGFPE, &raw const action, std::ptr::null_mut());
            }
            work();
            0
        })
    };
    let double = |value: f64| value.to_bits();
    for (what, a, b) in [
        ("invalid", double(0.0), double(0.0)),
        ("by zero", double(1.0), double(0.0)),
        ("too large", double(1e308), double(1e-308)),
        ("too small", double(1e-308), double(1e300)),
        ("not normal", 1, double(1.0)),
        ("inexact", double(1.0), double(3.0)),
    ] {
        let sse = failing(&|| {
            let control = 0_u32;
            // SAFETY: the fault is the check; all exceptions are let through.
            unsafe {
                std::arch::asm!(
                    "ldmxcsr [{0}]", "movq xmm0, {1}", "movq xmm1, {2}", "divsd xmm0, xmm1",
                    in(reg) &raw const control, in(reg) a, in(reg) b,
                    out("xmm0") _, out("xmm1") _
                );
            }
        });
        let x87 = failing(&|| {
            let (control, a, b, mut out) = (0x240_u16, a, b, 0_u64);
            // SAFETY: as above; the waiting instruction tells of an error of the last.
            unsafe {
                std::arch::asm!(
                    "fninit", "fldcw [{0}]", "fld qword ptr [{1}]", "fdiv qword ptr [{2}]",
                    "fstp qword ptr [{3}]", "fwait",
                    in(reg) &raw const control, in(reg) &raw const a, in(reg) &raw const b,
                    in(reg) &raw mut out,
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _
                );
            }
        });
        show!(format!("arithmetic, {what}"), "{sse}, {x87}");
    }
}

/// As many as may wait for one user's processes.
fn too_many() {
    let queue = |signal: i32, code: i32| {
        let mut info = [0_i32; 32];
        info[0] = signal;
        info[2] = code;
        sys!(SYS_rt_sigqueueinfo, me(), signal, info.as_ptr())
    };
    let first = 34;
    let waiting = set(&[first, first + 1, SIGUSR1, SIGUSR2]);
    let taken = || {
        let mut codes = Vec::new();
        let time = [0_i64; 2];
        loop {
            let mut info = [0_i32; 32];
            let (at, set) = (info.as_mut_ptr(), &raw const waiting);
            if sys!(SYS_rt_sigtimedwait, set, at, time.as_ptr(), 8).failed() {
                break codes;
            }
            codes.push((info[0], info[2]));
        }
    };
    show!(
        "many signals",
        child::run(|| {
            sys!(SYS_setresuid, 54_322, 54_322, 54_322);
            sys!(SYS_setrlimit, RLIMIT_SIGPENDING, [3_u64, 3].as_ptr());
            mask(SIG_BLOCK, &[first, first + 1, SIGUSR1, SIGUSR2]);
            let all: Vec<_> = (0..4).map(|_| queue(first, SI_QUEUE).to_string()).collect();
            show!("queued", "{all:?}");
            show!("queued a plain one", queue(SIGUSR1, SI_QUEUE));
            show!("killed by a plain one", sys!(SYS_kill, me(), SIGUSR2));
            show!("killed", sys!(SYS_kill, me(), first + 1));
            show!("one's own thread", sys!(SYS_tkill, me(), first + 1));
            show!(
                "a child's, as there are so many",
                child::run(|| {
                    mask(SIG_BLOCK, &[first]);
                    i32::from(queue(first, SI_QUEUE).failed())
                })
            );
            show!("taken", "{:?}", taken());
            show!("queued again", queue(first, SI_QUEUE));
            show!("taken again", "{:?}", taken());
            sys!(SYS_setrlimit, RLIMIT_SIGPENDING, [0_u64, 0].as_ptr());
            show!("none may", queue(first, SI_QUEUE));
            show!("still killed", sys!(SYS_kill, me(), SIGUSR1));
            show!("taken at last", "{:?}", taken());
            0
        })
    );
    show!(
        "more than a few thousand",
        child::run(|| {
            sys!(SYS_setrlimit, RLIMIT_SIGPENDING, [6000_u64, 6000].as_ptr());
            mask(SIG_BLOCK, &[first]);
            let queued = (0..6100).take_while(|_| !queue(first, SI_QUEUE).failed());
            show!("so many", queued.count());
            0
        })
    );
}

fn faults() {
    let fault = |signal: i32, work: fn()| {
        child::run(|| {
            handle(signal, 0);
            work();
            0
        })
    };
    show!(
        "no mapping",
        fault(SIGSEGV, || {
            // SAFETY: the fault is the check.
            unsafe { (0x123 as *mut u8).write_volatile(1) };
        })
    );
    show!(
        "no permission",
        fault(SIGSEGV, || {
            let page = sys!(
                SYS_mmap,
                0,
                4096,
                PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS,
                -1,
                0
            );
            // SAFETY: the fault is the check.
            unsafe { ((page.0 + 0x456) as *mut u8).write_volatile(1) };
        })
    );
    show!(
        "no permission for what is there",
        fault(SIGSEGV, || {
            let there = 5_u8;
            // A constant: mapped from the program, read-only.
            static CONSTANT: [u8; 8192] = [7; 8192];
            let at = (&raw const CONSTANT).cast::<u8>();
            let at = at.map_addr(|at| at.next_multiple_of(4096));
            // SAFETY: within the constant; then the fault is the check.
            unsafe {
                std::hint::black_box(at.read_volatile());
                at.cast_mut().write_volatile(there);
            }
        })
    );
    show!(
        "no instructions",
        fault(SIGSEGV, || {
            let page = sys!(
                SYS_mmap,
                0,
                4096,
                PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS,
                -1,
                0
            );
            // SAFETY: the page is this function's; going there is the fault that is checked.
            unsafe {
                (page.0 as *mut u8).write_volatile(0xc3);
                std::arch::asm!("call {}", in(reg) page.0);
            }
        })
    );
    show!(
        "the kernel's",
        fault(SIGSEGV, || {
            // SAFETY: the fault is the check.
            unsafe { (0xffff_8000_0000_0000_usize as *const u8).read_volatile() };
        })
    );
    show!(
        "not canonical",
        fault(SIGSEGV, || {
            // SAFETY: the fault is the check.
            unsafe { std::arch::asm!("mov al, [{}]", in(reg) 1_u64 << 63, out("al") _) };
        })
    );
    show!(
        "behind the end",
        fault(SIGBUS, || {
            let fd = sys!(SYS_memfd_create, c"x", 0);
            let page = sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, fd, 0);
            // SAFETY: the fault is the check.
            unsafe { ((page.0 + 0x789) as *const u8).read_volatile() };
        })
    );
    show!(
        "no instruction",
        fault(SIGILL, || {
            // SAFETY: the fault is the check.
            unsafe { std::arch::asm!("ud2") };
        }) == "exited 54"
    );
    show!(
        "division by zero",
        fault(SIGFPE, || {
            // SAFETY: the fault is the check.
            unsafe {
                std::arch::asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _)
            };
        }) == "exited 58"
    );
    float_faults();
    show!(
        "a breakpoint",
        child::run(|| {
            // SAFETY: the trap is the check.
            unsafe { std::arch::asm!("int3") };
            0
        })
    );
    show!(
        "a privileged instruction",
        child::run(|| {
            // SAFETY: the fault is the check.
            unsafe { std::arch::asm!("hlt") };
            0
        })
    );
    show!(
        "while blocked",
        child::run(|| {
            handle(SIGSEGV, 0);
            mask(SIG_BLOCK, &[SIGSEGV]);
            // SAFETY: the fault is the check.
            unsafe { (0x123 as *mut u8).write_volatile(1) };
            0
        })
    );
    show!(
        "while ignored",
        child::run(|| {
            let ignore = [SIG_IGN, 0, 0, 0];
            sys!(SYS_rt_sigaction, SIGSEGV, ignore.as_ptr(), 0, 8);
            // SAFETY: the fault is the check.
            unsafe { (0x123 as *mut u8).write_volatile(1) };
            0
        })
    );
}

fn stacks() {
    let mut memory = vec![0_u8; 64 << 10];
    let stack = |flags: i32, size: usize, base: *mut u8| [base as usize, flags as usize, size];
    let set_stack = |new: [usize; 3]| sys!(SYS_sigaltstack, new.as_ptr(), 0);
    show!("too small", set_stack(stack(0, 100, memory.as_mut_ptr())));
    show!(
        "wrong flags",
        set_stack(stack(8, 64 << 10, memory.as_mut_ptr()))
    );
    show!("set", set_stack(stack(0, 64 << 10, memory.as_mut_ptr())));
    let mut old = [0_usize; 3];
    sys!(SYS_sigaltstack, 0, old.as_mut_ptr());
    show!("size, flags", "{} {}", old[2], old[1] as i32);
    handle(SIGUSR1, SA_ONSTACK);
    sys!(SYS_kill, me(), SIGUSR1);
    show!(
        "handled on it",
        memory
            .as_ptr_range()
            .contains(&(STACK.load(SeqCst) as *const u8))
    );
    handle(SIGUSR1, 0);
    sys!(SYS_kill, me(), SIGUSR1);
    show!(
        "handled not on it",
        memory
            .as_ptr_range()
            .contains(&(STACK.load(SeqCst) as *const u8))
    );
    show!("off", set_stack(stack(SS_DISABLE, 0, null_mut())));
    sys!(SYS_sigaltstack, 0, old.as_mut_ptr());
    show!("flags", old[1] as i32);
    show!(
        "an overflow is caught on it",
        child::run(|| {
            let mut memory = vec![0_u8; 64 << 10];
            set_stack(stack(0, 64 << 10, memory.as_mut_ptr()));
            handle(SIGSEGV, SA_ONSTACK);
            SOMEWHERE.store(true, SeqCst);
            #[allow(unconditional_recursion)] // running out of stack is the check
            fn deeper(depth: &[u8]) -> usize {
                let more = [depth[0]; 4096];
                deeper(std::hint::black_box(&more)) + usize::from(more[9])
            }
            deeper(&[1]) as i32
        })
        .starts_with("exited")
    );
}

/// Makes a call while an alarm comes each tenth of a second: one of them comes during it, even if
/// the first came before it began.
fn alarmed<T>(call: impl FnOnce() -> T) -> T {
    let set = |setting: [i64; 4]| sys!(SYS_setitimer, ITIMER_REAL, setting.as_ptr(), 0);
    set([0, 100_000, 0, 100_000]);
    let result = call();
    set([0; 4]);
    result
}

fn restarts() {
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe, ends.as_mut_ptr());
    let mut byte = 0_u8;
    handle(SIGALRM, 0);
    show!(
        "read",
        alarmed(|| sys!(SYS_read, ends[0], &raw mut byte, 1))
    );
    let long = timespec {
        tv_sec: 20,
        tv_nsec: 0,
    };
    let mut left = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    show!(
        "sleep",
        alarmed(|| sys!(SYS_nanosleep, &raw const long, &raw mut left))
    );
    show!("left", left.tv_sec);
    show!(
        "sleep until",
        alarmed(|| sys!(
            SYS_clock_nanosleep,
            CLOCK_MONOTONIC,
            0,
            &raw const long,
            &raw mut left
        ))
    );
    let mut polled = [pollfd {
        fd: ends[0],
        events: POLLIN,
        revents: POLLIN,
    }];
    show!(
        "poll",
        alarmed(|| sys!(SYS_poll, polled.as_mut_ptr(), 1, 20_000))
    );
    show!("what it found", polled[0].revents);
    show!("pause", alarmed(|| sys!(SYS_pause)));
    let word = 0_u32;
    show!(
        "futex",
        alarmed(|| sys!(SYS_futex, &raw const word, FUTEX_WAIT, 0, &raw const long))
    );
    show!("alarms", caught() >= 6);
    handle(SIGALRM, SA_RESTART);
    let pid = child::fork(|| {
        let long = timespec {
            tv_sec: 0,
            tv_nsec: 300_000_000,
        };
        sys!(SYS_nanosleep, &raw const long, 0);
        sys!(SYS_write, ends[1], c"x", 1);
        7
    });
    show!(
        "read that goes on",
        alarmed(|| sys!(SYS_read, ends[0], &raw mut byte, 1))
    );
    show!(
        "poll does not",
        alarmed(|| sys!(SYS_poll, polled.as_mut_ptr(), 1, 20_000))
    );
    child::wait(pid);
    let pid = child::fork(|| {
        let long = timespec {
            tv_sec: 0,
            tv_nsec: 300_000_000,
        };
        sys!(SYS_nanosleep, &raw const long, 0);
        7
    });
    show!("wait that goes on", alarmed(|| child::wait(pid)));
    show!("alarms", caught() >= 3);
}

fn descriptors() {
    mask(SIG_BLOCK, &[SIGUSR1, 36]);
    let wanted = set(&[SIGUSR1, 36, SIGKILL]);
    let fd = sys!(SYS_signalfd4, -1, &raw const wanted, 8, SFD_NONBLOCK);
    show!("signalfd", fd.outcome());
    show!(
        "wrong size",
        sys!(SYS_signalfd4, -1, &raw const wanted, 4, 0)
    );
    show!(
        "wrong flags",
        sys!(SYS_signalfd4, -1, &raw const wanted, 8, 1)
    );
    show!(
        "not a signalfd",
        sys!(SYS_signalfd4, 1, &raw const wanted, 8, 0)
    );
    let mut info = [0_u32; 64];
    show!("empty", sys!(SYS_read, fd, info.as_mut_ptr(), 256));
    sys!(SYS_kill, me(), 36);
    sys!(SYS_kill, me(), SIGUSR1);
    show!("little room", sys!(SYS_read, fd, info.as_mut_ptr(), 64));
    show!("both", sys!(SYS_read, fd, info.as_mut_ptr(), 256));
    show!("they are", "{} {} code {}", info[0], info[32], info[2]);
    show!("from me", info[3] as isize == me().0);
    sys!(SYS_close, fd);
    mask(SIG_UNBLOCK, &[SIGUSR1, 36]);
}
