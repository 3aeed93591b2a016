//! From the kinds of a call's arguments to arguments: right in type most of the time.

use crate::arena::{self, PAGE, Scratch};
use crate::calls::{Call, Kind};
use crate::random::Random;
use crate::{elf, objects, sys};

/// Who makes the calls: a thread of a life.
pub struct Caller {
    pub random: Random,
    pub scratch: Scratch,
    /// Processes and threads of this life.
    pub known: [i32; 8],
    /// What System V IPC has made.
    pub made: [i32; 8],
    /// How many generations of children are above.
    pub depth: u32,
    pub thread: usize,
    /// Where it says what it does.
    pub slot: usize,
    /// Whose place in these lists the next one takes.
    turn: usize,
}

/// Names within a life's folder. None leads out of it.
const NAMES: [&[u8]; 20] = [
    b"a\0",
    b"b\0",
    b"c\0",
    b"d\0",
    b"d/a\0",
    b"d/b\0",
    b"d/e\0",
    b"d/e/f\0",
    b"fifo\0",
    b"socket\0",
    b"link\0",
    b"loop\0",
    b"d/../a\0",
    b"./d/./b\0",
    b"file\0",
    b"file/x\0",
    b"d/\0",
    b"scheme\0",
    b"\0",
    b"new\0",
];
/// Names to look at.
const ELSEWHERE: [&[u8]; 34] = [
    b"/proc/self/maps\0",
    b"/proc/self/status\0",
    b"/proc/self/stat\0",
    b"/proc/self/mem\0",
    b"/proc/self/fd\0",
    b"/proc/self/fdinfo\0",
    b"/proc/self/fd/3\0",
    b"/proc/self/fdinfo/5\0",
    b"/proc/self/task\0",
    b"/proc/self/exe\0",
    b"/proc/self/cmdline\0",
    b"/proc/self/environ\0",
    b"/proc/self/auxv\0",
    b"/proc/self/smaps\0",
    b"/proc/self/limits\0",
    b"/proc/self/mountinfo\0",
    b"/proc/self/cwd\0",
    b"/proc/self/root\0",
    b"/proc/self/ns/mnt\0",
    b"/proc/self/comm\0",
    b"/proc/self/io\0",
    b"/proc/self/wchan\0",
    b"/proc/meminfo\0",
    b"/proc/stat\0",
    b"/proc/sysvipc/shm\0",
    b"/proc\0",
    b"/dev/null\0",
    b"/dev/zero\0",
    b"/dev/full\0",
    b"/dev/urandom\0",
    b"/dev/ptmx\0",
    b"/dev/pts/0\0",
    b"/sys\0",
    b"/nothing/there\0",
];
const PROGRAMS: [&[u8]; 8] = [
    b"/proc/self/exe\0",
    b"program\0",
    b"program\0",
    b"program\0",
    b"script\0",
    b"d\0",
    b"/dev/null\0",
    b"fifo\0",
];
const TEXTS: [&[u8]; 12] = [
    b"\0",
    b"a\0",
    b"tmpfs\0",
    b"proc\0",
    b"user.a\0",
    b"user.b\0",
    b"trusted.a\0",
    b"security.capability\0",
    b"system.posix_acl_access\0",
    b"size=4k\0",
    b"nr_inodes=2\0",
    b"user.\0",
];

const F_SETOWN_EX: i32 = 15;

impl Caller {
    pub fn new(seed: u64, life: u64, slot: usize, thread: usize) -> Caller {
        Caller {
            random: Random::new(seed, life * 8 + thread as u64),
            scratch: Scratch::map(thread),
            known: [0; 8],
            made: [0; 8],
            depth: 0,
            thread,
            slot,
            turn: 0,
        }
    }

    /// Makes the arguments of a call.
    pub fn arguments(&mut self, call: &Call) -> [usize; 6] {
        self.scratch.clear();
        let mut arguments = [0; 6];
        for (argument, kind) in arguments.iter_mut().zip(call.kinds) {
            *argument = self.argument(*kind) as usize;
        }
        arguments
    }

