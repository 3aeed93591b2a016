//! execve: another program in the same process.
//!
//! Up to the point of no return everything is prepared beside the running program (arguments read,
//! the new address space built), so that an error leaves it as it was. After it, failing means
//! SIGKILL, as on Linux.

mod arguments;
pub mod calls;
mod elf;
mod load;
mod script;
mod stack;

use super::credentials::Credentials;
use super::process::Program;
use super::thread::{AltStack, Thread};
use super::{dump, futex, trace, tree};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::busy::ExecUse;
use crate::fs::file_capabilities::FileCapabilities;
use crate::fs::namespace::Path;
use crate::ipc::netlink::connector;
use crate::mm::object::MemoryObject;
use crate::mm::space::AddressSpace;
use crate::sched::cpu;
use crate::sched::wait::{Interrupt, wait_until};
use crate::task::signal::{Attention, SIGCHLD};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use ochre_hal::user::{DebugRegisters, UserContext, UserRegs};

/// personality(2): ADDR_NO_RANDOMIZE.
pub const NO_RANDOMIZE: u32 = 0x0004_0000;

pub use arguments::{Strings, read_strings};

/// A file to be executed, open and checked.
#[derive(Clone)]
pub struct Executable {
    pub object: Arc<MemoryObject>,
    /// Its place; none for a file from the boot module.
    pub path: Option<Path>,
    /// Keeps it from being written.
    pub exec_use: Arc<ExecUse>,
    /// Whether who executes it could read it: else he isn't to have it from memory.
    pub readable: bool,
    /// Owners to become, where the mode has the set-id bits.
    pub set_uid: Option<u32>,
    pub set_gid: Option<u32>,
    /// What it gives, or why it can't be executed.
    pub capabilities: Result<Option<FileCapabilities>>,
}

impl Executable {
    fn raises(&self) -> bool {
        self.set_uid.is_some() || self.set_gid.is_some()
    }
}

/// Finds executables by name: the interpreter of a script, the loader of a dynamic program.
pub type Opener<'a> = dyn FnMut(&[u8]) -> Result<Executable> + 'a;

/// What to run, and how.
pub struct Request {
    pub file: Executable,
    /// The name it was asked for by (AT_EXECFN, and argv[1] of scripts).
    pub name: Vec<u8>,
    pub args: Strings,
    pub env: Strings,
}

/// Replaces the program of the current thread's process.
pub fn execute(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    mut request: Request,
    open: &mut Opener<'_>,
) -> Result {
    let process = thread.process().clone();
    script::resolve(&mut request, open)?;
    let tid = thread.tid();
    thread
        .credentials()
        .check_exec(request.file.capabilities?)?;
    let expected = credentials_of(thread, &request.file, shares_directories(thread));
    let randomize = process.personality.load(Ordering::Relaxed) & NO_RANDOMIZE == 0;
    let loaded = load::load(&request.file, open, &process.limits(), randomize)?;
    loaded
        .space
        .set_program(Some(request.file.exec_use.clone()));
    let image = stack::build(&loaded, &request, &expected)?;
    end_other_threads(thread)?;

    // No return from here on.
    futex::release_all(thread);
    thread.owned.begin_anew();
    let clear = thread.clear_tid.swap(0, Ordering::Relaxed);
    if clear != 0 {
        futex::clear_and_wake(&process, clear);
    }
    take_leaders_number(thread);
    let (old, before) = become_other(thread, &request.file, &loaded.space);
    cpu::reload_space();
    if let Some(old) = old {
        let small_pages_only = old.lock().small_pages_only;
        loaded.space.lock().small_pages_only = small_pages_only;
        let filter = old.dump_filter.load(Ordering::Relaxed);
        loaded.space.dump_filter.store(filter, Ordering::Relaxed);
        old.leave();
    }
    // A descriptor table shared by CLONE_FILES is not changed under the other's feet.
    let unshared = thread.unshare_files();
    if unshared.is_ok() {
        thread.files().close_on_exec();
    }
    {
        let mut signals = process.signals.lock();
        signals.actions.reset_for_exec();
        let mut mine = thread.signals.lock();
        mine.alt_stack = AltStack::default();
    }
    process.timers.clear_posix();
    if request.file.raises() || before.is_raised() || thread.credentials().secure {
        thread.parent_death_signal.store(0, Ordering::Relaxed);
    }
    connector::are_others(thread, &before);
    process.exit_signal.store(SIGCHLD as i32, Ordering::Relaxed);
    process.set_program(Program {
        path: request.file.path.clone(),
    });
    let name = request.name.rsplit(|&b| b == b'/').next().unwrap_or(&[]);
    thread.set_name(name);
    thread.robust_list.store(0, Ordering::Relaxed);
    thread.user_dispatch.switch_off();

    // The stack tells the credentials, which may have become others than was expected.
    let now = thread.credentials();
    let image = if now.is_who(&expected) {
        Ok(image)
    } else {
        stack::build(&loaded, &request, &now)
    };
    let finished = unshared.and_then(|()| loaded.zero_tails()).and_then(|()| {
        let image = image?;
        image.write()?;
        Ok(image.stack_pointer())
    });
    user.regs = UserRegs {
        rip: loaded.entry,
        rsp: finished.unwrap_or(0),
        ..UserRegs::default()
    };
    user.regs.rflags = 0x202;
    user.regs.orig_rax = usize::MAX;
    user.fs_base = 0;
    user.gs_base = 0;
    user.reset_fpu();
    user.debug = DebugRegisters::default();
    process.set_executed();
    connector::executes(thread);
    process.changed.wake_all(Events::all());
    if finished.is_err() {
        super::exit::group(thread, super::signal::SIGKILL);
    } else {
        trace::stop::executed(thread, user, tid);
    }
    Ok(())
}

