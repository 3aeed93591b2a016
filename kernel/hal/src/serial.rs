//! The debug serial ports COM1 to COM4 (16550): polled output, input by interrupt.

pub const PORTS: usize = 4;

#[must_use]
pub fn exists(_port: usize) -> bool {
    todo!()
}

/// Writes all bytes, waiting for the transmitter.
pub fn write(_port: usize, _bytes: &[u8]) {
    todo!()
}

/// Takes what has been received; returns the count.
pub fn try_read(_port: usize, _dst: &mut [u8]) -> usize {
    todo!()
}

/// Turns on the receive interrupt: `KernelUpcalls::serial` is called when bytes wait.
pub fn enable_receive(_port: usize) {
    todo!()
}
