//! Semaphore sets: arrays of counters, changed several at once or not at all.
//!
//! Whoever cannot go on waits in the set's queue with what it wants to do. Each change tries those
//! in the queue whom it may let on, in order and in their name; a sleeper is woken when its outcome
//! stands. As they may be many, the lock is let go of in between; who comes meanwhile sees that through
//! first, so that none who waits is passed by.

use super::ids::{
    self, IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, Owner, Permissions, READ, WRITE,
};
use super::waiting::{List, Waiting, Wish};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::lock_order;
use crate::mm::uptr::{Timespec, UserPtr};
use crate::sched::cpu;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::syscall::table::SyscallCtx;
use crate::task::Pid;
use crate::task::process::Process;
use crate::time::Deadline;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use core::sync::atomic::{AtomicUsize, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::{Once, SpinGuard, SpinLock};

const GETPID: u32 = 11;
const GETVAL: u32 = 12;
const GETALL: u32 = 13;
const GETNCNT: u32 = 14;
const GETZCNT: u32 = 15;
const SETVAL: u32 = 16;
const SETALL: u32 = 17;
const SEM_STAT: u32 = 18;
const SEM_INFO: u32 = 19;
const SEM_STAT_ANY: u32 = 20;

const SEM_UNDO: i16 = 0x1000;

/// The highest value, and the furthest that an undo goes.
const VALUE_MAX: i32 = 32767;
/// Semaphores of one set, sets, and operations of one call.
pub const SET_MAX: usize = 32000;
pub const MAX_SETS: usize = 32000;
pub const OPERATIONS_MAX: usize = 500;
/// What programs are told that all sets may hold.
pub const TOTAL_TOLD: usize = 1_024_000_000;
/// What they may hold: the memory is nobody's.
const TOTAL_MAX: usize = 1 << 20;

/// Operations tried for those who wait while a set's lock is held.
const AT_ONCE: usize = 1000;

static SETS: ids::Table<Set> = ids::Table::new(MAX_SETS);
/// Semaphores of all sets together.
static TOTAL: AtomicUsize = AtomicUsize::new(0);

pub struct Set {
    id: i32,
    count: usize,
    state: SpinLock<State>,
}

#[derive(Clone, Copy, Default)]
struct Semaphore {
    value: i32,
    last: Pid,
}

pub struct State {
    pub owner: Owner,
    semaphores: Vec<Semaphore>,
    pub operation_time: i64,
    pub change_time: i64,
    /// Who waits, and of these who is to be tried as values changed.
    waiting: Waiting<Arc<Waiter>>,
    /// What each process's end adds to the values.
    undo: BTreeMap<Pid, Vec<i32>>,
    removed: bool,
}

/// `struct sembuf`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Operation {
    number: u16,
    change: i16,
    flags: i16,
}

impl Operation {
    fn undoes(&self) -> bool {
        self.flags & SEM_UNDO != 0
    }
}

/// A call that cannot go on yet.
struct Waiter {
    operations: Vec<Operation>,
    process: Pid,
    /// Which operation it waits at.
    blocked_at: AtomicUsize,
    outcome: Once<Result>,
    queue: WaitQueue,
}

impl Waiter {
    fn end(&self, outcome: Result) {
        self.outcome.set(outcome);
        self.queue.wake_all(Events::all());
    }

    fn blocked(&self) -> &Operation {
        &self.operations[self.blocked_at.load(Ordering::Relaxed)]
    }
}

/// Where who waits with these operations is to be found.
fn lists_of(operations: &[Operation]) -> Result<Vec<List>> {
    /// Places that one question about memory is for.
    const FEW: usize = 8;
    let mut lists = Vec::new();
    lists.room_exact(operations.len())?;
    lists.extend(operations.iter().map(|operation| {
        let wish = match operation.change {
            _ if operations.len() > 1 => Wish::Any,
            0 => Wish::Zero,
            _ => Wish::More,
        };
        (operation.number, wish)
    }));
    lists.sort_unstable();
    lists.dedup();
    for _ in 0..lists.len().div_ceil(FEW) {
        admission::ask()?;
    }
    Ok(lists)
}

