//! What /proc tells: of a process, of its descriptors, of the system; and what can be set there.

use crate::{child, show, sys};
use libc::*;
use std::ffi::CString;
use std::fs;

/// prctl's, to name anonymous memory.
const PR_SET_VMA: i32 = 0x5356_4d41;
const NS_GET_NSTYPE: i32 = 0xb703;

pub fn run() {
    stat_fields();
    stat_of_others();
    stat_of_the_dead();
    status_lines();
    status_values();
    descriptors();
    locks();
    namespaces();
    own_mounts();
    memory_lines();
    own_files();
    settings();
    nodes();
    policies();
    names_in_maps();
    titles();
}

fn text(path: &str) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Field `number` of stat, counted as proc(5) does, from 1.
fn field(stat: &str, number: usize) -> String {
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    rest.split_whitespace()
        .nth(number - 3)
        .unwrap_or("none")
        .to_owned()
}

fn fields(stat: &str, numbers: &[usize]) -> String {
    let all: Vec<_> = numbers.iter().map(|&number| field(stat, number)).collect();
    all.join(" ")
}

/// The value of a line `name: value`.
fn value(text: &str, name: &str) -> String {
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.map_or("none".to_owned(), |value| value.trim().to_owned())
}

/// The names before the colons, in their order.
fn names(text: &str) -> String {
    let names = text.lines().filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

/// PF_SUPERPRIV tells whether somebody has used a right of root's.
fn flags(stat: &str) -> String {
    let flags: u64 = field(stat, 9).parse().unwrap_or(0);
    format!("{:#x}", flags & !0x100)
}

fn stat_fields() {
    let stat = text("/proc/self/stat");
    show!("fields", stat.split_whitespace().count());
    show!("flags of what was executed", flags(&stat));
    show!("priority, nice", fields(&stat, &[18, 19]));
    show!("threads, timer", fields(&stat, &[20, 21]));
    show!("limit of memory", field(&stat, 25));
    show!("registers", fields(&stat, &[29, 30]));
    show!("signal masks", fields(&stat, &[31, 32, 33, 34]));
    show!("waits", field(&stat, 35));
    show!("end's signal", field(&stat, 38));
    show!("class", fields(&stat, &[40, 41]));
    let known = |number| field(&stat, number) != "0";
    show!("code", known(26) && known(27) && known(28));
    show!("data, arguments", (45..=51).all(known));
    show!("status", field(&stat, 52));
    child::run(|| {
        sys!(SYS_setpriority, PRIO_PROCESS, 0, 7);
        let set = 1_u64 << (SIGUSR2 - 1) | 1 << (SIGRTMIN() - 1);
        sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const set, 0, 8);
        sys!(SYS_kill, sys!(SYS_getpid), SIGUSR2);
        crate::sys::handle(0);
        let stat = text("/proc/self/stat");
        show!("flags of a fork", flags(&stat));
        show!("with nice 7", fields(&stat, &[18, 19]));
        show!("with a signal blocked", field(&stat, 32));
        // What the pending one was sent to is the process.
        show!("pending of the thread", field(&stat, 31));
        let caught: u64 = field(&stat, 34).parse().unwrap_or(0);
        show!("one more caught", caught & 1 << (SIGUSR1 - 1) != 0);
        for (name, policy, priority) in [
            ("first in, first out", SCHED_FIFO, 7_i32),
            ("in turn", SCHED_RR, 99),
            ("batch", SCHED_BATCH, 0),
            ("idle", SCHED_IDLE, 0),
        ] {
            sys!(SYS_sched_setscheduler, 0, policy, &raw const priority);
            let stat = text("/proc/self/stat");
            show!(
                format!("scheduled {name}"),
                fields(&stat, &[18, 19, 40, 41])
            );
        }
        let mask = 1_u64;
        sys!(SYS_sched_setaffinity, 0, 8, &raw const mask);
        show!("on the first", field(&text("/proc/self/stat"), 39));
        0
    });
    let thread = std::thread::spawn(|| {
        let tid = sys!(SYS_gettid);
        let stat = text(&format!("/proc/self/task/{tid}/stat"));
        show!("flags of a thread", flags(&stat));
        show!("a thread's end's signal", field(&stat, 38));
        let start = |stat: &str| field(stat, 22).parse::<u64>().unwrap_or(0);
        show!(
            "started after the process",
            start(&stat) >= start(&text("/proc/self/stat"))
        );
    });
    let _ = thread.join();
}

