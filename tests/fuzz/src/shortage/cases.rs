//! The lists of calls: each a few calls that have something in common.

use super::{PAGE, Place};
use crate::sys;
use std::ffi::CStr;
use std::ptr;

/// What a case came to: the first error.
pub type Outcome = Result<(), i32>;

pub struct Case {
    pub name: &'static str,
    pub go: fn(&Place) -> Outcome,
    /// Errors that say it, besides `ENOMEM`.
    pub also: &'static [i32],
}

const fn case(name: &'static str, go: fn(&Place) -> Outcome) -> Case {
    Case {
        name,
        go,
        also: &[],
    }
}

/// A case that writes files: tmpfs says that it is full.
const fn filling(name: &'static str, go: fn(&Place) -> Outcome) -> Case {
    Case {
        name,
        go,
        also: &[libc::ENOSPC],
    }
}

pub const CASES: [Case; 23] = [
    case("files", files),
    case("names", names),
    case("a directory's entries", entries),
    case("extended attributes", attributes),
    filling("writing and a mapped file", contents),
    case("anonymous memory", memory),
    case("memory that moves", moving),
    case("pipes", pipes),
    filling("splicing", splicing),
    case("socket pairs", socket_pairs),
    // Linux says so where a message finds no memory.
    Case {
        name: "descriptors in flight",
        go: in_flight,
        also: &[libc::ENOBUFS],
    },
    case("listening and accepting", listening),
    case("epoll, eventfd, timerfd, signalfd", events),
    case("inotify", watches),
    case("locks", locks),
    // A queue of signals that can't grow.
    Case {
        name: "timers and signals",
        go: signals,
        also: &[libc::EAGAIN],
    },
    case("System V IPC", system_v),
    case("terminals", terminals),
    case("what /proc tells", proc_texts),
    case("fork", forks),
    case("clone with a pidfd", pidfds),
    case("vfork and threads", threads),
    case("exec", execs),
];

/// A call that must succeed, but for lack of memory.
macro_rules! must {
    ($name:ident $($arguments:tt)*) => {
        done(sys!($name $($arguments)*))?
    };
}

fn done(result: isize) -> Result<usize, i32> {
    usize::try_from(result).map_err(|_| -result as i32)
}

fn create(name: &CStr) -> Result<usize, i32> {
    let flags = libc::O_RDWR | libc::O_CREAT;
    done(sys!(SYS_open, name.as_ptr(), flags, 0o600))
}

fn files(_: &Place) -> Outcome {
    let file = create(c"f")?;
    must!(SYS_dup, file);
    must!(SYS_dup2, file, 200);
    must!(SYS_open, c".".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY);
    must!(
        SYS_open,
        c".".as_ptr(),
        libc::O_TMPFILE | libc::O_RDWR,
        0o600
    );
    must!(SYS_memfd_create, c"m".as_ptr(), 0);
    must!(SYS_open, c"/dev/null".as_ptr(), libc::O_RDWR);
    Ok(())
}

fn names(_: &Place) -> Outcome {
    must!(SYS_mkdir, c"d".as_ptr(), 0o700);
    must!(SYS_mknod, c"d/fifo".as_ptr(), libc::S_IFIFO | 0o600, 0);
    must!(SYS_symlink, c"d/a-longer-target".as_ptr(), c"link".as_ptr());
    create(c"a")?;
    must!(SYS_link, c"a".as_ptr(), c"d/b".as_ptr());
    must!(SYS_rename, c"a".as_ptr(), c"d/c".as_ptr());
    must!(
        SYS_renameat2,
        libc::AT_FDCWD,
        c"d/b".as_ptr(),
        libc::AT_FDCWD,
        c"link".as_ptr(),
        2
    );
    must!(SYS_unlink, c"d/c".as_ptr());
    must!(SYS_chdir, c"d".as_ptr());
    must!(SYS_chdir, c"..".as_ptr());
    Ok(())
}

fn entries(_: &Place) -> Outcome {
    for name in [c"one", c"two", c"three"] {
        create(name)?;
    }
    let folder = must!(SYS_open, c".".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY);
    let mut buffer = [0_u8; 1024];
    must!(SYS_getdents64, folder, buffer.as_mut_ptr(), buffer.len());
    must!(SYS_getcwd, buffer.as_mut_ptr(), buffer.len());
    Ok(())
}

