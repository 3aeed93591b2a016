//! Terminals and pseudo-terminals.

use super::fd::{self, close, ioctl};
use crate::errno;
use core::ffi::{c_char, c_int};
use core::ptr;
use libc::{pid_t, speed_t, termios, winsize};

#[unsafe(no_mangle)]
unsafe extern "C" fn tcgetattr(fd: c_int, out: *mut termios) -> c_int {
    ioctl(fd, libc::TCGETS as c_int, out as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcsetattr(fd: c_int, when: c_int, attributes: *const termios) -> c_int {
    if !(0..=2).contains(&when) {
        return errno::fail(libc::EINVAL) as c_int;
    }
    ioctl(fd, libc::TCSETS as c_int + when, attributes as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfmakeraw(attributes: *mut termios) {
    let t = &mut *attributes;
    t.c_iflag &= !(libc::IGNBRK
        | libc::BRKINT
        | libc::PARMRK
        | libc::ISTRIP
        | libc::INLCR
        | libc::IGNCR
        | libc::ICRNL
        | libc::IXON);
    t.c_oflag &= !libc::OPOST;
    t.c_lflag &= !(libc::ECHO | libc::ECHONL | libc::ICANON | libc::ISIG | libc::IEXTEN);
    t.c_cflag &= !(libc::CSIZE | libc::PARENB);
    t.c_cflag |= libc::CS8;
    t.c_cc[libc::VMIN] = 1;
    t.c_cc[libc::VTIME] = 0;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfgetospeed(attributes: *const termios) -> speed_t {
    (*attributes).c_cflag & libc::CBAUD
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfgetispeed(attributes: *const termios) -> speed_t {
    cfgetospeed(attributes)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfsetospeed(attributes: *mut termios, speed: speed_t) -> c_int {
    if speed & !libc::CBAUD != 0 {
        return errno::fail(libc::EINVAL) as c_int;
    }
    (*attributes).c_cflag = ((*attributes).c_cflag & !libc::CBAUD) | speed;
    0
}

/// Input speed 0 means the output's (POSIX).
#[unsafe(no_mangle)]
unsafe extern "C" fn cfsetispeed(attributes: *mut termios, speed: speed_t) -> c_int {
    if speed == 0 {
        0
    } else {
        cfsetospeed(attributes, speed)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfsetspeed(attributes: *mut termios, speed: speed_t) -> c_int {
    cfsetospeed(attributes, speed)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcdrain(fd: c_int) -> c_int {
    crate::pthread::cancel::point();
    ioctl(fd, libc::TCSBRK as c_int, 1)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcsendbreak(fd: c_int, _duration: c_int) -> c_int {
    ioctl(fd, libc::TCSBRK as c_int, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcflush(fd: c_int, queue: c_int) -> c_int {
    ioctl(fd, libc::TCFLSH as c_int, queue as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcflow(fd: c_int, action: c_int) -> c_int {
    ioctl(fd, libc::TCXONC as c_int, action as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcgetpgrp(fd: c_int) -> pid_t {
    let mut group: pid_t = 0;
    if ioctl(fd, libc::TIOCGPGRP as c_int, (&raw mut group) as usize) < 0 {
        -1
    } else {
        group
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcsetpgrp(fd: c_int, group: pid_t) -> c_int {
    ioctl(fd, libc::TIOCSPGRP as c_int, (&raw const group) as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcgetsid(fd: c_int) -> pid_t {
    let mut session: pid_t = 0;
    if ioctl(fd, libc::TIOCGSID as c_int, (&raw mut session) as usize) < 0 {
        -1
    } else {
        session
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcgetwinsize(fd: c_int, size: *mut winsize) -> c_int {
    ioctl(fd, libc::TIOCGWINSZ as c_int, size as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tcsetwinsize(fd: c_int, size: *const winsize) -> c_int {
    ioctl(fd, libc::TIOCSWINSZ as c_int, size as usize)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn isatty(fd: c_int) -> c_int {
    let mut size: winsize = core::mem::zeroed();
    let terminal = ioctl(fd, libc::TIOCGWINSZ as c_int, (&raw mut size) as usize) == 0;
    if !terminal && errno::get() != libc::EBADF {
        errno::set(libc::ENOTTY);
    }
    c_int::from(terminal)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ttyname_r(fd: c_int, buffer: *mut c_char, size: usize) -> c_int {
    if isatty(fd) == 0 {
        return errno::get();
    }
    let mut path = [0u8; 40];
    crate::text::Writer::new(&mut path)
        .put(b"/proc/self/fd/")
        .number(fd as u64);
    let length = super::file::readlink(path.as_ptr().cast(), buffer, size);
    if length < 0 {
        return errno::get();
    }
    if length as usize == size {
        return libc::ERANGE;
    }
    *buffer.add(length as usize) = 0;
    // The name must be this terminal here, not one of another namespace.
    let (mut named, mut opened): (libc::stat, libc::stat) = core::mem::zeroed();
    if super::file::stat(buffer, &raw mut named) < 0 || super::file::fstat(fd, &raw mut opened) < 0
    {
        return errno::get();
    }
    if named.st_dev != opened.st_dev || named.st_ino != opened.st_ino {
        return libc::ENODEV;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ttyname(fd: c_int) -> *mut c_char {
    static mut NAME: [c_char; 64] = [0; 64];
    let name = (&raw mut NAME).cast::<c_char>();
    match ttyname_r(fd, name, 64) {
        0 => name,
        error => {
            errno::set(error);
            ptr::null_mut()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_openpt(flags: c_int) -> c_int {
    fd::open(c"/dev/ptmx".as_ptr(), flags, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpt() -> c_int {
    posix_openpt(libc::O_RDWR | libc::O_NOCTTY)
}

/// Linux's devpts gives the terminal its owner when it is made.
#[unsafe(no_mangle)]
extern "C" fn grantpt(_: c_int) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlockpt(fd: c_int) -> c_int {
    let unlock = 0i32;
    ioctl(fd, libc::TIOCSPTLCK as c_int, (&raw const unlock) as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ptsname_r(fd: c_int, buffer: *mut c_char, size: usize) -> c_int {
    let mut number = 0u32;
    if ioctl(
        fd,
        libc::TIOCGPTN as u32 as c_int,
        (&raw mut number) as usize,
    ) < 0
    {
        return errno::get();
    }
    let mut path = [0u8; 32];
    let mut text = crate::text::Writer::new(&mut path);
    text.put(b"/dev/pts/").number(number.into());
    let length = text.len() + 1;
    if buffer.is_null() || length > size {
        return libc::ERANGE;
    }
    ptr::copy_nonoverlapping(path.as_ptr().cast(), buffer, length);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ptsname(fd: c_int) -> *mut c_char {
    static mut NAME: [c_char; 32] = [0; 32];
    let name = (&raw mut NAME).cast::<c_char>();
    match ptsname_r(fd, name, 32) {
        0 => name,
        error => {
            errno::set(error);
            ptr::null_mut()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openpty(
    master: *mut c_int,
    slave: *mut c_int,
    name: *mut c_char,
    attributes: *const termios,
    size: *const winsize,
) -> c_int {
    let controller = posix_openpt(libc::O_RDWR | libc::O_NOCTTY);
    if controller < 0 {
        return -1;
    }
    let mut path = [0 as c_char; 32];
    if unlockpt(controller) < 0 || ptsname_r(controller, path.as_mut_ptr(), path.len()) != 0 {
        close(controller);
        return -1;
    }
    let terminal = fd::open(path.as_ptr(), libc::O_RDWR | libc::O_NOCTTY, 0);
    if terminal < 0 {
        close(controller);
        return -1;
    }
    if !name.is_null() {
        crate::string::str::strcpy(name, path.as_ptr());
    }
    if !attributes.is_null() {
        tcsetattr(terminal, libc::TCSANOW, attributes);
    }
    if !size.is_null() {
        tcsetwinsize(terminal, size);
    }
    *master = controller;
    *slave = terminal;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn login_tty(fd: c_int) -> c_int {
    crate::process::identity::setsid();
    if ioctl(fd, libc::TIOCSCTTY as c_int, 0) < 0 {
        return -1;
    }
    for standard in 0..=2 {
        fd::dup2(fd, standard);
    }
    if fd > 2 {
        close(fd);
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn forkpty(
    master: *mut c_int,
    name: *mut c_char,
    attributes: *const termios,
    size: *const winsize,
) -> pid_t {
    let (mut controller, mut terminal) = (-1, -1);
    if openpty(
        &raw mut controller,
        &raw mut terminal,
        name,
        attributes,
        size,
    ) < 0
    {
        return -1;
    }
    let pid = crate::pthread::fork::fork();
    match pid {
        -1 => {
            close(controller);
            close(terminal);
        }
        0 => {
            close(controller);
            if login_tty(terminal) < 0 {
                crate::exit::_exit(1);
            }
        }
        _ => {
            close(terminal);
            *master = controller;
        }
    }
    pid
}
