//! The system calls of this room: which number goes where.

use super::exec::calls as exec;
use super::identity::{self, Kind};
use super::seccomp::calls as seccomp;
use super::signal::calls as signals;
use super::{
    clock, clone, exit, futex, kcmp, misc, pidfd, resources, scheduling, signal, timex, tree, wait,
};
use crate::errno::{Errno, Result};
use crate::fs::kernel_log;
use crate::linux::general as nr;
use crate::mm::uptr::UserPtr;
use crate::sched::cpu;
use crate::syscall::table::{Answer, Args, SyscallCtx};
use core::sync::atomic::Ordering;

pub fn dispatch(ctx: &mut SyscallCtx<'_>, number: u32, args: Args) -> Answer {
    let [a, b, c, d, ..] = args;
    Some(match number {
        nr::__NR_getpid => Ok(ctx.process.pid as usize),
        nr::__NR_gettid => Ok(ctx.thread.tid() as usize),
        nr::__NR_getppid => Ok(ctx.process.parent() as usize),
        nr::__NR_futex => futex::call(ctx.thread, args),
        nr::__NR_sched_yield => {
            cpu::yield_now();
            Ok(0)
        }

        nr::__NR_fork => clone::fork(ctx),
        nr::__NR_vfork => clone::vfork(ctx),
        nr::__NR_clone => clone::clone(ctx, args),
        nr::__NR_clone3 => clone::clone3(ctx, a, b),
        nr::__NR_execve => exec::execve(ctx, a, b, c),
        nr::__NR_execveat => exec::execveat(ctx, args),
        nr::__NR_exit => exit_thread(ctx, a),
        nr::__NR_exit_group => {
            exit::group(ctx.thread, exit::exited(a));
            Ok(0)
        }
        nr::__NR_wait4 => wait::wait4(ctx, a, b, c, d),
        nr::__NR_waitid => wait::waitid(ctx, args),
        nr::__NR_unshare => clone::unshare(ctx, a as u32),
        nr::__NR_set_tid_address => {
            ctx.thread.clear_tid.store(a, Ordering::Relaxed);
            Ok(ctx.thread.tid() as usize)
        }
        nr::__NR_set_robust_list => set_robust_list(ctx, a, b),
        nr::__NR_get_robust_list => get_robust_list(ctx, a, b, c),
        nr::__NR_kcmp => kcmp::kcmp(ctx, args),
        nr::__NR_pidfd_open => pidfd::open(ctx, a, b as u32),
        nr::__NR_pidfd_send_signal => pidfd::send_signal(ctx, a as i32, b, c, d),
        nr::__NR_pidfd_getfd => pidfd::get_fd(ctx, a as i32, b as i32, c),

        nr::__NR_rt_sigaction => signals::sigaction(ctx, a, b, c, d),
        nr::__NR_rt_sigprocmask => signals::sigprocmask(ctx, a, b, c, d),
        nr::__NR_rt_sigreturn => signals::sigreturn(ctx),
        nr::__NR_rt_sigpending => signals::sigpending(ctx, a, b),
        nr::__NR_rt_sigsuspend => signals::sigsuspend(ctx, a, b),
        nr::__NR_rt_sigtimedwait => signals::sigtimedwait(ctx, a, b, c, d),
        nr::__NR_rt_sigqueueinfo => signals::sigqueueinfo(ctx, a, None, b, c),
        nr::__NR_rt_tgsigqueueinfo => signals::sigqueueinfo(ctx, a, Some(b), c, d),
        nr::__NR_sigaltstack => signals::sigaltstack(ctx, a, b),
        nr::__NR_pause => signals::pause(),
        nr::__NR_kill => signals::kill(ctx, a, b),
        nr::__NR_tkill => signals::tgkill(ctx, None, a, b),
        nr::__NR_tgkill => signals::tgkill(ctx, Some(a), b, c),
        nr::__NR_restart_syscall => clock::restart(ctx),

        nr::__NR_nanosleep => clock::nanosleep(ctx, nr::CLOCK_MONOTONIC as usize, 0, a, b),
        nr::__NR_clock_nanosleep => clock::nanosleep(ctx, a, b, c, d),
        nr::__NR_clock_gettime => clock::gettime(ctx, a, b),
        nr::__NR_clock_getres => clock::getres(ctx, a, b),
        nr::__NR_clock_settime => clock::settime(ctx, a, b),
        nr::__NR_settimeofday => clock::settimeofday(ctx, a, b),
        nr::__NR_adjtimex => timex::adjtimex(ctx, a),
        nr::__NR_clock_adjtime => timex::clock_adjtime(ctx, a, b),
        nr::__NR_gettimeofday => clock::gettimeofday(a, b),
        nr::__NR_time => clock::time(a),
        nr::__NR_setitimer => clock::setitimer(ctx, a, b, c),
        nr::__NR_getitimer => clock::getitimer(ctx, a, b),
        nr::__NR_alarm => clock::alarm(ctx, a),
        nr::__NR_timer_create => clock::timer_create(ctx, a, b, c),
        nr::__NR_timer_settime => clock::timer_settime(ctx, [a, b, c, d]),
        nr::__NR_timer_gettime => clock::timer_gettime(ctx, a, b),
        nr::__NR_timer_getoverrun => clock::timer_getoverrun(ctx, a),
        nr::__NR_timer_delete => clock::timer_delete(ctx, a),

        nr::__NR_sched_setaffinity => scheduling::set_affinity(ctx, a, b, c),
        nr::__NR_sched_getaffinity => scheduling::get_affinity(ctx, a, b, c),
        nr::__NR_sched_setscheduler => scheduling::set_scheduler(ctx, a, Some(b), c),
        nr::__NR_sched_getscheduler => scheduling::get_scheduler(ctx, a),
        nr::__NR_sched_setparam => scheduling::set_scheduler(ctx, a, None, b),
        nr::__NR_sched_getparam => scheduling::get_param(ctx, a, b),
        nr::__NR_sched_setattr => scheduling::set_attr(ctx, a, b, c),
        nr::__NR_sched_getattr => scheduling::get_attr(ctx, a, b, c, d),
        nr::__NR_sched_get_priority_max => scheduling::priority_bound(a, true),
        nr::__NR_sched_get_priority_min => scheduling::priority_bound(a, false),
        nr::__NR_sched_rr_get_interval => scheduling::rr_interval(ctx, a, b),
        nr::__NR_getcpu => scheduling::getcpu(a, b),
        nr::__NR_getpriority => scheduling::get_priority(ctx, a, b),
        nr::__NR_setpriority => scheduling::set_priority(ctx, a, b, c),
        nr::__NR_ioprio_set => scheduling::set_io_priority(ctx, a, b, c),
        nr::__NR_ioprio_get => scheduling::get_io_priority(ctx, a, b),

        nr::__NR_getrusage => resources::getrusage(ctx, a, b),
        nr::__NR_times => resources::times(ctx, a),
        nr::__NR_prlimit64 => resources::prlimit(ctx, a, b, c, d),
        nr::__NR_getrlimit => resources::prlimit(ctx, 0, a, 0, b),
        nr::__NR_setrlimit => resources::prlimit(ctx, 0, a, b, 0),

        nr::__NR_uname => misc::uname(a),
        nr::__NR_sethostname => misc::set_name(ctx, misc::NameOf::Host, a, b),
        nr::__NR_setdomainname => misc::set_name(ctx, misc::NameOf::Domain, a, b),
        nr::__NR_sysinfo => misc::sysinfo(a),
        nr::__NR_getrandom => misc::getrandom(a, b, c as u32),
        nr::__NR_arch_prctl => misc::arch_prctl(ctx, a, b),
        nr::__NR_prctl => misc::prctl(ctx, args),
        nr::__NR_membarrier => misc::membarrier(ctx, a as u32, b as u32),
        nr::__NR_seccomp => seccomp::seccomp(ctx, a, b, c),
        nr::__NR_reboot => misc::reboot(ctx, a, b, c as u32),
        nr::__NR_personality => misc::personality(ctx, a),
        nr::__NR_syslog => kernel_log::syslog(ctx, a, b, c),
        // Known, and left out on purpose; glibc does without.
        nr::__NR_rseq => Err(Errno::ENOSYS),

        _ => return None,
    })
}

