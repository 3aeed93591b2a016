//! Futexes that say who has a lock, and conditions whose waiters are given one; waiting on several
//! words; the calls whose flags say how large a word is.

use crate::{child, show, sys};
use libc::*;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

/// `SYS_futex_wake`, `SYS_futex_wait` and `SYS_futex_requeue`, which came with Linux 6.7.
const WAKE: i64 = 454;
const WAIT: i64 = 455;
const REQUEUE: i64 = 456;

/// A word of 32 bits (`FUTEX2_SIZE_U32`).
const U32: u32 = 2;
/// Bits of a lock's word: others wait; its owner died.
const WAITERS: u32 = 0x8000_0000;
const DIED: u32 = 0x4000_0000;

fn futex(word: &AtomicU32, operation: i32, value: u32, rest: [usize; 3]) -> sys::Ret {
    let [time, second, third] = rest;
    sys!(
        SYS_futex,
        word.as_ptr(),
        operation,
        value,
        time,
        second,
        third
    )
}

fn lock(word: &AtomicU32) -> sys::Ret {
    futex(word, FUTEX_LOCK_PI, 0, [0; 3])
}

fn unlock(word: &AtomicU32) -> sys::Ret {
    futex(word, FUTEX_UNLOCK_PI, 0, [0; 3])
}

/// Waits on `condition`, to be given `lock`.
fn wait_for(condition: &AtomicU32, lock: &AtomicU32) -> sys::Ret {
    let at = lock.as_ptr().addr();
    futex(condition, FUTEX_WAIT_REQUEUE_PI, 0, [0, at, 0])
}

/// Gives `lock` to one who waits on `condition`, and has `count` more wait for it.
fn pass(condition: &AtomicU32, lock: &AtomicU32, count: usize) -> sys::Ret {
    let at = lock.as_ptr().addr();
    futex(condition, FUTEX_CMP_REQUEUE_PI, 1, [count, at, 0])
}

fn tid() -> u32 {
    sys!(SYS_gettid).0 as u32
}

fn is_mine(word: &AtomicU32) -> bool {
    word.load(SeqCst) & !(WAITERS | DIED) == tid()
}

/// Waits until a thread of this process sleeps in the kernel.
fn sleeps(tid: &AtomicU32) {
    loop {
        let tid = tid.load(SeqCst);
        let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat"));
        if tid != 0 && stat.is_ok_and(|stat| stat.contains(") S ")) {
            return;
        }
        thread::yield_now();
    }
}

/// A thread that does something that sleeps, on its way to it.
fn asleep<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> thread::ScopedJoinHandle<'scope, T> {
    let number = std::sync::Arc::new(AtomicU32::new(0));
    let its = number.clone();
    let handle = scope.spawn(move || {
        its.store(tid(), SeqCst);
        work()
    });
    sleeps(&number);
    handle
}

pub fn run() {
    handed();
    conditions();
    wrong_conditions();
    interrupted();
    dead();
    several();
    newer();
}

