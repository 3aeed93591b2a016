//! Locks on files: POSIX record locks, those of open file descriptions, and flock.

use crate::{child, show, sys};
use libc::*;

fn lock(fd: i32, command: i32, kind: i32, start: i64, len: i64) -> sys::Ret {
    let lock = flock {
        l_type: kind as i16,
        l_whence: SEEK_SET as i16,
        l_start: start,
        l_len: len,
        l_pid: 0,
    };
    sys!(SYS_fcntl, fd, command, &raw const lock)
}

fn ask(fd: i32, command: i32, kind: i32, start: i64, len: i64) -> String {
    let mut lock = flock {
        l_type: kind as i16,
        l_whence: SEEK_SET as i16,
        l_start: start,
        l_len: len,
        l_pid: 0,
    };
    let got = sys!(SYS_fcntl, fd, command, &raw mut lock);
    if got.failed() {
        return got.to_string();
    }
    let owner = match lock.l_pid {
        -1 => "a description",
        0 => "nobody",
        _ => "a process",
    };
    format!(
        "type {} at {} for {} of {owner}",
        lock.l_type, lock.l_start, lock.l_len
    )
}

/// Whether another process may lock a byte.
fn other(kind: i32, at: i64) -> String {
    let status = child::run(|| {
        let fd = sys!(SYS_open, c"l", O_RDWR, 0).value();
        match lock(fd, F_SETLK, kind, at, 1).to_string().as_str() {
            "0" => 0,
            "EAGAIN" => 11,
            _ => 99,
        }
    });
    status.replace("exited 0", "yes").replace("exited 11", "no")
}

pub fn run() {
    let fd = sys!(SYS_open, c"l", O_RDWR | O_CREAT, 0o600).value();
    sys!(SYS_write, fd, [0_u8; 100].as_ptr(), 100);
    show!("write lock", lock(fd, F_SETLK, F_WRLCK, 10, 10));
    show!("mine asked", ask(fd, F_GETLK, F_WRLCK, 0, 0));
    show!("another's byte 9", other(F_WRLCK, 9));
    show!("another's byte 10", other(F_WRLCK, 10));
    show!("another reads byte 19", other(F_RDLCK, 19));
    show!("another's byte 20", other(F_WRLCK, 20));
    show!(
        "another asks",
        child::run(|| {
            show!("it is told", ask(fd, F_GETLK, F_RDLCK, 0, 0));
            0
        })
    );
    show!(
        "part becomes a read lock",
        lock(fd, F_SETLK, F_RDLCK, 12, 2)
    );
    show!("another reads byte 13", other(F_RDLCK, 13));
    show!("another writes byte 13", other(F_WRLCK, 13));
    show!("unlock the middle", lock(fd, F_SETLK, F_UNLCK, 14, 1));
    show!("another's byte 14", other(F_WRLCK, 14));
    show!("to the end", lock(fd, F_SETLK, F_WRLCK, 50, 0));
    show!("another's far byte", other(F_WRLCK, 1 << 40));
    show!("negative start", lock(fd, F_SETLK, F_WRLCK, -1, 1));
    show!("backwards", lock(fd, F_SETLK, F_RDLCK, 5, -3));
    show!("backwards too far", lock(fd, F_SETLK, F_RDLCK, 5, -6));
    show!("wrong kind", lock(fd, F_SETLK, 9, 0, 1));
    show!("overflow", lock(fd, F_SETLK, F_WRLCK, i64::MAX, 2));
    let reader = sys!(SYS_open, c"l", O_RDONLY, 0).value();
    show!(
        "write lock of a reader",
        lock(reader, F_SETLK, F_WRLCK, 90, 1)
    );
    let pid = child::fork(|| {
        let fd = sys!(SYS_open, c"l", O_RDWR, 0).value();
        i32::from(lock(fd, F_SETLKW, F_WRLCK, 60, 1).failed())
    });
    let short = timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    sys!(SYS_nanosleep, &raw const short, 0);
    show!("unlock all", lock(fd, F_SETLK, F_UNLCK, 0, 0));
    show!("who waited", child::wait(pid));
    lock(fd, F_SETLK, F_WRLCK, 0, 1);
    sys!(SYS_close, reader);
    show!("closing any descriptor unlocks", other(F_WRLCK, 0));
    deadlock(fd);
    no_deadlock(fd);
    closed_while_waited_for(fd);
    descriptions(fd);
    whole();
    memory_files();
}

/// A descriptor is closed in one thread while another waits for a lock through it: the lock would
/// stay with the process, which has nothing left to close.
fn closed_while_waited_for(fd: i32) {
    let (mut ends, waited_for) = ([0_i32; 2], fd);
    sys!(SYS_pipe2, ends.as_mut_ptr(), 0);
    let pid = child::fork(|| {
        sys!(SYS_close, ends[1]);
        let fd = sys!(SYS_open, c"l", O_RDWR, 0).value();
        lock(fd, F_SETLK, F_WRLCK, 0, 1);
        sys!(SYS_read, ends[0], [0_u8; 1].as_mut_ptr(), 1);
        0
    });
    while !ask(waited_for, F_GETLK, F_WRLCK, 0, 1).ends_with("a process") {
        sys!(SYS_sched_yield);
    }
    let second = sys!(SYS_open, c"l", O_RDWR, 0).value();
    let tid = std::sync::atomic::AtomicI32::new(0);
    let answer = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let own = sys!(SYS_gettid).value();
            tid.store(own, std::sync::atomic::Ordering::SeqCst);
            lock(second, F_SETLKW, F_WRLCK, 0, 1)
        });
        let sleeps = || {
            let tid = tid.load(std::sync::atomic::Ordering::SeqCst);
            std::fs::read_to_string(format!("/proc/self/task/{tid}/stat"))
                .is_ok_and(|stat| tid != 0 && stat.contains(") S "))
        };
        while !sleeps() {
            sys!(SYS_sched_yield);
        }
        sys!(SYS_close, second);
        sys!(SYS_close, ends[1]);
        waiter.join().expect("it doesn't panic")
    });
    show!("closed while its lock was waited for", answer);
    child::wait(pid);
    show!("it is nobody's", other(F_WRLCK, 0));
    sys!(SYS_close, ends[0]);
}

