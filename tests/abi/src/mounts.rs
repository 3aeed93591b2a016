//! Where mounts are, and what becomes of them: bound with all that is below, moved, put in the place of the root.

use crate::{child, show, sys};
use libc::*;
use std::ffi::{CStr, CString};

fn tmpfs(at: &CStr) -> sys::Ret {
    sys!(SYS_mount, c"none", at, c"tmpfs", 0, 0)
}

fn flags(from: &CStr, at: &CStr, flags: u64) -> sys::Ret {
    sys!(SYS_mount, from, at, c"", flags, 0)
}

fn make(name: &str) {
    let name = CString::new(name).unwrap_or_default();
    sys!(
        SYS_close,
        sys!(SYS_open, name.as_c_str(), O_CREAT | O_WRONLY, 0o644)
    );
}

fn dir(name: &CStr) {
    sys!(SYS_mkdir, name, 0o755);
}

/// Which of these names there are.
fn there(names: &[&str]) -> String {
    let found = names.iter().filter(|name| {
        let name = CString::new(**name).unwrap_or_default();
        !sys!(SYS_access, name.as_c_str(), F_OK).failed()
    });
    let found: Vec<&str> = found.copied().collect();
    found.join(" ")
}

/// Runs `work` in a namespace of its own, where a tmpfs is mounted on `m`.
fn apart(work: impl FnOnce()) -> String {
    child::run(|| {
        sys!(SYS_unshare, CLONE_NEWNS);
        sys!(SYS_mount, c"", c"/", c"", MS_PRIVATE | MS_REC, 0);
        tmpfs(c"m");
        sys!(SYS_chdir, c"m");
        work();
        0
    })
}

pub fn run() {
    dir(c"m");
    show!("binds", apart(binding));
    show!("kinds", apart(kinds));
    show!("moves", apart(moving));
    show!("pivots", apart(pivoting));
    show!("rights", apart(rights));
}

/// `a` with a file and, mounted on it, `a/in` with one and `a/in/deep` with one.
fn tree() {
    for name in [c"a", c"b", c"c"] {
        dir(name);
    }
    make("a/file");
    dir(c"a/in");
    tmpfs(c"a/in");
    make("a/in/file");
    dir(c"a/in/deep");
    tmpfs(c"a/in/deep");
    make("a/in/deep/file");
    dir(c"a/sub");
    dir(c"a/sub/at");
    tmpfs(c"a/sub/at");
    make("a/sub/at/file");
}

fn binding() {
    tree();
    let seen = || {
        there(&[
            "b/file",
            "b/in",
            "b/in/file",
            "b/in/deep/file",
            "b/sub/at/file",
            "b/at/file",
        ])
    };
    show!("bind", flags(c"a", c"b", MS_BIND));
    show!("shows", seen());
    show!("unmount", sys!(SYS_umount2, c"b", 0));
    show!("bind with all below", flags(c"a", c"b", MS_BIND | MS_REC));
    show!("shows", seen());
    show!("new below", tmpfs(c"a/in/deep"));
    show!("is not there", there(&["a/in/deep/file", "b/in/deep/file"]));
    show!("unmount that", sys!(SYS_umount2, c"a/in/deep", 0));
    show!("unmount what is covered", sys!(SYS_umount2, c"b", 0));
    show!("unmount from within", sys!(SYS_umount2, c"b/in/deep", 0));
    show!("shows", seen());
    show!("where it came from", there(&["a/in/deep/file"]));
    show!("detach", sys!(SYS_umount2, c"b", MNT_DETACH));
    show!("shows", seen());
    show!("bind a part", flags(c"a/sub", c"b", MS_BIND | MS_REC));
    show!("shows", seen());
    sys!(SYS_umount2, c"b", MNT_DETACH);
    show!("bind below itself", flags(c"a", c"a/sub", MS_BIND | MS_REC));
    show!(
        "shows",
        there(&["a/sub/file", "a/sub/in/deep/file", "a/sub/sub/at/file"])
    );
    sys!(SYS_umount2, c"a/sub", MNT_DETACH);
    show!("a file", flags(c"a/file", c"a/in/file", MS_BIND | MS_REC));
    sys!(SYS_umount2, c"a/in/file", 0);
    show!("a file on a directory", flags(c"a/file", c"b", MS_BIND));
    show!(
        "a directory on a file",
        flags(c"a", c"a/in/file", MS_BIND | MS_REC)
    );
    show!("of nothing", flags(c"", c"b", MS_BIND));
    show!("of what there isn't", flags(c"x", c"b", MS_BIND));
    show!("only to read", flags(c"a", c"b", MS_BIND | MS_RDONLY));
    show!("is not minded", sys!(SYS_mkdir, c"b/x", 0o755));
    let read_only = MS_REMOUNT | MS_BIND | MS_RDONLY;
    show!("but then", flags(c"", c"b", read_only));
    show!("make there", sys!(SYS_mkdir, c"b/y", 0o755));
    show!("make here", sys!(SYS_mkdir, c"a/y", 0o755));
    show!("no mount", flags(c"", c"b/sub", read_only));
    sys!(SYS_umount2, c"b", 0);
}

