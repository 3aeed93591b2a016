//! Pseudo-terminals: /dev/ptmx, and the directory /dev/pts of the slaves in use.
//!
//! A pair is a [`Tty`] (the slave, with its line discipline) whose device is a queue that the
//! master reads. The master's end hangs the slave up; the slave's last close is the master's EIO.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io};
use crate::fs::access::Identity;
use crate::fs::device::{self, Device};
use crate::fs::namespace::Path;
use crate::fs::node::{
    AttributeChange, Attributes, DeviceNumber, DirEntry, Inode, Node, NodeKind, OpenFlags, StatFs,
    Timestamp,
};
use crate::fs::open::OpenFile;
use crate::ipc::tty::termios::Termios;
use crate::ipc::tty::{Driver, Tty, TtyFile, control};
use crate::ipc::wait_for;
use crate::linux::general as raw;
use crate::linux::ioctl as cmd;
use crate::lock_order;
use crate::mm::uptr::UserPtr;
use crate::population::{Counted, ObjectKind};
use crate::sched::wait::WaitQueue;
use crate::sched::{self, cpu};
use crate::task::Pid;
use crate::task::limits::Resource;
use crate::uio::{Dest, Source};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use ochre_hal::admission::{self, Room};
use ochre_hal::sync::{Once, SpinLock};

pub const PTMX: DeviceNumber = DeviceNumber::new(5, 2);
const SLAVE_MAJOR: u32 = 136;
/// Output that waits for the master.
const SCREEN_MAX: usize = 16 << 10;
const PAIRS_MAX: u32 = 4096;

const DEVICE: DeviceNumber = DeviceNumber::new(0, 3);

/// The slave's output, on its way to the master.
struct Screen {
    queue: SpinLock<VecDeque<u8>>,
    /// Waiters at the master: for output, for room for input, for the slave to be opened.
    wait: WaitQueue,
    master_gone: AtomicBool,
    /// Packet mode (TIOCPKT), and what it has to report.
    packet: AtomicBool,
    report: AtomicU8,
}

impl Driver for Screen {
    fn room(&self) -> usize {
        if self.master_gone.load(Ordering::Relaxed) {
            return SCREEN_MAX;
        }
        SCREEN_MAX.saturating_sub(self.queue.lock().len())
    }

    fn write(&self, bytes: &[u8]) {
        if !self.master_gone.load(Ordering::Relaxed) {
            let mut queue = self.queue.lock();
            // Echo may come beyond the limit while nobody reads: then it is lost.
            if queue.len() < 2 * SCREEN_MAX && queue.room(bytes.len()).is_ok() {
                queue.extend(bytes);
            }
        }
    }

    fn pending(&self) -> usize {
        0
    }

    /// What the master could have read already stays, as on Linux.
    fn discard(&self) {
        self.report
            .fetch_or(raw::TIOCPKT_FLUSHWRITE as u8, Ordering::Relaxed);
    }

    fn notify(&self) {
        self.wait.wake_all(Events::all());
    }

    fn settings_changed(&self, old: &Termios, new: &Termios) {
        let stops = |t: &Termios| {
            t.input(raw::IXON)
                && t.cc[raw::VSTOP as usize] == 0x13
                && t.cc[raw::VSTART as usize] == 0x11
        };
        if stops(old) != stops(new) {
            let report = if stops(new) {
                raw::TIOCPKT_DOSTOP
            } else {
                raw::TIOCPKT_NOSTOP
            };
            self.report.fetch_or(report as u8, Ordering::Relaxed);
        }
    }
}

/// A slave's first settings: nothing hangs up a modem here.
fn settings() -> Termios {
    let standard = Termios::default();
    Termios {
        cflag: standard.cflag & !raw::HUPCL,
        ..standard
    }
}

struct Owner {
    uid: u32,
    gid: u32,
    mode: u32,
    time: Timestamp,
}

struct Pair {
    _counted: Counted<{ ObjectKind::Terminal as usize }>,
    index: u32,
    tty: Arc<Tty>,
    screen: Arc<Screen>,
    /// TIOCSPTLCK: the slave cannot be opened yet.
    locked: AtomicBool,
    /// Somebody has opened the slave before.
    was_opened: AtomicBool,
    owner: SpinLock<Owner>,
}

impl Pair {
    fn slave_open(&self) -> bool {
        self.tty.state.lock().opens > 0
    }

