//! seccomp: which programs are taken for filters, and what comes of a call that one answers.

use crate::{child, show, sys};
use libc::*;
use std::sync::atomic::{AtomicI32, Ordering};

type Op = (u16, u8, u8, u32);

const LD: u16 = 0x20;
const JEQ: u16 = 0x15;
const RET: u16 = 6;
const ALLOW: u32 = SECCOMP_RET_ALLOW;

const MODE_FILTER: u32 = 1;
const TSYNC: u32 = 1;

fn raw(program: &[Op]) -> Vec<u64> {
    program
        .iter()
        .map(|&(code, yes, no, k)| {
            u64::from(code) | u64::from(yes) << 16 | u64::from(no) << 24 | u64::from(k) << 32
        })
        .collect()
}

pub fn install(program: &[Op], flags: u32) -> sys::Ret {
    let instructions = raw(program);
    let header = [program.len() as u64, instructions.as_ptr() as u64];
    sys!(SYS_seccomp, MODE_FILTER, flags, header.as_ptr())
}

/// A filter that gives `answer` to `call`, and lets all others through.
pub fn about(call: c_long, answer: u32) -> [Op; 4] {
    [
        (LD, 0, 0, 0),
        (JEQ, 0, 1, call as u32),
        (RET, 0, 0, answer),
        (RET, 0, 0, ALLOW),
    ]
}

