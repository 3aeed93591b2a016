//! Pseudo-terminals: making them, the line discipline, sizes, job control's rules.

use crate::{child, show, sys};
use libc::*;

fn open_pair() -> (i32, i32) {
    let master = sys!(SYS_open, c"/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0).value();
    let mut number = 0_u32;
    sys!(SYS_ioctl, master, TIOCSPTLCK, std::ptr::from_ref(&0_i32));
    sys!(SYS_ioctl, master, TIOCGPTN, &raw mut number);
    let name = std::ffi::CString::new(format!("/dev/pts/{number}")).expect("no NUL");
    let slave = sys!(SYS_open, &*name, O_RDWR | O_NOCTTY | O_NONBLOCK, 0).value();
    (master, slave)
}

fn write(fd: i32, text: &str) -> sys::Ret {
    sys!(SYS_write, fd, text.as_ptr(), text.len())
}

/// How long what is expected may take, in milliseconds.
const PATIENCE: i32 = 5000;

/// Waits until there is something to read: what a terminal passes on may take a moment, so that
/// nothing is nothing only after `patience` milliseconds.
fn arrive(fd: i32, patience: i32) {
    let mut polled = [pollfd {
        fd,
        events: POLLIN,
        revents: 0,
    }];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, patience);
}

fn read_within(fd: i32, patience: i32) -> Result<Vec<u8>, sys::Ret> {
    let mut bytes = [0_u8; 256];
    arrive(fd, patience);
    let read = sys!(SYS_read, fd, bytes.as_mut_ptr(), 256);
    if read.failed() {
        return Err(read);
    }
    Ok(bytes[..read.0 as usize].to_vec())
}

fn shown(read: &Result<Vec<u8>, sys::Ret>) -> String {
    match read {
        Ok(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Err(error) => error.to_string(),
    }
}

/// What one read returns of that which comes.
fn read(fd: i32) -> String {
    shown(&read_within(fd, PATIENCE))
}

/// What a read returns where nothing should come.
fn nothing(fd: i32) -> String {
    shown(&read_within(fd, 100))
}

/// What comes, until it ends like this: a terminal passes text on in as many pieces as it likes.
fn read_to(fd: i32, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        match read_within(fd, PATIENCE) {
            Ok(bytes) if !bytes.is_empty() => all.extend(bytes),
            other => return format!("{} after {all:?}", shown(&other)),
        }
    }
    shown(&Ok(all))
}

/// `struct termios` of the kernel.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Termios {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    line: u8,
    characters: [u8; 19],
}

fn settings(fd: i32) -> Termios {
    let mut settings = Termios::default();
    sys!(SYS_ioctl, fd, TCGETS, &raw mut settings);
    settings
}

fn set(fd: i32, settings: &Termios) -> sys::Ret {
    sys!(SYS_ioctl, fd, TCSETS, &raw const *settings)
}

pub fn run() {
    let (master, slave) = open_pair();
    show!("a terminal", slave > 0);
    let at_first = settings(slave);
    show!(
        "flags",
        "{:#x} {:#x} {:#x} {:#x}",
        at_first.input,
        at_first.output,
        at_first.control,
        at_first.local
    );
    show!("characters", "{:?}", &at_first.characters[..17]);
    cooked(master, slave);
    raw(master, slave, at_first);
    changes_of_mode(at_first);
    endless_writing();
    sizes(master, slave);
    controlling(slave);
    closing(master, slave);
    show!("ioctl of a file", {
        let file = sys!(SYS_open, c"f", O_RDWR | O_CREAT, 0o600);
        sys!(SYS_ioctl, file, TCGETS, [0_u8; 64].as_mut_ptr())
    });
}

