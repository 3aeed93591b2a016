//! Positions, states and locks of streams.

use super::stream::{self, Backend, File, Mode};
use crate::errno;
use core::ffi::{c_int, c_long};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fseeko(file: *mut File, offset: i64, whence: c_int) -> c_int {
    let mut stream = File::lock(file);
    if !stream.flush() {
        return -1;
    }
    let mut offset = offset;
    if stream.mode == Mode::Reading && whence == libc::SEEK_CUR {
        offset -= (stream.end - stream.at + stream.pushed_count) as i64;
    }
    let found = stream.seek(offset, whence);
    if found < 0 {
        errno::set(-found as c_int);
        return -1;
    }
    stream.mode = Mode::Idle;
    (stream.at, stream.end, stream.pushed_count) = (0, 0, 0);
    stream.ended = false;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fseek(file: *mut File, offset: c_long, whence: c_int) -> c_int {
    fseeko(file, offset, whence)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftello(file: *mut File) -> i64 {
    let mut stream = File::lock(file);
    // What is still to be appended goes to the end, wherever the position is.
    let whence = if stream.append && stream.mode == Mode::Writing {
        libc::SEEK_END
    } else {
        libc::SEEK_CUR
    };
    let found = stream.seek(0, whence);
    if found < 0 {
        errno::set(-found as c_int);
        return -1;
    }
    match stream.mode {
        Mode::Reading => found - (stream.end - stream.at + stream.pushed_count) as i64,
        Mode::Writing => found + stream.end as i64,
        Mode::Idle => found - stream.pushed_count as i64,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftell(file: *mut File) -> c_long {
    ftello(file)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rewind(file: *mut File) {
    fseeko(file, 0, libc::SEEK_SET);
    File::lock(file).failed = false;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fgetpos(file: *mut File, position: *mut i64) -> c_int {
    let found = ftello(file);
    if found < 0 {
        return -1;
    }
    *position = found;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsetpos(file: *mut File, position: *const i64) -> c_int {
    fseeko(file, *position, libc::SEEK_SET)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fflush(file: *mut File) -> c_int {
    if file.is_null() {
        let mut fine = true;
        stream::each(|stream| fine &= stream.flush());
        return if fine { 0 } else { -1 };
    }
    let mut stream = File::lock(file);
    let fine = stream.flush();
    if stream.mode == Mode::Reading {
        stream.drop_input();
    }
    if fine { 0 } else { -1 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fflush_unlocked(file: *mut File) -> c_int {
    fflush(file)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn feof(file: *mut File) -> c_int {
    File::lock(file).ended.into()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ferror(file: *mut File) -> c_int {
    File::lock(file).failed.into()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clearerr(file: *mut File) {
    let mut stream = File::lock(file);
    (stream.ended, stream.failed) = (false, false);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fileno(file: *mut File) -> c_int {
    match File::lock(file).backend {
        Backend::File(fd) if fd >= 0 => fd,
        _ => errno::fail(libc::EBADF) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn feof_unlocked(file: *mut File) -> c_int {
    feof(file)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ferror_unlocked(file: *mut File) -> c_int {
    ferror(file)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clearerr_unlocked(file: *mut File) {
    clearerr(file);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fileno_unlocked(file: *mut File) -> c_int {
    fileno(file)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn flockfile(file: *mut File) {
    (*file).acquire();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftrylockfile(file: *mut File) -> c_int {
    c_int::from(!(*file).try_acquire())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn funlockfile(file: *mut File) {
    (*file).release();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fwide(file: *mut File, mode: c_int) -> c_int {
    let mut stream = File::lock(file);
    if stream.orientation == 0 {
        stream.orientation = mode.signum();
    }
    stream.orientation
}

// stdio_ext.h, which gnulib's programs look for.

#[unsafe(no_mangle)]
unsafe extern "C" fn __fpending(file: *mut File) -> usize {
    let stream = File::lock(file);
    if stream.mode == Mode::Writing {
        stream.end
    } else {
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __fpurge(file: *mut File) {
    let mut stream = File::lock(file);
    (stream.at, stream.end, stream.pushed_count) = (0, 0, 0);
    stream.mode = Mode::Idle;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __freadahead(file: *mut File) -> usize {
    let stream = File::lock(file);
    if stream.mode == Mode::Reading {
        stream.end - stream.at + stream.pushed_count
    } else {
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __freading(file: *mut File) -> c_int {
    let stream = File::lock(file);
    c_int::from(!stream.writable || stream.mode == Mode::Reading)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __fwriting(file: *mut File) -> c_int {
    let stream = File::lock(file);
    c_int::from(!stream.readable || stream.mode == Mode::Writing)
}
