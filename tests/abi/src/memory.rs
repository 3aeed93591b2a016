//! Mappings: making, protecting, moving, advising, and what is where afterwards.

use crate::{child, show, sys};
use libc::*;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const PAGE: usize = 4096;
const RW: i32 = PROT_READ | PROT_WRITE;
const PRIVATE: i32 = MAP_PRIVATE | MAP_ANONYMOUS;

fn map(len: usize, protection: i32, flags: i32) -> sys::Ret {
    sys!(SYS_mmap, 0, len, protection, flags, -1, 0)
}

fn get(at: sys::Ret, offset: usize) -> u8 {
    // SAFETY: the checks ask only for what they have mapped.
    unsafe { (at.0 as *const u8).add(offset).read_volatile() }
}

fn put(at: sys::Ret, offset: usize, value: u8) {
    // SAFETY: as in `get`.
    unsafe { (at.0 as *mut u8).add(offset).write_volatile(value) }
}

fn at(base: sys::Ret, offset: usize) -> usize {
    base.0 as usize + offset
}

pub fn run() {
    // First: it locks all that there is.
    locking();
    mapping();
    protecting();
    moving();
    other_pages();
    advising();
    advising_past_holes();
    refused();
    files();
    shrinking();
    break_value();
    across_fork();
    forked_while_moving();
    many();
    moving_much();
    lowest();
    listed();
    tables();
}

fn mapping() {
    show!("nothing", map(0, RW, PRIVATE));
    show!("neither shared nor private", map(PAGE, RW, MAP_ANONYMOUS));
    show!(
        "no descriptor",
        sys!(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, 99, 0)
    );
    show!("odd offset", sys!(SYS_mmap, 0, PAGE, RW, PRIVATE, -1, 1));
    show!(
        "odd place",
        sys!(SYS_mmap, 0x12345, PAGE, RW, PRIVATE | MAP_FIXED, -1, 0)
    );
    show!("too large", map(1 << 50, RW, PRIVATE));
    show!(
        "place beyond",
        sys!(
            SYS_mmap,
            usize::MAX & !0xfff,
            PAGE,
            RW,
            PRIVATE | MAP_FIXED,
            -1,
            0
        )
    );
    let base = map(4 * PAGE, RW, PRIVATE);
    show!("mapped", base.outcome());
    show!("zero", get(base, 3 * PAGE));
    let fixed = |flags: i32| sys!(SYS_mmap, at(base, PAGE), PAGE, RW, PRIVATE | flags, -1, 0);
    put(base, PAGE, 7);
    show!("over it without replacing", fixed(MAP_FIXED_NOREPLACE));
    show!("over it", fixed(MAP_FIXED).0 as usize == at(base, PAGE));
    show!("new contents", get(base, PAGE));
    show!("hint that is taken", fixed(0).0 as usize == at(base, PAGE));
    show!("unmap the middle", sys!(SYS_munmap, at(base, PAGE), PAGE));
    show!("unmap it again", sys!(SYS_munmap, at(base, PAGE), PAGE));
    show!("unmap across the hole", sys!(SYS_munmap, base, 4 * PAGE));
    show!("unmap nothing", sys!(SYS_munmap, base, 0));
    show!("unmap an odd place", sys!(SYS_munmap, 0x1001, PAGE));
    show!("touch what is gone", child::run(|| i32::from(get(base, 0))));
    show!(
        "touch nothing",
        child::run(|| i32::from(get(sys::Ret(0), 16)))
    );
    show!("populate", map(PAGE, RW, PRIVATE | MAP_POPULATE).outcome());
    show!(
        "no reserve",
        map(1 << 40, RW, PRIVATE | MAP_NORESERVE).outcome()
    );
    let mut present = [9_u8; 4];
    let fresh = map(4 * PAGE, RW, PRIVATE);
    put(fresh, PAGE, 1);
    show!(
        "mincore",
        sys!(SYS_mincore, fresh, 4 * PAGE, present.as_mut_ptr())
    );
    show!("present", "{:?}", present.map(|b| b & 1));
    show!(
        "mincore of nothing",
        sys!(SYS_mincore, 0x1000, PAGE, present.as_mut_ptr())
    );
}

fn protecting() {
    let base = map(3 * PAGE, RW, PRIVATE);
    put(base, PAGE, 5);
    show!(
        "read-only",
        sys!(SYS_mprotect, at(base, PAGE), PAGE, PROT_READ)
    );
    show!(
        "write to it",
        child::run(|| {
            put(base, PAGE, 1);
            0
        })
    );
    show!("still there", get(base, PAGE));
    show!("none", sys!(SYS_mprotect, base, 3 * PAGE, PROT_NONE));
    show!("read it", child::run(|| i32::from(get(base, PAGE))));
    show!("back", sys!(SYS_mprotect, base, 3 * PAGE, RW));
    show!("contents", get(base, PAGE));
    show!("protect nothing", sys!(SYS_mprotect, base, 0, RW));
    show!(
        "protect an odd place",
        sys!(SYS_mprotect, at(base, 1), PAGE, RW)
    );
    show!("protect wrongly", sys!(SYS_mprotect, base, PAGE, 0x40));
    sys!(SYS_munmap, at(base, PAGE), PAGE);
    show!(
        "protect across a hole",
        sys!(SYS_mprotect, base, 3 * PAGE, PROT_READ)
    );
    show!(
        "before the hole it counts",
        child::run(|| {
            put(base, 0, 1);
            0
        })
    );
    show!(
        "execute data",
        child::run(|| {
            let code = map(PAGE, RW, PRIVATE);
            put(code, 0, 0xc3);
            // SAFETY: a `ret`; that it can't be executed is the check.
            unsafe { std::mem::transmute::<isize, extern "C" fn()>(code.0)() };
            0
        })
    );
    show!(
        "execute code",
        child::run(|| {
            let code = map(PAGE, RW, PRIVATE);
            put(code, 0, 0xc3);
            sys!(SYS_mprotect, code, PAGE, PROT_READ | PROT_EXEC);
            // SAFETY: a `ret`.
            unsafe { std::mem::transmute::<isize, extern "C" fn()>(code.0)() };
            3
        })
    );
}

