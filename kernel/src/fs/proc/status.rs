//! /proc/PID/stat, statm, status and limits.

use crate::errno::Result;
use crate::mm::mapping::{Flags, Mapping};
use crate::mm::space::Layout;
use crate::mm::usage::Resident;
use crate::sched::entity;
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
    /// Private and writable, but no stack.
    data: usize,
    stack: usize,
    locked: usize,
    layout: Layout,
}

impl Memory {
    fn of(process: &Process) -> Memory {
        let Some(space) = process.space() else {
            return Memory::default();
        };
        let inner = space.lock();
        let pages = |wanted: &dyn Fn(&Mapping) -> bool| {
            let wanted = inner.maps.values().filter(|mapping| wanted(mapping));
            wanted.map(|mapping| mapping.size() / PAGE_SIZE).sum()
        };
        let is_stack = |mapping: &Mapping| mapping.flags.contains(Flags::GROWS_DOWN);
        Memory {
            total: inner.total,
            peak: inner.peak,
            resident: inner.table.resident(),
            resident_peak: inner.table.resident_peak(),
            data: pages(&|mapping| {
                !mapping.shared && mapping.perms.contains(Perms::WRITE) && !is_stack(mapping)
            }),
            stack: pages(&is_stack),
            locked: pages(&|mapping| mapping.flags.contains(Flags::LOCKED)),
            layout: inner.layout,
        }
    }

    /// Pages of the program's code.
    fn code(&self) -> usize {
        (self.layout.code.1 - self.layout.code.0).div_ceil(PAGE_SIZE)
    }
}

