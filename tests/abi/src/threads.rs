//! What each thread of a process has of its own: credentials always; descriptors, directories and umask
//! once it has come to share them no more.

use crate::{child, seccomp, show, sys};
use libc::*;
use std::arch::asm;
use std::ffi::CStr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;

const PTRACE_SEIZE: i32 = 0x4206;
const CLOSE_RANGE_UNSHARE: u32 = 2;
const KCMP_FILES: i32 = 2;
const KCMP_FS: i32 = 3;

pub fn run() {
    sys!(SYS_chmod, c".", 0o777);
    credentials();
    rights();
    judged();
    executing();
    privileges();
    directories();
    descriptors();
    made_apart();
}

fn ids() -> String {
    let (mut users, mut groups) = ([0_u32; 3], [0_u32; 3]);
    let [a, b, c] = users.each_mut().map(|id| &raw mut *id);
    sys!(SYS_getresuid, a, b, c);
    let [a, b, c] = groups.each_mut().map(|id| &raw mut *id);
    sys!(SYS_getresgid, a, b, c);
    let count = sys!(SYS_getgroups, 0, 0);
    format!(
        "{users:?} {groups:?}, {count} more, files {}",
        sys!(SYS_setfsuid, -1)
    )
}

fn tid() -> i32 {
    sys!(SYS_gettid).value()
}

/// A line of a status file.
fn status(path: &str, field: &str) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .find(|line| line.starts_with(field))
        .unwrap_or_default()
        .replace('\t', " ")
}

/// Runs `meanwhile` while a thread that has done `before` waits; then that one does `after`.
fn beside<T: Send>(
    before: impl FnOnce() -> T + Send,
    meanwhile: impl FnOnce(i32, &T),
    after: impl FnOnce() + Send,
) {
    thread::scope(|scope| {
        let (ready, is_ready) = channel();
        let (go, goes) = channel::<()>();
        scope.spawn(move || {
            let made = before();
            let _ = ready.send((tid(), made));
            let _ = goes.recv();
            after();
        });
        if let Ok((tid, made)) = is_ready.recv() {
            meanwhile(tid, &made);
        }
        drop(go);
    });
}

fn become_user(user: u32) {
    sys!(SYS_setgroups, 1, [77_u32].as_ptr());
    sys!(SYS_setresgid, user, user, user);
    sys!(SYS_setresuid, user, user, user);
}

