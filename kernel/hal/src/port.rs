//! Port I/O for drivers. Who may use which port is the kernel's decision; the ports that the
//! kernel itself depends on are refused here, whoever asks.

use crate::x86;

/// The port belongs to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Byte,
    Word,
    Dword,
}

impl Width {
    const fn bytes(self) -> u16 {
        match self {
            Width::Byte => 1,
            Width::Word => 2,
            Width::Dword => 4,
        }
    }
}

/// Interrupt controllers, the PIT, DMA controllers, and the reset and power ports: with these a
/// driver could reach memory or the machine past its own device. The chipset's DMA (0x00–0x0f,
/// 0x81–0x8f, 0xc0–0xdf) is among them.
const KERNEL: [(u16, u16); 8] = [
    (0x00, 0x0f),
    (0x20, 0x21),
    (0x40, 0x43),
    (0x80, 0x8f),
    (0xa0, 0xa1),
    (0xc0, 0xdf),
    (0xf4, 0xf7),
    (0x4d0, 0x4d1),
];

/// Whether a driver may be given `count` ports from `first`.
#[must_use]
pub fn is_grantable(first: u16, count: u16) -> bool {
    let Some(last) = count.checked_sub(1).and_then(|n| first.checked_add(n)) else {
        return false;
    };
    KERNEL
        .iter()
        .all(|&(start, end)| last < start || first > end)
}

pub fn input(port: u16, width: Width) -> Result<u32, Refused> {
    if !is_grantable(port, width.bytes()) {
        return Err(Refused);
    }
    // SAFETY: none of the ports that the kernel's own safety rests on.
    Ok(unsafe {
        match width {
            Width::Byte => u32::from(x86::inb(port)),
            Width::Word => u32::from(x86::inw(port)),
            Width::Dword => x86::inl(port),
        }
    })
}

pub fn output(port: u16, width: Width, value: u32) -> Result<(), Refused> {
    if !is_grantable(port, width.bytes()) {
        return Err(Refused);
    }
    // SAFETY: as in `input`.
    unsafe {
        match width {
            Width::Byte => x86::outb(port, value as u8),
            Width::Word => x86::outw(port, value as u16),
            Width::Dword => x86::outl(port, value),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_grantable;

    #[test]
    fn kernel_ports_are_refused_and_ranges_checked_whole() {
        assert!(is_grantable(0x60, 1));
        assert!(is_grantable(0xcf8, 8));
        assert!(!is_grantable(0x21, 1));
        assert!(!is_grantable(0x1e, 4));
        assert!(!is_grantable(0x60, 0));
        assert!(!is_grantable(0xffff, 2));
    }
}
