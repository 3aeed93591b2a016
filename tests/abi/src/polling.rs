//! poll, select and epoll: what is ready, how often it is said, and what may be watched.

use crate::{child, show, sys};
use libc::*;

fn pipe() -> [i32; 2] {
    let mut ends = [0; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), O_NONBLOCK);
    ends
}

pub fn run() {
    polls();
    selects();
    sets();
    edges();
    nesting();
}

fn polls() {
    let ends = pipe();
    let entry = |fd, events| pollfd {
        fd,
        events,
        revents: 0x55,
    };
    let mut polled = [
        entry(ends[0], POLLIN),
        entry(ends[1], POLLOUT),
        entry(-1, POLLIN),
        entry(99, POLLIN),
    ];
    show!("poll", sys!(SYS_poll, polled.as_mut_ptr(), 4, 0));
    show!("events", "{:?}", polled.each_ref().map(|p| p.revents));
    show!("time is up", sys!(SYS_poll, polled.as_mut_ptr(), 1, 10));
    show!("none", sys!(SYS_poll, 0, 0, 1));
    show!("wrong address", sys!(SYS_poll, 8, 1, 0));
    show!(
        "too many",
        sys!(SYS_poll, polled.as_mut_ptr(), 2_000_000, 0)
    );
    let file = sys!(SYS_open, c"f", O_RDWR | O_CREAT, 0o600).value();
    let mut polled = [entry(file, POLLIN | POLLOUT)];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 0);
    show!("a file is ready", polled[0].revents);
    let time = timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    let mut polled = [entry(ends[0], POLLIN)];
    show!(
        "ppoll",
        sys!(SYS_ppoll, polled.as_mut_ptr(), 1, &raw const time, 0, 8)
    );
    let wrong = timespec {
        tv_sec: -1,
        tv_nsec: 0,
    };
    show!(
        "ppoll wrongly",
        sys!(SYS_ppoll, polled.as_mut_ptr(), 1, &raw const wrong, 0, 8)
    );
    sys::close_all(&ends);
}

fn selects() {
    let ends = pipe();
    let bit = |fd: i32| 1_u64 << fd;
    let mut read = [bit(ends[0]), 0];
    let mut write = [bit(ends[1]), 0];
    let mut time = [0_i64, 0];
    let most = ends[1] + 1;
    show!(
        "select",
        sys!(
            SYS_select,
            most,
            read.as_mut_ptr(),
            write.as_mut_ptr(),
            0,
            time.as_mut_ptr()
        )
    );
    show!("sets", "{} {}", read[0], write[0] == bit(ends[1]));
    let mut wrong = [1_u64 << 60, 0];
    show!(
        "a closed one",
        sys!(SYS_select, 64, wrong.as_mut_ptr(), 0, 0, time.as_mut_ptr())
    );
    show!("negative", sys!(SYS_select, -1, 0, 0, 0, time.as_mut_ptr()));
    time = [0, 2_000_000];
    show!(
        "a time of too many parts",
        sys!(SYS_select, 0, 0, 0, 0, time.as_mut_ptr())
    );
    time = [-1, 0];
    show!(
        "a negative time",
        sys!(SYS_select, 0, 0, 0, 0, time.as_mut_ptr())
    );
    sys!(SYS_write, ends[1], c"x", 1);
    read = [bit(ends[0]), 0];
    time = [10, 0];
    show!(
        "readable",
        sys!(SYS_select, most, read.as_mut_ptr(), 0, 0, time.as_mut_ptr())
    );
    show!("time is left", time[0] >= 8);
    sys::close_all(&ends);
}

#[repr(C, packed)]
#[derive(Clone, Copy, Default)]
struct Event {
    events: u32,
    data: u64,
}

fn control(set: i32, operation: i32, fd: i32, events: i32, data: u64) -> sys::Ret {
    let event = Event {
        events: events as u32,
        data,
    };
    sys!(SYS_epoll_ctl, set, operation, fd, &raw const event)
}

fn wait(set: i32) -> String {
    let mut events = [Event::default(); 8];
    let count = sys!(SYS_epoll_wait, set, events.as_mut_ptr(), 8, 0);
    let mut found: Vec<String> = events[..count.0.max(0) as usize]
        .iter()
        .map(|event| format!("{}={:#x}", { event.data }, { event.events }))
        .collect();
    found.sort();
    if count.failed() {
        count.to_string()
    } else {
        format!("{found:?}")
    }
}

fn set() -> i32 {
    sys!(SYS_epoll_create1, EPOLL_CLOEXEC).value()
}

