//! Bombs: each takes one thing until there is none left, as an ordinary user or as root, under limits
//! or without, and keeps it. A program must start beside it, and nobody but the bomb's processes be ended to
//! make room. Afterwards, too, a program must start, and memory be back.

use crate::{census, sys};
use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A bomb, and whether an ordinary user throws it.
struct Bomb {
    name: &'static str,
    user: bool,
    go: fn(),
}

const fn bomb(name: &'static str, user: bool, go: fn()) -> Bomb {
    Bomb { name, user, go }
}

const BOMBS: [Bomb; 24] = [
    bomb("forks", true, forks),
    bomb("threads", true, threads),
    bomb("descriptors", true, descriptors),
    bomb("mappings", true, mappings),
    bomb("mappings and forks", true, mappings_and_forks),
    bomb("pipes", true, pipes),
    bomb("sockets in flight", true, in_flight),
    bomb("pipes in flight", true, pipes_in_flight),
    bomb("sockets in circles", true, circles),
    bomb("signals", true, signals),
    bomb("timers", true, timers),
    bomb("watches", true, watches),
    bomb("epoll sets", true, epolls),
    bomb("epoll sets from the top", true, epolls_from_the_top),
    bomb("links to descriptors", true, links_to_descriptors),
    bomb("stacked mounts", false, stacked_mounts),
    bomb("a full tmpfs", true, full_tmpfs),
    bomb("many names", true, names),
    bomb("long names of mappings", true, long_names),
    bomb("unread answers", true, unread_answers),
    bomb("semaphores to be undone", true, undone_semaphores),
    bomb("page tables", true, page_tables),
    bomb("memory", true, memory),
    bomb("memory, as root", false, memory),
];

/// What the children of a fork bomb may be, and the resources of all.
const PROCESSES: u64 = 200;
const FILES: u64 = 1024;
/// Before a bomb is ended by force.
const FUSE: Duration = Duration::from_secs(8);
/// A new process answers by then; generous, as no machine's speed is tested.
const PATIENCE: Duration = Duration::from_secs(60);
/// KiB that may be missing after a bomb: tables that grew and stay for the next.
const KEPT: u64 = 24 << 10;

/// Programs that are started, to see what each leaves.
const LIVES: i64 = 200;