/// Who the process is.
pub fn credentials(ctx: &mut SyscallCtx<'_>, number: u32, args: Args) -> Answer {
    let [a, b, c, ..] = args;
    Some(match number {
        nr::__NR_getuid => Ok(ctx.thread.credentials().uid.real as usize),
        nr::__NR_geteuid => Ok(ctx.thread.credentials().uid.effective as usize),
        nr::__NR_getgid => Ok(ctx.thread.credentials().gid.real as usize),
        nr::__NR_getegid => Ok(ctx.thread.credentials().gid.effective as usize),
        nr::__NR_setuid => identity::set_id(ctx, Kind::User, a),
        nr::__NR_setgid => identity::set_id(ctx, Kind::Group, a),
        nr::__NR_setreuid => identity::set_re(ctx, Kind::User, a, b),
        nr::__NR_setregid => identity::set_re(ctx, Kind::Group, a, b),
        nr::__NR_setresuid => identity::set_res(ctx, Kind::User, [a, b, c]),
        nr::__NR_setresgid => identity::set_res(ctx, Kind::Group, [a, b, c]),
        nr::__NR_getresuid => identity::get_res(ctx, Kind::User, [a, b, c]),
        nr::__NR_getresgid => identity::get_res(ctx, Kind::Group, [a, b, c]),
        nr::__NR_setfsuid => identity::set_fs(ctx, Kind::User, a),
        nr::__NR_setfsgid => identity::set_fs(ctx, Kind::Group, a),
        nr::__NR_getgroups => identity::get_groups(ctx, a, b),
        nr::__NR_setgroups => identity::set_groups(ctx, a, b),
        nr::__NR_capget => identity::cap_get(ctx, a, b),
        nr::__NR_capset => identity::cap_set(ctx, a, b),
        nr::__NR_getpgid => identity::get_pgid(ctx, a),
        nr::__NR_getpgrp => identity::get_pgid(ctx, 0),
        nr::__NR_setpgid => identity::set_pgid(ctx, a, b),
        nr::__NR_getsid => identity::get_sid(ctx, a),
        nr::__NR_setsid => identity::set_sid(ctx),
        _ => return None,
    })
}

