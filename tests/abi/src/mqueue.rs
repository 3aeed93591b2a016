//! POSIX message queues.

use crate::sys::Ret;
use crate::{child, show, sys};
use libc::{O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, SIGUSR1};
use std::ffi::CStr;

/// `struct mq_attr`.
type Limits = [i64; 8];

const NAME: &CStr = c"abi-queue";

fn open(name: &CStr, flags: i32, limits: Option<Limits>) -> Ret {
    let at = limits.as_ref().map_or(0, |limits| limits.as_ptr() as usize);
    sys!(SYS_mq_open, name, flags, 0o600, at)
}

/// A new queue of so many messages of so many bytes.
fn queue(messages: i64, bytes: i64) -> Ret {
    sys!(SYS_mq_unlink, NAME);
    open(
        NAME,
        O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK,
        Some(of(messages, bytes)),
    )
}

fn of(messages: i64, bytes: i64) -> Limits {
    [0, messages, bytes, 0, 0, 0, 0, 0]
}

fn limits(queue: Ret) -> String {
    let mut limits = [-1_i64; 8];
    let got = sys!(SYS_mq_getsetattr, queue, 0, limits.as_mut_ptr());
    format!("{got} {limits:?}")
}

fn send(queue: Ret, text: &str, priority: u32) -> Ret {
    sys!(
        SYS_mq_timedsend,
        queue,
        text.as_ptr(),
        text.len(),
        priority,
        0
    )
}

/// A message and its priority, or the error.
fn receive(queue: Ret, room: usize) -> String {
    let mut text = [0_u8; 64];
    let mut priority = 77_u32;
    let at = &raw mut priority;
    let got = sys!(SYS_mq_timedreceive, queue, text.as_mut_ptr(), room, at, 0);
    let len = usize::try_from(got.0).unwrap_or(0);
    let text = String::from_utf8_lossy(&text[..len]);
    format!("{got} {text:?} of priority {priority}")
}

fn poll(queue: Ret) -> String {
    let mut watched = [queue.value() as u64 | 5 << 32];
    let ready = sys!(SYS_poll, watched.as_mut_ptr(), 1, 0);
    format!("{ready} {:#x}", watched[0] >> 48)
}

pub fn run() {
    names();
    making();
    messages();
    refused();
    waiting();
    notices();
    cookies();
    sys!(SYS_mq_unlink, NAME);
}

fn names() {
    sys!(SYS_mq_unlink, NAME);
    show!("a queue that isn't there", open(NAME, O_RDWR, None));
    show!("without a name", open(c"", O_RDWR | O_CREAT, None));
    show!("a name with a slash", open(c"/abi", O_RDWR | O_CREAT, None));
    show!(
        "a name with a slash within",
        open(c"a/b", O_RDWR | O_CREAT, None)
    );
    show!("a dot", open(c".", O_RDWR | O_CREAT, None));
    let long = std::ffi::CString::new("n".repeat(256)).unwrap_or_default();
    show!("a long name", open(&long, O_RDWR | O_CREAT, None));
    show!(
        "a name at a bad address",
        sys!(SYS_mq_open, 8, O_RDWR, 0, 0)
    );
    show!(
        "limits at a bad address",
        sys!(SYS_mq_open, NAME, O_RDWR | O_CREAT, 0, 8)
    );
    let made = open(NAME, O_CREAT | O_EXCL | O_RDONLY, None);
    show!("made", made.outcome());
    show!("made again", open(NAME, O_CREAT | O_EXCL | O_RDWR, None));
    show!("opened", open(NAME, O_RDWR, None).outcome());
    show!("close on exec", sys!(SYS_fcntl, made, libc::F_GETFD));
    show!("its limits", limits(made));
    child::run(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        show!("another user opens it", open(NAME, O_RDONLY, None));
        show!("another user removes it", sys!(SYS_mq_unlink, NAME));
        show!(
            "another user asks for much",
            open(c"abi-much", O_CREAT | O_RDWR, Some(of(11, 10)))
        );
        show!(
            "another user asks for large",
            open(c"abi-much", O_CREAT | O_RDWR, Some(of(10, 8193)))
        );
        0
    });
    show!("removed", sys!(SYS_mq_unlink, NAME));
    show!("removed again", sys!(SYS_mq_unlink, NAME));
    show!("remove a name with a slash", sys!(SYS_mq_unlink, c"/abi"));
    show!("it is still there", limits(made));
    sys!(SYS_close, made);
}

