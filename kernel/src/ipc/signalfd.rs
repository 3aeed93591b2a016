//! signalfd(2): pending signals, read instead of delivered. What is pending is always the reader's
//! own: a signalfd handed to another process shows that process's signals.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::ipc::wait_for;
use crate::population::{Counted, ObjectKind};
use crate::sched;
use crate::sched::wait::WaitQueue;
use crate::task::process::Process;
use crate::task::signal::info::SIZE;
use crate::task::signal::send::{dequeue, pending_for};
use crate::task::signal::{SigInfo, SignalSet};
use crate::uio::Dest;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

pub struct SignalFd {
    _counted: Counted<{ ObjectKind::SignalDescriptor as usize }>,
    mask: AtomicU64,
    /// Whose arrivals wake pollers: the process that made it.
    process: Arc<Process>,
}

/// `struct signalfd_siginfo`.
const INFO_SIZE: usize = 128;

impl SignalFd {
    #[must_use]
    pub fn new(process: &Arc<Process>, mask: SignalSet) -> SignalFd {
        let fd = SignalFd {
            _counted: Counted::new(),
            mask: AtomicU64::new(0),
            process: process.clone(),
        };
        fd.set_mask(mask);
        fd
    }

    pub fn set_mask(&self, mask: SignalSet) {
        let mask = mask.minus(SignalSet::UNBLOCKABLE);
        self.mask.store(mask.0, Ordering::SeqCst);
        self.process.signal_arrived.wake_all(Events::READABLE);
    }

    fn mask(&self) -> SignalSet {
        SignalSet(self.mask.load(Ordering::SeqCst))
    }
}

/// The same facts as siginfo_t, in signalfd's order.
fn to_bytes(info: &SigInfo) -> [u8; INFO_SIZE] {
    let from = info.to_bytes();
    let mut out = [0; INFO_SIZE];
    let mut copy = |to: usize, at: usize, len: usize| {
        out[to..to + len].copy_from_slice(&from[at..at + len]);
    };
    copy(0, 0, 4); // ssi_signo
    copy(4, 4, 4); // ssi_errno
    copy(8, 8, 4); // ssi_code
    // The union of siginfo_t begins at 16: pid and uid, or a timer's number and overrun, or an
    // address; all are given, as the reader knows by the code which hold.
    copy(12, 16, 4); // ssi_pid
    copy(16, 20, 4); // ssi_uid
    copy(24, 16, 4); // ssi_tid
    copy(32, 20, 4); // ssi_overrun
    copy(40, 24, 4); // ssi_status
    copy(44, 24, 4); // ssi_int
    copy(48, 24, 8); // ssi_ptr
    copy(56, 32, 8); // ssi_utime
    copy(64, 40, 8); // ssi_stime
    copy(72, 16, 8); // ssi_addr
    out
}

const _: () = assert!(SIZE == 128);

impl File for SignalFd {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        if dst.remaining() < INFO_SIZE {
            return Err(Errno::EINVAL);
        }
        let thread = sched::current();
        let queue = &thread.process().signal_arrived;
        let mut next = Some(wait_for(io.nonblock, queue, || {
            dequeue(&thread, self.mask())
        })?);
        while let Some(info) = next {
            dst.put(&to_bytes(&info))?;
            next = if dst.remaining() >= INFO_SIZE {
                dequeue(&thread, self.mask())
            } else {
                None
            };
        }
        Ok(dst.done())
    }

    fn poll(&self) -> Events {
        let pending = pending_for(&sched::current()).intersect(self.mask());
        if pending.is_empty() {
            Events::empty()
        } else {
            Events::IN
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.process.signal_arrived)
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn description(&self) -> Vec<u8> {
        b"anon_inode:[signalfd]".to_vec()
    }

    fn details(&self) -> Result<Vec<u8>> {
        Ok(format!("sigmask:\t{:016x}\n", self.mask().0).into_bytes())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
