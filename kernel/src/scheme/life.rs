//! One server's life on a scheme: from its attachment to the close of its descriptor.
//!
//! Locks: [`Life::calls`] guards slots and the kernel's ring indices; it is never held while a
//! client sleeps or user memory is touched.

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::fs::open::OpenFile;
use crate::lock_order;
use crate::sched::lend::Loan;
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::scheme::file::SchemeFile;
use crate::scheme::ring::Ring;
use crate::task::thread::Thread;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use bytemuck::Zeroable;
use core::sync::atomic::{AtomicBool, Ordering};
use ochre_abi::ioctl::Command;
use ochre_abi::scheme::{COMPLETE, Completion, INVALIDATE, LEVEL, Op, Request, SLOTS};
use ochre_hal::admission::Room;
use ochre_hal::sync::SpinLock;

/// How a call ended.
#[derive(Clone)]
enum Outcome {
    Completed(Completion, Option<Arc<OpenFile>>),
    /// The server died first.
    Died,
}

/// A request in flight.
struct Call {
    /// The descriptor that the client passed, for the server to take.
    passed: Option<Arc<OpenFile>>,
    outcome: SpinLock<Option<Outcome>>,
    done: WaitQueue,
    /// The client's urgency, which the server has until it has answered.
    loan: SpinLock<Option<Loan>>,
}

impl Call {
    /// It has come to an end, if it hadn't yet: the client goes on.
    fn end(&self, outcome: Outcome) {
        self.outcome.lock().get_or_insert(outcome);
        self.done.wake_all(Events::all());
        // Only now, or the server would have to make room for others before the client is ready.
        self.give_back();
    }

    fn give_back(&self) {
        let loan = self.loan.lock().take();
        drop(loan);
    }
}

struct Slot {
    id: u64,
    /// None once the client has given up: the slot is free again when the server answers.
    call: Option<Arc<Call>>,
    asks: Asks,
}

/// What of a request matters when it is answered.
enum Asks {
    /// For a file: this closes it again, but for its number.
    Open(Request),
    /// For data of the file of that number of the server's.
    Read(u64),
    Other,
}

/// A file that the server has opened.
enum Opened {
    /// Its client has yet to make a file of it; how ready it is.
    Answered(u64),
    File(Weak<SchemeFile>),
}

struct Calls {
    /// So many as [`SLOTS`].
    slots: Vec<Option<Slot>>,
    next_id: u64,
    requests_tail: u32,
    completions_head: u32,
    /// Requests for which the ring had no room.
    pending: VecDeque<Request>,
}

/// See the module's header.
pub struct Life {
    ring: Ring,
    calls: SpinLock<Calls>,
    dead: AtomicBool,
    /// Open files, by the server's number.
    files: SpinLock<BTreeMap<u64, Opened>>,
    ioctls: SpinLock<Arc<Vec<Command>>>,
    /// The server waits here for requests.
    requested: WaitQueue,
    /// The server's thread that looked for requests last.
    server: SpinLock<Weak<Thread>>,
    /// Clients wait here for a slot.
    slot_freed: WaitQueue,
}

/// Closes that may wait for room in the ring; a server that takes none of so many is as good as dead.
const PENDING_MAX: usize = 65_536;

impl Asks {
    fn of(request: &Request) -> Asks {
        match Op::from_raw(request.op) {
            Some(Op::Open) => Asks::Open(Request {
                op: Op::Close as u32,
                node: request.node,
                uid: request.uid,
                gid: request.gid,
                pid: request.pid,
                ..Request::zeroed()
            }),
            Some(Op::Read) => Asks::Read(request.file),
            _ => Asks::Other,
        }
    }
}

fn events_of(level: u64) -> Events {
    Events::from_bits_truncate(level as u32)
}

/// A call's answer. It owns the slot, so that the payload can be read, until it is dropped.
pub struct Reply {
    life: Arc<Life>,
    slot: usize,
    completion: Completion,
    pub fd: Option<Arc<OpenFile>>,
}

impl Reply {
    /// The operation's result; a failure became an error before.
    #[must_use]
    pub fn result(&self) -> u64 {
        self.completion.result.unsigned_abs()
    }