/// Becomes an ordinary user.
fn drop_rights() {
    sys!(SYS_setresgid, 1000, 1000, 1000);
    sys!(SYS_setresuid, 1000, 1000, 1000);
}

fn sleeper() -> i32 {
    child::fork(|| {
        loop {
            sys!(SYS_pause);
        }
    })
}

fn end(pid: i32) {
    sys!(SYS_kill, pid, SIGKILL);
    child::wait(pid);
}

fn stat_of_others() {
    let pid = sleeper();
    let path = format!("/proc/{pid}/stat");
    while field(&text(&path), 3) != "S" {
        sys!(SYS_sched_yield);
    }
    let stat = text(&path);
    show!("another's, that waits", field(&stat, 35));
    show!(
        "its code",
        field(&stat, 26) != "0" && field(&stat, 28) != "0"
    );
    child::run(|| {
        drop_rights();
        let stat = text(&path);
        show!("to who may not look", fields(&stat, &[26, 27, 28, 35]));
        show!(
            "nor at the data",
            fields(&stat, &[45, 46, 47, 48, 49, 50, 51])
        );
        show!("its size", field(&stat, 23) != "0");
        0
    });
    sys!(SYS_kill, pid, SIGSTOP);
    while field(&text(&path), 3) != "T" {
        sys!(SYS_sched_yield);
    }
    show!("stopped", fields(&text(&path), &[3, 35]));
    end(pid);
}

fn stat_of_the_dead() {
    let pid = child::fork(|| {
        let name = c"the dead";
        sys!(SYS_prctl, PR_SET_NAME, name.as_ptr(), 0, 0, 0);
        3
    });
    let path = format!("/proc/{pid}/stat");
    while field(&text(&path), 3) != "Z" {
        sys!(SYS_sched_yield);
    }
    let stat = text(&path);
    show!("a zombie's name", stat.contains("(the dead)"));
    show!("its flags", flags(&stat));
    show!("its threads", field(&stat, 20));
    show!("its memory", fields(&stat, &[23, 24, 26, 27, 28]));
    show!("its data", fields(&stat, &[45, 46, 47, 48, 49, 50, 51]));
    show!("its status", field(&stat, 52));
    let status = text(&format!("/proc/{pid}/status"));
    show!("its lines", names(&status));
    for name in ["Name", "State", "FDSize", "Threads"] {
        show!(format!("its {name}"), value(&status, name));
    }
    show!(
        "its filter",
        text(&format!("/proc/{pid}/coredump_filter")).len()
    );
    child::wait(pid);
}

fn status_lines() {
    show!("lines of status", names(&text("/proc/self/status")));
    let tid = sys!(SYS_gettid);
    show!(
        "lines of a thread's",
        names(&text(&format!("/proc/self/task/{tid}/status")))
    );
    show!("lines of limits", text("/proc/self/limits").lines().count());
}

