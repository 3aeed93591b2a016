//! What memory is used for: /proc/meminfo, /proc/vmstat, and sysfs' meminfo of the one node.
//!
//! The names are Linux's, all of them. Nobody keeps account of which pages were used lately: those
//! that programs made count as active, those of files as inactive.

use crate::mm::object;
use crate::sched::cpu;
use crate::task;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;
use ochre_hal::frame::{self, FrameStats};
use ochre_hal::{HUGE_SIZE, PAGE_SIZE};

/// Pages of each use.
struct Memory {
    frames: FrameStats,
    /// Of objects that no file system's server has.
    shared: usize,
    /// Of files.
    files: usize,
    /// All that has no other name.
    anonymous: usize,
    spaces: Spaces,
}

/// Pages, of all address spaces together.
#[derive(Default)]
struct Spaces {
    /// That programs may come to need: their private memory that can be written, touched or not.
    committed: usize,
    locked: usize,
    /// In memory, counted once for each that maps it.
    resident: usize,
}

impl Spaces {
    fn now() -> Spaces {
        let mut seen = BTreeSet::new();
        let mut sum = Spaces::default();
        for process in task::tree::processes() {
            cpu::breathe();
            let Some(space) = process.space() else {
                continue;
            };
            if space.user_count() > 1 && !seen.insert(space.id()) {
                continue;
            }
            let inner = space.lock();
            sum.committed += inner.committed();
            sum.locked += inner.locked(0..usize::MAX) / PAGE_SIZE;
            sum.resident += inner.table.resident();
        }
        sum
    }
}

impl Memory {
    fn now() -> Memory {
        let frames = frame::stats();
        let (shared, files) = object::pages_in_memory();
        let (shared, files) = (shared as usize, files as usize);
        let kernel = frames.tables + frames.stacks + frames.heap;
        let anonymous = frames
            .total
            .saturating_sub(frames.free + kernel + shared + files);
        Memory {
            frames,
            shared,
            files,
            anonymous,
            spaces: Spaces::now(),
        }
    }

    fn cached(&self) -> usize {
        self.shared + self.files
    }

    /// Of what is cached at most what is mapped and isn't anonymous.
    fn mapped(&self) -> usize {
        let others = self.spaces.resident.saturating_sub(self.anonymous);
        others.min(self.cached())
    }

    fn active_anonymous(&self) -> usize {
        let active = self.anonymous + self.shared;
        active.saturating_sub(self.spaces.locked)
    }
}

fn line(text: &mut String, name: &str, pages: usize) {
    let kib = pages * (PAGE_SIZE / 1024);
    let width = 23_usize.saturating_sub(name.len());
    let _ = writeln!(text, "{name}:{kib:>width$} kB");
}

/// As proc_meminfo(5) has it.
pub fn meminfo() -> String {
    let memory = Memory::now();
    let frames = &memory.frames;
    let mut text = String::new();
    for (name, pages) in [
        ("MemTotal", frames.total),
        ("MemFree", frames.free),
        ("MemAvailable", frames.free),
        ("Buffers", 0),
        ("Cached", memory.cached()),
        ("SwapCached", 0),
        ("Active", memory.active_anonymous()),
        ("Inactive", memory.files),
        ("Active(anon)", memory.active_anonymous()),
        ("Inactive(anon)", 0),
        ("Active(file)", 0),
        ("Inactive(file)", memory.files),
        ("Unevictable", memory.spaces.locked),
        ("Mlocked", memory.spaces.locked),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Zswap", 0),
        ("Zswapped", 0),
        // No file's contents go to a disk so far.
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", memory.anonymous),
        ("Mapped", memory.mapped()),
        ("Shmem", memory.shared),
        ("KReclaimable", 0),
        ("Slab", frames.heap),
        ("SReclaimable", 0),
        ("SUnreclaim", frames.heap),
        ("KernelStack", frames.stacks),
        ("PageTables", frames.tables),
        ("SecPageTables", 0),
        ("NFS_Unstable", 0),
        ("Bounce", 0),
        ("WritebackTmp", 0),
        ("CommitLimit", frames.total),
        ("Committed_AS", memory.spaces.committed + memory.shared),
        ("VmallocTotal", VMALLOC / PAGE_SIZE),
        ("VmallocUsed", frames.stacks),
        ("VmallocChunk", 0),
        ("Percpu", 0),
        ("HardwareCorrupted", 0),
        ("AnonHugePages", frames.huge),
        ("ShmemHugePages", 0),
        ("ShmemPmdMapped", 0),
        ("FileHugePages", 0),
        ("FilePmdMapped", 0),
    ] {
        line(&mut text, name, pages);
    }
    for name in ["Total", "Free", "Rsvd", "Surp"] {
        let name = format!("HugePages_{name}:");
        let _ = writeln!(text, "{name:<16}{:>8}", 0);
    }
    for (name, pages) in [
        ("Hugepagesize", HUGE_SIZE / PAGE_SIZE),
        ("Hugetlb", 0),
        ("DirectMap4k", 0),
        ("DirectMap2M", frames.total),
        ("DirectMap1G", 0),
    ] {
        line(&mut text, name, pages);
    }
    text
}