    #[must_use]
    pub fn values(&self) -> [u64; 2] {
        self.completion.values
    }

    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.life.ring
    }

    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.life.free_slot(self.slot);
    }
}

impl Life {
    pub fn new() -> Result<Arc<Life>> {
        let mut slots = Vec::new();
        slots.room_exact(SLOTS)?;
        slots.resize_with(SLOTS, || None);
        let calls = Calls {
            slots,
            next_id: 1,
            requests_tail: 0,
            completions_head: 0,
            pending: VecDeque::new(),
        };
        Ok(Arc::new(Life {
            ring: Ring::new()?,
            calls: SpinLock::new(lock_order::SCHEME, calls),
            dead: AtomicBool::new(false),
            files: SpinLock::new(lock_order::SCHEME, BTreeMap::new()),
            ioctls: SpinLock::new(lock_order::SCHEME, Arc::new(Vec::new())),
            requested: WaitQueue::new(),
            server: SpinLock::new(lock_order::CELL, Weak::new()),
            slot_freed: WaitQueue::new(),
        }))
    }

    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    #[must_use]
    pub fn requested(&self) -> &WaitQueue {
        &self.requested
    }

    #[must_use]
    pub fn ioctls(&self) -> Arc<Vec<Command>> {
        self.ioctls.lock().clone()
    }

    pub fn set_ioctls(&self, table: Vec<Command>) {
        let table = Arc::new(table);
        let old = core::mem::replace(&mut *self.ioctls.lock(), table);
        drop(old);
    }

    /// A client has its file, which is as ready as the server said meanwhile.
    pub fn add_file(&self, number: u64, file: &Arc<SchemeFile>) {
        let mut files = self.files.lock();
        let known = files.insert(number, Opened::File(Arc::downgrade(file)));
        if let Some(Opened::Answered(level)) = known {
            file.begin_at(events_of(level));
        }
    }

    pub fn remove_file(&self, number: u64) {
        self.files.lock().remove(&number);
    }

    /// Asks the server and sleeps until it has answered. `fill` puts the payload into the slot and
    /// returns its length. `ENODEV` when the server is dead or dies first; EINTR-like only for a
    /// killed client. A negative result is the error.
    pub fn call(
        self: &Arc<Self>,
        mut request: Request,
        passed: Option<Arc<OpenFile>>,
        fill: impl FnOnce(&Ring, usize, &mut Request) -> Result,
    ) -> Result<Reply> {
        let slot = self.take_slot()?;
        request.slot = slot as u32;
        if let Err(error) = fill(&self.ring, slot, &mut request) {
            self.free_slot(slot);
            return Err(error);
        }
        let call = Arc::new(Call {
            passed,
            outcome: SpinLock::new(lock_order::FILE, None),
            done: WaitQueue::new(),
            loan: SpinLock::new(lock_order::CELL, self.lend()),
        });
        if let Err(error) = self.submit(slot, &call, request) {
            self.free_slot(slot);
            return Err(error);
        }
        let waited = wait_until(&[&call.done], None, Interrupt::Kill, || {
            call.outcome.lock().clone()
        });
        let waited = match waited {
            // What was answered meanwhile is this client's to use, or to end.
            Err(_) if !self.abandon(slot) => {
                let answer = || call.outcome.lock().clone();
                Ok(call.done.wait_uninterrupted(answer))
            }
            other => other,
        };
        match waited {
            Ok(Outcome::Completed(completion, fd)) => {
                let reply = Reply {
                    life: self.clone(),
                    slot,
                    completion,
                    fd,
                };
                match completion.result {
                    0.. => Ok(reply),
                    error => Err(Errno::from_server(error.checked_neg().unwrap_or(0))),
                }
            }
            Ok(Outcome::Died) => {
                self.free_slot(slot);
                Err(Errno::ENODEV)
            }
            Err(error) => Err(error),
        }
    }

    /// Lends the server the urgency of the running thread, which asks it.
    fn lend(&self) -> Option<Loan> {
        let server = self.server.lock().upgrade()?;
        Loan::of_current(&server)
    }

