//! ptrace, and process_vm_readv and process_vm_writev.

use crate::{child, seccomp, show, sys};
use libc::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

// Names that the C library's list lacks.
const PTRACE_GET_SYSCALL_INFO: i32 = 0x420e;
const PTRACE_O_TRACESYSGOOD: usize = 1;
const PTRACE_O_TRACEFORK: usize = 2;
const PTRACE_O_TRACECLONE: usize = 8;
const PTRACE_O_TRACEEXEC: usize = 16;
const PTRACE_O_TRACEEXIT: usize = 64;
const PTRACE_O_TRACESECCOMP: usize = 128;

pub fn run() {
    refused();
    stopped();
    memory();
    calls();
    filtered();
    signals();
    events();
    seized();
    threads();
    made_in_a_stop();
    signal_for_another();
    transfers();
    during_execution();
    watched();
}

fn trace(request: impl sys::Word, pid: i32, addr: usize, data: usize) -> sys::Ret {
    sys!(SYS_ptrace, request, pid, addr, data)
}

/// Lets it go on, and says where it stops next.
fn next(request: impl sys::Word, pid: i32, signal: i32) -> String {
    let resumed = trace(request, pid, 0, signal as usize);
    if resumed.failed() {
        return resumed.to_string();
    }
    wait(pid)
}

fn wait(pid: i32) -> String {
    let mut status = 0;
    let got = sys!(SYS_wait4, pid, &raw mut status, __WALL, 0);
    if got.value() == pid {
        child::ending(status)
    } else {
        got.to_string()
    }
}

/// A child that is traced, and stopped before `work`.
fn traced(work: impl FnOnce() -> i32) -> i32 {
    let pid = child::fork(|| {
        trace(PTRACE_TRACEME, 0, 0, 0);
        sys!(SYS_kill, sys!(SYS_getpid), SIGSTOP);
        work()
    });
    wait(pid);
    pid
}

fn end(pid: i32) -> String {
    sys!(SYS_kill, pid, SIGKILL);
    wait(pid)
}

fn refused() {
    show!("attach to nobody", trace(PTRACE_ATTACH, 99_999_999, 0, 0));
    show!(
        "attach to itself",
        trace(PTRACE_ATTACH, sys!(SYS_getpid).value(), 0, 0)
    );
    let pid = child::fork(|| {
        sys!(SYS_pause);
        0
    });
    show!("not traced", trace(PTRACE_CONT, pid, 0, 0));
    show!("seize somewhere", trace(PTRACE_SEIZE, pid, 8, 0));
    show!("end of it", end(pid));
    show!("no more", trace(PTRACE_SEIZE, pid, 0, 0));
    show!(
        "traced twice",
        child::run(|| {
            let first = trace(PTRACE_TRACEME, 0, 0, 0).failed();
            let second = trace(PTRACE_TRACEME, 0, 0, 0).failed();
            i32::from(first) + 2 * i32::from(second)
        })
    );
}

fn stopped() {
    let pid = child::fork(|| {
        trace(PTRACE_TRACEME, 0, 0, 0);
        sys!(SYS_kill, sys!(SYS_getpid), SIGSTOP);
        7
    });
    show!("stops with its signal", wait(pid));
    show!("attach again", trace(PTRACE_ATTACH, pid, 0, 0));
    let mut mask = 0_u64;
    show!(
        "mask",
        trace(PTRACE_GETSIGMASK, pid, 8, (&raw mut mask).addr())
    );
    show!(
        "mask of odd size",
        trace(PTRACE_GETSIGMASK, pid, 4, (&raw mut mask).addr())
    );
    show!("wrong options", trace(PTRACE_SETOPTIONS, pid, 0, 1 << 12));
    show!("odd request", trace(0x1234, pid, 0, 0));
    show!("wrong signal", trace(PTRACE_CONT, pid, 0, 99));
    show!("goes on", next(PTRACE_CONT, pid, 0));
}

fn registers(pid: i32) -> [u64; 27] {
    let mut all = [0; 27];
    trace(PTRACE_GETREGS, pid, 0, (&raw mut all).addr());
    all
}

const ORIG_RAX: usize = 15;
const RAX: usize = 10;
const RDI: usize = 14;

