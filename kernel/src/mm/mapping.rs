//! One mapping: a range of an address space, and what is behind it.

use super::object::MemoryObject;
use crate::errno::Result;
use crate::fs::busy::WriteUse;
use crate::fs::namespace::Path;
use crate::fs::node::DeviceNumber;
use crate::fs::unnamed;
use crate::ipc::sysv::Attachment;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use ochre_hal::PAGE_SIZE;
use ochre_hal::admission;
use ochre_hal::paging::Perms;

bitflags! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// Extends downwards when touched just below: a stack.
        const GROWS_DOWN = 1;
        /// Left out in a forked child.
        const NO_FORK = 2;
        /// Empty in a forked child.
        const WIPE_ON_FORK = 4;
        const LOCKED = 8;
        const NO_RESERVE = 16;
        /// Private pages were made here: fork has something to copy.
        const COPIED = 32;
        const NO_DUMP = 64;
        /// madvise(MADV_HUGEPAGE).
        const HUGE = 128;
        /// madvise(MADV_NOHUGEPAGE).
        const NO_HUGE = 256;
        /// Locked, but not brought in (MLOCK_ONFAULT).
        const ON_FAULT = 512;
        /// mbind's policy, as `policy` packs it.
        const POLICY = 0x3f << 16;
    }
}

/// A reference to an object that counts as a writer while it may write through a shared mapping.
pub struct ObjectRef {
    object: Arc<MemoryObject>,
    writer: bool,
    /// The mapping was made by a description that may write the file.
    writing: Option<WriteUse>,
}

impl ObjectRef {
    /// `writer`: the mapping is shared and is, or may become, writable.
    pub fn new(object: Arc<MemoryObject>, writer: bool) -> Result<ObjectRef> {
        if writer {
            object.viewers.add_writer()?;
        }
        Ok(ObjectRef {
            object,
            writer,
            writing: None,
        })
    }

    /// As long as it is mapped, the file counts as open for writing.
    #[must_use]
    pub fn with_use(mut self, writing: Option<&WriteUse>) -> ObjectRef {
        self.writing = writing.cloned();
        self
    }

    #[must_use]
    pub fn object(&self) -> &Arc<MemoryObject> {
        &self.object
    }
}

impl Clone for ObjectRef {
    fn clone(&self) -> ObjectRef {
        // A writer exists, so the object is not sealed, and another is not refused.
        let writer = self.writer && self.object.viewers.add_writer().is_ok();
        ObjectRef {
            object: self.object.clone(),
            writer,
            writing: self.writing.clone(),
        }
    }
}

impl Drop for ObjectRef {
    fn drop(&mut self) {
        if self.writer {
            self.object.viewers.remove_writer();
        }
    }
}

/// By what an object is known that no directory names.
pub struct ObjectName {
    pub text: Vec<u8>,
    pub device: DeviceNumber,
    pub ino: u64,
}

impl ObjectName {
    /// Of memory that processes share, as Linux calls it.
    pub fn anonymous() -> Result<Arc<ObjectName>> {
        ObjectName::new(b"/dev/zero (deleted)", unnamed::DEVICE, unnamed::next_ino())
    }

    pub fn new(text: &[u8], device: DeviceNumber, ino: u64) -> Result<Arc<ObjectName>> {
        let text = admission::copy(text)?;
        admission::ask()?;
        Ok(Arc::new(ObjectName { text, device, ino }))
    }
}

/// What /proc/self/maps calls it.
#[derive(Clone)]
pub enum Name {
    None,
    File(Path),
    /// An object that no directory names.
    Object(Arc<ObjectName>),
    /// `[stack]` and the like, or what a shared object without a path is called.
    Label(&'static str),
    /// A System V shared memory segment, which counts its mappings by this.
    Segment(Attachment),
}

#[derive(Clone)]
pub enum Backing {
    /// Private memory that starts as zero; the page table's frames are all there is.
    Anonymous,
    /// An object, from this byte offset on.
    Object(ObjectRef, u64),
}

#[derive(Clone)]
pub struct Mapping {
    pub start: usize,
    pub end: usize,
    pub perms: Perms,
    /// What mprotect may give at most.
    pub max: Perms,
    /// Writes go to the object; else they make private copies.
    pub shared: bool,
    pub backing: Backing,
    pub flags: Flags,
    pub name: Name,
}

impl Mapping {
    /// Bytes: never 0.
    #[must_use]
    pub fn size(&self) -> usize {
        self.end - self.start
    }

