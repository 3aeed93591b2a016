//! Landlock: what a process that gave up rights can still do to files.

use crate::sys::Ret;
use crate::{child, show, sys};
use libc::{
    AT_FDCWD, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC,
    O_WRONLY, S_IFCHR, S_IFIFO, S_IFSOCK,
};
use std::ffi::CStr;

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
const MAKE_FIFO: u64 = 1 << 10;
const MAKE_SYM: u64 = 1 << 12;
const REFER: u64 = 1 << 13;
/// What version 2 of the ABI has.
const ALL: u64 = (1 << 14) - 1;
const PATH_BENEATH: i32 = 1;
const EXCHANGE: i32 = 2;

fn ruleset(handled: u64) -> Ret {
    let attributes = [handled];
    sys!(SYS_landlock_create_ruleset, attributes.as_ptr(), 8, 0)
}

/// `struct landlock_path_beneath_attr`, which is packed.
fn beneath(rights: u64, fd: i32) -> [u32; 3] {
    [rights as u32, (rights >> 32) as u32, fd as u32]
}

fn add(rules: Ret, rights: u64, fd: Ret) -> Ret {
    let rule = beneath(rights, fd.value());
    sys!(SYS_landlock_add_rule, rules, PATH_BENEATH, rule.as_ptr(), 0)
}

fn path(name: &CStr) -> Ret {
    sys!(SYS_open, name, O_PATH | O_CLOEXEC, 0)
}

/// Lets `rights` remain beneath a name.
fn allow(rules: Ret, rights: u64, name: &CStr) {
    let place = path(name);
    let added = add(rules, rights, place);
    if added.failed() {
        println!("a rule for {name:?}: {added}");
    }
    sys!(SYS_close, place);
}

fn restrict(rules: Ret) -> Ret {
    sys!(SYS_landlock_restrict_self, rules, 0)
}

fn open(name: &CStr, flags: i32) -> Ret {
    let fd = sys!(SYS_open, name, flags, 0o600);
    if !fd.failed() {
        sys!(SYS_close, fd);
    }
    fd
}

/// Runs checks in a child, whose lines come before ours.
fn within(work: impl FnOnce()) {
    let ended = child::run(|| {
        work();
        0
    });
    if ended != "exited 0" {
        println!("the child: {ended}");
    }
}

pub fn run() {
    let version = sys!(SYS_landlock_create_ruleset, 0, 0, 1);
    show!("the version of the ABI is 2 or more", version.value() >= 2);
    refused_calls();
    refused_rules();
    opening();
    names();
    moving();
    layers();
    others();
}

fn refused_calls() {
    let attributes = [ALL, 0, 0, 0];
    let create = |size: usize, flags: i32| {
        sys!(
            SYS_landlock_create_ruleset,
            attributes.as_ptr(),
            size,
            flags
        )
    };
    show!("the version of a structure", create(8, 1));
    show!("a flag that is none", create(8, 1 << 20));
    show!(
        "a ruleset of no address",
        sys!(SYS_landlock_create_ruleset, 0, 8, 0)
    );
    show!(
        "a ruleset of a bad address",
        sys!(SYS_landlock_create_ruleset, 8, 8, 0)
    );
    show!("a ruleset of 7 bytes", create(7, 0));
    show!("a ruleset of more than a page", create(4097, 0));
    show!("a ruleset of a larger structure", create(32, 0).outcome());
    let later = [ALL, 0, 0, 1];
    show!(
        "a ruleset of what is not known",
        sys!(SYS_landlock_create_ruleset, later.as_ptr(), 32, 0)
    );
    show!("a ruleset of a right that is none", ruleset(1 << 40));
    show!("a ruleset of no right", ruleset(0));
    let rules = ruleset(ALL);
    show!("a ruleset", rules.outcome());
    let mut bytes = [0_u8; 8];
    show!("is read", sys!(SYS_read, rules, bytes.as_mut_ptr(), 8));
    show!("is written", sys!(SYS_write, rules, bytes.as_ptr(), 8));
    show!("its flags", sys!(SYS_fcntl, rules, libc::F_GETFD, 0));
    within(|| {
        show!("restricted as root", restrict(rules));
        show!(
            "with a flag that is none",
            sys!(SYS_landlock_restrict_self, rules, 1 << 20)
        );
        show!(
            "by a bad descriptor",
            sys!(SYS_landlock_restrict_self, 999, 0)
        );
        show!("by something else", sys!(SYS_landlock_restrict_self, 1, 0));
    });
    within(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        show!("restricted as an ordinary user", restrict(rules));
        sys!(SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        show!("restricted without new privileges", restrict(rules));
    });
    within(|| {
        for depth in 1..=16 {
            let done = restrict(rules);
            if done.failed() {
                println!("layer {depth}: {done}");
            }
        }
        show!("a seventeenth layer", restrict(rules));
    });
    sys!(SYS_close, rules);
}