fn kinds() {
    tree();
    for (name, kind) in [
        ("private", MS_PRIVATE),
        ("private, all", MS_PRIVATE | MS_REC),
        ("slave", MS_SLAVE),
        ("slave, silently", MS_SLAVE | MS_SILENT),
        ("unbindable", MS_UNBINDABLE),
        ("two", MS_PRIVATE | MS_SLAVE),
        ("and no devices", MS_PRIVATE | MS_NODEV),
    ] {
        show!(name, flags(c"", c"a/in", kind));
    }
    show!("no mount", flags(c"", c"a/sub", MS_PRIVATE));
    show!("none there", flags(c"", c"x", MS_PRIVATE));
    show!("bind it", flags(c"a/in", c"b", MS_BIND));
    show!("bind a part of it", flags(c"a/in/deep", c"b", MS_BIND));
    sys!(SYS_umount2, c"b", 0);
    show!("bind what it is on", flags(c"a", c"b", MS_BIND | MS_REC));
    show!(
        "shows",
        there(&["b/in", "b/in/file", "b/in/deep/file", "b/sub/at/file"])
    );
    sys!(SYS_umount2, c"b", MNT_DETACH);
    show!("still when a slave", flags(c"", c"a/in", MS_SLAVE));
    show!("bind it", flags(c"a/in", c"b", MS_BIND));
    show!("again private", flags(c"", c"a/in", MS_PRIVATE));
    show!("bind it", flags(c"a/in", c"b", MS_BIND));
    sys!(SYS_umount2, c"b", 0);
    flags(c"", c"a/in", MS_UNBINDABLE | MS_REC);
    show!("with all below", flags(c"a/in/deep", c"b", MS_BIND));
    show!(
        "in a namespace of its own",
        child::run(|| {
            sys!(SYS_unshare, CLONE_NEWNS);
            show!("bind it", flags(c"a/in", c"b", MS_BIND));
            show!("it is there", there(&["a/in/file", "a/in/deep/file"]));
            0
        })
    );
}