pub fn no_new_privileges() {
    sys!(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/// Runs `work` in a child that has a filter which gives `answer` to `call`.
fn held(call: c_long, answer: u32, work: impl FnOnce() -> i32) -> String {
    child::run(|| {
        no_new_privileges();
        if install(&about(call, answer), 0).failed() {
            return 98;
        }
        work()
    })
}

fn status_of(field: &str) -> String {
    std::fs::read_to_string("/proc/thread-self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap_or("none")
        .trim()
        .to_owned()
}

pub fn run() {
    show!("mode", sys!(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0));
    show!("mode in /proc", status_of("Seccomp:"));
    show!("filters in /proc", status_of("Seccomp_filters:"));
    strict();
    programs();
    answers();
    traps();
    inherited();
    threads();
    show!(
        "no privileges",
        child::run(|| {
            sys!(SYS_setresuid, 1000, 1000, 1000);
            show!("without no_new_privs", install(&[(RET, 0, 0, ALLOW)], 0));
            no_new_privileges();
            show!("with it", install(&[(RET, 0, 0, ALLOW)], 0));
            0
        })
    );
    for action in [
        SECCOMP_RET_KILL_PROCESS,
        SECCOMP_RET_KILL_THREAD,
        SECCOMP_RET_TRAP,
        SECCOMP_RET_ERRNO,
        SECCOMP_RET_TRACE,
        SECCOMP_RET_LOG,
        SECCOMP_RET_ALLOW,
        0x1234_0000,
        1,
    ] {
        show!(
            format!("action {action:#x}"),
            sys!(SYS_seccomp, 2, 0, &raw const action)
        );
    }
    show!("action at a wrong address", sys!(SYS_seccomp, 2, 0, 8));
    show!("action with flags", sys!(SYS_seccomp, 2, 1, 8));
    show!("no operation", sys!(SYS_seccomp, 99, 0, 0));
}

fn strict() {
    show!("strict with flags", sys!(SYS_seccomp, 0, 1, 0));
    show!("strict with arguments", sys!(SYS_seccomp, 0, 0, 8));
    show!("no mode", sys!(SYS_prctl, PR_SET_SECCOMP, 7, 0, 0, 0));
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), O_NONBLOCK);
    show!(
        "strict",
        child::run(|| {
            if sys!(SYS_prctl, PR_SET_SECCOMP, 1, 0, 0, 0).failed() {
                return 98;
            }
            let written = sys!(SYS_write, ends[1], c"strict", 6).0 == 6;
            let mut text = [0_u8; 6];
            let read = sys!(SYS_read, ends[0], text.as_mut_ptr(), 6).0 == 6;
            sys!(SYS_exit, if written && read { 7 } else { 8 });
            9
        })
    );
    show!(
        "strict, and more",
        child::run(|| {
            sys!(SYS_seccomp, 0, 0, 0);
            sys!(SYS_getpid);
            sys!(SYS_exit, 7);
            9
        })
    );
    sys::close_all(&ends);
}

fn programs() {
    show!("no program", sys!(SYS_seccomp, MODE_FILTER, 0, 0));
    show!("wrong address", sys!(SYS_seccomp, MODE_FILTER, 0, 8));
    let header = [1_u64, 8];
    show!(
        "wrong address of instructions",
        sys!(SYS_seccomp, MODE_FILTER, 0, header.as_ptr())
    );
    show!("unknown flags", install(&[(RET, 0, 0, ALLOW)], 1 << 20));
    let refused: [(&str, &[Op]); 22] = [
        ("empty", &[]),
        ("no return", &[(LD, 0, 0, 0)]),
        ("jump out", &[(5, 0, 0, 1), (RET, 0, 0, ALLOW)]),
        ("jump back", &[(5, 0, 0, u32::MAX), (RET, 0, 0, ALLOW)]),
        ("branch out", &[(JEQ, 1, 0, 0), (RET, 0, 0, ALLOW)]),
        (
            "branch out otherwise",
            &[(JEQ, 0, 255, 0), (RET, 0, 0, ALLOW)],
        ),
        ("load behind", &[(LD, 0, 0, 64), (RET, 0, 0, ALLOW)]),
        ("load askew", &[(LD, 0, 0, 2), (RET, 0, 0, ALLOW)]),
        ("load a byte", &[(0x30, 0, 0, 0), (RET, 0, 0, ALLOW)]),
        ("load half a word", &[(0x28, 0, 0, 0), (RET, 0, 0, ALLOW)]),
        ("load by index", &[(0x40, 0, 0, 0), (RET, 0, 0, ALLOW)]),
        (
            "load what was not stored",
            &[(0x60, 0, 0, 0), (RET, 0, 0, ALLOW)],
        ),
        ("store out", &[(2, 0, 0, 16), (RET, 0, 0, ALLOW)]),
        ("divide by 0", &[(0x34, 0, 0, 0), (RET, 0, 0, ALLOW)]),
        ("remainder", &[(0x94, 0, 0, 3), (RET, 0, 0, ALLOW)]),
        ("shift too far", &[(0x64, 0, 0, 32), (RET, 0, 0, ALLOW)]),
        ("no arithmetic", &[(0xf4, 0, 0, 0), (RET, 0, 0, ALLOW)]),
        ("no jump", &[(0x55, 0, 0, 0), (RET, 0, 0, ALLOW)]),
        ("return X", &[(0x0e, 0, 0, 0)]),
        ("no class", &[(0x100, 0, 0, 0), (RET, 0, 0, ALLOW)]),
        ("header length", &[(0xb1, 0, 0, 0), (RET, 0, 0, ALLOW)]),
        ("ancillary", &[(LD, 0, 0, 0xffff_f000), (RET, 0, 0, ALLOW)]),
    ];
    for (name, program) in refused {
        show!(format!("program: {name}"), {
            let mut result = sys::Ret(0);
            child::run(|| {
                result = install(program, 0);
                println!("{name}: {result}");
                0
            })
        });
    }
    show!(
        "longest",
        child::run(|| {
            let long = vec![(RET, 0, 0, ALLOW); 4097];
            show!("too long", install(&long, 0));
            show!("just long enough", install(&long[1..], 0));
            let mut count = 1;
            let error = loop {
                let more = install(&long[1..], 0);
                if more.failed() {
                    break more;
                }
                count += 1;
            };
            show!("filters of that length", "{} {}", count > 1, error);
            show!(
                "their number",
                status_of("Seccomp_filters:") == count.to_string()
            );
            show!("mode with filters", status_of("Seccomp:"));
            show!("strict with filters", sys!(SYS_seccomp, 0, 0, 0));
            0
        })
    );
}

fn answers() {
    let ppid = || sys!(SYS_getppid);
    let told = |call: sys::Ret| {
        println!(
            "answered: {}",
            if call.0 > 0 {
                "ok".to_owned()
            } else {
                call.to_string()
            }
        );
        0
    };
    for (name, answer) in [
        ("allow", SECCOMP_RET_ALLOW),
        ("log", SECCOMP_RET_LOG),
        ("trace", SECCOMP_RET_TRACE | 5),
        ("no error", SECCOMP_RET_ERRNO),
        ("an error", SECCOMP_RET_ERRNO | 13),
        ("the last error", SECCOMP_RET_ERRNO | 4095),
        ("no such error", SECCOMP_RET_ERRNO | 0xffff),
        ("trap", SECCOMP_RET_TRAP),
        ("kill the thread", SECCOMP_RET_KILL_THREAD),
        ("kill the process", SECCOMP_RET_KILL_PROCESS),
        ("nonsense", 0x1234_0000),
    ] {
        show!(
            format!("answer: {name}"),
            held(SYS_getppid, answer, || told(ppid()))
        );
    }
    let combined = |first: u32, second: u32| {
        child::run(|| {
            no_new_privileges();
            install(&about(SYS_getppid, first), 0);
            install(&about(SYS_getppid, second), 0);
            told(ppid())
        })
    };
    let error = |number: u32| SECCOMP_RET_ERRNO | number;
    show!("the newest of equals", combined(error(1), error(2)));
    show!("the strictest, old", combined(error(1), SECCOMP_RET_ALLOW));
    show!("the strictest, new", combined(SECCOMP_RET_TRACE, error(3)));
    show!(
        "killing wins",
        combined(SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP)
    );
    // Arguments: the second word is the upper half of the first.
    let arguments: [Op; 6] = [
        (LD, 0, 0, 0),
        (JEQ, 0, 3, SYS_close as u32),
        (LD, 0, 0, 20),
        (JEQ, 0, 1, 0x1234),
        (RET, 0, 0, SECCOMP_RET_ERRNO | 16),
        (RET, 0, 0, ALLOW),
    ];
    show!(
        "by an argument",
        child::run(|| {
            no_new_privileges();
            install(&arguments, 0);
            show!("other argument", sys!(SYS_close, 1000));
            show!("the argument", sys!(SYS_close, 0x1234_0000_0000_i64));
            0
        })
    );
    let architecture: [Op; 4] = [
        (LD, 0, 0, 4),
        (JEQ, 0, 1, 0xc000_003e),
        (RET, 0, 0, ALLOW),
        (RET, 0, 0, SECCOMP_RET_KILL_PROCESS),
    ];
    show!(
        "by architecture",
        child::run(|| {
            no_new_privileges();
            i32::from(install(&architecture, 0).failed())
        })
    );
    show!(
        "a division by zero",
        child::run(|| {
            no_new_privileges();
            let divides: [Op; 5] = [
                (LD, 0, 0, 0),
                (JEQ, 0, 2, SYS_getppid as u32),
                (1, 0, 0, 0),
                (0x3c, 0, 0, 0),
                (RET, 0, 0, ALLOW),
            ];
            install(&divides, 0);
            told(ppid())
        })
    );
    show!(
        "a call that does not exist",
        held(999, error(7), || told(sys!(SYS_getppid)))
    );
}

static SEEN: [AtomicI32; 5] = [const { AtomicI32::new(0) }; 5];

extern "C" fn handler(signal: i32, info: *const i32, _context: *const u8) {
    SEEN[0].store(signal, Ordering::SeqCst);
    for (index, at) in [(1, 1), (2, 2), (3, 6), (4, 7)] {
        // SAFETY: the kernel hands a whole siginfo_t.
        SEEN[index].store(unsafe { *info.add(at) }, Ordering::SeqCst);
    }
}

fn traps() {
    show!(
        "a trap with a handler",
        held(SYS_getppid, SECCOMP_RET_TRAP | 77, || {
            let handle: extern "C" fn(i32, *const i32, *const u8) = handler;
            // SAFETY: the handler only stores to atomics.
            unsafe {
                let mut action: sigaction = std::mem::zeroed();
                action.sa_sigaction = handle as usize;
                action.sa_flags = SA_SIGINFO;
                sigaction(SIGSYS, &raw const action, std::ptr::null_mut());
            }
            let got = sys!(SYS_getppid);
            let seen = SEEN.each_ref().map(|seen| seen.load(Ordering::SeqCst));
            println!("trapped: {got} signal {seen:?}");
            0
        })
    );
    show!(
        "a trap that is blocked",
        held(SYS_getppid, SECCOMP_RET_TRAP, || {
            let mask = 1_u64 << (SIGSYS - 1);
            sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const mask, 0, 8);
            sys!(SYS_getppid);
            5
        })
    );
    show!(
        "killed in spite of a handler",
        held(SYS_getppid, SECCOMP_RET_KILL_PROCESS, || {
            sys!(SYS_rt_sigaction, SIGSYS, [SIG_IGN, 0, 0, 0].as_ptr(), 0, 8);
            sys!(SYS_getppid);
            5
        })
    );
}