fn refused_rules() {
    let rules = ruleset(READ_FILE | READ_DIR);
    let here = path(c".");
    let file = sys!(SYS_open, c"f", O_CREAT | O_RDWR, 0o600);
    let rule = beneath(READ_FILE, here.value());
    let add_rule = |rules: i32, kind: i32, at: *const u32, flags: i32| {
        sys!(SYS_landlock_add_rule, rules, kind, at, flags)
    };
    let rules_fd = rules.value();
    show!(
        "a rule with a flag",
        add_rule(rules_fd, PATH_BENEATH, rule.as_ptr(), 1)
    );
    show!(
        "a rule of a bad descriptor",
        add_rule(999, PATH_BENEATH, rule.as_ptr(), 0)
    );
    show!(
        "a rule of something else",
        add_rule(file.value(), PATH_BENEATH, rule.as_ptr(), 0)
    );
    show!(
        "a rule of a kind that is none",
        add_rule(rules_fd, 77, rule.as_ptr(), 0)
    );
    show!(
        "a rule of a bad address",
        add_rule(rules_fd, PATH_BENEATH, 8 as *const u32, 0)
    );
    show!("a rule of no right", add(rules, 0, here));
    show!(
        "a rule of a right that isn't handled",
        add(rules, WRITE_FILE, here)
    );
    show!(
        "a rule beneath no descriptor",
        add(rules, READ_FILE, Ret(999))
    );
    show!("a rule beneath a ruleset", add(rules, READ_FILE, rules));
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
    show!(
        "a rule beneath a pipe",
        add(rules, READ_FILE, Ret(ends[0] as isize))
    );
    show!("reading a directory, of a file", add(rules, READ_DIR, file));
    show!("reading, of a file", add(rules, READ_FILE, file));
    show!("the same again", add(rules, READ_FILE, file));
    show!(
        "both, of a directory",
        add(rules, READ_FILE | READ_DIR, here)
    );
    for fd in [rules_fd, here.value(), file.value(), ends[0], ends[1]] {
        sys!(SYS_close, fd);
    }
    sys!(SYS_unlink, c"f");
}

/// `in/sub/f` and `out/f`, and rules for `in` and `out/one`.
fn tree() {
    for name in [c"in", c"in/sub", c"out"] {
        sys!(SYS_mkdir, name, 0o700);
    }
    for name in [c"in/f", c"in/sub/f", c"out/f", c"out/one"] {
        open(name, O_CREAT | O_WRONLY);
    }
}

/// Takes it away again.
fn clear() {
    let _ = std::fs::remove_dir_all("in");
    let _ = std::fs::remove_dir_all("out");
}

fn opening() {
    tree();
    let before = sys!(SYS_open, c"out/f", O_RDONLY, 0);
    let rules = ruleset(ALL);
    allow(rules, READ_FILE | READ_DIR, c"in");
    allow(rules, WRITE_FILE, c"in/sub");
    allow(rules, READ_FILE, c"out/one");
    within(|| {
        restrict(rules);
        let lines = [
            ("reading inside", c"in/f", O_RDONLY),
            ("writing inside", c"in/f", O_WRONLY),
            ("reading deeper", c"in/sub/f", O_RDONLY),
            ("writing deeper", c"in/sub/f", O_WRONLY),
            ("both deeper", c"in/sub/f", O_RDWR),
            ("creating deeper", c"in/sub/new", O_CREAT | O_RDWR),
            ("a file without a name", c"in/sub", O_TMPFILE | O_RDWR),
            ("a directory inside", c"in", O_RDONLY | O_DIRECTORY),
            ("a directory deeper", c"in/sub", O_RDONLY | O_DIRECTORY),
            ("reading outside", c"out/f", O_RDONLY),
            ("the one file outside", c"out/one", O_RDONLY),
            ("writing the one file", c"out/one", O_WRONLY),
            ("a directory outside", c"out", O_RDONLY | O_DIRECTORY),
            ("the working directory", c".", O_RDONLY | O_DIRECTORY),
            ("a place outside", c"out/f", O_PATH),
            ("by a way around", c"in/../out/f", O_RDONLY),
            ("what isn't there", c"out/none", O_RDONLY),
            ("a way back in", c"out/../in/f", O_RDONLY),
        ];
        for (what, name, flags) in lines {
            show!(what, open(name, flags).outcome());
        }
        let mut byte = [0_u8; 1];
        show!(
            "what was opened before",
            sys!(SYS_read, before, byte.as_mut_ptr(), 1)
        );
        let mut stat = [0_u64; 18];
        show!("stat outside", sys!(SYS_stat, c"out/f", stat.as_mut_ptr()));
        show!("chmod outside", sys!(SYS_chmod, c"out/f", 0o644));
        show!("chdir outside", sys!(SYS_chdir, c"out"));
        show!("and back", sys!(SYS_chdir, c".."));
        let mut ends = [0_i32; 2];
        show!("a pipe", sys!(SYS_pipe2, ends.as_mut_ptr(), 0));
        let name = format!("/proc/self/fd/{}\0", ends[0]);
        let name = CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or(c"");
        show!(
            "a pipe by its name in /proc",
            open(name, O_RDONLY).outcome()
        );
        show!("a memfd", sys!(SYS_memfd_create, c"m", 0).outcome());
        let ended = child::run(|| i32::from(!open(c"out/f", O_RDONLY).failed()));
        show!("a child, reading outside", ended);
    });
    show!(
        "ourselves, reading outside",
        open(c"out/f", O_RDONLY).outcome()
    );
    sys!(SYS_close, before);
    sys!(SYS_close, rules);
    clear();
}

