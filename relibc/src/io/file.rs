//! Names and attributes of files.

use crate::errno;
use crate::sys::{sys, syscalls};
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr;
use libc::{AT_FDCWD, dev_t, gid_t, mode_t, stat as Stat, timespec, timeval, uid_t};

syscalls! {
    fstat(fd: c_int, out: *mut Stat) -> c_int = SYS_fstat;
    fstatat(dir: c_int, path: *const c_char, out: *mut Stat, flags: c_int) -> c_int = SYS_newfstatat;
    statx(dir: c_int, path: *const c_char, flags: c_int, mask: c_uint, out: *mut libc::statx) -> c_int = SYS_statx;
    mkdirat(dir: c_int, path: *const c_char, mode: mode_t) -> c_int = SYS_mkdirat;
    mknodat(dir: c_int, path: *const c_char, mode: mode_t, device: dev_t) -> c_int = SYS_mknodat;
    unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int = SYS_unlinkat;
    renameat(from: c_int, old: *const c_char, to: c_int, new: *const c_char) -> c_int = SYS_renameat;
    renameat2(from: c_int, old: *const c_char, to: c_int, new: *const c_char, flags: c_uint) -> c_int = SYS_renameat2;
    linkat(from: c_int, old: *const c_char, to: c_int, new: *const c_char, flags: c_int) -> c_int = SYS_linkat;
    symlinkat(target: *const c_char, dir: c_int, path: *const c_char) -> c_int = SYS_symlinkat;
    readlinkat(dir: c_int, path: *const c_char, buffer: *mut c_char, size: usize) -> isize = SYS_readlinkat;
    fchmod(fd: c_int, mode: mode_t) -> c_int = SYS_fchmod;
    fchown(fd: c_int, user: uid_t, group: gid_t) -> c_int = SYS_fchown;
    fchownat(dir: c_int, path: *const c_char, user: uid_t, group: gid_t, flags: c_int) -> c_int = SYS_fchownat;
    utimensat(dir: c_int, path: *const c_char, times: *const timespec, flags: c_int) -> c_int = SYS_utimensat;
    umask(mask: mode_t) -> mode_t = SYS_umask;
    chdir(path: *const c_char) -> c_int = SYS_chdir;
    chroot(path: *const c_char) -> c_int = SYS_chroot;
    fstatfs(fd: c_int, out: *mut libc::statfs) -> c_int = SYS_fstatfs;
    statfs(path: *const c_char, out: *mut libc::statfs) -> c_int = SYS_statfs;
    getxattr(path: *const c_char, name: *const c_char, value: *mut c_void, size: usize) -> isize = SYS_getxattr;
    lgetxattr(path: *const c_char, name: *const c_char, value: *mut c_void, size: usize) -> isize = SYS_lgetxattr;
    fgetxattr(fd: c_int, name: *const c_char, value: *mut c_void, size: usize) -> isize = SYS_fgetxattr;
    setxattr(path: *const c_char, name: *const c_char, value: *const c_void, size: usize, flags: c_int) -> c_int = SYS_setxattr;
    lsetxattr(path: *const c_char, name: *const c_char, value: *const c_void, size: usize, flags: c_int) -> c_int = SYS_lsetxattr;
    fsetxattr(fd: c_int, name: *const c_char, value: *const c_void, size: usize, flags: c_int) -> c_int = SYS_fsetxattr;
    listxattr(path: *const c_char, list: *mut c_char, size: usize) -> isize = SYS_listxattr;
    llistxattr(path: *const c_char, list: *mut c_char, size: usize) -> isize = SYS_llistxattr;
    flistxattr(fd: c_int, list: *mut c_char, size: usize) -> isize = SYS_flistxattr;
    removexattr(path: *const c_char, name: *const c_char) -> c_int = SYS_removexattr;
    lremovexattr(path: *const c_char, name: *const c_char) -> c_int = SYS_lremovexattr;
    fremovexattr(fd: c_int, name: *const c_char) -> c_int = SYS_fremovexattr;
    name_to_handle_at(dir: c_int, path: *const c_char, handle: *mut c_void, mount: *mut c_int, flags: c_int) -> c_int = SYS_name_to_handle_at;
    open_by_handle_at(mount: c_int, handle: *mut c_void, flags: c_int) -> c_int = SYS_open_by_handle_at;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn stat(path: *const c_char, out: *mut Stat) -> c_int {
    fstatat(AT_FDCWD, path, out, 0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstat(path: *const c_char, out: *mut Stat) -> c_int {
    fstatat(AT_FDCWD, path, out, libc::AT_SYMLINK_NOFOLLOW)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    mkdirat(AT_FDCWD, path, mode)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mknod(path: *const c_char, mode: mode_t, device: dev_t) -> c_int {
    mknodat(AT_FDCWD, path, mode, device)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkfifo(path: *const c_char, mode: mode_t) -> c_int {
    mknodat(AT_FDCWD, path, mode | libc::S_IFIFO, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkfifoat(dir: c_int, path: *const c_char, mode: mode_t) -> c_int {
    mknodat(dir, path, mode | libc::S_IFIFO, 0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unlinkat(AT_FDCWD, path, 0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    unlinkat(AT_FDCWD, path, libc::AT_REMOVEDIR)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn remove(path: *const c_char) -> c_int {
    match sys!(SYS_unlinkat, AT_FDCWD, path, 0i32) {
        r if r == -libc::EISDIR as isize => rmdir(path),
        r => errno::check(r) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(old: *const c_char, new: *const c_char) -> c_int {
    renameat(AT_FDCWD, old, AT_FDCWD, new)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn link(old: *const c_char, new: *const c_char) -> c_int {
    linkat(AT_FDCWD, old, AT_FDCWD, new, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    symlinkat(target, AT_FDCWD, path)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize {
    readlinkat(AT_FDCWD, path, buffer, size)
}

/// The kernel's call knows no flags; without following a link it goes through the link's own descriptor.
#[unsafe(no_mangle)]
unsafe extern "C" fn fchmodat(
    dir: c_int,
    path: *const c_char,
    mode: mode_t,
    flags: c_int,
) -> c_int {
    match flags {
        0 => errno::check(sys!(SYS_fchmodat, dir, path, mode)) as c_int,
        libc::AT_SYMLINK_NOFOLLOW => {
            let mut found: Stat = core::mem::zeroed();
            if fstatat(dir, path, &raw mut found, flags) < 0 {
                return -1;
            }
            if found.st_mode & libc::S_IFMT == libc::S_IFLNK {
                return errno::fail(libc::EOPNOTSUPP) as c_int;
            }
            errno::check(sys!(SYS_fchmodat, dir, path, mode)) as c_int
        }
        _ => errno::fail(libc::EINVAL) as c_int,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chmod(path: *const c_char, mode: mode_t) -> c_int {
    fchmodat(AT_FDCWD, path, mode, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lchmod(path: *const c_char, mode: mode_t) -> c_int {
    fchmodat(AT_FDCWD, path, mode, libc::AT_SYMLINK_NOFOLLOW)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chown(path: *const c_char, user: uid_t, group: gid_t) -> c_int {
    fchownat(AT_FDCWD, path, user, group, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lchown(path: *const c_char, user: uid_t, group: gid_t) -> c_int {
    fchownat(AT_FDCWD, path, user, group, libc::AT_SYMLINK_NOFOLLOW)
}

/// Without flags it is the kernel's first call of that name, which every kernel has.
#[unsafe(no_mangle)]
unsafe extern "C" fn faccessat(
    dir: c_int,
    path: *const c_char,
    mode: c_int,
    flags: c_int,
) -> c_int {
    if flags == 0 {
        return errno::check(sys!(SYS_faccessat, dir, path, mode)) as c_int;
    }
    errno::check(sys!(SYS_faccessat2, dir, path, mode, flags)) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    faccessat(AT_FDCWD, path, mode, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn eaccess(path: *const c_char, mode: c_int) -> c_int {
    faccessat(AT_FDCWD, path, mode, libc::AT_EACCESS)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn euidaccess(path: *const c_char, mode: c_int) -> c_int {
    eaccess(path, mode)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn futimens(fd: c_int, times: *const timespec) -> c_int {
    utimensat(fd, ptr::null(), times, 0)
}

unsafe fn with_microseconds(
    dir: c_int,
    path: *const c_char,
    times: *const timeval,
    flags: c_int,
) -> c_int {
    if times.is_null() {
        return utimensat(dir, path, ptr::null(), flags);
    }
    let mut precise = [timespec {
        tv_sec: 0,
        tv_nsec: 0,
    }; 2];
    for (index, time) in precise.iter_mut().enumerate() {
        let given = *times.add(index);
        if !(0..1_000_000).contains(&given.tv_usec) {
            return errno::fail(libc::EINVAL) as c_int;
        }
        *time = timespec {
            tv_sec: given.tv_sec,
            tv_nsec: given.tv_usec * 1000,
        };
    }
    utimensat(dir, path, precise.as_ptr(), flags)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn utimes(path: *const c_char, times: *const timeval) -> c_int {
    with_microseconds(AT_FDCWD, path, times, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lutimes(path: *const c_char, times: *const timeval) -> c_int {
    with_microseconds(AT_FDCWD, path, times, libc::AT_SYMLINK_NOFOLLOW)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn futimes(fd: c_int, times: *const timeval) -> c_int {
    with_microseconds(fd, ptr::null(), times, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn futimesat(dir: c_int, path: *const c_char, times: *const timeval) -> c_int {
    with_microseconds(dir, path, times, 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn utime(path: *const c_char, times: *const libc::utimbuf) -> c_int {
    let Some(times) = times.as_ref() else {
        return utimensat(AT_FDCWD, path, ptr::null(), 0);
    };
    let both = [
        timespec {
            tv_sec: times.actime,
            tv_nsec: 0,
        },
        timespec {
            tv_sec: times.modtime,
            tv_nsec: 0,
        },
    ];
    utimensat(AT_FDCWD, path, both.as_ptr(), 0)
}

unsafe fn convert(from: &libc::statfs, out: *mut libc::statvfs) {
    out.cast::<u8>().write_bytes(0, size_of::<libc::statvfs>());
    (*out).f_bsize = from.f_bsize as _;
    (*out).f_frsize = if from.f_frsize != 0 {
        from.f_frsize as _
    } else {
        from.f_bsize as _
    };
    (*out).f_blocks = from.f_blocks;
    (*out).f_bfree = from.f_bfree;
    (*out).f_bavail = from.f_bavail;
    (*out).f_files = from.f_files;
    (*out).f_ffree = from.f_ffree;
    (*out).f_favail = from.f_ffree;
    (*out).f_fsid = *(&raw const from.f_fsid).cast::<u32>() as _;
    (*out).f_flag = from.f_flags as _;
    (*out).f_namemax = from.f_namelen as _;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn statvfs(path: *const c_char, out: *mut libc::statvfs) -> c_int {
    let mut found: libc::statfs = core::mem::zeroed();
    if statfs(path, &raw mut found) < 0 {
        return -1;
    }
    convert(&found, out);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fstatvfs(fd: c_int, out: *mut libc::statvfs) -> c_int {
    let mut found: libc::statfs = core::mem::zeroed();
    if fstatfs(fd, &raw mut found) < 0 {
        return -1;
    }
    convert(&found, out);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pathconf(_: *const c_char, name: c_int) -> libc::c_long {
    fpathconf(-1, name)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fpathconf(_: c_int, name: c_int) -> libc::c_long {
    match name {
        libc::_PC_LINK_MAX => 127,
        libc::_PC_MAX_CANON | libc::_PC_MAX_INPUT | libc::_PC_NAME_MAX => 255,
        libc::_PC_PATH_MAX | libc::_PC_PIPE_BUF => 4096,
        libc::_PC_CHOWN_RESTRICTED | libc::_PC_NO_TRUNC | libc::_PC_2_SYMLINKS => 1,
        libc::_PC_VDISABLE => 0,
        libc::_PC_FILESIZEBITS => 64,
        0..=20 => -1,
        _ => errno::fail(libc::EINVAL) as libc::c_long,
    }
}

// linux/kdev_t.h in user space's 64-bit form.

#[unsafe(no_mangle)]
extern "C" fn gnu_dev_major(device: dev_t) -> c_uint {
    ((device >> 8 & 0xfff) | (device >> 32 & !0xfff)) as c_uint
}

#[unsafe(no_mangle)]
extern "C" fn gnu_dev_minor(device: dev_t) -> c_uint {
    ((device & 0xff) | (device >> 12 & !0xff)) as c_uint
}
