//! Processes: fork, exec, wait, groups, sessions, pidfds, limits, prctl.

use crate::{child, show, sys};
use libc::*;

fn exit(status: i32) -> ! {
    sys!(SYS_exit_group, status);
    unreachable!("exit_group does not return")
}

pub fn run() {
    endings();
    waiting();
    executing();
    groups();
    descriptors();
    limits();
    controls();
    sparing();
}

/// How likely a process is to be ended when memory is short.
fn sparing() {
    let get = || {
        std::fs::read_to_string("/proc/self/oom_score_adj")
            .map_or_else(|e| e.to_string(), |text| text.trim().to_owned())
    };
    let set = |value: &str| {
        let fd = sys!(SYS_open, c"/proc/self/oom_score_adj", O_WRONLY, 0);
        if fd.failed() {
            return fd;
        }
        let written = sys!(SYS_write, fd, value.as_ptr(), value.len());
        sys!(SYS_close, fd);
        written
    };
    show!(
        "adjustment",
        child::run(|| {
            show!("at first", get());
            for value in ["500", "-300\n", "1001", "-1001", "x"] {
                show!(format!("set {value:?}"), "{} {}", set(value), get());
            }
            show!(
                "in a child",
                child::run(|| {
                    println!("inherited: {}", get());
                    0
                })
            );
            show!(
                "score",
                std::fs::read_to_string("/proc/self/oom_score")
                    .is_ok_and(|text| text.trim().parse::<i64>().is_ok_and(|n| n >= 0))
            );
            set("100");
            sys!(SYS_setresuid, 1000, 1000, 1000);
            // What happens to the process is its user's own affair again.
            sys!(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
            show!("higher", "{} {}", set("200"), get());
            show!("as it was", "{} {}", set("100"), get());
            show!("lower", "{} {}", set("99"), get());
            0
        })
    );
}

fn endings() {
    show!("exit", child::run(|| 7));
    show!("exit takes a byte", child::run(|| exit(0x1ff)));
    show!(
        "exit of the only thread",
        child::run(|| {
            sys!(SYS_exit, 5);
            0
        })
    );
    // With the status of who ends last, unless one ends all.
    let last = |leader: i32, other: i32, all: bool| {
        child::run(|| {
            let pid = sys!(SYS_getpid);
            // Of the dead, Linux has the leader stay.
            let lives = move |tid: i32| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat"));
                stat.is_ok_and(|stat| !stat.contains(") Z "))
            };
            let thread = move |ends: bool| {
                std::thread::spawn(move || {
                    while !ends && lives(pid.value()) {
                        sys!(SYS_sched_yield);
                    }
                    if all {
                        exit(other);
                    }
                    sys!(SYS_exit, other);
                })
            };
            if other < leader {
                drop(thread(true));
                let others = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
                while others() > 1 {
                    sys!(SYS_sched_yield);
                }
            } else {
                drop(thread(false));
            }
            sys!(SYS_exit, leader);
            0
        })
    };
    show!("exit of the leader, then of another", last(3, 5, false));
    show!("exit of another, then of the leader", last(5, 3, false));
    show!("exit of the leader, then of all", last(3, 7, true));
    show!(
        "killed",
        child::run(|| {
            sys!(SYS_kill, sys!(SYS_getpid), SIGKILL);
            0
        })
    );
    show!("aborted", child::run(|| std::process::abort()));
    show!(
        "ignored",
        child::run(|| {
            sys!(SYS_kill, sys!(SYS_getpid), SIGCHLD);
            4
        })
    );
    show!("unknown call", sys!(SYS_getpid, 0).failed());
    show!("call 9999", sys::call(9999, &[]));
    show!("call -1", sys::call(-1, &[]));
    show!(
        "clone with wrong flags",
        sys!(SYS_clone, CLONE_THREAD, 0, 0, 0, 0)
    );
    show!(
        "clone with handlers but no memory",
        sys!(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0)
    );
    show!(
        "clone3 of a wrong size",
        sys!(SYS_clone3, [0_u64; 11].as_ptr(), 8)
    );
    show!("clone3 of nothing", sys!(SYS_clone3, 8, 64));
}