fn making() {
    for (messages, bytes) in [
        (0, 10),
        (10, 0),
        (-1, 10),
        (10, -1),
        (65537, 1),
        (1, (16 << 20) + 1),
        (i64::MAX, i64::MAX),
    ] {
        let made = queue(messages, bytes);
        show!(
            format!("{messages} messages of {bytes} bytes"),
            made.outcome()
        );
    }
    let limit = [100_000_u64, 100_000];
    child::run(|| {
        sys!(SYS_prlimit64, 0, 12, limit.as_ptr(), 0);
        show!("more than the limit", queue(100, 952));
        // 48 bytes for a message, and 48 for each priority that can be in use.
        show!("just the limit", queue(100, 904).outcome());
        show!(
            "a byte more",
            open(c"abi-second", O_CREAT | O_RDWR, Some(of(1, 1)))
        );
        0
    });
    let made = queue(5, 7);
    show!("five of seven bytes", limits(made));
    let mut stat = [0_u64; 18];
    show!("fstat", sys!(SYS_fstat, made, stat.as_mut_ptr()));
    show!("its mode", "{:#o}", stat[3] & 0xffff_ffff);
    show!("its size", stat[6]);
    let mut text = [0_u8; 100];
    let read = sys!(SYS_read, made, text.as_mut_ptr(), 100);
    let len = usize::try_from(read.0).unwrap_or(0);
    show!("read", "{:?}", String::from_utf8_lossy(&text[..len]));
    show!("written", sys!(SYS_write, made, text.as_ptr(), 1));
    let flags: Limits = [i64::from(O_NONBLOCK) | 1, 0, 0, 0, 0, 0, 0, 0];
    show!(
        "a flag that is none",
        sys!(SYS_mq_getsetattr, made, flags.as_ptr(), 0)
    );
    let mut old = [-1_i64; 8];
    let none: Limits = [0; 8];
    show!(
        "blocking",
        sys!(SYS_mq_getsetattr, made, none.as_ptr(), old.as_mut_ptr())
    );
    show!("as it was", "{old:?}");
    show!("as it is", limits(made));
    show!("of a bad descriptor", sys!(SYS_mq_getsetattr, 999, 0, 0));
    show!("of something else", sys!(SYS_mq_getsetattr, 1, 0, 0));
    show!("nothing asked", sys!(SYS_mq_getsetattr, made, 0, 0));
    sys!(SYS_close, made);
}

fn messages() {
    let made = queue(5, 20);
    show!("ready, empty", poll(made));
    show!("receive of an empty one", receive(made, 20));
    for (text, priority) in [
        ("one", 1),
        ("nine", 9),
        ("another one", 1),
        ("", 32767),
        ("none", 0),
    ] {
        show!(format!("send {text:?}"), send(made, text, priority));
    }
    show!("ready, full", poll(made));
    show!("one more", send(made, "more", 3));
    show!("limits of a full one", limits(made));
    let mut text = [0_u8; 100];
    let read = sys!(SYS_pread64, made, text.as_mut_ptr(), 100, 0);
    let len = usize::try_from(read.0).unwrap_or(0);
    show!(
        "read when full",
        "{:?}",
        String::from_utf8_lossy(&text[..len])
    );
    for number in 1..=5 {
        show!(format!("receive {number}"), receive(made, 64));
        if number == 1 {
            show!("ready, neither", poll(made));
        }
    }
    sys!(SYS_close, made);
}