fn cooked(master: i32, slave: i32) {
    show!("type", write(master, "hel"));
    show!("no line yet", nothing(slave));
    show!("echo", read_to(master, "hel"));
    write(master, "lo\n");
    show!("line", read(slave));
    show!("echo", read_to(master, "\n"));
    write(master, "abc\x7f\x7fd\n");
    show!("erased", read(slave));
    show!("echo", read_to(master, "\n"));
    write(master, "one two\x17x\n");
    show!("word erased", read(slave));
    read_to(master, "\n");
    write(master, "all of it\x15new\n");
    show!("line killed", read(slave));
    read_to(master, "new\r\n");
    write(master, "one\rtwo\n");
    show!("return is a line", read(slave));
    show!("and a second", read(slave));
    read_to(master, "two\r\n");
    write(master, "part\x04");
    show!("pushed", read(slave));
    write(master, "\x04");
    show!("end of file", read(slave));
    read_to(master, "part");
    write(master, "\x16\x03q\n");
    show!("literal", read(slave));
    show!("echo of it", read_to(master, "q\r\n"));
    write(slave, "out\n");
    show!("output", read_to(master, "\n"));
    write(slave, "a\tb\n");
    show!("tab", read_to(master, "\n"));
    let mut waiting = 0_i32;
    write(master, "xy\n");
    read_to(master, "\n");
    arrive(slave, PATIENCE);
    sys!(SYS_ioctl, slave, FIONREAD, &raw mut waiting);
    show!("waiting", waiting);
    show!("flushed", sys!(SYS_ioctl, slave, TCFLSH, TCIFLUSH));
    show!("nothing left", nothing(slave));
    let mut byte = [0_u8; 1];
    write(master, "pq\n");
    read_to(master, "\n");
    arrive(slave, PATIENCE);
    sys!(SYS_read, slave, byte.as_mut_ptr(), 1);
    show!("byte by byte", byte[0]);
    show!("rest", read(slave));
    write(master, "\x03");
    show!("echo of an interrupt", read_to(master, "^C"));
}

fn raw(master: i32, slave: i32, at_first: Termios) {
    let mut settings = at_first;
    settings.local &= !(ICANON | ECHO | ISIG);
    settings.input &= !ICRNL;
    settings.output &= !OPOST;
    show!("raw", set(slave, &settings));
    write(master, "a\r\x03");
    show!("as typed", read_to(slave, "\x03"));
    show!("no echo", nothing(master));
    write(slave, "b\n");
    show!("as written", read_to(master, "\n"));
    settings.characters[VMIN] = 3;
    settings.characters[VTIME] = 0;
    set(slave, &settings);
    write(master, "12");
    show!("less than wanted", nothing(slave));
    let mut quiet = at_first;
    quiet.local &= !ECHO;
    show!("back", sys!(SYS_ioctl, slave, TCSETSF, &raw const quiet));
    show!("what was typed is gone", nothing(slave));
    write(master, "silent\n");
    show!("line", read(slave));
    show!("no echo", nothing(master));
    quiet.local |= ECHONL;
    set(slave, &quiet);
    write(master, "x\n");
    show!("newline alone", read_to(master, "\n"));
    read(slave);
    let mut upper = at_first;
    upper.input |= INLCR | ISTRIP;
    upper.output |= OCRNL;
    set(slave, &upper);
    write(master, "z\u{e1}\r");
    show!("stripped", read(slave));
    read_to(master, "\n");
    set(slave, &at_first);
    show!("wrong address", sys!(SYS_ioctl, slave, TCSETS, 8));
    show!("unknown", sys!(SYS_ioctl, slave, 0x5499, 0));
}

/// What was typed before the mode changed.
fn changes_of_mode(at_first: Termios) {
    let (master, slave) = open_pair();
    let cooked = Termios {
        local: at_first.local & !ECHO,
        ..at_first
    };
    let mut timed = cooked;
    timed.local &= !ICANON;
    timed.characters[VMIN] = 1;
    timed.characters[VTIME] = 1;
    let mut untimed = timed;
    untimed.characters[VTIME] = 0;
    let typed_in = |text: &str, mode: &Termios, next: &Termios| {
        set(slave, mode);
        write(master, text);
        arrive(slave, PATIENCE);
        set(slave, next);
        let mut waiting = 0_i32;
        sys!(SYS_ioctl, slave, FIONREAD, &raw mut waiting);
        waiting
    };
    set(slave, &cooked);
    sys!(SYS_fcntl, slave, F_SETFL, O_RDWR);
    show!("end of file, then raw", typed_in("\x04", &cooked, &timed));
    show!("is a byte", read(slave));
    show!("and without time", typed_in("\x04", &cooked, &untimed));
    show!("is a byte", read(slave));
    show!("lines, then raw", typed_in("a\nb\x04c", &cooked, &untimed));
    show!("are bytes", read(slave));
    sys!(SYS_fcntl, slave, F_SETFL, O_RDWR | O_NONBLOCK);
    show!("raw, then lines", typed_in("a\nb", &untimed, &cooked));
    show!("are one", read(slave));
    show!("no more", nothing(slave));
    show!("ends in NUL", typed_in("ab\0", &untimed, &cooked));
    show!("which is none", read(slave));
    show!("no more", nothing(slave));
}