fn names() {
    tree();
    let rules = ruleset(ALL);
    allow(rules, MAKE_REG | MAKE_DIR | MAKE_FIFO | WRITE_FILE, c"in");
    allow(rules, REMOVE_FILE | MAKE_SYM | MAKE_REG, c"in/sub");
    within(|| {
        restrict(rules);
        show!("mkdir inside", sys!(SYS_mkdir, c"in/d", 0o700));
        show!("mkdir outside", sys!(SYS_mkdir, c"out/d", 0o700));
        show!(
            "mkdir over a file outside",
            sys!(SYS_mkdir, c"out/f", 0o700)
        );
        show!(
            "a FIFO inside",
            sys!(SYS_mknod, c"in/fifo", S_IFIFO | 0o600, 0)
        );
        show!(
            "a FIFO outside",
            sys!(SYS_mknod, c"out/fifo", S_IFIFO | 0o600, 0)
        );
        show!(
            "a socket inside",
            sys!(SYS_mknod, c"in/socket", S_IFSOCK | 0o600, 0)
        );
        show!(
            "a device inside",
            sys!(SYS_mknod, c"in/null", S_IFCHR | 0o600, 0x103)
        );
        show!(
            "a symbolic link inside",
            sys!(SYS_symlink, c"f", c"in/link")
        );
        show!(
            "a symbolic link deeper",
            sys!(SYS_symlink, c"f", c"in/sub/link")
        );
        show!(
            "creating inside",
            open(c"in/new", O_CREAT | O_WRONLY).outcome()
        );
        show!(
            "creating to read",
            open(c"in/read", O_CREAT | O_RDONLY).outcome()
        );
        show!("it is there all the same", sys!(SYS_access, c"in/read", 0));
        show!(
            "creating outside",
            open(c"out/new", O_CREAT | O_WRONLY).outcome()
        );
        show!("unlink inside", sys!(SYS_unlink, c"in/f"));
        show!("unlink deeper", sys!(SYS_unlink, c"in/sub/f"));
        show!("unlink outside", sys!(SYS_unlink, c"out/f"));
        show!("rmdir inside", sys!(SYS_rmdir, c"in/d"));
        show!("rmdir outside", sys!(SYS_rmdir, c"out"));
        let socket = sys!(SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0);
        let address = b"\x01\0in/bound\0";
        show!(
            "bind inside",
            sys!(SYS_bind, socket, address.as_ptr(), address.len())
        );
    });
    sys!(SYS_close, rules);
    clear();
}

fn rename(from: &CStr, to: &CStr, flags: i32) -> Ret {
    sys!(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags)
}

fn link(from: &CStr, to: &CStr) -> Ret {
    sys!(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0)
}

