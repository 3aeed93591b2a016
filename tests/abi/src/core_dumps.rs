//! What is left of a process that dies of a signal.

use crate::child::{fork, run as in_child};
use crate::sys::Ret;
use crate::{show, sys};
use libc::*;
use std::arch::asm;
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;

const NOTES: [(u32, &str); 7] = [
    (1, "PRSTATUS"),
    (2, "PRFPREG"),
    (3, "PRPSINFO"),
    (6, "AUXV"),
    (0x202, "X86_XSTATE"),
    (0x5349_4749, "SIGINFO"),
    (0x4649_4c45, "FILE"),
];

/// Stands in memory of this process only.
static mut MARK: [u8; 16] = *b"mark it zero....";

fn limit(bytes: u64) {
    sys!(SYS_setrlimit, RLIMIT_CORE, [bytes, bytes].as_ptr());
}

/// How a child ended, in words, with whether it left a dump.
fn ending(pid: i32) -> String {
    let mut status = 0_i32;
    sys!(SYS_wait4, pid, &raw mut status, 0, 0);
    if WIFSIGNALED(status) {
        let dumped = if WCOREDUMP(status) { ", dumped" } else { "" };
        format!("signal {}{dumped}", WTERMSIG(status))
    } else {
        format!("status {status:#x}")
    }
}

/// How one ended that `work` is done in with `bytes` of a dump allowed, and that then gets `signal`.
fn dying(bytes: u64, signal: i32, work: impl FnOnce()) -> String {
    ending(fork(|| {
        limit(bytes);
        work();
        sys!(SYS_kill, sys!(SYS_getpid), signal);
        0
    }))
}

/// The names in the working directory, with `pid`'s number blanked.
fn names(pid: i32) -> String {
    let mut names: Vec<String> = fs::read_dir(".")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .map(|name| name.replace(&pid.to_string(), "PID"))
        .collect();
    names.sort();
    names.join(" ")
}

fn set(name: &str, value: &str) -> String {
    let path = CString::new(format!("/proc/sys/{name}")).unwrap_or_default();
    let fd = sys!(SYS_open, path.as_ptr(), O_WRONLY | O_TRUNC, 0);
    if fd.failed() {
        return format!("open: {fd}");
    }
    let written = sys!(SYS_write, fd, value.as_ptr(), value.len());
    crate::sys::close_all(&[fd.value()]);
    written.to_string()
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..at + 8).and_then(|b| b.try_into().ok());
    u64::from_le_bytes(bytes.unwrap_or_default())
}

fn half(bytes: &[u8], at: usize) -> u32 {
    word(bytes, at) as u32
}

/// A dump, as gdb would read it.
struct Core {
    bytes: Vec<u8>,
}

impl Core {
    fn read(path: &str) -> Core {
        Core {
            bytes: fs::read(path).unwrap_or_default(),
        }
    }

    /// Kind, flags, place in the file, address, bytes in the file and in memory of each segment.
    fn segments(&self) -> Vec<(u32, u32, usize, u64, usize, u64)> {
        let count = half(&self.bytes, 56) as u16 as usize;
        (0..count)
            .map(|number| 64 + 56 * number)
            .map(|at| {
                let word = |offset: usize| word(&self.bytes, at + offset);
                let kinds = (half(&self.bytes, at), half(&self.bytes, at + 4));
                (
                    kinds.0,
                    kinds.1,
                    word(8) as usize,
                    word(16),
                    word(32) as usize,
                    word(40),
                )
            })
            .collect()
    }

    /// Type and contents of each note.
    fn notes(&self) -> Vec<(u32, &[u8])> {
        let mut notes = Vec::new();
        for (_, _, at, _, len, _) in self.segments().into_iter().filter(|s| s.0 == 4) {
            let mut rest = self.bytes.get(at..at + len).unwrap_or_default();
            while rest.len() >= 12 {
                let (name, len) = (half(rest, 0) as usize, half(rest, 4) as usize);
                let from = 12 + name.next_multiple_of(4);
                notes.push((
                    half(rest, 8),
                    rest.get(from..from + len).unwrap_or_default(),
                ));
                rest = rest
                    .get(from + len.next_multiple_of(4)..)
                    .unwrap_or_default();
            }
        }
        notes
    }

