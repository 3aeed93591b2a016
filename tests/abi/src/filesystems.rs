//! Mounted file systems: how much a tmpfs holds, and what comes when it is full.

use crate::{child, show, sys};
use libc::*;
use std::ffi::{CStr, CString};

fn mount(options: &str, flags: u64) -> sys::Ret {
    let options = CString::new(options).unwrap_or_default();
    sys!(
        SYS_mount,
        c"none",
        c"m",
        c"tmpfs",
        flags,
        options.as_c_str()
    )
}

fn unmount() -> sys::Ret {
    sys!(SYS_umount2, c"m", 0)
}

/// Blocks, free blocks, files and free files.
fn room() -> String {
    let mut stat = [0_u64; 15];
    let got = sys!(SYS_statfs, c"m", stat.as_mut_ptr());
    if got.failed() {
        return got.to_string();
    }
    format!(
        "type {:#x} block {} of {} free {} available {} files {} free {}",
        stat[0], stat[1], stat[2], stat[3], stat[4], stat[5], stat[6]
    )
}

fn open(name: &CStr) -> i32 {
    sys!(SYS_open, name, O_CREAT | O_RDWR, 0o644).value()
}

/// Where what has no name is.
fn nameless() {
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
    for (what, fd) in [
        ("pipe", ends[0]),
        ("socket", sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0).value()),
        ("eventfd", sys!(SYS_eventfd2, 0, 0).value()),
        ("epoll", sys!(SYS_epoll_create1, 0).value()),
        ("memfd", sys!(SYS_memfd_create, c"m", 0).value()),
    ] {
        // SAFETY: plain numbers.
        let mut of: statfs = unsafe { std::mem::zeroed() };
        let told = sys!(SYS_fstatfs, fd, &raw mut of);
        show!(
            format!("file system of a {what}"),
            "{told} {:#x} {} {}",
            of.f_type,
            of.f_bsize,
            of.f_namelen
        );
        sys!(SYS_close, fd);
    }
    sys!(SYS_close, ends[1]);
}

pub fn run() {
    nameless();
    sys!(SYS_mkdir, c"m", 0o755);
    for options in [
        "size=4k",
        "size=5000",
        "size=1M",
        "size=0x8000",
        "nr_blocks=3",
        "nr_inodes=2k",
        "size=64k,nr_inodes=9",
        "mode=0700",
        "uid=3,gid=4",
    ] {
        show!(format!("mount {options}"), mount(options, 0));
        let mut stat = [0_u32; 36];
        sys!(SYS_stat, c"m", stat.as_mut_ptr());
        show!(
            format!("root of {options}"),
            "{:o} {} {}",
            stat[6],
            stat[7],
            stat[8]
        );
        if options.starts_with("size=") && options.contains("inodes")
            || options.starts_with("nr_blocks")
        {
            show!(
                format!("room of {options}"),
                room().split(" files").next().unwrap_or_default()
            );
        }
        show!(format!("unmount {options}"), unmount());
    }
    for options in [
        "size=x",
        "size",
        "nr_inodes=-1",
        "mode=9",
        "what=1",
        "uid=x",
    ] {
        show!(format!("mount {options}"), mount(options, 0));
    }
    mount("size=64k,nr_inodes=8", 0);
    pages();
    mapped();
    show!("busy", {
        let fd = open(c"m/open");
        let got = unmount();
        sys!(SYS_close, fd);
        sys!(SYS_unlink, c"m/open");
        got
    });
    inodes();
    show!("room at the end", room());
    remounted();
    show!("unmount", unmount());
    show!("unmount again", unmount());
    mount("size=0,nr_inodes=0", 0);
    show!("without limits", room());
    show!("give limits later", mount("size=1M", MS_REMOUNT));
    unmount();
    mount("", 0);
    let mut stat = [0_u64; 15];
    sys!(SYS_statfs, c"m", stat.as_mut_ptr());
    show!(
        "unless told",
        "{} {} {}",
        stat[2] > 0 && stat[2] == stat[3],
        stat[5] > 0,
        stat[5] == stat[6] + 1
    );
    namespaces();
    unmount();
}

