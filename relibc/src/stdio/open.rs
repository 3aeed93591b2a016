//! Opening and closing streams: files, descriptors, memory, functions.

use super::stream::{self, Backend, Buffering, EMPTY, File, Inner, Mode};
use crate::errno;
use crate::io::fd;
use crate::malloc::{free, malloc, realloc};
use crate::string::str::bytes;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;

/// A stream over memory.
pub struct Memory {
    data: *mut u8,
    /// Bytes that are valid, and bytes that there are.
    length: usize,
    room: usize,
    position: usize,
    /// `open_memstream`'s results; null for `fmemopen`.
    out_data: *mut *mut c_char,
    out_size: *mut usize,
    own: bool,
}

impl Memory {
    pub unsafe fn read(&mut self, to: *mut u8, size: usize) -> isize {
        let part = size.min(self.length.saturating_sub(self.position));
        ptr::copy_nonoverlapping(self.data.add(self.position), to, part);
        self.position += part;
        part as isize
    }

    pub unsafe fn write(&mut self, from: *const u8, size: usize, append: bool) -> isize {
        if append {
            self.position = self.length;
        }
        let mut part = size;
        if self.out_data.is_null() {
            part = size.min(self.room.saturating_sub(self.position));
            if part == 0 {
                return -libc::ENOSPC as isize;
            }
        } else if !self.grow(self.position + size + 1) {
            return -libc::ENOMEM as isize;
        }
        if self.position > self.length {
            self.data
                .add(self.length)
                .write_bytes(0, self.position - self.length);
        }
        ptr::copy_nonoverlapping(from, self.data.add(self.position), part);
        self.position += part;
        self.length = self.length.max(self.position);
        if self.length < self.room {
            *self.data.add(self.length) = 0;
        }
        self.publish();
        part as isize
    }

    unsafe fn grow(&mut self, needed: usize) -> bool {
        if needed <= self.room {
            return true;
        }
        let room = needed.max(self.room * 2).max(64);
        let data = realloc(self.data.cast(), room).cast::<u8>();
        if data.is_null() {
            return false;
        }
        data.add(self.room).write_bytes(0, room - self.room);
        self.data = data;
        self.room = room;
        true
    }

    unsafe fn publish(&mut self) {
        if !self.out_data.is_null() {
            *self.out_data = self.data.cast();
            *self.out_size = self.position.min(self.length);
        }
    }

    pub unsafe fn seek(&mut self, offset: i64, whence: c_int) -> i64 {
        let base = match whence {
            libc::SEEK_SET => 0,
            libc::SEEK_CUR => self.position as i64,
            libc::SEEK_END => self.length as i64,
            _ => return -i64::from(libc::EINVAL),
        };
        let limit = if self.out_data.is_null() {
            self.room as i64
        } else {
            i64::MAX >> 1
        };
        match base.checked_add(offset) {
            Some(position) if (0..=limit).contains(&position) => {
                self.position = position as usize;
                self.publish();
                position
            }
            _ => -i64::from(libc::EINVAL),
        }
    }
}

type CookieRead = unsafe extern "C" fn(*mut c_void, *mut c_char, usize) -> isize;
type CookieWrite = unsafe extern "C" fn(*mut c_void, *const c_char, usize) -> isize;
type CookieSeek = unsafe extern "C" fn(*mut c_void, *mut i64, c_int) -> c_int;
type CookieClose = unsafe extern "C" fn(*mut c_void) -> c_int;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CookieFunctions {
    read: Option<CookieRead>,
    write: Option<CookieWrite>,
    seek: Option<CookieSeek>,
    close: Option<CookieClose>,
}

/// A stream over the program's own functions.
pub struct Cookie {
    cookie: *mut c_void,
    functions: CookieFunctions,
}

impl Cookie {
    pub unsafe fn read(&mut self, to: *mut u8, size: usize) -> isize {
        match self.functions.read {
            Some(read) => match read(self.cookie, to.cast(), size) {
                got if got < 0 => -(errno::get() as isize),
                got => got,
            },
            None => 0,
        }
    }

    pub unsafe fn write(&mut self, from: *const u8, size: usize) -> isize {
        match self.functions.write {
            Some(write) => match write(self.cookie, from.cast(), size) {
                done if done < 0 => -(errno::get() as isize),
                done => done,
            },
            None => size as isize,
        }
    }

    pub unsafe fn seek(&mut self, mut offset: i64, whence: c_int) -> i64 {
        match self.functions.seek {
            Some(seek) if seek(self.cookie, &raw mut offset, whence) == 0 => offset,
            Some(_) => -i64::from(errno::get()),
            None => -i64::from(libc::ENOTSUP),
        }
    }
}

