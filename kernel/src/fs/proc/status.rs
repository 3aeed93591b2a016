//! /proc/PID/stat, statm, status and limits.

use super::{access, processors, vulnerabilities};
use crate::errno::Result;
use crate::linux::general as raw;
use crate::mm::mapping::{Flags, Mapping};
use crate::mm::space::{AddressSpace, Layout};
use crate::mm::usage::Resident;
use crate::sched::entity;
use crate::task::credentials::{Credentials, Ids};
use crate::task::exec::NO_RANDOMIZE;
use crate::task::limits::Resource;
use crate::task::process::{Process, thread_usage};
use crate::task::resources::TICK;
use crate::task::thread::Thread;
use crate::task::transfers::Transferred;
use crate::task::{limits, tree};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::Ordering;
use ochre_hal::PAGE_SIZE;
use ochre_hal::paging::Perms;

/// One process, or one of its threads: (`comm`, state letter).
fn name_and_state(process: &Process, thread: Option<&Thread>) -> (Vec<u8>, char) {
    let name = thread.map_or_else(|| process.name(), Thread::name);
    let len = name.iter().position(|&b| b == 0).unwrap_or(name.len());
    let of = |thread: &Thread| match thread.sched.state.load(Ordering::Relaxed) {
        entity::RUNNING | entity::READY => 'R',
        entity::DEAD => 'X',
        _ if thread.trace.is_stopped() => 't',
        _ => 'S',
    };
    let is_traced = |thread: &Thread| thread.trace.is_traced();
    let traced = thread.map_or_else(
        || process.threads().first().is_some_and(|t| is_traced(t)),
        is_traced,
    );
    let state = if process.is_zombie() {
        'Z'
    } else if process.is_stopped() && !traced {
        'T'
    } else {
        match thread {
            Some(thread) => of(thread),
            None => process.threads().first().map_or('Z', |thread| of(thread)),
        }
    };
    (name[..len].to_vec(), state)
}

/// An address space, in pages.
#[derive(Default)]
struct Memory {
    total: usize,
    peak: usize,
    resident: usize,
    resident_peak: usize,
    /// Of the page table.
    tables: usize,
    /// Private and writable, but no stack.
    data: usize,
    stack: usize,
    locked: usize,
    /// Can be executed, and not written.
    executable: usize,
    layout: Layout,
    small_pages_only: bool,
}

impl Memory {
    fn of(space: &AddressSpace) -> Memory {
        let inner = space.lock();
        let pages = |wanted: &dyn Fn(&Mapping) -> bool| {
            let wanted = inner.maps.values().filter(|mapping| wanted(mapping));
            wanted.map(|mapping| mapping.size() / PAGE_SIZE).sum()
        };
        let is_stack = |mapping: &Mapping| mapping.flags.contains(Flags::GROWS_DOWN);
        let can = |mapping: &Mapping, perms| mapping.perms.contains(perms);
        Memory {
            total: inner.total,
            peak: inner.peak,
            resident: inner.table.resident(),
            resident_peak: inner.table.resident_peak(),
            tables: inner.table.tables(),
            data: pages(&|mapping| {
                !mapping.shared && can(mapping, Perms::WRITE) && !is_stack(mapping)
            }),
            stack: pages(&is_stack),
            locked: pages(&|mapping| mapping.flags.contains(Flags::LOCKED)),
            executable: pages(&|mapping| {
                can(mapping, Perms::EXEC) && !can(mapping, Perms::WRITE) && !is_stack(mapping)
            }),
            layout: inner.layout,
            small_pages_only: inner.small_pages_only,
        }
    }

    /// Pages of the program's code.
    fn code(&self) -> usize {
        let (start, end) = self.layout.code;
        let pages = end.div_ceil(PAGE_SIZE).saturating_sub(start / PAGE_SIZE);
        pages.min(self.executable)
    }
}

/// /proc/PID/io. No file's contents come from a disk so far, nor go to one: the kernel has them.
pub fn transferred(process: &Process, thread: Option<&Thread>) -> Transferred {
    match thread {
        Some(thread) => thread.transfers.get(),
        None => {
            // Those of children that were waited for are the process's, too.
            let mut all = process.total_usage().transferred;
            all += process.children_usage.lock().transferred;
            all
        }
    }
}

pub fn transfers(done: Transferred) -> Vec<u8> {
    format!(
        "rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\nread_bytes: 0\nwrite_bytes: 0\n\
         cancelled_write_bytes: 0\n",
        done.bytes_read, done.bytes_written, done.reads, done.writes,
    )
    .into_bytes()
}

/// Whom a file is about, or the first thread of the process.
fn one_thread(process: &Process, thread: Option<&Arc<Thread>>) -> Option<Arc<Thread>> {
    let first = || process.threads().first().cloned();
    thread.cloned().or_else(first)
}