/// Throws each bomb, twice: what the first throw grew, the second finds. What is wrong then.
pub fn run() -> Result<(), String> {
    sys!(SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    // As init has it with servers.
    census::set_badness("-1000");
    let mut wrong = leftovers()?;
    for bomb in &BOMBS {
        throw(bomb)?;
        let before = census::free_memory();
        throw(bomb)?;
        let after = census::free_memory();
        println!("{}: {before} KiB free before, {after} KiB after", bomb.name);
        if after + KEPT < before {
            wrong.push(format!("{}: {} KiB are lost", bomb.name, before - after));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; "))
    }
}

/// Throws some on a desktop, whose compositor and servers must be the same afterwards, and answer, as a shell
/// must.
pub fn run_on_a_desktop() -> Result<(), String> {
    const THROWN: [&str; 6] = [
        "forks",
        "descriptors",
        "pipes",
        "page tables",
        "memory",
        "memory, as root",
    ];
    sys!(SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    let start = Instant::now();
    while answer_of_the_compositor().is_err() && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
    }
    answer_of_the_compositor()?;
    census::set_badness("-1000");
    let before = census::spared();
    println!("spared: {before:?}");
    if !before.iter().any(|(_, name)| name == "ochre-composito") {
        return Err("the compositor isn't spared".to_owned());
    }
    for bomb in BOMBS.iter().filter(|bomb| THROWN.contains(&bomb.name)) {
        throw(bomb)?;
        let wrong = |error| format!("{}: afterwards {error}", bomb.name);
        answer_of_the_compositor().map_err(wrong)?;
        let start = Instant::now();
        let said = Command::new("/bin/sh").args(["-c", "echo here"]).output();
        let said = said.map_err(|error| wrong(format!("a shell: {error}")))?;
        if said.stdout != b"here\n" || start.elapsed() >= PATIENCE {
            return Err(wrong(format!("a shell: {said:?}, {:?}", start.elapsed())));
        }
        println!(
            "{}: a shell answers within {:?}",
            bomb.name,
            start.elapsed()
        );
        let now = census::spared();
        if now != before {
            return Err(wrong(format!("{now:?} are spared, of {before:?}")));
        }
    }
    Ok(())
}

fn answer_of_the_compositor() -> Result<(), String> {
    let answer = Command::new("/ochre/bin/ochrectl").arg("windows").output();
    match answer {
        Ok(said) if said.status.success() => Ok(()),
        other => Err(format!("the compositor: {other:?}")),
    }
}

/// What programs that do no more than start and end leave in the kernel, found by their path through
/// /proc as shells find their applets.
fn leftovers() -> Result<Vec<String>, String> {
    let mut counts = Vec::new();
    for _ in 0..2 {
        for _ in 0..LIVES {
            start_a_program().map_err(|error| format!("one of many programs {error}"))?;
        }
        census::sweep_objects(FOLDER);
        counts.push(census::objects());
    }
    println!("{LIVES} programs: {counts:?}");
    let more = |(name, now): (&String, &i64)| {
        let more = now - counts[0].get(name).copied().unwrap_or(0);
        (more > LIVES / 2).then(|| format!("{LIVES} programs leave {more} of {name}"))
    };
    Ok(counts[1].iter().filter_map(more).collect())
}

/// Runs this program, which, asked for nothing, says how it is used.
fn start_a_program() -> Result<(), String> {
    let answer = Command::new("/proc/self/exe")
        .stderr(Stdio::null())
        .status();
    match answer {
        Ok(status) if status.code() == Some(2) => Ok(()),
        other => Err(format!("says {other:?}")),
    }
}

const FOLDER: &str = "/tmp/bomb";

/// Throws a bomb, waits for its end or its fuse's, sweeps up, and sees that a program starts.
fn throw(bomb: &Bomb) -> Result<(), String> {
    let _ = fs::create_dir_all(FOLDER);
    let folder = CString::new(FOLDER).expect("it has no NUL");
    sys!(SYS_chmod, folder.as_ptr(), 0o777);
    let _ = std::io::stdout().flush();
    let bystander = start_a_bystander();
    let pid = sys!(SYS_fork) as i32;
    if pid == 0 {
        sys!(SYS_chdir, folder.as_ptr());
        sys!(SYS_setsid);
        limit();
        if bomb.user {
            sys!(SYS_setgroups, 0, 0);
            sys!(SYS_setresgid, 65534, 65534, 65534);
            sys!(SYS_setresuid, 65534, 65534, 65534);
        }
        (bomb.go)();
        // What it has it keeps.
        sys!(SYS_kill, sys!(SYS_getpid), libc::SIGSTOP);
        sys!(SYS_exit_group, 0);
    }
    let start = Instant::now();
    let mut status = 0;
    let ways = libc::WNOHANG | libc::WUNTRACED;
    while sys!(SYS_wait4, pid, &raw mut status, ways, 0) == 0 && start.elapsed() < FUSE {
        std::thread::sleep(Duration::from_millis(10));
    }
    let wrong = |when: &str, error: String| format!("{}: {when} {error}", bomb.name);
    // However long that takes, while others have all processors.
    let start = Instant::now();
    start_a_program().map_err(|error| wrong("beside it a program", error))?;
    println!(
        "{}: a program starts within {:?}",
        bomb.name,
        start.elapsed()
    );
    if sys!(SYS_wait4, bystander, &raw mut status, libc::WNOHANG, 0) != 0 {
        return Err(wrong("a bystander ended with", format!("{status:#x}")));
    }
    let all = [-(pid as isize), bystander as isize];
    census::sweep_those(&all).map_err(|error| wrong("of it,", error))?;
    census::sweep_objects(FOLDER);
    let start = Instant::now();
    start_a_program().map_err(|error| wrong("afterwards a program", error))?;
    if start.elapsed() >= PATIENCE {
        return Err(wrong("afterwards", "a program is slow to start".to_owned()));
    }
    Ok(())
}

/// A process that could be ended to make room as any other, but has less than each of a bomb's.
fn start_a_bystander() -> i32 {
    const SIZE: usize = 2 << 20;
    let pid = sys!(SYS_fork) as i32;
    if pid == 0 {
        census::set_badness("0");
        let held = vec![1_u8; SIZE];
        loop {
            std::hint::black_box(&held);
            sys!(SYS_pause);
        }
    }
    pid
}

fn limit() {
    for (resource, value) in [
        (libc::RLIMIT_NPROC, PROCESSES),
        (libc::RLIMIT_NOFILE, FILES),
    ] {
        let both = [value; 2];
        sys!(SYS_setrlimit, resource, both.as_ptr());
    }
    census::set_badness("0");
}

/// Calls until one fails, but not for ever.
fn until_it_fails(mut call: impl FnMut() -> isize) {
    for _ in 0..200_000 {
        if call() < 0 {
            break;
        }
    }
}

fn forks() {
    for _ in 0..20_000 {
        // Each child does as its parent does.
        if sys!(SYS_fork) < 0 {
            sys!(SYS_sched_yield);
        }
    }
}

fn threads() {
    let mut all = Vec::new();
    for _ in 0..5000 {
        let builder = std::thread::Builder::new().stack_size(64 << 10);
        let wait = || loop {
            sys!(SYS_pause);
        };
        match builder.spawn(wait) {
            Ok(thread) => all.push(thread),
            Err(_) => break,
        }
    }
    println!("  {} threads", all.len());
}

fn descriptors() {
    until_it_fails(|| sys!(SYS_memfd_create, c"bomb".as_ptr(), 0));
    until_it_fails(|| sys!(SYS_dup, 0));
}

fn mappings() {
    let page = |prot| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        sys!(SYS_mmap, 0, 4096, prot, flags, -1_isize, 0)
    };
    // Neighbours of different rights stay mappings of their own.
    let mut odd = false;
    until_it_fails(|| {
        odd = !odd;
        page(if odd {
            libc::PROT_READ
        } else {
            libc::PROT_READ | libc::PROT_WRITE
        })
    });
}

/// Each child has as many mappings as can be.
fn mappings_and_forks() {
    mappings();
    for _ in 0..PROCESSES {
        match sys!(SYS_fork) {
            0 => loop {
                sys!(SYS_pause);
            },
            pid if pid < 0 => break,
            _ => {}
        }
    }
}

fn pipes() {
    let mut ends = [0_i32; 2];
    let bytes = [0_u8; 65_536];
    until_it_fails(|| {
        let made = sys!(SYS_pipe2, ends.as_mut_ptr(), libc::O_NONBLOCK);
        if made == 0 {
            sys!(SYS_fcntl, ends[1], libc::F_SETPIPE_SZ, 1 << 20);
            while sys!(SYS_write, ends[1], bytes.as_ptr(), bytes.len()) > 0 {}
        }
        made
    });
}

/// A message with one descriptor.
fn send(socket: i32, passed: i32) -> isize {
    let byte = [0_u8; 1];
    let vector = [byte.as_ptr() as usize, 1];
    let control = [20_usize, 1 | 1 << 32, passed as usize];
    let header = [
        0,
        0,
        vector.as_ptr() as usize,
        1,
        control.as_ptr() as usize,
        24,
        0,
    ];
    sys!(SYS_sendmsg, socket, header.as_ptr(), libc::MSG_DONTWAIT)
}

fn socket_pair() -> Option<[i32; 2]> {
    let mut pair = [0_i32; 2];
    let made = sys!(
        SYS_socketpair,
        libc::AF_UNIX,
        libc::SOCK_STREAM,
        0,
        pair.as_mut_ptr()
    );
    (made == 0).then_some(pair)
}

/// Each pair waits unread in the one before: a chain as long as can be.
fn in_flight() {
    let Some([mut end, _]) = socket_pair() else {
        return;
    };
    for _ in 0..50_000 {
        let Some([one, other]) = socket_pair() else {
            break;
        };
        if send(end, one) < 0 {
            break;
        }
        sys!(SYS_close, one);
        sys!(SYS_close, end);
        end = other;
    }
}

/// Full pipes that are on their way, and in nobody's table.
fn pipes_in_flight() {
    let Some([end, _]) = socket_pair() else {
        return;
    };
    let mut ends = [0_i32; 2];
    let bytes = [0_u8; 65_536];
    until_it_fails(|| {
        if sys!(SYS_pipe2, ends.as_mut_ptr(), libc::O_NONBLOCK) < 0 {
            return -1;
        }
        sys!(SYS_fcntl, ends[1], libc::F_SETPIPE_SZ, 1 << 20);
        let sent = send(end, ends[0]);
        while sys!(SYS_write, ends[1], bytes.as_ptr(), bytes.len()) > 0 {}
        sys!(SYS_close, ends[0]);
        sys!(SYS_close, ends[1]);
        sent
    });
}

/// Sockets that wait in themselves: nobody can reach them, and nobody closes them.
fn circles() {
    for _ in 0..5_000 {
        let Some([one, other]) = socket_pair() else {
            break;
        };
        send(one, other);
        send(other, one);
        sys!(SYS_close, one);
        sys!(SYS_close, other);
    }
}

fn signals() {
    let set = [u64::MAX];
    sys!(SYS_rt_sigprocmask, 0, set.as_ptr(), 0, 8);
    let me = sys!(SYS_getpid);
    let info = [
        40_u64,
        0xffff_ffff,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    until_it_fails(|| sys!(SYS_rt_sigqueueinfo, me, 40, info.as_ptr()));
}

fn timers() {
    let mut timer = 0;
    let soon = [0_u64, 1, 0, 1];
    let set = [u64::MAX];
    sys!(SYS_rt_sigprocmask, 0, set.as_ptr(), 0, 8);
    until_it_fails(|| {
        let made = sys!(SYS_timer_create, libc::CLOCK_MONOTONIC, 0, &raw mut timer);
        if made == 0 {
            sys!(SYS_timer_settime, timer, 0, soon.as_ptr(), 0);
        }
        made
    });
}

fn watches() {
    until_it_fails(|| {
        let watcher = sys!(SYS_inotify_init1, libc::IN_NONBLOCK);
        for name in 0..600 {
            let name = CString::new(format!("w{name}")).expect("digits");
            sys!(SYS_mkdir, name.as_ptr(), 0o700);
            sys!(SYS_inotify_add_watch, watcher, name.as_ptr(), 0xfff);
        }
        watcher
    });
}

fn epolls() {
    let event = [1_u64, 0];
    let mut inner = sys!(SYS_eventfd2, 1, 0);
    until_it_fails(|| {
        let set = sys!(SYS_epoll_create1, 0);
        if sys!(
            SYS_epoll_ctl,
            set,
            libc::EPOLL_CTL_ADD,
            inner,
            event.as_ptr()
        ) < 0
        {
            // As deep as may be: a new chain.
            inner = sys!(SYS_eventfd2, 1, 0);
        } else {
            inner = set;
        }
        set
    });
}

/// Each set is put into the one above before anything is put into it.
fn epolls_from_the_top() {
    let event = [1_u64, 0];
    let add =
        |set: isize, fd: isize| sys!(SYS_epoll_ctl, set, libc::EPOLL_CTL_ADD, fd, event.as_ptr());
    let mut set = sys!(SYS_epoll_create1, 0);
    until_it_fails(|| {
        let inner = sys!(SYS_epoll_create1, 0);
        if inner >= 0 {
            add(set, inner);
            set = inner;
        }
        inner
    });
    sys!(SYS_close, 0);
    let counter = sys!(SYS_eventfd2, 0, 0);
    add(set, counter);
    sys!(SYS_write, counter, event.as_ptr(), 8);
}

/// Each link in /proc, held open, leads to the one before.
fn links_to_descriptors() {
    for (folder, flags) in [
        ("fd", libc::O_PATH | libc::O_NOFOLLOW),
        ("fdinfo", libc::O_RDONLY),
    ] {
        let mut held = sys!(SYS_dup, 0);
        for _ in 0..20_000 {
            let name = CString::new(format!("/proc/self/{folder}/{held}")).expect("digits");
            let next = sys!(SYS_open, name.as_ptr(), flags, 0);
            sys!(SYS_close, held);
            if next < 0 {
                break;
            }
            held = next;
        }
        sys!(SYS_close, held);
    }
}

/// Each covers the one before, and all go with their namespace.
fn stacked_mounts() {
    sys!(SYS_unshare, libc::CLONE_NEWNS);
    until_it_fails(|| {
        let (kind, place) = (c"tmpfs".as_ptr(), FOLDER);
        let place = CString::new(place).expect("it has no NUL");
        sys!(SYS_mount, kind, place.as_ptr(), kind, 0, 0)
    });
}

fn full_tmpfs() {
    let bytes = vec![1_u8; 1 << 20];
    let file = sys!(
        SYS_open,
        c"full".as_ptr(),
        libc::O_WRONLY | libc::O_CREAT,
        0o600
    );
    until_it_fails(|| sys!(SYS_write, file, bytes.as_ptr(), bytes.len()));
}

fn names() {
    let mut number = 0;
    until_it_fails(|| {
        number += 1;
        if number > 30_000 {
            return -1;
        }
        let name = CString::new(format!("{number}-{:0>200}", "")).expect("digits");
        let file = sys!(
            SYS_open,
            name.as_ptr(),
            libc::O_WRONLY | libc::O_CREAT,
            0o600
        );
        sys!(SYS_close, file);
        file
    });
}

/// A file far below, mapped many times: what tells of the mappings is longer than the kernel can keep.
fn long_names() {
    let name = CString::new([b'x'; 255]).expect("it has no NUL");
    for _ in 0..300 {
        sys!(SYS_mkdir, name.as_ptr(), 0o700);
        sys!(SYS_chdir, name.as_ptr());
    }
    let file = sys!(
        SYS_open,
        c"file".as_ptr(),
        libc::O_RDWR | libc::O_CREAT,
        0o600
    );
    sys!(SYS_write, file, name.as_ptr(), 255);
    for _ in 0..500 {
        let (prot, flags) = (libc::PROT_READ, libc::MAP_PRIVATE);
        sys!(SYS_mmap, 0, 4096, prot, flags, file, 0);
    }
    for name in ["maps", "smaps", "mounts"] {
        let text = fs::read(format!("/proc/self/{name}"));
        println!("  {name}: {:?}", text.map(|text| text.len()));
    }
}

/// Each question of netlink's is repeated in its answer.
fn unread_answers() {
    let mut question = vec![0_u8; 16 << 10];
    question[..4].copy_from_slice(&(16_u32 << 10).to_ne_bytes());
    // RTM_NEWLINK and NLM_F_REQUEST.
    question[4..8].copy_from_slice(&[16, 0, 1, 0]);
    until_it_fails(|| {
        let socket = sys!(SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW, 0);
        for _ in 0..256 {
            sys!(SYS_write, socket, question.as_ptr(), question.len());
        }
        socket
    });
}

/// What each process is to undo is kept for whole sets.
fn undone_semaphores() {
    const SETS: usize = 32;
    let sets: Vec<isize> = (0..SETS)
        .map(|_| sys!(SYS_semget, libc::IPC_PRIVATE, 32_000, 0o600))
        .collect();
    // Up by one, with SEM_UNDO.
    let operation = [0_u16, 1, 0x1000];
    for _ in 0..PROCESSES {
        if sys!(SYS_fork) == 0 {
            for set in &sets {
                sys!(SYS_semop, *set, operation.as_ptr(), 1);
            }
            sys!(SYS_pause);
        }
    }
    while sys!(SYS_wait4, -1_isize, 0, 0, 0) > 0 {}
}

/// A byte is read in every 2 MiB of memory that is never written: each costs a table, and no page.
fn page_tables() {
    const SIZE: usize = 8 << 40;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let start = sys!(SYS_mmap, 0, SIZE, libc::PROT_READ, flags, -1_isize, 0);
    if start < 0 {
        return;
    }
    for at in (0..SIZE).step_by(2 << 20) {
        // SAFETY: the memory was mapped just now, to be read.
        unsafe { ((start as usize + at) as *const u8).read_volatile() };
    }
}

/// Several processes touch all the memory that they can have.
fn memory() {
    for _ in 0..3 {
        if sys!(SYS_fork) == 0 {
            until_it_fails(|| {
                let prot = libc::PROT_READ | libc::PROT_WRITE;
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
                sys!(SYS_mmap, 0, 1 << 20, prot, flags, -1_isize, 0)
            });
            sys!(SYS_pause);
        }
    }
    while sys!(SYS_wait4, -1_isize, 0, 0, 0) > 0 {}
}
