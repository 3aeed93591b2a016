//! Asynchronous I/O: contexts, requests, and what comes of them.

use crate::{child, show, sys};
use libc::*;

/// Its number, which the libc crate doesn't know.
const IO_PGETEVENTS: i64 = 333;

const READ: u16 = 0;
const WRITE: u16 = 1;
const SYNC: u16 = 2;
const READ_VECTOR: u16 = 7;

/// `struct iocb`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Request {
    data: u64,
    key: u32,
    rw_flags: u32,
    operation: u16,
    priority: i16,
    fd: i32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event_fd: i32,
}

/// `struct io_event`, without the request's address.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Event {
    data: u64,
    request: u64,
    result: i64,
    second: i64,
}

fn setup(count: u32) -> (sys::Ret, usize) {
    let mut id = 0_usize;
    (sys!(SYS_io_setup, count, &raw mut id), id)
}

fn submit(id: usize, requests: &[&Request]) -> sys::Ret {
    let list: Vec<*const Request> = requests.iter().map(|r| &raw const **r).collect();
    sys!(SYS_io_submit, id, list.len(), list.as_ptr())
}

/// What there is, without waiting: `data=result` of each.
fn events(id: usize) -> String {
    let mut events = [Event::default(); 8];
    let none = [0_i64; 2];
    let got = sys!(
        SYS_io_getevents,
        id,
        0,
        8,
        events.as_mut_ptr(),
        none.as_ptr()
    );
    let each = events.iter().take(got.0.max(0) as usize);
    let each = each.map(|e| format!("{}={}", e.data, sys::Ret(e.result as isize)));
    format!("{got}: {}", each.collect::<Vec<_>>().join(" "))
}

pub fn run() {
    contexts();
    requests();
    waiting();
}

fn contexts() {
    show!("none", setup(0).0);
    show!("too many", setup(u32::MAX).0);
    let mut taken = 1_usize;
    show!("taken", sys!(SYS_io_setup, 1, &raw mut taken));
    show!("nowhere", sys!(SYS_io_setup, 1, 8));
    let (made, id) = setup(4);
    show!("set up", "{made} {}", id != 0);
    show!("its place can be read", {
        // SAFETY: a context's number is the address of what it maps.
        unsafe { (id as *const u8).read_volatile() };
        "yes"
    });
    show!(
        "in a child",
        child::run(|| i32::from(submit(id, &[]).failed()))
    );
    show!("submit nothing", submit(id, &[]));
    show!("less than nothing", sys!(SYS_io_submit, id, -1, 0));
    show!("from nowhere", sys!(SYS_io_submit, id, 1, 8));
    show!(
        "request nowhere",
        sys!(SYS_io_submit, id, 1, [8_usize].as_ptr())
    );
    show!("destroy", sys!(SYS_io_destroy, id));
    show!("again", sys!(SYS_io_destroy, id));
    show!("submit to it", submit(id, &[]));
    show!("ask it", events(id));
    show!("ask nothing", events(0));
}

