//! What a core dump says of the process and its threads: ELF notes (Linux's elfcore.h and binfmt_elf).

use crate::mm::remote;
use crate::mm::space::AddressSpace;
use crate::mm::uptr::Timeval;
use crate::task::process::{Process, thread_usage};
use crate::task::signal::SigInfo;
use crate::task::thread::{NAME_LEN, Thread};
use crate::task::trace::registers::{FXSAVE, General, note_features};
use crate::task::tree;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable, bytes_of};
use core::sync::atomic::Ordering;
use ochre_hal::user::{UserContext, fpu_size};

/// Types of notes; those of the CPU's own state are Linux's, the others "CORE".
const PRSTATUS: u32 = 1;
const PRFPREG: u32 = 2;
const PRPSINFO: u32 = 3;
const AUXV: u32 = 6;
pub const FILE: u32 = 0x4649_4c45;
const SIGINFO: u32 = 0x5349_4749;
const X86_XSTATE: u32 = 0x202;

/// Bytes of a command line that are told.
const COMMAND: usize = 80;

/// `struct elf_prstatus`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Status {
    signal: i32,
    code: i32,
    errno: i32,
    current: u32,
    pending: u64,
    held: u64,
    pid: u32,
    parent: u32,
    group: u32,
    session: u32,
    user: Timeval,
    system: Timeval,
    children_user: Timeval,
    children_system: Timeval,
    registers: General,
    has_fpu: u64,
}

/// `struct elf_prpsinfo`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Info {
    state: u8,
    letter: u8,
    zombie: u8,
    nice: i8,
    _pad: u32,
    flags: u64,
    uid: u32,
    gid: u32,
    pid: u32,
    parent: u32,
    group: u32,
    session: u32,
    name: [u8; NAME_LEN],
    command: [[u8; 16]; COMMAND / 16],
}

const _: () = assert!(size_of::<Status>() == 336 && size_of::<Info>() == 136);

const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// Bytes of a note whose owner's name has `name` bytes with its NUL.
const fn note(name: usize, len: usize) -> usize {
    12 + padded(name) + padded(len)
}

fn owner(kind: u32) -> &'static [u8] {
    if kind == X86_XSTATE {
        b"LINUX\0\0\0"
    } else {
        b"CORE\0\0\0\0"
    }
}

/// A note's beginning: `len` bytes are to follow, and zeroes up to a multiple of 4.
pub fn head(kind: u32, len: usize, out: &mut Vec<u8>) {
    let name = owner(kind);
    let named = if kind == X86_XSTATE { 6_u32 } else { 5 };
    for word in [named, len as u32, kind] {
        out.extend_from_slice(&word.to_ne_bytes());
    }
    out.extend_from_slice(name);
}

/// Bytes of a note.
pub const fn size(kind: u32, len: usize) -> usize {
    note(if kind == X86_XSTATE { 6 } else { 5 }, len)
}

fn put(kind: u32, bytes: &[u8], out: &mut Vec<u8>) {
    head(kind, bytes.len(), out);
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Bytes that [`status`] and [`fpu`] put together.
pub fn of_thread() -> usize {
    let state = fpu_size();
    let extended = if state > FXSAVE {
        size(X86_XSTATE, state)
    } else {
        0
    };
    size(PRSTATUS, size_of::<Status>()) + size(PRFPREG, FXSAVE) + extended
}

/// Bytes that [`process`] puts.
pub fn of_process(space: &AddressSpace) -> usize {
    let auxv = space.auxv.lock().len();
    size(PRPSINFO, size_of::<Info>())
        + size(SIGINFO, crate::task::signal::info::SIZE)
        + size(AUXV, auxv)
}

/// A thread's status and general registers.
pub fn status(thread: &Thread, user: &UserContext, info: &SigInfo, out: &mut Vec<u8>) {
    let process = thread.process();
    let group = tree::group_of(process.pid);
    let pending = thread.signals.lock().pending.set();
    let held = thread.signals.lock().blocked;
    let usage = if thread.tid() == process.pid {
        process.total_usage()
    } else {
        thread_usage(thread)
    };
    let children = *process.children_usage.lock();
    let status = Status {
        signal: info.signal as i32,
        current: info.signal,
        pending: pending.0,
        held: held.0,
        pid: thread.tid(),
        parent: process.parent(),
        group: group.as_ref().map_or(0, |group| group.id),
        session: group.as_ref().map_or(0, |group| group.session.id),
        user: Timeval::from_nanos(usage.user),
        system: Timeval::from_nanos(usage.system),
        children_user: Timeval::from_nanos(children.user),
        children_system: Timeval::from_nanos(children.system),
        registers: General::of(&user.regs, user.fs_base, user.gs_base),
        has_fpu: 1,
        ..Status::zeroed()
    };
    put(PRSTATUS, bytes_of(&status), out);
}

/// A thread's floating point and vector registers.
pub fn fpu(user: &mut UserContext, out: &mut Vec<u8>) {
    let start = out.len();
    let legacy = user.fpu_bytes().get(..FXSAVE).unwrap_or_default();
    put(PRFPREG, legacy, out);
    let whole = user.fpu_bytes();
    if whole.len() > FXSAVE {
        put(X86_XSTATE, whole, out);
        let from = out.len() - padded(whole.len());
        note_features(&mut out[from..]);
    }
    note_features(&mut out[start + size(PRFPREG, 0)..]);
}

/// The process, how it died, and what it was started with.
pub fn process(
    process: &Process,
    thread: &Thread,
    space: &Arc<AddressSpace>,
    info: &SigInfo,
    out: &mut Vec<u8>,
) {
    let group = tree::group_of(process.pid);
    let credentials = process.credentials();
    let told = Info {
        letter: b'R',
        nice: thread.sched.nice.load(Ordering::Relaxed) as i8,
        uid: credentials.uid.real,
        gid: credentials.gid.real,
        pid: process.pid,
        parent: process.parent(),
        group: group.as_ref().map_or(0, |group| group.id),
        session: group.as_ref().map_or(0, |group| group.session.id),
        name: thread.name(),
        command: command(space),
        ..Info::zeroed()
    };
    put(PRPSINFO, bytes_of(&told), out);
    put(SIGINFO, &info.to_bytes(), out);
    put(AUXV, &space.auxv.lock(), out);
}

/// The arguments, with blanks between them.
fn command(space: &AddressSpace) -> [[u8; 16]; COMMAND / 16] {
    let (start, end) = space.lock().layout.args;
    let mut lines = [[0; 16]; COMMAND / 16];
    let command = lines.as_flattened_mut();
    let len = end.saturating_sub(start).min(COMMAND - 1);
    if remote::read(space, start, &mut command[..len]).is_err() {
        return Zeroable::zeroed();
    }
    for byte in &mut command[..len] {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    lines
}