/// Signals of a process and of one of its threads.
#[derive(Default)]
struct Signals {
    pending: u64,
    shared: u64,
    blocked: u64,
    ignored: u64,
    caught: u64,
    /// How many wait with information of their own.
    queued: usize,
}

impl Signals {
    fn of(process: &Process, thread: Option<&Thread>) -> Signals {
        let mut of = Signals::default();
        let signals = process.signals.lock();
        for signal in 1..=64 {
            match signals.actions.get(signal).handler {
                0 => {}
                1 => of.ignored |= 1 << (signal - 1),
                _ => of.caught |= 1 << (signal - 1),
            }
        }
        of.shared = signals.pending.set().0;
        of.queued = signals.pending.queued();
        if let Some(thread) = thread {
            let own = thread.signals.lock();
            of.pending = own.pending.set().0;
            of.blocked = own.blocked.0;
            of.queued += own.pending.queued();
        }
        of
    }
}

/// A thread as the scheduler has it; what a zombie is said to be without one.
struct Standing {
    priority: i32,
    nice: i32,
    cpu: u32,
    realtime: u8,
    policy: u8,
}

impl Standing {
    fn of(thread: Option<&Thread>) -> Standing {
        let Some(thread) = thread else {
            return Standing {
                priority: 20,
                nice: 0,
                cpu: 0,
                realtime: 0,
                policy: entity::SCHED_OTHER,
            };
        };
        let nice = thread.sched.nice.load(Ordering::Relaxed);
        Standing {
            priority: match thread.sched.own_realtime() {
                0 => 20 + nice,
                realtime => -1 - i32::from(realtime),
            },
            nice,
            cpu: thread.sched.cpu.load(Ordering::Relaxed),
            realtime: thread.sched.own_realtime(),
            policy: thread.sched.policy.load(Ordering::Relaxed),
        }
    }
}

/// Linux's PF_ flags, as far as there is what they say.
fn flags(process: &Process, is_leader: bool) -> u32 {
    const EXITING: u32 = 0x4;
    const POSTCOREDUMP: u32 = 0x8;
    const FORK_NO_EXEC: u32 = 0x40;
    const NO_FREEZE: u32 = 0x8000;
    const RANDOMIZE: u32 = 0x40_0000;
    let mut flags = 0;
    if process.is_zombie() {
        flags |= EXITING | POSTCOREDUMP | NO_FREEZE;
    }
    if !(is_leader && process.has_executed()) {
        flags |= FORK_NO_EXEC;
    }
    if process.personality.load(Ordering::Relaxed) & NO_RANDOMIZE == 0 {
        flags |= RANDOMIZE;
    }
    flags
}

pub fn stat(process: &Arc<Process>, thread: Option<&Arc<Thread>>) -> Vec<u8> {
    let (name, state) = name_and_state(process, thread.map(|t| &**t));
    let id = thread.map_or(process.pid, |thread| thread.tid());
    let is_leader = id == process.pid;
    let group = tree::group_of(process.pid);
    let (pgrp, session) = group
        .as_ref()
        .map_or((0, 0), |group| (group.id, group.session.id));
    let tty = group
        .as_ref()
        .and_then(|group| crate::ipc::tty::job::terminal_of(&group.session));
    let (tty_number, foreground) = tty.map_or((0, -1), |tty| {
        (tty.number().0 as i64, i64::from(tty.foreground()))
    });
    let usage = process.total_usage();
    let children = *process.children_usage.lock();
    let own = thread.map_or(usage, |t| thread_usage(t));
    // Addresses are for those alone who may look at what is there.
    let inspected = access(process, || Ok(process.space()));
    let permitted = inspected.is_ok();
    let space = inspected.unwrap_or_else(|_| process.space());
    let memory = space.as_ref().map(|space| Memory::of(space));
    let layout = match &memory {
        Some(memory) if permitted => memory.layout,
        Some(_) => Layout {
            code: (1, 1),
            ..Layout::default()
        },
        None => Layout::default(),
    };
    let memory = memory.unwrap_or_default();
    let threads = process.thread_count().max(1);
    let started = match thread {
        Some(thread) if !is_leader => thread.started,
        _ => process.started,
    };
    let one = one_thread(process, thread);
    let signals = Signals::of(process, one.as_deref());
    let standing = Standing::of(one.as_deref());
    let waits = permitted && state != 'R' && (thread.is_some() || threads == 1);
    let exit_signal = match is_leader {
        true => process.exit_signal.load(Ordering::Relaxed),
        false => -1,
    };
    let limit = process.limits().get(raw::RLIMIT_RSS);
    let mut out = format!("{id} (").into_bytes();
    out.extend_from_slice(&name);
    let head = format!(
        ") {state} {} {pgrp} {session} {tty_number} {foreground} {} {} {} {} {} {} {} {} {} {} {} \
         {threads} 0 {} {} {} {} {} {} {} 0 0",
        process.parent(),
        flags(process, is_leader),
        own.minor_faults,
        children.minor_faults,
        own.major_faults,
        children.major_faults,
        own.user / TICK,
        own.system / TICK,
        children.user / TICK,
        children.system / TICK,
        standing.priority,
        standing.nice,
        started / TICK,
        memory.total * PAGE_SIZE,
        memory.resident,
        limit.map_or(limits::INFINITY, |limit| limit.soft),
        layout.code.0,
        layout.code.1,
        layout.stack,
    );
    out.extend_from_slice(head.as_bytes());
    // These fields have room for the first 31 signals alone.
    for set in [
        signals.pending,
        signals.blocked,
        signals.ignored,
        signals.caught,
    ] {
        out.extend_from_slice(format!(" {}", set & 0x7fff_ffff).as_bytes());
    }
    let tail = format!(
        " {} 0 0 {exit_signal} {} {} {} 0 0 0 {} {} {} {} {} {} {} {}\n",
        u32::from(waits),
        standing.cpu,
        standing.realtime,
        standing.policy,
        layout.data.0,
        layout.data.1,
        layout.brk_start,
        layout.args.0,
        layout.args.1,
        layout.env.0,
        layout.env.1,
        if permitted { process.exit_status() } else { 0 },
    );
    out.extend_from_slice(tail.as_bytes());
    out
}