/// A lock that is let go is its first waiter's at once.
fn handed() {
    let word = AtomicU32::new(0);
    let (go, first_tid) = (AtomicU32::new(0), AtomicU32::new(0));
    lock(&word);
    thread::scope(|scope| {
        let first = asleep(scope, || {
            first_tid.store(tid(), SeqCst);
            let taken = lock(&word);
            while go.load(SeqCst) == 0 {
                thread::yield_now();
            }
            format!("{taken} {} {}", is_mine(&word), unlock(&word))
        });
        let second = asleep(scope, || {
            let taken = lock(&word);
            format!("{taken} {} {}", is_mine(&word), unlock(&word))
        });
        show!("others wait", word.load(SeqCst) == tid() | WAITERS);
        show!("unlocked", unlock(&word));
        let heir = first_tid.load(SeqCst) | WAITERS;
        show!("the first one's at once", word.load(SeqCst) == heir);
        show!("unlocked again", unlock(&word));
        go.store(1, SeqCst);
        show!("first", first.join().expect("it returns"));
        show!("second", second.join().expect("it returns"));
    });
    show!("free at last", word.load(SeqCst));
    show!("taken when free", lock(&word));
    show!("by me alone", word.load(SeqCst) == tid());
    show!("freed", unlock(&word));
    word.store(DIED, SeqCst);
    show!("whose owner died", lock(&word));
    show!("still says so", word.load(SeqCst) == tid() | DIED);
    word.store(WAITERS, SeqCst);
    show!("left by a waiter", lock(&word));
    show!("whom nobody knows", word.load(SeqCst) == tid());
    thread::scope(|scope| {
        let other = scope.spawn(|| futex(&word, FUTEX_TRYLOCK_PI, 0, [0; 3]));
        show!("tried by another", other.join().expect("it returns"));
    });
    show!("has a waiter's bit now", word.load(SeqCst) & WAITERS != 0);
    thread::scope(|scope| {
        let waiter = asleep(scope, || {
            futex(&word, FUTEX_WAIT, word.load(SeqCst), [0; 3])
        });
        let other = scope.spawn(|| lock(&word));
        show!(
            "beside one who only waits",
            other.join().expect("it returns")
        );
        show!("unlocked beside it", unlock(&word));
        show!("it is woken", futex(&word, FUTEX_WAKE, 1, [0; 3]));
        show!("and returns", waiter.join().expect("it returns"));
    });
    let past = [0_i64, 1];
    let past = past.as_ptr().addr();
    word.store(tid(), SeqCst);
    let word = &word;
    thread::scope(|scope| {
        let other = scope.spawn(move || futex(word, FUTEX_LOCK_PI, 0, [past, 0, 0]));
        show!("until the past", other.join().expect("it returns"));
    });
}

fn conditions() {
    let (condition, word) = (AtomicU32::new(0), AtomicU32::new(0));
    show!("nobody waits", pass(&condition, &word, 5));
    show!("the lock is free", word.load(SeqCst));
    thread::scope(|scope| {
        let waiter = asleep(scope, || {
            let got = wait_for(&condition, &word);
            format!("{got} {} {}", is_mine(&word), unlock(&word))
        });
        show!("given a free lock", pass(&condition, &word, 0));
        show!("by the waiter", waiter.join().expect("it returns"));
    });
    show!("let go", word.load(SeqCst));
    // Three wait; who passes it on has the lock itself.
    thread::scope(|scope| {
        let waiters = [(); 3].map(|()| {
            asleep(scope, || {
                let got = wait_for(&condition, &word);
                format!("{got} {} {}", is_mine(&word), unlock(&word))
            })
        });
        lock(&word);
        show!("two are moved", pass(&condition, &word, 1));
        show!(
            "wake who waits for the lock",
            futex(&word, FUTEX_WAKE, 5, [0; 3])
        );
        show!("somebody waits", word.load(SeqCst) == tid() | WAITERS);
        show!("the last is moved", pass(&condition, &word, 9));
        show!("none is left", pass(&condition, &word, 9));
        show!("unlocked", unlock(&word));
        for waiter in waiters {
            show!("moved, and given it", waiter.join().expect("it returns"));
        }
    });
    show!("let go by all", word.load(SeqCst));
    thread::scope(|scope| {
        let waiters = [(); 2].map(|()| {
            asleep(scope, || {
                let got = wait_for(&condition, &word);
                format!("{got} {} {}", is_mine(&word), unlock(&word))
            })
        });
        show!("one is given it, one waits", pass(&condition, &word, 1));
        for waiter in waiters {
            show!("each in turn", waiter.join().expect("it returns"));
        }
    });
    show!("let go by both", word.load(SeqCst));
}

