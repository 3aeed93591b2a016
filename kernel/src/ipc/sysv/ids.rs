//! What the three kinds have in common: numbers, keys, owners and modes.

use crate::errno::{Errno, Result};
use crate::fs::node::Timestamp;
use crate::lock_order;
use crate::task::credentials::{Capabilities, Credentials};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytemuck::{Pod, Zeroable};
use ochre_hal::admission;
use ochre_hal::sync::SpinLock;

pub const IPC_PRIVATE: i32 = 0;
pub const IPC_CREAT: u32 = 0o1000;
pub const IPC_EXCL: u32 = 0o2000;
pub const IPC_NOWAIT: u32 = 0o4000;

/// Commands of all three `…ctl` calls.
pub const IPC_RMID: u32 = 0;
pub const IPC_SET: u32 = 1;
pub const IPC_STAT: u32 = 2;
pub const IPC_INFO: u32 = 3;

/// Permission bits, as in the lowest three of a mode.
pub const READ: u32 = 4;
pub const WRITE: u32 = 2;

/// Bits of an object's number below its sequence.
const INDEX_BITS: u32 = 15;
/// Sequences wrap, so that numbers stay positive.
const SEQUENCES: u32 = 1 << (31 - INDEX_BITS);

/// `struct ipc64_perm`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct Permissions {
    key: i32,
    uid: u32,
    gid: u32,
    creator_uid: u32,
    creator_gid: u32,
    mode: u32,
    sequence: u16,
    _pad: [u16; 3],
    _unused: [u64; 2],
}

/// Whose an object is, and who may use it.
#[derive(Clone, Copy)]
pub struct Owner {
    pub key: i32,
    pub uid: u32,
    pub gid: u32,
    pub creator_uid: u32,
    pub creator_gid: u32,
    pub mode: u32,
}

impl Owner {
    pub fn new(key: i32, flags: u32, by: &Credentials) -> Owner {
        let (uid, gid) = (by.uid.effective, by.gid.effective);
        Owner {
            key,
            uid,
            gid,
            creator_uid: uid,
            creator_gid: gid,
            mode: flags & 0o777,
        }
    }

