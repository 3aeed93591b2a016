//! The UEFI loader's boot page (`ochre_abi::boot`).

use super::{Cmdline, FramebufferInfo, PixelFormat, Told};
use crate::addr::PhysAddr;
use crate::memory::{BOOT_MAPPED, Regions, direct};
use ochre_abi::boot::{BootPage, FORMAT_BGRX, FORMAT_RGBX, MAGIC, MemoryRange};

/// `len` bytes at a physical address, if the boot tables map them.
fn bytes(phys: u64, len: u64) -> Option<*const u8> {
    (phys.checked_add(len)? <= BOOT_MAPPED).then(|| direct(phys).cast_const())
}

/// Reads what the loader left at `page`.
pub fn read_boot_page(page: u64) -> Option<Told> {
    let page = bytes(page, size_of::<BootPage>() as u64)?.cast::<BootPage>();
    // SAFETY: mapped, and the structure consists of integers.
    let page = unsafe { page.read_unaligned() };
    if page.magic != MAGIC {
        return None;
    }
    let mut ram = Regions::new();
    let ranges = bytes(page.memory, page.memory_len.checked_mul(16)?)?.cast::<MemoryRange>();
    for index in 0..page.memory_len as usize {
        // SAFETY: the array was checked to lie in what is mapped; it consists of integers.
        let range = unsafe { ranges.add(index).read_unaligned() };
        ram.add(range.start, range.end);
    }
    let mut cmdline = Cmdline::new();
    let text = bytes(page.cmdline, page.cmdline_len)?;
    // SAFETY: the text was checked to lie in what is mapped.
    cmdline.set((0..page.cmdline_len as usize).map(|at| unsafe { text.add(at).read() }));
    let fb = page.framebuffer;
    let format = match fb.format {
        FORMAT_BGRX => Some(PixelFormat::Bgrx),
        FORMAT_RGBX => Some(PixelFormat::Rgbx),
        _ => None,
    };
    let framebuffer = format
        .filter(|_| fb.width > 0 && fb.stride >= fb.width * 4)
        .map(|format| FramebufferInfo {
            addr: PhysAddr(fb.addr),
            width: fb.width,
            height: fb.height,
            stride: fb.stride,
            format,
        });
    Some(Told {
        ram,
        cmdline,
        rsdp: (page.rsdp != 0).then_some(PhysAddr(page.rsdp)),
        framebuffer,
        archive: (page.archive_len > 0).then_some((page.archive, page.archive_len)),
    })
}
