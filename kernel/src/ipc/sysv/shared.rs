//! Shared memory segments: memory objects with a number, mapped by shmat.
//!
//! How often a segment is attached is how many mappings show it: each carries an [`Attachment`],
//! which counts itself on and off, through fork, split and exit.

use super::ids::{self, IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, Owner, Permissions, READ, WRITE};
use crate::errno::{Errno, Result};
use crate::lock_order;
use crate::mm::map::{self, Place};
use crate::mm::mapping::{Backing, Flags, Mapping, Name, ObjectRef};
use crate::mm::object::MemoryObject;
use crate::mm::space::Unmapped;
use crate::mm::uptr::UserPtr;
use crate::sched::cpu;
use crate::syscall::table::SyscallCtx;
use crate::task::Pid;
use crate::task::credentials::Capabilities;
use alloc::sync::Arc;
use bytemuck::{Pod, Zeroable};
use ochre_hal::PAGE_SIZE;
use ochre_hal::paging::Perms;
use ochre_hal::sync::SpinLock;

const SHM_HUGETLB: u32 = 0o4000;
const SHM_RDONLY: u32 = 0o10000;
const SHM_RND: u32 = 0o20000;
const SHM_REMAP: u32 = 0o40000;
const SHM_EXEC: u32 = 0o100_000;

const SHM_LOCK: u32 = 11;
const SHM_UNLOCK: u32 = 12;
const SHM_STAT: u32 = 13;
const SHM_INFO: u32 = 14;
const SHM_STAT_ANY: u32 = 15;

/// Bits of the mode that IPC_STAT shows: removed, but still attached; locked in memory.
const SHM_DEST: u32 = 0o1000;
const SHM_LOCKED: u32 = 0o2000;

/// Segments there may be.
pub const MAX_SEGMENTS: usize = 4096;
/// Bytes of one, and pages of all: beyond any memory.
pub const MAX_SIZE: u64 = u64::MAX - (1 << 24);

static SEGMENTS: ids::Table<Segment> = ids::Table::new(MAX_SEGMENTS);

pub struct Segment {
    id: i32,
    size: u64,
    object: Arc<MemoryObject>,
    creator: Pid,
    state: SpinLock<State>,
}

pub struct State {
    pub owner: Owner,
    pub attach_time: i64,
    pub detach_time: i64,
    pub change_time: i64,
    pub last: Pid,
    pub attached: u64,
    /// IPC_RMID came; the segment goes with its last attachment.
    removed: bool,
}

/// One mapping's share of a segment.
pub struct Attachment(Arc<Segment>);

fn caller() -> Pid {
    cpu::try_current().map_or(0, |thread| thread.process().pid)
}

impl Attachment {
    fn new(segment: Arc<Segment>) -> Result<Attachment> {
        {
            let mut state = segment.state.lock();
            if state.removed && state.attached == 0 {
                return Err(Errno::EIDRM);
            }
            state.attached += 1;
            state.attach_time = ids::now();
            state.last = caller();
        }
        Ok(Attachment(segment))
    }

    /// Key and number, which is what /proc/PID/maps calls it.
    #[must_use]
    pub fn name(&self) -> (i32, i32) {
        (self.0.state.lock().owner.key, self.0.id)
    }
}

impl Clone for Attachment {
    fn clone(&self) -> Attachment {
        let mut state = self.0.state.lock();
        state.attached += 1;
        state.attach_time = ids::now();
        state.last = caller();
        drop(state);
        Attachment(self.0.clone())
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let ends = {
            let mut state = self.0.state.lock();
            state.attached -= 1;
            state.detach_time = ids::now();
            state.last = caller();
            state.removed && state.attached == 0
        };
        if ends {
            drop(SEGMENTS.remove(ids::IPC_PRIVATE, self.0.id));
        }
    }
}

