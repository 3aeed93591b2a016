//! The memory that calls work on: each thread's scratch, where arguments are put, and the victims,
//! which calls map, protect and unmap as they like.

use crate::random::Random;
use crate::sys;

pub const PAGE: usize = 4096;
/// Where it all is: far from what the program itself has.
const START: usize = 0x10_0000_0000;
/// From one thread's scratch to the next's.
const STRIDE: usize = 0x10_0000;
const SCRATCH: usize = 16 * PAGE;
const VICTIMS: usize = START + 0x1000_0000;
/// Room for huge pages, shared memory, and holes.
const VICTIMS_LEN: usize = 16 << 20;

/// A thread's scratch: pages to write, then a page only to read, then nothing.
pub struct Scratch {
    start: usize,
    next: usize,
}

fn map(at: usize, len: usize, prot: i32, flags: i32, fd: i32) {
    let flags = flags | libc::MAP_FIXED;
    sys!(SYS_mmap, at, len, prot, flags, fd, 0);
}

const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;
const PRIVATE: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

/// Maps the victims of a life. `file` has a page and a half.
pub fn map_victims(file: i32) {
    map(VICTIMS, 4 << 20, RW, PRIVATE, -1);
    map(
        VICTIMS + (4 << 20),
        1 << 20,
        RW,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        -1,
    );
    map(VICTIMS + (5 << 20), 4 * PAGE, RW, libc::MAP_SHARED, file);
    map(
        VICTIMS + (5 << 20) + 8 * PAGE,
        4 * PAGE,
        RW,
        libc::MAP_PRIVATE,
        file,
    );
    map(VICTIMS + (6 << 20), PAGE, libc::PROT_NONE, PRIVATE, -1);
}

/// An address among the victims: mostly of a page, often one that others use too.
pub fn victim(random: &mut Random) -> usize {
    let page = match random.below(4) {
        0 => random.below(8),
        1 => (5 << 20) / PAGE + random.below(16),
        2 => 1024 - 4 + random.below(8),
        _ => random.below(VICTIMS_LEN / PAGE),
    };
    let offset = if random.one_in(6) {
        random.below(PAGE)
    } else {
        0
    };
    VICTIMS + page * PAGE + offset
}

/// A word that all threads of a life know.
pub fn word(random: &mut Random) -> usize {
    match random.below(8) {
        0 => VICTIMS + 4 * random.below(4),
        1 => VICTIMS + (4 << 20) + 4 * random.below(4),
        2 => VICTIMS + (5 << 20) + 4 * random.below(4),
        3 => victim(random),
        _ => START + 4 * random.below(4),
    }
}

/// Addresses at which there is nothing, or nothing for user space.
pub fn wild(random: &mut Random) -> usize {
    const WILD: [usize; 12] = [
        0,
        1,
        PAGE,
        0x7fff_ffff_f000,
        0x7fff_ffff_ffff,
        0x8000_0000_0000,
        0xffff_8000_0000_0000,
        0xffff_ffff_8000_0000,
        usize::MAX,
        usize::MAX - 7,
        usize::MAX - PAGE + 1,
        0x7fff_ffff_eff8,
    ];
    random.pick(&WILD)
}

impl Scratch {
    /// Maps the scratch of a thread.
    pub fn map(thread: usize) -> Scratch {
        let start = START + thread * STRIDE;
        map(start, SCRATCH, RW, PRIVATE, -1);
        map(start + SCRATCH, PAGE, libc::PROT_READ, PRIVATE, -1);
        Scratch {
            start,
            next: start + 64,
        }
    }

    /// Forgets the arguments of the last call.
    pub fn clear(&mut self) {
        self.next = self.start + 64;
    }

    /// Puts an argument into memory: as it should be, or so that it ends at, or beyond, the end of
    /// what may be written, or not at all.
    pub fn place(&mut self, random: &mut Random, bytes: &[u8]) -> usize {
        let end = self.start + SCRATCH;
        let at = match random.below(24) {
            0 => return wild(random),
            1 => return victim(random),
            2 => return end + random.below(PAGE),
            3 => return end + PAGE,
            // The last bytes are missing, or may only be read.
            4 => end - bytes.len().min(SCRATCH) / 2,
            5 => end - bytes.len().min(SCRATCH),
            6 => self.next + random.below(8),
            _ => self.next,
        };
        let at = at & !(if random.one_in(20) { 0 } else { 7 });
        let len = bytes.len().min(end.saturating_sub(at));
        // SAFETY: that memory is this thread's scratch; where a call has taken it away, the life ends.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, len) };
        if at == self.next {
            self.next = ((at + bytes.len() + 15) & !15).min(end - PAGE);
        }
        at
    }

    /// Changes a word of an argument, maybe of another thread's, which a call may be reading.
    pub fn disturb(&self, random: &mut Random) {
        let at = START + random.below(4) * STRIDE + 64 + 8 * random.below(64);
        sys::touch(at, true, random.next() as u8);
    }
}
