//! QEMU's standard VGA and bochs-display (QEMU's `docs/specs/standard-vga.rst`): a linear
//! framebuffer whose mode is set by a handful of registers.
#![forbid(unsafe_code)]

use anyhow::Context;
use ochre_display::drm::abi::{self, ModeInfo};
use ochre_display::drm::linear::{Linear, Screen};
use ochre_display::drm::{Card, Output, mode};
use ochre_driver::capability::DeviceMemory;
use ochre_driver::executor::Executor;
use ochre_driver::pci::PciDevice;
use ochre_driver::{Errno, Levels, Result, native, serve};
use std::rc::Rc;

const VIDEO_MEMORY: u32 = 0;
const REGISTERS: u32 = 2;
/// In the register page: the EDID, the VGA ports from 0x3c0, the Bochs VBE registers.
const EDID_SIZE: usize = 0x400;
const VGA_ATTRIBUTES: usize = 0x400;
const VBE: usize = 0x500;

/// Bochs VBE register numbers.
const XRES: usize = 1;
const YRES: usize = 2;
const BPP: usize = 3;
const ENABLE: usize = 4;
const BANK: usize = 5;
const VIRT_WIDTH: usize = 6;
const VIRT_HEIGHT: usize = 7;
const X_OFFSET: usize = 8;
const Y_OFFSET: usize = 9;
const ENABLED: u16 = 0x01;
const LINEAR: u16 = 0x40;
/// Turns the VGA's own output on.
const VGA_UNBLANK: u8 = 0x20;
/// The largest values of XRES and YRES (QEMU's VBE_DISPI_MAX_*).
const MAX_MODE: (u32, u32) = (16000, 12000);
const DEFAULT_SIZE: (u32, u32) = (1280, 800);
/// The device rounds widths down to a multiple of this, and rows with them (QEMU's
/// `vbe_fixup_regs`).
const WIDTH_STEP: u32 = 8;

struct Bochs {
    memory: DeviceMemory,
    registers: DeviceMemory,
}

impl Bochs {
    fn set(&self, register: usize, value: u16) {
        self.registers.write(VBE + register * 2, value);
    }

    fn edid(&self) -> Vec<u8> {
        let mut bytes = vec![0; EDID_SIZE];
        self.registers.copy_out(0, &mut bytes);
        // Byte 126 counts the 128-byte blocks that follow the first.
        let len = (128 * (1 + usize::from(bytes[126]))).min(EDID_SIZE);
        bytes.truncate(len);
        let valid = bytes.starts_with(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
        if valid { bytes } else { Vec::new() }
    }

    /// The largest size that the memory holds twice, so that a client can have two buffers' worth.
    fn max_size(&self) -> (u32, u32) {
        let pixels = self.memory.len() / 4;
        if pixels >= 3840 * 2160 {
            (3840, 2160)
        } else if pixels >= 1920 * 1200 {
            (1920, 1200)
        } else {
            DEFAULT_SIZE
        }
    }
}

/// The preferred size of an EDID: its first detailed timing (E-EDID 1.4, 3.10.2).
fn preferred(edid: &[u8]) -> Option<(u32, u32)> {
    let timing = edid.get(54..72)?;
    let width = u32::from(timing[2]) | u32::from(timing[4] >> 4) << 8;
    let height = u32::from(timing[5]) | u32::from(timing[7] >> 4) << 8;
    (width >= 640 && height >= 480).then_some((width, height))
}

/// The modes within `max` each way that the device shows as they are, the preferred first.
fn modes(edid: &[u8], max: (u32, u32)) -> Vec<ModeInfo> {
    let (width, height) = preferred(edid).unwrap_or(DEFAULT_SIZE);
    let size = (width - width % WIDTH_STEP, height);
    let size = if size.0 <= max.0 && size.1 <= max.1 {
        size
    } else {
        DEFAULT_SIZE
    };
    let mut modes = mode::list(size, max);
    modes.retain(|mode| u32::from(mode.hdisplay).is_multiple_of(WIDTH_STEP));
    modes
}

impl Screen for Bochs {
    fn name(&self) -> &'static str {
        "bochs-drm"
    }

    fn output(&self) -> Output {
        let edid = self.edid();
        Output {
            connected: true,
            modes: modes(&edid, self.max_size()),
            edid,
            ..Output::default()
        }
    }

    fn stride(&self, width: u32, height: u32) -> Result<usize> {
        if width > MAX_MODE.0 || height > MAX_MODE.1 || !width.is_multiple_of(WIDTH_STEP) {
            return Err(Errno::INVAL);
        }
        Ok(width as usize * 4)
    }

    fn set_mode(&self, width: u32, height: u32) -> Result<()> {
        self.registers.write(VGA_ATTRIBUTES, VGA_UNBLANK);
        self.set(ENABLE, 0);
        self.set(BPP, 32);
        self.set(XRES, width as u16);
        self.set(YRES, height as u16);
        self.set(BANK, 0);
        self.set(VIRT_WIDTH, width as u16);
        self.set(VIRT_HEIGHT, height as u16);
        self.set(X_OFFSET, 0);
        self.set(Y_OFFSET, 0);
        self.set(ENABLE, ENABLED | LINEAR);
        Ok(())
    }

    fn turn_off(&self) -> Result<()> {
        self.set(ENABLE, 0);
        Ok(())
    }

    fn memory(&self) -> &DeviceMemory {
        &self.memory
    }
}

fn main() -> anyhow::Result<()> {
    let server = native::inherited("scheme").context("no scheme descriptor in OCHRE_FDS")?;
    let pci = PciDevice::inherited().context("no device in OCHRE_FDS")?;
    let memory = pci.bar(VIDEO_MEMORY).context("mapping video memory")?;
    let registers = pci.bar(REGISTERS).context("mapping registers")?;
    eprintln!("bochs: {} MiB of video memory", memory.len() >> 20);
    let (levels, executor) = (Levels::default(), Executor::default());
    let backend = Linear::new(Bochs { memory, registers });
    let events = server.try_clone()?;
    let minor = native::mount_number("scheme");
    let card = Card::new(
        backend,
        minor,
        Some(events),
        levels.clone(),
        executor.clone(),
    );
    serve(server, Rc::new(card), &abi::IOCTLS, &levels, &executor).context("serving the card")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_size_is_in_the_first_timing() {
        let mut edid = vec![0; 128];
        edid[54..72].copy_from_slice(&[
            0, 0, 0x00, 0, 0x50, 0x20, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
        assert_eq!(preferred(&edid), Some((1280, 800)));
        assert_eq!(preferred(&edid[..60]), None);
        assert_eq!(preferred(&[0; 128]), None);
    }

    #[test]
    fn no_mode_is_listed_that_the_device_would_make_narrower() {
        let mut edid = vec![0; 128];
        // 1366 by 768.
        edid[54..62].copy_from_slice(&[0, 0, 0x56, 0, 0x50, 0x00, 0, 0x30]);
        let modes = modes(&edid, (1920, 1080));
        assert_eq!((modes[0].hdisplay, modes[0].vdisplay), (1360, 768));
        assert!(modes.iter().all(|mode| mode.hdisplay % 8 == 0));
        assert!(modes.iter().any(|mode| mode.hdisplay == 1920));
    }
}
