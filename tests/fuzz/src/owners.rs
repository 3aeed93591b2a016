//! Who has a lock is as urgent as who waits for it, and who has what that one waits for: on one processor, nobody
//! who only computes runs between a real-time thread's wish for a lock and its having it.
//!
//! In each round one process has a lock, another has a second one and waits for the first, and the asker wants the
//! second: the first is given up as soon as the asker waits.

use crate::lending::{child, shared_words};
use crate::sys;
use std::sync::atomic::{AtomicU32, Ordering};

/// Processes that compute all the time.
const BUSY: usize = 2;
const ROUNDS: u32 = 100;
/// Seconds after which the asker is taken to wait for ever.
const FUSE: usize = 100;
/// In a lock's word: others wait.
const WAITERS: u32 = 0x8000_0000;

/// What all share.
struct Shared<'a> {
    computed: &'a AtomicU32,
    /// How far the round is: [`BEGUN`] and on.
    stage: &'a AtomicU32,
    near: &'a AtomicU32,
    far: &'a AtomicU32,
}

const BEGUN: u32 = 1;
/// The far lock has its owner, and the near one.
const FAR_HELD: u32 = 2;
const NEAR_HELD: u32 = 3;

fn futex(word: &AtomicU32, operation: i32, value: u32) -> isize {
    sys!(SYS_futex, word.as_ptr(), operation, value, 0, 0, 0)
}

fn lock(word: &AtomicU32) -> isize {
    futex(word, libc::FUTEX_LOCK_PI, 0)
}

fn unlock(word: &AtomicU32) -> isize {
    futex(word, libc::FUTEX_UNLOCK_PI, 0)
}

fn is_awaited(word: &AtomicU32) -> bool {
    word.load(Ordering::SeqCst) & WAITERS != 0
}

impl Shared<'_> {
    fn reach(&self, stage: u32) {
        self.stage.store(stage, Ordering::SeqCst);
        futex(self.stage, libc::FUTEX_WAKE, i32::MAX as u32);
    }

    fn wait_for(&self, stage: u32) {
        loop {
            let seen = self.stage.load(Ordering::SeqCst);
            if seen == stage {
                return;
            }
            futex(self.stage, libc::FUTEX_WAIT, seen);
        }
    }

    fn have_far(&self) -> ! {
        loop {
            self.wait_for(BEGUN);
            lock(self.far);
            self.reach(FAR_HELD);
            while !is_awaited(self.near) {}
            unlock(self.far);
        }
    }

    fn have_near(&self) -> ! {
        loop {
            self.wait_for(FAR_HELD);
            lock(self.near);
            self.reach(NEAR_HELD);
            lock(self.far);
            unlock(self.far);
            unlock(self.near);
        }
    }

    /// In how many rounds something else was computed while the asker waited.
    fn ask(&self) -> Result<u32, String> {
        let mut overtaken = 0;
        for _ in 0..ROUNDS {
            self.reach(BEGUN);
            self.wait_for(NEAR_HELD);
            while !is_awaited(self.far) {
                let pause = [0_u64, 1_000_000];
                sys!(SYS_nanosleep, pause.as_ptr(), 0);
            }
            let before = self.computed.load(Ordering::Relaxed);
            let answer = lock(self.near);
            overtaken += u32::from(self.computed.load(Ordering::Relaxed) != before);
            match (answer, unlock(self.near)) {
                (0, 0) => {}
                (locked, unlocked) => {
                    return Err(format!("locking answers {locked}, and then {unlocked}"));
                }
            }
        }
        Ok(overtaken)
    }
}

/// Needs a machine of one processor.
pub fn run() -> Result<(), String> {
    let [computed, stage, near, far, ..] = shared_words()?;
    let shared = &Shared {
        computed,
        stage,
        near,
        far,
    };
    let nice = || sys!(SYS_setpriority, libc::PRIO_PROCESS, 0, 10);
    let mut others = vec![
        child(|| {
            nice();
            shared.have_far()
        }),
        child(|| {
            nice();
            shared.have_near()
        }),
    ];
    others.resize_with(2 + BUSY, || {
        child(|| {
            loop {
                shared.computed.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let outcome = both_ways(shared);
    for pid in others {
        sys!(SYS_kill, pid, libc::SIGKILL);
        sys!(SYS_wait4, pid, 0, 0, 0);
    }
    let [fair, urgent] = outcome?;
    println!("others ran in {fair} waits of a fair asker, and in {urgent} of an urgent one");
    match (fair, urgent) {
        (0, _) => Err("a fair asker's waits show nobody who computes".to_owned()),
        (_, 0) => Ok(()),
        _ => Err("others ran while an urgent asker waited for a lock's owner".to_owned()),
    }
}

/// As it is, and then as a real-time thread.
fn both_ways(shared: &Shared<'_>) -> Result<[u32; 2], String> {
    sys::handle_alarm();
    sys!(SYS_alarm, FUSE);
    let fair = shared.ask()?;
    let priority = 10_i32;
    let set = sys!(
        SYS_sched_setscheduler,
        0,
        libc::SCHED_FIFO,
        &raw const priority
    );
    let urgent = shared.ask()?;
    sys!(SYS_alarm, 0);
    match set {
        0 => Ok([fair, urgent]),
        error => Err(format!("not made urgent: {error}")),
    }
}