/// What a mode string says.
struct Opening {
    flags: c_int,
    readable: bool,
    writable: bool,
}

fn opening(mode: &[u8]) -> Option<Opening> {
    let plus = mode.contains(&b'+');
    let (access, more) = match mode.first()? {
        b'r' => (libc::O_RDONLY, 0),
        b'w' => (libc::O_WRONLY, libc::O_CREAT | libc::O_TRUNC),
        b'a' => (libc::O_WRONLY, libc::O_CREAT | libc::O_APPEND),
        _ => return None,
    };
    let mut flags = if plus { libc::O_RDWR } else { access } | more;
    if mode.contains(&b'x') {
        flags |= libc::O_EXCL;
    }
    if mode.contains(&b'e') {
        flags |= libc::O_CLOEXEC;
    }
    let reads = mode[0] == b'r';
    Some(Opening {
        flags,
        readable: reads || plus,
        writable: !reads || plus,
    })
}

fn invalid() -> *mut File {
    errno::set(libc::EINVAL);
    ptr::null_mut()
}

fn inner(backend: Backend, opening: &Opening) -> Inner {
    Inner {
        backend,
        readable: opening.readable,
        writable: opening.writable,
        append: opening.flags & libc::O_APPEND != 0,
        ..EMPTY
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut File {
    let Some(opening) = opening(bytes(mode)) else {
        return invalid();
    };
    let fd = fd::open(path, opening.flags, 0o666);
    if fd < 0 {
        return ptr::null_mut();
    }
    let file = stream::create(inner(Backend::File(fd), &opening));
    if file.is_null() {
        fd::close(fd);
    }
    file
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdopen(fd: c_int, mode: *const c_char) -> *mut File {
    let Some(opening) = opening(bytes(mode)) else {
        return invalid();
    };
    let flags = fd::fcntl(fd, libc::F_GETFL, 0);
    if flags < 0 {
        return ptr::null_mut();
    }
    if opening.flags & libc::O_APPEND != 0 && flags & libc::O_APPEND == 0 {
        fd::fcntl(fd, libc::F_SETFL, (flags | libc::O_APPEND) as usize);
    }
    if opening.flags & libc::O_CLOEXEC != 0 {
        fd::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC as usize);
    }
    stream::create(inner(Backend::File(fd), &opening))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn freopen(
    path: *const c_char,
    mode: *const c_char,
    file: *mut File,
) -> *mut File {
    let Some(opening) = opening(bytes(mode)) else {
        return invalid();
    };
    let mut stream = File::lock(file);
    stream.flush();
    let Backend::File(old) = stream.backend else {
        errno::set(libc::EBADF);
        return ptr::null_mut();
    };
    if path.is_null() {
        // Only the mode changes.
        let flags = opening.flags & !(libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC);
        if fd::fcntl(old, libc::F_SETFL, flags as usize) < 0 {
            return ptr::null_mut();
        }
    } else {
        let new = fd::open(path, opening.flags, 0o666);
        if new < 0 {
            return ptr::null_mut();
        }
        // The stream keeps its number, so that the standard streams stay 0, 1 and 2.
        if old >= 0 && new != old {
            fd::dup3(new, old, opening.flags & libc::O_CLOEXEC);
            fd::close(new);
        } else {
            stream.backend = Backend::File(new);
        }
    }
    stream.readable = opening.readable;
    stream.writable = opening.writable;
    stream.append = opening.flags & libc::O_APPEND != 0;
    stream.mode = Mode::Idle;
    (stream.at, stream.end, stream.pushed_count) = (0, 0, 0);
    (stream.ended, stream.failed) = (false, false);
    file
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fmemopen(data: *mut c_void, size: usize, mode: *const c_char) -> *mut File {
    let mode = bytes(mode);
    let Some(opening) = opening(mode) else {
        return invalid();
    };
    let own = data.is_null();
    let memory = malloc(size_of::<Memory>()).cast::<Memory>();
    let data = if own {
        crate::malloc::calloc(1, size.max(1))
    } else {
        data
    }
    .cast::<u8>();
    if memory.is_null() || data.is_null() {
        free(memory.cast());
        return ptr::null_mut();
    }
    let filled = crate::string::str::strnlen(data.cast(), size);
    let length = match mode[0] {
        b'r' => size,
        b'w' => {
            if size > 0 {
                *data = 0;
            }
            0
        }
        _ => filled,
    };
    memory.write(Memory {
        data,
        length,
        room: size,
        position: if mode[0] == b'a' { length } else { 0 },
        out_data: ptr::null_mut(),
        out_size: ptr::null_mut(),
        own,
    });
    let file = stream::create(inner(Backend::Memory(memory), &opening));
    if file.is_null() {
        free(memory.cast());
    }
    file
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open_memstream(data: *mut *mut c_char, size: *mut usize) -> *mut File {
    let memory = malloc(size_of::<Memory>()).cast::<Memory>();
    if memory.is_null() {
        return ptr::null_mut();
    }
    memory.write(Memory {
        data: ptr::null_mut(),
        length: 0,
        room: 0,
        position: 0,
        out_data: data,
        out_size: size,
        own: false,
    });
    if !(*memory).grow(1) {
        free(memory.cast());
        return ptr::null_mut();
    }
    (*memory).publish();
    let opening = Opening {
        flags: 0,
        readable: false,
        writable: true,
    };
    let file = stream::create(inner(Backend::Memory(memory), &opening));
    if file.is_null() {
        free((*memory).data.cast());
        free(memory.cast());
    }
    file
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fopencookie(
    cookie: *mut c_void,
    mode: *const c_char,
    functions: CookieFunctions,
) -> *mut File {
    let Some(opening) = opening(bytes(mode)) else {
        return invalid();
    };
    let held = malloc(size_of::<Cookie>()).cast::<Cookie>();
    if held.is_null() {
        return ptr::null_mut();
    }
    held.write(Cookie { cookie, functions });
    let file = stream::create(inner(Backend::Cookie(held), &opening));
    if file.is_null() {
        free(held.cast());
    }
    file
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fclose(file: *mut File) -> c_int {
    let mut result = 0;
    {
        let mut stream = File::lock(file);
        if !stream.flush() {
            result = -1;
        }
        if stream.mode == Mode::Reading {
            stream.drop_input();
        }
        stream.free_buffer();
        match stream.backend {
            Backend::File(fd) => {
                if fd::close(fd) < 0 {
                    result = -1;
                }
            }
            Backend::Memory(memory) => {
                if (*memory).own {
                    free((*memory).data.cast());
                }
                free(memory.cast());
            }
            Backend::Cookie(cookie) => {
                if let Some(close) = (*cookie).functions.close
                    && close((*cookie).cookie) != 0
                {
                    result = -1;
                }
                free(cookie.cast());
            }
        }
        stream.backend = Backend::File(-1);
        (stream.readable, stream.writable) = (false, false);
    }
    stream::destroy(file);
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fcloseall() -> c_int {
    stream::flush_all();
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tmpfile() -> *mut File {
    let mut path = *b"/tmp/tmp.XXXXXX\0";
    let fd = crate::io::temporary::mkstemp(path.as_mut_ptr().cast());
    if fd < 0 {
        return ptr::null_mut();
    }
    crate::io::file::unlink(path.as_ptr().cast());
    let file = fdopen(fd, c"w+".as_ptr());
    if file.is_null() {
        fd::close(fd);
    }
    file
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setvbuf(
    file: *mut File,
    buffer: *mut c_char,
    mode: c_int,
    size: usize,
) -> c_int {
    let mut stream = File::lock(file);
    let buffering = match mode {
        libc::_IOFBF => Buffering::Full,
        libc::_IOLBF => Buffering::Line,
        libc::_IONBF => Buffering::None,
        _ => return -1,
    };
    stream.flush();
    if stream.mode == Mode::Reading && stream.at < stream.end {
        // The bytes that were read ahead are in the old buffer: only the mode can change.
        stream.buffering = if buffering == Buffering::None {
            stream.buffering
        } else {
            buffering
        };
        return 0;
    }
    stream.mode = Mode::Idle;
    stream.buffering = buffering;
    if buffering == Buffering::None || !buffer.is_null() && size > 0 {
        stream.free_buffer();
        stream.buffer = if buffering == Buffering::None {
            ptr::null_mut()
        } else {
            buffer.cast()
        };
        stream.size = if stream.buffer.is_null() { 0 } else { size };
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setbuf(file: *mut File, buffer: *mut c_char) {
    let mode = if buffer.is_null() {
        libc::_IONBF
    } else {
        libc::_IOFBF
    };
    setvbuf(file, buffer, mode, libc::BUFSIZ as usize);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setbuffer(file: *mut File, buffer: *mut c_char, size: usize) {
    setvbuf(
        file,
        buffer,
        if buffer.is_null() {
            libc::_IONBF
        } else {
            libc::_IOFBF
        },
        size,
    );
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setlinebuf(file: *mut File) {
    setvbuf(file, ptr::null_mut(), libc::_IOLBF, 0);
}
