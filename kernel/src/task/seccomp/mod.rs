//! seccomp(2): a thread that asked for it is held to the system calls that its filters allow.
//!
//! Filters are only ever added, and are inherited by clone and execve. Each points at those that
//! were there before it, so threads share what they have in common. A call is shown to all of a
//! thread's filters; the strictest answer counts.
//!
//! A thread without filters pays for one look at a byte of its own.

mod bpf;
pub mod calls;
mod notify;

use super::exit;
use super::signal::deliver::{self, Restart};
use super::signal::info::Payload;
use super::signal::{self, Attention, SIGKILL, SIGSYS, SigInfo};
use super::thread::Thread;
use super::trace::stop;
use crate::errno::{Errno, Result};
use crate::linux::general as nr;
use crate::lock_order;
use crate::sched::wait::Interrupt;
use alloc::sync::Arc;
use bpf::{Data, Program};
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use notify::{Answer, Questions};
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;
use ochre_hal::user::UserContext;

/// AUDIT_ARCH_X86_64.
const ARCHITECTURE: u32 = 0xc000_003e;
/// si_code of SIGSYS.
const SYS_SECCOMP: i32 = 1;
/// The largest error number that a filter can have a call return.
const MAX_ERRNO: u32 = 4095;
/// Instructions on a thread's way through all its filters, each filter counting for some more.
const MAX_PATH: usize = 32_768;
const PER_FILTER: usize = 4;

/// What a filter's answer asks for, in linux/seccomp.h's numbers: the upper half of the answer.
mod action {
    pub const KILL_PROCESS: u32 = 0x8000_0000;
    pub const KILL_THREAD: u32 = 0;
    pub const TRAP: u32 = 0x0003_0000;
    pub const ERRNO: u32 = 0x0005_0000;
    pub const TRACE: u32 = 0x7ff0_0000;
    pub const LOG: u32 = 0x7ffc_0000;
    pub const ALLOW: u32 = 0x7fff_0000;
    /// What the filter's supervisor says.
    pub const NOTIFY: u32 = 0x7fc0_0000;
    pub const KNOWN: [u32; 8] = [
        KILL_PROCESS,
        KILL_THREAD,
        TRAP,
        ERRNO,
        NOTIFY,
        TRACE,
        LOG,
        ALLOW,
    ];
    pub const MASK: u32 = 0xffff_0000;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    Off = 0,
    Strict = 1,
    Filter = 2,
}

struct Filter {
    program: Program,
    /// Those that were there before.
    older: Option<Arc<Filter>>,
    /// Where it asks, if it has a supervisor.
    questions: Option<Arc<Questions>>,
    /// Filters and instructions from here on.
    count: u32,
    path: usize,
}

impl Filter {
    fn new(
        program: Program,
        older: Option<Arc<Filter>>,
        questions: Option<Arc<Questions>>,
    ) -> Result<Arc<Filter>> {
        let rest = older.as_ref().map_or(0, |older| older.path + PER_FILTER);
        let path = program.len() + rest;
        if path > MAX_PATH {
            return Err(Errno::ENOMEM);
        }
        admission::ask()?;
        let count = older.as_ref().map_or(0, |older| older.count) + 1;
        Ok(Arc::new(Filter {
            program,
            older,
            questions,
            count,
            path,
        }))
    }

    /// The strictest answer of all, the newest's among equals, and whose it is.
    fn run(&self, data: &Data) -> (u32, &Filter) {
        let rank = |answer: u32| (answer & action::MASK).cast_signed();
        let mut strictest = (action::ALLOW, self);
        let mut next = Some(self);
        while let Some(filter) = next {
            let answer = filter.program.run(data);
            if rank(answer) < rank(strictest.0) {
                strictest = (answer, filter);
            }
            next = filter.older.as_deref();
        }
        strictest
    }

    /// What its supervisor says.
    fn ask(&self, thread: &Arc<Thread>, data: &Data) -> Answer {
        match &self.questions {
            Some(questions) => questions.ask(thread, data),
            None => Answer::Returns(Errno::ENOSYS.to_ret()),
        }
    }
}