fn wrong_conditions() {
    let (condition, word) = (AtomicU32::new(0), AtomicU32::new(0));
    let other = AtomicU32::new(0);
    let at = word.as_ptr().addr();
    let requeue = FUTEX_CMP_REQUEUE_PI;
    show!(
        "two to be given it",
        futex(&condition, requeue, 2, [1, at, 0])
    );
    show!(
        "none to be given it",
        futex(&condition, requeue, 0, [1, at, 0])
    );
    show!("another value", futex(&condition, requeue, 1, [1, at, 7]));
    show!("a negative count", pass(&condition, &word, usize::MAX));
    show!("onto itself", pass(&condition, &condition, 1));
    show!("wait for itself", wait_for(&condition, &condition));
    condition.store(1, SeqCst);
    show!("wait for another value", wait_for(&condition, &word));
    condition.store(0, SeqCst);
    let past = [0_i64, 1].as_ptr().addr();
    let wait = FUTEX_WAIT_REQUEUE_PI;
    show!("until the past", futex(&condition, wait, 0, [past, at, 0]));
    let real = wait | FUTEX_CLOCK_REALTIME;
    show!(
        "by the wall's clock",
        futex(&condition, real, 0, [past, at, 0])
    );
    show!(
        "to a wrong address",
        futex(&condition, requeue, 1, [1, 0x1001, 0])
    );
    show!("to nowhere", futex(&condition, requeue, 1, [1, 0x1000, 0]));
    let mine = tid();
    thread::scope(|scope| {
        let waiter = asleep(scope, || {
            let number = tid();
            let got = wait_for(&condition, &word);
            format!("{got} {} {}", word.load(SeqCst) == number, unlock(&word))
        });
        show!("a wake", futex(&condition, FUTEX_WAKE, 1, [0; 3]));
        let at_other = other.as_ptr().addr();
        show!(
            "a plain requeue",
            futex(&condition, FUTEX_CMP_REQUEUE, 1, [1, at_other, 0])
        );
        show!("another lock", pass(&condition, &other, 1));
        word.store(999_999, SeqCst);
        show!("a lock of nobody's", pass(&condition, &word, 1));
        word.store(mine, SeqCst);
        unlock(&word);
        show!("the right one", pass(&condition, &word, 0));
        show!("it was not disturbed", waiter.join().expect("it returns"));
        let plain = asleep(scope, || futex(&condition, FUTEX_WAIT, 0, [0; 3]));
        show!("one who waits for no lock", pass(&condition, &word, 1));
        futex(&condition, FUTEX_WAKE, 1, [0; 3]);
        show!("returns", plain.join().expect("it returns"));
    });
}

/// What a call comes to when a signal's handler runs in its middle, and `then` after that.
fn disturb(work: impl FnOnce() -> sys::Ret + Send, then: impl FnOnce()) -> sys::Ret {
    let number = AtomicU32::new(0);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            number.store(tid(), SeqCst);
            work()
        });
        sleeps(&number);
        let pid = sys!(SYS_getpid);
        sys!(SYS_tgkill, pid, number.load(SeqCst), SIGUSR1);
        // Delivered: its handler has run, and the thread sleeps again or has come back.
        let pending = || {
            let path = format!("/proc/self/task/{}/status", number.load(SeqCst));
            std::fs::read_to_string(path).is_ok_and(|status| {
                let line = status.lines().find(|line| line.starts_with("SigPnd:"));
                line.is_some_and(|line| !line.ends_with("0000000000000000"))
            })
        };
        while pending() {
            thread::yield_now();
        }
        while !waiter.is_finished() {
            let path = format!("/proc/self/task/{}/stat", number.load(SeqCst));
            if std::fs::read_to_string(path).is_ok_and(|stat| stat.contains(") S ")) {
                break;
            }
            thread::yield_now();
        }
        then();
        waiter.join().expect("it returns")
    })
}