fn memory() {
    let mut word = 11_u64;
    let at = (&raw mut word).addr();
    let pid = traced(|| {
        // SAFETY: the word is the child's own, which its tracer changes meanwhile.
        let seen = unsafe { (&raw const word).read_volatile() };
        seen as i32
    });
    let mut seen = 0_u64;
    let to = (&raw mut seen).addr();
    show!("peek", trace(PTRACE_PEEKDATA, pid, at, to));
    show!("peeked", seen);
    show!("peek at nothing", trace(PTRACE_PEEKDATA, pid, 8, to));
    show!("poke", trace(PTRACE_POKEDATA, pid, at, 23));
    show!("poke nothing", trace(PTRACE_POKEDATA, pid, 8, 23));
    show!("own is unchanged", word);
    let code = memory as fn() as usize & !7;
    show!("peek code", trace(PTRACE_PEEKTEXT, pid, code, to));
    show!("poke code", trace(PTRACE_POKETEXT, pid, code, 0x1234));
    trace(PTRACE_PEEKTEXT, pid, code, to);
    show!("poked code", "{:#x}", seen);
    // SAFETY: the function's own code is readable.
    let own = unsafe { (code as *const u64).read() };
    show!("own code is unchanged", own != 0x1234);
    let all = registers(pid);
    show!("segments", "{:#x} {:#x}", all[17], all[20]);
    show!("its call", all[ORIG_RAX] as i64 == SYS_kill);
    show!(
        "peek a register",
        trace(PTRACE_PEEKUSER, pid, ORIG_RAX * 8, to)
    );
    show!("peeked register", seen as i64 == SYS_kill);
    show!("peek beyond", trace(PTRACE_PEEKUSER, pid, 928, to));
    show!("peek oddly", trace(PTRACE_PEEKUSER, pid, 3, to));
    let mut set = [0_u64; 27];
    let mut vector = iovec {
        iov_base: (&raw mut set).cast(),
        iov_len: 1000,
    };
    let vector_at = (&raw mut vector).addr();
    show!(
        "a set of registers",
        trace(PTRACE_GETREGSET, pid, 1, vector_at)
    );
    show!("its size", vector.iov_len);
    show!("the same", set == all);
    show!("no such set", trace(PTRACE_GETREGSET, pid, 77, vector_at));
    show!("sees what was poked", next(PTRACE_CONT, pid, 0));
}

/// What PTRACE_GET_SYSCALL_INFO says.
fn call(pid: i32) -> String {
    let mut info = [0_u64; 11];
    let size = trace(PTRACE_GET_SYSCALL_INFO, pid, 88, (&raw mut info).addr());
    match info[0] & 0xff {
        0 => format!("none, {size} bytes"),
        1 => format!("enters {}({}), {size} bytes", info[3], info[4]),
        2 => format!(
            "leaves with {} {}, {size} bytes",
            info[3] as i64,
            info[4] & 1
        ),
        3 => format!(
            "filtered {}({}) for {:#x}, {size} bytes",
            info[3], info[4], info[10] as u32
        ),
        other => format!("{other}"),
    }
}

fn calls() {
    let pid = traced(|| {
        sys!(SYS_close, -7);
        sys!(SYS_umask, 0o22);
        let changed = sys!(SYS_umask, 0o7).value();
        let skipped = sys!(SYS_umask, 0).value();
        (changed & 0xf) << 4 | skipped & 0xf
    });
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    show!("no call", call(pid));
    // The stop was in kill, which it leaves first.
    show!("stops at a call", next(PTRACE_SYSCALL, pid, 0));
    show!("call", call(pid));
    for _ in 0..4 {
        show!("stops again", next(PTRACE_SYSCALL, pid, 0));
        show!("call", call(pid));
    }
    // In umask(7): another argument, and another result.
    let mut all = registers(pid);
    show!("result is yet none", all[RAX] as i64);
    all[RDI] = 0o5;
    trace(PTRACE_SETREGS, pid, 0, (&raw const all).addr());
    next(PTRACE_SYSCALL, pid, 0);
    show!("result to be changed", call(pid));
    trace(PTRACE_POKEUSER, pid, RAX * 8, 3);
    next(PTRACE_SYSCALL, pid, 0);
    show!("call to be skipped", call(pid));
    trace(PTRACE_POKEUSER, pid, ORIG_RAX * 8, usize::MAX);
    next(PTRACE_SYSCALL, pid, 0);
    trace(PTRACE_POKEUSER, pid, RAX * 8, 9);
    show!("and in the end", next(PTRACE_CONT, pid, 0));
}