    fn note(&self, kind: u32) -> &[u8] {
        let note = self.notes().into_iter().find(|(known, _)| *known == kind);
        note.map_or(&[], |(_, bytes)| bytes)
    }

    /// What was in memory there, as far as it was written.
    fn memory(&self, address: u64, len: usize) -> Option<&[u8]> {
        let (_, _, at, start, _, _) = self
            .segments()
            .into_iter()
            .find(|s| s.0 == 1 && (s.3..s.3 + s.4 as u64).contains(&address))?;
        let at = at + (address - start) as usize;
        self.bytes.get(at..at + len)
    }

    fn has_mark(&self) -> &str {
        let kept = self.memory((&raw const MARK) as u64, 16);
        match kept {
            Some(b"the dude abides.") => "as it was",
            Some(_) => "other",
            None => "left out",
        }
    }
}

fn write_mark() {
    // SAFETY: a child's only thread writes it.
    unsafe { MARK = *b"the dude abides." };
}

/// Dies of an instruction that there is none of, with registers that are known.
fn fault() {
    // SAFETY: it ends the process.
    unsafe {
        asm!(
            "mov r15, {mark}",
            "movq xmm7, r15",
            "ud2",
            mark = in(reg) 0x1122_3344_5566_7788_u64,
            out("r15") _,
            out("xmm7") _,
        );
    }
}

fn pattern(value: &str) {
    set("kernel/core_pattern", value);
}

pub fn run() {
    sys!(SYS_chmod, c".", 0o777);
    sys!(SYS_prctl, PR_SET_NAME, c"x/y");
    limits();
    signals();
    contents();
    threads();
    filters();
    in_the_way();
    patterns();
    privacy();
    settings();
    pattern("core");
}

fn limits() {
    for bytes in [0, 4095, 4096, u64::MAX] {
        let ended = dying(bytes, SIGQUIT, || ());
        show!(format!("dump of at most {bytes}"), ended);
        show!("it is there", names(0));
        let len = fs::metadata("core").map_or(0, |core| core.len());
        show!("within bounds", len <= bytes);
        let _ = fs::remove_file("core");
    }
    let ended = ending(fork(|| {
        limit(u64::MAX);
        sys!(SYS_setrlimit, RLIMIT_FSIZE, [0_u64, 0].as_ptr());
        sys!(SYS_kill, sys!(SYS_getpid), SIGQUIT);
        0
    }));
    show!("no files", ended);
    let _ = fs::remove_file("core");
}

fn signals() {
    for signal in [
        SIGHUP, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGPIPE,
        SIGTERM, SIGXCPU, SIGXFSZ, SIGSYS, SIGIO,
    ] {
        let ended = dying(u64::MAX, signal, || ());
        show!(format!("signal {signal}"), ended);
        let there = fs::remove_file("core").is_ok();
        show!("left a dump", there);
    }
    let pid = fork(|| {
        limit(u64::MAX);
        sys!(SYS_kill, sys!(SYS_getpid), SIGABRT);
        0
    });
    let mut info = [0_u32; 32];
    sys!(SYS_waitid, P_PID, pid, info.as_mut_ptr(), WEXITED, 0);
    show!("waitid's code and status", "{} {}", info[2], info[6]);
    let _ = fs::remove_file("core");
}