/// /proc/PID/schedstat: time on CPUs, and how often there was some. How long a thread waited for one
/// isn't known.
pub fn schedstat(thread: &Thread) -> Vec<u8> {
    let usage = thread_usage(thread);
    let times = usage.switches + usage.preemptions + 1;
    format!("{} 0 {times}\n", thread.sched.time.total()).into_bytes()
}

pub fn statm(process: &Process) -> Vec<u8> {
    let space = process.space();
    let memory = space
        .as_ref()
        .map(|space| Memory::of(space))
        .unwrap_or_default();
    let kinds = space.map_or_else(Resident::default, |space| space.lock().resident_by_kind());
    let (total, resident) = (memory.total, memory.resident);
    let shared = kinds.file + kinds.shared_memory;
    let (code, data) = (memory.code(), memory.data + memory.stack);
    format!("{total} {resident} {shared} {code} 0 {data} 0\n").into_bytes()
}

pub fn status(process: &Arc<Process>, thread: Option<&Arc<Thread>>) -> Vec<u8> {
    let (name, state) = name_and_state(process, thread.map(|t| &**t));
    let mut out = b"Name:\t".to_vec();
    for &byte in &name {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte => out.push(byte),
        }
    }
    out.push(b'\n');
    let one = one_thread(process, thread);
    let mut text = String::new();
    identity_lines(&mut text, process, thread, one.as_deref(), state);
    if let Some(space) = process.space() {
        memory_lines(&mut text, &space, process.dumping.is_on());
    }
    signal_lines(&mut text, process, one.as_deref());
    right_lines(&mut text, process, one.as_deref());
    let online = crate::sched::cpu::online();
    let allowed = one.as_ref().map_or(online, |thread| {
        thread.sched.affinity.load(Ordering::Relaxed) & online
    });
    let own = one
        .as_ref()
        .map_or_else(|| process.total_usage(), |t| thread_usage(t));
    let _ = write!(
        text,
        "Cpus_allowed:\t{}\nCpus_allowed_list:\t{}\nMems_allowed:\t{}00000001\n\
         Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
        processors::mask(allowed),
        processors::list(allowed),
        // Linux's for PCs has room for 1024 nodes.
        "00000000,".repeat(31),
        own.switches,
        own.preemptions,
    );
    out.extend_from_slice(text.as_bytes());
    out
}

