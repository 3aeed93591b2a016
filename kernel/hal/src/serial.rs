//! The debug serial ports COM1 to COM4 (16550): input and output by interrupt, and polled output for the
//! kernel's own lines.

use crate::sync::{Once, SpinLock};
use crate::traps::vector;
use crate::upcalls::upcalls;
use crate::x86::{inb, outb};
use crate::{irq, rank};
use core::sync::atomic::{AtomicU8, Ordering};

pub const PORTS: usize = 4;

const BASES: [u16; PORTS] = [0x3f8, 0x2f8, 0x3e8, 0x2e8];
/// The interrupt lines a port may be on: the third and fourth share the first two's on old boards,
/// and have lines of their own on others.
const LINES: [&[u8]; PORTS] = [&[4], &[3], &[5, 4], &[7, 3]];

const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const FIFO_CONTROL: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;
const SCRATCH: u16 = 7;

/// Of the interrupt enable register: a byte came, the transmitter is empty.
const ON_RECEIVED: u8 = 1;
const ON_TRANSMIT_EMPTY: u8 = 2;

/// Of the line status register.
const RECEIVED: u8 = 1;
const TRANSMIT_EMPTY: u8 = 0x20;
/// Bytes that fit once the transmitter is empty.
const FIFO: usize = 16;
/// Turns to wait for a transmitter; a dead one costs its bytes, not the system.
const PATIENCE: usize = 1 << 20;

static LOCKS: [SpinLock<()>; PORTS] = [const { SpinLock::new(rank::SERIAL, ()) }; PORTS];
static PRESENT: Once<[bool; PORTS]> = Once::new();
/// What each port interrupts for; none but those that were asked for by [`enable_interrupts`]. Changed under
/// the port's lock.
static ENABLED: [AtomicU8; PORTS] = [const { AtomicU8::new(0) }; PORTS];

fn read(port: usize, register: u16) -> u8 {
    // SAFETY: the UARTs' registers have no effect on memory.
    unsafe { inb(BASES[port] + register) }
}

fn write_register(port: usize, register: u16, value: u8) {
    // SAFETY: as in `read`.
    unsafe { outb(BASES[port] + register, value) };
}

fn probe(port: usize) -> bool {
    write_register(port, SCRATCH, 0x5a);
    if read(port, SCRATCH) != 0x5a {
        return false;
    }
    write_register(port, INTERRUPT_ENABLE, 0);
    // 115200 baud, 8n1, FIFOs on and empty, OUT2 (which gates the interrupt line). The interrupt comes
    // with the eighth byte, or when no more came for the time of four: what a terminal sends at once (its
    // answer to where the cursor is) is read at once, and its ESC isn't taken for a key.
    write_register(port, LINE_CONTROL, 0x80);
    write_register(port, DATA, 1);
    write_register(port, INTERRUPT_ENABLE, 0);
    write_register(port, LINE_CONTROL, 3);
    write_register(port, FIFO_CONTROL, 0x87);
    write_register(port, MODEM_CONTROL, 0xb);
    true
}

fn present() -> &'static [bool; PORTS] {
    PRESENT.get_or_init(|| core::array::from_fn(probe))
}

/// Finds the ports, so that even the first failure can be told.
pub(crate) fn init() {
    present();
}

#[must_use]
pub fn exists(port: usize) -> bool {
    present().get(port).copied().unwrap_or(false)
}

fn is_empty(port: usize) -> bool {
    read(port, LINE_STATUS) & TRANSMIT_EMPTY != 0
}

/// Polls; gives up where the transmitter stands still: what is written over a full one would push out what
/// others have sent.
fn transmit(port: usize, bytes: &[u8]) {
    for chunk in bytes.chunks(FIFO) {
        if !(0..PATIENCE).any(|_| is_empty(port)) {
            return;
        }
        for &byte in chunk {
            write_register(port, DATA, byte);
        }
    }
}

/// Writes all bytes, waiting for the transmitter: the kernel's own lines.
pub fn write(port: usize, bytes: &[u8]) {
    if exists(port) {
        let _guard = LOCKS[port].lock();
        transmit(port, bytes);
    }
}

/// As [`write`] to the first port, whoever holds its lock: for panics.
pub(crate) fn write_regardless(bytes: &[u8]) {
    if PRESENT.get().is_some_and(|p| p[0]) {
        transmit(0, bytes);
    }
}

/// Writes what fits if the transmitter is empty; returns the count. It does not wait: where not all went,
/// `KernelUpcalls::serial` is called once more does.
pub fn try_write(port: usize, bytes: &[u8]) -> usize {
    if !exists(port) {
        return bytes.len();
    }
    let _guard = LOCKS[port].lock();
    let mut sent = 0;
    while sent < bytes.len() && is_empty(port) {
        let chunk = &bytes[sent..bytes.len().min(sent + FIFO)];
        for &byte in chunk {
            write_register(port, DATA, byte);
        }
        sent += chunk.len();
    }
    let before = ENABLED[port].load(Ordering::Relaxed);
    let waits = before & ON_RECEIVED != 0 && sent < bytes.len();
    let now = before & !ON_TRANSMIT_EMPTY | if waits { ON_TRANSMIT_EMPTY } else { 0 };
    if now != before {
        ENABLED[port].store(now, Ordering::Relaxed);
        write_register(port, INTERRUPT_ENABLE, now);
    }
    sent
}

/// Takes what has been received; returns the count.
pub fn try_read(port: usize, dst: &mut [u8]) -> usize {
    if !exists(port) {
        return 0;
    }
    let _guard = LOCKS[port].lock();
    let mut len = 0;
    while len < dst.len() && read(port, LINE_STATUS) & RECEIVED != 0 {
        dst[len] = read(port, DATA);
        len += 1;
    }
    len
}

/// Turns interrupts on: `KernelUpcalls::serial` is called when bytes wait, or when some that
/// [`try_write`] left can be sent.
pub fn enable_interrupts(port: usize) {
    if !exists(port) {
        return;
    }
    for &line in LINES[port] {
        let (gsi, level, active_low) = irq::isa_irq(line);
        if irq::route(gsi, irq::Vector(vector::SERIAL), level, active_low).is_ok() {
            irq::unmask(gsi);
        }
    }
    let _guard = LOCKS[port].lock();
    ENABLED[port].fetch_or(ON_RECEIVED, Ordering::Relaxed);
    write_register(
        port,
        INTERRUPT_ENABLE,
        ENABLED[port].load(Ordering::Relaxed),
    );
}

/// The ports' common interrupt.
pub(crate) fn interrupt() {
    // Twice: on a line that two ports share, an edge is lost while the other one holds it.
    for port in (0..PORTS).chain(0..PORTS) {
        let enabled = ENABLED[port].load(Ordering::Relaxed);
        let [received, sent] = [(ON_RECEIVED, RECEIVED), (ON_TRANSMIT_EMPTY, TRANSMIT_EMPTY)]
            .map(|(of, status)| enabled & of != 0 && read(port, LINE_STATUS) & status != 0);
        if received || sent {
            (upcalls().serial)(port);
        }
    }
}
