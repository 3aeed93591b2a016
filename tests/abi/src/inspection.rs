//! Looking into other processes: kcmp, /proc/PID/mem.

use crate::sys::Ret;
use crate::{child, show, sys};
use libc::{
    CLONE_FILES, CLONE_FS, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, O_NOFOLLOW, O_PATH, O_RDONLY,
    O_RDWR, P_PID, PROT_NONE, PROT_READ, PROT_WRITE, SIGCHLD, SIGKILL, WEXITED, WNOWAIT,
};
use std::ffi::CString;

const FILE: i32 = 0;
const VM: i32 = 1;
const FILES: i32 = 2;
const FS: i32 = 3;
const SIGHAND: i32 = 4;
const SYSVSEM: i32 = 6;
const EPOLL_TFD: i32 = 7;
const PAGE: usize = 4096;

pub fn run() {
    things();
    descriptors();
    permission();
    others_folder();
    held_links();
    own_memory();
    others_memory();
}

fn kcmp(first: Ret, second: Ret, kind: i32) -> Ret {
    sys!(SYS_kcmp, first, second, kind, 0, 0)
}

/// "the same" or "others": the order is the kernel's affair.
fn verdict(compared: Ret) -> String {
    match compared.0 {
        0 => "the same".to_owned(),
        1 | 2 => "others".to_owned(),
        _ => compared.to_string(),
    }
}

/// A child that waits to be killed.
fn sleeper(flags: i32) -> Ret {
    let pid = sys!(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if pid.0 == 0 {
        loop {
            sys!(SYS_pause);
        }
    }
    pid
}

fn end(pid: Ret) {
    sys!(SYS_kill, pid, SIGKILL);
    child::wait(pid.value());
}

fn things() {
    let me = sys!(SYS_getpid);
    for (what, flags) in [("a fork", 0), ("one that shares", CLONE_FILES | CLONE_FS)] {
        let other = sleeper(flags);
        for (thing, kind) in [
            ("memory", VM),
            ("descriptors", FILES),
            ("directories", FS),
            ("handlers", SIGHAND),
            ("undone semaphores", SYSVSEM),
        ] {
            show!(format!("{thing} of {what}"), verdict(kcmp(me, other, kind)));
            let (there, back) = (kcmp(me, other, kind).0, kcmp(other, me, kind).0);
            show!(
                format!("{thing} of {what}, in order"),
                (there + back) % 3 == 0
            );
        }
        end(other);
    }
    show!("our own memory", kcmp(me, me, VM));
    show!("a kind that is none", kcmp(me, me, 99));
    show!("nobody", kcmp(me, Ret(99_999_999), VM));
}

fn descriptors() {
    let me = sys!(SYS_getpid);
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
    let copy = sys!(SYS_dup, ends[0]);
    let compare = |other: Ret, a: i32, b: i32| sys!(SYS_kcmp, me, other, FILE, a, b);
    show!("a copy", verdict(compare(me, ends[0], copy.value())));
    show!("the other end", verdict(compare(me, ends[0], ends[1])));
    show!("what isn't open", compare(me, ends[0], 999));
    let other = sleeper(0);
    show!("a child's", verdict(compare(other, ends[0], ends[0])));
    show!(
        "a child's copy",
        verdict(compare(other, ends[0], copy.value()))
    );
    end(other);
    let set = sys!(SYS_epoll_create1, 0);
    let event = [1_u32, 0, 0];
    sys!(
        SYS_epoll_ctl,
        set,
        libc::EPOLL_CTL_ADD,
        ends[0],
        event.as_ptr()
    );
    let watched = |file: i32, set: i32, fd: i32, nth: u32| {
        let slot = [set as u32, fd as u32, nth];
        sys!(SYS_kcmp, me, me, EPOLL_TFD, file, slot.as_ptr())
    };
    let set_fd = set.value();
    show!(
        "what a set watches",
        verdict(watched(copy.value(), set_fd, ends[0], 0))
    );
    show!(
        "what it doesn't",
        verdict(watched(ends[1], set_fd, ends[0], 0))
    );
    show!(
        "the second of one",
        watched(copy.value(), set_fd, ends[0], 1)
    );
    show!(
        "a descriptor that it doesn't watch",
        watched(copy.value(), set_fd, ends[1], 0)
    );
    show!("no set", watched(copy.value(), ends[1], ends[0], 0));
    show!("no descriptor", watched(999, set_fd, ends[0], 0));
    show!("no address", sys!(SYS_kcmp, me, me, EPOLL_TFD, copy, 8));
    for fd in [ends[0], ends[1], copy.value(), set_fd] {
        sys!(SYS_close, fd);
    }
}

fn memory_of(pid: Ret, flags: i32) -> Ret {
    let name = CString::new(format!("/proc/{}/mem", pid.0)).unwrap_or_default();
    sys!(SYS_open, name.as_c_str(), flags)
}

fn permission() {
    let me = sys!(SYS_getpid);
    let ended = child::run(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        show!("comparing with root's", kcmp(me, me, VM));
        show!("root's memory", memory_of(me, O_RDONLY));
        0
    });
    show!("the other user", ended);
}

