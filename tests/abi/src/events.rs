//! eventfd, timerfd and inotify.

use crate::{child, show, sys};
use libc::*;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

pub fn run() {
    counters();
    timers();
    watching();
    many_watchers();
    setting_of_time();
    waits_while_time_is_set();
    signalling();
}

fn read8(fd: i32) -> String {
    let mut value = 0_u64;
    let got = sys!(SYS_read, fd, &raw mut value, 8);
    if got.failed() {
        got.to_string()
    } else {
        value.to_string()
    }
}

fn write8(fd: i32, value: u64) -> sys::Ret {
    sys!(SYS_write, fd, &raw const value, 8)
}

fn events(fd: i32) -> String {
    let mut polled = [pollfd {
        fd,
        events: POLLIN | POLLOUT,
        revents: 0,
    }];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 0);
    format!("{:#x}", polled[0].revents)
}

fn counters() {
    let fd = sys!(SYS_eventfd2, 3, EFD_NONBLOCK).value();
    show!("count", read8(fd));
    show!("empty", read8(fd));
    show!("events", events(fd));
    show!("add", write8(fd, 5));
    show!("add more", write8(fd, 6));
    show!("events", events(fd));
    show!("sum", read8(fd));
    show!("add most", write8(fd, u64::MAX - 1));
    show!("add one more", write8(fd, 1));
    show!("events", events(fd));
    show!("add all", write8(fd, u64::MAX));
    show!("little room", sys!(SYS_read, fd, [0_u8; 4].as_mut_ptr(), 4));
    show!("much room", sys!(SYS_read, fd, [0_u8; 16].as_mut_ptr(), 16));
    show!("write little", sys!(SYS_write, fd, [0_u8; 4].as_ptr(), 4));
    let fd = sys!(SYS_eventfd2, 2, EFD_NONBLOCK | EFD_SEMAPHORE).value();
    show!("one by one", "{} {} {}", read8(fd), read8(fd), read8(fd));
    show!("wrong flags", sys!(SYS_eventfd2, 0, 2));
    show!("seek", sys!(SYS_lseek, fd, 0, SEEK_SET));
}

fn timers() {
    let fd = sys!(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK).value();
    let set =
        |flags: i32, setting: [i64; 4]| sys!(SYS_timerfd_settime, fd, flags, setting.as_ptr(), 0);
    show!("not set", read8(fd));
    show!("no clock", sys!(SYS_timerfd_create, 77, 0));
    show!(
        "a CPU clock",
        sys!(SYS_timerfd_create, CLOCK_PROCESS_CPUTIME_ID, 0)
    );
    show!("wrong flags", sys!(SYS_timerfd_create, CLOCK_MONOTONIC, 1));
    show!("set", set(0, [0, 0, 0, 1_000_000]));
    let mut polled = [pollfd {
        fd,
        events: POLLIN,
        revents: 0,
    }];
    show!("wait", sys!(SYS_poll, polled.as_mut_ptr(), 1, 5000));
    show!("expired", read8(fd));
    show!("once", read8(fd));
    show!("wrong time", set(0, [0, 0, 0, 1_000_000_000]));
    show!("wrong flags", set(8, [0, 0, 0, 1]));
    show!("long", set(0, [5, 0, 1000, 0]));
    let mut now = [0_i64; 4];
    sys!(SYS_timerfd_gettime, fd, now.as_mut_ptr());
    show!(
        "left",
        "{} every {}",
        (990..=1000).contains(&now[2]),
        now[0]
    );
    show!("until the past", set(TFD_TIMER_ABSTIME, [0, 0, 0, 1]));
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 5000);
    show!("expired", read8(fd));
    show!("off", set(0, [0; 4]));
    sys!(SYS_timerfd_gettime, fd, now.as_mut_ptr());
    show!("nothing left", "{:?}", now);
    show!("a period", set(0, [0, 1_000_000, 0, 1_000_000]));
    let long = timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    sys!(SYS_nanosleep, &raw const long, 0);
    show!(
        "many times",
        read8(fd).parse::<u64>().is_ok_and(|times| times >= 40)
    );
    show!("write", write8(fd, 1));
    show!(
        "set what is no timer",
        sys!(SYS_timerfd_settime, 1, 0, now.as_ptr(), 0)
    );
    show!(
        "wall",
        sys!(SYS_timerfd_create, CLOCK_REALTIME, 0).outcome()
    );
    show!(
        "boot time",
        sys!(SYS_timerfd_create, CLOCK_BOOTTIME, 0).outcome()
    );
}

