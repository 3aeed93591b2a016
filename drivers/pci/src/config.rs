//! Configuration space by mechanism #1: an address port and a data port (PCI 3.0, 3.2.2.3.2).

use ochre_abi::native::{Derive, DeriveKind};
use ochre_driver::capability::Ports;
use ochre_driver::{Result, native};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

const FIRST_PORT: u64 = 0xcf8;
const ADDRESS: u16 = 0;
const DATA: u16 = 4;

/// Bus, device and function numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    pub bus: u8,
    pub device: u8,
    pub function: u8,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }
}

/// The way to the configuration space of every function.
pub struct Space(Ports);

impl Space {
    pub fn new(machine: &OwnedFd) -> Result<Space> {
        let what = Derive {
            kind: DeriveKind::Ports as u32,
            flags: 0,
            start: FIRST_PORT,
            length: 8,
        };
        Ok(Space(Ports::new(native::derive(machine.as_fd(), what)?)))
    }

    fn select(&self, at: Location, offset: u8) -> Result<()> {
        let address = 1 << 31
            | u32::from(at.bus) << 16
            | u32::from(at.device) << 11
            | u32::from(at.function) << 8
            | u32::from(offset & !3);
        self.0.write_u32(ADDRESS, address)
    }

    /// The word at `offset`, a multiple of 4; all ones where no function answers.
    pub fn read(&self, at: Location, offset: u8) -> u32 {
        let word = self.select(at, offset).and_then(|()| self.0.read_u32(DATA));
        word.unwrap_or(u32::MAX)
    }

    pub fn write(&self, at: Location, offset: u8, value: u32) -> Result<()> {
        self.select(at, offset)?;
        self.0.write_u32(DATA, value)
    }

    /// The whole 256 bytes.
    pub fn snapshot(&self, at: Location) -> Vec<u8> {
        (0..64u8)
            .flat_map(|word| self.read(at, word * 4).to_le_bytes())
            .collect()
    }
}
