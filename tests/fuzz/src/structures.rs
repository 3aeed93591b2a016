//! Structures, as calls expect them: most fields sensible, some at an edge.

use crate::arena;
use crate::arguments::{Caller, vec_of};
use crate::calls::Kind;
use crate::{objects, sys};

impl Caller {
    /// Makes a structure, and says where it is.
    pub fn structure(&mut self, kind: Kind) -> u64 {
        if self.random.one_in(8) {
            // Many are optional.
            return 0;
        }
        match kind {
            Kind::Timespec => {
                let words = [self.seconds(), self.nanos(), self.seconds(), self.nanos()];
                self.words(&words)
            }
            Kind::Itimerval => {
                let words = [0, self.nanos() / 1000, 0, self.nanos() / 1000];
                self.words(&words)
            }
            Kind::Itimerspec => {
                let words = [self.seconds(), self.nanos(), self.seconds(), self.nanos()];
                self.words(&words)
            }
            Kind::Iovec => self.iovec(),
            Kind::Msghdr => self.message(),
            Kind::SockAddr => self.address(),
            Kind::AddrLen => self.random.pick(&[2, 3, 4, 9, 16, 28, 110, 110, 111, 128]),
            Kind::Sigset => {
                // SIGALRM stays free, mostly: it ends calls that would block.
                let alarm = if self.random.one_in(30) { 0 } else { 1 << 13 };
                let set = self.random.next() & self.random.next() & !alarm;
                self.words(&[set])
            }
            Kind::Siginfo => {
                let signal = self.random.below(66) as u64;
                let code = self
                    .random
                    .pick(&[0, 0xffff_ffff, 0xffff_fffe, 0xffff_fffa, 1, 0x80]);
                let mut words = [0; 16];
                words[0] = signal;
                words[1] = code;
                words[2] = self.random.edge();
                self.words(&words)
            }
            Kind::Sigaction => {
                let handler = match self.random.below(16) {
                    0 => arena::victim(&mut self.random),
                    1 => libc::SIG_DFL,
                    2 => libc::SIG_IGN,
                    _ => sys::idle_handler(),
                };
                const FLAGS: [u64; 8] = [
                    1,
                    2,
                    4,
                    0x0800_0000,
                    0x1000_0000,
                    0x4000_0000,
                    0x8000_0000,
                    0x400,
                ];
                let flags = self.random.some_of(&FLAGS) | 0x0400_0000;
                let mask = self.random.next() & self.random.next() & !(1 << 13);
                self.words(&sys::action_bytes(handler, flags, mask))
            }
            Kind::SigStack => {
                let at = arena::victim(&mut self.random) as u64;
                let words = [
                    at,
                    self.random.pick(&[0, 1, 2, 1 << 31]),
                    self.random.pick(&[0, 2047, 2048, 65536]),
                ];
                self.words(&words)
            }
            Kind::EpollEvent => {
                const EVENTS: [u64; 8] = [1, 2, 4, 8, 16, 1 << 28, 1 << 30, 1 << 31];
                let events = self.random.some_of(&EVENTS) | 1;
                let word = self.random.next();
                self.words(&[events | word << 32, word >> 32])
            }
            Kind::PollFds => {
                let mut words = [0; 12];
                for word in &mut words {
                    *word = self.descriptor() | (self.random.next() & 0x3f) << 32;
                }
                self.words(&words)
            }
            Kind::FdSet => {
                let set = self.random.next() & self.random.next();
                self.words(&[set; 16])
            }
            Kind::Rlimit => {
                let mut limit = || {
                    self.random
                        .pick(&[0, 1, 64, 1 << 20, 64 << 20, 1 << 30, u64::MAX])
                };
                let words = [limit(), limit()];
                self.words(&words)
            }
            Kind::Sembuf => {
                let mut words = [0; 12];
                for word in &mut words {
                    let (number, flags) = (
                        self.random.below(8) as u64,
                        self.random.pick(&[0, 0o4000, 0o10000, 0o14000]),
                    );
                    let change = self.random.pick(&[0, 1, 2, 0xffff, 0xfffe, 0x7fff, 0x8000]);
                    *word = number | change << 16 | flags << 32;
                }
                // They are of six bytes each.
                let bytes: Vec<u8> = words
                    .iter()
                    .flat_map(|word| word.to_le_bytes()[..6].to_vec())
                    .collect();
                self.place(&bytes)
            }
            Kind::MsgBuf => {
                let mut words = [0; 32];
                words[0] = self.random.pick(&[0, 1, 2, 3, u64::MAX, i64::MAX as u64]);
                self.words(&words)
            }
            Kind::CloneArgs => self.clone_args(),
            Kind::Filter => self.filter(),
            Kind::OpenHow => {
                let flags = self.random.some_of(crate::flags::OPEN);
                let mode = self.random.pick(&[0, 0, 0o600, 0o7777, 1 << 16]);
                let resolve = self.random.pick(&[0, 0, 1, 2, 4, 8, 16, 32, 64, 1 << 40]);
                self.words(&[flags, mode, resolve, 0])
            }
            Kind::RobustList => self.robust_list(),
            Kind::Sigevent => {
                let signal = self.random.pick(&[10, 14, 34, 64, 0, 65]);
                let notify = self.random.pick(&[0, 1, 2, 4]);
                let thread = self.known[self.random.below(self.known.len())] as u64;
                let value = self.random.edge();
                self.words(&[value, signal | notify << 32, thread, 0, 0, 0, 0, 0])
            }
            Kind::SchedAttr => {
                let policy = self.random.pick(&[0, 1, 2, 3, 5, 6, 7]);
                let size = self.random.pick(&[48, 56, 40, 64]);
                let nice = self.random.pick(&[0, 1, 19, 20, 0xffff_ffec]);
                let priority = self.random.pick(&[0, 1, 50, 99, 100]);
                let words = [
                    size | policy << 32,
                    self.random.some_of(&[1, 2, 4, 8, 32]),
                    nice | priority << 32,
                    1_000_000,
                    2_000_000,
                    3_000_000,
                ];
                self.words(&words)
            }
            Kind::CapHeader => {
                let version = self
                    .random
                    .pick(&[0x1998_0330, 0x2007_1026, 0x2008_0522, 0]);
                let pid = self.known[self.random.below(self.known.len())] as u64;
                self.words(&[version | pid << 32])
            }
            Kind::Flock => {
                let kind = self.random.below(4) as u64 | (self.random.below(4) as u64) << 16;
                let (start, len) = (self.random.edge(), self.random.edge());
                let words = [
                    kind,
                    if self.random.one_in(2) { start } else { 10 },
                    if self.random.one_in(2) { len } else { 20 },
                    0,
                ];
                self.words(&words)
            }
            Kind::Strings => self.strings(),
            Kind::Scheme => {
                let flags = self.random.below(16) as u64;
                self.words(&[flags, 0x66_757a, 0, 0, 0])
            }
            Kind::Table => self.place(&vec_of(64)),
            _ => self.random.edge(),
        }
    }