/// What inotify says: mask, whether there is a cookie, and the name.
fn said(fd: i32) -> String {
    let mut bytes = [0_u8; 1024];
    let read = sys!(SYS_read, fd, bytes.as_mut_ptr(), 1024);
    if read.failed() {
        return read.to_string();
    }
    let mut rest = &bytes[..read.0 as usize];
    let mut all = Vec::new();
    while rest.len() >= 16 {
        let word =
            |at: usize| u32::from_ne_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let len = word(12) as usize;
        let name = rest[16..16 + len]
            .split(|&b| b == 0)
            .next()
            .unwrap_or_default();
        let cookie = if word(8) == 0 { "" } else { "+" };
        all.push(format!(
            "{}:{:#x}{cookie}:{}",
            word(0),
            word(4),
            String::from_utf8_lossy(name)
        ));
        rest = &rest[16 + len..];
    }
    all.join(" ")
}

fn watching() {
    sys!(SYS_mkdir, c"w", 0o755);
    let fd = sys!(SYS_inotify_init1, IN_NONBLOCK).value();
    let all = 0xfff_u32;
    let watch = sys!(SYS_inotify_add_watch, fd, c"w", all);
    show!("watch", watch);
    show!(
        "watch missing",
        sys!(SYS_inotify_add_watch, fd, c"none", all)
    );
    show!("watch nothing", sys!(SYS_inotify_add_watch, fd, c"w", 0));
    show!("the same again", sys!(SYS_inotify_add_watch, fd, c"w", all));
    show!("wrong flags", sys!(SYS_inotify_init1, 1));
    show!("nothing", said(fd));
    let file = sys!(SYS_open, c"w/a", O_CREAT | O_RDWR, 0o644);
    show!("create", said(fd));
    sys!(SYS_write, file, c"x", 1);
    show!("write", said(fd));
    sys!(SYS_pread64, file, [0_u8; 1].as_mut_ptr(), 1, 0);
    show!("read", said(fd));
    sys!(SYS_fchmod, file, 0o600);
    show!("chmod", said(fd));
    sys!(SYS_ftruncate, file, 0);
    show!("truncate", said(fd));
    sys!(SYS_close, file);
    show!("close", said(fd));
    sys!(SYS_rename, c"w/a", c"w/b");
    show!("rename", said(fd));
    sys!(SYS_link, c"w/b", c"w/c");
    show!("link", said(fd));
    sys!(SYS_mkdir, c"w/d", 0o755);
    show!("mkdir", said(fd));
    sys!(SYS_rmdir, c"w/d");
    show!("rmdir", said(fd));
    sys!(SYS_symlink, c"x", c"w/s");
    show!("symlink", said(fd));
    sys!(SYS_unlink, c"w/s");
    sys!(SYS_unlink, c"w/c");
    show!("unlink", said(fd));
    let own = sys!(SYS_inotify_add_watch, fd, c"w/b", all);
    sys!(SYS_rename, c"w/b", c"moved");
    show!("moved away", said(fd));
    sys!(SYS_unlink, c"moved");
    show!("unlinked", said(fd));
    show!("its watch is gone", sys!(SYS_inotify_rm_watch, fd, own));
    sys!(SYS_rmdir, c"w");
    show!("directory removed", said(fd));
    show!(
        "remove a watch of nothing",
        sys!(SYS_inotify_rm_watch, fd, 99)
    );
    sys!(SYS_mkdir, c"once", 0o755);
    sys!(SYS_inotify_add_watch, fd, c"once", IN_CREATE | IN_ONESHOT);
    sys!(SYS_mkdir, c"once/1", 0o755);
    sys!(SYS_mkdir, c"once/2", 0o755);
    show!("once", said(fd));
}

