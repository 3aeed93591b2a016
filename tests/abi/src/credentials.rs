//! Who a process is, and what that lets it do.

use crate::{child, show, sys};
use libc::*;

fn ids() -> String {
    let (mut users, mut groups) = ([0_u32; 3], [0_u32; 3]);
    sys!(
        SYS_getresuid,
        users.as_mut_ptr(),
        users.as_mut_ptr().wrapping_add(1),
        users.as_mut_ptr().wrapping_add(2)
    );
    sys!(
        SYS_getresgid,
        groups.as_mut_ptr(),
        groups.as_mut_ptr().wrapping_add(1),
        groups.as_mut_ptr().wrapping_add(2)
    );
    format!("{users:?} {groups:?}")
}

/// As whom this process acts, and whether others of its user may look into it.
pub fn who() -> String {
    let dumpable = sys!(SYS_prctl, PR_GET_DUMPABLE);
    format!("{}, dumpable {dumpable}", ids())
}

fn file(name: &std::ffi::CStr, mode: u32, user: u32, group: u32) {
    sys!(SYS_close, sys!(SYS_open, name, O_CREAT | O_WRONLY, 0o600));
    sys!(SYS_chown, name, user, group);
    sys!(SYS_chmod, name, mode);
}

/// Runs `work` as another user.
fn as_user(user: u32, group: u32, work: impl FnOnce()) -> String {
    child::run(|| {
        sys!(SYS_setgroups, 0, 0);
        sys!(SYS_setresgid, group, group, group);
        sys!(SYS_setresuid, user, user, user);
        work();
        0
    })
}

pub fn run() {
    sys!(SYS_chmod, c".", 0o777);
    show!("root", ids());
    changing();
    access();
    sticky();
    sets();
    shared_directories();
    capabilities();
    privacy();
    number();
}

fn changing() {
    child::run(|| {
        show!("setresuid", sys!(SYS_setresuid, 10, 20, 30));
        show!("ids", ids());
        show!("back to saved", sys!(SYS_setresuid, -1, 30, -1));
        show!("to another", sys!(SYS_setresuid, 40, -1, -1));
        show!("setuid to real", sys!(SYS_setuid, 10));
        show!("ids", ids());
        show!("setuid to root", sys!(SYS_setuid, 0));
        show!("setgid without right", sys!(SYS_setgid, 5));
        show!(
            "setgroups without right",
            sys!(SYS_setgroups, 1, [5_u32].as_ptr())
        );
        0
    });
    child::run(|| {
        show!("setreuid", sys!(SYS_setreuid, 10, 20));
        show!("ids", ids());
        show!("swap", sys!(SYS_setreuid, 20, 10));
        show!("ids", ids());
        0
    });
    child::run(|| {
        show!("setuid of root", sys!(SYS_setuid, 10));
        show!("ids", ids());
        show!("setfsuid tells the old", sys!(SYS_setfsuid, 99));
        show!("and changes nothing", sys!(SYS_setfsuid, 99));
        0
    });
    child::run(|| {
        show!("setgid", sys!(SYS_setgid, 5));
        show!("setregid", sys!(SYS_setregid, 6, 7));
        show!("setresgid", sys!(SYS_setresgid, 1, 2, 3));
        show!("ids", ids());
        show!("setgroups", sys!(SYS_setgroups, 3, [7_u32, 5, 6].as_ptr()));
        let mut groups = [0_u32; 4];
        show!("count", sys!(SYS_getgroups, 0, 0));
        show!(
            "too little room",
            sys!(SYS_getgroups, 2, groups.as_mut_ptr())
        );
        show!("getgroups", sys!(SYS_getgroups, 4, groups.as_mut_ptr()));
        show!("groups", "{groups:?}");
        show!("too many", sys!(SYS_setgroups, 70_000, groups.as_ptr()));
        0
    });
}

