//! seccomp filters that leave calls to a supervisor: what it is asked, and what its answers do.

use crate::{child, show, sys};
use libc::*;
use std::sync::mpsc;
use std::thread;

const MODE_FILTER: u32 = 1;
const GET_ACTION_AVAIL: u32 = 2;
const GET_NOTIF_SIZES: u32 = 3;

const TSYNC: u32 = 1;
const LISTENER: u32 = 8;
const TSYNC_ESRCH: u32 = 16;
/// Once a question is received, only death ends it.
const STEADFAST: u32 = 32;

const RECEIVE: u32 = 0xc050_2100;
const SEND: u32 = 0xc018_2101;
const ID_VALID: u32 = 0x4008_2102;
const ADD_FD: u32 = 0x4018_2103;
const SET_FLAGS: u32 = 0x4008_2104;

const CONTINUE: u32 = 1;
const AT: u32 = 1;
const AND_SEND: u32 = 2;

/// `struct seccomp_notif`.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq)]
struct Question {
    id: u64,
    tid: u32,
    flags: u32,
    call: i32,
    architecture: u32,
    at: u64,
    arguments: [u64; 6],
}

/// Adds a filter to the thread that asks its supervisor about getppid.
fn install(flags: u32) -> sys::Ret {
    sys!(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    let instruction =
        |code: u64, yes: u64, no: u64, k: u32| code | yes << 16 | no << 24 | u64::from(k) << 32;
    let program = [
        instruction(0x20, 0, 0, 0),
        instruction(0x15, 0, 1, SYS_getppid as u32),
        instruction(6, 0, 0, SECCOMP_RET_USER_NOTIF),
        instruction(6, 0, 0, SECCOMP_RET_ALLOW),
    ];
    let header = [program.len() as u64, program.as_ptr() as u64];
    sys!(SYS_seccomp, MODE_FILTER, flags, header.as_ptr())
}

/// The call that is asked about, with arguments to be seen.
fn asks() -> sys::Ret {
    sys!(SYS_getppid, 1, 2, 3, 4, 5, u64::MAX)
}

/// Has a thread with a supervised filter do something, and another supervise it; what the first
/// came to.
fn supervise<T: Send>(
    flags: u32,
    work: impl FnOnce() -> T + Send,
    supervisor: impl FnOnce(i32),
) -> T {
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _ = tell.send(install(LISTENER | flags).value());
            work()
        });
        let listener = told.recv().unwrap_or(-1);
        supervisor(listener);
        let result = worker.join().expect("it returns");
        sys!(SYS_close, listener);
        result
    })
}

fn receive(listener: i32) -> (sys::Ret, Question) {
    let mut question = Question::default();
    let got = sys!(SYS_ioctl, listener, RECEIVE, &raw mut question);
    (got, question)
}

fn send(listener: i32, id: u64, value: i64, error: i32, flags: u32) -> sys::Ret {
    let tail = u64::from(error as u32) | u64::from(flags) << 32;
    let reply = [id, value as u64, tail];
    sys!(SYS_ioctl, listener, SEND, reply.as_ptr())
}

fn is_valid(listener: i32, id: u64) -> sys::Ret {
    sys!(SYS_ioctl, listener, ID_VALID, &raw const id)
}

/// `flags`, then where in the asker's table, and that descriptor's flags.
fn add(listener: i32, id: u64, fd: i32, [flags, at, at_flags]: [u32; 3]) -> sys::Ret {
    let words = [
        id,
        u64::from(flags) | u64::from(fd as u32) << 32,
        u64::from(at) | u64::from(at_flags) << 32,
    ];
    sys!(SYS_ioctl, listener, ADD_FD, words.as_ptr())
}

fn events(listener: i32, wait: i32) -> String {
    let mut asked = pollfd {
        fd: listener,
        events: POLLIN | POLLOUT,
        revents: 0,
    };
    let count = sys!(SYS_poll, &raw mut asked, 1, wait);
    format!("{count} {:#x}", asked.revents)
}

pub fn run() {
    offered();
    answered();
    wrong();
    descriptors();
    interrupted();
    ended();
}

