//! Numbers and structs of evdev.

use bytemuck::{Pod, Zeroable};

/// `struct input_id`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct InputId {
    pub bus: u16,
    pub vendor: u16,
    pub product: u16,
    pub version: u16,
}

/// `struct input_absinfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct AbsInfo {
    pub value: i32,
    pub minimum: i32,
    pub maximum: i32,
    pub fuzz: i32,
    pub flat: i32,
    /// Units per millimetre.
    pub resolution: i32,
}

/// `struct input_event`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct InputEvent {
    pub seconds: i64,
    pub microseconds: i64,
    pub kind: u16,
    pub code: u16,
    pub value: i32,
}

pub const BUS_I8042: u16 = 0x11;
pub const BUS_VIRTUAL: u16 = 0x06;

pub const EV_SYN: u16 = 0x00;
pub const EV_KEY: u16 = 0x01;
pub const EV_REL: u16 = 0x02;
pub const EV_ABS: u16 = 0x03;
pub const EV_MSC: u16 = 0x04;
pub const EV_SW: u16 = 0x05;
pub const EV_LED: u16 = 0x11;
pub const EV_SND: u16 = 0x12;
pub const EV_REP: u16 = 0x14;
/// Event types.
pub const EV_COUNT: usize = 0x20;

pub const SYN_REPORT: u16 = 0;
pub const SYN_DROPPED: u16 = 3;
pub const REL_X: u16 = 0;
pub const REL_Y: u16 = 1;
pub const REL_WHEEL: u16 = 8;
pub const REL_WHEEL_HI_RES: u16 = 11;
pub const MSC_SCAN: u16 = 4;
pub const BTN_LEFT: u16 = 0x110;
pub const BTN_RIGHT: u16 = 0x111;
pub const BTN_MIDDLE: u16 = 0x112;

/// The driver interface's version, EV_VERSION.
pub const VERSION: i32 = 0x01_0001;

const fn number(direction: u32, nr: u32, size: u32) -> u32 {
    direction << 30 | size << 16 | 0x45 << 8 | nr
}

const READ: u32 = 2;
const WRITE: u32 = 1;

pub const EVIOCGVERSION: u32 = number(READ, 0x01, 4);
pub const EVIOCGID: u32 = number(READ, 0x02, 8);
pub const EVIOCGREP: u32 = number(READ, 0x03, 8);
pub const EVIOCSREP: u32 = number(WRITE, 0x03, 8);
pub const EVIOCGRAB: u32 = number(WRITE, 0x90, 4);
pub const EVIOCREVOKE: u32 = number(WRITE, 0x91, 4);
pub const EVIOCSCLOCKID: u32 = number(WRITE, 0xa0, 4);

/// The `_IOC` numbers of commands whose size varies.
pub const NR_NAME: u32 = 0x06;
pub const NR_PHYS: u32 = 0x07;
pub const NR_UNIQ: u32 = 0x08;
pub const NR_PROP: u32 = 0x09;
pub const NR_KEY: u32 = 0x18;
pub const NR_LED: u32 = 0x19;
pub const NR_SND: u32 = 0x1a;
pub const NR_SW: u32 = 0x1b;
/// EVIOCGBIT of event type 0; the others follow.
pub const NR_BIT: u32 = 0x20;
/// EVIOCGABS of axis 0; the others follow.
pub const NR_ABS: u32 = 0x40;

/// A command whose size varies, as the ioctl table names it.
#[must_use]
pub const fn sized(nr: u32) -> u32 {
    number(READ, nr, 0)
}