fn requests() {
    let (_, id) = setup(8);
    let fd = sys!(SYS_open, c"f", O_RDWR | O_CREAT, 0o644).value();
    let write_only = sys!(SYS_open, c"f", O_WRONLY, 0).value();
    let text = *b"abcdef";
    let mut read = [0_u8; 4];
    let write = Request {
        data: 1,
        key: 7,
        operation: WRITE,
        fd,
        buffer: text.as_ptr() as u64,
        bytes: 6,
        ..Request::default()
    };
    let back = Request {
        data: 2,
        operation: READ,
        buffer: read.as_mut_ptr() as u64,
        bytes: 4,
        offset: 2,
        ..write
    };
    show!("write and read", submit(id, &[&write, &back]));
    show!("done", events(id));
    show!("read", "{read:?}");
    let end = Request {
        offset: 100,
        ..back
    };
    let bad = Request { buffer: 8, ..back };
    show!("at the end, and to nowhere", submit(id, &[&end, &bad]));
    show!("results", events(id));
    let parts = [iovec {
        iov_base: read.as_mut_ptr().cast(),
        iov_len: 2,
    }; 2];
    let vector = Request {
        operation: READ_VECTOR,
        buffer: parts.as_ptr() as u64,
        bytes: 2,
        ..back
    };
    show!("parts", submit(id, &[&vector]));
    show!("parts read", "{} {:?}", events(id), &read[..2]);
    for (what, request) in [
        ("wrong descriptor", Request { fd: 99, ..back }),
        (
            "wrong operation",
            Request {
                operation: 99,
                ..back
            },
        ),
        (
            "reserved",
            Request {
                reserved: 1,
                ..back
            },
        ),
        (
            "too long",
            Request {
                bytes: u64::MAX,
                ..back
            },
        ),
        ("negative offset", Request { offset: -1, ..back }),
        (
            "unknown flag",
            Request {
                rw_flags: 0x8000,
                ..back
            },
        ),
        (
            "write-only",
            Request {
                fd: write_only,
                ..back
            },
        ),
        (
            "no eventfd",
            Request {
                flags: 1,
                event_fd: fd,
                ..back
            },
        ),
        (
            "no descriptor to tell",
            Request {
                flags: 1,
                event_fd: 99,
                ..back
            },
        ),
        (
            "sync with a buffer",
            Request {
                operation: SYNC,
                ..back
            },
        ),
    ] {
        show!(what, submit(id, &[&request]));
    }
    show!("nothing came of them", events(id));
    let wrong = Request { fd: 99, ..back };
    show!("the second is wrong", submit(id, &[&back, &wrong]));
    show!("the first is done", events(id));
    let counter = sys!(SYS_eventfd2, 0, EFD_NONBLOCK).value();
    let told = Request {
        flags: 1,
        event_fd: counter,
        ..back
    };
    let mut count = 0_u64;
    show!("told", submit(id, &[&told, &told]));
    // What is told comes no later than the events.
    let seen = events(id);
    show!(
        "times",
        "{} {} {seen}",
        sys!(SYS_read, counter, &raw mut count, 8),
        count
    );
    let mut gone = Event::default();
    show!(
        "cancel what is done",
        sys!(SYS_io_cancel, id, &raw const back, &raw mut gone)
    );
    show!("cancel nothing", sys!(SYS_io_cancel, id, 8, &raw mut gone));
    sys!(SYS_io_destroy, id);
    sys::close_all(&[fd, write_only, counter]);
}

extern "C" fn nothing(_: i32) {}

fn waiting() {
    let (_, id) = setup(2);
    let mut event = Event::default();
    let mut ask = |least: i64, most: i64, time: Option<[i64; 2]>| {
        let time = time.as_ref().map_or(0, |time| time.as_ptr() as usize);
        sys!(SYS_io_getevents, id, least, most, &raw mut event, time)
    };
    show!("not even one", ask(0, 0, None));
    show!("more than there is room for", ask(2, 1, None));
    show!("less than none", ask(-1, 1, None));
    show!("nothing in time", ask(1, 1, Some([0, 1_000_000])));
    let masked = sys::call(
        IO_PGETEVENTS,
        &[id, 0, 1, 8, [0_i64; 2].as_ptr() as usize, 0],
    );
    show!("without a mask", masked);
    show!("for a time nowhere", sys!(SYS_io_getevents, id, 0, 1, 8, 8));
    show!(
        "until a signal",
        child::run(|| {
            let (_, id) = setup(2);
            // SAFETY: the handler does nothing.
            unsafe { libc::signal(SIGALRM, nothing as *const () as usize) };
            sys!(
                SYS_setitimer,
                ITIMER_REAL,
                [0_i64, 5000, 0, 5000].as_ptr(),
                0
            );
            println!("waiting: {}", sys!(SYS_io_getevents, id, 1, 1, 8, 0));
            0
        })
    );
    sys!(SYS_io_destroy, id);
}