enum Attempt {
    Done,
    /// At this operation.
    Blocked(usize),
    Failed(Errno),
}

impl State {
    /// Does all operations, or none.
    fn attempt(&mut self, operations: &[Operation], process: Pid) -> Attempt {
        let mut stopped = None;
        let mut done = 0;
        for (at, operation) in operations.iter().enumerate() {
            match self.step(operation, process) {
                Ok(true) => done += 1,
                Ok(false) => {
                    stopped = Some(Attempt::Blocked(at));
                    break;
                }
                Err(error) => {
                    stopped = Some(Attempt::Failed(error));
                    break;
                }
            }
        }
        match stopped {
            Some(why) => {
                for operation in operations[..done].iter().rev() {
                    self.take_back(operation, process);
                }
                why
            }
            None => {
                for operation in operations {
                    self.semaphores[usize::from(operation.number)].last = process;
                }
                self.operation_time = ids::now();
                Attempt::Done
            }
        }
    }

    /// False: it has to wait.
    fn step(&mut self, operation: &Operation, process: Pid) -> Result<bool> {
        let number = usize::from(operation.number);
        let semaphore = &mut self.semaphores[number];
        let change = i32::from(operation.change);
        if (change == 0 && semaphore.value != 0) || semaphore.value + change < 0 {
            return Ok(false);
        }
        if semaphore.value + change > VALUE_MAX {
            return Err(Errno::ERANGE);
        }
        if operation.undoes()
            && let Some(undo) = self.undo.get_mut(&process)
        {
            let left = undo[number] - change;
            if !(-VALUE_MAX - 1..=VALUE_MAX).contains(&left) {
                return Err(Errno::ERANGE);
            }
            undo[number] = left;
        }
        semaphore.value += change;
        Ok(true)
    }

    fn take_back(&mut self, operation: &Operation, process: Pid) {
        let number = usize::from(operation.number);
        let change = i32::from(operation.change);
        self.semaphores[number].value -= change;
        if operation.undoes()
            && let Some(undo) = self.undo.get_mut(&process)
        {
            undo[number] += change;
        }
    }

    /// Lets some who wait go on, if they can. False: that was all.
    fn settle_some(&mut self) -> bool {
        let mut operations = 0;
        while operations < AT_ONCE {
            let semaphores = &self.semaphores;
            let none_is_left = |(number, wish): List| {
                wish == Wish::More && semaphores[usize::from(number)].value == 0
            };
            let Some((number, waiter)) = self.waiting.next_due(none_is_left) else {
                return false;
            };
            operations += waiter.operations.len();
            let outcome = match self.attempt(&waiter.operations, waiter.process) {
                Attempt::Blocked(operation) => {
                    waiter.blocked_at.store(operation, Ordering::Relaxed);
                    continue;
                }
                Attempt::Done => Ok(()),
                Attempt::Failed(error) => Err(error),
            };
            self.waiting.remove(number);
            waiter.end(outcome);
            if outcome.is_ok() {
                self.were_done(&waiter.operations);
            }
        }
        true
    }

    /// These were done: whom they may let on is to be tried.
    fn were_done(&mut self, operations: &[Operation]) {
        for operation in operations.iter().filter(|operation| operation.change != 0) {
            self.changed(operation.number, operation.change > 0);
        }
    }

    /// A value changed: whom that may let on is to be tried. One that fell serves only who waits for zero.
    fn changed(&mut self, number: u16, rose: bool) {
        let is_zero = self.semaphores[usize::from(number)].value == 0;
        if rose {
            self.waiting.try_list((number, Wish::More));
        }
        if is_zero {
            self.waiting.try_list((number, Wish::Zero));
        }
        if rose || is_zero {
            self.waiting.try_list((number, Wish::Any));
        }
    }

    /// How many wait at this semaphore: for zero, or for more.
    fn waiting_at(&self, number: u16, for_zero: bool) -> usize {
        let counts = |waiter: &&Arc<Waiter>| {
            let operation = waiter.blocked();
            operation.number == number && (operation.change == 0) == for_zero
        };
        let lists = [Wish::More, Wish::Zero, Wish::Any].map(|wish| (number, wish));
        let waiters = lists.into_iter().flat_map(|list| self.waiting.of(list));
        waiters.filter(counts).count()
    }
}

