//! ptrace(2) and its relatives: the tracer's side.

use super::debug;
use super::registers::{FXSAVE, General, TRAP_FLAG};
use super::{Kind, Mode, Options, State, Stop, attach};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::calls::vector_of;
use crate::fs::landlock::Confinement;
use crate::linux::general as raw;
use crate::linux::ptrace as pt;
use crate::mm::remote;
use crate::mm::space::AddressSpace;
use crate::mm::uptr::UserPtr;
use crate::sched::cpu;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use crate::task::credentials::{Capabilities, Credentials};
use crate::task::dump;
use crate::task::process::Process;
use crate::task::signal::info::{self, SigInfo};
use crate::task::signal::{self, Attention, SIGKILL, SIGSTOP, SignalSet, is_valid};
use crate::task::thread::Thread;
use crate::task::{Pid, tree};
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission::Room;

/// The sets of registers of PTRACE_GETREGSET.
const NT_PRSTATUS: usize = 1;
const NT_PRFPREG: usize = 2;
const NT_X86_XSTATE: usize = 0x202;

/// AUDIT_ARCH_X86_64.
const ARCHITECTURE: u32 = 0xc000_003e;

/// `struct user`: its size, where its debug registers are, and bytes of its general ones.
const USER: usize = 928;
const DEBUG_REGISTERS: usize = 848;
const GENERAL: usize = size_of::<General>();

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, args: Args) -> Answer {
    let [a, b, c, d, e, f] = args;
    Some(match number {
        raw::__NR_ptrace => ptrace(ctx, a as u32, b as i32, c, d),
        raw::__NR_process_vm_readv => transfer(ctx, a as i32, (b, c), (d, e), f, false),
        raw::__NR_process_vm_writev => transfer(ctx, a as i32, (b, c), (d, e), f, true),
        _ => return None,
    })
}

/// By which of its numbers somebody is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// PTRACE_MODE_REALCREDS: by those of who calls ptrace and the like.
    Real,
    /// PTRACE_MODE_FSCREDS: as who opens a file, of /proc.
    Fs,
}

/// Whom somebody looks into: one of the threads, or a process as its leader is.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub process: &'a Arc<Process>,
    pub thread: Option<&'a Thread>,
}

impl<'a> From<&'a Arc<Process>> for Target<'a> {
    fn from(process: &'a Arc<Process>) -> Target<'a> {
        Target {
            process,
            thread: None,
        }
    }
}

impl<'a> From<&'a Arc<Thread>> for Target<'a> {
    fn from(thread: &'a Arc<Thread>) -> Target<'a> {
        Target {
            process: thread.process(),
            thread: Some(thread),
        }
    }
}

impl Target<'_> {
    #[must_use]
    pub fn credentials(&self) -> Arc<Credentials> {
        let process = || self.process.credentials();
        self.thread.map_or_else(process, Thread::credentials)
    }
}

/// EPERM unless `thread` may look into `target`, and change it. Who makes use of that holds the target's
/// lock for it.
fn check_access(thread: &Thread, of: Target<'_>, by: By) -> Result {
    let target = of.process;
    if thread.process().pid == target.pid {
        return Ok(());
    }
    let covered = |theirs: &Arc<Thread>| thread.landlock.covers(&theirs.landlock);
    if !target.with_threads(|theirs| theirs.iter().all(covered)) {
        return Err(Errno::EPERM);
    }
    let (mine, theirs) = (thread.credentials(), of.credentials());
    if mine.can(Capabilities::SYS_PTRACE) {
        return Ok(());
    }
    let (my_uid, my_gid, capabilities) = match by {
        By::Real => (mine.uid.real, mine.gid.real, mine.permitted),
        By::Fs => (mine.uid.fs, mine.gid.fs, mine.effective),
    };
    let (uid, gid) = (theirs.uid, theirs.gid);
    let same = [uid.real, uid.effective, uid.saved]
        .iter()
        .all(|&id| id == my_uid)
        && [gid.real, gid.effective, gid.saved]
            .iter()
            .all(|&id| id == my_gid);
    let dumpable = target.dumpable.load(core::sync::atomic::Ordering::Relaxed) == dump::ITS_USER;
    if same && dumpable && capabilities.contains(theirs.permitted) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

/// What `take` has of `target`, if `thread` may look into that ([`check_access`]): of the program that
/// it may look into, and not of one that is executed meanwhile.
pub fn access<'a, T>(
    thread: &Thread,
    target: impl Into<Target<'a>>,
    by: By,
    take: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let target = target.into();
    let _steady = target.process.inspection.lock();
    check_access(thread, target, by)?;
    take()
}