fn status_values() {
    let ended = child::run(|| {
        let set = 1_u64 << (SIGRTMIN() - 1);
        sys!(SYS_rt_sigprocmask, SIG_BLOCK, &raw const set, 0, 8);
        for _ in 0..3 {
            sys!(SYS_kill, sys!(SYS_getpid), SIGRTMIN());
        }
        let mask = 1_u64;
        sys!(SYS_sched_setaffinity, 0, 8, &raw const mask);
        sys!(SYS_setgroups, 0, 0);
        let status = text("/proc/self/status");
        for name in [
            "Umask",
            "Ngid",
            "TracerPid",
            "Uid",
            "Gid",
            "FDSize",
            "Groups",
            "VmLck",
            "VmPin",
            "VmSwap",
            "HugetlbPages",
            "CoreDumping",
            "THP_enabled",
            "Threads",
            "SigPnd",
            "ShdPnd",
            "SigBlk",
            "NoNewPrivs",
            "Seccomp",
            "Seccomp_filters",
            "Cpus_allowed",
            "Cpus_allowed_list",
            "Mems_allowed",
            "Mems_allowed_list",
        ] {
            show!(name, value(&status, name));
        }
        let queued = value(&status, "SigQ");
        let queued = queued.split('/').next().and_then(|n| n.parse::<u32>().ok());
        show!("three are queued", queued.is_some_and(|queued| queued >= 3));
        let pid = sys!(SYS_getpid).to_string();
        for name in ["Tgid", "Pid", "NStgid", "NSpid"] {
            show!(format!("{name} is ours"), value(&status, name) == pid);
        }
        let group = sys!(SYS_getpgrp).to_string();
        show!("NSpgid is ours", value(&status, "NSpgid") == group);
        let session = sys!(SYS_getsid, 0).to_string();
        show!("NSsid is ours", value(&status, "NSsid") == session);
        let groups = [3_u32, 5];
        sys!(SYS_setgroups, 2, groups.as_ptr());
        let status = text("/proc/self/status");
        let line = status.lines().find(|line| line.starts_with("Groups:"));
        show!("two groups", format!("{line:?}"));
        let name = c"a\nb\\c";
        sys!(SYS_prctl, PR_SET_NAME, name.as_ptr(), 0, 0, 0);
        show!("an odd name", value(&text("/proc/self/status"), "Name"));
        0
    });
    show!("values", ended);
}

