//! Regular files: opening, moving bytes, sizes, holes, and what stat says.

use crate::{show, sys};
use libc::*;

fn open(name: &std::ffi::CStr, flags: i32) -> sys::Ret {
    sys!(SYS_open, name, flags, 0o644)
}

fn contents(fd: i32) -> String {
    let mut buffer = [0_u8; 64];
    let read = sys!(SYS_pread64, fd, buffer.as_mut_ptr(), buffer.len(), 0);
    let bytes = &buffer[..read.0.max(0) as usize];
    format!("{:?}", String::from_utf8_lossy(bytes))
}

fn size(fd: i32) -> i64 {
    let mut stat = empty_stat();
    sys!(SYS_fstat, fd, &raw mut stat);
    stat.st_size
}

/// A `struct stat` before the kernel fills it.
pub fn empty_stat() -> stat {
    // SAFETY: the struct holds integers only.
    unsafe { std::mem::zeroed() }
}

pub fn run() {
    opening();
    moving();
    sizes();
    vectors();
    attributes();
    extended();
    memory_files();
    copying();
}

fn opening() {
    show!("open missing", open(c"missing", O_RDONLY));
    let fd = open(c"a", O_RDWR | O_CREAT | O_EXCL);
    show!("create exclusively", fd);
    show!(
        "create exclusively again",
        open(c"a", O_RDWR | O_CREAT | O_EXCL)
    );
    show!("open as directory", open(c"a", O_RDONLY | O_DIRECTORY));
    show!("open below a file", open(c"a/b", O_RDONLY));
    show!("open with a slash behind", open(c"a/", O_RDONLY));
    show!(
        "create with a slash behind",
        open(c"new/", O_RDWR | O_CREAT)
    );
    show!("open nothing", open(c"", O_RDONLY));
    show!(
        "open at a wrong address",
        sys!(SYS_open, 8_usize, O_RDONLY, 0)
    );
    let long = std::ffi::CString::new("x".repeat(256)).expect("no NUL");
    show!("open a long name", open(&long, O_RDONLY));
    let long = std::ffi::CString::new("x/".repeat(2100)).expect("no NUL");
    show!("open a long path", open(&long, O_RDONLY));
    show!("write a directory", open(c".", O_RDWR));
    show!("truncate a directory", open(c".", O_RDONLY | O_TRUNC));
    show!("access mode 3", open(c"a", O_ACCMODE).outcome());
    let tmp = open(c".", O_TMPFILE | O_RDWR);
    show!("tmpfile", tmp.outcome());
    show!("tmpfile read-only", open(c".", O_TMPFILE));
    let path = open(c"a", O_PATH);
    let mut byte = 0_u8;
    show!("read O_PATH", sys!(SYS_read, path, &raw mut byte, 1));
    let mut stat = empty_stat();
    show!("fstat O_PATH", sys!(SYS_fstat, path, &raw mut stat));
    show!("fchmod O_PATH", sys!(SYS_fchmod, path, 0o600));
    show!("flags of O_PATH", "{:#o}", sys!(SYS_fcntl, path, F_GETFL).0);
    show!("flags", "{:#o}", sys!(SYS_fcntl, fd, F_GETFL).0);
    show!(
        "append is set",
        sys!(SYS_fcntl, fd, F_SETFL, O_APPEND | O_NONBLOCK | O_CREAT)
    );
    show!("flags after", "{:#o}", sys!(SYS_fcntl, fd, F_GETFL).0);
    show!("descriptor flags", sys!(SYS_fcntl, fd, F_GETFD));
    show!("close-on-exec is set", sys!(SYS_fcntl, fd, F_SETFD, 0xff));
    show!("descriptor flags after", sys!(SYS_fcntl, fd, F_GETFD));
    show!("unknown fcntl", sys!(SYS_fcntl, fd, 0x7777, 0));
    show!("fcntl of no descriptor", sys!(SYS_fcntl, 99, F_GETFD));
    show!("dup", sys!(SYS_dup, fd).outcome());
    show!("dup from 100", sys!(SYS_fcntl, fd, F_DUPFD, 100));
    show!(
        "dup from 100 again",
        sys!(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 100)
    );
    show!("dup from too high", sys!(SYS_fcntl, fd, F_DUPFD, 1 << 30));
    show!("dup2 to itself", sys!(SYS_dup2, 100, 100));
    show!("dup3 to itself", sys!(SYS_dup3, 100, 100, 0));
    show!("dup3 with wrong flags", sys!(SYS_dup3, 100, 102, 1));
    show!("dup2 of nothing", sys!(SYS_dup2, 99, 99));
    show!("dup2 to a wrong number", sys!(SYS_dup2, 100, -1));
    show!("close range", sys!(SYS_close_range, 90, 110, 0));
    show!("close range backwards", sys!(SYS_close_range, 110, 90, 0));
    show!("close closed", sys!(SYS_close, 100));
    show!("close negative", sys!(SYS_close, -1));
    for fd in [fd, tmp, path] {
        sys!(SYS_close, fd);
    }
}