/// A line that is full takes bytes without end, until a signal comes.
fn endless_writing() {
    let (master, slave) = open_pair();
    let mut quiet = settings(slave);
    quiet.local &= !ECHO;
    set(slave, &quiet);
    write(master, &"x".repeat(4095));
    let nuls = vec![0_u8; 1 << 20];
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
    let writer = child::fork(|| {
        let piece = iovec {
            iov_base: nuls.as_ptr().cast_mut().cast(),
            iov_len: nuls.len(),
        };
        let gigabyte = vec![piece; 1024];
        write(ends[1], "!");
        loop {
            sys!(SYS_writev, master, gigabyte.as_ptr(), gigabyte.len());
        }
    });
    read(ends[0]);
    show!("kill a writer", sys!(SYS_kill, writer, SIGKILL));
    show!("its end", child::wait(writer));
}

fn sizes(master: i32, slave: i32) {
    let mut size = [9_u16; 4];
    show!(
        "size",
        sys!(SYS_ioctl, slave, TIOCGWINSZ, size.as_mut_ptr())
    );
    show!("at first", "{size:?}");
    show!(
        "set",
        sys!(SYS_ioctl, master, TIOCSWINSZ, [24_u16, 80, 0, 0].as_ptr())
    );
    sys!(SYS_ioctl, slave, TIOCGWINSZ, size.as_mut_ptr());
    show!("now", "{size:?}");
}

fn controlling(slave: i32) {
    show!(
        "nobody's",
        sys!(SYS_ioctl, slave, TIOCGPGRP, [0_i32; 1].as_mut_ptr())
    );
    show!(
        "no session leader",
        sys!(SYS_ioctl, slave, TIOCSCTTY, 0).failed()
    );
    show!(
        "in a session",
        child::run(|| {
            let me = sys!(SYS_setsid);
            show!("no terminal", sys!(SYS_open, c"/dev/tty", O_RDWR, 0));
            show!("take it", sys!(SYS_ioctl, slave, TIOCSCTTY, 0));
            show!("open it", sys!(SYS_open, c"/dev/tty", O_RDWR, 0).outcome());
            let mut group = 0_i32;
            show!(
                "its group",
                sys!(SYS_ioctl, slave, TIOCGPGRP, &raw mut group)
            );
            show!("mine", group as isize == me.0);
            let mut session = 0_i32;
            sys!(SYS_ioctl, slave, TIOCGSID, &raw mut session);
            show!("its session", session as isize == me.0);
            show!(
                "to a group of nobody",
                sys!(
                    SYS_ioctl,
                    slave,
                    TIOCSPGRP,
                    std::ptr::from_ref(&999_999_i32)
                )
            );
            show!("in the background", {
                let pid = child::fork(|| {
                    sys!(SYS_setpgid, 0, 0);
                    sys!(SYS_read, slave, [0_u8; 1].as_mut_ptr(), 1);
                    0
                });
                let mut status = 0_i32;
                sys!(SYS_wait4, pid, &raw mut status, WUNTRACED, 0);
                sys!(SYS_kill, pid, SIGKILL);
                child::wait(pid);
                child::ending(status)
            });
            show!("give it up", sys!(SYS_ioctl, slave, TIOCNOTTY, 0));
            0
        })
    );
    show!("interrupted", {
        let (master, slave) = open_pair();
        let pid = child::fork(|| {
            sys!(SYS_setsid);
            sys!(SYS_ioctl, slave, TIOCSCTTY, 0);
            write(slave, "ready");
            loop {
                sys!(SYS_pause);
            }
        });
        read_to(master, "ready");
        write(master, "\x03");
        let ended = child::wait(pid);
        sys!(SYS_close, master);
        sys!(SYS_close, slave);
        ended
    });
    show!("hung up", {
        let (master, slave) = open_pair();
        let pid = child::fork(|| {
            sys!(SYS_close, master);
            sys!(SYS_setsid);
            sys!(SYS_ioctl, slave, TIOCSCTTY, 0);
            write(slave, "ready");
            loop {
                sys!(SYS_pause);
            }
        });
        read_to(master, "ready");
        sys!(SYS_close, master);
        let ended = child::wait(pid);
        show!("read after it", read(slave));
        sys!(SYS_close, slave);
        ended
    });
}

fn closing(master: i32, slave: i32) {
    write(slave, "last words\n");
    sys!(SYS_close, slave);
    show!("what was left", read_to(master, "\n"));
    show!("then", read(master));
    let mut polled = [pollfd {
        fd: master,
        events: POLLIN | POLLOUT,
        revents: 0,
    }];
    sys!(SYS_poll, polled.as_mut_ptr(), 1, 0);
    show!("events", "{:#x}", polled[0].revents);
    let mut number = 0_u32;
    sys!(SYS_ioctl, master, TIOCGPTN, &raw mut number);
    let name = std::ffi::CString::new(format!("/dev/pts/{number}")).expect("no NUL");
    sys!(SYS_close, master);
    show!("its name is gone", sys!(SYS_access, &*name, F_OK));
}
