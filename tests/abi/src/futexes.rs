//! Futexes: waiting, waking, requeueing, robust lists, priority inheritance.

use crate::{child, show, sys};
use libc::*;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

fn futex(
    word: &AtomicU32,
    operation: i32,
    value: u32,
    timeout: usize,
    second: usize,
    third: u32,
) -> sys::Ret {
    sys!(
        SYS_futex,
        word.as_ptr(),
        operation,
        value,
        timeout,
        second,
        third
    )
}

/// Set in a lock's word while others wait for it (`FUTEX_WAITERS`).
const WAITERS: u32 = 0x8000_0000;

/// Waits until `count` are asleep on a word: that many are found by a requeue onto itself.
fn settle(word: &AtomicU32, count: isize) {
    let at = word.as_ptr().addr();
    let value = word.load(SeqCst);
    while futex(word, FUTEX_CMP_REQUEUE, 0, i32::MAX as usize, at, value).0 < count {
        thread::yield_now();
    }
}

pub fn run() {
    simple();
    many();
    wrong();
    inheriting();
    robust();
}

fn simple() {
    let word = AtomicU32::new(1);
    let short = timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    let short = (&raw const short).addr();
    show!("other value", futex(&word, FUTEX_WAIT, 0, 0, 0, 0));
    show!("time is up", futex(&word, FUTEX_WAIT, 1, short, 0, 0));
    show!(
        "private",
        futex(&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, short, 0, 0)
    );
    show!("wake nobody", futex(&word, FUTEX_WAKE, 1, 0, 0, 0));
    show!("bits", futex(&word, FUTEX_WAIT_BITSET, 1, short, 0, 1));
    show!("no bits", futex(&word, FUTEX_WAIT_BITSET, 1, 0, 0, 0));
    show!("wake no bits", futex(&word, FUTEX_WAKE_BITSET, 1, 0, 0, 0));
    let past = timespec {
        tv_sec: 0,
        tv_nsec: 1,
    };
    let past = (&raw const past).addr();
    show!(
        "until the past",
        futex(&word, FUTEX_WAIT_BITSET, 1, past, 0, u32::MAX)
    );
    let clock = FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME;
    show!(
        "by the wall's clock",
        futex(&word, clock, 1, past, 0, u32::MAX)
    );
    thread::scope(|scope| {
        let waiter = scope.spawn(|| futex(&word, FUTEX_WAIT, 1, 0, 0, 0));
        settle(&word, 1);
        show!("wake", futex(&word, FUTEX_WAKE, 10, 0, 0, 0));
        show!("woken", waiter.join().expect("it returns"));
    });
    let [word] = sys::shared_words();
    let pid = child::fork(|| i32::from(futex(word, FUTEX_WAIT, 0, 0, 0, 0).failed()));
    settle(word, 1);
    show!("wake across processes", futex(word, FUTEX_WAKE, 1, 0, 0, 0));
    show!("woken", child::wait(pid));
}

fn many() {
    let (one, other) = (AtomicU32::new(0), AtomicU32::new(0));
    let other_at = other.as_ptr().addr();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| futex(&one, FUTEX_WAIT, 0, 0, 0, 0));
        }
        settle(&one, 4);
        show!(
            "compared to another value",
            futex(&one, FUTEX_CMP_REQUEUE, 1, 2, other_at, 7)
        );
        show!(
            "one woken, two moved",
            futex(&one, FUTEX_CMP_REQUEUE, 1, 2, other_at, 0)
        );
        show!("moved", futex(&other, FUTEX_WAKE, 10, 0, 0, 0));
        show!("left", futex(&one, FUTEX_WAKE, 10, 0, 0, 0));
    });
    thread::scope(|scope| {
        scope.spawn(|| futex(&one, FUTEX_WAIT_BITSET, 0, 0, 0, 1));
        scope.spawn(|| futex(&one, FUTEX_WAIT_BITSET, 0, 0, 0, 2));
        settle(&one, 2);
        show!("of bit 4", futex(&one, FUTEX_WAKE_BITSET, 10, 0, 0, 4));
        show!("of bit 2", futex(&one, FUTEX_WAKE_BITSET, 10, 0, 0, 2));
        show!("of all", futex(&one, FUTEX_WAKE, 10, 0, 0, 0));
    });
    thread::scope(|scope| {
        scope.spawn(|| futex(&one, FUTEX_WAIT, 0, 0, 0, 0));
        scope.spawn(|| futex(&other, FUTEX_WAIT, 0, 0, 0, 0));
        settle(&one, 1);
        settle(&other, 1);
        // Sets the second to 5 if it was 0 (comparison "equal"), and wakes there too.
        let operation = 5 << 12;
        show!(
            "wake with an operation",
            futex(&one, FUTEX_WAKE_OP, 1, 1, other_at, operation)
        );
        show!("result", other.load(SeqCst));
    });
}