fn moving() {
    tree();
    let changes = MAKE_REG | MAKE_DIR | REMOVE_FILE | REMOVE_DIR;
    within(|| {
        let rules = ruleset(changes);
        allow(rules, changes, c"in");
        restrict(rules);
        show!("renamed in its directory", rename(c"in/f", c"in/g", 0));
        show!("linked in its directory", link(c"in/g", c"in/f"));
        show!("renamed into another", rename(c"in/f", c"in/sub/new", 0));
        show!("linked into another", link(c"in/f", c"in/sub/new"));
        show!("renamed to outside", rename(c"in/f", c"out/new", 0));
        show!("renamed from outside", rename(c"out/f", c"in/new", 0));
        show!("exchanged", rename(c"in/f", c"in/sub/f", EXCHANGE));
        show!("renamed outside", rename(c"out/f", c"out/g", 0));
        show!("to itself", rename(c"in/f", c"in/f", 0));
    });
    within(|| {
        let rules = ruleset(changes | REFER);
        allow(rules, changes | REFER, c"in");
        allow(rules, REFER, c"out");
        restrict(rules);
        show!(
            "moved, with the right to",
            rename(c"in/g", c"in/sub/new", 0)
        );
        show!("linked, with the right to", link(c"in/sub/new", c"in/g"));
        show!("a directory moved", rename(c"in/sub", c"in/moved", 0));
        show!(
            "moved to outside, without it there",
            rename(c"in/g", c"out/new", 0)
        );
        show!(
            "moved from outside, without it there",
            rename(c"out/f", c"in/new", 0)
        );
        show!("linked from outside", link(c"out/f", c"in/linked"));
        show!(
            "exchanged, with the right to",
            rename(c"in/g", c"in/moved/new", EXCHANGE)
        );
    });
    clear();
    tree();
    within(|| {
        // Inside may be read, outside not: what comes in would gain.
        let rules = ruleset(changes | REFER | READ_FILE | EXECUTE);
        allow(rules, changes | REFER | READ_FILE, c"in");
        allow(rules, changes | REFER, c"out");
        restrict(rules);
        show!(
            "moved to where it may be read",
            rename(c"out/f", c"in/gained", 0)
        );
        show!(
            "linked to where it may be read",
            link(c"out/f", c"in/gained")
        );
        show!(
            "moved to where it may not be",
            rename(c"in/f", c"out/lost", 0)
        );
        show!("a directory moved in", rename(c"out", c"in/out", 0));
        show!(
            "exchanged over the border",
            rename(c"in/sub/f", c"out/one", EXCHANGE)
        );
        show!("a directory moved out", rename(c"in/sub", c"out/sub", 0));
    });
    clear();
}

fn layers() {
    tree();
    within(|| {
        let first = ruleset(READ_FILE | WRITE_FILE);
        allow(first, READ_FILE | WRITE_FILE, c"in");
        allow(first, READ_FILE, c"out");
        let second = ruleset(WRITE_FILE);
        allow(second, WRITE_FILE, c"in/sub");
        restrict(first);
        restrict(second);
        show!(
            "two layers: reading inside",
            open(c"in/f", O_RDONLY).outcome()
        );
        show!(
            "two layers: writing inside",
            open(c"in/f", O_WRONLY).outcome()
        );
        show!(
            "two layers: writing deeper",
            open(c"in/sub/f", O_WRONLY).outcome()
        );
        show!(
            "two layers: reading outside",
            open(c"out/f", O_RDONLY).outcome()
        );
        show!(
            "two layers: writing outside",
            open(c"out/f", O_WRONLY).outcome()
        );
        // What is added now is for those who restrict themselves later.
        allow(second, WRITE_FILE, c"in");
        show!("after a further rule", open(c"in/f", O_WRONLY).outcome());
        show!(
            "moving, which no layer speaks of",
            rename(c"in/f", c"in/sub/g", 0)
        );
        show!(
            "truncating, which no layer speaks of",
            sys!(SYS_truncate, c"in/f", 0)
        );
        show!("O_TRUNC", open(c"in/sub/f", O_WRONLY | O_TRUNC).outcome());
    });
    clear();
}

fn others() {
    sys!(SYS_mkdir, c"in", 0o700);
    within(|| {
        let rules = ruleset(READ_FILE | EXECUTE);
        restrict(rules);
        let none = c"none".as_ptr();
        let tmpfs = c"tmpfs".as_ptr();
        show!("mount", sys!(SYS_mount, none, c"in", tmpfs, 0, 0));
        show!("umount", sys!(SYS_umount2, c"/proc", 0));
        let arguments = [c"abi".as_ptr() as usize, 0];
        let environment = arguments[1..].as_ptr();
        let exec = sys!(
            SYS_execve,
            c"/proc/self/exe",
            arguments.as_ptr(),
            environment
        );
        show!("executing what may not be", exec);
        let parent = sys!(SYS_getppid);
        show!(
            "tracing an unconfined process",
            sys!(SYS_ptrace, libc::PTRACE_SEIZE, parent, 0, 0)
        );
        let ended = child::run(|| {
            let traced = sys!(SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0);
            i32::from(traced.failed())
        });
        show!("being traced by one as confined", ended);
        let ended = child::run(|| {
            restrict(rules);
            let traced = sys!(SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0);
            i32::from(traced.failed())
        });
        show!("being traced by one less confined", ended);
    });
    sys!(SYS_rmdir, c"in");
}