/// What a process's pages in memory are of. Walks them all.
fn resident_kinds(process: &Process) -> Resident {
    process
        .space()
        .map_or_else(Resident::default, |space| space.lock().resident_by_kind())
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

pub fn stat(process: &Arc<Process>, thread: Option<&Arc<Thread>>) -> Vec<u8> {
    let (name, state) = name_and_state(process, thread.map(|t| &**t));
    let id = thread.map_or(process.pid, |thread| thread.tid());
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
    let memory = Memory::of(process);
    let (total, resident, layout) = (memory.total, memory.resident, memory.layout);
    let threads = process.thread_count();
    let started = process.started / 10_000_000;
    let mut out = format!("{id} (").into_bytes();
    out.extend_from_slice(&name);
    let rest = format!(
        ") {state} {} {pgrp} {session} {tty_number} {foreground} 0 {} {} {} {} {} {} {} {} 20 0 \
         {threads} 0 {started} {} {resident} 18446744073709551615 {} {} {} 0 0 0 0 0 0 0 0 0 17 0 \
         0 0 0 0 0 {} {} {} {} {} {} {} {}\n",
        process.parent(),
        own.minor_faults,
        children.minor_faults,
        own.major_faults,
        children.major_faults,
        own.user / TICK,
        own.system / TICK,
        children.user / TICK,
        children.system / TICK,
        total * 4096,
        layout.code.0,
        layout.code.1,
        layout.stack,
        layout.data.0,
        layout.data.1,
        layout.brk_start,
        layout.args.0,
        layout.args.1,
        layout.env.0,
        layout.env.1,
        process.exit_status(),
    );
    out.extend_from_slice(rest.as_bytes());
    out
}

pub fn statm(process: &Process) -> Vec<u8> {
    let memory = Memory::of(process);
    let (total, resident) = (memory.total, memory.resident);
    let kinds = resident_kinds(process);
    let shared = kinds.file + kinds.shared_memory;
    let (code, data) = (memory.code(), memory.data + memory.stack);
    format!("{total} {resident} {shared} {code} 0 {data} 0\n").into_bytes()
}

pub fn status(process: &Arc<Process>, thread: Option<&Arc<Thread>>) -> Vec<u8> {
    let (name, state) = name_and_state(process, thread.map(|t| &**t));
    let credentials = process.credentials();
    let memory = Memory::of(process);
    let id = thread.map_or(process.pid, |thread| thread.tid());
    let mut out = b"Name:\t".to_vec();
    out.extend_from_slice(&name);
    let long = match state {
        'R' => "running",
        'T' => "stopped",
        't' => "tracing stop",
        'Z' => "zombie",
        'X' => "dead",
        _ => "sleeping",
    };
    let traced = match thread {
        Some(thread) => Some(thread.clone()),
        None => process.threads().into_iter().next(),
    };
    let tracer = traced.map_or(0, |thread| thread.trace.tracer());
    let mut text = String::new();
    let ids = |ids: &crate::task::credentials::Ids| {
        format!("{}\t{}\t{}\t{}", ids.real, ids.effective, ids.saved, ids.fs)
    };
    let _ = write!(
        text,
        "\nUmask:\t{:04o}\nState:\t{state} ({long})\nTgid:\t{}\nNgid:\t0\nPid:\t{id}\nPPid:\t{}\n\
         TracerPid:\t{}\nUid:\t{}\nGid:\t{}\nFDSize:\t{}\nGroups:\t",
        process.fs().umask(),
        process.pid,
        process.parent(),
        tracer,
        ids(&credentials.uid),
        ids(&credentials.gid),
        process.files().capacity().next_power_of_two().max(64),
    );
    for group in credentials.groups.iter() {
        let _ = write!(text, "{group} ");
    }
    text.push('\n');
    let kinds = resident_kinds(process);
    for (name, pages) in [
        ("VmPeak", memory.peak),
        ("VmSize", memory.total),
        ("VmLck", memory.locked),
        ("VmHWM", memory.resident_peak),
        ("VmRSS", memory.resident),
        ("RssAnon", kinds.anonymous),
        ("RssFile", kinds.file),
        ("RssShmem", kinds.shared_memory),
        ("VmData", memory.data),
        ("VmStk", memory.stack),
        ("VmExe", memory.code()),
    ] {
        let _ = writeln!(text, "{name}:\t{:>8} kB", pages * (PAGE_SIZE / 1024));
    }
    let _ = writeln!(text, "Threads:\t{}", process.thread_count());
    let (shared, ignored, caught) = {
        let signals = process.signals.lock();
        let (mut ignored, mut caught) = (0u64, 0u64);
        for signal in 1..=64 {
            match signals.actions.get(signal).handler {
                0 => {}
                1 => ignored |= 1 << (signal - 1),
                _ => caught |= 1 << (signal - 1),
            }
        }
        (signals.pending.set().0, ignored, caught)
    };
    let leader = process.threads().first().cloned();
    let (pending, blocked) = thread.or(leader.as_ref()).map_or((0, 0), |thread| {
        let signals = thread.signals.lock();
        (signals.pending.set().0, signals.blocked.0)
    });
    let seccomp = thread.or(leader.as_ref()).map_or((0, 0), |thread| {
        (thread.seccomp.mode() as u32, thread.seccomp.count())
    });
    let _ = write!(
        text,
        "SigQ:\t0/32768\nSigPnd:\t{pending:016x}\nShdPnd:\t{shared:016x}\nSigBlk:\t{blocked:016x}\n\
         SigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\nCapInh:\t{:016x}\nCapPrm:\t{:016x}\n\
         CapEff:\t{:016x}\nCapBnd:\t{:016x}\nCapAmb:\t{:016x}\nNoNewPrivs:\t{}\n\
         Seccomp:\t{}\nSeccomp_filters:\t{}\n",
        credentials.inheritable.bits(),
        credentials.permitted.bits(),
        credentials.effective.bits(),
        credentials.bounding.bits(),
        credentials.ambient.bits(),
        u32::from(credentials.no_new_privileges),
        seccomp.0,
        seccomp.1,
    );
    let online = crate::sched::cpu::online();
    let usage = process.total_usage();
    let _ = write!(
        text,
        "Cpus_allowed:\t{online:x}\nMems_allowed:\t1\nvoluntary_ctxt_switches:\t{}\n\
         nonvoluntary_ctxt_switches:\t{}\n",
        usage.switches, usage.preemptions,
    );
    out.extend_from_slice(text.as_bytes());
    out
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
        let _ = writeln!(text, "{name:<25} {soft:<20} {hard:<20} {unit:<10}");
    }
    Ok(text.into_bytes())
}
