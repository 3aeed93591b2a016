//! The debug serial ports as terminals: /dev/ttyS0 to ttyS3, /dev/console (the first of them), and
//! /dev/tty, which is whatever the caller's session has.

use super::termios::Termios;
use super::{Driver, Tty, TtyFile, job};
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::device::{self, Device};
use crate::fs::node::{DeviceNumber, Node, OpenFlags};
use alloc::sync::Arc;
use ochre_hal::serial;
use ochre_hal::sync::Once;

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

/// A port: output is polled, so there is always room.
struct Port(usize);

impl Driver for Port {
    fn room(&self) -> usize {
        super::CHUNK
    }

    fn write(&self, bytes: &[u8]) {
        serial::write(self.0, bytes);
    }
}

static PORTS: [Once<Arc<Tty>>; serial::PORTS] = [const { Once::new() }; serial::PORTS];

/// A port's receive interrupt: no lock is held.
pub fn received(port: usize) {
    let Some(tty) = PORTS.get(port).and_then(Once::get) else {
        return;
    };
    let mut bytes = [0; 64];
    loop {
        let n = serial::try_read(port, &mut bytes);
        if n == 0 {
            return;
        }
        tty.receive(&bytes[..n]);
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
        let tty = slot.get_or_init(|| Tty::new(number, Arc::new(Port(port)), Termios::default()));
        device::register(number, Arc::new(SerialDevice(tty.clone())));
        if port == 0 {
            device::register(CONSOLE, Arc::new(SerialDevice(tty.clone())));
        }
        serial::enable_receive(port);
    }
}