fn offered() {
    let mut sizes = [0_u16; 3];
    show!(
        "sizes",
        sys!(SYS_seccomp, GET_NOTIF_SIZES, 0, sizes.as_mut_ptr())
    );
    show!("question, reply, data", "{:?}", sizes);
    show!(
        "with flags",
        sys!(SYS_seccomp, GET_NOTIF_SIZES, 1, sizes.as_mut_ptr())
    );
    show!("to nowhere", sys!(SYS_seccomp, GET_NOTIF_SIZES, 0, 0x1000));
    let action = SECCOMP_RET_USER_NOTIF;
    show!(
        "known",
        sys!(SYS_seccomp, GET_ACTION_AVAIL, 0, &raw const action)
    );
    show!(
        "flags",
        child::run(|| {
            show!("or a thread's number", install(LISTENER | TSYNC));
            show!("steadfast without one", install(STEADFAST));
            let listener = install(LISTENER | TSYNC | TSYNC_ESRCH);
            show!("for all threads", listener.outcome());
            let name = std::fs::read_link(format!("/proc/self/fd/{listener}"));
            show!("its name", name.unwrap_or_default().display());
            let flag = sys!(SYS_fcntl, listener, F_GETFD);
            show!("closed by execve", flag);
            show!("opened for", sys!(SYS_fcntl, listener, F_GETFL));
            show!("a second one", install(LISTENER));
            show!("without one", install(0));
            show!("no such command", sys!(SYS_ioctl, listener, 0x2110, 0));
            show!(
                "of a terminal",
                sys!(SYS_ioctl, listener, TCGETS, sizes.as_ptr())
            );
            show!("no such flag", sys!(SYS_ioctl, listener, SET_FLAGS, 2));
            show!("read", sys!(SYS_read, listener, sizes.as_mut_ptr(), 6));
            show!("write", sys!(SYS_write, listener, sizes.as_ptr(), 6));
            show!("seek", sys!(SYS_lseek, listener, 0, SEEK_CUR));
            show!("nothing asked", events(listener.value(), 0));
            // It would have to answer for itself.
            sys!(SYS_close, listener);
            show!("nobody listens", asks());
            0
        })
    );
}

fn answered() {
    let tid = || sys!(SYS_gettid).0 as u32;
    let mut seen = Question::default();
    let (mine, got) = supervise(
        0,
        || (tid(), asks()),
        |listener| {
            show!("asked", events(listener, -1));
            let (result, question) = receive(listener);
            show!("received", result);
            seen = question;
            show!("received and not answered", events(listener, 0));
            show!("it is valid", is_valid(listener, question.id));
            show!("answer", send(listener, question.id, 42, 0, 0));
            show!(
                "answer again",
                send(listener, question.id, 42, 0, 0).failed()
            );
            while !is_valid(listener, question.id).failed() {
                thread::yield_now();
            }
            show!("valid no more", is_valid(listener, question.id));
        },
    );
    show!("the call returned", got);
    show!("who asked", seen.tid == mine);
    show!("flags of a question", seen.flags);
    show!("call", i64::from(seen.call) == SYS_getppid);
    show!("architecture", "{:#x}", seen.architecture);
    show!("arguments", "{:x?}", seen.arguments);
    for (name, value, error, flags) in [
        ("an error", 0, -EPERM, 0),
        ("an error and a value", 7, -ENOENT, 0),
        ("a negative value", -3, 0, 0),
        ("a large value", 1 << 40, 0, 0),
        ("to go on", 0, 0, CONTINUE),
    ] {
        let got = supervise(0, asks, |listener| {
            let (_, question) = receive(listener);
            show!(format!("answered with {name}"), {
                send(listener, question.id, value, error, flags)
            });
        });
        let parent = sys!(SYS_getppid);
        let got = if got == parent {
            "the parent".to_owned()
        } else {
            got.to_string()
        };
        show!(format!("returned {name}"), got);
    }
    let got = supervise(
        0,
        || [(); 3].map(|()| asks().to_string()).join(" "),
        |listener| {
            let mut last = 0;
            for value in 1..=3 {
                let (_, question) = receive(listener);
                show!(format!("number {value} follows"), {
                    last == 0 || question.id == last + 1
                });
                last = question.id;
                send(listener, question.id, value, 0, 0);
            }
        },
    );
    show!("three in turn", got);
}

fn wrong() {
    let got = supervise(0, asks, |listener| {
        let mut question = Question {
            flags: 1,
            ..Question::default()
        };
        let mut into = || sys!(SYS_ioctl, listener, RECEIVE, &raw mut question);
        show!("receive into what is not zero", into());
        show!(
            "receive into nothing",
            sys!(SYS_ioctl, listener, RECEIVE, 0x1000)
        );
        let kind = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = sys!(SYS_mmap, 0, 4096, PROT_READ, kind, -1, 0);
        show!(
            "receive into what can't be written",
            sys!(SYS_ioctl, listener, RECEIVE, page)
        );
        show!("it is asked still", events(listener, 0));
        let (result, question) = receive(listener);
        show!("receive", result);
        let id = question.id;
        show!("answer nobody", send(listener, id + 1, 0, 0, 0));
        show!("answer with unknown flags", send(listener, id, 0, 0, 2));
        show!("go on with a value", send(listener, id, 1, 0, CONTINUE));
        show!("go on with an error", send(listener, id, 0, -1, CONTINUE));
        show!(
            "answer from nowhere",
            sys!(SYS_ioctl, listener, SEND, 0x1000)
        );
        show!("nobody's number", is_valid(listener, id + 1));
        show!("no number", sys!(SYS_ioctl, listener, ID_VALID, 0x1000));
        show!("add with unknown flags", add(listener, id, 0, [4, 0, 0]));
        show!("add somewhere", add(listener, id, 0, [0, 50, 0]));
        show!("add with wrong flags", add(listener, id, 0, [0, 0, 1]));
        show!("add what is not open", add(listener, id, 999, [0, 0, 0]));
        show!("add to nobody", add(listener, id + 1, 0, [0, 0, 0]));
        show!(
            "add beyond the limit",
            add(listener, id, 0, [AT, 1 << 30, 0])
        );
        let words = [id, 0, 0, 1];
        let sized = |size: u32| {
            sys!(
                SYS_ioctl,
                listener,
                0x4000_2103 | size << 16,
                words.as_ptr()
            )
        };
        show!("add by too little", sized(16));
        show!("add by too much", sized(32));
        show!("still to be answered", send(listener, id, 5, 0, 0));
    });
    show!("answered after all", got);
}

