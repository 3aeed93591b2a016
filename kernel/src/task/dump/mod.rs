//! Core dumps: what a process was when it died of a signal, as an ELF file (core(5)).
//!
//! The thread that the signal came to writes. The others wait on their way out, each with its
//! registers left where they are found. Only SIGKILL ends that early. No lock is held while anything
//! is brought in or written, and of memory is taken what a few pages hold, and a list of mappings in
//! pieces.

mod image;
mod memory;
pub mod name;
mod notes;

use super::limits::Resource;
use super::process::Process;
use super::signal::{Attention, SigInfo, Signal, send};
use super::thread::Thread;
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::sched::cpu;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use ochre_hal::PAGE_SIZE;
use ochre_hal::user::UserContext;

/// Who may have what is in a process's memory, as PR_SET_DUMPABLE and `suid_dumpable` number them.
pub const NOBODY: u32 = 0;
pub const ITS_USER: u32 = 1;
pub const ROOT: u32 = 2;

/// The same of programs that act as somebody else (/proc/sys/fs/suid_dumpable).
pub static OF_SET_ID: AtomicU32 = AtomicU32::new(NOBODY);

/// The bit of a wait status that says that there is a dump.
const DUMPED: u32 = 0x80;

/// A process's part: whether one of its threads writes.
pub struct Dumping {
    on: AtomicBool,
    /// The others, who wait with their registers left behind.
    waiting: AtomicUsize,
    /// Announces to them that it is done.
    done: WaitQueue,
}

impl Default for Dumping {
    fn default() -> Dumping {
        Dumping::new()
    }
}

impl Dumping {
    #[must_use]
    pub fn new() -> Dumping {
        Dumping {
            on: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            done: WaitQueue::new(),
        }
    }

    /// Begins with the process's signals locked.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Whether all threads but the one that writes are there, or have ended.
    fn is_attended(&self, process: &Process) -> bool {
        self.waiting.load(Ordering::SeqCst) + 1 >= process.thread_count()
    }
}

/// Ends the process by a signal, with a dump if there is to be one.
pub fn die(thread: &Arc<Thread>, user: &mut UserContext, info: &SigInfo) {
    let process = thread.process();
    let whose = process.dumpable.load(Ordering::Relaxed);
    let limit = process.limit(Resource::Core);
    if whose == NOBODY || limit < PAGE_SIZE as u64 || !begin(thread, info.signal) {
        send::end_process(process, info.signal, Some(thread));
        return;
    }
    let dumping = &process.dumping;
    let attended = wait_until(&[&process.changed], None, Interrupt::Kill, || {
        dumping.is_attended(process).then_some(())
    });
    let dumped = attended.and_then(|()| {
        let file = name::open(thread, info.signal, whose, limit)?;
        image::write(thread, user, info, file, limit)
    });
    if let Err(error) = dumped {
        ochre_hal::log!("{}: no core dump: {error:?}", process.pid);
    }
    let mut signals = process.signals.lock();
    if dumped.is_ok() {
        signals.exiting = Some(info.signal | DUMPED);
    }
    dumping.on.store(false, Ordering::SeqCst);
    drop(signals);
    dumping.done.wake_all(Events::all());
}

/// Decides that the process ends, and has its other threads come to [`stand_by`]. False if that is
/// decided already, or another program about to take its place.
fn begin(thread: &Arc<Thread>, signal: Signal) -> bool {
    let process = thread.process();
    {
        let mut signals = process.signals.lock();
        if signals.exiting.is_some() || signals.executing {
            return false;
        }
        signals.exiting = Some(signal);
        signals.stopped = false;
        process.dumping.on.store(true, Ordering::SeqCst);
    }
    send::tell_of_end(process, Some(thread));
    // What else was asked of it ends no wait any more; nothing but SIGKILL comes from here on.
    thread.clear_attention(Attention::all() - Attention::EXIT);
    true
}

/// Lets others run, and ends the dump where it is to.
fn go_on() -> Result {
    cpu::breathe();
    if cpu::current().is_interrupted(Interrupt::Kill) {
        return Err(Errno::EINTR);
    }
    Ok(())
}

/// A thread that ends waits here while another one dumps, which finds its registers meanwhile.
pub fn stand_by(thread: &Arc<Thread>, mut user: Box<UserContext>) -> Box<UserContext> {
    let process = thread.process();
    let dumping = &process.dumping;
    if !dumping.is_on() {
        return user;
    }
    // Brought to memory, where another CPU sees them.
    user.gs_base = user.current_gs_base();
    let _ = user.fpu_bytes();
    thread.leave_registers(user);
    dumping.waiting.fetch_add(1, Ordering::SeqCst);
    if dumping.is_attended(process) {
        process.changed.wake_all(Events::all());
    }
    dumping
        .done
        .wait_uninterrupted(|| (!dumping.is_on()).then_some(()));
    thread
        .take_start()
        .expect("who borrowed them has put them back by now")
}
