//! The devices that are no hardware: null, zero, full, random, urandom, kmsg.

use crate::errno::{Errno, Result};
use crate::file::{Events, File, Io, View};
use crate::fs::device::{self, Device};
use crate::fs::kernel_log;
use crate::fs::node::{DeviceNumber, Node, OpenFlags};
use crate::mm::object::MemoryObject;
use crate::sched::cpu;
use crate::uio::{Dest, Source};
use alloc::sync::Arc;
use core::any::Any;

/// Major number of this family.
const MAJOR: u32 = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Zero,
    Full,
    Random,
}

struct MemoryDevice {
    kind: Kind,
    node: Arc<Node>,
}

impl File for MemoryDevice {
    fn read(&self, _io: Io, dst: &mut Dest<'_>) -> Result<usize> {
        match self.kind {
            Kind::Null => Ok(0),
            Kind::Zero | Kind::Full => fill_zeroes(dst),
            Kind::Random => fill_random(dst),
        }
    }

    fn write(&self, _io: Io, src: &mut Source<'_>) -> Result<usize> {
        if self.kind == Kind::Full {
            return Err(Errno::ENOSPC);
        }
        let len = src.remaining();
        src.skip(len);
        Ok(len)
    }

    fn splices(&self) -> Events {
        match self.kind {
            Kind::Null => Events::WRITABLE,
            Kind::Full => Events::READABLE,
            Kind::Zero | Kind::Random => Events::READABLE | Events::WRITABLE,
        }
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn memory(&self, _offset: u64, len: usize, _write: bool) -> Result<View> {
        match self.kind {
            Kind::Zero => Ok(View::new(MemoryObject::anonymous(len as u64), 0)),
            _ => Err(Errno::ENODEV),
        }
    }

    fn node(&self) -> Option<Arc<Node>> {
        Some(self.node.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Zeroes, until a signal comes: a read may be long.
fn fill_zeroes(dst: &mut Dest<'_>) -> Result<usize> {
    const STEP: usize = 1 << 16;
    let before = dst.done();
    while !dst.is_full() {
        let moved = dst.put_zeroes(dst.remaining().min(STEP));
        match moved {
            Err(error) if dst.done() == before => return Err(error),
            Err(_) => break,
            Ok(()) if !cpu::keep_on() => break,
            Ok(()) => {}
        }
    }
    Ok(dst.done() - before)
}

/// Random bytes; a signal is looked at between chunks, as a read may be long.
fn fill_random(dst: &mut Dest<'_>) -> Result<usize> {
    let before = dst.done();
    while !dst.is_full() {
        let mut chunk = [0; 256];
        let n = chunk.len().min(dst.remaining());
        for word in chunk[..n].chunks_mut(8) {
            let random = ochre_hal::cpu::random_u64().to_ne_bytes();
            word.copy_from_slice(&random[..word.len()]);
        }
        let moved = dst.put(&chunk[..n]);
        let done = dst.done() - before;
        if done.is_multiple_of(1 << 16) {
            cpu::breathe();
        }
        match moved {
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
            Ok(()) if done >= 1 << 20 && crate::sched::current().has_signal() => break,
            Ok(()) => {}
        }
    }
    Ok(dst.done() - before)
}

struct MemoryDriver(Kind);

impl Device for MemoryDriver {
    fn open(&self, node: &Arc<Node>, _flags: OpenFlags) -> Result<Arc<dyn File>> {
        Ok(Arc::new(MemoryDevice {
            kind: self.0,
            node: node.clone(),
        }))
    }
}

/// Name, number and mode of each node to be made in /dev.
pub const NODES: [(&str, DeviceNumber, u32); 6] = [
    ("null", DeviceNumber::new(MAJOR, 3), 0o666),
    ("zero", DeviceNumber::new(MAJOR, 5), 0o666),
    ("full", DeviceNumber::new(MAJOR, 7), 0o666),
    ("random", DeviceNumber::new(MAJOR, 8), 0o666),
    ("urandom", DeviceNumber::new(MAJOR, 9), 0o666),
    ("kmsg", DeviceNumber::new(MAJOR, 11), 0o644),
];

/// Registers the drivers.
pub fn register() {
    for (minor, kind) in [
        (3, Kind::Null),
        (5, Kind::Zero),
        (7, Kind::Full),
        (8, Kind::Random),
        (9, Kind::Random),
    ] {
        device::register(
            DeviceNumber::new(MAJOR, minor),
            Arc::new(MemoryDriver(kind)),
        );
    }
    device::register(
        DeviceNumber::new(MAJOR, 11),
        Arc::new(kernel_log::LogDriver),
    );
}