/// A namespace of one's own, from a working directory, and a root, on a mount that it copies.
fn namespaces() {
    sys!(SYS_mkdir, c"m/root", 0o755);
    sys!(SYS_mkdir, c"m/root/d", 0o755);
    sys!(SYS_close, open(c"m/root/d/file"));
    let look = || {
        let mut name = [0_u8; 256];
        let len = sys!(SYS_getcwd, name.as_mut_ptr(), name.len()).0.max(1) as usize;
        let name = String::from_utf8_lossy(&name[..len - 1]).into_owned();
        let end = name.rsplit('/').next().unwrap_or_default().to_owned();
        let file = sys!(SYS_open, c"file", O_RDONLY, 0).outcome();
        let above = sys!(SYS_open, c"../d/file", O_RDONLY, 0).outcome();
        format!("in {end}, file {file}, by .. {above}")
    };
    show!(
        "a namespace of its own",
        child::run(|| {
            show!("enter", sys!(SYS_chdir, c"m/root/d"));
            show!("unshare", sys!(SYS_unshare, CLONE_NEWNS));
            show!("working directory", look());
            show!("up from it", sys!(SYS_chdir, c"../../.."));
            show!(
                "and back",
                sys!(SYS_open, c"m/root/d/file", O_RDONLY, 0).outcome()
            );
            0
        })
    );
    show!(
        "with a root of its own",
        child::run(|| {
            show!("root", sys!(SYS_chroot, c"m/root"));
            show!("enter", sys!(SYS_chdir, c"/d"));
            show!("unshare", sys!(SYS_unshare, CLONE_NEWNS));
            show!("working directory", look());
            show!(
                "root's file",
                sys!(SYS_open, c"/d/file", O_RDONLY, 0).outcome()
            );
            show!(
                "not above",
                sys!(SYS_open, c"/../proc", O_RDONLY, 0).outcome()
            );
            0
        })
    );
    show!(
        "by clone",
        child::run(|| {
            sys!(SYS_chdir, c"m/root/d");
            let pid = sys!(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
            if pid.0 == 0 {
                let there = !sys!(SYS_open, c"file", O_RDONLY, 0).failed();
                sys!(SYS_exit_group, i32::from(there));
            }
            show!("child", child::wait(pid.value()));
            0
        })
    );
}

fn pages() {
    let fd = open(c"m/file");
    show!("empty", room());
    let block = vec![7_u8; 40_000];
    show!("write", sys!(SYS_write, fd, block.as_ptr(), block.len()));
    show!("room then", room());
    show!(
        "write what does not fit",
        sys!(SYS_write, fd, block.as_ptr(), block.len())
    );
    show!(
        "write to what is full",
        sys!(SYS_write, fd, block.as_ptr(), 1)
    );
    show!("write over", sys!(SYS_pwrite64, fd, block.as_ptr(), 100, 0));
    show!("room when full", room());
    let other = open(c"m/other");
    show!("another file", other > 0);
    show!("write to it", sys!(SYS_write, other, block.as_ptr(), 1));
    show!("grow it", sys!(SYS_ftruncate, other, 1 << 20));
    show!("cut", sys!(SYS_ftruncate, fd, 10_000));
    show!("room when cut", room());
    show!(
        "allocate too much",
        sys!(SYS_fallocate, other, 0, 0, 60_000)
    );
    show!("nothing stays of it", room());
    let size = |fd: i32| sys!(SYS_lseek, fd, 0, SEEK_END);
    show!("cut to a few bytes", sys!(SYS_ftruncate, other, 5));
    show!(
        "allocate too much beyond the end",
        sys!(SYS_fallocate, other, 0, 0, 60_000)
    );
    show!("its size", size(other));
    show!("nothing stays of that", room());
    show!("grow it again", sys!(SYS_ftruncate, other, 1 << 20));
    show!("allocate", sys!(SYS_fallocate, other, 0, 0, 8192));
    show!("room when allocated", room());
    show!(
        "allocate more than there ever is",
        sys!(SYS_fallocate, other, 0, 0, 1 << 30)
    );
    let punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    show!("punch", sys!(SYS_fallocate, other, punch, 0, 4096));
    show!("room when punched", room());
    show!("unlink", sys!(SYS_unlink, c"m/file"));
    show!("room while it is open", room());
    sys!(SYS_close, fd);
    show!("room when it is closed", room());
    sys!(SYS_close, other);
    sys!(SYS_unlink, c"m/other");
}

fn mapped() {
    let fd = open(c"m/mapped");
    sys!(SYS_ftruncate, fd, 1 << 20);
    show!(
        "touch more than there is",
        child::run(|| {
            let at = sys!(
                SYS_mmap,
                0,
                1 << 20,
                PROT_READ | PROT_WRITE,
                MAP_SHARED,
                fd,
                0
            );
            for page in 0..256 {
                // SAFETY: inside the mapping; where there is no room, a signal is what is wanted.
                unsafe { ((at.0 as usize + page * 4096) as *mut u8).write_volatile(1) };
            }
            0
        })
    );
    show!("room when touched", room());
    show!(
        "read into a page that there is no room for",
        child::run(|| {
            let at = sys!(
                SYS_mmap,
                0,
                1 << 20,
                PROT_READ | PROT_WRITE,
                MAP_SHARED,
                fd,
                0
            );
            let zero = sys!(SYS_open, c"/dev/zero", O_RDONLY, 0);
            let got = sys!(SYS_read, zero, at.0 as usize + (200 << 12), 4096);
            println!("read: {got}");
            0
        })
    );
    show!(
        "touch private pages",
        child::run(|| {
            let at = sys!(
                SYS_mmap,
                0,
                8192,
                PROT_READ | PROT_WRITE,
                MAP_PRIVATE,
                fd,
                0
            );
            // SAFETY: inside the mapping, whose first pages exist.
            unsafe { (at.0 as *mut u8).write_volatile(1) };
            0
        })
    );
    sys!(SYS_close, fd);
    sys!(SYS_unlink, c"m/mapped");
    show!("room when unlinked", room());
}

fn inodes() {
    let made = (0..20)
        .take_while(|n| {
            let name = CString::new(format!("m/{n}")).unwrap_or_default();
            let fd = sys!(SYS_open, name.as_c_str(), O_CREAT | O_WRONLY, 0o644);
            if fd.failed() {
                show!("no further file", fd);
                return false;
            }
            sys!(SYS_close, fd);
            true
        })
        .count();
    show!("files", made);
    show!("no directory", sys!(SYS_mkdir, c"m/d", 0o755));
    show!("no symbolic link", sys!(SYS_symlink, c"x", c"m/s"));
    show!("no name", sys!(SYS_link, c"m/0", c"m/l"));
    show!("no unnamed file", {
        let fd = sys!(SYS_open, c"m", O_TMPFILE | O_RDWR, 0o600);
        if !fd.failed() {
            sys!(SYS_close, fd);
        }
        fd.outcome()
    });
    show!("rename", sys!(SYS_rename, c"m/0", c"m/1"));
    show!("a name", sys!(SYS_link, c"m/1", c"m/l"));
    show!("room with a name", room());
    show!("a directory", sys!(SYS_mkdir, c"m/d", 0o755));
    sys!(SYS_unlink, c"m/1");
    show!("room without a name", room());
    show!("a directory then", sys!(SYS_mkdir, c"m/d", 0o755));
    sys!(SYS_rmdir, c"m/d");
    sys!(SYS_unlink, c"m/l");
    for n in 0..20 {
        let name = CString::new(format!("m/{n}")).unwrap_or_default();
        sys!(SYS_unlink, name.as_c_str());
    }
}

fn remounted() {
    let fd = open(c"m/file");
    let block = vec![7_u8; 40_000];
    sys!(SYS_write, fd, block.as_ptr(), block.len());
    show!("make it larger", mount("size=1M", MS_REMOUNT));
    show!("room when larger", room());
    show!("too small", mount("size=8k", MS_REMOUNT));
    show!("smaller", mount("size=40k", MS_REMOUNT));
    show!("room when smaller", room());
    show!("too few", mount("nr_inodes=1", MS_REMOUNT));
    show!("more", mount("nr_inodes=100", MS_REMOUNT));
    show!("room with more", room());
    show!("nonsense", mount("size=x", MS_REMOUNT));
    sys!(SYS_close, fd);
}
