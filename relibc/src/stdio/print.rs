//! The printf family: where formatted text goes. `format` makes it.

use super::format::{Sink, format};
use super::stream::{File, Locked, stdout};
use crate::errno;
use crate::va::{VaList, variadic};
use core::ffi::{c_char, c_int};
use core::ptr;

/// Into memory: what does not fit is counted only.
struct Buffer {
    at: *mut u8,
    room: usize,
}

impl Sink for Buffer {
    fn put(&mut self, bytes: &[u8]) -> bool {
        let part = bytes.len().min(self.room);
        // SAFETY: `room` bytes are writable at `at`.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.at, part);
            self.at = self.at.add(part);
        }
        self.room -= part;
        true
    }
}

/// Into a stream, through a small buffer of its own: an unbuffered stream gets one write for each call of printf.
struct Stream<'a> {
    stream: Locked<'a>,
    buffer: [u8; 256],
    used: usize,
}

impl Stream<'_> {
    fn drain(&mut self) -> bool {
        let used = core::mem::take(&mut self.used);
        used == 0 || self.stream.write(&self.buffer[..used]) == used
    }
}

impl Sink for Stream<'_> {
    fn put(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.buffer.len() - self.used && !self.drain() {
            return false;
        }
        if bytes.len() > self.buffer.len() {
            return self.stream.write(bytes) == bytes.len();
        }
        self.buffer[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
        true
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfprintf(
    file: *mut File,
    text: *const c_char,
    arguments: *mut VaList,
) -> c_int {
    let mut sink = Stream {
        stream: File::lock(file),
        buffer: [0; 256],
        used: 0,
    };
    let mut arguments = *arguments;
    let written = format(&mut sink, text, &mut arguments);
    if sink.drain() { written } else { -1 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vprintf(text: *const c_char, arguments: *mut VaList) -> c_int {
    vfprintf(stdout.0.cast_mut(), text, arguments)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsnprintf(
    to: *mut c_char,
    size: usize,
    text: *const c_char,
    arguments: *mut VaList,
) -> c_int {
    let mut sink = Buffer {
        at: to.cast(),
        room: size.saturating_sub(1),
    };
    let mut arguments = *arguments;
    let written = format(&mut sink, text, &mut arguments);
    if size > 0 {
        *sink.at = 0;
    }
    written
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vsprintf(
    to: *mut c_char,
    text: *const c_char,
    arguments: *mut VaList,
) -> c_int {
    vsnprintf(to, usize::MAX >> 1, text, arguments)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vasprintf(
    out: *mut *mut c_char,
    text: *const c_char,
    arguments: *mut VaList,
) -> c_int {
    let length = vsnprintf(ptr::null_mut(), 0, text, arguments);
    if length < 0 {
        return -1;
    }
    let size = length as usize + 1;
    let buffer = crate::malloc::malloc(size).cast::<c_char>();
    if buffer.is_null() {
        return -1;
    }
    *out = buffer;
    vsnprintf(buffer, size, text, arguments)
}

struct Descriptor {
    fd: c_int,
    buffer: [u8; 256],
    used: usize,
}

impl Descriptor {
    fn drain(&mut self) -> bool {
        let used = core::mem::take(&mut self.used);
        let mut at = 0;
        while at < used {
            // SAFETY: the part lies in the buffer.
            let done = unsafe {
                crate::io::fd::write(self.fd, self.buffer.as_ptr().add(at).cast(), used - at)
            };
            if done <= 0 {
                return false;
            }
            at += done as usize;
        }
        true
    }
}

impl Sink for Descriptor {
    fn put(&mut self, bytes: &[u8]) -> bool {
        for part in bytes.chunks(self.buffer.len()) {
            if part.len() > self.buffer.len() - self.used && !self.drain() {
                return false;
            }
            self.buffer[self.used..self.used + part.len()].copy_from_slice(part);
            self.used += part.len();
        }
        true
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vdprintf(fd: c_int, text: *const c_char, arguments: *mut VaList) -> c_int {
    let mut sink = Descriptor {
        fd,
        buffer: [0; 256],
        used: 0,
    };
    let mut arguments = *arguments;
    let written = format(&mut sink, text, &mut arguments);
    if sink.drain() { written } else { -1 }
}

variadic!(printf, 1 => vprintf);
variadic!(fprintf, 2 => vfprintf);
variadic!(dprintf, 2 => vdprintf);
variadic!(sprintf, 2 => vsprintf);
variadic!(snprintf, 3 => vsnprintf);
variadic!(asprintf, 2 => vasprintf);
variadic!(syslog, 2 => vsyslog);
variadic!(warn, 1 => vwarn);
variadic!(warnx, 1 => vwarnx);
variadic!(err, 2 => verr);
variadic!(errx, 2 => verrx);

/// `program: message[: error]` to standard error.
unsafe fn complain(text: *const c_char, arguments: *mut VaList, error: Option<c_int>) {
    let file = super::stream::stderr.0;
    let mut stream = File::lock(file);
    stream.write(crate::string::str::bytes(crate::environ::short_name()));
    stream.write(b": ");
    if !text.is_null() {
        vfprintf(file.cast_mut(), text, arguments);
    }
    if let Some(error) = error {
        if !text.is_null() {
            stream.write(b": ");
        }
        stream.write(crate::string::str::bytes(crate::string::error::strerror(
            error,
        )));
    }
    stream.write(b"\n");
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vwarn(text: *const c_char, arguments: *mut VaList) {
    complain(text, arguments, Some(errno::get()));
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vwarnx(text: *const c_char, arguments: *mut VaList) {
    complain(text, arguments, None);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn verr(status: c_int, text: *const c_char, arguments: *mut VaList) -> ! {
    complain(text, arguments, Some(errno::get()));
    crate::exit::exit(status)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn verrx(status: c_int, text: *const c_char, arguments: *mut VaList) -> ! {
    complain(text, arguments, None);
    crate::exit::exit(status)
}

/// The log socket of syslog(3): one datagram, or nothing if nobody listens.
#[unsafe(no_mangle)]
unsafe extern "C" fn vsyslog(priority: c_int, text: *const c_char, arguments: *mut VaList) {
    let mut line = [0u8; 1024];
    let mut start = crate::text::Writer::new(&mut line);
    start
        .put(b"<")
        .number(priority.unsigned_abs().into())
        .put(b">");
    start
        .put(crate::string::str::bytes(crate::environ::short_name()))
        .put(b": ");
    let used = start.len();
    let more = vsnprintf(
        line.as_mut_ptr().add(used).cast(),
        line.len() - used,
        text,
        arguments,
    );
    let length = (used + more.max(0) as usize).min(line.len() - 1);
    let mut address: libc::sockaddr_un = core::mem::zeroed();
    address.sun_family = libc::AF_UNIX as u16;
    let path = c"/dev/log";
    ptr::copy_nonoverlapping(
        path.as_ptr(),
        address.sun_path.as_mut_ptr(),
        path.count_bytes(),
    );
    let size = size_of::<libc::sockaddr_un>();
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    let fd = crate::sys::sys!(SYS_socket, libc::AF_UNIX, kind, 0i32);
    if fd >= 0 {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        crate::sys::sys!(
            SYS_sendto,
            fd,
            line.as_ptr(),
            length,
            flags,
            &raw const address,
            size
        );
        crate::sys::sys!(SYS_close, fd);
    }
}

#[unsafe(no_mangle)]
extern "C" fn openlog(_ident: *const c_char, _option: c_int, _facility: c_int) {}

#[unsafe(no_mangle)]
extern "C" fn closelog() {}

#[unsafe(no_mangle)]
extern "C" fn setlogmask(_mask: c_int) -> c_int {
    0xff
}