pub fn get(ctx: &SyscallCtx<'_>, key: i32, size: usize, flags: u32) -> Result<usize> {
    let credentials = ctx.thread.credentials();
    loop {
        if let Some((id, segment)) = SEGMENTS.find(key, flags)? {
            if segment.size < size as u64 {
                return Err(Errno::EINVAL);
            }
            let owner = segment.state.lock().owner;
            owner.check(&credentials, ids::wish_of(flags))?;
            return Ok(id as usize);
        }
        if size == 0 || size as u64 > MAX_SIZE {
            return Err(Errno::EINVAL);
        }
        if size.checked_next_multiple_of(PAGE_SIZE).is_none() {
            return Err(Errno::ENOSPC);
        }
        if flags & SHM_HUGETLB != 0 {
            // No huge pages are set aside.
            return Err(Errno::ENOMEM);
        }
        let state = State {
            owner: Owner::new(key, flags, &credentials),
            attach_time: 0,
            detach_time: 0,
            change_time: ids::now(),
            last: 0,
            attached: 0,
            removed: false,
        };
        let creator = ctx.process.pid;
        let made = SEGMENTS.add(key, |id| {
            Arc::new(Segment {
                id,
                size: size as u64,
                object: MemoryObject::anonymous(size as u64),
                creator,
                state: SpinLock::new(lock_order::SYSV_OBJECT, state),
            })
        })?;
        if let Some(id) = made {
            return Ok(id as usize);
        }
    }
}

pub fn attach(ctx: &SyscallCtx<'_>, id: i32, addr: usize, flags: u32) -> Result<usize> {
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    let remaps = flags & SHM_REMAP != 0;
    let addr = match addr % PAGE_SIZE {
        0 => addr,
        below if flags & SHM_RND != 0 => addr - below,
        _ => return Err(Errno::EINVAL),
    };
    if addr == 0 && remaps {
        return Err(Errno::EINVAL);
    }
    let (mut perms, mut wish) = (Perms::READ, READ);
    let mut max = Perms::all();
    if flags & SHM_RDONLY == 0 {
        perms |= Perms::WRITE;
        wish |= WRITE;
    } else {
        max -= Perms::WRITE;
    }
    if flags & SHM_EXEC != 0 {
        perms |= Perms::EXEC;
        wish |= 1;
    }
    let segment = SEGMENTS.get(id)?;
    let owner = segment.state.lock().owner;
    owner.check(&ctx.thread.credentials(), wish)?;
    let place = match addr {
        0 => Place::Anywhere(None),
        addr if remaps => Place::Instead(addr),
        addr => Place::Only(addr),
    };
    let len = (segment.size as usize).next_multiple_of(PAGE_SIZE);
    let writer = perms.contains(Perms::WRITE);
    let object = ObjectRef::new(segment.object.clone(), writer)?;
    let mapping = Mapping {
        start: 0,
        end: len,
        perms,
        max,
        shared: true,
        backing: Backing::Object(object, 0),
        flags: Flags::empty(),
        name: Name::Segment(Attachment::new(segment)?),
    };
    map::add(ctx, place, mapping).map_err(|error| match error {
        Errno::EEXIST => Errno::EINVAL,
        error => error,
    })
}

pub fn detach(ctx: &SyscallCtx<'_>, addr: usize) -> Result<usize> {
    if !addr.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let space = ctx.process.space().ok_or(Errno::ESRCH)?;
    let mut inner = space.lock_maps();
    // What the segment shows at `addr` may be in pieces, with holes; each lies where it was put.
    let piece = |mapping: &Mapping| match (&mapping.name, &mapping.backing) {
        (Name::Segment(attachment), Backing::Object(_, offset))
            if mapping.start.checked_sub(addr) == Some(*offset as usize) =>
        {
            Some(attachment.0.clone())
        }
        _ => None,
    };
    let first = inner
        .maps
        .range(addr..)
        .find_map(|(_, mapping)| piece(mapping));
    let segment = first.ok_or(Errno::EINVAL)?;
    let end = addr.saturating_add(segment.size as usize);
    let mut ranges = alloc::vec::Vec::new();
    for (_, mapping) in inner.maps.range(addr..end) {
        if piece(mapping).is_some_and(|found| Arc::ptr_eq(&found, &segment)) {
            ranges.push(mapping.start..mapping.end);
        }
    }
    let mut unmapped = Unmapped::default();
    let result = ranges
        .into_iter()
        .try_for_each(|range| inner.unmap(range, &mut unmapped));
    drop(inner);
    space.release(unmapped);
    drop(segment);
    result.map(|()| 0)
}