/// A chain may be longer than a kernel stack is deep.
impl Drop for Filter {
    fn drop(&mut self) {
        if let Some(questions) = &self.questions {
            questions.end();
        }
        let mut next = self.older.take();
        while let Some(mut filter) = next.and_then(Arc::into_inner) {
            next = filter.older.take();
        }
    }
}

/// What holds one thread.
pub struct Seccomp {
    mode: AtomicU8,
    filter: SpinLock<Option<Arc<Filter>>>,
}

impl Seccomp {
    #[must_use]
    pub const fn new() -> Seccomp {
        Seccomp {
            mode: AtomicU8::new(Mode::Off as u8),
            filter: SpinLock::new(lock_order::CELL, None),
        }
    }

    #[must_use]
    pub fn is_off(&self) -> bool {
        self.mode.load(Ordering::Relaxed) == Mode::Off as u8
    }

    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.mode.load(Ordering::Acquire) {
            0 => Mode::Off,
            1 => Mode::Strict,
            _ => Mode::Filter,
        }
    }

    /// How many filters there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.filter.lock().as_ref().map_or(0, |f| f.count)
    }

    fn filter(&self) -> Option<Arc<Filter>> {
        self.filter.lock().clone()
    }

    fn set(&self, mode: Mode, filter: Option<Arc<Filter>>) {
        let old = core::mem::replace(&mut *self.filter.lock(), filter);
        drop(old);
        self.mode.store(mode as u8, Ordering::Release);
    }

    /// The thread has ended: what held it may hold nobody else.
    pub fn release(&self) {
        let last = self.filter.lock().take();
        drop(last);
    }

    /// Whether one of its filters has a supervisor.
    fn is_supervised(&self) -> bool {
        let newest = self.filter();
        let mut next = newest.as_deref();
        while let Some(filter) = next {
            if filter.questions.is_some() {
                return true;
            }
            next = filter.older.as_deref();
        }
        false
    }

    /// Takes over what holds `other`: the thread is its child.
    pub fn inherit(&self, other: &Seccomp) {
        if !other.is_off() {
            self.set(other.mode(), other.filter());
        }
    }
}

impl Default for Seccomp {
    fn default() -> Seccomp {
        Seccomp::new()
    }
}

/// Asks what holds `thread` about the call in its registers. An error when the call is not made: the
/// result register is settled then, or the thread will not come back to see it; or it is to be made
/// again.
#[cold]
pub fn check(thread: &Arc<Thread>, user: &mut UserContext) -> Result<(), Restart> {
    decide(thread, user, false)
}

/// As [`check`]; `traced` where a tracer has seen the call, and may have changed it.
fn decide(thread: &Arc<Thread>, user: &mut UserContext, traced: bool) -> Result<(), Restart> {
    let regs = &user.regs;
    let number = regs.orig_rax as u32;
    let filter = match thread.seccomp.mode() {
        Mode::Off => return Ok(()),
        Mode::Strict => {
            let allowed = matches!(
                number,
                nr::__NR_read | nr::__NR_write | nr::__NR_exit | nr::__NR_rt_sigreturn
            );
            if allowed {
                return Ok(());
            }
            end_thread(thread, SIGKILL);
            return Err(Restart::No);
        }
        Mode::Filter => thread.seccomp.filter(),
    };
    let Some(filter) = filter else {
        return Ok(());
    };
    let mut data: Data = [0; 16];
    data[0] = number;
    data[1] = ARCHITECTURE;
    let long = [
        regs.rip, regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9,
    ];
    for (index, value) in long.into_iter().enumerate() {
        data[2 + index * 2] = value as u32;
        data[3 + index * 2] = (value >> 32) as u32;
    }
    let (answer, whose) = filter.run(&data);
    let told = answer & !action::MASK;
    match answer & action::MASK {
        action::ALLOW => return Ok(()),
        action::LOG => {
            log(thread, number, "let through");
            return Ok(());
        }
        action::ERRNO => user.regs.rax = 0usize.wrapping_sub(told.min(MAX_ERRNO) as usize),
        action::NOTIFY => match whose.ask(thread, &data) {
            Answer::Made => return Ok(()),
            Answer::Returns(value) => user.regs.rax = value,
            Answer::Interrupted => return Err(Restart::IfAllowed),
        },
        action::TRACE if traced => return Ok(()),
        action::TRACE if stop::at_seccomp(thread, user, told) => {
            // The tracer may have called it off, and says what it returns.
            let called = user.regs.orig_rax as i32 >= 0;
            if called && !thread.is_interrupted(Interrupt::Kill) {
                return decide(thread, user, true);
            }
        }
        // Nobody traces.
        action::TRACE => user.regs.rax = Errno::ENOSYS.to_ret(),
        action::TRAP => {
            user.regs.rax = user.regs.orig_rax;
            deliver::force(thread, info(user, told));
        }
        action::KILL_THREAD if thread.process().thread_count() > 1 => {
            log(thread, number, "ended its thread");
            end_thread(thread, SIGSYS);
        }
        _ => {
            log(thread, number, "ended its process");
            user.regs.rax = user.regs.orig_rax;
            deliver::force_end(thread, info(user, told));
        }
    }
    Err(Restart::No)
}