    fn argument(&mut self, kind: Kind) -> u64 {
        let random = &mut self.random;
        if !matches!(kind, Kind::Pid | Kind::Own | Kind::Just(_)) && random.one_in(60) {
            return random.edge();
        }
        match kind {
            Kind::Any => random.edge(),
            Kind::Just(value) => value,
            Kind::Fd => self.fd(),
            Kind::Dir if random.one_in(3) => self.fd(),
            Kind::Dir => libc::AT_FDCWD as u64,
            Kind::Pid => self.pid(),
            Kind::Signal => {
                let edge = random.one_in(20);
                // Not those that end or stop a life, unless by chance.
                const SIGNALS: [u64; 12] = [0, 1, 2, 10, 12, 13, 14, 17, 18, 28, 34, 64];
                if edge {
                    random.below(70) as u64
                } else {
                    random.pick(&SIGNALS)
                }
            }
            Kind::In => self.random_bytes(),
            Kind::Out => {
                let len = [16, 256, 4096][random.below(3)];
                self.place(&vec_of(len))
            }
            Kind::Len => random.pick(&[
                0, 1, 4, 8, 16, 24, 100, 128, 255, 256, 1024, 4095, 4096, 4097, 40_000, 70_000,
            ]),
            Kind::Few => {
                if random.one_in(20) {
                    random.edge()
                } else {
                    random.below(12) as u64
                }
            }
            Kind::Offset => match random.below(3) {
                0 => random.below(64) as u64 * 4096,
                1 => random.below(70_000) as u64,
                _ => random.edge(),
            },
            Kind::OffsetAt if random.one_in(2) => 0,
            Kind::OffsetAt => {
                let value = random.pick(&[0, 16, 100, 110, 4096]);
                self.words(&[value])
            }
            Kind::Addr if random.one_in(20) => arena::wild(random) as u64,
            Kind::Addr => arena::victim(random) as u64,
            Kind::Size => match random.below(6) {
                0 => random.edge(),
                1 => 2 << 20,
                2 => (random.below(600) * PAGE) as u64,
                _ => (random.below(8) * PAGE + if random.one_in(8) { 1 } else { 0 }) as u64,
            },
            Kind::Bits(bits) => {
                random.some_of(bits)
                    | if random.one_in(30) {
                        1 << random.below(64)
                    } else {
                        0
                    }
            }
            Kind::One(values) => random.pick(values),
            Kind::Mode => random.pick(&[
                0o644, 0o755, 0o777, 0, 0o4755, 0o2755, 0o1777, 0o177_777, 0o600,
            ]),
            Kind::User => random.pick(&[0, 1, 65534, 65533, u64::MAX, 0xffff_fffe]),
            Kind::Path if random.one_in(2) => {
                let name = random.pick(&ELSEWHERE);
                self.place(name)
            }
            Kind::Path | Kind::Own => self.own_name(),
            Kind::Program => {
                let name = random.pick(&PROGRAMS);
                if name == b"program\0" {
                    let file = elf::malformed(random);
                    objects::write(c"program", &file);
                } else if name == b"script\0" {
                    let file = elf::script(random);
                    objects::write(c"script", &file);
                }
                self.place(name)
            }
            Kind::Text => {
                let text = random.pick(&TEXTS);
                self.place(text)
            }
            Kind::Word => arena::word(random) as u64,
            Kind::SetSize => {
                if random.one_in(20) {
                    random.edge()
                } else {
                    8
                }
            }
            Kind::Ipc => {
                let at = random.below(self.made.len());
                self.made[at] as u64
            }
            Kind::Key => random.pick(&[0, 0, 0x0c_0001, 0x0c_0002, 0x0c_0003]),
            Kind::Timer => random.below(6) as u64,
            Kind::Argument => match random.below(5) {
                0 => self.fd(),
                1 => self.random_bytes(),
                2 => self.place(&vec_of(512)),
                3 => self.pid(),
                _ => self.random.edge(),
            },
            kind => self.structure(kind),
        }
    }

