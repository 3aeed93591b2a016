//! An open file of a scheme.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io, View};
use crate::fs::node::{Attributes, Node, OpenFlags};
use crate::sched::wait::{Interrupt, WaitQueue, wait_until};
use crate::scheme::instance::Scheme;
use crate::scheme::life::Life;
use crate::scheme::{ioctl, node};
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU32, Ordering};
use ochre_abi::scheme::{Op, PAYLOAD, Request};

/// Belongs to the life of the server that opened it: when that server dies, the file is dead
/// (ENODEV, POLLHUP), unless requests of the scheme can be repeated.
pub struct SchemeFile {
    life: Arc<Life>,
    node: Arc<Node>,
    number: u64,
    /// The server's number for the open file.
    file: u64,
    level: AtomicU32,
    changed: WaitQueue,
    seekable: bool,
}

impl SchemeFile {
    pub fn open(
        scheme: &Arc<Scheme>,
        number: u64,
        node: &Arc<Node>,
        flags: OpenFlags,
    ) -> Result<Arc<dyn File>> {
        let life = scheme.life()?;
        let request = Request {
            args: [u64::from(flags.bits()), 0, 0, 0],
            ..node::request(Op::Open, number)
        };
        let reply = life.call(request, None, |_, _, _| Ok(()))?;
        let [file, level] = reply.values();
        let file = Arc::new(SchemeFile {
            life: life.clone(),
            node: node.clone(),
            number,
            file,
            level: AtomicU32::new(level as u32),
            changed: WaitQueue::new(),
            seekable: node.kind() == crate::fs::node::NodeKind::Regular,
        });
        life.add_file(file.file, &file);
        if life.is_dead() {
            file.hang_up();
        }
        Ok(file)
    }

    /// The server says how ready the file is.
    pub fn set_level(&self, level: Events) {
        self.level.store(level.bits(), Ordering::Release);
        self.changed.wake_all(level);
    }

    /// The server had nothing to give: until it says otherwise, there is nothing to read.
    pub fn was_empty(&self) {
        if !self.seekable {
            let rest = !Events::READABLE.bits();
            self.level.fetch_and(rest, Ordering::AcqRel);
        }
    }

    /// How ready it is when its client gets it: nobody waits yet.
    pub fn begin_at(&self, level: Events) {
        self.level.store(level.bits(), Ordering::Release);
    }

    /// The server is dead.
    pub fn hang_up(&self) {
        self.set_level(Events::HUP | Events::ERR);
    }

    fn level(&self) -> Events {
        Events::from_bits_truncate(self.level.load(Ordering::Acquire))
    }

    /// A request about this file.
    pub fn request(&self, op: Op) -> Request {
        Request {
            file: self.file,
            ..node::request(op, self.number)
        }
    }

    #[must_use]
    pub fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// Sleeps until the level has one of `events` (or the server is gone). Regular files are always
    /// ready.
    fn wait_for(&self, events: Events, nonblock: bool) -> Result {
        let ready = || {
            if self.life.is_dead() {
                return Some(Err(Errno::ENODEV));
            }
            (self.seekable || self.level().intersects(events)).then_some(Ok(()))
        };
        if nonblock {
            return ready().unwrap_or(Err(Errno::EAGAIN));
        }
        wait_until(&[&self.changed], None, Interrupt::Signals, ready)?
    }
}

impl File for SchemeFile {
    fn read(&self, io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        loop {
            self.wait_for(Events::IN | Events::HUP | Events::ERR, io.nonblock)?;
            let wanted = dst.remaining().min(PAYLOAD);
            let request = Request {
                offset: io.offset,
                length: wanted as u64,
                ..self.request(Op::Read)
            };
            let reply = match self.life.call(request, None, |_, _, _| Ok(())) {
                // The level was old news: another reader was faster. The answer has taken it back.
                Err(Errno::EAGAIN) if !io.nonblock && !self.seekable => continue,
                other => other?,
            };
            let len = usize::try_from(reply.result())
                .unwrap_or(usize::MAX)
                .min(wanted);
            reply.ring().give(reply.slot(), dst, len)?;
            return Ok(len);
        }
    }

    fn write(&self, io: Io, src: &mut Source<'_>) -> Result<usize> {
        self.wait_for(Events::OUT | Events::HUP | Events::ERR, io.nonblock)?;
        let len = src.remaining().min(PAYLOAD);
        let request = Request {
            offset: io.offset,
            length: len as u64,
            ..self.request(Op::Write)
        };
        let reply = self.life.call(request, None, |ring, slot, request| {
            request.payload = len as u32;
            ring.take(slot, src, len)
        })?;
        Ok(usize::try_from(reply.result())
            .unwrap_or(usize::MAX)
            .min(len))
    }

    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn splices(&self) -> Events {
        // Devices are asked for their bytes one read at a time.
        if self.seekable {
            Events::READABLE | Events::WRITABLE
        } else {
            Events::empty()
        }
    }

    fn poll(&self) -> Events {
        if self.life.is_dead() {
            return Events::HUP | Events::ERR;
        }
        let level = self.level();
        let mut events = level;
        if level.contains(Events::IN) {
            events |= Events::RDNORM;
        }
        if level.contains(Events::OUT) {
            events |= Events::WRNORM;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.changed)
    }

    fn attributes(&self) -> Result<Attributes> {
        self.node.attributes()
    }

    fn ioctl(&self, cmd: u32, arg: usize) -> Result<usize> {
        ioctl::perform(self, cmd, arg)
    }

    fn memory(&self, offset: u64, len: usize, write: bool) -> Result<View> {
        let request = Request {
            offset,
            length: len as u64,
            args: [u64::from(write), 0, 0, 0],
            ..self.request(Op::Map)
        };
        let reply = self.life.call(request, None, |_, _, _| Ok(()))?;
        let [at, _] = reply.values();
        let memory = reply.fd.clone().ok_or(Errno::ENODEV)?;
        drop(reply);
        if memory.file().as_any().is::<SchemeFile>() {
            // Mappings of mappings could go in circles.
            return Err(Errno::ENODEV);
        }
        // The server gives what it may do itself, and no more.
        if write && !memory.writable() {
            return Err(Errno::EACCES);
        }
        let end = at.checked_add(len as u64);
        if end.is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(Errno::EIO);
        }
        let view = memory.file().memory(at, len, write)?;
        Ok(View {
            writable: view.writable && memory.writable(),
            ..view
        })
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for SchemeFile {
    fn drop(&mut self) {
        self.life.remove_file(self.file);
        self.life.post(self.request(Op::Close));
    }
}