fn refused() {
    let made = queue(2, 20);
    show!("a priority too high", send(made, "x", 32768));
    show!(
        "a message too long",
        send(made, "a message of more than twenty", 0)
    );
    show!("too little room", receive(made, 19));
    show!(
        "a message at a bad address",
        sys!(SYS_mq_timedsend, made, 8, 4, 0, 0)
    );
    show!("a bad descriptor", send(Ret(999), "x", 0));
    show!("something else", send(Ret(1), "x", 0));
    let times = [[0_i64, 1_000_000_000], [-1, 0], [0, -1]];
    for time in &times {
        let sent = sys!(SYS_mq_timedsend, made, c"x", 1, 0, time.as_ptr());
        show!(format!("sent until {time:?}"), sent);
    }
    show!(
        "until a bad address",
        sys!(SYS_mq_timedsend, made, c"x", 1, 0, 8)
    );
    let reader = open(NAME, O_RDONLY | O_NONBLOCK, None);
    let writer = open(NAME, O_WRONLY | O_NONBLOCK, None);
    show!("sent by a reader", send(reader, "x", 0));
    show!("received by a writer", receive(writer, 20));
    show!("sent by a writer", send(writer, "x", 0));
    let mut text = [0_u8; 20];
    let got = sys!(SYS_mq_timedreceive, reader, text.as_mut_ptr(), 20, 8, 0);
    show!("a priority at a bad address", got);
    show!("the message is gone", receive(reader, 20));
    for fd in [made, reader, writer] {
        sys!(SYS_close, fd);
    }
}

fn waiting() {
    let made = queue(1, 20);
    let blocking: Limits = [0; 8];
    sys!(SYS_mq_getsetattr, made, blocking.as_ptr(), 0);
    let past = [1_i64, 0];
    let mut text = [0_u8; 20];
    let got = sys!(
        SYS_mq_timedreceive,
        made,
        text.as_mut_ptr(),
        20,
        0,
        past.as_ptr()
    );
    show!("received until long ago", got);
    send(made, "full", 0);
    let sent = sys!(SYS_mq_timedsend, made, c"x", 1, 0, past.as_ptr());
    show!("sent until long ago", sent);
    receive(made, 20);
    let receiver = child::fork(|| {
        show!("received by a child", receive(made, 20));
        0
    });
    send(made, "for the child", 4);
    show!("the child", child::wait(receiver));
    send(made, "first", 0);
    // Waits for room, unless it comes too late to.
    let sender = child::fork(|| send(made, "second", 5).value());
    show!("the first", receive(made, 20));
    show!("the second", receive(made, 20));
    show!("its sender", child::wait(sender));
    let waiter = child::fork(|| {
        receive(made, 20);
        0
    });
    sys!(SYS_kill, waiter, libc::SIGKILL);
    show!("killed while it receives", child::wait(waiter));
    show!("nothing was lost", limits(made));
    sys!(SYS_close, made);
}

/// `struct sigevent` of a signal with a value.
fn event(signal: i32, how: i32) -> [u64; 8] {
    let mut event = [0_u64; 8];
    event[0] = 0x1234;
    event[1] = signal as u64 | (how as u64) << 32;
    event
}

/// Takes a signal that waits: its code and value.
fn taken() -> String {
    let set = [1_u64 << (SIGUSR1 - 1)];
    let mut info = [0_u32; 32];
    let now = [0_u64; 2];
    let got = sys!(
        SYS_rt_sigtimedwait,
        set.as_ptr(),
        info.as_mut_ptr(),
        now.as_ptr(),
        8
    );
    let me = sys!(SYS_getpid).value() as u32;
    format!(
        "{got} code {} from us {} value {:#x}",
        info[2] as i32,
        info[4] == me,
        info[6]
    )
}