/// As [`access`], of two, which may be of one process.
pub fn access_both<T>(
    thread: &Thread,
    (one, other): (Target<'_>, Target<'_>),
    by: By,
    take: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let (first, second) = (one.process, other.process);
    if Arc::ptr_eq(first, second) {
        let both = || check_access(thread, other, by).and_then(|()| take());
        return access(thread, one, by, both);
    }
    let (first, second) = if Arc::as_ptr(first) < Arc::as_ptr(second) {
        (first, second)
    } else {
        (second, first)
    };
    let _steady = first.inspection.lock();
    let _steady_too = second.inspection.lock_same_rank();
    check_access(thread, one, by)?;
    check_access(thread, other, by)?;
    take()
}

/// Whether no thread of `process` is confined in a way in which `other` is not.
fn covers(process: &Process, other: &Confinement) -> bool {
    process.with_threads(|threads| threads.iter().all(|t| t.landlock.covers(other)))
}

fn ptrace(ctx: &SyscallCtx<'_>, request: u32, tid: i32, addr: usize, data: usize) -> Result<usize> {
    if request == pt::PTRACE_TRACEME {
        let parent = tree::parent_process(ctx.process.pid).ok_or(Errno::EPERM)?;
        if !covers(&parent, &ctx.thread.landlock) {
            return Err(Errno::EPERM);
        }
        let done = attach(ctx.thread, &parent, false, Options::empty());
        return if done { Ok(0) } else { Err(Errno::EPERM) };
    }
    let tid = Pid::try_from(tid).map_err(|_| Errno::ESRCH)?;
    let thread = tree::thread(tid).ok_or(Errno::ESRCH)?;
    match request {
        pt::PTRACE_ATTACH => return begin(ctx, &thread, false, Options::empty()),
        pt::PTRACE_SEIZE => {
            if addr != 0 {
                return Err(Errno::EIO);
            }
            return begin(ctx, &thread, true, options_of(data)?);
        }
        _ => {}
    }
    if thread.trace.tracer() != ctx.process.pid {
        return Err(Errno::ESRCH);
    }
    match request {
        pt::PTRACE_KILL => {
            if thread.trace.is_stopped() {
                signal::send_to_thread(&thread, SigInfo::kernel(SIGKILL));
            }
            return Ok(0);
        }
        pt::PTRACE_INTERRUPT => {
            if !thread.trace.state.lock().seized {
                return Err(Errno::EIO);
            }
            if !thread.trace.is_stopped() || is_listening(&thread) {
                thread.notify(Attention::TRAP);
                thread.trace.resumed.wake_all(Events::all());
            }
            return Ok(0);
        }
        _ => {}
    }
    stopped(ctx, &thread, request, addr, data)
}

fn is_listening(thread: &Thread) -> bool {
    let state = thread.trace.state.lock();
    state.stop.as_ref().is_some_and(|stop| stop.listening)
}

fn options_of(data: usize) -> Result<Options> {
    u32::try_from(data)
        .ok()
        .and_then(Options::from_bits)
        .ok_or(Errno::EINVAL)
}

/// PTRACE_ATTACH and PTRACE_SEIZE.
fn begin(
    ctx: &SyscallCtx<'_>,
    thread: &Arc<Thread>,
    seized: bool,
    options: Options,
) -> Result<usize> {
    let target = thread.process();
    if target.pid == ctx.process.pid {
        return Err(Errno::EPERM);
    }
    access(ctx.thread, thread, By::Real, || {
        let attached = !target.is_zombie() && attach(thread, ctx.process, seized, options);
        attached.then_some(()).ok_or(Errno::EPERM)
    })?;
    if !seized {
        let pid = ctx.process.pid;
        let uid = ctx.thread.credentials().uid.real;
        signal::send_to_thread(thread, SigInfo::user(SIGSTOP, pid, uid));
    }
    // One that is stopped already says so to its tracer from now on.
    target.changed.wake_all(Events::all());
    Ok(0)
}