/// Calls that a filter leaves to the tracer.
fn filtered() {
    let work = || {
        seccomp::no_new_privileges();
        seccomp::install(&seccomp::about(SYS_getppid, SECCOMP_RET_ERRNO | 11), 0);
        seccomp::install(&seccomp::about(SYS_umask, SECCOMP_RET_TRACE | 0x123), 0);
        for (what, mask) in [
            ("let through", 0o22),
            ("changed", 0o7),
            ("after the change", 0o22),
            ("made another", 0),
            ("called off", 0),
            ("called off with an answer", 0),
            ("followed to its end", 0),
            ("seen before the filter", 0),
        ] {
            let answer = sys!(SYS_umask, mask);
            show!(format!("a filtered call, {what}"), answer);
        }
        3
    };
    let pid = traced(work);
    let options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD;
    trace(PTRACE_SETOPTIONS, pid, 0, options);
    let poke = |register: usize, value: i64| {
        trace(PTRACE_POKEUSER, pid, register * 8, value as usize);
    };
    show!("stops at a filter", next(PTRACE_CONT, pid, 0));
    show!("what it says", "{} {:#x}", call(pid), message(pid));
    show!("its result yet", registers(pid)[RAX] as i64);
    show!("stops again", next(PTRACE_CONT, pid, 0));
    poke(RDI, 0o77);
    show!("and again", next(PTRACE_CONT, pid, 0));
    show!("before another", next(PTRACE_CONT, pid, 0));
    poke(ORIG_RAX, SYS_getppid);
    show!("before none", next(PTRACE_CONT, pid, 0));
    poke(ORIG_RAX, -1);
    show!("before an answer", next(PTRACE_CONT, pid, 0));
    poke(ORIG_RAX, -1);
    poke(RAX, 42);
    show!("before its end", next(PTRACE_CONT, pid, 0));
    show!("at its end", next(PTRACE_SYSCALL, pid, 0));
    show!("as told", call(pid));
    // What prints the answer comes before the next one.
    let mut stops = Vec::new();
    for _ in 0..8 {
        stops.push(next(PTRACE_SYSCALL, pid, 0));
        if stops.last().is_some_and(|stop| stop.contains("705")) {
            break;
        }
    }
    show!("seen, then filtered", stops.len() > 2);
    show!("filtered at last", call(pid));
    show!("goes to its end", next(PTRACE_CONT, pid, 0));
    let pid = traced(work);
    show!("filtered for nobody", next(PTRACE_CONT, pid, 0));
    let pid = traced(work);
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP);
    next(PTRACE_CONT, pid, 0);
    sys!(SYS_kill, pid, SIGKILL);
    show!("ended at a filter", wait(pid));
}

fn signals() {
    let pid = traced(|| {
        for signal in [SIGCHLD, SIGUSR1, SIGUSR2, SIGTERM] {
            sys!(SYS_kill, sys!(SYS_getpid), signal);
        }
        5
    });
    show!("even an ignored signal", next(PTRACE_CONT, pid, 0));
    show!("next signal", next(PTRACE_CONT, pid, SIGCHLD));
    let mut info = [0_i32; 32];
    trace(PTRACE_GETSIGINFO, pid, 0, (&raw mut info).addr());
    show!("its info", "{} {} {}", info[0], info[2], info[4] == pid);
    show!("left out", next(PTRACE_CONT, pid, 0));
    show!("exchanged", next(PTRACE_CONT, pid, SIGURG));
    show!("deadly", next(PTRACE_CONT, pid, SIGTERM));
    let pid = traced(|| {
        // SAFETY: a breakpoint, which the tracer takes care of.
        unsafe { std::arch::asm!("int3") };
        3
    });
    show!("breakpoint", next(PTRACE_CONT, pid, 0));
    let before = registers(pid)[16];
    show!("one step", next(PTRACE_SINGLESTEP, pid, 0));
    show!("it moved", registers(pid)[16] != before);
    show!("step to the end", next(PTRACE_CONT, pid, 0));
}

fn message(pid: i32) -> u64 {
    let mut message = 0_u64;
    trace(PTRACE_GETEVENTMSG, pid, 0, (&raw mut message).addr());
    message
}