/// Waits for the signal of F_NOTIFY: how many there are, with what they say.
fn notices(fd: i32, signal: i32) -> String {
    let wanted = 1_u64 << (signal - 1);
    let now = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut said = Vec::new();
    loop {
        let mut info = [0_i32; 32];
        let got = sys!(
            SYS_rt_sigtimedwait,
            &raw const wanted,
            info.as_mut_ptr(),
            &raw const now,
            8
        );
        if got.failed() {
            return format!("{} {}", said.len(), said.join(" "));
        }
        let place = if info[6] == fd { "here" } else { "elsewhere" };
        said.push(format!("{}/{:#x}/{place}", info[2], info[4]));
    }
}

/// One user may have so many instances, however many descriptors.
fn many_watchers() {
    let stranger = || {
        sys!(SYS_setresuid, 4242, 4242, 4242);
        let mut made = Vec::new();
        let refused = loop {
            let fd = sys!(SYS_inotify_init1, 0);
            if fd.failed() {
                break fd;
            }
            made.push(fd);
        };
        show!("instances of one user", "{} {refused}", made.len());
        sys!(SYS_close, made[0]);
        show!("one less", sys!(SYS_inotify_init1, 0).failed());
        0
    };
    show!("who watches much", child::run(stranger));
    show!("and again", child::run(stranger));
}

/// Seconds of a clock.
fn seconds(clock: i32) -> i64 {
    let mut now = [0_i64; 2];
    sys!(SYS_clock_gettime, clock, now.as_mut_ptr());
    now[0]
}

/// What waits for a point of real time, while that is set.
fn setting_of_time() {
    let offset = seconds(CLOCK_REALTIME) - seconds(CLOCK_MONOTONIC);
    let set_ahead = |by: i64| {
        let now = seconds(CLOCK_MONOTONIC) + offset;
        sys!(SYS_clock_settime, CLOCK_REALTIME, [now + by, 0].as_ptr())
    };
    let start = seconds(CLOCK_REALTIME);
    let timer = |after: i64, flags: i32| {
        let fd = sys!(SYS_timerfd_create, CLOCK_REALTIME, TFD_NONBLOCK).value();
        let at = [0, 0, start + after, 0];
        sys!(SYS_timerfd_settime, fd, flags, at.as_ptr(), 0);
        fd
    };
    let soon = timer(10_000, TFD_TIMER_ABSTIME);
    let later = timer(30_000, TFD_TIMER_ABSTIME);
    let cancelled = timer(30_000, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
    let sleeper = child::fork(|| {
        let at = [start + 10_000, 0];
        sys!(
            SYS_clock_nanosleep,
            CLOCK_REALTIME,
            TIMER_ABSTIME,
            at.as_ptr(),
            0
        )
        .value()
    });
    let all = [soon, later, cancelled];
    show!("not yet", "{:?}", all.map(read8));
    show!("set time", set_ahead(20_000));
    let mut polled = [pollfd {
        fd: soon,
        events: POLLIN,
        revents: 0,
    }];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 5000);
    show!("a sleeper's end", child::wait(sleeper));
    show!("now", "{:?}", all.map(events));
    show!("read", "{:?}", all.map(read8));
    show!("read again", "{:?}", all.map(read8));
    let mut left = [0_i64; 4];
    sys!(SYS_timerfd_gettime, later, left.as_mut_ptr());
    show!("less is left", left[2] <= 10_000);
    show!("set back", set_ahead(0));
    sys!(SYS_timerfd_gettime, later, left.as_mut_ptr());
    show!("more is left", left[2] > 10_000);
    show!("cancelled again", read8(cancelled));
    set_ahead(1);
    let at = [0, 0, start + 30_000, 0];
    let flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    let set_anew = || sys!(SYS_timerfd_settime, cancelled, flags, at.as_ptr(), 0);
    show!("set when cancelled", set_anew());
    show!("set after that", set_anew());
    set_ahead(0);
    for fd in all {
        sys!(SYS_close, fd);
    }
}