/// What needs the thread to be stopped.
fn stopped(
    ctx: &SyscallCtx<'_>,
    thread: &Arc<Thread>,
    request: u32,
    addr: usize,
    data: usize,
) -> Result<usize> {
    if !is_held(&thread.trace.state.lock()) {
        return Err(Errno::ESRCH);
    }
    let memory = || -> Result<Arc<AddressSpace>> { thread.process().space().ok_or(Errno::EIO) };
    match request {
        pt::PTRACE_PEEKTEXT | pt::PTRACE_PEEKDATA => {
            let mut word = [0; 8];
            if remote::fetch(&memory()?, addr, &mut word)? < word.len() {
                return Err(Errno::EIO);
            }
            UserPtr::new(data).write(&word)?;
            Ok(0)
        }
        pt::PTRACE_POKETEXT | pt::PTRACE_POKEDATA => {
            let word = data.to_ne_bytes();
            if remote::store(&memory()?, addr, &word, true)? < word.len() {
                return Err(Errno::EIO);
            }
            Ok(0)
        }
        pt::PTRACE_CONT | pt::PTRACE_SYSCALL | pt::PTRACE_SINGLESTEP => {
            let mode = match request {
                pt::PTRACE_SYSCALL => Mode::TRACED | Mode::CALLS,
                pt::PTRACE_SINGLESTEP => Mode::TRACED | Mode::STEP,
                _ => Mode::TRACED,
            };
            resume(thread, mode, data)
        }
        pt::PTRACE_DETACH => {
            resume(thread, Mode::empty(), data)?;
            thread.trace.forget();
            ctx.process.tracer.remove(thread);
            // A stop of all of the process is its own again.
            if thread.process().is_stopped() {
                thread.notify(Attention::STOP);
            }
            Ok(0)
        }
        pt::PTRACE_LISTEN => {
            let mut state = thread.trace.state.lock();
            let seized = state.seized;
            let stop = state.stop.as_mut().ok_or(Errno::ESRCH)?;
            if !seized || stop.status >> 16 != super::Event::Stop as u32 {
                return Err(Errno::EIO);
            }
            stop.listening = true;
            drop(state);
            thread.trace.resumed.wake_all(Events::all());
            Ok(0)
        }
        pt::PTRACE_SETOPTIONS => {
            let options = options_of(data)?;
            thread.trace.state.lock().options = options;
            Ok(0)
        }
        pt::PTRACE_GETEVENTMSG => {
            let message = thread.trace.state.lock().message;
            UserPtr::new(data).write(&message)?;
            Ok(0)
        }
        pt::PTRACE_GETSIGMASK | pt::PTRACE_SETSIGMASK if addr != 8 => Err(Errno::EINVAL),
        pt::PTRACE_GETSIGMASK => {
            let mask = thread.signals.lock().blocked.0;
            UserPtr::new(data).write(&mask)?;
            Ok(0)
        }
        pt::PTRACE_SETSIGMASK => {
            let mask = SignalSet(UserPtr::<u64>::new(data).read()?);
            signal::send::set_mask(thread, mask);
            Ok(0)
        }
        _ => inspect(thread, request, addr, data),
    }
}

fn is_held(state: &State) -> bool {
    state
        .stop
        .as_ref()
        .is_some_and(|stop| stop.resumed.is_none() && !stop.listening)
}

/// Lets the thread go on, with a signal or 0.
fn resume(thread: &Arc<Thread>, mode: Mode, data: usize) -> Result<usize> {
    if data != 0 && !is_valid(data) {
        return Err(Errno::EIO);
    }
    {
        let mut state = thread.trace.state.lock();
        let stop = state.stop.as_mut().ok_or(Errno::ESRCH)?;
        if mode.contains(Mode::STEP) {
            stop.registers.regs.rflags |= TRAP_FLAG;
        }
        stop.resumed = Some(data as u32);
        thread.trace.set_mode(mode);
    }
    thread.trace.resumed.wake_all(Events::all());
    Ok(0)
}