    /// EACCES unless `by` has the bits `wish`.
    pub fn check(&self, by: &Credentials, wish: u32) -> Result {
        let user = by.uid.effective;
        let in_group = |gid| by.gid.effective == gid || by.groups.contains(&gid);
        let granted = if user == self.creator_uid || user == self.uid {
            self.mode >> 6
        } else if in_group(self.creator_gid) || in_group(self.gid) {
            self.mode >> 3
        } else {
            self.mode
        };
        if wish & !granted & 7 == 0 || by.can(Capabilities::IPC_OWNER) {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }

    /// EPERM unless `by` may change or remove the object.
    pub fn check_change(&self, by: &Credentials) -> Result {
        let user = by.uid.effective;
        if user == self.creator_uid || user == self.uid || by.can(Capabilities::SYS_ADMIN) {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }

    /// IPC_SET: owner and mode.
    pub fn change(&mut self, new: &Permissions) -> Result {
        if new.uid == u32::MAX || new.gid == u32::MAX {
            return Err(Errno::EINVAL);
        }
        self.uid = new.uid;
        self.gid = new.gid;
        self.mode = self.mode & !0o777 | new.mode & 0o777;
        Ok(())
    }

    /// As IPC_STAT shows it.
    pub fn shown(&self, id: i32) -> Permissions {
        Permissions {
            key: self.key,
            uid: self.uid,
            gid: self.gid,
            creator_uid: self.creator_uid,
            creator_gid: self.creator_gid,
            mode: self.mode,
            sequence: (id >> INDEX_BITS) as u16,
            _pad: [0; 3],
            _unused: [0; 2],
        }
    }
}

/// The three bits that a `…get` call's mode asks for of an object that exists.
pub fn wish_of(flags: u32) -> u32 {
    (flags >> 6 | flags >> 3 | flags) & 7
}

/// Seconds since 1970, in which these objects tell time.
pub fn now() -> i64 {
    Timestamp::now().seconds()
}

struct Inner<T> {
    /// By index: the whole number, and the object.
    objects: BTreeMap<u32, (i32, Arc<T>)>,
    keys: BTreeMap<i32, u32>,
    last: u32,
    sequence: u32,
}

/// All objects of one kind.
pub struct Table<T> {
    limit: usize,
    inner: SpinLock<Inner<T>>,
}

impl<T> Table<T> {
    pub const fn new(limit: usize) -> Table<T> {
        Table {
            limit,
            inner: SpinLock::new(
                lock_order::SYSV_TABLE,
                Inner {
                    objects: BTreeMap::new(),
                    keys: BTreeMap::new(),
                    last: 0,
                    sequence: 0,
                },
            ),
        }
    }

    /// The object that `key` names, if it is to be found and not to be made.
    pub fn find(&self, key: i32, flags: u32) -> Result<Option<(i32, Arc<T>)>> {
        if key == IPC_PRIVATE {
            return Ok(None);
        }
        let inner = self.inner.lock();
        let found = inner.keys.get(&key).and_then(|at| inner.objects.get(at));
        match found {
            Some(_) if flags & (IPC_CREAT | IPC_EXCL) == IPC_CREAT | IPC_EXCL => Err(Errno::EEXIST),
            Some(found) => Ok(Some(found.clone())),
            None if flags & IPC_CREAT == 0 => Err(Errno::ENOENT),
            None => Ok(None),
        }
    }

    /// Enters a new object. None: somebody else has just made one with this key.
    pub fn add(&self, key: i32, make: impl FnOnce(i32) -> Arc<T>) -> Result<Option<i32>> {
        let mut inner = self.inner.lock();
        if inner.objects.len() >= self.limit {
            return Err(Errno::ENOSPC);
        }
        if key != IPC_PRIVATE && inner.keys.contains_key(&key) {
            return Ok(None);
        }
        admission::ask()?;
        // On from the last one, so that a number is not soon used again.
        let limit = self.limit as u32;
        let start = inner.last;
        let index = (1..=limit)
            .map(|step| (start + step) % limit)
            .find(|at| !inner.objects.contains_key(at))
            .ok_or(Errno::ENOSPC)?;
        if index <= inner.last {
            inner.sequence = (inner.sequence + 1) % SEQUENCES;
        }
        inner.last = index;
        let id = (inner.sequence << INDEX_BITS | index) as i32;
        inner.objects.insert(index, (id, make(id)));
        if key != IPC_PRIVATE {
            inner.keys.insert(key, index);
        }
        Ok(Some(id))
    }

    /// The object with this number: EINVAL when there is none.
    pub fn get(&self, id: i32) -> Result<Arc<T>> {
        self.at(index_of(id)?)
            .filter(|found| found.0 == id)
            .map(|found| found.1)
            .ok_or(Errno::EINVAL)
    }

    /// The object at an index, whatever its sequence: for lists of all.
    pub fn at(&self, index: u32) -> Option<(i32, Arc<T>)> {
        self.inner.lock().objects.get(&index).cloned()
    }

    /// The key no longer leads to the object.
    pub fn forget_key(&self, key: i32, id: i32) {
        let mut inner = self.inner.lock();
        if Some(inner.keys.get(&key).copied()) == Some(index_of(id).ok()) {
            inner.keys.remove(&key);
        }
    }

    /// Takes the object out. The caller drops it with no lock held.
    #[must_use]
    pub fn remove(&self, key: i32, id: i32) -> Option<Arc<T>> {
        self.forget_key(key, id);
        let index = index_of(id).ok()?;
        let mut inner = self.inner.lock();
        if inner.objects.get(&index)?.0 != id {
            return None;
        }
        inner.objects.remove(&index).map(|(_, object)| object)
    }

    /// The highest index in use, as the INFO commands answer: 0 when there is none.
    pub fn highest(&self) -> usize {
        let inner = self.inner.lock();
        inner
            .objects
            .last_key_value()
            .map_or(0, |(&at, _)| at as usize)
    }

    /// All objects with their numbers.
    pub fn all(&self) -> Vec<(i32, Arc<T>)> {
        self.inner.lock().objects.values().cloned().collect()
    }
}

fn index_of(id: i32) -> Result<u32> {
    let id = u32::try_from(id).map_err(|_| Errno::EINVAL)?;
    Ok(id & ((1 << INDEX_BITS) - 1))
}