/// Who it is, and whose.
fn identity_lines(
    text: &mut String,
    process: &Process,
    thread: Option<&Arc<Thread>>,
    one: Option<&Thread>,
    state: char,
) {
    let long = match state {
        'R' => "running",
        'T' => "stopped",
        't' => "tracing stop",
        'Z' => "zombie",
        'X' => "dead",
        _ => "sleeping",
    };
    let credentials = credentials_of(process, one);
    let id = thread.map_or(process.pid, |thread| thread.tid());
    let ids = |ids: &Ids| format!("{}\t{}\t{}\t{}", ids.real, ids.effective, ids.saved, ids.fs);
    // What the dead have given back can't be told.
    if let Some(one) = one {
        let _ = writeln!(text, "Umask:\t{:04o}", one.fs().umask());
    }
    let descriptors = one.map_or(0, |one| one.files().capacity().next_power_of_two().max(64));
    let _ = write!(
        text,
        "State:\t{state} ({long})\nTgid:\t{}\nNgid:\t0\nPid:\t{id}\nPPid:\t{}\n\
         TracerPid:\t{}\nUid:\t{}\nGid:\t{}\nFDSize:\t{descriptors}\nGroups:\t",
        process.pid,
        process.parent(),
        one.map_or(0, |thread| thread.trace.tracer()),
        ids(&credentials.uid),
        ids(&credentials.gid),
    );
    for (at, group) in credentials.groups.iter().enumerate() {
        let _ = write!(text, "{}{group}", if at > 0 { " " } else { "" });
    }
    let group = tree::group_of(process.pid);
    let (group, session) = group.map_or((0, 0), |group| (group.id, group.session.id));
    let _ = write!(
        text,
        " \nNStgid:\t{}\nNSpid:\t{id}\nNSpgid:\t{group}\nNSsid:\t{session}\n",
        process.pid,
    );
}

fn memory_lines(text: &mut String, space: &AddressSpace, dumping: bool) {
    let memory = Memory::of(space);
    let kinds = space.lock().resident_by_kind();
    for (name, pages) in [
        ("VmPeak", memory.peak),
        ("VmSize", memory.total),
        ("VmLck", memory.locked),
        ("VmPin", 0),
        ("VmHWM", memory.resident_peak),
        ("VmRSS", memory.resident),
        ("RssAnon", kinds.anonymous),
        ("RssFile", kinds.file),
        ("RssShmem", kinds.shared_memory),
        ("VmData", memory.data),
        ("VmStk", memory.stack),
        ("VmExe", memory.code()),
        ("VmLib", memory.executable - memory.code()),
        ("VmPTE", memory.tables),
        ("VmSwap", 0),
        ("HugetlbPages", 0),
    ] {
        let _ = writeln!(text, "{name}:\t{:>8} kB", pages * (PAGE_SIZE / 1024));
    }
    let huge = u32::from(!memory.small_pages_only);
    let _ = writeln!(
        text,
        "CoreDumping:\t{}\nTHP_enabled:\t{huge}",
        u32::from(dumping)
    );
}

fn signal_lines(text: &mut String, process: &Process, one: Option<&Thread>) {
    let signals = Signals::of(process, one);
    let _ = write!(
        text,
        "Threads:\t{}\nSigQ:\t{}/{}\nSigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\n\
         SigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
        process.thread_count().max(1),
        signals.queued,
        process.limit(Resource::PendingSignals),
        signals.pending,
        signals.shared,
        signals.blocked,
        signals.ignored,
        signals.caught,
    );
}

/// The thread's, or what is left of those of the process.
fn credentials_of(process: &Process, one: Option<&Thread>) -> Arc<Credentials> {
    one.map_or_else(|| process.credentials(), Thread::credentials)
}

/// What it may do, and what keeps it from more.
fn right_lines(text: &mut String, process: &Process, one: Option<&Thread>) {
    let credentials = credentials_of(process, one);
    let unraised = one.is_some_and(|one| one.no_new_privileges.load(Ordering::Relaxed));
    let seccomp = one.map_or((0, 0), |thread| {
        (thread.seccomp.mode() as u32, thread.seccomp.count())
    });
    let store_bypass = match vulnerabilities::bypasses_stores() {
        true => "vulnerable",
        false => "not vulnerable",
    };
    let _ = write!(
        text,
        "CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\n\
         CapAmb:\t{:016x}\nNoNewPrivs:\t{}\nSeccomp:\t{}\nSeccomp_filters:\t{}\n\
         Speculation_Store_Bypass:\t{store_bypass}\nSpeculationIndirectBranch:\talways enabled\n",
        credentials.inheritable.bits(),
        credentials.permitted.bits(),
        credentials.effective.bits(),
        credentials.bounding.bits(),
        credentials.ambient.bits(),
        u32::from(unraised),
        seccomp.0,
        seccomp.1,
    );
}

/// Names and units of /proc/PID/limits, by resource number.
const LIMITS: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

pub fn limits(process: &Process) -> Result<Vec<u8>> {
    let of = process.limits();
    let mut text = format!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    let value = |limit: u64| match limit {
        limits::INFINITY => String::from("unlimited"),
        limit => format!("{limit}"),
    };
    for (resource, (name, unit)) in LIMITS.iter().enumerate() {
        let limit = of.get(resource as u32)?;
        let (soft, hard) = (value(limit.soft), value(limit.hard));
        let _ = write!(text, "{name:<25} {soft:<20} {hard:<20} ");
        let _ = match *unit {
            "" => writeln!(text),
            unit => writeln!(text, "{unit:<10}"),
        };
    }
    Ok(text.into_bytes())
}