fn moving() {
    let fd = open(c"m", O_RDWR | O_CREAT).value();
    show!("write", sys!(SYS_write, fd, c"hello world", 11));
    show!("position", sys!(SYS_lseek, fd, 0, SEEK_CUR));
    show!("pwrite", sys!(SYS_pwrite64, fd, c"J", 1, 0));
    show!("contents", contents(fd));
    show!("seek before the start", sys!(SYS_lseek, fd, -1, SEEK_SET));
    show!("seek from the end", sys!(SYS_lseek, fd, -5, SEEK_END));
    let mut buffer = [0_u8; 16];
    show!(
        "read to the end",
        sys!(SYS_read, fd, buffer.as_mut_ptr(), 16)
    );
    show!(
        "read at the end",
        sys!(SYS_read, fd, buffer.as_mut_ptr(), 16)
    );
    show!("read to a wrong address", sys!(SYS_pread64, fd, 8, 4, 0));
    show!(
        "write from a wrong address",
        sys!(SYS_pwrite64, fd, 8, 4, 0)
    );
    show!(
        "read nothing to a wrong address",
        sys!(SYS_pread64, fd, 8, 0, 0)
    );
    show!(
        "pread before the start",
        sys!(SYS_pread64, fd, buffer.as_mut_ptr(), 4, -1)
    );
    show!(
        "read huge",
        sys!(SYS_read, fd, buffer.as_mut_ptr(), usize::MAX)
    );
    show!("seek wrongly", sys!(SYS_lseek, fd, 0, 9));
    show!("seek far", sys!(SYS_lseek, fd, i64::MAX, SEEK_SET));
    show!("write far", sys!(SYS_write, fd, c"x", 1));
    let append = open(c"m", O_WRONLY | O_APPEND).value();
    show!("append by pwrite", sys!(SYS_pwrite64, append, c"!", 1, 0));
    show!("contents after", contents(fd));
    show!(
        "read of a write-only file",
        sys!(SYS_read, append, buffer.as_mut_ptr(), 1)
    );
    let read_only = open(c"m", O_RDONLY).value();
    show!(
        "write of a read-only file",
        sys!(SYS_write, read_only, c"x", 1)
    );
    show!(
        "truncate of a read-only file",
        sys!(SYS_ftruncate, read_only, 0)
    );
    for fd in [fd, append, read_only] {
        sys!(SYS_close, fd);
    }
    for name in [c"/dev/null", c"/dev/zero", c"/dev/full"] {
        let device = open(name, O_RDWR).value();
        let label = name.to_string_lossy();
        show!(
            format!("seek in {label}"),
            "{} {} {}",
            sys!(SYS_lseek, device, -5_i64, SEEK_SET),
            sys!(SYS_lseek, device, 5, SEEK_SET),
            sys!(SYS_lseek, device, 0, SEEK_CUR)
        );
        sys::close_all(&[device]);
    }
    zeroes();
}

/// A long read of zeroes into memory that ends, is partly read-only, and starts where none is.
fn zeroes() {
    const PAGE: usize = 4096;
    let device = open(c"/dev/zero", O_RDONLY).value();
    let (access, kind) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    let memory = sys!(SYS_mmap, 0, 64 * PAGE, access, kind, -1, 0).0 as usize;
    let end = memory + 64 * PAGE;
    show!("unmap", sys!(SYS_munmap, end - PAGE, PAGE));
    show!("zeroes", sys!(SYS_read, device, memory, 48 * PAGE));
    show!(
        "zeroes past the end of memory",
        sys!(SYS_read, device, end - 3 * PAGE - 5, 8 * PAGE)
    );
    show!(
        "zeroes where there is no memory",
        sys!(SYS_read, device, end - PAGE, PAGE)
    );
    let parts = [[memory, 100], [end - PAGE - 16, 24], [memory, 100]];
    show!(
        "zeroes into parts",
        sys!(SYS_readv, device, parts.as_ptr(), 3)
    );
    sys!(SYS_munmap, memory, 63 * PAGE);
    sys::close_all(&[device]);
}