    fn descriptor(&mut self) -> u64 {
        self.random.below(objects::COUNT + 8) as u64
    }

    fn seconds(&mut self) -> u64 {
        let rare = self.random.one_in(12);
        if rare { self.random.edge() } else { 0 }
    }

    fn nanos(&mut self) -> u64 {
        let rare = self.random.one_in(12);
        if rare {
            self.random.edge()
        } else {
            self.random
                .pick(&[0, 1, 1000, 100_000, 3_000_000, 999_999_999])
        }
    }

    fn buffer(&mut self) -> (u64, u64) {
        let len = self.random.pick(&[0, 1, 8, 100, 4096, 5000, 66_000]);
        let at = match self.random.below(3) {
            0 => arena::victim(&mut self.random) as u64,
            _ => self.place(&vec_of(len as usize % 4097)),
        };
        (
            at,
            if self.random.one_in(24) {
                self.random.edge()
            } else {
                len
            },
        )
    }

    fn iovec(&mut self) -> u64 {
        let mut words = Vec::new();
        for _ in 0..self.random.below(6) + 1 {
            let (at, len) = self.buffer();
            words.extend([at, len]);
        }
        self.words(&words)
    }

    fn address(&mut self) -> u64 {
        let mut bytes = match self.random.below(8) {
            // AF_INET, AF_INET6, AF_NETLINK, nothing.
            0 => vec![2, 0, 0, 80, 127, 0, 0, 1],
            1 => vec![10, 0, 0, 80],
            2 => vec![16, 0, 0, 0],
            3 => vec![0, 0],
            4 => b"\x01\0\0fuzz".to_vec(),
            5 => b"\x01\0\0".to_vec(),
            6 => b"\x01\0a\0".to_vec(),
            _ => b"\x01\0socket\0".to_vec(),
        };
        let pad = if self.random.one_in(10) { b'x' } else { 0 };
        bytes.resize(128, pad);
        self.place(&bytes)
    }

    /// Two headers of `sendmmsg`'s size, of which `sendmsg` takes the first.
    fn message(&mut self) -> u64 {
        let mut words = Vec::new();
        for _ in 0..2 {
            let name = if self.random.one_in(3) {
                self.address()
            } else {
                0
            };
            let vectors = self.iovec();
            let (control, len) = if self.random.one_in(2) {
                self.control()
            } else {
                (0, 0)
            };
            let flags = self.random.pick(&[0, 1, 0x40]);
            let count = self.random.below(4) as u64;
            words.extend([
                name,
                if name == 0 { 0 } else { 110 },
                vectors,
                count,
                control,
                len,
                flags,
                0,
            ]);
        }
        self.words(&words)
    }