fn inherited() {
    let answer = SECCOMP_RET_ERRNO | 11;
    show!(
        "over fork",
        held(SYS_getppid, answer, || {
            let inner = child::run(|| i32::from(sys!(SYS_getppid).to_string() == "EAGAIN"));
            println!("in the child: {inner}");
            0
        })
    );
    show!(
        "over execve",
        held(SYS_exit_group, SECCOMP_RET_KILL_PROCESS, || {
            let words = [c"abi".as_ptr(), c"--exit=3".as_ptr(), std::ptr::null()];
            let environment = [std::ptr::null::<c_char>()];
            sys!(
                SYS_execve,
                c"/proc/self/exe",
                words.as_ptr(),
                environment.as_ptr()
            );
            9
        })
    );
}

/// Runs `work` beside a thread that, told to, asks for its parent's number; what that got.
fn beside(before: impl FnOnce(), work: impl FnOnce()) -> sys::Ret {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let (ready, is_ready) = std::sync::mpsc::channel::<()>();
    before();
    let other = std::thread::spawn(move || {
        let _ = ready.send(());
        let _ = told.recv();
        sys!(SYS_getppid)
    });
    let _ = is_ready.recv();
    work();
    let _ = tell.send(());
    other.join().unwrap_or(sys::Ret(-1))
}