fn attributes(_: &Place) -> Outcome {
    let file = create(c"f")?;
    let value = [7_u8; 5000];
    let name = c"user.name".as_ptr();
    must!(SYS_fsetxattr, file, name, value.as_ptr(), value.len(), 0);
    let mut back = [0_u8; 5000];
    must!(SYS_fgetxattr, file, name, back.as_mut_ptr(), back.len());
    must!(SYS_flistxattr, file, back.as_mut_ptr(), back.len());
    must!(SYS_fremovexattr, file, name);
    Ok(())
}

fn contents(place: &Place) -> Outcome {
    let file = create(c"f")?;
    must!(SYS_ftruncate, file, 16 * PAGE);
    let text = [1_u8; 100];
    for page in 0..4 {
        let at = page * 3 * PAGE;
        if must!(SYS_pwrite64, file, text.as_ptr(), text.len(), at) != text.len() {
            return Err(libc::ENOMEM);
        }
    }
    must!(SYS_fallocate, file, 0, 0, 8 * PAGE);
    let (prot, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_FIXED,
    );
    must!(SYS_mmap, place.area, 8 * PAGE, prot, flags, file, 0);
    must!(SYS_madvise, place.area, 8 * PAGE, libc::MADV_POPULATE_WRITE);
    must!(SYS_msync, place.area, 8 * PAGE, libc::MS_SYNC);
    let other = create(c"g")?;
    must!(SYS_copy_file_range, file, 0, other, 0, 4 * PAGE, 0);
    let mut offset = 0_u64;
    must!(SYS_sendfile, other, file, &raw mut offset, 100);
    must!(
        SYS_fallocate,
        file,
        libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE,
        0,
        2 * PAGE
    );
    Ok(())
}

const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;
const ANONYMOUS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;

fn memory(place: &Place) -> Outcome {
    must!(
        SYS_mmap,
        place.area,
        16 << 20,
        READ_WRITE,
        ANONYMOUS,
        -1_isize,
        0
    );
    // A large page, which is split, and some small ones.
    must!(SYS_madvise, place.area, 4 << 20, libc::MADV_HUGEPAGE);
    for at in [place.area, place.area + (8 << 20)] {
        must!(SYS_madvise, at, PAGE, libc::MADV_POPULATE_WRITE);
    }
    must!(SYS_mprotect, place.area + PAGE, PAGE, libc::PROT_READ);
    must!(SYS_munmap, place.area + 3 * PAGE, PAGE);
    must!(
        SYS_madvise,
        place.area + 8 * PAGE,
        PAGE,
        libc::MADV_DONTNEED
    );
    must!(SYS_mlock, place.area, PAGE);
    let mut seen = [0_u8; 8];
    must!(SYS_mincore, place.area, 2 * PAGE, seen.as_mut_ptr());
    let top = must!(SYS_brk, 0);
    must!(SYS_brk, top);
    Ok(())
}

/// Maps four pages of the area, and touches them.
fn touched(place: &Place) -> Outcome {
    must!(
        SYS_mmap,
        place.area,
        4 * PAGE,
        READ_WRITE,
        ANONYMOUS,
        -1_isize,
        0
    );
    must!(SYS_madvise, place.area, 4 * PAGE, libc::MADV_POPULATE_WRITE);
    Ok(())
}

fn moving(place: &Place) -> Outcome {
    touched(place)?;
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    let to = place.area + (32 << 20);
    must!(SYS_mremap, place.area, 4 * PAGE, 8 * PAGE, flags, to);
    must!(SYS_mremap, to, 8 * PAGE, 2 * PAGE, 0);
    Ok(())
}

fn pipe() -> Result<[i32; 2], i32> {
    let mut ends = [0_i32; 2];
    must!(SYS_pipe2, ends.as_mut_ptr(), libc::O_NONBLOCK);
    Ok(ends)
}

fn pipes(_: &Place) -> Outcome {
    let ends = pipe()?;
    let bytes = [0_u8; 3 * PAGE];
    must!(SYS_write, ends[1], bytes.as_ptr(), bytes.len());
    must!(SYS_fcntl, ends[1], libc::F_SETPIPE_SZ, 1 << 20);
    let mut back = [0_u8; 3 * PAGE];
    must!(SYS_read, ends[0], back.as_mut_ptr(), back.len());
    must!(SYS_mknod, c"fifo".as_ptr(), libc::S_IFIFO | 0o600, 0);
    must!(SYS_open, c"fifo".as_ptr(), libc::O_RDWR);
    Ok(())
}

