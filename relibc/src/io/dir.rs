//! Directory streams: a descriptor and a buffer of the kernel's entries, which have C's layout.

use super::fd;
use crate::errno;
use crate::futex::Lock;
use crate::malloc::{free, malloc, realloc};
use crate::sys::sys;
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr;
use libc::dirent;

const BUFFER: usize = 8192;

struct State {
    at: usize,
    end: usize,
    /// Where the next entry is, for `telldir`.
    offset: i64,
    buffer: [u64; BUFFER / 8],
}

pub struct Dir {
    fd: c_int,
    state: Lock<State>,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut Dir {
    let fd = fd::open(
        path,
        libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC,
        0,
    );
    if fd < 0 {
        return ptr::null_mut();
    }
    let dir = wrap(fd);
    if dir.is_null() {
        fd::close(fd);
    }
    dir
}

unsafe fn wrap(fd: c_int) -> *mut Dir {
    let dir = malloc(size_of::<Dir>()).cast::<Dir>();
    if !dir.is_null() {
        // The buffer's contents are only read up to what the kernel wrote.
        let state = Lock::new(State {
            at: 0,
            end: 0,
            offset: 0,
            buffer: [0; BUFFER / 8],
        });
        dir.write(Dir { fd, state });
    }
    dir
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdopendir(fd: c_int) -> *mut Dir {
    let mut found: libc::stat = core::mem::zeroed();
    if super::file::fstat(fd, &raw mut found) < 0 {
        return ptr::null_mut();
    }
    if found.st_mode & libc::S_IFMT != libc::S_IFDIR {
        errno::set(libc::ENOTDIR);
        return ptr::null_mut();
    }
    let dir = wrap(fd);
    if !dir.is_null() {
        fd::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC as usize);
    }
    dir
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn closedir(dir: *mut Dir) -> c_int {
    let fd = (*dir).fd;
    free(dir.cast());
    fd::close(fd)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dirfd(dir: *mut Dir) -> c_int {
    (*dir).fd
}

/// The next entry, null at the end, or an error.
unsafe fn next(dir: *mut Dir) -> Result<*mut dirent, c_int> {
    let mut state = (*dir).state.lock();
    if state.at >= state.end {
        let read = sys!(SYS_getdents64, (*dir).fd, state.buffer.as_mut_ptr(), BUFFER);
        if read <= 0 {
            // A directory that was removed while it is read has no more entries.
            let gone = read == -libc::ENOENT as isize;
            return if read == 0 || gone {
                Ok(ptr::null_mut())
            } else {
                Err(-read as c_int)
            };
        }
        state.at = 0;
        state.end = read as usize;
    }
    let entry = state
        .buffer
        .as_mut_ptr()
        .byte_add(state.at)
        .cast::<dirent>();
    state.at += usize::from((*entry).d_reclen).max(24);
    state.offset = (*entry).d_off;
    Ok(entry)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdir(dir: *mut Dir) -> *mut dirent {
    next(dir).unwrap_or_else(|error| {
        errno::set(error);
        ptr::null_mut()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn readdir_r(
    dir: *mut Dir,
    entry: *mut dirent,
    result: *mut *mut dirent,
) -> c_int {
    *result = ptr::null_mut();
    match next(dir) {
        Ok(found) if found.is_null() => 0,
        Ok(found) => {
            let size = usize::from((*found).d_reclen).min(size_of::<dirent>());
            ptr::copy_nonoverlapping(found.cast::<u8>(), entry.cast(), size);
            *result = entry;
            0
        }
        Err(error) => error,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rewinddir(dir: *mut Dir) {
    seekdir(dir, 0);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn seekdir(dir: *mut Dir, offset: c_long) {
    let mut state = (*dir).state.lock();
    state.offset = fd::lseek((*dir).fd, offset, libc::SEEK_SET);
    state.at = 0;
    state.end = 0;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn telldir(dir: *mut Dir) -> c_long {
    (*dir).state.lock().offset
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getdents64(fd: c_int, buffer: *mut c_void, size: usize) -> isize {
    errno::check(sys!(SYS_getdents64, fd, buffer, size))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getdents(fd: c_int, buffer: *mut c_void, size: usize) -> isize {
    getdents64(fd, buffer, size)
}

type Filter = unsafe extern "C" fn(*const dirent) -> c_int;
type Compare = unsafe extern "C" fn(*const *const dirent, *const *const dirent) -> c_int;

#[unsafe(no_mangle)]
unsafe extern "C" fn scandir(
    path: *const c_char,
    list: *mut *mut *mut dirent,
    filter: Option<Filter>,
    compare: Option<Compare>,
) -> c_int {
    let dir = opendir(path);
    if dir.is_null() {
        return -1;
    }
    let (mut names, mut count, mut room) = (ptr::null_mut::<*mut dirent>(), 0usize, 0usize);
    let error = loop {
        let entry = match next(dir) {
            Ok(entry) if entry.is_null() => break 0,
            Ok(entry) => entry,
            Err(error) => break error,
        };
        if filter.is_some_and(|filter| filter(entry) == 0) {
            continue;
        }
        if count == room {
            room = room * 2 + 16;
            let grown = realloc(names.cast(), room * size_of::<*mut dirent>());
            if grown.is_null() {
                break libc::ENOMEM;
            }
            names = grown.cast();
        }
        let size = usize::from((*entry).d_reclen);
        let copy = malloc(size).cast::<dirent>();
        if copy.is_null() {
            break libc::ENOMEM;
        }
        ptr::copy_nonoverlapping(entry.cast::<u8>(), copy.cast(), size);
        *names.add(count) = copy;
        count += 1;
    };
    closedir(dir);
    if error != 0 {
        for index in 0..count {
            free((*names.add(index)).cast());
        }
        free(names.cast());
        return errno::fail(error) as c_int;
    }
    if let Some(compare) = compare
        && count > 0
    {
        let compare = core::mem::transmute::<Compare, crate::stdlib::sort::Compare>(compare);
        crate::stdlib::sort::qsort(names.cast(), count, size_of::<*mut dirent>(), compare);
    }
    *list = names;
    count as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn alphasort(a: *const *const dirent, b: *const *const dirent) -> c_int {
    crate::string::str::strcmp(
        (&raw const (**a).d_name).cast(),
        (&raw const (**b).d_name).cast(),
    )
}