fn moving() {
    let base = map(4 * PAGE, RW, PRIVATE);
    put(base, 3 * PAGE, 9);
    show!(
        "shrink",
        sys!(SYS_mremap, base, 4 * PAGE, 2 * PAGE, 0) == base
    );
    let grown = sys!(SYS_mremap, base, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    show!("grow", grown.outcome());
    show!("new part", get(grown, 3 * PAGE));
    put(grown, 0, 4);
    let place = map(64 * PAGE, RW, PRIVATE);
    let fixed = sys!(
        SYS_mremap,
        grown,
        64 * PAGE,
        64 * PAGE,
        MREMAP_MAYMOVE | MREMAP_FIXED,
        place
    );
    show!("to a place", fixed == place);
    show!("contents", get(fixed, 0));
    show!(
        "old place",
        sys!(SYS_mincore, grown, PAGE, [0_u8; 1].as_mut_ptr())
    );
    show!(
        "onto itself",
        sys!(
            SYS_mremap,
            fixed,
            64 * PAGE,
            PAGE,
            MREMAP_MAYMOVE | MREMAP_FIXED,
            at(fixed, PAGE)
        )
    );
    show!(
        "fixed but not to move",
        sys!(SYS_mremap, fixed, PAGE, PAGE, MREMAP_FIXED, place)
    );
    show!("to nothing", sys!(SYS_mremap, fixed, PAGE, 0, 0));
    show!(
        "of nothing",
        sys!(SYS_mremap, 0x1000, PAGE, 2 * PAGE, MREMAP_MAYMOVE)
    );
    show!("odd place", sys!(SYS_mremap, at(fixed, 1), PAGE, PAGE, 0));
    show!("wrong flags", sys!(SYS_mremap, fixed, PAGE, PAGE, 0x80));
    sys!(SYS_munmap, at(fixed, PAGE), PAGE);
    show!(
        "across a hole",
        sys!(SYS_mremap, fixed, 3 * PAGE, 6 * PAGE, MREMAP_MAYMOVE)
    );
    let left = map(3 * PAGE, RW, PRIVATE);
    put(left, 0, 6);
    let moved = sys!(
        SYS_mremap,
        left,
        PAGE,
        PAGE,
        MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
        0
    );
    show!("without unmapping", moved.outcome());
    show!("there and here", "{} {}", get(moved, 0), get(left, 0));
}

/// remap_file_pages: a part of a shared mapping shows other pages of its object.
fn other_pages() {
    let file = sys!(SYS_memfd_create, c"pages", 0).value();
    sys!(SYS_ftruncate, file, 8 * PAGE);
    let mapped = |protection: i32, flags: i32, fd: i32| {
        sys!(SYS_mmap, 0, 8 * PAGE, protection, flags, fd, 0)
    };
    let base = mapped(RW, MAP_SHARED, file);
    for page in 0..8 {
        put(base, page * PAGE, page as u8);
    }
    let remap =
        |at: usize, len: usize, page: usize| sys!(SYS_remap_file_pages, at, len, 0, page, 0);
    let shown = |base: sys::Ret| {
        let pages = [0, 1, 2, 3, 4, 5, 6, 7].map(|page| get(base, page * PAGE).to_string());
        pages.join(" ")
    };
    show!("other pages", remap(at(base, 2 * PAGE), 2 * PAGE, 5));
    show!("the pages", shown(base));
    put(base, 2 * PAGE, 50);
    show!("page written twice seen", get(base, 5 * PAGE));
    show!("across both parts", remap(at(base, PAGE), 2 * PAGE, 0));
    show!("and across the whole", remap(at(base, 0), 8 * PAGE, 0));
    show!("pages in order", shown(base));
    show!(
        "an odd place and length",
        remap(at(base, PAGE + 5), PAGE + 7, 7)
    );
    show!("only whole pages", shown(base));
    show!(
        "without waiting",
        sys!(SYS_remap_file_pages, base, PAGE, 0, 4, MAP_NONBLOCK)
    );
    show!("first page", get(base, 0));
    show!(
        "flags that say nothing",
        sys!(SYS_remap_file_pages, base, PAGE, 0, 0, -1)
    );
    show!(
        "new rights",
        sys!(SYS_remap_file_pages, base, PAGE, PROT_READ, 0, 0)
    );
    show!("less than a page", remap(at(base, 0), PAGE - 1, 0));
    show!("beyond the mapping", remap(at(base, 7 * PAGE), 2 * PAGE, 0));
    show!("all addresses", remap(at(base, 0), usize::MAX, 0));
    show!("pages that wrap", remap(at(base, 0), PAGE, usize::MAX));
    show!("beyond all files", remap(at(base, 0), PAGE, 1 << 51));
    show!("nothing there", remap(0x1000, PAGE, 0));
    show!(
        "pages that the file doesn't have",
        remap(at(base, 0), PAGE, 100)
    );
    show!("touched", child::run(|| i32::from(get(base, 0))));
    sys!(SYS_munmap, at(base, PAGE), PAGE);
    show!("across a hole's", remap(at(base, 0), 3 * PAGE, 0));
    sys!(SYS_mprotect, at(base, 4 * PAGE), PAGE, PROT_READ);
    show!(
        "across other rights",
        remap(at(base, 3 * PAGE), 2 * PAGE, 0)
    );
    show!("of what is read only", remap(at(base, 4 * PAGE), PAGE, 1));
    show!("its page", get(base, 4 * PAGE));
    show!(
        "its rights",
        child::run(|| {
            put(base, 4 * PAGE, 1);
            0
        })
    );
    let private = mapped(RW, MAP_PRIVATE, file);
    show!("of a private mapping", remap(at(private, 0), PAGE, 1));
    let shared = mapped(RW, MAP_SHARED | MAP_ANONYMOUS, -1);
    put(shared, 3 * PAGE, 33);
    show!("of shared memory", remap(at(shared, 0), PAGE, 3));
    show!("shared memory's page", get(shared, 0));
    show!(
        "of private memory",
        remap(at(map(PAGE, RW, PRIVATE), 0), PAGE, 0)
    );
    let path = CString::new(format!("/proc/self/fd/{file}")).unwrap_or_default();
    let read_only = sys!(SYS_open, path.as_ptr(), O_RDONLY, 0).value();
    let never = mapped(PROT_READ, MAP_SHARED, read_only);
    show!("that may never write", remap(at(never, 0), PAGE, 1));
    let may = mapped(PROT_READ, MAP_SHARED, file);
    show!("that might write", remap(at(may, 0), PAGE, 1));
    sys::close_all(&[file, read_only]);
    for base in [base, private, shared, never, may] {
        sys!(SYS_munmap, base, 8 * PAGE);
    }
}

fn advising() {
    let base = map(4 * PAGE, RW, PRIVATE);
    put(base, PAGE, 5);
    show!(
        "don't need",
        sys!(SYS_madvise, base, 4 * PAGE, MADV_DONTNEED)
    );
    show!("contents", get(base, PAGE));
    for (name, advice) in [
        ("normal", MADV_NORMAL),
        ("random", MADV_RANDOM),
        ("sequential", MADV_SEQUENTIAL),
        ("will need", MADV_WILLNEED),
        ("free", MADV_FREE),
        ("huge", MADV_HUGEPAGE),
        ("not huge", MADV_NOHUGEPAGE),
        ("don't fork", MADV_DONTFORK),
        ("do fork", MADV_DOFORK),
        ("don't dump", MADV_DONTDUMP),
        ("cold", MADV_COLD),
        ("page out", MADV_PAGEOUT),
        ("populate", MADV_POPULATE_WRITE),
        ("wrong", 99),
    ] {
        show!(name, sys!(SYS_madvise, base, PAGE, advice));
    }
    show!(
        "odd place",
        sys!(SYS_madvise, at(base, 1), PAGE, MADV_NORMAL)
    );
    show!("nothing", sys!(SYS_madvise, base, 0, MADV_DONTNEED));
    show!("not mapped", sys!(SYS_madvise, 0x1000, PAGE, MADV_DONTNEED));
    show!("lock", sys!(SYS_mlock, base, PAGE));
    show!("unlock", sys!(SYS_munlock, base, PAGE));
    show!("lock nothing mapped", sys!(SYS_mlock, 0x1000, PAGE));
    show!("sync", sys!(SYS_msync, base, PAGE, MS_SYNC));
    show!(
        "sync both ways",
        sys!(SYS_msync, base, PAGE, MS_SYNC | MS_ASYNC)
    );
    show!(
        "sync nothing mapped",
        sys!(SYS_msync, 0x1000, PAGE, MS_SYNC)
    );
    put(base, 0, 8);
    sys!(SYS_madvise, base, PAGE, MADV_WIPEONFORK);
    show!("wiped in a child", child::run(|| i32::from(get(base, 0))));
    put(base, 2 * PAGE, 8);
    sys!(SYS_madvise, at(base, 2 * PAGE), PAGE, MADV_DONTFORK);
    show!(
        "not in a child",
        child::run(|| i32::from(get(base, 2 * PAGE)))
    );
}

/// Four pages, of which the second is not there.
fn with_hole(prot: i32) -> sys::Ret {
    let base = map(4 * PAGE, prot, PRIVATE);
    sys!(SYS_munmap, at(base, PAGE), PAGE);
    base
}

/// What is mapped is served up to the end of the range.
fn advising_past_holes() {
    for (name, advice) in [
        ("normal", MADV_NORMAL),
        ("don't need", MADV_DONTNEED),
        ("cold", MADV_COLD),
        ("don't dump", MADV_DONTDUMP),
        ("wipe on fork", MADV_WIPEONFORK),
        ("populate to read", MADV_POPULATE_READ),
        ("populate to write", MADV_POPULATE_WRITE),
    ] {
        let base = with_hole(RW);
        put(base, 2 * PAGE, 5);
        let advised = sys!(SYS_madvise, base, 4 * PAGE, advice);
        let left = get(base, 2 * PAGE);
        let child = child::run(|| i32::from(get(base, 2 * PAGE)));
        show!(format!("{name} past a hole"), "{advised} {left} {child}");
    }
    let base = with_hole(RW);
    show!("sync past a hole", sys!(SYS_msync, base, 4 * PAGE, MS_SYNC));
    let resident = |base: sys::Ret| {
        let mut pages = [9_u8; 1];
        let asked = sys!(SYS_mincore, base, PAGE, pages.as_mut_ptr());
        format!("{asked} {}", pages[0])
    };
    for (name, prot) in [("none", PROT_NONE), ("read", PROT_READ), ("all", RW)] {
        for (access, advice) in [("read", MADV_POPULATE_READ), ("write", MADV_POPULATE_WRITE)] {
            let base = map(PAGE, prot, PRIVATE);
            let advised = sys!(SYS_madvise, base, PAGE, advice);
            let there = resident(base);
            show!(
                format!("may {name}, populate to {access}"),
                "{advised} {there}"
            );
        }
    }
    let fd = sys!(SYS_open, c"short", O_RDWR | O_CREAT, 0o644);
    sys!(SYS_ftruncate, fd, PAGE);
    let base = sys!(SYS_mmap, 0, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    for (name, advice) in [("read", MADV_POPULATE_READ), ("write", MADV_POPULATE_WRITE)] {
        show!(
            format!("populate past the end to {name}"),
            sys!(SYS_madvise, base, 2 * PAGE, advice)
        );
    }
    show!(
        "wipe a file's",
        sys!(SYS_madvise, base, PAGE, MADV_WIPEONFORK)
    );
    let private = map(PAGE, RW, PRIVATE);
    show!(
        "remove private",
        sys!(SYS_madvise, private, PAGE, MADV_REMOVE)
    );
    sys!(SYS_mlock, private, PAGE);
    for (name, advice) in [
        ("cold", MADV_COLD),
        ("page out", MADV_PAGEOUT),
        ("don't need", MADV_DONTNEED),
    ] {
        show!(
            format!("locked, {name}"),
            sys!(SYS_madvise, private, PAGE, advice)
        );
    }
    show!(
        "locked, sync anew",
        sys!(SYS_msync, private, PAGE, MS_INVALIDATE)
    );
    sys!(SYS_close, fd);
}

/// Kilobytes that the process's status tells of.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let words = line.unwrap_or_default().split_whitespace().next();
    words.and_then(|word| word.parse().ok()).unwrap_or(u64::MAX)
}

/// Kilobytes of memory that the process has locked.
fn locked() -> u64 {
    status("VmLck:")
}

/// What the tables take that show memory, which reading alone makes none of.
fn tables() {
    const BLOCK: usize = 2 << 20;
    const ROOM: usize = 1 << 30;
    const BLOCKS: usize = 64;
    let flags = PRIVATE | MAP_NORESERVE;
    let room = map(3 * ROOM, PROT_NONE, flags);
    let start = at(room, ROOM - 1) & !(ROOM - 1);
    let base = sys!(SYS_mmap, start, ROOM, RW, flags | MAP_FIXED, -1, 0);
    sys!(SYS_madvise, base, ROOM, MADV_NOHUGEPAGE);
    // The tables above are made with the first.
    get(base, 0);
    let (tables, resident) = (status("VmPTE:"), status("VmRSS:"));
    let more = || status("VmPTE:").wrapping_sub(tables) as i64;
    for block in 1..BLOCKS {
        get(base, block * BLOCK);
    }
    show!("tables of what is read", more());
    for page in 0..4 * BLOCK / PAGE {
        get(base, page * PAGE);
    }
    show!("tables of what is read beside it", more());
    // Linux counts about so, only.
    let grown = status("VmRSS:").saturating_sub(resident);
    show!("what is read is nobody's memory", grown < 4 << 10);
    for block in 0..BLOCKS {
        put(base, block * BLOCK + PAGE, 1);
    }
    show!("tables of what is written", more());
    sys!(SYS_munmap, at(base, BLOCK), ROOM - BLOCK);
    show!("what is unmapped needs none", more());
    sys!(SYS_munmap, room, 3 * ROOM);
}

fn limit(which: impl sys::Word, soft: u64) -> sys::Ret {
    sys!(SYS_setrlimit, which, [soft, soft].as_ptr())
}

/// How much may be locked, and what of it is there.
fn locking() {
    let resident = |base: sys::Ret| {
        let mut pages = [0_u8; 4];
        sys!(SYS_mincore, base, 4 * PAGE, pages.as_mut_ptr());
        format!("{pages:?}")
    };
    let as_user = |most: u64, work: &dyn Fn()| {
        child::run(|| {
            limit(RLIMIT_MEMLOCK, most);
            sys!(SYS_setresuid, 1000, 1000, 1000);
            work();
            0
        })
    };
    let anonymous = |flags: i32| map(4 * PAGE, RW, PRIVATE | flags);
    let once = || {
        let base = anonymous(0);
        show!("lock", "{} {}", sys!(SYS_mlock, base, 4 * PAGE), locked());
        show!(
            "lock again",
            "{} {}",
            sys!(SYS_mlock, base, 2 * PAGE),
            locked()
        );
        let other = anonymous(0);
        show!("lock more", "{} {}", sys!(SYS_mlock, other, PAGE), locked());
        show!(
            "lock later",
            "{} {}",
            sys!(SYS_mlock2, other, PAGE, 1),
            locked()
        );
        show!("map locked", anonymous(MAP_LOCKED).outcome());
        show!(
            "a locked one grows",
            sys!(SYS_mremap, base, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE).outcome()
        );
        show!(
            "unlock",
            "{} {}",
            sys!(SYS_munlock, base, 2 * PAGE),
            locked()
        );
        let small = map(PAGE, RW, PRIVATE | MAP_LOCKED);
        show!("a small locked one", "{} {}", small.outcome(), locked());
        show!("all", sys!(SYS_mlockall, MCL_CURRENT));
        show!("what comes", sys!(SYS_mlockall, MCL_FUTURE));
        show!("comes", anonymous(0).outcome());
        show!(
            "what comes later",
            sys!(SYS_mlockall, MCL_FUTURE | MCL_ONFAULT)
        );
        show!("none", "{} {}", sys!(SYS_munlockall), locked());
        show!("comes then", anonymous(0).outcome());
    };
    show!("as a user", as_user(4 * PAGE as u64, &once));
    show!("as a user who may not", as_user(0, &once));
    show!(
        "as a user who may",
        as_user(u64::MAX, &|| {
            show!("no flags", sys!(SYS_mlockall, 0));
            show!("only later", sys!(SYS_mlockall, MCL_ONFAULT));
            show!("unknown", sys!(SYS_mlockall, 8));
            let base = anonymous(0);
            sys!(SYS_mlock2, base, 2 * PAGE, 1);
            show!("later", "{} {}", resident(base), locked());
            sys!(SYS_mlock, base, 2 * PAGE);
            show!("now", "{} {}", resident(base), locked());
            show!("a child", child::run(|| i32::from(locked() != 0)));
            let base = anonymous(0);
            show!("all", sys!(SYS_mlockall, MCL_CURRENT));
            show!("all are there", "{} {}", resident(base), locked() > 100);
            show!("new ones are not", resident(anonymous(0)));
            show!("from now on", sys!(SYS_mlockall, MCL_FUTURE));
            show!("new ones are", resident(anonymous(0)));
            show!("on use", sys!(SYS_mlockall, MCL_FUTURE | MCL_ONFAULT));
            let before = locked();
            let base = anonymous(0);
            show!("new ones later", "{} {}", resident(base), locked() - before);
            sys!(SYS_munlockall);
            show!("nothing is", locked());
            show!("nor new ones", resident(anonymous(0)));
            let base = map(PAGE, PROT_NONE, PRIVATE);
            show!("what may not be read", sys!(SYS_mlock, base, PAGE));
            let base = with_hole(RW);
            show!(
                "past a hole",
                "{} {}",
                sys!(SYS_mlock, base, 4 * PAGE),
                locked()
            );
        })
    );
    show!(
        "as root",
        child::run(|| {
            limit(RLIMIT_MEMLOCK, 0);
            let base = anonymous(0);
            show!("lock any", sys!(SYS_mlock, base, 4 * PAGE));
            show!("lock all", sys!(SYS_mlockall, MCL_CURRENT));
            0
        })
    );
    show!(
        "of data",
        child::run(|| {
            let large = 64 << 20;
            limit(RLIMIT_DATA, large as u64);
            show!("too much", map(large, RW, PRIVATE).outcome());
            show!(
                "shared",
                map(large, RW, MAP_SHARED | MAP_ANONYMOUS).outcome()
            );
            let base = map(large, PROT_READ, PRIVATE);
            show!("to be read", base.outcome());
            show!("then written", sys!(SYS_mprotect, base, large, RW));
            show!("a little", sys!(SYS_mprotect, base, PAGE, RW));
            show!("growing", map(large, RW, PRIVATE | MAP_GROWSDOWN).outcome());
            0
        })
    );
}

/// What a mount allows, and flags that nobody knows.
fn refused() {
    sys!(SYS_mkdir, c"quiet", 0o755);
    let (kind, flags) = (c"tmpfs", MS_NOEXEC);
    show!("mount", sys!(SYS_mount, c"none", c"quiet", kind, flags, 0));
    let fd = sys!(SYS_open, c"quiet/f", O_RDWR | O_CREAT, 0o755);
    sys!(SYS_ftruncate, fd, PAGE);
    let map = |prot: i32, flags: i32| sys!(SYS_mmap, 0, PAGE, prot, flags, fd, 0);
    let code = PROT_READ | PROT_EXEC;
    show!("execute quietly", map(code, MAP_PRIVATE).outcome());
    show!("shared", map(code, MAP_SHARED).outcome());
    let base = map(PROT_READ, MAP_PRIVATE);
    show!("only read", base.outcome());
    show!("execute later", sys!(SYS_mprotect, base, PAGE, code));
    show!("write later", sys!(SYS_mprotect, base, PAGE, RW));
    sys!(SYS_munmap, base, PAGE);
    for (name, flags) in [
        ("validated", 0),
        ("populated", MAP_POPULATE),
        ("in sync", MAP_SYNC),
        ("unknown", 0x200_0000),
        ("only there", MAP_FIXED_NOREPLACE),
        ("growing", MAP_GROWSDOWN),
    ] {
        for (whose, fd, more) in [("a file's", fd.value(), 0), ("nobody's", -1, MAP_ANONYMOUS)] {
            for (how, kind) in [
                ("validated", MAP_SHARED_VALIDATE),
                ("shared", MAP_SHARED),
                ("private", MAP_PRIVATE),
            ] {
                let wish = kind | flags | more;
                let made = sys!(SYS_mmap, 0x10_0000, PAGE, RW, wish, fd, 0);
                if !made.failed() {
                    sys!(SYS_munmap, made, PAGE);
                }
                show!(format!("{name}, {whose}, {how}"), made.outcome());
            }
        }
    }
    sys!(SYS_close, fd);
}

fn files() {
    let fd = sys!(SYS_open, c"f", O_RDWR | O_CREAT, 0o644);
    sys!(SYS_ftruncate, fd, 5000);
    sys!(SYS_pwrite64, fd, c"abc", 3, 0);
    let shared = sys!(SYS_mmap, 0, 3 * PAGE, RW, MAP_SHARED, fd, 0);
    let private = sys!(SYS_mmap, 0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
    show!("shared reads", get(shared, 1));
    put(shared, 1, b'X');
    show!("private sees", get(private, 1));
    put(private, 2, b'Y');
    show!("shared does not", get(shared, 2));
    let mut bytes = [0_u8; 3];
    sys!(SYS_pread64, fd, bytes.as_mut_ptr(), 3, 0);
    show!("file has", String::from_utf8_lossy(&bytes));
    show!("behind the end in its page", get(shared, 5500));
    show!(
        "behind its page",
        child::run(|| i32::from(get(shared, 2 * PAGE)))
    );
    sys!(SYS_ftruncate, fd, 100);
    show!("cut away", child::run(|| i32::from(get(shared, PAGE))));
    show!(
        "private is cut too",
        child::run(|| i32::from(get(private, PAGE)))
    );
    show!("private copy stays", get(private, 2));
    let read_only = sys!(SYS_open, c"f", O_RDONLY, 0);
    show!(
        "write what is read-only",
        sys!(SYS_mmap, 0, PAGE, RW, MAP_SHARED, read_only, 0)
    );
    show!(
        "privately",
        sys!(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, read_only, 0).outcome()
    );
    let mapped = sys!(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
    show!("protect it to write", sys!(SYS_mprotect, mapped, PAGE, RW));
    let write_only = sys!(SYS_open, c"f", O_WRONLY, 0);
    show!(
        "read what is write-only",
        sys!(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, write_only, 0)
    );
    let folder = sys!(SYS_open, c".", O_RDONLY, 0);
    show!(
        "a directory",
        sys!(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, folder, 0)
    );
    show!(
        "beyond the end",
        sys!(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 1 << 30).outcome()
    );
    show!(
        "beyond all",
        sys!(
            SYS_mmap,
            0,
            PAGE,
            PROT_READ,
            MAP_PRIVATE,
            fd,
            i64::MAX & !0xfff
        )
    );
    let zero = sys!(SYS_open, c"/dev/zero", O_RDWR, 0);
    let zeroes = sys!(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, zero, 0);
    show!("zeroes", "{} {}", zeroes.outcome(), get(zeroes, 10));
}

/// What a private mapping shows when its file loses pages: cutting takes copies too, a hole doesn't.
fn shrinking() {
    let fd = sys!(SYS_open, c"shrinking", O_RDWR | O_CREAT, 0o644);
    let bytes = [7_u8; 4 * PAGE];
    let fill = || sys!(SYS_pwrite64, fd, bytes.as_ptr(), bytes.len(), 0);
    let seen = |base| {
        let pages: Vec<u8> = (0..4).map(|page| get(base, page * PAGE)).collect();
        format!("{pages:?}")
    };
    fill();
    let private = sys!(SYS_mmap, 0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
    put(private, 0, 1);
    put(private, 2 * PAGE, 2);
    show!("own copies", seen(private));
    sys!(SYS_ftruncate, fd, PAGE);
    show!(
        "own copy cut away",
        child::run(|| i32::from(get(private, 2 * PAGE)))
    );
    sys!(SYS_ftruncate, fd, 4 * PAGE);
    show!("cut and grown", seen(private));
    fill();
    show!("and filled", seen(private));
    put(private, 2 * PAGE, 2);
    let (mut ready, mut go) = ([0; 2], [0; 2]);
    sys!(SYS_pipe2, ready.as_mut_ptr(), 0);
    sys!(SYS_pipe2, go.as_mut_ptr(), 0);
    let mut byte = [0_u8; 1];
    let pid = child::fork(|| {
        sys!(SYS_write, ready[1], c"r", 1);
        sys!(SYS_read, go[0], [0_u8; 1].as_mut_ptr(), 1);
        println!("a child's: {}", seen(private));
        0
    });
    sys!(SYS_read, ready[0], byte.as_mut_ptr(), 1);
    sys!(SYS_ftruncate, fd, PAGE);
    sys!(SYS_ftruncate, fd, 4 * PAGE);
    sys!(SYS_write, go[1], c"g", 1);
    show!("cut under a child", child::wait(pid));
    fill();
    put(private, 2 * PAGE, 3);
    get(private, PAGE);
    let hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    show!("a hole", sys!(SYS_fallocate, fd, hole, PAGE, 3 * PAGE));
    show!("copies beside a hole", seen(private));
    sys::close_all(&[fd.value(), ready[0], ready[1], go[0], go[1]]);
}

fn break_value() {
    let start = sys!(SYS_brk, 0);
    show!(
        "grow the break",
        sys!(SYS_brk, at(start, 3 * PAGE)).0 - start.0
    );
    put(start, 2 * PAGE, 3);
    show!("shrink it", sys!(SYS_brk, at(start, PAGE)).0 - start.0);
    show!("behind it", child::run(|| i32::from(get(start, 2 * PAGE))));
    show!(
        "grow it again",
        sys!(SYS_brk, at(start, 3 * PAGE)).0 - start.0
    );
    show!("contents", get(start, 2 * PAGE));
    show!("below the start", sys!(SYS_brk, 0x1000).0 - start.0);
    show!("too far", sys!(SYS_brk, 1_usize << 47).0 - start.0);
}

fn across_fork() {
    let private = map(PAGE, RW, PRIVATE);
    let shared = map(PAGE, RW, MAP_SHARED | MAP_ANONYMOUS);
    put(private, 0, 1);
    put(shared, 0, 1);
    show!(
        "a child's view",
        child::run(|| {
            put(private, 0, get(private, 0) + 1);
            put(shared, 0, get(shared, 0) + 1);
            i32::from(get(private, 0)) * 10 + i32::from(get(shared, 0))
        })
    );
    show!("a parent's view", "{} {}", get(private, 0), get(shared, 0));
    let limit = rlimit {
        rlim_cur: 64 << 20,
        rlim_max: 64 << 20,
    };
    show!(
        "address space limited",
        child::run(|| {
            sys!(SYS_prlimit64, 0, RLIMIT_AS, &raw const limit, 0);
            i32::from(map(128 << 20, RW, PRIVATE).failed())
        })
    );
    show!(
        "address space limited, for the heap",
        child::run(|| {
            let end = sys!(SYS_brk, 0);
            sys!(SYS_prlimit64, 0, RLIMIT_AS, &raw const limit, 0);
            i32::from(sys!(SYS_brk, at(end, 128 << 20)) == end)
        })
    );
    show!(
        "address space limited, for the stack",
        child::run(|| {
            let none = [0_u64; 2];
            sys!(SYS_prlimit64, 0, RLIMIT_AS, none.as_ptr(), 0);
            let below = none.as_ptr().addr() - (4 << 20);
            // SAFETY: the fault is the check.
            unsafe { (below as *mut u8).write_volatile(1) };
            0
        })
    );
}

/// A child has what moves to and fro meanwhile, from below thousands of mappings to above them, at one of both
/// places.
fn forked_while_moving() {
    const COUNT: usize = 4000;
    const FORKS: usize = 20;
    show!(
        "forked while a page moves",
        child::run(|| {
            let base = map((COUNT + 2) * PAGE, PROT_NONE, PRIVATE);
            for number in (2..=COUNT).step_by(2) {
                sys!(SYS_mprotect, at(base, number * PAGE), PAGE, RW);
            }
            let places = [at(base, 0), at(base, (COUNT + 1) * PAGE)];
            let flags = PRIVATE | MAP_FIXED;
            sys!(SYS_munmap, places[1], PAGE);
            sys!(SYS_mmap, places[0], PAGE, RW, flags, -1, 0);
            put(base, 0, 7);
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let how = MREMAP_MAYMOVE | MREMAP_FIXED;
                    while !done.load(SeqCst) {
                        for (from, to) in [(0, 1), (1, 0)] {
                            sys!(SYS_mremap, places[from], PAGE, PAGE, how, places[to]);
                        }
                    }
                });
                let whole = (0..FORKS).filter(|_| {
                    let child = child::fork(|| {
                        let is_there =
                            |place: &&usize| !sys!(SYS_msync, **place, PAGE, MS_ASYNC).failed();
                        let there: Vec<&usize> = places.iter().filter(is_there).collect();
                        let value = |place| get(sys::Ret(place), 0);
                        there.len() as i32 * 10 + i32::from(value(*there[0] as isize))
                    });
                    child::wait(child) == "exited 17"
                });
                let whole = whole.count();
                done.store(true, SeqCst);
                whole as i32
            })
        })
    );
}