/// What the credentials become, if nobody comes to trace the process meanwhile.
fn credentials_of(thread: &Thread, file: &Executable, shares: bool) -> Credentials {
    let before = thread.credentials();
    let others_act = shares || trace::forbids_set_id(thread);
    let kept = thread.no_new_privileges.load(Ordering::Relaxed);
    let capabilities = file.capabilities.unwrap_or(None);
    before.for_exec(file.set_uid, file.set_gid, capabilities, others_act, kept)
}

/// Whether another process could move the root and working directory under the program (CLONE_FS). Where
/// the caller is the only thread, nobody comes to do so later.
fn shares_directories(thread: &Thread) -> bool {
    let fs = thread.fs();
    // One in the thread, one here; more may just be looking.
    if Arc::strong_count(&fs) <= 2 {
        return false;
    }
    let is_in = |threads: &[Arc<Thread>]| threads.iter().any(|t| Arc::ptr_eq(&t.fs(), &fs));
    let pid = thread.process().pid;
    tree::processes().any(|other| other.pid != pid && other.with_threads(is_in))
}

/// Memory and rights change at once: who may look into the old program, or comes to trace it, gets hold
/// of nothing of the new one. Returns the old memory and credentials.
fn become_other(
    thread: &Thread,
    file: &Executable,
    space: &Arc<AddressSpace>,
) -> (Option<Arc<AddressSpace>>, Arc<Credentials>) {
    let process = thread.process();
    let shares = shares_directories(thread);
    let _steady = process.inspection.lock();
    // A tracer may have come, or another thread become somebody else, since that was asked first.
    let credentials = credentials_of(thread, file, shares);
    let before = thread.credentials();
    let raised = before.is_raised() || credentials.is_other_than(&before);
    thread.set_credentials(credentials);
    let whose = if raised || !file.readable {
        dump::OF_SET_ID.load(Ordering::Relaxed)
    } else {
        dump::ITS_USER
    };
    process.dumpable.store(whose, Ordering::Relaxed);
    (process.replace_space(Some(space.clone())), before)
}

/// execve leaves one thread: the others end, and are waited for.
fn end_other_threads(thread: &Arc<Thread>) -> Result {
    let process = thread.process();
    {
        // Of several threads that call execve the first goes on; the others are about to end.
        let mut signals = process.signals.lock();
        if signals.executing || signals.exiting.is_some() {
            return Err(Errno::EAGAIN);
        }
        signals.executing = true;
    }
    let ended = outlast_others(thread);
    process.signals.lock().executing = false;
    ended
}

fn outlast_others(thread: &Arc<Thread>) -> Result {
    let process = thread.process();
    if process.thread_count() == 1 {
        return Ok(());
    }
    process.with_threads(|threads| {
        for other in threads.iter().filter(|other| !Arc::ptr_eq(other, thread)) {
            other.notify(Attention::EXIT);
        }
    });
    wait_until(&[&process.changed], None, Interrupt::Kill, || {
        (process.thread_count() == 1).then_some(())
    })
    .map_err(|_| Errno::EINTR)
}

/// The process keeps its number, so the remaining thread gets the leader's.
fn take_leaders_number(thread: &Arc<Thread>) {
    let (old, new) = (thread.tid(), thread.process().pid);
    if old != new {
        thread.set_tid(new);
        tree::renumber_thread(thread, old, new);
    }
}