/// fdinfo without what differs from run to run.
fn info(fd: i32) -> String {
    let text = text(&format!("/proc/self/fdinfo/{fd}"));
    let lines = text.lines().filter(|line| {
        !["mnt_id:", "ino:", "eventfd-id:"]
            .iter()
            .any(|name| line.starts_with(name))
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn descriptors() {
    let open = sys!(SYS_open, c"plain", O_RDWR | O_CREAT | O_APPEND, 0o600).value();
    show!("a file", info(open));
    sys!(SYS_fcntl, open, F_SETFD, FD_CLOEXEC);
    show!("closed on exec", info(open));
    let mut ends = [0_i32; 2];
    sys!(SYS_pipe2, ends.as_mut_ptr(), O_NONBLOCK | O_CLOEXEC);
    show!("a pipe", info(ends[0]));
    let event = sys!(SYS_eventfd2, 42, 0).value();
    show!("an eventfd", info(event));
    let set = 1_u64 << (SIGUSR1 - 1) | 1 << (SIGKILL - 1);
    let signal = sys!(SYS_signalfd4, -1, &raw const set, 8, 0).value();
    show!("a signalfd", info(signal));
    let timer = sys!(SYS_timerfd_create, CLOCK_MONOTONIC, 0).value();
    show!("a timerfd", info(timer));
    let times = [0_i64, 0, 1 << 30, 0];
    sys!(
        SYS_timerfd_settime,
        timer,
        TFD_TIMER_ABSTIME,
        times.as_ptr(),
        0
    );
    let set = info(timer);
    let is_told = set.contains("settime flags: 01") && set.contains("it_value: (10737");
    show!("one that is set", is_told);
    let watcher = sys!(SYS_epoll_create1, 0).value();
    show!("an epoll set", info(watcher));
    for (fd, events, data) in [(event, EPOLLIN, 0xabc_u64), (ends[0], EPOLLIN | EPOLLET, 7)] {
        let event = epoll_event {
            events: events as u32,
            u64: data,
        };
        sys!(SYS_epoll_ctl, watcher, EPOLL_CTL_ADD, fd, &raw const event);
    }
    // In which order they come is the kernel's affair.
    let lines = info(watcher);
    let lines = lines.split("; ").filter(|line| line.starts_with("tfd:"));
    let mut known: Vec<_> = lines
        .map(|line| {
            let known = line.split(" pos:").next().unwrap_or(line);
            let known = known.replace(&format!("tfd: {event:8}"), "tfd: eventfd");
            known.replace(&format!("tfd: {:8}", ends[0]), "tfd: pipe")
        })
        .collect();
    known.sort();
    show!("it watches", known.join(";"));
    let watch = sys!(SYS_inotify_init1, 0).value();
    sys!(SYS_inotify_add_watch, watch, c".", IN_CREATE | IN_ONESHOT);
    sys!(SYS_inotify_add_watch, watch, c"plain", IN_ALL_EVENTS);
    let lines = info(watch);
    let lines = lines.split("; ").filter(|line| line.starts_with("inotify"));
    let mut known: Vec<_> = lines
        .map(|line| {
            let parts = line.split_whitespace();
            let known = parts.filter(|part| part.starts_with("wd:") || part.contains("mask:"));
            known.collect::<Vec<_>>().join(" ")
        })
        .collect();
    known.sort();
    show!("it looks at", known.join("; "));
    let pid = sleeper();
    let pidfd = sys!(SYS_pidfd_open, pid, 0).value();
    let of = |pid: i32| format!("pos:\t0; flags:\t02000002; Pid:\t{pid}; NSpid:\t{pid}");
    show!("a pidfd", info(pidfd) == of(pid));
    end(pid);
    show!("of who is gone", info(pidfd) == of(-1));
    let target = fs::read_link(format!("/proc/self/fd/{pidfd}")).unwrap_or_default();
    show!("its name", target.display());
    crate::sys::close_all(&[
        open, ends[0], ends[1], event, signal, timer, watcher, watch, pidfd,
    ]);
}

/// A line of a lock, with numbers of this run replaced.
fn known_lock(line: &str) -> String {
    let pid = sys!(SYS_getpid).to_string();
    let parts = line.split_whitespace().map(|part| match part {
        part if part == pid => "us",
        part if part.matches(':').count() == 2 => "there",
        part => part,
    });
    parts.collect::<Vec<_>>().join(" ")
}

fn locks() {
    let fd = sys!(SYS_open, c"locked", O_RDWR | O_CREAT, 0o600).value();
    show!("a file without locks", info(fd));
    let range = |kind: i32, start, len| flock {
        l_type: kind as i16,
        l_whence: SEEK_SET as i16,
        l_start: start,
        l_len: len,
        l_pid: 0,
    };
    sys!(SYS_flock, fd, LOCK_SH);
    let (own, open) = (range(F_WRLCK, 10, 5), range(F_RDLCK, 100, 0));
    sys!(SYS_fcntl, fd, F_SETLK, &raw const own);
    sys!(SYS_fcntl, fd, F_OFD_SETLK, &raw const open);
    for line in info(fd)
        .split("; ")
        .filter(|line| line.starts_with("lock:"))
    {
        show!("it has", known_lock(line));
    }
    let ino = fs::metadata("locked").map_or(0, |m| std::os::unix::fs::MetadataExt::ino(&m));
    let all = text("/proc/locks");
    let mut ours: Vec<_> = all
        .lines()
        .filter(|line| line.contains(&format!(":{ino} ")))
        .filter_map(|line| line.split_once(": "))
        .map(|(_, line)| known_lock(line))
        .collect();
    ours.sort();
    for line in ours {
        show!("the system has", line);
    }
    crate::sys::close_all(&[fd]);
    show!(
        "none is left",
        !text("/proc/locks").contains(&format!(":{ino} "))
    );
}

fn link(path: &str) -> String {
    fs::read_link(path).map_or_else(|error| error.to_string(), |to| to.display().to_string())
}

fn namespaces() {
    for kind in [
        "cgroup",
        "ipc",
        "mnt",
        "net",
        "pid",
        "pid_for_children",
        "time",
        "time_for_children",
        "user",
        "uts",
    ] {
        let path = format!("/proc/self/ns/{kind}");
        let name = CString::new(path.clone()).unwrap_or_default();
        show!(kind, link(&path));
        let fd = sys!(SYS_open, name.as_ptr(), O_RDONLY | O_CLOEXEC, 0);
        show!(format!("{kind} opened"), fd.outcome());
        let metadata = fs::metadata(&path);
        let number = metadata.map_or(0, |m| std::os::unix::fs::MetadataExt::ino(&m));
        show!(
            format!("{kind} is the link's"),
            link(&path).contains(&format!("[{number}]"))
        );
        show!(
            format!("{kind} is of the kind"),
            format!("{:#x}", sys!(SYS_ioctl, fd, NS_GET_NSTYPE, 0).0)
        );
        let opened = link(&format!("/proc/self/fd/{}", fd.value()));
        show!(format!("{kind} by its descriptor"), opened == link(&path));
        let mut byte = 0_u8;
        show!(format!("{kind} read"), sys!(SYS_read, fd, &raw mut byte, 1));
        show!(
            format!("{kind} for writing"),
            sys!(SYS_open, name.as_ptr(), O_WRONLY, 0).outcome()
        );
        show!(
            format!("{kind} accessed"),
            sys!(SYS_access, name.as_ptr(), R_OK)
        );
        crate::sys::close_all(&[fd.value()]);
    }
    let pid = sleeper();
    let of = |pid: i32| link(&format!("/proc/{pid}/ns/mnt"));
    show!("a child's is ours", of(pid) == link("/proc/self/ns/mnt"));
    child::run(|| {
        drop_rights();
        show!("another's link", of(pid));
        0
    });
    end(pid);
}

fn own_mounts() {
    let before = link("/proc/self/ns/mnt");
    child::run(|| {
        show!("unshare", sys!(SYS_unshare, CLONE_NEWNS));
        show!("another of mounts", link("/proc/self/ns/mnt") != before);
        let us = link("/proc/self/ns/mnt");
        show!("a child's, too", {
            let pid = sleeper();
            let theirs = link(&format!("/proc/{pid}/ns/mnt"));
            end(pid);
            theirs == us
        });
        0
    });
    show!("ours stays", link("/proc/self/ns/mnt") == before);
}

fn memory_lines() {
    show!("lines of meminfo", names(&text("/proc/meminfo")));
    let node = text("/sys/devices/system/node/node0/meminfo");
    let node: Vec<_> = node
        .lines()
        .filter_map(|line| line.strip_prefix("Node 0 "))
        .collect();
    show!("lines of a node's", names(&node.join("\n")));
    let shared = || {
        // SAFETY: all of it are numbers.
        let mut info: sysinfo = unsafe { std::mem::zeroed() };
        sys!(SYS_sysinfo, &raw mut info);
        info.sharedram
    };
    let before = shared();
    let fd = sys!(SYS_memfd_create, c"much", 0);
    let bytes = vec![1_u8; 4 << 20];
    sys!(SYS_write, fd, bytes.as_ptr(), bytes.len());
    show!("shared memory grows", shared() >= before + (3 << 20));
    crate::sys::close_all(&[fd.value()]);
}

fn own_files() {
    show!(
        "coredump_filter",
        text("/proc/self/coredump_filter").trim_end()
    );
    let write = |path: &str, what: &str| match fs::write(path, what) {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{:?}", error.raw_os_error()),
    };
    for filter in ["0x7f", "3", "x", ""] {
        show!(
            format!("set to {filter:?}"),
            write("/proc/self/coredump_filter", filter)
        );
        show!("and read", text("/proc/self/coredump_filter").trim_end());
    }
    child::run(|| {
        show!("a child's", text("/proc/self/coredump_filter").trim_end());
        show!("its slack", text("/proc/self/timerslack_ns").trim_end());
        for slack in ["1234", "0", "x"] {
            show!(
                format!("slack of {slack}"),
                write("/proc/self/timerslack_ns", slack)
            );
            show!("slack as read", text("/proc/self/timerslack_ns").trim_end());
        }
        sys!(SYS_personality, 0x004_0000);
        show!("personality", text("/proc/self/personality").trim_end());
        0
    });
    show!(
        "schedstat",
        text("/proc/self/schedstat").split_whitespace().count()
    );
    let us = sys!(SYS_getpid);
    let children = format!("/proc/self/task/{us}/children");
    show!("no children", text(&children).len());
    let pid = sleeper();
    show!("a child", text(&children) == format!("{pid} "));
    child::run(|| {
        drop_rights();
        for name in ["stack", "personality", "io"] {
            let path = CString::new(format!("/proc/{pid}/{name}")).unwrap_or_default();
            show!(
                format!("another's {name}"),
                sys!(SYS_open, path.as_ptr(), O_RDONLY, 0).outcome()
            );
        }
        show!(
            "another's slack",
            text(&format!("/proc/{pid}/timerslack_ns")).len()
        );
        0
    });
    end(pid);
}

fn settings() {
    for name in [
        "kernel/ostype",
        "kernel/core_pattern",
        "kernel/tainted",
        "kernel/domainname",
        "kernel/perf_event_paranoid",
        "kernel/yama/ptrace_scope",
        "kernel/cap_last_cap",
        "kernel/ngroups_max",
        "kernel/randomize_va_space",
        "kernel/overflowuid",
        "fs/nr_open",
        "fs/pipe-max-size",
        "fs/suid_dumpable",
        "fs/mqueue/msg_default",
        "fs/mqueue/msg_max",
        "fs/mqueue/msgsize_default",
        "fs/mqueue/msgsize_max",
        "fs/mqueue/queues_max",
        "fs/inotify/max_user_instances",
        "fs/inotify/max_queued_events",
        "fs/leases-enable",
        "vm/swappiness",
        "vm/nr_hugepages",
        "vm/overcommit_memory",
        "vm/overcommit_ratio",
        "vm/max_map_count",
        "vm/mmap_min_addr",
        "user/max_inotify_instances",
        "net/core/rmem_default",
        "net/core/rmem_max",
        "net/core/wmem_default",
        "net/core/wmem_max",
        "net/core/somaxconn",
    ] {
        show!(name, text(&format!("/proc/sys/{name}")).trim_end());
    }
    for name in ["fs/file-nr", "fs/inode-nr"] {
        let text = text(&format!("/proc/sys/{name}"));
        show!(name, text.split_whitespace().count());
    }
    let write = |name: &str, what: &str| {
        let path = CString::new(format!("/proc/sys/{name}")).unwrap_or_default();
        let fd = sys!(SYS_open, path.as_ptr(), O_WRONLY | O_TRUNC, 0);
        if fd.failed() {
            return format!("open: {fd}");
        }
        let written = sys!(SYS_write, fd, what.as_ptr(), what.len());
        crate::sys::close_all(&[fd.value()]);
        written.to_string()
    };
    show!("the kind of kernel", write("kernel/ostype", "Other\n"));
    for (name, new) in [
        ("kernel/hostname", "renamed\n"),
        ("kernel/domainname", "home"),
    ] {
        let old = text(&format!("/proc/sys/{name}"));
        show!(format!("set {name}"), write(name, new));
        show!(
            format!("now {name}"),
            text(&format!("/proc/sys/{name}")).trim_end()
        );
        child::run(|| {
            drop_rights();
            show!(format!("{name} by others"), write(name, "no"));
            0
        });
        write(name, &old);
    }
    for value in ["1", "0", "7", "x"] {
        show!(
            format!("overcommit {value}"),
            write("vm/overcommit_memory", value)
        );
        show!("it is", text("/proc/sys/vm/overcommit_memory").trim_end());
    }
    for name in [
        "modules",
        "diskstats",
        "partitions",
        "locks",
        "softirqs",
        "vmstat",
        "cmdline",
    ] {
        let name = CString::new(format!("/proc/{name}")).unwrap_or_default();
        show!(
            name.to_string_lossy(),
            sys!(SYS_access, name.as_ptr(), R_OK)
        );
    }
    let rows = text("/proc/softirqs");
    let rows: Vec<_> = rows
        .lines()
        .skip(1)
        .filter_map(|row| row.split_once(':'))
        .collect();
    show!(
        "softirqs",
        rows.iter()
            .map(|(name, _)| name.trim())
            .collect::<Vec<_>>()
            .join(" ")
    );
}

fn nodes() {
    for name in [
        "has_cpu",
        "has_memory",
        "online",
        "possible",
        "node0/cpulist",
        "node0/cpumap",
        "node0/distance",
    ] {
        show!(
            name,
            text(&format!("/sys/devices/system/node/{name}")).trim_end()
        );
    }
    let counts = text("/sys/devices/system/node/node0/numastat");
    let counts: Vec<_> = counts
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    show!("numastat", counts.join(" "));
    show!(
        "a processor of it",
        link("/sys/devices/system/node/node0/cpu0")
    );
    let cpus = "/sys/devices/system/cpu";
    for name in ["isolated", "smt/active", "smt/control"] {
        show!(name, text(&format!("{cpus}/{name}")).trim_end());
    }
    let found = fs::read_dir(format!("{cpus}/vulnerabilities"));
    let mut found: Vec<_> = found
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    found.sort();
    show!("vulnerabilities", found.join(" "));
}

fn policies() {
    let get = |flags: i32, addr: usize| {
        let (mut mode, mut nodes) = (99_u32, 99_u64);
        let got = sys!(
            SYS_get_mempolicy,
            &raw mut mode,
            &raw mut nodes,
            64,
            addr,
            flags
        );
        format!("{got} {mode:#x} {nodes:#x}")
    };
    show!("at first", get(0, 0));
    show!("allowed", get(4, 0));
    show!("allowed, and the node", get(5, 0));
    show!("the node", get(1, 0));
    show!("no such flag", get(8, 0));
    show!("an address that wasn't asked for", get(0, 4096));
    let set = |mode: i32, nodes: u64| {
        let done = sys!(SYS_set_mempolicy, mode, &raw const nodes, 64);
        format!("{done}, {}", get(0, 0))
    };
    for mode in 0..8 {
        for nodes in [0, 1, 2, 3] {
            show!(format!("mode {mode} with {nodes}"), set(mode, nodes));
        }
    }
    for flags in [1 << 15, 1 << 14, 3 << 14, 1 << 13] {
        for mode in [0, 1, 2, 4] {
            show!(format!("mode {mode} with {flags:#x}"), set(mode | flags, 1));
            show!(
                format!("mode {mode} with {flags:#x} of none"),
                set(mode | flags, 0)
            );
        }
    }
    show!("interleaved", set(3, 1));
    show!("the next", get(1, 0));
    child::run(|| {
        show!("a child's policy", get(0, 0));
        0
    });
    show!("without a set", sys!(SYS_set_mempolicy, 2, 0, 0));
    show!("by default", sys!(SYS_set_mempolicy, 0, 0, 0));
    show!("from nowhere", sys!(SYS_set_mempolicy, 2, 8, 64));
    show!(
        "a set that is too large",
        sys!(SYS_set_mempolicy, 2, 8, 1 << 20)
    );
    let protection = PROT_READ | PROT_WRITE;
    let memory = sys!(
        SYS_mmap,
        0,
        4 * 4096,
        protection,
        MAP_PRIVATE | MAP_ANONYMOUS,
        -1,
        0
    );
    let at = memory.0 as usize;
    let bind = |addr: usize, len: usize, mode: i32, nodes: u64, flags: i32| {
        sys!(SYS_mbind, addr, len, mode, &raw const nodes, 64, flags)
    };
    show!("of an address", get(2, at));
    show!("bound", bind(at, 8192, 2, 1, 0));
    show!("it is", get(2, at));
    show!("beyond it is", get(2, at + 8192));
    show!("the page's node", get(3, at));
    show!("nothing there", get(2, 4096));
    show!("nothing", bind(at, 0, 2, 1, 0));
    show!("half a page", bind(at + 1, 4096, 2, 1, 0));
    show!("another node", bind(at, 4096, 2, 2, 0));
    show!("no such mode", bind(at, 4096, 9, 1, 0));
    show!("no such way", bind(at, 4096, 2, 1, 64));
    show!("strictly", bind(at, 4096, 2, 1, 1));
    show!("moving", bind(at, 4096, 2, 1, 2));
    show!("moving all", bind(at, 4096, 2, 1, 4));
    sys!(SYS_munmap, at + 3 * 4096, 4096);
    show!("with a hole", bind(at + 2 * 4096, 8192, 2, 1, 0));
    show!("by default again", bind(at, 8192, 0, 0, 0));
    show!("it was", get(2, at));
    child::run(|| {
        drop_rights();
        show!("moving all without the right", bind(at, 4096, 2, 1, 4));
        0
    });
    sys!(SYS_munmap, at, 3 * 4096);
}

/// What maps calls the mapping at `addr`, its rights, and whether it has a device's number and a file's.
fn mapping(addr: usize) -> String {
    let maps = text("/proc/self/maps");
    let line = maps
        .lines()
        .find(|line| line.starts_with(&format!("{addr:08x}-")));
    let Some(line) = line else {
        return "none".to_owned();
    };
    let parts: Vec<_> = line.split_whitespace().collect();
    let has_number = parts.get(4).is_some_and(|&ino| ino != "0");
    format!(
        "{} {} {has_number} {}",
        parts[1],
        parts[2],
        parts[5..].join(" ")
    )
}

fn names_in_maps() {
    let map = |flags: i32, fd: i32| {
        sys!(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, flags, fd, 0).0 as usize
    };
    let private = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    show!(
        "shared memory",
        mapping(map(MAP_SHARED | MAP_ANONYMOUS, -1))
    );
    for name in [c"named", c"two words", c"line\nbreak", c""] {
        let fd = sys!(SYS_memfd_create, name, 0).value();
        sys!(SYS_ftruncate, fd, 4096);
        show!("a memfd", mapping(map(MAP_SHARED, fd)));
        show!("a private view of it", mapping(map(MAP_PRIVATE, fd)));
        let path = CString::new(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        let again = sys!(SYS_open, path.as_ptr(), O_RDWR, 0).value();
        show!("opened again", mapping(map(MAP_SHARED, again)));
        show!(
            "by its descriptor",
            link(&format!("/proc/self/fd/{again}")).escape_debug()
        );
        crate::sys::close_all(&[fd, again]);
    }
    show!(
        "a name for private memory",
        sys!(SYS_prctl, PR_SET_VMA, 0, private, 4096, c"mine".as_ptr())
    );
}

/// What cmdline tells of a program that writes over its arguments: `len` bytes, then a NUL, where
/// that is said.
fn title(len: usize, ended: bool) {
    let stat = text("/proc/self/stat");
    let [start, end, after]: [usize; 3] =
        [48, 49, 51].map(|number| field(&stat, number).parse().unwrap_or(0));
    for at in start..(start + len + usize::from(ended)).min(after) {
        // SAFETY: the arguments and the environment, which nobody reads meanwhile.
        unsafe { *(at as *mut u8) = if at < start + len { b'x' } else { 0 } };
    }
    let told = fs::read("/proc/self/cmdline").unwrap_or_default();
    let written = told.iter().take_while(|&&byte| byte == b'x').count();
    show!("told", written == len);
    show!("beyond it", told.len() as isize - len as isize);
    show!(
        "beyond the arguments",
        told.len() as isize - (end - start) as isize
    );
    show!("ends with", told.last().copied().unwrap_or_default());
}

fn titles() {
    let stat = text("/proc/self/stat");
    let [start, end, after, last]: [usize; 4] =
        [48, 49, 50, 51].map(|number| field(&stat, number).parse().unwrap_or(0));
    show!("the environment follows", end == after && after < last);
    let args = end - start;
    for (name, len, ended) in [
        ("a short title", 3, true),
        ("one that leaves the last NUL", args - 1, false),
        ("one over the last NUL", args, true),
        ("one that ends with the arguments", args, false),
        ("one into the environment", args + 3, true),
        ("one that the environment ends", args + 3, false),
    ] {
        show!(
            name,
            child::run(|| {
                title(len, ended);
                0
            })
        );
    }
}