fn access() {
    file(c"private", 0o600, 0, 0);
    file(c"group", 0o640, 0, 50);
    file(c"mine", 0o200, 100, 50);
    file(c"not-mine", 0o077, 100, 50);
    sys!(SYS_mkdir, c"closed", 0o700);
    sys!(SYS_mkdir, c"blind", 0o711);
    sys!(SYS_chmod, c"blind", 0o711);
    file(c"blind/in", 0o644, 0, 0);
    show!(
        "another user",
        as_user(100, 50, || {
            let open = |name: &std::ffi::CStr, flags| {
                let fd = sys!(SYS_open, name, flags, 0);
                sys!(SYS_close, fd);
                fd.outcome()
            };
            show!("private", open(c"private", O_RDONLY));
            show!("group reads", open(c"group", O_RDONLY));
            show!("group writes", open(c"group", O_WRONLY));
            show!("owner writes", open(c"mine", O_WRONLY));
            show!("owner reads", open(c"mine", O_RDONLY));
            show!("owner counts first", open(c"not-mine", O_RDONLY));
            show!("list what is closed", open(c"closed", O_RDONLY));
            show!("list what is blind", open(c"blind", O_RDONLY));
            show!("in what is blind", open(c"blind/in", O_RDONLY));
            show!("through what is closed", open(c"closed/in", O_RDONLY));
            show!("chmod mine", sys!(SYS_chmod, c"mine", 0o600));
            show!("chmod another's", sys!(SYS_chmod, c"private", 0o666));
            show!("give mine away", sys!(SYS_chown, c"mine", 0, -1));
            show!("to my group", sys!(SYS_chown, c"mine", -1, 50));
            show!("to another group", sys!(SYS_chown, c"mine", -1, 51));
            show!(
                "utimes of another's",
                sys!(SYS_utimensat, AT_FDCWD, c"private", [0_i64; 4].as_ptr(), 0)
            );
            show!(
                "utimes now of another's",
                sys!(SYS_utimensat, AT_FDCWD, c"private", 0, 0)
            );
            show!("device", sys!(SYS_mknod, c"dev", S_IFCHR | 0o666, 0x103));
            show!("kill root's", sys!(SYS_kill, 1, 0));
            show!("chroot", sys!(SYS_chroot, c"."));
            show!("mount", sys!(SYS_mount, c"none", c".", c"tmpfs", 0, 0));
            show!("hostname", sys!(SYS_sethostname, c"x", 1));
            show!(
                "clock",
                sys!(SYS_clock_settime, CLOCK_REALTIME, [0_i64; 2].as_ptr())
            );
            show!("nicer", sys!(SYS_setpriority, PRIO_PROCESS, 0, 5));
            show!("less nice", sys!(SYS_setpriority, PRIO_PROCESS, 0, -5));
            show!(
                "limit up",
                sys!(SYS_setrlimit, RLIMIT_CORE, [u64::MAX, u64::MAX].as_ptr()).outcome()
            );
            show!(
                "trusted attribute",
                sys!(SYS_setxattr, c"mine", c"trusted.x", c"y", 1, 0)
            );
            show!(
                "reboot",
                sys!(SYS_reboot, 0xfee1_dead_u32, 672_274_793, 0, 0)
            );
        })
    );
    sys!(SYS_chmod, c"mine", 0o6755);
    sys!(SYS_chown, c"mine", 100, 60);
    let mut stat = crate::files::empty_stat();
    sys!(SYS_stat, c"mine", &raw mut stat);
    show!("chown takes set-id away", "{:o}", stat.st_mode);
    sys!(SYS_chmod, c"mine", 0o6777);
    as_user(7, 7, || {
        let fd = sys!(SYS_open, c"mine", O_WRONLY, 0);
        sys!(SYS_write, fd, c"x", 1);
    });
    sys!(SYS_stat, c"mine", &raw mut stat);
    show!("writing takes set-id away", "{:o}", stat.st_mode);
}

fn sticky() {
    sys!(SYS_mkdir, c"sticky", 0o777);
    sys!(SYS_chmod, c"sticky", 0o1777);
    file(c"sticky/a", 0o666, 200, 200);
    show!(
        "another user",
        as_user(100, 100, || {
            show!("unlink another's", sys!(SYS_unlink, c"sticky/a"));
            show!(
                "rename another's",
                sys!(SYS_rename, c"sticky/a", c"sticky/b")
            );
            show!(
                "make one's own",
                sys!(SYS_mknod, c"sticky/c", S_IFREG | 0o600, 0)
            );
            show!("over another's", sys!(SYS_rename, c"sticky/c", c"sticky/a"));
            show!("unlink one's own", sys!(SYS_unlink, c"sticky/c"));
        })
    );
    sys!(SYS_mkdir, c"inherit", 0o777);
    sys!(SYS_chown, c"inherit", 0, 77);
    sys!(SYS_chmod, c"inherit", 0o2777);
    file(c"inherit/x", 0o644, u32::MAX, u32::MAX);
    sys!(SYS_mkdir, c"inherit/d", 0o755);
    let mut stat = crate::files::empty_stat();
    sys!(SYS_stat, c"inherit/x", &raw mut stat);
    show!("group of a file", stat.st_gid);
    sys!(SYS_stat, c"inherit/d", &raw mut stat);
    show!(
        "group and mode of a directory",
        "{} {:o}",
        stat.st_gid,
        stat.st_mode
    );
}

