//! POSIX threads: one kernel thread each, a control block at `fs:0`, futexes for everything that waits.
//!
//! The layouts of `pthread_*_t` are ours within musl's sizes; all-zero is each one's static initializer, as in musl.

pub mod attr;
pub mod barrier;
pub mod cancel;
pub mod cond;
pub mod create;
pub mod exit;
pub mod fork;
pub mod key;
pub mod mutex;
pub mod once;
pub mod rwlock;
pub mod sched;
pub mod semaphore;
pub mod spin;
pub mod tcb;
pub mod tls;
