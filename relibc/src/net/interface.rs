//! Network interfaces by number and name, through a socket's ioctls.

use crate::errno;
use crate::string::str::bytes;
use crate::sys::sys;
use core::ffi::{c_char, c_int, c_uint};
use core::ptr;

/// linux/if.h `struct ifreq`: a name, and a union of 24 bytes.
#[repr(C)]
struct Request {
    name: [u8; libc::IF_NAMESIZE],
    value: [c_int; 6],
}

/// linux/sockios.h.
const SIOCGIFNAME: usize = 0x8910;
const SIOCGIFINDEX: usize = 0x8933;

fn request(code: usize, request: &mut Request) -> c_int {
    // SAFETY: the structure has the size that both calls use.
    unsafe {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        let fd = sys!(SYS_socket, libc::AF_UNIX, kind, 0i32);
        if fd < 0 {
            return -fd as c_int;
        }
        let request: *mut Request = request;
        let result = sys!(SYS_ioctl, fd, code, request);
        sys!(SYS_close, fd);
        errno::value(result)
    }
}

/// The number of a named interface; a decimal number is itself.
pub fn index(name: &[u8]) -> Option<u32> {
    if let Some(number) = crate::account::lines::number(name) {
        return Some(number);
    }
    let mut ask = Request {
        name: [0; libc::IF_NAMESIZE],
        value: [0; 6],
    };
    if name.is_empty() || name.len() >= ask.name.len() {
        return None;
    }
    ask.name[..name.len()].copy_from_slice(name);
    if request(SIOCGIFINDEX, &mut ask) == 0 {
        Some(ask.value[0] as u32)
    } else {
        None
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn if_nametoindex(name: *const c_char) -> c_uint {
    let name = bytes(name);
    let mut ask = Request {
        name: [0; libc::IF_NAMESIZE],
        value: [0; 6],
    };
    if name.is_empty() || name.len() >= ask.name.len() {
        errno::set(libc::ENODEV);
        return 0;
    }
    ask.name[..name.len()].copy_from_slice(name);
    match request(SIOCGIFINDEX, &mut ask) {
        0 => ask.value[0] as c_uint,
        error => {
            errno::set(error);
            0
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn if_indextoname(index: c_uint, name: *mut c_char) -> *mut c_char {
    let mut ask = Request {
        name: [0; libc::IF_NAMESIZE],
        value: [0; 6],
    };
    ask.value[0] = index as c_int;
    match request(SIOCGIFNAME, &mut ask) {
        0 => {
            ptr::copy_nonoverlapping(ask.name.as_ptr().cast(), name, libc::IF_NAMESIZE);
            name
        }
        error => {
            // The kernel says ENODEV, POSIX ENXIO.
            errno::set(if error == libc::ENODEV {
                libc::ENXIO
            } else {
                error
            });
            ptr::null_mut()
        }
    }
}