/// Where Linux maps what the kernel has beside the direct map: stacks, here. Its size there.
const VMALLOC: usize = 32 << 40;

/// Of node 0, which has all memory.
pub fn of_node() -> String {
    let memory = Memory::now();
    let frames = &memory.frames;
    let mut text = String::new();
    for (name, pages) in [
        ("MemTotal", frames.total),
        ("MemFree", frames.free),
        ("MemUsed", frames.total.saturating_sub(frames.free)),
        ("SwapCached", 0),
        ("Active", memory.active_anonymous()),
        ("Inactive", memory.files),
        ("Active(anon)", memory.active_anonymous()),
        ("Inactive(anon)", 0),
        ("Active(file)", 0),
        ("Inactive(file)", memory.files),
        ("Unevictable", memory.spaces.locked),
        ("Mlocked", memory.spaces.locked),
        ("Dirty", 0),
        ("Writeback", 0),
        ("FilePages", memory.cached()),
        ("Mapped", memory.mapped()),
        ("AnonPages", memory.anonymous),
        ("Shmem", memory.shared),
        ("KernelStack", frames.stacks),
        ("PageTables", frames.tables),
        ("SecPageTables", 0),
        ("NFS_Unstable", 0),
        ("Bounce", 0),
        ("WritebackTmp", 0),
        ("KReclaimable", 0),
        ("Slab", frames.heap),
        ("SReclaimable", 0),
        ("SUnreclaim", frames.heap),
        ("AnonHugePages", frames.huge),
        ("ShmemHugePages", 0),
        ("ShmemPmdMapped", 0),
        ("FileHugePages", 0),
        ("FilePmdMapped", 0),
    ] {
        text.push_str("Node 0 ");
        line(&mut text, name, pages);
    }
    for name in ["Total", "Free", "Surp"] {
        let _ = writeln!(text, "Node 0 HugePages_{name}:     0");
    }
    text
}

/// Those of Linux's counts that are known, or are of what there isn't.
pub fn vmstat() -> String {
    let memory = Memory::now();
    let frames = &memory.frames;
    let mut text = String::new();
    for (name, count) in [
        ("nr_free_pages", frames.free),
        ("nr_mlock", memory.spaces.locked),
        ("nr_inactive_anon", 0),
        ("nr_active_anon", memory.active_anonymous()),
        ("nr_inactive_file", memory.files),
        ("nr_active_file", 0),
        ("nr_unevictable", memory.spaces.locked),
        ("nr_slab_reclaimable", 0),
        ("nr_slab_unreclaimable", frames.heap),
        ("nr_anon_pages", memory.anonymous),
        ("nr_mapped", memory.mapped()),
        ("nr_file_pages", memory.cached()),
        ("nr_dirty", 0),
        ("nr_writeback", 0),
        ("nr_shmem", memory.shared),
        (
            "nr_anon_transparent_hugepages",
            frames.huge * PAGE_SIZE / HUGE_SIZE,
        ),
        ("nr_kernel_stack", frames.stacks * (PAGE_SIZE / 1024)),
        ("nr_page_table_pages", frames.tables),
        ("pgpgin", 0),
        ("pgpgout", 0),
        ("pswpin", 0),
        ("pswpout", 0),
    ] {
        let _ = writeln!(text, "{name} {count}");
    }
    text
}