fn descriptors() {
    let mut pipe = [0_i32; 2];
    sys!(SYS_pipe2, pipe.as_mut_ptr(), 0);
    let [from, to] = pipe;
    let written = |what: &[u8]| sys!(SYS_write, to, what.as_ptr(), what.len());
    let reads = |fd: sys::Ret| {
        let mut byte = [0_u8; 1];
        let count = sys!(SYS_read, fd, byte.as_mut_ptr(), 1);
        format!("{count} {}", char::from(byte[0]))
    };
    // The asker is a process with a table of its own, where the pipe is closed.
    let work = || {
        child::run(|| {
            sys::close_all(&[from, to]);
            let got = asks();
            show!("returned", got.outcome());
            show!("reads", reads(got));
            show!("flags of the second", sys!(SYS_fcntl, 77, F_GETFD));
            show!("flags of the first", sys!(SYS_fcntl, got, F_GETFD));
            show!("in place of the old", reads(sys::Ret(77)));
            let sent = asks();
            show!("sent", sent.outcome());
            show!("reads what was sent", reads(sent));
            0
        })
    };
    let got = supervise(0, work, |listener| {
        let (_, question) = receive(listener);
        written(b"abc");
        let first = add(listener, question.id, from, [0, 0, 0]);
        show!("added", first.outcome());
        let cloexec = O_CLOEXEC as u32;
        show!(
            "added at",
            add(listener, question.id, from, [AT, 77, cloexec])
        );
        show!(
            "added in place",
            add(listener, question.id, from, [AT, 77, cloexec])
        );
        show!(
            "answered with it",
            send(listener, question.id, first.0 as i64, 0, 0)
        );
        show!(
            "then added",
            add(listener, question.id, from, [0, 0, 0]).failed()
        );
        let (_, question) = receive(listener);
        show!("sent as an answer", {
            add(listener, question.id, from, [AND_SEND, 0, 0]).outcome()
        });
    });
    show!("the asker", got);
    sys::close_all(&pipe);
}

fn interrupted() {
    let disturb = |question: &Question| {
        let pid = sys!(SYS_getpid);
        sys!(SYS_tgkill, pid, question.tid, SIGUSR1)
    };
    sys::handle(0);
    let got = supervise(0, asks, |listener| {
        let (_, question) = receive(listener);
        disturb(&question);
        while !is_valid(listener, question.id).failed() {
            thread::yield_now();
        }
        show!(
            "answer who was interrupted",
            send(listener, question.id, 1, 0, 0)
        );
    });
    show!("interrupted", got);
    sys::handle(SA_RESTART);
    let got = supervise(0, asks, |listener| {
        let (_, question) = receive(listener);
        disturb(&question);
        let (_, again) = receive(listener);
        show!("asked again", again.id == question.id + 1);
        show!("as before", again.arguments == question.arguments);
        show!("the first one", is_valid(listener, question.id));
        show!("answer the second", send(listener, again.id, 2, 0, 0));
    });
    show!("restarted", got);
    sys::handle(0);
    let got = supervise(STEADFAST, asks, |listener| {
        let (_, question) = receive(listener);
        disturb(&question);
        for _ in 0..100 {
            thread::yield_now();
        }
        show!("it waits on", is_valid(listener, question.id));
        show!("answer it", send(listener, question.id, 3, 0, 0));
    });
    show!("not interrupted", got);
}

fn ended() {
    let work = || {
        let first = asks();
        format!("{first} {}", asks())
    };
    let (tell, told) = mpsc::channel();
    let got = thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _ = tell.send(install(LISTENER).value());
            work()
        });
        let listener = told.recv().unwrap_or(-1);
        receive(listener);
        sys!(SYS_close, listener);
        worker.join().expect("it returns")
    });
    show!("the supervisor has gone", got);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let _ = tell.send(install(LISTENER).value());
    });
    let listener = told.recv().unwrap_or(-1);
    let mut asked = pollfd {
        fd: listener,
        events: 0,
        revents: 0,
    };
    sys!(SYS_poll, &raw mut asked, 1, -1);
    show!("the last thread has gone", "{:#x}", asked.revents);
    sys!(SYS_close, listener);
    // A process that is killed in the middle of its call.
    let work = || child::run(|| asks().value());
    let got = supervise(0, work, |listener| {
        let (_, question) = receive(listener);
        sys!(SYS_kill, question.tid, SIGKILL);
        while !is_valid(listener, question.id).failed() {
            thread::yield_now();
        }
        show!(
            "answer who was killed",
            send(listener, question.id, 1, 0, 0)
        );
    });
    show!("killed", got);
}