fn sizes() {
    let fd = open(c"s", O_RDWR | O_CREAT).value();
    show!("grow", sys!(SYS_ftruncate, fd, 100_000));
    show!("size", size(fd));
    show!("truncate to less than nothing", sys!(SYS_ftruncate, fd, -1));
    show!("truncate a missing file", sys!(SYS_truncate, c"missing", 0));
    show!("truncate a directory", sys!(SYS_truncate, c".", 0));
    sys!(SYS_pwrite64, fd, c"x", 1, 50_000);
    show!("first data", sys!(SYS_lseek, fd, 0, SEEK_DATA));
    show!("hole after it", sys!(SYS_lseek, fd, 50_000, SEEK_HOLE));
    show!(
        "data after the last",
        sys!(SYS_lseek, fd, 60_000, SEEK_DATA)
    );
    show!("hole past the end", sys!(SYS_lseek, fd, 100_000, SEEK_HOLE));
    show!("allocate", sys!(SYS_fallocate, fd, 0, 0, 8192));
    show!(
        "allocate and keep the size",
        sys!(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE, 200_000, 4096)
    );
    show!("size after", size(fd));
    show!("allocate nothing", sys!(SYS_fallocate, fd, 0, 0, 0));
    show!(
        "allocate before the start",
        sys!(SYS_fallocate, fd, 0, -1, 10)
    );
    let punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    show!("punch", sys!(SYS_fallocate, fd, punch, 49_152, 4096));
    show!(
        "punch without keeping",
        sys!(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE, 0, 4096)
    );
    show!(
        "collapse",
        sys!(SYS_fallocate, fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096)
    );
    let mut byte = 9_u8;
    sys!(SYS_pread64, fd, &raw mut byte, 1, 50_000);
    show!("punched byte", byte);
    sys!(SYS_ftruncate, fd, 3);
    sys!(SYS_ftruncate, fd, 6);
    show!("shrunk and grown", contents(fd));
    show!("fsync", sys!(SYS_fsync, fd));
    show!("fdatasync of a pipe", {
        let mut ends = [0_i32; 2];
        sys!(SYS_pipe, ends.as_mut_ptr());
        let result = sys!(SYS_fdatasync, ends[0]);
        sys::close_all(&ends);
        result
    });
    show!(
        "fadvise",
        sys!(SYS_fadvise64, fd, 0, 0, POSIX_FADV_WILLNEED)
    );
    show!("fadvise wrongly", sys!(SYS_fadvise64, fd, 0, 0, 77));
    show!("readahead", sys!(SYS_readahead, fd, 0, 4096));
    sys!(SYS_close, fd);
}

fn vectors() {
    let fd = open(c"v", O_RDWR | O_CREAT).value();
    let part = |text: &'static [u8]| iovec {
        iov_base: text.as_ptr().cast_mut().cast(),
        iov_len: text.len(),
    };
    let out = [part(b"ab"), part(b""), part(b"cdef")];
    show!("writev", sys!(SYS_writev, fd, out.as_ptr(), 3));
    show!("pwritev", sys!(SYS_pwritev, fd, out.as_ptr(), 1, 4, 0));
    show!("contents", contents(fd));
    show!(
        "writev of too many",
        sys!(SYS_writev, fd, out.as_ptr(), 1025)
    );
    show!("writev of none", sys!(SYS_writev, fd, out.as_ptr(), 0));
    let bad = [
        part(b"xy"),
        iovec {
            iov_base: 8 as *mut _,
            iov_len: 4,
        },
    ];
    show!(
        "writev to a wrong address",
        sys!(SYS_writev, fd, bad.as_ptr(), 2)
    );
    let negative = [iovec {
        iov_base: std::ptr::null_mut(),
        iov_len: usize::MAX,
    }];
    show!(
        "writev of a negative length",
        sys!(SYS_writev, fd, negative.as_ptr(), 1)
    );
    let mut buffer = [0_u8; 8];
    let into = [iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: 8,
    }];
    show!("preadv", sys!(SYS_preadv, fd, into.as_ptr(), 1, 2, 0));
    show!(
        "preadv2",
        sys!(SYS_preadv2, fd, into.as_ptr(), 1, -1_i64, 0, 0)
    );
    show!(
        "preadv2 with wrong flags",
        sys!(SYS_preadv2, fd, into.as_ptr(), 1, 0, 0, 0x4000_0000)
    );
    sys!(SYS_close, fd);
}