fn credentials() {
    std::fs::write("private", "x").expect("the folder is ours");
    sys!(SYS_chmod, c"private", 0o600);
    let open = || {
        let fd = sys!(SYS_open, c"private", O_RDONLY, 0);
        sys!(SYS_close, fd);
        fd.outcome()
    };
    child::run(|| {
        sys!(SYS_setgroups, 0, 0);
        beside(
            || {
                become_user(7);
                show!("a thread that became a user", ids());
                show!("opens root's file", open());
                show!("signals init", sys!(SYS_kill, 1, 0));
                show!("is root again", sys!(SYS_setuid, 0));
                sys!(SYS_mkdir, c"of-a-thread", 0o755);
            },
            |tid, ()| {
                show!("the others stay", ids());
                show!("and open", open());
                let of_thread = format!("/proc/self/task/{tid}/status");
                for field in ["Uid:", "Gid:", "Groups:", "CapEff:"] {
                    show!("status of it", status(&of_thread, field));
                    show!("status of all", status("/proc/self/status", field));
                }
                let owner = |path: &CStr| {
                    let mut stat = crate::files::empty_stat();
                    sys!(SYS_stat, path, &raw mut stat);
                    stat.st_uid
                };
                show!("owner of what it made", owner(c"of-a-thread"));
                sys!(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
                let of_thread = format!("/proc/self/task/{tid}\0");
                let of_thread = CStr::from_bytes_until_nul(of_thread.as_bytes());
                show!("owner of its files", owner(of_thread.unwrap_or_default()));
                show!("owner of the process's", owner(c"/proc/self/"));
            },
            || {
                let ended = child::run(|| {
                    show!("its child", ids());
                    0
                });
                show!("which ended", ended);
                let made = thread::spawn(ids).join().unwrap_or_default();
                show!("its thread", made);
            },
        );
        beside(
            || sys!(SYS_setfsuid, 9),
            |_, old| {
                show!("setfsuid", old);
                show!("the other's", ids());
            },
            || show!("its own", ids()),
        );
        // What the leader becomes, the others do not.
        beside(
            || (),
            |_, ()| become_user(8),
            || show!("a thread whose leader became a user", ids()),
        );
        show!("the leader", ids());
        show!("of the process", status("/proc/self/status", "Uid:"));
        0
    });
    sys!(SYS_rmdir, c"of-a-thread");
    sys!(SYS_unlink, c"private");
}

fn rights() {
    let capabilities = || {
        let header = [0x2008_0522_u32, 0];
        let mut data = [0_u32; 6];
        sys!(SYS_capget, header.as_ptr(), data.as_mut_ptr());
        data[0] & 0xff
    };
    child::run(|| {
        beside(
            || {
                let header = [0x2008_0522_u32, 0];
                let none = [0_u32; 6];
                show!("capset", sys!(SYS_capset, header.as_ptr(), none.as_ptr()));
                show!("its rights", capabilities());
                show!("its clock", sys!(SYS_sethostname, c"x", -1));
            },
            |tid, ()| {
                show!("the others' rights", capabilities());
                let header = [0x2008_0522_u32, tid as u32];
                let mut data = [0_u32; 6];
                sys!(SYS_capget, header.as_ptr(), data.as_mut_ptr());
                show!("asked by number", data[0] & 0xff);
                let set = sys!(SYS_capset, header.as_ptr(), data.as_ptr());
                show!("set by number", set);
            },
            || {},
        );
        beside(
            || {
                sys!(SYS_prctl, PR_CAPBSET_DROP, 3);
                sys!(SYS_prctl, PR_SET_KEEPCAPS, 1)
            },
            |_, set| {
                show!("kept", set);
                show!("bounded", sys!(SYS_prctl, PR_CAPBSET_READ, 3));
                show!("keeps", sys!(SYS_prctl, PR_GET_KEEPCAPS));
            },
            || {
                show!("its own", sys!(SYS_prctl, PR_CAPBSET_READ, 3));
                show!("its own", sys!(SYS_prctl, PR_GET_KEEPCAPS));
            },
        );
        0
    });
}

/// What others may do to a thread goes by its own credentials.
fn judged() {
    let [number, done] = sys::shared_words::<2>();
    let pid = child::fork(|| {
        beside(
            || {
                become_user(100);
                sys!(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
            },
            |tid, ()| {
                number.store(tid as u32, SeqCst);
                while done.load(SeqCst) == 0 {
                    sys!(SYS_sched_yield);
                }
            },
            || {},
        );
        0
    });
    while number.load(SeqCst) == 0 {
        sys!(SYS_sched_yield);
    }
    let tid = number.load(SeqCst) as i32;
    child::run(|| {
        become_user(100);
        show!("signal the process", sys!(SYS_kill, pid, 0));
        show!("signal by its number", sys!(SYS_kill, tid, 0));
        show!("signal the thread", sys!(SYS_tgkill, pid, tid, 0));
        show!("signal the leader", sys!(SYS_tgkill, pid, pid, 0));
        show!(
            "trace the leader",
            sys!(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0)
        );
        show!(
            "trace the thread",
            sys!(SYS_ptrace, PTRACE_SEIZE, tid, 0, 0)
        );
        let renice = |who: i32| sys!(SYS_setpriority, PRIO_PROCESS, who, 5);
        show!("renice the leader", renice(pid));
        show!("renice the thread", renice(tid));
        let link = |who: i32| std::fs::read_link(format!("/proc/{pid}/task/{who}/cwd")).is_ok();
        show!("look at the leader", link(pid));
        show!("look at the thread", link(tid));
        let compare = |one: i32, other: i32| sys!(SYS_kcmp, one, other, KCMP_FS, 0, 0);
        show!("compare it with itself", compare(tid, tid));
        show!("compare it with the leader", compare(tid, pid));
        0
    });
    done.store(1, SeqCst);
    show!("the process", child::wait(pid));
}

/// execve leaves the credentials of who calls it.
fn executing() {
    let program = std::fs::read("/proc/self/exe").expect("it is a file");
    for (name, user, mode) in [("plain", 0, 0o755), ("set-id", 5, 0o4755)] {
        std::fs::write(name, &program).expect("the folder is ours");
        let name = format!("{name}\0");
        let name = CStr::from_bytes_until_nul(name.as_bytes()).unwrap_or_default();
        sys!(SYS_chown, name, user, 0);
        sys!(SYS_chmod, name, mode);
        let ended = child::run(|| {
            thread::scope(|scope| {
                scope.spawn(|| {
                    become_user(100);
                    let words = [name.as_ptr(), c"--who".as_ptr(), std::ptr::null()];
                    println!("execve: {}", sys!(SYS_execve, name, words.as_ptr(), 0));
                });
                loop {
                    sys!(SYS_pause);
                }
            })
        });
        show!("executed by a thread", ended);
        sys!(SYS_unlink, name);
    }
}

fn privileges() {
    let refuses = || sys!(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    child::run(|| {
        beside(
            seccomp::no_new_privileges,
            |tid, ()| {
                show!("no new privileges but for a thread", refuses());
                let of_thread = format!("/proc/self/task/{tid}/status");
                show!("it", status(&of_thread, "NoNewPrivs:"));
            },
            || {
                let filter = seccomp::about(SYS_sync, SECCOMP_RET_ALLOW);
                show!("filter for all", seccomp::install(&filter, 1));
            },
        );
        show!("then for all", refuses());
        0
    });
}

fn here() -> String {
    let path = std::env::current_dir().unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.into_owned()
}

fn umask() -> String {
    let mask = sys!(SYS_umask, 0o777);
    sys!(SYS_umask, mask);
    format!("{:o}", mask.0)
}

fn directories() {
    sys!(SYS_mkdir, c"elsewhere", 0o755);
    child::run(|| {
        sys!(SYS_umask, 0o22);
        beside(
            || {
                sys!(SYS_umask, 0o27);
                sys!(SYS_chdir, c"elsewhere");
            },
            |_, ()| show!("moved by a thread", "{} {}", here(), umask()),
            || {},
        );
        sys!(SYS_chdir, c"..");
        beside(
            || {
                show!("unshare", sys!(SYS_unshare, CLONE_FS));
                sys!(SYS_umask, 0o77);
                sys!(SYS_chdir, c"elsewhere");
                show!("its own", "{} {}", here(), umask());
            },
            |tid, ()| {
                show!("the others'", "{} {}", here() == "elsewhere", umask());
                let of_thread = format!("/proc/self/task/{tid}");
                let cwd = std::fs::read_link(format!("{of_thread}/cwd")).unwrap_or_default();
                show!("as told of it", cwd.ends_with("elsewhere"));
                show!(
                    "mask of it",
                    status(&format!("{of_thread}/status"), "Umask:")
                );
                show!("mask of all", status("/proc/self/status", "Umask:"));
                let pid = sys!(SYS_getpid);
                let same = sys!(SYS_kcmp, pid, tid, KCMP_FS, 0, 0).0 == 0;
                show!("the same directories", same);
                let same = sys!(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0).0 == 0;
                show!("the same descriptors", same);
                sys!(SYS_umask, 0o33);
            },
            || {
                show!("what others change", "{} {}", here(), umask());
                child::run(|| {
                    show!("its child", "{} {}", here(), umask());
                    0
                });
                show!("chroot", sys!(SYS_chroot, c"."));
                show!("its root", sys!(SYS_access, c"/elsewhere", F_OK));
            },
        );
        show!("the root of all", sys!(SYS_access, c"/proc/self", F_OK));
        show!("after it", "{} {}", here() == "elsewhere", umask());
        beside(
            || show!("namespace", sys!(SYS_unshare, CLONE_NEWNS)),
            |tid, ()| {
                let of = |path: String| std::fs::read_link(path).unwrap_or_default();
                let own = of(format!("/proc/self/task/{tid}/ns/mnt"));
                show!("the same", own == of("/proc/self/ns/mnt".to_owned()));
            },
            || {},
        );
        0
    });
    sys!(SYS_rmdir, c"elsewhere");
}

fn descriptors() {
    let flags = |fd: i32| sys!(SYS_fcntl, fd, F_GETFD);
    child::run(|| {
        let mut ends = [0_i32; 2];
        sys!(SYS_pipe2, ends.as_mut_ptr(), O_NONBLOCK);
        let [reader, writer] = ends;
        beside(
            || {
                show!("unshare", sys!(SYS_unshare, CLONE_FILES));
                show!("close", sys!(SYS_close, reader));
                sys!(SYS_dup2, writer, 90).value()
            },
            |tid, &own| {
                show!("what it closed", flags(reader));
                show!("what it opened", flags(own));
                let has = |who: String, fd: i32| {
                    std::fs::symlink_metadata(format!("/proc/{who}/fd/{fd}")).is_ok()
                };
                let it = format!("self/task/{tid}");
                show!("as told", has(it.clone(), own));
                show!("as told of all", has("self".to_owned(), own));
                show!("as told", has(it, reader));
                show!("close", sys!(SYS_close, writer));
                let mut byte = 0_u8;
                let read = sys!(SYS_read, reader, &raw mut byte, 1);
                show!("its end is open", read);
            },
            || show!("its write", sys!(SYS_write, 90, c"x", 1)),
        );
        // It closes what it has when it ends, which may be after it was waited for.
        let mut bytes = [0_u8; 4];
        sys!(SYS_fcntl, reader, F_SETFL, 0);
        let mut read = || sys!(SYS_read, reader, bytes.as_mut_ptr(), 4);
        show!("read", read());
        show!("its end closes with it", read());
        beside(
            || {
                let fd = sys!(SYS_dup2, reader, 91).value();
                let closed = sys!(SYS_close_range, fd, fd, CLOSE_RANGE_UNSHARE);
                show!("close_range apart", closed);
                show!("its own", flags(fd));
                fd
            },
            |_, &fd| show!("the others'", flags(fd)),
            || {},
        );
        beside(
            || sys!(SYS_dup2, reader, 92).value(),
            |_, &fd| show!("shared", flags(fd)),
            || {},
        );
        0
    });
    child::run(|| {
        // Who is alone keeps the table that owns the locks.
        let file = sys!(SYS_open, c"locked", O_CREAT | O_RDWR, 0o600).value();
        // SAFETY: all zeroes are a valid flock.
        let mut lock: flock = unsafe { std::mem::zeroed() };
        lock.l_type = F_WRLCK as i16;
        show!("lock", sys!(SYS_fcntl, file, F_SETLK, &raw const lock));
        show!("alone", sys!(SYS_unshare, CLONE_FILES));
        sys!(SYS_fcntl, file, F_GETLK, &raw mut lock);
        show!("the lock is ours", i32::from(lock.l_type) == F_UNLCK);
        0
    });
    sys!(SYS_unlink, c"locked");
}

/// Makes a thread by `flags` that runs `work`, which makes bare calls only, and waits for its end.
fn bare_thread(flags: i32, work: extern "C" fn()) -> sys::Ret {
    let mut stack = vec![0_u128; 4096];
    let top = stack.as_mut_ptr_range().end;
    let here = AtomicU32::new(1);
    let flags = flags | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_CHILD_CLEARTID;
    let result: isize;
    // SAFETY: the thread has a stack of its own, which stays until it has ended, and never comes back here.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "call r12",
            "xor edi, edi",
            "mov eax, 60",
            "syscall",
            "2:",
            inout("rax") SYS_clone as isize => result,
            in("rdi") flags as usize,
            in("rsi") top,
            in("rdx") 0,
            in("r10") here.as_ptr(),
            in("r8") 0,
            in("r12") work as usize,
            out("rcx") _,
            out("r11") _,
        );
    }
    while result > 0 && here.load(SeqCst) != 0 {
        sys!(SYS_sched_yield);
    }
    sys::Ret(result)
}

fn made_apart() {
    static MASK: AtomicI32 = AtomicI32::new(0);
    extern "C" fn change() {
        let fd = sys!(SYS_dup2, 1, 93);
        MASK.store(sys!(SYS_umask, 0o70).value(), SeqCst);
        sys!(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    }
    for (name, flags) in [
        ("all", CLONE_FS | CLONE_FILES),
        ("directories", CLONE_FS),
        ("descriptors", CLONE_FILES),
        ("nothing", 0),
    ] {
        child::run(|| {
            sys!(SYS_umask, 0o26);
            let made = bare_thread(flags, change);
            show!(format!("a thread that shares {name}"), made.outcome());
            show!("had the mask", "{:o}", MASK.load(SeqCst));
            show!("the mask is", umask());
            show!("its descriptor", sys!(SYS_fcntl, 93, F_GETFD));
            0
        });
    }
}
