//! Terminal settings: Linux's `termios2`, whose first 36 bytes are `termios`.

use crate::linux::general as raw;
use bytemuck::{Pod, Zeroable};

/// Special characters, by their index in `cc`.
pub const CC_COUNT: usize = 19;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Termios {
    pub iflag: u32,
    pub oflag: u32,
    pub cflag: u32,
    pub lflag: u32,
    pub line: u8,
    pub cc: [u8; CC_COUNT],
    pub ispeed: u32,
    pub ospeed: u32,
}

/// Bytes of the older `termios`: without the speeds.
pub const TERMIOS_SIZE: usize = 36;

/// The System V `termio`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct Termio {
    pub iflag: u16,
    pub oflag: u16,
    pub cflag: u16,
    pub lflag: u16,
    pub line: u8,
    pub cc: [u8; 8],
    pub padding: u8,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct WindowSize {
    pub rows: u16,
    pub columns: u16,
    pub x_pixels: u16,
    pub y_pixels: u16,
}

const fn control(letter: u8) -> u8 {
    letter & 0x1f
}

impl Default for Termios {
    /// What Linux calls tty_std_termios.
    fn default() -> Termios {
        let mut cc = [0; CC_COUNT];
        for (index, character) in [
            (raw::VINTR, control(b'C')),
            (raw::VQUIT, control(b'\\')),
            (raw::VERASE, 0x7f),
            (raw::VKILL, control(b'U')),
            (raw::VEOF, control(b'D')),
            (raw::VMIN, 1),
            (raw::VSTART, control(b'Q')),
            (raw::VSTOP, control(b'S')),
            (raw::VSUSP, control(b'Z')),
            (raw::VREPRINT, control(b'R')),
            (raw::VDISCARD, control(b'O')),
            (raw::VWERASE, control(b'W')),
            (raw::VLNEXT, control(b'V')),
        ] {
            cc[index as usize] = character;
        }
        Termios {
            iflag: raw::ICRNL | raw::IXON,
            oflag: raw::OPOST | raw::ONLCR,
            cflag: raw::B38400 | raw::CS8 | raw::CREAD | raw::HUPCL,
            lflag: raw::ISIG
                | raw::ICANON
                | raw::ECHO
                | raw::ECHOE
                | raw::ECHOK
                | raw::ECHOCTL
                | raw::ECHOKE
                | raw::IEXTEN,
            line: 0,
            cc,
            ispeed: 38400,
            ospeed: 38400,
        }
    }
}

impl Termios {
    #[must_use]
    pub fn input(&self, flag: u32) -> bool {
        self.iflag & flag != 0
    }

    #[must_use]
    pub fn output(&self, flag: u32) -> bool {
        self.oflag & flag != 0
    }

    #[must_use]
    pub fn local(&self, flag: u32) -> bool {
        self.lflag & flag != 0
    }

    /// Whether `byte` is the special character `index`; a NUL there means it has none.
    #[must_use]
    pub fn is(&self, index: u32, byte: u8) -> bool {
        let character = self.cc[index as usize];
        character == byte && character != 0
    }

    #[must_use]
    pub fn is_canonical(&self) -> bool {
        self.local(raw::ICANON)
    }

    /// VMIN and VTIME.
    #[must_use]
    pub fn min_time(&self) -> (usize, u64) {
        (
            self.cc[raw::VMIN as usize].into(),
            self.cc[raw::VTIME as usize].into(),
        )
    }
}