fn attributes() {
    let fd = open(c"t", O_RDWR | O_CREAT).value();
    show!("chmod", sys!(SYS_chmod, c"t", 0o4751));
    let mut stat = empty_stat();
    sys!(SYS_stat, c"t", &raw mut stat);
    show!("mode", "{:o}", stat.st_mode);
    show!(
        "links, owner, group",
        "{} {} {}",
        stat.st_nlink,
        stat.st_uid,
        stat.st_gid
    );
    show!("block size", stat.st_blksize);
    show!("chown", sys!(SYS_chown, c"t", 12, 34));
    sys!(SYS_stat, c"t", &raw mut stat);
    show!(
        "owner, group, mode",
        "{} {} {:o}",
        stat.st_uid,
        stat.st_gid,
        stat.st_mode
    );
    let times = [
        timespec {
            tv_sec: 5,
            tv_nsec: 6,
        },
        timespec {
            tv_sec: 7,
            tv_nsec: UTIME_OMIT,
        },
    ];
    show!(
        "utimensat",
        sys!(SYS_utimensat, AT_FDCWD, c"t", times.as_ptr(), 0)
    );
    let before = stat.st_mtime;
    sys!(SYS_stat, c"t", &raw mut stat);
    show!("access time", "{}.{}", stat.st_atime, stat.st_atime_nsec);
    show!("modification is left", stat.st_mtime == before);
    let wrong = [timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000_000,
    }; 2];
    show!(
        "utimensat wrongly",
        sys!(SYS_utimensat, AT_FDCWD, c"t", wrong.as_ptr(), 0)
    );
    show!("access", sys!(SYS_access, c"t", R_OK | W_OK));
    show!("access to execute", sys!(SYS_access, c"m", X_OK));
    show!("access wrongly", sys!(SYS_access, c"t", 8));
    let mut stx: [u8; 256] = [0; 256];
    show!(
        "statx",
        sys!(SYS_statx, AT_FDCWD, c"t", 0, 0x7ff, stx.as_mut_ptr())
    );
    show!(
        "statx mask has the basics",
        stx[0] == 0xff && stx[1] & 7 == 7
    );
    show!(
        "statx of nothing",
        sys!(SYS_statx, fd, c"", 0, 0x7ff, stx.as_mut_ptr())
    );
    show!(
        "statx of the descriptor",
        sys!(SYS_statx, fd, c"", AT_EMPTY_PATH, 0x7ff, stx.as_mut_ptr())
    );
    show!(
        "statx with wrong flags",
        sys!(SYS_statx, fd, c"", 0x8000_0000_u32, 0, stx.as_mut_ptr())
    );
    show!("stat to a wrong address", sys!(SYS_stat, c"t", 8));
    let mut fs = [0_u64; 16];
    show!("statfs", sys!(SYS_statfs, c"t", fs.as_mut_ptr()));
    show!("statfs name length", fs[8]);
    sys!(SYS_close, fd);
}

fn extended() {
    let set = |name, value: &[u8], flags| {
        sys!(SYS_setxattr, c"t", name, value.as_ptr(), value.len(), flags)
    };
    show!("set", set(c"trusted.a", b"1234", 0));
    show!("create again", set(c"trusted.a", b"x", XATTR_CREATE));
    show!("replace missing", set(c"trusted.b", b"x", XATTR_REPLACE));
    show!("both flags", set(c"trusted.b", b"x", 3));
    show!("no namespace", set(c"plain", b"x", 0));
    show!("nothing of a namespace", set(c"trusted.", b"x", 0));
    let mut value = [0_u8; 16];
    show!("size", sys!(SYS_getxattr, c"t", c"trusted.a", 0, 0));
    show!(
        "get",
        sys!(SYS_getxattr, c"t", c"trusted.a", value.as_mut_ptr(), 16)
    );
    show!(
        "get into too little",
        sys!(SYS_getxattr, c"t", c"trusted.a", value.as_mut_ptr(), 2)
    );
    show!(
        "get missing",
        sys!(SYS_getxattr, c"t", c"trusted.z", value.as_mut_ptr(), 16)
    );
    show!("list", sys!(SYS_listxattr, c"t", 0, 0));
    show!("remove", sys!(SYS_removexattr, c"t", c"trusted.a"));
    show!("remove again", sys!(SYS_removexattr, c"t", c"trusted.a"));
}