fn contents() {
    let pid = fork(|| {
        limit(u64::MAX);
        write_mark();
        fault();
        0
    });
    show!("fault", ending(pid));
    let meta = fs::metadata("core").ok();
    show!(
        "mode and owner",
        "{:?}",
        meta.map(|m| (format!("{:o}", m.mode()), m.uid(), m.gid(), m.nlink()))
    );
    let core = Core::read("core");
    show!("ident", "{:x?}", core.bytes.get(..20).unwrap_or_default());
    show!(
        "header",
        "{:?}",
        (
            half(&core.bytes, 20),
            word(&core.bytes, 24),
            word(&core.bytes, 32)
        )
    );
    show!(
        "sizes",
        "{:?}",
        (half(&core.bytes, 48), half(&core.bytes, 52))
    );
    let kinds: Vec<&str> = core
        .notes()
        .iter()
        .map(|(kind, _)| {
            NOTES
                .iter()
                .find(|(k, _)| k == kind)
                .map_or("?", |(_, n)| n)
        })
        .collect();
    show!("notes", kinds.join(" "));
    let sizes: Vec<usize> = [1, 2, 3, 0x5349_4749]
        .map(|kind| core.note(kind).len())
        .into();
    show!("their sizes", "{sizes:?}");

    let status = core.note(1);
    show!("signal", "{:?}", (half(status, 0), half(status, 12) as u16));
    show!(
        "status's numbers",
        "{:?}",
        (
            half(status, 32) as i32 == pid,
            half(status, 36) == std::process::id()
        )
    );
    show!("r15", "{:#x}", word(status, 112));
    let ip = word(status, 112 + 16 * 8);
    show!(
        "at the instruction",
        "{:x?}",
        core.memory(ip, 2).is_none_or(|code| code == [0x0f, 0x0b])
    );
    show!(
        "segments",
        "{:#x} {:#x}",
        word(status, 112 + 17 * 8),
        word(status, 112 + 20 * 8)
    );
    show!("orig_rax", word(status, 112 + 15 * 8) as i64);
    show!("floating point is valid", half(status, 328));
    show!("xmm7", "{:#x}", word(core.note(2), 160 + 7 * 16));
    show!(
        "xmm7, extended",
        "{:#x}",
        word(core.note(0x202), 160 + 7 * 16)
    );
    let xstate = core.note(0x202);
    show!(
        "what is in it",
        xstate.len() > 512 && word(xstate, 464) & 3 == 3
    );

    let info = core.note(0x5349_4749);
    show!(
        "siginfo",
        "{:?}",
        (
            half(info, 0),
            half(info, 4),
            half(info, 8),
            word(info, 16) == ip
        )
    );
    let told = core.note(3);
    show!("letter", "{:?}", told.get(..4));
    show!(
        "numbers",
        "{:?}",
        (half(told, 16), half(told, 20), half(told, 24) as i32 == pid)
    );
    let text = |at: usize, len: usize| {
        let text = told.get(at..at + len).unwrap_or_default();
        String::from_utf8_lossy(text)
            .trim_end_matches('\0')
            .to_owned()
    };
    show!("name", text(40, 16));
    show!(
        "command ends in",
        text(56, 80)
            .rsplit(' ')
            .find(|w| !w.is_empty())
            .unwrap_or_default()
    );
    let auxv = core.note(6);
    let pairs: Vec<(u64, u64)> = auxv
        .chunks(16)
        .map(|pair| (word(pair, 0), word(pair, 8)))
        .collect();
    show!("page size", "{:?}", pairs.iter().find(|(key, _)| *key == 6));
    show!("its end", "{:?}", pairs.last());

    let files = core.note(0x4649_4c45);
    let count = word(files, 0) as usize;
    let names = files.get(16 + 24 * count..).unwrap_or_default();
    let names: Vec<&[u8]> = names.split(|&byte| byte == 0).collect();
    show!("pages of files", word(files, 8));
    let own = fs::read_link("/proc/self/exe").unwrap_or_default();
    let own = own.to_string_lossy();
    show!("as many names", names.len() == count + 1);
    show!(
        "the program",
        names.iter().any(|name| *name == own.as_bytes())
    );
    let segments = core.segments();
    let loads: Vec<_> = segments.iter().filter(|s| s.0 == 1).collect();
    show!(
        "as mapped",
        loads.iter().all(|s| s.4 as u64 <= s.5 && s.2 % 4096 == 0)
    );
    show!("by address", loads.is_sorted_by_key(|s| s.3));
    let end = loads.iter().map(|s| s.2 + s.4).max();
    show!("to the end", end == Some(core.bytes.len()));
    show!("the mark", core.has_mark());
    let vdso = pairs
        .iter()
        .find(|(key, _)| *key == 33)
        .map_or(0, |pair| pair.1);
    show!("the vdso", "{:?}", core.memory(vdso, 4));
    let _ = fs::remove_file("core");

    // Nobody has touched most of it.
    let ended = dying(u64::MAX, SIGQUIT, || {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        let at = sys!(
            SYS_mmap,
            0,
            1_usize << 28,
            PROT_READ | PROT_WRITE,
            flags,
            -1,
            0
        );
        // SAFETY: within the mapping.
        unsafe { *((at.0 + 0x123_4000) as *mut u64) = 0xabcd };
    });
    show!("much that is empty", ended);
    let meta = fs::metadata("core").ok();
    show!(
        "seems large",
        meta.as_ref().is_some_and(|m| m.len() > 1 << 28)
    );
    show!("is small", meta.is_some_and(|m| m.blocks() < 1 << 15));
    let _ = fs::remove_file("core");
}

