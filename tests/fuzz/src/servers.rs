//! Hostile servers: schemes whose servers answer late, twice, wrongly or never, spoil their rings, and
//! die with calls under way, while [`clients`] use what they serve. Afterwards every client can be
//! ended, and memory is back.

use crate::random::Random;
use crate::{census, clients, sys};
use bytemuck::bytes_of;
use ochre_abi::ioctl::{Array, Command, MAX_ARRAYS};
use ochre_abi::native::{SCHEME_ATTACH, SCHEME_CREATE, SCHEME_ENTER, SCHEME_IOCTLS, SCHEME_MOUNT};
use ochre_abi::native::{SCHEME_TAKE_FD, SchemeParams};
use ochre_abi::scheme::{
    Attr, COMPLETE, COMPLETIONS, Completion, DirEntry, INVALIDATE, LEVEL, Op, PAYLOAD, REQUESTS,
    RING_SIZE, Request, SLOTS, StatFs, payload_offset, ring,
};
use std::ffi::CString;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const FOLDER: &str = "/tmp/served";
/// Processes that use what a server serves.
const CLIENTS: usize = 4;
/// Lives of one server, and turns of each.
const LIVES: u64 = 6;
const TURNS: u64 = 200;
/// Requests that a server keeps for later.
const KEPT_BACK: usize = 16;
/// Servers are ended after that: their clients may have ended, or wait for each other.
const FUSE: Duration = Duration::from_secs(10);
/// KiB that may be missing in the end: what the kernel has taken for its tables and keeps for the next.
const KEPT: u64 = 6 << 10;
/// Servers after which the kernel's tables have grown.
const SETTLED: u64 = 8;

/// What was done, in memory that all share.
#[derive(Default)]
pub struct Counts {
    /// Requests that servers took.
    requests: AtomicU64,
    /// Calls of clients that came back.
    pub steps: AtomicU64,
}

/// An answer that says no more than that it was done.
pub fn answer_to(request: &Request) -> Completion {
    Completion {
        id: request.id,
        result: 0,
        kind: COMPLETE,
        payload: 0,
        values: [0; 2],
        fd: -1,
        _reserved: [0; 5],
    }
}

impl Counts {
    fn map() -> Result<&'static Counts, String> {
        let (both, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        let at = sys!(SYS_mmap, 0, size_of::<Counts>(), both, flags, -1_isize, 0);
        if at < 0 {
            return Err(format!("no memory to count in: {at}"));
        }
        // SAFETY: mapped for good, aligned to a page, and zeroes are counts of nothing.
        Ok(unsafe { &*(at as *const Counts) })
    }
}