fn memory_files() {
    let plain = sys!(SYS_memfd_create, c"plain", 0).value();
    show!("seals of a plain one", sys!(SYS_fcntl, plain, F_GET_SEALS));
    show!(
        "seal a plain one",
        sys!(SYS_fcntl, plain, F_ADD_SEALS, F_SEAL_GROW)
    );
    show!("wrong flags", sys!(SYS_memfd_create, c"x", 0x4000));
    let long = std::ffi::CString::new("x".repeat(250)).expect("no NUL");
    show!("long name", sys!(SYS_memfd_create, &*long, 0));
    let fd = sys!(SYS_memfd_create, c"seals", MFD_ALLOW_SEALING).value();
    sys!(SYS_ftruncate, fd, 4096);
    show!("no seals", sys!(SYS_fcntl, fd, F_GET_SEALS));
    show!("seal growth", sys!(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_GROW));
    show!("grow", sys!(SYS_ftruncate, fd, 8192));
    show!("write past the end", sys!(SYS_pwrite64, fd, c"xy", 2, 4095));
    show!("write in the end", sys!(SYS_pwrite64, fd, c"x", 1, 4095));
    show!(
        "seal shrinking",
        sys!(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK)
    );
    show!("shrink", sys!(SYS_ftruncate, fd, 1));
    let map = |protection| sys!(SYS_mmap, 0, 4096, protection, MAP_SHARED, fd, 0);
    let mapped = map(PROT_READ | PROT_WRITE);
    show!(
        "seal writing while mapped",
        sys!(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE)
    );
    sys!(SYS_munmap, mapped, 4096);
    show!(
        "seal writing",
        sys!(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE)
    );
    show!("write", sys!(SYS_pwrite64, fd, c"x", 1, 0));
    show!("map to write", map(PROT_READ | PROT_WRITE).outcome());
    show!("map to read", map(PROT_READ).outcome());
    let later = sys!(SYS_memfd_create, c"later", MFD_ALLOW_SEALING).value();
    sys!(SYS_ftruncate, later, 4096);
    let map_later = |protection| sys!(SYS_mmap, 0, 4096, protection, MAP_SHARED, later, 0);
    let write = PROT_READ | PROT_WRITE;
    let before = map_later(PROT_READ);
    show!(
        "seal later writing",
        sys!(SYS_fcntl, later, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)
    );
    show!("map to write later", map_later(write).outcome());
    let after = map_later(PROT_READ);
    show!("map to read later", after.outcome());
    show!(
        "what was mapped before",
        sys!(SYS_mprotect, before, 4096, write)
    );
    show!(
        "what was mapped after",
        sys!(SYS_mprotect, after, 4096, write)
    );
    sys!(SYS_close, later);
    show!("seal seals", sys!(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SEAL));
    show!("seal more", sys!(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_GROW));
    show!("all seals", sys!(SYS_fcntl, fd, F_GET_SEALS));
    show!("seals of a file", {
        let file = open(c"t", O_RDWR);
        let seals = sys!(SYS_fcntl, file, F_GET_SEALS);
        sys!(SYS_close, file);
        seals.outcome()
    });
}

fn copying() {
    let from = open(c"m", O_RDONLY).value();
    let to = open(c"to", O_RDWR | O_CREAT).value();
    let mut offset = 2_i64;
    show!("sendfile", sys!(SYS_sendfile, to, from, &raw mut offset, 4));
    show!("offset after", offset);
    show!("sendfile at the cursor", sys!(SYS_sendfile, to, from, 0, 3));
    show!("copied", contents(to));
    show!(
        "copy_file_range",
        sys!(SYS_copy_file_range, from, 0, to, 0, 100, 0)
    );
    show!("copied more", contents(to));
    show!(
        "copy with flags",
        sys!(SYS_copy_file_range, from, 0, to, 0, 1, 1)
    );
    show!(
        "copy onto a reader",
        sys!(SYS_copy_file_range, to, 0, from, 0, 1, 0)
    );
    show!("copy onto itself", {
        let (mut here, mut there) = (0_i64, 1_i64);
        sys!(
            SYS_copy_file_range,
            to,
            &raw mut here,
            to,
            &raw mut there,
            4,
            0
        )
    });
    show!("sendfile to a reader", sys!(SYS_sendfile, from, to, 0, 1));
}