    fn slave_closed(&self) -> bool {
        self.was_opened.load(Ordering::SeqCst) && !self.slave_open()
    }

    fn open_slave(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<TtyFile>> {
        let file = TtyFile::open(&self.tty, node, flags)?;
        self.was_opened.store(true, Ordering::SeqCst);
        Ok(file)
    }
}

type Pairs = BTreeMap<u32, (Weak<Pair>, Arc<Node>)>;

/// All pairs: by index, the pair and the slave's node.
static PAIRS: SpinLock<Pairs> = SpinLock::new(lock_order::FS_NAMES, BTreeMap::new());

/// The master's end.
struct Master {
    pair: Arc<Pair>,
    node: Arc<Node>,
}

fn open_master(node: &Arc<Node>) -> Result<Arc<dyn File>> {
    admission::ask()?;
    let credentials = sched::current().credentials();
    let screen = Arc::new(Screen {
        queue: SpinLock::new(lock_order::TTY_SCREEN, VecDeque::new()),
        wait: WaitQueue::new(),
        master_gone: AtomicBool::new(false),
        packet: AtomicBool::new(false),
        report: AtomicU8::new(0),
    });
    let owner = Owner {
        uid: credentials.uid.fs,
        gid: credentials.gid.fs,
        mode: 0o620,
        time: Timestamp::now(),
    };
    let mut pairs = PAIRS.lock();
    let index = (0..PAIRS_MAX)
        .find(|n| !pairs.contains_key(n))
        .ok_or(Errno::ENOSPC)?;
    let pair = Arc::new(Pair {
        _counted: Counted::new(),
        index,
        tty: Tty::new(
            DeviceNumber::new(SLAVE_MAJOR, index),
            screen.clone(),
            settings(),
        ),
        screen,
        locked: AtomicBool::new(true),
        was_opened: AtomicBool::new(false),
        owner: SpinLock::new(lock_order::CELL, owner),
    });
    let slave = Node::new(
        NodeKind::CharDevice,
        Slave {
            pair: Arc::downgrade(&pair),
            index,
        },
    );
    pairs.insert(index, (Arc::downgrade(&pair), slave));
    drop(pairs);
    Ok(Arc::new(Master {
        pair,
        node: node.clone(),
    }))
}

impl Drop for Master {
    fn drop(&mut self) {
        let removed = PAIRS.lock().remove(&self.pair.index);
        drop(removed);
        self.pair.screen.master_gone.store(true, Ordering::SeqCst);
        self.pair.tty.hang_up();
    }
}

impl Master {
    /// TIOCGPTPEER: a new description of the slave, in the caller's table.
    fn open_peer(&self, flags: u32) -> Result<usize> {
        let flags = OpenFlags::from_bits_truncate(flags);
        let node = PAIRS
            .lock()
            .get(&self.pair.index)
            .map(|(_, node)| node.clone());
        let node = node.ok_or(Errno::EIO)?;
        let file = self.pair.open_slave(&node, flags)?;
        let caller = sched::current();
        let path = slave_path(self.pair.index);
        let open = OpenFile::new(file, path, flags)?;
        let close_on_exec = flags.contains(OpenFlags::CLOEXEC);
        let limit = caller.process().limit(Resource::Files);
        caller
            .files()
            .insert(open, close_on_exec, limit)
            .map(|fd| fd as usize)
    }
}

/// Where the caller sees slave `index`.
fn slave_path(index: u32) -> Option<Path> {
    use crate::fs::path::Resolve;
    let view = sched::current().fs().view();
    let name = alloc::format!("/dev/pts/{index}");
    view.lookup(&Identity::kernel(), name.as_bytes(), Resolve::FOLLOW)
        .ok()
}

impl File for Master {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        let screen = &self.pair.screen;
        if dst.remaining() == 0 {
            return Ok(0);
        }
        let packet = screen.packet.load(Ordering::Relaxed);
        loop {
            let ready = || {
                let something = !screen.queue.lock().is_empty()
                    || (packet && screen.report.load(Ordering::Relaxed) != 0);
                if something {
                    Some(Ok(()))
                } else if self.pair.slave_closed() {
                    Some(Err(Errno::EIO))
                } else {
                    None
                }
            };
            wait_for(io.nonblock, &screen.wait, ready)??;
            let mut chunk = [0; 2048];
            let mut n = 0;
            if packet {
                let report = screen.report.swap(0, Ordering::Relaxed);
                if report != 0 {
                    dst.put(&[report])?;
                    return Ok(1);
                }
                chunk[0] = raw::TIOCPKT_DATA as u8;
                n = 1;
            }
            let control = n;
            {
                let mut queue = screen.queue.lock();
                let take = queue.len().min(chunk.len() - n).min(dst.remaining() - n);
                for (slot, byte) in chunk[n..].iter_mut().zip(queue.drain(..take)) {
                    *slot = byte;
                }
                n += take;
            }
            if n > control {
                self.pair.tty.output_drained();
                dst.put(&chunk[..n])?;
                return Ok(n);
            }
        }
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        let before = src.done();
        let tty = &self.pair.tty;
        while !src.is_full() {
            let ready = || {
                let room = tty.input_room();
                if room > 0 {
                    Some(Ok(room))
                } else if self.pair.slave_closed() {
                    Some(Err(Errno::EIO))
                } else {
                    None
                }
            };
            let room = match wait_for(io.nonblock, &self.pair.screen.wait, ready) {
                Ok(Ok(room)) => room,
                Ok(Err(_)) | Err(_) if src.done() > before => break,
                Ok(Err(error)) | Err(error) => return Err(error),
            };
            let mut chunk = [0; 512];
            let n = chunk.len().min(room).min(src.remaining());
            match src.take(&mut chunk[..n]) {
                Err(_) if src.done() > before => break,
                result => result?,
            }
            tty.receive(&chunk[..n]);
            // A line that is full takes, and drops, all that comes.
            if !cpu::keep_on() {
                break;
            }
        }
        Ok(src.done() - before)
    }

