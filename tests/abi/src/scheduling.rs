//! Priorities, policies, affinity and yielding.

use crate::{child, show, sys};
use libc::*;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// sched_setattr and sched_getattr in all their versions.
fn attributes() {
    // size, policy, flags, nice, priority, then nothing.
    let attributes = |size: u32, policy: u32, flags: u64, nice: i32, priority: u32| {
        let mut words = [0_u32; 1024];
        words[..6].copy_from_slice(&[size, policy, flags as u32, 0, nice as u32, priority]);
        words
    };
    let told = |size: usize| {
        let mut words = [0_u32; 1024];
        let told = sys!(SYS_sched_getattr, 0, words.as_mut_ptr(), size, 0);
        format!("{told} {:?}", &words[..6])
    };
    for size in [0, 47, 48, 52, 56, 57, 4096, 4097] {
        show!(format!("attributes of {size} bytes"), told(size));
    }
    for (what, size, policy, flags, nice, priority) in [
        ("no size", 0, 0, 0, 1, 0),
        ("too small", 47, 0, 0, 2, 0),
        ("small", 48, 0, 0, 3, 0),
        ("whole", 56, 0, 0, 4, 0),
        ("large", 4096, 0, 0, 5, 0),
        ("too large", 4097, 0, 0, 6, 0),
        ("unknown flags", 48, 0, 0x80, 7, 0),
        ("keep both", 48, 1, 0x18, 8, 9),
        ("keep the parameters", 48, 3, 0x10, 9, 0),
        ("keep the policy", 48, 1, 8, 10, 0),
        ("wrong policy", 48, u32::MAX, 8, 11, 0),
        ("reset on fork", 48, 0, 1, 12, 0),
        ("keep the policy, reset", 48, 0, 8, 13, 0),
        ("a priority too many", 48, 0, 0, 14, 5),
        ("real time", 48, 1, 0, 15, 5),
        ("real time, kept", 48, 0, 0x18, 16, 6),
        ("real time by policy", 48, 0, 8, 17, 7),
        ("back", 48, 0, 0, 0, 0),
    ] {
        let mut words = attributes(size, policy, flags, nice, priority);
        let set = sys!(SYS_sched_setattr, 0, words.as_mut_ptr(), 0);
        let now = told(48);
        show!(
            format!("set attributes: {what}"),
            "{set} {} {now}",
            words[0]
        );
    }
    let mut beyond = attributes(64, 0, 0, 1, 0);
    beyond[15] = 1;
    let set = sys!(SYS_sched_setattr, 0, beyond.as_mut_ptr(), 0);
    show!("something beyond", "{set} {}", beyond[0]);
    show!("no attributes", sys!(SYS_sched_setattr, 0, 0, 0));
    show!(
        "attributes of nobody",
        sys!(SYS_sched_setattr, 999_999, beyond.as_mut_ptr(), 0)
    );
}

