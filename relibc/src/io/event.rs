//! Waiting for events: poll, select, epoll, and the descriptors that make them.

use super::fd::cancellable;
use crate::errno;
use crate::pthread::cancel;
use crate::signal::SET;
use crate::sys::{sys, syscalls};
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr;
use libc::{fd_set, nfds_t, pollfd, sigset_t, timespec, timeval};

cancellable! {
    poll(list: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int = SYS_poll;
    epoll_wait(fd: c_int, list: *mut libc::epoll_event, count: c_int, timeout: c_int) -> c_int = SYS_epoll_wait;
    epoll_pwait(fd: c_int, list: *mut libc::epoll_event, count: c_int, timeout: c_int, mask: *const sigset_t) -> c_int = SYS_epoll_pwait [SET];
    epoll_pwait2(fd: c_int, list: *mut libc::epoll_event, count: c_int, timeout: *const timespec, mask: *const sigset_t) -> c_int = SYS_epoll_pwait2 [SET];
}

syscalls! {
    epoll_create1(flags: c_int) -> c_int = SYS_epoll_create1;
    epoll_ctl(fd: c_int, operation: c_int, target: c_int, event: *mut libc::epoll_event) -> c_int = SYS_epoll_ctl;
    eventfd(count: c_uint, flags: c_int) -> c_int = SYS_eventfd2;
    timerfd_create(clock: c_int, flags: c_int) -> c_int = SYS_timerfd_create;
    timerfd_settime(fd: c_int, flags: c_int, new: *const libc::itimerspec, old: *mut libc::itimerspec) -> c_int = SYS_timerfd_settime;
    timerfd_gettime(fd: c_int, out: *mut libc::itimerspec) -> c_int = SYS_timerfd_gettime;
    inotify_init1(flags: c_int) -> c_int = SYS_inotify_init1;
    inotify_add_watch(fd: c_int, path: *const c_char, mask: u32) -> c_int = SYS_inotify_add_watch;
    inotify_rm_watch(fd: c_int, watch: c_int) -> c_int = SYS_inotify_rm_watch;
    fanotify_init(flags: c_uint, event_flags: c_uint) -> c_int = SYS_fanotify_init;
    fanotify_mark(fd: c_int, flags: c_uint, mask: u64, dir: c_int, path: *const c_char) -> c_int = SYS_fanotify_mark;
    userfaultfd(flags: c_int) -> c_int = SYS_userfaultfd;
}

/// The kernel stores the time left, which POSIX forbids: it gets a copy.
unsafe fn copied(time: *const timespec, copy: &mut timespec) -> *mut timespec {
    match time.as_ref() {
        Some(time) => {
            *copy = *time;
            copy
        }
        None => ptr::null_mut(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(
    list: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    cancel::point();
    let mut copy = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let time = copied(timeout, &mut copy);
    errno::check(sys!(SYS_ppoll, list, count, time, mask, SET)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pselect(
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    cancel::point();
    let mut copy = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let time = copied(timeout, &mut copy);
    let mask = [mask as usize, SET];
    errno::check(sys!(
        SYS_pselect6,
        count,
        read,
        write,
        except,
        time,
        mask.as_ptr()
    )) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn select(
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *mut timeval,
) -> c_int {
    cancel::point();
    errno::check(sys!(SYS_select, count, read, write, except, timeout)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_create(size: c_int) -> c_int {
    if size <= 0 {
        errno::fail(libc::EINVAL) as c_int
    } else {
        epoll_create1(0)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn inotify_init() -> c_int {
    inotify_init1(0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn eventfd_read(fd: c_int, value: *mut u64) -> c_int {
    if super::fd::read(fd, value.cast::<c_void>(), 8) == 8 {
        0
    } else {
        -1
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn eventfd_write(fd: c_int, value: u64) -> c_int {
    if super::fd::write(fd, (&raw const value).cast(), 8) == 8 {
        0
    } else {
        -1
    }
}