fn splicing(_: &Place) -> Outcome {
    let (one, other) = (pipe()?, pipe()?);
    let bytes = [0_u8; 5000];
    let vector = [bytes.as_ptr() as usize, bytes.len()];
    must!(SYS_vmsplice, one[1], vector.as_ptr(), 1, 0);
    must!(SYS_tee, one[0], other[1], 5000, 0);
    let file = create(c"f")?;
    must!(SYS_splice, one[0], 0, file, 0, 5000, 0);
    must!(SYS_splice, other[0], 0, file, 0, 5000, 0);
    Ok(())
}

fn socket_pair(kind: i32) -> Result<[i32; 2], i32> {
    let mut pair = [0_i32; 2];
    let kind = kind | libc::SOCK_NONBLOCK;
    must!(SYS_socketpair, libc::AF_UNIX, kind, 0, pair.as_mut_ptr());
    Ok(pair)
}

fn socket_pairs(_: &Place) -> Outcome {
    for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET] {
        let [one, other] = socket_pair(kind)?;
        let bytes = [0_u8; 6000];
        must!(SYS_write, one, bytes.as_ptr(), bytes.len());
        let mut back = [0_u8; 6000];
        must!(SYS_read, other, back.as_mut_ptr(), back.len());
    }
    Ok(())
}

fn in_flight(_: &Place) -> Outcome {
    let [one, other] = socket_pair(libc::SOCK_STREAM)?;
    let [passed, kept] = pipe()?;
    let byte = [0_u8; 1];
    let vector = [byte.as_ptr() as usize, 1];
    // struct cmsghdr with two descriptors.
    let mut control = [24_u64, 1 | 1 << 32, passed as u64 | (one as u64) << 32];
    let mut header = [
        0,
        0,
        vector.as_ptr() as usize,
        1,
        control.as_mut_ptr() as usize,
        24,
        0,
    ];
    must!(SYS_sendmsg, one, header.as_ptr(), 0);
    must!(SYS_sendmsg, one, header.as_ptr(), 0);
    must!(SYS_close, kept);
    must!(SYS_recvmsg, other, header.as_mut_ptr(), 0);
    // The second waits in a socket that is closed.
    Ok(())
}

/// An abstract address of the AF_UNIX family.
const ADDRESS: &[u8] = b"\x01\0\0shortage";

fn listening(_: &Place) -> Outcome {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
    let server = must!(SYS_socket, libc::AF_UNIX, kind, 0);
    must!(SYS_bind, server, ADDRESS.as_ptr(), ADDRESS.len());
    must!(SYS_listen, server, 4);
    for _ in 0..2 {
        let client = must!(SYS_socket, libc::AF_UNIX, kind, 0);
        must!(SYS_connect, client, ADDRESS.as_ptr(), ADDRESS.len());
    }
    must!(SYS_accept4, server, 0, 0, 0);
    let named = must!(SYS_socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0);
    let path = b"\x01\0name";
    must!(SYS_bind, named, path.as_ptr(), path.len());
    let mut address = [0_u8; 110];
    let mut length = address.len() as u32;
    must!(
        SYS_getsockname,
        named,
        address.as_mut_ptr(),
        &raw mut length
    );
    Ok(())
}

fn events(_: &Place) -> Outcome {
    let set = must!(SYS_epoll_create1, 0);
    let outer = must!(SYS_epoll_create1, 0);
    let counter = must!(SYS_eventfd2, 1, 0);
    let timer = must!(SYS_timerfd_create, libc::CLOCK_MONOTONIC, 0);
    let soon = [0_u64, 0, 0, 1];
    must!(SYS_timerfd_settime, timer, 0, soon.as_ptr(), 0);
    let mask = [u64::MAX];
    let signals = must!(SYS_signalfd4, -1_isize, mask.as_ptr(), 8, 0);
    // struct epoll_event is packed: EPOLLIN, then the data.
    let event = [1_u32, 0, 0];
    for (set, of) in [(set, counter), (set, timer), (set, signals), (outer, set)] {
        must!(SYS_epoll_ctl, set, libc::EPOLL_CTL_ADD, of, event.as_ptr());
    }
    let mut ready = [0_u32; 12];
    must!(SYS_epoll_wait, outer, ready.as_mut_ptr(), 4, 0);
    let mut watched = [0_u64; 12];
    for (slot, fd) in watched.iter_mut().zip([counter, timer, signals, set]) {
        *slot = fd as u64 | 1 << 32;
    }
    must!(SYS_poll, watched.as_mut_ptr(), 4, 0);
    let mut bits = [1_u64 << counter, 0];
    must!(
        SYS_select,
        counter + 1,
        bits.as_mut_ptr(),
        0,
        0,
        [0_u64; 2].as_ptr()
    );
    Ok(())
}