/// SIGSYS's information about the call in the registers.
fn info(user: &UserContext, told: u32) -> SigInfo {
    SigInfo {
        signal: SIGSYS,
        errno: told as i32,
        code: SYS_SECCOMP,
        payload: Payload::System {
            addr: user.regs.rip,
            call: user.regs.orig_rax as i32,
        },
    }
}

/// Ends the calling thread alone; the process, by `signal`, with its last one.
fn end_thread(thread: &Arc<Thread>, signal: signal::Signal) {
    if thread.process().thread_count() == 1 {
        exit::group(thread, signal);
    } else {
        thread.mark(Attention::EXIT);
    }
}

/// Says in the log what came of a call; not for ever, as a program can make any number of them.
fn log(thread: &Thread, number: u32, what: &str) {
    static LEFT: AtomicU32 = AtomicU32::new(100);
    let less = |left: u32| left.checked_sub(1);
    if LEFT
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
    {
        ochre_hal::log!(
            "seccomp: system call {number} of thread {} {what}",
            thread.tid()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::bpf::{Program, RawInstruction};
    use super::{Filter, MAX_PATH, action};
    use crate::errno::Errno;
    use alloc::sync::Arc;

    fn answering(answer: u32, len: usize) -> Program {
        let ret = RawInstruction {
            code: 6,
            k: answer,
            ..Default::default()
        };
        Program::check(&alloc::vec![ret; len]).expect("valid")
    }

    fn chain(answers: &[u32]) -> Arc<Filter> {
        let add = |older, &answer: &u32| {
            Some(Filter::new(answering(answer, 1), older, None).expect("short enough"))
        };
        answers.iter().fold(None, add).expect("some")
    }

    #[test]
    fn the_strictest_answer_counts() {
        let order = action::KNOWN;
        for (at, &strict) in order.iter().enumerate() {
            for &other in &order[at..] {
                assert_eq!(chain(&[strict, other]).run(&[0; 16]).0, strict);
                assert_eq!(chain(&[other, strict]).run(&[0; 16]).0, strict);
            }
        }
    }

    #[test]
    fn the_newest_answers_for_its_equals() {
        let filter = chain(&[action::ERRNO | 1, action::ERRNO | 2]);
        assert_eq!(filter.run(&[0; 16]).0, action::ERRNO | 2);
    }

    #[test]
    fn a_thread_can_have_only_so_many() {
        let mut filter = None;
        let refused = loop {
            match Filter::new(answering(0, 1), filter.clone(), None) {
                Ok(more) => filter = Some(more),
                Err(error) => break error,
            }
        };
        assert_eq!(refused, Errno::ENOMEM);
        let filter = filter.expect("some");
        assert_eq!(filter.count as usize, MAX_PATH.div_ceil(5));
        // Its end must not need a stack for each.
        drop(filter);
    }
}