fn events() {
    let pid = traced(|| {
        let inner = child::fork(|| 4);
        child::wait(inner);
        child::run(|| {
            sys!(SYS_execve, c"/none", 0, 0);
            6
        });
        9
    });
    let options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
    trace(PTRACE_SETOPTIONS, pid, 0, options);
    show!("forks", next(PTRACE_CONT, pid, 0));
    let inner = message(pid) as i32;
    show!("child's first stop", wait(inner));
    show!("child's end comes", next(PTRACE_CONT, inner, 0));
    show!("with status", "{:#x}", message(inner));
    show!("child's end", next(PTRACE_CONT, inner, 0));
    show!("told of it", next(PTRACE_CONT, pid, 0));
    show!("forks again", next(PTRACE_CONT, pid, SIGCHLD));
    let inner = message(pid) as i32;
    wait(inner);
    show!("detach", trace(PTRACE_DETACH, inner, 0, 0));
    show!("told again", next(PTRACE_CONT, pid, 0));
    show!("its end comes", next(PTRACE_CONT, pid, SIGCHLD));
    show!("its status", "{:#x}", message(pid));
    show!("its end", next(PTRACE_CONT, pid, 0));
}

fn seized() {
    let pid = child::fork(|| {
        loop {
            sys!(SYS_pause);
        }
    });
    show!("seize", trace(PTRACE_SEIZE, pid, 0, 0));
    show!("runs on", trace(PTRACE_CONT, pid, 0, 0));
    show!("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
    show!("interrupted", wait(pid));
    trace(PTRACE_CONT, pid, 0, 0);
    sys!(SYS_kill, pid, SIGSTOP);
    show!("its signal", wait(pid));
    show!("its group stops", next(PTRACE_CONT, pid, SIGSTOP));
    show!("listen", trace(PTRACE_LISTEN, pid, 0, 0));
    show!("is not to be steered", trace(PTRACE_CONT, pid, 0, 0));
    sys!(SYS_kill, pid, SIGCONT);
    show!("continued", wait(pid));
    show!("with a signal", next(PTRACE_CONT, pid, 0));
    show!("end of seized", end(pid));
    // One that is stopped already.
    let pid = child::fork(|| {
        sys!(SYS_kill, sys!(SYS_getpid), SIGSTOP);
        8
    });
    let mut status = 0;
    sys!(SYS_wait4, pid, &raw mut status, WUNTRACED, 0);
    show!("seize a stopped one", trace(PTRACE_SEIZE, pid, 0, 0));
    show!("says that it is", wait(pid));
    show!("detach from it", trace(PTRACE_DETACH, pid, 0, 0));
    sys!(SYS_kill, pid, SIGCONT);
    show!("ends by itself", wait(pid));
}

fn threads() {
    let pid = traced(|| {
        let thread = std::thread::spawn(|| 5);
        thread.join().unwrap_or(0)
    });
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE);
    show!("makes a thread", next(PTRACE_CONT, pid, 0));
    let thread = message(pid) as i32;
    show!("thread's first stop", wait(thread));
    show!("thread's end", next(PTRACE_CONT, thread, 0));
    show!("the process's end", next(PTRACE_CONT, pid, 0));
}

/// A thread that is made while its process is stopped takes part in that, though its maker runs, as a tracer
/// let it.
fn made_in_a_stop() {
    let [ran] = sys::shared_words();
    let pid = traced(|| {
        // Either thread might take it.
        let blocked = 1_u64 << (SIGCONT - 1);
        sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const blocked, 0, 8);
        let made = std::thread::spawn(|| {
            ran.store(1, SeqCst);
            6
        });
        made.join().unwrap_or(0)
    });
    show!("its group stops too", next(PTRACE_CONT, pid, SIGSTOP));
    trace(PTRACE_CONT, pid, 0, 0);
    let is_still = || {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
        let mut tasks = tasks.into_iter().flatten().flatten();
        let made = tasks.find(|task| task.file_name().to_str() != Some(&pid.to_string()));
        let stat = made.and_then(|task| std::fs::read_to_string(task.path().join("stat")).ok());
        stat.is_some_and(|stat| stat.contains(") T "))
    };
    while ran.load(SeqCst) == 0 && !is_still() {
        sys!(SYS_sched_yield);
    }
    show!("ran while it was stopped", ran.load(SeqCst));
    sys!(SYS_kill, pid, SIGCONT);
    show!("runs once it is continued", wait(pid));
}

/// A signal goes to another thread than the one that the tracer has stopped.
fn signal_for_another() {
    static CAUGHT: AtomicBool = AtomicBool::new(false);
    extern "C" fn catch(_: i32) {
        CAUGHT.store(true, SeqCst);
    }
    let [taken] = sys::shared_words();
    let pid = child::fork(|| {
        // SAFETY: the handler stores a word.
        unsafe { signal(SIGUSR1, catch as extern "C" fn(i32) as usize) };
        let other = std::thread::spawn(|| {
            while !CAUGHT.load(SeqCst) {
                sys!(SYS_sched_yield);
            }
            taken.store(1, SeqCst);
            5
        });
        trace(PTRACE_TRACEME, 0, 0, 0);
        let me = sys!(SYS_getpid);
        sys!(SYS_tgkill, me, me, SIGSTOP);
        other.join().unwrap_or(0)
    });
    show!("its leader stops", wait(pid));
    sys!(SYS_kill, pid, SIGUSR1);
    while taken.load(SeqCst) == 0 {
        sys!(SYS_sched_yield);
    }
    show!("the other has the signal", next(PTRACE_CONT, pid, 0));
}