fn threads() {
    let filter = about(SYS_getppid, SECCOMP_RET_ERRNO | 11);
    let outcome = |got: sys::Ret| {
        if got.0 > 0 {
            "ok".to_owned()
        } else {
            got.to_string()
        }
    };
    show!(
        "another thread",
        child::run(|| {
            no_new_privileges();
            let got = beside(
                || {},
                || {
                    install(&filter, 0);
                },
            );
            show!("not held", outcome(got));
            0
        })
    );
    show!(
        "a thread made later",
        child::run(|| {
            no_new_privileges();
            let got = beside(
                || {
                    install(&filter, 0);
                },
                || {},
            );
            show!("held", outcome(got));
            0
        })
    );
    show!(
        "all threads",
        child::run(|| {
            no_new_privileges();
            let got = beside(
                || {},
                || {
                    show!("together", install(&filter, TSYNC));
                },
            );
            show!("held too", outcome(got));
            0
        })
    );
    show!(
        "a thread with filters of its own",
        child::run(|| {
            no_new_privileges();
            let (tell, told) = std::sync::mpsc::channel::<()>();
            let (ready, is_ready) = std::sync::mpsc::channel::<i32>();
            let other = std::thread::spawn(move || {
                install(&[(RET, 0, 0, ALLOW)], 0);
                let _ = ready.send(sys!(SYS_gettid).value());
                let _ = told.recv();
            });
            let tid = is_ready.recv().unwrap_or(0);
            show!("names it", install(&filter, TSYNC).value() == tid);
            show!("or says so", install(&filter, TSYNC | 1 << 4));
            show!("mode then", sys!(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0));
            let _ = tell.send(());
            let _ = other.join();
            0
        })
    );
    show!(
        "one thread is killed",
        child::run(|| {
            no_new_privileges();
            let (ready, is_ready) = std::sync::mpsc::channel::<i32>();
            std::thread::spawn(move || {
                install(&about(SYS_getppid, SECCOMP_RET_KILL_THREAD), 0);
                let _ = ready.send(1);
                sys!(SYS_getppid);
                let _ = ready.send(2);
            });
            let first = is_ready.recv().unwrap_or(0);
            while std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count) > 1 {
                std::thread::yield_now();
            }
            show!("it came to", "{} {}", first, is_ready.try_recv().is_err());
            6
        })
    );
}
