//! How much memory a process's end would give back, which is what counts when somebody has to give way.
//!
//! Nobody keeps account of it: it is added up when it is asked for, so that what uses memory is none the
//! slower. What the kernel keeps for descriptors counts for who has them, wherever they came from, as it stays
//! as long as they do; who made it, and whether he still lives, makes no difference. Of a description that
//! several have, each has an equal part. What waits in a socket counts for who can receive it, and so do
//! descriptors on their way, and what waits in those.
//!
//! Small objects are taken for as large as most are. Not counted is what has a name, and so outlasts any
//! process: files of tmpfs, System V's shared memory.

use super::process::Process;
use super::thread::Thread;
use crate::fs::fd_table::FdTable;
use crate::fs::open::OpenFile;
use crate::ipc::sysv;
use crate::mm::mapping::Mapping;
use crate::sched::cpu;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use ochre_hal::PAGE_SIZE;
use ochre_hal::context::STACK_SIZE;

/// A process with its tables of one thing and another, apart from its threads; a thread, apart from its stack; an open
/// file with what it is open on. In bytes, about.
const PROCESS: usize = 4 << 10;
const THREAD: usize = size_of::<Thread>() + (4 << 10);
const FILE: usize = 1 << 10;

/// Pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Mapped, and in memory.
    pub resident: usize,
    /// Of the page table.
    pub tables: usize,
    /// Of the kernel's objects.
    pub kernel: usize,
}

impl Footprint {
    /// None of a process that has ended. Other threads run meanwhile: the caller holds no spinlock.
    #[must_use]
    pub fn of(process: &Process) -> Option<Footprint> {
        let space = process.space()?;
        let (resident, tables, mappings) = {
            let inner = space.lock();
            let mappings = inner.maps.len();
            (inner.table.resident(), inner.table.tables(), mappings)
        };
        let bytes = PROCESS
            + process.thread_count() * (STACK_SIZE + THREAD)
            + mappings * size_of::<Mapping>()
            + descriptors(process)
            + undone(process);
        Some(Footprint {
            resident,
            tables,
            kernel: bytes / PAGE_SIZE,
        })
    }

    /// All of it.
    #[must_use]
    pub fn pages(&self) -> u64 {
        (self.resident + self.tables + self.kernel) as u64
    }
}

/// Bytes that the descriptors are worth, and the tables that they are in: the first thread's, and those that others
/// have for themselves.
fn descriptors(process: &Process) -> usize {
    let threads = process.threads();
    let table_of = |thread: &Arc<Thread>| thread.with_files(FdTable::id);
    let first = threads.first().and_then(table_of);
    let others = threads.iter().skip(1);
    let others = others.filter(|thread| table_of(thread) != first);
    let with_own = threads.iter().take(1).chain(others);
    with_own.map(|thread| descriptors_of(thread)).sum()
}

fn descriptors_of(thread: &Thread) -> usize {
    let mut bytes = 0;
    let mut from = Some(0);
    while let Some(fd) = from {
        let Some(part) = thread.with_files(|files| files.held_bytes(fd)) else {
            break;
        };
        bytes += part.0;
        from = part.1;
        cpu::breathe();
    }
    bytes
}

fn undone(process: &Process) -> usize {
    if process.undoes_semaphores.load(Ordering::Relaxed) {
        sysv::undo_bytes(process.pid)
    } else {
        0
    }
}

/// A look at what descriptions are worth, which ends where it would take long: files wait in sockets, which wait
/// in sockets.
pub struct Look {
    /// Files that it may still come to.
    left: usize,
    /// Sockets that it is in.
    depth: usize,
}

impl Look {
    const FILES_MAX: usize = 4096;
    const DEPTH_MAX: usize = 8;

    #[must_use]
    pub const fn new() -> Look {
        Look {
            left: Self::FILES_MAX,
            depth: 0,
        }
    }

    /// The part of `open`, in bytes, that one of those has who have it.
    pub fn part_of(&mut self, open: &Arc<OpenFile>) -> usize {
        if self.left == 0 {
            return 0;
        }
        self.left -= 1;
        (FILE + open.file().held_bytes(self)) / Arc::strong_count(open)
    }

    /// As [`Self::part_of`], of all that are on their way.
    pub fn parts_of<'a>(&mut self, waiting: impl Iterator<Item = &'a Arc<OpenFile>>) -> usize {
        if self.depth == Self::DEPTH_MAX {
            return 0;
        }
        self.depth += 1;
        let bytes = waiting.map(|open| self.part_of(open)).sum();
        self.depth -= 1;
        bytes
    }
}

impl Default for Look {
    fn default() -> Look {
        Look::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, Look};
    use crate::file::File;
    use crate::fs::fd_table::FdTable;
    use crate::fs::node::OpenFlags;
    use crate::fs::open::OpenFile;
    use alloc::sync::Arc;
    use core::any::Any;
    use ochre_hal::sync::Once;

    /// Holds so many bytes, and perhaps others that wait in it.
    struct Held {
        bytes: usize,
        waiting: Once<[Arc<OpenFile>; 3]>,
    }

    impl File for Held {
        fn held_bytes(&self, look: &mut Look) -> usize {
            let waiting = self.waiting.get();
            self.bytes + waiting.map_or(0, |waiting| look.parts_of(waiting.iter()))
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    fn open(bytes: usize) -> Arc<OpenFile> {
        let waiting = Once::new();
        OpenFile::unnamed(Arc::new(Held { bytes, waiting }), OpenFlags::empty()).expect("memory")
    }

    fn part_of(open: &Arc<OpenFile>) -> usize {
        Look::new().part_of(open)
    }

    #[test]
    fn who_have_a_description_have_equal_parts() {
        let one = open(6000);
        assert_eq!(part_of(&one), FILE + 6000);
        let other = one.clone();
        assert_eq!(part_of(&one), (FILE + 6000) / 2);
        drop(one);
        assert_eq!(part_of(&other), FILE + 6000);
    }

    #[test]
    fn what_waits_counts_for_who_can_receive_it() {
        let socket = open(100);
        let held = socket.downcast::<Held>().expect("made so");
        held.waiting.set([open(1), open(2), open(3)]);
        assert_eq!(part_of(&socket), 4 * FILE + 100 + 6);
    }

    #[test]
    fn a_look_at_circles_ends() {
        let socket = open(100);
        let held = socket.downcast::<Held>().expect("made so");
        held.waiting.set([const { () }; 3].map(|()| socket.clone()));
        let files = Look::FILES_MAX;
        assert!(part_of(&socket) <= (files * (FILE + 100)) / 4);
    }

    #[test]
    fn all_descriptors_count_and_their_places() {
        const COUNT: usize = 200;
        let table = FdTable::new();
        let same = open(COUNT * 1000);
        for _ in 0..COUNT / 2 {
            for open in [open(1000), same.clone()] {
                table.insert(open, false, u64::MAX).expect("room");
            }
        }
        drop(same);
        let (mut bytes, mut from, mut looks) = (0, Some(0), 0);
        while let Some(fd) = from {
            let part = table.held_bytes(fd);
            bytes += part.0;
            from = part.1;
            looks += 1;
        }
        let files = COUNT / 2 * (FILE + 1000) + FILE + COUNT * 1000;
        assert!(looks > 1);
        // Of each descriptor of the same description a fraction of a byte is lost.
        assert!((files..files + COUNT * 64).contains(&(bytes + COUNT)));
    }
}