/// Waits in a child until real time is so far, and ends with the error; or by a signal, when it is
/// late. The child sleeps by now.
fn until_real_time(wait: impl FnOnce(*const i64) -> sys::Ret, seconds: i64) -> i32 {
    let pid = child::fork(|| {
        sys!(SYS_alarm, 20);
        let at = [seconds, 0];
        -wait(at.as_ptr()).0 as i32
    });
    let stat = format!("/proc/{pid}/stat");
    while std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") S ")) {
        sys!(SYS_sched_yield);
    }
    pid
}

/// Calls that wait for a point of real time, other than timerfd and clock_nanosleep.
fn waits_while_time_is_set() {
    const FUTEX_LOCK_PI2: i32 = 13;
    const QUEUE: &CStr = c"while-time-is-set";
    let offset = seconds(CLOCK_REALTIME) - seconds(CLOCK_MONOTONIC);
    let set_ahead = |by: i64| {
        let now = seconds(CLOCK_MONOTONIC) + offset;
        sys!(SYS_clock_settime, CLOCK_REALTIME, [now + by, 0].as_ptr())
    };
    let end = seconds(CLOCK_REALTIME) + 10_000;
    let [plain, ours] = sys::shared_words();
    ours.store(sys!(SYS_gettid).0 as u32, SeqCst);
    let futex = |word: &'static AtomicU32, operation: i32| {
        let operation = operation | FUTEX_CLOCK_REALTIME;
        move |at: *const i64| {
            let value = word.load(SeqCst);
            sys!(SYS_futex, word.as_ptr(), operation, value, at, 0, u32::MAX)
        }
    };
    let many = |at: *const i64| {
        let word = [0, plain.as_ptr().addr() as u64, 2];
        sys!(SYS_futex_waitv, word.as_ptr(), 1, 0, at, CLOCK_REALTIME)
    };
    let limits = [0_i64, 1, 8, 0, 0, 0, 0, 0];
    let flags = O_RDWR | O_CREAT;
    let queue = sys!(SYS_mq_open, QUEUE, flags, 0o600, limits.as_ptr()).value();
    sys!(SYS_mq_unlink, QUEUE);
    let mut text = [0_u8; 8];
    let receive = |at: *const i64| sys!(SYS_mq_timedreceive, queue, text.as_mut_ptr(), 8, 0, at);
    let send = |at: *const i64| sys!(SYS_mq_timedsend, queue, c"text", 4, 0, at);
    let receiver = until_real_time(receive, end);
    let waiters = [
        (
            "a word",
            until_real_time(futex(plain, FUTEX_WAIT_BITSET), end),
        ),
        ("a lock", until_real_time(futex(ours, FUTEX_LOCK_PI2), end)),
        ("many words", until_real_time(many, end)),
        ("a message", receiver),
    ];
    let signal = 1_u64 << (SIGUSR2 - 1);
    sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const signal, 0, 8);
    let timer = |flags: i32, setting: [i64; 4]| {
        let mut event = [0_u32; 16];
        event[2] = SIGUSR2 as u32;
        let mut timer = 0_i32;
        sys!(
            SYS_timer_create,
            CLOCK_REALTIME,
            event.as_ptr(),
            &raw mut timer
        );
        sys!(SYS_timer_settime, timer, flags, setting.as_ptr(), 0);
        timer
    };
    let left = |timer: i32| {
        let mut left = [0_i64; 4];
        sys!(SYS_timer_gettime, timer, left.as_mut_ptr());
        left[2]
    };
    let signalled = |seconds: i64| {
        let long = [seconds, 0];
        sys!(SYS_rt_sigtimedwait, &raw const signal, 0, long.as_ptr(), 8)
    };
    let soon = timer(TIMER_ABSTIME, [0, 0, end, 0]);
    let later = timer(TIMER_ABSTIME, [0, 0, end + 20_000, 0]);
    let after = timer(0, [0, 0, 10_000, 0]);
    show!("no signal yet", signalled(0));
    show!("set time under waits", set_ahead(20_000));
    for (what, waiter) in waiters {
        show!("waits until then", "{what}: {}", child::wait(waiter));
    }
    show!("signalled", signalled(20));
    show!("once", signalled(0));
    show!("it is off", left(soon));
    show!("less is left to a timer", left(later) <= 10_000);
    show!(
        "as much is left of a while",
        (9_000..=10_000).contains(&left(after))
    );
    show!("set time back", set_ahead(0));
    show!("more is left to a timer", left(later) > 20_000);
    show!("the while goes on", (9_000..=10_000).contains(&left(after)));
    // Of this one periods pass as time is set.
    let often = timer(TIMER_ABSTIME, [100, 0, end, 0]);
    set_ahead(20_000);
    show!("signalled often", signalled(20));
    let overrun = sys!(SYS_timer_getoverrun, often);
    show!("periods that passed", (95..=105).contains(&overrun.0));
    show!("less than a period is left", left(often) <= 100);
    set_ahead(0);
    show!("all of them are left again", left(often) > 10_000);
    for timer in [soon, later, after, often] {
        sys!(SYS_timer_delete, timer);
    }
    sys!(SYS_mq_timedsend, queue, c"full", 4, 0, 0);
    let sender = until_real_time(send, end);
    set_ahead(20_000);
    show!("waits until then", "room: {}", child::wait(sender));
    set_ahead(0);
    sys!(SYS_rt_sigprocmask, SIG_UNBLOCK, &raw const signal, 0, 8);
    sys!(SYS_close, queue);
}