    /// This thread looks for requests.
    pub fn served_by(&self, thread: &Arc<Thread>) {
        let new = Arc::downgrade(thread);
        let mut server = self.server.lock();
        let old = (!server.ptr_eq(&new)).then(|| core::mem::replace(&mut *server, new));
        drop(server);
        drop(old);
    }

    /// Sends a request that has no answer.
    pub fn post(&self, request: Request) {
        {
            let mut calls = self.calls.lock();
            if self.is_dead() || calls.pending.len() >= PENDING_MAX {
                return;
            }
            calls.pending.push_back(Request { id: 0, ..request });
            self.publish_pending(&mut calls);
        }
        self.requested.wake_all(Events::READABLE);
    }

    fn take_slot(&self) -> Result<usize> {
        let take = || {
            if self.is_dead() {
                return Some(Err(Errno::ENODEV));
            }
            let mut calls = self.calls.lock();
            let free = calls.slots.iter().position(Option::is_none)?;
            calls.slots[free] = Some(Slot {
                id: 0,
                call: None,
                asks: Asks::Other,
            });
            Some(Ok(free))
        };
        wait_until(&[&self.slot_freed], None, Interrupt::Kill, take)?
    }

    fn free_slot(&self, slot: usize) {
        let freed = self.calls.lock().slots[slot].take();
        drop(freed);
        self.slot_freed.wake_one(Events::all());
    }

    /// The client is gone; the slot stays taken until the server has answered, as it may still
    /// write to its payload area. False when an answer came meanwhile.
    fn abandon(&self, slot: usize) -> bool {
        let abandoned = {
            let mut calls = self.calls.lock();
            let Some(entry) = calls.slots[slot].as_mut() else {
                return true;
            };
            // An answer has cleared the number.
            if entry.id == 0 {
                return false;
            }
            let call = entry.call.take();
            if self.is_dead() {
                calls.slots[slot] = None;
            }
            call
        };
        if let Some(call) = abandoned {
            call.give_back();
        }
        self.slot_freed.wake_one(Events::all());
        true
    }

    fn submit(&self, slot: usize, call: &Arc<Call>, mut request: Request) -> Result {
        {
            let mut calls = self.calls.lock();
            if self.is_dead() {
                return Err(Errno::ENODEV);
            }
            let id = calls.next_id;
            calls.next_id += 1;
            request.id = id;
            calls.slots[slot] = Some(Slot {
                id,
                call: Some(call.clone()),
                asks: Asks::of(&request),
            });
            calls.pending.push_back(request);
            self.publish_pending(&mut calls);
        }
        self.requested.wake_all(Events::READABLE);
        Ok(())
    }

    /// Moves waiting requests into the ring as far as there is room. A server that broke its
    /// indices gets nothing more; its clients wait until it dies of it.
    fn publish_pending(&self, calls: &mut Calls) {
        while let Some(request) = calls.pending.front() {
            match self.ring.waiting(calls.requests_tail) {
                Ok(waiting) if waiting < SLOTS => {}
                _ => return,
            }
            if self.ring.publish(calls.requests_tail, request).is_err() {
                return;
            }
            calls.requests_tail = calls.requests_tail.wrapping_add(1);
            calls.pending.pop_front();
        }
    }

    /// Requests that the server could take now.
    pub fn waiting(&self) -> Result<usize> {
        let mut calls = self.calls.lock();
        self.publish_pending(&mut calls);
        self.ring.waiting(calls.requests_tail)
    }

    /// Takes over the completions in the ring. `descriptor` resolves a number of the server's.
    pub fn take_completions(
        &self,
        descriptor: impl Fn(i32) -> Result<Arc<OpenFile>>,
        invalidate: impl Fn(u64),
    ) -> Result {
        let head = self.calls.lock().completions_head;
        let count = self.ring.completed(head);
        for index in 0..count as u32 {
            let completion = self.ring.completion(head.wrapping_add(index))?;
            match completion.kind {
                COMPLETE => self.complete(completion, &descriptor),
                LEVEL => self.set_level(completion.id, completion.values[0]),
                INVALIDATE => invalidate(completion.id),
                _ => {}
            }
        }
        let next = head.wrapping_add(count as u32);
        self.calls.lock().completions_head = next;
        self.ring.taken(next);
        Ok(())
    }

