//! Pages of 2 MiB: where there are some unasked, what breaks them up, and that nothing else notices.
//! And what /proc/meminfo tells of memory that is used.

use crate::{child, show, sys};
use libc::*;
use std::fs;

const PAGE: usize = 4096;
const LARGE: usize = 2 << 20;
const RW: i32 = PROT_READ | PROT_WRITE;
const PRIVATE: i32 = MAP_PRIVATE | MAP_ANONYMOUS;

/// Two large pages' memory, where large pages can be, apart from all other mappings.
struct Memory(usize);

impl Memory {
    fn new() -> Memory {
        let room = sys!(SYS_mmap, 0, 5 * LARGE, PROT_NONE, PRIVATE, -1, 0);
        let start = (room.0 as usize + PAGE).next_multiple_of(LARGE);
        let flags = PRIVATE | MAP_FIXED;
        sys!(SYS_mmap, start, 2 * LARGE, RW, flags, -1, 0);
        Memory(start)
    }

    fn advised(advice: i32) -> Memory {
        let memory = Memory::new();
        sys!(SYS_madvise, memory.0, 2 * LARGE, advice);
        memory
    }

    fn page(&self, index: usize) -> *mut u8 {
        (self.0 + index * PAGE) as *mut u8
    }

    fn put(&self, index: usize, value: u8) {
        // SAFETY: the checks write to what they have mapped.
        unsafe { self.page(index).write_volatile(value) }
    }

    fn get(&self, index: usize) -> u8 {
        // SAFETY: as in `put`.
        unsafe { self.page(index).read_volatile() }
    }

    /// A number of its own to each page of the first large one.
    fn fill(&self) {
        for index in 0..LARGE / PAGE {
            self.put(index, index as u8 | 1);
        }
    }

    /// How many pages of those numbers are as they were.
    fn kept(&self, from: usize, to: usize) -> usize {
        (from..to)
            .filter(|&index| self.get(index) == index as u8 | 1)
            .count()
    }

    /// KiB in memory of what lies here, and how much of it by large pages.
    fn usage(&self) -> String {
        let text = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        let (mut here, mut resident, mut large) = (false, 0, 0);
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            if let Some((start, _)) = word.split_once('-') {
                let start = usize::from_str_radix(start, 16).unwrap_or(0);
                here = (self.0..self.0 + 2 * LARGE).contains(&start);
            }
            let kib = || rest.trim().trim_end_matches(" kB").parse().unwrap_or(0);
            match word {
                "Rss:" if here => resident += kib(),
                "AnonHugePages:" if here => large += kib(),
                _ => {}
            }
        }
        format!("{resident} KiB, {large} by large pages")
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        sys!(SYS_munmap, self.0, 2 * LARGE);
    }
}

pub fn run() {
    unasked();
    parts();
    copies();
    moving();
    disabled();
    meminfo();
}

fn unasked() {
    let memory = Memory::new();
    show!("untouched", memory.usage());
    memory.put(LARGE / PAGE + 4, 1);
    show!("written", memory.usage());
    show!("beside it", memory.get(LARGE / PAGE + 5));
    show!("what is read first", memory.get(3));
    show!("is nobody's", memory.usage());
    let memory = Memory::advised(MADV_HUGEPAGE);
    memory.put(4, 1);
    show!("wanted", memory.usage());
    let memory = Memory::advised(MADV_NOHUGEPAGE);
    memory.put(4, 1);
    show!("not wanted", memory.usage());
    let memory = Memory::new();
    sys!(SYS_munmap, memory.0 + LARGE + LARGE / 2, PAGE);
    memory.put(LARGE / PAGE, 1);
    show!("with a hole", memory.usage());
}

fn parts() {
    let memory = Memory::new();
    memory.fill();
    sys!(SYS_munmap, memory.page(100), PAGE);
    show!("without a page", memory.usage());
    show!("before it", memory.kept(0, 100));
    show!("after it", memory.kept(101, 512));
    let memory = Memory::new();
    memory.fill();
    sys!(SYS_madvise, memory.page(7), 2 * PAGE, MADV_DONTNEED);
    show!("two not needed", memory.usage());
    show!("they", "{} {}", memory.get(7), memory.get(8));
    show!("the others", memory.kept(0, 7) + memory.kept(9, 512));
    let memory = Memory::new();
    memory.fill();
    sys!(SYS_mprotect, memory.page(9), PAGE, PROT_READ);
    show!("one protected", memory.usage());
    show!(
        "written",
        child::run(|| {
            memory.put(9, 1);
            0
        })
    );
    memory.put(10, 3);
    show!("its neighbour", memory.get(10));
    let memory = Memory::new();
    memory.fill();
    sys!(SYS_mprotect, memory.0, 2 * LARGE, PROT_READ);
    show!("all protected", memory.usage());
    sys!(SYS_mprotect, memory.0, 2 * LARGE, RW);
    memory.put(511, 5);
    show!("and no more", memory.usage());
    show!("as it was", memory.kept(0, 511));
}

