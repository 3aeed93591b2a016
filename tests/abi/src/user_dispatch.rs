//! Calls that a program has sent back to itself (`PR_SET_SYSCALL_USER_DISPATCH`).

use crate::{child, show, sys};
use libc::*;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};

const USER_DISPATCH: i32 = 59;
const OFF: i32 = 0;
const ON: i32 = 1;
/// What the selecting byte says.
const ALLOW: u8 = 0;
const BLOCK: u8 = 1;
/// All of a program's own addresses.
const EVERYTHING: usize = (1 << 47) - 2;

static SELECTOR: AtomicU8 = AtomicU8::new(ALLOW);
/// Signal, error, code, call and architecture, as the handler was told.
static SEEN: [AtomicI32; 5] = [const { AtomicI32::new(0) }; 5];

extern "C" fn handler(_signal: i32, info: *const i32, _context: *const u8) {
    SELECTOR.store(ALLOW, Ordering::SeqCst);
    for (seen, at) in SEEN.iter().zip([0, 1, 2, 6, 7]) {
        // SAFETY: the kernel hands a whole siginfo_t.
        seen.store(unsafe { *info.add(at) }, Ordering::SeqCst);
    }
}

fn handle() {
    let handle: extern "C" fn(i32, *const i32, *const u8) = handler;
    // SAFETY: the handler only stores to atomics.
    unsafe {
        let mut action: sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as usize;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGSYS, &raw const action, std::ptr::null_mut());
    }
}

fn set(mode: i32, start: usize, len: usize, selector: usize) -> sys::Ret {
    sys!(SYS_prctl, USER_DISPATCH, mode, start, len, selector)
}

fn switch_on(start: usize, len: usize) -> sys::Ret {
    set(ON, start, len, SELECTOR.as_ptr() as usize)
}

/// What a call gives while the byte says `byte`: its own number if it came back, "made" if not.
fn called(byte: u8) -> String {
    SELECTOR.store(byte, Ordering::SeqCst);
    let got = sys!(SYS_getppid);
    SELECTOR.store(ALLOW, Ordering::SeqCst);
    let seen = SEEN.each_ref().map(|seen| seen.swap(0, Ordering::SeqCst));
    match got.0 as i64 {
        number if number == SYS_getppid => format!("sent back {seen:?}"),
        _ => format!("made {seen:?}"),
    }
}

pub fn run() {
    show!("no mode", set(9, 0, 0, 0));
    show!("off", set(OFF, 0, 0, 0));
    for (what, start, len, selector) in [("start", 8, 0, 0), ("length", 0, 8, 0), ("byte", 0, 0, 8)]
    {
        show!(format!("off with a {what}"), set(OFF, start, len, selector));
    }
    for (what, start, len, selector) in [
        ("an empty range", 8, 0, 0),
        ("a range that wraps", 8, usize::MAX, 0),
        ("the kernel's byte", 0, 0, 1 << 63),
    ] {
        show!(what, set(ON, start, len, selector));
    }
    ranges();
    deadly();
    inherited();
    show!(
        "before filters",
        child::run(|| {
            handle();
            let kill = [0x20_u64, 0x15 | 1 << 24 | (SYS_getppid as u64) << 32];
            let program = [
                kill[0],
                kill[1],
                6 | 0x8000_0000 << 32,
                6 | 0x7fff_0000 << 32,
            ];
            let header = [program.len() as u64, program.as_ptr() as u64];
            sys!(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if sys!(SYS_seccomp, 1, 0, header.as_ptr()).failed() {
                return 98;
            }
            switch_on(0, 0);
            println!("filtered: {}", called(BLOCK));
            0
        })
    );
}

fn ranges() {
    for (what, start, len) in [
        ("no range", 0, 0),
        ("a range elsewhere", 0x1000, 0x1000),
        ("a range of everything", 1, EVERYTHING),
        ("everything from nothing on", 0, EVERYTHING),
    ] {
        show!(
            what,
            child::run(|| {
                handle();
                println!("{what}, on: {}", switch_on(start, len));
                println!("{what}, allowed: {}", called(ALLOW));
                println!("{what}, blocked: {}", called(BLOCK));
                println!("{what}, again: {}", called(BLOCK));
                println!("{what}, off: {}", set(OFF, 0, 0, 0));
                println!("{what}, blocked then: {}", called(BLOCK));
                0
            })
        );
    }
}

fn deadly() {
    show!(
        "no byte",
        child::run(|| {
            handle();
            set(ON, 0, 0, 0);
            // The handler's own end comes back, too.
            sys!(SYS_getppid);
            0
        })
    );
    show!(
        "another byte",
        child::run(|| {
            handle();
            switch_on(0, 0);
            called(7);
            0
        })
    );
    show!(
        "a byte that isn't there",
        child::run(|| {
            handle();
            set(ON, 0, 0, 8);
            sys!(SYS_getppid);
            0
        })
    );
    show!(
        "no handler",
        child::run(|| {
            switch_on(0, 0);
            called(BLOCK);
            0
        })
    );
    show!(
        "while it is blocked",
        child::run(|| {
            handle();
            let mask = 1_u64 << (SIGSYS - 1);
            sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const mask, 0, 8);
            switch_on(0, 0);
            called(BLOCK);
            0
        })
    );
}

fn inherited() {
    show!(
        "a child",
        child::run(|| {
            handle();
            switch_on(0, 0);
            let ended = child::run(|| {
                println!("in the child: {}", called(BLOCK));
                0
            });
            println!("the child {ended}, and here: {}", called(BLOCK));
            0
        })
    );
    show!(
        "a thread",
        child::run(|| {
            handle();
            switch_on(0, 0);
            let other = std::thread::spawn(|| sys!(SYS_prctl, USER_DISPATCH, OFF, 0, 0, 0));
            println!("off there: {:?}", other.join().map(|got| got.0));
            println!("here: {}", called(BLOCK));
            0
        })
    );
    show!(
        "a new program",
        child::run(|| {
            switch_on(0, 0);
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