/// `struct shmid64_ds`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Status {
    permissions: Permissions,
    size: u64,
    times: [i64; 3],
    creator: u32,
    last: u32,
    attached: u64,
    _unused: [u64; 2],
}

impl Segment {
    fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            permissions: state.owner.shown(self.id),
            size: self.size,
            times: [state.attach_time, state.detach_time, state.change_time],
            creator: self.creator,
            last: state.last,
            attached: state.attached,
            _unused: [0; 2],
        }
    }
}

/// `struct shm_info`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Totals {
    segments: i32,
    _pad: u32,
    pages: u64,
    resident: u64,
    _swap: [u64; 3],
}

pub fn control(ctx: &SyscallCtx<'_>, id: i32, command: u32, arg: usize) -> Result<usize> {
    let credentials = ctx.thread.credentials();
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        IPC_INFO => {
            let mut info = [0_u64; 9];
            info[..5].copy_from_slice(&[
                MAX_SIZE,
                1,
                MAX_SEGMENTS as u64,
                MAX_SEGMENTS as u64,
                MAX_SIZE,
            ]);
            UserPtr::new(arg).write(&info)?;
            Ok(SEGMENTS.highest())
        }
        SHM_INFO => {
            let all = SEGMENTS.all();
            let pages = |segment: &Segment| segment.size.div_ceil(PAGE_SIZE as u64);
            UserPtr::new(arg).write(&Totals {
                segments: all.len() as i32,
                _pad: 0,
                pages: all.iter().map(|(_, segment)| pages(segment)).sum(),
                resident: all.iter().map(|(_, s)| s.object.resident()).sum(),
                _swap: [0; 3],
            })?;
            Ok(SEGMENTS.highest())
        }
        IPC_STAT | SHM_STAT | SHM_STAT_ANY => {
            let (shown, segment) = if command == IPC_STAT {
                (0, SEGMENTS.get(id)?)
            } else {
                let found = SEGMENTS.at(id as u32).ok_or(Errno::EINVAL)?;
                (found.0 as usize, found.1)
            };
            if command != SHM_STAT_ANY {
                let owner = segment.state.lock().owner;
                owner.check(&credentials, READ)?;
            }
            UserPtr::new(arg).write(&segment.status())?;
            Ok(shown)
        }
        IPC_SET => {
            let new = UserPtr::<Status>::new(arg).read()?;
            let segment = SEGMENTS.get(id)?;
            let mut state = segment.state.lock();
            state.owner.check_change(&credentials)?;
            state.owner.change(&new.permissions)?;
            state.change_time = ids::now();
            Ok(0)
        }
        IPC_RMID => {
            let segment = SEGMENTS.get(id)?;
            let (key, ends) = {
                let mut state = segment.state.lock();
                state.owner.check_change(&credentials)?;
                state.removed = true;
                state.owner.mode |= SHM_DEST;
                let key = core::mem::replace(&mut state.owner.key, ids::IPC_PRIVATE);
                (key, state.attached == 0)
            };
            if ends {
                drop(SEGMENTS.remove(key, id));
            } else {
                SEGMENTS.forget_key(key, id);
            }
            Ok(0)
        }
        SHM_LOCK | SHM_UNLOCK => {
            let segment = SEGMENTS.get(id)?;
            let mut state = segment.state.lock();
            if !credentials.can(Capabilities::IPC_LOCK) {
                let user = credentials.uid.effective;
                if user != state.owner.uid && user != state.owner.creator_uid {
                    return Err(Errno::EPERM);
                }
            }
            // Nothing is ever swapped out: only the mark is kept.
            if command == SHM_LOCK {
                state.owner.mode |= SHM_LOCKED;
            } else {
                state.owner.mode &= !SHM_LOCKED;
            }
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// What /proc/sysvipc/shm lists.
pub(super) fn each(mut tell: impl FnMut(i32, u64, Pid, &State, u64)) {
    for (id, segment) in SEGMENTS.all() {
        let resident = segment.object.resident() * PAGE_SIZE as u64;
        let state = segment.state.lock();
        tell(id, segment.size, segment.creator, &state, resident);
    }
}