/// Hundreds of mappings side by side, taken out of their midst, and joined again.
fn many() {
    const COUNT: usize = 400;
    // Pages around them keep them from joining with anything else.
    let base = map((COUNT + 2) * PAGE, PROT_NONE, PRIVATE);
    let page = |number: usize| at(base, (number + 1) * PAGE);
    sys!(SYS_mprotect, page(0), COUNT * PAGE, RW);
    for number in (0..COUNT).step_by(2) {
        sys!(SYS_mprotect, page(number), PAGE, PROT_READ);
    }
    let rows = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let starts = maps.lines().filter_map(|row| row.split('-').next());
        let starts = starts.filter_map(|start| usize::from_str_radix(start, 16).ok());
        starts
            .filter(|start| (page(0)..page(COUNT)).contains(start))
            .count()
    };
    show!("many", rows());
    show!("some of them gone", sys!(SYS_munmap, page(100), 200 * PAGE));
    show!("fewer", rows());
    for number in [99, 100, 299, 300] {
        show!(
            format!("page {number}"),
            sys!(SYS_msync, page(number), PAGE, MS_ASYNC)
        );
    }
    let joined = [(0, 100), (300, 100)]
        .map(|(first, count)| sys!(SYS_mprotect, page(first), count * PAGE, RW));
    show!("joined again", "{} {} {}", joined[0], joined[1], rows());
    let again = sys!(
        SYS_mmap,
        page(0),
        COUNT * PAGE,
        RW,
        PRIVATE | MAP_FIXED,
        -1,
        0
    );
    show!("mapped over", "{} {}", again.outcome(), rows());
    show!(
        "all of them gone",
        sys!(SYS_munmap, base, (COUNT + 2) * PAGE)
    );
    show!("none", rows());
}