/// What is in the folder of process `pid` in /proc.
fn file_of(pid: Ret, name: &str) -> CString {
    CString::new(format!("/proc/{}/{name}", pid.0)).unwrap_or_default()
}

fn others_folder() {
    let me = sys!(SYS_getpid);
    let ended = child::run(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        let mut text = [0_u8; 64];
        for name in ["cwd", "root", "exe", "fd/0", "ns/mnt"] {
            let link = file_of(me, name);
            show!(
                "where root's link leads",
                "{name}: {}",
                sys!(SYS_readlink, link.as_c_str(), text.as_mut_ptr(), 64)
            );
            show!(
                "through root's link",
                "{name}: {}",
                sys!(SYS_open, link.as_c_str(), O_PATH)
            );
        }
        for name in [
            "maps", "smaps", "environ", "auxv", "io", "fd", "cwd/", "root/etc",
        ] {
            let file = file_of(me, name);
            show!(
                "root's file",
                "{name}: {}",
                sys!(SYS_open, file.as_c_str(), O_RDONLY)
            );
        }
        for name in ["stat", "status", "cmdline", "statm", "comm"] {
            let file = file_of(me, name);
            show!(
                "anybody's file",
                "{name}: {}",
                sys!(SYS_open, file.as_c_str(), O_RDONLY).outcome()
            );
        }
        0
    });
    show!("who looked at root's folder", ended);
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
    let pid = child::fork(|| {
        sys!(SYS_close, ends[1]);
        sys!(SYS_read, ends[0], [0_u8; 1].as_mut_ptr(), 1);
        0
    });
    let opened = ["maps", "environ"].map(|name| {
        let file = file_of(Ret(pid as isize), name);
        sys!(SYS_open, file.as_c_str(), O_RDONLY)
    });
    sys!(SYS_close, ends[1]);
    sys!(SYS_waitid, P_PID, pid, 0, WEXITED | WNOWAIT, 0);
    for file in opened {
        show!(
            "of memory that is gone",
            sys!(SYS_read, file, [0_u8; 64].as_mut_ptr(), 64)
        );
        sys!(SYS_close, file);
    }
    child::wait(pid);
    sys!(SYS_close, ends[0]);
}

fn held_links() {
    let link = |fd: Ret| {
        let name = file_of(sys!(SYS_getpid), &format!("fd/{}", fd.0));
        sys!(SYS_open, name.as_c_str(), O_PATH | O_NOFOLLOW)
    };
    let text = |fd: Ret| {
        let mut bytes = [0_u8; 64];
        let len = sys!(SYS_readlinkat, fd, c"", bytes.as_mut_ptr(), 64);
        let bytes = &bytes[..usize::try_from(len.0).unwrap_or(0)];
        format!("{} {}", len.outcome(), String::from_utf8_lossy(bytes))
    };
    let null = sys!(SYS_open, c"/dev/null", O_RDONLY);
    let held = link(null);
    show!("where a held link leads", text(held));
    sys!(SYS_close, null);
    show!("once that is closed", text(held));
    let zero = sys!(SYS_open, c"/dev/zero", O_RDONLY);
    show!("the same number again", zero == null);
    show!("where it leads then", text(held));
    sys!(SYS_close, zero);
    sys!(SYS_close, held);
}

