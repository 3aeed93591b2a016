//! The kernel's log: its records by /dev/kmsg, its lines by syslog(2).

use crate::{child, show, sys};
use libc::*;
use std::ffi::CStr;

fn open(flags: i32) -> sys::Ret {
    sys!(SYS_open, c"/dev/kmsg", flags, 0)
}

/// Writes by an opening of its own: Linux takes only some from each. What doesn't end in a line break, it tells
/// only when more has come.
fn write(text: &[u8]) -> sys::Ret {
    let fd = open(O_WRONLY);
    let written = sys!(SYS_write, fd, text.as_ptr(), text.len());
    sys!(SYS_close, fd);
    written
}

/// A read's record: its priority, its number, and what stands behind its time.
fn read(fd: i32) -> Result<(u32, u64, String), sys::Ret> {
    let mut buffer = [0_u8; 8192];
    let got = sys!(SYS_read, fd, buffer.as_mut_ptr(), buffer.len());
    if got.failed() {
        return Err(got);
    }
    let text = String::from_utf8_lossy(&buffer[..got.0 as usize]).into_owned();
    let mut fields = text.splitn(4, ',');
    let mut number = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let (priority, sequence, _) = (number(), number(), number());
    let rest = fields.next().unwrap_or_default().to_owned();
    Ok((
        priority.unwrap_or_default() as u32,
        sequence.unwrap_or_default(),
        rest,
    ))
}

/// The next record that is not the kernel's own.
fn next(fd: i32) -> String {
    loop {
        match read(fd) {
            Ok((priority, ..)) if priority < 8 => {}
            Ok((priority, _, rest)) => return format!("{priority} {rest:?}"),
            Err(error) => return error.to_string(),
        }
    }
}

fn syslog(action: i32, buffer: &mut [u8]) -> sys::Ret {
    sys!(SYS_syslog, action, buffer.as_mut_ptr(), buffer.len())
}

pub fn run() {
    records();
    small();
    seeking();
    readiness();
    lost();
    lines();
    rights();
}

fn records() {
    let fd = open(O_RDWR | O_NONBLOCK).value();
    show!("to the end", sys!(SYS_lseek, fd, 0, SEEK_END));
    show!("nothing yet", next(fd));
    for text in [
        &b"<14>plain\n"[..],
        b"no priority\n",
        b"<30>a daemon's\n\n",
        b"<6>of the kernel's facility\n",
        b"<x>no number\n",
        b"<6 no end\n",
        b"<>empty number\n",
        b"<191>two\nlines\n",
        b"<14>\ttab, back\\slash, \x7f \x80\n",
        b"<14>\n",
        b"\n",
        b"<300>more than there is\n",
    ] {
        show!("write", write(text));
        show!("read", next(fd));
    }
    write(b"<14>one\n");
    write(b"<14>two\n");
    let (first, second) = (read(fd), read(fd));
    let numbers = [first, second].map(|record| record.map_or(0, |record| record.1));
    show!("numbered", numbers[1] == numbers[0] + 1);
    show!("nothing more", next(fd));
    show!("too long", write(&[b'x'; 2000]));
    let mut long = [b'x'; 900];
    long[899] = b'\n';
    show!("long", write(&long));
    show!("all of it", next(fd).len());
    show!("by two parts", {
        let writer = open(O_WRONLY);
        let (one, two) = (b"<14>first ", b"second\n");
        let parts = [
            one.as_ptr() as usize,
            one.len(),
            two.as_ptr() as usize,
            two.len(),
        ];
        let written = sys!(SYS_writev, writer, parts.as_ptr(), 2);
        sys!(SYS_close, writer);
        written
    });
    show!("are one", next(fd));
    sys!(SYS_close, fd);
}

fn small() {
    let fd = open(O_RDONLY | O_NONBLOCK).value();
    sys!(SYS_lseek, fd, 0, SEEK_END);
    write(b"<14>one\n");
    write(b"<14>two\n");
    let mut buffer = [0_u8; 8];
    show!(
        "too small a buffer",
        sys!(SYS_read, fd, buffer.as_mut_ptr(), buffer.len())
    );
    show!("the next", next(fd));
    write(b"<14>three\n");
    show!("no buffer", sys!(SYS_read, fd, 0, 4096));
    show!("after that", next(fd));
    sys!(SYS_close, fd);
}

fn seeking() {
    let fd = open(O_RDONLY | O_NONBLOCK).value();
    for (name, whence) in [
        ("set", SEEK_SET),
        ("cur", SEEK_CUR),
        ("end", SEEK_END),
        ("data", SEEK_DATA),
        ("hole", SEEK_HOLE),
    ] {
        show!(format!("seek {name}"), sys!(SYS_lseek, fd, 0, whence));
        show!(format!("seek {name} by 1"), sys!(SYS_lseek, fd, 1, whence));
    }
    write(b"<14>before\n");
    show!("clear", syslog(5, &mut []));
    write(b"<14>after\n");
    sys!(SYS_lseek, fd, 0, SEEK_DATA);
    show!("after what was cleared", next(fd));
    sys!(SYS_lseek, fd, 0, SEEK_SET);
    show!("from the start", read(fd).is_ok());
    sys!(SYS_close, fd);
}