/// The list of mappings, read in parts of any size, and where it is longer than anybody would keep.
fn listed() {
    const COUNT: usize = 12_000;
    const DEPTH: usize = 12;
    let open = |name: &CStr| sys!(SYS_open, name, O_RDONLY).value();
    let read = |fd: i32, part: &mut [u8], each: &mut dyn FnMut(&[u8])| {
        loop {
            let got = sys!(SYS_read, fd, part.as_mut_ptr(), part.len());
            if got.0 <= 0 {
                break got;
            }
            each(&part[..got.0 as usize]);
        }
    };
    let mut buffer = vec![0_u8; 1 << 16];
    for name in [c"/proc/self/maps", c"/proc/self/smaps"] {
        let fd = open(name);
        let [mut small, mut large] = [0, 0];
        read(fd, &mut buffer[..7], &mut |part| small += part.len());
        sys!(SYS_lseek, fd, 0, SEEK_SET);
        read(fd, &mut buffer, &mut |part| large += part.len());
        show!("as long in small parts", "{name:?}: {}", small == large);
        let mut at = |offset: usize, len: usize| {
            let got = sys!(SYS_pread64, fd, buffer.as_mut_ptr(), len, offset);
            buffer[..got.value().max(0) as usize].to_vec()
        };
        let (first, whole) = (at(0, 10), at(0, 200));
        show!("the same anew", whole.starts_with(&first));
        show!(
            "further on, and back",
            at(large - 9, 9).len() + at(3, 7).len()
        );
        show!("what is there", at(100, 50) == whole[100..150]);
        show!("past its end", at(large, 10).len());
        show!("far past its end", at(1 << 40, 10).len());
        sys!(SYS_close, fd);
    }
    let folder = CString::new(vec![b'd'; 250]).unwrap_or_default();
    for _ in 0..DEPTH {
        sys!(SYS_mkdir, folder.as_c_str(), 0o700);
        sys!(SYS_chdir, folder.as_c_str());
    }
    let file = sys!(SYS_open, c"listed", O_RDWR | O_CREAT, 0o600);
    sys!(SYS_ftruncate, file, PAGE);
    let base = map(COUNT * PAGE, PROT_NONE, PRIVATE);
    let mapped = (0..COUNT).all(|number| {
        let (place, flags) = (at(base, number * PAGE), MAP_SHARED | MAP_FIXED);
        !sys!(SYS_mmap, place, PAGE, PROT_READ, flags, file, 0).failed()
    });
    show!("mapped often", mapped);
    let fd = open(c"/proc/self/maps");
    let (mut bytes, mut rows) = (0, 0);
    let end = read(fd, &mut buffer, &mut |part| {
        bytes += part.len();
        rows += part.iter().filter(|&&byte| byte == b'\n').count();
    });
    show!("read to the end", end);
    show!("more than 32 MiB", bytes > 32 << 20);
    show!("all rows", (COUNT..COUNT + 100).contains(&rows));
    // Who has read a part goes on with what is still there.
    sys!(SYS_lseek, fd, 0, SEEK_SET);
    let mut seen = Vec::new();
    while !seen.ends_with(b"/listed") {
        let got = sys!(SYS_read, fd, buffer.as_mut_ptr(), 1);
        if got.0 <= 0 {
            break;
        }
        seen.extend_from_slice(&buffer[..got.0.max(0) as usize]);
    }
    sys!(SYS_munmap, base, COUNT * PAGE);
    rows = 0;
    let end = read(fd, &mut buffer, &mut |part| {
        rows += part.iter().filter(|&&byte| byte == b'\n').count();
    });
    show!("what is left to read", "{end} {}", (2..100).contains(&rows));
    sys!(SYS_close, fd);
    sys!(SYS_close, file);
    sys!(SYS_unlink, c"listed");
    for _ in 0..DEPTH {
        sys!(SYS_chdir, c"..");
        sys!(SYS_rmdir, folder.as_c_str());
    }
}

