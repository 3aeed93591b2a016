//! Resource limits.

use crate::errno::{Errno, Result};
use crate::linux::general as raw;

pub const INFINITY: u64 = u64::MAX;

/// Number of resources.
pub const COUNT: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum Resource {
    Cpu = raw::RLIMIT_CPU,
    FileSize = raw::RLIMIT_FSIZE,
    Data = raw::RLIMIT_DATA,
    Stack = raw::RLIMIT_STACK,
    Core = raw::RLIMIT_CORE,
    Processes = raw::RLIMIT_NPROC,
    Files = raw::RLIMIT_NOFILE,
    LockedMemory = raw::RLIMIT_MEMLOCK,
    AddressSpace = raw::RLIMIT_AS,
    PendingSignals = raw::RLIMIT_SIGPENDING,
    MessageQueues = raw::RLIMIT_MSGQUEUE,
    Nice = raw::RLIMIT_NICE,
    RealtimePriority = raw::RLIMIT_RTPRIO,
    RealtimeTime = raw::RLIMIT_RTTIME,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits([Limit; COUNT]);

/// Hard limit of open files, also what a table can grow to.
pub const MAX_FILES: u64 = 1 << 20;

impl Limits {
    /// Process 1's.
    #[must_use]
    pub fn initial() -> Limits {
        let mut limits = [Limit {
            soft: INFINITY,
            hard: INFINITY,
        }; COUNT];
        let mut set = |which: u32, soft, hard| limits[which as usize] = Limit { soft, hard };
        set(raw::RLIMIT_STACK, 8 << 20, INFINITY);
        set(raw::RLIMIT_CORE, 0, INFINITY);
        set(raw::RLIMIT_NPROC, 32768, 32768);
        set(raw::RLIMIT_NOFILE, 1024, MAX_FILES);
        set(raw::RLIMIT_MEMLOCK, 8 << 20, 8 << 20);
        set(raw::RLIMIT_SIGPENDING, 32768, 32768);
        set(raw::RLIMIT_MSGQUEUE, 819_200, 819_200);
        set(raw::RLIMIT_NICE, 0, 0);
        set(raw::RLIMIT_RTPRIO, 0, 0);
        Limits(limits)
    }

    #[must_use]
    pub fn soft(&self, resource: Resource) -> u64 {
        self.0[resource as usize].soft
    }

    pub fn get(&self, resource: u32) -> Result<Limit> {
        self.0.get(resource as usize).copied().ok_or(Errno::EINVAL)
    }

    /// Moves the soft limit of CPU time on by a second: it was reached.
    pub fn raise_cpu(&mut self) {
        let limit = &mut self.0[Resource::Cpu as usize];
        limit.soft = limit.soft.saturating_add(1);
    }

    /// Moves the soft limit of real-time threads on by a second: it was reached.
    pub fn raise_realtime(&mut self) {
        let limit = &mut self.0[Resource::RealtimeTime as usize];
        limit.soft = limit.soft.saturating_add(1_000_000);
    }

    /// Whether CPU time is limited in some way.
    #[must_use]
    pub fn bound_cpu_time(&self) -> bool {
        self.soft(Resource::Cpu) != INFINITY || self.soft(Resource::RealtimeTime) != INFINITY
    }

    /// Changes a limit; raising the hard one needs `privileged` (CAP_SYS_RESOURCE).
    pub fn set(&mut self, resource: u32, new: Limit, privileged: bool) -> Result {
        let old = self.0.get_mut(resource as usize).ok_or(Errno::EINVAL)?;
        if new.soft > new.hard {
            return Err(Errno::EINVAL);
        }
        if resource == raw::RLIMIT_NOFILE && new.hard > MAX_FILES {
            return Err(Errno::EPERM);
        }
        if new.hard > old.hard && !privileged {
            return Err(Errno::EPERM);
        }
        *old = new;
        Ok(())
    }
}