fn notices() {
    let set = [1_u64 << (SIGUSR1 - 1)];
    sys!(SYS_rt_sigprocmask, libc::SIG_BLOCK, set.as_ptr(), 0, 8);
    let made = queue(5, 20);
    let ask = |queue: Ret, event: [u64; 8]| sys!(SYS_mq_notify, queue, event.as_ptr());
    let by_signal = event(SIGUSR1, libc::SIGEV_SIGNAL);
    show!("a notice by no way", ask(made, event(SIGUSR1, 99)));
    show!(
        "a notice by no signal",
        ask(made, event(65, libc::SIGEV_SIGNAL))
    );
    show!("a notice at a bad address", sys!(SYS_mq_notify, made, 8));
    show!("a notice of a bad descriptor", ask(Ret(999), by_signal));
    show!("a notice of something else", ask(Ret(1), by_signal));
    show!("a notice", ask(made, by_signal));
    show!("a second one", ask(made, by_signal));
    let ended = child::run(|| {
        let asked = ask(made, by_signal);
        // Whose notice it isn't takes nothing away.
        sys!(SYS_mq_notify, made, 0);
        asked.0.unsigned_abs() as i32
    });
    show!("a child's", ended);
    send(made, "a message", 0);
    show!("the signal", taken());
    send(made, "another", 0);
    show!("no further signal", taken());
    show!("asked for while there are some", ask(made, by_signal));
    send(made, "a third", 0);
    show!("no signal of a third", taken());
    for _ in 0..3 {
        receive(made, 20);
    }
    send(made, "the first again", 0);
    show!("a signal of the first again", taken());
    receive(made, 20);
    ask(made, by_signal);
    show!("taken back", sys!(SYS_mq_notify, made, 0));
    send(made, "unheard", 0);
    show!("no signal then", taken());
    receive(made, 20);
    show!("asked for nothing", ask(made, event(0, libc::SIGEV_NONE)));
    show!("which is something", ask(made, by_signal));
    let second = sys!(SYS_dup, made);
    sys!(SYS_close, second);
    show!("closing any descriptor takes it back", ask(made, by_signal));
    sys!(SYS_mq_notify, made, 0);
    sys!(SYS_close, made);
}

/// What C libraries make SIGEV_THREAD of: the kernel sends what it was given to a netlink socket.
fn cookies() {
    let made = queue(5, 20);
    let socket = sys!(SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW, 0);
    show!("a socket to be told by", socket.outcome());
    let cookie: [u8; 32] = std::array::from_fn(|at| at as u8);
    let ask = |socket: Ret, cookie: usize| {
        let mut event = event(socket.value(), 2);
        event[0] = cookie as u64;
        sys!(SYS_mq_notify, made, event.as_ptr())
    };
    let at = cookie.as_ptr().addr();
    let told = || {
        let mut text = [0_u8; 64];
        let flags = libc::MSG_DONTWAIT;
        let got = sys!(SYS_recvfrom, socket, text.as_mut_ptr(), 64, flags, 0, 0);
        format!("{got} {} {}", text[..31] == cookie[..31], text[31])
    };
    show!("of a bad cookie", ask(socket, 0x1000));
    show!("to no descriptor", ask(Ret(999), at));
    show!("to what is no socket", ask(made, at));
    let other = sys!(SYS_socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0);
    show!("to another socket", ask(other, at));
    show!("to the socket", ask(socket, at));
    show!("once more", ask(socket, at));
    show!("nothing yet", told());
    send(made, "a message", 0);
    show!("told of a message", told());
    send(made, "another", 0);
    show!("told once", told());
    receive(made, 20);
    receive(made, 20);
    show!("asked again", ask(socket, at));
    show!("taken back", sys!(SYS_mq_notify, made, 0));
    show!("told of that", told());
    show!("asked, to be closed", ask(socket, at));
    sys!(SYS_close, sys!(SYS_dup, made));
    show!("told of the end", told());
    sys::close_all(&[made.value(), socket.value(), other.value()]);
}
