//! Sockets.

use super::fd::cancellable;
use crate::errno;
use crate::pthread::cancel;
use crate::sys::{sys, syscalls};
use core::ffi::{c_int, c_uint, c_void};
use libc::{mmsghdr, msghdr, sockaddr, socklen_t, timespec};

/// asm-generic/sockios.h.
const SIOCATMARK: c_int = 0x8905;

syscalls! {
    socket(family: c_int, kind: c_int, protocol: c_int) -> c_int = SYS_socket;
    socketpair(family: c_int, kind: c_int, protocol: c_int, pair: *mut c_int) -> c_int = SYS_socketpair;
    bind(fd: c_int, address: *const sockaddr, size: socklen_t) -> c_int = SYS_bind;
    listen(fd: c_int, backlog: c_int) -> c_int = SYS_listen;
    shutdown(fd: c_int, how: c_int) -> c_int = SYS_shutdown;
    getsockname(fd: c_int, address: *mut sockaddr, size: *mut socklen_t) -> c_int = SYS_getsockname;
    getpeername(fd: c_int, address: *mut sockaddr, size: *mut socklen_t) -> c_int = SYS_getpeername;
    getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, size: *mut socklen_t) -> c_int = SYS_getsockopt;
    setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, size: socklen_t) -> c_int = SYS_setsockopt;
}

cancellable! {
    connect(fd: c_int, address: *const sockaddr, size: socklen_t) -> c_int = SYS_connect;
    accept(fd: c_int, address: *mut sockaddr, size: *mut socklen_t) -> c_int = SYS_accept;
    accept4(fd: c_int, address: *mut sockaddr, size: *mut socklen_t, flags: c_int) -> c_int = SYS_accept4;
    sendto(fd: c_int, data: *const c_void, size: usize, flags: c_int, address: *const sockaddr, length: socklen_t) -> isize = SYS_sendto;
    recvfrom(fd: c_int, data: *mut c_void, size: usize, flags: c_int, address: *mut sockaddr, length: *mut socklen_t) -> isize = SYS_recvfrom;
    __recvmmsg(fd: c_int, list: *mut mmsghdr, count: c_uint, flags: c_int, timeout: *mut timespec) -> c_int = SYS_recvmmsg;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn send(fd: c_int, data: *const c_void, size: usize, flags: c_int) -> isize {
    sendto(fd, data, size, flags, core::ptr::null(), 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recv(fd: c_int, data: *mut c_void, size: usize, flags: c_int) -> isize {
    recvfrom(
        fd,
        data,
        size,
        flags,
        core::ptr::null_mut(),
        core::ptr::null_mut(),
    )
}

// musl's headers have 32-bit lengths beside padding where the kernel has 64-bit ones. The padding is the caller's garbage,
// so the kernel gets a clean copy.

/// The kernel's `struct msghdr`.
#[repr(C)]
struct KernelHeader {
    name: *mut c_void,
    name_length: u32,
    parts: *mut libc::iovec,
    part_count: usize,
    control: *mut c_void,
    control_length: usize,
    flags: c_int,
}

/// The kernel's `struct cmsghdr` has a 64-bit length; musl's puts 32 bits and padding there, which must be zero.
unsafe fn clean_control(header: &KernelHeader) {
    let mut at = 0;
    while header.control_length - at >= 16 {
        let control = header.control.byte_add(at).cast::<u32>();
        *control.add(1) = 0;
        let length = (*control as usize + 7) & !7;
        if length < 16 || length > header.control_length - at {
            break;
        }
        at += length;
    }
}

unsafe fn kernel_header(message: *const msghdr) -> KernelHeader {
    KernelHeader {
        name: (*message).msg_name,
        name_length: (*message).msg_namelen,
        parts: (*message).msg_iov,
        part_count: (*message).msg_iovlen as u32 as usize,
        control: (*message).msg_control,
        control_length: (*message).msg_controllen as usize,
        flags: (*message).msg_flags,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> isize {
    cancel::point();
    let header = kernel_header(message);
    if !header.control.is_null() {
        clean_control(&header);
    }
    errno::check(sys!(SYS_sendmsg, fd, &raw const header, flags))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> isize {
    cancel::point();
    let mut header = kernel_header(message);
    let result = sys!(SYS_recvmsg, fd, &raw mut header, flags);
    if result >= 0 {
        (*message).msg_namelen = header.name_length;
        (*message).msg_controllen = header.control_length as _;
        (*message).msg_flags = header.flags;
    }
    errno::check(result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendmmsg(
    fd: c_int,
    list: *mut mmsghdr,
    count: c_uint,
    flags: c_uint,
) -> c_int {
    let mut sent = 0;
    for index in 0..count.min(1024) {
        let message = list.add(index as usize);
        let result = sendmsg(fd, &raw const (*message).msg_hdr, flags as c_int);
        if result < 0 {
            break;
        }
        (*message).msg_len = result as c_uint;
        sent += 1;
    }
    if sent == 0 && count != 0 { -1 } else { sent }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvmmsg(
    fd: c_int,
    list: *mut mmsghdr,
    count: c_uint,
    flags: c_uint,
    timeout: *mut timespec,
) -> c_int {
    for index in 0..count as usize {
        // The paddings beside the two lengths, as in `kernel_header`.
        let header = (&raw mut (*list.add(index)).msg_hdr).cast::<u32>();
        *header.add(7) = 0;
        *header.add(11) = 0;
    }
    __recvmmsg(fd, list, count, flags as c_int, timeout)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sockatmark(fd: c_int) -> c_int {
    let mut at = 0i32;
    if super::fd::ioctl(fd, SIOCATMARK, (&raw mut at) as usize) < 0 {
        -1
    } else {
        at
    }
}
