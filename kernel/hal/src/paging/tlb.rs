//! Which space is active on which CPU, and keeping TLBs honest.
//!
//! A CPU that takes rights away from a space writes its request into its own slot, sets its bit in
//! each target's `shootdowns`, interrupts the targets and waits for all to acknowledge. Waiting
//! CPUs and CPUs that spin for a lock serve requests themselves ([`serve`]), so two that shoot at
//! each other, or one that holds a lock another spins for, can't block. An idle CPU isn't woken:
//! it flushes everything when it leaves its halt, before it can touch user memory. What may not wait
//! for that are tables that are freed, as the CPU keeps where they are, and may look into them on its
//! own account: those go by [`Root::evict`] or [`Root::flush_tables`], which spare no idle CPU.
//!
//! A memory barrier on other CPUs goes the same way ([`barrier_everywhere`], [`Root::barrier`]).

use super::kernel;
use crate::addr::PAGE_SIZE;
use crate::cpu::MAX_CPUS;
use crate::local::{self, CpuLocal};
use crate::percpu::RawPerCpu;
use crate::{apic, x86};
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering, fence};

/// The top-level table of a user space, and the CPUs where it is active.
pub struct Root {
    pub table: u64,
    pub cpus: AtomicU64,
}

/// Beyond this many pages, dropping all is cheaper than one by one.
const MAX_SINGLE: usize = 24;

#[derive(Clone, Copy)]
enum Action {
    Flush {
        start: usize,
        end: usize,
    },
    /// As `Flush`, with all that was kept of the tables themselves.
    FlushTables {
        start: usize,
        end: usize,
    },
    /// Leave the space for the kernel's own.
    Evict,
    /// Order memory.
    Barrier,
}

struct Request {
    root: *const Root,
    action: Action,
    /// Targets that have yet to acknowledge.
    waiting: AtomicU64,
}

static REQUESTS: RawPerCpu<Request> = RawPerCpu::new(
    [const {
        Request {
            root: ptr::null(),
            action: Action::Evict,
            waiting: AtomicU64::new(0),
        }
    }; MAX_CPUS],
);

impl Root {
    /// Makes this the active space of this CPU.
    pub fn activate(&self) {
        let local = local::this();
        let old = local.root.get();
        if ptr::eq(old, self) {
            return;
        }
        let bit = 1u64 << local.id();
        // Set before the first translation can be cached: see `flush`.
        self.cpus.fetch_or(bit, Ordering::SeqCst);
        local.root.set(self);
        local.flush_late.store(false, Ordering::Relaxed);
        // SAFETY: the table's upper half is the kernel's.
        unsafe { x86::write_cr3(self.table) };
        // SAFETY: a root stays alive while a CPU is in its set: `evict` runs before it goes.
        if let Some(old) = unsafe { old.as_ref() } {
            old.cpus.fetch_and(!bit, Ordering::Release);
        }
    }

    /// Forgets the translations of `range` on all CPUs. The entries were changed before.
    pub fn flush(&self, range: Range<usize>) {
        let Range { start, end } = range;
        self.flush_as(start, end, Action::Flush { start, end });
    }

    /// As [`Self::flush`], where last-level tables were taken out: no CPU looks into them any more.
    pub fn flush_tables(&self, range: Range<usize>) {
        let Range { start, end } = range;
        self.flush_as(start, end, Action::FlushTables { start, end });
    }

    fn flush_as(&self, start: usize, end: usize, action: Action) {
        if start >= end {
            return;
        }
        // Orders the changes of entries before the look at who may have cached them.
        fence(Ordering::SeqCst);
        let local = local::this();
        let cpus = self.cpus.load(Ordering::SeqCst);
        if cpus & 1 << local.id() != 0 {
            flush_local(start, end);
        }
        let others = cpus & !(1 << local.id());
        if others != 0 {
            ask(self, others, action);
        }
    }

    /// Returns when each CPU where this space is active has passed a memory barrier. One that comes
    /// to it, or leaves it, meanwhile passes one by doing so.
    pub fn barrier(&self) {
        fence(Ordering::SeqCst);
        let others = self.cpus.load(Ordering::SeqCst) & !(1 << local::id());
        if others != 0 {
            ask(self, others, Action::Barrier);
        }
    }

    /// Makes all CPUs leave this space.
    pub fn evict(&self) {
        let local = local::this();
        if ptr::eq(local.root.get(), self) {
            leave(local);
        }
        let others = self.cpus.load(Ordering::SeqCst);
        if others != 0 {
            ask(self, others, Action::Evict);
        }
    }
}

