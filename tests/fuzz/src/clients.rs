//! Clients of a hostile server: they use what it serves as files, in every way.

use crate::random::Random;
use crate::sys;
use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};

/// Steps of a client.
const STEPS: u64 = 3000;
/// Descriptors that it keeps.
const OPEN: usize = 12;
/// Room for what is read; more than a server's answer has.
const ROOM: usize = 160 << 10;

/// ioctl numbers that servers know of and clients use: none, read, write, both, of several sizes.
pub const COMMANDS: [u64; 6] = [
    0x6401,
    0x8008_6402,
    0x4010_6403,
    0xc018_6404,
    0xc040_6405,
    0xdfff_6406,
];

struct Client {
    random: Random,
    names: Vec<CString>,
    open: Vec<i32>,
    room: Vec<u8>,
}

/// Uses the files at a place, for a while, and counts the calls that come back.
pub fn work(mut random: Random, place: &str, steps: &AtomicU64) {
    if random.one_in(3) {
        sys!(SYS_setresgid, 65534, 65534, 65534);
        sys!(SYS_setresuid, 65534, 65534, 65534);
    }
    let names = ["", "/", "/a", "/b", "/a/c", "/a/../b", "/."];
    let name = |end: &&str| CString::new(format!("{place}{end}")).expect("it has no NUL");
    let mut client = Client {
        random,
        names: names.iter().map(name).collect(),
        open: Vec::new(),
        room: vec![0; ROOM],
    };
    for _ in 0..STEPS {
        if client.random.one_in(3) {
            client.by_name();
        } else {
            client.by_descriptor();
        }
        steps.fetch_add(1, Ordering::Relaxed);
    }
}

impl Client {
    fn name(&mut self) -> usize {
        let at = self.random.below(self.names.len());
        self.names[at].as_ptr() as usize
    }

    fn by_name(&mut self) {
        let (one, other) = (self.name(), self.name());
        let room = self.room.as_mut_ptr() as usize;
        let number = self.random.edge();
        match self.random.below(18) {
            0..5 => self.open(one),
            5 => _ = sys!(SYS_stat, one, room),
            6 => _ = sys!(SYS_lstat, one, room),
            7 => _ = sys!(SYS_mkdir, one, 0o777),
            8 => _ = sys!(SYS_symlink, c"../b".as_ptr(), one),
            9 => _ = sys!(SYS_link, one, other),
            10 => _ = sys!(SYS_unlink, one),
            11 => _ = sys!(SYS_rename, one, other),
            12 => _ = sys!(SYS_chmod, one, number & 0o7777),
            13 => _ = sys!(SYS_truncate, one, number),
            14 => _ = sys!(SYS_readlink, one, room, ROOM),
            15 => _ = sys!(SYS_statfs, one, room),
            16 => _ = sys!(SYS_chdir, one),
            _ => self.execute(one),
        }
    }

    fn open(&mut self, name: usize) {
        let flags = [
            libc::O_CREAT,
            libc::O_NONBLOCK,
            libc::O_TRUNC,
            libc::O_APPEND,
            libc::O_DIRECTORY,
            libc::O_PATH,
            libc::O_EXCL,
        ];
        let flags =
            self.random.some_of(&flags.map(|flag| flag as u64)) as usize | self.random.below(3);
        let fd = sys!(SYS_open, name, flags, 0o666) as i32;
        if fd < 0 {
            return;
        }
        if self.open.len() < OPEN {
            self.open.push(fd);
        } else {
            let at = self.random.below(OPEN);
            sys!(SYS_close, std::mem::replace(&mut self.open[at], fd));
        }
    }

    /// What is served may call itself a program.
    fn execute(&mut self, name: usize) {
        if !self.random.one_in(4) {
            return;
        }
        let pid = sys!(SYS_fork);
        if pid == 0 {
            sys!(
                SYS_execve,
                name,
                [0_usize; 1].as_ptr(),
                [0_usize; 1].as_ptr()
            );
            sys!(SYS_exit_group, 1);
        }
        sys!(SYS_wait4, pid, 0, 0, 0);
    }

    fn by_descriptor(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let at = self.random.below(self.open.len());
        let fd = self.open[at];
        let room = self.room.as_mut_ptr() as usize;
        let len = self.random.pick(&[0, 1, 100, 4096, 65_536, 65_537, ROOM]);
        let offset = self.random.edge();
        match self.random.below(20) {
            0..3 => _ = sys!(SYS_read, fd, room, len),
            3..5 => _ = sys!(SYS_write, fd, room, len),
            5 => _ = sys!(SYS_pread64, fd, room, len, offset),
            6 => _ = sys!(SYS_pwrite64, fd, room, len, offset),
            7 => _ = sys!(SYS_lseek, fd, offset, self.random.below(5)),
            8 => _ = sys!(SYS_fstat, fd, room),
            9..11 => _ = sys!(SYS_getdents64, fd, room, len),
            11..13 => self.control(fd, room),
            13..15 => self.map(fd),
            15 => {
                let asked = [fd as u32 as u64 | 5 << 32];
                sys!(SYS_poll, asked.as_ptr(), 1, self.random.below(30));
            }
            16 => _ = sys!(SYS_fsync, fd),
            17 => _ = sys!(SYS_ftruncate, fd, offset),
            18 => {
                let other = self.open[self.random.below(self.open.len())];
                sys!(SYS_sendfile, other, fd, 0, len);
            }
            _ => {
                self.open.swap_remove(at);
                sys!(SYS_close, fd);
            }
        }
    }

    fn control(&mut self, fd: i32, room: usize) {
        // Fields that the server's table takes for pointers, counts and descriptors.
        for at in 0..8 {
            let value = match self.random.below(4) {
                0 => room as u64 + 4096,
                1 => self.random.below(64) as u64,
                2 => fd as u64,
                _ => self.random.edge(),
            };
            self.room[at * 8..][..8].copy_from_slice(&value.to_ne_bytes());
        }
        let command = self.random.pick(&COMMANDS);
        sys!(SYS_ioctl, fd, command, room);
    }

    /// Maps what is served, and touches it.
    fn map(&mut self, fd: i32) {
        let pages = 1 + self.random.below(16);
        let shared = self.random.pick(&[libc::MAP_SHARED, libc::MAP_PRIVATE]);
        let rights = self
            .random
            .pick(&[libc::PROT_READ, libc::PROT_READ | libc::PROT_WRITE]);
        let offset = self.random.below(8) << 12;
        let at = sys!(SYS_mmap, 0, pages << 12, rights, shared, fd, offset);
        if at < 0 {
            return;
        }
        for _ in 0..4 {
            let page = self.random.below(pages) << 12;
            sys::touch(at as usize + page, rights & libc::PROT_WRITE != 0, 7);
        }
        sys!(SYS_munmap, at, pages << 12);
    }
}