/// Bytes of one of the sets of registers.
fn set_of(stop: &Stop, kind: usize) -> Result<Vec<u8>> {
    let registers = &stop.registers;
    let general = registers.general();
    let bytes = match kind {
        NT_PRSTATUS => bytemuck::bytes_of(&general),
        NT_PRFPREG => registers.fpu.get(..FXSAVE).ok_or(Errno::EIO)?,
        NT_X86_XSTATE if registers.fpu.len() > FXSAVE => &registers.fpu,
        _ => return Err(Errno::EINVAL),
    };
    let mut out = Vec::new();
    out.room_exact(bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(out)
}

fn set_general(stop: &mut Stop, bytes: &[u8]) -> Result {
    let mut general = stop.registers.general();
    let target = bytemuck::bytes_of_mut(&mut general);
    let len = bytes.len().min(target.len());
    target[..len].copy_from_slice(&bytes[..len]);
    stop.registers.set_general(&general)
}

/// Calls that read or write what the stopped thread left.
fn inspect(thread: &Thread, request: u32, addr: usize, data: usize) -> Result<usize> {
    let trace = &thread.trace;
    let read = |kind: usize| -> Result<Vec<u8>> {
        let state = trace.state.lock();
        set_of(state.stop.as_ref().ok_or(Errno::ESRCH)?, kind)
    };
    let change = |change: &dyn Fn(&mut Stop) -> Result| -> Result<usize> {
        let mut state = trace.state.lock();
        let stop = state.stop.as_mut().ok_or(Errno::ESRCH)?;
        change(stop).map(|()| 0)
    };
    match request {
        pt::PTRACE_GETREGS => {
            UserPtr::<u8>::new(data).write_slice(&read(NT_PRSTATUS)?)?;
            Ok(0)
        }
        pt::PTRACE_GETFPREGS => {
            UserPtr::<u8>::new(data).write_slice(&read(NT_PRFPREG)?)?;
            Ok(0)
        }
        pt::PTRACE_SETREGS => {
            let bytes = UserPtr::<u8>::new(data).read_vec(GENERAL, GENERAL)?;
            change(&|stop| set_general(stop, &bytes))
        }
        pt::PTRACE_SETFPREGS => {
            let bytes = UserPtr::<u8>::new(data).read_vec(FXSAVE, FXSAVE)?;
            change(&|stop| {
                stop.registers.set_fpu(&bytes);
                Ok(())
            })
        }
        pt::PTRACE_GETREGSET | pt::PTRACE_SETREGSET => {
            let vector = UserPtr::<usize>::new(data);
            let (base, len) = (vector.read()?, vector.element(1).read()?);
            let old = read(addr)?;
            if !len.is_multiple_of(8) {
                return Err(Errno::EINVAL);
            }
            let len = len.min(old.len());
            if request == pt::PTRACE_GETREGSET {
                UserPtr::<u8>::new(base).write_slice(&old[..len])?;
            } else {
                let bytes = UserPtr::<u8>::new(base).read_vec(len, old.len())?;
                change(&|stop| match addr {
                    NT_PRSTATUS => set_general(stop, &bytes),
                    _ => {
                        stop.registers.set_fpu(&bytes);
                        Ok(())
                    }
                })?;
            }
            vector.element(1).write(&len)?;
            Ok(0)
        }
        pt::PTRACE_PEEKUSR | pt::PTRACE_POKEUSR => user_word(thread, request, addr, data),
        pt::PTRACE_GETSIGINFO => {
            let bytes = {
                let state = trace.state.lock();
                let stop = state.stop.as_ref().ok_or(Errno::ESRCH)?;
                if stop.kind == Kind::Group {
                    return Err(Errno::EINVAL);
                }
                stop.info.to_bytes()
            };
            UserPtr::new(data).write(&bytes)?;
            Ok(0)
        }
        pt::PTRACE_SETSIGINFO => {
            let bytes = UserPtr::<[u8; info::SIZE]>::new(data).read()?;
            let number = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            change(&|stop| {
                stop.info = SigInfo::from_bytes(number, &bytes);
                Ok(())
            })
        }
        pt::PTRACE_GET_SYSCALL_INFO => call_info(thread, addr, data),
        _ => Err(Errno::EIO),
    }
}

/// A word of `struct user`.
fn user_word(thread: &Thread, request: u32, at: usize, data: usize) -> Result<usize> {
    if !at.is_multiple_of(8) || at > USER - 8 {
        return Err(Errno::EIO);
    }
    let writes = request == pt::PTRACE_POKEUSR;
    let mut state = thread.trace.state.lock();
    let stop = state.stop.as_mut().ok_or(Errno::ESRCH)?;
    if let Some(n) = at.checked_sub(DEBUG_REGISTERS)
        && n < 64
    {
        let registers = &mut stop.registers.debug;
        if writes {
            return debug::set(registers, n / 8, data).map(|()| 0);
        }
        let value = debug::get(registers, n / 8);
        drop(state);
        UserPtr::new(data).write(&value)?;
        return Ok(0);
    }
    let mut general = stop.registers.general();
    match general.words.get_mut(at / 8) {
        Some(word) if writes => {
            *word = data;
            stop.registers.set_general(&general)?;
            Ok(0)
        }
        found => {
            let value = found.map_or(0, |word| *word);
            drop(state);
            if !writes {
                UserPtr::new(data).write(&value)?;
                return Ok(0);
            }
            Err(Errno::EIO)
        }
    }
}

/// PTRACE_GET_SYSCALL_INFO.
fn call_info(thread: &Thread, size: usize, out: usize) -> Result<usize> {
    let mut bytes = [0_u8; 88];
    let len = {
        let state = thread.trace.state.lock();
        let stop = state.stop.as_ref().ok_or(Errno::ESRCH)?;
        let regs = &stop.registers.regs;
        let mut put = |at: usize, value: u64| {
            bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        };
        put(8, regs.rip as u64);
        put(16, regs.rsp as u64);
        let (operation, len) = match stop.kind {
            Kind::CallEntry | Kind::Seccomp => {
                let words = [
                    regs.orig_rax,
                    regs.rdi,
                    regs.rsi,
                    regs.rdx,
                    regs.r10,
                    regs.r8,
                    regs.r9,
                ];
                for (at, word) in words.into_iter().enumerate() {
                    put(24 + at * 8, word as u64);
                }
                if stop.kind == Kind::CallEntry {
                    (1, 80)
                } else {
                    put(80, state.message);
                    (3, 84)
                }
            }
            Kind::CallExit => {
                put(24, regs.rax as u64);
                (2, 33)
            }
            _ => (0, 24),
        };
        let failed = (-4095..0).contains(&regs.rax.cast_signed());
        bytes[0] = operation;
        bytes[4..8].copy_from_slice(&ARCHITECTURE.to_ne_bytes());
        if operation == 2 {
            bytes[32] = u8::from(failed);
        }
        len
    };
    UserPtr::<u8>::new(out).write_slice(&bytes[..len.min(size)])?;
    Ok(len)
}

fn memory_of(process: &Process) -> Result<Arc<AddressSpace>> {
    process.space().ok_or(Errno::ESRCH)
}

/// process_vm_readv and process_vm_writev: bytes between the caller and another process.
fn transfer(
    ctx: &SyscallCtx<'_>,
    pid: i32,
    local: (usize, usize),
    remote_ranges: (usize, usize),
    flags: usize,
    writes: bool,
) -> Result<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let ranges = vector_of(local.0, local.1)?;
    let others = vector_of(remote_ranges.0, remote_ranges.1)?;
    let pid = Pid::try_from(pid).map_err(|_| Errno::ESRCH)?;
    let space = match (tree::thread(pid), tree::process(pid)) {
        (Some(thread), _) => access(ctx.thread, &thread, By::Real, || {
            memory_of(thread.process())
        }),
        (None, Some(process)) => access(ctx.thread, &process, By::Real, || memory_of(&process)),
        (None, None) => Err(Errno::ESRCH),
    }?;
    let (mut dest, mut source) = (Dest::user(ranges.clone()), Source::user(ranges));
    let mut done = 0;
    let mut page = [0_u8; PAGE_SIZE];
    for range in others {
        let mut at = 0;
        while at < range.len {
            let here = if writes {
                source.remaining()
            } else {
                dest.remaining()
            };
            let n = page.len().min(range.len - at).min(here);
            if n == 0 {
                return Ok(done);
            }
            let moved = if writes {
                match source.take(&mut page[..n]) {
                    Ok(()) => remote::store(&space, range.addr + at, &page[..n], false),
                    Err(error) => Err(error),
                }
            } else {
                match remote::fetch(&space, range.addr + at, &mut page[..n]) {
                    Ok(got) => dest.put(&page[..got]).map(|()| got),
                    Err(error) => Err(error),
                }
            };
            match moved {
                Ok(moved) => {
                    done += moved;
                    at += moved;
                    if moved < n {
                        return Ok(done);
                    }
                    cpu::breathe();
                }
                Err(_) if done > 0 => return Ok(done),
                Err(_) => return Err(Errno::EFAULT),
            }
        }
    }
    Ok(done)
}