fn map(prot: i32, flags: i32) -> usize {
    sys!(SYS_mmap, 0, PAGE, prot, flags | MAP_ANONYMOUS, -1, 0).0 as usize
}

fn own_memory() {
    let memory = memory_of(sys!(SYS_getpid), O_RDWR);
    show!("our own", memory.outcome());
    let at = |from: usize, bytes: &mut [u8]| {
        sys!(SYS_pread64, memory, bytes.as_mut_ptr(), bytes.len(), from)
    };
    let put = |to: usize, bytes: &[u8]| sys!(SYS_pwrite64, memory, bytes.as_ptr(), bytes.len(), to);
    let mut bytes = [7_u8; 8];
    let plain = map(PROT_READ | PROT_WRITE, MAP_PRIVATE);
    show!("untouched memory is read", at(plain, &mut bytes));
    show!("as zeroes", "{bytes:?}");
    show!("written", put(plain + 4, b"text"));
    show!("read again", at(plain + 2, &mut bytes));
    show!("text", "{:?}", String::from_utf8_lossy(&bytes));
    show!("over the end", put(plain + PAGE - 2, b"ab"));
    let read_only = map(PROT_READ, MAP_PRIVATE);
    show!("read-only memory is written", put(read_only, b"forced"));
    show!("and read", at(read_only, &mut bytes));
    show!("its text", "{:?}", String::from_utf8_lossy(&bytes));
    let shared = map(PROT_READ, MAP_SHARED);
    show!("shared read-only memory is written", put(shared, b"x"));
    let hidden = map(PROT_NONE, MAP_PRIVATE);
    show!("hidden memory is read", at(hidden, &mut bytes));
    show!("no memory is read", at(8, &mut bytes));
    show!("no memory is written", put(8, b"x"));
    show!("far away", at(1 << 60, &mut bytes));
    show!("to a bad address", sys!(SYS_pread64, memory, 8, 4, plain));
    sys!(SYS_munmap, hidden, PAGE);
    let two = sys!(
        SYS_mmap,
        0,
        2 * PAGE,
        PROT_READ,
        MAP_PRIVATE | MAP_ANONYMOUS,
        -1,
        0
    )
    .0 as usize;
    sys!(SYS_munmap, two + PAGE, PAGE);
    let mut much = [0_u8; 64];
    show!("up to where it ends", at(two + PAGE - 10, &mut much));
    show!(
        "lseek",
        sys!(SYS_lseek, memory, plain + 4, libc::SEEK_SET).0 as usize == plain + 4
    );
    show!(
        "read from there",
        sys!(SYS_read, memory, bytes.as_mut_ptr(), 4)
    );
    show!(
        "the text there",
        "{:?}",
        String::from_utf8_lossy(&bytes[..4])
    );
    let mut stat = [0_u64; 18];
    sys!(SYS_fstat, memory, stat.as_mut_ptr());
    show!("its mode", "{:#o}", stat[3] & 0xffff_ffff);
    for page in [plain, read_only, shared, two] {
        sys!(SYS_munmap, page, PAGE);
    }
    sys!(SYS_close, memory);
}

fn others_memory() {
    let page = map(PROT_READ | PROT_WRITE, MAP_PRIVATE);
    let other = sleeper(0);
    let memory = memory_of(other, O_RDWR);
    show!("a child's memory", memory.outcome());
    let mut bytes = [0_u8; 4];
    let mut ours = [0_u8; 4];
    show!("is written", sys!(SYS_pwrite64, memory, c"abcd", 4, page));
    show!(
        "is read",
        sys!(SYS_pread64, memory, bytes.as_mut_ptr(), 4, page)
    );
    show!("its text", "{:?}", String::from_utf8_lossy(&bytes));
    let own = memory_of(sys!(SYS_getpid), O_RDONLY);
    sys!(SYS_pread64, own, ours.as_mut_ptr(), 4, page);
    show!("ours is as it was", "{ours:?}");
    end(other);
    show!(
        "after its end",
        sys!(SYS_pread64, memory, bytes.as_mut_ptr(), 4, page)
    );
    sys!(SYS_close, own);
    sys!(SYS_close, memory);
    sys!(SYS_munmap, page, PAGE);
}