fn waiting() {
    let mut status = 0_i32;
    let mut info = [0_i32; 32];
    show!("no children", sys!(SYS_wait4, -1, &raw mut status, 0, 0));
    show!(
        "two threads wait for one child",
        child::run(|| {
            let one_each = |_: &i32| {
                let pid = child::fork(|| 0);
                let wait = || sys!(SYS_wait4, pid, 0, 0, 0).outcome();
                let mut answers = std::thread::scope(|scope| {
                    let other = scope.spawn(wait);
                    [wait(), other.join().expect("it has just waited")]
                });
                answers.sort();
                answers == ["ECHILD", "ok"]
            };
            (0..100).filter(one_each).count() as i32
        })
    );
    show!("not my child", sys!(SYS_wait4, 1, &raw mut status, 0, 0));
    show!(
        "wrong options",
        sys!(SYS_wait4, -1, &raw mut status, 0x100, 0)
    );
    let pid = child::fork(|| {
        sys!(SYS_pause);
        0
    });
    show!(
        "still running",
        sys!(SYS_wait4, pid, &raw mut status, WNOHANG, 0)
    );
    sys!(SYS_kill, pid, SIGSTOP);
    let stopped = sys!(SYS_wait4, pid, &raw mut status, WUNTRACED, 0);
    show!(
        "stopped",
        "{} {}",
        stopped.value() == pid,
        child::ending(status)
    );
    sys!(SYS_kill, pid, SIGCONT);
    sys!(SYS_wait4, pid, &raw mut status, WCONTINUED, 0);
    show!("continued", "{status:#x}");
    sys!(SYS_kill, pid, SIGTERM);
    let waited = sys!(
        SYS_waitid,
        P_PID,
        pid,
        info.as_mut_ptr(),
        WEXITED | WNOWAIT,
        0
    );
    show!(
        "left to be waited for",
        "{} signal {} code {} status {}",
        waited,
        info[0],
        info[2],
        info[6]
    );
    show!("its number", info[4] == pid);
    show!("a zombie takes signals", sys!(SYS_kill, pid, SIGTERM));
    show!("ended", child::wait(pid));
    show!("no signals any more", sys!(SYS_kill, pid, 0));
    let pid = child::fork(|| 9);
    sys!(SYS_waitid, P_ALL, 0, info.as_mut_ptr(), WEXITED, 0);
    show!(
        "waitid",
        "code {} status {} mine {}",
        info[2],
        info[6],
        info[4] == pid
    );
    show!(
        "waitid of no children",
        sys!(SYS_waitid, P_ALL, 0, info.as_mut_ptr(), WEXITED, 0)
    );
    show!(
        "waitid for nothing",
        sys!(SYS_waitid, P_ALL, 0, info.as_mut_ptr(), 0, 0)
    );
    show!(
        "waitid of a wrong kind",
        sys!(SYS_waitid, 77, 0, info.as_mut_ptr(), WEXITED, 0)
    );
    show!(
        "children that nobody waits for",
        child::run(|| {
            let ignore = [SIG_IGN, 0, 0, 0];
            sys!(SYS_rt_sigaction, SIGCHLD, ignore.as_ptr(), 0, 8);
            let pid = child::fork(|| 0);
            i32::from(child::wait(pid) == "ECHILD")
        })
    );
    show!(
        "an orphan's parent",
        child::run(|| {
            let mut ends = [0_i32; 2];
            sys!(SYS_pipe, ends.as_mut_ptr());
            let middle = child::fork(|| {
                let me = sys!(SYS_getpid);
                child::fork(move || {
                    while sys!(SYS_getppid) == me {
                        sys!(SYS_sched_yield);
                    }
                    let parent = sys!(SYS_getppid).0 as u8;
                    sys!(SYS_write, ends[1], &raw const parent, 1);
                    0
                });
                0
            });
            child::wait(middle);
            let mut parent = 0_u8;
            sys!(SYS_read, ends[0], &raw mut parent, 1);
            i32::from(parent)
        })
    );
    show!(
        "a subreaper",
        child::run(|| {
            sys!(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
            child::wait(child::fork(|| {
                child::fork(|| 6);
                0
            }));
            let mut status = 0_i32;
            sys!(SYS_wait4, -1, &raw mut status, 0, 0);
            libc::WEXITSTATUS(status)
        })
    );
    // A parent that waits for its child's exec or end can be ended by its child.
    for signal in [SIGKILL, SIGTERM] {
        let ended = child::run(|| {
            let parent = sys!(SYS_getpid);
            if sys!(SYS_vfork).0 == 0 {
                sys!(SYS_kill, parent, signal);
                while sys!(SYS_getppid) == parent {
                    sys!(SYS_sched_yield);
                }
                sys!(SYS_exit_group, 0);
            }
            5
        });
        show!("the parent of a vfork", ended);
    }
    for signal in [65, 200, 255] {
        let pid = sys!(SYS_clone, signal, 0, 0, 0, 0).value();
        if pid == 0 {
            sys!(SYS_exit_group, 4);
        }
        let mut status = 0_i32;
        let waited = sys!(SYS_wait4, pid, &raw mut status, __WALL, 0);
        show!(
            "a child that tells by no signal",
            "{} {status:#x}",
            waited.0 as i32 == pid
        );
    }
    // Its parent would have been told by SIGUSR1, which would end the subreaper.
    show!(
        "an orphan that a signal was asked for",
        child::run(|| {
            sys!(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
            let mut ends = [0_i32; 2];
            sys!(SYS_pipe, ends.as_mut_ptr());
            child::wait(child::fork(|| {
                if sys!(SYS_clone, SIGUSR1, 0, 0, 0, 0).value() == 0 {
                    // Until its new parent has closed the pipe.
                    sys!(SYS_close, ends[1]);
                    sys!(SYS_read, ends[0], ends.as_mut_ptr(), 1);
                    sys!(SYS_exit_group, 6);
                }
                0
            }));
            sys!(SYS_close, ends[1]);
            let mut status = 0_i32;
            let waited = sys!(SYS_wait4, -1, &raw mut status, 0, 0);
            println!("waited: {}", waited.outcome());
            libc::WEXITSTATUS(status)
        })
    );
}

fn executing() {
    let run = |path: &std::ffi::CStr, words: &[*const c_char]| {
        let environment = [std::ptr::null::<c_char>()];
        child::run(|| {
            let result = sys!(SYS_execve, path, words.as_ptr(), environment.as_ptr());
            println!("execve: {result}");
            99
        })
    };
    let null = std::ptr::null();
    let words = [c"abi".as_ptr(), c"--exit=42".as_ptr(), null];
    show!("itself", run(c"/proc/self/exe", &words));
    show!("missing", run(c"missing", &words));
    show!("a directory", run(c".", &words));
    let write = |name, text: &str, mode| {
        let fd = sys!(SYS_open, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
        sys!(SYS_write, fd, text.as_ptr(), text.len());
        sys!(SYS_close, fd);
    };
    write(c"data", "plain", 0o644);
    show!("not executable", run(c"data", &words));
    write(c"empty", "", 0o755);
    show!("empty", run(c"empty", &words));
    write(c"text", "hello\n", 0o755);
    show!("no format", run(c"text", &words));
    write(c"elf", "\x7fELF", 0o755);
    show!("an ELF file's first bytes", run(c"elf", &words));
    write(c"script", "#!/proc/self/exe --exit=17\n", 0o755);
    show!("a script", run(c"script", &[c"script".as_ptr(), null]));
    write(c"nowhere", "#!/missing\n", 0o755);
    show!("a script of no interpreter", run(c"nowhere", &words));
    write(c"circle", "#!./circle\n", 0o755);
    show!("a script of itself", run(c"circle", &words));
    write(c"blank", "#!  \n", 0o755);
    show!("a script of a blank", run(c"blank", &words));
    show!("busy while written", {
        write(c"busy", "#!/proc/self/exe --exit=3\n", 0o755);
        let fd = sys!(SYS_open, c"busy", O_WRONLY, 0);
        let result = run(c"busy", &words);
        sys!(SYS_close, fd);
        result
    });
    let environment = [null];
    for round in 0..4 {
        show!(
            format!("several threads at once, {round}"),
            child::run(|| {
                let execute = || {
                    let words = [c"abi".as_ptr(), c"--exit=42".as_ptr(), std::ptr::null()];
                    let environment = [std::ptr::null::<c_char>()];
                    sys!(
                        SYS_execve,
                        c"/proc/self/exe",
                        words.as_ptr(),
                        environment.as_ptr()
                    );
                    // Another one was first: this thread is about to end.
                    loop {
                        sys!(SYS_pause);
                    }
                };
                // None starts before all are there: a process that is being replaced gets no threads.
                let all = std::sync::Arc::new(std::sync::Barrier::new(4));
                for _ in 0..3 {
                    let all = all.clone();
                    std::thread::spawn(move || {
                        all.wait();
                        execute()
                    });
                }
                all.wait();
                execute()
            })
        );
    }
    show!(
        "by descriptor",
        child::run(|| {
            let fd = sys!(SYS_open, c"/proc/self/exe", O_PATH | O_CLOEXEC, 0);
            sys!(
                SYS_execveat,
                fd,
                c"",
                words.as_ptr(),
                environment.as_ptr(),
                AT_EMPTY_PATH
            );
            99
        })
    );
    show!(
        "long words",
        child::run(|| {
            let long = std::ffi::CString::new("x".repeat(200_000)).expect("no NUL");
            let words = [long.as_ptr(), null];
            let result = sys!(
                SYS_execve,
                c"/proc/self/exe",
                words.as_ptr(),
                environment.as_ptr()
            );
            i32::from(result.to_string() == "E2BIG")
        })
    );
    show!(
        "words at a wrong address",
        sys!(SYS_execve, c"/proc/self/exe", 8, environment.as_ptr())
    );
}

fn groups() {
    show!(
        "in a child",
        child::run(|| {
            let me = sys!(SYS_getpid);
            show!("own group", sys!(SYS_setpgid, 0, 0));
            show!("group is mine", sys!(SYS_getpgid, 0) == me);
            show!("a session as a leader", sys!(SYS_setsid));
            show!("group of nobody", sys!(SYS_setpgid, 0, 999_999));
            show!("negative group", sys!(SYS_setpgid, 0, -1));
            show!("of nobody", sys!(SYS_setpgid, 999_999, 0));
            show!("group of a child", {
                let pid = child::fork(|| {
                    sys!(SYS_pause);
                    0
                });
                let result = sys!(SYS_setpgid, pid, me);
                sys!(SYS_kill, pid, SIGKILL);
                child::wait(pid);
                result
            });
            show!(
                "a session in a child",
                child::run(|| {
                    let session = sys!(SYS_setsid);
                    let me = sys!(SYS_getpid);
                    show!(
                        "session, group",
                        "{} {}",
                        session == me,
                        sys!(SYS_getpgid, 0) == me
                    );
                    show!("again", sys!(SYS_setsid));
                    show!("its group", sys!(SYS_setpgid, 0, 0));
                    i32::from(sys!(SYS_getsid, 0) == me)
                })
            );
            show!("session of nobody", sys!(SYS_getsid, 999_999));
            show!("group of nobody is asked", sys!(SYS_getpgid, 999_999));
            show!("signal to a group of nobody", sys!(SYS_kill, -999_999, 0));
            show!("signal to the group", sys!(SYS_kill, 0, 0));
            0
        })
    );
}

fn descriptors() {
    let pid = child::fork(|| {
        sys!(SYS_pause);
        0
    });
    let fd = sys!(SYS_pidfd_open, pid, 0);
    show!("pidfd", fd.outcome());
    show!("pidfd of nobody", sys!(SYS_pidfd_open, 999_999, 0));
    show!("pidfd with wrong flags", sys!(SYS_pidfd_open, pid, 1));
    let mut polled = [pollfd {
        fd: fd.value(),
        events: POLLIN,
        revents: 0,
    }];
    show!("not ended", sys!(SYS_poll, polled.as_mut_ptr(), 1, 0));
    show!("wait for a pidfd that runs", {
        let mut info = [0_i32; 32];
        sys!(
            SYS_waitid,
            P_PIDFD,
            fd,
            info.as_mut_ptr(),
            WEXITED | WNOHANG,
            0
        )
    });
    let hasty = sys!(SYS_pidfd_open, pid, O_NONBLOCK);
    for (what, flags) in [("wait", WEXITED), ("look", WEXITED | WNOHANG)] {
        let mut info = [0_i32; 32];
        let at = info.as_mut_ptr();
        let answer = sys!(SYS_waitid, P_PIDFD, hasty, at, flags, 0);
        show!(format!("{what} by one that does not wait"), answer);
    }
    sys!(SYS_close, hasty);
    show!(
        "signal by pidfd",
        sys!(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0)
    );
    show!("ended", sys!(SYS_poll, polled.as_mut_ptr(), 1, 5000));
    show!("events", "{:#x}", polled[0].revents);
    show!("waited for", child::wait(pid));
    show!(
        "signal to what is gone",
        sys!(SYS_pidfd_send_signal, fd, 0, 0, 0)
    );
    show!(
        "read a pidfd",
        sys!(SYS_read, fd, [0_u8; 8].as_mut_ptr(), 8)
    );
    sys!(SYS_close, fd);
    for name in [c"/proc/self", c"/proc/self/fd", c"/proc"] {
        let fd = sys!(SYS_openat, AT_FDCWD, name, O_RDONLY | O_DIRECTORY);
        let sent = sys!(SYS_pidfd_send_signal, fd, 0, 0, 0);
        show!(format!("signal by {}", name.to_string_lossy()), sent);
        sys!(SYS_close, fd);
    }
}

fn limits() {
    let get = |which: usize| {
        let mut limit = rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        sys!(SYS_prlimit64, 0, which, 0, &raw mut limit);
        limit
    };
    show!("stack", get(RLIMIT_STACK as usize).rlim_cur);
    show!("core", get(RLIMIT_CORE as usize).rlim_cur);
    show!("nice", get(RLIMIT_NICE as usize).rlim_cur);
    show!(
        "file size",
        get(RLIMIT_FSIZE as usize).rlim_cur == RLIM_INFINITY
    );
    show!(
        "wrong limit",
        sys!(SYS_getrlimit, 16, [0_u64; 2].as_mut_ptr())
    );
    let set = |which: usize, soft: u64, hard: u64| {
        let limit = [soft, hard];
        sys!(SYS_setrlimit, which, limit.as_ptr())
    };
    show!("soft above hard", set(RLIMIT_NOFILE as usize, 100, 50));
    show!(
        "descriptors",
        child::run(|| {
            set(RLIMIT_NOFILE as usize, 5, 5);
            for _ in 0..4 {
                if sys!(SYS_dup, 0).to_string() == "EMFILE" {
                    return 1;
                }
            }
            0
        })
    );
    show!(
        "file too large",
        child::run(|| {
            set(RLIMIT_FSIZE as usize, 10, 10);
            let fd = sys!(SYS_open, c"big", O_CREAT | O_WRONLY, 0o600);
            show!(
                "up to the limit",
                sys!(SYS_write, fd, [0_u8; 20].as_ptr(), 20)
            );
            sys!(SYS_write, fd, [0_u8; 20].as_ptr(), 20);
            0
        })
    );
    let mut usage = [0_i64; 18];
    show!(
        "usage",
        sys!(SYS_getrusage, RUSAGE_SELF, usage.as_mut_ptr())
    );
    show!(
        "usage of children",
        sys!(SYS_getrusage, RUSAGE_CHILDREN, usage.as_mut_ptr())
    );
    show!("usage of whom", sys!(SYS_getrusage, 5, usage.as_mut_ptr()));
    sys!(SYS_getrusage, RUSAGE_SELF, usage.as_mut_ptr());
    // More than ever before.
    let kib = usage[4] as usize + (8 << 10);
    let block = vec![1_u8; kib << 10];
    std::hint::black_box(&block);
    drop(block);
    sys!(SYS_getrusage, RUSAGE_SELF, usage.as_mut_ptr());
    show!("the most memory held is remembered", usage[4] >= kib as i64);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok())
    };
    show!(
        "in its status, too",
        of("VmHWM:") >= Some(kib) && of("VmRSS:") < Some(kib)
    );
}

fn controls() {
    let control = |option: i32, a: usize, b: usize| sys!(SYS_prctl, option, a, b, 0, 0);
    let mut name = [0_u8; 16];
    show!(
        "name",
        control(PR_SET_NAME, c"a name that is too long".as_ptr() as usize, 0)
    );
    control(PR_GET_NAME, name.as_mut_ptr() as usize, 0);
    show!("name is", "{:?}", String::from_utf8_lossy(&name));
    show!("dumpable", control(PR_GET_DUMPABLE, 0, 0));
    show!("dumpable wrongly", control(PR_SET_DUMPABLE, 7, 0));
    show!(
        "death signal",
        control(PR_SET_PDEATHSIG, SIGTERM as usize, 0)
    );
    show!("death signal wrongly", control(PR_SET_PDEATHSIG, 99, 0));
    let mut signal = 0_i32;
    control(PR_GET_PDEATHSIG, (&raw mut signal) as usize, 0);
    show!("death signal is", signal);
    control(PR_SET_PDEATHSIG, 0, 0);
    show!("no new privileges", control(PR_GET_NO_NEW_PRIVS, 0, 0));
    show!("keep capabilities", control(PR_GET_KEEPCAPS, 0, 0));
    show!("bounding set", control(PR_CAPBSET_READ, 0, 0));
    for nothing in [41, 99, 1 << 32, usize::MAX] {
        show!(
            "bounding set of nothing",
            sys!(SYS_prctl, PR_CAPBSET_READ, nothing, 0, 0, 0)
        );
        let ambient = sys!(
            SYS_prctl,
            PR_CAP_AMBIENT,
            PR_CAP_AMBIENT_IS_SET,
            nothing,
            0,
            0
        );
        show!("ambient set of nothing", ambient);
    }
    show!("slack", control(PR_GET_TIMERSLACK, 0, 0));
    show!("seccomp", control(PR_GET_SECCOMP, 0, 0));
    show!("unknown", control(0x7777, 0, 0));
    show!(
        "no new privileges set",
        child::run(|| {
            sys!(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            sys!(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0).value()
        })
    );
    show!("personality", sys!(SYS_personality, 0xffff_ffff_u32));
    let mut bytes = [0_u8; 64];
    show!("random", sys!(SYS_getrandom, bytes.as_mut_ptr(), 64, 0));
    show!("random differs", bytes[..32] != bytes[32..]);
    show!(
        "random wrongly",
        sys!(SYS_getrandom, bytes.as_mut_ptr(), 64, 0x80)
    );
    show!("random to a wrong address", sys!(SYS_getrandom, 8, 64, 0));
    let mut names = [0_u8; 390];
    show!("uname", sys!(SYS_uname, names.as_mut_ptr()));
    show!("system", String::from_utf8_lossy(&names[..5]));
    show!("machine", String::from_utf8_lossy(&names[260..266]));
    show!(
        "parent dies",
        child::run(|| {
            let mut ends = [0_i32; 2];
            sys!(SYS_pipe, ends.as_mut_ptr());
            child::wait(child::fork(|| {
                let mut ready = [0_i32; 2];
                sys!(SYS_pipe, ready.as_mut_ptr());
                child::fork(|| {
                    sys!(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
                    sys!(SYS_write, ready[1], c"", 1);
                    sys!(SYS_pause);
                    0
                });
                sys!(SYS_read, ready[0], [0_u8; 1].as_mut_ptr(), 1);
                0
            }));
            // The end of file comes when nobody holds the other end: the grandchild has ended.
            sys!(SYS_close, ends[1]);
            sys!(SYS_read, ends[0], [0_u8; 1].as_mut_ptr(), 1).value()
        })
    );
}