pub fn get(ctx: &SyscallCtx<'_>, key: i32, count: i32, flags: u32) -> Result<usize> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    if count > SET_MAX {
        return Err(Errno::EINVAL);
    }
    let credentials = ctx.thread.credentials();
    loop {
        if let Some((id, set)) = SETS.find(key, flags)? {
            if count > set.count {
                return Err(Errno::EINVAL);
            }
            let owner = set.state.lock().owner;
            owner.check(&credentials, ids::wish_of(flags))?;
            return Ok(id as usize);
        }
        if count == 0 {
            return Err(Errno::EINVAL);
        }
        let mut semaphores = Vec::new();
        semaphores.room_exact(count)?;
        semaphores.resize(count, Semaphore::default());
        if TOTAL.fetch_add(count, Ordering::Relaxed) + count > TOTAL_MAX {
            TOTAL.fetch_sub(count, Ordering::Relaxed);
            return Err(Errno::ENOSPC);
        }
        let state = State {
            owner: Owner::new(key, flags, &credentials),
            semaphores,
            operation_time: 0,
            change_time: ids::now(),
            waiting: Waiting::default(),
            undo: BTreeMap::new(),
            removed: false,
        };
        let made = SETS.add(key, |id| {
            Arc::new(Set {
                id,
                count,
                state: SpinLock::new(lock_order::SYSV_OBJECT, state),
            })
        });
        if !matches!(made, Ok(Some(_))) {
            TOTAL.fetch_sub(count, Ordering::Relaxed);
        }
        if let Some(id) = made? {
            return Ok(id as usize);
        }
    }
}

/// semop and semtimedop.
pub fn operate(
    ctx: &SyscallCtx<'_>,
    id: i32,
    operations: usize,
    count: usize,
    timeout: usize,
) -> Result<usize> {
    let deadline = match UserPtr::<Timespec>::new(timeout).non_null() {
        Some(timeout) => {
            let nanos = timeout.read()?.to_nanos()?;
            Some(Deadline::after(nanos))
        }
        None => None,
    };
    if count < 1 || id < 0 {
        return Err(Errno::EINVAL);
    }
    if count > OPERATIONS_MAX {
        return Err(Errno::E2BIG);
    }
    let operations = UserPtr::<Operation>::new(operations).read_vec(count, OPERATIONS_MAX)?;
    let set = SETS.get(id)?;
    if operations
        .iter()
        .any(|o| usize::from(o.number) >= set.count)
    {
        return Err(Errno::EFBIG);
    }
    let alters = operations.iter().any(|o| o.change != 0);
    let process = ctx.process.pid;
    let (number, waiter) = {
        let mut state = set.settled();
        let wish = if alters { WRITE } else { READ };
        state.owner.check(&ctx.thread.credentials(), wish)?;
        if state.removed {
            return Err(Errno::EIDRM);
        }
        if operations.iter().any(Operation::undoes) && !state.undo.contains_key(&process) {
            let mut undo = Vec::new();
            undo.room_exact(set.count)?;
            undo.resize(set.count, 0);
            state.undo.insert(process, undo);
            ctx.process.undoes_semaphores.store(true, Ordering::Relaxed);
        }
        match state.attempt(&operations, process) {
            Attempt::Done => {
                if alters {
                    state.were_done(&operations);
                    // Who has several to do may wait at another of them now.
                    for operation in &operations {
                        state.waiting.try_list((operation.number, Wish::Any));
                    }
                    set.settle(state);
                }
                return Ok(0);
            }
            Attempt::Failed(error) => return Err(error),
            Attempt::Blocked(at) if operations[at].flags as u16 as u32 & IPC_NOWAIT != 0 => {
                return Err(Errno::EAGAIN);
            }
            Attempt::Blocked(at) => {
                let lists = lists_of(&operations)?;
                let waiter = Arc::new(Waiter {
                    operations,
                    process,
                    blocked_at: AtomicUsize::new(at),
                    outcome: Once::new(),
                    queue: WaitQueue::new(),
                });
                (state.waiting.add(waiter.clone(), lists), waiter)
            }
        }
    };
    let outcome = || waiter.outcome.get().copied();
    let waited = wait_until(&[&waiter.queue], deadline, Interrupt::Signals, outcome);
    let result = waited.unwrap_or_else(|error| {
        let mut state = set.state.lock();
        state.waiting.remove(number);
        // It may have come to pass just now.
        outcome().unwrap_or(Err(match error {
            Errno::ETIMEDOUT => Errno::EAGAIN,
            // Never begun again, whatever the handler's flags.
            _ => Errno::EINTR,
        }))
    });
    result.map(|()| 0)
}