fn sets() {
    file(c"runs", 0o755, 0, 0);
    let script = "#!/proc/self/exe --exit=3\n";
    let fd = sys!(SYS_open, c"runs", O_WRONLY, 0);
    sys!(SYS_write, fd, script.as_ptr(), script.len());
    sys!(SYS_close, fd);
    let words = [c"runs".as_ptr(), std::ptr::null()];
    let run = |user: u32| {
        child::run(|| {
            sys!(SYS_setresgid, user, user, user);
            sys!(SYS_setresuid, user, user, user);
            let failed = sys!(
                SYS_execve,
                c"runs",
                words.as_ptr(),
                words.as_ptr().wrapping_add(1)
            );
            println!("execve: {failed}");
            9
        })
    };
    show!("anybody runs", run(55));
    sys!(SYS_chmod, c"runs", 0o744);
    show!("not executable for others", run(55));
    sys!(SYS_chmod, c"runs", 0o644);
    show!("not executable for root", run(0));
}

/// Set-id programs, executed while another process has the same working directory.
fn shared_directories() {
    let program = std::fs::read("/proc/self/exe").expect("it is a file");
    for (name, user, group, mode) in [
        (c"owned", 5, 6, 0o6755),
        (c"of-a-user", 5, 0, 0o4755),
        (c"of-root", 0, 0, 0o6755),
        (c"plain", 0, 0, 0o755),
    ] {
        std::fs::write(name.to_str().unwrap_or_default(), &program).expect("the folder is ours");
        sys!(SYS_chown, name, user, group);
        sys!(SYS_chmod, name, mode);
    }
    // Another process, made by `flags`, which lives as long as this one, or ends at once.
    let another = |flags: i32, lives: bool| {
        let mut ends = [0_i32; 2];
        sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
        let pid = sys!(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
        if pid.value() == 0 {
            sys!(SYS_close, ends[1]);
            if lives {
                sys!(SYS_read, ends[0], ends.as_mut_ptr(), 1);
            }
            sys!(SYS_exit_group, 0);
        }
        if !lives {
            let info = [0_u32; 32];
            sys!(SYS_waitid, P_PID, pid, info.as_ptr(), WEXITED | WNOWAIT, 0);
        }
    };
    let execute = |name: &std::ffi::CStr| {
        let words = [name.as_ptr(), c"--who".as_ptr(), std::ptr::null()];
        println!("execve: {}", sys!(SYS_execve, name, words.as_ptr(), 0));
    };
    let names = [c"owned", c"of-a-user", c"of-root", c"plain"];
    for name in names {
        show!("alone", as_user(100, 100, || execute(name)));
        let ended = as_user(100, 100, || {
            another(0, true);
            execute(name);
        });
        show!("beside another", ended);
        let ended = as_user(100, 100, || {
            another(CLONE_FS, true);
            execute(name);
        });
        show!("shared", ended);
        let ended = as_user(0, 0, || {
            another(CLONE_FS, true);
            execute(name);
        });
        show!("shared, by root", ended);
        let ended = as_user(100, 100, || {
            sys!(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            execute(name);
        });
        show!("without new privileges", ended);
        // Who acts as another already.
        for (shares, refuses) in [(false, false), (true, false), (false, true)] {
            let ended = child::run(|| {
                sys!(SYS_setgroups, 0, 0);
                sys!(SYS_setresgid, 100, 101, 100);
                sys!(SYS_setresuid, 100, 101, 100);
                if shares {
                    another(CLONE_FS, true);
                }
                if refuses {
                    sys!(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                }
                execute(name);
                1
            });
            show!("by who is raised", ended);
        }
    }
    let name = names[0];
    let ended = as_user(100, 100, || {
        another(CLONE_FS, false);
        execute(name);
    });
    show!("shared with who has ended", ended);
    let ended = as_user(100, 100, || {
        another(CLONE_FS, true);
        sys!(SYS_unshare, CLONE_FS);
        execute(name);
    });
    show!("no longer shared", ended);
    let ended = as_user(100, 100, || {
        std::thread::spawn(|| {
            loop {
                sys!(SYS_pause);
            }
        });
        execute(name);
    });
    show!("shared with a thread", ended);
    for name in names {
        sys!(SYS_unlink, name);
    }
}

fn capabilities() {
    let mut header = [0x2008_0522_u32, 0];
    let mut data = [0_u32; 6];
    show!(
        "capget",
        sys!(SYS_capget, header.as_mut_ptr(), data.as_mut_ptr())
    );
    show!("root has some", data[0] & 1 == 1);
    header[0] = 5;
    show!(
        "wrong version",
        sys!(SYS_capget, header.as_mut_ptr(), data.as_mut_ptr())
    );
    show!("right version told", "{:#x}", header[0]);
    show!(
        "dropped",
        child::run(|| {
            let header = [0x2008_0522_u32, 0];
            let none = [0_u32; 6];
            show!("capset", sys!(SYS_capset, header.as_ptr(), none.as_ptr()));
            show!("root without", sys!(SYS_setuid, 5));
            show!("root's files", sys!(SYS_access, c"private", W_OK));
            show!(
                "take back",
                sys!(SYS_capset, header.as_ptr(), [1_u32; 6].as_ptr())
            );
            0
        })
    );
}

/// Who becomes somebody else keeps his memory to himself, and hears no more of his parent's end.
fn privacy() {
    let state = || {
        let mut signal = -1_i32;
        sys!(SYS_prctl, PR_GET_PDEATHSIG, &raw mut signal);
        format!("{} {signal}", sys!(SYS_prctl, PR_GET_DUMPABLE))
    };
    let after = |what: &str, change: &dyn Fn() -> sys::Ret| {
        child::run(|| {
            sys!(SYS_prctl, PR_SET_PDEATHSIG, SIGUSR1);
            let before = state();
            show!(what, "{before}, {}, {}", change(), state());
            0
        });
    };
    after("nothing", &|| sys!(SYS_getuid));
    after("the same", &|| sys!(SYS_setresuid, 0, 0, 0));
    after("real user", &|| sys!(SYS_setresuid, 7, -1, -1));
    after("saved user", &|| sys!(SYS_setresuid, -1, -1, 7));
    after("effective user", &|| sys!(SYS_setresuid, -1, 7, -1));
    after("user", &|| sys!(SYS_setuid, 7));
    after("real group", &|| sys!(SYS_setresgid, 7, -1, -1));
    after("effective group", &|| sys!(SYS_setresgid, -1, 7, -1));
    after("user for files", &|| sys!(SYS_setfsuid, 7));
    after("group for files", &|| sys!(SYS_setfsgid, 7));
    after("groups", &|| sys!(SYS_setgroups, 1, [7_u32].as_ptr()));
    let header = [0x2008_0522_u32, 0];
    after("no capability", &|| {
        sys!(SYS_capset, header.as_ptr(), [0_u32; 6].as_ptr())
    });
    after("back", &|| {
        sys!(SYS_setresuid, -1, 7, -1);
        sys!(SYS_prctl, PR_SET_DUMPABLE, 1);
        sys!(SYS_setresuid, -1, 0, -1)
    });
}

/// How many processes a user may have. Only its own count, and zombies do; root may have any.
fn number() {
    let limit = |number: u64| sys!(SYS_setrlimit, RLIMIT_NPROC, [number; 2].as_ptr());
    let fork = || {
        let pid = sys!(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if pid.value() == 0 {
            sys!(SYS_exit_group, 0);
        }
        pid
    };
    show!(
        "more as root",
        child::run(|| {
            limit(0);
            show!("its child", child::wait(fork().value()));
            0
        })
    );
    show!(
        "more as a user",
        as_user(54_321, 54_321, || {
            show!("limit", limit(3));
            let (one, two) = (fork(), fork());
            show!("two more", "{} {}", one.outcome(), two.outcome());
            show!("a third", fork().outcome());
            show!("waited", child::wait(one.value()));
            show!("again", fork().outcome());
        })
    );
}