/// exit(2) ends the calling thread alone; the process goes with its last one.
fn exit_thread(ctx: &mut SyscallCtx<'_>, code: usize) -> Result<usize> {
    if ctx.process.thread_count() == 1 {
        exit::group(ctx.thread, exit::exited(code));
    } else {
        let status = exit::exited(code);
        ctx.thread.exit_status.store(status, Ordering::Relaxed);
        ctx.thread.mark(signal::Attention::EXIT);
    }
    Ok(0)
}

/// Bytes of `struct robust_list_head`.
const ROBUST_HEAD: usize = 24;

fn set_robust_list(ctx: &mut SyscallCtx<'_>, head: usize, len: usize) -> Result<usize> {
    if len != ROBUST_HEAD {
        return Err(Errno::EINVAL);
    }
    ctx.thread.robust_list.store(head, Ordering::Relaxed);
    Ok(0)
}

fn get_robust_list(ctx: &mut SyscallCtx<'_>, tid: usize, head: usize, len: usize) -> Result<usize> {
    let thread = match tid as i32 {
        0 => ctx.thread.clone(),
        n => tree::thread(n as u32).ok_or(Errno::ESRCH)?,
    };
    UserPtr::<usize>::new(len).write(&ROBUST_HEAD)?;
    UserPtr::<usize>::new(head).write(&thread.robust_list.load(Ordering::Relaxed))?;
    Ok(0)
}