/// A memfd has no name, but several processes.
fn memory_files() {
    let fd = sys!(SYS_memfd_create, c"l", 0).value();
    let other = || child::run(|| i32::from(lock(fd, F_SETLK, F_WRLCK, 0, 1).failed()));
    show!("a memfd's lock", lock(fd, F_SETLK, F_WRLCK, 0, 1));
    show!("it keeps another out", other());
    let twin = sys!(SYS_dup, fd).value();
    sys!(SYS_close, twin);
    show!("until it is closed", other());
}

fn deadlock(fd: i32) {
    lock(fd, F_SETLK, F_WRLCK, 0, 1);
    let pid = child::fork(|| {
        let fd = sys!(SYS_open, c"l", O_RDWR, 0).value();
        lock(fd, F_SETLK, F_WRLCK, 1, 1);
        i32::from(lock(fd, F_SETLKW, F_WRLCK, 0, 1).failed())
    });
    while !ask(fd, F_GETLK, F_WRLCK, 1, 1).ends_with("a process") {
        sys!(SYS_sched_yield);
    }
    // Whoever closes the circle is told of it, and the other goes on once that one's locks go.
    let mine = lock(fd, F_SETLKW, F_WRLCK, 1, 1);
    lock(fd, F_SETLK, F_UNLCK, 0, 0);
    let told = [
        mine.to_string() == "EDEADLK",
        child::wait(pid) == "exited 1",
    ];
    show!("a deadlock", told[0] != told[1]);
}

/// Who has let go what another waits for may wait for that one, though it hasn't looked again yet.
fn no_deadlock(fd: i32) {
    lock(fd, F_SETLK, F_WRLCK, 0, 1);
    let pid = child::fork(|| {
        let fd = sys!(SYS_open, c"l", O_RDWR, 0).value();
        lock(fd, F_SETLK, F_WRLCK, 1, 1);
        i32::from(lock(fd, F_SETLKW, F_WRLCK, 0, 1).failed())
    });
    while !std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.contains(") S "))
    {
        sys!(SYS_sched_yield);
    }
    lock(fd, F_SETLK, F_UNLCK, 0, 1);
    show!("no deadlock", lock(fd, F_SETLKW, F_WRLCK, 1, 1));
    show!("who waited, then ended", child::wait(pid));
    lock(fd, F_SETLK, F_UNLCK, 0, 0);
}

fn descriptions(fd: i32) {
    let second = sys!(SYS_open, c"l", O_RDWR, 0).value();
    show!(
        "a description's lock",
        lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10)
    );
    show!(
        "another description of mine",
        lock(second, F_OFD_SETLK, F_WRLCK, 5, 1)
    );
    show!("asked", ask(second, F_OFD_GETLK, F_WRLCK, 0, 0));
    show!(
        "a process's lock meets it",
        lock(second, F_SETLK, F_WRLCK, 5, 1)
    );
    let twin = sys!(SYS_dup, fd).value();
    show!("a twin's", lock(twin, F_OFD_SETLK, F_RDLCK, 0, 10));
    sys!(SYS_close, twin);
    show!(
        "closing the twin keeps it",
        lock(second, F_OFD_SETLK, F_WRLCK, 5, 1)
    );
    let wrong = flock {
        l_type: F_WRLCK as i16,
        l_whence: 0,
        l_start: 0,
        l_len: 1,
        l_pid: 7,
    };
    show!(
        "with a process number",
        sys!(SYS_fcntl, fd, F_OFD_SETLK, &raw const wrong)
    );
    sys!(SYS_close, fd);
    show!(
        "closing the last does not",
        lock(second, F_OFD_SETLK, F_WRLCK, 5, 1)
    );
}

fn whole() {
    let (one, other) = (
        sys!(SYS_open, c"l", O_RDONLY, 0).value(),
        sys!(SYS_open, c"l", O_RDONLY, 0).value(),
    );
    show!("flock", sys!(SYS_flock, one, LOCK_EX));
    show!("again", sys!(SYS_flock, one, LOCK_EX));
    show!("another", sys!(SYS_flock, other, LOCK_EX | LOCK_NB));
    show!("share", sys!(SYS_flock, one, LOCK_SH));
    show!("another shares", sys!(SYS_flock, other, LOCK_SH | LOCK_NB));
    show!("upgrade", sys!(SYS_flock, one, LOCK_EX | LOCK_NB));
    show!("unlock", sys!(SYS_flock, other, LOCK_UN));
    show!("upgrade again", sys!(SYS_flock, one, LOCK_EX | LOCK_NB));
    show!(
        "a child shares it",
        child::run(|| sys!(SYS_flock, one, LOCK_EX | LOCK_NB).value())
    );
    show!("wrong", sys!(SYS_flock, one, 77));
    show!("of nothing", sys!(SYS_flock, 99, LOCK_SH));
    let pid = child::fork(|| {
        sys!(SYS_close, one);
        i32::from(sys!(SYS_flock, other, LOCK_EX).failed())
    });
    let short = timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    sys!(SYS_nanosleep, &raw const short, 0);
    sys!(SYS_close, one);
    show!("who waited", child::wait(pid));
}