fn interrupted() {
    let (condition, word) = (AtomicU32::new(0), AtomicU32::new(0));
    let far = [i64::MAX / 4, 0];
    let far = far.as_ptr().addr();
    let wake = || {
        condition.store(1, SeqCst);
        futex(&condition, FUTEX_WAKE, 1, [0; 3]);
    };
    for (name, flags) in [("", 0), (" that restarts", SA_RESTART)] {
        sys::handle(flags);
        condition.store(0, SeqCst);
        let wait = || futex(&condition, FUTEX_WAIT, 0, [0; 3]);
        show!(
            format!("a wait, a handler{name}"),
            disturb(wait, wake).outcome()
        );
        condition.store(0, SeqCst);
        let wait = || futex(&condition, FUTEX_WAIT, 0, [far, 0, 0]);
        show!(format!("a wait with a time{name}"), disturb(wait, wake));
        lock(&word);
        let taken = disturb(|| lock(&word), || _ = unlock(&word));
        show!(format!("a lock{name}"), taken);
        word.store(0, SeqCst);
        condition.store(0, SeqCst);
        let given = disturb(
            || wait_for(&condition, &word),
            || {
                while pass(&condition, &word, 0).0 == 0 {
                    thread::yield_now();
                }
            },
        );
        show!(format!("a condition{name}"), given);
        word.store(0, SeqCst);
    }
}

/// What becomes of a lock whose owner dies.
fn dead() {
    let [word, go] = sys::shared_words();
    // The owner says nothing of it in a robust list: who waits learns it all the same.
    let owner = child::fork(|| {
        lock(word);
        while go.load(SeqCst) == 0 {
            thread::yield_now();
        }
        0
    });
    while word.load(SeqCst) == 0 {
        thread::yield_now();
    }
    thread::scope(|scope| {
        let waiters = [(); 2].map(|()| {
            asleep(scope, || {
                let taken = lock(word);
                let seen = word.load(SeqCst);
                format!(
                    "{taken} {} {}",
                    seen & !DIED == tid() | WAITERS,
                    unlock(word)
                )
            })
        });
        go.store(1, SeqCst);
        show!("the owner", child::wait(owner));
        for waiter in waiters {
            show!("one who waited", waiter.join().expect("it returns"));
        }
    });
    show!("at last", "{:#x}", word.load(SeqCst));
    let pid = child::fork(|| {
        lock(word);
        0
    });
    child::wait(pid);
    show!("the owner died before", lock(word));
}

/// `struct futex_waitv`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Wait {
    value: u64,
    at: u64,
    flags: u32,
    reserved: u32,
}

fn on(word: &AtomicU32, value: u64) -> Wait {
    Wait {
        value,
        at: word.as_ptr().addr() as u64,
        flags: U32,
        reserved: 0,
    }
}

fn wait_many(waits: &[Wait], time: usize, clock: i32) -> sys::Ret {
    sys!(SYS_futex_waitv, waits.as_ptr(), waits.len(), 0, time, clock)
}