fn wrong() {
    let word = AtomicU32::new(0);
    show!("no operation", futex(&word, 77, 0, 0, 0, 0));
    show!(
        "odd address",
        sys!(SYS_futex, word.as_ptr().addr() + 1, FUTEX_WAKE, 1, 0, 0, 0)
    );
    show!(
        "wrong address",
        sys!(SYS_futex, 0x1000, FUTEX_WAIT, 0, 0, 0, 0)
    );
    show!(
        "wake at a wrong address",
        sys!(
            SYS_futex,
            0x1000,
            FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
            1,
            0,
            0,
            0
        )
    );
    let time = timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000_000,
    };
    show!(
        "wrong time",
        futex(&word, FUTEX_WAIT, 0, (&raw const time).addr(), 0, 0)
    );
    show!(
        "robust list of a wrong size",
        sys!(SYS_set_robust_list, 0, 8)
    );
    show!(
        "robust list of nobody",
        sys!(
            SYS_get_robust_list,
            999_999,
            [0_usize; 1].as_mut_ptr(),
            [0_usize; 1].as_mut_ptr()
        )
    );
}

fn inheriting() {
    let word = AtomicU32::new(0);
    let me = sys!(SYS_gettid).0 as u32;
    show!("lock", futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0));
    show!("held by me", word.load(SeqCst) == me);
    show!("lock again", futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0));
    show!("try again", futex(&word, FUTEX_TRYLOCK_PI, 0, 0, 0, 0));
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let taken = futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0);
            let mine = word.load(SeqCst) & 0x3fff_ffff == sys!(SYS_gettid).0 as u32;
            let free = futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0);
            format!("{taken} {mine} {free}")
        });
        while word.load(SeqCst) & WAITERS == 0 {
            thread::yield_now();
        }
        show!("somebody waits", word.load(SeqCst) & 0x3fff_ffff == me);
        show!("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0));
        show!("the other", other.join().expect("it returns"));
    });
    show!("free", word.load(SeqCst));
    show!(
        "unlock what is free",
        futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0)
    );
    word.store(999_999, SeqCst);
    show!("held by nobody", futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0));
}

fn robust() {
    let shared = sys!(
        SYS_mmap,
        0,
        4096,
        PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS,
        -1,
        0
    );
    let base = shared.0 as usize;
    // SAFETY: words of the new mapping, which stays.
    let word = unsafe { AtomicU32::from_ptr((base + 64) as *mut u32) };
    show!(
        "an owner that dies",
        child::run(|| {
            // The head: first entry, offset from an entry to its futex, nothing being changed.
            let head = base as *mut usize;
            // SAFETY: as above.
            unsafe {
                head.write(base + 32);
                head.add(1).write(32);
                head.add(2).write(0);
                ((base + 32) as *mut usize).write(base);
            }
            word.store(sys!(SYS_gettid).0 as u32, SeqCst);
            sys!(SYS_set_robust_list, base, 24).value()
        })
    );
    show!("marked", "{:#x}", word.load(SeqCst));
}