fn watches(_: &Place) -> Outcome {
    let watcher = must!(SYS_inotify_init1, libc::IN_NONBLOCK);
    must!(
        SYS_inotify_add_watch,
        watcher,
        c".".as_ptr(),
        libc::IN_ALL_EVENTS
    );
    create(c"f")?;
    must!(SYS_rename, c"f".as_ptr(), c"g".as_ptr());
    let mut buffer = [0_u8; 1024];
    // An event that found no memory is missing.
    let read = sys!(SYS_read, watcher, buffer.as_mut_ptr(), buffer.len());
    if read == -libc::EAGAIN as isize {
        return Err(libc::ENOMEM);
    }
    done(read)?;
    Ok(())
}

fn locks(_: &Place) -> Outcome {
    let file = create(c"f")?;
    must!(SYS_flock, file, libc::LOCK_EX | libc::LOCK_NB);
    let lock = |kind: i32, start: i64, len: i64| libc::flock {
        l_type: kind as i16,
        l_whence: 0,
        l_start: start,
        l_len: len,
        l_pid: 0,
    };
    for (kind, start, len) in [
        (libc::F_WRLCK, 0, 100),
        (libc::F_RDLCK, 40, 10),
        (libc::F_UNLCK, 45, 2),
    ] {
        let lock = lock(kind, start, len);
        let outcome = sys!(SYS_fcntl, file, libc::F_SETLK, ptr::from_ref(&lock));
        // Linux says so where a lock finds no memory.
        if outcome == -libc::ENOLCK as isize {
            return Err(libc::ENOMEM);
        }
        done(outcome)?;
    }
    Ok(())
}

fn signals(_: &Place) -> Outcome {
    must!(SYS_rt_sigprocmask, libc::SIG_BLOCK, BLOCKED.as_ptr(), 0, 8);
    let me = must!(SYS_getpid);
    let mut info = [0_u64; 16];
    info[1] = 0xffff_ffff;
    must!(SYS_rt_sigqueueinfo, me, QUEUED, info.as_ptr());
    let mut timer = 0_i32;
    let mut event = [0_u64; 8];
    event[1] = QUEUED as u64;
    must!(
        SYS_timer_create,
        libc::CLOCK_MONOTONIC,
        event.as_ptr(),
        &raw mut timer
    );
    let soon = [0_u64, 0, 0, 1];
    let set = sys!(SYS_timer_settime, timer, 0, soon.as_ptr(), 0);
    must!(SYS_timer_delete, timer);
    done(set)?;
    Ok(())
}

/// The signal that is sent, and all that are blocked for it.
const QUEUED: i32 = 41;
pub const BLOCKED: [u64; 1] = [1 << (QUEUED - 1)];

fn system_v(_: &Place) -> Outcome {
    let private = libc::IPC_PRIVATE;
    let shared = must!(SYS_shmget, private, 3 * PAGE, 0o600);
    let at = must!(SYS_shmat, shared, 0, 0);
    must!(SYS_shmdt, at);
    let set = must!(SYS_semget, private, 3, 0o600);
    // Up by one, undone at the end.
    let operation = [0_u16, 1, libc::SEM_UNDO as u16];
    must!(SYS_semop, set, operation.as_ptr(), 1);
    let queue = must!(SYS_msgget, private, 0o600);
    let message = [1_u64, 2, 3];
    must!(SYS_msgsnd, queue, message.as_ptr(), 16, 0);
    Ok(())
}

fn terminals(_: &Place) -> Outcome {
    let master = must!(
        SYS_open,
        c"/dev/ptmx".as_ptr(),
        libc::O_RDWR | libc::O_NOCTTY
    );
    let unlocked = 0_i32;
    must!(SYS_ioctl, master, libc::TIOCSPTLCK, &raw const unlocked);
    let slave = must!(
        SYS_ioctl,
        master,
        libc::TIOCGPTPEER,
        libc::O_RDWR | libc::O_NOCTTY
    );
    let line = b"a line\n";
    must!(SYS_write, master, line.as_ptr(), line.len());
    let mut back = [0_u8; 64];
    must!(SYS_read, slave, back.as_mut_ptr(), back.len());
    must!(SYS_write, slave, line.as_ptr(), line.len());
    Ok(())
}