/// The lowest addresses, which root may have mapped.
fn lowest() {
    let fixed = |place: usize, flags: i32| {
        let flags = PRIVATE | flags;
        sys!(SYS_mmap, place, PAGE, RW, flags, -1, 0)
    };
    let attempts = || {
        // A child's, in which nothing is there.
        for place in [0, PAGE, 0xf000] {
            let mapped = fixed(place, MAP_FIXED);
            show!(format!("mapped at {place:#x}"), mapped);
            if !mapped.failed() && place > 0 {
                put(mapped, 5, 7);
                show!("what is there", get(mapped, 5));
            }
        }
        show!("mapped over", fixed(PAGE, MAP_FIXED));
        show!("not mapped over", fixed(PAGE, MAP_FIXED_NOREPLACE));
        show!(
            "mapped where nothing is",
            fixed(2 * PAGE, MAP_FIXED_NOREPLACE)
        );
        let base = map(PAGE, RW, PRIVATE);
        let flags = MREMAP_MAYMOVE | MREMAP_FIXED;
        let moved = sys!(SYS_mremap, base, PAGE, PAGE, flags, 3 * PAGE);
        show!("moved low", moved);
        show!("a wish is raised", fixed(PAGE, 0));
        show!("a wish for what is taken", fixed(0x10000, 0).0 > 0x10000);
        show!("a wish within a page", fixed(5, 0).0 > 0x10000);
        show!("gone", sys!(SYS_munmap, 0, 0x10000));
        0
    };
    show!("root's lowest", child::run(attempts));
    let ended = child::run(|| {
        sys!(SYS_setresuid, 1000, 1000, 1000);
        attempts()
    });
    show!("a user's lowest", ended);
}