    /// Control messages: descriptors, credentials, nonsense.
    fn control(&mut self) -> (u64, u64) {
        let mut words = Vec::new();
        for _ in 0..self.random.below(3) + 1 {
            match self.random.below(6) {
                0 => {
                    let who = self.known[0] as u64;
                    words.extend([28, 1 | 2 << 32, who, 0]);
                }
                1 => words.extend([self.random.edge(), 1 | 1 << 32]),
                2 => words.extend([self.random.below(40) as u64, self.random.edge()]),
                _ => {
                    let count = self.random.below(6) as u64;
                    words.extend([16 + 4 * count, 1 | 1 << 32]);
                    for _ in 0..count.div_ceil(2) {
                        words.push(self.descriptor() | self.descriptor() << 32);
                    }
                }
            }
        }
        let len = words.len() as u64 * 8;
        let at = self.words(&words);
        (
            at,
            if self.random.one_in(10) {
                self.random.edge()
            } else {
                len
            },
        )
    }

    fn clone_args(&mut self) -> u64 {
        let mut words = [0; 11];
        words[0] = self.random.some_of(crate::flags::CLONE) & !0xff;
        for at in [1, 2, 3, 7] {
            words[at] = arena::victim(&mut self.random) as u64 & !15;
        }
        words[4] = self.random.pick(&[17, 17, 0, 10, 65, 1 << 32]);
        if self.random.one_in(2) {
            words[5] = arena::victim(&mut self.random) as u64 & !15;
            words[6] = self.random.pick(&[0, 4096, 65536, u64::MAX]);
        }
        if self.random.one_in(10) {
            words[8] = self.random.edge();
            words[9] = self.random.edge();
        }
        if words[0] & 0x100 != 0 && words[5] == 0 {
            // A process that shares memory but has no stack of its own would only spoil its parent's.
            words[5] = arena::victim(&mut self.random) as u64 & !15;
            words[6] = 65536;
        }
        self.words(&words)
    }

    /// A program for seccomp: instructions that are half sensible, with a return at the end.
    fn filter(&mut self) -> u64 {
        const CODES: [u64; 14] = [
            0x20, 0x15, 0x35, 0x25, 0x45, 0x05, 0x06, 0x16, 0x00, 0x01, 0x04, 0x54, 0x60, 0x61,
        ];
        let count = self.random.below(8) + 1;
        let mut words = Vec::new();
        for at in 0..count {
            let code = if at + 1 == count {
                6
            } else {
                self.random.pick(&CODES)
            };
            let jumps = self.random.below(4) as u64 | (self.random.below(4) as u64) << 8;
            let value = match self.random.below(4) {
                0 => 0x7fff_0000,
                1 => self.random.pick(&[
                    0x5_0001,
                    0x3_0000,
                    0x7ffc_0000,
                    0x7ff0_0000,
                    0x7fc0_0000,
                    0,
                ]),
                2 => self.random.below(80) as u64,
                _ => self.random.edge() & 0xffff_ffff,
            };
            let value = if at + 1 == count && self.random.one_in(2) {
                0x7fff_0000
            } else {
                value
            };
            words.push(code | jumps << 16 | value << 32);
        }
        let at = self.words(&words);
        self.words(&[count as u64, at])
    }

    /// The list of locks that a thread leaves behind: of odd lengths, in circles, beyond all memory.
    fn robust_list(&mut self) -> u64 {
        let first = arena::word(&mut self.random) as u64;
        let mut next = first;
        for _ in 0..self.random.below(4) {
            let entry = if self.random.one_in(8) {
                self.random.edge()
            } else {
                next
            };
            next = self.words(&[entry]);
        }
        let offset = self.random.pick(&[0, 4, 8, (-8_i64) as u64, 1 << 63]);
        let pending = if self.random.one_in(3) {
            arena::word(&mut self.random) as u64
        } else {
            0
        };
        self.words(&[next, offset, pending])
    }

    fn strings(&mut self) -> u64 {
        let mut words = Vec::new();
        for _ in 0..self.random.below(4) {
            words.push(match self.random.below(8) {
                0 => arena::victim(&mut self.random) as u64,
                1 => {
                    let mut long = vec_of(self.random.pick(&[4095, 4096, 20_000]));
                    long.push(0);
                    self.place(&long)
                }
                _ => self.place(b"--nothing\0"),
            });
        }
        if !self.random.one_in(10) {
            words.push(0);
        }
        self.words(&words)
    }
}
