//! Calls that tell of the machine and the program, and small switches: uname, sysinfo, getrandom,
//! prctl, arch_prctl, membarrier, reboot.

use super::credentials::{Capabilities, LAST_CAPABILITY, SECURE_KEEP_CAPS};
use super::dump;
use super::seccomp::calls as seccomp;
use super::signal::is_valid;
use super::thread::DEFAULT_SLACK;
use super::tree;
use crate::errno::{Errno, Result};
use crate::ipc::netlink::connector;
use crate::linux::general as raw;
use crate::linux::prctl as pr;
use crate::mm::map::space_of;
use crate::mm::object;
use crate::mm::uptr::UserPtr;
use crate::sched::{cpu, loadavg};
use crate::syscall::table::SyscallCtx;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::Ordering::Relaxed;
use ochre_hal::USER_END;
use ochre_hal::frame;
use ochre_hal::sync::SpinLock;

/// What uname's release says: the Linux whose interface this is.
pub const RELEASE: &str = "6.1.0-ochre";
pub const VERSION: &str = "#1 SMP PREEMPT Ochre";

const FIELD: usize = 65;

/// The names that sethostname and setdomainname change.
static NAMES: SpinLock<[[u8; FIELD]; 2]> = SpinLock::new(
    crate::lock_order::CELL,
    [padded(b"ochre"), padded(b"(none)")],
);

const fn padded(text: &[u8]) -> [u8; FIELD] {
    let mut out = [0; FIELD];
    let mut i = 0;
    while i < text.len() {
        out[i] = text[i];
        i += 1;
    }
    out
}

/// One of the two names that can be set.
#[derive(Clone, Copy)]
pub enum NameOf {
    Host = 0,
    Domain = 1,
}

#[must_use]
pub fn name(of: NameOf) -> [u8; FIELD] {
    NAMES.lock()[of as usize]
}

/// Sets it, cut to what there is room for.
pub fn rename(of: NameOf, name: &[u8]) {
    let mut field = [0; FIELD];
    let len = name.len().min(FIELD - 1);
    field[..len].copy_from_slice(&name[..len]);
    NAMES.lock()[of as usize] = field;
}

pub fn uname(out: usize) -> Result<usize> {
    let [node, domain] = *NAMES.lock();
    let fields = [
        padded(b"Linux"),
        node,
        padded(RELEASE.as_bytes()),
        padded(VERSION.as_bytes()),
        padded(b"x86_64"),
        domain,
    ];
    UserPtr::<u8>::new(out).write_slice(fields.as_flattened())?;
    Ok(0)
}