fn proc_texts(_: &Place) -> Outcome {
    for name in [
        c"/proc/self/maps",
        c"/proc/self/cmdline",
        c"/proc/self/status",
        c"/proc/self/mounts",
        c"/proc/meminfo",
    ] {
        let file = must!(SYS_open, name.as_ptr(), libc::O_RDONLY);
        let mut text = [0_u8; 4096];
        must!(SYS_read, file, text.as_mut_ptr(), text.len());
    }
    let fds = must!(
        SYS_open,
        c"/proc/self/fd".as_ptr(),
        libc::O_RDONLY | libc::O_DIRECTORY
    );
    let mut buffer = [0_u8; 1024];
    must!(SYS_getdents64, fds, buffer.as_mut_ptr(), buffer.len());
    Ok(())
}

fn forks(place: &Place) -> Outcome {
    touched(place)?;
    let child = must!(SYS_fork);
    if child == 0 {
        sys!(SYS_exit_group, 0);
    }
    must!(SYS_wait4, child, 0, 0, 0);
    Ok(())
}

fn pidfds(_: &Place) -> Outcome {
    let mut pidfd = 0_i32;
    let flags = libc::CLONE_PIDFD | libc::CLONE_FILES | libc::CLONE_FS | libc::SIGCHLD;
    let child = must!(SYS_clone, flags, 0, &raw mut pidfd, 0, 0);
    if child == 0 {
        sys!(SYS_exit_group, 0);
    }
    must!(SYS_wait4, child, 0, 0, 0);
    Ok(())
}

fn threads(_: &Place) -> Outcome {
    let child = done(sys::clone_to_exit(
        libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
        0,
    ))?;
    must!(SYS_wait4, child, 0, 0, 0);
    let here = std::sync::atomic::AtomicU32::new(1);
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_CHILD_CLEARTID;
    done(sys::clone_to_exit(flags, here.as_ptr() as usize))?;
    while here.load(std::sync::atomic::Ordering::SeqCst) != 0 {
        sys!(SYS_sched_yield);
    }
    Ok(())
}

/// What the child says that could not execute, or whose program found memory refused.
const SHORT: i32 = 12;
/// What the program that it executes says when there was no refusal before.
const PAST: i32 = 77;

/// In a child, whose own allocations are refused; this thread's count is then taken from it.
fn execs(place: &Place) -> Outcome {
    let left = place.disarm();
    let control = c"/proc/thread-self/fail-nth";
    let child = must!(SYS_fork);
    if child == 0 {
        let fd = sys!(SYS_open, control.as_ptr(), libc::O_RDWR);
        sys!(SYS_dup3, fd, CONTROL, 0);
        // Where the program would complain.
        let null = sys!(SYS_open, c"/dev/null".as_ptr(), libc::O_WRONLY);
        sys!(SYS_dup3, null, 2, 0);
        let text = format!("{left}\n");
        let word = c"--past".as_ptr() as usize;
        let arguments = [c"fuzz".as_ptr() as usize, word, c"1".as_ptr() as usize, 0];
        sys!(SYS_pwrite64, CONTROL, text.as_ptr(), text.len(), 0);
        sys!(
            SYS_execve,
            c"/proc/self/exe".as_ptr(),
            arguments.as_ptr(),
            arguments[3..].as_ptr()
        );
        sys!(SYS_exit_group, SHORT);
    }
    let mut status = 0_i32;
    must!(SYS_wait4, child, &raw mut status, 0, 0);
    if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == PAST {
        // As if it had been here that nothing was refused.
        place.arm(1);
        return Ok(());
    }
    place.arm(0);
    // Past the point of no return there is nobody to tell: it is killed, as on Linux. Later the
    // program itself despairs of what it is refused.
    let ends = [libc::SIGKILL, libc::SIGABRT];
    let told = libc::WIFEXITED(status) || ends.contains(&libc::WTERMSIG(status));
    Err(if told { libc::ENOMEM } else { -status })
}

/// The descriptor of `fail-nth` that a program is executed with.
const CONTROL: i32 = 100;

/// What the executed program does: tells whether the refusal is yet to come.
pub fn past() -> ! {
    let mut text = [0_u8; 16];
    let read = sys!(SYS_pread64, CONTROL, text.as_mut_ptr(), text.len(), 0);
    let refused = read <= 0 || text.starts_with(b"0\n");
    sys!(SYS_exit_group, if refused { SHORT } else { PAST });
    unreachable!("exit_group does not return");
}