    fn splices(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    fn poll(&self) -> Events {
        let mut events = Events::empty();
        let screen = &self.pair.screen;
        let reports =
            screen.packet.load(Ordering::Relaxed) && screen.report.load(Ordering::Relaxed) != 0;
        if reports {
            events |= Events::PRI | Events::READABLE;
        }
        if !screen.queue.lock().is_empty() {
            events |= Events::READABLE;
        }
        if self.pair.tty.input_room() > 0 {
            events |= Events::WRITABLE;
        }
        if self.pair.slave_closed() {
            events |= Events::HUP;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.pair.screen.wait)
    }

    fn signals_events(&self) -> bool {
        true
    }

    /// A master is nobody's controlling terminal.
    fn foreground(&self) -> Option<Pid> {
        Some(0)
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(self.pair.screen.queue.lock().len())
    }

    fn ioctl(&self, command: u32, arg: usize) -> Result<usize> {
        match command {
            cmd::TIOCGPTN => UserPtr::new(arg).write(&self.pair.index)?,
            cmd::TIOCSPTLCK => {
                let lock = UserPtr::<u32>::new(arg).read()? != 0;
                self.pair.locked.store(lock, Ordering::SeqCst);
            }
            cmd::TIOCGPTLCK => {
                let locked = self.pair.locked.load(Ordering::SeqCst);
                UserPtr::new(arg).write(&u32::from(locked))?;
            }
            cmd::TIOCPKT => {
                let on = UserPtr::<u32>::new(arg).read()? != 0;
                self.pair.screen.report.store(0, Ordering::Relaxed);
                self.pair.screen.packet.store(on, Ordering::Relaxed);
            }
            cmd::TIOCGPTPEER => return self.open_peer(arg as u32),
            cmd::TIOCOUTQ => UserPtr::new(arg).write(&0u32)?,
            _ => return control::ioctl(&self.pair.tty, command, arg, true),
        }
        Ok(0)
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A slave's name in /dev/pts.
struct Slave {
    pair: Weak<Pair>,
    index: u32,
}

impl Inode for Slave {
    fn attributes(&self) -> Result<Attributes> {
        let pair = self.pair.upgrade().ok_or(Errno::EIO)?;
        let owner = pair.owner.lock();
        Ok(Attributes {
            dev: DEVICE,
            ino: u64::from(self.index) + 3,
            mode: raw::S_IFCHR | owner.mode,
            nlink: 1,
            uid: owner.uid,
            gid: owner.gid,
            rdev: DeviceNumber::new(SLAVE_MAJOR, self.index),
            size: 0,
            blocks: 0,
            block_size: 1024,
            atime: owner.time,
            mtime: owner.time,
            ctime: owner.time,
            btime: owner.time,
        })
    }

    fn set_attributes(&self, change: &AttributeChange) -> Result {
        let pair = self.pair.upgrade().ok_or(Errno::EIO)?;
        let mut owner = pair.owner.lock();
        owner.mode = change.mode.unwrap_or(owner.mode);
        owner.uid = change.uid.unwrap_or(owner.uid);
        owner.gid = change.gid.unwrap_or(owner.gid);
        Ok(())
    }

    fn open(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let pair = self.pair.upgrade().ok_or(Errno::EIO)?;
        if pair.locked.load(Ordering::SeqCst) {
            return Err(Errno::EIO);
        }
        Ok(pair.open_slave(node, flags)?)
    }

    fn serves_devices(&self) -> bool {
        true
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Ok(stat_fs())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn stat_fs() -> StatFs {
    StatFs {
        kind: u64::from(raw::DEVPTS_SUPER_MAGIC),
        block_size: 4096,
        name_max: 255,
        fsid: DEVICE.0,
        ..StatFs::default()
    }
}

/// /dev/pts.
struct Directory {
    ptmx: Once<Arc<Node>>,
    made: Timestamp,
}

/// /dev/pts/ptmx.
struct Multiplexer {
    made: Timestamp,
}

fn fixed(ino: u64, mode: u32, rdev: DeviceNumber, time: Timestamp) -> Attributes {
    Attributes {
        dev: DEVICE,
        ino,
        mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev,
        size: 0,
        blocks: 0,
        block_size: 1024,
        atime: time,
        mtime: time,
        ctime: time,
        btime: time,
    }
}

impl Inode for Multiplexer {
    fn attributes(&self) -> Result<Attributes> {
        Ok(fixed(2, raw::S_IFCHR | 0o666, PTMX, self.made))
    }

    fn open(&self, node: &Arc<Node>, _flags: OpenFlags) -> Result<Arc<dyn File>> {
        open_master(node)
    }

    fn serves_devices(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Directory {
    fn ptmx(&self) -> Arc<Node> {
        let make =
            || -> Arc<Node> { Node::new(NodeKind::CharDevice, Multiplexer { made: self.made }) };
        self.ptmx.get_or_init(make).clone()
    }
}

impl Inode for Directory {
    fn attributes(&self) -> Result<Attributes> {
        let none = DeviceNumber::default();
        Ok(Attributes {
            nlink: 2,
            ..fixed(1, raw::S_IFDIR | 0o755, none, self.made)
        })
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<Node>> {
        if name == b"ptmx" {
            return Ok(self.ptmx());
        }
        let text = core::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let index: u32 = text.parse().map_err(|_| Errno::ENOENT)?;
        let node = PAIRS.lock().get(&index).map(|(_, node)| node.clone());
        node.filter(|_| alloc::format!("{index}") == text)
            .ok_or(Errno::ENOENT)
    }

    fn read_dir(&self, from: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result {
        let kind = NodeKind::CharDevice;
        if from <= 3
            && !emit(DirEntry {
                ino: 2,
                kind,
                name: b"ptmx",
                next: 4,
            })
        {
            return Ok(());
        }
        let first = from.saturating_sub(4) as u32;
        let indices: Vec<u32> = PAIRS
            .lock()
            .range(first..)
            .map(|(&index, _)| index)
            .collect();
        for index in indices {
            let name = alloc::format!("{index}");
            let (ino, next) = (u64::from(index) + 3, u64::from(index) + 5);
            if !emit(DirEntry {
                ino,
                kind,
                name: name.as_bytes(),
                next,
            }) {
                break;
            }
        }
        Ok(())
    }

    fn stat_fs(&self) -> Result<StatFs> {
        Ok(stat_fs())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The root of /dev/pts.
#[must_use]
pub fn root() -> Arc<Node> {
    let made = Timestamp::now();
    Node::new(
        NodeKind::Directory,
        Directory {
            ptmx: Once::new(),
            made,
        },
    )
}

struct Ptmx;

impl Device for Ptmx {
    fn open(&self, node: &Arc<Node>, _flags: OpenFlags) -> Result<Arc<dyn File>> {
        open_master(node)
    }
}

/// Registers /dev/ptmx.
pub fn register() {
    device::register(PTMX, Arc::new(Ptmx));
}
