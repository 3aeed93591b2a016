//! Syscall user dispatch (`PR_SET_SYSCALL_USER_DISPATCH`): a thread has the calls that it makes
//! outside of one range of its code sent back to itself as SIGSYS, while a byte of its memory says so.
//! Programs that emulate another system's calls live by it.
//!
//! It comes before tracers and filters, as the call isn't Linux's at all. A child, a new thread and a
//! new program begin without it. A thread without it pays for one look at a byte of its own.

use super::signal::deliver;
use super::signal::info::Payload;
use super::signal::{SIGSEGV, SIGSYS, SigInfo};
use super::thread::Thread;
use crate::errno::{Errno, Result};
use crate::linux::{general as raw, prctl as pr};
use crate::lock_order;
use crate::mm::uptr::UserPtr;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_hal::USER_END;
use ochre_hal::sync::SpinLock;
use ochre_hal::user::UserContext;

/// What the byte says: calls are made, or sent back.
const ALLOW: u8 = 0;
const BLOCK: u8 = 1;

#[derive(Clone, Copy)]
struct Range {
    /// Calls from here on are always made, …
    start: usize,
    /// … this far.
    len: usize,
    /// Where the byte is; 0: all others are sent back.
    selector: usize,
}

/// One thread's choice.
pub struct UserDispatch {
    on: AtomicBool,
    range: SpinLock<Range>,
}

impl UserDispatch {
    #[must_use]
    pub const fn new() -> UserDispatch {
        let range = Range {
            start: 0,
            len: 0,
            selector: 0,
        };
        UserDispatch {
            on: AtomicBool::new(false),
            range: SpinLock::new(lock_order::CELL, range),
        }
    }

    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub fn switch_off(&self) {
        self.on.store(false, Ordering::Relaxed);
    }

    /// The prctl's arguments.
    pub fn set(&self, mode: usize, start: usize, len: usize, selector: usize) -> Result {
        const OFF: usize = pr::PR_SYS_DISPATCH_OFF as usize;
        const ON: usize = pr::PR_SYS_DISPATCH_ON as usize;
        match mode {
            OFF if start == 0 && len == 0 && selector == 0 => self.switch_off(),
            ON => {
                if start != 0 && start.wrapping_add(len) <= start {
                    return Err(Errno::EINVAL);
                }
                if selector >= USER_END {
                    return Err(Errno::EFAULT);
                }
                *self.range.lock() = Range {
                    start,
                    len,
                    selector,
                };
                self.on.store(true, Ordering::Relaxed);
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }
}

impl Default for UserDispatch {
    fn default() -> UserDispatch {
        UserDispatch::new()
    }
}

/// Whether the call in the registers was sent back to the program, and is not to be made.
#[cold]
pub fn sends_back(thread: &Arc<Thread>, user: &mut UserContext) -> bool {
    let range = *thread.user_dispatch.range.lock();
    let from = user.regs.rip;
    if from.wrapping_sub(range.start) < range.len {
        return false;
    }
    if range.selector != 0 {
        match UserPtr::<u8>::new(range.selector).read() {
            Ok(ALLOW) => return false,
            Ok(BLOCK) => {}
            Ok(_) => {
                deliver::force_end(thread, SigInfo::kernel(SIGSYS));
                return true;
            }
            Err(_) => {
                deliver::force_end(thread, SigInfo::kernel(SIGSEGV));
                return true;
            }
        }
    }
    // The handler finds the registers as they were before the call.
    user.regs.rax = user.regs.orig_rax;
    let info = SigInfo {
        signal: SIGSYS,
        errno: 0,
        code: raw::SYS_USER_DISPATCH as i32,
        payload: Payload::System {
            addr: from,
            call: user.regs.orig_rax as i32,
        },
    };
    deliver::force(thread, info);
    true
}