/// Returns when each CPU has passed a memory barrier.
pub fn barrier_everywhere() {
    fence(Ordering::SeqCst);
    let all = u64::MAX >> (MAX_CPUS - crate::cpu::count());
    let others = all & !(1 << local::id());
    if others != 0 {
        ask(ptr::null(), others, Action::Barrier);
    }
}

/// Has the targets do it, and waits until they have.
#[cold]
fn ask(root: *const Root, targets: u64, action: Action) {
    let me = local::id();
    let request = REQUESTS.get(me);
    let mut asked = 0;
    // SAFETY: the slot is this CPU's, and no request of it is under way, as this function
    // waits for the end of each.
    let waiting = unsafe {
        (*request).root = root;
        (*request).action = action;
        &(*request).waiting
    };
    waiting.store(targets, Ordering::Release);
    for cpu in bits(targets) {
        let target = local::of(cpu);
        let spared = match action {
            Action::Flush { .. } => leave_for_later(target),
            // Its way into idling and out of it are barriers.
            Action::Barrier => target.idling.load(Ordering::SeqCst),
            Action::FlushTables { .. } | Action::Evict => false,
        };
        if spared {
            waiting.fetch_and(!(1 << cpu), Ordering::Relaxed);
            continue;
        }
        target.shootdowns.fetch_or(1 << me, Ordering::SeqCst);
        asked |= 1 << cpu;
    }
    for cpu in bits(asked) {
        apic::send_shootdown(cpu);
    }
    while waiting.load(Ordering::Acquire) != 0 {
        serve();
        crate::cpu::pause();
    }
}

/// Whether the target idles, and so will flush by itself when it stops idling.
fn leave_for_later(target: &CpuLocal) -> bool {
    if !target.idling.load(Ordering::SeqCst) {
        return false;
    }
    target.flush_late.store(true, Ordering::SeqCst);
    // Still idle after the mark was set: it can't have missed it.
    target.idling.load(Ordering::SeqCst)
}

/// Called when this CPU stops idling.
pub fn end_idle(local: &CpuLocal) {
    local.idling.store(false, Ordering::SeqCst);
    if local.flush_late.load(Ordering::SeqCst) && local.flush_late.swap(false, Ordering::SeqCst) {
        flush_all_local();
    }
}

fn leave(local: &CpuLocal) {
    let old = local.root.replace(ptr::null());
    // SAFETY: the kernel's own table maps all that runs.
    unsafe { x86::write_cr3(kernel::root()) };
    // SAFETY: as in `activate`.
    if let Some(old) = unsafe { old.as_ref() } {
        old.cpus.fetch_and(!(1 << local.id()), Ordering::Release);
    }
}

/// Leaves the active space for the kernel's own, in which no user address is mapped.
pub fn deactivate() {
    let local = local::this();
    if !local.root.get().is_null() {
        leave(local);
    }
}

fn flush_all_local() {
    // SAFETY: writing back the same table drops all translations that aren't global, which only
    // kernel ones are.
    unsafe { x86::write_cr3(x86::read_cr3()) };
}

fn flush_local(start: usize, end: usize) {
    if (end - start).div_ceil(PAGE_SIZE) > MAX_SINGLE {
        flush_all_local();
    } else {
        for page in (start..end).step_by(PAGE_SIZE) {
            x86::invlpg(page);
        }
    }
}

/// Serves the shootdowns that wait for this CPU.
#[inline]
pub fn serve() {
    let local = local::this();
    if local.shootdowns.load(Ordering::Relaxed) != 0 {
        serve_waiting(local);
    }
}

#[cold]
fn serve_waiting(local: &CpuLocal) {
    for cpu in bits(local.shootdowns.swap(0, Ordering::SeqCst)) {
        let request = REQUESTS.get(cpu);
        // SAFETY: the bit says that the slot is filled; its owner leaves it alone until this CPU
        // acknowledges below.
        let (root, action, waiting) =
            unsafe { ((*request).root, (*request).action, &(*request).waiting) };
        let active = ptr::eq(local.root.get(), root);
        match action {
            Action::Barrier => fence(Ordering::SeqCst),
            Action::Flush { start, end } | Action::FlushTables { start, end } if active => {
                flush_local(start, end);
            }
            Action::Evict if active => leave(local),
            _ => {}
        }
        waiting.fetch_and(!(1 << local.id()), Ordering::Release);
    }
}

fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let next = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (next < 64).then_some(next)
    })
}
