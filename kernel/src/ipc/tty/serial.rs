//! The debug serial ports as terminals: /dev/ttyS0 to ttyS3, /dev/console (the first of them), and
//! /dev/tty, which is whatever the caller's session has.

use super::termios::Termios;
use super::{Driver, Tty, TtyFile, job};
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::device::{self, Device};
use crate::fs::node::{DeviceNumber, Node, OpenFlags};
use crate::lock_order;
use crate::sched::wait::{self, Interrupt};
use crate::time::Deadline;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use ochre_hal::serial;
use ochre_hal::sync::{Once, SpinLock};

const TTY: DeviceNumber = DeviceNumber::new(5, 0);
const CONSOLE: DeviceNumber = DeviceNumber::new(5, 1);

const fn port_number(port: u32) -> DeviceNumber {
    DeviceNumber::new(4, 64 + port)
}

/// Name, number and mode of each node to be made in /dev.
pub const NODES: [(&str, DeviceNumber, u32); 7] = [
    ("tty", TTY, 0o666),
    ("console", CONSOLE, 0o600),
    ("ptmx", crate::ipc::pty::PTMX, 0o666),
    ("ttyS0", port_number(0), 0o660),
    ("ttyS1", port_number(1), 0o660),
    ("ttyS2", port_number(2), 0o660),
    ("ttyS3", port_number(3), 0o660),
];

/// Bytes kept while a port's transmitter is busy.
const UNSENT: usize = 8192;
/// The most that output processing makes of a byte: a tab.
const EXPANSION: usize = 8;
/// Bytes sent with the queue's lock held.
const PIECE: usize = 64;
/// How long the end of the system waits for a terminal that takes nothing.
const PATIENCE: u64 = 2_000_000_000;

/// A port, and the output that its transmitter has not taken yet.
struct Port {
    number: usize,
    unsent: SpinLock<VecDeque<u8>>,
}

impl Port {
    fn new(number: usize) -> Port {
        Port {
            number,
            unsent: SpinLock::new(lock_order::TTY_SCREEN, VecDeque::with_capacity(UNSENT)),
        }
    }

    /// Sends what the transmitter takes. True where those who wait for room, or for the end, go on.
    fn send(&self) -> bool {
        let mut goes_on = false;
        loop {
            let mut unsent = self.unsent.lock();
            let before = unsent.len();
            let front = unsent.as_slices().0;
            let piece = &front[..front.len().min(PIECE)];
            let (piece, sent) = (piece.len(), serial::try_write(self.number, piece));
            unsent.drain(..sent);
            let left = unsent.len();
            goes_on |= sent > 0 && (left == 0 || before > UNSENT / 2 && left <= UNSENT / 2);
            if sent < piece || left == 0 {
                return goes_on;
            }
        }
    }
}

impl Driver for Port {
    fn room(&self) -> usize {
        (UNSENT - self.unsent.lock().len()) / EXPANSION
    }

    /// An echo that there is no room for is dropped.
    fn write(&self, bytes: &[u8]) {
        let mut unsent = self.unsent.lock();
        let room = UNSENT - unsent.len();
        unsent.extend(&bytes[..bytes.len().min(room)]);
    }

    fn pending(&self) -> usize {
        self.unsent.lock().len()
    }

    fn discard(&self) {
        self.unsent.lock().clear();
    }

    fn notify(&self) {
        if self.send()
            && let Some(tty) = PORTS[self.number].get()
        {
            tty.output_drained();
        }
    }
}

static PORTS: [Once<Arc<Tty>>; serial::PORTS] = [const { Once::new() }; serial::PORTS];

/// A port's interrupt, of bytes that came or of room for more: no lock is held.
pub fn interrupt(port: usize) {
    let Some(tty) = PORTS.get(port).and_then(Once::get) else {
        return;
    };
    let mut bytes = [0; 64];
    loop {
        match serial::try_read(port, &mut bytes) {
            0 => break,
            n => tty.receive(&bytes[..n]),
        }
    }
    tty.driver.notify();
}

/// Lets the ports send what was written to them before the system ends; not for ever.
pub fn settle() {
    let deadline = Deadline::after(PATIENCE);
    for tty in PORTS.iter().filter_map(Once::get) {
        let sent = || (tty.driver.pending() == 0).then_some(());
        // Who ends the system does so even where a terminal stands still.
        let _ = wait::wait_until(&[&tty.output], Some(deadline), Interrupt::Never, sent);
    }
}

struct SerialDevice(Arc<Tty>);

impl Device for SerialDevice {
    fn open(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        Ok(TtyFile::open(&self.0, node, flags)?)
    }
}

/// /dev/tty.
struct CurrentTerminal;

impl Device for CurrentTerminal {
    fn open(&self, node: &Arc<Node>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let tty = job::current_terminal().ok_or(Errno::ENXIO)?;
        Ok(TtyFile::open(&tty, node, flags | OpenFlags::NO_CTTY)?)
    }
}

/// Registers the ports that exist; absent ones answer ENXIO.
pub fn register() {
    device::register(TTY, Arc::new(CurrentTerminal));
    for (port, slot) in PORTS.iter().enumerate() {
        if !serial::exists(port) {
            continue;
        }
        let number = port_number(port as u32);
        let tty =
            slot.get_or_init(|| Tty::new(number, Arc::new(Port::new(port)), Termios::default()));
        device::register(number, Arc::new(SerialDevice(tty.clone())));
        if port == 0 {
            device::register(CONSOLE, Arc::new(SerialDevice(tty.clone())));
        }
        serial::enable_interrupts(port);
    }
}