fn copies() {
    let memory = Memory::new();
    memory.fill();
    show!(
        "a child writes",
        child::run(|| {
            memory.put(50, 77);
            i32::from(memory.get(50)) - 77 + 512 - 1 - memory.kept(0, 512) as i32
        })
    );
    show!("here nothing changed", memory.kept(0, 512));
    let child = child::fork(|| {
        sys!(SYS_kill, sys!(SYS_getpid), SIGSTOP);
        512 - memory.kept(0, 512) as i32
    });
    let mut status = 0;
    sys!(SYS_wait4, child, &raw mut status, WUNTRACED, 0);
    memory.put(60, 77);
    sys!(SYS_munmap, memory.page(61), PAGE);
    sys!(SYS_kill, child, SIGCONT);
    show!("what a child sees of changes", child::wait(child));
    show!("changed", memory.get(60));
    show!("kept", memory.kept(0, 60) + memory.kept(62, 512));
    show!(
        "a child's child",
        child::run(|| {
            memory.put(1, 9);
            let own = child::fork(|| {
                memory.put(2, 9);
                i32::from(memory.get(1)) + i32::from(memory.get(2))
            });
            i32::from(child::wait(own) != "exited 18")
        })
    );
    show!("afterwards", "{} {}", memory.get(1), memory.get(2));
}

fn moving() {
    let memory = Memory::new();
    memory.fill();
    let elsewhere = Memory::new();
    let flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    sys!(
        SYS_mremap,
        memory.0,
        LARGE,
        LARGE,
        flags,
        elsewhere.0 + LARGE
    );
    let moved = Memory(elsewhere.0 + LARGE);
    show!("moved", moved.kept(0, 512));
    sys!(SYS_mremap, moved.0, PAGE, PAGE, flags, memory.0);
    show!("a page of it", memory.get(0));
    show!("the others", moved.kept(1, 512));
    sys!(
        SYS_mremap,
        moved.page(1),
        LARGE - PAGE,
        LARGE - PAGE,
        flags,
        memory.page(2)
    );
    show!("to an odd place", "{} {}", memory.get(2), memory.get(512));
    std::mem::forget(moved);
}

fn disabled() {
    let get = || sys!(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0);
    let set = |value: u64| sys!(SYS_prctl, PR_SET_THP_DISABLE, value, 0, 0, 0);
    show!("disabled", get());
    show!(
        "asked oddly",
        sys!(SYS_prctl, PR_GET_THP_DISABLE, 1, 0, 0, 0)
    );
    show!(
        "told oddly",
        sys!(SYS_prctl, PR_SET_THP_DISABLE, 1, 1, 0, 0)
    );
    show!("disable", set(1));
    show!("disabled", get());
    show!("a child", child::run(|| get().0 as i32));
    let memory = Memory::advised(MADV_HUGEPAGE);
    memory.put(0, 1);
    show!("written", memory.usage());
    show!("enable", set(0));
    memory.put(512, 1);
    show!("written again", memory.usage());
}

/// Pages of that name.
fn amount(name: &str) -> i64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let mut lines = text.lines();
    let kib = lines.find_map(|line| {
        line.strip_prefix(name)?
            .strip_prefix(':')?
            .trim()
            .strip_suffix(" kB")
    });
    kib.and_then(|kib| kib.parse::<i64>().ok()).unwrap_or(-1)
}

/// Whether amounts grow while there are 64 MiB more, and shrink again. Counts may lag behind a little.
fn grows(names: [&str; 2], make: impl FnOnce() -> usize) -> String {
    const SIZE: i64 = 64 << 10;
    let look = || names.map(amount);
    let before = look();
    let memory = make();
    let with = look();
    sys!(SYS_munmap, memory, SIZE << 10);
    let after = look();
    let near = |from: i64, to: i64| (SIZE * 7 / 8..SIZE * 9 / 8).contains(&(to - from));
    let one = |index: usize| {
        let (before, with, after) = (before[index], with[index], after[index]);
        format!("{} {}", near(before, with), near(after, with))
    };
    format!("{}, {}", one(0), one(1))
}

fn meminfo() {
    const SIZE: usize = 64 << 20;
    let mapped = |flags: i32| {
        let memory = sys!(SYS_mmap, 0, SIZE, RW, flags | MAP_POPULATE, -1, 0);
        memory.0 as usize
    };
    show!(
        "private memory",
        grows(["AnonPages", "Committed_AS"], || mapped(PRIVATE))
    );
    show!(
        "shared memory",
        grows(["Shmem", "Cached"], || mapped(MAP_SHARED | MAP_ANONYMOUS))
    );
    show!(
        "small pages' tables",
        amount("PageTables") > 0 && amount("KernelStack") > 0 && amount("Slab") > 0
    );
}