fn readiness() {
    let fd = open(O_RDONLY).value();
    sys!(SYS_lseek, fd, 0, SEEK_END);
    let ready = || {
        let mut poll = pollfd {
            fd,
            events: POLLIN | POLLOUT | POLLPRI,
            revents: 0,
        };
        let count = sys!(SYS_poll, &raw mut poll, 1, 0);
        format!("{count} {:#x}", poll.revents)
    };
    show!("nothing to read", ready());
    write(b"<14>one\n");
    show!("something to read", ready());
    show!("it", next(fd));
    let pid = child::fork(|| i32::from(write(b"<14>by a child\n").failed()));
    show!("waited for", next(fd));
    show!("child", child::wait(pid));
    let pid = child::fork(|| {
        let mut poll = pollfd {
            fd,
            events: POLLIN,
            revents: 0,
        };
        sys!(SYS_poll, &raw mut poll, 1, -1);
        i32::from(poll.revents)
    });
    write(b"<14>two\n");
    show!("polled", child::wait(pid));
    sys!(SYS_close, fd);
}

fn lost() {
    let fd = open(O_RDONLY | O_NONBLOCK).value();
    write(b"<14>soon lost\n");
    let mut line = [b'y'; 900];
    line[899] = b'\n';
    for _ in 0..400 {
        write(&line);
    }
    show!(
        "what is lost",
        read(fd).map_or_else(|error| error.to_string(), |_| "there".to_owned())
    );
    show!("what is left", next(fd).len());
    sys!(SYS_close, fd);
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(|line| {
        let (head, rest) = line.split_once("] ").unwrap_or(("", line));
        format!("{}|{rest}", head.split('[').next().unwrap_or_default())
    });
    lines.collect::<Vec<_>>().join(" / ")
}

fn lines() {
    let mut buffer = vec![0_u8; 1 << 20];
    show!("none", syslog(99, &mut buffer));
    show!("open", syslog(1, &mut []));
    show!("close", syslog(0, &mut []));
    show!("clear", syslog(5, &mut []));
    show!("all", syslog(3, &mut buffer));
    write(b"<14>one\n");
    write(b"<30>two\nlines\n");
    let all = syslog(3, &mut buffer);
    show!("all", text(&buffer[..all.0.max(0) as usize]));
    let all = syslog(3, &mut buffer[..60]);
    show!("the last", text(&buffer[..all.0.max(0) as usize]));
    show!("too little", syslog(3, &mut buffer[..5]));
    let all = syslog(4, &mut buffer);
    show!("and clear", text(&buffer[..all.0.max(0) as usize]));
    show!("all", syslog(3, &mut buffer));
    show!("to nowhere", sys!(SYS_syslog, 3, 0, 5));
    show!(
        "less than nothing",
        sys!(SYS_syslog, 3, buffer.as_mut_ptr(), -1)
    );
    show!("nothing", sys!(SYS_syslog, 3, buffer.as_mut_ptr(), 0));

    while syslog(9, &mut []).0 > 0 {
        syslog(2, &mut buffer);
    }
    show!("all is read", syslog(9, &mut []));
    write(b"<14>one\n");
    write(b"<14>two\n");
    let unread = syslog(9, &mut []);
    let start = syslog(2, &mut buffer[..10]);
    show!("a part", start);
    show!("unread then", unread.0 - syslog(9, &mut []).0);
    let rest = syslog(2, &mut buffer[10..]);
    show!("and the rest", text(&buffer[..10 + rest.0.max(0) as usize]));
    let pid = child::fork(|| i32::from(write(b"<14>by a child\n").failed()));
    let read = syslog(2, &mut buffer);
    show!("waited for", text(&buffer[..read.0.max(0) as usize]));
    show!("child", child::wait(pid));
    show!("all is read", syslog(9, &mut []));
    show!("size", syslog(10, &mut []).0 >= 1 << 16);
    for level in [0, 1, 7, 8, 9, -1] {
        show!(
            format!("console level {level}"),
            sys!(SYS_syslog, 8, 0, level)
        );
    }
    show!("console off", syslog(6, &mut []));
    show!("console on", syslog(7, &mut []));
}

fn rights() {
    let name: &CStr = c"/dev/kmsg";
    show!(
        "another",
        child::run(|| {
            let fd = open(O_RDONLY).value();
            sys!(SYS_setresgid, 1000, 1000, 1000);
            sys!(SYS_setresuid, 1000, 1000, 1000);
            show!("opens", sys!(SYS_open, name, O_RDONLY, 0));
            show!("opens to write", sys!(SYS_open, name, O_WRONLY, 0));
            show!("goes on", read(fd).is_ok());
            for action in [1, 2, 3, 5, 9, 10, 99] {
                show!(format!("action {action}"), syslog(action, &mut []));
            }
            0
        })
    );
}