/// The process ends: what it did with SEM_UNDO is taken back.
pub fn leave(process: &Process) {
    if !process.undoes_semaphores.load(Ordering::Relaxed) {
        return;
    }
    for (_, set) in SETS.all() {
        let mut state = set.settled();
        let Some(undo) = state.undo.remove(&process.pid) else {
            continue;
        };
        for (number, change) in (0..).zip(undo).filter(|(_, change)| *change != 0) {
            let semaphore = &mut state.semaphores[usize::from(number)];
            semaphore.value = (semaphore.value + change).clamp(0, VALUE_MAX);
            semaphore.last = process.pid;
            state.changed(number, true);
        }
        state.operation_time = ids::now();
        set.settle(state);
    }
}

/// Bytes that are kept to take back what a process did with SEM_UNDO.
#[must_use]
pub fn undo_bytes(process: Pid) -> usize {
    let kept = |index| {
        let (_, set) = SETS.at(index)?;
        let state = set.state.lock();
        Some(state.undo.get(&process)?.len() * size_of::<i32>())
    };
    (0..=SETS.highest() as u32).filter_map(kept).sum()
}

/// `struct semid64_ds`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Status {
    permissions: Permissions,
    operation_time: i64,
    _unused: u64,
    change_time: i64,
    _unused2: u64,
    count: u64,
    _unused3: [u64; 2],
}

impl Set {
    /// The state, once whoever can go on has done so.
    fn settled(&self) -> SpinGuard<'_, State> {
        loop {
            let mut state = self.state.lock();
            if !state.settle_some() {
                return state;
            }
            drop(state);
            cpu::breathe();
        }
    }

    /// Values changed, as the state was told: whoever can go on now does.
    fn settle<'a>(&'a self, state: SpinGuard<'a, State>) {
        drop(state);
        drop(self.settled());
    }

    fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            permissions: state.owner.shown(self.id),
            operation_time: state.operation_time,
            _unused: 0,
            change_time: state.change_time,
            _unused2: 0,
            count: self.count as u64,
            _unused3: [0; 2],
        }
    }
}

/// `struct seminfo`.
fn info(command: u32) -> [i32; 10] {
    let (used, total) = if command == SEM_INFO {
        (SETS.all().len(), TOTAL.load(Ordering::Relaxed))
    } else {
        // SEMUSZ and SEMAEM.
        (20, VALUE_MAX as usize)
    };
    [
        TOTAL_TOLD,
        MAX_SETS,
        TOTAL_TOLD,
        TOTAL_TOLD,
        SET_MAX,
        OPERATIONS_MAX,
        OPERATIONS_MAX,
        used,
        VALUE_MAX as usize,
        total,
    ]
    .map(|n| n as i32)
}

