//! Transfer request blocks (xHCI 1.2, 6.4): what the driver and the controller hand each other.

pub const SIZE: usize = 16;

pub const NORMAL: u32 = 1;
pub const SETUP: u32 = 2;
pub const DATA: u32 = 3;
pub const STATUS: u32 = 4;
pub const LINK: u32 = 6;
pub const ENABLE_SLOT: u32 = 9;
pub const DISABLE_SLOT: u32 = 10;
pub const ADDRESS_DEVICE: u32 = 11;
pub const CONFIGURE_ENDPOINT: u32 = 12;
pub const EVALUATE_CONTEXT: u32 = 13;
pub const RESET_ENDPOINT: u32 = 14;
pub const STOP_ENDPOINT: u32 = 15;
pub const SET_DEQUEUE: u32 = 16;
pub const TRANSFER_EVENT: u32 = 32;
pub const COMMAND_EVENT: u32 = 33;
pub const PORT_EVENT: u32 = 34;
pub const CONTROLLER_EVENT: u32 = 37;

pub const CYCLE: u32 = 1 << 0;
/// Of a link: the cycle bit turns over behind it.
pub const TOGGLE: u32 = 1 << 1;
pub const INTERRUPT_ON_SHORT: u32 = 1 << 2;
pub const INTERRUPT_ON_COMPLETION: u32 = 1 << 5;
pub const IMMEDIATE: u32 = 1 << 6;
/// Of a data or status stage: from the device.
pub const IN: u32 = 1 << 16;

/// Completion codes (6.4.5).
pub const SUCCESS: u8 = 1;
pub const SHORT_PACKET: u8 = 13;
pub const RING_STOPPED: u8 = 24;
pub const ABORTED: u8 = 25;

/// One block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trb {
    pub parameter: u64,
    pub status: u32,
    pub control: u32,
}

impl Trb {
    #[must_use]
    pub fn new(kind: u32, parameter: u64, status: u32, flags: u32) -> Trb {
        Trb {
            parameter,
            status,
            control: kind << 10 | flags,
        }
    }

    /// A command about a slot, and perhaps one of its endpoints.
    #[must_use]
    pub fn command(kind: u32, parameter: u64, slot: u8, endpoint: u8) -> Trb {
        let about = u32::from(slot) << 24 | u32::from(endpoint) << 16;
        Trb::new(kind, parameter, 0, about)
    }

    #[must_use]
    pub fn kind(&self) -> u32 {
        self.control >> 10 & 0x3f
    }

    /// Of an event: how what it is about ended.
    #[must_use]
    pub fn code(&self) -> u8 {
        (self.status >> 24) as u8
    }

    /// Of a transfer event: bytes that were not moved.
    #[must_use]
    pub fn residue(&self) -> u32 {
        self.status & 0xff_ffff
    }

    #[must_use]
    pub fn slot(&self) -> u8 {
        (self.control >> 24) as u8
    }

    #[must_use]
    pub fn endpoint(&self) -> u8 {
        (self.control >> 16) as u8 & 0x1f
    }
}