fn several() {
    let words = [const { AtomicU32::new(0) }; 3];
    let all = [on(&words[0], 0), on(&words[1], 0), on(&words[2], 0)];
    let past = [0_i64, 1].as_ptr().addr();
    show!("none", wait_many(&[], 0, 0));
    show!("too many", wait_many(&[all[0]; 129], 0, 0));
    show!("until the past", wait_many(&all, past, CLOCK_MONOTONIC));
    show!(
        "as many as can be",
        wait_many(&[all[0]; 128], past, CLOCK_REALTIME)
    );
    show!("by no clock", wait_many(&all, past, 77));
    show!("a clock without a time", {
        wait_many(&[on(&words[0], 1)], 0, 77)
    });
    show!(
        "one has another value",
        wait_many(&[all[0], on(&words[1], 5)], 0, 0)
    );
    let mut wrong = all;
    wrong[1].flags = U32 | 0x100;
    show!("no such flag", wait_many(&wrong, past, CLOCK_MONOTONIC));
    wrong[1].flags = 0;
    show!(
        "a word of one byte",
        wait_many(&wrong, past, CLOCK_MONOTONIC)
    );
    wrong[1] = Wait {
        reserved: 1,
        ..all[1]
    };
    show!("what is reserved", wait_many(&wrong, past, CLOCK_MONOTONIC));
    wrong[1] = Wait {
        at: all[1].at + 2,
        ..all[1]
    };
    show!("an odd address", wait_many(&wrong, past, CLOCK_MONOTONIC));
    wrong[1] = Wait {
        at: 0x1000,
        ..all[1]
    };
    show!("a wrong address", wait_many(&wrong, past, CLOCK_MONOTONIC));
    show!("a wrong list", sys!(SYS_futex_waitv, 0x1000, 2, 0, 0, 0));
    show!("no list", sys!(SYS_futex_waitv, 0, 2, 0, 0, 0));
    show!(
        "flags of the call",
        sys!(SYS_futex_waitv, all.as_ptr(), 2, 1, 0, 0)
    );
    show!("a wrong time", {
        wait_many(
            &all,
            [0_i64, 1_000_000_000].as_ptr().addr(),
            CLOCK_MONOTONIC,
        )
    });
    for (index, word) in words.iter().enumerate() {
        let private = FUTEX_WAKE | FUTEX_PRIVATE_FLAG;
        let mut all = all;
        all[2].flags = U32 | FUTEX_PRIVATE_FLAG as u32;
        thread::scope(|scope| {
            let waiter = asleep(scope, || wait_many(&all, 0, 0));
            let operation = if index == 2 { private } else { FUTEX_WAKE };
            show!(format!("wake {index}"), futex(word, operation, 9, [0; 3]));
            show!(
                format!("woken by {index}"),
                waiter.join().expect("it returns")
            );
        });
    }
    show!("all have left", futex(&words[0], FUTEX_WAKE, 9, [0; 3]));
}

/// The calls that came with Linux 6.7, made by futex(2) where there are none.
fn newer() {
    let (word, other) = (AtomicU32::new(0), AtomicU32::new(0));
    let past = [0_i64, 1].as_ptr().addr();
    let call = |number: i64, arguments: &[usize], older: &dyn Fn() -> sys::Ret| {
        let got = sys::call(number, arguments);
        if got == sys::Ret(-ENOSYS as isize) {
            older()
        } else {
            got
        }
    };
    let at = word.as_ptr().addr();
    let wake = |mask: u32, count: usize| {
        call(WAKE, &[at, mask as usize, count, U32 as usize], &|| {
            let all = [0, 0, mask as usize];
            futex(&word, FUTEX_WAKE_BITSET, count as u32, all)
        })
    };
    let wait = |value: u32, mask: u32, time: usize| {
        let arguments = [at, value as usize, mask as usize, U32 as usize, time, 1];
        call(WAIT, &arguments, &|| {
            futex(&word, FUTEX_WAIT_BITSET, value, [time, 0, mask as usize])
        })
    };
    show!("wait for another value", wait(1, 1, 0));
    show!("wait until the past", wait(0, 1, past));
    show!("wait with no bits", wait(0, 0, 0));
    show!("wake nobody", wake(1, 1));
    show!("wake with no bits", wake(0, 1));
    thread::scope(|scope| {
        let waiter = asleep(scope, || wait(0, 2, 0));
        show!("wake of other bits", wake(1, 1));
        show!("wake of its bit", wake(3, 1));
        show!("it returns", waiter.join().expect("it returns"));
        let waiters = [(); 2].map(|()| asleep(scope, || wait(0, 1, 0)));
        let pair = [on(&word, 0), on(&other, 0)];
        let moved = call(REQUEUE, &[pair.as_ptr().addr(), 0, 1, 1], &|| {
            let second = other.as_ptr().addr();
            futex(&word, FUTEX_CMP_REQUEUE, 1, [1, second, 0])
        });
        show!("one woken, one moved", moved);
        show!("the moved one", futex(&other, FUTEX_WAKE, 9, [0; 3]));
        for waiter in waiters {
            show!("both return", waiter.join().expect("it returns"));
        }
    });
}