fn sets() {
    show!("size 0", sys!(SYS_epoll_create, 0));
    show!("wrong flags", sys!(SYS_epoll_create1, 1));
    let (poll, ends) = (set(), pipe());
    show!("add", control(poll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    show!(
        "add again",
        control(poll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1)
    );
    show!(
        "change what is not there",
        control(poll, EPOLL_CTL_MOD, ends[1], EPOLLOUT, 2)
    );
    show!(
        "delete what is not there",
        control(poll, EPOLL_CTL_DEL, ends[1], 0, 0)
    );
    show!("add closed", control(poll, EPOLL_CTL_ADD, 99, EPOLLIN, 0));
    show!("add itself", control(poll, EPOLL_CTL_ADD, poll, EPOLLIN, 0));
    show!(
        "add to a pipe",
        control(ends[0], EPOLL_CTL_ADD, ends[1], EPOLLIN, 0)
    );
    show!("wrong operation", control(poll, 9, ends[0], EPOLLIN, 0));
    let file = sys!(SYS_open, c"e", O_RDWR | O_CREAT, 0o600).value();
    show!("add a file", control(poll, EPOLL_CTL_ADD, file, EPOLLIN, 0));
    show!("nothing", wait(poll));
    show!(
        "none asked for",
        sys!(SYS_epoll_wait, poll, [0_u8; 12].as_mut_ptr(), 0, 0)
    );
    show!(
        "wait on a pipe",
        sys!(SYS_epoll_wait, ends[0], [0_u8; 12].as_mut_ptr(), 1, 0)
    );
    sys!(SYS_write, ends[1], c"ab", 2);
    show!("readable", wait(poll));
    show!("still", wait(poll));
    show!("to a wrong address", sys!(SYS_epoll_wait, poll, 8, 1, 0));
    show!("still after it", wait(poll));
    show!(
        "change",
        control(poll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 3)
    );
    show!("once", wait(poll));
    show!("no more", wait(poll));
    control(poll, EPOLL_CTL_MOD, ends[0], EPOLLIN, 4);
    show!("again", wait(poll));
    sys!(SYS_close, ends[1]);
    show!("hung up", wait(poll));
    sys!(SYS_close, ends[0]);
    show!("closed", wait(poll));
    let ends = pipe();
    control(poll, EPOLL_CTL_ADD, ends[1], EPOLLOUT, 5);
    let twin = sys!(SYS_dup, ends[1]).value();
    sys!(SYS_close, ends[1]);
    show!("a twin keeps it", wait(poll));
    sys!(SYS_close, twin);
    show!("gone with the last", wait(poll));
    let many: Vec<i32> = (0..40).map(|_| sys!(SYS_eventfd2, 1, 0).value()).collect();
    for &fd in &many {
        control(poll, EPOLL_CTL_ADD, fd, EPOLLIN, fd as u64);
    }
    let mut events = [Event::default(); 64];
    show!(
        "forty",
        sys!(SYS_epoll_wait, poll, events.as_mut_ptr(), 64, 0)
    );
    show!(
        "ten of forty",
        sys!(SYS_epoll_wait, poll, events.as_mut_ptr(), 10, 0)
    );
    let firsts: Vec<u64> = events[..10].iter().map(|event| event.data).collect();
    sys!(SYS_epoll_wait, poll, events.as_mut_ptr(), 10, 0);
    show!(
        "then others",
        !events[..10]
            .iter()
            .any(|event| firsts.contains(&{ event.data }))
    );
    sys::close_all(&many);
}

fn edges() {
    let (poll, ends) = (set(), pipe());
    control(poll, EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLET, 1);
    sys!(SYS_write, ends[1], c"a", 1);
    show!("an edge", wait(poll));
    show!("no other", wait(poll));
    sys!(SYS_write, ends[1], c"b", 1);
    show!("another", wait(poll));
    control(poll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 2);
    show!("changed, so said again", wait(poll));
    show!(
        "exclusively and once",
        control(
            poll,
            EPOLL_CTL_ADD,
            ends[1],
            EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT,
            2
        )
    );
    show!(
        "exclusively",
        control(poll, EPOLL_CTL_ADD, ends[1], EPOLLOUT | EPOLLEXCLUSIVE, 2)
    );
    show!(
        "change what is exclusive",
        control(poll, EPOLL_CTL_MOD, ends[1], EPOLLOUT, 2)
    );
    let pid = child::fork(|| {
        sys!(SYS_write, ends[1], c"c", 1);
        0
    });
    let mut events = [Event::default(); 8];
    show!(
        "woken by another",
        sys!(SYS_epoll_wait, poll, events.as_mut_ptr(), 8, 5000).0 > 0
    );
    child::wait(pid);
}

fn nesting() {
    let (outer, inner, ends) = (set(), set(), pipe());
    show!("nest", control(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 1));
    show!("circle", control(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 1));
    control(inner, EPOLL_CTL_ADD, ends[0], EPOLLIN, 2);
    show!("nothing", wait(outer));
    sys!(SYS_write, ends[1], c"a", 1);
    show!("through both", wait(outer));
    show!("inner", wait(inner));
    let mut polled = [pollfd {
        fd: outer,
        events: POLLIN,
        revents: 0,
    }];
    show!("poll of a set", sys!(SYS_poll, polled.as_mut_ptr(), 1, 0));
    sys!(SYS_read, ends[0], [0_u8; 1].as_mut_ptr(), 1);
    show!("nothing again", wait(outer));
    let mut deep = set();
    let mut depth = 0;
    while depth < 10 {
        let next = set();
        if control(next, EPOLL_CTL_ADD, deep, EPOLLIN, 0).failed() {
            break;
        }
        deep = next;
        depth += 1;
    }
    show!("as deep as", depth);
    // What is watched last makes it too deep, for some versions of Linux; the sets do, for others.
    let sets: Vec<i32> = (0..8).map(|_| set()).collect();
    let mut taken = sets
        .windows(2)
        .all(|pair| !control(pair[0], EPOLL_CTL_ADD, pair[1], EPOLLIN, 0).failed());
    let counter = sys!(SYS_eventfd2, 0, 0).value();
    taken &= !control(sets[7], EPOLL_CTL_ADD, counter, EPOLLIN, 0).failed();
    show!("as deep from the top", taken);
    sys::close_all(&sets);
    let (top, middle, low) = (set(), set(), set());
    control(top, EPOLL_CTL_ADD, middle, EPOLLIN, 0);
    control(middle, EPOLL_CTL_ADD, low, EPOLLIN, 0);
    show!(
        "a circle from the top",
        control(low, EPOLL_CTL_ADD, top, EPOLLIN, 0)
    );
    control(top, EPOLL_CTL_DEL, middle, 0, 0);
    show!(
        "no circle any more",
        control(low, EPOLL_CTL_ADD, top, EPOLLIN, 0)
    );
}