pub fn control(
    ctx: &SyscallCtx<'_>,
    id: i32,
    number: i32,
    command: u32,
    arg: usize,
) -> Result<usize> {
    let credentials = ctx.thread.credentials();
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        IPC_INFO | SEM_INFO => {
            UserPtr::new(arg).write(&info(command))?;
            Ok(SETS.highest())
        }
        IPC_STAT | SEM_STAT | SEM_STAT_ANY => {
            let (shown, set) = if command == IPC_STAT {
                (0, SETS.get(id)?)
            } else {
                let found = SETS.at(id as u32).ok_or(Errno::EINVAL)?;
                (found.0 as usize, found.1)
            };
            if command != SEM_STAT_ANY {
                let owner = set.state.lock().owner;
                owner.check(&credentials, READ)?;
            }
            UserPtr::new(arg).write(&set.status())?;
            Ok(shown)
        }
        IPC_SET => {
            let new = UserPtr::<Status>::new(arg).read()?;
            let set = SETS.get(id)?;
            let mut state = set.state.lock();
            state.owner.check_change(&credentials)?;
            state.owner.change(&new.permissions)?;
            state.change_time = ids::now();
            Ok(0)
        }
        IPC_RMID => {
            let set = SETS.get(id)?;
            let (key, waiting) = {
                let mut state = set.state.lock();
                state.owner.check_change(&credentials)?;
                if core::mem::replace(&mut state.removed, true) {
                    return Err(Errno::EIDRM);
                }
                (state.owner.key, core::mem::take(&mut state.waiting))
            };
            for waiter in waiting.into_all() {
                waiter.end(Err(Errno::EIDRM));
                cpu::breathe();
            }
            TOTAL.fetch_sub(set.count, Ordering::Relaxed);
            drop(SETS.remove(key, id));
            Ok(0)
        }
        GETALL | SETALL => all_values(ctx, id, command == SETALL, arg),
        SETVAL => set_value(ctx, id, number, arg as i32),
        GETVAL | GETPID | GETNCNT | GETZCNT => {
            let set = SETS.get(id)?;
            let state = set.state.lock();
            state.owner.check(&credentials, READ)?;
            let at = usize::try_from(number).ok().filter(|&at| at < set.count);
            let at = at.ok_or(Errno::EINVAL)?;
            Ok(match command {
                GETVAL => state.semaphores[at].value as usize,
                GETPID => state.semaphores[at].last as usize,
                GETNCNT => state.waiting_at(at as u16, false),
                _ => state.waiting_at(at as u16, true),
            })
        }
        _ => Err(Errno::EINVAL),
    }
}

fn set_value(ctx: &SyscallCtx<'_>, id: i32, number: i32, value: i32) -> Result<usize> {
    if !(0..=VALUE_MAX).contains(&value) {
        return Err(Errno::ERANGE);
    }
    let set = SETS.get(id)?;
    let at = usize::try_from(number).ok().filter(|&at| at < set.count);
    let at = at.ok_or(Errno::EINVAL)?;
    let mut state = set.settled();
    state.owner.check(&ctx.thread.credentials(), WRITE)?;
    if state.removed {
        return Err(Errno::EIDRM);
    }
    for undo in state.undo.values_mut() {
        undo[at] = 0;
    }
    state.semaphores[at] = Semaphore {
        value,
        last: ctx.process.pid,
    };
    state.change_time = ids::now();
    state.changed(at as u16, true);
    set.settle(state);
    Ok(0)
}

fn all_values(ctx: &SyscallCtx<'_>, id: i32, change: bool, arg: usize) -> Result<usize> {
    let set = SETS.get(id)?;
    let wish = if change { WRITE } else { READ };
    let owner = set.state.lock().owner;
    owner.check(&ctx.thread.credentials(), wish)?;
    let mut values: Vec<u16> = Vec::new();
    if !change {
        values.room_exact(set.count)?;
        let state = set.state.lock();
        values.extend(state.semaphores.iter().map(|s| s.value as u16));
        drop(state);
        UserPtr::new(arg).write_slice(&values)?;
        return Ok(0);
    }
    values = UserPtr::<u16>::new(arg).read_vec(set.count, SET_MAX)?;
    if values.iter().any(|&value| i32::from(value) > VALUE_MAX) {
        return Err(Errno::ERANGE);
    }
    let mut state = set.settled();
    if state.removed {
        return Err(Errno::EIDRM);
    }
    for undo in state.undo.values_mut() {
        undo.fill(0);
    }
    for (semaphore, value) in state.semaphores.iter_mut().zip(values) {
        semaphore.value = i32::from(value);
        semaphore.last = ctx.process.pid;
    }
    state.change_time = ids::now();
    state.waiting.try_all();
    set.settle(state);
    Ok(0)
}

/// What /proc/sysvipc/sem lists.
pub(super) fn each(mut tell: impl FnMut(i32, usize, &State)) {
    for (id, set) in SETS.all() {
        tell(id, set.count, &set.state.lock());
    }
}
