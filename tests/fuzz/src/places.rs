//! Who may run somewhere does: processes that sleep, give way and fork while others change where they may run.

use crate::lending::{child, shared_words};
use crate::random::Random;
use crate::sys;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Those that are moved, and those that move them.
const MOVED: usize = 8;
const MOVERS: u64 = 2;
/// What each of those does.
const MOVES: usize = 20_000;
/// After which one that does not go on is taken to wait for ever.
const FUSE: Duration = Duration::from_secs(300);

/// What one that is moved tells: how often it has gone round, and on which processor it last was.
#[derive(Clone, Copy)]
struct Told<'a> {
    rounds: &'a AtomicU32,
    place: &'a AtomicU32,
}

impl Told<'_> {
    /// Where it is in a round that begins after this does.
    fn next_place(self) -> Result<u32, String> {
        let (start, before) = (Instant::now(), self.rounds.load(Ordering::SeqCst));
        while self.rounds.load(Ordering::SeqCst).wrapping_sub(before) < 2 {
            if start.elapsed() > FUSE {
                return Err("one does not run where it may".to_owned());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(self.place.load(Ordering::SeqCst))
    }

    fn go_round(self) -> ! {
        for round in 0_u32.. {
            match round % 16 {
                0 => {
                    let pause = [0_u64, 20_000];
                    sys!(SYS_nanosleep, pause.as_ptr(), 0);
                }
                1 => {
                    // A child is where its parent may be.
                    let pid = child(|| {
                        sys!(SYS_exit_group, 0);
                    });
                    sys!(SYS_wait4, pid, 0, 0, 0);
                }
                _ => {
                    sys!(SYS_sched_yield);
                }
            }
            let mut place = 0_u32;
            sys!(SYS_getcpu, &raw mut place, 0, 0);
            self.place.store(place, Ordering::SeqCst);
            self.rounds.fetch_add(1, Ordering::SeqCst);
        }
        unreachable!("the rounds never end")
    }
}

fn set_affinity(pid: isize, mask: u64) -> isize {
    sys!(SYS_sched_setaffinity, pid, 8, &raw const mask)
}

/// Sends them about, then ends.
fn move_about(moved: &[isize], number: u64) -> ! {
    let mut random = Random::new(1, number);
    for _ in 0..MOVES {
        set_affinity(random.pick(moved), random.pick(&[1, 2, 3]));
    }
    loop {
        sys!(SYS_exit_group, 0);
    }
}

/// Needs a machine of two processors.
pub fn run() -> Result<(), String> {
    let words = shared_words()?;
    let told = |number: usize| Told {
        rounds: &words[2 * number],
        place: &words[2 * number + 1],
    };
    let moved: Vec<isize> = (0..MOVED)
        .map(|number| child(|| told(number).go_round()))
        .collect();
    let movers: Vec<isize> = (0..MOVERS)
        .map(|number| child(|| move_about(&moved, number)))
        .collect();
    let outcome = watch(&moved, &movers, told);
    for pid in moved.into_iter().chain(movers) {
        sys!(SYS_kill, pid, libc::SIGKILL);
        sys!(SYS_wait4, pid, 0, 0, 0);
    }
    outcome
}

fn watch<'a>(
    moved: &[isize],
    movers: &[isize],
    told: impl Fn(usize) -> Told<'a>,
) -> Result<(), String> {
    sys::handle_alarm();
    sys!(SYS_alarm, FUSE.as_secs());
    for mover in movers {
        let ended = sys!(SYS_wait4, *mover, 0, 0, 0);
        if ended != *mover {
            return Err(format!("who moves the others does not end: {ended}"));
        }
    }
    sys!(SYS_alarm, 0);
    for (number, pid) in moved.iter().enumerate() {
        for place in [0, 1] {
            let set = set_affinity(*pid, 1 << place);
            let found = told(number).next_place()?;
            if (set, found) != (0, place) {
                return Err(format!(
                    "sent to processor {place} ({set}), runs on {found}"
                ));
            }
        }
    }
    Ok(())
}