    /// Any descriptor of this life; seldom one that can't be.
    fn fd(&mut self) -> u64 {
        let random = &mut self.random;
        match random.below(40) {
            0 => random.pick(&[
                u64::MAX,
                1000,
                0x7fff_ffff,
                0x8000_0000,
                1 << 32,
                libc::AT_FDCWD as u64,
            ]),
            1..10 => random.below(120) as u64,
            _ => random.below(objects::COUNT + 6) as u64,
        }
    }

    /// A process or thread of this life, its group, or none at all; never another's.
    fn pid(&mut self) -> u64 {
        let random = &mut self.random;
        match random.below(10) {
            0 => 0,
            1 => random.pick(&[4_194_303, 0x7fff_ffff, 4_194_304, 0xffff_ffff_8000_0001]),
            _ => {
                let at = random.below(self.known.len());
                self.known[at] as u64
            }
        }
    }

    fn own_name(&mut self) -> u64 {
        let random = &mut self.random;
        if random.one_in(40) {
            let len = random.pick(&[254, 255, 256, 4094, 4095, 4096, 5000]);
            let mut name = vec![b'x'; len];
            if random.one_in(2) {
                for at in (1..len).step_by(2) {
                    name[at] = b'/';
                }
            }
            name.push(0);
            return self.place(&name);
        }
        let name = random.pick(&NAMES);
        self.place(name)
    }

    pub fn place(&mut self, bytes: &[u8]) -> u64 {
        self.scratch.place(&mut self.random, bytes) as u64
    }

    pub fn words(&mut self, words: &[u64]) -> u64 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.place(&bytes)
    }

    /// Some words, of which code may make anything.
    fn random_bytes(&mut self) -> u64 {
        let mut words = [0; 32];
        for word in &mut words {
            *word = match self.random.below(4) {
                0 => self.random.edge(),
                1 => self.random.edge() & 0xffff_ffff | self.random.edge() << 32,
                2 => self.random.below(16) as u64,
                _ => arena::victim(&mut self.random) as u64,
            };
        }
        self.words(&words)
    }

    /// Lets a call by which somebody is told of something by signals name this life only.
    pub fn own(&mut self, number: usize, arguments: &mut [usize; 6]) {
        const FIOSETOWN: usize = 0x8901;
        const SIOCSPGRP: usize = 0x8902;
        let [_, command, argument, ..] = arguments;
        let command = *command as u32 as usize;
        let me = self.known[0];
        match (number as i64, command as i32) {
            (libc::SYS_fcntl, libc::F_SETOWN) => *argument = me as usize,
            (libc::SYS_fcntl, F_SETOWN_EX) => {
                *argument = self.words(&[1 | (me as u64) << 32]) as usize;
            }
            (libc::SYS_ioctl, _) if command == FIOSETOWN || command == SIOCSPGRP => {
                *argument = self.words(&[me as u64]) as usize;
            }
            _ => {}
        }
    }

    /// Remembers what a call has made.
    pub fn learn(&mut self, call: &Call, result: isize) {
        let number = call.number as i64;
        if result >= 0
            && matches!(
                number,
                libc::SYS_shmget | libc::SYS_semget | libc::SYS_msgget
            )
        {
            self.made[self.turn % self.made.len()] = result as i32;
            self.turn += 1;
        }
    }

    pub fn know(&mut self, pid: i32) {
        self.known[self.turn % self.known.len()] = pid;
        self.turn += 1;
    }

    /// Knows itself, and nobody else.
    pub fn introduce(&mut self) {
        let (process, thread) = (sys!(SYS_getpid) as i32, sys!(SYS_gettid) as i32);
        self.known = [
            process, thread, process, thread, process, thread, process, thread,
        ];
    }
}

pub fn vec_of(len: usize) -> Vec<u8> {
    vec![0x5a; len]
}