fn threads() {
    let pid = fork(|| {
        limit(u64::MAX);
        for number in 0..3_u64 {
            std::thread::spawn(move || {
                // SAFETY: the registers are given back; it waits in a call until the process ends.
                unsafe {
                    asm!(
                        "mov r14, {0}", "2: mov eax, 34", "syscall", "jmp 2b",
                        in(reg) 0x7700 + number,
                        out("r14") _, out("rax") _, out("rcx") _, out("r11") _,
                    );
                }
            });
        }
        while fs::read_dir("/proc/self/task").map_or(0, Iterator::count) < 4 || sleeping() < 3 {
            sys!(SYS_sched_yield);
        }
        fault();
        0
    });
    show!("with threads", ending(pid));
    let core = Core::read("core");
    let notes = core.notes();
    let statuses: Vec<&[u8]> = notes.iter().filter(|n| n.0 == 1).map(|n| n.1).collect();
    show!("statuses", statuses.len());
    let of_cpu = notes.iter().filter(|n| matches!(n.0, 2 | 0x202)).count();
    show!("of their processors", of_cpu);
    show!("once each", notes.len() - statuses.len() - of_cpu);
    show!(
        "first who died",
        statuses
            .first()
            .map(|s| half(s, 32) as i32 == pid)
            .unwrap_or_default()
    );
    let mut others: Vec<String> = statuses
        .iter()
        .skip(1)
        .map(|s| {
            format!(
                "r14 {:#x} in call {} signal {}",
                word(s, 112 + 8),
                word(s, 112 + 15 * 8),
                half(s, 0)
            )
        })
        .collect();
    others.sort();
    for other in others {
        show!("another", other);
    }
    let _ = fs::remove_file("core");
}

/// Threads of this process that sleep.
fn sleeping() -> usize {
    let tasks = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let states = tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    states
        .filter(|stat| {
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('S'))
        })
        .count()
}

/// Where the first page of this program is mapped.
fn program() -> Option<u64> {
    let own = fs::read_link("/proc/self/exe").ok()?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps
        .lines()
        .find(|line| line.ends_with(&*own.to_string_lossy()))?;
    u64::from_str_radix(line.split('-').next()?, 16).ok()
}