fn moving() {
    tree();
    show!("move", flags(c"a/in", c"b", MS_MOVE));
    show!(
        "shows",
        there(&["a/in", "a/in/file", "b/file", "b/deep/file"])
    );
    show!("up from it", there(&["b/../a", "b/deep/../../c"]));
    show!("what is no mount", flags(c"a", c"c", MS_MOVE));
    show!("into itself", flags(c"b", c"b/deep", MS_MOVE));
    show!("onto itself", flags(c"b", c"b", MS_MOVE));
    show!("a directory to a file", flags(c"b", c"a/file", MS_MOVE));
    show!("nothing", flags(c"", c"c", MS_MOVE));
    show!("what there isn't", flags(c"x", c"c", MS_MOVE));
    show!("the root", flags(c"/", c"c", MS_MOVE));
    show!("into another", flags(c"a/sub/at", c"b/deep", MS_MOVE));
    show!("shows", there(&["b/deep/file", "a/sub/at/file"]));
    show!("back", flags(c"b/deep", c"a/sub/at", MS_MOVE));
    show!("shows", there(&["b/deep/file", "a/sub/at/file"]));
    show!("while in use", {
        let fd = sys!(SYS_open, c"b/file", O_RDONLY, 0).value();
        let moved = flags(c"b", c"c", MS_MOVE);
        sys!(SYS_close, fd);
        moved
    });
    show!("shows", there(&["b/file", "c/file", "c/deep/file"]));
    show!(
        "for others",
        child::run(|| {
            sys!(SYS_unshare, CLONE_NEWNS);
            show!(
                "all of it",
                there(&["c/file", "c/deep/file", "a/sub/at/file"])
            );
            show!("move", flags(c"c", c"b", MS_MOVE));
            0
        })
    );
    show!("nothing comes of theirs", there(&["b/file", "c/file"]));
    show!("unmount", sys!(SYS_umount2, c"c/deep", 0));
    show!("unmount", sys!(SYS_umount2, c"c", 0));
}

fn pivoting() {
    dir(c"new");
    tmpfs(c"new");
    dir(c"new/old");
    dir(c"new/plain");
    dir(c"plain");
    make("here");
    make("new/there");
    let pivot = |new: &CStr, old: &CStr| sys!(SYS_pivot_root, new, old);
    show!("chroot", sys!(SYS_chroot, c"."));
    show!("no directory", pivot(c"here", c"new/old"));
    show!("none there", pivot(c"x", c"new/old"));
    show!("none to put it", pivot(c"new", c"new/x"));
    show!("no mount", pivot(c"new/plain", c"new/plain"));
    show!("the same", pivot(c"/", c"/new"));
    show!("to where it is", pivot(c"new", c"plain"));
    let ready = sys::shared_words::<2>();
    let wait = |word: usize| {
        while ready[word].load(std::sync::atomic::Ordering::Acquire) == 0 {
            sys!(SYS_sched_yield);
        }
    };
    let other = child::fork(|| {
        wait(0);
        show!(
            "another sees",
            there(&["/here", "/there", "there", "/old/here"])
        );
        ready[1].store(1, std::sync::atomic::Ordering::Release);
        0
    });
    let elsewhere = child::fork(|| {
        sys!(SYS_chdir, c"/plain");
        ready[1].store(2, std::sync::atomic::Ordering::Release);
        wait(0);
        while ready[1].load(std::sync::atomic::Ordering::Acquire) != 1 {
            sys!(SYS_sched_yield);
        }
        show!(
            "who is elsewhere sees",
            there(&["/there", "../here", "../new", "../there"])
        );
        0
    });
    wait(1);
    show!("pivot", pivot(c"new", c"new/old"));
    show!(
        "shows",
        there(&["/here", "/there", "/old/here", "/old/new/there", "there"])
    );
    ready[0].store(1, std::sync::atomic::Ordering::Release);
    show!("ended", child::wait(other));
    show!("ended", child::wait(elsewhere));
    show!("above the root", there(&["/../there", "/../here"]));
    show!("back", pivot(c"/old", c"/old/plain"));
    show!(
        "shows",
        there(&["/here", "/there", "/plain/there", "/plain/old"])
    );
    show!("again", pivot(c"/plain", c"/plain"));
    show!("shows", there(&["/here", "/there", "here"]));
    show!("detach what is on top", sys!(SYS_umount2, c".", MNT_DETACH));
    show!("shows", there(&["/here", "/there", "/old"]));
}

fn rights() {
    tree();
    sys!(SYS_setresuid, 1000, 1000, 1000);
    show!("bind", flags(c"a", c"b", MS_BIND | MS_REC));
    show!("private", flags(c"", c"a/in", MS_PRIVATE));
    show!("move", flags(c"a/in", c"b", MS_MOVE));
    show!("pivot", sys!(SYS_pivot_root, c"a/in", c"a/in/deep"));
}