/// sethostname and setdomainname.
pub fn set_name(ctx: &SyscallCtx<'_>, which: NameOf, name: usize, len: usize) -> Result<usize> {
    if !ctx.thread.credentials().can(Capabilities::SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    let bytes = UserPtr::<u8>::new(name).read_vec(len, FIELD - 1)?;
    rename(which, &bytes);
    Ok(0)
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SysInfo {
    uptime: u64,
    loads: [u64; 3],
    total_ram: u64,
    free_ram: u64,
    shared_ram: u64,
    buffer_ram: u64,
    total_swap: u64,
    free_swap: u64,
    procs: u16,
    _pad: u16,
    _pad2: u32,
    total_high: u64,
    free_high: u64,
    unit: u32,
    _end: u32,
}

pub fn sysinfo(out: usize) -> Result<usize> {
    let stats = frame::stats();
    // One thread is 1 << 16 here (SI_LOAD_SHIFT).
    let loads = loadavg::averages().map(|average| average * (1 << 16) / loadavg::ONE);
    UserPtr::<SysInfo>::new(out).write(&SysInfo {
        uptime: crate::time::monotonic() / crate::time::NANOS_PER_SECOND,
        loads,
        total_ram: stats.total as u64 * 4096,
        free_ram: stats.free as u64 * 4096,
        shared_ram: object::pages_in_memory().0 * 4096,
        procs: u16::try_from(tree::thread_count()).unwrap_or(u16::MAX),
        unit: 1,
        ..SysInfo::zeroed()
    })?;
    Ok(0)
}

pub fn getrandom(out: usize, len: usize, flags: u32) -> Result<usize> {
    /// Bytes between two looks at what else there is to do.
    const STEP: usize = 4096;
    let known = raw::GRND_NONBLOCK | raw::GRND_RANDOM | raw::GRND_INSECURE;
    let exclusive = raw::GRND_RANDOM | raw::GRND_INSECURE;
    if flags & !known != 0 || flags & exclusive == exclusive {
        return Err(Errno::EINVAL);
    }
    let len = len.min(i32::MAX as usize);
    let mut done = 0;
    while done < len {
        let mut block = [0u8; 256];
        crate::random::fill(&mut block);
        let n = block.len().min(len - done);
        let copied = ochre_hal::uaccess::copy_out(out.wrapping_add(done), &block[..n]);
        if copied.is_err() {
            return if done == 0 {
                Err(Errno::EFAULT)
            } else {
                Ok(done)
            };
        }
        done += n;
        if done.is_multiple_of(STEP) && !cpu::keep_on() {
            break;
        }
    }
    Ok(done)
}

pub fn arch_prctl(ctx: &mut SyscallCtx<'_>, code: usize, addr: usize) -> Result<usize> {
    match code as u32 {
        0x1001 | 0x1002 if addr >= USER_END => return Err(Errno::EPERM),
        0x1001 => ctx.user.gs_base = addr,
        0x1002 => ctx.user.fs_base = addr,
        0x1003 => UserPtr::<usize>::new(addr).write(&ctx.user.fs_base)?,
        0x1004 => UserPtr::<usize>::new(addr).write(&ctx.user.gs_base)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// Bytes of a name with its NUL (TASK_COMM_LEN).
const NAME: usize = 16;

pub fn prctl(ctx: &mut SyscallCtx<'_>, args: [usize; 6]) -> Result<usize> {
    let [option, a, b, c, d, _] = args;
    let (thread, process) = (ctx.thread, ctx.process);
    let flag = |on: bool| Ok(usize::from(on));
    match option as u32 {
        pr::PR_SET_NAME => {
            let mut name = [0; NAME - 1];
            let len = ochre_hal::uaccess::copy_in_str(&mut name, a)?;
            thread.set_name(&name[..len]);
            connector::is_renamed(thread);
            Ok(0)
        }
        pr::PR_GET_NAME => {
            UserPtr::<[u8; NAME]>::new(a).write(&thread.name())?;
            Ok(0)
        }
        pr::PR_SET_PDEATHSIG => {
            if a != 0 && !is_valid(a) {
                return Err(Errno::EINVAL);
            }
            thread.parent_death_signal.store(a as u32, Relaxed);
            Ok(0)
        }
        pr::PR_GET_PDEATHSIG => {
            UserPtr::<u32>::new(a).write(&thread.parent_death_signal.load(Relaxed))?;
            Ok(0)
        }
        pr::PR_GET_DUMPABLE => Ok(process.dumpable.load(Relaxed) as usize),
        pr::PR_SET_DUMPABLE if a <= dump::ITS_USER as usize => {
            process.dumpable.store(a as u32, Relaxed);
            Ok(0)
        }
        pr::PR_GET_KEEPCAPS => flag(thread.credentials().secure_bits & SECURE_KEEP_CAPS != 0),
        pr::PR_SET_KEEPCAPS if a <= 1 => {
            let mut new = (*thread.credentials()).clone();
            new.secure_bits &= !SECURE_KEEP_CAPS;
            if a == 1 {
                new.secure_bits |= SECURE_KEEP_CAPS;
            }
            thread.set_credentials(new);
            Ok(0)
        }
        pr::PR_GET_SECUREBITS => Ok(thread.credentials().secure_bits as usize),
        pr::PR_SET_SECUREBITS => {
            let mut new = (*thread.credentials()).clone();
            if !new.can(Capabilities::SETPCAP) {
                return Err(Errno::EPERM);
            }
            new.secure_bits = a as u32;
            thread.set_credentials(new);
            Ok(0)
        }
        pr::PR_SET_NO_NEW_PRIVS => {
            if a != 1 || b != 0 || c != 0 || d != 0 {
                return Err(Errno::EINVAL);
            }
            thread.no_new_privileges.store(true, Relaxed);
            Ok(0)
        }
        pr::PR_GET_NO_NEW_PRIVS => flag(thread.no_new_privileges.load(Relaxed)),
        pr::PR_CAPBSET_READ => flag(thread.credentials().bounding.contains(capability(a)?)),
        pr::PR_CAPBSET_DROP => {
            let mut new = (*thread.credentials()).clone();
            if !new.can(Capabilities::SETPCAP) {
                return Err(Errno::EPERM);
            }
            new.bounding -= capability(a)?;
            thread.set_credentials(new);
            Ok(0)
        }
        pr::PR_CAP_AMBIENT => ambient(ctx, a as u32, b),
        pr::PR_SET_CHILD_SUBREAPER => {
            process.set_subreaper(a != 0);
            Ok(0)
        }
        pr::PR_GET_CHILD_SUBREAPER => {
            UserPtr::<u32>::new(a).write(&u32::from(process.is_subreaper()))?;
            Ok(0)
        }
        pr::PR_SET_TIMERSLACK => {
            thread
                .timer_slack
                .store(if a == 0 { DEFAULT_SLACK } else { a as u64 }, Relaxed);
            Ok(0)
        }
        pr::PR_GET_TIMERSLACK => Ok(thread.timer_slack.load(Relaxed) as usize),
        pr::PR_GET_SECCOMP => Ok(thread.seccomp.mode() as usize),
        pr::PR_SET_SECCOMP => seccomp::set_by_prctl(ctx, a, b),
        pr::PR_SET_SYSCALL_USER_DISPATCH => {
            thread.user_dispatch.set(a, b, c, d)?;
            Ok(0)
        }
        pr::PR_GET_TSC => {
            UserPtr::<u32>::new(a).write(&pr::PR_TSC_ENABLE)?;
            Ok(0)
        }
        pr::PR_SET_THP_DISABLE if b | c | d == 0 => {
            let space = process.space().ok_or(Errno::ESRCH)?;
            space.lock().small_pages_only = a != 0;
            Ok(0)
        }
        pr::PR_GET_THP_DISABLE if a | b | c | d == 0 => {
            let space = process.space().ok_or(Errno::ESRCH)?;
            let only = space.lock().small_pages_only;
            Ok(usize::from(only))
        }
        // Who may trace whom isn't bounded further.
        pr::PR_SET_PTRACER => Ok(0),
        pr::PR_MCE_KILL | pr::PR_MCE_KILL_GET => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// The capability of a number.
fn capability(number: usize) -> Result<Capabilities> {
    if number > LAST_CAPABILITY as usize {
        return Err(Errno::EINVAL);
    }
    Ok(Capabilities::from_bits_truncate(1 << number))
}

fn ambient(ctx: &SyscallCtx<'_>, action: u32, number: usize) -> Result<usize> {
    let mut new = (*ctx.thread.credentials()).clone();
    if action == pr::PR_CAP_AMBIENT_CLEAR_ALL {
        new.ambient = Capabilities::empty();
        ctx.thread.set_credentials(new);
        return Ok(0);
    }
    let one = capability(number)?;
    match action {
        pr::PR_CAP_AMBIENT_IS_SET => return Ok(usize::from(new.ambient.contains(one))),
        pr::PR_CAP_AMBIENT_LOWER => new.ambient -= one,
        pr::PR_CAP_AMBIENT_RAISE => {
            if !(new.permitted & new.inheritable).contains(one) {
                return Err(Errno::EPERM);
            }
            new.ambient |= one;
        }
        _ => return Err(Errno::EINVAL),
    }
    ctx.thread.set_credentials(new);
    Ok(0)
}

/// Each command returns when the CPUs that it is about have passed a barrier; none is the quicker one.
pub fn membarrier(ctx: &SyscallCtx<'_>, command: u32, flags: u32) -> Result<usize> {
    const GLOBAL: u32 = 1;
    const GLOBAL_EXPEDITED: u32 = 2;
    const REGISTER_GLOBAL: u32 = 4;
    const PRIVATE: u32 = 8;
    const REGISTER_PRIVATE: u32 = 16;
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        0 => {
            Ok((GLOBAL | GLOBAL_EXPEDITED | REGISTER_GLOBAL | PRIVATE | REGISTER_PRIVATE) as usize)
        }
        REGISTER_PRIVATE => {
            space_of(ctx)?.private_barriers.store(true, Relaxed);
            Ok(0)
        }
        REGISTER_GLOBAL => Ok(0),
        PRIVATE => {
            let space = space_of(ctx)?;
            if !space.private_barriers.load(Relaxed) {
                return Err(Errno::EPERM);
            }
            space.lock().table.barrier();
            Ok(0)
        }
        GLOBAL | GLOBAL_EXPEDITED => {
            ochre_hal::cpu::barrier_everywhere();
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

pub fn reboot(ctx: &SyscallCtx<'_>, magic: usize, magic2: usize, command: u32) -> Result<usize> {
    const MAGIC: u32 = 0xfee1_dead;
    const MAGIC2: [u32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
    if !ctx.thread.credentials().can(Capabilities::SYS_BOOT) {
        return Err(Errno::EPERM);
    }
    if magic as u32 != MAGIC || !MAGIC2.contains(&(magic2 as u32)) {
        return Err(Errno::EINVAL);
    }
    match command {
        // RESTART, RESTART2
        0x0123_4567 | 0xa1b2_c3d4 => {
            crate::ipc::tty::settle();
            ochre_hal::cpu::reboot()
        }
        // HALT, POWER_OFF
        0xcdef_0123 | 0x4321_fedc => {
            crate::ipc::tty::settle();
            ochre_hal::cpu::power_off()
        }
        // CAD_ON, CAD_OFF: the keyboard is not the kernel's.
        0x89ab_cdef | 0 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub fn personality(ctx: &SyscallCtx<'_>, new: usize) -> Result<usize> {
    let old = ctx.process.personality.load(Relaxed);
    if new as u32 != u32::MAX {
        ctx.process.personality.store(new as u32, Relaxed);
    }
    Ok(old as usize)
}