/// Megabytes to places that are as far into 2 MiB as they were, and to others.
fn moving_much() {
    const BLOCK: usize = 2 << 20;
    show!(
        "to the lowest addresses, as a user",
        child::run(|| {
            sys!(SYS_setresuid, 1000, 1000, 1000);
            let base = map(PAGE, RW, PRIVATE);
            let flags = MREMAP_MAYMOVE | MREMAP_FIXED;
            show!("to 0", sys!(SYS_mremap, base, PAGE, PAGE, flags, 0));
            0
        })
    );
    for advice in [MADV_HUGEPAGE, MADV_NOHUGEPAGE] {
        for (start, len, target) in [
            (0, 4 * BLOCK, 0),
            (0, 4 * BLOCK, PAGE),
            (PAGE, 3 * BLOCK, PAGE),
            (PAGE, 3 * BLOCK, 3 * PAGE),
            (BLOCK - PAGE, BLOCK + 2 * PAGE, BLOCK - PAGE),
        ] {
            let aligned = |base: sys::Ret| at(base, 0).next_multiple_of(BLOCK);
            let (from, to) = (map(6 * BLOCK, RW, PRIVATE), map(6 * BLOCK, RW, PRIVATE));
            sys!(SYS_madvise, aligned(from), 5 * BLOCK, advice);
            let (old, new) = (aligned(from) + start, aligned(to) + target);
            // What was there leaves its tables behind.
            put(sys::Ret(new as isize), len / 2, 1);
            let offsets = || {
                (0..len)
                    .step_by(5 * PAGE)
                    .filter(|offset| offset / BLOCK != 2)
            };
            for offset in offsets() {
                put(sys::Ret(old as isize), offset, (offset / PAGE) as u8 | 1);
            }
            let moved = sys!(
                SYS_mremap,
                old,
                len,
                len,
                MREMAP_MAYMOVE | MREMAP_FIXED,
                new
            );
            let right = offsets().filter(|&offset| get(moved, offset) == (offset / PAGE) as u8 | 1);
            let between = (0..len)
                .step_by(5 * PAGE)
                .filter(|offset| get(moved, offset + PAGE) != 0);
            show!(
                format!("{start:#x} to {target:#x}"),
                "{} {} {} {}",
                moved.0 as usize == new,
                right.count() == offsets().count(),
                between.count(),
                sys!(SYS_msync, old, PAGE, MS_ASYNC)
            );
            sys!(SYS_munmap, from, 6 * BLOCK);
            sys!(SYS_munmap, to, 6 * BLOCK);
        }
    }
}
