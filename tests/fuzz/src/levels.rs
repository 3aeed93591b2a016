//! How ready a file is, as its server says before, in and behind its answers.

use crate::servers::answer_to;
use crate::sys;
use ochre_abi::native::{SCHEME_ATTACH, SCHEME_CREATE, SCHEME_ENTER, SCHEME_MOUNT, SchemeParams};
use ochre_abi::scheme::{
    Attr, COMPLETIONS, Completion, LEVEL, Op, REQUESTS, RING_SIZE, Request, SLOTS, SchemeFlags,
    payload_offset, ring,
};
use std::fs;

pub const PLACE: &std::ffi::CStr = c"/tmp/readiness";
const POLLIN: i16 = libc::POLLIN;
/// Seconds after which a reader is taken to sleep for ever.
const FUSE: usize = 20;
const EMPTY: i64 = -(libc::EAGAIN as i64);

/// The server's file says at first that there is something to read, of which nothing is true: its
/// first Read finds nothing. `more` says that something comes at once behind that answer.
pub fn run() -> Result<(), String> {
    let place = PLACE.to_string_lossy();
    fs::write(&*place, "").map_err(|error| format!("{place}: {error}"))?;
    for (more, flags) in [
        (false, libc::O_NONBLOCK),
        (true, 0),
        (true, libc::O_NONBLOCK),
    ] {
        let control = create();
        let server = sys!(SYS_fork);
        if server == 0 {
            serve(control, more);
        }
        let outcome = ask(more, flags);
        sys!(SYS_kill, server, libc::SIGKILL);
        sys!(SYS_wait4, server, 0, 0, 0);
        sys!(SYS_umount2, PLACE.as_ptr(), libc::MNT_DETACH);
        sys!(SYS_close, control);
        outcome.map_err(|error| format!("more {more}, flags {flags:#o}: {error}"))?;
    }
    println!("every reader knew what its server had said last");
    Ok(())
}

/// A scheme of one file, at [`PLACE`]; what controls it.
pub fn create() -> usize {
    let mut name = [0; 32];
    name[..9].copy_from_slice(b"readiness");
    let params = SchemeParams {
        flags: SchemeFlags::ROOT_IS_FILE.bits(),
        _reserved: 0,
        name,
    };
    let control = native(SCHEME_CREATE, [&raw const params as usize, 0, 0]) as usize;
    native(SCHEME_MOUNT, [control, PLACE.as_ptr() as usize, 0]);
    control
}

fn native(number: usize, a: [usize; 3]) -> isize {
    sys::call(number, [a[0], a[1], a[2], 0, 0, 0])
}

/// The client.
fn ask(more: bool, flags: i32) -> Result<(), String> {
    sys::handle_alarm();
    sys!(SYS_alarm, FUSE);
    let fd = sys!(SYS_open, PLACE.as_ptr(), flags);
    let ready = || {
        let mut entry = libc::pollfd {
            fd: fd as i32,
            events: POLLIN,
            revents: 0,
        };
        sys!(SYS_poll, &raw mut entry, 1, 0);
        entry.revents & POLLIN != 0
    };
    let first = ready();
    let mut byte = 0_u8;
    let read = sys!(SYS_read, fd, &raw mut byte, 1);
    let after = ready();
    sys!(SYS_alarm, 0);
    sys!(SYS_close, fd);
    // Who may sleep reads what came behind the first answer.
    let expected = match flags {
        0 => (true, 1, true),
        _ => (true, EMPTY as isize, more),
    };
    match (first, read, after) {
        seen if seen == expected => Ok(()),
        seen => Err(format!("{seen:?} instead of {expected:?}")),
    }
}

/// The server, until it is ended.
pub fn serve(control: usize, more: bool) -> ! {
    let fd = native(SCHEME_ATTACH, [control, 0, 0]) as usize;
    let both = libc::PROT_READ | libc::PROT_WRITE;
    let ring = sys!(SYS_mmap, 0, RING_SIZE, both, libc::MAP_SHARED, fd, 0) as usize;
    let mut empty = true;
    loop {
        native(SCHEME_ENTER, [fd, 1, 0]);
        while let Some(request) = next(ring) {
            let mut answer = answer_to(&request);
            match Op::from_raw(request.op) {
                Some(Op::GetAttr) => {
                    let attr = Attr {
                        node: 1,
                        mode: libc::S_IFCHR | 0o600,
                        links: 1,
                        ..Attr::default()
                    };
                    let at = ring + payload_offset(request.slot as usize % SLOTS);
                    // SAFETY: within the mapped ring, aligned, and this request's alone.
                    unsafe { (at as *mut Attr).write_volatile(attr) };
                    answer.payload = size_of::<Attr>() as u32;
                }
                Some(Op::Open) => answer.values = [1, POLLIN as u64],
                Some(Op::Read) if empty => answer.result = EMPTY,
                Some(Op::Read) => (answer.result, answer.payload) = (1, 1),
                Some(Op::Close) => continue,
                _ => answer.result = -i64::from(libc::ENOSYS),
            }
            put(ring, &answer);
            if answer.result == EMPTY && more {
                empty = false;
                let level = Completion {
                    id: 1,
                    kind: LEVEL,
                    result: 0,
                    values: [POLLIN as u64, 0],
                    ..answer
                };
                put(ring, &level);
            }
        }
    }
}

fn next(ring: usize) -> Option<Request> {
    let (head, tail) = (ring + ring::REQUESTS_HEAD, ring + ring::REQUESTS_TAIL);
    // SAFETY: within the mapped ring, and aligned.
    unsafe {
        let taken = (head as *const u32).read_volatile();
        if taken == (tail as *const u32).read_volatile() {
            return None;
        }
        let at = ring + REQUESTS + taken as usize % SLOTS * size_of::<Request>();
        let request = (at as *const Request).read_volatile();
        (head as *mut u32).write_volatile(taken.wrapping_add(1));
        Some(request)
    }
}

fn put(ring: usize, completion: &Completion) {
    let tail = (ring + ring::COMPLETIONS_TAIL) as *mut u32;
    // SAFETY: within the mapped ring, and aligned; it has room for what one client asks.
    unsafe {
        let number = tail.read_volatile();
        let at = ring + COMPLETIONS + number as usize % SLOTS * size_of::<Completion>();
        (at as *mut Completion).write_volatile(*completion);
        tail.write_volatile(number.wrapping_add(1));
    }
}