pub fn run() {
    child::run(|| {
        attributes();
        0
    });
    show!("priority", sys!(SYS_getpriority, PRIO_PROCESS, 0));
    show!("nicer", sys!(SYS_setpriority, PRIO_PROCESS, 0, 5));
    show!("priority", sys!(SYS_getpriority, PRIO_PROCESS, 0));
    show!(
        "as nice as can be",
        sys!(SYS_setpriority, PRIO_PROCESS, 0, 100)
    );
    show!("priority", sys!(SYS_getpriority, PRIO_PROCESS, 0));
    show!("back", sys!(SYS_setpriority, PRIO_PROCESS, 0, 0));
    show!("of nobody", sys!(SYS_getpriority, PRIO_PROCESS, 999_999));
    child::run(|| {
        sys!(SYS_setpgid, 0, 0);
        // Two members, of which one is another user's.
        let mut ends = [0_i32; 2];
        sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
        let mut byte = [0_u8; 1];
        let other = child::fork(|| {
            sys!(SYS_close, ends[1]);
            sys!(SYS_read, ends[0], [0_u8; 1].as_mut_ptr(), 1);
            0
        });
        sys!(SYS_setresuid, 1000, 1000, 1000);
        show!("nicer group", sys!(SYS_setpriority, PRIO_PGRP, 0, 7));
        show!("own", sys!(SYS_getpriority, PRIO_PROCESS, 0));
        show!("the other's", sys!(SYS_getpriority, PRIO_PROCESS, other));
        show!("the best", sys!(SYS_getpriority, PRIO_PGRP, 0));
        show!("of the user", sys!(SYS_getpriority, PRIO_USER, 0));
        show!("of no user", sys!(SYS_getpriority, PRIO_USER, 54_321));
        show!("kill the group", sys!(SYS_kill, 0, 0));
        show!("kill all but root's", sys!(SYS_kill, -1, 0));
        sys!(SYS_close, ends[1]);
        sys!(SYS_read, ends[0], byte.as_mut_ptr(), 1);
        show!("it ends", child::wait(other));
        0
    });
    show!("of what", sys!(SYS_getpriority, 9, 0));
    show!("policy", sys!(SYS_sched_getscheduler, 0));
    show!("policy of nobody", sys!(SYS_sched_getscheduler, 999_999));
    show!("policy of -1", sys!(SYS_sched_getscheduler, -1));
    for policy in 0..8 {
        show!(
            format!("least of {policy}"),
            sys!(SYS_sched_get_priority_min, policy)
        );
        show!(
            format!("most of {policy}"),
            sys!(SYS_sched_get_priority_max, policy)
        );
    }
    policies();
    affinity();
    crowd();
    hogs();
    turns();
    io_priorities();
    let mut time = timespec {
        tv_sec: 9,
        tv_nsec: 0,
    };
    show!("slice", sys!(SYS_sched_rr_get_interval, 0, &raw mut time));
    show!("slice is short", time.tv_sec);
    show!("yield", sys!(SYS_sched_yield));
    let (mut cpu, mut node) = (99_u32, 99_u32);
    show!("getcpu", sys!(SYS_getcpu, &raw mut cpu, &raw mut node, 0));
    show!("node", node);
    show!("barrier commands", sys!(SYS_membarrier, 0, 0, 0).0 & 0x18);
    show!(
        "barrier before it is registered",
        sys!(SYS_membarrier, 8, 0, 0)
    );
    show!("register", sys!(SYS_membarrier, 16, 0, 0));
    show!("barrier", sys!(SYS_membarrier, 8, 0, 0));
    show!("barrier everywhere", sys!(SYS_membarrier, 1, 0, 0));
    show!(
        "a child's barrier",
        child::run(|| i32::from(sys!(SYS_membarrier, 8, 0, 0).failed()))
    );
    show!(
        "a new program's barrier",
        child::run(|| {
            let words = [c"abi".as_ptr(), c"--barrier".as_ptr(), std::ptr::null()];
            let environment = [std::ptr::null::<c_char>()];
            let (words, environment) = (words.as_ptr(), environment.as_ptr());
            sys!(SYS_execve, c"/proc/self/exe", words, environment).value()
        })
    );
    show!("no barrier", sys!(SYS_membarrier, 1 << 20, 0, 0));
}

fn policies() {
    let set = |policy: i32, priority: i32| {
        sys!(
            SYS_sched_setscheduler,
            0,
            policy,
            std::ptr::from_ref(&priority)
        )
    };
    show!(
        "in a child",
        child::run(|| {
            show!("round robin", set(SCHED_RR, 10));
            show!("policy", sys!(SYS_sched_getscheduler, 0));
            let mut priority = 0_i32;
            show!("parameters", sys!(SYS_sched_getparam, 0, &raw mut priority));
            show!("priority", priority);
            show!(
                "other parameters",
                sys!(SYS_sched_setparam, 0, std::ptr::from_ref(&20_i32))
            );
            show!("priority 0", set(SCHED_RR, 0));
            show!("priority 100", set(SCHED_RR, 100));
            show!("first in first out", set(SCHED_FIFO | 0x4000_0000, 1));
            show!("policy", "{:#x}", sys!(SYS_sched_getscheduler, 0).0);
            show!(
                "not inherited",
                child::run(|| sys!(SYS_sched_getscheduler, 0).value())
            );
            show!("batch", set(SCHED_BATCH, 0));
            show!("batch with a priority", set(SCHED_BATCH, 1));
            show!("idle", set(SCHED_IDLE, 0));
            show!("none", set(77, 0));
            show!(
                "no parameters",
                sys!(SYS_sched_setscheduler, 0, SCHED_OTHER, 0)
            );
            0
        })
    );
}

