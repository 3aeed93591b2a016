//! The calls, each with the kinds of its arguments.

use crate::flags::*;
use ochre_abi::native as abi;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What an argument is meant to be; `arguments` makes one, right most of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing in particular.
    Any,
    /// Always this.
    Just(u64),
    /// A descriptor; one of a directory or AT_FDCWD; an identity of a process or thread of this life.
    Fd,
    Dir,
    Pid,
    Signal,
    /// Memory with something in it; memory to be written; a length that may fit it.
    In,
    Out,
    Len,
    /// A small number.
    Few,
    /// An offset in a file; a pointer to one.
    Offset,
    OffsetAt,
    /// Memory of this life that calls may change, and its size.
    Addr,
    Size,
    /// Some of these bits; one of these values.
    Bits(&'static [u64]),
    One(&'static [u64]),
    Mode,
    User,
    /// A name that may be anywhere, to look at; one of this life's folder; a program; a string.
    Path,
    Own,
    Program,
    Text,
    Strings,
    /// A word that other threads see, for futexes.
    Word,
    SetSize,
    /// Structures, by what they are called in manuals.
    Timespec,
    Itimerval,
    Itimerspec,
    Iovec,
    Msghdr,
    SockAddr,
    AddrLen,
    Sigset,
    Siginfo,
    Sigaction,
    SigStack,
    EpollEvent,
    PollFds,
    FdSet,
    Rlimit,
    Sembuf,
    MsgBuf,
    CloneArgs,
    Filter,
    OpenHow,
    RobustList,
    Sigevent,
    SchedAttr,
    CapHeader,
    Flock,
    /// The argument of fcntl and ioctl: any of several.
    Argument,
    /// An identity or key of System V IPC; a timer.
    Ipc,
    Key,
    Timer,
    Scheme,
    Table,
}

use Kind::*;

/// A system call.
pub struct Call {
    pub number: usize,
    pub name: &'static str,
    pub kinds: &'static [Kind],
}

macro_rules! calls {
    ($($name:ident($($kind:expr),*);)*) => {
        &[$(Call {
            number: libc::$name as usize,
            name: stringify!($name),
            kinds: &[$($kind),*],
        }),*]
    };
}

/// What every process of a life may call.
pub static CALLS: &[Call] = calls! {
    // Bytes.
    SYS_read(Fd, Out, Len);
    SYS_write(Fd, In, Len);
    SYS_readv(Fd, Iovec, Few);
    SYS_writev(Fd, Iovec, Few);
    SYS_pread64(Fd, Out, Len, Offset);
    SYS_pwrite64(Fd, In, Len, Offset);
    SYS_preadv(Fd, Iovec, Few, Offset, Any);
    SYS_pwritev(Fd, Iovec, Few, Offset, Any);
    SYS_preadv2(Fd, Iovec, Few, Offset, Any, Bits(RWF));
    SYS_pwritev2(Fd, Iovec, Few, Offset, Any, Bits(RWF));
    SYS_lseek(Fd, Offset, One(UP_TO_8));
    SYS_sendfile(Fd, Fd, OffsetAt, Len);
    SYS_splice(Fd, OffsetAt, Fd, OffsetAt, Len, Bits(SPLICE));
    SYS_tee(Fd, Fd, Len, Bits(SPLICE));
    SYS_vmsplice(Fd, Iovec, Few, Bits(SPLICE));
    SYS_copy_file_range(Fd, OffsetAt, Fd, OffsetAt, Len, One(ZERO));
    SYS_fsync(Fd);
    SYS_fdatasync(Fd);
    SYS_sync_file_range(Fd, Offset, Size, Bits(UP_TO_8));
    SYS_readahead(Fd, Offset, Len);
    SYS_fadvise64(Fd, Offset, Len, One(UP_TO_8));
    SYS_ftruncate(Fd, Offset);
    SYS_truncate(Own, Offset);
    SYS_fallocate(Fd, Bits(FALLOCATE), Offset, Offset);
    // Descriptors.
    SYS_close(Fd);
    SYS_close_range(Fd, Fd, Bits(CLOSE_RANGE));
    SYS_dup(Fd);
    SYS_dup2(Fd, Fd);
    SYS_dup3(Fd, Fd, Bits(OPEN));
    SYS_fcntl(Fd, One(FCNTL), Argument);
    SYS_fcntl(Fd, One(FCNTL_LOCKS), Flock);
    SYS_ioctl(Fd, One(IOCTL), Argument);
    SYS_ioctl(Fd, One(IOCTL), Out);
    SYS_flock(Fd, Bits(UP_TO_8));
    SYS_memfd_create(Text, Bits(UP_TO_8));
    SYS_pipe(Out);
    SYS_pipe2(Out, Bits(OPEN));
    SYS_eventfd2(Few, Bits(EVENTFD));
    SYS_timerfd_create(One(CLOCKS), Bits(OPEN));
    SYS_timerfd_settime(Fd, Bits(UP_TO_8), Itimerspec, Out);
    SYS_timerfd_gettime(Fd, Out);
    SYS_signalfd4(Fd, Sigset, SetSize, Bits(OPEN));
    SYS_signalfd4(Just(u64::MAX), Sigset, SetSize, Bits(OPEN));
    SYS_inotify_init1(Bits(OPEN));
    SYS_inotify_add_watch(Fd, Path, Bits(INOTIFY));
    SYS_inotify_rm_watch(Fd, Few);
    SYS_epoll_create1(Bits(OPEN));
    SYS_epoll_ctl(Fd, One(UP_TO_8), Fd, EpollEvent);
    SYS_epoll_ctl(Fd, Just(1), Fd, EpollEvent);
    SYS_epoll_wait(Fd, Out, Few, Few);
    SYS_epoll_pwait(Fd, Out, Few, Few, Sigset, SetSize);
    SYS_epoll_pwait2(Fd, Out, Few, Timespec, Sigset, SetSize);
    SYS_poll(PollFds, Few, Few);
    SYS_ppoll(PollFds, Few, Timespec, Sigset, SetSize);
    SYS_select(Few, FdSet, FdSet, FdSet, Timespec);
    SYS_pselect6(Few, FdSet, FdSet, FdSet, Timespec, Iovec);
    // Names.
    SYS_open(Own, Bits(OPEN), Mode);
    SYS_open(Path, Bits(OPEN_LOOK), Mode);
    SYS_openat(Dir, Own, Bits(OPEN), Mode);
    SYS_openat(Dir, Path, Bits(OPEN_LOOK), Mode);
    SYS_openat2(Dir, Own, OpenHow, One(SIZES_OF_HOW));
    SYS_creat(Own, Mode);
    SYS_stat(Path, Out);
    SYS_lstat(Path, Out);
    SYS_fstat(Fd, Out);
    SYS_newfstatat(Dir, Path, Out, Bits(AT));
    SYS_statx(Dir, Path, Bits(AT), Any, Out);
    SYS_statfs(Path, Out);
    SYS_fstatfs(Fd, Out);
    SYS_access(Path, Few);
    SYS_faccessat(Dir, Path, Few);
    SYS_faccessat2(Dir, Path, Few, Bits(AT));
    SYS_readlink(Path, Out, Len);
    SYS_readlinkat(Dir, Path, Out, Len);
    SYS_getdents(Fd, Out, Len);
    SYS_getdents64(Fd, Out, Len);
    SYS_getcwd(Out, Len);
    SYS_chdir(Own);
    SYS_fchdir(Fd);
    SYS_mkdir(Own, Mode);
    SYS_mkdirat(Dir, Own, Mode);
    SYS_rmdir(Own);
    SYS_unlink(Own);
    SYS_unlinkat(Dir, Own, Bits(AT));
    SYS_rename(Own, Own);
    SYS_renameat(Dir, Own, Dir, Own);
    SYS_renameat2(Dir, Own, Dir, Own, Bits(UP_TO_8));
    SYS_link(Own, Own);
    SYS_linkat(Dir, Own, Dir, Own, Bits(AT));
    SYS_symlink(Own, Own);
    SYS_symlinkat(Own, Dir, Own);
    SYS_mknod(Own, One(NODES), Few);
    SYS_mknodat(Dir, Own, One(NODES), Few);
    SYS_chmod(Own, Mode);
    SYS_fchmod(Fd, Mode);
    SYS_fchmodat(Dir, Own, Mode);
    SYS_chown(Own, User, User);
    SYS_lchown(Own, User, User);
    SYS_fchown(Fd, User, User);
    SYS_fchownat(Dir, Own, User, User, Bits(AT));
    SYS_utimensat(Dir, Own, Timespec, Bits(AT));
    SYS_utimes(Own, Timespec);
    SYS_futimesat(Dir, Own, Timespec);
    SYS_utime(Own, Timespec);
    SYS_umask(Mode);
    SYS_setxattr(Own, Text, In, Len, Bits(UP_TO_8));
    SYS_lsetxattr(Own, Text, In, Len, Bits(UP_TO_8));
    SYS_fsetxattr(Fd, Text, In, Len, Bits(UP_TO_8));
    SYS_getxattr(Path, Text, Out, Len);
    SYS_lgetxattr(Path, Text, Out, Len);
    SYS_fgetxattr(Fd, Text, Out, Len);
    SYS_listxattr(Path, Out, Len);
    SYS_llistxattr(Path, Out, Len);
    SYS_flistxattr(Fd, Out, Len);
    SYS_removexattr(Own, Text);
    SYS_lremovexattr(Own, Text);
    SYS_fremovexattr(Fd, Text);
    // Memory.
    SYS_mmap(Addr, Size, Bits(PROT), Bits(MAP), Fd, Offset);
    SYS_mmap(Addr, Size, Bits(PROT), Just(0x32), Just(u64::MAX), Just(0));
    SYS_mmap(Addr, Size, Bits(PROT), Just(0x31), Just(u64::MAX), Just(0));
    SYS_mmap(Addr, Size, Bits(PROT), Just(0x11), Fd, Just(0));
    SYS_mmap(Addr, Size, Bits(PROT), Just(0x12), Fd, Just(0));
    SYS_munmap(Addr, Size);
    SYS_mprotect(Addr, Size, Bits(PROT));
    SYS_mremap(Addr, Size, Size, Bits(UP_TO_8), Addr);
    SYS_madvise(Addr, Size, One(ADVICE));
    SYS_msync(Addr, Size, Bits(UP_TO_8));
    SYS_mincore(Addr, Size, Out);
    SYS_mlock(Addr, Size);
    SYS_mlock2(Addr, Size, Bits(UP_TO_8));
    SYS_munlock(Addr, Size);
    SYS_mlockall(Bits(UP_TO_8));
    SYS_munlockall();
    SYS_brk(Any);
    SYS_process_vm_readv(Pid, Iovec, Few, Iovec, Few, One(ZERO));
    SYS_process_vm_writev(Pid, Iovec, Few, Iovec, Few, One(ZERO));
    SYS_membarrier(Bits(UP_TO_8), Any, Any);
    SYS_futex(Word, One(FUTEX), Few, Timespec, Word, Any);
    SYS_futex(Word, One(FUTEX), Few, Few, Word, Few);
    SYS_set_robust_list(RobustList, One(ROBUST_SIZE));
    SYS_get_robust_list(Pid, Out, Out);
    SYS_set_tid_address(Addr);
    SYS_rseq(Out, Len, Any, Any);
    // Processes.
    SYS_getpid();
    SYS_gettid();
    SYS_getppid();
    SYS_getpgid(Pid);
    SYS_setpgid(Pid, Pid);
    SYS_getsid(Pid);
    SYS_setsid();
    SYS_getuid();
    SYS_getgroups(Few, Out);
    SYS_getresuid(Out, Out, Out);
    SYS_capget(CapHeader, Out);
    SYS_wait4(Pid, Out, Bits(WAIT), Out);
    SYS_waitid(One(UP_TO_8), Pid, Out, Bits(WAIT), Out);
    SYS_kill(Pid, Signal);
    SYS_tkill(Pid, Signal);
    SYS_tgkill(Pid, Pid, Signal);
    SYS_rt_sigqueueinfo(Pid, Signal, Siginfo);
    SYS_rt_tgsigqueueinfo(Pid, Pid, Signal, Siginfo);
    SYS_pidfd_open(Pid, Bits(OPEN));
    SYS_pidfd_send_signal(Fd, Signal, Siginfo, Few);
    SYS_pidfd_getfd(Fd, Fd, One(ZERO));
    SYS_rt_sigaction(Signal, Sigaction, Out, SetSize);
    SYS_rt_sigprocmask(Few, Sigset, Out, SetSize);
    SYS_rt_sigpending(Out, SetSize);
    SYS_rt_sigtimedwait(Sigset, Out, Timespec, SetSize);
    SYS_rt_sigsuspend(Sigset, SetSize);
    SYS_sigaltstack(SigStack, Out);
    SYS_pause();
    SYS_ptrace(One(PTRACE), Pid, Any, Argument);
    SYS_ptrace(One(PTRACE), Pid, Addr, Out);
    SYS_prctl(One(PRCTL), Any, Any, Any, Any);
    SYS_prctl(One(PRCTL), Out, Few, Few, Few);
    SYS_prlimit64(Pid, Few, Rlimit, Out);
    SYS_getrlimit(Few, Out);
    SYS_getrusage(One(UP_TO_8), Out);
    SYS_times(Out);
    SYS_personality(One(PERSONALITY));
    SYS_sched_yield();
    SYS_sched_setaffinity(Pid, Len, In);
    SYS_sched_getaffinity(Pid, Len, Out);
    SYS_sched_setscheduler(Pid, Few, In);
    SYS_sched_getscheduler(Pid);
    SYS_sched_setparam(Pid, In);
    SYS_sched_getparam(Pid, Out);
    SYS_sched_setattr(Pid, SchedAttr, Few);
    SYS_sched_getattr(Pid, Out, Len, Few);
    SYS_sched_rr_get_interval(Pid, Out);
    SYS_sched_get_priority_max(Few);
    SYS_getpriority(Few, Pid);
    SYS_setpriority(Few, Pid, Any);
    SYS_ioprio_get(Few, Pid);
    SYS_ioprio_set(Few, Pid, Any);
    SYS_getcpu(Out, Out, Out);
    SYS_unshare(Bits(CLONE));
    SYS_landlock_create_ruleset(In, Len, Few);
    // Time.
    SYS_clock_gettime(One(CLOCKS), Out);
    SYS_clock_getres(One(CLOCKS), Out);
    SYS_clock_nanosleep(One(CLOCKS), Few, Timespec, Out);
    SYS_nanosleep(Timespec, Out);
    SYS_gettimeofday(Out, Out);
    SYS_time(Out);
    SYS_getitimer(Few, Out);
    SYS_setitimer(One(TIMERS), Itimerval, Out);
    SYS_timer_create(One(CLOCKS), Sigevent, Out);
    SYS_timer_settime(Timer, Few, Itimerspec, Out);
    SYS_timer_gettime(Timer, Out);
    SYS_timer_getoverrun(Timer);
    SYS_timer_delete(Timer);
    // Sockets.
    SYS_socket(One(FAMILIES), One(TYPES), Few);
    SYS_socketpair(Just(1), One(TYPES), Just(0), Out);
    SYS_bind(Fd, SockAddr, AddrLen);
    SYS_connect(Fd, SockAddr, AddrLen);
    SYS_listen(Fd, Few);
    SYS_accept(Fd, Out, OffsetAt);
    SYS_accept4(Fd, Out, OffsetAt, Bits(OPEN));
    SYS_getsockname(Fd, Out, OffsetAt);
    SYS_getpeername(Fd, Out, OffsetAt);
    SYS_sendto(Fd, In, Len, Bits(MSG), SockAddr, AddrLen);
    SYS_recvfrom(Fd, Out, Len, Bits(MSG), Out, OffsetAt);
    SYS_sendmsg(Fd, Msghdr, Bits(MSG));
    SYS_recvmsg(Fd, Msghdr, Bits(MSG));
    SYS_sendmmsg(Fd, Msghdr, Few, Bits(MSG));
    SYS_recvmmsg(Fd, Msghdr, Few, Bits(MSG), Timespec);
    SYS_shutdown(Fd, Few);
    SYS_getsockopt(Fd, One(LEVELS), Few, Out, OffsetAt);
    SYS_setsockopt(Fd, One(LEVELS), Few, In, Len);
    // System V IPC.
    SYS_shmget(Key, Size, Bits(IPC));
    SYS_shmat(Ipc, Addr, Bits(SHM));
    SYS_shmdt(Addr);
    SYS_shmctl(Ipc, One(IPC_CTL), Out);
    SYS_semget(Key, Few, Bits(IPC));
    SYS_semop(Ipc, Sembuf, Few);
    SYS_semtimedop(Ipc, Sembuf, Few, Timespec);
    SYS_semctl(Ipc, Few, One(IPC_CTL), Argument);
    SYS_msgget(Key, Bits(IPC));
    SYS_msgsnd(Ipc, MsgBuf, Len, Bits(IPC));
    SYS_msgrcv(Ipc, Out, Len, Few, Bits(IPC));
    SYS_msgctl(Ipc, One(IPC_CTL), Out);
    // The system.
    SYS_uname(Out);
    SYS_sysinfo(Out);
    SYS_getrandom(Out, Len, Bits(UP_TO_8));
    SYS_syslog(Few, Out, Len);
    SYS_sync();
    SYS_syncfs(Fd);
    SYS_mount(Text, Own, Text, Bits(MOUNT), Text);
    SYS_umount2(Own, Bits(UP_TO_8));
};

/// What ends its caller, or takes from it what it needs to go on: for children, which are there to
/// be lost.
pub static LAST_CALLS: &[Call] = calls! {
    SYS_execve(Program, Strings, Strings);
    SYS_execve(Program, Strings, Strings);
    SYS_execve(Program, Strings, Strings);
    SYS_execveat(Dir, Program, Strings, Strings, Bits(AT));
    SYS_exit(Any);
    SYS_exit_group(Any);
    SYS_arch_prctl(One(ARCH_PRCTL), Addr);
    SYS_arch_prctl(One(ARCH_PRCTL), Any);
    SYS_seccomp(Few, Bits(UP_TO_8), Filter);
    SYS_prctl(Just(22), Few, Filter);
    SYS_setuid(User);
    SYS_setgid(User);
    SYS_setreuid(User, User);
    SYS_setregid(User, User);
    SYS_setresuid(User, User, User);
    SYS_setresgid(User, User, User);
    SYS_setfsuid(User);
    SYS_setfsgid(User);
    SYS_setgroups(Few, In);
    SYS_capset(CapHeader, In);
    SYS_chroot(Own);
    SYS_setns(Fd, Bits(CLONE));
    SYS_setdomainname(Text, Few);
    SYS_rt_sigreturn();
};

/// How new processes and threads are made.
pub static BIRTHS: &[Call] = calls! {
    SYS_fork();
    SYS_vfork();
    SYS_clone(Bits(CLONE), Addr, Out, Out, Addr);
    SYS_clone(Just(17), Just(0), Out, Out, Addr);
    SYS_clone3(CloneArgs, One(SIZES_OF_CLONE));
};

/// Ochre's own calls, on schemes; elsewhere they are numbers that nobody knows.
pub static NATIVE: &[Call] = &[
    native(abi::SCHEME_CREATE, "scheme_create", &[Scheme]),
    native(abi::SCHEME_MOUNT, "scheme_mount", &[Fd, Own]),
    native(abi::SCHEME_ATTACH, "scheme_attach", &[Fd]),
    native(abi::SCHEME_ENTER, "scheme_enter", &[Fd, Few]),
    native(abi::SCHEME_TAKE_FD, "scheme_take_fd", &[Fd, Few, Few]),
    native(abi::SCHEME_IOCTLS, "scheme_ioctls", &[Fd, Table, Len]),
    native(abi::MACHINE_ROOT, "machine_root", &[]),
    native(abi::DERIVE, "derive", &[Fd, In]),
    native(abi::PORT_IO, "port_io", &[Fd, In]),
    native(abi::DMA_ALLOC, "dma_alloc", &[Fd, Size, In]),
    native(abi::MSI_MESSAGE, "msi_message", &[Fd, Out]),
    native(abi::FRAMEBUFFER_INFO, "framebuffer_info", &[Fd, Out]),
    native(abi::UEVENT, "uevent", &[Fd, Text, Few]),
    native(abi::DMA_FREE, "dma_free", &[Fd]),
];

const fn native(number: usize, name: &'static str, kinds: &'static [Kind]) -> Call {
    Call {
        number,
        name,
        kinds,
    }
}

/// What is never called, as it would end the trial itself rather than show a fault. Numbers at
/// random are checked against it.
pub const FORBIDDEN: [(i64, &str); 13] = [
    (libc::SYS_reboot, "ends the machine"),
    (libc::SYS_kexec_load, "ends the kernel"),
    (libc::SYS_kexec_file_load, "ends the kernel"),
    (
        libc::SYS_init_module,
        "Linux: runs foreign code in the kernel",
    ),
    (libc::SYS_finit_module, "likewise"),
    (libc::SYS_iopl, "Linux: reaches the devices of the machine"),
    (libc::SYS_ioperm, "likewise"),
    (libc::SYS_vhangup, "takes the terminal that results go to"),
    (libc::SYS_pivot_root, "takes the names from everyone"),
    (libc::SYS_swapon, "Linux: writes where it is told"),
    (
        libc::SYS_clock_settime,
        "a changed date makes later lives differ",
    ),
    (libc::SYS_settimeofday, "likewise"),
    (libc::SYS_quotactl, "Linux: changes mounted disks"),
];

/// Of the arguments, besides: processes that aren't of this life (init, the supervisor, the
/// groups of all, process −1) are never named, and names outside of a life's folder are only looked
/// at, and no link leads to them: root may well unmount /proc; see `arguments`.
pub fn is_forbidden(number: usize) -> bool {
    FORBIDDEN
        .iter()
        .any(|&(forbidden, _)| forbidden as usize == number)
}

/// The first numbers that were left out; 0 (read) can't be.
static LEFT_OUT: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

/// Has a call left out from now on: to find which one a fault needs. False when there are too many.
pub fn leave_out(number: usize) -> bool {
    let free = LEFT_OUT.iter().find(|place| place.load(Relaxed) == 0);
    free.inspect(|place| place.store(number, Relaxed)).is_some()
}

/// Whether this call is not to be made.
pub fn is_left_out(number: usize) -> bool {
    let mut numbers = LEFT_OUT.iter().map(|place| place.load(Relaxed));
    number != 0 && numbers.any(|left_out| left_out == number)
}

/// All calls that have a name here.
pub fn all() -> impl Iterator<Item = &'static Call> {
    [CALLS, LAST_CALLS, BIRTHS, NATIVE].into_iter().flatten()
}