/// Starts so many servers, one after the other; what is wrong then.
pub fn run(seed: u64, servers: u64) -> Result<(), String> {
    sys!(SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    census::set_badness("-1000");
    let counts = Counts::map()?;
    let mut first = None;
    for number in 0..servers {
        serve(seed, number, counts)?;
        let free = census::free_memory();
        let [requests, steps] =
            [&counts.requests, &counts.steps].map(|count| count.load(Ordering::Relaxed));
        println!(
            "server {number} of seed {seed}: {requests} requests, {steps} calls, {free} KiB free"
        );
        if number >= SETTLED {
            first.get_or_insert(free);
        }
    }
    if counts.requests.load(Ordering::Relaxed) < servers {
        return Err("the servers were hardly asked".to_owned());
    }
    let (first, last) = (first.unwrap_or(0), census::free_memory());
    if last + KEPT < first {
        return Err(format!(
            "{first} KiB were free after {SETTLED} servers, {last} KiB in the end"
        ));
    }
    Ok(())
}

/// One scheme, its server and clients, from its mount to the end of all.
fn serve(seed: u64, number: u64, counts: &Counts) -> Result<(), String> {
    let mut random = Random::new(seed, number << 8);
    let place = format!("{FOLDER}/{number}");
    let as_file = random.one_in(4);
    let made = fs::create_dir_all(FOLDER).and_then(|()| match as_file {
        true => fs::write(&place, ""),
        false => fs::create_dir(&place),
    });
    made.map_err(|error| format!("{place}: {error}"))?;
    let params = SchemeParams {
        flags: u32::from(random.one_in(2)) | u32::from(as_file) << 1,
        _reserved: 0,
        name: [b'h'; 32].map(|letter| if random.one_in(2) { letter } else { 0 }),
    };
    let control = native(SCHEME_CREATE, [&raw const params as usize, 0, 0]);
    let path = CString::new(place.as_str()).expect("it has no NUL");
    let mounted = native(SCHEME_MOUNT, [control as usize, path.as_ptr() as usize, 0]);
    if control < 0 || mounted < 0 {
        // A name without an end is refused, and so it should be.
        let named = params.name.contains(&0);
        sys!(SYS_close, control);
        census::sweep_objects(FOLDER);
        return match named {
            true => Err(format!("no scheme: {control}, {mounted}")),
            false => Ok(()),
        };
    }
    let server = fork(|| {
        for life in 0..LIVES {
            Server::attach(
                control as usize,
                Random::new(seed, number << 8 | life << 4 | 1),
                &path,
            )
            .work(counts);
        }
    });
    let mut next = 0;
    let mut client = || {
        next += 1;
        let random = Random::new(seed, number << 16 | next << 4 | 2);
        fork(|| clients::work(random, &place, &counts.steps))
    };
    let mut clients = [0; CLIENTS].map(|_| client());
    let start = Instant::now();
    let mut served = false;
    while !served && start.elapsed() < FUSE {
        // Some are ended in the middle of what they do, which may be to wait for ever.
        if random.one_in(4) {
            sys!(SYS_kill, random.pick(&clients), libc::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(5));
        loop {
            let gone = sys!(SYS_wait4, -1_isize, 0, libc::WNOHANG, 0);
            if gone <= 0 {
                break;
            }
            served |= gone == server;
            clients
                .iter_mut()
                .filter(|pid| **pid == gone)
                .for_each(|pid| *pid = client());
        }
    }
    let swept = census::sweep_processes();
    sys!(SYS_close, control);
    census::sweep_objects(FOLDER);
    swept.map_err(|error| format!("after server {number}: {error}"))
}

fn fork(child: impl FnOnce()) -> isize {
    let pid = sys!(SYS_fork);
    if pid == 0 {
        sys::handle_signals();
        child();
        sys!(SYS_exit_group, 0);
    }
    pid
}

fn native(number: usize, a: [usize; 3]) -> isize {
    sys::call(number, [a[0], a[1], a[2], 0, 0, 0])
}

struct Server<'a> {
    fd: usize,
    ring: usize,
    random: Random,
    /// Requests that wait for their answers.
    kept: Vec<Request>,
    /// Where it is mounted: now and then it is its own client.
    path: &'a CString,
}

impl<'a> Server<'a> {
    fn attach(control: usize, mut random: Random, path: &'a CString) -> Server<'a> {
        let fd = native(SCHEME_ATTACH, [control, 0, 0]) as usize;
        let flags = libc::MAP_SHARED;
        let both = libc::PROT_READ | libc::PROT_WRITE;
        let ring = sys!(SYS_mmap, 0, RING_SIZE, both, flags, fd, 0) as usize;
        let commands: Vec<Command> = (0..random.below(6)).map(|_| command(&mut random)).collect();
        let bytes = size_of_val(&commands[..]);
        native(SCHEME_IOCTLS, [fd, commands.as_ptr() as usize, bytes]);
        let kept = Vec::new();
        Server {
            fd,
            ring,
            random,
            kept,
            path,
        }
    }

    fn work(mut self, counts: &Counts) {
        // Without a ring there is nothing to do: the descriptors may be used up.
        if (self.ring as isize) < 0 {
            return;
        }
        let scribbler = self.random.one_in(3).then(|| {
            let (ring, random) = (self.ring, self.random.clone());
            fork(|| scribble(ring, random))
        });
        for _ in 0..TURNS {
            // Mostly it sleeps when it owes no answer, as servers do.
            let wait = self.kept.is_empty() != self.random.one_in(30);
            native(SCHEME_ENTER, [self.fd, usize::from(wait), 0]);
            let taken = self.take();
            counts.requests.fetch_add(taken, Ordering::Relaxed);
            while !self.kept.is_empty() && !self.random.one_in(6) {
                let at = self.random.below(self.kept.len());
                let request = self.kept.swap_remove(at);
                self.answer(&request);
            }
            self.misbehave();
        }
        if let Some(pid) = scribbler {
            sys!(SYS_kill, pid, libc::SIGKILL);
        }
        if self.random.one_in(2) {
            sys!(SYS_munmap, self.ring, RING_SIZE);
        }
        sys!(SYS_close, self.fd);
    }

    fn word(&self, offset: usize) -> *mut u32 {
        (self.ring + offset) as *mut u32
    }

    fn get(&self, offset: usize) -> u32 {
        // SAFETY: within the mapped ring, and aligned.
        unsafe { self.word(offset).read_volatile() }
    }

    fn set(&self, offset: usize, value: u32) {
        // SAFETY: as above.
        unsafe { self.word(offset).write_volatile(value) }
    }

    /// Takes the requests that are there; how many.
    fn take(&mut self) -> u64 {
        let mut taken = 0;
        while self.kept.len() < KEPT_BACK {
            let head = self.get(ring::REQUESTS_HEAD);
            if head == self.get(ring::REQUESTS_TAIL) {
                break;
            }
            taken += 1;
            let at = self.ring + REQUESTS + head as usize % SLOTS * size_of::<Request>();
            // SAFETY: within the mapped ring, and aligned.
            let request = unsafe { (at as *const Request).read_volatile() };
            self.set(ring::REQUESTS_HEAD, head.wrapping_add(1));
            // Some are never answered.
            if !self.random.one_in(200) {
                self.kept.push(request);
            }
        }
        taken
    }

    /// Puts a completion, whether there is room or not.
    fn put(&self, completion: &Completion) {
        let tail = self.get(ring::COMPLETIONS_TAIL);
        let at = self.ring + COMPLETIONS + tail as usize % SLOTS * size_of::<Completion>();
        // SAFETY: within the mapped ring, and aligned.
        unsafe { (at as *mut Completion).write_volatile(*completion) };
        self.set(ring::COMPLETIONS_TAIL, tail.wrapping_add(1));
    }

    /// Writes to a slot's payload area; how many bytes.
    fn fill(&self, slot: u32, bytes: &[u8]) -> u32 {
        let at = self.ring + payload_offset(slot as usize % SLOTS);
        let len = bytes.len().min(PAYLOAD);
        // SAFETY: within the mapped ring; the kernel may read it meanwhile, which is what is tried.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, len) };
        len as u32
    }

    /// Answers: mostly as asked, now and then with one thing wrong, or twice.
    fn answer(&mut self, request: &Request) {
        let mut answer = self.proper(request);
        if self.random.one_in(4) {
            match self.random.below(6) {
                0 => answer.result = self.random.edge() as i64,
                1 => answer.result = -(self.random.below(140) as i64),
                2 => answer.payload = self.random.edge() as u32,
                3 => answer.fd = self.descriptor(),
                4 => answer.values[self.random.below(2)] = self.random.edge(),
                _ => answer.id = answer.id.wrapping_add(self.random.below(3) as u64),
            }
        }
        self.put(&answer);
        if self.random.one_in(30) {
            self.put(&answer);
        }
    }

    /// What a server would answer.
    fn proper(&mut self, request: &Request) -> Completion {
        let mut answer = answer_to(request);
        let slot = request.slot;
        let length = request.length.min(PAYLOAD as u64);
        match Op::from_raw(request.op) {
            Some(
                Op::Lookup
                | Op::GetAttr
                | Op::SetAttr
                | Op::Create
                | Op::Mkdir
                | Op::Symlink
                | Op::Link,
            ) => {
                let attr = self.attr();
                answer.payload = self.fill(slot, bytes_of(&attr));
            }
            Some(Op::ReadDir) => {
                let entries = self.entries(request.offset);
                answer.payload = self.fill(slot, &entries);
                answer.result = i64::from(answer.payload);
            }
            Some(Op::ReadLink) => {
                let target =
                    self.random
                        .pick(&["a", "../a", "/", "", "a/b/../c", "/proc/self/fd/0"]);
                answer.payload = self.fill(slot, target.as_bytes());
                answer.result = i64::from(answer.payload);
            }
            Some(Op::StatFs) => {
                let told = StatFs {
                    block_size: self.random.edge(),
                    blocks: self.random.edge(),
                    ..StatFs::default()
                };
                answer.payload = self.fill(slot, bytes_of(&told));
            }
            Some(Op::Open) => {
                answer.values = [self.random.below(4) as u64, self.random.next() & 0x3f];
                if self.random.one_in(8) {
                    answer.fd = self.descriptor();
                }
            }
            Some(Op::Read) => {
                answer.payload = self.random.below(length as usize + 1) as u32;
                answer.result = i64::from(answer.payload);
            }
            Some(Op::Write) => answer.result = self.random.below(length as usize + 1) as i64,
            Some(Op::Ioctl) => {
                answer.payload = request.payload;
                if self.random.one_in(2) {
                    answer.fd = self.descriptor();
                    native(SCHEME_TAKE_FD, [self.fd, request.id as usize, 0]);
                }
            }
            Some(Op::Map) => {
                answer.fd = sys!(SYS_memfd_create, c"served".as_ptr(), libc::MFD_CLOEXEC) as i32;
                sys!(SYS_ftruncate, answer.fd, self.random.below(64) << 10);
                answer.values[0] = (self.random.below(32) as u64) << 12;
            }
            _ => {}
        }
        if self.random.one_in(10) {
            // −EAGAIN, which a reader waits after.
            answer.result = -11;
        }
        answer
    }

    fn attr(&mut self) -> Attr {
        let kinds = [
            libc::S_IFREG,
            libc::S_IFREG,
            libc::S_IFDIR,
            libc::S_IFLNK,
            libc::S_IFCHR,
            libc::S_IFIFO,
            libc::S_IFSOCK,
            0,
        ];
        let small = self.random.below(1 << 20) as u64;
        Attr {
            node: self.random.below(8) as u64,
            size: if self.random.one_in(4) {
                self.random.edge()
            } else {
                small
            },
            mode: self.random.pick(&kinds) | self.random.pick(&[0o777, 0o7777, 0, 0o644]),
            links: self.random.below(3) as u32,
            uid: self.random.pick(&[0, 65534, u32::MAX]),
            mtime: self.random.edge() as i64,
            ..Attr::default()
        }
    }

    /// Records of a directory, some of which are none.
    fn entries(&mut self, after: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let count = if after > 20 { 0 } else { self.random.below(6) };
        for at in 0..count {
            let name = self
                .random
                .pick(&["a", "b", "c", "a long name", "..", "", "x/y"]);
            let length = if self.random.one_in(8) {
                self.random.edge() as u16
            } else {
                name.len() as u16
            };
            let entry = DirEntry {
                node: self.random.below(8) as u64,
                cookie: if self.random.one_in(8) {
                    self.random.edge()
                } else {
                    after + at as u64 + 1
                },
                name_length: length,
                kind: self.random.below(16) as u8,
                _reserved: [0; 5],
            };
            bytes.extend(bytes_of(&entry));
            bytes.extend(name.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        bytes
    }

    /// A descriptor of its own, such as leads to itself, or none.
    fn descriptor(&mut self) -> i32 {
        match self.random.below(4) {
            0 => self.fd as i32,
            1 => self.random.below(8) as i32,
            2 => self.random.edge() as i32,
            _ => sys!(SYS_eventfd2, 0, libc::EFD_CLOEXEC) as i32,
        }
    }

    /// What no server does.
    fn misbehave(&mut self) {
        let told = |id, kind, level| Completion {
            id,
            result: 0,
            kind,
            payload: 0,
            values: [level, 0],
            fd: -1,
            _reserved: [0; 5],
        };
        match self.random.below(60) {
            // After that, little of the ring is of use.
            0 if self.random.one_in(8) => {
                let field = self.random.below(4) * 4;
                let value = self.random.edge() as u32;
                self.set(field, value);
            }
            1..4 => {
                let (file, level) = (self.random.below(6) as u64, self.random.edge());
                self.put(&told(file, LEVEL, level));
            }
            4..6 => {
                let node = self.random.below(8) as u64;
                self.put(&told(node, INVALIDATE, 0));
            }
            6 => {
                let (id, kind) = (self.random.edge(), self.random.edge() as u32);
                self.put(&told(id, kind, 0));
            }
            // It waits for itself until it is ended.
            7 if self.random.one_in(100) => {
                let mut stat = [0_u8; 256];
                sys!(SYS_stat, self.path.as_ptr(), stat.as_mut_ptr());
            }
            // What it was given is used up.
            8 => (20..60).for_each(|fd| _ = sys!(SYS_close, fd)),
            _ => {}
        }
    }
}

/// An entry of an ioctl table: what the kernel moves for each command.
fn command(random: &mut Random) -> Command {
    let number = random.pick(&clients::COMMANDS) as u32;
    let arrays = [0; MAX_ARRAYS].map(|_| Array {
        pointer_offset: random.pick(&[0, 8, 16, 4092, 0xffff]),
        count_offset: random.pick(&[0, 4, 24, 0xffff]),
        count_kind: random.below(4) as u8,
        direction: random.below(4) as u8,
        element: random.pick(&[0, 1, 4, 8, 0xffff]),
    });
    let mut command = Command::new(number, &arrays[..random.below(MAX_ARRAYS + 1)]);
    command.flags = random.below(4) as u32;
    command.fd_in = random.pick(&[0xffff, 0, 4, 4096]);
    command.fd_out = random.pick(&[0xffff, 0, 4, 4096]);
    command
}

/// Writes into the ring without end, whoever else does.
fn scribble(ring: usize, mut random: Random) {
    loop {
        let within = match random.below(400) {
            0 => random.below(16),
            1..100 => REQUESTS + random.below(COMPLETIONS - REQUESTS),
            100..200 => COMPLETIONS + random.below(SLOTS * size_of::<Completion>()),
            _ => random.below(RING_SIZE),
        };
        let byte = random.edge() as u8;
        // SAFETY: within the mapped ring, which the kernel expects to change at any time.
        unsafe { ((ring + within) as *mut u8).write_volatile(byte) };
        if random.one_in(64) {
            sys!(SYS_sched_yield);
        }
    }
}
