//! What of a mapping is in memory, and who has it too: for /proc.

use super::mapping::{Backing, Flags, Mapping, Name};
use super::object::MemoryObject;
use super::space::Inner;
use core::ops::Add;
use ochre_hal::PAGE_SIZE;
use ochre_hal::frame::Frame;
use ochre_hal::paging::Entry;

/// Bytes of memory, as proc(5) has them in smaps.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// Mapped, and in memory.
    pub resident: usize,
    /// The same, each page divided by the number of those who map it.
    pub proportional: usize,
    pub shared_clean: usize,
    pub shared_dirty: usize,
    pub private_clean: usize,
    pub private_dirty: usize,
    pub referenced: usize,
    /// Of no object: made here, or copied here.
    pub anonymous: usize,
    /// The same, by huge pages.
    pub huge: usize,
}

/// Resident pages of an address space, by what they are of.
#[derive(Clone, Copy, Default)]
pub struct Resident {
    pub anonymous: usize,
    pub file: usize,
    /// Of objects that no file system shows.
    pub shared_memory: usize,
}

/// The memory that an entry shows: not what a device has, nor the zeroes that all share.
fn memory(entry: &Entry) -> Option<&Frame> {
    entry.frame.as_ref().filter(|frame| !frame.is_zeroes())
}

impl Inner {
    /// What of this mapping, which must be one of this space's, is in memory. Walks it.
    #[must_use]
    pub fn usage(&self, mapping: &Mapping) -> Usage {
        let mut usage = Usage::default();
        self.table
            .for_each(mapping.start..mapping.end, |va, entry| {
                let Some(frame) = memory(entry) else { return };
                let own = !is_objects(mapping, va, entry);
                // The visit owns it, too; and an object owns its pages.
                let holders = frame
                    .owners()
                    .saturating_sub(if own { 1 } else { 2 })
                    .max(1);
                usage.resident += entry.size;
                usage.proportional += entry.size / holders;
                *match (holders > 1, own || entry.dirty) {
                    (true, false) => &mut usage.shared_clean,
                    (true, true) => &mut usage.shared_dirty,
                    (false, false) => &mut usage.private_clean,
                    (false, true) => &mut usage.private_dirty,
                } += entry.size;
                usage.referenced += if entry.accessed { entry.size } else { 0 };
                usage.anonymous += if own { entry.size } else { 0 };
                usage.huge += if own && entry.size > PAGE_SIZE {
                    entry.size
                } else {
                    0
                };
            });
        usage
    }

    /// Pages in memory, as many as the page table counts together. Walks all mappings.
    #[must_use]
    pub fn resident_by_kind(&self) -> Resident {
        let mut resident = Resident::default();
        for mapping in self.maps.values() {
            self.table
                .for_each(mapping.start..mapping.end, |va, entry| {
                    if memory(entry).is_none() {
                        return;
                    }
                    let kind = if !is_objects(mapping, va, entry) {
                        &mut resident.anonymous
                    } else if matches!(mapping.name, Name::File(_)) {
                        &mut resident.file
                    } else {
                        &mut resident.shared_memory
                    };
                    *kind += entry.size / PAGE_SIZE;
                });
        }
        resident
    }
}

/// Whether what is mapped there is the mapping's object's page, rather than a copy.
fn is_objects(mapping: &Mapping, va: usize, entry: &Entry) -> bool {
    let Backing::Object(object, offset) = &mapping.backing else {
        return false;
    };
    if mapping.shared || !mapping.flags.contains(Flags::COPIED) {
        return true;
    }
    let index = offset / PAGE_SIZE as u64 + ((va - mapping.start) / PAGE_SIZE) as u64;
    shows(object.object(), index, entry)
}

fn shows(object: &MemoryObject, index: u64, entry: &Entry) -> bool {
    let mut same = false;
    object.for_resident(index, 1, |_, frame| {
        same = entry.frame.as_ref().is_some_and(|shown| shown.same(frame));
    });
    same
}

impl Add for Usage {
    type Output = Usage;

    fn add(self, other: Usage) -> Usage {
        Usage {
            resident: self.resident + other.resident,
            proportional: self.proportional + other.proportional,
            shared_clean: self.shared_clean + other.shared_clean,
            shared_dirty: self.shared_dirty + other.shared_dirty,
            private_clean: self.private_clean + other.private_clean,
            private_dirty: self.private_dirty + other.private_dirty,
            referenced: self.referenced + other.referenced,
            anonymous: self.anonymous + other.anonymous,
            huge: self.huge + other.huge,
        }
    }
}