fn transfers() {
    let mut text = *b"in the child";
    let at = text.as_ptr().addr();
    let pid = traced(|| {
        // SAFETY: as with the word in `memory`.
        let first = unsafe { (&raw const text[0]).read_volatile() };
        i32::from(first)
    });
    text.fill(b'.');
    let mut here = [b'-'; 16];
    let vectors = |base: usize, len: usize| iovec {
        iov_base: base as *mut _,
        iov_len: len,
    };
    let local = vectors(here.as_mut_ptr().addr(), 16);
    let other = [vectors(at, 6), vectors(at + 6, 6)];
    let read = |local: &iovec, other: &[iovec], flags: usize| {
        let other = (other.as_ptr(), other.len());
        sys!(
            SYS_process_vm_readv,
            pid,
            &raw const *local,
            1,
            other.0,
            other.1,
            flags
        )
    };
    show!("read", read(&local, &other, 0));
    show!("what was read", String::from_utf8_lossy(&here));
    show!("read with flags", read(&local, &other, 1));
    show!("read nowhere", read(&local, &[vectors(8, 8)], 0));
    show!("read partly", read(&local, &[other[0], vectors(8, 8)], 0));
    let new = *b"K";
    let local = vectors(new.as_ptr().addr(), 1);
    let wrote = sys!(
        SYS_process_vm_writev,
        pid,
        &raw const local,
        1,
        other.as_ptr(),
        1,
        0
    );
    show!("written", wrote);
    show!(
        "of nobody",
        sys!(
            SYS_process_vm_readv,
            99_999_999,
            &raw const local,
            1,
            other.as_ptr(),
            1,
            0
        )
    );
    show!("the child saw", next(PTRACE_CONT, pid, 0));
}

/// What a line of a process's status says.
fn status(pid: i32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

/// Who comes to trace a process while it executes a set-id program traces none with the owner's rights:
/// he waits, and may not, or the program doesn't get them.
fn during_execution() {
    let program = std::fs::read("/proc/self/exe").expect("it is a file");
    std::fs::write("raised", program).expect("the folder is ours");
    sys!(SYS_chmod, c"raised", 0o4755);
    let seen = child::run(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        sys!(SYS_prctl, PR_SET_DUMPABLE, 1);
        let [mut told, mut go, mut full, mut result] = [[0_i32; 2]; 4];
        for ends in [&mut told, &mut go, &mut full, &mut result] {
            sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
        }
        // What the program writes finds no room, so that it stays.
        let size = sys!(SYS_fcntl, full[1], F_GETPIPE_SZ).0 as usize;
        sys!(SYS_write, full[1], vec![0_u8; size].as_ptr(), size);
        let target = child::fork(|| {
            sys!(SYS_dup3, full[1], 1, 0);
            std::thread::spawn(move || {
                let me = sys!(SYS_gettid).0 as i32;
                sys!(SYS_write, told[1], &raw const me, 4);
                loop {
                    sys!(SYS_pause);
                }
            });
            let mut byte = 0_u8;
            sys!(SYS_read, go[0], &raw mut byte, 1);
            let arguments = [c"raised".as_ptr(), std::ptr::null()];
            sys!(SYS_execve, c"raised", arguments.as_ptr(), 0);
            1
        });
        let mut other = 0_i32;
        sys!(SYS_read, told[0], &raw mut other, 4);
        show!(
            "seize another thread",
            trace(PTRACE_SEIZE, other, 0, PTRACE_O_TRACEEXIT)
        );
        sys!(SYS_write, go[1], c"!", 1);
        show!("it ends", wait(other));
        let late = child::fork(|| {
            let seized = trace(PTRACE_SEIZE, target, 0, 0);
            sys!(SYS_write, result[1], &raw const seized.0, 8);
            loop {
                sys!(SYS_pause);
            }
        });
        let mut polled = [pollfd {
            fd: result[0],
            events: POLLIN,
            revents: 0,
        }];
        sys!(SYS_poll, polled.as_mut_ptr(), 1, 200);
        show!("and is waited for", next(PTRACE_CONT, other, 0));
        while status(target, "Name:") != "raised" {
            sys!(SYS_sched_yield);
        }
        let mut seized = 0_isize;
        sys!(SYS_read, result[0], &raw mut seized, 8);
        let uids = status(target, "Uid:");
        let raised = uids.split_whitespace().nth(1) == Some("0");
        show!("traced and raised", seized == 0 && raised);
        show!("either", seized == 0 || raised);
        sys!(SYS_kill, late, SIGKILL);
        child::wait(late);
        show!("its end", end(target));
        0
    });
    show!("seen by its tracer", seen);
    sys!(SYS_unlink, c"raised");
}