    /// Where the block of `size` bytes, a power of two, begins that holds `addr`, if all of it is this
    /// mapping's.
    #[must_use]
    pub fn block(&self, addr: usize, size: usize) -> Option<usize> {
        let start = addr & !(size - 1);
        (start >= self.start && self.end - start >= size).then_some(start)
    }

    /// Whether its pages can be there or not: not a device's, nor what the kernel shows.
    #[must_use]
    pub fn is_pageable(&self) -> bool {
        match &self.backing {
            Backing::Anonymous => true,
            Backing::Object(object, _) => {
                let kernels = matches!(self.name, Name::Label("[vdso]" | "[vvar]"));
                !kernels && !object.object().is_device()
            }
        }
    }

    /// Whether it counts as data (RLIMIT_DATA): what is the process's own, but for stacks.
    #[must_use]
    pub fn is_data(&self) -> bool {
        let stack = self.flags.contains(Flags::GROWS_DOWN);
        self.perms.contains(Perms::WRITE) && !self.shared && !stack
    }

    /// Whether its pages are all brought in, as it is locked.
    #[must_use]
    pub fn is_brought_in(&self) -> bool {
        self.flags.contains(Flags::LOCKED) && !self.flags.contains(Flags::ON_FAULT)
    }

    /// What a forked child has of it: nothing is locked there.
    #[must_use]
    pub fn for_child(&self) -> Mapping {
        let mut child = self.clone();
        child.flags -= Flags::LOCKED | Flags::ON_FAULT;
        child
    }

    /// The object's page that `addr` shows.
    #[must_use]
    pub fn object_page(&self, addr: usize) -> Option<(&Arc<MemoryObject>, u64)> {
        match &self.backing {
            Backing::Anonymous => None,
            Backing::Object(object, offset) => {
                let at = offset + (addr - self.start) as u64;
                Some((object.object(), at / PAGE_SIZE as u64))
            }
        }
    }

    /// The part `[start, end)` of it, which lies inside.
    #[must_use]
    pub fn part(&self, start: usize, end: usize) -> Mapping {
        let mut part = self.clone();
        part.trim(start, end);
        part
    }

    /// Shrinks it to `[start, end)`, which lies inside.
    pub fn trim(&mut self, start: usize, end: usize) {
        if let Backing::Object(_, offset) = &mut self.backing {
            *offset += (start - self.start) as u64;
        }
        self.start = start;
        self.end = end;
    }

    /// Whether `next`, which starts where this ends, is the same thing going on.
    #[must_use]
    pub fn continues(&self, next: &Mapping) -> bool {
        self.end == next.start
            && self.perms == next.perms
            && self.max == next.max
            && self.shared == next.shared
            && self.flags.union(Flags::COPIED) == next.flags.union(Flags::COPIED)
            && match (&self.backing, &next.backing) {
                (Backing::Anonymous, Backing::Anonymous) => true,
                (Backing::Object(a, at), Backing::Object(b, b_at)) => {
                    Arc::ptr_eq(a.object(), b.object())
                        && a.writer == b.writer
                        && a.writing.is_some() == b.writing.is_some()
                        && at + self.size() as u64 == *b_at
                }
                _ => false,
            }
            && match (&self.name, &next.name) {
                (Name::None, Name::None)
                | (Name::File(_), Name::File(_))
                | (Name::Object(_), Name::Object(_)) => true,
                (Name::Label(a), Name::Label(b)) => a == b,
                _ => false,
            }
    }
}