fn affinity() {
    let mut mask = [0_u64; 16];
    show!(
        "too short",
        sys!(SYS_sched_getaffinity, 0, 1, mask.as_mut_ptr())
    );
    show!(
        "affinity of -1",
        sys!(SYS_sched_getaffinity, -1, 128, mask.as_mut_ptr())
    );
    show!("priority of -1", sys!(SYS_getpriority, PRIO_PROCESS, -1));
    show!(
        "odd length",
        sys!(SYS_sched_getaffinity, 0, 12, mask.as_mut_ptr())
    );
    show!(
        "affinity",
        sys!(SYS_sched_getaffinity, 0, 128, mask.as_mut_ptr()).outcome()
    );
    show!("first CPU", mask[0] & 1);
    show!(
        "no CPU",
        sys!(SYS_sched_setaffinity, 0, 8, [0_u64].as_ptr())
    );
    show!(
        "a CPU that is not there",
        sys!(SYS_sched_setaffinity, 0, 8, [1_u64 << 60].as_ptr())
    );
    show!(
        "of nobody",
        sys!(SYS_sched_setaffinity, 999_999, 8, [1_u64].as_ptr())
    );
    show!(
        "the first",
        child::run(|| {
            show!("set", sys!(SYS_sched_setaffinity, 0, 8, [1_u64].as_ptr()));
            let mut mask = [0_u64; 16];
            sys!(SYS_sched_getaffinity, 0, 128, mask.as_mut_ptr());
            show!("mask", mask[0]);
            let mut cpu = 9_u32;
            sys!(SYS_getcpu, &raw mut cpu, 0, 0);
            cpu as i32
        })
    );
}

/// Real-time threads that never sleep, on all processors: the others come to their turn all the same.
fn hogs() {
    const SECONDS: u64 = 40;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let begun = sys::shared_words::<1>()[0];
    let hogs: Vec<i32> = (0..processors)
        .map(|_| {
            child::fork(|| {
                let priority = 50_i32;
                let policy = SCHED_FIFO;
                if sys!(SYS_sched_setscheduler, 0, policy, &raw const priority).failed() {
                    return 2;
                }
                begun.fetch_add(1, SeqCst);
                let start = std::time::Instant::now();
                while start.elapsed().as_secs() < SECONDS {
                    std::hint::spin_loop();
                }
                1
            })
        })
        .collect();
    while (begun.load(SeqCst) as usize) < processors {
        sys!(SYS_sched_yield);
    }
    for hog in hogs {
        sys!(SYS_kill, hog, SIGKILL);
        show!("a hog", child::wait(hog));
    }
}