/// `struct user`: where its debug registers are.
const DEBUG: usize = 848;

/// Addresses at which the hardware stops a thread.
fn watched() {
    /// In a cache line of its own, whose address is a multiple of eight.
    #[repr(align(64))]
    struct Watched(AtomicU64);
    static WORD: Watched = Watched(AtomicU64::new(0));
    extern "C" fn called() {
        sys!(SYS_getpid);
    }
    let pid = traced(|| {
        WORD.0.store(1, SeqCst);
        let read = WORD.0.load(SeqCst);
        called();
        let mut ends = [0_i32; 2];
        sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
        sys!(SYS_write, ends[1], c"abcdefg", 8);
        sys!(SYS_read, ends[0], WORD.0.as_ptr(), 8);
        sys!(SYS_kill, sys!(SYS_getpid), SIGSTOP);
        let _ = std::thread::spawn(|| WORD.0.store(2, SeqCst)).join();
        show!(
            "its child",
            child::run(|| {
                WORD.0.store(3, SeqCst);
                0
            })
        );
        WORD.0.store(4, SeqCst);
        read as i32
    });
    let peek = |n: usize| {
        let mut value = 0_usize;
        let peeked = trace(PTRACE_PEEKUSER, pid, DEBUG + 8 * n, (&raw mut value).addr());
        if peeked.failed() {
            peeked.to_string()
        } else {
            format!("{value:#x}")
        }
    };
    let poke = |n: usize, value: usize| trace(PTRACE_POKEUSER, pid, DEBUG + 8 * n, value);
    let stop = |what: &str, stopped: String| {
        let mut info = [0_i32; 32];
        trace(PTRACE_GETSIGINFO, pid, 0, info.as_mut_ptr().addr());
        show!(what, "{stopped} code {} status {}", info[2], peek(6));
    };
    let word = WORD.0.as_ptr().addr();
    for n in 0..8 {
        show!("debug register", peek(n));
    }
    show!("there is no 4", poke(4, 0));
    for address in [0xffff_8000_0000_0000, usize::MAX] {
        show!("address of the kernel", poke(0, address));
    }
    show!("address", poke(0, word));
    show!("is kept", peek(0) == format!("{word:#x}"));
    for control in [0x2_0001, 0xc_0001, 0x4_0001, 0x9_0001, 0x40, 0x9_0601] {
        show!(
            format!("control {control:#x}"),
            "{} {}",
            poke(7, control),
            peek(7)
        );
    }
    show!("address that is no multiple", poke(0, word + 4));
    show!("is kept", peek(0) == format!("{word:#x}"));
    show!("status", "{} {}", poke(6, 0xf), peek(6));
    poke(6, 0xffff_0ff0);
    stop("written", next(PTRACE_CONT, pid, 0));
    stop("one step", next(PTRACE_SINGLESTEP, pid, 0));
    show!("read, too", poke(7, 0xb_0001));
    stop("read", next(PTRACE_CONT, pid, 0));
    show!(
        "code",
        "{} {}",
        poke(1, called as *const () as usize),
        poke(7, 4)
    );
    stop("called", next(PTRACE_CONT, pid, 0));
    let mut registers = [0_usize; 27];
    trace(PTRACE_GETREGS, pid, 0, registers.as_mut_ptr().addr());
    show!(
        "stands before it",
        registers[16] == called as *const () as usize
    );
    show!("and goes on", registers[18] >> 16 & 1);
    show!("by what it writes", poke(7, 0x9_0001));
    stop("nor by what the kernel writes", next(PTRACE_CONT, pid, 0));
    stop("nor by what others write", next(PTRACE_CONT, pid, 0));
    show!("off", poke(7, 0));
    show!("goes on", next(PTRACE_CONT, pid, 0));
}