fn signalling() {
    const SIGNAL: i32 = 40;
    const F_SETSIG: i32 = 10;
    const DN_MODIFY: i32 = 2;
    const DN_CREATE: i32 = 4;
    const DN_DELETE: i32 = 8;
    const DN_RENAME: i32 = 16;
    const DN_ATTRIB: i32 = 32;
    let blocked = 1_u64 << (SIGNAL - 1) | 1 << (SIGIO - 1);
    let make = |name| {
        let fd = sys!(SYS_openat, AT_FDCWD, name, O_CREAT | O_RDWR, 0o600);
        sys!(SYS_close, fd);
    };
    show!("make a folder", sys!(SYS_mkdir, c"n", 0o700));
    let ended = child::run(|| {
        sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const blocked, 0, 8);
        make(c"n/0");
        let file = sys!(SYS_openat, AT_FDCWD, c"n/0", O_RDONLY).value();
        show!("of a file", sys!(SYS_fcntl, file, F_NOTIFY, DN_CREATE));
        let fd = sys!(SYS_openat, AT_FDCWD, c"n", O_RDONLY | O_DIRECTORY).value();
        show!("once", sys!(SYS_fcntl, fd, F_NOTIFY, DN_CREATE));
        let me = sys!(SYS_getpid);
        show!("owner", sys!(SYS_fcntl, fd, F_GETOWN) == me);
        make(c"n/a");
        make(c"n/b");
        show!("plain", notices(0, SIGIO));
        sys!(SYS_fcntl, fd, F_SETSIG, SIGNAL);
        let all = DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB | DN_MODIFY;
        let always = sys!(SYS_fcntl, fd, F_NOTIFY, all as u32 | 1 << 31);
        show!("always", always);
        make(c"n/c");
        show!("made", notices(fd, SIGNAL));
        sys!(SYS_chmod, c"n/c", 0o644);
        show!("mode changed", notices(fd, SIGNAL));
        sys!(SYS_rename, c"n/c", c"n/d");
        show!("renamed", notices(fd, SIGNAL));
        sys!(SYS_truncate, c"n/d", 5);
        show!("truncated", notices(fd, SIGNAL));
        sys!(SYS_unlink, c"n/d");
        show!("removed", notices(fd, SIGNAL));
        let copy = sys!(SYS_dup, fd).value();
        sys!(SYS_close, copy);
        make(c"n/e");
        show!("copy closed", notices(fd, SIGNAL));
        sys!(SYS_fcntl, fd, F_NOTIFY, DN_CREATE as u32 | 1 << 31);
        sys!(SYS_fcntl, fd, F_NOTIFY, 0);
        make(c"n/f");
        show!("no more", notices(fd, SIGNAL));
        0
    });
    show!("notified child", ended);
}