/// In which order real-time threads of one processor run: each leaves its letter.
fn turns() {
    let urgent = |priority: i32| {
        let priority = std::ptr::from_ref(&priority);
        sys!(SYS_sched_setscheduler, 0, SCHED_FIFO, priority)
    };
    let (mut letters, mut calls) = ([0_i32; 2], [0_i32; 2]);
    let ended = child::run(|| {
        sys!(SYS_pipe, letters.as_mut_ptr());
        sys!(SYS_pipe, calls.as_mut_ptr());
        sys!(SYS_sched_setaffinity, 0, 8, [1_u64].as_ptr());
        show!("urgent", urgent(10));
        let leave = |letter: u8| sys!(SYS_write, letters[1], &raw const letter, 1);
        let told = || {
            let mut all = [0_u8; 16];
            let read = sys!(SYS_read, letters[0], all.as_mut_ptr(), all.len());
            String::from_utf8_lossy(&all[..read.0.max(0) as usize]).into_owned()
        };
        let twice = |letter: u8| {
            child::fork(move || {
                leave(letter);
                sys!(SYS_sched_yield);
                leave(letter);
                0
            })
        };
        // Equals run in their order, and one after the other where they yield; yielding to who is less
        // urgent is nothing.
        let equals = [twice(b'a'), twice(b'b')];
        let more = child::fork(|| {
            urgent(20);
            leave(b'c');
            sys!(SYS_sched_yield);
            leave(b'c');
            0
        });
        for pid in [more, equals[0], equals[1]] {
            child::wait(pid);
        }
        show!("equals that yield", told());
        // Who is interrupted by somebody more urgent goes on before its equals.
        let more = child::fork(|| {
            urgent(20);
            let mut call = 0_u8;
            sys!(SYS_read, calls[0], &raw mut call, 1);
            leave(b'c');
            0
        });
        // It has looked for the call when somebody less urgent runs.
        sys!(SYS_sched_yield);
        let interrupted = child::fork(|| {
            leave(b'a');
            sys!(SYS_write, calls[1], c"x", 1);
            leave(b'a');
            0
        });
        let equal = child::fork(|| {
            leave(b'b');
            0
        });
        for pid in [more, interrupted, equal] {
            child::wait(pid);
        }
        show!("one that was interrupted", told());
        0
    });
    show!("turns", ended);
}

fn io_priorities() {
    const PROCESS: i32 = 1;
    let set = |value: i32| sys!(SYS_ioprio_set, PROCESS, 0, value);
    let get = || sys!(SYS_ioprio_get, PROCESS, 0);
    show!("I/O priority of what", sys!(SYS_ioprio_get, 0, 0));
    show!(
        "I/O priority of nobody",
        sys!(SYS_ioprio_get, PROCESS, 999_999)
    );
    show!("I/O best effort", set(2 << 13 | 6));
    show!("I/O priority", get());
    show!(
        "I/O priority of a child",
        child::run(|| get().value() & 0x7f)
    );
    show!("I/O in real time", set(1 << 13));
    show!("I/O when idle", set(3 << 13));
    show!("I/O priority", get());
    show!("I/O with a hint", set(2 << 13 | 8));
    show!("I/O of no class", set(4 << 13));
    show!("I/O of no class, with a level", set(1));
    let stranger = child::run(|| {
        sys!(SYS_setuid, 1000);
        println!("a stranger's I/O in real time: {}", set(1 << 13));
        println!("a stranger's own I/O: {}", set(2 << 13 | 3));
        println!(
            "a stranger's change: {}",
            sys!(SYS_ioprio_set, PROCESS, 1, 2 << 13)
        );
        0
    });
    show!("stranger's end", stranger);
    set(0);
}

/// Both threads of a process move from one processor to another, where one has to wait for the
/// other, and then memory is taken from the space in which the first processor last was.
fn crowd() {
    let ended = child::run(|| {
        let pin = |cpu: u64| sys!(SYS_sched_setaffinity, 0, 8, [1 << cpu].as_ptr());
        let (here, done) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Where there is no second one, they are together from the beginning.
                pin(1);
                pin(0);
                here.store(true, SeqCst);
                while !done.load(SeqCst) {
                    std::hint::spin_loop();
                }
            });
            pin(0);
            while !here.load(SeqCst) {
                std::hint::spin_loop();
            }
            for _ in 0..100 {
                let prot = PROT_READ | PROT_WRITE;
                let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
                let memory = sys!(SYS_mmap, 0, 1 << 16, prot, flags, -1, 0);
                sys!(SYS_munmap, memory, 1 << 16);
            }
            done.store(true, SeqCst);
        });
        3
    });
    show!("all on one processor", ended);
}