fn filters() {
    for filter in ["0", "0x1", "0x10", "0x33"] {
        let ended = dying(u64::MAX, SIGQUIT, || {
            write_mark();
            let _ = fs::write("/proc/self/coredump_filter", filter);
        });
        show!(format!("filter {filter}"), ended);
        let core = Core::read("core");
        show!("the mark", core.has_mark());
        let head = core
            .segments()
            .into_iter()
            .find(|s| s.0 == 1 && Some(s.3) == program());
        show!("the program's head", "{:?}", head.map(|s| s.4 > 0));
        let _ = fs::remove_file("core");
    }
    for (name, shared, bit) in [("shared", MAP_SHARED, "2"), ("private", MAP_PRIVATE, "1")] {
        for filter in ["0", bit] {
            for advice in [MADV_NORMAL, MADV_DONTDUMP, MADV_DODUMP] {
                let place = crate::sys::shared_words::<2>();
                let ended = dying(u64::MAX, SIGQUIT, || {
                    let _ = fs::write("/proc/self/coredump_filter", filter);
                    let flags = shared | MAP_ANONYMOUS;
                    let at = sys!(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
                    // SAFETY: the new page.
                    unsafe { *(at.0 as *mut u64) = 0x6162 };
                    sys!(SYS_madvise, at, 4096, advice);
                    place[0].store(at.0 as u32, std::sync::atomic::Ordering::Relaxed);
                    place[1].store((at.0 >> 32) as u32, std::sync::atomic::Ordering::Relaxed);
                });
                let [low, high] =
                    [0, 1].map(|n: usize| place[n].load(std::sync::atomic::Ordering::Relaxed));
                let at = u64::from(high) << 32 | u64::from(low);
                let core = Core::read("core");
                let found = core.memory(at, 8).map(|bytes| word(bytes, 0));
                show!(
                    format!("{name} memory, filter {filter}, advice {advice}"),
                    "{ended}: {found:x?}"
                );
                let _ = fs::remove_file("core");
            }
        }
    }
}

fn in_the_way() {
    let kind = || match fs::symlink_metadata("core") {
        Ok(meta) => format!(
            "{:?} {:o} {}",
            meta.file_type(),
            meta.mode(),
            meta.len() > 4096
        ),
        Err(_) => "none".to_owned(),
    };
    let _ = fs::write("core", "old");
    let _ = fs::hard_link("core", "other");
    show!("a file", dying(u64::MAX, SIGQUIT, || ()));
    show!("is replaced", kind());
    show!(
        "and left as it was",
        fs::read_to_string("other").unwrap_or_default()
    );
    let _ = fs::remove_file("core");
    let _ = std::os::unix::fs::symlink("other", "core");
    show!("a link", dying(u64::MAX, SIGQUIT, || ()));
    show!("is replaced", kind());
    show!(
        "and not followed",
        fs::read_to_string("other").unwrap_or_default()
    );
    let _ = fs::remove_file("core");
    let _ = fs::remove_file("other");
    let _ = fs::create_dir("core");
    show!("a directory", dying(u64::MAX, SIGQUIT, || ()));
    show!("is in the way", kind());
    let _ = fs::remove_dir("core");
    show!(
        "a mask",
        dying(u64::MAX, SIGQUIT, || {
            sys!(SYS_umask, 0o077);
        })
    );
    show!("of others", kind());
    let _ = fs::remove_file("core");
    show!(
        "a mask of its own",
        dying(u64::MAX, SIGQUIT, || {
            sys!(SYS_umask, 0o777);
        })
    );
    let _ = fs::remove_file("core");
    let _ = fs::create_dir("sub");
    show!(
        "elsewhere",
        dying(u64::MAX, SIGQUIT, || {
            sys!(SYS_chdir, c"sub");
        })
    );
    show!("where it works", fs::remove_file("sub/core").is_ok());
    let _ = fs::remove_dir("sub");
}

fn patterns() {
    let own = std::env::current_dir().unwrap_or_default();
    let _ = fs::create_dir("sub");
    for value in [
        "core.%p",
        "%p.%i.%P.%I",
        "c.%s.%u.%g.%d.%%",
        "n.%e",
        "u%q%",
        "sub/c.%s",
        "f.%f",
        "l.%c",
        "",
        "none/c",
        "%e",
        "%",
        "one\ntwo",
        "..",
    ] {
        show!(
            format!("pattern {value:?}"),
            set("kernel/core_pattern", value)
        );
        let pid = fork(|| {
            limit(1 << 20);
            sys!(SYS_kill, sys!(SYS_getpid), SIGQUIT);
            0
        });
        show!("dies", ending(pid));
        show!("and leaves", names(pid));
        show!("in sub", fs::read_dir("sub").map_or(0, Iterator::count));
        for entry in [".", "sub"]
            .iter()
            .filter_map(|dir| fs::read_dir(dir).ok())
            .flatten()
            .flatten()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
    let _ = fs::remove_dir("sub");
    let path = own.join("whole.%s");
    pattern(&path.to_string_lossy());
    show!(
        "a whole path",
        dying(u64::MAX, SIGQUIT, || {
            sys!(SYS_chdir, c"/");
        })
    );
    show!("leaves", names(0));
    let _ = fs::remove_file("whole.3");
    pattern("core");
    show!("numbers", set("kernel/core_uses_pid", "1"));
    for value in ["core", "core.%p"] {
        pattern(value);
        let pid = fork(|| {
            limit(1 << 20);
            sys!(SYS_kill, sys!(SYS_getpid), SIGQUIT);
            0
        });
        show!("dies", ending(pid));
        show!("and leaves", names(pid));
        let _ = fs::remove_file(format!("core.{pid}"));
    }
    set("kernel/core_uses_pid", "0");
    pattern("core");
}

/// Becomes another user; whether others may look is what `dumpable` says then.
fn becomes_another(dumpable: Option<i32>) {
    sys!(SYS_setresgid, 1000, 1000, 1000);
    sys!(SYS_setresuid, 1000, 1000, 1000);
    if let Some(dumpable) = dumpable {
        sys!(SYS_prctl, PR_SET_DUMPABLE, dumpable);
    }
}

fn privacy() {
    let here = std::env::current_dir().unwrap_or_default();
    let whole = here.join("whole");
    let whole = whole.to_string_lossy();
    show!(
        "that is private",
        dying(u64::MAX, SIGQUIT, || {
            sys!(SYS_prctl, PR_SET_DUMPABLE, 0);
        })
    );
    for (mode, name) in [("0", "core"), ("1", "core"), ("2", "core"), ("2", &*whole)] {
        set("fs/suid_dumpable", mode);
        pattern(name);
        for dumpable in [None, Some(1)] {
            let what = if name == "core" { "a name" } else { "a path" };
            let ended = dying(u64::MAX, SIGQUIT, || {
                becomes_another(dumpable);
            });
            show!(format!("as another, {mode}, {dumpable:?}, {what}"), ended);
            let left = if name == "core" { "core" } else { "whole" };
            let meta = fs::metadata(left).ok();
            show!(
                "leaves",
                "{:?}",
                meta.map(|m| (m.uid(), m.gid(), format!("{:o}", m.mode())))
            );
            let _ = fs::remove_file(left);
        }
        in_child(|| {
            becomes_another(None);
            show!("tells", sys!(SYS_prctl, PR_GET_DUMPABLE));
            0
        });
    }
    set("fs/suid_dumpable", "0");
    pattern("core");
    sys!(
        SYS_close,
        sys!(SYS_open, c"theirs", O_CREAT | O_WRONLY, 0o600)
    );
    let _ = fs::copy("/proc/self/exe", "theirs");
    sys!(SYS_chmod, c"theirs", 0o711);
    for mode in [0o711, 0o755] {
        sys!(SYS_chmod, c"theirs", mode);
        in_child(|| {
            becomes_another(Some(1));
            let arguments = [c"theirs".as_ptr(), c"--who".as_ptr(), std::ptr::null()];
            sys!(
                SYS_execve,
                c"theirs",
                arguments.as_ptr(),
                [0_usize].as_ptr()
            );
            1
        });
    }
    let _ = fs::remove_file("theirs");
}

fn settings() {
    for (name, value) in [
        ("kernel/core_uses_pid", "x"),
        ("fs/suid_dumpable", "3"),
        ("fs/suid_dumpable", "-1"),
    ] {
        show!(format!("{name} {value}"), set(name, value));
    }
    let long = "x".repeat(200);
    show!("long", set("kernel/core_pattern", &long));
    let kept = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    show!("kept", kept.len());
    in_child(|| {
        becomes_another(None);
        show!("another's", set("kernel/core_pattern", "mine"));
        0
    });
    let closed: Ret = sys!(SYS_prctl, PR_SET_DUMPABLE, 2);
    show!("for root", closed);
}
