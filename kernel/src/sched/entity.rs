//! A thread as the scheduler sees it.
//!
//! State changes: a thread is New until its maker starts it, whoever would wake it before. It then goes
//! Running → Prepared (it is about to check its condition) →
//! Sleeping (its CPU has let go of it, or is about to). A waker turns Prepared back into Running,
//! or Sleeping into Ready; only who made Sleeping into Ready queues the thread, so it is queued
//! once. `on_cpu` stays set until the CPU is off the thread's stack; until then no other CPU may
//! pick it.

use super::account::{RunTime, Ticks};
use super::lend::Lent;
use super::mutex::Held;
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering,
};

pub const RUNNING: u8 = 0;
pub const PREPARED: u8 = 1;
pub const SLEEPING: u8 = 2;
pub const READY: u8 = 3;
pub const DEAD: u8 = 4;
pub const NEW: u8 = 5;

/// SCHED_OTHER's weight at nice 0.
pub const WEIGHT_NICE_0: u64 = 1024;

/// Weights of nice −20 … 19: each step is worth 10 % of a CPU against a neighbour.
const WEIGHTS: [u32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
    70, 56, 45, 36, 29, 23, 18, 15,
];

/// Scheduling policies, in Linux's numbers.
pub const SCHED_OTHER: u8 = 0;
pub const SCHED_FIFO: u8 = 1;
pub const SCHED_RR: u8 = 2;
pub const SCHED_BATCH: u8 = 3;
pub const SCHED_IDLE: u8 = 5;
/// Known by its bounds only: nobody can have it.
pub const SCHED_DEADLINE: u8 = 6;

pub struct Entity {
    pub state: AtomicU8,
    pub on_cpu: AtomicBool,
    /// The CPU that ran it last.
    pub cpu: AtomicU32,
    /// Nanoseconds that it was owed of its share when it last left a queue; negative if it had had too many.
    pub lag: AtomicI64,
    /// How long it has run of its turn among real-time threads of its priority.
    pub turn: AtomicU64,
    pub time: RunTime,
    pub ticks: Ticks,
    pub switches: AtomicU64,
    pub preemptions: AtomicU64,
    pub policy: AtomicU8,
    pub rt_priority: AtomicU8,
    /// What those lend it that wait for its answer.
    pub lent: Lent,
    /// The mutexes that it holds, in builds that check their order.
    pub held: Held,
    pub nice: AtomicI32,
    pub affinity: AtomicU64,
    pub reset_on_fork: AtomicBool,
    /// ioprio_set's.
    pub io_priority: AtomicU32,
}

impl Entity {
    #[must_use]
    pub fn new(parent: Option<&Entity>) -> Entity {
        let from = |f: fn(&Entity) -> u64, default| parent.map_or(default, f);
        let reset = parent.is_some_and(|p| p.reset_on_fork.load(Ordering::Relaxed));
        let mut nice = parent.map_or(0, |p| p.nice.load(Ordering::Relaxed));
        let mut policy = from(|p| u64::from(p.policy.load(Ordering::Relaxed)), 0) as u8;
        let mut priority = from(|p| u64::from(p.rt_priority.load(Ordering::Relaxed)), 0) as u8;
        if reset {
            (nice, policy, priority) = (nice.max(0), SCHED_OTHER, 0);
        }
        Entity {
            state: AtomicU8::new(NEW),
            on_cpu: AtomicBool::new(false),
            cpu: AtomicU32::new(ochre_hal::cpu::id() as u32),
            lag: AtomicI64::new(0),
            turn: AtomicU64::new(0),
            time: RunTime::default(),
            ticks: Ticks::new(),
            switches: AtomicU64::new(0),
            preemptions: AtomicU64::new(0),
            policy: AtomicU8::new(policy),
            rt_priority: AtomicU8::new(priority),
            lent: Lent::default(),
            held: Held::default(),
            nice: AtomicI32::new(nice),
            affinity: AtomicU64::new(from(|p| p.affinity.load(Ordering::Relaxed), u64::MAX)),
            reset_on_fork: AtomicBool::new(false),
            io_priority: AtomicU32::new(
                from(|p| p.io_priority.load(Ordering::Relaxed).into(), 0) as u32
            ),
        }
    }

    /// The real-time priority that it was given, 1 to 99, or 0 for the fair class.
    #[must_use]
    pub fn own_realtime(&self) -> u8 {
        match self.policy.load(Ordering::Relaxed) {
            SCHED_FIFO | SCHED_RR => self.rt_priority.load(Ordering::Relaxed),
            _ => 0,
        }
    }

    /// The real-time priority by which it runs: its own, or one that it was lent.
    #[must_use]
    pub fn realtime(&self) -> u8 {
        self.own_realtime().max(self.lent.highest())
    }

    #[must_use]
    pub fn weight(&self) -> u64 {
        if self.policy.load(Ordering::Relaxed) == SCHED_IDLE {
            return 3;
        }
        let nice = self.nice.load(Ordering::Relaxed).clamp(-20, 19);
        u64::from(WEIGHTS[(nice + 20) as usize])
    }

    #[must_use]
    pub fn may_run_on(&self, cpu: usize) -> bool {
        cpu < 64 && self.affinity.load(Ordering::SeqCst) & (1 << cpu) != 0
    }
}