    fn complete(&self, completion: Completion, descriptor: &impl Fn(i32) -> Result<Arc<OpenFile>>) {
        let fd = match completion.fd {
            0.. => descriptor(completion.fd).ok(),
            _ => None,
        };
        let (call, asks) = {
            let mut calls = self.calls.lock();
            let found = calls.slots.iter().position(|s| {
                s.as_ref()
                    .is_some_and(|s| s.id == completion.id && s.id != 0)
            });
            // An answer to nothing: late, repeated, or invented.
            let Some(slot) = found else { return };
            let Some(entry) = calls.slots[slot].as_mut() else {
                return;
            };
            entry.id = 0;
            let asks = core::mem::replace(&mut entry.asks, Asks::Other);
            let found = (entry.call.clone(), asks);
            if found.0.is_none() {
                calls.slots[slot] = None;
            }
            found
        };
        let error = completion.result.checked_neg().map(Errno::from_server);
        let close = match asks {
            Asks::Open(close) if completion.result >= 0 => Some(close),
            // Here, and not in the reader, which runs when the server may have said more.
            Asks::Read(file) if error == Some(Errno::EAGAIN) => {
                if let Some(file) = self.file(file) {
                    file.was_empty();
                }
                None
            }
            _ => None,
        };
        let [file, level] = completion.values;
        match call {
            Some(call) => {
                if close.is_some() {
                    self.files.lock().insert(file, Opened::Answered(level));
                }
                call.end(Outcome::Completed(completion, fd));
            }
            None => {
                self.slot_freed.wake_one(Events::all());
                if let Some(close) = close {
                    self.post(Request { file, ..close });
                }
            }
        }
    }

    /// The open file of that number, if its client has it yet.
    fn file(&self, number: u64) -> Option<Arc<SchemeFile>> {
        match self.files.lock().get(&number)? {
            Opened::File(file) => file.upgrade(),
            Opened::Answered(_) => None,
        }
    }

    fn set_level(&self, file: u64, level: u64) {
        let found = match self.files.lock().get_mut(&file) {
            Some(Opened::File(file)) => file.upgrade(),
            Some(Opened::Answered(known)) => {
                *known = level;
                None
            }
            None => None,
        };
        if let Some(file) = found {
            file.set_level(events_of(level));
        }
    }

    /// The descriptor that the client of request `id` passed.
    pub fn passed(&self, id: u64) -> Result<Arc<OpenFile>> {
        let calls = self.calls.lock();
        let entry = calls.slots.iter().flatten().find(|s| s.id == id && id != 0);
        let call = entry.and_then(|s| s.call.as_ref()).ok_or(Errno::ENOENT)?;
        call.passed.clone().ok_or(Errno::EBADF)
    }

    /// The server is gone: ends its calls and hangs up its files.
    pub fn die(&self) {
        let (calls, pending) = {
            let mut calls = self.calls.lock();
            self.dead.store(true, Ordering::Release);
            let mut ended = Vec::new();
            for slot in &mut calls.slots {
                match slot {
                    Some(Slot {
                        call: Some(call), ..
                    }) => ended.push(call.clone()),
                    Some(Slot {
                        id: 1..,
                        call: None,
                        ..
                    }) => *slot = None,
                    _ => {}
                }
            }
            (ended, core::mem::take(&mut calls.pending))
        };
        drop(pending);
        for call in calls {
            call.end(Outcome::Died);
        }
        let files: Vec<_> = self
            .files
            .lock()
            .values()
            .filter_map(|opened| match opened {
                Opened::File(file) => file.upgrade(),
                Opened::Answered(_) => None,
            })
            .collect();
        for file in files {
            file.hang_up();
        }
        self.slot_freed.wake_all(Events::all());
        self.requested.wake_all(Events::HUP);
    }
}
