//! Mounts and other things an administrator does.

use crate::sys::syscalls;
use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

syscalls! {
    mount(source: *const c_char, target: *const c_char, kind: *const c_char, flags: c_ulong, data: *const c_void) -> c_int = SYS_mount;
    umount2(target: *const c_char, flags: c_int) -> c_int = SYS_umount2;
    pivot_root(new: *const c_char, old: *const c_char) -> c_int = SYS_pivot_root;
    swapon(path: *const c_char, flags: c_int) -> c_int = SYS_swapon;
    swapoff(path: *const c_char) -> c_int = SYS_swapoff;
    init_module(image: *const c_void, size: c_ulong, parameters: *const c_char) -> c_int = SYS_init_module;
    delete_module(name: *const c_char, flags: c_uint) -> c_int = SYS_delete_module;
    quotactl(command: c_int, device: *const c_char, id: c_int, address: *mut c_char) -> c_int = SYS_quotactl;
    ioperm(from: c_ulong, count: c_ulong, on: c_int) -> c_int = SYS_ioperm;
    iopl(level: c_int) -> c_int = SYS_iopl;
    vhangup() -> c_int = SYS_vhangup;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn umount(target: *const c_char) -> c_int {
    umount2(target, 0)
}
