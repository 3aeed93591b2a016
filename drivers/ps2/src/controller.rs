//! The i8042: two channels behind one data port.

use ochre_driver::Result;
use ochre_driver::capability::Ports;

const OUTPUT_FULL: u8 = 1;
const INPUT_FULL: u8 = 1 << 1;
const FROM_MOUSE: u8 = 1 << 5;

const READ_CONFIG: u8 = 0x20;
const WRITE_CONFIG: u8 = 0x60;
const DISABLE_MOUSE: u8 = 0xa7;
const ENABLE_MOUSE: u8 = 0xa8;
const DISABLE_KEYBOARD: u8 = 0xad;
const ENABLE_KEYBOARD: u8 = 0xae;
const TO_MOUSE: u8 = 0xd4;

/// Configuration: both interrupts, both clocks running, scan codes translated to set 1.
const INTERRUPTS: u8 = 0b11;
const CLOCKS_OFF: u8 = 0b11_0000;
const TRANSLATE: u8 = 1 << 6;

const SET_DEFAULTS: u8 = 0xf6;
const ENABLE: u8 = 0xf4;
const DISABLE: u8 = 0xf5;
const SET_RATE: u8 = 0xf3;
const GET_ID: u8 = 0xf2;
const ACK: u8 = 0xfa;
/// The identity of a mouse with a wheel.
const WHEEL_ID: u8 = 3;

/// Bytes that a device keeps until they are read, and more.
const QUEUE: u32 = 64;
/// Polls of a status bit before a device counts as silent; each is a port read of a microsecond.
const PATIENCE: u32 = 100_000;

/// Which device a byte came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Keyboard,
    Mouse,
}

/// What was found.
pub struct Found {
    /// The mouse has a wheel.
    pub wheel: bool,
}

/// See the module's header.
pub struct Controller {
    data: Ports,
    command: Ports,
}

impl Controller {
    #[must_use]
    pub fn new(data: Ports, command: Ports) -> Controller {
        Controller { data, command }
    }

    fn status(&self) -> u8 {
        self.command.read_u8(0).unwrap_or(0)
    }

    /// The next byte that waits, if any.
    pub fn read(&self) -> Option<(Source, u8)> {
        let status = self.status();
        if status & OUTPUT_FULL == 0 {
            return None;
        }
        let source = if status & FROM_MOUSE != 0 {
            Source::Mouse
        } else {
            Source::Keyboard
        };
        self.data.read_u8(0).ok().map(|byte| (source, byte))
    }

    fn wait_to_write(&self) {
        for _ in 0..PATIENCE {
            if self.status() & INPUT_FULL == 0 {
                return;
            }
        }
    }

    fn wait_for_byte(&self) -> Option<u8> {
        (0..PATIENCE)
            .find_map(|_| self.read())
            .map(|(_, byte)| byte)
    }

    fn send_command(&self, command: u8) -> Result<()> {
        self.wait_to_write();
        self.command.write_u8(0, command)
    }

    fn send_data(&self, byte: u8) -> Result<()> {
        self.wait_to_write();
        self.data.write_u8(0, byte)
    }

    /// A command to the mouse; whether it acknowledged. What it had sent of itself before is passed
    /// over: a driver that died may have left it reporting, and a hand may be moving it.
    fn to_mouse(&self, byte: u8) -> Result<bool> {
        self.send_command(TO_MOUSE)?;
        self.send_data(byte)?;
        for _ in 0..QUEUE {
            match self.wait_for_byte() {
                Some(ACK) => return Ok(true),
                Some(_) => {}
                None => break,
            }
        }
        Ok(false)
    }

    /// Brings both devices up; none if there is no controller.
    pub fn start(&self) -> Result<Option<Found>> {
        // A port that nothing answers at reads all ones.
        if self.command.read_u8(0)? == 0xff {
            return Ok(None);
        }
        self.send_command(DISABLE_KEYBOARD)?;
        self.send_command(DISABLE_MOUSE)?;
        while self.read().is_some() {}
        self.send_command(READ_CONFIG)?;
        let Some(config) = self.wait_for_byte() else {
            return Ok(None);
        };
        self.send_command(ENABLE_MOUSE)?;
        let wheel = self.start_mouse()?;
        self.send_command(ENABLE_KEYBOARD)?;
        self.send_data(ENABLE)?;
        self.wait_for_byte();
        if wheel.is_some() {
            self.to_mouse(ENABLE)?;
        }
        self.send_command(WRITE_CONFIG)?;
        self.send_data((config | INTERRUPTS | TRANSLATE) & !CLOCKS_OFF)?;
        Ok(Some(Found {
            wheel: wheel == Some(true),
        }))
    }

    /// Silence, defaults, and the knock that turns a wheel on (IntelliMouse: rates 200, 100, 80);
    /// whether it has one. None if there is no mouse.
    fn start_mouse(&self) -> Result<Option<bool>> {
        if !self.to_mouse(DISABLE)? {
            return Ok(None);
        }
        while self.read().is_some() {}
        self.to_mouse(SET_DEFAULTS)?;
        for rate in [200, 100, 80] {
            self.to_mouse(SET_RATE)?;
            self.to_mouse(rate)?;
        }
        self.to_mouse(GET_ID)?;
        Ok(Some(self.wait_for_byte() == Some(WHEEL_ID)))
    }
}
